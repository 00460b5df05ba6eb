/* SPDX-License-Identifier: Apache-2.0 */
/* filter_code.h - BPF instructions for the conditions of a seccomp rule
 *
 * Only for filter.c.  Failure is sticky and asked for once at the end.
 */
#ifndef SKERRY_RUNTIME_ISOLATE_FILTER_CODE_H
#define SKERRY_RUNTIME_ISOLATE_FILTER_CODE_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct filter_code {
	struct arena *arena;
	struct sock_filter *v;
	size_t n, cap;
	bool failed; /* no memory, or more than the kernel takes */
};

enum filter_op { OP_EQ, OP_GE, OP_GT, OP_LE, OP_LT, OP_MASKED_EQ, OP_NE };
struct filter_condition {
	unsigned int index; /* of the argument */
	enum filter_op op;
	uint64_t value, two; /* MASKED_EQ: (argument & value) == (two & value) */
};

/* One instruction: BPF_STMT with jt and jf 0, or BPF_JUMP. */
void filter_code_add(struct filter_code *c, struct sock_filter insn);

/* A jump of any length to the place where filter_code_land() is called with its result. */
size_t filter_code_jump(struct filter_code *c);
void filter_code_land(struct filter_code *c, size_t jump);

/* "If all conditions hold return action", else on to what comes next.  wide: the architecture's
 * arguments have 64 bits; else only the lower half counts, of the values too. */
void filter_code_rule(struct filter_code *c, const struct filter_condition *v, size_t n, bool wide,
		      uint32_t action);

#endif
