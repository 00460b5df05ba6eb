/* SPDX-License-Identifier: Apache-2.0 */
/* push.h - an image of the store into a registry */
#ifndef SKERRY_IMAGE_PUSH_H
#define SKERRY_IMAGE_PUSH_H

#include <stdbool.h>

#include "base/err.h"
#include "image/compress.h"
#include "image/progress.h"
#include "image/reference.h"
#include "image/registry.h"
#include "image/store.h"

struct push_options {
	struct registry_options registry;
	enum compression compression; /* of layers that have to be compressed anew */
	bool force_compression; /* compress anew even what could be sent as it was */
	bool foreign; /* send non-distributable layers as well */
	struct progress *progress; /* or NULL */
};

/* The manifest as it is in the registry. */
struct push_result {
	struct digest digest;
	uint64_t size;
	char media_type[REGISTRY_TYPE_MAX];
};
int push_image(struct store *s, const struct image *image, const struct reference *to,
	       const struct push_options *options, struct push_result *ret, struct err *err);

/* All that the store has of the index this image came with, and an index of them; *ret is its
 * digest in the registry. */
int push_index(struct store *s, const struct image *image, const struct reference *to,
	       const struct push_options *options, struct digest *ret, struct err *err);

#endif
