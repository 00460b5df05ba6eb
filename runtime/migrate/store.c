/* SPDX-License-Identifier: Apache-2.0 */
/* store.c - the target's pages: as they come, and as criu's images in the end */
#include "runtime/migrate/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/migrate/pagemap.h"

#define TASKS_MAX PAGE_TASKS_MAX

void store_init(struct store *s, int dir)
{
	*s = (struct store){ .dir = dir };
}

void store_release(struct store *s)
{
	for (size_t i = 0; i < s->n; i++) {
		page_map_release(&s->v[i].map);
		(void)fd_close(s->v[i].file);
		(void)fd_close(s->v[i].image);
		buf_release(&s->v[i].pagemap);
	}
	free(s->v);
	*s = (struct store){ .dir = -1 };
}

static struct store_task *get_task(struct store *s, uint64_t task, struct err *err)
{
	struct store_task *t;

	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].task == task)
			return &s->v[i];
	if (s->n == TASKS_MAX) {
		err_set_(err, E2BIG, "more than %d processes", TASKS_MAX);
		return NULL;
	}
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 16;
		struct store_task *v = realloc(s->v, cap * sizeof(*v));

		if (!v) {
			err_set_(err, ENOMEM, "out of memory");
			return NULL;
		}
		s->v = v;
		s->cap = cap;
	}
	t = &s->v[s->n];
	*t = (struct store_task){
		.task = task, .file = -1, .image = -1, .number = (uint32_t)s->n + 1
	};
	buf_init_max(&t->pagemap, PAGEMAP_MAX);
	s->n++;
	return t;
}

static int write_pages(int fd, const void *data, uint64_t place, uint64_t count, struct err *err)
{
	const size_t size = count * FRAME_PAGE;

	for (size_t done = 0; done < size;) {
		ssize_t n = pwrite(fd, (const char *)data + done, size - done,
				   (off_t)(place * FRAME_PAGE + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(err, "write pages");
		done += (size_t)n;
	}
	return 0;
}

/* How many pages of the run from i on are, or can be put, at places in a row. */
static int put_some(struct store_task *t, const struct page_run *run, uint64_t i, uint64_t *ret_n,
		    struct err *err)
{
	uint64_t first = 0, n = 0;

	for (; i + n < run->count; n++) {
		const uint64_t used = t->used;
		bool new = false;
		struct page_slot *slot =
			page_map_put(&t->map, run->address + (i + n) * FRAME_PAGE, &new);

		if (!slot)
			return err_set(err, ENOMEM, "out of memory");
		if (new) {
			slot->digest.a = used;
			t->used++;
		}
		if (n == 0)
			first = slot->digest.a;
		else if (slot->digest.a != first + n)
			break;
	}
	*ret_n = n;
	return write_pages(t->file, run->data + i * FRAME_PAGE, first, n, err);
}

static int keep_run(const struct store *s, struct store_task *t, const struct page_run *run,
		    struct err *err)
{
	if (t->file < 0)
		t->file = openat(s->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (t->file < 0)
		return err_sys(err, "file for pages");
	for (uint64_t i = 0, n; i < run->count; i += n)
		if (put_some(t, run, i, &n, err) < 0)
			return -1;
	return 0;
}

int store_put(struct store *s, const struct page_run *run, struct err *err)
{
	struct store_task *t = get_task(s, run->task, err);

	if (!t)
		return -1;
	if (s->final || !run->data)
		return err_set(err, EBADMSG, "pages out of turn");
	return keep_run(s, t, run, err);
}

/* --- images -------------------------------------------------------------------------------- */

static int begin_image(struct store *s, struct store_task *t, struct err *err)
{
	char name[64];

	if (t->image >= 0)
		return 0;
	if (str_format(name, sizeof(name), "pages-%u.img", t->number) < 0)
		return err_sys(err, "images");
	t->image = openat(s->dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (t->image < 0)
		return err_sys(err, "make \"%s\"", name);
	pagemap_begin(&t->pagemap, t->number);
	return 0;
}

static void put_entry(struct store_task *t)
{
	if (t->last.count)
		pagemap_put(&t->pagemap, &t->last);
	t->last.count = 0;
}

/* One more run behind the others; neighbours become one. */
static void add_entry(struct store_task *t, const struct page_run *run)
{
	uint64_t address = run->address, left = run->count;

	while (left) {
		uint64_t n = left;

		if (t->last.count &&
		    (t->last.address + t->last.count * FRAME_PAGE != address ||
		     t->last.flags != run->flags || t->last.count == PAGEMAP_COUNT))
			put_entry(t);
		if (!t->last.count)
			t->last = (struct page_run){ .address = address, .flags = run->flags };
		if (n > PAGEMAP_COUNT - t->last.count)
			n = PAGEMAP_COUNT - t->last.count;
		t->last.count += n;
		address += n * FRAME_PAGE;
		left -= n;
	}
}

static int never_sent(uint64_t address, struct err *err)
{
	return err_set(err, EBADMSG, "a page at %llx was never sent", (unsigned long long)address);
}

/* Pages that came before; those in a row at once. */
static int read_some(const struct store_task *t, const struct store_where *w, void *dst,
		     uint64_t *ret_n, struct err *err)
{
	uint64_t first = 0, n = 0;
	size_t got = 0;

	for (; n < w->left && n < STORE_PAGES; n++) {
		const struct page_slot *slot = page_map_find(&t->map, w->address + n * FRAME_PAGE);

		if (!slot)
			return never_sent(w->address + n * FRAME_PAGE, err);
		if (n == 0)
			first = slot->digest.a;
		else if (slot->digest.a != first + n)
			break;
	}
	while (got < n * FRAME_PAGE) {
		ssize_t some = pread(t->file, (char *)dst + got, n * FRAME_PAGE - got,
				     (off_t)(first * FRAME_PAGE + got));

		if (some <= 0)
			return err_sys(err, "read pages");
		got += (size_t)some;
	}
	*ret_n = n;
	return 0;
}

int store_get(struct store *s, const struct store_where *w, void *dst, uint64_t *ret_n,
	      struct err *err)
{
	const struct store_task *t = get_task(s, w->task, err);

	return t ? read_some(t, w, dst, ret_n, err) : -1;
}

/* To the end of the image. */
static int copy_some(struct store_task *t, uint64_t address, uint64_t left, uint64_t *ret_n,
		     struct err *err)
{
	unsigned char chunk[STORE_PAGES * FRAME_PAGE];
	const struct store_where where = { t->task, address, left };

	if (read_some(t, &where, chunk, ret_n, err) < 0)
		return -1;
	return write_pages(t->image, chunk, t->written, *ret_n, err);
}

/* They are put in later: all of them are to be there by now. */
static int run_later(const struct store *s, struct store_task *t, const struct page_run *run,
		     struct err *err)
{
	const struct page_run later = { .address = run->address,
					.count = run->count,
					.flags = PAGE_FLAG_LAZY };

	add_entry(t, &later);
	if (run->data)
		return keep_run(s, t, run, err);
	for (uint64_t i = 0; i < run->count; i++)
		if (!page_map_find(&t->map, run->address + i * FRAME_PAGE))
			return never_sent(run->address + i * FRAME_PAGE, err);
	return 0;
}

int store_run(struct store *s, const struct page_run *run, struct err *err)
{
	struct store_task *t = get_task(s, run->task, err);

	if (!t || begin_image(s, t, err) < 0)
		return -1;
	s->final = true;
	s->pages += run->count;
	if (s->lazy && run->flags & PAGE_FLAG_LAZY)
		return run_later(s, t, run, err);
	add_entry(t, run);
	if (run->data) {
		if (write_pages(t->image, run->data, t->written, run->count, err) < 0)
			return -1;
		t->written += run->count;
		return 0;
	}
	for (uint64_t i = 0, n; i < run->count; i += n) {
		if (copy_some(t, run->address + i * FRAME_PAGE, run->count - i, &n, err) < 0)
			return -1;
		t->written += n;
	}
	return 0;
}

static int finish_task(const struct store *s, struct store_task *t, struct err *err)
{
	char name[64];
	AUTO_FD fd = -1;

	if (t->image < 0)
		return 0; /* it has ended before */
	put_entry(t);
	if (pagemap_name(t->task, name, sizeof(name)) < 0 || buf_failed(&t->pagemap))
		return err_set(err, ENOMEM, "out of memory");
	fd = openat(s->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || fd_write_full(fd, t->pagemap.s, t->pagemap.len) < 0)
		return err_sys(err, "write \"%s\"", name);
	return 0;
}

int store_finish(struct store *s, struct err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		if (finish_task(s, &s->v[i], err) < 0)
			return -1;
		if (!s->lazy)
			s->v[i].file = fd_close(s->v[i].file);
	}
	return 0;
}
