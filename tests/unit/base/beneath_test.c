/* SPDX-License-Identifier: Apache-2.0 */
/* beneath_test.c - paths below a hostile root */
#include "base/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"
#include "tests/unit/test.h"

/* A root with a secret beside it that must stay out of reach. */
static bool scratch(char *path, int *top, int *root)
{
	AUTO_FD fd = -1;

	if (str_copy(path, 64, "/tmp/skerry-beneath.XXXXXX") < 0 || !mkdtemp(path))
		return false;
	*top = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*top < 0 || mkdirat(*top, "root", 0755) < 0)
		return false;
	fd = openat(*top, "secret", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	*root = openat(*top, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && *root >= 0;
}

/* Is fd the same file as name in dir? */
static bool is_same(int fd, int dir, const char *name)
{
	struct stat a, b;

	return fd >= 0 && fstat(fd, &a) == 0 && fstatat(dir, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

TEST(the_way_out_ends_at_the_root)
{
	char path[64];
	AUTO_FD top = -1;
	AUTO_FD root = -1;
	static const char *const ways[] = {
		"/", "..", "../..", "/../../..", "out", "abs", "chain"
	};

	REQUIRE(scratch(path, &top, &root));
	REQUIRE(symlinkat("../../..", root, "out") == 0);
	REQUIRE(symlinkat("/", root, "abs") == 0);
	REQUIRE(symlinkat("out/../abs", root, "chain") == 0);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		AUTO_FD fd = beneath_open(root, ways[i], O_PATH, 0, 0);

		CHECK(is_same(fd, top, "root"));
		CHECK_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
	}
	CHECK_INT(beneath_open(root, "../secret", O_PATH, 0, 0), -1);
	CHECK_INT(errno, ENOENT);
	CHECK_INT(file_remove_tree(AT_FDCWD, path), 0);
}

TEST(magic_links_are_refused)
{
	AUTO_FD proc = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);

	REQUIRE(proc >= 0);
	CHECK_INT(beneath_open(proc, "root", O_PATH, 0, 0), -1);
	CHECK_INT(errno, ELOOP);
	CHECK_INT(beneath_open(proc, "fd/0", O_PATH, 0, 0), -1);
	CHECK(beneath_is_fs(proc, PROC_SUPER_MAGIC));
	CHECK(!beneath_is_fs(proc, TMPFS_MAGIC));
}

TEST(directories_are_made_with_their_parents)
{
	char path[64];
	AUTO_FD top = -1;
	AUTO_FD root = -1;
	AUTO_FD made = -1;
	AUTO_FD again = -1;
	AUTO_FD same = -1;

	REQUIRE(scratch(path, &top, &root));
	made = beneath_make_dir(root, "/a/b//c/", 0755);
	CHECK(is_same(made, root, "a/b/c"));
	again = beneath_make_dir(root, "a/b/c", 0755);
	CHECK(is_same(again, root, "a/b/c"));
	same = beneath_make_dir(root, "/", 0755);
	CHECK(is_same(same, top, "root"));
	(void)fd_close(fd_take(&same));
	same = beneath_make_dir(root, "x/../../../y", 0755);
	CHECK(is_same(same, root, "y"));
	CHECK_INT(faccessat(top, "y", F_OK, 0), -1);
	CHECK_INT(file_remove_tree(AT_FDCWD, path), 0);
}

TEST(dangling_links_are_followed_inside)
{
	char path[64];
	AUTO_FD top = -1;
	AUTO_FD root = -1;
	AUTO_FD a = -1;
	AUTO_FD b = -1;
	AUTO_FD c = -1;

	REQUIRE(scratch(path, &top, &root));
	REQUIRE(symlinkat("/run/new", root, "abs") == 0);
	REQUIRE(symlinkat("../../etc", root, "rel") == 0);
	REQUIRE(symlinkat("rel/file", root, "file") == 0);
	a = beneath_make_dir(root, "abs/sub", 0755);
	CHECK(is_same(a, root, "run/new/sub"));
	b = beneath_make_dir(root, "rel", 0755);
	CHECK(is_same(b, root, "etc"));
	c = beneath_make_file(root, "file", 0644);
	CHECK(is_same(c, root, "etc/file"));
	CHECK_INT(faccessat(top, "etc", F_OK, 0), -1);
	CHECK_INT(file_remove_tree(AT_FDCWD, path), 0);
}

TEST(loops_of_links_end)
{
	char path[64];
	AUTO_FD top = -1;
	AUTO_FD root = -1;

	REQUIRE(scratch(path, &top, &root));
	REQUIRE(symlinkat("b", root, "a") == 0);
	REQUIRE(symlinkat("a", root, "b") == 0);
	REQUIRE(symlinkat("missing/../grow/x", root, "grow") == 0);
	errno = 0;
	CHECK_INT(beneath_make_dir(root, "a/x", 0755), -1);
	CHECK_INT(errno, ELOOP);
	errno = 0;
	CHECK_INT(beneath_make_dir(root, "grow", 0755), -1);
	CHECK_INT(errno, ELOOP);
	CHECK_INT(file_remove_tree(AT_FDCWD, path), 0);
}

TEST(files_are_made_but_never_emptied)
{
	char path[64];
	AUTO_FD top = -1;
	AUTO_FD root = -1;
	AUTO_FD made = -1;
	AUTO_FD again = -1;
	AUTO_FD data = -1;
	struct stat st;

	REQUIRE(scratch(path, &top, &root));
	made = beneath_make_file(root, "/etc/deep/hosts", 0644);
	CHECK(is_same(made, root, "etc/deep/hosts"));
	REQUIRE(fstat(made, &st) == 0);
	CHECK(S_ISREG(st.st_mode));
	data = beneath_open(root, "etc/deep/hosts", O_WRONLY, 0, 0);
	CHECK_INT(fd_write_full(data, "x", 1), 0);
	again = beneath_make_file(root, "etc/deep/hosts", 0644);
	CHECK(is_same(again, root, "etc/deep/hosts"));
	REQUIRE(fstat(again, &st) == 0);
	CHECK_INT(st.st_size, 1);
	errno = 0;
	CHECK_INT(beneath_make_file(root, "etc/deep", 0644), -1);
	CHECK_INT(errno, EISDIR);
	errno = 0;
	CHECK_INT(beneath_make_dir(root, "etc/deep/hosts", 0755), -1);
	CHECK_INT(errno, ENOTDIR);
	CHECK_INT(beneath_make_dir(root, "", 0755), -1);
	CHECK_INT(file_remove_tree(AT_FDCWD, path), 0);
}

TEST(the_parent_and_the_last_name)
{
	char path[64], name[NAME_MAX + 1];
	AUTO_FD top = -1;
	AUTO_FD root = -1;
	AUTO_FD a = -1;
	AUTO_FD b = -1;

	REQUIRE(scratch(path, &top, &root));
	errno = 0;
	CHECK_INT(beneath_parent(root, "/dev/null", false, name), -1);
	CHECK_INT(errno, ENOENT);
	a = beneath_parent(root, "/dev/null", true, name);
	CHECK(is_same(a, root, "dev"));
	CHECK_STR(name, "null");
	b = beneath_parent(root, "top/", false, name);
	CHECK(is_same(b, top, "root"));
	CHECK_STR(name, "top");
	CHECK_INT(beneath_parent(root, "/", true, name), -1);
	CHECK_INT(beneath_parent(root, "a/..", true, name), -1);
	CHECK_INT(errno, EINVAL);
	CHECK_INT(file_remove_tree(AT_FDCWD, path), 0);
}
