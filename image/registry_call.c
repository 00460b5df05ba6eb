/* SPDX-License-Identifier: Apache-2.0 */
/* registry_call.c - one request to a registry, with all that may have to be done twice
 *
 * A call goes to one endpoint after the other (mirrors first); within one it is
 * repeated after a redirect, with a token, without TLS where that is allowed,
 * and after a pause when the connection broke or the registry is busy.  Tries
 * are counted as long as nothing arrives: bytes that the sink took make the
 * count begin again.
 *
 * distribution-spec; RFC 9110 section 15; Docker Hub's rate limit headers
 */
#include "image/registry_call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "base/json.h"
#include "base/units.h"

#define TRIES_MAX	  5
#define REDIRECTS_MAX	  8
#define AUTHS_MAX	  2 /* the token, and once more when it expired meanwhile */
#define PAUSE_MS	  1000
#define PAUSE_SECONDS_MAX 120 /* what a registry may ask us to wait */
#define TICK_MS		  200
#define URL_MAX		  8192

void registry_call_init(struct registry_call *c)
{
	*c = (struct registry_call){ 0 };
	http_transfer_init(&c->t);
	c->t.owner = c;
}

void registry_call_release(struct registry_call *c)
{
	http_transfer_release(&c->t);
}

/* --- errors of the registry ---------------------------------------------------------- */

struct api_error {
	char *code, *message;
};
struct api_errors {
	struct {
		struct api_error *v;
		size_t n;
	} errors;
	char *details, *message; /* what some token servers write instead */
};
static const struct json_field error_fields[] = {
	JSON_FIELD(struct api_error, code, JSON_STRING),
	JSON_FIELD(struct api_error, message, JSON_STRING),
};
static const struct json_table error_table = JSON_TABLE(struct api_error, error_fields);
static const struct json_field errors_fields[] = {
	JSON_FIELD(struct api_errors, errors, JSON_OBJECTS, .sub = &error_table),
	JSON_FIELD(struct api_errors, details, JSON_STRING),
	JSON_FIELD(struct api_errors, message, JSON_STRING),
};
static const struct json_table errors_table = JSON_TABLE(struct api_errors, errors_fields);

void registry_errors_parse(const char *text, size_t len, char *dst, size_t size)
{
	CLEANUP(arena_release) struct arena arena;
	struct api_errors e;
	dst[0] = 0;
	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (json_decode("answer", text, len, &errors_table, &e, &arena, NULL) < 0)
		return;
	const char *code = "", *message = e.details ? e.details : e.message;
	if (e.errors.n > 0) {
		code = e.errors.v[0].code ? e.errors.v[0].code : "";
		message = e.errors.v[0].message;
	}
	(void)!snprintf(dst, size, "%s%s%.300s", code, code[0] && message ? ": " : "",
			message ? message : "");
	/* the other end's words go to a terminal */
	for (char *c = dst; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	}
}

static int number_of(long status)
{
	switch (status) {
	case 401:
	case 403:
		return EACCES;
	case 404:
		return ENOENT;
	case 405:
	case 501:
		return ENOTSUP;
	case 429:
		return EBUSY;
	default:
		return EIO;
	}
}

/* "; limit 100 per 6 h, 0 left" where the registry tells. */
static void describe_limit(const struct registry_call *c, char *dst, size_t size)
{
	char limit[64], left[64], after[64];
	dst[0] = 0;
	bool has_limit = http_header(&c->t.headers, "ratelimit-limit", limit, sizeof(limit));
	bool has_left = http_header(&c->t.headers, "ratelimit-remaining", left, sizeof(left));
	bool has_after = http_header(&c->t.headers, "Retry-After", after, sizeof(after));
	if (has_limit)
		limit[strcspn(limit, ";")] = 0;
	if (has_left)
		left[strcspn(left, ";")] = 0;
	(void)!snprintf(dst, size, "%s%.20s%s%.20s%s%s%.40s%s", has_limit ? "; limit " : "",
			has_limit ? limit : "", has_left ? ", left " : "", has_left ? left : "",
			has_limit || has_left ? "; log in to raise it" : "",
			has_after ? "; try again in " : "", has_after ? after : "",
			has_after ? " s" : "");
}

int registry_refusal(const struct registry_call *c, const char *what, struct err *err)
{
	char said[400], limit[200] = "";
	long status = c->t.status;
	registry_errors_parse(c->t.reply.s, c->t.reply.len, said, sizeof(said));
	if (status == 429)
		describe_limit(c, limit, sizeof(limit));
	const char *meaning = "";
	if (status == 401 || status == 403)
		meaning = " (no permission, or no such repository; \"skerry login\" may help)";
	if (status == 429)
		meaning = " (too many requests)";
	return err_set(err, number_of(status), "%s: the registry says %ld%s%s%s%s", what, status,
		       meaning, said[0] ? ": " : "", said, limit);
}

/* --- starting ------------------------------------------------------------------------ */

static bool is_url(const char *path)
{
	return str_starts(path, "http://") || str_starts(path, "https://");
}

static char *make_url(const struct registry *r, const struct registry_call *c)
{
	const struct endpoint *e = &r->endpoints.v[c->endpoint];
	struct buf url;
	buf_init_max(&url, URL_MAX);
	if (is_url(c->path))
		buf_puts(&url, c->path);
	else if (c->path[0] == '/')
		buf_printf(&url, "%s://%s%s", r->plain[c->endpoint] ? "http" : "https", e->host,
			   c->path);
	else
		buf_printf(&url, "%s://%s/v2/%s/%s", r->plain[c->endpoint] ? "http" : "https",
			   e->host, e->repository, c->path);
	char *text = buf_take(&url);
	buf_release(&url);
	return text;
}

/* May this endpoint be asked for it? */
static bool fits(const struct registry *r, const struct registry_call *c, size_t i)
{
	const struct endpoint *e = &r->endpoints.v[i];
	if (c->push && e->mirror)
		return false;
	return c->by_tag ? e->by_tag : e->by_digest;
}

static bool next_endpoint(const struct registry *r, struct registry_call *c, size_t from)
{
	for (size_t i = from; i < r->endpoints.n; i++) {
		if (fits(r, c, i)) {
			c->endpoint = i;
			c->tries = c->redirects = c->auths = 0;
			return true;
		}
	}
	return false;
}

/* The present address once more, after a pause. */
static int send_call(struct registry *r, struct registry_call *c, int delay_ms, struct err *err)
{
	c->t.trust = &r->endpoints.v[c->endpoint].trust;
	if (c->offset)
		c->t.from = *c->offset;
	return http_start(r->http, &c->t, delay_ms, err);
}

/* From the endpoint's own address. */
static int send_afresh(struct registry *r, struct registry_call *c, int delay_ms, struct err *err)
{
	free(c->t.url);
	c->t.url = make_url(r, c);
	if (!c->t.url)
		return err_set(err, ENOMEM, "an address too long");
	/* a whole address brings its own, or none */
	if (!is_url(c->path)) {
		free(c->t.authorization);
		c->t.authorization = registry_authorization(r, c);
	}
	return send_call(r, c, delay_ms, err);
}

int registry_call_start(struct registry *r, struct registry_call *c, struct err *err)
{
	c->ended = false;
	c->seen = 0;
	err_clear(&c->err);
	if (!next_endpoint(r, c, 0))
		return err_set(err, EPERM, "no mirror may be asked for a tag");
	return send_afresh(r, c, 0, err);
}

/* --- what an answer means --------------------------------------------------------------- */

enum verdict { ENDED, AGAIN, FAILED };

static int jitter(int ms)
{
	uint16_t noise = 0;
	/* without it the pause is only less scattered */
	(void)!getrandom(&noise, sizeof(noise), GRND_NONBLOCK);
	return ms + (int)((unsigned int)ms * noise / 65536 / 2);
}

/* Another host of the list, or the end of the list. */
static enum verdict give_up(struct registry *r, struct registry_call *c)
{
	struct err why = c->err;
	if (!is_url(c->path) && next_endpoint(r, c, c->endpoint + 1)) {
		if (r->options.warn) {
			char text[600];
			(void)!snprintf(text, sizeof(text), "%s; trying %s", why.msg,
					r->endpoints.v[c->endpoint].host);
			r->options.warn(text, r->options.warn_arg);
		}
		if (send_afresh(r, c, 0, &c->err) == 0)
			return AGAIN;
	}
	return FAILED;
}

static enum verdict after_pause(struct registry *r, struct registry_call *c, int seconds)
{
	if (c->t.received > 0) {
		c->tries = 0;
		c->auths = 0;
	}
	if (++c->tries >= TRIES_MAX || seconds > PAUSE_SECONDS_MAX)
		return give_up(r, c);
	int ms = seconds > 0 ? seconds * 1000 : PAUSE_MS << ((c->tries - 1) % TRIES_MAX);
	c->redirects = 0;
	return send_afresh(r, c, jitter(ms), &c->err) < 0 ? FAILED : AGAIN;
}

/* Another try over plain HTTP (or the other way round) where that is allowed. */
static bool switch_scheme(struct registry *r, struct registry_call *c)
{
	const struct endpoint *e = &r->endpoints.v[c->endpoint];
	bool plain = r->plain[c->endpoint];
	if (is_url(c->path) || (!plain && !e->insecure) || c->redirects > 0)
		return false;
	/* each way once: the second refusal is the end */
	if (c->tries >= TRIES_MAX)
		return false;
	c->tries = TRIES_MAX;
	r->plain[c->endpoint] = !plain;
	return true;
}

static enum verdict on_broken(struct registry *r, struct registry_call *c)
{
	const char *host = r->endpoints.v[c->endpoint].host;
	struct err why = c->t.err;
	bool tls = c->t.outcome == HTTP_REFUSED_TLS;
	bool unreachable = why.code == ECONNREFUSED || why.code == EHOSTUNREACH;
	(void)err_set(&c->err, why.code, "%s: %s%s", host, why.msg,
		      tls ? "; a registry without trusted TLS must be named as insecure "
			    "(--tls-verify=false, or registries.conf)"
			  : "");
	if ((tls || (unreachable && !r->plain[c->endpoint])) && switch_scheme(r, c))
		return send_afresh(r, c, 0, &c->err) < 0 ? FAILED : AGAIN;
	if (tls || (unreachable && c->seen == 0 && c->t.received == 0))
		return give_up(r, c);
	return after_pause(r, c, 0);
}

/* scheme://host[:port] of a URL; its length. */
static size_t origin_length(const char *url)
{
	const char *host = strstr(url, "://");
	host = host ? host + 3 : url;
	return (size_t)(host - url) + strcspn(host, "/?#");
}

static char *resolve(const char *base, const char *location)
{
	struct buf url;
	buf_init_max(&url, URL_MAX);
	size_t origin = origin_length(base);
	if (is_url(location)) {
		buf_puts(&url, location);
	} else if (str_starts(location, "//")) {
		buf_add(&url, base, strcspn(base, ":") + 1);
		buf_puts(&url, location);
	} else if (location[0] == '/') {
		buf_add(&url, base, origin);
		buf_puts(&url, location);
	} else {
		size_t path = strcspn(base, "?#");
		while (path > origin && base[path - 1] != '/')
			path--;
		buf_add(&url, base, path);
		buf_puts(&url, location);
	}
	char *text = buf_take(&url);
	buf_release(&url);
	return text;
}

char *registry_resolve(const struct registry_call *c, const char *location)
{
	return resolve(c->t.url, location);
}

static enum verdict on_redirect(struct registry *r, struct registry_call *c)
{
	char location[URL_MAX];
	if (!http_header(&c->t.headers, "Location", location, sizeof(location)) ||
	    ++c->redirects > REDIRECTS_MAX) {
		(void)err_set(&c->err, ELOOP, "%s: a redirect to nowhere",
			      r->endpoints.v[c->endpoint].host);
		return give_up(r, c);
	}
	char *url = resolve(c->t.url, location);
	if (!url)
		return FAILED;
	/* never from TLS to none, unless the host is one that is allowed to be without */
	if (str_starts(c->t.url, "https:") && str_starts(url, "http:") &&
	    !r->endpoints.v[c->endpoint].insecure) {
		(void)err_set(&c->err, EPERM, "a redirect from TLS to plain HTTP: \"%.200s\"", url);
		free(url);
		return FAILED;
	}
	size_t len = origin_length(url);
	if (len != origin_length(c->t.url) || strncasecmp(url, c->t.url, len) != 0) {
		free(c->t.authorization);
		c->t.authorization = NULL;
	}
	free(c->t.url);
	c->t.url = url;
	return send_call(r, c, 0, &c->err) < 0 ? FAILED : AGAIN;
}

static int retry_after(const struct registry_call *c)
{
	char text[32];
	uint64_t seconds;
	if (http_header(&c->t.headers, "Retry-After", text, sizeof(text)) &&
	    units_u64(text, 1000000, &seconds) == 0)
		return (int)seconds;
	return 0;
}

static void pass_warnings(const struct registry *r, const struct registry_call *c)
{
	char line[512];
	for (size_t i = 0; r->options.warn && i < 8; i++) {
		if (!http_header_n(&c->t.headers, "Warning", i, line, sizeof(line)))
			return;
		/* 299 - "text" */
		char *text = strchr(line, '"');
		if (str_starts(line, "299") && text) {
			text[1 + strcspn(text + 1, "\"")] = 0;
			r->options.warn(text + 1, r->options.warn_arg);
		}
	}
}

static enum verdict on_answer(struct registry *r, struct registry_call *c)
{
	long status = c->t.status;
	if (status >= 200 && status < 300) {
		pass_warnings(r, c);
		return ENDED;
	}
	if (status >= 300 && status < 400 && status != 304)
		return on_redirect(r, c);
	if (status == 401 && c->auths < AUTHS_MAX) {
		c->auths++;
		int more = registry_authorize(r, c, &c->err);
		if (more > 0)
			return send_afresh(r, c, 0, &c->err) < 0 ? FAILED : AGAIN;
		if (more < 0)
			return give_up(r, c);
	}
	if (status == 400 && r->plain[c->endpoint] && strstr(c->t.reply.s, "HTTPS") &&
	    switch_scheme(r, c))
		return send_afresh(r, c, 0, &c->err) < 0 ? FAILED : AGAIN;
	(void)registry_refusal(c, r->endpoints.v[c->endpoint].host, &c->err);
	if (status == 408 || status == 429 || status >= 500)
		return after_pause(r, c, retry_after(c));
	return give_up(r, c);
}

/* The transfer of c has ended: what now?  true: the call has ended as well. */
static bool go_on(struct registry *r, struct registry_call *c)
{
	enum verdict v = FAILED;
	c->seen += c->t.received;
	switch (c->t.outcome) {
	case HTTP_ANSWERED:
		v = on_answer(r, c);
		break;
	case HTTP_BROKEN:
	case HTTP_REFUSED_TLS:
		v = on_broken(r, c);
		break;
	case HTTP_SINK_FAILED:
		c->err = c->t.err;
		/* a sink that wants the rest once more says EAGAIN */
		if (c->err.code == EAGAIN)
			v = after_pause(r, c, 0);
		break;
	}
	if (v == AGAIN)
		return false;
	if (v == ENDED)
		err_clear(&c->err);
	else if (c->err.code == 0)
		(void)err_set(&c->err, EIO, "the registry's answer can't be used");
	c->ended = true;
	return true;
}

int registry_call_step(struct registry *r, int timeout_ms, struct registry_call **ret,
		       struct err *err)
{
	struct http_transfer *t;
	int n = http_next(r->http, timeout_ms, r->options.interrupted, &t, err);
	if (n <= 0)
		return n;
	struct registry_call *c = t->owner;
	if (!go_on(r, c))
		return 0;
	*ret = c;
	return 1;
}

int registry_call_run(struct registry *r, struct registry_call *c, struct err *err)
{
	if (registry_call_start(r, c, err) < 0)
		return -1;
	while (!c->ended) {
		struct registry_call *other;
		int n = registry_call_step(r, TICK_MS, &other, err);
		if (n < 0) {
			http_cancel(r->http, &c->t);
			return -1;
		}
		if (n > 0 && other != c) {
			other->next = r->ended;
			r->ended = other;
		}
	}
	if (c->err.code == 0 || (c->quiet && c->t.outcome == HTTP_ANSWERED && c->t.status == 404))
		return 0;
	if (err)
		*err = c->err;
	return -1;
}
