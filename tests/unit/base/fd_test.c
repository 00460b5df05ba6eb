/* SPDX-License-Identifier: Apache-2.0 */
/* fd_test.c - descriptors */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "tests/unit/test.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

TEST(closing_keeps_errno_and_gives_minus_one)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	REQUIRE(fd >= 0);
	errno = EXDEV;
	CHECK_INT(fd_close(fd), -1);
	CHECK_INT(errno, EXDEV);
	CHECK(!is_open(fd));
	CHECK_INT(fd_close(-1), -1);
}

TEST(a_scope_closes_and_taking_prevents_it)
{
	int kept, lost;

	{
		AUTO_FD a = open("/dev/null", O_RDONLY | O_CLOEXEC);
		AUTO_FD b = open("/dev/null", O_RDONLY | O_CLOEXEC);

		lost = a;
		kept = fd_take(&b);
		CHECK_INT(b, -1);
	}
	CHECK(!is_open(lost));
	CHECK(is_open(kept));
	(void)fd_close(kept);
}

TEST(whole_reads_and_writes_go_through_a_pipe)
{
	char data[9000], back[10000];
	int p[2];

	memset(data, 'z', sizeof(data));
	REQUIRE(pipe2(p, O_CLOEXEC) == 0);
	CHECK_INT(fd_write_full(p[1], data, sizeof(data)), 0);
	p[1] = fd_close(p[1]);
	CHECK_INT(fd_read_full(p[0], back, sizeof(back)), sizeof(data));
	CHECK(memcmp(data, back, sizeof(data)) == 0);
	CHECK_INT(fd_read_full(p[0], back, sizeof(back)), 0);
	(void)fd_close(p[0]);
	CHECK_INT(fd_read_full(-1, back, 1), -1);
	CHECK_INT(errno, EBADF);
}

/* Runs check() in a child; its exit status. */
static int in_child(int (*check)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(check());
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int closes_all(void)
{
	if (dup2(0, 50) < 0 || dup2(0, 51) < 0 || dup2(0, 700) < 0 || fd_close_from(51) < 0)
		return 1;
	return is_open(50) && !is_open(51) && !is_open(700) ? 0 : 2;
}

static int marks_all(void)
{
	if (dup2(0, 50) < 0 || dup2(0, 51) < 0 || dup2(0, 700) < 0 || fd_cloexec_from(51) < 0)
		return 1;
	return fcntl(50, F_GETFD) == 0 && fcntl(51, F_GETFD) == FD_CLOEXEC &&
			       fcntl(700, F_GETFD) == FD_CLOEXEC
		       ? 0
		       : 2;
}

static int opens_missing(void)
{
	struct stat st, null;

	(void)close(0);
	(void)close(2);
	if (fd_ensure_stdio() < 0 || fstat(0, &st) < 0 || stat("/dev/null", &null) < 0)
		return 1;
	if (st.st_rdev != null.st_rdev || fstat(2, &st) < 0 || st.st_rdev != null.st_rdev)
		return 2;
	return fcntl(0, F_GETFD) == 0 && fcntl(2, F_GETFD) == 0 ? 0 : 3;
}

TEST(ranges_close_and_are_marked)
{
	CHECK_INT(in_child(closes_all), 0);
	CHECK_INT(in_child(marks_all), 0);
}

TEST(missing_standard_descriptors_become_dev_null)
{
	CHECK_INT(in_child(opens_missing), 0);
}

TEST(flags_go_on_and_off)
{
	int p[2];

	REQUIRE(pipe2(p, O_CLOEXEC) == 0);
	CHECK_INT(fd_set_nonblock(p[0], true), 0);
	CHECK(fcntl(p[0], F_GETFL) & O_NONBLOCK);
	CHECK_INT(fd_set_nonblock(p[0], false), 0);
	CHECK(!(fcntl(p[0], F_GETFL) & O_NONBLOCK));
	CHECK_INT(fd_set_cloexec(p[0], false), 0);
	CHECK_INT(fcntl(p[0], F_GETFD), 0);
	(void)fd_close(p[0]);
	(void)fd_close(p[1]);
	CHECK_INT(fd_set_nonblock(-1, true), -1);
}

TEST(descriptors_travel_with_a_message)
{
	int s[2], sent[3], got[2] = { -1, -1 };
	char text[16] = "";
	size_t n = 99;

	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s) == 0);
	REQUIRE(pipe2(sent, O_CLOEXEC) == 0);
	sent[2] = s[0];
	CHECK_INT(fd_send(s[0], "hello", 5, sent, 2), 0);
	CHECK_INT(fd_receive(s[1], text, sizeof(text), got, 2, &n), 5);
	CHECK_INT(n, 2);
	CHECK_STR(text, "hello");
	CHECK_INT(fcntl(got[0], F_GETFD), FD_CLOEXEC);
	CHECK_INT(fd_write_full(got[1], "x", 1), 0);
	CHECK_INT(fd_read_full(sent[0], text, 1), 1);
	(void)fd_close(got[0]);
	(void)fd_close(got[1]);

	/* none, and more than wanted */
	CHECK_INT(fd_send(s[0], "a", 1, NULL, 0), 0);
	CHECK_INT(fd_receive(s[1], text, sizeof(text), got, 2, &n), 1);
	CHECK_INT(n, 0);
	CHECK_INT(fd_send(s[0], "a", 1, sent, 3), 0);
	CHECK_INT(fd_receive(s[1], text, sizeof(text), got, 1, &n), 1);
	CHECK_INT(n, 1);
	CHECK(!is_open(got[0] + 1));
	(void)fd_close(got[0]);

	CHECK_INT(fd_send(s[0], "", 0, NULL, 0), -1);
	CHECK_INT(errno, EINVAL);
	(void)fd_close(s[0]);
	CHECK_INT(fd_receive(s[1], text, sizeof(text), got, 2, &n), 0);
	CHECK_INT(fd_send(s[1], "a", 1, NULL, 0), -1);
	CHECK_INT(errno, EPIPE);
	(void)fd_close(s[1]);
	(void)fd_close(sent[0]);
	(void)fd_close(sent[1]);
}

TEST(a_socket_with_a_long_path_can_be_reached)
{
	char dir[] = "/tmp/skerry-fd.XXXXXX", deep[300], path[320];
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	AUTO_FD at = -1;
	int fd;

	REQUIRE(mkdtemp(dir));
	memset(deep, 0, sizeof(deep));
	REQUIRE(str_format(deep, sizeof(deep), "%s/%0150d", dir, 1) == 0);
	REQUIRE(mkdir(deep, 0700) == 0);
	at = open(deep, O_PATH | O_CLOEXEC);
	REQUIRE(str_format(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/s", at) == 0);
	REQUIRE(bind(listener, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	REQUIRE(listen(listener, 1) == 0);
	REQUIRE(str_format(path, sizeof(path), "%s/s", deep) == 0);
	fd = fd_connect_unix(path);
	CHECK(fd >= 0);
	(void)fd_close(fd);
	CHECK_INT(unlink(path), 0);
	errno = 0;
	CHECK_INT(fd_connect_unix(path), -1);
	CHECK_INT(errno, ENOENT);
	CHECK_INT(rmdir(deep), 0);
	CHECK_INT(rmdir(dir), 0);
	(void)fd_close(listener);
}
