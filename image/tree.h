/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h - the tree that one layer's entries make, in memory
 *
 * Whiteouts and opaque directories in overlay's form, duplicates resolved (the
 * last one wins), directories without an entry of their own marked: the order
 * of the entries in the tar no longer matters.
 */
#ifndef SKERRY_IMAGE_TREE_H
#define SKERRY_IMAGE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "image/tar.h"

struct tree_name;

/* What erofs.c makes of an inode. */
struct tree_place {
	uint64_t slot; /* of its inode, in bytes from the index's begin */
	uint64_t data; /* of its data, likewise; or in the file's blocks */
	uint64_t size; /* of a directory */
	bool is_inline; /* the data follows the inode */
	bool is_placed;
};

struct tree_inode {
	enum tar_type type;
	bool is_implied; /* a directory without an entry of its own */
	bool is_whiteout; /* character device 0/0 */
	bool is_opaque;
	bool is_sparse;
	uint32_t mode, uid, gid, links, mtime_ns;
	int64_t mtime;
	uint32_t major, minor;
	uint64_t size, offset; /* of the bytes in the tar */
	const char *link;
	const struct tar_xattr *xattrs;
	size_t n_xattrs;
	const struct tar_segment *segments;
	size_t n_segments;
	struct tree_inode *parent; /* of a directory */
	struct tree_name **table; /* of a directory: hashed; sorted after tree_sort() */
	uint32_t n, cap;
	struct tree_place place;
};

struct tree_name {
	struct tree_inode *inode;
	uint16_t len;
	char name[];
};

struct tree {
	struct arena arena;
	struct tree_inode *root;
	uint64_t names;
	/* the directory of the last entry: most entries share it with the one before */
	char last_path[PATH_MAX];
	size_t last_len;
	struct tree_inode *last;
};

int tree_init(struct tree *t, struct err *err);
void tree_release(struct tree *t);
/* One entry; what it points at is copied. */
int tree_add(struct tree *t, const struct tar_entry *entry, struct err *err);
/* What a path names now, or NULL; only before tree_sort(). */
struct tree_inode *tree_find(const struct tree *t, const char *path);
/* Every directory's table becomes an array of n names in byte order.  Nothing can be added
 * after. */
int tree_sort(struct tree *t, struct err *err);

#endif
