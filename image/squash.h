/* SPDX-License-Identifier: Apache-2.0 */
/* squash.h - more layers than overlay takes */
#ifndef SKERRY_IMAGE_SQUASH_H
#define SKERRY_IMAGE_SQUASH_H

#include "image/store.h"

/* Where there are more than one overlay takes, the lowest become one layer that shows the same.
 * layers, base first, and *n are changed in place; the new layer is t's until a record names it. */
int squash_layers(struct txn *t, struct digest *layers, size_t *n, struct err *err);

#endif
