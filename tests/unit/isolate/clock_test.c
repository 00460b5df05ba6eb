/* SPDX-License-Identifier: Apache-2.0 */
/* clock_test.c - offsets of a time namespace */
#include "runtime/isolate/clock.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>

#include "base/fd.h"
#include "tests/unit/test.h"

static char boot[] = "boottime", mono[] = "monotonic", real[] = "realtime";

static int make(struct spec_time_offset *v, size_t n, bool ns, struct clock_offsets *c,
		struct arena *arena)
{
	struct spec_linux linux_ = { .timeOffsets = { v, n } };
	struct spec spec = { .linux_ = &linux_ };

	arena_init(arena, ARENA_MAX_DEFAULT);
	return clock_make(&spec, ns, arena, c, NULL);
}

TEST(offsets_become_the_kernels_text)
{
	struct spec_time_offset v[] = { { mono, -5, 7 }, { boot, 86400, 0 } };
	struct clock_offsets c;
	struct arena arena;

	CHECK_INT(make(v, 2, true, &c, &arena), 0);
	CHECK_STR(c.text, "monotonic -5 7\nboottime 86400 0\n");
	arena_release(&arena);
	CHECK_INT(make(v, 0, false, &c, &arena), 0);
	CHECK(c.text == NULL);
	CHECK_INT(clock_apply(&c, -1, NULL), 0);
	arena_release(&arena);
}

TEST(bad_offsets_are_refused)
{
	struct spec_time_offset clock[] = { { real, 1, 0 } };
	struct spec_time_offset second[] = { { boot, 1, 1000000000 } };
	struct spec_time_offset good[] = { { boot, 1, 0 } };
	struct clock_offsets c;
	struct arena arena;

	CHECK_INT(make(clock, 1, true, &c, &arena), -1);
	arena_release(&arena);
	CHECK_INT(make(second, 1, true, &c, &arena), -1);
	arena_release(&arena);
	CHECK_INT(make(good, 1, false, &c, &arena), -1);
	arena_release(&arena);
}

TEST(the_clock_is_moved)
{
	struct clock_offsets c = { "boottime 1000000 0\n" };
	struct timespec before, after;
	pid_t pid;
	int status = 0;

	pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		AUTO_FD proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (unshare(CLONE_NEWUSER) < 0)
			_exit(77);
		(void)clock_gettime(CLOCK_BOOTTIME, &before);
		if (clock_apply(&c, proc, NULL) < 0)
			_exit(1);
		(void)clock_gettime(CLOCK_BOOTTIME, &after);
		_exit(after.tv_sec - before.tv_sec >= 1000000 ? 0 : 2);
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		SKIP("no user namespaces for this user");
	CHECK_INT(status, 0);
}
