/* SPDX-License-Identifier: Apache-2.0 */
/* events.c - what happens to a container's group, as lines of JSON
 *
 * The shape is runc's `events`.  OOM comes from memory.events by
 * notification, not by asking again and again; the end of the container from
 * its pidfd.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/container/runtime.h"

static int write_stats(struct runtime *rt, const struct store_entry *e, const struct cgroup *g,
		       struct buf *out, struct err *err)
{
	struct json_out o;

	(void)rt;
	json_out_init(&o, out, 0);
	json_begin_object(&o);
	json_kv_string(&o, "type", "stats");
	json_kv_string(&o, "id", e->rec.id);
	json_key(&o, "data");
	if (cgroup_stats_write(g, e->rec.pid, &o, err) < 0)
		return -1;
	json_end_object(&o);
	return buf_failed(out) ? err_set(err, ENOMEM, "out of memory") : 0;
}

static int open_running(struct runtime *rt, const char *id, struct store_entry *e, struct cgroup *g,
			int *ret_pidfd, struct err *err)
{
	if (runtime_open_store(rt, false, err) < 0 ||
	    store_load(&rt->store, id, STORE_NO_LOCK, e, err) < 0)
		return -1;
	if (container_status(rt, e, ret_pidfd) == SKERRY_STOPPED)
		return err_set(err, ESRCH, "container with id %s is not running", id);
	if (container_open_cgroup(rt, e, g, err) < 0)
		return -1;
	if (g->fd < 0)
		return err_set(err, ENOENT, "container \"%s\" has no cgroup to watch", id);
	return 0;
}

int container_stats(struct runtime *rt, const char *id, struct buf *out, struct err *err)
{
	CLEANUP(store_entry_release) struct store_entry e = STORE_ENTRY_INIT;
	CLEANUP(cgroup_close) struct cgroup g = CGROUP_INIT;
	AUTO_FD pidfd = -1;

	if (open_running(rt, id, &e, &g, &pidfd, err) < 0)
		return -1;
	return write_stats(rt, &e, &g, out, err);
}

struct watch {
	struct runtime *rt;
	struct store_entry *e;
	struct cgroup *g;
	void (*event)(const char *line, void *arg);
	void *arg;
	int64_t ooms;
};

static void tell_oom(struct watch *w)
{
	AUTO_BUF line;
	struct json_out o;
	int64_t now = cgroup_oom_kills(w->g);

	buf_init(&line);
	for (; w->ooms >= 0 && w->ooms < now; w->ooms++) {
		buf_clear(&line);
		json_out_init(&o, &line, 0);
		json_begin_object(&o);
		json_kv_string(&o, "type", "oom");
		json_kv_string(&o, "id", w->e->rec.id);
		json_end_object(&o);
		w->event(line.s, w->arg);
	}
}

static int tell_stats(struct watch *w, struct err *err)
{
	AUTO_BUF line;

	buf_init(&line);
	if (write_stats(w->rt, w->e, w->g, &line, err) < 0)
		return -1;
	w->event(line.s, w->arg);
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int follow(struct watch *w, int pidfd, int events, int64_t interval_ms, struct err *err)
{
	struct pollfd p[2] = { { .fd = pidfd, .events = POLLIN },
			       { .fd = events, .events = POLLIN | POLLPRI } };
	int64_t next = now_ms() + interval_ms;
	char drain[4096];

	for (;;) {
		int64_t left = next - now_ms();
		int n = poll(p, 2, left > 0 ? (int)left : 0);

		if (n < 0 && errno != EINTR)
			return err_sys(err, "poll");
		if (n > 0 && p[1].revents)
			(void)!read(events, drain, sizeof(drain));
		tell_oom(w);
		if (n > 0 && p[0].revents)
			return 0;
		if (now_ms() >= next) {
			if (tell_stats(w, err) < 0)
				return -1;
			next += interval_ms;
		}
	}
}

int container_events(struct runtime *rt, const char *id, int64_t interval_ns,
		     void (*event)(const char *line, void *arg), void *arg, struct err *err)
{
	CLEANUP(store_entry_release) struct store_entry e = STORE_ENTRY_INIT;
	CLEANUP(cgroup_close) struct cgroup g = CGROUP_INIT;
	AUTO_FD pidfd = -1;
	AUTO_FD events = -1;
	struct watch w = { .rt = rt, .e = &e, .g = &g, .event = event, .arg = arg };

	if (interval_ns < 1000000)
		return err_set(err, EINVAL, "duration interval must be greater than 0");
	if (open_running(rt, id, &e, &g, &pidfd, err) < 0)
		return -1;
	events = cgroup_events_open(&g, err);
	if (events < 0)
		return -1;
	w.ooms = cgroup_oom_kills(&g);
	return follow(&w, pidfd, events, interval_ns / 1000000, err);
}
