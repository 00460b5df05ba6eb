/* SPDX-License-Identifier: Apache-2.0 */
/* lazy_keeper.c - a process that has the container's memory until criu has put it in
 *
 * It starts criu lazy-pages and a guardian (lazy_guard.c), and answers criu out
 * of the store as it was when it was forked: all pages are there by then.  Until
 * it is told which process to look after, our own end is its end and that of all
 * it has started; from then on it lives on until the last page is in, or that
 * process has ended.  Should it end otherwise the guardian deletes the container,
 * whose processes would read zeros where a page is missing; when it is criu that
 * ends, they wait for their pages until they are killed, since their
 * userfaultfd(2)s are here as well.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "runtime/migrate/lazy.h"

#define UFFD "anon_inode:[userfaultfd]"

/* What the keeper itself knows. */
struct keeping {
	const struct keeper_order *order;
	struct lazy lazy;
	int life; /* the other end is the program that moves it here; -1: without it from now on */
	int init; /* pidfd of the container's first process, or -1 */
};

static int by_number(const void *a, const void *b)
{
	const int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* All but life and the files of the store: least of all the channel, and what tells criu that the
 * program is there. */
static int close_others(struct keeping *k)
{
	const struct store *s = k->order->store;
	int *keep = calloc(s->n + 1, sizeof(*keep));
	unsigned int next = 3;
	size_t n = 0;
	int rc = 0;

	if (!keep)
		return -1;
	keep[n++] = k->life;
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].file >= 0)
			keep[n++] = s->v[i].file;
	qsort(keep, n, sizeof(*keep), by_number);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		const unsigned int at = (unsigned int)keep[i];

		if (at > next)
			rc = close_range(next, at - 1, 0);
		next = at + 1;
	}
	free(keep);
	return rc < 0 ? -1 : fd_close_from(next);
}

static int alone(struct keeping *k, struct err *err)
{
	int null;

	(void)setsid();
	k->life = fcntl(k->life, F_DUPFD_CLOEXEC, 3);
	if (k->life < 0 || close_others(k) < 0)
		return err_sys(err, "descriptors");
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		return err_sys(err, "open \"/dev/null\"");
	(void)fd_close(null);
	return 0;
}

/* What criu got of the processes, which are all there: open here until our own end. */
static void share_faults(const struct keeping *k)
{
	const struct child *criu = &k->lazy.daemon;
	char path[64], target[sizeof(UFFD)];
	DIR *list;

	if (str_format(path, sizeof(path), "/proc/%d/fd", (int)criu->pid) < 0)
		return;
	list = opendir(path);
	if (!list)
		return;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
	for (struct dirent *e = readdir(list); e; e = readdir(list)) {
		const ssize_t n = readlinkat(dirfd(list), e->d_name, target, sizeof(target));

		if (n == sizeof(UFFD) - 1 && memcmp(target, UFFD, sizeof(UFFD) - 1) == 0)
			(void)syscall(SYS_pidfd_getfd, criu->pidfd,
				      (int)strtol(e->d_name, NULL, 10), 0);
	}
	(void)closedir(list);
}

/* It is to live on for this process; or the program has ended: 1 when nothing counts any more. */
static int hear(struct keeping *k, struct err *err)
{
	pid_t pid = 0;
	const ssize_t n = recv(k->life, &pid, sizeof(pid), 0);

	if (n == sizeof(pid)) {
		share_faults(k);
		k->init = proc_pidfd_open(pid);
		if (k->init < 0 && errno != ESRCH)
			return err_sys(err, "process %d", (int)pid);
		return k->init < 0;
	}
	k->life = fd_close(k->life);
	return k->init < 0;
}

/* Until criu wants nothing more: 0; 1 the container has ended. */
static int serve(struct keeping *k, struct err *err)
{
	while (k->lazy.sock >= 0) {
		struct pollfd p[] = { { .fd = k->init, .events = POLLIN },
				      { .fd = k->life, .events = POLLIN },
				      { .fd = k->lazy.sock, .events = POLLIN } };

		if (poll(p, ARRAY_SIZE(p), -1) < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(err, "poll");
		}
		if (p[0].revents)
			return 1;
		if (p[1].revents) {
			const int rc = hear(k, err);

			if (rc != 0)
				return rc;
		}
		if (p[2].revents && lazy_serve(&k->lazy, NULL, err) < 0)
			return -1;
	}
	return child_wait(&k->lazy.daemon, err);
}

static int begin(struct keeping *k, struct err *err)
{
	const struct keeper_order *o = k->order;

	if (alone(k, err) < 0)
		return -1;
	k->lazy.store = o->store;
	if (lazy_start(&k->lazy, o->options, o->images, o->criu, err) < 0)
		return -1;
	return lazy_guard(&k->lazy, o->options, o->id, err);
}

static NORETURN void keeper_main(struct keeping *k)
{
	struct err err = { 0 };
	int rc = begin(k, &err);

	if (rc < 0) {
		(void)fd_send(k->life, err.msg, strlen(err.msg) + 1, NULL, 0);
		lazy_release(&k->lazy);
		lazy_end(&k->lazy);
		_exit(1);
	}
	rc = fd_send(k->life, "", 1, NULL, 0) < 0 ? 1 : serve(k, &err);
	/* Its end was no accident, or nobody is there any more that could miss a page. */
	if (rc >= 0 || (k->init >= 0 && proc_pidfd_wait(k->init, 0) > 0))
		lazy_release(&k->lazy);
	lazy_end(&k->lazy);
	_exit(rc < 0 ? 1 : 0);
}

int keeper_start(struct keeper *keeper, const struct keeper_order *order, struct err *err)
{
	struct keeping k = { .order = order, .lazy = LAZY_INIT, .init = -1 };
	char said[ERR_MSG_MAX];
	int pair[2];
	ssize_t n;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "socket pair");
	keeper->life = pair[0];
	k.life = pair[1];
	keeper->pid = fork();
	if (keeper->pid == 0)
		keeper_main(&k);
	(void)fd_close(pair[1]);
	if (keeper->pid < 0)
		return err_sys(err, "fork");
	do
		n = recv(keeper->life, said, sizeof(said) - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return err_set(err, EIO, "the process that keeps the memory has ended");
	said[n] = '\0';
	return said[0] ? err_set(err, EIO, "%s", said) : 0;
}

int keeper_let_go(struct keeper *keeper, pid_t init, struct err *err)
{
	if (fd_send(keeper->life, &init, sizeof(init), NULL, 0) < 0)
		return err_sys(err, "the process that keeps the memory");
	keeper->free = true;
	return 0;
}

void keeper_end(struct keeper *keeper)
{
	keeper->life = fd_close(keeper->life);
	while (keeper->pid > 0 && !keeper->free && waitpid(keeper->pid, NULL, 0) < 0 &&
	       errno == EINTR)
		;
	keeper->pid = 0;
}
