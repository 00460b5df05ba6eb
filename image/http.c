/* SPDX-License-Identifier: Apache-2.0 */
/* http.c - requests over HTTP, several at a time, in one thread
 *
 * libcurl's multi interface.  A sink without room pauses its transfer, so that
 * the kernel's socket buffer fills up and the sender waits; the sink's
 * descriptor is polled together with the sockets.  libcurl gives a paused
 * piece once more from its start: `taken` counts what the sink has of it.
 *
 * libcurl brings 33 shared objects and 5 ms: it is loaded by dlopen(3) at the
 * first request.  HTTP/1.1 only: a blob has a connection of its own, without
 * another stream's window or losses.
 */
#include "image/http.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

/* its macros would call the functions by name */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

#define LIBRARY		"libcurl.so.4"
#define USER_AGENT	"skerry"
#define CONNECT_SECONDS 30L
#define STALLED_SECONDS 60L /* with less than a byte a second */
#define BUFFER_BYTES	(256L << 10)
#define HEADERS_MAX	((size_t)128 << 10)
#define SINKS_MAX	32

/* What we use of libcurl. */
struct curl_calls {
	__typeof__(curl_global_init) *global_init;
	__typeof__(curl_easy_init) *easy_init;
	__typeof__(curl_easy_setopt) *easy_setopt;
	__typeof__(curl_easy_getinfo) *easy_getinfo;
	__typeof__(curl_easy_cleanup) *easy_cleanup;
	__typeof__(curl_easy_pause) *easy_pause;
	__typeof__(curl_easy_strerror) *easy_strerror;
	__typeof__(curl_multi_init) *multi_init;
	__typeof__(curl_multi_cleanup) *multi_cleanup;
	__typeof__(curl_multi_add_handle) *multi_add_handle;
	__typeof__(curl_multi_remove_handle) *multi_remove_handle;
	__typeof__(curl_multi_perform) *multi_perform;
	__typeof__(curl_multi_poll) *multi_poll;
	__typeof__(curl_multi_info_read) *multi_info_read;
	__typeof__(curl_slist_append) *slist_append;
	__typeof__(curl_slist_free_all) *slist_free_all;
};
#define CALL(name)                                 \
 {                                                 \
  "curl_" #name, offsetof(struct curl_calls, name) \
 }
static const struct {
	const char *name;
	size_t offset;
} curl_names[] = {
	CALL(global_init),	CALL(easy_init),	   CALL(easy_setopt),
	CALL(easy_getinfo),	CALL(easy_cleanup),	   CALL(easy_pause),
	CALL(easy_strerror),	CALL(multi_init),	   CALL(multi_cleanup),
	CALL(multi_add_handle), CALL(multi_remove_handle), CALL(multi_perform),
	CALL(multi_poll),	CALL(multi_info_read),	   CALL(slist_append),
	CALL(slist_free_all),
};

struct http {
	struct curl_calls curl;
	void *library;
	CURLM *multi;
	struct http_transfer *waiting; /* for their time; with a job without a handle */
	struct http_transfer *running;
	struct http_transfer *done;
};

/* libcurl's side of one transfer. */
struct http_job {
	CURL *easy;
	struct curl_slist *headers;
	struct http *http;
	uint64_t due; /* milliseconds of the monotonic clock */
	size_t taken; /* of the piece that the sink could not take whole */
	bool paused, sink_failed, begun;
	uint64_t body_at;
	char message[CURL_ERROR_SIZE];
};

static uint64_t now_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void http_transfer_init(struct http_transfer *t)
{
	*t = (struct http_transfer){ .method = "GET", .body_fd = -1 };
	buf_init_max(&t->headers, HEADERS_MAX);
	buf_init(&t->reply);
}

void http_transfer_release(struct http_transfer *t)
{
	free(t->url);
	free(t->authorization);
	buf_release(&t->headers);
	buf_release(&t->reply);
	t->url = NULL;
	t->authorization = NULL;
}

static int load_library(struct http *h, struct err *err)
{
	h->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!h->library) {
		const char *why = dlerror(); /* NOLINT(concurrency-mt-unsafe): one thread */
		return err_set(err, ENOENT, "load %s: %s; Debian's package libcurl4 has it",
			       LIBRARY, why ? why : "unknown");
	}
	for (size_t i = 0; i < ARRAY_SIZE(curl_names); i++) {
		void *call = dlsym(h->library, curl_names[i].name);
		if (!call)
			return err_set(err, ENOENT, "%s has no %s()", LIBRARY, curl_names[i].name);
		memcpy((char *)&h->curl + curl_names[i].offset, &call, sizeof(call));
	}
	return 0;
}

int http_new(struct http **ret, struct err *err)
{
	struct http *h = calloc(1, sizeof(*h));
	if (!h)
		return err_set(err, ENOMEM, "out of memory");
	if (load_library(h, err) < 0) {
		http_free(h);
		return -1;
	}
	if (h->curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    !(h->multi = h->curl.multi_init())) {
		http_free(h);
		return err_set(err, EIO, "start libcurl");
	}
	*ret = h;
	return 0;
}

static void unlink_from(struct http_transfer **list, const struct http_transfer *t)
{
	for (; *list; list = &(*list)->next) {
		if (*list == t) {
			*list = t->next;
			return;
		}
	}
}

static void push_to(struct http_transfer **list, struct http_transfer *t)
{
	while (*list)
		list = &(*list)->next;
	t->next = NULL;
	*list = t;
}

static void drop_job(struct http *h, struct http_transfer *t)
{
	struct http_job *job = t->job;
	if (!job)
		return;
	if (job->easy) {
		(void)h->curl.multi_remove_handle(h->multi, job->easy);
		h->curl.easy_cleanup(job->easy);
	}
	h->curl.slist_free_all(job->headers);
	free(job);
	t->job = NULL;
}

void http_cancel(struct http *h, struct http_transfer *t)
{
	unlink_from(&h->waiting, t);
	unlink_from(&h->running, t);
	unlink_from(&h->done, t);
	drop_job(h, t);
}

void http_free(struct http *h)
{
	if (!h)
		return;
	while (h->running)
		http_cancel(h, h->running);
	while (h->waiting)
		http_cancel(h, h->waiting);
	if (h->multi)
		(void)h->curl.multi_cleanup(h->multi);
	/* the library stays loaded: unloading what OpenSSL registered is asking for trouble */
	free(h);
}

/* --- libcurl calls back ------------------------------------------------------- */

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct http_transfer *t = arg;
	size_t len = size * n;
	/* "100 Continue" is followed by the answer proper */
	if (len > 5 && strncasecmp(data, "HTTP/", 5) == 0) {
		buf_clear(&t->headers);
		return len;
	}
	buf_add(&t->headers, data, len);
	return buf_failed(&t->headers) ? 0 : len;
}

static size_t to_sink(struct http_transfer *t, const char *data, size_t len)
{
	struct http_job *job = t->job;
	const struct http_sink *sink = t->sink;
	if (!job->begun && sink->begin && sink->begin(sink->arg, &t->err) < 0) {
		job->sink_failed = true;
		return 0;
	}
	job->begun = true;
	while (job->taken < len) {
		ssize_t n = sink->write(sink->arg, data + job->taken, len - job->taken, &t->err);
		if (n < 0) {
			job->sink_failed = true;
			return 0;
		}
		if (n == 0) {
			job->paused = true;
			return CURL_WRITEFUNC_PAUSE;
		}
		job->taken += (size_t)n;
		t->received += (uint64_t)n;
	}
	job->taken = 0;
	return len;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct http_transfer *t = arg;
	size_t len = size * n;
	long status = 0;
	(void)t->job->http->curl.easy_getinfo(t->job->easy, CURLINFO_RESPONSE_CODE, &status);
	t->status = status;
	if (t->sink && status >= 200 && status < 300)
		return to_sink(t, data, len);
	buf_add(&t->reply, data, len);
	return buf_failed(&t->reply) ? 0 : len;
}

static size_t on_read(char *dst, size_t size, size_t n, void *arg)
{
	struct http_transfer *t = arg;
	struct http_job *job = t->job;
	size_t want = size * n;
	if (t->body_fd < 0) {
		size_t left = t->body_size - (size_t)job->body_at;
		want = want < left ? want : left;
		if (want > 0)
			memcpy(dst, (const char *)t->body + job->body_at, want);
	} else {
		uint64_t left = t->body_fd_size - job->body_at;
		want = want < left ? want : (size_t)left;
		ssize_t got = pread(t->body_fd, dst, want, (off_t)job->body_at);
		if (got < 0)
			return CURL_READFUNC_ABORT;
		want = (size_t)got;
	}
	job->body_at += want;
	t->sent = job->body_at;
	return want;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct http_transfer *t = arg;
	if (origin != SEEK_SET || offset < 0)
		return CURL_SEEKFUNC_FAIL;
	t->job->body_at = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* --- one transfer ----------------------------------------------------------------- */

static int add_header(struct http *h, struct http_job *job, const char *name, const char *value,
		      struct err *err)
{
	AUTO_BUF line;
	buf_init_max(&line, HEADERS_MAX);
	/* no line breaks: a value must not become a header of its own */
	if (value[strcspn(value, "\r\n")])
		return err_set(err, EINVAL, "a line break in the header \"%s\"", name);
	buf_printf(&line, "%s:%s%s", name, value[0] ? " " : "", value);
	struct curl_slist *list =
		buf_failed(&line) ? NULL : h->curl.slist_append(job->headers, line.s);
	if (!list)
		return err_set(err, ENOMEM, "out of memory");
	job->headers = list;
	return 0;
}

static int add_headers(struct http *h, const struct http_transfer *t, struct err *err)
{
	const struct {
		const char *name, *value;
	} headers[] = {
		{ "Accept", t->accept ? t->accept : "*/*" },
		{ "Content-Type", t->content_type },
		{ "Authorization", t->authorization },
		{ "Content-Range", t->content_range },
		{ "Expect", "" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		if (headers[i].value &&
		    add_header(h, t->job, headers[i].name, headers[i].value, err) < 0)
			return -1;
	}
	if (t->from > 0) {
		char range[48];
		if (str_format(range, sizeof(range), "bytes=%llu-", (unsigned long long)t->from) <
		    0)
			return err_set(err, EINVAL, "a range too large");
		return add_header(h, t->job, "Range", range, err);
	}
	return 0;
}

#define SET(option, value) (void)h->curl.easy_setopt(easy, (option), (value))

static void set_body(struct http *h, CURL *easy, struct http_transfer *t)
{
	uint64_t size = t->body_fd >= 0 ? t->body_fd_size : t->body_size;
	bool has_body = t->body_fd >= 0 || t->body || t->content_type;
	if (strcmp(t->method, "HEAD") == 0) {
		SET(CURLOPT_NOBODY, 1L);
		return;
	}
	if (!has_body && strcmp(t->method, "POST") != 0 && strcmp(t->method, "PUT") != 0) {
		if (strcmp(t->method, "GET") != 0)
			SET(CURLOPT_CUSTOMREQUEST, t->method);
		return;
	}
	SET(CURLOPT_UPLOAD, 1L);
	SET(CURLOPT_CUSTOMREQUEST, t->method);
	SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
	SET(CURLOPT_READFUNCTION, on_read);
	SET(CURLOPT_READDATA, t);
	SET(CURLOPT_SEEKFUNCTION, on_seek);
	SET(CURLOPT_SEEKDATA, t);
}

static void set_trust(struct http *h, CURL *easy, const struct http_trust *trust)
{
	if (!trust)
		return;
	if (trust->insecure) {
		SET(CURLOPT_SSL_VERIFYPEER, 0L);
		SET(CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (trust->authorities) {
		struct curl_blob blob = { trust->authorities, strlen(trust->authorities),
					  CURL_BLOB_NOCOPY };
		SET(CURLOPT_CAINFO_BLOB, &blob);
	}
	if (trust->certificate) {
		SET(CURLOPT_SSLCERT, trust->certificate);
		SET(CURLOPT_SSLKEY, trust->key);
	}
}

static int begin(struct http *h, struct http_transfer *t, struct err *err)
{
	struct http_job *job = t->job;
	CURL *easy = job->easy = h->curl.easy_init();
	if (!easy)
		return err_set(err, ENOMEM, "start a transfer of libcurl");
	if (add_headers(h, t, err) < 0)
		return -1;
	SET(CURLOPT_URL, t->url);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_USERAGENT, USER_AGENT);
	SET(CURLOPT_HTTPHEADER, job->headers);
	SET(CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
	SET(CURLOPT_LOW_SPEED_TIME, STALLED_SECONDS);
	SET(CURLOPT_BUFFERSIZE, BUFFER_BYTES);
	SET(CURLOPT_ERRORBUFFER, job->message);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, t);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_PRIVATE, t);
	set_trust(h, easy, t->trust);
	set_body(h, easy, t);
	if (h->curl.multi_add_handle(h->multi, easy) != CURLM_OK)
		return err_set(err, EIO, "start a transfer of libcurl");
	return 0;
}

int http_start(struct http *h, struct http_transfer *t, int delay_ms, struct err *err)
{
	buf_clear(&t->headers);
	buf_clear(&t->reply);
	t->reply.max = t->reply_max ? t->reply_max : HTTP_REPLY_MAX;
	t->status = 0;
	t->received = 0;
	t->sent = 0;
	t->outcome = HTTP_BROKEN;
	err_clear(&t->err);
	t->job = calloc(1, sizeof(*t->job));
	if (!t->job)
		return err_set(err, ENOMEM, "out of memory");
	t->job->http = h;
	if (delay_ms > 0) {
		t->job->due = now_ms() + (uint64_t)delay_ms;
		push_to(&h->waiting, t);
		return 0;
	}
	if (begin(h, t, err) < 0) {
		drop_job(h, t);
		return -1;
	}
	push_to(&h->running, t);
	return 0;
}

static enum http_outcome judge(struct http *h, struct http_transfer *t, CURLcode code)
{
	struct http_job *job = t->job;
	if (code == CURLE_OK)
		return HTTP_ANSWERED;
	if (job->sink_failed)
		return HTTP_SINK_FAILED;
	const char *why = job->message[0] ? job->message : h->curl.easy_strerror(code);
	int number = code == CURLE_OPERATION_TIMEDOUT ? ETIMEDOUT : EIO;
	bool tls = code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION ||
		   code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM;
	if (code == CURLE_COULDNT_CONNECT)
		number = ECONNREFUSED;
	if (code == CURLE_COULDNT_RESOLVE_HOST)
		number = EHOSTUNREACH;
	(void)err_set(&t->err, number, "%s", why);
	return tls ? HTTP_REFUSED_TLS : HTTP_BROKEN;
}

static void collect(struct http *h)
{
	int left;
	CURLMsg *m;
	while ((m = h->curl.multi_info_read(h->multi, &left))) {
		if (m->msg != CURLMSG_DONE)
			continue;
		CURLcode code = m->data.result;
		void *private = NULL;
		(void)h->curl.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private);
		struct http_transfer *t = private;
		(void)h->curl.easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &t->status);
		t->outcome = judge(h, t, code);
		unlink_from(&h->running, t);
		drop_job(h, t);
		push_to(&h->done, t);
	}
}

/* Starts what is due; milliseconds until the next one is, at most `limit`. */
static int start_due(struct http *h, int limit)
{
	uint64_t now = now_ms();
	struct http_transfer *t = h->waiting;
	while (t) {
		struct http_transfer *next = t->next;
		if (t->job->due <= now) {
			unlink_from(&h->waiting, t);
			bool good = begin(h, t, &t->err) == 0;
			if (!good) {
				drop_job(h, t);
				t->outcome = HTTP_BROKEN;
			}
			push_to(good ? &h->running : &h->done, t);
		} else if (t->job->due - now < (uint64_t)limit) {
			limit = (int)(t->job->due - now);
		}
		t = next;
	}
	return limit;
}

/* Waits for the sockets and for the sinks that had no room. */
static void wait_for_events(struct http *h, int timeout_ms)
{
	struct curl_waitfd fds[SINKS_MAX];
	struct http_transfer *whose[SINKS_MAX];
	unsigned int n = 0;
	for (struct http_transfer *t = h->running; t && n < SINKS_MAX; t = t->next) {
		if (!t->job->paused)
			continue;
		whose[n] = t;
		fds[n++] = (struct curl_waitfd){ .fd = t->sink->fd(t->sink->arg),
						 .events = CURL_WAIT_POLLOUT };
	}
	(void)h->curl.multi_poll(h->multi, fds, n, timeout_ms, NULL);
	for (unsigned int i = 0; i < n; i++) {
		/* an error of the descriptor shows at the next write */
		if (fds[i].revents) {
			whose[i]->job->paused = false;
			(void)h->curl.easy_pause(whose[i]->job->easy, CURLPAUSE_CONT);
		}
	}
}

int http_next(struct http *h, int timeout_ms, const volatile int *interrupted,
	      struct http_transfer **ret, struct err *err)
{
	uint64_t end = now_ms() + (uint64_t)timeout_ms;
	for (;;) {
		int running;
		if (interrupted && *interrupted)
			return err_set(err, EINTR, "interrupted");
		uint64_t now = now_ms();
		int left = now < end ? (int)(end - now) : 0;
		left = start_due(h, left);
		(void)h->curl.multi_perform(h->multi, &running);
		collect(h);
		if (h->done) {
			*ret = h->done;
			h->done = (*ret)->next;
			(*ret)->next = NULL;
			return 1;
		}
		if (now >= end)
			return 0;
		wait_for_events(h, left);
	}
}

bool http_header_n(const struct buf *headers, const char *name, size_t n, char *dst, size_t size)
{
	size_t len = strlen(name);
	for (const char *line = headers->s; *line;) {
		size_t line_len = strcspn(line, "\r\n");
		if (strncasecmp(line, name, len) == 0 && line[len] == ':' && n-- == 0) {
			const char *value = line + len + 1;
			const char *end = line + line_len;
			while (value < end && (*value == ' ' || *value == '\t'))
				value++;
			while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
				end--;
			if ((size_t)(end - value) >= size)
				return false;
			memcpy(dst, value, (size_t)(end - value));
			dst[end - value] = 0;
			return true;
		}
		line += line_len;
		line += strspn(line, "\r\n");
	}
	return false;
}

bool http_header(const struct buf *headers, const char *name, char *dst, size_t size)
{
	return http_header_n(headers, name, 0, dst, size);
}

void http_escape(struct buf *out, const char *text)
{
	for (const char *c = text; *c; c++) {
		bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			     (*c >= '0' && *c <= '9') || strchr("-._~", *c);
		if (plain)
			buf_putc(out, *c);
		else
			buf_printf(out, "%%%02X", (unsigned char)*c);
	}
}
