/* SPDX-License-Identifier: Apache-2.0 */
/* rdt.h - Intel Resource Director Technology: cache and memory bandwidth
 *
 * runtime-spec config-linux.md "IntelRdt"; the kernel's arch/x86/resctrl.rst.
 */
#ifndef SKERRY_RUNTIME_ISOLATE_RDT_H
#define SKERRY_RUNTIME_ISOLATE_RDT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "runtime/spec/spec.h"

struct rdt {
	bool set;
	const char *group; /* directory below the resctrl root; "" is the root itself */
	const char *schemata; /* lines to write, or NULL */
	bool must_exist; /* closID without any schema */
	const char *monitor; /* directory below the group's mon_groups, or NULL */
};

/* What rdt_apply() made, for the record that delete works from. */
struct rdt_made {
	bool group, monitor;
};

/* s may be NULL; id is the container's.  Pure. */
int rdt_make(const struct spec_intel_rdt *s, const char *id, struct arena *arena, struct rdt *ret,
	     struct err *err);

/* The resctrl file system, checked to be one; a descriptor, or -1 with a clear error. */
int rdt_open(struct err *err);

/* Makes the groups, writes the schemata, puts pid in.  *ret_made says what was made also after a
 * failure.  root: from rdt_open().  Runs in the parent. */
int rdt_apply(const struct rdt *r, int root, pid_t pid, struct rdt_made *ret_made, struct err *err);

/* New schemata for a group that is there (update). */
int rdt_update(const struct rdt *r, int root, struct err *err);

/* Removes what rdt_apply() made; absent is success. */
int rdt_remove(const struct rdt *r, const struct rdt_made *made, int root, struct err *err);

#endif
