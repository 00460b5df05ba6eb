/* SPDX-License-Identifier: Apache-2.0 */
/* tree_write.h - a directory tree as a tar, or the list of what an upper directory changes
 */
#ifndef SKERRY_IMAGE_TREE_WRITE_H
#define SKERRY_IMAGE_TREE_WRITE_H

#include <stdbool.h>

#include "base/err.h"
#include "image/rootfs.h"
#include "image/tar_write.h"

/* Where it comes from. */
struct tree_source {
	int dir; /* the tree; an overlay's upper directory when `is_upper` */
	const char *only; /* this one of its entries, with all below it; NULL: the whole tree */
	int lower; /* what lies below the upper, merged; -1: nothing */
	bool is_upper; /* overlay's whiteouts and marks become those of a layer's tar */
	bool userxattr; /* overlay's marks are user.overlay.* */
};

/* Names in byte order; within a directory what is removed comes first. */
int tree_write(const struct tree_source *from, tar_out_fn *out, void *arg, struct err *err);

/* Every change of an upper directory; stops where fn doesn't return 0 and returns that. */
int tree_changes(const struct tree_source *from, rootfs_change_fn *fn, void *arg, struct err *err);

#endif
