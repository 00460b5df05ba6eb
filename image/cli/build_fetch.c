/* SPDX-License-Identifier: Apache-2.0 */
/* build_fetch.c - what ADD takes from a URL
 *
 * Into an unnamed file of the store, before the cache is asked: its bytes are part
 * of the step's key.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "image/cli/build.h"
#include "image/http.h"

#define REDIRECTS_MAX 10
#define URL_MAX	      8192
#define POLL_MS	      1000

static int empty_file(void *arg, struct err *err)
{
	const int *fd = arg;
	return ftruncate(*fd, 0) < 0 || lseek(*fd, 0, SEEK_SET) < 0 ? err_sys(err, "empty a file")
								    : 0;
}

static ssize_t write_file(void *arg, const void *data, size_t size, struct err *err)
{
	const int *fd = arg;
	if (fd_write_full(*fd, data, size) < 0)
		return err_sys(err, "write what was fetched");
	return (ssize_t)size;
}

/* One request; 1: a redirect, *url is where to. */
static int get(struct http *http, struct http_transfer *t, char url[URL_MAX], struct err *err)
{
	struct http_transfer *done = NULL;
	char location[URL_MAX];
	t->url = strdup(url);
	if (!t->url)
		return err_sys(err, "fetch \"%s\"", url);
	if (http_start(http, t, 0, err) < 0)
		return -1;
	while (!done) {
		if (http_next(http, POLL_MS, common_interruptible(), &done, err) < 0)
			return -1;
	}
	if (t->outcome != HTTP_ANSWERED)
		return err_set(err, EIO, "fetch \"%.400s\": %s", url, t->err.msg);
	if (t->status == 200)
		return 0;
	if (t->status < 301 || t->status > 308 || t->status == 304 ||
	    !http_header(&t->headers, "Location", location, sizeof(location)))
		return err_set(err, EIO, "fetch \"%.400s\": status %ld", url, t->status);
	if (str_starts(location, "/")) {
		/* of the same host: behind "https://" its end is the next slash */
		char *host = strstr(url, "://");
		host[3 + strcspn(host + 3, "/?#")] = 0;
	} else if (str_starts(location, "http://") && str_starts(url, "https://")) {
		return err_set(err, EPROTO, "fetch \"%.400s\": leads to where nothing is encrypted",
			       url);
	} else {
		*url = 0;
	}
	size_t len = strlen(url);
	if (str_format(url + len, URL_MAX - len, "%s", location) < 0)
		return err_sys(err, "fetch \"%.400s\"", location);
	if (!str_starts(url, "http://") && !str_starts(url, "https://"))
		return err_set(err, EPROTO, "fetch: leads to \"%.400s\"", location);
	return 1;
}

int build_fetch(struct build *b, const char *from, struct err *err)
{
	AUTO_FD file = openat(store_fd(b->store), "tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct http_sink sink = { .begin = empty_file, .write = write_file, .arg = &file };
	char url[URL_MAX];
	struct http *http;
	if (file < 0)
		return err_sys(err, "make a file in the store");
	if (str_format(url, sizeof(url), "%.*s", (int)strcspn(from, "#"), from) < 0)
		return err_sys(err, "fetch \"%.400s\"", from);
	if (http_new(&http, err) < 0)
		return -1;
	int rc = 1;
	for (int i = 0; rc > 0 && i <= REDIRECTS_MAX; i++) {
		struct http_transfer t;
		http_transfer_init(&t);
		t.sink = &sink;
		rc = get(http, &t, url, err);
		http_cancel(http, &t);
		http_transfer_release(&t);
	}
	http_free(http);
	if (rc > 0)
		return err_set(err, ELOOP, "fetch \"%.400s\": more than %d redirects", from,
			       REDIRECTS_MAX);
	return rc < 0 ? -1 : fd_take(&file);
}
