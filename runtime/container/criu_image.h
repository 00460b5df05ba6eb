/* SPDX-License-Identifier: Apache-2.0 */
/* criu_image.h - what a restore looks up in criu's images, or says otherwise
 *
 * An image is two magic numbers (the inventory: one) and records: a u32 length
 * (little endian) and a protobuf message.  All here is pure, and `name` is what
 * errors call it.
 *
 * criu's images/inventory.proto, images/cgroup.proto; criu/image.c, criu/protobuf.c.
 */
#ifndef SKERRY_CONTAINER_CRIU_IMAGE_H
#define SKERRY_CONTAINER_CRIU_IMAGE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/wire.h"

#define CRIU_INVENTORY	   "inventory.img"
#define CRIU_INVENTORY_MAX ((size_t)1 << 20)
#define CRIU_CGROUP	   "cgroup.img"
#define CRIU_CGROUP_MAX	   ((size_t)16 << 20)

struct criu_image {
	const char *name;
	struct wire_bytes head; /* its magic numbers */
	const unsigned char *at, *end; /* borrowed */
};
int criu_image_open(struct criu_image *i, const char *name, const void *text, size_t len,
		    struct err *err);
/* The next record, which points into the image: 1, 0 there is none, -1 it is cut off. */
int criu_image_next(struct criu_image *i, struct wire_bytes *ret, struct err *err);
void criu_image_put(struct buf *b, const void *data, size_t n);

/* The inventory in which the way to hold packets back is none: criu takes it from there at a
 * restore, whatever its options say.  0 or -1. */
int criu_inventory_without_lock(const void *text, size_t len, struct buf *ret, struct err *err);
/* Are all processes and threads of cgroup.img in one group of cgroup2, with none below it?
 * 1, 0 or -1. */
int criu_cgroup_is_one(const void *text, size_t len, struct err *err);

#endif
