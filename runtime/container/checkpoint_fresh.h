/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint_fresh.h - small file systems in memory, which criu needn't start tar(1) for
 *
 * criu runs tar for each tmpfs, once in the dump and once in the restore, while
 * nothing moves.  Those of a container are mostly as good as empty: /dev with its
 * nodes and links, /dev/shm, what masks directories.  For who asks on --notify-fd
 * or clones, and so restores with us, they are called mounts of outside, written down here
 * once the processes stand still (fresh.json, among the images) and made anew.
 */
#ifndef SKERRY_CONTAINER_CHECKPOINT_FRESH_H
#define SKERRY_CONTAINER_CHECKPOINT_FRESH_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define FRESH_FILE "fresh.json"

struct fresh_node {
	char *path; /* from the top; "" is the top itself */
	uint32_t mode, uid, gid;
	uint64_t rdev;
	char *link;
};
struct fresh_mount {
	char *target, *source, *options; /* as mountinfo has them of the file system */
	char *flags; /* and of the mount */
	struct {
		struct fresh_node *v;
		size_t n;
	} nodes;
};
struct fresh {
	struct {
		struct fresh_mount *v;
		size_t n;
	} mounts;
};

/* Those that have nothing else, of a container with this mountinfo and this root. */
int fresh_find(const char *text, size_t len, int root, struct arena *arena, struct fresh *ret,
	       struct err *err);
/* As they are now, into the images; -1: one has what can't be written down. */
int fresh_save(const struct fresh *f, int root, int images, struct arena *arena, struct err *err);
/* None is no error. */
int fresh_load(int images, struct arena *arena, struct fresh *ret, struct err *err);
/* Mounts it at the directory `at`, with what is in it.  0, or -1 with errno. */
int fresh_make(const struct fresh_mount *m, const char *at);

#endif
