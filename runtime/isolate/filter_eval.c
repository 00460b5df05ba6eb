/* SPDX-License-Identifier: Apache-2.0 */
/* filter_eval.c - runs a seccomp program outside the kernel
 *
 * The instructions that seccomp_check_filter() of kernel/seccomp.c lets
 * through, with its limits; a program that breaks one of them kills.  Jumps go
 * forward only, so every run ends.
 * bpf(4) of the BSDs; the kernel's Documentation/networking/filter.rst.
 */
#include <string.h>

#include "runtime/isolate/filter.h"

struct machine {
	uint32_t a, x;
	uint32_t mem[BPF_MEMWORDS];
};

/* The value of an arithmetic instruction; false for one the kernel refuses. */
static bool eval_alu(struct machine *m, const struct sock_filter *i)
{
	uint32_t v = BPF_SRC(i->code) == BPF_X ? m->x : i->k;

	switch (BPF_OP(i->code)) {
	case BPF_ADD:
		m->a += v;
		return true;
	case BPF_SUB:
		m->a -= v;
		return true;
	case BPF_MUL:
		m->a *= v;
		return true;
	case BPF_DIV:
		if (v == 0)
			return false;
		m->a /= v;
		return true;
	case BPF_AND:
		m->a &= v;
		return true;
	case BPF_OR:
		m->a |= v;
		return true;
	case BPF_XOR:
		m->a ^= v;
		return true;
	case BPF_LSH:
		m->a = v < 32 ? m->a << v : 0;
		return true;
	case BPF_RSH:
		m->a = v < 32 ? m->a >> v : 0;
		return true;
	case BPF_NEG:
		m->a = 0U - m->a;
		return true;
	}
	return false;
}

/* How many instructions a jump skips, or -1. */
static int64_t eval_jump(const struct machine *m, const struct sock_filter *i)
{
	uint32_t v = BPF_SRC(i->code) == BPF_X ? m->x : i->k;

	switch (BPF_OP(i->code)) {
	case BPF_JA:
		return i->k;
	case BPF_JEQ:
		return m->a == v ? i->jt : i->jf;
	case BPF_JGT:
		return m->a > v ? i->jt : i->jf;
	case BPF_JGE:
		return m->a >= v ? i->jt : i->jf;
	case BPF_JSET:
		return (m->a & v) != 0 ? i->jt : i->jf;
	}
	return -1;
}

static bool eval_load(struct machine *m, const struct sock_filter *i,
		      const struct seccomp_data *data)
{
	uint32_t *to = BPF_CLASS(i->code) == BPF_LDX ? &m->x : &m->a;

	switch (i->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		if (i->k % sizeof(*to) != 0 || i->k >= sizeof(*data))
			return false;
		memcpy(to, (const char *)data + i->k, sizeof(*to));
		return true;
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_IMM:
		*to = i->k;
		return true;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
		if (i->k >= BPF_MEMWORDS)
			return false;
		*to = m->mem[i->k];
		return true;
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
		*to = sizeof(*data);
		return true;
	}
	return false;
}

/* Anything but jump and return; false for what the kernel refuses. */
static bool eval_step(struct machine *m, const struct sock_filter *i,
		      const struct seccomp_data *data)
{
	switch (BPF_CLASS(i->code)) {
	case BPF_LD:
	case BPF_LDX:
		return eval_load(m, i, data);
	case BPF_ST:
	case BPF_STX:
		if (i->k >= BPF_MEMWORDS)
			return false;
		m->mem[i->k] = BPF_CLASS(i->code) == BPF_ST ? m->a : m->x;
		return true;
	case BPF_ALU:
		return eval_alu(m, i);
	case BPF_MISC:
		if (BPF_MISCOP(i->code) == BPF_TAX)
			m->x = m->a;
		else
			m->a = m->x;
		return true;
	}
	return false;
}

uint32_t filter_eval(const struct filter *f, const struct seccomp_data *data)
{
	struct machine m = { 0 };

	for (size_t pc = 0; pc < f->n; pc++) {
		const struct sock_filter *i = &f->insn[pc];
		int64_t skip;

		switch (BPF_CLASS(i->code)) {
		case BPF_RET:
			return BPF_RVAL(i->code) == BPF_A ? m.a : i->k;
		case BPF_JMP:
			skip = eval_jump(&m, i);
			if (skip < 0 || (uint64_t)skip >= f->n - pc)
				return SECCOMP_RET_KILL_PROCESS;
			pc += (size_t)skip;
			break;
		default:
			if (!eval_step(&m, i, data))
				return SECCOMP_RET_KILL_PROCESS;
		}
	}
	return f->n == 0 ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS;
}
