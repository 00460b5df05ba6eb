/* SPDX-License-Identifier: Apache-2.0 */
/* spawn.c - the one clone3(2), or two of them with a stage between
 *
 * The child shares nothing with the parent but what it inherits: memory is
 * copied on write, so the whole plan is there without being sent.
 * clone(2): CLONE_INTO_CGROUP has the kernel charge the child to its group
 * from the first page on and needs no later migration; hosts without it
 * (before Linux 5.7) get -1 and ENOSYS/EINVAL, so the oldest supported kernel
 * always has it.
 */
#include "runtime/container/spawn.h"

#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/container/handshake.h"

static pid_t clone_into(uint64_t flags, int cgroup, int exit_signal, int *ret_pidfd)
{
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.exit_signal = (uint64_t)exit_signal,
	};

	if (cgroup >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup;
	}
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* Nobody may look into a process that is half in the container: the memory is the runtime's. */
static void begin_child(struct spawn *s)
{
	(void)fd_close(s->sock[0]);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

static void run_stage(struct spawn *s)
{
	struct err err = { 0 };
	int pidfd = -1;
	pid_t pid = -1;

	begin_child(s);
	if (s->stage(s->arg, &err) == 0) {
		pid = clone_into(s->flags | CLONE_PARENT, -1, 0, &pidfd);
		if (pid == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
			s->main(s->arg, s->sock[1]);
			_exit(1);
		}
		if (pid < 0)
			err_sys_(&err, "clone");
	}
	if (pid < 0) {
		handshake_fail(s->sock[1], &err);
		_exit(1);
	}
	_exit(handshake_send(s->sock[1], MESSAGE_STAGED, pid, pidfd, NULL) < 0);
}

/* Its child has the other end of the socket as well: that the stage was killed shows at the pidfd only. */
static bool has_told(int sock, int stage_pidfd)
{
	struct pollfd p[] = { { .fd = sock, .events = POLLIN },
			      { .fd = stage_pidfd, .events = POLLIN } };

	while (poll(p, ARRAY_SIZE(p), -1) < 0 && errno == EINTR)
		;
	/* Its word may have come just before its end. */
	return p[0].revents || poll(p, 1, 0) > 0;
}

/* The stage has told the pid of its child, which is ours: CLONE_PARENT. */
static pid_t receive_staged(struct spawn *s, pid_t stage, int *ret_pidfd, struct err *err)
{
	struct message m = { 0 };
	AUTO_FD stage_pidfd = *ret_pidfd;
	int got = 0;

	*ret_pidfd = -1;
	if (has_told(s->sock[0], stage_pidfd))
		got = handshake_receive(s->sock[0], &m, ret_pidfd, err);
	while (waitpid(stage, NULL, 0) < 0 && errno == EINTR)
		;
	if (got < 0)
		return -1;
	if (m.type != MESSAGE_STAGED || *ret_pidfd < 0)
		return err_set(err, ECHILD, "the process that joins namespaces was killed");
	return m.pid;
}

static const char *explain(int code, const struct spawn *s)
{
	if (code == EPERM && (s->flags & CLONE_NEWUSER))
		return " (are user namespaces allowed for this user?)";
	if (code == ENOSPC)
		return " (a limit of /proc/sys/user/max_*_namespaces)";
	return "";
}

pid_t spawn_process(struct spawn *s, int *ret_pidfd, struct err *err)
{
	int pidfd = -1;
	pid_t pid;

	pid = clone_into(s->stage ? 0 : s->flags, s->cgroup, SIGCHLD, &pidfd);
	if (pid == 0) {
		if (s->stage)
			run_stage(s);
		begin_child(s);
		s->main(s->arg, s->sock[1]);
		_exit(1);
	}
	if (pid < 0)
		return err_sys(err, "clone%s", explain(errno, s));
	s->sock[1] = fd_close(s->sock[1]);
	if (s->stage) {
		pid = receive_staged(s, pid, &pidfd, err);
		if (pid < 0) {
			(void)fd_close(pidfd);
			return -1;
		}
	}
	*ret_pidfd = pidfd;
	return pid;
}
