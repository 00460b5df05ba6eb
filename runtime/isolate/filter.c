/* SPDX-License-Identifier: Apache-2.0 */
/* filter.c - the seccomp profile as one BPF program
 *
 * The parent compiles, init only loads.  Two parts, one program:
 * The front, ours, has a section for each architecture.  It answers
 *   a number above the newest one that the profile names with ENOSYS, when the
 *   default is another errno (the profile's author can't have meant to forbid
 *   what did not exist, and C libraries fall back on ENOSYS only), and
 *   the numbers with conditions on arguments, rule by rule as the profile has
 *   them.  libseccomp 2.5 merges the conditions of several rules into one tree
 *   and gets unions of ranges wrong: "a < 2^63" and "a > 1" together let
 *   through less than each alone.
 * The rest is what libseccomp makes of the rules without conditions, as a
 * binary tree (its optimise level 2).  Architecture and number come first
 * everywhere, so that the kernel answers most numbers from its bitmap.
 * Invariants:
 * 1. Everything that has an influence on the program is in the cache's key,
 *    strings and lists with their length in front, so that no two profiles
 *    have one key.  (crun's left out errnoRet and joined strings.)
 * 2. A rule is never left out silently, but for names that libseccomp does not
 *    know, as the peers do; run.oci.seccomp_fail_unknown_syscall refuses them.
 * 3. Several conditions on one argument in one rule are alternatives, each a
 *    rule with that condition alone: so runc and crun read them, and profiles
 *    are written for that.  Otherwise all conditions must hold.
 * 4. Of the rules for one number that has conditions the first that holds
 *    decides; rules with the default action say nothing, as with the peers.
 * 5. A call that 32-bit architectures also reach through socketcall(2) or
 *    ipc(2) is left to libseccomp there.
 * runtime-spec config-linux.md "Seccomp"; seccomp(2), seccomp_rule_add(3).
 */
#include "runtime/isolate/filter.h"

#include <errno.h>
#include <limits.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "runtime/isolate/filter_cache.h"
#include "runtime/isolate/filter_code.h"
#include "runtime/isolate/filter_ready.h"

#define FAIL_ANNOTATION "run.oci.seccomp_fail_unknown_syscall"
#define COMPILER	"skerry-filter-2" /* changes when this file makes other programs */
#define X32_BIT		0x40000000U	  /* __X32_SYSCALL_BIT */
#define ARGS_MAX	6
#define CONDITIONS_MAX	64
#define ERRNO_MAX	4095U		  /* MAX_ERRNO of the kernel */
#define RULES_MAX	65536
#define ARCHS_MAX	32
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
# define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

const char *const filter_action_names[] = {
	"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS",
	"SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE",
	"SCMP_ACT_TRAP", NULL,
};
const char *const filter_operator_names[] = {
	"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT",
	"SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE", NULL,
};
/* In the order of filter_operator_names and of enum filter_op. */
static const enum scmp_compare operators[] = {
	SCMP_CMP_EQ, SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_LE, SCMP_CMP_LT, SCMP_CMP_MASKED_EQ,
	SCMP_CMP_NE,
};
const char *const filter_arch_names[] = {
	"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", "SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64",
	"SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32",
	"SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64", "SCMP_ARCH_PPC", "SCMP_ARCH_PPC64",
	"SCMP_ARCH_PPC64LE", "SCMP_ARCH_RISCV64", "SCMP_ARCH_S390", "SCMP_ARCH_S390X",
	"SCMP_ARCH_X32", "SCMP_ARCH_X86", "SCMP_ARCH_X86_64",
#ifdef SCMP_ARCH_LOONGARCH64
	"SCMP_ARCH_LOONGARCH64",
#endif
	NULL,
};
static const uint32_t archs[] = {
	SCMP_ARCH_AARCH64, SCMP_ARCH_ARM, SCMP_ARCH_MIPS, SCMP_ARCH_MIPS64,
	SCMP_ARCH_MIPS64N32, SCMP_ARCH_MIPSEL, SCMP_ARCH_MIPSEL64, SCMP_ARCH_MIPSEL64N32,
	SCMP_ARCH_PARISC, SCMP_ARCH_PARISC64, SCMP_ARCH_PPC, SCMP_ARCH_PPC64,
	SCMP_ARCH_PPC64LE, SCMP_ARCH_RISCV64, SCMP_ARCH_S390, SCMP_ARCH_S390X,
	SCMP_ARCH_X32, SCMP_ARCH_X86, SCMP_ARCH_X86_64,
#ifdef SCMP_ARCH_LOONGARCH64
	SCMP_ARCH_LOONGARCH64,
#endif
};
const char *const filter_flag_names[] = {
	"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC",
	"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", NULL,
};
static const unsigned int flags[] = {
	SECCOMP_FILTER_FLAG_LOG, SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_FILTER_FLAG_TSYNC,
	SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
};

/* --- words ---------------------------------------------------------------------- */

static int find_word(const char *const *names, const char *word)
{
	for (int i = 0; word != NULL && names[i] != NULL; i++) {
		if (strcmp(names[i], word) == 0)
			return i;
	}
	return -1;
}

static int bad_field(struct err *err, const char *what, const char *value, const char *format, ...)
	PRINTF(4, 5);
static int bad_field(struct err *err, const char *what, const char *value, const char *format, ...)
{
	char field[ERR_FIELD_MAX];
	AUTO_BUF pointer;
	va_list ap;

	buf_init(&pointer);
	buf_puts(&pointer, "/linux/seccomp/");
	va_start(ap, format);
	buf_vprintf(&pointer, format, ap);
	va_end(ap);
	(void)str_copy(field, sizeof(field), pointer.s);
	return err_field(err, EINVAL, field, "seccomp: bad %s \"%s\"", what,
			 value != NULL ? value : "");
}

/* A word and its errno to libseccomp's number: 0; 1 no such word; 2 an errno that doesn't belong. */
static int action_parse(const char *word, const struct opt_u64 *errno_ret, uint32_t *ret)
{
	static const struct { const char *word; uint32_t action; } plain[] = {
		{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
		{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD },
		{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
		{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
		{ "SCMP_ACT_LOG", SCMP_ACT_LOG },
		{ "SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY },
		{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
	};
	uint64_t code = errno_ret->has ? errno_ret->v : EPERM;

	if (word == NULL)
		return 1;
	if (strcmp(word, "SCMP_ACT_ERRNO") == 0) {
		*ret = SCMP_ACT_ERRNO((uint32_t)code);
		return code <= ERRNO_MAX ? 0 : 2;
	}
	if (strcmp(word, "SCMP_ACT_TRACE") == 0) {
		*ret = SCMP_ACT_TRACE((uint32_t)code);
		return code <= UINT16_MAX ? 0 : 2;
	}
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		if (strcmp(word, plain[i].word) == 0) {
			*ret = plain[i].action;
			return errno_ret->has ? 2 : 0;
		}
	}
	return 1;
}

static int make_flags(const struct spec_seccomp *s, struct filter *f, struct err *err)
{
	for (size_t i = 0; i < s->flags.n; i++) {
		int k = find_word(filter_flag_names, s->flags.v[i]);

		if (k < 0)
			return bad_field(err, "flag", s->flags.v[i], "flags/%zu", i);
		f->flags |= flags[k];
	}
	if (!f->notify) {
		/* without a listener it means nothing, and the kernel refuses it */
		f->flags &= ~(unsigned int)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
		return 0;
	}
	/* a listener's descriptor and a thread's id can't both be the result */
	if (f->flags & SECCOMP_FILTER_FLAG_TSYNC)
		f->flags |= SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
	f->flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	return 0;
}

/* --- the key ---------------------------------------------------------------------- */

static void key_u64(struct buf *key, uint64_t v)
{
	buf_add(key, &v, sizeof(v));
}

static void key_string(struct buf *key, const char *s)
{
	key_u64(key, s != NULL ? strlen(s) : UINT64_MAX);
	if (s != NULL)
		buf_puts(key, s);
}

static void key_strings(struct buf *key, const struct strings *list)
{
	key_u64(key, list->n);
	for (size_t i = 0; i < list->n; i++)
		key_string(key, list->v[i]);
}

static void key_opt(struct buf *key, const struct opt_u64 *v)
{
	key_u64(key, v->has);
	key_u64(key, v->has ? v->v : 0);
}

static void make_key(const struct spec_seccomp *s, bool fail_unknown, struct buf *key)
{
	const struct scmp_version *v = seccomp_version();

	key_string(key, COMPILER);
	key_u64(key, v->major);
	key_u64(key, v->minor);
	key_u64(key, v->micro);
	key_u64(key, seccomp_arch_native());
	key_u64(key, fail_unknown);
	key_string(key, s->defaultAction);
	key_opt(key, &s->defaultErrnoRet);
	key_strings(key, &s->architectures);
	key_u64(key, s->syscalls.n);
	for (size_t i = 0; i < s->syscalls.n; i++) {
		const struct spec_seccomp_rule *r = &s->syscalls.v[i];

		key_strings(key, &r->names);
		key_string(key, r->action);
		key_opt(key, &r->errnoRet);
		key_u64(key, r->args.n);
		for (size_t k = 0; k < r->args.n; k++) {
			key_u64(key, r->args.v[k].index);
			key_u64(key, r->args.v[k].value);
			key_u64(key, r->args.v[k].valueTwo);
			key_string(key, r->args.v[k].op);
		}
	}
}

/* --- compiling ----------------------------------------------------------------------- */

struct rule {
	int number;   /* of the native architecture, or libseccomp's pseudo number */
	size_t order; /* in the profile */
	uint32_t action;
	const char *name;
	const struct filter_condition *conditions;
	size_t n;
	bool alternatives; /* any of the conditions is enough */
	size_t index;	   /* for messages */
};

struct compiler {
	const struct spec_seccomp *spec;
	struct arena *arena;
	scmp_filter_ctx ctx;
	uint32_t default_action;
	bool fail_unknown;
	uint32_t archs[ARCHS_MAX];
	int64_t last[ARCHS_MAX]; /* newest number that a rule names, -1 none */
	size_t n_archs;
	struct rule *rules;
	size_t n_rules;
};

static void ctx_cleanup(struct compiler *c)
{
	if (c->ctx != NULL)
		seccomp_release(c->ctx);
}

static int add_arch(struct compiler *c, uint32_t arch)
{
	for (size_t i = 0; i < c->n_archs; i++) {
		if (c->archs[i] == arch)
			return 0;
	}
	c->last[c->n_archs] = -1;
	c->archs[c->n_archs++] = arch;
	if (arch == seccomp_arch_native())
		return 0; /* seccomp_init(3) begins with it */
	return seccomp_arch_add(c->ctx, arch);
}

static int add_archs(struct compiler *c, struct err *err)
{
	int r = add_arch(c, seccomp_arch_native());

	for (size_t i = 0; r == 0 && i < c->spec->architectures.n; i++) {
		int k = find_word(filter_arch_names, c->spec->architectures.v[i]);

		if (k < 0)
			return bad_field(err, "architecture", c->spec->architectures.v[i],
					 "architectures/%zu", i);
		r = add_arch(c, archs[k]);
	}
	if (r < 0)
		return err_set(err, -r, "seccomp: add an architecture: %s", strerror(-r));
	return 0;
}

/* Notes the number on each architecture, for the front. */
static void note_last(struct compiler *c, const char *name)
{
	for (size_t i = 0; i < c->n_archs; i++) {
		int number = seccomp_syscall_resolve_name_arch(c->archs[i], name);

		if (number > c->last[i])
			c->last[i] = number;
	}
}

static int make_conditions(struct compiler *c, size_t index, struct rule *r, struct err *err)
{
	const struct spec_seccomp_rule *from = &c->spec->syscalls.v[index];
	struct filter_condition *v = arena_array(c->arena, from->args.n + 1, sizeof(*v));
	unsigned int seen = 0;

	if (v == NULL)
		return err_sys(err, "seccomp: list conditions");
	if (from->args.n > CONDITIONS_MAX)
		return bad_field(err, "number of", "conditions", "syscalls/%zu/args", index);
	for (size_t i = 0; i < from->args.n; i++) {
		const struct spec_seccomp_arg *a = &from->args.v[i];
		int op = find_word(filter_operator_names, a->op);

		if (op < 0)
			return bad_field(err, "operator", a->op, "syscalls/%zu/args/%zu/op", index, i);
		if (a->index >= ARGS_MAX)
			return bad_field(err, "argument index", "above 5",
					 "syscalls/%zu/args/%zu/index", index, i);
		if (seen & (1U << a->index))
			r->alternatives = true;
		seen |= 1U << a->index;
		v[i] = (struct filter_condition){ a->index, (enum filter_op)op, a->value,
						  a->valueTwo };
	}
	r->conditions = v;
	r->n = from->args.n;
	return 0;
}

/* The names of one rule of the profile. */
static int collect_names(struct compiler *c, size_t index, struct rule *rule, struct err *err)
{
	const struct strings *names = &c->spec->syscalls.v[index].names;

	for (size_t k = 0; k < names->n; k++) {
		int number = seccomp_syscall_resolve_name(names->v[k]);

		if (number == __NR_SCMP_ERROR && c->fail_unknown)
			return bad_field(err, "system call", names->v[k], "syscalls/%zu/names/%zu",
					 index, k);
		if (number == __NR_SCMP_ERROR)
			continue;
		note_last(c, names->v[k]);
		if (rule->action == c->default_action)
			continue;
		rule->number = number;
		rule->order = c->n_rules;
		rule->name = names->v[k];
		c->rules[c->n_rules++] = *rule;
	}
	return 0;
}

/* One struct rule for each name of each rule of the profile that does something. */
static int collect_rules(struct compiler *c, struct err *err)
{
	size_t max = 0;

	for (size_t i = 0; i < c->spec->syscalls.n; i++)
		max += c->spec->syscalls.v[i].names.n;
	if (max > RULES_MAX)
		return err_field(err, E2BIG, "/linux/seccomp/syscalls", "seccomp: more than %d rules",
				 RULES_MAX);
	c->rules = arena_array(c->arena, max + 1, sizeof(*c->rules));
	if (c->rules == NULL)
		return err_sys(err, "seccomp: list rules");
	for (size_t i = 0; i < c->spec->syscalls.n; i++) {
		const struct spec_seccomp_rule *from = &c->spec->syscalls.v[i];
		struct rule rule = { .index = i };

		if (action_parse(from->action, &from->errnoRet, &rule.action) != 0)
			return bad_field(err, "action or errno of action", from->action,
					 "syscalls/%zu/action", i);
		if (make_conditions(c, i, &rule, err) < 0 || collect_names(c, i, &rule, err) < 0)
			return -1;
	}
	return 0;
}

/* Highest number first: libseccomp keeps a sorted list and looks from its low end, so each rule
 * finds its place at once. */
static int rule_compare(const void *pa, const void *pb)
{
	const struct rule *a = pa, *b = pb;

	if (a->number != b->number)
		return a->number > b->number ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

/* The rules of one number from `at` on: where they end, and has one conditions? */
static size_t group_end(const struct compiler *c, size_t at, bool *ret_conditions)
{
	size_t end = at;

	*ret_conditions = false;
	for (; end < c->n_rules && c->rules[end].number == c->rules[at].number; end++)
		*ret_conditions = *ret_conditions || c->rules[end].n > 0;
	return end;
}

/* --- libseccomp's part ------------------------------------------------------------------ */

static int add_rule(struct compiler *c, const struct rule *r, struct err *err)
{
	struct scmp_arg_cmp args[CONDITIONS_MAX];
	int result = 0;

	for (size_t i = 0; i < r->n; i++)
		args[i] = (struct scmp_arg_cmp){ .arg = r->conditions[i].index,
						 .op = operators[r->conditions[i].op],
						 .datum_a = r->conditions[i].value,
						 .datum_b = r->conditions[i].two };
	if (!r->alternatives)
		result = seccomp_rule_add_array(c->ctx, r->action, r->number, (unsigned int)r->n,
						args);
	for (size_t i = 0; r->alternatives && result == 0 && i < r->n; i++) {
		result = seccomp_rule_add_array(c->ctx, r->action, r->number, 1, &args[i]);
		if (result == -EEXIST)
			result = 0;
	}
	/* EEXIST: the same rule once more */
	if (result < 0 && result != -EEXIST)
		return bad_field(err, "rule", strerror(-result), "syscalls/%zu", r->index);
	return 0;
}

/* Is there an architecture where the front can't answer for the call? */
static bool is_for_library(const struct compiler *c, const struct rule *r)
{
	for (size_t i = 0; i < c->n_archs; i++) {
		int number = seccomp_syscall_resolve_name_arch(c->archs[i], r->name);

		/* -101 .. -120 and -201 .. -224; further down are calls that it does not have */
		if (number < 0 && number > -300)
			return true;
	}
	return false;
}

static int add_rules(struct compiler *c, struct err *err)
{
	bool conditions;

	for (size_t i = 0, end; i < c->n_rules; i = end) {
		end = group_end(c, i, &conditions);
		if (conditions && !is_for_library(c, &c->rules[i]))
			continue;
		for (size_t k = i; k < end; k++) {
			if (add_rule(c, &c->rules[k], err) < 0)
				return -1;
		}
	}
	return 0;
}

/* --- the front --------------------------------------------------------------------------- */

static bool wants_enosys(const struct compiler *c)
{
	uint32_t action = c->default_action & SECCOMP_RET_ACTION_FULL;

	return action == SECCOMP_RET_ERRNO && (c->default_action & SECCOMP_RET_DATA) != ENOSYS;
}

static void front_add(struct filter_code *code, unsigned int op, uint32_t k, uint8_t jt, uint8_t jf)
{
	filter_code_add(code, (struct sock_filter){ (uint16_t)op, jt, jf, k });
}

/* All rules of one number.  The number is in the accumulator when it comes here and when it goes on
 * to the next. */
static void front_group(const struct compiler *c, struct filter_code *code, size_t at, size_t end,
			size_t arch)
{
	uint32_t token = c->archs[arch];
	bool wide = token != SCMP_ARCH_X32 && (token & __AUDIT_ARCH_64BIT) != 0;
	int number = seccomp_syscall_resolve_name_arch(token, c->rules[at].name);
	size_t skip;

	if (number < 0)
		return;
	front_add(code, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 1, 0);
	skip = filter_code_jump(code);
	for (; at < end; at++) {
		const struct rule *r = &c->rules[at];

		if (!r->alternatives)
			filter_code_rule(code, r->conditions, r->n, wide, r->action);
		for (size_t i = 0; r->alternatives && i < r->n; i++)
			filter_code_rule(code, &r->conditions[i], 1, wide, r->action);
	}
	front_add(code, BPF_RET | BPF_K, c->default_action, 0, 0);
	filter_code_land(code, skip);
}

static void front_arch(const struct compiler *c, struct filter_code *code, size_t arch)
{
	uint32_t token = c->archs[arch];
	bool x32 = token == SCMP_ARCH_X32, conditions;
	size_t other, other_half = 0;

	front_add(code, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	front_add(code, BPF_JMP | BPF_JEQ | BPF_K, x32 ? AUDIT_ARCH_X86_64 : token, 1, 0);
	other = filter_code_jump(code);
	front_add(code, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	if (x32 || token == SCMP_ARCH_X86_64) {
		/* one architecture for both; x32 has a bit in the number */
		front_add(code, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, x32, !x32);
		other_half = filter_code_jump(code);
	}
	if (wants_enosys(c) && c->last[arch] >= 0) {
		uint32_t last = (uint32_t)c->last[arch] | (x32 ? X32_BIT : 0);

		front_add(code, BPF_JMP | BPF_JGT | BPF_K, last, 0, 1);
		front_add(code, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
	}
	for (size_t i = 0, end; i < c->n_rules; i = end) {
		end = group_end(c, i, &conditions);
		if (conditions)
			front_group(c, code, i, end, arch);
	}
	filter_code_land(code, other);
	if (other_half != 0)
		filter_code_land(code, other_half);
}

/* --- both ----------------------------------------------------------------------------------- */

/* The program that libseccomp writes to a file, behind the front. */
static int export_program(const struct compiler *c, struct filter *f, struct err *err)
{
	struct filter_code front = { .arena = c->arena };
	off_t size;
	int r;
	AUTO_FD fd = memfd_create("seccomp", MFD_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "seccomp: memory for the program");
	r = seccomp_export_bpf(c->ctx, fd);
	if (r < 0)
		return err_set(err, -r, "seccomp: compile the profile: %s", strerror(-r));
	size = lseek(fd, 0, SEEK_CUR);
	if (size <= 0 || (size_t)size % sizeof(*f->insn) != 0)
		return err_set(err, EIO, "seccomp: compile the profile: bad size");
	for (size_t i = 0; i < c->n_archs; i++)
		front_arch(c, &front, i);
	f->n = front.n + (size_t)size / sizeof(*f->insn);
	if (front.failed || f->n > BPF_MAXINSNS)
		return err_field(err, E2BIG, "/linux/seccomp",
				 "seccomp: the profile makes more than %d instructions, which is all "
				 "that the kernel takes", BPF_MAXINSNS);
	f->insn = arena_array(c->arena, f->n, sizeof(*f->insn));
	if (f->insn == NULL)
		return err_sys(err, "seccomp: memory for the program");
	memcpy(f->insn, front.v, front.n * sizeof(*f->insn));
	if (pread(fd, f->insn + front.n, (size_t)size, 0) != (ssize_t)size)
		return err_sys(err, "seccomp: read the program");
	return 0;
}

static int compile(const struct spec_seccomp *s, bool fail_unknown, struct arena *arena,
		   struct filter *f, struct err *err)
{
	struct compiler c CLEANUP(ctx_cleanup) = {
		.spec = s, .arena = arena, .fail_unknown = fail_unknown,
	};

	if (action_parse(s->defaultAction, &s->defaultErrnoRet, &c.default_action) != 0)
		return bad_field(err, "default action or errno of action", s->defaultAction,
				 "defaultAction");
	if (c.default_action == SCMP_ACT_NOTIFY)
		return bad_field(err, "default action", s->defaultAction, "defaultAction");
	/* Spares the library from asking the kernel: a dozen calls, and it does not matter, as the
	 * program is only made here.  Level 6 is all that 2.5 knows. */
	(void)seccomp_api_set(6);
	c.ctx = seccomp_init(c.default_action);
	if (c.ctx == NULL)
		return err_set(err, ENOMEM, "seccomp: begin a filter");
	if (seccomp_attr_set(c.ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) < 0 ||
	    seccomp_attr_set(c.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2) < 0)
		return err_set(err, EINVAL, "seccomp: set attributes");
	if (add_archs(&c, err) < 0 || collect_rules(&c, err) < 0)
		return -1;
	if (c.n_rules > 1)
		qsort(c.rules, c.n_rules, sizeof(*c.rules), rule_compare);
	if (add_rules(&c, err) < 0)
		return -1;
	return export_program(&c, f, err);
}

/* --- public --------------------------------------------------------------------------------- */

static bool has_notify(const struct spec_seccomp *s)
{
	for (size_t i = 0; i < s->syscalls.n; i++) {
		if (str_eq(s->syscalls.v[i].action, "SCMP_ACT_NOTIFY"))
			return true;
	}
	return false;
}

static int make_cached(const struct spec_seccomp *s, bool fail_unknown, int cache_dir,
		       struct arena *arena, struct filter *f, struct err *err)
{
	AUTO_BUF key;

	buf_init(&key);
	if (cache_dir >= 0)
		make_key(s, fail_unknown, &key);
	if (cache_dir >= 0 && !buf_failed(&key) &&
	    filter_cache_find(cache_dir, key.s, key.len, arena, &f->insn, &f->n)) {
		f->cached = true;
		return 0;
	}
	if (compile(s, fail_unknown, arena, f, err) < 0)
		return -1;
	if (cache_dir >= 0 && !buf_failed(&key))
		filter_cache_add(cache_dir, key.s, key.len, f->insn, f->n);
	return 0;
}

int filter_make(const struct spec_seccomp *seccomp, const struct spec *spec, int cache_dir,
		struct arena *arena, struct filter *ret, struct err *err)
{
	const char *ready = spec != NULL ? spec_annotation(spec, FILTER_READY_ANNOTATION) : NULL;
	const char *fail = spec != NULL ? spec_annotation(spec, FAIL_ANNOTATION) : NULL;
	bool fail_unknown = fail != NULL && strcmp(fail, "0") != 0 && strcmp(fail, "false") != 0;
	struct filter f = { .n = 0 };

	if (ready != NULL) {
		if (filter_ready_make(ready, arena, &f, err) < 0)
			return -1;
	} else if (seccomp != NULL) {
		f.notify = has_notify(seccomp);
		if (make_cached(seccomp, fail_unknown, cache_dir, arena, &f, err) < 0)
			return -1;
	}
	if (seccomp != NULL && make_flags(seccomp, &f, err) < 0)
		return -1;
	if (seccomp == NULL && f.notify)
		f.flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	*ret = f;
	return 0;
}

static int check_calls(const struct filter *f, const int *numbers, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		struct seccomp_data data = { .nr = numbers[i], .arch = seccomp_arch_native() };
		uint32_t action = filter_eval(f, &data) & SECCOMP_RET_ACTION_FULL;
		AUTO_FREE char *name = NULL;

		if (action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG)
			continue;
		name = seccomp_syscall_resolve_num_arch(data.arch, data.nr);
		return err_field(err, EPERM, "/linux/seccomp",
				 "seccomp: the profile does not allow system call \"%s\", which "
				 "starting the container needs", name != NULL ? name : "?");
	}
	return 0;
}

int filter_check_calls(const struct filter *f, bool early, struct err *err)
{
	/* what has a fallback or can't fail (close_range, close, umask) is not here */
	static const int late_calls[] = { SYS_read, SYS_sendmsg, SYS_prctl, SYS_execve };
	static const int early_calls[] = {
		SYS_setgroups, SYS_getgroups, SYS_setresgid, SYS_setresuid, SYS_getresgid,
		SYS_getresuid, SYS_capset, SYS_capget, SYS_chdir, SYS_getcwd,
	};

	if (f->n == 0)
		return 0;
	if (early && check_calls(f, early_calls, ARRAY_SIZE(early_calls), err) < 0)
		return -1;
	return check_calls(f, late_calls, ARRAY_SIZE(late_calls), err);
}

int filter_apply(const struct filter *f, int *ret_notify_fd, struct err *err)
{
	struct sock_fprog program = { .len = (unsigned short)f->n, .filter = f->insn };
	long r;

	*ret_notify_fd = -1;
	if (f->n == 0)
		return 0;
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, f->flags, &program);
	if (r < 0)
		return err_sys(err, "load the seccomp filter");
	if (f->notify)
		*ret_notify_fd = (int)r;
	else if (r > 0)
		return err_set(err, EAGAIN, "load the seccomp filter: thread %ld can't take it", r);
	return 0;
}

bool filter_flag_works(const char *name)
{
	int k = find_word(filter_flag_names, name);
	unsigned int bits;

	if (k < 0)
		return false;
	bits = flags[k];
	if (bits == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
		bits |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	/* flags are looked at before the program, and there is none */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, bits, NULL) < 0 && errno == EFAULT;
}

void filter_library_version(char *dst, size_t size)
{
	const struct scmp_version *v = seccomp_version();

	if (str_format(dst, size, "%u.%u.%u", v->major, v->minor, v->micro) < 0 && size > 0)
		dst[0] = '\0';
}
