/* SPDX-License-Identifier: Apache-2.0 */
/* tar.c - a tar stream in pieces of any size, as entries
 *
 *   HEADER --+--> META (x, g, L, K: the bytes are kept) ----> PAD -> HEADER
 *            +--> OLD_MAP (S: more of the map) --> entry --+
 *            +--> NEW_MAP (sparse 1.0: map in front) entry +-> DATA -> PAD -> HEADER
 *            +--> entry -----------------------------------+
 *            +--> two zero blocks -> END: the rest is read and not looked at
 * Invariants: 1. memory is bounded whatever the stream says: PAX_SIZE_MAX of
 * records, PAX_SEGMENTS_MAX pieces.  2. Nothing is handed out before its header's
 * checksum fitted.  3. Bytes given to `data` and to `frame` together are the stream.
 * Where readers differ, this is as strict as the one of Go's standard library,
 * which engines use: what that refuses need not be taken here.
 *
 * pax(1) "ustar Interchange Format"; GNU tar manual "Basic Tar Format", "Storing Sparse Files";
 * image-spec layer.md.
 */
#include "image/tar.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define NAME_LEN	  100
#define PREFIX_LEN	  155
#define OLD_MAP_IN_HEADER 4
#define OLD_MAP_IN_BLOCK  21
#define SPARSE_FIELD	  12
#define OLD_MAP_EXTENDED  504 /* in a block of nothing but map */
#define MAP_TEXT_MAX	  ((size_t)6 << 20)
#define PERMISSIONS	  07777
#define NAME_BUFFER	  (NAME_LEN + PREFIX_LEN + 2)

struct tar_header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
	char magic[8], uname[32], gname[32], major[8], minor[8];
	union {
		char prefix[155];
		struct {
			char pad[41];
			char map[OLD_MAP_IN_HEADER][2][SPARSE_FIELD];
			char extended, real_size[12];
		} gnu;
	} tail;
	char pad[12];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "tar header");

enum state { HEADER, META, OLD_MAP, NEW_MAP, DATA, PAD, END };

struct tar_reader {
	const struct tar_handler *handler;
	void *arg;
	enum state state;
	union {
		struct tar_header header;
		unsigned char bytes[TAR_BLOCK];
	} block; /* being collected: header or piece of a map */
	size_t filled;
	unsigned int zero_blocks;
	uint64_t position; /* in the stream */
	uint64_t left; /* bytes of META or DATA still to come */
	uint32_t padding; /* and zeros behind them */
	char meta_type;
	struct buf meta; /* bytes of META, text of NEW_MAP */
	struct pax pax;
	char *long_name, *long_link; /* GNU's L and K */
	char path[PATH_MAX], link[PATH_MAX];
	struct tar_entry entry;
	size_t segment; /* of the sparse entry being read */
	uint64_t in_segment; /* bytes of it that have come */
	bool in_file; /* DATA is a file's */
	uint64_t entries;
};

struct tar_reader *tar_reader_new(const struct tar_handler *handler, void *arg)
{
	struct tar_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->handler = handler;
	r->arg = arg;
	pax_init(&r->pax);
	buf_init_max(&r->meta, MAP_TEXT_MAX);
	return r;
}

static void forget_long_names(struct tar_reader *r)
{
	free(r->long_name);
	free(r->long_link);
	r->long_name = r->long_link = NULL;
}

void tar_reader_free(struct tar_reader *r)
{
	if (!r)
		return;
	forget_long_names(r);
	pax_release(&r->pax);
	buf_release(&r->meta);
	free(r);
}

uint64_t tar_entries(const struct tar_reader *r)
{
	return r->entries;
}

int tar_clean_path(const char *path, char *dst, struct err *err)
{
	size_t len = 0;

	for (const char *at = path; *at != '\0';) {
		size_t n = strcspn(at, "/");

		if (n == 2 && at[0] == '.' && at[1] == '.')
			return err_set(err, EBADMSG, "tar: \"%.200s\" leads out of the layer",
				       path);
		if (n > NAME_MAX || len + n + 2 > PATH_MAX)
			return err_set(err, ENAMETOOLONG, "tar: \"%.100s...\" is too long", path);
		if (n > 0 && !(n == 1 && at[0] == '.')) {
			if (len > 0)
				dst[len++] = '/';
			memcpy(dst + len, at, n);
			len += n;
		}
		at += n;
		at += strspn(at, "/");
	}
	dst[len] = '\0';
	return 0;
}

/* --- header fields ----------------------------------------------------------------- */

/* Base 256: the first byte's top bit marks it, the rest is a two's complement number. */
static int binary_number(const unsigned char *bytes, size_t size, int64_t *ret)
{
	bool negative = (bytes[0] & 0x40) != 0;
	uint64_t n = negative ? UINT64_MAX : 0;

	for (size_t i = 0; i < size; i++) {
		unsigned char byte = i > 0	? bytes[i]
				     : negative ? bytes[0] | 0x80
						: bytes[0] & 0x7f;

		if (n >> 56 != (negative ? 0xff : 0))
			return -1; /* doesn't fit 64 bits */
		n = n << 8 | byte;
	}
	if (n >> 63 != (uint64_t)negative)
		return -1;
	*ret = (int64_t)n;
	return 0;
}

static int number(const char *text, size_t size, int64_t *ret)
{
	const unsigned char *bytes = (const unsigned char *)text;
	uint64_t n = 0;
	size_t i = 0;

	if (bytes[0] & 0x80)
		return binary_number(bytes, size, ret);
	while (i < size && text[i] == ' ')
		i++;
	for (; i < size && text[i] >= '0' && text[i] <= '7'; i++)
		n = n * 8 + (uint64_t)(text[i] - '0'); /* 12 digits are 36 bits */
	for (; i < size; i++)
		if (text[i] != ' ' && text[i] != '\0')
			return -1;
	*ret = (int64_t)n;
	return 0;
}

static int field(const char *name, const char *text, size_t size, int64_t max, int64_t *ret,
		 struct err *err)
{
	if (number(text, size, ret) < 0 || *ret > max || *ret < 0)
		return err_set(err, EBADMSG, "tar: bad field \"%s\" in a header", name);
	return 0;
}

#define FIELD(header, name, max, ret, err) \
 field(#name, (header)->name, sizeof((header)->name), (max), (ret), (err))

static int check_sum(const struct tar_reader *r, struct err *err)
{
	const unsigned char *bytes = r->block.bytes;
	const struct tar_header *h = &r->block.header;
	size_t begin = offsetof(struct tar_header, checksum);
	int64_t want, sum = 0, signed_sum = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++) {
		bool in_sum = i >= begin && i < begin + sizeof(h->checksum);

		sum += in_sum ? ' ' : bytes[i];
		signed_sum += in_sum ? ' ' : (signed char)bytes[i];
	}
	if (number(h->checksum, sizeof(h->checksum), &want) < 0 ||
	    (want != sum && want != signed_sum))
		return err_set(err, EBADMSG,
			       "tar: no header at byte %llu (its checksum doesn't fit)",
			       (unsigned long long)(r->position - TAR_BLOCK));
	return 0;
}

/* --- entries ----------------------------------------------------------------------- */

static bool is_posix(const struct tar_header *h)
{
	return memcmp(h->magic, "ustar\0", 6) == 0;
}

static bool is_gnu(const struct tar_header *h)
{
	return memcmp(h->magic, "ustar  ", 8) == 0;
}

static const char *header_name(const struct tar_header *h, char name[NAME_BUFFER])
{
	size_t len = 0;

	if (is_posix(h) && h->tail.prefix[0] != '\0') {
		len = strnlen(h->tail.prefix, PREFIX_LEN);
		memcpy(name, h->tail.prefix, len);
		name[len++] = '/';
	}
	memcpy(name + len, h->name, NAME_LEN);
	name[len + NAME_LEN] = '\0';
	return name;
}

static int take_type(const struct tar_header *h, const char *name, enum tar_type *ret,
		     struct err *err)
{
	size_t len = strlen(name);

	switch (h->type) {
	case '\0':
	case '0':
		*ret = len > 0 && name[len - 1] == '/' ? TAR_DIRECTORY : TAR_FILE;
		return 0;
	case '7':
	case 'S':
		*ret = TAR_FILE;
		return 0;
	case '1':
		*ret = TAR_HARD_LINK;
		return 0;
	case '2':
		*ret = TAR_SYMBOLIC_LINK;
		return 0;
	case '3':
		*ret = TAR_CHARACTER_DEVICE;
		return 0;
	case '4':
		*ret = TAR_BLOCK_DEVICE;
		return 0;
	case '5':
		*ret = TAR_DIRECTORY;
		return 0;
	case '6':
		*ret = TAR_FIFO;
		return 0;
	}
	return err_set(err, EBADMSG, "tar: \"%.200s\" is of the unknown type 0x%02x", name,
		       (unsigned int)(unsigned char)h->type);
}

static int take_link(struct tar_reader *r, const struct tar_header *h, struct err *err)
{
	struct tar_entry *e = &r->entry;
	char plain[NAME_LEN + 1];
	const char *link = r->pax.link ? r->pax.link : r->long_link;

	if (!link) {
		memcpy(plain, h->link, NAME_LEN);
		plain[NAME_LEN] = '\0';
		link = plain;
	}
	if (e->type == TAR_HARD_LINK) {
		if (tar_clean_path(link, r->link, err) < 0)
			return -1;
	} else if (str_copy(r->link, sizeof(r->link), link) < 0 || link[0] == '\0') {
		return err_set(err, EBADMSG, "tar: bad target of the symbolic link \"%.200s\"",
			       e->path);
	}
	e->link = r->link;
	return 0;
}

static int take_numbers(struct tar_reader *r, const struct tar_header *h, struct err *err)
{
	const struct pax *p = &r->pax;
	struct tar_entry *e = &r->entry;
	int64_t n;

	if (FIELD(h, mode, INT64_MAX, &n, err) < 0)
		return -1;
	e->mode = (uint32_t)n & PERMISSIONS;
	e->uid = p->uid;
	e->gid = p->gid;
	if (!p->has_uid) {
		if (FIELD(h, uid, UINT32_MAX - 1, &n, err) < 0)
			return -1;
		e->uid = (uint32_t)n;
	}
	if (!p->has_gid) {
		if (FIELD(h, gid, UINT32_MAX - 1, &n, err) < 0)
			return -1;
		e->gid = (uint32_t)n;
	}
	e->mtime = p->mtime;
	e->mtime_ns = p->mtime_ns;
	/* before 1970 is written in base 256 */
	if (!p->has_mtime && number(h->mtime, sizeof(h->mtime), &e->mtime) < 0)
		return err_set(err, EBADMSG, "tar: bad field \"mtime\" in a header");
	return 0;
}

static int take_device(struct tar_reader *r, const struct tar_header *h, struct err *err)
{
	int64_t major = 0, minor = 0;

	if (!is_posix(h) && !is_gnu(h))
		return err_set(err, EBADMSG, "tar: a device without numbers: \"%.200s\"", r->path);
	if (FIELD(h, major, (1 << 12) - 1, &major, err) < 0 ||
	    FIELD(h, minor, (1 << 20) - 1, &minor, err) < 0)
		return -1;
	r->entry.major = (uint32_t)major;
	r->entry.minor = (uint32_t)minor;
	return 0;
}

/* The map's pieces against what the header says is stored. */
static int check_segments(const struct tar_entry *e, struct err *err)
{
	uint64_t stored = 0, end = 0;

	for (size_t i = 0; i < e->n_segments; i++) {
		stored += e->segments[i].size;
		end = e->segments[i].offset + e->segments[i].size;
	}
	if (stored != e->stored || end > e->size)
		return err_set(err, EBADMSG, "tar: the map of the sparse file \"%.200s\" is wrong",
			       e->path);
	return 0;
}

/* The entry is complete: hand it out; its data is next. */
static int give_entry(struct tar_reader *r, struct err *err)
{
	struct tar_entry *e = &r->entry;

	e->offset = r->position;
	e->xattrs = r->pax.xattrs;
	e->n_xattrs = r->pax.n_xattrs;
	if (e->is_sparse) {
		e->segments = r->pax.segments;
		e->n_segments = r->pax.n_segments;
		if (check_segments(e, err) < 0)
			return -1;
	}
	r->entries++;
	if (r->handler->entry(r->arg, e, err) < 0)
		return -1;
	r->in_file = e->type == TAR_FILE;
	r->segment = 0;
	r->in_segment = 0;
	r->left = e->stored;
	r->state = DATA;
	return 0;
}

static int begin_old_sparse(struct tar_reader *r, const struct tar_header *h, struct err *err)
{
	int64_t size;

	if (field("real size", h->tail.gnu.real_size, sizeof(h->tail.gnu.real_size), INT64_MAX,
		  &size, err) < 0)
		return -1;
	r->entry.is_sparse = true;
	r->entry.size = (uint64_t)size;
	for (size_t i = 0; i < OLD_MAP_IN_HEADER; i++) {
		int64_t offset, length;

		if (h->tail.gnu.map[i][1][0] == '\0')
			break;
		if (field("map", h->tail.gnu.map[i][0], SPARSE_FIELD, INT64_MAX, &offset, err) <
			    0 ||
		    field("map", h->tail.gnu.map[i][1], SPARSE_FIELD, INT64_MAX, &length, err) <
			    0 ||
		    pax_add_segment(&r->pax, (uint64_t)offset, (uint64_t)length, err) < 0)
			return -1;
	}
	if (!h->tail.gnu.extended)
		return give_entry(r, err);
	r->state = OLD_MAP;
	return 0;
}

static int old_map_block(struct tar_reader *r, struct err *err)
{
	const char *text = (const char *)r->block.bytes;

	for (size_t i = 0; i < OLD_MAP_IN_BLOCK; i++, text += 2 * (size_t)SPARSE_FIELD) {
		int64_t offset, length;

		if (text[SPARSE_FIELD] == '\0')
			break;
		if (field("map", text, SPARSE_FIELD, INT64_MAX, &offset, err) < 0 ||
		    field("map", text + SPARSE_FIELD, SPARSE_FIELD, INT64_MAX, &length, err) < 0 ||
		    pax_add_segment(&r->pax, (uint64_t)offset, (uint64_t)length, err) < 0)
			return -1;
	}
	if (r->block.bytes[OLD_MAP_EXTENDED])
		return 0; /* one more */
	return give_entry(r, err);
}

/* One decimal number and its newline from the text of a 1.0 map; the next place, or NULL when there
 * isn't all of it yet. */
static const char *map_number(const char *at, uint64_t *ret)
{
	uint64_t n = 0;
	size_t digits = strspn(at, "0123456789");

	if (digits == 0 || digits > 19 || at[digits] != '\n')
		return NULL;
	for (size_t i = 0; i < digits; i++)
		n = n * 10 + (uint64_t)(at[i] - '0');
	*ret = n;
	return at + digits + 1;
}

/* 1 the map is complete, 0 more blocks are needed, -1. */
static int try_new_map(struct tar_reader *r, struct err *err)
{
	uint64_t n, pair[2];
	const char *at = map_number(r->meta.s, &n);
	size_t newlines = 0;

	/* a map is parsed once: when all its lines are there */
	for (const char *p = r->meta.s; (p = strchr(p, '\n')) != NULL; p++)
		newlines++;
	if (!at && r->meta.len < TAR_BLOCK)
		return 0;
	if (!at || n > PAX_SEGMENTS_MAX)
		return err_set(err, EBADMSG, "tar: bad map of the sparse file \"%.200s\"", r->path);
	if (newlines < 1 + 2 * n)
		return 0;
	r->pax.n_segments = 0;
	for (uint64_t i = 0; i < n; i++) {
		at = map_number(at, &pair[0]);
		at = at ? map_number(at, &pair[1]) : NULL;
		if (!at)
			return err_set(err, EBADMSG, "tar: bad map of the sparse file \"%.200s\"",
				       r->path);
		if (pax_add_segment(&r->pax, pair[0], pair[1], err) < 0)
			return -1;
	}
	return 1;
}

static int new_map_block(struct tar_reader *r, struct err *err)
{
	int done;

	if (r->entry.stored < TAR_BLOCK)
		return err_set(err, EBADMSG, "tar: the map of the sparse file \"%.200s\" is cut",
			       r->path);
	r->entry.stored -= TAR_BLOCK;
	buf_add(&r->meta, r->block.bytes, TAR_BLOCK);
	if (buf_failed(&r->meta))
		return err_set(err, E2BIG, "tar: the map of the sparse file \"%.200s\" is too long",
			       r->path);
	/* zeros behind the last line */
	r->meta.len = strlen(r->meta.s);
	done = try_new_map(r, err);
	if (done < 0)
		return -1;
	if (done == 0 && r->meta.len % TAR_BLOCK != 0)
		return err_set(err, EBADMSG, "tar: bad map of the sparse file \"%.200s\"", r->path);
	return done ? give_entry(r, err) : 0;
}

/* The file's own entry: 0 and either handed out or waiting for its map. */
static int begin_entry(struct tar_reader *r, const struct tar_header *h, uint64_t size,
		       struct err *err)
{
	struct tar_entry *e = &r->entry;
	char plain[NAME_BUFFER];
	const char *name = r->pax.real_path ? r->pax.real_path
			   : r->pax.path    ? r->pax.path
			   : r->long_name   ? r->long_name
					    : header_name(h, plain);
	bool stores;

	*e = (struct tar_entry){ .path = r->path };
	if (take_type(h, name, &e->type, err) < 0 || tar_clean_path(name, r->path, err) < 0 ||
	    take_numbers(r, h, err) < 0)
		return -1;
	if ((e->type == TAR_HARD_LINK || e->type == TAR_SYMBOLIC_LINK) && take_link(r, h, err) < 0)
		return -1;
	if ((e->type == TAR_CHARACTER_DEVICE || e->type == TAR_BLOCK_DEVICE) &&
	    take_device(r, h, err) < 0)
		return -1;
	/* other types have no data, whatever their size field says */
	stores = e->type == TAR_FILE;
	e->size = e->stored = stores ? size : 0;
	r->padding = (uint32_t)(-e->stored & (TAR_BLOCK - 1));
	if (h->type == 'S')
		return begin_old_sparse(r, h, err);
	if (!stores || !r->pax.is_sparse)
		return give_entry(r, err);
	e->is_sparse = true;
	e->size = r->pax.has_real_size ? r->pax.real_size : size;
	if (!r->pax.map_in_data)
		return give_entry(r, err);
	buf_clear(&r->meta);
	r->state = NEW_MAP;
	return 0;
}

static void end_entry(struct tar_reader *r)
{
	forget_long_names(r);
	pax_release(&r->pax);
	pax_init(&r->pax);
}

/* --- meta entries ------------------------------------------------------------------ */

static int begin_meta(struct tar_reader *r, char type, uint64_t size, struct err *err)
{
	if (size > PAX_SIZE_MAX)
		return err_set(err, E2BIG, "tar: an extended header of %llu bytes",
			       (unsigned long long)size);
	buf_clear(&r->meta);
	r->meta_type = type;
	r->left = size;
	r->padding = (uint32_t)(-size & (TAR_BLOCK - 1));
	r->state = META;
	return 0;
}

static int take_long(struct tar_reader *r, char **ret, struct err *err)
{
	char *text = strdup(r->meta.s); /* up to the NUL that ends it */

	if (!text)
		return err_sys(err, "tar: long name");
	free(*ret);
	*ret = text;
	return 0;
}

static int end_meta(struct tar_reader *r, struct err *err)
{
	if (buf_failed(&r->meta))
		return err_set(err, ENOMEM, "tar: extended header");
	r->state = PAD;
	r->in_file = false;
	switch (r->meta_type) {
	case 'x':
	case 'X':
		return pax_parse(&r->pax, r->meta.s, r->meta.len, err);
	case 'L':
		return take_long(r, &r->long_name, err);
	case 'K':
		return take_long(r, &r->long_link, err);
	}
	return 0; /* 'g': what is said of all files is of no use for a layer */
}

/* --- the stream -------------------------------------------------------------------- */

static bool is_zero_block(const unsigned char *bytes)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, TAR_BLOCK - 1) == 0;
}

static int header_block(struct tar_reader *r, struct err *err)
{
	const struct tar_header *h = &r->block.header;
	int64_t size;

	if (is_zero_block(r->block.bytes)) {
		if (++r->zero_blocks == 2)
			r->state = END;
		return 0;
	}
	if (r->zero_blocks > 0)
		return err_set(err, EBADMSG, "tar: a single block of zeros in the middle");
	if (check_sum(r, err) < 0 || FIELD(h, size, INT64_MAX / 2, &size, err) < 0)
		return -1;
	if (h->type != '\0' && strchr("xXgLK", h->type))
		return begin_meta(r, h->type, (uint64_t)size, err);
	if (r->pax.has_size)
		size = (int64_t)r->pax.size;
	return begin_entry(r, h, (uint64_t)size, err);
}

static int give_frame(struct tar_reader *r, const void *data, size_t size, struct err *err)
{
	return r->handler->frame && size > 0 ? r->handler->frame(r->arg, data, size, err) : 0;
}

/* Collects a block; 1 when it is whole. */
static int take_block(struct tar_reader *r, const unsigned char **data, size_t *size,
		      struct err *err)
{
	size_t n = TAR_BLOCK - r->filled;

	if (n > *size)
		n = *size;
	memcpy(r->block.bytes + r->filled, *data, n);
	if (give_frame(r, *data, n, err) < 0)
		return -1;
	*data += n;
	*size -= n;
	r->filled += n;
	r->position += n;
	if (r->filled < TAR_BLOCK)
		return 0;
	r->filled = 0;
	return 1;
}

/* Where the next byte of the file belongs, and how many may go there at once. */
static uint64_t data_place(struct tar_reader *r, size_t *n)
{
	const struct tar_entry *e = &r->entry;
	const struct tar_segment *s;

	if (!e->is_sparse)
		return e->stored - r->left;
	while (r->in_segment == e->segments[r->segment].size) {
		r->segment++; /* there is one: sizes add up to stored */
		r->in_segment = 0;
	}
	s = &e->segments[r->segment];
	if (*n > s->size - r->in_segment)
		*n = (size_t)(s->size - r->in_segment);
	r->in_segment += *n;
	return s->offset + r->in_segment - *n;
}

static int take_data(struct tar_reader *r, const unsigned char **data, size_t *size,
		     struct err *err)
{
	while (r->left > 0 && *size > 0) {
		size_t n = r->left < *size ? (size_t)r->left : *size;
		uint64_t place = data_place(r, &n);

		if (r->handler->data && r->handler->data(r->arg, place, *data, n, err) < 0)
			return -1;
		*data += n;
		*size -= n;
		r->left -= n;
		r->position += n;
	}
	if (r->left > 0)
		return 0;
	if (r->in_file && r->handler->end && r->handler->end(r->arg, err) < 0)
		return -1;
	end_entry(r);
	r->state = PAD;
	return 0;
}

static int take_meta(struct tar_reader *r, const unsigned char **data, size_t *size,
		     struct err *err)
{
	size_t n = r->left < *size ? (size_t)r->left : *size;

	buf_add(&r->meta, *data, n);
	if (give_frame(r, *data, n, err) < 0)
		return -1;
	*data += n;
	*size -= n;
	r->left -= n;
	r->position += n;
	return r->left > 0 ? 0 : end_meta(r, err);
}

static int take_padding(struct tar_reader *r, const unsigned char **data, size_t *size,
			struct err *err)
{
	size_t n = r->padding < *size ? r->padding : *size;

	if (give_frame(r, *data, n, err) < 0)
		return -1;
	*data += n;
	*size -= n;
	r->padding -= (uint32_t)n;
	r->position += n;
	if (r->padding == 0)
		r->state = HEADER;
	return 0;
}

/* One step of the machine; it takes bytes or changes the state. */
static int step(struct tar_reader *r, const unsigned char **data, size_t *size, struct err *err)
{
	int whole = 0;

	switch (r->state) {
	case META:
		return take_meta(r, data, size, err);
	case DATA:
		return take_data(r, data, size, err);
	case PAD:
		return take_padding(r, data, size, err);
	case HEADER:
	case OLD_MAP:
	case NEW_MAP:
		whole = take_block(r, data, size, err);
		break;
	case END:
		r->position += *size;
		whole = give_frame(r, *data, *size, err);
		*data += *size;
		*size = 0;
		break;
	}
	if (whole <= 0)
		return whole;
	if (r->state == HEADER)
		return header_block(r, err);
	return r->state == OLD_MAP ? old_map_block(r, err) : new_map_block(r, err);
}

int tar_feed(struct tar_reader *r, const void *data, size_t size, struct err *err)
{
	const unsigned char *at = data;

	/* an empty file's DATA and a padding of nothing need no byte to be over */
	while (size > 0 || (r->state == DATA && r->left == 0) ||
	       (r->state == META && r->left == 0) || (r->state == PAD && r->padding == 0))
		if (step(r, &at, &size, err) < 0)
			return -1;
	return 0;
}

uint64_t tar_skip(struct tar_reader *r, uint64_t max)
{
	uint64_t n = r->left < max ? r->left : max;

	if (r->state != DATA || r->handler->data || r->entry.is_sparse)
		return 0;
	r->left -= n;
	r->position += n;
	return n;
}

int tar_finish(struct tar_reader *r, struct err *err)
{
	/* writers may leave out the zero blocks, and the last padding */
	if (r->state == END || (r->state == HEADER && r->filled == 0) ||
	    (r->state == PAD && r->padding > 0 && r->zero_blocks == 0))
		return 0;
	return err_set(err, EBADMSG, "tar: cut off at byte %llu", (unsigned long long)r->position);
}
