/* SPDX-License-Identifier: Apache-2.0 */
/* filter.c - the seccomp profile as one BPF program
 *
 * The parent compiles, init only loads.  Names are libseccomp's business, on
 * every architecture; the program is ours: for each architecture a bisection
 * of the numbers, with the rules that have conditions at its leaves.  The
 * whole program of libseccomp 2.5 was tried first.  It is wrong: the
 * conditions of several rules are merged into one tree, and unions of ranges
 * come out too small ("a < 2^63" or "a > 1" refuses 2^63); and for a profile of
 * 350 calls on three architectures it takes 8 ms (13 ms with its binary tree)
 * and three times the instructions.  What is left to it are socketcall(2) and
 * ipc(2), by which some architectures reach calls that have rules: with these two
 * numbers, where the profile does not speak of them itself, the section of such an
 * architecture goes on to libseccomp's program.
 * A number above the newest one that the profile names gets ENOSYS when the
 * default is another errno: the profile's author can't have meant to forbid
 * what did not exist, and C libraries fall back on ENOSYS only.
 * Architecture and number come first, so that the kernel answers most numbers
 * from its bitmap of constant answers.
 * Invariants:
 * 1. Everything that has an influence on the program is in the cache's key
 *    (filter_key.c).
 * 2. A rule is never left out silently, but for names that libseccomp does not
 *    know, as the peers do; run.oci.seccomp_fail_unknown_syscall refuses them.
 * 3. Several conditions on one argument in one rule are alternatives, each a
 *    rule with that condition alone: so runc and crun read them, and profiles
 *    are written for that.  Otherwise all conditions must hold.
 * 4. Of the rules for one number the first that holds decides; rules with the
 *    default action say nothing, as with the peers.
 * 5. An architecture that the profile does not name, the machine's own apart,
 *    kills the process; so does x32, which hides behind x86-64.
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
#include "runtime/isolate/filter_key.h"
#include "runtime/isolate/filter_ready.h"
#include "runtime/isolate/filter_words.h"
#include "runtime/spec/names.h"

#define FAIL_ANNOTATION "run.oci.seccomp_fail_unknown_syscall"
#define X32_BIT		0x40000000U /* __X32_SYSCALL_BIT */
#define ARGS_MAX	6
#define CONDITIONS_MAX	64
#define SHARED_LAST	402 /* msgctl on 32-bit architectures */
#define NUMBERS_BASE	1000 /* MIPS counts from 4000, 5000 or 6000 */
#define NUMBERS_MAX	512
#define NUMBERS_SHARED	200
#define LAST_OF_SOCKETS (-200) /* below: ipc */
#define RULES_MAX	65536
#define ARCHS_MAX	32

/* In the order of seccomp_operator_names and of enum filter_op. */
static const enum scmp_compare operators[] = {
	SCMP_CMP_EQ, SCMP_CMP_GE,	 SCMP_CMP_GT, SCMP_CMP_LE,
	SCMP_CMP_LT, SCMP_CMP_MASKED_EQ, SCMP_CMP_NE,
};
/* "SCMP_ARCH_X86_64" is "x86_64" to libseccomp; 0: it does not know that one. */
static uint32_t arch_token(const char *word)
{
	static const char prefix[] = "SCMP_ARCH_";
	char name[32];

	if (!name_in(seccomp_arch_names, word) ||
	    str_copy(name, sizeof(name), word + strlen(prefix)) < 0)
		return 0;
	for (char *c = name; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return seccomp_arch_resolve_name(name);
}

bool filter_arch_works(const char *name)
{
	return arch_token(name) != 0;
}

static int make_flags(const struct spec_seccomp *s, struct filter *f, struct err *err)
{
	for (size_t i = 0; i < s->flags.n; i++) {
		int k = filter_word(seccomp_flag_names, s->flags.v[i]);

		if (k < 0)
			return filter_bad(err, "flag", s->flags.v[i], "flags/%zu", i);
		f->flags |= filter_flags[k];
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

/* --- compiling ----------------------------------------------------------------------- */

struct rule {
	int number; /* of the native architecture, or libseccomp's pseudo number */
	size_t order; /* in the profile */
	uint32_t action;
	const char *name;
	const struct filter_condition *conditions;
	size_t n;
	bool alternatives; /* any of the conditions is enough */
	bool shared; /* goes to libseccomp too */
	size_t index; /* for messages */
};

/* What one architecture has for libseccomp's number -101 - i, 0: nothing. */
struct numbers {
	uint32_t of[NUMBERS_SHARED];
};

struct compiler {
	const struct spec_seccomp *spec;
	struct arena *arena;
	scmp_filter_ctx ctx;
	uint32_t default_action;
	bool fail_unknown;
	uint32_t archs[ARCHS_MAX];
	bool sockets[ARCHS_MAX], ipc[ARCHS_MAX]; /* has calls with rules that another one reaches */
	struct numbers own[ARCHS_MAX]; /* such calls that have their own numbers as well */
	bool library[ARCHS_MAX]; /* needs libseccomp's answers */
	bool any_library;
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

static void add_arch(struct compiler *c, uint32_t arch)
{
	for (size_t i = 0; i < c->n_archs; i++) {
		if (c->archs[i] == arch)
			return;
	}
	c->last[c->n_archs] = -1;
	c->archs[c->n_archs++] = arch;
}

static int add_archs(struct compiler *c, struct err *err)
{
	add_arch(c, seccomp_arch_native());
	for (size_t i = 0; i < c->spec->architectures.n; i++) {
		uint32_t token = arch_token(c->spec->architectures.v[i]);

		if (token == 0)
			return filter_bad(err, "architecture", c->spec->architectures.v[i],
					  "architectures/%zu", i);
		add_arch(c, token);
	}
	return 0;
}

/* libseccomp's numbers for what goes through socketcall(2) and ipc(2): -101 .. -120, -201 .. -224;
 * further down are the calls that an architecture does not have. */
static bool is_shared(int number)
{
	return number < -100 && number >= -100 - NUMBERS_SHARED;
}

/* Notes the newest number on each architecture. */
static void note_last(struct compiler *c, const char *name)
{
	for (size_t i = 0; i < c->n_archs; i++) {
		int number = seccomp_syscall_resolve_name_arch(c->archs[i], name);

		/* those calls may have a number of their own as well, up to this one */
		if (is_shared(number))
			number = SHARED_LAST;
		if (number > c->last[i])
			c->last[i] = number;
	}
}

/* Notes on which architectures another call reaches this one. */
static bool note_shared(struct compiler *c, const char *name)
{
	bool any = false;

	for (size_t i = 0; i < c->n_archs; i++) {
		int number = seccomp_syscall_resolve_name_arch(c->archs[i], name);

		if (is_shared(number)) {
			*(number > LAST_OF_SOCKETS ? &c->sockets[i] : &c->ipc[i]) = true;
			any = true;
		}
	}
	return any;
}

/* The numbers that such calls have themselves: to be had only by asking for each number's name. */
static void find_own(struct compiler *c, size_t arch)
{
	int base = seccomp_syscall_resolve_name_arch(c->archs[arch], "socketcall");

	base = base > 0 ? base - base % NUMBERS_BASE : 0;
	for (int i = base; i < base + NUMBERS_MAX; i++) {
		AUTO_FREE char *name = seccomp_syscall_resolve_num_arch(c->archs[arch], i);
		int number =
			name != NULL ? seccomp_syscall_resolve_name_arch(c->archs[arch], name) : 0;

		if (is_shared(number))
			c->own[arch].of[-101 - number] = (uint32_t)i;
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
		return filter_bad(err, "number of", "conditions", "syscalls/%zu/args", index);
	for (size_t i = 0; i < from->args.n; i++) {
		const struct spec_seccomp_arg *a = &from->args.v[i];
		int op = filter_word(seccomp_operator_names, a->op);

		if (op < 0)
			return filter_bad(err, "operator", a->op, "syscalls/%zu/args/%zu/op", index,
					  i);
		if (a->index >= ARGS_MAX)
			return filter_bad(err, "argument index", "above 5",
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
			return filter_bad(err, "system call", names->v[k], "syscalls/%zu/names/%zu",
					  index, k);
		if (number == __NR_SCMP_ERROR)
			continue;
		note_last(c, names->v[k]);
		if (rule->action == c->default_action)
			continue;
		rule->number = number;
		rule->order = c->n_rules;
		rule->name = names->v[k];
		rule->shared = note_shared(c, names->v[k]);
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
		return err_field(err, E2BIG, "/linux/seccomp/syscalls",
				 "seccomp: more than %d rules", RULES_MAX);
	c->rules = arena_array(c->arena, max + 1, sizeof(*c->rules));
	if (c->rules == NULL)
		return err_sys(err, "seccomp: list rules");
	for (size_t i = 0; i < c->spec->syscalls.n; i++) {
		const struct spec_seccomp_rule *from = &c->spec->syscalls.v[i];
		struct rule rule = { .index = i };

		if (filter_action(from->action, &from->errnoRet, &rule.action) != 0)
			return filter_bad(err, "action or errno of action", from->action,
					  "syscalls/%zu/action", i);
		if (make_conditions(c, i, &rule, err) < 0 || collect_names(c, i, &rule, err) < 0)
			return -1;
	}
	return 0;
}

/* The rules of one number together, in the order of the profile. */
static int rule_compare(const void *pa, const void *pb)
{
	const struct rule *a = pa, *b = pb;

	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

/* --- libseccomp's part ------------------------------------------------------------------ */

static int library_failed(struct err *err, int code, const char *what)
{
	errno = code;
	return err_sys(err, "%s", what);
}

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
		return filter_bad(err, "rule for", r->name, "syscalls/%zu", r->index);
	return 0;
}

/* Its program, in a file; *ret_n instructions, 0 when it isn't needed. */
static int library_make(struct compiler *c, int fd, size_t *ret_n, struct err *err)
{
	off_t size;
	int r = 0;

	*ret_n = 0;
	if (!c->any_library)
		return 0;
	/* Spares the library from asking the kernel: a dozen calls, and it does not matter, as the
	 * program is only made here.  Level 6 is all that 2.5 knows. */
	(void)seccomp_api_set(6);
	c->ctx = seccomp_init(c->default_action);
	if (c->ctx == NULL)
		return err_set(err, ENOMEM, "seccomp: begin a filter");
	r = seccomp_attr_set(c->ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	for (size_t i = 0; r == 0 && i < c->n_archs; i++) {
		if (c->library[i] && c->archs[i] != seccomp_arch_native())
			r = seccomp_arch_add(c->ctx, c->archs[i]);
	}
	if (r < 0)
		return library_failed(err, -r, "seccomp: add an architecture");
	for (size_t i = 0; i < c->n_rules; i++) {
		if (c->rules[i].shared && add_rule(c, &c->rules[i], err) < 0)
			return -1;
	}
	r = seccomp_export_bpf(c->ctx, fd);
	if (r < 0)
		return library_failed(err, -r, "seccomp: compile the profile");
	size = lseek(fd, 0, SEEK_CUR);
	if (size <= 0 || (size_t)size % sizeof(struct sock_filter) != 0)
		return err_set(err, EIO, "seccomp: compile the profile: bad size");
	*ret_n = (size_t)size / sizeof(struct sock_filter);
	return 0;
}

/* --- our part ------------------------------------------------------------------------------ */

/* The rules of one number on one architecture. */
struct group {
	uint32_t number;
	bool wide; /* 64-bit arguments */
	const struct rule *first; /* NULL: libseccomp's */
	size_t n;
};

struct section {
	const struct compiler *c;
	struct filter_code *code;
	struct filter_segments segments;
	size_t library; /* where libseccomp's program begins */
};

/* The rules of a number, the last one first: each goes on to the next where it does not hold. */
static size_t put_leaf(struct filter_code *code, const struct filter_segment *segment, void *arg)
{
	const struct section *s = arg;
	const struct group *g = segment->rules;
	size_t at;

	if (g->first == NULL)
		return s->library;
	at = filter_code_return(code, s->c->default_action);
	for (size_t i = g->n; i > 0; i--) {
		const struct rule *r = &g->first[i - 1];
		size_t yes = filter_code_return(code, r->action);

		if (!r->alternatives)
			at = filter_code_rule(code, r->conditions, r->n, g->wide, yes, at);
		for (size_t k = r->alternatives ? r->n : 0; k > 0; k--)
			at = filter_code_rule(code, &r->conditions[k - 1], 1, g->wide, yes, at);
	}
	return at;
}

static void put_segment(struct section *s, uint32_t from, uint32_t action, const void *rules)
{
	struct filter_segment one = { from, action, rules };

	filter_segments_add(s->code, &s->segments, &one);
}

static void put_other(struct section *s, uint32_t from)
{
	put_segment(s, from, s->c->default_action, NULL);
}

static int group_compare(const void *pa, const void *pb)
{
	const struct group *a = pa, *b = pb;

	return a->number < b->number ? -1 : a->number > b->number;
}

/* The number of a name on an architecture, below 0: none there. */
static int number_on(const struct compiler *c, size_t arch, const char *name)
{
	int number = seccomp_syscall_resolve_name_arch(c->archs[arch], name);

	if (!is_shared(number))
		return number;
	return c->own[arch].of[-101 - number] > 0 ? (int)c->own[arch].of[-101 - number] : -1;
}

/* Adds the call that reaches others, if some of those have rules and it has none. */
static size_t add_reaching(const struct compiler *c, size_t arch, const char *name,
			   struct group *groups, size_t n)
{
	int number = seccomp_syscall_resolve_name_arch(c->archs[arch], name);

	if (number < 0)
		return n;
	for (size_t i = 0; i < n; i++) {
		if (groups[i].number == (uint32_t)number)
			return n;
	}
	groups[n++] = (struct group){ .number = (uint32_t)number };
	return n;
}

/* All groups of an architecture, by number; their count.  There is room for two more than rules. */
static size_t find_groups(const struct compiler *c, size_t arch, struct group *groups)
{
	uint32_t token = c->archs[arch];
	bool wide = token != SCMP_ARCH_X32 && (token & __AUDIT_ARCH_64BIT) != 0;
	size_t n = 0;

	for (size_t i = 0, end; i < c->n_rules; i = end) {
		int number = number_on(c, arch, c->rules[i].name);

		for (end = i; end < c->n_rules && c->rules[end].number == c->rules[i].number;)
			end++;
		if (number >= 0)
			groups[n++] =
				(struct group){ (uint32_t)number, wide, &c->rules[i], end - i };
	}
	if (c->sockets[arch])
		n = add_reaching(c, arch, "socketcall", groups, n);
	if (c->ipc[arch])
		n = add_reaching(c, arch, "ipc", groups, n);
	if (n > 1)
		qsort(groups, n, sizeof(*groups), group_compare);
	return n;
}

/* Which architectures need libseccomp's program. */
static int note_library(struct compiler *c, struct err *err)
{
	struct group *groups = arena_array(c->arena, c->n_rules + 2, sizeof(*groups));

	if (groups == NULL)
		return err_sys(err, "seccomp: list numbers");
	for (size_t arch = 0; arch < c->n_archs; arch++) {
		size_t n;

		if (!c->sockets[arch] && !c->ipc[arch])
			continue;
		find_own(c, arch);
		n = find_groups(c, arch, groups);
		for (size_t i = 0; i < n; i++)
			c->library[arch] = c->library[arch] || groups[i].first == NULL;
		c->any_library = c->any_library || c->library[arch];
	}
	return 0;
}

static bool wants_enosys(const struct compiler *c)
{
	uint32_t action = c->default_action & SECCOMP_RET_ACTION_FULL;

	return action == SECCOMP_RET_ERRNO && (c->default_action & SECCOMP_RET_DATA) != ENOSYS;
}

/* The segments of one architecture, from `base` up. */
static void put_arch(struct section *s, size_t arch, uint32_t base)
{
	const struct compiler *c = s->c;
	struct group *groups = arena_array(c->arena, c->n_rules + 2, sizeof(*groups));
	size_t n;

	if (groups == NULL) {
		s->code->failed = true;
		return;
	}
	n = find_groups(c, arch, groups);
	put_other(s, base);
	for (size_t i = 0; i < n; i++) {
		const struct rule *r = groups[i].first;

		if (i > 0 && groups[i].number == groups[i - 1].number)
			continue;
		if (r == NULL || r->n > 0)
			put_segment(s, groups[i].number, 0, &groups[i]);
		else
			put_segment(s, groups[i].number, r->action, NULL);
		put_other(s, groups[i].number + 1);
	}
	if (wants_enosys(c) && c->last[arch] >= 0)
		put_segment(s, ((uint32_t)c->last[arch] | base) + 1, SECCOMP_RET_ERRNO | ENOSYS,
			    NULL);
}

static size_t find_arch(const struct compiler *c, uint32_t token)
{
	size_t i = 0;

	while (i < c->n_archs && c->archs[i] != token)
		i++;
	return i;
}

/* One architecture, x86-64 with x32; x32 is the upper half of its numbers. */
static size_t put_section(const struct compiler *c, struct filter_code *code, size_t arch,
			  size_t library)
{
	struct section s = {
		.c = c,
		.code = code,
		.library = library,
	};
	size_t x32 = find_arch(c, SCMP_ARCH_X32);

	put_arch(&s, arch, 0);
	if (c->archs[arch] == SCMP_ARCH_X86_64) {
		if (x32 < c->n_archs)
			put_arch(&s, x32, X32_BIT);
		else
			put_segment(&s, X32_BIT, SECCOMP_RET_KILL_PROCESS, NULL);
		/* a tracer that suppresses a call sets its number to -1 */
		put_other(&s, UINT32_MAX);
	}
	filter_code_enter(code, filter_code_search(code, &s.segments, put_leaf, &s));
	return filter_code_add(code, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
}

/* Architectures one after the other, behind them libseccomp's program. */
static void put_program(const struct compiler *c, struct filter_code *code,
			const struct sock_filter *library, size_t n)
{
	size_t sections[ARCHS_MAX] = { 0 }, last, at;

	last = n > 0 ? filter_code_add_all(code, library, n)
		     : filter_code_return(code, SECCOMP_RET_KILL_PROCESS);
	for (size_t i = c->n_archs; i > 0; i--) {
		if (c->archs[i - 1] != SCMP_ARCH_X32)
			sections[i - 1] = put_section(c, code, i - 1, last);
	}
	at = last;
	for (size_t i = c->n_archs; i > 0; i--) {
		if (c->archs[i - 1] != SCMP_ARCH_X32)
			at = filter_code_branch(code, BPF_JEQ, c->archs[i - 1], sections[i - 1],
						at);
	}
	(void)filter_code_add(code, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
}

static int link_program(struct compiler *c, struct filter *f, struct err *err)
{
	struct filter_code code = { .arena = c->arena };
	struct sock_filter *library;
	size_t n;
	AUTO_FD fd = c->any_library ? memfd_create("seccomp", MFD_CLOEXEC) : -1;

	if (c->any_library && fd < 0)
		return err_sys(err, "seccomp: memory for the program");
	if (library_make(c, fd, &n, err) < 0)
		return -1;
	library = arena_array(c->arena, n + 1, sizeof(*library));
	if (library == NULL)
		return err_sys(err, "seccomp: memory for the program");
	if (n > 0 && pread(fd, library, n * sizeof(*library), 0) != (ssize_t)(n * sizeof(*library)))
		return err_sys(err, "seccomp: read the program");
	put_program(c, &code, library, n);
	if (code.failed)
		return err_field(
			err, E2BIG, "/linux/seccomp",
			"seccomp: the profile makes more than %d instructions, which is all "
			"that the kernel takes",
			BPF_MAXINSNS);
	f->n = code.n;
	f->insn = arena_array(c->arena, f->n, sizeof(*f->insn));
	if (f->insn == NULL)
		return err_sys(err, "seccomp: memory for the program");
	filter_code_copy(&code, f->insn);
	return 0;
}

static int compile(const struct spec_seccomp *s, bool fail_unknown, struct arena *arena,
		   struct filter *f, struct err *err)
{
	struct compiler c CLEANUP(ctx_cleanup) = {
		.spec = s,
		.arena = arena,
		.fail_unknown = fail_unknown,
	};

	if (filter_action(s->defaultAction, &s->defaultErrnoRet, &c.default_action) != 0)
		return filter_bad(err, "default action or errno of action", s->defaultAction,
				  "defaultAction");
	if (c.default_action == SCMP_ACT_NOTIFY)
		return filter_bad(err, "default action", s->defaultAction, "defaultAction");
	if (add_archs(&c, err) < 0 || collect_rules(&c, err) < 0)
		return -1;
	if (c.n_rules > 1)
		qsort(c.rules, c.n_rules, sizeof(*c.rules), rule_compare);
	if (note_library(&c, err) < 0)
		return -1;
	return link_program(&c, f, err);
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
		filter_key_make(s, fail_unknown, &key);
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
				 "starting the container needs",
				 name != NULL ? name : "?");
	}
	return 0;
}

int filter_check_calls(const struct filter *f, bool early, struct err *err)
{
	/* what has a fallback or can't fail (close_range, close, umask) is not here */
	static const int late_calls[] = { SYS_read, SYS_sendmsg, SYS_prctl, SYS_execve };
	static const int early_calls[] = {
		SYS_setgroups, SYS_getgroups, SYS_setresgid, SYS_setresuid, SYS_getresgid,
		SYS_getresuid, SYS_capset,    SYS_capget,    SYS_chdir,	    SYS_getcwd,
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

void filter_library_version(char *dst, size_t size)
{
	const struct scmp_version *v = seccomp_version();

	if (str_format(dst, size, "%u.%u.%u", v->major, v->minor, v->micro) < 0 && size > 0)
		dst[0] = '\0';
}
