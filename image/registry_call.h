/* SPDX-License-Identifier: Apache-2.0 */
/* registry_call.h - one request to a registry, with all that may have to be done twice
 *
 * Inside of registry*.c.  A call knows the path below /v2/REPOSITORY/; which
 * host it goes to, with which token, how often, is decided here.
 */
#ifndef SKERRY_IMAGE_REGISTRY_CALL_H
#define SKERRY_IMAGE_REGISTRY_CALL_H

#include "image/auth.h"
#include "image/registry.h"

struct registry_call {
	/* in */
	const char *path; /* below /v2/REPOSITORY/, or a whole URL, or "/v2/..." of the host */
	bool push; /* needs the right to write; never goes to a mirror */
	bool by_tag; /* asks for a tag: mirrors may be for digests only */
	bool quiet; /* 404 is an answer, not an error */
	const uint64_t *offset; /* bytes that the sink has already; or NULL */
	const char *mount_from; /* repository that is read as well */
	struct http_transfer t;
	void *owner;
	/* state */
	size_t endpoint;
	unsigned int tries, redirects, auths;
	uint64_t seen; /* bytes received in all attempts, to notice progress */
	bool ended;
	struct err err; /* once ended: code 0 is success */
	struct registry_call *next;
};

struct registry_token {
	char *token;
	char scope[1024]; /* what it is for */
	size_t endpoint;
	int64_t until; /* seconds of the monotonic clock */
	struct registry_token *next;
};

struct registry {
	struct http *http;
	struct arena arena;
	struct reference ref;
	struct endpoints endpoints;
	bool *plain; /* by endpoint: speaks HTTP without TLS */
	struct challenge *challenges; /* by endpoint: how it wants to be asked; realm "" unknown */
	struct credentials *credentials; /* by endpoint */
	bool *credentials_known;
	struct registry_token *tokens;
	struct registry_options options;
	struct registry_call *ended; /* fetches, until they are asked for */
	bool warned_limit;
};

void registry_call_init(struct registry_call *c);
void registry_call_release(struct registry_call *c);

/* Starts it; it ends in registry_call_step() or registry_call_run(). */
int registry_call_start(struct registry *r, struct registry_call *c, struct err *err);
/* Waits for events of any call: 1 one call ended (*ret), 0 time is up, -1. */
int registry_call_step(struct registry *r, int timeout_ms, struct registry_call **ret,
		       struct err *err);
/* Start and wait for this one; others that end meanwhile are kept for registry_fetch_next(). */
int registry_call_run(struct registry *r, struct registry_call *c, struct err *err);

/* A token (or Basic credentials) for what c wants, as challenged by its answer: 1 c may be tried
 * again,
 * 0 nothing more to try, or -1. */
int registry_authorize(struct registry *r, struct registry_call *c, struct err *err);
/* The Authorization header's value that is known to be wanted, malloc'd, or NULL. */
char *registry_authorization(struct registry *r, const struct registry_call *c);
void registry_tokens_release(struct registry *r);

/* What a registry says in a bad answer, as an error: status, and the code and message of its
 * JSON. */
int registry_refusal(const struct registry_call *c, const char *what, struct err *err);
/* A Location header's address, by the one that was asked; malloc'd, or NULL. */
char *registry_resolve(const struct registry_call *c, const char *location);
/* Text of {"errors":[...]}, or "" */
void registry_errors_parse(const char *text, size_t len, char *dst, size_t size);

#endif
