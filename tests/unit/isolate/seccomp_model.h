/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp_model.h - what a seccomp profile means, without BPF
 *
 * An interpreter of the rules as config-linux.md words them, for the unit test
 * and the fuzz target of runtime/isolate/filter.c.
 */
#ifndef SKERRY_TESTS_UNIT_ISOLATE_SECCOMP_MODEL_H
#define SKERRY_TESTS_UNIT_ISOLATE_SECCOMP_MODEL_H

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include "runtime/spec/spec.h"

#define X32_BIT	    0x40000000
#define MODEL_CALLS (sizeof(model_calls) / sizeof(model_calls[0]))

#if defined(__x86_64__)
# define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
# define NATIVE AUDIT_ARCH_AARCH64
#else
# error "name the audit architecture here"
#endif

static const struct {
	const char *name;
	int number;
} model_calls[] = {
	{ "read", SYS_read },	    { "write", SYS_write },
	{ "openat", SYS_openat },   { "close", SYS_close },
	{ "mmap", SYS_mmap },	    { "mprotect", SYS_mprotect },
	{ "ioctl", SYS_ioctl },	    { "socket", SYS_socket },
	{ "connect", SYS_connect }, { "clone", SYS_clone },
	{ "execve", SYS_execve },   { "kill", SYS_kill },
	{ "ptrace", SYS_ptrace },   { "prctl", SYS_prctl },
	{ "mount", SYS_mount },	    { "keyctl", SYS_keyctl },
	{ "unshare", SYS_unshare }, { "setns", SYS_setns },
	{ "seccomp", SYS_seccomp }, { "bpf", SYS_bpf },
	{ "statx", SYS_statx },	    { "personality", SYS_personality },
	{ "clone3", SYS_clone3 },
};

static inline bool model_condition(const struct spec_seccomp_arg *a, const struct seccomp_data *d)
{
	uint64_t v = d->args[a->index];

	if (strcmp(a->op, "SCMP_CMP_NE") == 0)
		return v != a->value;
	if (strcmp(a->op, "SCMP_CMP_LT") == 0)
		return v < a->value;
	if (strcmp(a->op, "SCMP_CMP_LE") == 0)
		return v <= a->value;
	if (strcmp(a->op, "SCMP_CMP_EQ") == 0)
		return v == a->value;
	if (strcmp(a->op, "SCMP_CMP_GE") == 0)
		return v >= a->value;
	if (strcmp(a->op, "SCMP_CMP_GT") == 0)
		return v > a->value;
	/* as libseccomp: bits outside the mask are not looked at on either side */
	return (v & a->value) == (a->valueTwo & a->value);
}

static inline bool model_rule(const struct spec_seccomp_rule *r, const struct seccomp_data *d)
{
	bool twice = false, all = true, any = false;

	for (size_t i = 0; i < r->args.n; i++) {
		bool holds = model_condition(&r->args.v[i], d);

		all = all && holds;
		any = any || holds;
		for (size_t k = 0; k < i; k++)
			twice = twice || r->args.v[k].index == r->args.v[i].index;
	}
	return twice ? any : all;
}

static inline uint32_t model_action(const char *action, const struct opt_u64 *code)
{
	uint32_t v = code->has ? (uint32_t)code->v : EPERM;

	if (strcmp(action, "SCMP_ACT_ALLOW") == 0)
		return SECCOMP_RET_ALLOW;
	if (strcmp(action, "SCMP_ACT_ERRNO") == 0)
		return SECCOMP_RET_ERRNO | v;
	if (strcmp(action, "SCMP_ACT_TRACE") == 0)
		return SECCOMP_RET_TRACE | v;
	if (strcmp(action, "SCMP_ACT_LOG") == 0)
		return SECCOMP_RET_LOG;
	if (strcmp(action, "SCMP_ACT_TRAP") == 0)
		return SECCOMP_RET_TRAP;
	if (strcmp(action, "SCMP_ACT_NOTIFY") == 0)
		return SECCOMP_RET_USER_NOTIF;
	if (strcmp(action, "SCMP_ACT_KILL_PROCESS") == 0)
		return SECCOMP_RET_KILL_PROCESS;
	return SECCOMP_RET_KILL_THREAD;
}

static inline int model_number(const char *name)
{
	for (size_t i = 0; i < MODEL_CALLS; i++) {
		if (strcmp(model_calls[i].name, name) == 0)
			return model_calls[i].number;
	}
	return -1;
}

/* What happens to a call of the machine's own architecture. */
static inline uint32_t model_answer(const struct spec_seccomp *s, const struct seccomp_data *d)
{
	uint32_t by_default = model_action(s->defaultAction, &s->defaultErrnoRet);
	int last = -1;

	if (NATIVE == AUDIT_ARCH_X86_64 && d->nr >= X32_BIT)
		return SECCOMP_RET_KILL_PROCESS;
	for (size_t i = 0; i < s->syscalls.n; i++) {
		const struct spec_seccomp_rule *r = &s->syscalls.v[i];
		uint32_t action = model_action(r->action, &r->errnoRet);

		for (size_t k = 0; k < r->names.n; k++) {
			int number = model_number(r->names.v[k]);

			last = number > last ? number : last;
			if (number == d->nr && action != by_default && model_rule(r, d))
				return action;
		}
	}
	if ((by_default & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO && last >= 0 &&
	    d->nr > last)
		return SECCOMP_RET_ERRNO | ENOSYS;
	return by_default;
}

#endif
