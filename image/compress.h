/* SPDX-License-Identifier: Apache-2.0 */
/* compress.h - a layer's tar as a registry wants it */
#ifndef SKERRY_IMAGE_COMPRESS_H
#define SKERRY_IMAGE_COMPRESS_H

#include <stdint.h>

#include "base/err.h"
#include "image/digest.h"
#include "image/store.h"

enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD };

/* "gzip", "zstd", "none" */
int compression_parse(const char *text, enum compression *ret, struct err *err);
/* The OCI media type of such a layer. */
const char *compression_media_type(enum compression c);

/* A layer of the store, compressed, in an unnamed file: its descriptor, or -1. */
int compress_layer(const struct store *s, const struct digest *diff_id, enum compression how,
		   struct digest *ret, uint64_t *ret_size, struct err *err);

#endif
