/* SPDX-License-Identifier: Apache-2.0 */
/* volume.h - directories of the store that outlive containers */
#ifndef SKERRY_IMAGE_VOLUME_H
#define SKERRY_IMAGE_VOLUME_H

#include <limits.h>

#include "base/err.h"
#include "image/store.h"

/* The directory of the volume, made where missing.  A new one gets what the image (a descriptor of
 * its root, or -1) has at `place`, owner and mode included. */
int volume_open(const struct store *s, const char *name, int image, const char *place,
		char path[PATH_MAX], struct err *err);

/* Removes it and all that it holds; err->code ENOENT. */
int volume_remove(const struct store *s, const char *name, struct err *err);

#endif
