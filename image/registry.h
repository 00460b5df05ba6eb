/* SPDX-License-Identifier: Apache-2.0 */
/* registry.h - one repository of a registry: manifests and blobs, in and out
 *
 * OCI distribution-spec 1.1.  Every call repeats what a bad connection or a
 * busy registry spoiled, asks for a token when one is wanted, follows
 * redirects without taking the credentials along, and tries the mirrors
 * before the registry itself.
 */
#ifndef SKERRY_IMAGE_REGISTRY_H
#define SKERRY_IMAGE_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "image/digest.h"
#include "image/endpoint.h"
#include "image/http.h"
#include "image/reference.h"

struct registry;

struct registry_options {
	struct endpoint_options endpoint;
	const char *authfile; /* or NULL: where auth.h looks */
	const char *user, *password; /* instead of what is kept; or NULL */
	const volatile int *interrupted; /* or NULL */
	void (*warn)(const char *text,
		     void *arg); /* what the registry wants the user to know; or NULL */
	void *warn_arg;
};

int registry_open(const struct reference *ref, const struct registry_options *options,
		  struct registry **ret, struct err *err);
void registry_close(struct registry *r);

/* The document of a tag or digest, verified when it is a digest; its Content-Type into type
 * (size 128), its digest. */
#define REGISTRY_TYPE_MAX 128
int registry_get_manifest(struct registry *r, const char *object, struct buf *out, char *type,
			  struct digest *ret, struct err *err);
/* The digest alone, without the document; err->code ENOENT. */
int registry_head_manifest(struct registry *r, const char *object, struct digest *ret,
			   struct err *err);
int registry_put_manifest(struct registry *r, const char *object, const char *type,
			  const void *data, size_t size, struct err *err);
int registry_delete_manifest(struct registry *r, const char *object, struct err *err);

/* A small blob whole, verified. */
int registry_read_blob(struct registry *r, const struct digest *d, uint64_t size, struct buf *out,
		       struct err *err);

/* A blob on its way into a sink.  The sink gets every byte from `offset` on once, in order,
 * whatever happens to the connection; it does the hashing. */
struct registry_fetch {
	/* in; all borrowed until the end */
	struct digest digest;
	uint64_t size;
	uint64_t offset; /* grows as bytes arrive */
	const struct http_sink *sink;
	const char *url; /* where a foreign layer is to be had; NULL: the registry */
	void *owner;
	/* out */
	struct err err;
	/* registry.c's own */
	struct registry_call *call;
	char *path;
	uint64_t skip;
	struct http_sink wrapper;
};
int registry_fetch_start(struct registry *r, struct registry_fetch *f, struct err *err);
/* 1 and the one that ended (f->err.code tells how), 0 after timeout_ms, or -1 (interrupted). */
int registry_fetch_next(struct registry *r, int timeout_ms, struct registry_fetch **ret,
			struct err *err);
void registry_fetch_cancel(struct registry *r, struct registry_fetch *f);

/* 1 the repository has it, 0 not, or -1. */
int registry_has_blob(struct registry *r, const struct digest *d, struct err *err);
/* Makes the registry take it over from another of its repositories: 1 done, 0 it would not, or
 * -1. */
int registry_mount_blob(struct registry *r, const struct digest *d, const char *from,
			struct err *err);
/* Sends memory (fd -1) or a file. progress (may be NULL) is called with the bytes sent so far. */
struct registry_upload {
	struct digest digest;
	uint64_t size;
	const void *data;
	int fd;
	void (*progress)(void *arg, uint64_t sent);
	void *progress_arg;
};
int registry_upload(struct registry *r, const struct registry_upload *u, struct err *err);

/* Calls fn for every tag, page by page; stops where it returns non-zero. */
int registry_tags(struct registry *r, int (*fn)(void *arg, const char *tag), void *arg,
		  struct err *err);

/* Are the credentials good?  -1 when the registry says no. */
int registry_login(struct registry *r, struct err *err);

/* A search result; strings are borrowed. */
struct registry_found {
	const char *name, *description;
	int64_t stars;
	bool official;
};
/* By the registry's search where it has one (Docker Hub, quay), else by the names of its
 * catalog. */
int registry_search(struct registry *r, const char *term, size_t limit,
		    int (*fn)(void *arg, const struct registry_found *found), void *arg,
		    struct err *err);

#endif
