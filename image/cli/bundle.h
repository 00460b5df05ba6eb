/* SPDX-License-Identifier: Apache-2.0 */
/* bundle.h - an ordinary OCI bundle out of an image and the options of `skerry run`
 *
 * First everything is decided (bundle_process(), bundle_mounts(),
 * bundle_limits()), then written as config.json (bundle_write()).
 */
#ifndef SKERRY_IMAGE_CLI_BUNDLE_H
#define SKERRY_IMAGE_CLI_BUNDLE_H

#include "image/config.h"
#include "image/store.h"
#include "image/user.h"
#include "runtime/cli/image_options.h"

#define BUNDLE_PING_GROUPS "0 2147483647" /* everybody, unless something else is said */

struct bundle_mount {
	const char *destination, *type, *source;
	struct strings options;
};
struct bundle_rlimit {
	const char *type;
	uint64_t soft, hard;
};
struct bundle_map {
	uint32_t first, count;
};
struct bundle_device {
	const char *path, *type, *access;
	uint32_t major, minor, mode, uid, gid;
};

struct bundle {
	/* in */
	struct arena *arena;
	struct store *store;
	const struct image_options *o;
	const struct image_config *config;
	const char *id, *dir; /* the bundle's folder */
	char *const *words; /* the command line behind the id */
	size_t n_words;
	int root; /* the image's root file system, read-only, to look users up */
	const char *poststop[8]; /* NULL-terminated: what undoes the bundle */
	/* decided */
	struct strings args, env, caps, masked, read_only;
	const char *cwd, *stop_signal, *hostname;
	struct image_user user;
	bool no_new_privileges, unconfined;
	bool host_network; /* no network namespace of its own */
	bool mapped; /* we are root of a user's namespace: the container gets one below it */
	struct {
		struct bundle_map *v;
		size_t n, cap;
	} uid_map, gid_map; /* then: every id that there is, as itself */
	const char *apparmor;
	struct {
		struct bundle_mount *v;
		size_t n, cap;
	} mounts;
	struct {
		struct bundle_rlimit *v;
		size_t n, cap;
	} rlimits;
	struct {
		struct bundle_device *v;
		size_t n, cap;
	} devices;
	struct pairs sysctl, annotations;
	int64_t memory, swap, pids; /* 0: not said */
	uint64_t cpu_quota, cpu_shares; /* 0: not said */
	const char *cpuset;
};

int bundle_process(struct bundle *b, struct err *err);
int bundle_caps(struct bundle *b, struct err *err);
int bundle_mounts(struct bundle *b, struct err *err);
int bundle_limits(struct bundle *b, struct err *err);
/* Ids of a namespace of our own, and what is otherwise in one: after the limits. */
int bundle_namespace(struct bundle *b, struct err *err);
/* watch.json, where restarts or health checks are wanted. */
int bundle_watch(struct bundle *b, struct err *err);
int bundle_write(const struct bundle *b, struct buf *out, struct err *err);

/* Appends to a list of the arena, NULL-terminated. */
int bundle_add(struct arena *arena, struct strings *list, const char *word, struct err *err);
int bundle_add_pair(struct arena *arena, struct pairs *list, const char *key, const char *value,
		    struct err *err);

#endif
