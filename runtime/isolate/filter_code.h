/* SPDX-License-Identifier: Apache-2.0 */
/* filter_code.h - BPF instructions for seccomp rules
 *
 * Only for filter.c.  A program is made from its end to its beginning: jumps of BPF
 * lead ahead only, so where one goes is there when it is put, and all of them share
 * what returns an action.  A place is an instruction that is there already, as how many
 * follow it.  Failure is sticky and asked for once at the end.
 */
#ifndef SKERRY_RUNTIME_ISOLATE_FILTER_CODE_H
#define SKERRY_RUNTIME_ISOLATE_FILTER_CODE_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define FILTER_RETURNS 16 /* actions with an instruction that is remembered */

struct filter_code {
	struct arena *arena;
	struct sock_filter *v; /* the last one first */
	size_t n, cap;
	size_t returns[FILTER_RETURNS], n_returns; /* the last instruction for each action */
	bool hopped; /* `hop` is a jump to `far` */
	size_t far, hop;
	bool failed; /* no memory, or more than the kernel takes */
};

enum filter_op { OP_EQ, OP_GE, OP_GT, OP_LE, OP_LT, OP_MASKED_EQ, OP_NE };
struct filter_condition {
	unsigned int index; /* of the argument */
	enum filter_op op;
	uint64_t value, two; /* MASKED_EQ: (argument & value) == (two & value) */
};

/* One instruction before all others: BPF_STMT with jt and jf 0.  Returns its place. */
size_t filter_code_add(struct filter_code *c, unsigned int code, uint32_t k);

/* n instructions of a whole program. */
size_t filter_code_add_all(struct filter_code *c, const struct sock_filter *v, size_t n);

/* What is put next runs on to the place. */
void filter_code_enter(struct filter_code *c, size_t place);

/* A place that returns the action. */
size_t filter_code_return(struct filter_code *c, uint32_t action);

/* "If the accumulator is (op: BPF_JEQ, BPF_JGE, BPF_JGT) k, go on at one place, else at another",
 * at any distance. */
size_t filter_code_branch(struct filter_code *c, unsigned int op, uint32_t k, size_t yes,
			  size_t no);

/* "If all conditions hold go on at one place, else at another."  wide: the architecture's
 * arguments have 64 bits; else only the lower half counts, of the values too. */
size_t filter_code_rule(struct filter_code *c, const struct filter_condition *v, size_t n,
			bool wide, size_t yes, size_t no);

/* The program, in its own order, into c->n instructions. */
void filter_code_copy(const struct filter_code *c, struct sock_filter *dst);

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

/* A binary search for the accumulator among one segment or more; leaf() puts the code of each that
 * is not just an action and returns its place. */
typedef size_t filter_leaf(struct filter_code *c, const struct filter_segment *s, void *arg);
size_t filter_code_search(struct filter_code *c, const struct filter_segments *s, filter_leaf *leaf,
			  void *arg);

#endif
