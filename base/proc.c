/* SPDX-License-Identifier: Apache-2.0 */
/* proc.c - other processes: pidfds, helpers run to their end, our own title
 *
 * A helper (a hook, newuidmap, ...) is run in this order:
 *   parent  input into a memfd, pipes made, fork
 *   child   own death tied to the parent's; descriptors 0-2; default signals;
 *           chdir; exec; on failure {step, errno} into the status pipe
 *   parent  status pipe: end of file is a successful exec
 *           output and the pidfd in one poll until the pidfd says it ended;
 *           then what is in the pipe already, and no waiting for more: a
 *           grandchild may keep it open for ever
 * Invariants: 1. the parent reads output until the helper's end, whatever the
 * size, so the helper never blocks on us.  2. The pid is reaped on every way
 * out, and only after the last use of it.
 *
 * pidfd_open(2), pidfd_send_signal(2), prctl(2) PR_SET_PDEATHSIG,
 * user_namespaces(7); runtime-spec config.md "POSIX-platform Hooks".
 */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/raw_call.h"
#include "base/units.h"

/* linux/memfd.h, since 6.3 */
#ifndef MFD_NOEXEC_SEAL
# define MFD_NOEXEC_SEAL 0x0008U
#endif

#define SIGNALS	   64
#define READ_CHUNK 4096
#define PROC_PATH  64

int proc_pidfd_open(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

int proc_pidfd_signal(int pidfd, int sig)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0);
}

int proc_kill(pid_t pid, int sig)
{
	/* 0 and -1 mean many processes, 1 is the machine's own (kill(2)). */
	if (pid <= 1) {
		errno = EINVAL;
		return -1;
	}
	return kill(pid, sig);
}

int proc_start_time(pid_t pid, uint64_t *ret_ticks, char *ret_state)
{
	char path[PROC_PATH], stat[1024];
	const char *p;
	char *space;

	if (str_format(path, sizeof(path), "/proc/%d/stat", (int)pid) < 0)
		return -1;
	if (file_read_line(AT_FDCWD, path, stat, sizeof(stat)) < 0) {
		if (errno == ENOENT)
			errno = ESRCH;
		return -1;
	}
	/* "PID (NAME) STATE ...": the name may hold anything, so count from its end;
	 * the state is field 3, the start time field 22 (proc(5)). */
	p = strrchr(stat, ')');
	if (!p || p[1] != ' ' || p[2] == '\0') {
		errno = EPROTO;
		return -1;
	}
	p += 2;
	if (ret_state)
		*ret_state = *p;
	for (int field = 3; field < 22; field++) {
		p = strchr(p, ' ');
		if (!p) {
			errno = EPROTO;
			return -1;
		}
		p++;
	}
	space = strchr(p, ' ');
	if (space)
		*space = '\0';
	return units_u64(p, UINT64_MAX, ret_ticks);
}

static int64_t now_ms(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* poll(2) until `deadline` (-1: none), over interruptions. */
static int poll_until(struct pollfd *fds, nfds_t n, int64_t deadline)
{
	for (;;) {
		int64_t left = deadline < 0 ? -1 : deadline - now_ms();
		int ready;

		if (deadline >= 0 && left < 0)
			left = 0;
		if (left > 1000000)
			left = 1000000;
		ready = poll(fds, n, (int)left);
		if (ready > 0 || (ready < 0 && errno != EINTR))
			return ready;
		if (deadline >= 0 && now_ms() >= deadline)
			return 0;
	}
}

int proc_pidfd_wait(int pidfd, int timeout_ms)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	int ready = poll_until(&end, 1, timeout_ms < 0 ? -1 : now_ms() + timeout_ms);

	return ready > 0 ? 1 : ready;
}

/* What the child says when it could not become the helper. */
struct child_failure {
	enum { FAILED_SETUP, FAILED_CHDIR, FAILED_EXEC } step;
	int code;
};

/* A helper on its way. */
struct helper {
	const struct proc_run *run;
	int input; /* its standard input */
	int output[2]; /* pipe, if anything is collected */
	int status[2]; /* struct child_failure, or end of file */
	int pidfd;
	pid_t pid;
	pid_t parent;
	sigset_t old_mask;
};

NORETURN static void child_fail(const struct helper *h, int step)
{
	struct child_failure failure = { .step = step, .code = errno };

	(void)fd_write_full(h->status[1], &failure,
			    sizeof(failure)); /* the parent is all we have */
	_exit(127);
}

/* The descriptors in `from` become 0, 1 and 2. */
static int child_stdio(const int *from)
{
	int high[3];

	/* Out of the way first: one of them may be another's target. */
	for (int i = 0; i < 3; i++) {
		high[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 3);
		if (high[i] < 0)
			return -1;
	}
	for (int i = 0; i < 3; i++) {
		if (dup2(high[i], i) < 0)
			return -1;
	}
	return 0;
}

NORETURN static void child_main(const struct helper *h)
{
	static char *const no_env[] = { NULL };
	const struct proc_run *run = h->run;
	const int stdio[3] = {
		h->input,
		run->stdout_fd >= 0 ? run->stdout_fd : h->output[1],
		run->stderr_fd >= 0 ? run->stderr_fd : h->output[1],
	};
	sigset_t none;

	/* The check covers a parent that died before the call. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != h->parent)
		child_fail(h, FAILED_SETUP);
	if (child_stdio(stdio) < 0 || fd_cloexec_from(3) < 0)
		child_fail(h, FAILED_SETUP);
	/* exec resets handlers but keeps what is ignored (as CLONE_CLEAR_SIGHAND of clone3(2) does);
	 * ours are our own affair. */
	for (int sig = 1; sig <= SIGNALS; sig++)
		(void)signal(sig, SIG_DFL); /* fails for KILL and STOP and two of the libc's */
	if (sigemptyset(&none) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		child_fail(h, FAILED_SETUP);
	if (run->cwd && chdir(run->cwd) < 0)
		child_fail(h, FAILED_CHDIR);
	(void)execve(run->path, run->argv, run->env ? run->env : no_env);
	child_fail(h, FAILED_EXEC);
}

/* Input as a file: no pipe to fill, no SIGPIPE when the helper does not read. */
static int open_input(const struct proc_run *run, struct err *err)
{
	AUTO_FD fd = -1;

	if (!run->input) {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		return fd < 0 ? err_sys(err, "open \"/dev/null\"") : fd_take(&fd);
	}
	fd = memfd_create("input", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("input", MFD_CLOEXEC);
	if (fd < 0 || fd_write_full(fd, run->input, run->input_len) < 0 ||
	    lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "keep the input of \"%s\"", run->path);
	return fd_take(&fd);
}

static int helper_prepare(struct helper *h, struct err *err)
{
	const struct proc_run *run = h->run;

	h->input = open_input(run, err);
	if (h->input < 0)
		return -1;
	if ((run->stdout_fd < 0 || run->stderr_fd < 0) &&
	    (pipe2(h->output, O_CLOEXEC) < 0 || fd_set_nonblock(h->output[0], true) < 0))
		return err_sys(err, "make a pipe for the output of \"%s\"", run->path);
	if (pipe2(h->status, O_CLOEXEC) < 0)
		return err_sys(err, "make a pipe to start \"%s\"", run->path);
	return 0;
}

/* Forks with all signals blocked, so that none of our handlers runs in the child. */
static int helper_fork(struct helper *h, struct err *err)
{
	sigset_t all;
	int saved;

	h->parent = getpid();
	if (sigfillset(&all) < 0 || sigprocmask(SIG_SETMASK, &all, &h->old_mask) < 0)
		return err_sys(err, "block signals");
	h->pid = fork();
	if (h->pid == 0)
		child_main(h);
	saved = errno;
	(void)sigprocmask(SIG_SETMASK, &h->old_mask,
			  NULL); /* it was valid when it was given to us */
	errno = saved;
	if (h->pid < 0)
		return err_sys(err, "fork for \"%s\"", h->run->path);
	h->input = fd_close(h->input);
	h->output[1] = fd_close(h->output[1]);
	h->status[1] = fd_close(h->status[1]);
	return 0;
}

/* Did exec succeed? */
static int helper_started(struct helper *h, struct err *err)
{
	struct child_failure failure;
	ssize_t n = fd_read_full(h->status[0], &failure, sizeof(failure));

	if (n == 0)
		return 0;
	if (n != (ssize_t)sizeof(failure))
		return err_set(err, EIO, "start \"%s\": no word from the child", h->run->path);
	errno = failure.code;
	switch (failure.step) {
	case FAILED_SETUP:
		return err_sys(err, "prepare the process for \"%s\"", h->run->path);
	case FAILED_CHDIR:
		return err_sys(err, "change to \"%s\" for \"%s\"", h->run->cwd, h->run->path);
	case FAILED_EXEC:
		return err_sys(err, "exec \"%s\"", h->run->path);
	}
	return -1;
}

/* Reads what the pipe holds now; its end of file closes it.  The first bytes are kept, the rest
 * is read all the same. */
static void helper_drain(struct helper *h)
{
	struct buf *output = h->run->output;
	/* Bounded, or a grandchild that writes without end would keep us here. */
	size_t budget = PROC_OUTPUT_MAX * 2;

	while (h->output[0] >= 0 && budget > 0) {
		char chunk[READ_CHUNK];
		ssize_t n = read(h->output[0], chunk, sizeof(chunk));
		size_t keep;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			h->output[0] = fd_close(h->output[0]);
			return;
		}
		budget -= (size_t)n < budget ? (size_t)n : budget;
		if (!output || output->len >= PROC_OUTPUT_MAX)
			continue;
		keep = PROC_OUTPUT_MAX - output->len;
		buf_add(output, chunk, (size_t)n < keep ? (size_t)n : keep);
	}
}

/* Serves the output until the helper ended. */
static int helper_serve(struct helper *h, struct err *err)
{
	int timeout = h->run->timeout_ms;
	int64_t deadline = timeout > 0 ? now_ms() + timeout : -1;

	for (;;) {
		struct pollfd fds[2] = {
			{ .fd = h->pidfd, .events = POLLIN },
			{ .fd = h->output[0], .events = POLLIN }, /* -1 is skipped */
		};
		int ready = poll_until(fds, ARRAY_SIZE(fds), deadline);

		if (ready < 0)
			return err_sys(err, "wait for \"%s\"", h->run->path);
		if (fds[1].revents)
			helper_drain(h);
		if (fds[0].revents)
			break;
		if (deadline >= 0 && now_ms() >= deadline)
			return err_set(err, ETIMEDOUT, "\"%s\" did not end within %d ms",
				       h->run->path, timeout);
	}
	helper_drain(h);
	return 0;
}

static int reap(pid_t pid, int *ret_status)
{
	pid_t done;

	do {
		done = waitpid(pid, ret_status, 0);
	} while (done < 0 && errno == EINTR);
	return done < 0 ? -1 : 0;
}

static int helper_finish(struct helper *h, struct err *err)
{
	int status = 0;

	h->pidfd = proc_pidfd_open(h->pid); /* not reaped yet, so it is the one */
	if (h->pidfd < 0) {
		err_sys_(err, "open a pidfd of \"%s\"", h->run->path);
	} else if (helper_started(h, err) == 0 && helper_serve(h, err) == 0) {
		if (reap(h->pid, &status) < 0)
			return err_sys(err, "get the exit status of \"%s\"", h->run->path);
		return status;
	}
	(void)proc_kill(h->pid, SIGKILL); /* it may be dead already */
	(void)reap(h->pid, &status);
	return -1;
}

int proc_run(const struct proc_run *run, struct err *err)
{
	struct helper h = {
		.run = run,
		.input = -1,
		.output = { -1, -1 },
		.status = { -1, -1 },
		.pidfd = -1,
	};
	int status = -1;

	if (helper_prepare(&h, err) == 0 && helper_fork(&h, err) == 0)
		status = helper_finish(&h, err);
	(void)fd_close(h.input);
	for (int i = 0; i < 2; i++) {
		(void)fd_close(h.output[i]);
		(void)fd_close(h.status[i]);
	}
	(void)fd_close(h.pidfd);
	return status;
}

static NORETURN void background_main(int result, int (*run)(void *data), void *data)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), value;

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			(void)close(fd);
	value = run(data);
	(void)fd_write_full(result, &value, sizeof(value));
	_exit(0);
}

int proc_background(int (*run)(void *data), void *data, struct err *err)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "make a pipe for a child in the background");
	pid = fork();
	if (pid == 0)
		background_main(ends[1], run, data);
	if (pid < 0)
		ends[0] = fd_close(ends[0]);
	(void)fd_close(ends[1]);
	if (pid < 0)
		return err_sys(err, "fork a child in the background");
	return ends[0];
}

/* --- a keeper ------------------------------------------------------------------- */

#define KEEPER_STACK 8192

/* All that the child looks at; it lies in pages of its own, with the child's stack behind it. */
struct keeper {
	int fd, nap_ms, rounds;
	size_t question_len, answer_len[2];
	char question[PROC_QUESTION_MAX], answer[2][PROC_QUESTION_MAX];
	char stack[KEEPER_STACK] __attribute__((aligned(16)));
};

/* errno is the parent's as well, so that no call may set it. */
static long keeper_call(long number, long a, long b, long c, long d)
{
#if defined(__x86_64__)
	return raw_call(number, a, b, c, d, 0, 0);
#else
	return syscall(number, a, b, c, d, 0, 0);
#endif
}

static void keeper_ask(struct keeper *k, int which)
{
	long n = keeper_call(SYS_sendto, k->fd, (long)k->question, (long)k->question_len, 0);

	if (n >= 0)
		n = keeper_call(SYS_recvfrom, k->fd, (long)k->answer[which],
				sizeof(k->answer[which]), MSG_DONTWAIT);
	k->answer_len[which] = n > 0 ? (size_t)n : 0;
}

static int keeper_main(void *keeper)
{
	struct keeper *k = keeper;
	const struct timespec nap = { .tv_sec = k->nap_ms / 1000,
				      .tv_nsec = k->nap_ms % 1000 * 1000000L };

	if (k->fd > 0)
		(void)keeper_call(SYS_close_range, 0, k->fd - 1, 0, 0);
	(void)keeper_call(SYS_close_range, k->fd + 1, INT_MAX, 0, 0);
	keeper_ask(k, 0);
	for (int i = 1; i <= k->rounds; i++) {
		const int now = i % 2;

		(void)keeper_call(SYS_nanosleep, (long)&nap, 0, 0, 0);
		keeper_ask(k, now);
		if (k->answer_len[0] == k->answer_len[1] &&
		    memcmp(k->answer[0], k->answer[1], k->answer_len[0]) == 0)
			break;
	}
	(void)keeper_call(SYS_exit_group, 0, 0, 0, 0);
	return 0;
}

/* A child that shares the memory costs a third of what one with a copy does, and none of the pages
 * that are written afterwards.  It is on a stack of its own, calls nothing of the C library that has
 * a state, and has all signals blocked, so that no handler runs in it. */
static pid_t keeper_fork(struct keeper *k)
{
	pid_t pid;

#if defined(__x86_64__)
	pid = clone(keeper_main, k->stack + sizeof(k->stack), CLONE_VM | SIGCHLD, k);
#else
	pid = fork();
	if (pid == 0)
		_exit(keeper_main(k));
#endif
	return pid;
}

int proc_keep(const struct proc_keep *keep, struct err *err)
{
	struct keeper *k =
		mmap(NULL, sizeof(*k), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigset_t all, before;
	pid_t pid;

	if (k == MAP_FAILED)
		return err_sys(err, "memory for a keeper");
	if (keep->question_len > sizeof(k->question)) {
		(void)munmap(k, sizeof(*k));
		return err_set(err, EMSGSIZE, "the question of a keeper is too long");
	}
	k->fd = keep->fd;
	k->nap_ms = keep->nap_ms;
	k->rounds = keep->rounds;
	k->question_len = keep->question_len;
	memcpy(k->question, keep->question, keep->question_len);
	if (sigfillset(&all) < 0 || sigprocmask(SIG_SETMASK, &all, &before) < 0) {
		err_sys_(err, "block signals");
		(void)munmap(k, sizeof(*k));
		return -1;
	}
	pid = keeper_fork(k);
	if (pid < 0)
		err_sys_(err, "start a keeper");
	(void)sigprocmask(SIG_SETMASK, &before, NULL); /* it was valid when it was given to us */
	if (pid < 0)
		(void)munmap(k, sizeof(*k));
	return pid < 0 ? -1 : 0;
}

/* --- user namespaces ------------------------------------------------------------ */

static int write_map(pid_t pid, const char *file, const char *map, struct err *err)
{
	char path[PROC_PATH];

	if (str_format(path, sizeof(path), "/proc/%d/%s", (int)pid, file) < 0)
		return err_sys(err, "name \"%s\"", file);
	if (file_write_text(AT_FDCWD, path, map) < 0)
		return err_sys(err, "write \"%s\"", path);
	return 0;
}

/* Writes the maps of pid's user namespace and opens it. */
static int map_and_open(pid_t pid, const char *uid_map, const char *gid_map, struct err *err)
{
	char path[PROC_PATH];
	int fd;

	if (write_map(pid, "uid_map", uid_map, err) < 0)
		return -1;
	if (write_map(pid, "gid_map", gid_map, NULL) < 0) {
		/* Without CAP_SETGID outside, only once setgroups(2) is denied; nobody lives
		 * there who could want it (user_namespaces(7)). */
		if (write_map(pid, "setgroups", "deny", err) < 0 ||
		    write_map(pid, "gid_map", gid_map, err) < 0)
			return -1;
	}
	if (str_format(path, sizeof(path), "/proc/%d/ns/user", (int)pid) < 0)
		return err_sys(err, "name a user namespace");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "open \"%s\"", path);
	return fd;
}

int spawn_userns(const char *uid_map, const char *gid_map, struct err *err)
{
	pid_t parent = getpid();
	/* Flags first, the rest zero, is the same on all machines but s390; the namespace is there
	 * when the call returns, so there is nothing to wait for. */
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	int status, fd;

	if (pid == 0) {
		/* The number of a parent outside our pid namespace, if we have one, is 0. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent) {
			for (;;)
				(void)pause();
		}
		_exit(1);
	}
	if (pid < 0)
		return err_sys(err, "make a user namespace for id maps");
	fd = map_and_open(pid, uid_map, gid_map, err);
	(void)proc_kill(pid, SIGKILL);
	(void)reap(pid, &status);
	return fd;
}

bool proc_is_mapped(void)
{
	static const char *const identity[] = { "0", "0", "4294967295" };
	char map[128], *rest = map, *word;
	size_t n = 0;

	if (file_read_line(AT_FDCWD, "/proc/self/uid_map", map, sizeof(map)) < 0)
		return false;
	while ((word = strsep(&rest, " \n")) != NULL)
		if (*word && (n == ARRAY_SIZE(identity) || strcmp(word, identity[n++]) != 0))
			return true;
	return n != ARRAY_SIZE(identity);
}

/* Where argv lies; the process has one, like its name. */
static struct {
	char *start;
	size_t size;
} title;

void proc_title_init(int argc, char **argv)
{
	char *end;

	if (argc < 1 || !argv[0])
		return;
	end = argv[0] + strlen(argv[0]) + 1;
	/* Usually one piece; stop where it is not. */
	for (int i = 1; i < argc && argv[i] == end; i++)
		end += strlen(argv[i]) + 1;
	title.start = argv[0];
	title.size = (size_t)(end - argv[0]);
}

void proc_title(const char *format, ...)
{
	va_list ap;
	int n;

	if (title.size < 2)
		return;
	/* What is beside the program is found by this name, which lies where the title will. */
	if (program_invocation_name == title.start) {
		char *name = strdup(program_invocation_name);

		if (name)
			program_invocation_name = name;
	}
	va_start(ap, format);
	n = vsnprintf(title.start, title.size, format, ap);
	va_end(ap);
	/* The last byte stays NUL, else the kernel reads on into the environment. */
	if (n >= 0 && (size_t)n < title.size)
		memset(title.start + n, 0, title.size - (size_t)n);
}

void proc_forget_environment(void)
{
	for (char **e = environ; e && *e; e++)
		memset(*e, 0, strlen(*e));
}
