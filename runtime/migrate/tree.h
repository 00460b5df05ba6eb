/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h - a folder from one host to the other, and what changed in it since
 *
 * Sent while the container runs and once more when it stands still; the second
 * time only what changed.  A file counts as unchanged when its inode, size, mode,
 * mtime and ctime are those of the time before, unless its ctime was so close to
 * the moment that it was read that a later write couldn't be told, or someone
 * has it mapped for writing: such writes move no time until long after.
 */
#ifndef SKERRY_MIGRATE_TREE_H
#define SKERRY_MIGRATE_TREE_H

#include <stdint.h>

#include "runtime/migrate/channel.h"

/* Inodes that may have changed unseen. */
struct inodes {
	uint64_t *v;
	size_t n, cap;
};
int inodes_add(struct inodes *list, uint64_t ino);
bool inodes_has(const struct inodes *list, uint64_t ino);

struct known;
struct tree_memory {
	struct arena arena;
	struct known **slots;
	size_t n, size;
	unsigned int pass;
};
void tree_memory_init(struct tree_memory *m);
void tree_memory_release(struct tree_memory *m);

struct tree_sent {
	uint64_t files, bytes;
};
/* Sends the folder `top` up to its TREE_END; memory NULL: nothing is remembered, all is sent. */
struct tree_order {
	struct tree_head head;
	int top;
	struct tree_memory *memory;
	const struct inodes *changed; /* or NULL */
	const char *only; /* just this file of it, or NULL */
};
int tree_send(struct channel *c, const struct tree_order *o, struct tree_sent *sent,
	      struct err *err);
/* Bytes that its files take; what can't be read counts as nothing. */
uint64_t tree_size(int top);

/* The other side: one frame after the other. */
struct tree_dir;
struct tree_receiver {
	int top; /* borrowed */
	int upper; /* of the overlay that top is, of which the entries tell; or -1 */
	const char *only; /* the one name that may come, or NULL */
	int file; /* of the last ENTRY, or -1 */
	struct entry entry; /* whose */
	struct arena arena; /* of the entry */
	struct arena dirs_arena;
	struct tree_dir *dirs; /* their times are set at the end */
	uint64_t bytes;
};
void tree_receive_begin(struct tree_receiver *r, int top);
/* What comes is an overlay's upper directory: it is made by changing top, the overlay. */
void tree_receive_over(struct tree_receiver *r, int upper);
/* TREE_END: 1; ENTRY, DATA, REMOVE: 0; -1 (EBADMSG: it doesn't belong here). */
int tree_receive(struct tree_receiver *r, const struct frame *f, struct err *err);
void tree_receive_end(struct tree_receiver *r);

#endif
