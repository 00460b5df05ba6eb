/* SPDX-License-Identifier: Apache-2.0 */
/* proc.h - other processes: pidfds, signals by name, helpers run to their end
 *
 * Besides runtime/container/spawn.c this is the only file that forks.
 */
#ifndef SKERRY_BASE_PROC_H
#define SKERRY_BASE_PROC_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* System calls without a libc wrapper in Debian 12's static libc: -1, errno. */
int proc_pidfd_open(pid_t pid);
/* Refuses nothing: the pidfd is the proof. sig 0 only checks. */
int proc_pidfd_signal(int pidfd, int sig);
/* kill(2) that refuses pid <= 1 with EINVAL. */
int proc_kill(pid_t pid, int sig);

/* Field 22 of /proc/PID/stat (clock ticks since boot) and its state letter;
 * 0 or -1 with errno (ESRCH when gone). */
int proc_start_time(pid_t pid, uint64_t *ret_ticks, char *ret_state);

/* Waits until the pidfd's process ended, at most timeout_ms (-1: for ever);
 * 1 ended, 0 time is up, -1. */
int proc_pidfd_wait(int pidfd, int timeout_ms);

/* "TERM", "SIGTERM", "sigterm", "15", "RTMIN+3", "RTMAX-1": the number, or -1; "0" is kill(2)'s 0. */
int signal_parse(const char *name);
/* "SIGTERM", or NULL. */
const char *signal_name(int sig);

struct proc_run {
	const char *path; /* absolute */
	char *const *argv;
	char *const *env; /* NULL: empty environment */
	const char *cwd; /* NULL: as is */
	const char *input; /* on standard input; NULL: /dev/null */
	size_t input_len;
	int stdout_fd, stderr_fd; /* -1: collected into output */
	struct buf
		*output; /* at most PROC_OUTPUT_MAX kept, the rest read and dropped; may be NULL */
	int timeout_ms; /* 0: none; then SIGKILL and ETIMEDOUT */
};
#define PROC_OUTPUT_MAX ((size_t)64 << 10)

/* Runs it to its end: the wait status, or -1 with err (could not be started,
 * or time-out).  Default signals, descriptors 0-2 only, PR_SET_PDEATHSIG. */
int proc_run(const struct proc_run *run, struct err *err);

/* Runs run(data) in a child that goes on after our own end: for work that only waits for the kernel.
 * It has /dev/null as its descriptors 0-2, so that whoever reads our output to its end doesn't wait
 * for it.  The result is a pipe: run()'s return value as an int can be read from it when run()
 * returned, end of file without means that the child died.  The child is reaped by whoever inherits
 * it; a caller that lives on leaves a zombie until then. */
int proc_background(int (*run)(void *data), void *data, struct err *err);

/* Keeps a socket open after our own end, for as long as it is told news: a child asks the same
 * question again and again, and ends, and with it the socket, when two answers in a row are alike
 * (or none comes), at the latest after so many rounds.  The answers must be there when the question
 * is sent.  It has no other descriptor.
 * It shares our memory, and keeps a few pages of it for ever: for programs that end soon.  Until it
 * has ended this process can't enter a user namespace (setns(2), unshare(2)). */
#define PROC_QUESTION_MAX 256 /* and of an answer as much is looked at */
struct proc_keep {
	int fd;
	const void *question;
	size_t question_len;
	int nap_ms, rounds;
};
int proc_keep(const struct proc_keep *keep, struct err *err);

/* A descriptor of a new user namespace with these maps, in which nobody lives ("CONTAINER HOST COUNT\n"
 * lines as in user_namespaces(7)): what an id-mapped mount wants. -1 with err. */
int spawn_userns(const char *uid_map, const char *gid_map, struct err *err);

/* Are our ids others on the host: do we live in a user namespace that isn't the first one? */
bool proc_is_mapped(void);

/* What ps(1) shows; the argv area is overwritten (keeps within it). */
void proc_title_init(int argc, char **argv);
void proc_title(const char *format, ...) PRINTF(1, 2);

/* environ(7) as it lies in memory becomes empty strings: what /proc/PID/environ shows to who may trace
 * this process.  For a child that only executes something else, with an environment of its own. */
void proc_forget_environment(void);

#endif
