/* SPDX-License-Identifier: Apache-2.0 */
/* tmpcopy_test.c - a tree copied from one directory to another */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "runtime/isolate/tmpcopy.h"
#include "tests/unit/test.h"

#define MANY 300 /* more names than one getdents64(2) of ours returns */

struct dirs {
	char path[64];
	int top, from, to;
};

static bool dirs_open(struct dirs *d)
{
	*d = (struct dirs){ .path = "/tmp/skerry-tmpcopy-XXXXXX", .top = -1, .from = -1, .to = -1 };
	if (!mkdtemp(d->path))
		return false;
	d->top = open(d->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mkdirat(d->top, "from", 0755) < 0 || mkdirat(d->top, "to", 0755) < 0)
		return false;
	d->from = openat(d->top, "from", O_PATH | O_DIRECTORY | O_CLOEXEC);
	d->to = openat(d->top, "to", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return d->from >= 0 && d->to >= 0;
}

static void dirs_close(struct dirs *d)
{
	(void)fd_close(d->top);
	(void)fd_close(d->from);
	(void)fd_close(d->to);
	(void)file_remove_tree(AT_FDCWD, d->path);
}

static bool make_file(int dir, const char *name, const char *text)
{
	AUTO_FD fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	return fd >= 0 && fd_write_full(fd, text, strlen(text)) == 0;
}

TEST(everything_is_copied_as_it_is)
{
	const struct timespec times[] = { { .tv_sec = 1000 }, { .tv_sec = 2000 } };
	struct err err = { 0 };
	struct stat st;
	struct dirs d;
	char text[64];

	REQUIRE(dirs_open(&d));
	CHECK(mkdirat(d.from, "sub", 0750) == 0 && mkdirat(d.from, "sub/deep", 0700) == 0);
	CHECK(make_file(d.from, "sub/deep/file", "contents\n"));
	CHECK(symlinkat("/nowhere", d.from, "link") == 0);
	CHECK(mknodat(d.from, "fifo", S_IFIFO | 0600, 0) == 0);
	CHECK(fchmodat(d.from, "sub/deep/file", 0640, 0) == 0);
	CHECK(utimensat(d.from, "sub/deep/file", times, 0) == 0);
	CHECK(fchmodat(d.from, "sub", 01771, 0) == 0);
	CHECK_INT(tmpcopy_apply(d.from, d.to, &err), 0);
	CHECK_STR(err.msg, "");
	CHECK_INT(file_read_line(d.to, "sub/deep/file", text, sizeof(text)), 8);
	CHECK_STR(text, "contents");
	CHECK(fstatat(d.to, "sub/deep/file", &st, 0) == 0);
	CHECK_INT(st.st_mode, S_IFREG | 0640);
	CHECK_INT(st.st_mtim.tv_sec, 2000);
	CHECK(fstatat(d.to, "sub", &st, 0) == 0);
	CHECK_INT(st.st_mode, S_IFDIR | 01771);
	CHECK(fstatat(d.to, "fifo", &st, 0) == 0);
	CHECK_INT(st.st_mode, S_IFIFO | 0600);
	CHECK_INT(readlinkat(d.to, "link", text, sizeof(text)), 8);
	dirs_close(&d);
}

TEST(many_names_are_all_copied)
{
	struct err err = { 0 };
	struct stat st;
	struct dirs d;
	char name[64];

	REQUIRE(dirs_open(&d));
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "a_name_that_takes_some_room_%d", i);
		REQUIRE(make_file(d.from, name, "x"));
	}
	CHECK_INT(tmpcopy_apply(d.from, d.to, &err), 0);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "a_name_that_takes_some_room_%d", i);
		CHECK(fstatat(d.to, name, &st, 0) == 0);
	}
	dirs_close(&d);
}

TEST(too_deep_a_tree_is_an_error)
{
	struct err err = { 0 };
	struct dirs d;
	int dir;

	REQUIRE(dirs_open(&d));
	dir = openat(d.from, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 120 && dir >= 0; i++) {
		int next = -1;

		if (mkdirat(dir, "d", 0755) == 0)
			next = openat(dir, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
		(void)fd_close(dir);
		dir = next;
	}
	CHECK(dir >= 0);
	(void)fd_close(dir);
	CHECK_INT(tmpcopy_apply(d.from, d.to, &err), -1);
	CHECK_INT(err.code, ELOOP);
	dirs_close(&d);
}
