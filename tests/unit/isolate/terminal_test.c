/* SPDX-License-Identifier: Apache-2.0 */
/* terminal_test.c - pairs from a checked devpts */
#include "runtime/isolate/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"
#include "tests/unit/test.h"

static const struct terminal_options as_is = { .uid = UINT32_MAX, .gid = UINT32_MAX };

TEST(a_pair_has_the_size_asked_for_and_talks)
{
	struct spec_box size = { .height = 33, .width = 111 };
	struct terminal_options o = as_is;
	struct winsize now;
	struct err err = { 0 };
	char text[8] = "";
	int master = -1, slave = -1;
	AUTO_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	o.size = &size;
	if (access("/dev/pts/ptmx", R_OK | W_OK) < 0)
		SKIP("no usable /dev/pts/ptmx");
	REQUIRE(terminal_open(root, &o, &master, &slave, &err) == 0);
	CHECK_INT(ioctl(slave, TIOCGWINSZ, &now), 0);
	CHECK_INT(now.ws_row, 33);
	CHECK_INT(now.ws_col, 111);
	CHECK_INT(write(slave, "hi", 2), 2);
	CHECK_INT(read(master, text, sizeof(text)), 2);
	CHECK(fcntl(master, F_GETFD) & FD_CLOEXEC);
	CHECK(fcntl(slave, F_GETFD) & FD_CLOEXEC);
	(void)fd_close(master);
	(void)fd_close(slave);
}

TEST(a_directory_that_is_no_devpts_is_refused)
{
	char dir[64], path[128];
	int master = -1, slave = -1;
	struct err err = { 0 };
	AUTO_FD root = -1;

	REQUIRE(str_copy(dir, sizeof(dir), "/tmp/skerry-tty-XXXXXX") == 0);
	REQUIRE(mkdtemp(dir) != NULL);
	REQUIRE(str_format(path, sizeof(path), "%s/dev/pts", dir) == 0);
	REQUIRE(file_make_dirs(path, 0755) == 0);
	root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(terminal_open(root, &as_is, &master, &slave, &err), -1);
	CHECK(strstr(err.msg, "not a devpts") != NULL);
	CHECK_INT(master, -1);
	CHECK_INT(file_remove_tree(AT_FDCWD, dir), 0);
}

TEST(a_console_that_is_a_link_is_refused)
{
	char dir[64], path[128], target[128];
	struct stat st;
	AUTO_FD root = -1;
	AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);

	REQUIRE(str_copy(dir, sizeof(dir), "/tmp/skerry-tty-XXXXXX") == 0);
	REQUIRE(mkdtemp(dir) != NULL);
	REQUIRE(str_format(path, sizeof(path), "%s/dev", dir) == 0);
	REQUIRE(mkdir(path, 0755) == 0);
	REQUIRE(str_format(target, sizeof(target), "%s/target", dir) == 0);
	REQUIRE(str_format(path, sizeof(path), "%s/dev/console", dir) == 0);
	REQUIRE(symlink(target, path) == 0);
	root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(terminal_bind_console(root, null, NULL), -1);
	CHECK(lstat(target, &st) < 0);
	CHECK_INT(file_remove_tree(AT_FDCWD, dir), 0);
}

TEST(the_master_is_sent_with_its_name)
{
	int pair[2], master = -1, slave = -1, got = -1;
	char name[64] = "";
	size_t n = 0;
	AUTO_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (access("/dev/pts/ptmx", R_OK | W_OK) < 0)
		SKIP("no usable /dev/pts/ptmx");
	REQUIRE(terminal_open(root, &as_is, &master, &slave, NULL) == 0);
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	CHECK_INT(terminal_send_master(pair[0], master, NULL), 0);
	CHECK(fd_receive(pair[1], name, sizeof(name) - 1, &got, 1, &n) > 0);
	CHECK_INT(n, 1);
	CHECK(strncmp(name, "/dev/pts/", 9) == 0);
	CHECK_INT(isatty(got), 1);
	(void)fd_close(got);
	(void)fd_close(master);
	(void)fd_close(slave);
	(void)fd_close(pair[0]);
	(void)fd_close(pair[1]);
}

TEST(raw_mode_is_taken_back)
{
	struct termios before, saved, now;
	int master = -1, slave = -1;
	AUTO_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (access("/dev/pts/ptmx", R_OK | W_OK) < 0)
		SKIP("no usable /dev/pts/ptmx");
	REQUIRE(terminal_open(root, &as_is, &master, &slave, NULL) == 0);
	CHECK_INT(tcgetattr(slave, &before), 0);
	CHECK_INT(terminal_raw(slave, &saved, NULL), 0);
	CHECK_INT(tcgetattr(slave, &now), 0);
	CHECK_INT(now.c_lflag & (ICANON | ECHO | ISIG), 0);
	terminal_restore(slave, &saved);
	CHECK_INT(tcgetattr(slave, &now), 0);
	CHECK_INT(now.c_lflag, before.c_lflag);
	(void)fd_close(master);
	(void)fd_close(slave);
}

TEST(what_is_no_terminal_is_refused)
{
	struct termios saved;
	struct err err = { 0 };
	AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);

	CHECK_INT(terminal_raw(null, &saved, NULL), -1);
	terminal_copy_size(null, null);
	CHECK_INT(terminal_connect_socket("/tmp/skerry-no-such-socket", &err), -1);
	CHECK(strstr(err.msg, "skerry-no-such-socket") != NULL);
}
