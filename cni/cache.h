/* SPDX-License-Identifier: Apache-2.0 */
/* cache.h - what is remembered of attachments: libcni's result cache
 *
 * DIR/results/NETWORK-CONTAINER-IFNAME, one line of JSON, kind "cniCacheV1":
 * the same place and format as libcni's, so that containerd, CRI-O, podman,
 * nerdctl and cnitool find what we made, and we what they made.
 */
#ifndef SKERRY_CNI_CACHE_H
#define SKERRY_CNI_CACHE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#define CACHE_DIR      "/var/lib/cni"
#define CACHE_FILE_MAX ((size_t)4 << 20)

struct cache_entry {
	const char *network, *container, *ifname;
	const char *netns; /* "": not known */
	const char *config; /* the network's configuration as it was at ADD; NULL: not known */
	size_t config_len;
	struct pairs args; /* CNI_ARGS */
	struct pairs capabilities; /* name, JSON */
	const char *result; /* JSON, or NULL */
};

struct cache_entries {
	struct cache_entry *v;
	size_t n;
};

/* Can a file have this name?  Before anything is done: code 7 when it is too long. */
int cache_check(const struct cache_entry *e, struct err *err);
/* In place by rename, so a reader sees all of it or nothing. */
int cache_save(const char *dir, const struct cache_entry *e, struct err *err);
/* 1 and *ret; 0 when there is none, or one that is empty or damaged (it is removed). -1: can't read. */
int cache_load(const char *dir, const struct cache_entry *key, struct arena *arena,
	       struct cache_entry *ret, struct err *err);
/* Nothing there is success. */
int cache_remove(const char *dir, const struct cache_entry *key, struct err *err);
/* All that can be read; network and container NULL: of any. */
int cache_list(const char *dir, const char *network, const char *container, struct arena *arena,
	       struct cache_entries *ret, struct err *err);

/* One file's text; the key's fields where the text (an old bare result) has none. CNI code 6. */
int cache_parse(const char *name, const char *text, size_t len, const struct cache_entry *key,
		struct arena *arena, struct cache_entry *ret, struct err *err);

#endif
