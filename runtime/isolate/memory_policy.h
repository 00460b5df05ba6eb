/* SPDX-License-Identifier: Apache-2.0 */
/* memory_policy.h - NUMA policy of the process
 *
 * runtime-spec config-linux.md "Memory policy"; set_mempolicy(2).
 */
#ifndef SKERRY_RUNTIME_ISOLATE_MEMORY_POLICY_H
#define SKERRY_RUNTIME_ISOLATE_MEMORY_POLICY_H

#include <stdbool.h>

#include "base/err.h"
#include "runtime/spec/spec.h"

#define MEMORY_POLICY_NODES_MAX 1024 /* the most a kernel is built for */

struct memory_policy {
	bool set;
	int mode; /* MPOL_* | MPOL_F_* */
	bool has_nodes;
	unsigned long nodes[MEMORY_POLICY_NODES_MAX / (8 * sizeof(unsigned long))];
};

/* s may be NULL.  Pure. */
int memory_policy_make(const struct spec_memory_policy *s, struct memory_policy *ret,
		       struct err *err);
/* Runs in init. */
int memory_policy_apply(const struct memory_policy *p, struct err *err);

#endif
