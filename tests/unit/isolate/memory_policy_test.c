/* SPDX-License-Identifier: Apache-2.0 */
/* memory_policy_test.c - NUMA policy */
#include "runtime/isolate/memory_policy.h"

#include <linux/mempolicy.h>

#include "tests/unit/test.h"

static char bind[] = "MPOL_BIND", by_default[] = "MPOL_DEFAULT", bad[] = "MPOL_NONSENSE",
	    nodes[] = "0,65", not_nodes[] = "0-x", flag[] = "MPOL_F_STATIC_NODES",
	    bad_flag[] = "MPOL_F_NONSENSE";

TEST(absent_is_left_alone)
{
	struct memory_policy p = { .set = true };

	CHECK_INT(memory_policy_make(NULL, &p, NULL), 0);
	CHECK(!p.set);
	CHECK_INT(memory_policy_apply(&p, NULL), 0);
}

TEST(mode_flags_and_nodes_are_one_call)
{
	char *flags[] = { flag };
	struct spec_memory_policy s = { bind, nodes, { flags, 1 } };
	struct memory_policy p;

	CHECK_INT(memory_policy_make(&s, &p, NULL), 0);
	CHECK_INT(p.mode, MPOL_BIND | MPOL_F_STATIC_NODES);
	CHECK_INT(p.nodes[0], 1);
	CHECK_INT(p.nodes[64 / (8 * sizeof(long))] >> (64 % (8 * sizeof(long))), 2);
}

TEST(bad_policies_are_refused)
{
	char *flags[] = { bad_flag };
	struct spec_memory_policy mode = { bad, nodes, { NULL, 0 } };
	struct spec_memory_policy list = { bind, not_nodes, { NULL, 0 } };
	struct spec_memory_policy both = { by_default, nodes, { NULL, 0 } };
	struct spec_memory_policy word = { bind, nodes, { flags, 1 } };
	struct memory_policy p;
	struct err err = { 0 };

	CHECK_INT(memory_policy_make(&mode, &p, &err), -1);
	CHECK_STR(err.field, "/linux/memoryPolicy/mode");
	CHECK_INT(memory_policy_make(&list, &p, &err), -1);
	CHECK_STR(err.field, "/linux/memoryPolicy/nodes");
	CHECK_INT(memory_policy_make(&both, &p, &err), -1);
	CHECK_INT(memory_policy_make(&word, &p, &err), -1);
	CHECK_STR(err.field, "/linux/memoryPolicy/flags");
}
