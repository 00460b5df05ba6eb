/* SPDX-License-Identifier: Apache-2.0 */
/* compose.h - an image of our own making out of a configuration and layers of the store */
#ifndef SKERRY_IMAGE_COMPOSE_H
#define SKERRY_IMAGE_COMPOSE_H

#include "base/arena.h"
#include "base/err.h"
#include "image/config.h"
#include "image/layer.h"
#include "image/store.h"

struct compose {
	struct txn *txn;
	struct arena *arena;
	const struct buf *config_text; /* as it is to be stored; NULL: written from config */
	const struct image_config *config; /* its diff ids are those of layers */
	struct image_layers layers; /* base first; without blobs they are described as plain tars */
	const char *const *names;
	size_t n_names;
};

/* Stores config and manifest and commits the image.  *ret_id is its ID, *ret_manifest its
 * manifest's digest; either may be NULL. */
int compose_image(const struct compose *c, struct digest *ret_id, struct digest *ret_manifest,
		  struct err *err);

/* What layer_begin() and friends brought, as an image's layer. */
void compose_layer(const struct layer_result *from, struct image_layer *to);

/* The OCI name of a layer's media type. */
const char *compose_media_type(const char *type);

#endif
