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

#define TARGET_VOLUMES_MAX 64

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
	int bundle_fd, rootfs, images;
	struct {
		int fd;
		bool was, made; /* an empty folder before; ours to remove */
	} volumes[TARGET_VOLUMES_MAX];
	struct tree_receiver tree;
	struct store store;
	struct child restore;
	struct lazy lazy;
	bool is_lazy;
	bool in_tree, bundle_made, prepared, restoring, committed, running;
};

/* One more thing that speaks against it, for the answer. */
void complain(struct target *t, const char *format, ...) PRINTF(2, 3);

/* target_net.c: the attachments' moves. */
void target_networks_check(struct target *t);
int target_networks_prepare(struct target *t, struct err *err);
void target_networks(struct target *t, const char *verb);

#endif
