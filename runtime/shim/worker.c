/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c - what blocks or is heavy runs in a short-lived child of the shim
 *
 * The report comes over a SOCK_SEQPACKET pair in one message, descriptors with
 * it; end of file without one means that the worker was killed.  The worker
 * is reaped with everybody else (reaper.c): its report is in the socket before
 * it ends, so when a child of it has become ours and died, who it was is known
 * once the reports were collected.
 */
#include "runtime/shim/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

#define REPORT_FD  3 /* where worker_stdio() puts the socket */
#define SIGNALS	   64
#define FDS_REPORT 3

struct worker {
	struct worker *next;
	struct workers *all;
	struct source source;
	worker_done *done;
	void *arg;
};

/* --- the child's side ------------------------------------------------------------ */

static void unblock_signals(void)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void send_report(const struct report *r)
{
	int fds[FDS_REPORT];
	size_t n = 0;

	if (r->cgroup >= 0)
		fds[n++] = r->cgroup;
	if (r->master >= 0)
		fds[n++] = r->master;
	if (r->data >= 0)
		fds[n++] = r->data;
	(void)fd_send(r->sock, r, sizeof(*r), fds, n);
}

static NORETURN void worker_main(void (*work)(void *, struct report *), void *arg, int sock,
				 pid_t parent)
{
	struct report r = { .cgroup = -1, .master = -1, .data = -1, .sock = sock };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
	(void)prctl(PR_SET_NAME, "skerry:worker", 0, 0, 0);
	(void)signal(SIGPIPE, SIG_DFL); /* all that the shim has changed, with the mask */
	unblock_signals();
	work(arg, &r);
	send_report(&r);
	_exit(0);
}

void worker_let_go(struct report *r)
{
	int sock = r->sock == REPORT_FD ? REPORT_FD : dup3(r->sock, REPORT_FD, O_CLOEXEC);

	/* Without it the shim would take the worker for dead. */
	if (sock >= 0 && fd_close_from(REPORT_FD + 1) == 0)
		r->sock = sock;
}

int worker_stdio(struct report *r, const int stdio[3], struct err *err)
{
	int high[3];
	int sock = fcntl(r->sock, F_DUPFD_CLOEXEC, REPORT_FD + 1);

	if (sock < 0)
		return err_sys(err, "prepare standard descriptors");
	/* Above all targets: one of them may be another's. */
	for (int i = 0; i < 3; i++) {
		AUTO_FD null = -1;

		if (stdio[i] < 0)
			null = open("/dev/null", O_RDWR | O_CLOEXEC);
		high[i] = fcntl(stdio[i] < 0 ? null : stdio[i], F_DUPFD_CLOEXEC, REPORT_FD + 1);
		if (high[i] < 0)
			return err_sys(err, "prepare standard descriptors");
	}
	for (int i = 0; i < 3; i++)
		if (dup2(high[i], i) < 0)
			return err_sys(err, "prepare standard descriptors");
	if (dup3(sock, REPORT_FD, O_CLOEXEC) < 0 || fd_close_from(REPORT_FD + 1) < 0)
		return err_sys(err, "close descriptors");
	r->sock = REPORT_FD;
	return 0;
}

/* fds[i] becomes i; the rest is closed at exec. */
static int place_fds(const int *fds, size_t n)
{
	int high[8];

	if (n > ARRAY_SIZE(high)) {
		errno = EINVAL;
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, (int)n);
		if (high[i] < 0)
			return -1;
	}
	for (size_t i = 0; i < n; i++)
		if (dup2(high[i], (int)i) < 0)
			return -1;
	return fd_cloexec_from((unsigned int)n);
}

pid_t worker_spawn(const char *path, char *const *argv, char *const *env, const int *fds, size_t n,
		   struct err *err)
{
	int status[2];
	int code = 0;
	pid_t pid;

	if (pipe2(status, O_CLOEXEC) < 0)
		return err_sys(err, "make a pipe to start \"%s\"", path);
	pid = fork();
	if (pid == 0) {
		int to = fcntl(status[1], F_DUPFD_CLOEXEC, (int)n + 16);

		if (place_fds(fds, n) == 0)
			(void)execve(path, argv, env);
		code = errno;
		(void)fd_write_full(to, &code, sizeof(code));
		_exit(127);
	}
	(void)fd_close(status[1]);
	if (pid > 0 && fd_read_full(status[0], &code, sizeof(code)) == 0) {
		(void)fd_close(status[0]);
		return pid;
	}
	if (pid > 0)
		errno = code;
	err_sys_(err, "start \"%s\"", path);
	(void)fd_close(status[0]);
	return -1;
}

pid_t daemon_spawn(const int *fds, size_t n, void (*main)(void *arg), void *arg, struct err *err)
{
	pid_t pid = fork();

	if (pid < 0)
		return err_sys(err, "fork");
	if (pid > 0)
		return pid;
	for (int sig = 1; sig <= SIGNALS; sig++)
		(void)signal(sig, SIG_DFL); /* fails for KILL and STOP and two of the libc's */
	unblock_signals();
	if (setpgid(0, 0) == 0 && place_fds(fds, n) == 0 && fd_close_from((unsigned int)n) == 0)
		main(arg);
	_exit(1);
}

/* --- the shim's side --------------------------------------------------------------- */

static void take_fds(struct report *r, int *fds, size_t n)
{
	int *const to[FDS_REPORT] = { &r->cgroup, &r->master, &r->data };
	size_t at = 0;

	for (size_t i = 0; i < ARRAY_SIZE(to); i++)
		*to[i] = *to[i] >= 0 && at < n ? fds[at++] : -1;
}

static void worker_finish(struct worker *w, struct report *r)
{
	struct worker **at = &w->all->first;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	loop_close(w->all->loop, &w->source);
	w->all->loop->copies--;
	w->done(w->arg, r);
	(void)fd_close(r->cgroup);
	(void)fd_close(r->master);
	(void)fd_close(r->data);
	free(w);
}

/* Has it said something? */
static bool worker_receive(struct worker *w)
{
	struct report r;
	int fds[FDS_REPORT];
	size_t n_fds = 0;
	ssize_t n = fd_receive(w->source.fd, &r, sizeof(r), fds, FDS_REPORT, &n_fds);

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n == (ssize_t)sizeof(r)) {
		take_fds(&r, fds, n_fds);
	} else {
		for (size_t i = 0; n >= 0 && i < n_fds; i++)
			(void)fd_close(fds[i]);
		r = (struct report){ .rc = -1, .cgroup = -1, .master = -1, .data = -1 };
		err_set_(&r.err, ECHILD, "the process that was to do it was killed");
	}
	worker_finish(w, &r);
	return true;
}

static void worker_ready(struct source *s, uint32_t events)
{
	(void)events;
	(void)worker_receive(OWNER(s, struct worker, source));
}

void worker_collect(struct workers *all)
{
	struct worker *w = all->first;

	while (w)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a finished one is off the list */
		w = worker_receive(w) ? all->first : w->next;
}

int worker_start(struct workers *all, void (*work)(void *, struct report *), void *arg,
		 worker_done *done, struct err *err)
{
	struct worker *w = calloc(1, sizeof(*w));
	pid_t parent = getpid();
	int pair[2];
	pid_t pid;

	if (!w)
		return err_set(err, ENOMEM, "out of memory");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		free(w);
		return err_sys(err, "make a socket pair");
	}
	*w = (struct worker){ .all = all,
			      .source = { .fd = pair[0], .ready = worker_ready },
			      .done = done,
			      .arg = arg };
	if (fd_set_nonblock(pair[0], true) < 0 || loop_watch(all->loop, &w->source, EPOLLIN) < 0) {
		err_sys_(err, "watch a worker");
		pid = -1;
	} else {
		pid = fork();
		if (pid == 0)
			worker_main(work, arg, pair[1], parent);
		if (pid < 0)
			err_sys_(err, "fork");
	}
	(void)fd_close(pair[1]);
	if (pid < 0) {
		loop_close(all->loop, &w->source);
		free(w);
		return -1;
	}
	all->loop->copies++;
	w->next = all->first;
	all->first = w;
	return 0;
}
