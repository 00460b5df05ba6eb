/* SPDX-License-Identifier: Apache-2.0 */
/* worker_test.c - work in a child, its report, its death */
#include "runtime/shim/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "tests/unit/test.h"

static struct loop loop;
static struct workers workers;
static struct report last;
static char text[64];
static int reports;

static void done(void *arg, struct report *r)
{
	(void)arg;
	reports++;
	last = *r;
	text[0] = '\0';
	if (r->data >= 0) {
		ssize_t n = pread(r->data, text, sizeof(text) - 1, 0);

		text[n > 0 ? n : 0] = '\0';
	}
	loop.stop = true;
}

static void late(struct timer *t)
{
	(void)t;
	loop.stop = true;
}

static void run(void (*work)(void *, struct report *), void *arg)
{
	struct timer t = { .fired = late };
	struct err err = { 0 };

	reports = 0;
	REQUIRE(loop_init(&loop, NULL) == 0);
	workers = (struct workers){ .loop = &loop };
	REQUIRE(worker_start(&workers, work, arg, done, &err) == 0);
	timer_start(&loop, &t, loop_now() + 5000000000LL);
	CHECK_INT(loop_run(&loop, NULL), 0);
	CHECK_INT(reports, 1);
	CHECK(!workers.first);
	while (waitpid(-1, NULL, 0) > 0)
		;
	timer_stop(&loop, &t);
	(void)fd_close(loop.epoll);
}

static void tell(void *arg, struct report *r)
{
	r->rc = 0;
	r->pid = getpid();
	r->value = *(int *)arg;
	*(int *)arg = 0; /* its own memory */
	r->data = memfd_create("test", MFD_CLOEXEC);
	(void)fd_write_full(r->data, "data", 4);
}

TEST(a_report_comes_back_with_its_descriptors)
{
	int value = 42;

	run(tell, &value);
	CHECK_INT(last.rc, 0);
	CHECK_INT(last.value, 42);
	CHECK_INT(value, 42);
	CHECK(last.pid > 0 && last.pid != getpid());
	CHECK_STR(text, "data");
	CHECK(last.cgroup < 0 && last.master < 0);
}

static void fail(void *arg, struct report *r)
{
	(void)arg;
	r->rc = err_set(&r->err, EBUSY, "no %s", "luck");
}

TEST(an_error_comes_back_as_it_was)
{
	run(fail, NULL);
	CHECK_INT(last.rc, -1);
	CHECK_INT(last.err.code, EBUSY);
	CHECK_STR(last.err.msg, "no luck");
}

static void die(void *arg, struct report *r)
{
	(void)arg;
	(void)r;
	(void)raise(SIGKILL);
}

TEST(a_worker_that_is_killed_is_an_error)
{
	run(die, NULL);
	CHECK_INT(last.rc, -1);
	CHECK_INT(last.err.code, ECHILD);
}

static void look(void *arg, struct report *r)
{
	int stdio[3] = { -1, *(int *)arg, -1 };

	r->rc = worker_stdio(r, stdio, &r->err);
	(void)!write(1, "out", 3);
	for (int fd = 0; fd < 64; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			r->value |= 1 << (fd < 30 ? fd : 30);
}

TEST(a_worker_keeps_its_standard_descriptors_and_the_way_back)
{
	int pair[2];
	char got[4] = "";

	REQUIRE(pipe(pair) == 0);
	run(look, &pair[1]);
	CHECK_INT(last.rc, 0);
	CHECK_INT(last.value, 0xf); /* 0, 1, 2 and the report's */
	CHECK_INT(read(pair[0], got, 3), 3);
	CHECK_STR(got, "out");
	(void)fd_close(pair[0]);
	(void)fd_close(pair[1]);
}

static void spawn(void *arg, struct report *r)
{
	char *const argv[] = { arg, (char[]){ "-c" }, (char[]){ "echo $X >&3; exit 0" }, NULL };
	char *const env[] = { (char[]){ "X=y" }, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	r->data = memfd_create("test", MFD_CLOEXEC);
	r->logger = worker_spawn(arg, argv, env, (const int[]){ null, null, null, r->data }, 4,
				 &r->err);
	r->rc = r->logger > 0 ? 0 : -1;
	while (r->logger > 0 && waitpid(r->logger, NULL, 0) < 0 && errno == EINTR)
		;
}

TEST(a_program_gets_its_descriptors_and_environment)
{
	run(spawn, (char[]){ "/bin/sh" });
	CHECK_INT(last.rc, 0);
	CHECK_STR(text, "y\n");
	run(spawn, (char[]){ "/no/such" });
	CHECK_INT(last.rc, -1);
	CHECK_INT(last.err.code, ENOENT);
}
