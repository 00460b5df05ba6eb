/* SPDX-License-Identifier: Apache-2.0 */
/* layer_mount.h - one mount of an EROFS layer for all containers that have it
 *
 * Two mounts of one file are two file systems to the kernel, each with pages of
 * its own; copies of one mount are one.
 */
#ifndef SKERRY_IMAGE_LAYER_MOUNT_H
#define SKERRY_IMAGE_LAYER_MOUNT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "image/digest.h"
#include "image/store_internal.h"

/* A container (its folder dir) has these layers: what is mounted for them stays until the folder
 * is gone.  A layer that can't be counted any more is left out, and mounted for itself. */
int layer_mount_count(const struct store *s, int dir, const struct digest *layers, size_t n,
		      struct err *err);
/* For whom a layer is opened. */
enum layer_mount_for {
	LAYER_MOUNT_ALONE, /* for no container */
	LAYER_MOUNT_COUNTED, /* for one that was counted */
	LAYER_MOUNT_KEPT, /* and what has to be mounted stays for the next ones */
};
/* The layer's tree; *ret_detached: as a mount without a place. */
int layer_mount_open(const struct store *s, const struct digest *diff_id, enum layer_mount_for what,
		     bool *ret_detached, struct err *err);
/* A container that had these layers is gone: takes away what nobody else has. */
void layer_mount_release(const struct store *s, const struct digest *layers, size_t n);
/* Takes away what no container has any more, of all layers. */
void layer_mount_sweep(const struct store *s);
/* The layer's file (a name in layers/) is leaving the store: later ones get a new mount. */
void layer_mount_forget(const struct store *s, const char *name);

#endif
