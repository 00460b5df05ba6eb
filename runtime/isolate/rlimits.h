/* SPDX-License-Identifier: Apache-2.0 */
/* rlimits.h - resource limits of the process
 *
 * runtime-spec config.md "POSIX process" rlimits; prlimit(2).
 */
#ifndef SKERRY_RUNTIME_ISOLATE_RLIMITS_H
#define SKERRY_RUNTIME_ISOLATE_RLIMITS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/spec/spec.h"

#define RLIMITS_MAX 16 /* RLIM_NLIMITS */

struct rlimit_entry {
	int resource;
	uint64_t soft, hard;
};
struct rlimits {
	struct rlimit_entry v[RLIMITS_MAX];
	size_t n;
};

/* Unknown type, the same type twice and soft above hard are errors.  Pure. */
int rlimits_make(const struct spec_process *p, const char *pointer, struct rlimits *ret,
		 struct err *err);

/* prlimit(2) for each; pid 0 is the caller.  Raising a hard limit needs CAP_SYS_RESOURCE in the
 * first user namespace: with a user namespace the parent does it.  Runs in the parent or init. */
int rlimits_apply(const struct rlimits *r, pid_t pid, struct err *err);

#endif
