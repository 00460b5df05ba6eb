/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - what a move needs of config.json and network.json, and what it changes: pure */
#ifndef SKERRY_MIGRATE_CONFIG_H
#define SKERRY_MIGRATE_CONFIG_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/* Says on the command line of skerry-migrate that a bundle of its making is to be removed. */
#define CONFIG_HOOK "--remove-bundle"

struct config {
	char *rootfs; /* as it is written */
	char *netns; /* path of the network namespace to join, or NULL */
	bool has_netns; /* one of its own, or that one */
	bool has_pidns;
	char *cgroups_path;
	struct strings volumes; /* sources of bind mounts that have to be on the target too */
	char *poststop; /* text of the array, or NULL */
	char *namespaces; /* the same */
};
int config_parse(const char *text, size_t len, struct arena *arena, struct config *ret,
		 struct err *err);

struct config_change {
	const char *rootfs; /* absolute */
	const char *netns; /* path in place of the namespace that was joined, or NULL */
	const char
		*hook; /* program that takes `bundle` away when the container is deleted, or NULL */
	const char *bundle;
	const char *const
		*unbundle; /* program and words that take its root file system away, or NULL */
};
/* The target's config.json; hooks of an earlier move aren't taken over. */
int config_change(const char *text, size_t len, const struct config_change *change, struct buf *out,
		  struct err *err);

/* The names in network.json that are attachments: "NETWORK", in order. */
int config_networks(const char *text, size_t len, struct arena *arena, struct strings *ret,
		    struct err *err);

/* The words of a list, those of one that the other lacks: of cpu flags. */
int config_missing_words(const char *have, const char *wanted, struct buf *out);

#endif
