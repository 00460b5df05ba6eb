/* SPDX-License-Identifier: Apache-2.0 */
/* child.c - the programs that do the work
 *
 * They are in sessions of their own: a key pressed at our terminal reaches this
 * program alone, which then undoes things in order.
 */
#include "runtime/migrate/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"

#define SAID_MAX ((size_t)64 << 10)

/* Descriptors in the child, then it becomes the program. */
struct place {
	int in, out, err, notify, keep;
};

static NORETURN void child_main(const struct child_start *start, const struct place *p)
{
	const struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)sigaction(SIGPIPE, &usual, NULL);
	(void)setsid();
	if (dup2(p->in, 0) < 0 || dup2(p->out, 1) < 0 || dup2(p->err, 2) < 0)
		_exit(126);
	if (p->notify >= 0 && dup2(p->notify, CHILD_NOTIFY_FD) < 0)
		_exit(126);
	if (fd_cloexec_from(p->notify >= 0 ? CHILD_NOTIFY_FD + 1 : CHILD_NOTIFY_FD) < 0)
		_exit(126);
	if (p->keep > 0 && fd_set_cloexec(p->keep, false) < 0)
		_exit(126);
	(void)execvp(start->program, start->argv);
	_exit(127);
}

int child_start(struct child *c, const struct child_start *start, struct err *err)
{
	AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);
	AUTO_FD theirs = -1;
	int pair[2];
	struct place p;

	*c = (struct child)CHILD_INIT;
	/* Above those that it is to have. */
	c->output = memfd_create("said", MFD_CLOEXEC);
	if (null < 0 || c->output < 0)
		return err_sys(err, "start \"%s\"", start->program);
	if (start->notify) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			return err_sys(err, "socket pair");
		c->notify = pair[0];
		theirs = pair[1];
		if (fd_set_nonblock(c->notify, true) < 0)
			return err_sys(err, "socket pair");
	}
	p = (struct place){ .in = start->in < 0 ? null : start->in,
			    .out = start->out < 0 ? c->output : start->out,
			    .err = start->err > 0 ? start->err : c->output,
			    .notify = theirs,
			    .keep = start->keep };
	c->pid = fork();
	if (c->pid == 0)
		child_main(start, &p);
	if (c->pid < 0) {
		c->pid = 0;
		return err_sys(err, "fork for \"%s\"", start->program);
	}
	c->pidfd = proc_pidfd_open(c->pid);
	return c->pidfd < 0 ? err_sys(err, "process %d", (int)c->pid) : 0;
}

int child_step(struct child *c, struct child_step *ret)
{
	for (;;) {
		char *end = memchr(c->line, '\n', c->line_len), *blank;
		ssize_t n;

		if (end) {
			*end++ = '\0';
			blank = strchr(c->line, ' ');
			ret->pid = blank ? (pid_t)strtol(blank + 1, NULL, 10) : 0;
			if (blank)
				*blank = '\0';
			if (str_copy(ret->name, sizeof(ret->name), c->line) < 0)
				return -1;
			c->line_len -= (size_t)(end - c->line);
			memmove(c->line, end, c->line_len);
			return 1;
		}
		if (c->line_len == sizeof(c->line))
			return -1;
		n = recv(c->notify, c->line + c->line_len, sizeof(c->line) - c->line_len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return -1;
		c->line_len += (size_t)n;
	}
}

int child_answer(struct child *c, const char *word, struct err *err)
{
	char line[16];

	if (str_format(line, sizeof(line), "%s\n", word) < 0 ||
	    fd_send(c->notify, line, strlen(line), NULL, 0) < 0)
		return err_sys(err, "answer \"%s\"", word);
	return 0;
}

/* The last line that says something. */
static void last_words(int fd, char *dst, size_t size)
{
	char text[4096];
	off_t end = lseek(fd, 0, SEEK_END);
	off_t from = end > (off_t)sizeof(text) - 1 ? end - ((off_t)sizeof(text) - 1) : 0;
	ssize_t n = pread(fd, text, sizeof(text) - 1, from);
	char *at;

	dst[0] = '\0';
	if (n <= 0)
		return;
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\0'))
		n--;
	text[n] = '\0';
	/* A message of ours may end in the line that names criu's log. */
	at = strstr(text, "\nlog file: ");
	if (at)
		*at = '\0';
	at = strrchr(text, '\n');
	at = at ? at + 1 : text;
	if (str_format(dst, size, "%.400s", at) < 0)
		dst[0] = '\0';
}

int child_wait(struct child *c, struct err *err)
{
	char words[420] = "";
	int status = 0;

	c->notify = fd_close(c->notify);
	if (c->pid <= 0)
		return 0;
	while (waitpid(c->pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, "wait for process %d", (int)c->pid);
	c->pid = 0;
	c->pidfd = fd_close(c->pidfd);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (c->output >= 0)
		last_words(c->output, words, sizeof(words));
	if (words[0])
		return err_set(err, EIO, "%s", words);
	if (WIFSIGNALED(status))
		return err_set(err, EIO, "ended by signal %d", WTERMSIG(status));
	return err_set(err, EIO, "ended with status %d", WEXITSTATUS(status));
}

void child_end(struct child *c)
{
	static const int signals[] = { SIGTERM, SIGKILL };

	c->notify = fd_close(c->notify);
	for (size_t i = 0; c->pid > 0 && c->patience_ms > 0 && i < ARRAY_SIZE(signals); i++)
		if (proc_pidfd_wait(c->pidfd, c->patience_ms) == 0)
			(void)proc_pidfd_signal(c->pidfd, signals[i]);
	(void)child_wait(c, NULL);
	c->output = fd_close(c->output);
	c->pidfd = fd_close(c->pidfd);
}

int child_run(const struct child_start *start, struct buf *said, struct err *err)
{
	struct child c;
	int rc = child_start(&c, start, err);

	if (rc == 0)
		rc = child_wait(&c, err);
	if (rc < 0)
		(void)err_wrap(err, "%s", start->argv[start->argv[1] ? 1 : 0]);
	if (said && c.output >= 0 && lseek(c.output, 0, SEEK_SET) == 0) {
		char chunk[4096];
		ssize_t n;

		while ((n = read(c.output, chunk, sizeof(chunk))) > 0 && said->len < SAID_MAX)
			buf_add(said, chunk, (size_t)n);
	}
	child_end(&c);
	return rc;
}
