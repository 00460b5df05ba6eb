/* SPDX-License-Identifier: Apache-2.0 */
/* implied.h - directories that a layer has files in but no entry for
 */
#ifndef SKERRY_IMAGE_IMPLIED_H
#define SKERRY_IMAGE_IMPLIED_H

#include <stddef.h>

#include "base/err.h"
#include "image/digest.h"
#include "image/layer.h"

/* A stack of layers, opened. */
struct implied_layers {
	const struct store *s;
	const struct digest *diff_ids; /* base first */
	const int *roots; /* of the same order: directories or mounts */
	size_t n;
};

/* Where the topmost layer that has a directory only implies it, overlay would show made-up
 * attributes.  Makes dir/NAME, a lower directory for on top of the others, that holds these
 * directories as the layers below have them; root: its own attributes.  1 when it was needed and
 * made, 0, or -1. */
int implied_make(const struct implied_layers *layers, int dir, const char *name,
		 const struct layer_info *root, struct err *err);

#endif
