/* SPDX-License-Identifier: Apache-2.0 */
/* restore.h - what the parts of a restore share (restore.c, restore_mounts.c) */
#ifndef SKERRY_CONTAINER_RESTORE_H
#define SKERRY_CONTAINER_RESTORE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "runtime/container/checkpoint.h"
#include "runtime/container/checkpoint_fresh.h"
#include "runtime/container/criu_files.h"

#define RESTORE_KEEP_MAX 8
#define RESTORE_ROOT_DIR "criu-root" /* in the state directory: the root file system, for criu */

struct restore {
	struct runtime *rt;
	const struct skerry_checkpoint_options *o;
	struct image_dirs dirs;
	struct arena arena;
	struct criu criu;
	struct criu_opts opts;
	struct criu_cgroup_flags flags;
	struct criu_relay relay;
	struct restoring *with;
	char state[PATH_MAX], root[PATH_MAX];
	const char *rootfs;
	int keep[RESTORE_KEEP_MAX]; /* descriptors that criu inherits */
	size_t n_keep;
	int stdio[3]; /* those of them that may become its 0, 1 and 2, or -1 */
	struct criu_outside outside[3]; /* and which of them take the place of files */
	size_t n_outside;
	bool in_group; /* criu is in the container's, and what it restores is born there */
	bool locked; /* the network namespace, by an earlier checkpoint or by us */
	bool no_lock; /* criu isn't to lock it, or to take a lock back */
	int lock; /* ours, to be closed once it runs; or -1 */
	const char *adapted[2]; /* images that the state directory has, in place of theirs */
	size_t n_adapted;
	pid_t pid; /* seen at setup-namespaces */
	struct fresh fresh;
	const struct clone_request *request;
};

/* restore_mounts.c: what criu is to find in its mounts.  All of it, into the options and the state
 * directory; then, once criu has mounts of its own, there; and what it left in the directory. */
int restore_mounts_plan(struct restore *r, struct err *err);
int restore_mounts_make(struct restore *r, struct err *err);
void restore_mounts_drop(struct restore *r);
/* An image, whole: as much as the buffer may have. */
int restore_read_image(const struct restore *r, const char *name, struct buf *ret, struct err *err);

#endif
