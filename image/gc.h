/* SPDX-License-Identifier: Apache-2.0 */
/* gc.h - what nothing names any more is removed
 *
 * Roots are image records, containers' records and the leases of living
 * processes.  There are no stored counts that could drift.
 */
#ifndef SKERRY_IMAGE_GC_H
#define SKERRY_IMAGE_GC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "image/store.h"

struct gc_options {
	bool untagged; /* images without a name go, unless a container uses them */
	bool unused; /* images that no container uses go, named or not */
	bool dry_run; /* counts only */
	/* of those only what this says 1 of (0: it stays, -1: error); NULL: all */
	int (*wants)(void *arg, const struct image *image, struct err *err);
	void *arg;
};
struct gc_result {
	uint64_t images, layers, blobs, bytes;
};

int gc_run(struct store *s, const struct gc_options *options, struct gc_result *ret,
	   struct err *err);

/* What the store's parts take on disk. */
struct gc_usage {
	uint64_t images, layers, blobs, containers; /* counts */
	uint64_t layer_bytes, blob_bytes, container_bytes, reclaimable_bytes;
};
int gc_usage(struct store *s, struct gc_usage *ret, struct err *err);

#endif
