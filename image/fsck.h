/* SPDX-License-Identifier: Apache-2.0 */
/* fsck.h - every digest of the store computed again
 */
#ifndef SKERRY_IMAGE_FSCK_H
#define SKERRY_IMAGE_FSCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "image/store.h"

enum fsck_object { FSCK_BLOB, FSCK_LAYER, FSCK_IMAGE, FSCK_NAME, FSCK_CONTAINER };

/* One finding; `what` is a digest, a name or a container's ID. */
typedef void fsck_fn(void *arg, enum fsck_object object, const char *what, const char *problem);

struct fsck_options {
	bool repair; /* what is broken goes to trash/, so that the next pull fetches it again */
	fsck_fn *report; /* may be NULL */
	void *arg;
};
struct fsck_result {
	uint64_t blobs, layers, images, bytes; /* looked at */
	uint64_t problems;
};

/* 0 when the walk was possible, whatever it found. */
int fsck_run(struct store *s, const struct fsck_options *options, struct fsck_result *ret,
	     struct err *err);

/* Is everything there that the image's record names? */
bool fsck_is_whole(const struct store *s, const struct image *image);

#endif
