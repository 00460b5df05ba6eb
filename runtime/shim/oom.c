/* SPDX-License-Identifier: Apache-2.0 */
/* oom.c - notices that the kernel killed something for its memory
 *
 * inotify(7) on memory.events of each group (Documentation/admin-guide/cgroup-v2.rst,
 * "memory.events": a change makes a file modified event); what counts is
 * oom_kill, not oom.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/file.h"
#include "base/units.h"
#include "runtime/shim/shim.h"

static uint64_t count_kills(int cgroup)
{
	char text[1024], *at;
	uint64_t n = 0;

	if (cgroup < 0 || file_read_line(cgroup, "memory.events", text, sizeof(text)) < 0)
		return 0;
	at = strstr(text, "oom_kill ");
	if (!at)
		return 0;
	at += strlen("oom_kill ");
	at[strcspn(at, "\n")] = '\0';
	return units_u64(at, UINT64_MAX, &n) < 0 ? 0 : n;
}

void oom_check(struct container *k)
{
	struct task_simple event = { .container_id = k->id };
	uint64_t now = count_kills(k->cgroup);

	if (now > k->oom_kills)
		container_publish(k, "/tasks/oom", "TaskOOM", &task_simple_table, &event);
	k->oom_kills = now;
}

static void changed(struct source *source, uint32_t ready)
{
	struct shim *s = OWNER(source, struct shim, inotify);
	_Alignas(struct inotify_event) char events[1024];
	ssize_t n = read(source->fd, events, sizeof(events));

	(void)ready;
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (const void *)(events + at);
		struct container *c = s->containers;

		at += (ssize_t)(sizeof(*e) + e->len);
		while (c && c->watch != e->wd)
			c = c->next;
		if (c && (e->mask & IN_IGNORED))
			c->watch = -1;
		else if (c)
			oom_check(c);
	}
}

int oom_open(struct shim *s, struct err *err)
{
	s->inotify =
		(struct source){ .fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), .ready = changed };
	if (s->inotify.fd < 0 || loop_watch(&s->loop, &s->inotify, EPOLLIN) < 0)
		return err_sys(err, "inotify");
	return 0;
}

void oom_watch(struct container *k)
{
	char path[64];

	if (k->cgroup < 0)
		return;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/memory.events", k->cgroup);
	k->watch = inotify_add_watch(k->shim->inotify.fd, path, IN_MODIFY);
}

void oom_unwatch(struct container *k)
{
	if (k->watch >= 0)
		(void)inotify_rm_watch(k->shim->inotify.fd, k->watch);
	k->watch = -1;
}
