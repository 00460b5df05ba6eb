/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c - rounds over the memory of processes that run
 *
 * proc(5) /proc/PID/maps, pagemap, clear_refs; process_vm_readv(2).
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

#define MAPS_MAX	 ((size_t)256 << 20)
#define RUN_MAX		 (FRAME_BULK / FRAME_PAGE)
#define MAP_CHUNK	 4096 /* entries of pagemap at a time */
#define PM_PRESENT	 ((uint64_t)1 << 63)
#define PM_SWAP		 ((uint64_t)1 << 62)
#define PM_FILE		 ((uint64_t)1 << 61)
#define PM_SOFT_DIRTY	 ((uint64_t)1 << 55)
#define CLEAR_SOFT_DIRTY "4"

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
	    file_read(AT_FDCWD, path, &text, MAPS_MAX, false) < 0)
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
	int pagemap;
	bool first; /* of this process: there is nothing to compare with */
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
		if (!new && slot->digest.a == d.a && slot->digest.b == d.b) {
			if (send_pages(r, start + begin * FRAME_PAGE, begin, changed, err) < 0)
				return -1;
			begin = i + 1;
			changed = 0;
			continue;
		}
		slot->digest = d;
		changed++;
	}
	r->m->seen += got * FRAME_PAGE;
	return send_pages(r, start + begin * FRAME_PAGE, begin, changed, err);
}

static bool is_wanted(const struct reader *r, uint64_t entry)
{
	/* Of files and shared memory: unchanged, or criu's under another number. */
	if (!(entry & (PM_PRESENT | PM_SWAP)) || entry & PM_FILE)
		return false;
	return r->first || !r->m->tracks || entry & PM_SOFT_DIRTY;
}

static int want_page(struct memory *m, uint64_t address, struct err *err)
{
	const struct memory_region one = { .start = address, .end = address + FRAME_PAGE };

	if (m->wanted.n && m->wanted.v[m->wanted.n - 1].end == address) {
		m->wanted.v[m->wanted.n - 1].end += FRAME_PAGE;
		return 0;
	}
	return memory_regions_add(&m->wanted, &one, err);
}

static int look_at_region(struct reader *r, const struct memory_region *region, struct err *err)
{
	uint64_t entries[MAP_CHUNK];

	for (uint64_t at = region->start; at < region->end;) {
		uint64_t want = (region->end - at) / FRAME_PAGE;
		ssize_t n;

		if (want > MAP_CHUNK)
			want = MAP_CHUNK;
		n = pread(r->pagemap, entries, want * sizeof(*entries),
			  (off_t)(at / FRAME_PAGE * sizeof(*entries)));
		if (n <= 0)
			return 0; /* it has ended */
		for (size_t i = 0; i < (size_t)n / sizeof(*entries); i++, at += FRAME_PAGE)
			if (is_wanted(r, entries[i]) && want_page(r->m, at, err) < 0)
				return -1;
	}
	return 0;
}

/* From here on writes count as new.  One between the look at pagemap and this is found by the contents in the end,
 * as everything is. */
static void forget_writes(const struct memory *m, pid_t pid)
{
	char path[64];

	if (m->tracks && str_format(path, sizeof(path), "/proc/%d/clear_refs", (int)pid) == 0)
		(void)file_write_text(AT_FDCWD, path, CLEAR_SOFT_DIRTY);
}

static int read_wanted(struct reader *r, struct err *err)
{
	for (size_t i = 0; i < r->m->wanted.n; i++) {
		const struct memory_region *w = &r->m->wanted.v[i];

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

static int read_process(struct memory *m, pid_t pid, struct err *err)
{
	const uint64_t number = memory_number_of(pid);
	struct reader r = { .m = m, .pid = pid };
	char path[64];
	AUTO_FD pagemap = -1;

	if (!number)
		return 0;
	r.task = page_tasks_get(&m->tasks, PAGE_TASK(PAGE_TASK_PROCESS, number));
	if (!r.task)
		return err_set(err, ENOMEM, "out of memory");
	r.first = r.task->map.n == 0;
	m->wanted.n = 0;
	if (read_regions(&m->regions, pid, err) < 0 ||
	    str_format(path, sizeof(path), "/proc/%d/pagemap", (int)pid) < 0)
		return -1;
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (pagemap < 0)
		return errno == ENOENT || errno == ESRCH ? 0 : err_sys(err, "open \"%s\"", path);
	r.pagemap = pagemap;
	for (size_t i = 0; i < m->regions.n; i++)
		if (!m->regions.v[i].shared && look_at_region(&r, &m->regions.v[i], err) < 0)
			return -1;
	forget_writes(m, pid);
	return read_wanted(&r, err);
}

/* Does this kernel track writes?  A page that was just written to says so. */
static bool can_track(void)
{
	static unsigned char page[2 * FRAME_PAGE];
	volatile unsigned char *at = page;
	uint64_t entry = 0;
	AUTO_FD pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	*at = 1;
	return pagemap >= 0 &&
	       pread(pagemap, &entry, sizeof(entry),
		     (off_t)((uintptr_t)page / FRAME_PAGE * sizeof(entry))) == sizeof(entry) &&
	       entry & PM_SOFT_DIRTY;
}

int memory_init(struct memory *m, struct channel *c, struct err *err)
{
	*m = (struct memory){ .channel = c };
	page_key_make(&m->key);
	m->buffer = malloc(FRAME_BULK);
	if (!m->buffer)
		return err_set(err, ENOMEM, "out of memory");
	m->tracks = can_track();
	return 0;
}

void memory_release(struct memory *m)
{
	page_tasks_release(&m->tasks);
	free(m->regions.v);
	free(m->wanted.v);
	free(m->buffer);
	*m = (struct memory){ 0 };
}

int memory_round(struct memory *m, const pid_t *pids, size_t n, uint64_t *ret, struct err *err)
{
	const uint64_t before = m->sent;

	m->seen = 0;
	for (size_t i = 0; i < n; i++)
		if (read_process(m, pids[i], err) < 0)
			return -1;
	*ret = m->sent - before;
	return 0;
}
