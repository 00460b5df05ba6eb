/* SPDX-License-Identifier: Apache-2.0 */
/* criu_files.c - sizes, modes and positions of files of outside, in criu's files.img
 *
 * The image is two magic numbers and records of a length and a message.  In
 * the few that are meant the same fields are said once more at the end of the
 * part about the file, where they count; all else stays as it was, known or not.
 */
#include "runtime/container/criu_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/wire.h"
#include "runtime/container/criu_image.h"

#define REG_KEY	     (3 << 3 | 2) /* file_entry.reg */
#define NO_PLACE     UINT64_MAX /* criu doesn't seek */
#define VARINT_MORE  0x80
#define RECORD_ARENA ((size_t)1 << 20)

struct entry {
	struct wire_bytes reg;
};
static const struct wire_field entry_fields[] = {
	WIRE_FIELD(3, struct entry, reg, WIRE_BYTES),
};
static const struct wire_table entry_table = WIRE_TABLE(struct entry, entry_fields);

struct reg {
	uint32_t flags;
	uint64_t pos;
	struct wire_bytes name;
	uint64_t size;
	uint32_t mode;
};
static const struct wire_field reg_fields[] = {
	WIRE_FIELD(2, struct reg, flags, WIRE_U32),  WIRE_FIELD(3, struct reg, pos, WIRE_U64),
	WIRE_FIELD(6, struct reg, name, WIRE_BYTES), WIRE_FIELD(8, struct reg, size, WIRE_U64),
	WIRE_FIELD(10, struct reg, mode, WIRE_U32),
};
static const struct wire_table reg_table = WIRE_TABLE(struct reg, reg_fields);

/* What is said once more; zero, too, is a size and a position.  What is only appended to is of
 * any size.  criu opens by the link of its own descriptor what was opened with O_NOFOLLOW. */
struct again {
	uint32_t flags;
	uint64_t pos, size;
	uint32_t mode;
};
static const struct wire_field again_fields[] = {
	WIRE_FIELD(2, struct again, flags, WIRE_U32, .keeps_zero = true),
	WIRE_FIELD(3, struct again, pos, WIRE_U64, .keeps_zero = true),
	WIRE_FIELD(8, struct again, size, WIRE_U64, .keeps_zero = true),
	WIRE_FIELD(10, struct again, mode, WIRE_U32, .keeps_zero = true),
};
static const struct wire_table again_table = WIRE_TABLE(struct again, again_fields);
static const struct wire_field appended_fields[] = {
	WIRE_FIELD(2, struct again, flags, WIRE_U32, .keeps_zero = true),
	WIRE_FIELD(3, struct again, pos, WIRE_U64, .keeps_zero = true),
	WIRE_FIELD(10, struct again, mode, WIRE_U32, .keeps_zero = true),
};
static const struct wire_table appended_table = WIRE_TABLE(struct again, appended_fields);

static bool is_appended(const struct reg *r)
{
	return (r->flags & O_APPEND) && (r->flags & O_ACCMODE) == O_WRONLY;
}

int criu_outside_of(const char *name, int fd, struct criu_outside *ret)
{
	const int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (flags < 0 || fstat(fd, &st) < 0)
		return -1;
	*ret = (struct criu_outside){ .name = name,
				      .mode = st.st_mode,
				      .size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0,
				      .has_places = lseek(fd, 0, SEEK_CUR) >= 0,
				      .is_written = (flags & O_ACCMODE) != O_RDONLY };
	return 0;
}

static const struct criu_outside *find(const struct criu_outside *list, size_t n,
				       const struct wire_bytes *name)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(list[i].name) == name->n && memcmp(list[i].name, name->v, name->n) == 0)
			return &list[i];
	return NULL;
}

/* Where it goes on: where it was, unless the file isn't what it was. */
static uint64_t place(const struct reg *was, const struct criu_outside *is)
{
	if (!is->has_places)
		return NO_PLACE;
	return is->is_written && S_ISREG(is->mode) && is->size != was->size ? is->size : was->pos;
}

static void put_varint(struct buf *b, uint64_t v)
{
	for (; v >= VARINT_MORE; v >>= 7)
		buf_putc(b, (char)(v | VARINT_MORE));
	buf_putc(b, (char)v);
}

/* The record in place of `data`, whose part about the file is `part` and gets `more` at its end. */
static int put_record(const struct wire_bytes *whole, const struct wire_bytes *part,
		      const struct buf *more, struct buf *ret, struct err *err)
{
	const unsigned char *data = whole->v, *v = part->v;
	const size_t from = (size_t)(v - data);
	AUTO_BUF length;
	AUTO_BUF record;

	buf_init(&length);
	buf_init(&record);
	put_varint(&length, part->n);
	if (from <= length.len || data[from - length.len - 1] != REG_KEY ||
	    memcmp(v - length.len, length.s, length.len) != 0)
		return err_set(err, EBADMSG, CRIU_FILES ": a record that is none of criu's");
	buf_add(&record, data, from - length.len);
	put_varint(&record, part->n + more->len);
	buf_add(&record, v, part->n);
	buf_add(&record, more->s, more->len);
	buf_add(&record, v + part->n, whole->n - from - part->n);
	criu_image_put(ret, record.s, record.len);
	return buf_failed(&record) || buf_failed(&length) || buf_failed(more)
		       ? err_set(err, ENOMEM, "out of memory")
		       : 0;
}

/* 1: it is another file that takes its place, and `more` says which. */
static int compare(const struct reg *was, const struct criu_outside *is, struct buf *more)
{
	const struct again again = { was->flags & ~(uint32_t)O_NOFOLLOW, place(was, is), is->size,
				     is->mode };
	const bool appended = is_appended(was);

	if (again.flags == was->flags && again.pos == was->pos && again.mode == was->mode &&
	    (appended || again.size == was->size))
		return 0;
	wire_encode(appended ? &appended_table : &again_table, &again, more);
	return 1;
}

/* 1: it was changed. */
static int adapt(const struct wire_bytes *record, const struct criu_outside *list, size_t n,
		 struct buf *ret, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	const struct criu_outside *is = NULL;
	struct entry entry;
	struct reg reg;
	AUTO_BUF more;

	arena_init(&arena, RECORD_ARENA);
	buf_init(&more);
	if (wire_decode(&entry_table, record->v, record->n, &entry, &arena, err) < 0)
		return err_wrap(err, CRIU_FILES);
	if (entry.reg.n) {
		if (wire_decode(&reg_table, entry.reg.v, entry.reg.n, &reg, &arena, err) < 0)
			return err_wrap(err, CRIU_FILES);
		is = find(list, n, &reg.name);
	}
	if (is && compare(&reg, is, &more) > 0)
		return put_record(record, &entry.reg, &more, ret, err) < 0 ? -1 : 1;
	criu_image_put(ret, record->v, record->n);
	return 0;
}

int criu_files_adapt(const void *text, size_t len, const struct criu_outside *list, size_t n,
		     struct buf *ret, struct err *err)
{
	struct criu_image image;
	struct wire_bytes record;
	bool changed = false;
	int more, rc;

	if (criu_image_open(&image, CRIU_FILES, text, len, err) < 0)
		return -1;
	buf_add(ret, image.head.v, image.head.n);
	while ((more = criu_image_next(&image, &record, err)) > 0) {
		rc = adapt(&record, list, n, ret, err);
		if (rc < 0)
			return -1;
		changed = changed || rc > 0;
	}
	if (more < 0)
		return -1;
	if (buf_failed(ret))
		return err_set(err, ENOMEM, "out of memory");
	return changed ? 1 : 0;
}
