/* SPDX-License-Identifier: Apache-2.0 */
/* names.h - the words of config.json and the numbers behind them
 *
 * Pure tables: namespaces, mount options, rlimits, capabilities, schedulers...
 */
#ifndef SKERRY_SPEC_NAMES_H
#define SKERRY_SPEC_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Namespaces in the order of enum ns; flag is CLONE_NEW*. */
enum ns { NS_USER, NS_MOUNT, NS_PID, NS_NETWORK, NS_IPC, NS_UTS, NS_CGROUP, NS_TIME, NS_COUNT };
struct ns_name {
	const char *spec_name; /* "mount" */
	const char *proc_name; /* "mnt" */
	uint64_t flag;
};
extern const struct ns_name ns_names[NS_COUNT];
int ns_parse(const char *spec_name); /* enum ns or -1 */

/* A mount option: what it sets and clears. */
enum mount_opt_kind {
	MOUNT_OPT_FLAG, /* MS_* set or cleared (mount(2)) */
	MOUNT_OPT_RECURSIVE, /* MOUNT_ATTR_* recursive (mount_setattr(2)) */
	MOUNT_OPT_PROPAGATION, /* MS_SHARED ... maybe | MS_REC */
	MOUNT_OPT_SPECIAL, /* enum mount_special */
};
enum mount_special {
	MOUNT_TMPCOPYUP = 1,
	MOUNT_IDMAP,
	MOUNT_RIDMAP,
	MOUNT_COPY_SYMLINK,
	MOUNT_SRC_NOFOLLOW,
	MOUNT_DEST_NOFOLLOW,
};
struct mount_opt {
	const char *name;
	enum mount_opt_kind kind;
	bool clear; /* the option clears instead of sets */
	uint64_t value;
	uint64_t mask; /* RECURSIVE: attr_clr bits that go with it (MOUNT_ATTR__ATIME), also
			    * when it clears: mount_setattr(2) clears these only together */
};
/* By binary search or perfect hash; NULL when unknown (then it is data for the file system). */
const struct mount_opt *mount_opt_find(const char *name);
/* Sorted list of all names, for `features`. */
extern const char *const mount_opt_names[];
extern const size_t mount_opt_names_n;

int rlimit_parse(const char *name); /* "RLIMIT_NOFILE" -> RLIMIT_NOFILE, or -1 */
int cap_parse(const char *name); /* "CAP_KILL" or "KILL", any case -> number, or -1 */
const char *cap_name(int cap); /* "CAP_KILL" or NULL */
#define CAP_NAMES_MAX 64
int sched_policy_parse(const char *name); /* SCHED_*, or -1 */
int64_t sched_flag_parse(const char *name); /* SCHED_FLAG_*, or -1 */
int ioprio_class_parse(const char *name); /* IOPRIO_CLASS_*, or -1 */
int mempolicy_mode_parse(const char *name); /* MPOL_*, or -1 */
int64_t mempolicy_flag_parse(const char *name); /* MPOL_F_*, or -1 */
extern const char *const mempolicy_mode_names[], *const mempolicy_flag_names[]; /* NULL-ended */

/* Words of seccomp sections, sorted, NULL-ended. */
extern const char *const seccomp_action_names[],
	*const seccomp_operator_names[], *const seccomp_arch_names[], *const seccomp_flag_names[];
/* Is the name in a NULL-ended list? */
bool name_in(const char *const *list, const char *name);

#endif
