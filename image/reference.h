/* SPDX-License-Identifier: Apache-2.0 */
/* reference.h - the name of an image: [DOMAIN/]PATH[:TAG][@DIGEST]
 *
 * The first component is a domain if it has a "." or a ":" or is "localhost".
 * A name without one is short; reference_parse() takes it as Docker Hub's
 * ("busybox" is docker.io/library/busybox) and remembers that it was short, so
 * that registries.conf can say otherwise.  With both tag and digest the digest
 * decides.
 */
#ifndef SKERRY_IMAGE_REFERENCE_H
#define SKERRY_IMAGE_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define REFERENCE_NAME_MAX   255 /* domain, "/" and path together */
#define REFERENCE_TAG_MAX    128
#define REFERENCE_DIGEST_MAX 160
#define REFERENCE_TEXT_MAX \
 (REFERENCE_NAME_MAX + 1 + REFERENCE_TAG_MAX + 1 + REFERENCE_DIGEST_MAX + 1)

struct reference {
	char domain[REFERENCE_NAME_MAX + 1]; /* "docker.io", "localhost:5000" */
	char path[REFERENCE_NAME_MAX + 1]; /* "library/busybox" */
	char tag[REFERENCE_TAG_MAX + 1]; /* "latest" when neither tag nor digest was given; or "" */
	char digest[REFERENCE_DIGEST_MAX + 1]; /* "sha256:...", or "" */
	bool is_short; /* no domain was given */
};

/* 0, or -1 (EINVAL). */
int reference_parse(const char *text, struct reference *ret, struct err *err);

/* DOMAIN/PATH[:TAG][@DIGEST], the whole name; size REFERENCE_TEXT_MAX is enough. */
void reference_format(const struct reference *r, char *dst, size_t size);

/* The way people write it: without "docker.io/" and "library/". */
void reference_format_short(const struct reference *r, char *dst, size_t size);

/* DOMAIN/PATH without tag and digest. */
void reference_format_name(const struct reference *r, char *dst, size_t size);

/* What a registry is asked for: the digest, else the tag. */
const char *reference_object(const struct reference *r);

/* Is text a tag by its grammar? */
bool reference_is_tag(const char *text);

/* "ALGORITHM:ENCODED" by the grammar of OCI descriptors; of sha256 and sha512 the exact length
 * of lower-case hexadecimal digits. */
bool reference_is_digest(const char *text);

#endif
