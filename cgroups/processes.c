/* SPDX-License-Identifier: Apache-2.0 */
/* processes.c - what runs in a group: list, signal, freeze
 *
 * Processes are found by the group and by nothing else.  A fallback freezer
 * (kernels before cgroup.kill) is thawed again on every way out.
 * Documentation/admin-guide/cgroup-v2.rst "cgroup.procs", "cgroup.freeze",
 * "cgroup.kill".
 */
#include "cgroups/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/units.h"

#define FREEZE_TIMEOUT_MS 10000
#define KILL_ROUNDS	  100 /* of the fallback: each round sees the forks of the one before */
#define DIRS_MAX	  65536 /* groups looked at in one walk */

struct pids {
	pid_t *v;
	size_t n, cap;
};

static int pids_add(struct pids *p, pid_t pid)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 64;
		pid_t *v = reallocarray(p->v, cap, sizeof(*v));

		if (!v)
			return -1;
		p->v = v;
		p->cap = cap;
	}
	p->v[p->n++] = pid;
	return 0;
}

static int pids_parse(const char *text, struct pids *out)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		char word[16];
		int64_t pid;

		if (len > 0 && len < sizeof(word)) {
			memcpy(word, text, len);
			word[len] = '\0';
			/* 0: not of our pid namespace */
			if (units_i64(word, 0, INT_MAX, &pid) == 0 && pid > 0 &&
			    pids_add(out, (pid_t)pid) < 0)
				return -1;
		}
		text += len;
		if (*text)
			text++;
	}
	return 0;
}

static int pids_read(int dir, struct pids *out)
{
	AUTO_BUF text;
	int r;

	buf_init(&text);
	r = group_read_buf(dir, "cgroup.procs", &text);
	/* a threaded group's processes are listed at the top of its domain; a group that was
	 * removed meanwhile has none */
	if (r < 0 && (errno == EOPNOTSUPP || errno == ENOENT || errno == ENODEV))
		return 0;
	return r < 0 ? -1 : pids_parse(text.s, out);
}

/* The walk's memory: for each level its children still to visit, each followed by NUL, the levels
 * divided by an empty name. */
static int push_children(int dir, struct buf *names)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	DIR *d;

	buf_add(names, "", 1);
	if (fd < 0)
		return errno == ENOENT || errno == ENODEV ? 0 : -1;
	d = fdopendir(fd);
	if (!d) {
		(void)fd_close(fd);
		return -1;
	}
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread, and glibc's is safe on its own DIR */
	while ((entry = readdir(d)) != NULL)
		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			buf_add(names, entry->d_name, strlen(entry->d_name) + 1);
	(void)closedir(d);
	return buf_failed(names) ? -1 : 0;
}

/* Takes the last name off; false at a level's end, which it takes off too. */
static bool pop_child(struct buf *names, char *name)
{
	size_t end = names->len - 1, start = end;

	while (start > 0 && names->s[start - 1] != '\0')
		start--;
	memcpy(name, names->s + start, end - start);
	name[end - start] = '\0';
	names->len = start;
	return start < end;
}

static int walk_pids(int top, struct pids *out)
{
	char name[NAME_MAX + 1];
	AUTO_BUF names;
	AUTO_FD cur = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t depth = 0, seen = 0;

	buf_init(&names);
	if (cur < 0)
		return errno == ENOENT || errno == ENODEV ? 0 : -1;
	if (pids_read(cur, out) < 0 || push_children(cur, &names) < 0)
		return -1;
	while (names.len > 0) {
		int next;

		if (pop_child(&names, name)) {
			next = group_open(cur, name);
			if (next < 0)
				continue; /* removed meanwhile */
			(void)fd_close(cur);
			cur = next;
			depth++;
			if (++seen > DIRS_MAX) {
				errno = E2BIG;
				return -1;
			}
			if (pids_read(cur, out) < 0 || push_children(cur, &names) < 0)
				return -1;
		} else if (depth > 0) {
			next = openat(cur, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			if (next < 0)
				return errno == ENOENT || errno == ENODEV ? 0 : -1;
			(void)fd_close(cur);
			cur = next;
			depth--;
		}
	}
	return 0;
}

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

int cgroup_pids(const struct cgroup *g, pid_t **ret_pids, size_t *ret_n, struct err *err)
{
	struct pids pids = { 0 };
	size_t n = 0;

	if (g->top < 0)
		return err_set(err, ENOENT, "the container has no cgroup of its own");
	if (walk_pids(g->top, &pids) < 0) {
		(void)err_sys(err, "list the processes of cgroup \"%s\"", g->place.path);
		free(pids.v);
		return -1;
	}
	if (pids.n)
		qsort(pids.v, pids.n, sizeof(pids.v[0]), compare_pids);
	for (size_t i = 0; i < pids.n; i++) /* one that moved during the walk was seen twice */
		if (i == 0 || pids.v[i] != pids.v[i - 1])
			pids.v[n++] = pids.v[i];
	*ret_pids = pids.v;
	*ret_n = n;
	return 0;
}

/* One round of signals: how many processes there were, or -1. */
static int signal_all(const struct cgroup *g, int sig, struct err *err)
{
	AUTO_FREE pid_t *pids = NULL;
	size_t n = 0;

	if (cgroup_pids(g, &pids, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (proc_kill(pids[i], sig) < 0 && errno != ESRCH)
			return err_sys(err, "signal process %d of cgroup \"%s\"", (int)pids[i],
				       g->place.path);
	return n > INT_MAX ? INT_MAX : (int)n;
}

/* Kernels before 5.14: nothing forks while frozen; thawed whatever happens, to let them die. */
static int kill_frozen(const struct cgroup *g, struct err *err)
{
	struct timespec pause = { .tv_nsec = 1000000 };
	int left = 1;

	for (int i = 0; i < KILL_ROUNDS && left > 0; i++) {
		bool frozen = cgroup_freeze(g, true, NULL) == 0;

		left = signal_all(g, SIGKILL, err);
		if (group_write(g->top, "cgroup.freeze", "0") < 0 && frozen && left >= 0)
			left = err_sys(err, "thaw cgroup \"%s\"", g->place.path);
		if (left > 0)
			(void)nanosleep(&pause, NULL);
	}
	return left < 0 ? -1 : 0;
}

int cgroup_kill(const struct cgroup *g, int sig, struct err *err)
{
	if (g->top < 0)
		return err_set(err, ENOENT, "the container has no cgroup of its own");
	if (sig != SIGKILL)
		return signal_all(g, sig, err) < 0 ? -1 : 0;
	if (group_write(g->top, "cgroup.kill", "1") == 0 || errno == ENODEV)
		return 0;
	/* ENOENT: an old kernel, or the group is gone: then there is nothing in it either */
	if (errno != ENOENT && errno != EOPNOTSUPP)
		return err_sys(err, "kill cgroup \"%s\"", g->place.path);
	return kill_frozen(g, err);
}

/* Waits until cgroup.events says so; 1, 0 time is up, -1. */
static int wait_frozen(int dir, bool frozen)
{
	AUTO_FD fd = beneath_open(dir, "cgroup.events", O_RDONLY | O_CLOEXEC, 0,
				  RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
	char text[256];
	int left = FREEZE_TIMEOUT_MS;

	if (fd < 0)
		return -1;
	while (left > 0) {
		struct pollfd p = { .fd = fd, .events = POLLPRI };
		ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
		uint64_t now = 0;

		if (len < 0)
			return -1;
		text[len] = '\0';
		if (group_parse_key(text, "frozen", &now) < 0)
			return -1;
		if ((now != 0) == frozen)
			return 1;
		/* short naps beside the poll: the event of a change just before it is not seen */
		if (poll(&p, 1, 100) < 0 && errno != EINTR)
			return -1;
		left -= 100;
	}
	return 0;
}

int cgroup_freeze(const struct cgroup *g, bool frozen, struct err *err)
{
	const char *verb = frozen ? "freeze" : "thaw";
	int r;

	if (g->top < 0)
		return err_set(err, ENOENT, "%s: the container has no cgroup of its own", verb);
	if (group_write(g->top, "cgroup.freeze", frozen ? "1" : "0") < 0)
		return err_sys(err, "%s cgroup \"%s\"", verb, g->place.path);
	r = wait_frozen(g->top, frozen);
	if (r > 0)
		return 0;
	if (r < 0)
		(void)err_sys(err, "wait for cgroup \"%s\" to %s", g->place.path, verb);
	else
		(void)err_set(err, ETIMEDOUT, "cgroup \"%s\" does not %s", g->place.path, verb);
	if (frozen) /* half frozen is worse than running */
		(void)group_write(g->top, "cgroup.freeze", "0");
	return -1;
}

int cgroup_is_frozen(const struct cgroup *g)
{
	uint64_t frozen = 0;

	if (g->top < 0)
		return 0;
	if (group_read_key(g->top, "cgroup.events", "frozen", &frozen) < 0)
		return -1;
	return frozen != 0;
}
