/* SPDX-License-Identifier: Apache-2.0 */
/* pull.h - an image out of a registry into the store */
#ifndef SKERRY_IMAGE_PULL_H
#define SKERRY_IMAGE_PULL_H

#include <stdbool.h>

#include "base/err.h"
#include "image/platform.h"
#include "image/progress.h"
#include "image/reference.h"
#include "image/registry.h"
#include "image/store.h"

struct pull_options {
	struct registry_options registry;
	struct platform platform; /* wanted */
	bool all_platforms; /* of an index all images; the one for `platform` gets the name */
	/* the digest of the one that is meant of an index, which gets no name; or NULL */
	const char *member;
	bool keep_blobs; /* also keep the layers as the registry has them */
	unsigned int parallel; /* layers at a time; 0: PULL_PARALLEL */
	struct progress *progress; /* or NULL */
};
#define PULL_PARALLEL 6

struct pull_result {
	struct digest manifest, config, index; /* index: unset where there is none */
	char name[REFERENCE_TEXT_MAX]; /* it got */
	uint64_t fetched; /* bytes of layers */
};

/* Short names are tried as registries.conf says.  0 or -1; on -1 the store holds no part of the
 * image that anybody sees, and what came is kept for the next attempt. */
int pull_image(struct store *s, const struct reference *ref, const struct pull_options *options,
	       struct pull_result *ret, struct err *err);

#endif
