/* SPDX-License-Identifier: Apache-2.0 */
/* target.h - what the target knows of its migration */
#ifndef SKERRY_MIGRATE_TARGET_H
#define SKERRY_MIGRATE_TARGET_H

#include <limits.h>

#include "runtime/include/skerry/skerry.h"
#include "runtime/migrate/config.h"
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
	bool in_tree, bundle_made, prepared, restoring, committed, running;
};

#endif
