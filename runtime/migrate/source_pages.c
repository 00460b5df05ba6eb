/* SPDX-License-Identifier: Apache-2.0 */
/* source_pages.c - the memory of processes that stand still, in the order of criu's images
 *
 * criu has left in the processes what can be put in later, and its page maps say
 * where it is.  Of a page that was sent and that nothing has written to since
 * only the place is told; any other is read and compared.  What is in criu's
 * images (shared memory, what is locked) goes as it is.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "runtime/migrate/pagemap.h"
#include "runtime/migrate/source.h"

#define RUN_MAX	  (FRAME_BULK / FRAME_PAGE)
#define TASKS_MAX PAGE_TASKS_MAX
#define NAME_LEN  64

/* One page map. */
struct reading {
	struct feed *feed;
	uint64_t task;
	const struct page_task *sent; /* what the target has of it, or NULL */
	const struct memory_regions *written; /* since it was sent; NULL: nobody knows */
	size_t region; /* the first one that isn't below the present page */
	int pages; /* pages-N.img */
	uint64_t place; /* in it */
};

static bool is_written(struct reading *r, uint64_t address)
{
	const struct memory_regions *w = r->written;

	while (r->region < w->n && w->v[r->region].end <= address)
		r->region++;
	return r->region < w->n && w->v[r->region].start <= address;
}

/* Nobody needs to look at it. */
static bool is_as_sent(struct reading *r, uint64_t address)
{
	const struct page_slot *slot = NULL;

	if (r->written && r->sent && !is_written(r, address))
		slot = page_map_find(&r->sent->map, address);
	return slot && !page_digest_equal(slot->digest, page_digest_unknown);
}

static int send_later(struct reading *r, const struct page_run *run, struct err *err)
{
	struct fetch part = { r->task, run->address, 0 };
	bool same = false;

	r->feed->flags = PAGE_FLAG_LAZY | PAGE_FLAG_PRESENT;
	for (uint64_t i = 0; i <= run->count; i++) {
		const bool is = i < run->count && is_as_sent(r, run->address + i * FRAME_PAGE);

		if (part.count && (i == run->count || is != same)) {
			if ((same ? feed_run(r->feed, &part, 0, false, err)
				  : feed_read(r->feed, &part, err)) < 0)
				return -1;
			part.address += part.count * FRAME_PAGE;
			part.count = 0;
		}
		same = is;
		part.count++;
	}
	return 0;
}

static int send_image(struct reading *r, const struct page_run *run, struct err *err)
{
	struct fetch part = { r->task, run->address, 0 };

	r->feed->flags = run->flags;
	for (uint64_t left = run->count; left; left -= part.count) {
		size_t size;

		part.address += part.count * FRAME_PAGE;
		part.count = left < RUN_MAX ? left : RUN_MAX;
		size = part.count * FRAME_PAGE;
		if (pread(r->pages, r->feed->memory->buffer, size,
			  (off_t)(r->place * FRAME_PAGE)) != (ssize_t)size)
			return err_sys(err, "read criu's pages");
		r->place += part.count;
		if (feed_run(r->feed, &part, 0, true, err) < 0)
			return -1;
	}
	return 0;
}

static int send_runs(struct reading *r, struct pagemap *map, struct err *err)
{
	struct page_run run;
	int rc;

	while ((rc = pagemap_next(map, &run, err)) > 0) {
		if (run.flags == PAGE_FLAG_LAZY)
			rc = send_later(r, &run, err);
		else if (run.flags & PAGE_FLAG_PRESENT)
			rc = send_image(r, &run, err);
		else
			rc = err_set(err, EBADMSG, "criu refers to pages of an earlier dump");
		if (rc < 0)
			return -1;
	}
	return rc;
}

/* The target makes both files anew. */
static int send_map(struct feed *f, int images, const char *name, uint64_t task, struct err *err)
{
	struct memory *m = f->memory;
	struct reading r = { .feed = f, .task = task };
	char pages[NAME_LEN];
	struct pagemap map;
	AUTO_FD fd = -1;
	AUTO_BUF text;

	buf_init_max(&text, PAGEMAP_MAX);
	if (file_read(images, name, &text, PAGEMAP_MAX, true) < 0)
		return err_sys(err, "read \"%s\"", name);
	if (pagemap_open(&map, text.s, text.len, err) < 0)
		return err_wrap(err, "\"%s\"", name);
	if (str_format(pages, sizeof(pages), "pages-%u.img", map.number) < 0)
		return err_sys(err, "images");
	fd = openat(images, pages, O_RDONLY | O_CLOEXEC);
	r.pages = fd;
	for (size_t i = 0; i < m->tasks.n; i++)
		if (m->tasks.v[i].task == task)
			r.sent = &m->tasks.v[i];
	if (PAGE_TASK_KIND(task) == PAGE_TASK_PROCESS)
		r.written = memory_written(m, PAGE_TASK_ID(task));
	if (send_runs(&r, &map, err) < 0)
		return err_wrap(err, "\"%s\"", name);
	if (unlinkat(images, name, 0) < 0 || (fd >= 0 && unlinkat(images, pages, 0) < 0))
		return err_sys(err, "remove \"%s\"", name);
	return 0;
}

static int list_maps(int images, uint64_t *tasks, size_t *ret_n)
{
	const int again = openat(images, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = again < 0 ? NULL : fdopendir(again);
	size_t n = 0;

	if (!list) {
		(void)fd_close(again);
		return -1;
	}
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
	for (struct dirent *e = readdir(list); e && n < TASKS_MAX; e = readdir(list))
		if (pagemap_task(e->d_name, &tasks[n]))
			n++;
	(void)closedir(list);
	*ret_n = n;
	errno = E2BIG;
	return n < TASKS_MAX ? 0 : -1;
}

/* Files go meanwhile: the names first. */
static int send_maps(struct feed *f, int images, struct err *err)
{
	uint64_t *tasks = calloc(TASKS_MAX, sizeof(*tasks));
	char name[NAME_LEN];
	size_t n = 0;
	int rc;

	if (!tasks)
		return err_set(err, ENOMEM, "out of memory");
	rc = list_maps(images, tasks, &n);
	if (rc < 0)
		(void)err_sys(err, "list the images");
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = pagemap_name(tasks[i], name, sizeof(name)) < 0
			     ? err_sys(err, "images")
			     : send_map(f, images, name, tasks[i], err);
	free(tasks);
	return rc;
}

int source_feed_open(struct source *s, struct feed *f, struct err *err)
{
	struct skerry_error failed = { 0 };
	pid_t *pids = NULL;
	size_t n = 0;
	int rc;

	if (skerry_pids(s->skerry, s->id, &pids, &n, &failed) < 0)
		return lib_fail(&failed, err);
	rc = feed_open(f, &s->memory, pids, n, err);
	free(pids);
	return rc;
}

int source_pages_look(struct source *s, struct err *err)
{
	struct skerry_error failed = { 0 };
	pid_t *pids = NULL;
	size_t n = 0;
	int rc;

	if (!s->leaves_pages || s->looked)
		return 0;
	s->looked = true;
	if (skerry_pids(s->skerry, s->id, &pids, &n, &failed) < 0)
		return lib_fail(&failed, err);
	rc = memory_look_last(&s->memory, pids, n, err);
	free(pids);
	return rc;
}

int source_pages_send(struct source *s, struct err *err)
{
	AUTO_FD images = openat(s->journal.work, SOURCE_IMAGES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct feed feed = { 0 };
	int rc;

	if (images < 0)
		return err_sys(err, "open the images");
	/* Of a container without a network namespace of its own criu says nothing before. */
	if (source_pages_look(s, err) < 0 || source_feed_open(s, &feed, err) < 0)
		return -1;
	rc = send_maps(&feed, images, err);
	s->pages.pages = feed.pages;
	s->pages.read = feed.read;
	s->pages.changed = feed.changed;
	feed_close(&feed);
	return rc;
}
