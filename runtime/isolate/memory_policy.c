/* SPDX-License-Identifier: Apache-2.0 */
/* memory_policy.c - NUMA policy of the process
 *
 * runtime-spec config-linux.md "Memory policy"; set_mempolicy(2).
 */
#include "runtime/isolate/memory_policy.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/units.h"
#include "runtime/spec/names.h"

#define BITS_PER_LONG (8 * sizeof(unsigned long))

static int memory_policy_nodes(const char *list, struct memory_policy *p, struct err *err)
{
	unsigned char mask[MEMORY_POLICY_NODES_MAX / 8] = { 0 };

	if (list == NULL || list[0] == '\0')
		return 0;
	if (units_cpu_list(list, mask, sizeof(mask)) < 0)
		return err_field(err, EINVAL, "/linux/memoryPolicy/nodes",
				 "\"%s\" is not a list of memory nodes", list);
	for (size_t i = 0; i < MEMORY_POLICY_NODES_MAX; i++) {
		if (mask[i / 8] & (1U << (i % 8)))
			p->nodes[i / BITS_PER_LONG] |= 1UL << (i % BITS_PER_LONG);
	}
	p->has_nodes = true;
	return 0;
}

int memory_policy_make(const struct spec_memory_policy *s, struct memory_policy *ret,
		       struct err *err)
{
	struct memory_policy p = { .set = s != NULL };

	if (s == NULL) {
		*ret = p;
		return 0;
	}
	p.mode = s->mode != NULL ? mempolicy_mode_parse(s->mode) : -1;
	if (p.mode < 0)
		return err_field(err, EINVAL, "/linux/memoryPolicy/mode",
				 "unknown memory policy \"%s\"", s->mode != NULL ? s->mode : "");
	if (memory_policy_nodes(s->nodes, &p, err) < 0)
		return -1;
	if (p.has_nodes && (p.mode == MPOL_DEFAULT || p.mode == MPOL_LOCAL))
		return err_field(err, EINVAL, "/linux/memoryPolicy/nodes",
				 "memory policy \"%s\" takes no nodes", s->mode);
	for (size_t i = 0; i < s->flags.n; i++) {
		int64_t flag = mempolicy_flag_parse(s->flags.v[i]);

		if (flag < 0)
			return err_field(err, EINVAL, "/linux/memoryPolicy/flags",
					 "unknown memory policy flag \"%s\"", s->flags.v[i]);
		p.mode |= (int)flag;
	}
	*ret = p;
	return 0;
}

int memory_policy_apply(const struct memory_policy *p, struct err *err)
{
	if (!p->set)
		return 0;
	/* the kernel takes one bit less than it is told of */
	if (syscall(SYS_set_mempolicy, p->mode, p->has_nodes ? p->nodes : NULL,
		    p->has_nodes ? (unsigned long)MEMORY_POLICY_NODES_MAX + 1 : 0UL) < 0)
		return err_sys(err, "set memory policy %#x", (unsigned int)p->mode);
	return 0;
}
