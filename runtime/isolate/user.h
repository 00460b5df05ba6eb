/* SPDX-License-Identifier: Apache-2.0 */
/* user.h - who the process is: ids, groups, umask, home
 *
 * runtime-spec config.md "User"; setresuid(2), setgroups(2).
 */
#ifndef SKERRY_RUNTIME_ISOLATE_USER_H
#define SKERRY_RUNTIME_ISOLATE_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/spec/spec.h"

#define USER_UMASK_DEFAULT 0022
#define USER_GROUPS_MAX	   65536 /* NGROUPS_MAX of Linux */

struct user {
	uint32_t uid, gid;
	const uint32_t *groups; /* borrowed from the spec */
	size_t n_groups;
	bool set_groups; /* false: leave the supplementary groups alone */
	bool check_groups; /* read them back, set or not */
	mode_t umask;
};

struct user_options {
	bool setgroups_denied; /* the user namespace has setgroups "deny" */
	bool no_groups; /* the caller has no supplementary groups */
	bool keep_groups; /* annotation run.oci.keep_original_groups */
};

/* Checks the ranges and that groups were not asked for where they can't be set.  pointer: JSON
 * pointer of the "user" object.  Pure. */
int user_make(const struct spec_user *s, const struct user_options *options, const char *pointer,
	      struct user *ret, struct err *err);

/* Groups, gid, uid, umask, read back.  Runs in init.  Needs CAP_SETUID, CAP_SETGID unless the ids
 * are there already.  Before: caps_apply().  After: caps_keep(). */
int user_apply(const struct user *u, struct err *err);

/* "UID", "UID:GID", "NAME", "NAME:GROUP" and mixtures, names from /etc/passwd and /etc/group
 * beneath root_fd.  Text that is all digits is never looked up as a name.  *ret_gid is left alone
 * when the text says nothing about it: a number without ":GID". */
int user_find(int root_fd, const char *text, uint32_t *ret_uid, uint32_t *ret_gid, struct err *err);

/* Home directory of uid from /etc/passwd beneath root_fd; "/" when there is no usable entry or no
 * usable file.  Allocates nothing; may run in init.  -1 only if it is longer than size. */
int user_home(int root_fd, uint32_t uid, char *dst, size_t size, struct err *err);

/* One line of a passwd or group file, split in place at ':'.  Pure, for fuzzing: the number of
 * fields, at most max. */
size_t user_split(char *line, char **fields, size_t max);

#endif
