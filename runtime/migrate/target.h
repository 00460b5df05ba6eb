/* SPDX-License-Identifier: Apache-2.0 */
/* target.h - what the target knows of its migration */
#ifndef SKERRY_MIGRATE_TARGET_H
#define SKERRY_MIGRATE_TARGET_H

#include <limits.h>

#include "runtime/include/skerry/skerry.h"
#include "runtime/migrate/config.h"
#include "runtime/migrate/lazy.h"
#include "runtime/migrate/migrate.h"
#include "runtime/migrate/store.h"
#include "runtime/migrate/tree.h"

#define TARGET_VOLUMES_MAX  64
#define TARGET_PROBLEMS_MAX 64
#define TARGET_SAID_MAX	    ((size_t)64 << 10)

/* `skerry-image receive` (image/cli/cmd_move.c has what is said), when the container is of an
 * image. */
struct target_image {
	struct child child;
	int in, out; /* its ends: what it reads, what it says; -1 */
	struct buf said; /* a line that isn't complete */
	char program[PATH_MAX], marker[PATH_MAX], store[PATH_MAX];
	uint64_t bytes; /* of the layers that it lacks */
	size_t got; /* layers that came */
	bool in_layer;
};

struct target {
	const struct options *o;
	const char *root;
	struct channel *channel;
	struct arena arena;
	struct skerry *skerry;
	struct hello hello;
	struct offer offer;
	struct answer answer;
	struct journal journal;
	char bundle[PATH_MAX];
	char rootfs_path[PATH_MAX];
	int bundle_fd, rootfs, images;
	int upper; /* of an image's root file system, or -1 */
	int stdio; /* the file whose contents come, or -1 */
	const char *stdio_name; /* in the bundle */
	struct target_image image;
	struct {
		int fd;
		const char *only; /* its name, when it is a file in the folder fd */
		bool was, made; /* an empty folder before; ours to remove */
	} volumes[TARGET_VOLUMES_MAX];
	struct tree_receiver tree;
	struct store store;
	struct child restore;
	struct lazy lazy;
	struct keeper keeper;
	bool is_lazy;
	bool keeps; /* its memory is put in while it runs, out of the store */
	bool in_tree, bundle_made, prepared, restoring, committed, running;
};

/* One more thing that speaks against it, for the answer. */
void complain(struct target *t, const char *format, ...) PRINTF(2, 3);

/* target_check.c: complains of whatever speaks against it. */
int target_check(struct target *t, struct err *err);
/* The nearest folder above that exists. */
int target_space(const char *path, uint64_t *ret_bytes);

/* target_image.c: layers of its image.  What it lacks goes into the answer. */
int target_image_ask(struct target *t, struct err *err);
int target_image_take(struct target *t, const struct frame *f, struct err *err);
bool target_image_is_whole(const struct target *t);
/* All layers are there: the root file system is made. */
int target_image_finish(struct target *t, struct err *err);
void target_image_end(struct target *t);
/* What a bundle that goes, of that container, has in a store. */
void target_image_undo(const struct target *t, const char *bundle, const char *id);

/* target_stdio.c: what takes the place of the init's descriptor 0, 1 or 2; and frames of what it
 * had. */
int target_stdio_open(struct target *t, uint32_t fd, struct err *err);
int target_stdio_begin(struct target *t, uint32_t fd, struct err *err);
int target_stdio_take(struct target *t, const struct frame *f, struct err *err);

/* target_net.c: the attachments' moves. */
/* "container:ID" becomes the namespace of that one. */
int target_netns(struct target *t, struct err *err);
void target_networks_check(struct target *t);
int target_networks_prepare(struct target *t, struct err *err);
void target_networks(struct target *t, const char *verb);
/* Those of a bundle that another process has made. */
void target_networks_of(struct target *t, const char *bundle, char *id, const char *verb);

#endif
