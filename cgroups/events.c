/* SPDX-License-Identifier: Apache-2.0 */
/* events.c - to be told when something happens to a group
 *
 * The kernel raises a file-modified event on memory.events and cgroup.events
 * whenever a value in them changes: one inotify descriptor for both, no
 * polling.  cgroup_oom_kills() and the caller's own reads tell what it was.
 * Documentation/admin-guide/cgroup-v2.rst "memory.events"; inotify(7).
 */
#include "cgroups/internal.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/fd.h"

int cgroup_events_open(const struct cgroup *g, struct err *err)
{
	static const char *const files[] = { "cgroup.events", "memory.events" };
	AUTO_FD fd = -1;
	char path[64];

	if (g->top < 0)
		return err_set(err, ENOENT, "events: the container has no cgroup of its own");
	fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd < 0)
		return err_sys(err, "events of cgroup \"%s\"", g->place.path);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		/* inotify has no call by descriptor; the magic link leads to the one we hold */
		if (str_format(path, sizeof(path), "/proc/self/fd/%d/%s", g->top, files[i]) < 0)
			return err_sys(err, "events of cgroup \"%s\"", g->place.path);
		if (inotify_add_watch(fd, path, IN_MODIFY) < 0 && (i == 0 || errno != ENOENT))
			return err_sys(err, "watch \"%s\" of cgroup \"%s\"", files[i],
				       g->place.path);
	}
	return fd_take(&fd);
}

int64_t cgroup_oom_kills(const struct cgroup *g)
{
	uint64_t kills = 0;

	if (g->top < 0 || group_read_key(g->top, "memory.events", "oom_kill", &kills) < 0)
		return -1;
	return kills > INT64_MAX ? INT64_MAX : (int64_t)kills;
}
