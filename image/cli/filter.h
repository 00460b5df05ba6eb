/* SPDX-License-Identifier: Apache-2.0 */
/* filter.h - --filter: which images are meant, as docker and podman say it */
#ifndef SKERRY_IMAGE_CLI_FILTER_H
#define SKERRY_IMAGE_CLI_FILTER_H

#include <stdbool.h>

#include "image/store.h"
#include "runtime/cli/options.h"

#define FILTER_HELP                                                                      \
 "only images of which that holds: dangling, containers, reference, label, id, before, " \
 "since or until"

struct image_filters {
	struct image_filter *v;
	size_t n;
	const struct store *store;
	struct digests used; /* ids of images that containers have */
	struct arena *arena;
};

/* What the user gave, read and looked up; it borrows the words, and lives in the arena. */
int filters_parse(const struct option_list *words, const struct store *s, struct arena *arena,
		  struct image_filters *ret, struct err *err);
/* 1 the image is meant, 0 it isn't, or -1.  Of filters of one key any has to hold, but each of
 * labels, of what is negated, and of different keys. */
int filters_pass(const struct image_filters *f, const struct image *image, struct err *err);
/* 1 or 0: what `dangling` was given as, and the filter is gone; -1: it wasn't. */
int filters_take_dangling(struct image_filters *f);

#endif
