/* SPDX-License-Identifier: Apache-2.0 */
/* registry_blob.c - blobs of a registry: into a sink, and up
 *
 * Down: after a break the rest is asked for by a Range header.  A registry may
 * ignore that and begin at 0 with a 200: then as many bytes are skipped as
 * the sink has already, because appending would make a wrong blob of them.
 * Up: one POST opens a session, one PUT sends everything.
 *
 * distribution-spec "Pulling blobs", "Pushing a blob monolithically",
 * "Mounting a blob from another repository"; RFC 9110 section 14
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "image/registry_call.h"

#define PATH_SIZE 1024

/* --- down --------------------------------------------------------------------------------- */

/* "bytes 100-199/200" begins at from. */
static bool range_begins_at(const char *text, uint64_t from)
{
	char number[24];
	uint64_t n;
	const char *digits = text + strcspn(text, "0123456789");
	size_t len = strspn(digits, "0123456789");
	return str_starts(text, "bytes") && len > 0 && digits[len] == '-' &&
	       str_format(number, sizeof(number), "%.*s", (int)len, digits) == 0 &&
	       units_u64(number, UINT64_MAX, &n) == 0 && n == from;
}

static int fetch_begin(void *arg, struct err *err)
{
	struct registry_fetch *f = arg;
	const struct http_transfer *t = &f->call->t;
	char range[128];
	f->skip = 0;
	if (t->from == 0)
		return 0;
	if (t->status != 206) {
		f->skip = t->from;
		return 0;
	}
	if (!http_header(&t->headers, "Content-Range", range, sizeof(range)) ||
	    !range_begins_at(range, t->from))
		return err_set(err, EPROTO,
			       "the registry sent another part of the blob than asked for");
	return 0;
}

static ssize_t fetch_write(void *arg, const void *data, size_t size, struct err *err)
{
	struct registry_fetch *f = arg;
	if (f->skip > 0) {
		size_t n = f->skip < size ? (size_t)f->skip : size;
		f->skip -= n;
		return (ssize_t)n;
	}
	if (f->offset + size > f->size)
		return err_set(err, EBADMSG, "the registry sends more than the %llu bytes of %.19s",
			       (unsigned long long)f->size, f->digest.text);
	ssize_t n = f->sink->write(f->sink->arg, data, size, err);
	if (n > 0)
		f->offset += (uint64_t)n;
	return n;
}

static int fetch_fd(void *arg)
{
	const struct registry_fetch *f = arg;
	return f->sink->fd ? f->sink->fd(f->sink->arg) : -1;
}

static int fetch_send(struct registry *r, struct registry_fetch *f, struct err *err)
{
	f->call->offset = &f->offset;
	return registry_call_start(r, f->call, err);
}

static void fetch_release(struct registry_fetch *f)
{
	if (!f->call)
		return;
	registry_call_release(f->call);
	free(f->path);
	free(f->call);
	f->path = NULL;
	f->call = NULL;
}

int registry_fetch_start(struct registry *r, struct registry_fetch *f, struct err *err)
{
	char path[PATH_SIZE];
	if (str_format(path, sizeof(path), "blobs/%s", f->digest.text) < 0)
		return err_set(err, EINVAL, "a digest too long");
	f->call = calloc(1, sizeof(*f->call));
	if (!f->call)
		return err_set(err, ENOMEM, "out of memory");
	registry_call_init(f->call);
	f->path = strdup(f->url ? f->url : path);
	f->call->path = f->path;
	f->call->owner = f;
	f->wrapper = (struct http_sink){
		.begin = fetch_begin, .write = fetch_write, .fd = fetch_fd, .arg = f
	};
	f->call->t.sink = &f->wrapper;
	err_clear(&f->err);
	if (f->path && fetch_send(r, f, err) == 0)
		return 0;
	fetch_release(f);
	return -1;
}

void registry_fetch_cancel(struct registry *r, struct registry_fetch *f)
{
	if (!f->call)
		return;
	http_cancel(r->http, &f->call->t);
	for (struct registry_call **c = &r->ended; *c; c = &(*c)->next) {
		if (*c == f->call) {
			*c = f->call->next;
			break;
		}
	}
	fetch_release(f);
}

/* The call ended: is the blob whole?  false: the rest was asked for. */
static bool fetch_ended(struct registry *r, struct registry_fetch *f)
{
	f->err = f->call->err;
	if (f->err.code == 0 && f->offset < f->size) {
		/* a short answer that claims to be all of it */
		bool progress = f->call->t.received > 0 && f->skip == 0;
		if (progress && f->offset > f->call->t.from && fetch_send(r, f, &f->err) == 0)
			return false;
		(void)err_set(&f->err, EBADMSG, "the registry sent %llu of %llu bytes of %.19s",
			      (unsigned long long)f->offset, (unsigned long long)f->size,
			      f->digest.text);
	}
	fetch_release(f);
	return true;
}

int registry_fetch_next(struct registry *r, int timeout_ms, struct registry_fetch **ret,
			struct err *err)
{
	struct registry_call *c = r->ended;
	if (c) {
		r->ended = c->next;
	} else {
		int n = registry_call_step(r, timeout_ms, &c, err);
		if (n <= 0)
			return n;
	}
	struct registry_fetch *f = c->owner;
	if (!fetch_ended(r, f))
		return 0;
	*ret = f;
	return 1;
}

/* --- up -------------------------------------------------------------------------------------- */

int registry_has_blob(struct registry *r, const struct digest *d, struct err *err)
{
	struct registry_call c;
	char path[PATH_SIZE];
	if (str_format(path, sizeof(path), "blobs/%s", d->text) < 0)
		return err_set(err, EINVAL, "a digest too long");
	registry_call_init(&c);
	c.path = path;
	c.push = true; /* the registry itself, with the token that the upload will want */
	c.by_tag = true;
	c.quiet = true;
	c.t.method = "HEAD";
	int rc = registry_call_run(r, &c, err);
	if (rc == 0)
		rc = c.t.status == 404 ? 0 : 1;
	registry_call_release(&c);
	return rc;
}

int registry_mount_blob(struct registry *r, const struct digest *d, const char *from,
			struct err *err)
{
	struct registry_call c;
	AUTO_BUF path;
	buf_init(&path);
	buf_printf(&path, "blobs/uploads/?mount=%s&from=", d->text);
	http_escape(&path, from);
	registry_call_init(&c);
	c.path = path.s;
	c.push = true;
	c.by_tag = true;
	c.mount_from = from;
	c.quiet = true;
	c.t.method = "POST";
	int rc = registry_call_run(r, &c, err);
	if (rc == 0)
		rc = c.t.status == 201 ? 1 : 0;
	registry_call_release(&c);
	return rc;
}

static int open_session(struct registry *r, struct buf *ret_url, struct err *err)
{
	struct registry_call c;
	char location[4096];
	registry_call_init(&c);
	c.path = "blobs/uploads/";
	c.push = true;
	c.by_tag = true;
	c.t.method = "POST";
	int rc = registry_call_run(r, &c, err);
	if (rc == 0) {
		AUTO_FREE char *url = NULL;
		if (http_header(&c.t.headers, "Location", location, sizeof(location)))
			url = registry_resolve(&c, location);
		if (url)
			buf_puts(ret_url, url);
		else
			rc = err_set(err, EPROTO, "the registry opens no upload session");
	}
	registry_call_release(&c);
	return rc;
}

/* Where the session's address leads to the registry's own host its path is used, so that the call's
 * token and scheme go with it. */
static const char *below_host(const char *url, const char *host)
{
	const char *at = strstr(url, "://");
	size_t len = strlen(host);
	if (at && strncmp(at + 3, host, len) == 0 && at[3 + len] == '/')
		return at + 3 + len;
	return url;
}

/* The path below the host, so that the token is found by the repository and not by "/v2/". */
static const char *below_repository(const char *path, const char *repository)
{
	size_t len = strlen(repository);
	if (str_starts(path, "/v2/") && strncmp(path + 4, repository, len) == 0 &&
	    path[4 + len] == '/')
		return path + 5 + len;
	return path;
}

static int send_blob(struct registry *r, const struct registry_upload *u, const char *path,
		     struct err *err)
{
	struct registry_call c;
	registry_call_init(&c);
	c.path = path;
	c.push = true;
	c.by_tag = true;
	c.t.method = "PUT";
	c.t.content_type = "application/octet-stream";
	c.t.body = u->data;
	c.t.body_size = u->data ? (size_t)u->size : 0;
	c.t.body_fd = u->data ? -1 : u->fd;
	c.t.body_fd_size = u->size;
	int rc = registry_call_start(r, &c, err);
	while (rc == 0 && !c.ended) {
		struct registry_call *other;
		rc = registry_call_step(r, 100, &other, err) < 0 ? -1 : 0;
		if (u->progress)
			u->progress(u->progress_arg, c.t.sent);
	}
	if (rc < 0) {
		http_cancel(r->http, &c.t);
	} else if (c.err.code) {
		rc = -1;
		if (err)
			*err = c.err;
	}
	registry_call_release(&c);
	return rc;
}

int registry_upload(struct registry *r, const struct registry_upload *u, struct err *err)
{
	AUTO_BUF url;
	buf_init(&url);
	if (open_session(r, &url, err) < 0)
		return -1;
	buf_printf(&url, "%sdigest=", strchr(url.s, '?') ? "&" : "?");
	http_escape(&url, u->digest.text);
	if (buf_failed(&url))
		return err_set(err, ENOMEM, "out of memory");
	const struct endpoint *own = &r->endpoints.v[r->endpoints.n - 1];
	const char *path = below_repository(below_host(url.s, own->host), own->repository);
	return send_blob(r, u, path, err);
}
