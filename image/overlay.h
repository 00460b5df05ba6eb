/* SPDX-License-Identifier: Apache-2.0 */
/* overlay.h - mounts made by descriptor: EROFS from a file, overlay from lowers
 *
 * Everything comes back as a detached mount (fsmount(2)): gone with its
 * descriptor, in nobody's mount table.
 */
#ifndef SKERRY_IMAGE_OVERLAY_H
#define SKERRY_IMAGE_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* overlayfs(5): what the kernel takes at most */
#define OVERLAY_LOWERS_MAX 500
/* And how many this one does. */
size_t overlay_lowers_max(void);

/* Can EROFS be mounted from a plain file, by us, here, and be a lower directory of overlay as such?
 * Tried with an empty one made in the directory `dir`. */
bool overlay_has_erofs(int dir);

/* A read-only EROFS mount of dir/name. */
int overlay_mount_erofs(int dir, const char *name, struct err *err);

struct overlay {
	const int *lowers; /* directories or detached mounts, topmost first */
	size_t n_lowers;
	int upper, work; /* -1: read-only */
	bool is_volatile; /* nothing is synced; must not survive a crash */
	bool userxattr; /* in a user namespace: user.overlay.* instead of trusted.overlay.* */
};

/* The overlay, detached.  One lower without an upper is still an overlay, so that whiteouts in
 * it don't show. */
int overlay_mount(const struct overlay *o, struct err *err);

/* A detached copy of a mount or directory (one mount, not those below), read-only when asked. */
int overlay_clone(int dir, bool read_only, struct err *err);
/* The same of what is at dir/path, as it is. */
int overlay_clone_at(int dir, const char *path, struct err *err);
/* The same, its owners shown through the ids of a user namespace. */
int overlay_clone_mapped(int dir, int userns, struct err *err);
/* Makes dir/path a mount of its own, in which mounts don't spread to other mount namespaces. */
int overlay_private(int dir, const char *path, struct err *err);
/* Moves what is mounted at dir/path onto the detached mount `onto`, to go with it. */
int overlay_move(int dir, const char *path, int onto);
/* Closes n detached mounts.  Cheaper than one by one. */
void overlay_drop(const int *mounts, size_t n);
/* Puts a detached mount at dir/path. */
int overlay_attach(int mount, int dir, const char *path, struct err *err);

#endif
