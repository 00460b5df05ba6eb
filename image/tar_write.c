/* SPDX-License-Identifier: Apache-2.0 */
/* tar_write.c - entries to a tar stream, the same bytes for the same entries
 *
 * pax(1) "ustar Interchange Format", "pax Extended Header"; the xattrs as star and
 * all container tools write them (SCHILY.xattr.NAME).
 */
#include "image/tar_write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

#define OUT_SIZE   ((size_t)256 << 10)
#define NAME_LEN   100
#define PREFIX_LEN 155
#define OCTAL_ID   07777777U /* seven digits */
#define OCTAL_SIZE 077777777777ULL /* eleven */
#define PAX_MODE   0644

/* Places in a header. */
enum {
	AT_NAME = 0,
	AT_MODE = 100,
	AT_UID = 108,
	AT_GID = 116,
	AT_SIZE = 124,
	AT_MTIME = 136,
	AT_CHECKSUM = 148,
	AT_TYPE = 156,
	AT_LINK = 157,
	AT_MAGIC = 257,
	AT_MAJOR = 329,
	AT_MINOR = 337,
	AT_PREFIX = 345,
};

struct tar_writer {
	tar_out_fn *out;
	void *arg;
	unsigned char *buffer; /* OUT_SIZE */
	size_t n;
	uint64_t left; /* data that the last entry still wants */
	uint32_t padding;
};

struct tar_writer *tar_writer_new(tar_out_fn *out, void *arg)
{
	struct tar_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->out = out;
	w->arg = arg;
	w->buffer = malloc(OUT_SIZE);
	if (!w->buffer) {
		free(w);
		return NULL;
	}
	return w;
}

void tar_writer_free(struct tar_writer *w)
{
	if (!w)
		return;
	free(w->buffer);
	free(w);
}

static int flush(struct tar_writer *w, struct err *err)
{
	size_t n = w->n;

	w->n = 0;
	return n > 0 ? w->out(w->arg, w->buffer, n, err) : 0;
}

static int put(struct tar_writer *w, const void *data, size_t size, struct err *err)
{
	const unsigned char *p = data;

	while (size > 0) {
		size_t n = OUT_SIZE - w->n;

		if (n > size)
			n = size;
		memcpy(w->buffer + w->n, p, n);
		w->n += n;
		p += n;
		size -= n;
		if (w->n == OUT_SIZE && flush(w, err) < 0)
			return -1;
	}
	return 0;
}

static int put_padding(struct tar_writer *w, struct err *err)
{
	static const unsigned char zeros[TAR_BLOCK];
	uint32_t n = w->padding;

	w->padding = 0;
	return put(w, zeros, n, err);
}

/* --- the header ----------------------------------------------------------------------- */

static void octal(unsigned char *field, size_t digits, uint64_t value)
{
	for (size_t i = digits; i-- > 0; value >>= 3)
		field[i] = (unsigned char)('0' + (value & 7));
}

/* Where a path can be cut so that it fits prefix and name; 0: nowhere. */
static size_t cut_path(const char *path, size_t len)
{
	size_t cut = 0;

	for (size_t i = 1; i < len - 1 && i <= PREFIX_LEN; i++)
		if (path[i] == '/')
			cut = i;
	return cut > 0 && len - cut - 1 <= NAME_LEN ? cut : 0;
}

static char type_flag(enum tar_type type)
{
	static const char flags[] = {
		[TAR_FILE] = '0',	   [TAR_HARD_LINK] = '1',
		[TAR_SYMBOLIC_LINK] = '2', [TAR_CHARACTER_DEVICE] = '3',
		[TAR_BLOCK_DEVICE] = '4',  [TAR_DIRECTORY] = '5',
		[TAR_FIFO] = '6',
	};

	return flags[type];
}

static void put_text(unsigned char *field, size_t size, const char *text)
{
	size_t n = strnlen(text, size);

	memcpy(field, text, n);
}

static void fill_header(unsigned char h[TAR_BLOCK], const struct tar_entry *e, const char *path,
			char flag)
{
	size_t len = strlen(path), cut = len > NAME_LEN ? cut_path(path, len) : 0;
	unsigned int sum = 0;

	memset(h, 0, TAR_BLOCK);
	put_text(h + AT_PREFIX, cut, path);
	put_text(h + AT_NAME, NAME_LEN, path + (cut ? cut + 1 : 0));
	octal(h + AT_MODE, 7, e->mode);
	octal(h + AT_UID, 7, e->uid <= OCTAL_ID ? e->uid : 0);
	octal(h + AT_GID, 7, e->gid <= OCTAL_ID ? e->gid : 0);
	octal(h + AT_SIZE, 11, e->size <= OCTAL_SIZE ? e->size : 0);
	octal(h + AT_MTIME, 11,
	      e->mtime >= 0 && (uint64_t)e->mtime <= OCTAL_SIZE ? (uint64_t)e->mtime : 0);
	h[AT_TYPE] = (unsigned char)flag;
	if (e->link)
		put_text(h + AT_LINK, NAME_LEN, e->link);
	memcpy(h + AT_MAGIC, "ustar\00000", 8);
	octal(h + AT_MAJOR, 7, e->major);
	octal(h + AT_MINOR, 7, e->minor);
	memset(h + AT_CHECKSUM, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += h[i];
	octal(h + AT_CHECKSUM, 6, sum);
	h[AT_CHECKSUM + 6] = '\0';
}

/* --- the PAX header ------------------------------------------------------------------- */

static void add_record(struct buf *b, const char *prefix, const char *key, const void *value,
		       size_t size)
{
	/* " KEY=VALUE\n" and the digits that count themselves too */
	size_t rest = 3 + strlen(prefix) + strlen(key) + size, length = rest + 1;
	char digits[24];

	while (snprintf(digits, sizeof(digits), "%zu", length) + rest != length)
		length = (size_t)snprintf(digits, sizeof(digits), "%zu", length) + rest;
	buf_printf(b, "%zu %s%s=", length, prefix, key);
	buf_add(b, value, size);
	buf_putc(b, '\n');
}

static void add_number(struct buf *b, const char *key, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	add_record(b, "", key, text, strlen(text));
}

static void add_time(struct buf *b, int64_t seconds, uint32_t ns)
{
	bool negative = seconds < 0 && ns > 0;
	char text[40];
	size_t n;

	if (negative) { /* -2 s and 750 million ns are written as -1.25 */
		seconds++;
		ns = 1000000000 - ns;
	}
	(void)snprintf(text, sizeof(text), "%s%lld", negative && seconds == 0 ? "-" : "",
		       (long long)seconds);
	if (ns > 0) {
		n = strlen(text);
		(void)snprintf(text + n, sizeof(text) - n, ".%09u", ns);
		for (n = strlen(text); text[n - 1] == '0'; n--)
			text[n - 1] = '\0';
	}
	add_record(b, "", "mtime", text, strlen(text));
}

static void fill_pax(struct buf *b, const struct tar_entry *e, const char *path)
{
	size_t len = strlen(path);

	if (e->gid > OCTAL_ID)
		add_number(b, "gid", e->gid);
	if (e->link && strlen(e->link) > NAME_LEN)
		add_record(b, "", "linkpath", e->link, strlen(e->link));
	if (e->mtime_ns > 0 || e->mtime < 0 || (uint64_t)e->mtime > OCTAL_SIZE)
		add_time(b, e->mtime, e->mtime_ns);
	if (len > NAME_LEN && cut_path(path, len) == 0)
		add_record(b, "", "path", path, len);
	for (size_t i = 0; i < e->n_xattrs; i++)
		add_record(b, "SCHILY.xattr.", e->xattrs[i].name, e->xattrs[i].value,
			   e->xattrs[i].size);
	if (e->size > OCTAL_SIZE)
		add_number(b, "size", e->size);
	if (e->uid > OCTAL_ID)
		add_number(b, "uid", e->uid);
}

static int put_pax(struct tar_writer *w, const struct tar_entry *e, const char *path,
		   struct err *err)
{
	static const unsigned char zeros[TAR_BLOCK];
	const char *slash = strrchr(path, '/');
	struct tar_entry head = { .type = TAR_FILE, .mode = PAX_MODE };
	unsigned char h[TAR_BLOCK];
	char name[NAME_LEN + 1];
	AUTO_BUF records;

	buf_init(&records);
	fill_pax(&records, e, path);
	if (buf_failed(&records))
		return err_set(err, ENOMEM, "tar: extended header of \"%.200s\"", path);
	if (records.len == 0)
		return 0;
	(void)snprintf(name, sizeof(name), "PaxHeaders.0/%.80s",
		       slash && slash[1] ? slash + 1 : path); /* only old tools ever show it */
	head.size = records.len;
	fill_header(h, &head, name, 'x');
	if (put(w, h, sizeof(h), err) < 0 || put(w, records.s, records.len, err) < 0)
		return -1;
	return put(w, zeros, -records.len & (TAR_BLOCK - 1), err);
}

/* --- entries -------------------------------------------------------------------------- */

int tar_write_entry(struct tar_writer *w, const struct tar_entry *e, struct err *err)
{
	unsigned char h[TAR_BLOCK];
	struct tar_entry plain = *e;
	char path[PATH_MAX + 2];

	if (w->left > 0)
		return err_set(err, EINVAL, "tar: \"%.200s\" before all data of the entry before",
			       e->path);
	if (str_format(path, sizeof(path), "%s%s", e->path, e->type == TAR_DIRECTORY ? "/" : "") <
	    0)
		return err_sys(err, "tar: \"%.200s\"", e->path);
	if (e->type != TAR_FILE)
		plain.size = 0;
	if (put_pax(w, &plain, path, err) < 0)
		return -1;
	fill_header(h, &plain, path, type_flag(e->type));
	w->left = plain.size;
	w->padding = (uint32_t)(-plain.size & (TAR_BLOCK - 1));
	return put(w, h, sizeof(h), err);
}

int tar_write_data(struct tar_writer *w, const void *data, size_t size, struct err *err)
{
	if (size > w->left)
		return err_set(err, EINVAL, "tar: more data than announced");
	w->left -= size;
	if (put(w, data, size, err) < 0)
		return -1;
	return w->left == 0 ? put_padding(w, err) : 0;
}

int tar_write_file(struct tar_writer *w, int fd, uint64_t size, struct err *err)
{
	if (size > w->left)
		return err_set(err, EINVAL, "tar: more data than announced");
	while (size > 0) {
		size_t room = OUT_SIZE - w->n;
		ssize_t n = read(fd, w->buffer + w->n, size < room ? (size_t)size : room);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "tar: read");
		if (n == 0)
			return err_set(err, EBUSY,
				       "tar: the file became shorter while it was read");
		w->n += (size_t)n;
		w->left -= (uint64_t)n;
		size -= (uint64_t)n;
		if (w->n == OUT_SIZE && flush(w, err) < 0)
			return -1;
	}
	return w->left == 0 ? put_padding(w, err) : 0;
}

int tar_write_past(struct tar_writer *w, struct err *err)
{
	if (flush(w, err) < 0)
		return -1;
	w->left = 0;
	return put_padding(w, err); /* which only goes into the buffer */
}

int tar_write_end(struct tar_writer *w, struct err *err)
{
	static const unsigned char zeros[2 * TAR_BLOCK];

	if (w->left > 0)
		return err_set(err, EINVAL, "tar: the last entry lacks data");
	return put(w, zeros, sizeof(zeros), err) < 0 ? -1 : flush(w, err);
}
