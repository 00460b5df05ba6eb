/* SPDX-License-Identifier: Apache-2.0 */
/* filter_test.c - seccomp profiles against a direct interpreter of their rules
 *
 * The interpreter is seccomp_model.h; the compiled program is run by
 * filter_eval().
 */
#include "runtime/isolate/filter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"
#include "runtime/spec/names.h"
#include "tests/unit/isolate/seccomp_model.h"
#include "tests/unit/test.h"

#define PROFILES 250
#define INPUTS	 400

static uint64_t random_state = 0x9e3779b97f4a7c15ULL;

/* xorshift64*: the same profiles in every run */
static uint64_t random_u64(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dULL;
}

static size_t random_below(size_t n)
{
	return (size_t)(random_u64() >> 33) % n;
}

static uint64_t random_value(void)
{
	static const uint64_t edges[] = {
		0,
		1,
		2,
		38,
		40,
		0x7fffffff,
		0x80000000,
		0xffffffff,
		0x100000000,
		0x100000001,
		0x7fffffffffffffff,
		0x8000000000000000,
		0xffffffff00000000,
		0xffffffffffffffff,
	};

	if (random_below(4) == 0)
		return random_u64() >> random_below(64);
	return edges[random_below(ARRAY_SIZE(edges))];
}

/* --- random profiles -------------------------------------------------------------- */

static char *random_action(struct opt_u64 *code)
{
	static char actions[][32] = {
		"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_LOG",	     "SCMP_ACT_TRAP",
		"SCMP_ACT_TRACE", "SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_NOTIFY",
	};
	size_t i = random_below(ARRAY_SIZE(actions));

	code->has = (i == 1 || i == 4) && random_below(2) == 0;
	code->v = code->has ? 1 + random_below(100) : 0;
	return actions[i];
}

static void random_args(struct spec_seccomp_rule *r, struct arena *arena)
{
	size_t from = random_below(6);

	r->args.n = random_below(4);
	r->args.v = arena_array(arena, 4, sizeof(*r->args.v));
	for (size_t i = 0; i < r->args.n; i++) {
		struct spec_seccomp_arg *a = &r->args.v[i];

		a->index = (uint32_t)(random_below(8) == 0 ? from : (from + i) % 6);
		a->op = arena_strdup(arena, seccomp_operator_names[random_below(7)]);
		a->value = random_value();
		a->valueTwo = random_below(2) ? random_value() & a->value : random_value();
	}
}

/* One in eight has all calls, with programs longer than a jump of 8 bits reaches. */
static void random_profile(struct spec_seccomp *s, struct arena *arena)
{
	static char x86[] = "SCMP_ARCH_X86";
	static char *others[] = { x86 };
	size_t n = random_below(8) == 0 ? MODEL_CALLS : 1 + random_below(10);

	memset(s, 0, sizeof(*s));
	if (NATIVE == AUDIT_ARCH_X86_64 && random_below(2))
		s->architectures = (struct strings){ others, 1 };
	do
		s->defaultAction = random_action(&s->defaultErrnoRet);
	while (strcmp(s->defaultAction, "SCMP_ACT_NOTIFY") == 0);
	s->syscalls.v = arena_array(arena, n * 3, sizeof(*s->syscalls.v));
	for (size_t i = 0, call = random_below(MODEL_CALLS); i < n; i++) {
		char **names = arena_array(arena, 2, sizeof(*names));
		size_t rules = 1 + random_below(3);

		call = (call + 1) % MODEL_CALLS;
		names[0] = arena_strdup(arena, model_calls[call].name);
		while (rules-- > 0) {
			struct spec_seccomp_rule *r = &s->syscalls.v[s->syscalls.n++];

			r->names.v = names;
			r->names.n = 1;
			r->action = random_action(&r->errnoRet);
			random_args(r, arena);
		}
	}
}

static void random_input(const struct spec_seccomp *s, struct seccomp_data *d)
{
	const struct spec_seccomp_rule *r = &s->syscalls.v[random_below(s->syscalls.n)];

	memset(d, 0, sizeof(*d));
	d->arch = NATIVE;
	d->nr = model_number(r->names.v[0]);
	for (size_t i = 0; i < 6; i++)
		d->args[i] = random_value();
	/* near the edges of the rule's own values */
	for (size_t i = 0; i < r->args.n; i++) {
		if (random_below(2))
			d->args[r->args.v[i].index] =
				(random_below(2) ? r->args.v[i].value : r->args.v[i].valueTwo) +
				random_below(3) - 1;
	}
	switch (random_below(16)) {
	case 0:
		d->nr = (int)random_below(600);
		return;
	case 1:
		d->nr |= X32_BIT;
		return;
	}
}

TEST(random_profiles_do_what_their_rules_say)
{
	for (size_t p = 0; p < PROFILES; p++) {
		struct arena arena;
		struct spec_seccomp s;
		struct filter f;
		struct err err = { 0 };
		unsigned int differences = 0;

		arena_init(&arena, ARENA_MAX_DEFAULT);
		random_profile(&s, &arena);
		CHECK_INT(filter_make(&s, NULL, -1, &arena, &f, &err), 0);
		CHECK_STR(err.msg, "");
		for (size_t i = 0; err.code == 0 && i < INPUTS; i++) {
			struct seccomp_data d;

			random_input(&s, &d);
			if (filter_eval(&f, &d) != model_answer(&s, &d)) {
				if (differences++ == 0)
					printf("# profile %zu input %zu nr %d: %#x, not %#x\n", p,
					       i, d.nr, filter_eval(&f, &d), model_answer(&s, &d));
			}
		}
		CHECK_INT(differences, 0);
		arena_release(&arena);
	}
}

/* --- fixed ones ---------------------------------------------------------------------- */

struct fixture {
	struct arena arena;
	struct spec_seccomp s;
	struct filter f;
	struct err err;
};

static struct spec_seccomp_rule *fixture_init(struct fixture *x, const char *def, const char *name,
					      const char *action)
{
	memset(x, 0, sizeof(*x));
	arena_init(&x->arena, ARENA_MAX_DEFAULT);
	x->s.defaultAction = arena_strdup(&x->arena, def);
	x->s.syscalls.v = arena_array(&x->arena, 4, sizeof(*x->s.syscalls.v));
	x->s.syscalls.n = 1;
	x->s.syscalls.v[0].names.v = arena_array(&x->arena, 4, sizeof(char *));
	x->s.syscalls.v[0].names.v[0] = arena_strdup(&x->arena, name);
	x->s.syscalls.v[0].names.n = 1;
	x->s.syscalls.v[0].action = arena_strdup(&x->arena, action);
	return &x->s.syscalls.v[0];
}

static int fixture_make(struct fixture *x)
{
	return filter_make(&x->s, NULL, -1, &x->arena, &x->f, &x->err);
}

static uint32_t fixture_run(const struct fixture *x, uint32_t arch, int nr)
{
	struct seccomp_data d = { .nr = nr, .arch = arch };

	return filter_eval(&x->f, &d);
}

TEST(no_profile_makes_no_filter)
{
	struct filter f = { .n = 7 };
	struct arena arena;
	int fd = 7;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	CHECK_INT(filter_make(NULL, NULL, -1, &arena, &f, NULL), 0);
	CHECK_INT(f.n, 0);
	CHECK_INT(filter_apply(&f, &fd, NULL), 0);
	CHECK_INT(fd, -1);
	arena_release(&arena);
}

TEST(a_call_newer_than_the_profile_gets_enosys)
{
	struct fixture x;

	(void)fixture_init(&x, "SCMP_ACT_ERRNO", "statx", "SCMP_ACT_ALLOW");
	CHECK_INT(fixture_make(&x), 0);
	CHECK_INT(fixture_run(&x, NATIVE, SYS_statx), SECCOMP_RET_ALLOW);
	CHECK_INT(fixture_run(&x, NATIVE, SYS_read), SECCOMP_RET_ERRNO | EPERM);
	CHECK_INT(fixture_run(&x, NATIVE, 999), SECCOMP_RET_ERRNO | ENOSYS);
	arena_release(&x.arena);
}

TEST(a_killing_default_kills_new_calls_too)
{
	struct fixture x;

	(void)fixture_init(&x, "SCMP_ACT_KILL_PROCESS", "read", "SCMP_ACT_ALLOW");
	CHECK_INT(fixture_make(&x), 0);
	CHECK_INT(fixture_run(&x, NATIVE, 999), SECCOMP_RET_KILL_PROCESS);
	arena_release(&x.arena);
}

TEST(another_architecture_is_killed)
{
	struct fixture x;

	(void)fixture_init(&x, "SCMP_ACT_ALLOW", "mkdir", "SCMP_ACT_ERRNO");
	CHECK_INT(fixture_make(&x), 0);
	CHECK_INT(fixture_run(&x, AUDIT_ARCH_PPC64, 1), SECCOMP_RET_KILL_PROCESS);
	arena_release(&x.arena);
}

#if defined(__x86_64__)
TEST(each_named_architecture_has_its_own_numbers)
{
	static char archs[][24] = { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32" };
	char *list[] = { archs[0], archs[1], archs[2] };
	struct fixture x;

	(void)fixture_init(&x, "SCMP_ACT_ERRNO", "mkdir", "SCMP_ACT_ALLOW");
	x.s.architectures = (struct strings){ list, 3 };
	CHECK_INT(fixture_make(&x), 0);
	CHECK_INT(fixture_run(&x, AUDIT_ARCH_X86_64, 83), SECCOMP_RET_ALLOW);
	CHECK_INT(fixture_run(&x, AUDIT_ARCH_I386, 39), SECCOMP_RET_ALLOW);
	CHECK_INT(fixture_run(&x, AUDIT_ARCH_X86_64, X32_BIT | 83), SECCOMP_RET_ALLOW);
	CHECK_INT(fixture_run(&x, AUDIT_ARCH_X86_64, 39), SECCOMP_RET_ERRNO | EPERM);
	CHECK_INT(fixture_run(&x, AUDIT_ARCH_I386, 83), SECCOMP_RET_ERRNO | ENOSYS);
	CHECK_INT(fixture_run(&x, AUDIT_ARCH_I386, 38), SECCOMP_RET_ERRNO | EPERM);
	CHECK_INT(fixture_run(&x, AUDIT_ARCH_X86_64, X32_BIT | 84), SECCOMP_RET_ERRNO | ENOSYS);
	CHECK_INT(fixture_run(&x, AUDIT_ARCH_X86_64, X32_BIT | 82), SECCOMP_RET_ERRNO | EPERM);
	arena_release(&x.arena);
}
#endif

#if defined(__x86_64__)
TEST(an_architecture_without_rules_has_the_default)
{
	static char x86[] = "SCMP_ARCH_X86";
	char *list[] = { x86 };
	struct fixture x;

	(void)fixture_init(&x, "SCMP_ACT_ALLOW", "_llseek", "SCMP_ACT_ALLOW");
	x.s.architectures = (struct strings){ list, 1 };
	CHECK_INT(fixture_make(&x), 0);
	for (int nr = 0; nr < 600; nr++) {
		CHECK_INT(fixture_run(&x, AUDIT_ARCH_I386, nr), SECCOMP_RET_ALLOW);
		CHECK_INT(fixture_run(&x, NATIVE, nr), SECCOMP_RET_ALLOW);
	}
	CHECK_INT(fixture_run(&x, NATIVE, X32_BIT), SECCOMP_RET_KILL_PROCESS);
	CHECK_INT(fixture_run(&x, AUDIT_ARCH_ARM, 1), SECCOMP_RET_KILL_PROCESS);
	arena_release(&x.arena);
}

TEST(a_call_that_a_tracer_suppressed_is_not_killed)
{
	struct fixture x;

	(void)fixture_init(&x, "SCMP_ACT_ALLOW", "mkdir", "SCMP_ACT_ERRNO");
	CHECK_INT(fixture_make(&x), 0);
	CHECK_INT(fixture_run(&x, NATIVE, -1), SECCOMP_RET_ALLOW);
	CHECK_INT(fixture_run(&x, NATIVE, X32_BIT | 83), SECCOMP_RET_KILL_PROCESS);
	arena_release(&x.arena);
}

/* A call of i386 that is denied is denied by its own number, and by the one that reaches it with
 * `code`; what has the next number and code is not. */
static void check_reached(const char *name, int native, int own, int reaching, uint64_t code)
{
	static char x86[] = "SCMP_ARCH_X86";
	char *list[] = { x86 };
	struct fixture x;
	struct seccomp_data d = { .nr = reaching, .arch = AUDIT_ARCH_I386, .args = { code } };

	(void)fixture_init(&x, "SCMP_ACT_ALLOW", name, "SCMP_ACT_ERRNO");
	x.s.architectures = (struct strings){ list, 1 };
	CHECK_INT(fixture_make(&x), 0);
	CHECK_INT(fixture_run(&x, AUDIT_ARCH_I386, own), SECCOMP_RET_ERRNO | EPERM);
	CHECK_INT(filter_eval(&x.f, &d), SECCOMP_RET_ERRNO | EPERM);
	d.args[0]++;
	CHECK_INT(filter_eval(&x.f, &d), SECCOMP_RET_ALLOW);
	CHECK_INT(fixture_run(&x, AUDIT_ARCH_I386, own + 1), SECCOMP_RET_ALLOW);
	CHECK_INT(fixture_run(&x, AUDIT_ARCH_I386, 5), SECCOMP_RET_ALLOW);
	CHECK_INT(fixture_run(&x, NATIVE, native), SECCOMP_RET_ERRNO | EPERM);
	arena_release(&x.arena);
}

TEST(socketcall_and_ipc_are_no_way_round_a_rule)
{
	check_reached("socket", SYS_socket, 359, 102, 1);
	check_reached("connect", SYS_connect, 362, 102, 3);
	check_reached("shmat", SYS_shmat, 397, 117, 21);
}

TEST(a_rule_for_socket_is_for_its_own_number_too)
{
	static char x86[] = "SCMP_ARCH_X86", socketcall[] = "socketcall", eq[] = "SCMP_CMP_EQ";
	char *list[] = { x86 };
	struct fixture x;
	struct spec_seccomp_rule *r;
	struct spec_seccomp_arg vsock = { .index = 0, .value = 40, .op = eq };
	struct seccomp_data d = { .nr = 359, .arch = AUDIT_ARCH_I386, .args = { 40 } };

	/* no library has a say: the profile speaks of socketcall itself */
	r = fixture_init(&x, "SCMP_ACT_ERRNO", "socket", "SCMP_ACT_ALLOW");
	r->args.v = &vsock;
	r->args.n = 1;
	x.s.syscalls.v[1] = *r;
	x.s.syscalls.v[1].args.n = 0;
	x.s.syscalls.v[1].names.v = (char *[]){ socketcall };
	x.s.syscalls.n = 2;
	x.s.architectures = (struct strings){ list, 1 };
	CHECK_INT(fixture_make(&x), 0);
	CHECK_INT(filter_eval(&x.f, &d), SECCOMP_RET_ALLOW);
	d.args[0] = 41;
	CHECK_INT(filter_eval(&x.f, &d), SECCOMP_RET_ERRNO | EPERM);
	CHECK_INT(fixture_run(&x, AUDIT_ARCH_I386, 102), SECCOMP_RET_ALLOW);
	CHECK_INT(fixture_run(&x, AUDIT_ARCH_I386, 360), SECCOMP_RET_ERRNO | EPERM);
	CHECK_INT(fixture_run(&x, AUDIT_ARCH_I386, 117), SECCOMP_RET_ERRNO | EPERM);
	CHECK(x.f.n < 32);
	arena_release(&x.arena);
}
#endif

TEST(the_kernel_takes_and_obeys_the_program)
{
	struct fixture x;
	pid_t pid;
	int status = 0;

	fixture_init(&x, "SCMP_ACT_ALLOW", "mkdirat", "SCMP_ACT_ERRNO")->errnoRet =
		(struct opt_u64){ true, 77 };
	CHECK_INT(fixture_make(&x), 0);
	pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		int listener = 7;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    filter_apply(&x.f, &listener, NULL) < 0 || listener != -1)
			_exit(1);
		_exit(mkdirat(AT_FDCWD, "/tmp/skerry-never", 0700) < 0 && errno == 77 ? 0 : 2);
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
	arena_release(&x.arena);
}

TEST(an_unknown_call_is_passed_over_unless_told_otherwise)
{
	static char key[] = "run.oci.seccomp_fail_unknown_syscall", one[] = "1";
	struct pair pair = { key, one };
	struct spec spec = { .annotations = { &pair, 1 } };
	struct fixture x;

	(void)fixture_init(&x, "SCMP_ACT_ALLOW", "no_such_call", "SCMP_ACT_ERRNO");
	CHECK_INT(fixture_make(&x), 0);
	CHECK_INT(filter_make(&x.s, &spec, -1, &x.arena, &x.f, &x.err), -1);
	CHECK_STR(x.err.field, "/linux/seccomp/syscalls/0/names/0");
	arena_release(&x.arena);
}

TEST(an_errno_where_none_belongs_is_refused)
{
	struct fixture x;

	fixture_init(&x, "SCMP_ACT_ERRNO", "read", "SCMP_ACT_ALLOW")->errnoRet =
		(struct opt_u64){ true, 1 };
	CHECK_INT(fixture_make(&x), -1);
	CHECK_STR(x.err.field, "/linux/seccomp/syscalls/0/action");
	arena_release(&x.arena);
	fixture_init(&x, "SCMP_ACT_ALLOW", "read", "SCMP_ACT_ERRNO")->errnoRet =
		(struct opt_u64){ true, 5000 };
	CHECK_INT(fixture_make(&x), -1);
	arena_release(&x.arena);
}

TEST(bad_words_are_refused_with_their_place)
{
	static char bad[] = "SCMP_NONSENSE";
	char *list[] = { bad };
	struct fixture x;

	(void)fixture_init(&x, "SCMP_NONSENSE", "read", "SCMP_ACT_ALLOW");
	CHECK_INT(fixture_make(&x), -1);
	CHECK_STR(x.err.field, "/linux/seccomp/defaultAction");
	arena_release(&x.arena);
	(void)fixture_init(&x, "SCMP_ACT_NOTIFY", "read", "SCMP_ACT_ALLOW");
	CHECK_INT(fixture_make(&x), -1);
	arena_release(&x.arena);
	(void)fixture_init(&x, "SCMP_ACT_ALLOW", "read", "SCMP_ACT_ERRNO");
	x.s.architectures = (struct strings){ list, 1 };
	CHECK_INT(fixture_make(&x), -1);
	CHECK_STR(x.err.field, "/linux/seccomp/architectures/0");
	x.s.architectures.n = 0;
	x.s.flags = (struct strings){ list, 1 };
	CHECK_INT(fixture_make(&x), -1);
	CHECK_STR(x.err.field, "/linux/seccomp/flags/0");
	arena_release(&x.arena);
}

TEST(notify_asks_for_a_listener)
{
	static char tsync[] = "SECCOMP_FILTER_FLAG_TSYNC",
		    wait[] = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV";
	char *list[] = { tsync, wait };
	struct fixture x;

	(void)fixture_init(&x, "SCMP_ACT_ALLOW", "mkdirat", "SCMP_ACT_NOTIFY");
	x.s.flags = (struct strings){ list, 2 };
	CHECK_INT(fixture_make(&x), 0);
	CHECK(x.f.notify);
	CHECK_INT(x.f.flags, SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC |
				     SECCOMP_FILTER_FLAG_TSYNC_ESRCH | 1U << 5);
	arena_release(&x.arena);
	(void)fixture_init(&x, "SCMP_ACT_ALLOW", "mkdirat", "SCMP_ACT_ERRNO");
	x.s.flags = (struct strings){ list, 2 };
	CHECK_INT(fixture_make(&x), 0);
	CHECK_INT(x.f.flags, SECCOMP_FILTER_FLAG_TSYNC);
	arena_release(&x.arena);
}

TEST(a_profile_that_stops_the_runtime_is_refused)
{
	struct fixture x;

	(void)fixture_init(&x, "SCMP_ACT_ALLOW", "execve", "SCMP_ACT_ERRNO");
	CHECK_INT(fixture_make(&x), 0);
	CHECK_INT(filter_check_calls(&x.f, false, &x.err), -1);
	CHECK(strstr(x.err.msg, "\"execve\"") != NULL);
	arena_release(&x.arena);
	(void)fixture_init(&x, "SCMP_ACT_ALLOW", "capset", "SCMP_ACT_ERRNO");
	CHECK_INT(fixture_make(&x), 0);
	CHECK_INT(filter_check_calls(&x.f, false, &x.err), 0);
	CHECK_INT(filter_check_calls(&x.f, true, &x.err), -1);
	arena_release(&x.arena);
}

TEST(a_ready_program_is_taken_from_its_annotation)
{
	/* one instruction: ret allow */
	static char key[] = "run.oci.seccomp_bpf_data", good[] = "BgAAAAAA/38=";
	static char bad[][16] = { "", "====", "BgAAAAAA/3", "BgAAAAAA/38", "BgAA*AAA/38=", "AAAA" };
	struct pair pair = { key, good };
	struct spec spec = { .annotations = { &pair, 1 } };
	struct filter f;
	struct arena arena;
	struct seccomp_data d = { .nr = 1 };

	arena_init(&arena, ARENA_MAX_DEFAULT);
	CHECK_INT(filter_make(NULL, &spec, -1, &arena, &f, NULL), 0);
	CHECK_INT(f.n, 1);
	CHECK_INT(filter_eval(&f, &d), SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		pair.value = bad[i];
		CHECK_INT(filter_make(NULL, &spec, -1, &arena, &f, NULL), -1);
	}
	arena_release(&arena);
}

/* --- the cache ------------------------------------------------------------------------- */

static int cache_dir(char *path)
{
	(void)str_copy(path, 64, "/tmp/skerry-filter-XXXXXX");
	if (mkdtemp(path) == NULL)
		return -1;
	return open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
}

static int make_in(struct fixture *x, int dir)
{
	return filter_make(&x->s, NULL, dir, &x->arena, &x->f, &x->err);
}

TEST(a_cached_program_is_the_compiled_one)
{
	char path[64];
	struct fixture x;
	int dir = cache_dir(path);
	struct filter first;

	REQUIRE(dir >= 0);
	(void)fixture_init(&x, "SCMP_ACT_ERRNO", "statx", "SCMP_ACT_ALLOW");
	CHECK_INT(make_in(&x, dir), 0);
	CHECK(!x.f.cached);
	first = x.f;
	CHECK_INT(make_in(&x, dir), 0);
	CHECK(x.f.cached);
	CHECK_INT(x.f.n, first.n);
	CHECK(memcmp(x.f.insn, first.insn, first.n * sizeof(*first.insn)) == 0);
	arena_release(&x.arena);
	(void)fd_close(dir);
	CHECK_INT(file_remove_tree(AT_FDCWD, path), 0);
}

TEST(profiles_that_differ_in_one_errno_do_not_share_a_program)
{
	char path[64];
	struct fixture x;
	int dir = cache_dir(path);

	REQUIRE(dir >= 0);
	for (uint64_t code = 1; code <= 38; code += 37) {
		fixture_init(&x, "SCMP_ACT_ALLOW", "mkdirat", "SCMP_ACT_ERRNO")->errnoRet =
			(struct opt_u64){ true, code };
		CHECK_INT(make_in(&x, dir), 0);
		CHECK(!x.f.cached);
		CHECK_INT(fixture_run(&x, NATIVE, SYS_mkdirat), SECCOMP_RET_ERRNO | code);
		arena_release(&x.arena);
	}
	/* "read" + "write" is not "readwrite" */
	(void)fixture_init(&x, "SCMP_ACT_ALLOW", "statxread", "SCMP_ACT_ERRNO");
	CHECK_INT(make_in(&x, dir), 0);
	x.s.syscalls.v[0].names.v[0] = arena_strdup(&x.arena, "statx");
	x.s.syscalls.v[0].names.v[1] = arena_strdup(&x.arena, "read");
	x.s.syscalls.v[0].names.n = 2;
	CHECK_INT(make_in(&x, dir), 0);
	CHECK(!x.f.cached);
	arena_release(&x.arena);
	(void)fd_close(dir);
	CHECK_INT(file_remove_tree(AT_FDCWD, path), 0);
}

/* The one file in the cache, open for writing. */
static int cache_file(int dir)
{
	int fd = -1;
	struct dirent *e;
	DIR *list = fdopendir(fcntl(dir, F_DUPFD_CLOEXEC, 0));

	if (list == NULL)
		return -1;
	while ((e = readdir(list)) != NULL) {
		if (e->d_name[0] != '.')
			fd = openat(dir, e->d_name, O_RDWR | O_CLOEXEC);
	}
	(void)closedir(list);
	return fd;
}

static void cut(int fd)
{
	struct stat st;

	CHECK_INT(fstat(fd, &st), 0);
	CHECK_INT(ftruncate(fd, st.st_size - 8), 0);
}

static void open_to_all(int fd)
{
	CHECK_INT(fchmod(fd, 0666), 0);
}

/* the last instruction, the way a power cut leaves it */
static void blank(int fd)
{
	struct stat st;
	uint64_t zero = 0;

	CHECK_INT(fstat(fd, &st), 0);
	CHECK_INT(pwrite(fd, &zero, sizeof(zero), st.st_size - 8), 8);
}

static void change_key(int fd)
{
	CHECK_INT(pwrite(fd, "!", 1, 60), 1);
}

TEST(a_spoilt_cache_file_is_not_believed)
{
	static void (*const spoil[])(int) = { cut, open_to_all, blank, change_key };

	for (size_t i = 0; i < ARRAY_SIZE(spoil); i++) {
		char path[64];
		struct fixture x;
		int dir = cache_dir(path);
		int file;

		REQUIRE(dir >= 0);
		(void)fixture_init(&x, "SCMP_ACT_ERRNO", "statx", "SCMP_ACT_ALLOW");
		CHECK_INT(make_in(&x, dir), 0);
		file = cache_file(dir);
		CHECK(file >= 0);
		spoil[i](file);
		(void)fd_close(file);
		CHECK_INT(make_in(&x, dir), 0);
		CHECK(!x.f.cached);
		CHECK_INT(fixture_run(&x, NATIVE, SYS_statx), SECCOMP_RET_ALLOW);
		arena_release(&x.arena);
		(void)fd_close(dir);
		CHECK_INT(file_remove_tree(AT_FDCWD, path), 0);
	}
}

TEST(what_works_here_is_known)
{
	char version[32];

	CHECK(filter_arch_works("SCMP_ARCH_X86_64"));
	CHECK(filter_arch_works("SCMP_ARCH_MIPSEL64N32"));
	CHECK(!filter_arch_works("SCMP_ARCH_"));
	CHECK(!filter_arch_works("x86_64"));
	CHECK(filter_flag_works("SECCOMP_FILTER_FLAG_LOG"));
	CHECK(!filter_flag_works("SECCOMP_FILTER_FLAG_NONSENSE"));
	filter_library_version(version, sizeof(version));
	CHECK(version[0] >= '2');
}
