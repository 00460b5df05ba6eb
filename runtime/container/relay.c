/* SPDX-License-Identifier: Apache-2.0 */
/* relay.c - the foreground: signals, terminal and notifications until a process ends
 *
 * One poll(2) over the signals (signalfd(2)), the process (pidfd), the
 * terminal and the notify socket.  All signals are passed on but SIGCHLD
 * (children are reaped), SIGWINCH (the size is copied) and SIGURG.  The
 * terminal is drained before the end, then put back.  What one side can't
 * take yet is not read from the other: no busy loop, no growing buffer.
 */
#include "runtime/container/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "runtime/container/runtime.h"
#include "runtime/isolate/terminal.h"

#define CHUNK	 16384
#define DRAIN_MS 500 /* for what outlives the process and keeps its terminal */

/* One direction of a copy. */
struct flow {
	int from, to;
	size_t at, len;
	char data[CHUNK];
};

int relay_exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int relay_prepare(struct relay *r, struct err *err)
{
	sigset_t all;

	(void)sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, &r->old_mask) < 0)
		return err_sys(err, "block signals");
	return 0;
}

void relay_restore(const struct relay *r)
{
	(void)sigprocmask(SIG_SETMASK, &r->old_mask, NULL);
}

/* Reads only into an empty buffer; 0, or -1 when the direction is finished. */
static int flow_move(struct flow *f, int from_events, int to_events)
{
	ssize_t n;

	if (f->len == 0 && (from_events & (POLLIN | POLLHUP | POLLERR))) {
		n = read(f->from, f->data, CHUNK);
		if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
			return -1;
		f->at = 0;
		f->len = n > 0 ? (size_t)n : 0;
	}
	if (f->len && (to_events & (POLLOUT | POLLERR | POLLHUP))) {
		n = write(f->to, f->data + f->at, f->len);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -1;
		if (n > 0) {
			f->at += (size_t)n;
			f->len -= (size_t)n;
		}
	}
	return 0;
}

static void pass_signal(struct relay *r, int sigfd)
{
	struct signalfd_siginfo si;

	if (read(sigfd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	switch (si.ssi_signo) {
	case SIGCHLD:
		if (r->subreaper) {
			siginfo_t info = { 0 };

			/* All but the process itself, whose status is still wanted. */
			while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
			       info.si_pid > 0 && info.si_pid != r->pid) {
				(void)waitpid(info.si_pid, NULL, WNOHANG);
				info.si_pid = 0;
			}
		}
		break;
	case SIGWINCH:
		if (r->master >= 0)
			terminal_copy_size(0, r->master);
		break;
	case SIGURG:
		break;
	default:
		(void)proc_pidfd_signal(r->pidfd, (int)si.ssi_signo);
	}
}

static int reap(const struct relay *r, struct err *err)
{
	int status;
	pid_t got;

	do
		got = waitpid(r->pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_sys(err, "wait for process %d", (int)r->pid);
	return relay_exit_code(status);
}

enum { P_SIGNAL, P_PROCESS, P_NOTIFY, P_MASTER, P_INPUT, P_OUTPUT, P_COUNT };

struct loop {
	struct relay *r;
	int sigfd;
	bool input, output; /* directions that are still open */
	struct flow *in, *out; /* NULL without a terminal */
};

static void set_polls(const struct loop *l, struct pollfd p[P_COUNT], bool ended)
{
	p[P_SIGNAL] = (struct pollfd){ .fd = l->sigfd, .events = POLLIN };
	p[P_PROCESS] = (struct pollfd){ .fd = ended ? -1 : l->r->pidfd, .events = POLLIN };
	p[P_NOTIFY] = (struct pollfd){ .fd = l->r->notify, .events = POLLIN };
	p[P_MASTER] = (struct pollfd){ .fd = -1 };
	p[P_INPUT] = (struct pollfd){ .fd = l->input && !l->in->len ? l->in->from : -1,
				      .events = POLLIN };
	p[P_OUTPUT] = (struct pollfd){ .fd = l->output && l->out->len ? l->out->to : -1,
				       .events = POLLOUT };
	if (l->output && !l->out->len) {
		p[P_MASTER].fd = l->r->master;
		p[P_MASTER].events = POLLIN;
	}
	if (l->input && l->in->len) {
		p[P_MASTER].fd = l->r->master;
		p[P_MASTER].events |= POLLOUT;
	}
}

static void copy_terminal(struct loop *l, const struct pollfd p[P_COUNT])
{
	short master = p[P_MASTER].revents;

	if (l->output && (l->out->len || master) &&
	    flow_move(l->out, master, l->out->len ? p[P_OUTPUT].revents : POLLOUT) < 0)
		l->output = false;
	if (l->input && flow_move(l->in, p[P_INPUT].revents, master & POLLOUT) < 0)
		l->input = false;
}

static int follow(struct loop *l, struct err *err)
{
	struct pollfd p[P_COUNT];
	bool ended = false;

	while (!ended || l->output) {
		int n;

		set_polls(l, p, ended);
		n = poll(p, P_COUNT, ended ? DRAIN_MS : -1);
		if (n < 0 && errno != EINTR)
			return err_sys(err, "poll");
		if (n == 0 && ended)
			break;
		if (n <= 0)
			continue;
		if (p[P_SIGNAL].revents)
			pass_signal(l->r, l->sigfd);
		if (p[P_NOTIFY].revents)
			(void)notify_relay(l->r->notify, l->r->notify_host, l->r->pid);
		copy_terminal(l, p);
		ended |= p[P_PROCESS].revents != 0;
	}
	return reap(l->r, err);
}

static int follow_terminal(struct relay *r, int sigfd, struct err *err)
{
	struct flow in, out;
	struct loop l = {
		.r = r, .sigfd = sigfd, .input = true, .output = true, .in = &in, .out = &out
	};
	struct termios saved;
	bool raw;
	int rc;

	in.from = 0;
	in.to = r->master;
	out.from = r->master;
	out.to = 1;
	in.at = in.len = out.at = out.len = 0;
	terminal_copy_size(0, r->master);
	raw = terminal_raw(0, &saved, NULL) == 0;
	rc = follow(&l, err);
	if (raw)
		terminal_restore(0, &saved);
	return rc;
}

/* Without a terminal the loop is the process and the signals. */
int relay_run(struct relay *r, struct err *err)
{
	struct loop l = { .r = r };
	AUTO_FD sigfd = -1;
	sigset_t all;

	(void)sigfillset(&all);
	sigfd = signalfd(-1, &all, SFD_CLOEXEC);
	if (sigfd < 0)
		return err_sys(err, "signalfd");
	l.sigfd = sigfd;
	return r->master >= 0 ? follow_terminal(r, sigfd, err) : follow(&l, err);
}
