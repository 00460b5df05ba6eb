/* SPDX-License-Identifier: Apache-2.0 */
/* store.c - the target's pages: as they come, and as criu's images in the end
 *
 * pagemap-ID.img: u32 0x54564319, u32 0x56084025, then messages behind their
 * u32 lengths: { 1 pages_id }, then one { 1 address, 2 count, 4 flags } for each
 * run; a count above 32 bits doesn't fit, so runs are cut below.  pages-N.img is
 * pages and nothing else.  (criu's images/pagemap.proto, criu/include/magic.h)
 */
#include "runtime/migrate/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/wire.h"

#define MAGIC_COMMON  0x54564319U
#define MAGIC_PAGEMAP 0x56084025U
#define COUNT_MAX     ((uint64_t)1 << 20)
#define PAGEMAP_MAX   ((size_t)1 << 30)
#define TASKS_MAX     PAGE_TASKS_MAX

struct pagemap_head {
	uint32_t pages_id;
};
static const struct wire_field head_fields[] = {
	WIRE_FIELD(1, struct pagemap_head, pages_id, WIRE_U32),
};
static const struct wire_table head_table = WIRE_TABLE(struct pagemap_head, head_fields);

struct pagemap_entry {
	uint64_t address;
	uint32_t count, flags;
};
static const struct wire_field entry_fields[] = {
	WIRE_FIELD(1, struct pagemap_entry, address, WIRE_U64),
	WIRE_FIELD(2, struct pagemap_entry, count, WIRE_U32),
	WIRE_FIELD(4, struct pagemap_entry, flags, WIRE_U32),
};
static const struct wire_table entry_table = WIRE_TABLE(struct pagemap_entry, entry_fields);

static void put_u32(struct buf *b, uint32_t v)
{
	const unsigned char raw[4] = { (unsigned char)v, (unsigned char)(v >> 8),
				       (unsigned char)(v >> 16), (unsigned char)(v >> 24) };

	buf_add(b, raw, sizeof(raw));
}

static void put_message(struct buf *b, const struct wire_table *table, const void *src)
{
	put_u32(b, (uint32_t)wire_size(table, src));
	wire_encode(table, src, b);
}

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

int store_put(struct store *s, const struct page_run *run, struct err *err)
{
	struct store_task *t = get_task(s, run->task, err);

	if (!t)
		return -1;
	if (s->final || !run->data)
		return err_set(err, EBADMSG, "pages out of turn");
	if (t->file < 0)
		t->file = openat(s->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (t->file < 0)
		return err_sys(err, "file for pages");
	for (uint64_t i = 0, n; i < run->count; i += n)
		if (put_some(t, run, i, &n, err) < 0)
			return -1;
	return 0;
}

/* --- images -------------------------------------------------------------------------------- */

static int begin_image(struct store *s, struct store_task *t, struct err *err)
{
	const struct pagemap_head head = { t->number };
	char name[64];

	if (t->image >= 0)
		return 0;
	if (str_format(name, sizeof(name), "pages-%u.img", t->number) < 0)
		return err_sys(err, "images");
	t->image = openat(s->dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (t->image < 0)
		return err_sys(err, "make \"%s\"", name);
	put_u32(&t->pagemap, MAGIC_COMMON);
	put_u32(&t->pagemap, MAGIC_PAGEMAP);
	put_message(&t->pagemap, &head_table, &head);
	return 0;
}

static void put_entry(struct store_task *t)
{
	const struct pagemap_entry e = { t->last.address, (uint32_t)t->last.count, t->last.flags };

	if (t->last.count)
		put_message(&t->pagemap, &entry_table, &e);
	t->last.count = 0;
}

/* One more run behind the others; neighbours become one. */
static void add_entry(struct store_task *t, const struct page_run *run)
{
	uint64_t address = run->address, left = run->count;

	while (left) {
		uint64_t n = left;

		if (t->last.count && (t->last.address + t->last.count * FRAME_PAGE != address ||
				      t->last.flags != run->flags || t->last.count == COUNT_MAX))
			put_entry(t);
		if (!t->last.count)
			t->last = (struct page_run){ .address = address, .flags = run->flags };
		if (n > COUNT_MAX - t->last.count)
			n = COUNT_MAX - t->last.count;
		t->last.count += n;
		address += n * FRAME_PAGE;
		left -= n;
	}
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
			return err_set(err, EBADMSG, "a page at %llx was never sent",
				       (unsigned long long)(w->address + n * FRAME_PAGE));
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

int store_run(struct store *s, const struct page_run *run, struct err *err)
{
	struct store_task *t = get_task(s, run->task, err);

	if (!t || begin_image(s, t, err) < 0)
		return -1;
	s->final = true;
	s->pages += run->count;
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
	if (str_format(name, sizeof(name), "pagemap-%s%llu.img",
		       PAGE_TASK_KIND(t->task) == PAGE_TASK_SHARED ? "shmem-" : "",
		       (unsigned long long)PAGE_TASK_ID(t->task)) < 0 ||
	    buf_failed(&t->pagemap))
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
		s->v[i].file = fd_close(s->v[i].file);
	}
	return 0;
}
