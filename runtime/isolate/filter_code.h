/* SPDX-License-Identifier: Apache-2.0 */
/* filter_code.h - BPF instructions for seccomp rules
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

/* Jumps of any length to one place ahead: 0 before the first, then what the last gave; land makes
 * them all end here. */
size_t filter_code_jump(struct filter_code *c, size_t others);
void filter_code_land(struct filter_code *c, size_t jumps);

/* "If all conditions hold return action", else on to what comes next.  wide: the architecture's
 * arguments have 64 bits; else only the lower half counts, of the values too. */
void filter_code_rule(struct filter_code *c, const struct filter_condition *v, size_t n, bool wide,
		      uint32_t action);

/* What is done with all numbers from `from` up to the next segment. */
struct filter_segment {
	uint32_t from;
	uint32_t action;
	const void *rules; /* not NULL: not just the action */
};
struct filter_segments {
	struct filter_segment *v;
	size_t n, cap;
};

/* Segments come in order; one that begins where the last began replaces it, one that says the same
 * as the last is none. */
void filter_segments_add(struct filter_code *c, struct filter_segments *s,
			 const struct filter_segment *one);

/* A binary search for the accumulator, with leaf() called to put the code of each segment; that
 * code must not end by running on. */
typedef void filter_leaf(struct filter_code *c, const struct filter_segment *s, void *arg);
void filter_code_search(struct filter_code *c, const struct filter_segments *s, filter_leaf *leaf,
			void *arg);

#endif
