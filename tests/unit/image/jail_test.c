/* SPDX-License-Identifier: Apache-2.0 */
/* jail_test.c - image/jail.c: what ends the process that reads untrusted bytes */
#include "image/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/fd.h"
#include "tests/unit/test.h"

/* as in jail.c: no filter where a sanitizer wants calls of its own */
#if defined(__SANITIZE_ADDRESS__)
# define UNFILTERED true
#elif defined(__has_feature)
# if __has_feature(address_sanitizer)
#  define UNFILTERED true
# endif
#endif
#ifndef UNFILTERED
# define UNFILTERED false
#endif

#define REFUSED 99 /* it could not be locked in */

struct inmate {
	void (*run)(struct inmate *in);
	int out; /* its only descriptor */
	int other; /* one that it must not have */
	long call, args[3];
};

static void run(void *arg)
{
	struct inmate *in = arg;

	in->run(in);
}

static void refuse(void *arg, const struct err *err)
{
	(void)arg;
	printf("# %s\n", err->msg);
	_exit(REFUSED);
}

/* The status that it ends with, or minus the signal. */
static int status_of(struct inmate *in, enum jail_kind kind, int root)
{
	const struct jail j = { .kind = kind,
				.title = "test",
				.root = root,
				.fds = &in->out,
				.n_fds = 1,
				.run = run,
				.refuse = refuse,
				.arg = in };
	int status = 0, pidfd = -1;
	pid_t pid;

	(void)fflush(stdout);
	if (jail_start(&j, &pid, &pidfd, NULL) < 0 || waitpid(pid, &status, 0) < 0)
		return -1000;
	(void)fd_close(pidfd);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void call(struct inmate *in)
{
	(void)syscall(in->call, in->args[0], in->args[1], in->args[2], 0L, 0L, 0L);
}

static const struct forbidden {
	const char *what;
	long call, args[3];
	bool in_trees; /* too */
} forbidden[] = {
	{ "socket", SYS_socket, { AF_INET, SOCK_STREAM, 0 }, true },
	{ "socket of netlink", SYS_socket, { AF_NETLINK, SOCK_RAW, 0 }, true },
	{ "connect", SYS_connect, { 3, 0, 0 }, true },
	{ "sendmsg", SYS_sendmsg, { 3, 0, 0 }, true },
	{ "execve", SYS_execve, { 0, 0, 0 }, true },
	{ "clone", SYS_clone, { SIGCHLD, 0, 0 }, true },
	{ "kill", SYS_kill, { 0, 0, 0 }, true },
	{ "ptrace", SYS_ptrace, { 0, 0, 0 }, true },
	{ "process_vm_writev", SYS_process_vm_writev, { 1, 0, 0 }, true },
	{ "mount", SYS_mount, { 0, 0, 0 }, true },
	{ "open_tree", SYS_open_tree, { -1, 0, 0 }, true },
	{ "unshare", SYS_unshare, { 0, 0, 0 }, true },
	{ "setns", SYS_setns, { -1, 0, 0 }, true },
	{ "bpf", SYS_bpf, { 0, 0, 0 }, true },
	{ "io_uring_setup", SYS_io_uring_setup, { 1, 0, 0 }, true },
	{ "userfaultfd", SYS_userfaultfd, { 0, 0, 0 }, true },
	{ "setuid", SYS_setuid, { 0, 0, 0 }, true },
	{ "capset", SYS_capset, { 0, 0, 0 }, true },
	{ "prctl", SYS_prctl, { PR_GET_DUMPABLE, 0, 0 }, true },
	{ "chroot", SYS_chroot, { 0, 0, 0 }, true },
	{ "ioctl", SYS_ioctl, { 1, 0, 0 }, true },
	{ "open_by_handle_at", SYS_open_by_handle_at, { -1, 0, 0 }, true },
	{ "memory to be run", SYS_mmap, { 0, 4096, PROT_READ | PROT_EXEC }, true },
	{ "memory made to be run", SYS_mprotect, { 0, 4096, PROT_EXEC }, true },
	{ "openat", SYS_openat, { AT_FDCWD, 0, O_RDONLY }, false },
	{ "openat2", SYS_openat2, { AT_FDCWD, 0, 0 }, false },
	{ "unlinkat", SYS_unlinkat, { AT_FDCWD, 0, 0 }, false },
	{ "mknodat", SYS_mknodat, { AT_FDCWD, 0, 0 }, false },
	{ "fchown", SYS_fchown, { -1, 0, 0 }, false },
	{ "getdents64", SYS_getdents64, { -1, 0, 0 }, false },
	{ "setxattr", SYS_setxattr, { 0, 0, 0 }, false },
};

TEST(a_call_that_is_not_its_work_ends_it)
{
	char dir[] = "/tmp/skerry-jail-XXXXXX";
	AUTO_FD root = mkdtemp(dir) ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	REQUIRE(root >= 0);
	(void)rmdir(dir);
	if (UNFILTERED)
		SKIP("a sanitizer makes calls of its own");
	for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++) {
		const struct forbidden *f = &forbidden[i];
		struct inmate in = { .run = call,
				     .out = STDERR_FILENO,
				     .call = f->call,
				     .args = { f->args[0], f->args[1], f->args[2] } };
		int status = status_of(&in, JAIL_STREAM, -1);

		if (status != -SIGSYS)
			printf("# %s: %d\n", f->what, status);
		CHECK_INT(status, -SIGSYS);
		if (!f->in_trees)
			continue;
		status = status_of(&in, JAIL_TREE, root);
		if (status != -SIGSYS)
			printf("# %s, in a tree: %d\n", f->what, status);
		CHECK_INT(status, -SIGSYS);
	}
}

static void use_descriptors(struct inmate *in)
{
	if (write(in->out, "x", 1) != 1)
		_exit(1);
	if (fcntl(in->other, F_GETFD) >= 0 || errno != EBADF)
		_exit(2);
}

TEST(it_has_the_descriptors_it_was_given_and_no_other)
{
	int ends[2], inner[2];
	struct inmate in = { .run = use_descriptors };
	char byte;

	REQUIRE(pipe2(ends, O_CLOEXEC) == 0 && pipe2(inner, O_CLOEXEC) == 0);
	in.out = ends[1];
	in.other = inner[1];
	CHECK_INT(status_of(&in, JAIL_STREAM, -1), 0);
	CHECK_INT(read(ends[0], &byte, 1), 1);
	/* a higher one is kept, a lower one goes */
	in.out = inner[1];
	in.other = ends[0];
	CHECK_INT(status_of(&in, JAIL_STREAM, -1), 0);
	for (int i = 0; i < 2; i++) {
		(void)fd_close(ends[i]);
		(void)fd_close(inner[i]);
	}
}

static void wait_to_be_seen(struct inmate *in)
{
	char byte;

	(void)!read(in->out, &byte, 1);
}

static bool says(pid_t pid, const char *const *lines, size_t n)
{
	char path[64], text[4096] = "";
	bool good = true;
	AUTO_FD fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fd_read_full(fd, text, sizeof(text) - 1) <= 0)
		return false;
	for (size_t i = 0; i < n; i++)
		good = good && strstr(text, lines[i]);
	return good;
}

TEST(it_has_no_capability_and_gets_none)
{
	static const char *const lines[] = { "CapPrm:\t0000000000000000",
					     "CapEff:\t0000000000000000", "NoNewPrivs:\t1",
					     "Seccomp:\t2" };
	struct inmate in = { .run = wait_to_be_seen };
	struct jail j = { .kind = JAIL_STREAM,
			  .title = "test",
			  .root = -1,
			  .fds = &in.out,
			  .n_fds = 1,
			  .run = run,
			  .refuse = refuse,
			  .arg = &in };
	int ends[2], pidfd = -1;
	bool seen = false;
	pid_t pid;

	if (UNFILTERED)
		SKIP("a sanitizer makes calls of its own");
	REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
	in.out = ends[0];
	REQUIRE(jail_start(&j, &pid, &pidfd, NULL) == 0);
	for (int i = 0; i < 500 && !seen; i++) {
		seen = says(pid, lines, ARRAY_SIZE(lines));
		(void)usleep(10000);
	}
	CHECK(seen);
	(void)fd_close(ends[1]);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
	(void)fd_close(ends[0]);
	(void)fd_close(pidfd);
}

static void make_file(struct inmate *in)
{
	int fd = openat(AT_FDCWD, "file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0 || mkdirat(AT_FDCWD, "dir", 0755) < 0)
		_exit(1);
	/* root's is the tree's own root */
	if (in->other && openat(AT_FDCWD, "/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0)
		_exit(2);
	if (in->other && openat(AT_FDCWD, "/../file", O_RDONLY | O_CLOEXEC) < 0)
		_exit(3);
}

TEST(a_tree_is_made_below_its_root)
{
	char dir[] = "/tmp/skerry-jail-XXXXXX";
	AUTO_FD root = mkdtemp(dir) ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct inmate in = { .run = make_file, .out = STDERR_FILENO, .other = geteuid() == 0 };

	REQUIRE(root >= 0);
	CHECK_INT(status_of(&in, JAIL_TREE, root), 0);
	CHECK_INT(unlinkat(root, "file", 0), 0);
	CHECK_INT(unlinkat(root, "dir", AT_REMOVEDIR), 0);
	CHECK_INT(rmdir(dir), 0);
}

static void do_nothing(struct inmate *in)
{
	(void)in;
}

TEST(it_ends_with_its_work)
{
	struct inmate in = { .run = do_nothing, .out = STDERR_FILENO };

	CHECK_INT(status_of(&in, JAIL_STREAM, -1), 0);
}
