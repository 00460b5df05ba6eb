/* SPDX-License-Identifier: Apache-2.0 */
/* plan.h - everything decided before the first effect
 *
 * From config.json, the caller's options and what the host has.  Belongs to
 * an arena; the init inherits it by copy on write and only carries it out.
 */
#ifndef SKERRY_CONTAINER_PLAN_H
#define SKERRY_CONTAINER_PLAN_H

#include <stdbool.h>

#include "cgroups/cgroup.h"
#include "runtime/container/process.h"
#include "runtime/isolate/clock.h"
#include "runtime/isolate/idmap.h"
#include "runtime/isolate/mounts.h"
#include "runtime/isolate/network.h"
#include "runtime/isolate/rdt.h"
#include "runtime/isolate/sysctl.h"
#include "runtime/spec/names.h"

struct plan_options {
	const char *id;
	uid_t uid; /* who calls */
	const char *bundle; /* absolute */
	int bundle_fd;
	const char *cgroup_mount; /* where the v2 tree is */
	const char *cgroup_path; /* the container's group in it, "" when there is none */
	const char *notify_dir; /* bound at /run/notify, or NULL */
	int cache;
	bool no_pivot, no_new_keyring;
	unsigned int preserve_fds, listen_fds;
	const char *listen_names;
	bool networks; /* the runtime attaches some while init builds its root */
};

struct plan {
	const char *id;
	const struct spec *spec;
	struct arena *arena;

	bool is_new[NS_COUNT];
	const char *join[NS_COUNT]; /* path, or NULL */
	int join_fd[NS_COUNT]; /* from plan_open_namespaces() */
	bool own[NS_COUNT]; /* not the host's */
	uint64_t clone_flags;
	bool stage;

	struct idmap_caller caller;
	struct idmap idmap; /* when is_new[NS_USER] */
	struct mounts mounts;
	bool has_root; /* builds a root: not when the mount namespace is joined */
	struct sysctls sysctls;
	struct clock_offsets clock;
	struct netdevs netdevs;
	struct rdt rdt;
	bool no_new_keyring;

	bool has_process;
	struct process_plan process;

	bool gate; /* init waits for GO before it does anything */
	bool hooks; /* init reports HOOKS before the pivot */
	bool late_filter; /* devices are filtered while init builds its root, which opens none of them */
};

/* Decides; the only system calls are those that ask what the host has.  0 or -1. */
int plan_make(const struct spec *spec, const struct plan_options *options, struct arena *arena,
	      struct plan *ret, struct err *err);
/* Opens the namespaces to join, checked to be of their kind. */
int plan_open_namespaces(struct plan *p, struct err *err);
void plan_close(struct plan *p);
/* The plan as JSON, for `run --plan`. */
void plan_write(const struct plan *p, const struct cgroup_place *place, struct json_out *o);
/* Path of the root file system on the host (arena). */
const char *plan_rootfs(const struct spec *spec, const char *bundle, struct arena *arena);

#endif
