/* SPDX-License-Identifier: Apache-2.0 */
/* lazy_source.c - the memory of processes that stand still, as the target asks for it
 *
 * proc(5) /proc/PID/mem, which also reads what the process itself may not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/migrate/lazy.h"

#define RUN_MAX (FRAME_BULK / FRAME_PAGE)

int feed_open(struct feed *f, struct memory *m, const pid_t *pids, size_t n, struct err *err)
{
	*f = (struct feed){ .memory = m, .flags = PAGE_FLAG_PRESENT };
	f->v = calloc(n + 1, sizeof(*f->v));
	if (!f->v)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		struct feed_process *p = &f->v[f->n];
		char path[64];

		p->number = memory_number_of(pids[i]);
		if (!p->number)
			continue;
		if (str_format(path, sizeof(path), "/proc/%d/mem", (int)pids[i]) < 0)
			return err_sys(err, "process %d", (int)pids[i]);
		p->mem = open(path, O_RDONLY | O_CLOEXEC);
		if (p->mem < 0)
			return err_sys(err, "open \"%s\"", path);
		f->n++;
	}
	return 0;
}

void feed_close(struct feed *f)
{
	for (size_t i = 0; i < f->n; i++)
		(void)fd_close(f->v[i].mem);
	free(f->v);
	*f = (struct feed){ 0 };
}

static const struct feed_process *find_process(const struct feed *f, uint64_t task)
{
	for (size_t i = 0; i < f->n; i++)
		if (PAGE_TASK(PAGE_TASK_PROCESS, f->v[i].number) == task)
			return &f->v[i];
	return NULL;
}

int feed_run(struct feed *f, const struct fetch *what, size_t from, bool changed, struct err *err)
{
	unsigned char head[FRAME_RUN_HEAD];
	struct memory *m = f->memory;
	const struct bytes data = { m->buffer + from * FRAME_PAGE,
				    changed ? what->count * FRAME_PAGE : 0 };

	frame_put_u64(head, what->task);
	frame_put_u64(head + 8, what->address);
	frame_put_u64(head + 16, what->count | (uint64_t)f->flags << 48);
	f->pages += what->count;
	if (changed) {
		f->changed += what->count;
		m->sent += data.n;
	}
	return channel_send(m->channel, FRAME_RUN, (struct bytes){ head, sizeof(head) }, data, err);
}

/* The pages in the buffer, as runs of those that the target has and of those that it hasn't. */
static int send_buffer(struct feed *f, const struct fetch *what, struct err *err)
{
	struct page_task *task = page_tasks_get(&f->memory->tasks, what->task);
	struct fetch run = { what->task, what->address, 0 };
	bool changed = false;
	size_t from = 0;

	if (!task)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < what->count; i++) {
		const struct page_slot *slot =
			page_map_find(&task->map, what->address + i * FRAME_PAGE);
		const bool differs =
			!slot ||
			!page_digest_equal(
				slot->digest,
				page_digest(&f->memory->key, f->memory->buffer + i * FRAME_PAGE));

		if (run.count && differs != changed) {
			if (feed_run(f, &run, from, changed, err) < 0)
				return -1;
			run.address += run.count * FRAME_PAGE;
			run.count = 0;
			from = i;
		}
		changed = differs;
		run.count++;
	}
	return feed_run(f, &run, from, changed, err);
}

int feed_read(struct feed *f, const struct fetch *want, struct err *err)
{
	const struct feed_process *p = find_process(f, want->task);
	struct fetch part = *want;

	if (!p)
		return err_set(err, EBADMSG, "pages of process %llu are wanted, which isn't there",
			       (unsigned long long)PAGE_TASK_ID(want->task));
	for (uint64_t done = 0; done < want->count; done += part.count) {
		ssize_t n;

		part.address = want->address + done * FRAME_PAGE;
		part.count = want->count - done < RUN_MAX ? want->count - done : RUN_MAX;
		n = pread(p->mem, f->memory->buffer, part.count * FRAME_PAGE, (off_t)part.address);
		if (n != (ssize_t)(part.count * FRAME_PAGE))
			return err_sys(err, "read the memory of process %llu at %llx",
				       (unsigned long long)p->number,
				       (unsigned long long)part.address);
		f->read += part.count;
		if (send_buffer(f, &part, err) < 0)
			return -1;
	}
	return 0;
}

/* The next frame that isn't a FETCH; those are answered. */
static int receive(struct feed *f, struct frame *ret, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct fetch want;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	for (;;) {
		if (channel_receive(f->memory->channel, ret, err) < 0)
			return -1;
		if (!f->v || ret->type != FRAME_FETCH)
			return 0;
		if (frame_decode(ret, &want, &arena, err) < 0 || feed_read(f, &want, err) < 0 ||
		    channel_flush(f->memory->channel, err) < 0)
			return -1;
	}
}

int feed_expect(struct feed *f, struct channel *c, const struct feed_expect *e, struct err *err)
{
	struct frame got;

	if (!f->v)
		return channel_expect(c, e->type, e->dst, e->arena, err);
	if (receive(f, &got, err) < 0)
		return -1;
	if (got.type != e->type)
		return err_set(err, EBADMSG, "the other side said %s where %s was to come",
			       frame_name(got.type), frame_name(e->type));
	return frame_table(e->type) ? frame_decode(&got, e->dst, e->arena, err) : 0;
}
