/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint.h - where the content of a repository can be had: mirrors, then the registry itself
 *
 * What registries.conf (containers) and hosts.toml (containerd) say, and what
 * docker.io's API host is called.
 */
#ifndef SKERRY_IMAGE_ENDPOINT_H
#define SKERRY_IMAGE_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "image/http.h"
#include "image/reference.h"

struct endpoint {
	char *host; /* "registry-1.docker.io", "localhost:5000" */
	char *repository; /* "library/busybox" */
	bool insecure; /* plain HTTP and unknown certificates are allowed */
	bool mirror; /* not the registry itself: credentials are those of its own host */
	bool by_digest, by_tag; /* what it may be asked for */
	struct http_trust trust;
};
struct endpoints {
	struct endpoint *v;
	size_t n;
};

struct endpoint_options {
	const char *registries_conf; /* instead of the system's and the user's; may be NULL */
	const char *cert_dir; /* instead of certs.d; may be NULL */
	int tls_verify; /* 1, 0; -1: as configured */
};

/* In the order of trying.  err->code EPERM: the registry is blocked. */
int endpoints_find(const struct reference *ref, const struct endpoint_options *options,
		   struct endpoints *ret, struct arena *arena, struct err *err);

/* What a short name may mean, in order: an alias, or one for every search registry, else
 * docker.io's.  At least one. */
struct references {
	struct reference *v;
	size_t n;
};
int endpoints_short_name(const struct reference *ref, const char *registries_conf,
			 struct references *ret, struct arena *arena, struct err *err);

/* Is it this machine itself ("localhost", 127/8, ::1), with or without a port? */
bool endpoint_is_loopback(const char *host);

#endif
