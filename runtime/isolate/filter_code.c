/* SPDX-License-Identifier: Apache-2.0 */
/* filter_code.c - BPF instructions for seccomp rules
 *
 * Numbers are looked for by bisection over segments of equal treatment: an
 * allow list of a few hundred calls has only some dozen.
 * Conditions: BPF compares 32 bits, an argument has 64: the upper half decides unless it
 * is equal.  A condition is a few instructions that end with the next one
 * where it holds and jump away where it doesn't; those jumps are marked with
 * FAIL and get their distance when the end of the rule is known.
 * seccomp(2); the kernel's Documentation/networking/filter.rst.
 */
#include "runtime/isolate/filter_code.h"

#include <errno.h>
#include <linux/seccomp.h>

#define FAIL 255 /* longer than any real distance within a rule of six conditions */

void filter_code_add(struct filter_code *c, struct sock_filter insn)
{
	struct sock_filter *v;

	if (c->failed)
		return;
	v = c->n < BPF_MAXINSNS ? arena_grow(c->arena, c->v, c->n, &c->cap, sizeof(*v)) : NULL;
	if (v == NULL) {
		c->failed = true;
		return;
	}
	c->v = v;
	c->v[c->n++] = insn;
}

static void statement(struct filter_code *c, unsigned int code, uint32_t k)
{
	filter_code_add(c, (struct sock_filter){ (uint16_t)code, 0, 0, k });
}

static void jump(struct filter_code *c, unsigned int op, uint32_t k, uint8_t jt, uint8_t jf)
{
	filter_code_add(c, (struct sock_filter){ (uint16_t)(BPF_JMP | BPF_K | op), jt, jf, k });
}

/* The jumps to one place are a list through their distances until it is known. */
size_t filter_code_jump(struct filter_code *c, size_t others)
{
	statement(c, BPF_JMP | BPF_JA, (uint32_t)others);
	return c->n - 1;
}

void filter_code_land(struct filter_code *c, size_t jumps)
{
	while (!c->failed && jumps != 0) {
		size_t next = c->v[jumps].k;

		c->v[jumps].k = (uint32_t)(c->n - jumps - 1);
		jumps = next;
	}
}

void filter_segments_add(struct filter_code *c, struct filter_segments *s,
			 const struct filter_segment *one)
{
	const struct filter_segment *last;

	if (s->n > 0 && s->v[s->n - 1].from == one->from)
		s->n--;
	last = s->n > 0 ? &s->v[s->n - 1] : NULL;
	if (c->failed || (last != NULL && last->action == one->action && last->rules == one->rules))
		return;
	s->v = arena_grow(c->arena, s->v, s->n, &s->cap, sizeof(*s->v));
	if (s->v == NULL) {
		c->failed = true;
		return;
	}
	s->v[s->n++] = *one;
}

static void search(struct filter_code *c, const struct filter_segments *s, filter_leaf *leaf,
		   void *arg)
{
	struct filter_segments lower = { s->v, s->n / 2, 0 };
	struct filter_segments upper = { s->v + lower.n, s->n - lower.n, 0 };
	size_t up;

	if (c->failed)
		return;
	if (s->n == 1) {
		leaf(c, s->v, arg);
		return;
	}
	jump(c, BPF_JGE, upper.v[0].from, 0, 1);
	up = filter_code_jump(c, 0);
	search(c, &lower, leaf, arg);
	filter_code_land(c, up);
	search(c, &upper, leaf, arg);
}

void filter_code_search(struct filter_code *c, const struct filter_segments *s, filter_leaf *leaf,
			void *arg)
{
	if (s->n > 0)
		search(c, s, leaf, arg);
}

static void load(struct filter_code *c, unsigned int index, bool upper)
{
	size_t at = offsetof(struct seccomp_data, args) + index * sizeof(uint64_t);

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	upper = !upper;
#endif
	statement(c, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(at + (upper ? sizeof(uint32_t) : 0)));
}

/* Where the upper halves differ the answer is known: skip the lower ones or fail. */
static void upper_half(struct filter_code *c, const struct filter_condition *v)
{
	uint32_t k = (uint32_t)(v->value >> 32);

	load(c, v->index, true);
	switch (v->op) {
	case OP_EQ:
		jump(c, BPF_JEQ, k, 0, FAIL);
		return;
	case OP_NE:
		jump(c, BPF_JEQ, k, 0, 2);
		return;
	case OP_GE:
	case OP_GT:
		jump(c, BPF_JGT, k, 3, 0);
		jump(c, BPF_JEQ, k, 0, FAIL);
		return;
	case OP_LE:
	case OP_LT:
		jump(c, BPF_JGT, k, FAIL, 0);
		jump(c, BPF_JEQ, k, 0, 2);
		return;
	case OP_MASKED_EQ:
		statement(c, BPF_ALU | BPF_AND | BPF_K, k);
		jump(c, BPF_JEQ, (uint32_t)(v->two >> 32) & k, 0, FAIL);
		return;
	}
}

/* Two instructions, but for MASKED_EQ: the distances above count on it. */
static void lower_half(struct filter_code *c, const struct filter_condition *v)
{
	uint32_t k = (uint32_t)v->value;

	load(c, v->index, false);
	switch (v->op) {
	case OP_EQ:
		jump(c, BPF_JEQ, k, 0, FAIL);
		return;
	case OP_NE:
		jump(c, BPF_JEQ, k, FAIL, 0);
		return;
	case OP_GE:
		jump(c, BPF_JGE, k, 0, FAIL);
		return;
	case OP_GT:
		jump(c, BPF_JGT, k, 0, FAIL);
		return;
	case OP_LE:
		jump(c, BPF_JGT, k, FAIL, 0);
		return;
	case OP_LT:
		jump(c, BPF_JGE, k, FAIL, 0);
		return;
	case OP_MASKED_EQ:
		statement(c, BPF_ALU | BPF_AND | BPF_K, k);
		jump(c, BPF_JEQ, (uint32_t)v->two & k, 0, FAIL);
		return;
	}
}

void filter_code_rule(struct filter_code *c, const struct filter_condition *v, size_t n, bool wide,
		      uint32_t action)
{
	size_t begin = c->n;

	for (size_t i = 0; i < n; i++) {
		if (wide)
			upper_half(c, &v[i]);
		lower_half(c, &v[i]);
	}
	statement(c, BPF_RET | BPF_K, action);
	for (size_t at = begin; !c->failed && at < c->n; at++) {
		struct sock_filter *i = &c->v[at];

		if (BPF_CLASS(i->code) != BPF_JMP)
			continue;
		if (i->jt == FAIL)
			i->jt = (uint8_t)(c->n - at - 1);
		if (i->jf == FAIL)
			i->jf = (uint8_t)(c->n - at - 1);
	}
}
