/* SPDX-License-Identifier: Apache-2.0 */
/* landlock_test.c - the annotation's rules */
#include "runtime/isolate/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/unit/test.h"

#define EXECUTE	 1U
#define WRITE	 2U
#define READ	 4U
#define READ_DIR 8U

static int make(const char *text, struct arena *arena, struct landlock *l, struct err *err)
{
	arena_init(arena, ARENA_MAX_DEFAULT);
	return landlock_make(text, arena, l, err);
}

TEST(no_annotation_is_no_rule)
{
	struct arena arena;
	struct landlock l = { .set = true };

	CHECK_INT(make(NULL, &arena, &l, NULL), 0);
	CHECK(!l.set);
	CHECK_INT(landlock_apply(&l, NULL), 0);
	arena_release(&arena);
}

TEST(lists_become_rules)
{
	struct arena arena;
	struct landlock l;

	CHECK_INT(
		make("{\"ro\":[\"/usr\"],\"rw\":[\"/tmp\"],\"exec\":[\"/bin\"],\"tcp_bind\":[80,443],"
		     "\"tcp_connect\":[],\"scope\":[\"signal\"],\"best_effort\":true}",
		     &arena, &l, NULL),
		0);
	CHECK_INT(l.n_paths, 3);
	CHECK_STR(l.paths[0].path, "/usr");
	CHECK_INT(l.paths[0].access, READ | READ_DIR);
	CHECK_STR(l.paths[1].path, "/bin");
	CHECK_INT(l.paths[1].access, READ | READ_DIR | EXECUTE);
	CHECK_STR(l.paths[2].path, "/tmp");
	CHECK_INT(l.paths[2].access & (READ | WRITE | EXECUTE), READ | WRITE);
	CHECK_INT(l.n_ports, 2);
	CHECK_INT(l.ports[1].port, 443);
	/* an empty list: no port at all */
	CHECK_INT(l.handled_net, 3);
	CHECK_INT(l.scoped, 2);
	CHECK(l.best_effort);
	arena_release(&arena);
}

TEST(what_is_not_named_is_not_restricted)
{
	struct arena arena;
	struct landlock l;

	CHECK_INT(make("{\"tcp_bind\":[80]}", &arena, &l, NULL), 0);
	CHECK_INT(l.handled_fs, 0);
	CHECK_INT(l.handled_net, 1);
	CHECK_INT(l.scoped, 0);
	arena_release(&arena);
}

TEST(bad_annotations_are_refused)
{
	static const char *const bad[] = {
		"",
		"{}",
		"[]",
		"{\"ro\":[\"relative\"]}",
		"{\"ro\":\"/usr\"}",
		"{\"tcp_bind\":[65536]}",
		"{\"tcp_bind\":[-1]}",
		"{\"tcp_bind\":80}",
		"{\"scope\":[\"everything\"]}",
		"{\"readonly\":[\"/usr\"]}",
		"{\"ro\":[\"/a\"]} x",
		"{\"best_effort\":true}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct arena arena;
		struct landlock l;
		struct err err = { 0 };

		if (make(bad[i], &arena, &l, &err) != -1)
			printf("# taken: %s\n", bad[i]);
		CHECK_STR(err.field, "/annotations/org.skerry.landlock");
		arena_release(&arena);
	}
}

TEST(an_old_kernel_is_an_error_without_best_effort)
{
	static const char strict[] = "{\"ro\":[\"/usr\"],\"tcp_bind\":[80],\"scope\":[\"signal\"]}";
	static const char loose[] =
		"{\"ro\":[\"/usr\"],\"tcp_bind\":[80],\"scope\":[\"signal\"],\"best_effort\":true}";

	for (int abi = 0; abi < 9; abi++) {
		struct arena arena;
		struct landlock l;

		CHECK_INT(make(strict, &arena, &l, NULL), 0);
		CHECK_INT(landlock_limit(&l, abi, NULL), abi >= 6 ? 0 : -1);
		arena_release(&arena);
		CHECK_INT(make(loose, &arena, &l, NULL), 0);
		CHECK_INT(landlock_limit(&l, abi, NULL), 0);
		CHECK_INT(l.handled_net, abi >= 4 ? 1 : 0);
		CHECK_INT(l.scoped, abi >= 6 ? 2 : 0);
		CHECK_INT(l.handled_fs == 0, abi == 0);
		arena_release(&arena);
	}
}

TEST(the_kernel_obeys_the_rules)
{
	struct arena arena;
	struct landlock l;
	pid_t pid;
	int status = 0;

	if (landlock_abi() == 0)
		SKIP("no Landlock in this kernel");
	CHECK_INT(make("{\"ro\":[\"/proc\"],\"best_effort\":true}", &arena, &l, NULL), 0);
	CHECK_INT(landlock_limit(&l, landlock_abi(), NULL), 0);
	pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || landlock_apply(&l, NULL) < 0)
			_exit(1);
		if (open("/proc/self/status", O_RDONLY | O_CLOEXEC) < 0)
			_exit(2);
		_exit(open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES ? 0 : 3);
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
	arena_release(&arena);
}
