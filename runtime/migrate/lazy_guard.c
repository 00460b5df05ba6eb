/* SPDX-License-Identifier: Apache-2.0 */
/* lazy_guard.c - a process that outlives this program until the container has been ended
 *
 * It has the other end of a pipe of ours, and our end of criu's connection,
 * which is not to break before the container is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/migrate/lazy.h"

static NORETURN void guard(int pipe, int sock, char *const *argv)
{
	char byte;
	ssize_t n;
	pid_t pid;

	(void)setsid();
	/* Nothing else, least of all the channel. */
	if (dup2(pipe, 0) < 0 || dup2(sock, 1) < 0 || fd_close_from(2) < 0)
		_exit(126);
	do
		n = read(0, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(0);
	pid = fork();
	if (pid == 0) {
		(void)execv(argv[0], argv);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	_exit(0);
}

int lazy_guard(struct lazy *l, const struct options *o, const char *id, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	const char *words[] = { "delete", "--force", id, NULL };
	char **argv;
	int ends[2];

	arena_init(&arena, ARENA_MAX_DEFAULT);
	argv = skerry_words(o, words, &arena);
	if (!argv)
		return err_set(err, ENOMEM, "out of memory");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	l->guard = ends[1];
	l->guardian = fork();
	if (l->guardian == 0)
		guard(ends[0], l->sock, argv);
	(void)fd_close(ends[0]);
	return l->guardian < 0 ? err_sys(err, "fork") : 0;
}
