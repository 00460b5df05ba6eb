/* SPDX-License-Identifier: Apache-2.0 */
/* inflate.h - a stream of bytes, decompressed by what its beginning says it is
 */
#ifndef SKERRY_IMAGE_INFLATE_H
#define SKERRY_IMAGE_INFLATE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "image/layer.h"

struct inflate;

/* Takes decompressed bytes; 0 or -1. */
typedef int inflate_fn(void *arg, const void *data, size_t size, struct err *err);

/* What a stream is that begins with these bytes. */
#define INFLATE_MAGIC 4
enum layer_compression inflate_recognise(const void *data);

/* NULL with errno. */
struct inflate *inflate_new(inflate_fn *fn, void *arg);
void inflate_free(struct inflate *i);
int inflate_feed(struct inflate *i, const void *data, size_t size, struct err *err);
/* The stream has ended; an error when that is in the middle of it. */
int inflate_finish(struct inflate *i, struct err *err);
/* Everything it knows, appended, so that another process can go on from here; all output so far
 * has been handed out then.  -1: this kind of stream can't be left and taken up again. */
int inflate_save(struct inflate *i, struct buf *out, struct err *err);
/* Goes on where inflate_save() ended; -1 when that is not what data is. */
int inflate_load(struct inflate *i, const void *data, size_t size, struct err *err);
enum layer_compression inflate_compression(const struct inflate *i);

#endif
