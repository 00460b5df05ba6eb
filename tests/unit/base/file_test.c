/* SPDX-License-Identifier: Apache-2.0 */
/* file_test.c - whole files */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "tests/unit/test.h"

/* A directory for one test, its descriptor in *ret. */
static bool scratch(char *path, int *ret)
{
	if (str_copy(path, 64, "/tmp/skerry-file.XXXXXX") < 0 || !mkdtemp(path))
		return false;
	*ret = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *ret >= 0;
}

static void make(int dir, const char *name, const char *text)
{
	AUTO_FD fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0);
	CHECK_INT(fd_write_full(fd, text, strlen(text)), 0);
}

TEST(a_file_is_read_whole_up_to_the_limit)
{
	char path[64];
	AUTO_FD dir = -1;
	AUTO_BUF b;

	buf_init(&b);
	REQUIRE(scratch(path, &dir));
	make(dir, "f", "hello\n");
	buf_puts(&b, "> ");
	CHECK_INT(file_read(dir, "f", &b, 100, true), 0);
	CHECK_STR(b.s, "> hello\n");
	buf_clear(&b);
	CHECK_INT(file_read(dir, "f", &b, 6, true), 0);
	CHECK_STR(b.s, "hello\n");
	buf_clear(&b);
	CHECK_INT(file_read(dir, "f", &b, 5, true), -1);
	CHECK_INT(errno, EFBIG);
	make(dir, "empty", "");
	buf_clear(&b);
	CHECK_INT(file_read(dir, "empty", &b, 5, true), 0);
	CHECK_STR(b.s, "");
	CHECK_INT(file_read(dir, "none", &b, 5, true), -1);
	CHECK_INT(errno, ENOENT);
	CHECK_INT(file_remove_tree(AT_FDCWD, path), 0);
}

TEST(proc_files_without_a_size_are_read_whole)
{
	AUTO_BUF b;

	buf_init(&b);
	CHECK_INT(file_read(AT_FDCWD, "/proc/self/status", &b, 1 << 20, false), 0);
	CHECK(strstr(b.s, "nonvoluntary_ctxt_switches"));
}

TEST(fifos_and_directories_do_not_hang_a_read)
{
	char path[64];
	AUTO_FD dir = -1;
	AUTO_BUF b;

	buf_init(&b);
	REQUIRE(scratch(path, &dir));
	REQUIRE(mkfifoat(dir, "fifo", 0600) == 0);
	CHECK_INT(file_read(dir, "fifo", &b, 10, true), -1);
	CHECK_INT(errno, EINVAL);
	CHECK_INT(file_read(dir, "fifo", &b, 10, false), 0);
	CHECK_INT(file_read(dir, ".", &b, 10, false), -1);
	CHECK_INT(errno, EISDIR);
	CHECK_INT(file_remove_tree(AT_FDCWD, path), 0);
}

TEST(a_line_loses_one_newline)
{
	char path[64], text[8];
	AUTO_FD dir = -1;

	REQUIRE(scratch(path, &dir));
	make(dir, "a", "max\n");
	CHECK_INT(file_read_line(dir, "a", text, sizeof(text)), 3);
	CHECK_STR(text, "max");
	make(dir, "a", "x\n\n");
	CHECK_INT(file_read_line(dir, "a", text, sizeof(text)), 2);
	make(dir, "a", "0123456789");
	CHECK_INT(file_read_line(dir, "a", text, sizeof(text)), 7);
	CHECK_STR(text, "0123456");
	make(dir, "a", "");
	CHECK_INT(file_read_line(dir, "a", text, sizeof(text)), 0);
	CHECK_STR(text, "");
	CHECK_INT(file_remove_tree(AT_FDCWD, path), 0);
}

TEST(writing_text_makes_no_file)
{
	char path[64], text[8];
	AUTO_FD dir = -1;

	REQUIRE(scratch(path, &dir));
	CHECK_INT(file_write_text(dir, "a", "1"), -1);
	CHECK_INT(errno, ENOENT);
	make(dir, "a", "xyz");
	CHECK_INT(file_write_text(dir, "a", "1"), 0);
	CHECK_INT(file_read_line(dir, "a", text, sizeof(text)), 3);
	CHECK_STR(text, "1yz");
	CHECK_INT(file_remove_tree(AT_FDCWD, path), 0);
}

TEST(replacing_is_a_rename_over_links_too)
{
	char path[64], text[16], name[300];
	AUTO_FD dir = -1;
	struct stat st;

	REQUIRE(scratch(path, &dir));
	make(dir, "victim", "keep");
	REQUIRE(symlinkat("victim", dir, "link") == 0);
	CHECK_INT(file_replace(dir, "link", "new", 3, 0640), 0);
	CHECK_INT(file_read_line(dir, "victim", text, sizeof(text)), 4);
	CHECK_INT(fstatat(dir, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	CHECK(S_ISREG(st.st_mode));
	CHECK_INT(st.st_mode & 07777, 0640 & ~(umask(022), umask(022)));
	CHECK_INT(file_replace(dir, "link", "newer", 5, 0600), 0);
	CHECK_INT(file_read_line(dir, "link", text, sizeof(text)), 5);
	CHECK_STR(text, "newer");

	/* nothing is left when the rename fails; a name of full length works */
	REQUIRE(mkdirat(dir, "dir", 0700) == 0);
	CHECK_INT(file_replace(dir, "dir", "x", 1, 0600), -1);
	CHECK_INT(file_replace(dir, "dir/", "x", 1, 0600), -1);
	CHECK_INT(unlinkat(dir, "dir", AT_REMOVEDIR), 0);
	memset(name, 'n', 255);
	name[255] = '\0';
	CHECK_INT(file_replace(dir, name, "x", 1, 0600), 0);
	CHECK_INT(unlinkat(dir, name, 0), 0);
	CHECK_INT(unlinkat(dir, "link", 0), 0);
	CHECK_INT(unlinkat(dir, "victim", 0), 0);
	CHECK_INT(rmdir(path), 0);
}

TEST(a_pid_file_is_digits_only)
{
	char path[64], file[80], text[16];
	AUTO_FD dir = -1;

	REQUIRE(scratch(path, &dir));
	REQUIRE(str_format(file, sizeof(file), "%s/pid", path) == 0);
	CHECK_INT(file_write_pid(file, 12345), 0);
	memset(text, 0, sizeof(text));
	CHECK_INT(file_read_line(dir, "pid", text, sizeof(text)), 5);
	CHECK_STR(text, "12345");
	CHECK_INT(file_remove_tree(AT_FDCWD, path), 0);
	CHECK_INT(file_write_pid(file, 1), -1);
	CHECK_INT(errno, ENOENT);
}

TEST(a_tree_goes_links_stay_unfollowed)
{
	char path[64], name[32];
	AUTO_FD dir = -1;
	AUTO_FD sub = -1;

	REQUIRE(scratch(path, &dir));
	REQUIRE(mkdirat(dir, "tree", 0700) == 0);
	REQUIRE(mkdirat(dir, "outside", 0700) == 0);
	make(dir, "outside/keep", "x");
	sub = openat(dir, "tree", O_PATH | O_CLOEXEC);
	REQUIRE(symlinkat("../outside", sub, "link") == 0);
	REQUIRE(symlinkat("nowhere", sub, "dangling") == 0);
	for (int i = 0; i < 500; i++) {
		REQUIRE(str_format(name, sizeof(name), "file-%d", i) == 0);
		make(sub, name, "");
	}
	CHECK_INT(file_remove_tree(dir, "tree"), 0);
	CHECK_INT(faccessat(dir, "tree", F_OK, 0), -1);
	CHECK_INT(faccessat(dir, "outside/keep", F_OK, 0), 0);
	CHECK_INT(file_remove_tree(dir, "tree"), 0); /* absent */
	CHECK_INT(file_remove_tree(dir, "none/tree"), 0);
	CHECK_INT(file_remove_tree(dir, "."), -1);
	CHECK_INT(file_remove_tree(dir, "outside/.."), -1);
	CHECK_INT(file_remove_tree(dir, ""), -1);
	CHECK_INT(errno, EINVAL);
	CHECK_INT(file_remove_tree(AT_FDCWD, path), 0);
	CHECK_INT(access(path, F_OK), -1);
}

TEST(a_tree_deeper_than_our_descriptors_goes_too)
{
	char path[64];
	AUTO_FD dir = -1;
	AUTO_FD at = -1;

	REQUIRE(scratch(path, &dir));
	at = openat(dir, ".", O_PATH | O_CLOEXEC);
	for (int i = 0; i < 3000; i++) {
		int next;

		REQUIRE(mkdirat(at, "d", 0700) == 0);
		next = openat(at, "d", O_PATH | O_CLOEXEC);
		REQUIRE(next >= 0);
		(void)fd_close(at);
		at = next;
	}
	make(at, "leaf", "x");
	CHECK_INT(file_remove_tree(AT_FDCWD, path), 0);
	CHECK_INT(access(path, F_OK), -1);
}

TEST(directories_are_made_with_their_parents)
{
	char path[64], deep[128];
	AUTO_FD dir = -1;
	struct stat st;

	REQUIRE(scratch(path, &dir));
	REQUIRE(str_format(deep, sizeof(deep), "%s/a//b/c/", path) == 0);
	CHECK_INT(file_make_dirs(deep, 0700), 0);
	CHECK_INT(file_make_dirs(deep, 0700), 0);
	CHECK_INT(stat(deep, &st), 0);
	CHECK(S_ISDIR(st.st_mode));
	make(dir, "f", "");
	REQUIRE(str_format(deep, sizeof(deep), "%s/f", path) == 0);
	CHECK_INT(file_make_dirs(deep, 0700), -1);
	CHECK_INT(errno, ENOTDIR);
	REQUIRE(str_format(deep, sizeof(deep), "%s/f/g", path) == 0);
	CHECK_INT(file_make_dirs(deep, 0700), -1);
	CHECK_INT(errno, ENOTDIR);
	CHECK_INT(file_remove_tree(AT_FDCWD, path), 0);
}
