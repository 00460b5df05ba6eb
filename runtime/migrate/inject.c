/* SPDX-License-Identifier: Apache-2.0 */
/* inject.c - a system call made by another process
 *
 *	seize, interrupt        stopped where signals are taken: a call that waits is
 *	                        begun again afterwards, as behind any signal
 *	registers               those of the call; the next instruction is the call of
 *	                        the kernel's page of code, which every process has
 *	to its beginning, end   stops of PTRACE_SYSCALL
 *	to the next stop        again where signals are taken
 *	registers, let go       as they were
 *
 * A signal that comes first is delivered as it would have been, and nothing called.
 * Filters of system calls are put aside for the moment; where we may not do that, a
 * process that has some isn't asked.
 *
 * ptrace(2); vdso(7); pidfd_getfd(2); userfaultfd(2).
 */
#include "runtime/migrate/inject.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "runtime/migrate/regions.h"

#define ANSWER_MS  2000
#define STOP_MS	   1000
#define STEP_NS	   50000
#define CODE_MAX   65536
#define STATUS_MAX ((size_t)1 << 20)

#if defined(__x86_64__)

# define USER_CODE 0x33 /* code segment of 64 bits */

struct inject {
	pid_t pid;
	struct user_regs_struct saved;
	uint64_t at; /* of the instruction */
	int signal; /* that came between */
};

/* ptrace(2) takes numbers as pointers. */
static void *number(unsigned long n)
{
	return (void *)n; /* NOLINT(performance-no-int-to-ptr) */
}

static int registers(const struct inject *i, int request, struct user_regs_struct *r)
{
	struct iovec v = { r, sizeof(*r) };

	if (ptrace(request, i->pid, number(NT_PRSTATUS), &v) < 0)
		return -1;
	if (v.iov_len == sizeof(*r))
		return 0;
	errno = EOPNOTSUPP; /* of 32 bits */
	return -1;
}

/* Where the kernel's page has the instruction; 0: nowhere. */
static uint64_t find_instruction(pid_t pid)
{
	static const unsigned char code[] = { 0x0f, 0x05 };
	char path[64], *line, *end;
	uint64_t from, to;
	struct iovec here, there;
	unsigned char *found;
	ssize_t n;
	AUTO_BUF maps;
	AUTO_FREE unsigned char *page = NULL;

	buf_init_max(&maps, MAPS_MAX);
	if (str_format(path, sizeof(path), "/proc/%d/maps", (int)pid) < 0 ||
	    file_read(AT_FDCWD, path, &maps, MAPS_MAX, false) < 0)
		return 0;
	line = strstr(maps.s, "[vdso]");
	if (!line)
		return 0;
	while (line > maps.s && line[-1] != '\n')
		line--;
	from = strtoull(line, &end, 16);
	to = *end == '-' ? strtoull(end + 1, NULL, 16) : 0;
	if (to <= from || to - from > CODE_MAX)
		return 0;
	page = malloc(CODE_MAX);
	if (!page)
		return 0;
	here = (struct iovec){ page, to - from };
	there = (struct iovec){ number(from), to - from };
	n = process_vm_readv(pid, &here, 1, &there, 1, 0);
	found = n > 0 ? memmem(page, (size_t)n, code, sizeof(code)) : NULL;
	return found ? from + (uint64_t)(found - page) : 0;
}

/* A stop that is none of a signal or of job control. */
static bool is_our_stop(int status)
{
	return WIFSTOPPED(status) && status >> 8 == (SIGTRAP | PTRACE_EVENT_STOP << 8);
}

static bool is_call_stop(int status)
{
	return WIFSTOPPED(status) && status >> 8 == (SIGTRAP | 0x80);
}

/* One that sleeps without end for signals is left alone. */
static int wait_first(pid_t pid, int *ret_status)
{
	const struct timespec step = { .tv_nsec = STEP_NS };

	for (int64_t n = 0; n < (int64_t)STOP_MS * 1000000 / STEP_NS; n++) {
		const pid_t got = waitpid(pid, ret_status, __WALL | WNOHANG);

		if (got != 0)
			return got == pid ? 0 : -1;
		(void)nanosleep(&step, NULL);
	}
	errno = EBUSY;
	return -1;
}

static int resume_to_stop(const struct inject *i, int request, int *ret_status)
{
	if (ptrace(request, i->pid, NULL, NULL) < 0)
		return -1;
	return waitpid(i->pid, ret_status, __WALL) == i->pid ? 0 : -1;
}

/* A filter could end it for a call that isn't its own. */
static bool is_filtered(pid_t pid)
{
	char path[64];
	AUTO_BUF text;

	buf_init(&text);
	return str_format(path, sizeof(path), "/proc/%d/status", (int)pid) < 0 ||
	       file_read(AT_FDCWD, path, &text, STATUS_MAX, false) < 0 ||
	       !strstr(text.s, "\nSeccomp:\t0\n");
}

static int seize(pid_t pid)
{
	const unsigned long aside = PTRACE_O_TRACESYSGOOD | PTRACE_O_SUSPEND_SECCOMP;

	if (ptrace(PTRACE_SEIZE, pid, NULL, number(aside)) == 0)
		return 0;
	if (!is_filtered(pid))
		return ptrace(PTRACE_SEIZE, pid, NULL, number(PTRACE_O_TRACESYSGOOD)) < 0 ? -1 : 0;
	errno = EOPNOTSUPP;
	return -1;
}

static int inject_begin(struct inject *i, pid_t pid)
{
	int status;

	*i = (struct inject){ .pid = pid, .at = find_instruction(pid) };
	if (!i->at) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (seize(pid) < 0)
		return -1;
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 || wait_first(pid, &status) < 0)
		return -1; /* our end lets it go */
	if (WIFSTOPPED(status) && !is_our_stop(status)) {
		const bool job = status >> 16 == PTRACE_EVENT_STOP;
		const int sig = job ? 0 : WSTOPSIG(status);

		(void)ptrace(PTRACE_DETACH, pid, NULL, number((unsigned long)sig));
		errno = job ? EBUSY : EINTR;
		return -1;
	}
	if (!WIFSTOPPED(status)) {
		errno = ESRCH;
		return -1;
	}
	if (registers(i, PTRACE_GETREGSET, &i->saved) == 0 && i->saved.cs == USER_CODE)
		return 0;
	(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
	errno = EOPNOTSUPP;
	return -1;
}

/* Its result, as of the kernel; -EINTR when it wasn't made. */
static int64_t inject_call(struct inject *i, long nr, const uint64_t args[3])
{
	struct user_regs_struct r = i->saved;
	int64_t result = -EINTR;
	int status = 0;

	r.rip = i->at;
	r.rax = (uint64_t)nr;
	r.orig_rax = (uint64_t)-1; /* nothing is begun again */
	r.rdi = args[0];
	r.rsi = args[1];
	r.rdx = args[2];
	if (registers(i, PTRACE_SETREGSET, &r) < 0 ||
	    resume_to_stop(i, PTRACE_SYSCALL, &status) < 0)
		return -errno;
	if (!is_call_stop(status)) {
		if (WIFSTOPPED(status) && status >> 16 == 0)
			i->signal = WSTOPSIG(status);
	} else if (resume_to_stop(i, PTRACE_SYSCALL, &status) == 0 && is_call_stop(status) &&
		   registers(i, PTRACE_GETREGSET, &r) == 0) {
		result = (int64_t)r.rax;
		/* What comes next is for the stop where registers may be given back. */
		if (ptrace(PTRACE_INTERRUPT, i->pid, NULL, NULL) == 0 &&
		    resume_to_stop(i, PTRACE_CONT, &status) == 0 && WIFSTOPPED(status) &&
		    status >> 16 == 0)
			i->signal = WSTOPSIG(status);
	}
	(void)registers(i, PTRACE_SETREGSET, &i->saved);
	return result;
}

static void inject_end(struct inject *i)
{
	(void)registers(i, PTRACE_SETREGSET, &i->saved);
	(void)ptrace(PTRACE_DETACH, i->pid, NULL, number((unsigned long)i->signal));
}

static int take_userfaultfd(pid_t pid)
{
	const uint64_t open_args[3] = { O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY };
	uint64_t close_args[3] = { 0 };
	struct inject i;
	int64_t theirs;
	int ours = -1, saved;
	AUTO_FD pidfd = proc_pidfd_open(pid);

	if (pidfd < 0 || inject_begin(&i, pid) < 0)
		return -1;
	theirs = inject_call(&i, SYS_userfaultfd, open_args);
	errno = theirs < 0 ? (int)-theirs : 0;
	if (theirs >= 0) {
		ours = (int)syscall(SYS_pidfd_getfd, pidfd, (int)theirs, 0);
		close_args[0] = (uint64_t)theirs;
		/* A signal that came with the first call is still to be delivered: behind this
		 * one. */
		(void)inject_call(&i, SYS_close, close_args);
	}
	saved = errno;
	inject_end(&i);
	errno = saved;
	return ours;
}

#else

static int take_userfaultfd(pid_t pid)
{
	(void)pid;
	errno = EOPNOTSUPP;
	return -1;
}

#endif

struct errand {
	pid_t pid;
	int sock[2];
};

static int do_errand(void *data)
{
	const struct errand *e = data;
	AUTO_FD uffd = take_userfaultfd(e->pid);

	if (uffd < 0)
		return errno ? errno : EIO;
	return fd_send(e->sock[1], "", 1, &uffd, 1) < 0 ? errno : 0;
}

int inject_userfaultfd(pid_t pid)
{
	struct errand e = { .pid = pid };
	struct pollfd p = { .events = POLLIN };
	int fd = -1, failed = EIO;
	size_t n = 0;
	char byte;
	AUTO_FD result = -1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, e.sock) < 0)
		return -1;
	result = proc_background(do_errand, &e, NULL);
	p.fd = result;
	if (result >= 0 && (poll(&p, 1, ANSWER_MS) != 1 ||
			    fd_read_full(result, &failed, sizeof(failed)) != sizeof(failed)))
		failed = EBUSY;
	if (!failed && fd_receive(e.sock[0], &byte, 1, &fd, 1, &n) != 1)
		failed = EIO;
	(void)fd_close(e.sock[0]);
	(void)fd_close(e.sock[1]);
	errno = failed;
	return failed || n != 1 ? -1 : fd;
}
