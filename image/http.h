/* SPDX-License-Identifier: Apache-2.0 */
/* http.h - requests over HTTP, several at a time, in one thread
 *
 * The only user of libcurl, which is loaded when the first request is made:
 * commands that need no network don't pay for it.  Redirects, authorization
 * and repeats are the caller's business (registry.c).
 */
#ifndef SKERRY_IMAGE_HTTP_H
#define SKERRY_IMAGE_HTTP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

struct http;

/* Where the body of a good answer (2xx) goes.  write() takes what it can, 0 when there is no room
 * for now; fd() is then polled for POLLOUT.  begin() is called once, before the first byte. */
struct http_sink {
	int (*begin)(void *arg, struct err *err); /* may be NULL */
	ssize_t (*write)(void *arg, const void *data, size_t size, struct err *err);
	int (*fd)(void *arg); /* may be NULL: write() always takes all */
	void *arg;
};

/* How the other end is trusted. */
struct http_trust {
	bool insecure; /* certificates are not looked at */
	char *authorities; /* PEM, instead of the system's; or NULL */
	char *certificate, *key; /* files that we show; or NULL */
};

enum http_outcome {
	HTTP_ANSWERED, /* status, headers and reply are there */
	HTTP_BROKEN, /* the connection: another attempt may do better; err says what */
	HTTP_REFUSED_TLS, /* the other end speaks no TLS, or shows a certificate we don't trust */
	HTTP_SINK_FAILED, /* err is the sink's */
};

struct http_transfer {
	/* in */
	const char *method;
	char *url;
	const char *accept, *content_type; /* header values, or NULL */
	char *authorization;
	uint64_t from; /* > 0: "Range: bytes=FROM-" */
	const void *body;
	size_t body_size;
	int body_fd; /* -1: body is sent; else body_fd_size bytes of this file from its beginning */
	uint64_t body_fd_size;
	const char *content_range; /* of a PATCH, or NULL */
	const struct http_sink *sink;
	const struct http_trust *trust; /* may be NULL */
	size_t reply_max; /* of the body without a sink; 0: HTTP_REPLY_MAX */
	void *owner;
	/* out */
	enum http_outcome outcome;
	long status;
	struct buf headers; /* "Name: value\r\n" lines of the answer */
	struct buf reply; /* the body, without a sink or when it is no 2xx */
	uint64_t received; /* bytes that the sink took */
	uint64_t sent;
	struct err err;
	/* http.c's own */
	struct http_job *job;
	struct http_transfer *next;
};
#define HTTP_REPLY_MAX ((size_t)8 << 20)

void http_transfer_init(struct http_transfer *t);
/* Frees what it owns (url, authorization, the answer); it must not be under way. */
void http_transfer_release(struct http_transfer *t);

/* user_agent is borrowed. */
int http_new(struct http **ret, struct err *err);
/* Transfers under way are given up. */
void http_free(struct http *h);

/* Begins a transfer after so many milliseconds.  The answer's fields are cleared first.  t must
 * stay where it is until http_next() gives it back. */
int http_start(struct http *h, struct http_transfer *t, int delay_ms, struct err *err);
/* Gives one up; not being under way is no error. */
void http_cancel(struct http *h, struct http_transfer *t);

/* Waits at most timeout_ms until one of the transfers has ended: 1 and it, 0 when none did, or
 * -1.  *interrupted (may be NULL) becoming non-zero ends the wait with EINTR. */
int http_next(struct http *h, int timeout_ms, const volatile int *interrupted,
	      struct http_transfer **ret, struct err *err);

/* The value of a header of the answer, without blanks around it, copied into dst; false when there
 * is none or it doesn't fit. */
bool http_header(const struct buf *headers, const char *name, char *dst, size_t size);
/* The n-th (from 0) of several headers of one name. */
bool http_header_n(const struct buf *headers, const char *name, size_t n, char *dst, size_t size);

/* Appends text with everything but unreserved characters (RFC 3986) as %XX. */
void http_escape(struct buf *out, const char *text);

#endif
