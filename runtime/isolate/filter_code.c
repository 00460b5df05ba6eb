/* SPDX-License-Identifier: Apache-2.0 */
/* filter_code.c - BPF instructions for seccomp rules
 *
 * Numbers are looked for by bisection over segments of equal treatment: an
 * allow list of a few hundred calls has only some dozen.  Each cut is one
 * instruction, as long as what it leads to is not further than its 8 bits reach;
 * else a jump is put between, or for an action another return.  The kernel
 * translates the program for each process anew, in time that grows with its
 * length, and runs it for each number to have a map of those with one answer:
 * so bisection is by numbers, not by segments.
 * Conditions: BPF compares 32 bits, an argument has 64: the upper half decides
 * unless it is equal.
 * seccomp(2); the kernel's Documentation/networking/filter.rst.
 */
#include "runtime/isolate/filter_code.h"

#include <errno.h>
#include <linux/seccomp.h>

#define NUMBERS 512 /* about as many as there are: an architecture's newest call is 470 or so */

static size_t add(struct filter_code *c, struct sock_filter insn)
{
	struct sock_filter *v;

	if (c->failed)
		return 0;
	v = c->n < BPF_MAXINSNS ? arena_grow(c->arena, c->v, c->n, &c->cap, sizeof(*v)) : NULL;
	if (v == NULL) {
		c->failed = true;
		return 0;
	}
	c->v = v;
	c->v[c->n] = insn;
	return c->n++;
}

size_t filter_code_add(struct filter_code *c, unsigned int code, uint32_t k)
{
	return add(c, (struct sock_filter){ (uint16_t)code, 0, 0, k });
}

size_t filter_code_add_all(struct filter_code *c, const struct sock_filter *v, size_t n)
{
	size_t place = 0;

	for (size_t i = n; i > 0; i--)
		place = add(c, v[i - 1]);
	return place;
}

void filter_code_copy(const struct filter_code *c, struct sock_filter *dst)
{
	for (size_t i = 0; i < c->n; i++)
		dst[i] = c->v[c->n - 1 - i];
}

/* How many instructions the next one would jump over. */
static size_t distance(const struct filter_code *c, size_t place)
{
	return c->n - place - 1;
}

void filter_code_enter(struct filter_code *c, size_t place)
{
	if (!c->failed && place != c->n - 1)
		(void)filter_code_add(c, BPF_JMP | BPF_JA, (uint32_t)distance(c, place));
}

/* Still in reach when another instruction has been put between? */
static bool is_near(const struct filter_code *c, size_t place)
{
	return distance(c, place) < UINT8_MAX;
}

size_t filter_code_return(struct filter_code *c, uint32_t action)
{
	size_t i = 0;

	while (i < c->n_returns && c->v[c->returns[i]].k != action)
		i++;
	if (i < c->n_returns && is_near(c, c->returns[i]))
		return c->returns[i];
	if (i == FILTER_RETURNS)
		return filter_code_add(c, BPF_RET | BPF_K, action);
	if (i == c->n_returns)
		c->n_returns++;
	c->returns[i] = filter_code_add(c, BPF_RET | BPF_K, action);
	return c->returns[i];
}

/* The same place, or one in reach that leads there. */
static size_t reach(struct filter_code *c, size_t place)
{
	if (c->failed || is_near(c, place))
		return place;
	if (c->v[place].code == (BPF_RET | BPF_K))
		return filter_code_return(c, c->v[place].k);
	if (!c->hopped || c->far != place || !is_near(c, c->hop)) {
		c->hopped = true;
		c->far = place;
		c->hop = filter_code_add(c, BPF_JMP | BPF_JA, (uint32_t)distance(c, place));
	}
	return c->hop;
}

size_t filter_code_branch(struct filter_code *c, unsigned int op, uint32_t k, size_t yes, size_t no)
{
	/* the second may put an instruction between, but then the first is near enough for it */
	yes = reach(c, yes);
	no = reach(c, no);
	return add(c,
		   (struct sock_filter){ (uint16_t)(BPF_JMP | BPF_K | op),
					 (uint8_t)distance(c, yes), (uint8_t)distance(c, no), k });
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

/* Numbers below `from` that there are. */
static long numbers(uint32_t from)
{
	return from < NUMBERS ? (long)from : NUMBERS;
}

/* Before which segment to cut, so that about as many calls lie below as from there to `end`. */
static size_t middle(const struct filter_segments *s, uint32_t end)
{
	long half = (numbers(s->v[0].from) + numbers(end)) / 2;
	size_t i = 1;

	while (i + 1 < s->n && numbers(s->v[i].from) < half)
		i++;
	if (i > 1 && half - numbers(s->v[i - 1].from) < numbers(s->v[i].from) - half)
		i--;
	/* none of them here: halves */
	return numbers(s->v[0].from) == numbers(end) ? s->n / 2 : i;
}

static size_t search(struct filter_code *c, const struct filter_segments *s, uint32_t end,
		     filter_leaf *leaf, void *arg)
{
	struct filter_segments lower = { s->v, 1, 0 }, upper;
	size_t yes, no;

	if (c->failed)
		return 0;
	if (s->n == 1 && s->v[0].rules == NULL)
		return filter_code_return(c, s->v[0].action);
	if (s->n == 1)
		return leaf(c, s->v, arg);
	lower.n = middle(s, end);
	upper = (struct filter_segments){ s->v + lower.n, s->n - lower.n, 0 };
	yes = search(c, &upper, end, leaf, arg);
	no = search(c, &lower, upper.v[0].from, leaf, arg);
	return filter_code_branch(c, BPF_JGE, upper.v[0].from, yes, no);
}

size_t filter_code_search(struct filter_code *c, const struct filter_segments *s, filter_leaf *leaf,
			  void *arg)
{
	return s->n > 0 ? search(c, s, UINT32_MAX, leaf, arg) : 0;
}

static size_t load(struct filter_code *c, unsigned int index, bool upper)
{
	size_t at = offsetof(struct seccomp_data, args) + index * sizeof(uint64_t);

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	upper = !upper;
#endif
	return filter_code_add(c, BPF_LD | BPF_W | BPF_ABS,
			       (uint32_t)(at + (upper ? sizeof(uint32_t) : 0)));
}

/* Where the upper halves differ the answer is known; else it is the lower ones'. */
static size_t upper_half(struct filter_code *c, const struct filter_condition *v, size_t lower,
			 size_t yes, size_t no)
{
	uint32_t k = (uint32_t)(v->value >> 32);
	size_t equal;

	switch (v->op) {
	case OP_EQ:
		(void)filter_code_branch(c, BPF_JEQ, k, lower, no);
		break;
	case OP_NE:
		(void)filter_code_branch(c, BPF_JEQ, k, lower, yes);
		break;
	case OP_GE:
	case OP_GT:
		equal = filter_code_branch(c, BPF_JEQ, k, lower, no);
		(void)filter_code_branch(c, BPF_JGT, k, yes, equal);
		break;
	case OP_LE:
	case OP_LT:
		equal = filter_code_branch(c, BPF_JEQ, k, lower, yes);
		(void)filter_code_branch(c, BPF_JGT, k, no, equal);
		break;
	case OP_MASKED_EQ:
		if (k == 0) /* nothing is asked of it */
			return lower;
		(void)filter_code_branch(c, BPF_JEQ, (uint32_t)(v->two >> 32) & k, lower, no);
		(void)filter_code_add(c, BPF_ALU | BPF_AND | BPF_K, k);
		break;
	}
	return load(c, v->index, true);
}

static size_t lower_half(struct filter_code *c, const struct filter_condition *v, size_t yes,
			 size_t no)
{
	uint32_t k = (uint32_t)v->value;

	switch (v->op) {
	case OP_EQ:
		(void)filter_code_branch(c, BPF_JEQ, k, yes, no);
		break;
	case OP_NE:
		(void)filter_code_branch(c, BPF_JEQ, k, no, yes);
		break;
	case OP_GE:
		(void)filter_code_branch(c, BPF_JGE, k, yes, no);
		break;
	case OP_GT:
		(void)filter_code_branch(c, BPF_JGT, k, yes, no);
		break;
	case OP_LE:
		(void)filter_code_branch(c, BPF_JGT, k, no, yes);
		break;
	case OP_LT:
		(void)filter_code_branch(c, BPF_JGE, k, no, yes);
		break;
	case OP_MASKED_EQ:
		if (k == 0)
			return yes;
		(void)filter_code_branch(c, BPF_JEQ, (uint32_t)v->two & k, yes, no);
		(void)filter_code_add(c, BPF_ALU | BPF_AND | BPF_K, k);
		break;
	}
	return load(c, v->index, false);
}

size_t filter_code_rule(struct filter_code *c, const struct filter_condition *v, size_t n,
			bool wide, size_t yes, size_t no)
{
	for (size_t i = n; i > 0; i--) {
		size_t lower = lower_half(c, &v[i - 1], yes, no);

		yes = wide ? upper_half(c, &v[i - 1], lower, yes, no) : lower;
	}
	return yes;
}
