/* SPDX-License-Identifier: Apache-2.0 */
/* proc_test.c - helpers run to their end, pidfds */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "base/fd.h"
#include "tests/unit/test.h"

static char sh[] = "sh", dash_c[] = "-c", path_env[] = "PATH=/usr/bin:/bin";
static char *const env[] = { path_env, NULL };

/* Runs a line of shell; the wait status or -1. */
static int shell(const char *line, struct proc_run *run, struct err *err)
{
	char text[512];
	char *const argv[] = { sh, dash_c, text, NULL };

	if (str_copy(text, sizeof(text), line) < 0)
		return -1;
	run->path = "/bin/sh";
	run->argv = argv;
	return proc_run(run, err);
}

#define RUN(...)                                              \
 {                                                            \
  .stdout_fd = -1, .stderr_fd = -1, .env = env, ##__VA_ARGS__ \
 }

static double seconds(void)
{
	struct timespec t;

	return clock_gettime(CLOCK_MONOTONIC, &t) < 0 ? 0
						      : (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

TEST(the_exit_status_comes_back)
{
	struct proc_run run = RUN();
	struct err err = { 0 };
	int status = shell("exit 7", &run, &err);

	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 7);
	status = shell("kill -9 $$", &run, &err);
	CHECK(WIFSIGNALED(status));
	CHECK_INT(WTERMSIG(status), SIGKILL);
	CHECK_INT(err.code, 0);
}

TEST(output_is_collected_and_bounded)
{
	AUTO_BUF out;
	struct proc_run run = RUN(.output = &out);
	struct err err = { 0 };

	buf_init(&out);
	CHECK_INT(shell("echo out; echo err >&2", &run, &err), 0);
	CHECK_STR(out.s, "out\nerr\n");
	buf_clear(&out);
	CHECK_INT(shell("head -c 1000000 /dev/zero", &run, &err), 0);
	CHECK_INT(out.len, PROC_OUTPUT_MAX);
	run.output = NULL;
	CHECK_INT(shell("head -c 1000000 /dev/zero", &run, &err), 0);
}

TEST(input_arrives_whole)
{
	AUTO_BUF out;
	AUTO_BUF in;
	struct proc_run run = RUN(.output = &out);
	struct err err = { 0 };

	buf_init(&out);
	buf_init(&in);
	CHECK_INT(shell("cat; test ! -s /dev/stdin", &run, &err), 0);
	CHECK_STR(out.s, "");
	for (int i = 0; i < 100000; i++)
		buf_puts(&in, "12345");
	run.input = in.s;
	run.input_len = in.len;
	CHECK_INT(shell("wc -c", &run, &err), 0);
	CHECK_STR(out.s, "500000\n");
	/* a helper that does not read is no trouble */
	CHECK_INT(shell("true", &run, &err), 0);
}

TEST(a_helper_that_cannot_start_says_why)
{
	static char none[] = "none";
	char *const argv[] = { none, NULL };
	struct proc_run run = RUN(.path = "/nonexistent/none", .argv = argv);
	struct err err = { 0 };

	CHECK_INT(proc_run(&run, &err), -1);
	CHECK_INT(err.code, ENOENT);
	CHECK_STR(err.msg, "exec \"/nonexistent/none\": No such file or directory");
	run.cwd = "/nonexistent";
	CHECK_INT(proc_run(&run, &err), -1);
	CHECK_STR(err.msg, "change to \"/nonexistent\" for \"/nonexistent/none\": "
			   "No such file or directory");
}

TEST(a_hanging_helper_is_killed)
{
	struct proc_run run = RUN(.timeout_ms = 100);
	struct err err = { 0 };
	double began = seconds();

	CHECK_INT(shell("sleep 30", &run, &err), -1);
	CHECK_INT(err.code, ETIMEDOUT);
	CHECK(seconds() - began < 5);
}

TEST(a_grandchild_that_keeps_the_pipe_does_not_hang_us)
{
	AUTO_BUF out;
	struct proc_run run = RUN(.output = &out);
	struct err err = { 0 };
	double began = seconds();

	buf_init(&out);
	CHECK_INT(shell("echo before; sleep 4 & exit 3", &run, &err), 3 << 8);
	CHECK_STR(out.s, "before\n");
	CHECK(seconds() - began < 3);
}

TEST(nothing_of_ours_leaks_in)
{
	AUTO_BUF out;
	struct proc_run run = RUN(.output = &out, .cwd = "/usr");
	struct err err = { 0 };
	sigset_t usr1, old;
	int leak = open("/dev/null", O_RDONLY); /* NOLINT: on purpose without O_CLOEXEC */

	buf_init(&out);
	REQUIRE(leak > 2);
	REQUIRE(signal(SIGHUP, SIG_IGN) != SIG_ERR);
	REQUIRE(sigemptyset(&usr1) == 0 && sigaddset(&usr1, SIGUSR1) == 0);
	REQUIRE(sigprocmask(SIG_BLOCK, &usr1, &old) == 0);
	CHECK_INT(
		shell("pwd; env | grep -v -e ^PWD= -e ^OLDPWD= -e ^SHLVL= -e ^_=;"
		      "n=3; while [ $n -lt 100 ]; do [ ! -e /proc/self/fd/$n ] || echo $n; n=$((n+1)); done;"
		      "sed -n 's/^Sig\\(Blk\\|Ign\\):.*\\(.......\\)$/\\1 \\2/p' /proc/self/status",
		      &run, &err),
		0);
	/* signals 1 to 28: of the libc's own, 32 and 33, nothing can be said */
	CHECK_STR(out.s, "/usr\nPATH=/usr/bin:/bin\nBlk 0000000\nIgn 0000000\n");
	CHECK_INT(sigprocmask(SIG_SETMASK, &old, &usr1), 0);
	CHECK(sigismember(&usr1, SIGUSR1) == 1); /* our own mask is as it was */
	CHECK(signal(SIGHUP, SIG_DFL) == SIG_IGN);
	(void)fd_close(leak);
}

TEST(standard_descriptors_can_be_given)
{
	int p[2];
	char text[16] = "";
	struct err err = { 0 };
	struct proc_run run = RUN();

	REQUIRE(pipe2(p, O_CLOEXEC) == 0);
	run.stdout_fd = p[1];
	CHECK_INT(shell("echo hi; echo no >&2", &run, &err), 0);
	p[1] = fd_close(p[1]);
	CHECK_INT(fd_read_full(p[0], text, sizeof(text)), 3);
	CHECK_STR(text, "hi\n");
	(void)fd_close(p[0]);
}

TEST(no_descriptor_of_ours_stays_open)
{
	struct err err = { 0 };
	struct proc_run run = RUN();
	AUTO_FD before = open("/dev/null", O_RDONLY | O_CLOEXEC);
	AUTO_FD after = -1;

	for (int i = 0; i < 3; i++)
		CHECK_INT(shell("true", &run, &err), 0);
	run.cwd = "/nonexistent";
	CHECK_INT(shell("true", &run, &err), -1);
	after = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK_INT(after, before + 1);
}

TEST(pids_that_mean_many_are_refused)
{
	CHECK_INT(proc_kill(-1, 0), -1);
	CHECK_INT(errno, EINVAL);
	CHECK_INT(proc_kill(0, 0), -1);
	CHECK_INT(proc_kill(1, 0), -1);
	CHECK_INT(proc_kill(getpid(), 0), 0);
}

TEST(a_pidfd_tells_the_end)
{
	AUTO_FD pidfd = -1;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	REQUIRE(pid > 1);
	pidfd = proc_pidfd_open(pid);
	CHECK(pidfd >= 0);
	CHECK_INT(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
	CHECK_INT(proc_pidfd_wait(pidfd, 0), 0);
	CHECK_INT(proc_pidfd_wait(pidfd, 50), 0);
	CHECK_INT(proc_pidfd_signal(pidfd, 0), 0);
	CHECK_INT(proc_pidfd_signal(pidfd, SIGKILL), 0);
	CHECK_INT(proc_pidfd_wait(pidfd, -1), 1);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(proc_pidfd_signal(pidfd, 0), -1);
	CHECK_INT(errno, ESRCH);
}

TEST(start_times_identify_processes)
{
	uint64_t mine = 0, again = 1;
	char state = '?';

	CHECK_INT(proc_start_time(getpid(), &mine, &state), 0);
	CHECK_INT(state, 'R');
	CHECK_INT(proc_start_time(getpid(), &again, NULL), 0);
	CHECK_INT(mine, again);
	CHECK(mine > 0);
	errno = 0;
	CHECK_INT(proc_start_time(0x3ffffff0, &mine, &state), -1);
	CHECK_INT(errno, ESRCH);
}

TEST(a_user_namespace_has_its_maps)
{
	struct err err = { 0 };
	AUTO_FD fd = -1;
	char map[64];
	struct stat ours, theirs;

	REQUIRE(str_format(map, sizeof(map), "0 %u 1\n", getuid()) == 0);
	fd = spawn_userns(map, map, &err);
	if (fd < 0 && (err.code == EPERM || err.code == ENOSPC || err.code == EACCES))
		SKIP("user namespaces are not allowed here");
	REQUIRE(fd >= 0);
	REQUIRE(stat("/proc/self/ns/user", &ours) == 0 && fstat(fd, &theirs) == 0);
	CHECK(ours.st_ino != theirs.st_ino);
	CHECK_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_INT(spawn_userns("nonsense", map, &err), -1);
	CHECK_INT(err.code, EINVAL);
	CHECK_INT(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
}

static int answer_or_die(void *data)
{
	const int *value = data;

	if (*value < 0)
		_exit(1);
	return write(STDOUT_FILENO, "x", 1) == 1 ? *value : 0;
}

TEST(a_child_in_the_background_says_what_came_of_it)
{
	struct err err = { 0 };
	int value = 42, got = 0;
	AUTO_FD fd = proc_background(answer_or_die, &value, &err);

	REQUIRE(fd >= 0);
	CHECK_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_INT(fd_read_full(fd, &got, sizeof(got)), sizeof(got));
	CHECK_INT(got, 42);
	fd = fd_close(fd);
	value = -1;
	fd = proc_background(answer_or_die, &value, &err);
	CHECK_INT(fd_read_full(fd, &got, sizeof(got)), 0);
	CHECK(wait(NULL) > 0 && wait(NULL) > 0);
}

/* What the keeper asked; 0 when it is gone. */
static ssize_t take_question(int fd)
{
	char question[8];

	return recv(fd, question, sizeof(question), 0);
}

TEST(a_socket_is_kept_until_two_answers_are_alike)
{
	const struct timeval patience = { .tv_sec = 10 };
	struct err err = { 0 };
	int ends[2] = { -1, -1 };
	struct proc_keep keep = {
		.question = "news?", .question_len = 5, .nap_ms = 1, .rounds = 9
	};

	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
	REQUIRE(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
	keep.fd = ends[1];
	/* the answers are there already: two that differ, then two alike */
	CHECK_INT(send(ends[0], "a", 1, 0), 1);
	CHECK_INT(send(ends[0], "b", 1, 0), 1);
	CHECK_INT(send(ends[0], "b", 1, 0), 1);
	REQUIRE(proc_keep(&keep, &err) == 0);
	ends[1] = fd_close(ends[1]);
	for (int i = 0; i < 3; i++)
		CHECK_INT(take_question(ends[0]), 5);
	CHECK_INT(take_question(ends[0]), 0);
	CHECK(wait(NULL) > 0);
	ends[0] = fd_close(ends[0]);
	keep.question_len = PROC_QUESTION_MAX + 1;
	CHECK_INT(proc_keep(&keep, &err), -1);
	CHECK_INT(err.code, EMSGSIZE);
}

TEST(a_user_namespace_without_the_identity_is_mapped)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) == 0 && proc_is_mapped() ? 0 : 1);
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
}

TEST(the_title_stays_in_its_place)
{
	char area[] = "skerry\0create\0c1\0NEXT=1";
	char *argv[] = { area, area + 7, area + 14, NULL };

	proc_title_init(3, argv);
	proc_title("skerry: init %s", "a-name-that-is-far-too-long");
	CHECK_STR(area, "skerry: init a-n");
	CHECK_STR(area + 17, "NEXT=1");
	proc_title("x");
	CHECK_STR(area, "x");
	CHECK(memcmp(area, "x\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0NEXT=1", 24) == 0);
}
