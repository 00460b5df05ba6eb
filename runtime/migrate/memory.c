/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c - rounds over the memory of processes that run
 *
 * proc(5) /proc/PID/maps; process_vm_readv(2).
 */
#include "runtime/migrate/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"

#define STATUS_MAX ((size_t)1 << 20)
#define RUN_MAX	   (FRAME_BULK / FRAME_PAGE)

/* A process that has ended has none. */
static int read_regions(struct memory_regions *list, pid_t pid, struct err *err)
{
	char path[64], *save = NULL;
	struct memory_region r;
	AUTO_BUF text;

	buf_init_max(&text, MAPS_MAX);
	list->n = 0;
	if (str_format(path, sizeof(path), "/proc/%d/maps", (int)pid) < 0)
		return err_sys(err, "process %d", (int)pid);
	if (file_read(AT_FDCWD, path, &text, MAPS_MAX, false) < 0)
		return errno == ENOENT || errno == ESRCH ? 0 : err_sys(err, "read \"%s\"", path);
	for (char *line = strtok_r(text.s, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (memory_parse_line(line, &r) > 0 && memory_regions_add(list, &r, err) < 0)
			return -1;
	return 0;
}

uint64_t memory_number_of(pid_t pid)
{
	char path[64], *at;
	AUTO_BUF text;

	buf_init(&text);
	if (str_format(path, sizeof(path), "/proc/%d/status", (int)pid) < 0 ||
	    file_read(AT_FDCWD, path, &text, STATUS_MAX, false) < 0)
		return 0;
	at = strstr(text.s, "\nNSpid:");
	if (!at)
		return 0;
	at += strlen("\nNSpid:");
	at[strcspn(at, "\n")] = '\0';
	at = strrchr(at, '\t');
	return at ? strtoull(at, NULL, 10) : 0;
}

/* --- one process -------------------------------------------------------------------------- */

struct reader {
	struct memory *m;
	struct page_task *task;
	pid_t pid;
};

static int send_pages(struct reader *r, uint64_t address, size_t from, size_t count,
		      struct err *err)
{
	unsigned char head[FRAME_PAGES_HEAD];
	const struct bytes data = { r->m->buffer + from * FRAME_PAGE, count * FRAME_PAGE };

	if (!count)
		return 0;
	frame_put_u64(head, r->task->task);
	frame_put_u64(head + 8, address);
	r->m->sent += data.n;
	return channel_send(r->m->channel, FRAME_PAGES, (struct bytes){ head, sizeof(head) }, data,
			    err);
}

/* Reads a few pages, and sends what the target has otherwise or not at all. */
static int read_run(struct reader *r, uint64_t start, size_t count, struct err *err)
{
	const struct iovec to = { r->m->buffer, count * FRAME_PAGE };
	const struct iovec from = {
		(void *)(uintptr_t)start, /* NOLINT(performance-no-int-to-ptr) */
		to.iov_len
	};
	ssize_t n = process_vm_readv(r->pid, &to, 1, &from, 1, 0);
	const size_t got = n > 0 ? (size_t)n / FRAME_PAGE : 0;
	size_t begin = 0, changed = 0;

	/* Unmapped meanwhile, or the process has ended: then there is nothing to send. */
	for (size_t i = 0; i < got; i++) {
		const struct page_digest d = page_digest(&r->m->key, r->m->buffer + i * FRAME_PAGE);
		bool new = false;
		struct page_slot *slot = page_map_put(&r->task->map, start + i * FRAME_PAGE, &new);

		if (!slot)
			return err_set(err, ENOMEM, "out of memory");
		if (!new &&page_digest_equal(slot->digest, d)) {
			if (send_pages(r, start + begin * FRAME_PAGE, begin, changed, err) < 0)
				return -1;
			begin = i + 1;
			changed = 0;
			continue;
		}
		slot->digest = d;
		changed++;
	}
	/* The next look need not tell of them: they are to be read then. */
	for (size_t i = got; i < count; i++) {
		struct page_slot *slot = page_map_find(&r->task->map, start + i * FRAME_PAGE);

		if (slot)
			slot->digest = page_digest_unknown;
	}
	r->m->seen += got * FRAME_PAGE;
	return send_pages(r, start + begin * FRAME_PAGE, begin, changed, err);
}

static int read_wanted(struct reader *r, const struct memory_regions *wanted, struct err *err)
{
	for (size_t i = 0; i < wanted->n; i++) {
		const struct memory_region *w = &wanted->v[i];

		for (uint64_t at = w->start; at < w->end;) {
			const uint64_t left = (w->end - at) / FRAME_PAGE;
			const size_t count = left < RUN_MAX ? (size_t)left : RUN_MAX;

			if (read_run(r, at, count, err) < 0)
				return -1;
			at += count * FRAME_PAGE;
		}
	}
	return 0;
}

int memory_read(struct memory *m, uint64_t *ret, struct err *err)
{
	const uint64_t before = m->sent;

	m->seen = 0;
	for (size_t i = 0; i < m->processes.n; i++) {
		const struct memory_process *p = &m->processes.v[i];
		struct reader r = { .m = m, .pid = p->track.pid };

		r.task = page_tasks_get(&m->tasks, PAGE_TASK(PAGE_TASK_PROCESS, p->number));
		if (!r.task)
			return err_set(err, ENOMEM, "out of memory");
		if (read_wanted(&r, &p->wanted, err) < 0)
			return -1;
	}
	m->changed = *ret = m->sent - before;
	return 0;
}

/* --- looks -------------------------------------------------------------------------------- */

static struct memory_process *find_process(const struct memory *m, pid_t pid)
{
	for (size_t i = 0; i < m->processes.n; i++)
		if (m->processes.v[i].track.pid == pid)
			return &m->processes.v[i];
	return NULL;
}

static struct memory_process *add_process(struct memory *m, pid_t pid)
{
	if (m->processes.n == m->processes.cap) {
		const size_t cap = m->processes.cap ? m->processes.cap * 2 : 16;
		struct memory_process *v = realloc(m->processes.v, cap * sizeof(*v));

		if (!v)
			return NULL;
		m->processes.v = v;
		m->processes.cap = cap;
	}
	m->processes.v[m->processes.n] = (struct memory_process){ .track = TRACK_INIT };
	track_begin(&m->processes.v[m->processes.n].track, pid, &m->best);
	return &m->processes.v[m->processes.n++];
}

static void process_release(struct memory_process *p)
{
	track_end(&p->track);
	free(p->wanted.v);
}

/* Those that weren't there in this look have ended. */
static void forget_ended(struct memory *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->processes.n; i++) {
		if (!m->processes.v[i].seen) {
			process_release(&m->processes.v[i]);
			continue;
		}
		m->processes.v[n] = m->processes.v[i];
		m->processes.v[n++].seen = false;
	}
	m->processes.n = n;
}

/* The one that was looked at before; or a new one, which may have the number of one that has
 * ended. NULL: it has ended (*ret_failed: no memory for it). */
static struct memory_process *process_of(struct memory *m, pid_t pid, bool may_begin,
					 bool *ret_failed)
{
	const uint64_t number = memory_number_of(pid);
	struct memory_process *p = find_process(m, pid);
	uint64_t started;
	char state;

	*ret_failed = false;
	if (!number || proc_start_time(pid, &started, &state) < 0)
		return NULL;
	if (p && (p->started != started || p->number != number)) {
		if (!may_begin)
			return NULL;
		track_end(&p->track);
		track_begin(&p->track, pid, &m->best);
	} else if (!p) {
		p = may_begin ? add_process(m, pid) : NULL;
		*ret_failed = may_begin && !p;
	}
	if (p) {
		p->number = number;
		p->started = started;
	}
	return p;
}

static int look_at(struct memory *m, struct memory_process *p, struct err *err)
{
	int rc;

	p->wanted.n = 0;
	if (read_regions(&m->regions, p->track.pid, err) < 0)
		return -1;
	rc = track_look(&p->track, err);
	if (rc <= 0)
		return rc;
	p->seen = true;
	for (size_t i = 0; i < m->regions.n; i++)
		if (!m->regions.v[i].shared &&
		    track_region(&p->track, &m->regions.v[i], &p->wanted, err) < 0)
			return -1;
	return 0;
}

bool memory_wants_still(const struct memory *m)
{
	for (size_t i = 0; i < m->processes.n; i++)
		if (m->processes.v[i].track.how == TRACK_SOFT_DIRTY)
			return true;
	return m->best.how == TRACK_SOFT_DIRTY;
}

int memory_look(struct memory *m, const pid_t *pids, size_t n, bool still, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		bool failed;
		struct memory_process *p = process_of(m, pids[i], true, &failed);

		if (failed)
			return err_set(err, ENOMEM, "out of memory");
		if (!p)
			continue;
		if (look_at(m, p, err) < 0)
			return -1;
		p->lossy |= track_lossy(&p->track, still);
		track_looked(&p->track);
	}
	forget_ended(m);
	return 0;
}

int memory_look_last(struct memory *m, const pid_t *pids, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		bool failed;
		struct memory_process *p = process_of(m, pids[i], false, &failed);

		if (!p)
			continue;
		if (look_at(m, p, err) < 0)
			return -1;
		p->known = p->seen && !p->lossy && !track_lossy(&p->track, true);
	}
	forget_ended(m);
	memory_rounds_end(m);
	return 0;
}

const struct memory_regions *memory_written(const struct memory *m, uint64_t number)
{
	for (size_t i = 0; i < m->processes.n; i++)
		if (m->processes.v[i].known && m->processes.v[i].number == number)
			return &m->processes.v[i].wanted;
	return NULL;
}

int memory_init(struct memory *m, struct channel *c, struct err *err)
{
	*m = (struct memory){ .channel = c };
	page_key_make(&m->key);
	m->buffer = malloc(FRAME_BULK);
	if (!m->buffer)
		return err_set(err, ENOMEM, "out of memory");
	track_ask(&m->best);
	return 0;
}

void memory_rounds_end(struct memory *m)
{
	for (size_t i = 0; i < m->processes.n; i++)
		track_end(&m->processes.v[i].track);
}

const char *memory_tracker(const struct memory *m)
{
	enum track_how least = m->best.how;

	for (size_t i = 0; i < m->processes.n; i++)
		if (m->processes.v[i].track.how < least)
			least = m->processes.v[i].track.how;
	return track_name(least);
}

void memory_release(struct memory *m)
{
	for (size_t i = 0; i < m->processes.n; i++)
		process_release(&m->processes.v[i]);
	free(m->processes.v);
	page_tasks_release(&m->tasks);
	free(m->regions.v);
	free(m->buffer);
	*m = (struct memory){ 0 };
}
