/* SPDX-License-Identifier: Apache-2.0 */
/* inflate.h - a stream of bytes, decompressed by what its beginning says it is
 */
#ifndef SKERRY_IMAGE_INFLATE_H
#define SKERRY_IMAGE_INFLATE_H

#include <stddef.h>

#include "base/err.h"
#include "image/layer.h"

struct inflate;

/* Takes decompressed bytes; 0 or -1. */
typedef int inflate_fn(void *arg, const void *data, size_t size, struct err *err);

/* NULL with errno. */
struct inflate *inflate_new(inflate_fn *fn, void *arg);
void inflate_free(struct inflate *i);
int inflate_feed(struct inflate *i, const void *data, size_t size, struct err *err);
/* The stream has ended; an error when that is in the middle of it. */
int inflate_finish(struct inflate *i, struct err *err);
enum layer_compression inflate_compression(const struct inflate *i);

#endif
