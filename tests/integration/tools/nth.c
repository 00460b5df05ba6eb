/* SPDX-License-Identifier: Apache-2.0
 *
 * nth.c - acts at the N-th system call of a whole process tree.
 *
 * nth N ACTION -- COMMAND...
 *
 * ACTION: count     only count
 *         kill      SIGKILL to the process that makes the call
 *         killtree  SIGKILL to every process of the tree
 *         stop      hold the call while $NTH_HOOK runs in a shell
 *         NUMBER    the call is not made and fails with this errno, unless it is
 *                   one that can't fail or that the C library starts with
 *
 * Counts entries into system calls of all processes from COMMAND's exec on;
 * strace counts each process apart and so can't address them.  Ends with the
 * first process; what still runs (a container's init) is let go.  The result
 * goes to the file $NTH_OUT or to standard output:
 *
 *	syscall=NR hit=0|1 total=T status=S
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __x86_64__
# error "nth.c rewrites registers and knows only those of x86-64"
#endif

enum { PROCESSES_MAX = 4096 };

static struct process {
	pid_t pid;
	char inside; /* between entry and exit of a call */
	char injected; /* the exit must report our errno */
} processes[PROCESSES_MAX];
static int count;

struct sweep {
	long n, total, nr;
	const char *action;
	int errnum, hit, started, status;
	pid_t first;
};

static struct process *process_of(pid_t pid)
{
	for (int i = 0; i < count; i++)
		if (processes[i].pid == pid)
			return &processes[i];
	if (count == PROCESSES_MAX)
		exit(9);
	processes[count] = (struct process){ .pid = pid };
	return &processes[count++];
}

static void kill_one(pid_t pid)
{
	if (pid > 1)
		(void)kill(pid, SIGKILL);
}

/* Calls that can't fail (close() lets the descriptor go even then), the ends of
 * processes and signal handlers, and what the C library does before main(). */
static int may_fail(long nr)
{
	switch (nr) {
	case SYS_exit:
	case SYS_exit_group:
	case SYS_rt_sigreturn:
	case SYS_close:
	case SYS_umask:
	case SYS_getpid:
	case SYS_getppid:
	case SYS_gettid:
	case SYS_getuid:
	case SYS_geteuid:
	case SYS_getgid:
	case SYS_getegid:
	case SYS_clock_gettime: /* of the clocks that are used here; it needs no memory */
	case SYS_arch_prctl:
	case SYS_set_tid_address:
	case SYS_brk:
		return 0;
	default:
		return 1;
	}
}

static void act(struct sweep *s, struct process *p, struct user_regs_struct *regs)
{
	const char *hook = getenv("NTH_HOOK");

	s->hit = 1;
	s->nr = (long)regs->orig_rax;
	if (strcmp(s->action, "kill") == 0) {
		kill_one(p->pid);
	} else if (strcmp(s->action, "killtree") == 0) {
		for (int i = 0; i < count; i++)
			kill_one(processes[i].pid);
	} else if (strcmp(s->action, "stop") == 0) {
		if (hook)
			(void)!system(hook);
	} else if (may_fail(s->nr)) {
		regs->orig_rax = (unsigned long)-1;
		(void)ptrace(PTRACE_SETREGS, p->pid, 0, regs);
		p->injected = 1;
	}
}

static void on_syscall(struct sweep *s, struct process *p)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, p->pid, 0, &regs) != 0)
		return;
	if (!p->inside) {
		p->inside = 1;
		if (s->started && ++s->total == s->n && strcmp(s->action, "count") != 0)
			act(s, p, &regs);
		return;
	}
	p->inside = 0;
	if (p->injected) {
		p->injected = 0;
		regs.rax = (unsigned long)-(long)s->errnum;
		(void)ptrace(PTRACE_SETREGS, p->pid, 0, &regs);
	}
}

/* 1 when the first process has ended */
static int on_stop(struct sweep *s, pid_t pid, int st)
{
	struct process *p = process_of(pid);
	int sig, event, deliver = 0;

	if (WIFEXITED(st) || WIFSIGNALED(st)) {
		*p = processes[--count];
		if (pid != s->first)
			return 0;
		s->status = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
		return 1;
	}
	sig = WSTOPSIG(st);
	event = st >> 16;
	if (sig == (SIGTRAP | 0x80)) {
		on_syscall(s, p);
	} else if (event == PTRACE_EVENT_EXEC) {
		if (pid == s->first)
			s->started = 1;
	} else if (event == PTRACE_EVENT_STOP && (sig == SIGSTOP || sig == SIGTSTP)) {
		(void)ptrace(PTRACE_LISTEN, pid, 0, 0);
		return 0;
	} else if (!event && sig != SIGTRAP) {
		deliver = sig;
	}
	(void)ptrace(PTRACE_SYSCALL, pid, 0, deliver);
	return 0;
}

static void let_go(void)
{
	int st;

	for (int i = 0; i < count; i++) {
		(void)ptrace(PTRACE_INTERRUPT, processes[i].pid, 0, 0);
		for (int k = 0; k < 50 && waitpid(processes[i].pid, &st, __WALL | WNOHANG) == 0;
		     k++)
			(void)usleep(1000);
		(void)ptrace(PTRACE_DETACH, processes[i].pid, 0, 0);
	}
}

int main(int argc, char **argv)
{
	struct sweep s = { .nr = -1, .status = -1 };
	const char *path = getenv("NTH_OUT");
	FILE *out;
	int st;

	if (argc < 5)
		return 2;
	s.n = atol(argv[1]);
	s.action = argv[2];
	s.errnum = atoi(argv[2]);
	s.first = fork();
	if (s.first < 0)
		return 2;
	if (s.first == 0) {
		(void)raise(SIGSTOP);
		(void)execvp(argv[4], argv + 4);
		_exit(127);
	}
	(void)waitpid(s.first, &st, WUNTRACED);
	(void)ptrace(PTRACE_SEIZE, s.first, 0,
		     PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			     PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC);
	(void)process_of(s.first);
	(void)kill(s.first, SIGCONT);
	for (;;) {
		pid_t pid = waitpid(-1, &st, __WALL);

		if (pid < 0 || on_stop(&s, pid, st))
			break;
	}
	let_go();
	out = path ? fopen(path, "we") : stdout;
	if (out)
		fprintf(out, "syscall=%ld hit=%d total=%ld status=%d\n", s.nr, s.hit, s.total,
			s.status);
	return 0;
}
