/* SPDX-License-Identifier: Apache-2.0 */
/* filter_eval_test.c - programs, good and broken ones */
#include <stddef.h>

#include "runtime/isolate/filter.h"
#include "tests/unit/test.h"

static uint32_t run(struct sock_filter *insn, size_t n)
{
	struct filter f = { .insn = insn, .n = n };
	struct seccomp_data d = { .nr = 39, .args = { 0x1122334455667788 } };

	return filter_eval(&f, &d);
}

TEST(an_empty_program_allows)
{
	CHECK_INT(run(NULL, 0), SECCOMP_RET_ALLOW);
}

TEST(numbers_and_halves_of_arguments_are_loaded)
{
	struct sock_filter v[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 39, 0, 1),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	uint64_t value = 0x1122334455667788;
	uint32_t first;

	memcpy(&first, &value, sizeof(first));
	CHECK_INT(run(v, 4), first);
}

TEST(arithmetic_and_memory)
{
	struct sock_filter v[] = {
		BPF_STMT(BPF_LD | BPF_IMM, 6),
		BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 7),
		BPF_STMT(BPF_ST, 3),
		BPF_STMT(BPF_LDX | BPF_MEM, 3),
		BPF_STMT(BPF_LD | BPF_IMM, 1),
		BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 4),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};

	CHECK_INT(run(v, 8), 58);
}

TEST(broken_programs_kill)
{
	struct sock_filter end[] = { BPF_STMT(BPF_LD | BPF_IMM, 0) };
	struct sock_filter far[] = { BPF_JUMP(BPF_JMP | BPF_JA, 0xffffffff, 0, 0),
				     BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_filter zero[] = { BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0),
				      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_filter odd[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2),
				     BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_filter beyond[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 sizeof(struct seccomp_data)),
					BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_filter memory[] = { BPF_STMT(BPF_ST, BPF_MEMWORDS),
					BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };

	CHECK_INT(run(end, 1), SECCOMP_RET_KILL_PROCESS);
	CHECK_INT(run(far, 2), SECCOMP_RET_KILL_PROCESS);
	CHECK_INT(run(zero, 2), SECCOMP_RET_KILL_PROCESS);
	CHECK_INT(run(odd, 2), SECCOMP_RET_KILL_PROCESS);
	CHECK_INT(run(beyond, 2), SECCOMP_RET_KILL_PROCESS);
	CHECK_INT(run(memory, 2), SECCOMP_RET_KILL_PROCESS);
}
