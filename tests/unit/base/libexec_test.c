/* SPDX-License-Identifier: Apache-2.0 */
/* libexec_test.c - programs beside ours */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/libexec.h"
#include "tests/unit/test.h"

/* A script beside "this program". */
struct beside {
	char dir[64], self[96];
	char *was;
};

static void put_script(struct beside *b, const char *text)
{
	char path[96];
	int fd;

	memcpy(b->dir, "/tmp/libexec-test.XXXXXX", sizeof("/tmp/libexec-test.XXXXXX"));
	REQUIRE(mkdtemp(b->dir) != NULL);
	REQUIRE(str_format(path, sizeof(path), "%s/helper", b->dir) == 0);
	REQUIRE(str_format(b->self, sizeof(b->self), "%s/self", b->dir) == 0);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	REQUIRE(fd >= 0 && fd_write_full(fd, text, strlen(text)) == 0);
	(void)fd_close(fd);
	b->was = program_invocation_name;
	program_invocation_name = b->self;
}

static void take_away(struct beside *b)
{
	program_invocation_name = b->was;
	(void)file_remove_tree(AT_FDCWD, b->dir);
}

TEST(a_helper_gets_the_word_and_the_input)
{
	struct beside b;
	AUTO_BUF out;
	const struct libexec l = {
		.name = "helper", .word = "verb", .input = "text", .stdout_fd = -1, .output = &out
	};

	buf_init(&out);
	put_script(&b, "#!/bin/sh\necho \"$1: $(cat)\"\n");
	CHECK_INT(libexec_run(&l, NULL), 0);
	CHECK_STR(out.s, "verb: text");
	take_away(&b);
}

TEST(what_a_failed_helper_says_is_the_error)
{
	struct beside b;
	struct err err = { 0 };
	AUTO_BUF out;
	const struct libexec l = { .name = "helper", .word = "x", .stdout_fd = -1, .output = &out };

	buf_init(&out);
	put_script(&b, "#!/bin/sh\necho no such thing >&2\nexit 3\n");
	CHECK_INT(libexec_run(&l, &err), -1);
	CHECK_STR(err.msg, "no such thing");
	take_away(&b);
}

TEST(a_helper_that_is_killed_is_told)
{
	struct beside b;
	struct err err = { 0 };
	AUTO_BUF out;
	const struct libexec l = { .name = "helper", .word = "x", .stdout_fd = -1, .output = &out };

	buf_init(&out);
	put_script(&b, "#!/bin/sh\nkill -9 $$\n");
	CHECK_INT(libexec_run(&l, &err), -1);
	CHECK_STR(err.msg, "helper: killed by signal 9");
	take_away(&b);
}

TEST(a_helper_that_is_not_there_is_named)
{
	struct err err = { 0 };
	AUTO_BUF out;
	const struct libexec l = {
		.name = "no-such-helper", .word = "x", .stdout_fd = -1, .output = &out
	};

	buf_init(&out);
	CHECK_INT(libexec_run(&l, &err), -1);
	CHECK(strstr(err.msg, "no-such-helper") != NULL);
}

TEST(what_is_not_there_is_said_with_who_needs_it)
{
	char path[PATH_MAX];
	struct err err = { 0 };

	CHECK_INT(libexec_need("tests need", "no-such-helper", path, &err), -1);
	CHECK_INT(err.code, ENOENT);
	CHECK(strncmp(err.msg, "tests need the program \"", 24) == 0);
}

TEST(this_program_itself_is_beside_this_program)
{
	char self[PATH_MAX], path[PATH_MAX], *was = program_invocation_name;
	static char nowhere[] = "name";
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct err err = { 0 };

	REQUIRE(n > 0);
	self[n] = '\0';
	program_invocation_name = nowhere;
	CHECK_INT(libexec_need("tests need", strrchr(self, '/') + 1, path, &err), 0);
	CHECK_STR(path, self);
	program_invocation_name = was;
}

TEST(the_runtime_is_found_in_path)
{
	struct beside b;
	char from[96], to[96], dirs[128], path[PATH_MAX], was[PATH_MAX];
	struct err err = { 0 };

	put_script(&b, "#!/bin/sh\n");
	REQUIRE(str_copy(was, sizeof(was), getenv("PATH")) == 0);
	REQUIRE(str_format(dirs, sizeof(dirs), "/nowhere::%s", b.dir) == 0);
	REQUIRE(setenv("PATH", dirs, 1) == 0);
	CHECK_INT(libexec_runtime(path, &err), -1);
	CHECK(strstr(err.msg, "nor in PATH") != NULL);
	REQUIRE(str_format(from, sizeof(from), "%s/helper", b.dir) == 0);
	REQUIRE(str_format(to, sizeof(to), "%s/skerry", b.dir) == 0);
	REQUIRE(rename(from, to) == 0);
	CHECK_INT(libexec_runtime(path, &err), 0);
	CHECK_STR(path, to);
	REQUIRE(setenv("PATH", was, 1) == 0);
	take_away(&b);
}
