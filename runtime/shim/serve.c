/* SPDX-License-Identifier: Apache-2.0 */
/* serve.c - the process that stays: signals, children, and when to leave
 *
 * One thread and one loop.  It is a subreaper, so that what workers leave
 * behind (the containers' processes) become its children.  It leaves when it
 * has no container and was told so by Shutdown, or by SIGTERM; containers that
 * run go on without it.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/units.h"
#include "runtime/shim/shim.h"

#define LISTENER    3
#define SECOND	    1000000000LL
#define STOP_CHECK  (SECOND / 50)
#define STOP_LATEST (5 * SECOND)
#define UNUSED_TIME (60 * SECOND) /* never got a container: who wanted it has gone */
#define EMPTY_TIME  (5 * SECOND) /* unneeded, for whoever comes with a new container */
#define LOG_MAX	    2048

void shim_log(const struct shim *s, const char *level, const char *format, ...)
{
	char text[LOG_MAX], stamp[40], line[LOG_MAX + 256];
	struct timespec now = { 0 };
	va_list ap;
	int n;

	if (!s->debug && strcmp(level, "debug") == 0)
		return;
	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	units_time(&now, stamp, sizeof(stamp));
	for (char *at = text; *at; at++)
		if (*at == '"' || *at == '\n')
			*at = '\'';
	n = snprintf(line, sizeof(line), "time=\"%s\" level=%s msg=\"%s\" id=%s namespace=%s\n",
		     stamp, level, text, s->id, s->namespace);
	if (n > 0 && (size_t)n < sizeof(line))
		(void)!write(STDERR_FILENO, line, (size_t)n); /* full: lost */
}

/* --- children and signals ---------------------------------------------------------- */

/* A child of a worker that became ours is known once the worker's report was read. */
static void reap(struct shim *s)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid <= 0)
			return;
		if (process_ended(s, pid, status))
			continue;
		worker_collect(&s->workers);
		(void)process_ended(s, pid, status); /* else an orphan, or a worker */
	}
}

static void dump(const struct shim *s)
{
	shim_log(s, "info", "%u connections, %u events waiting, %u lost", s->server.n_conns,
		 s->events.n, s->events.dropped);
	for (const struct container *k = s->containers; k; k = k->next) {
		shim_log(s, "info", "container %s: status %d, pid %d, %u workers", k->id,
			 k->init.status, (int)k->init.pid, k->workers);
		for (const struct process *p = k->execs; p; p = p->next)
			shim_log(s, "info", "container %s: exec %s: status %d, pid %d", k->id,
				 p->exec_id, p->status, (int)p->pid);
	}
}

static void signals_ready(struct source *source, uint32_t events)
{
	struct shim *s = OWNER(source, struct shim, signals);
	struct signalfd_siginfo si;

	(void)events;
	if (read(source->fd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	switch (si.ssi_signo) {
	case SIGCHLD:
		reap(s);
		break;
	case SIGUSR1:
		dump(s);
		break;
	default:
		shim_stop(s);
	}
}

static int take_signals(struct shim *s, struct err *err)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGUSR1);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_sys(err, "block signals");
	s->signals = (struct source){ .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
				      .ready = signals_ready };
	if (s->signals.fd < 0 || loop_watch(&s->loop, &s->signals, EPOLLIN) < 0)
		return err_sys(err, "signalfd");
	return 0;
}

/* --- leaving ------------------------------------------------------------------------- */

/* The socket's name goes first: who comes now starts a shim of its own. */
static void remove_socket(int listener)
{
	struct sockaddr_un name = { 0 };
	socklen_t len = sizeof(name);

	if (getsockname(listener, (struct sockaddr *)&name, &len) == 0 && name.sun_path[0] == '/')
		(void)unlink(name.sun_path);
}

static void stop_check(struct timer *t)
{
	struct shim *s = OWNER(t, struct shim, timer);

	if (s->stopping) {
		if ((events_are_out(&s->events) && server_is_flushed(&s->server)) ||
		    loop_now() >= s->stop_at)
			s->loop.stop = true;
		else
			timer_start(&s->loop, t, loop_now() + STOP_CHECK);
	} else if (!s->containers) {
		shim_stop(s);
	}
}

void shim_stop(struct shim *s)
{
	if (s->stopping)
		return;
	s->stopping = true;
	s->stop_at = loop_now() + STOP_LATEST;
	remove_socket(s->server.listener.fd);
	server_close_listener(&s->server);
	s->timer.fired = stop_check;
	timer_start(&s->loop, &s->timer, loop_now());
}

void shim_consider_stop(struct shim *s)
{
	if (s->stopping || s->containers || !s->unneeded)
		return;
	s->timer.fired = stop_check;
	timer_start(&s->loop, &s->timer, loop_now() + EMPTY_TIME);
}

static void unused_check(struct timer *t)
{
	struct shim *s = OWNER(t, struct shim, timer);

	if (s->containers)
		return;
	if (s->server.n_conns == 0)
		shim_stop(s);
	else
		timer_start(&s->loop, t, loop_now() + UNUSED_TIME);
}

/* --- the process ----------------------------------------------------------------------- */

/* What is freed goes back to the kernel: a shim idles for months. */
static void keep_small(void)
{
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_MMAP_THRESHOLD, 64 << 10);
	(void)mallopt(M_TRIM_THRESHOLD, 32 << 10);
	(void)mallopt(M_TOP_PAD, 4 << 10);
}

int serve(const struct serve_options *o, struct err *err)
{
	/* One for the process; workers inherit it. */
	static struct shim s;

	keep_small();
	s = (struct shim){ .id = o->id, .namespace = o->namespace, .debug = o->debug };
	/* comm(5) of a program started by descriptor would be a number. */
	(void)prctl(PR_SET_NAME, "containerd-shim", 0, 0, 0);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return err_sys(err, "become a subreaper");
	s.workers.loop = &s.loop;
	if (loop_init(&s.loop, err) < 0 || take_signals(&s, err) < 0 || oom_open(&s, err) < 0)
		return -1;
	events_init(&s.events, &s.loop, &s.workers);
	s.events.address = o->ttrpc_address;
	s.events.binary = o->publish_binary;
	s.events.grpc_address = o->address;
	s.events.namespace = o->namespace;
	s.server.handle = call_handle;
	s.server.arg = &s;
	if (server_init(&s.server, &s.loop, LISTENER, err) < 0)
		return -1;
	s.timer.fired = unused_check;
	timer_start(&s.loop, &s.timer, loop_now() + UNUSED_TIME);
	shim_log(&s, "debug", "serving, pid %d", (int)getpid());
	if (loop_run(&s.loop, err) < 0)
		return -1;
	events_release(&s.events);
	return 0;
}
