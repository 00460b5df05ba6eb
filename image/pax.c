/* SPDX-License-Identifier: Apache-2.0 */
/* pax.c - the extended header records before a tar entry
 *
 * A record is "LENGTH KEY=VALUE\n", LENGTH counting all of it.  A value may hold
 * any byte (xattrs do), so nothing here looks for its end but by LENGTH; where a
 * string is wanted a NUL in it is an error.
 *
 * pax(1) "pax Extended Header"; GNU tar manual "Storing Sparse Files"; libarchive
 * for LIBARCHIVE.xattr (name URL-encoded, value base64).
 */
#include "image/pax.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/units.h"

#define NUMBER_MAX  48 /* text of a number with fraction */
#define NS_DIGITS   9
#define PAX_ARENA   ((size_t)32 << 20)
#define XATTR_SPACE 16

void pax_init(struct pax *p)
{
	*p = (struct pax){ 0 };
	arena_init(&p->arena, PAX_ARENA);
}

void pax_release(struct pax *p)
{
	arena_release(&p->arena);
}

struct record {
	const char *key, *value;
	size_t key_len, len;
};

static int take_string(struct pax *p, const struct record *r, char **ret, struct err *err)
{
	if (memchr(r->value, '\0', r->len))
		return err_set(err, EBADMSG, "tar: a NUL byte in \"%.*s\"", (int)r->key_len,
			       r->key);
	*ret = r->len > 0 ? arena_strndup(&p->arena, r->value, r->len) : NULL;
	return r->len > 0 && !*ret ? err_sys(err, "tar: extended header") : 0;
}

static int take_number(const struct record *r, uint64_t max, uint64_t *ret, struct err *err)
{
	char text[NUMBER_MAX];

	if (r->len >= sizeof(text) || memchr(r->value, '\0', r->len))
		return err_set(err, EBADMSG, "tar: \"%.*s\" is no number", (int)r->key_len, r->key);
	memcpy(text, r->value, r->len);
	text[r->len] = '\0';
	if (units_u64(text, max, ret) < 0)
		return err_set(err, EBADMSG, "tar: \"%.*s\" is \"%s\"", (int)r->key_len, r->key,
			       text);
	return 0;
}

/* "1700000000.25", "-3.5": seconds rounded down and nanoseconds. */
static int take_time(struct pax *p, const struct record *r, struct err *err)
{
	char text[NUMBER_MAX];
	char *dot;
	uint32_t ns = 0;

	if (r->len >= sizeof(text) || memchr(r->value, '\0', r->len))
		return err_set(err, EBADMSG, "tar: \"mtime\" is no number");
	memcpy(text, r->value, r->len);
	text[r->len] = '\0';
	dot = strchr(text, '.');
	if (dot) {
		size_t digits = strspn(dot + 1, "0123456789");

		if (dot[1 + digits] != '\0')
			return err_set(err, EBADMSG, "tar: \"mtime\" is \"%s\"", text);
		for (size_t i = 0; i < NS_DIGITS; i++)
			ns = ns * 10 + (i < digits ? (uint32_t)(dot[1 + i] - '0') : 0);
		*dot = '\0';
	}
	if (units_i64(text, INT64_MIN / 2, INT64_MAX / 2, &p->mtime) < 0)
		return err_set(err, EBADMSG, "tar: \"mtime\" is \"%s\"", text);
	if (text[0] == '-' && ns > 0) {
		p->mtime--;
		ns = 1000000000 - ns;
	}
	p->mtime_ns = ns;
	p->has_mtime = true;
	return 0;
}

static int add_xattr(struct pax *p, char *name, const void *value, size_t size, struct err *err)
{
	struct tar_xattr *x = NULL;

	for (size_t i = 0; i < p->n_xattrs; i++)
		if (strcmp(p->xattrs[i].name, name) == 0)
			x = &p->xattrs[i];
	if (!x) {
		if (p->n_xattrs >= PAX_XATTRS_MAX)
			return err_set(err, E2BIG, "tar: more than %d xattrs of one file",
				       PAX_XATTRS_MAX);
		if (p->n_xattrs % XATTR_SPACE == 0) {
			struct tar_xattr *more =
				arena_array(&p->arena, p->n_xattrs + XATTR_SPACE, sizeof(*more));

			if (!more)
				return err_sys(err, "tar: extended header");
			if (p->n_xattrs > 0)
				memcpy(more, p->xattrs, p->n_xattrs * sizeof(*more));
			p->xattrs = more;
		}
		x = &p->xattrs[p->n_xattrs++];
	}
	*x = (struct tar_xattr){ .name = name, .value = value, .size = size };
	return 0;
}

static int take_xattr(struct pax *p, const struct record *r, size_t prefix, struct err *err)
{
	char *name = arena_strndup(&p->arena, r->key + prefix, r->key_len - prefix);
	char *value = arena_strndup(&p->arena, r->value, r->len);

	if (!name || !value)
		return err_sys(err, "tar: extended header");
	if (name[0] == '\0' || strlen(name) != r->key_len - prefix)
		return err_set(err, EBADMSG, "tar: bad name of an xattr");
	return add_xattr(p, name, value, r->len, err);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void url_decode(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '%' && hex_digit(s[1]) >= 0 && hex_digit(s[2]) >= 0) {
			*to++ = (char)(hex_digit(s[1]) * 16 + hex_digit(s[2]));
			s += 2;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

static int base64_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* In place; the length, or -1. Padding may be missing. */
static ssize_t base64_decode(char *data, size_t len)
{
	uint32_t bits = 0;
	size_t n = 0, out = 0;

	while (len > 0 && data[len - 1] == '=')
		len--;
	for (size_t i = 0; i < len; i++) {
		int v = base64_digit(data[i]);

		if (v < 0)
			return -1;
		bits = (bits << 6 | (uint32_t)v) & 0xffffff;
		n += 6;
		if (n >= 8) {
			n -= 8;
			data[out++] = (char)(bits >> n & 0xff);
		}
	}
	return (ssize_t)out;
}

static int take_libarchive_xattr(struct pax *p, const struct record *r, size_t prefix,
				 struct err *err)
{
	char *name = arena_strndup(&p->arena, r->key + prefix, r->key_len - prefix);
	char *value = arena_strndup(&p->arena, r->value, r->len);
	ssize_t size;

	if (!name || !value)
		return err_sys(err, "tar: extended header");
	url_decode(name);
	size = base64_decode(value, r->len);
	if (size < 0 || name[0] == '\0')
		return err_set(err, EBADMSG, "tar: bad \"LIBARCHIVE.xattr\" record");
	/* writers that give both forms mean the same */
	for (size_t i = 0; i < p->n_xattrs; i++)
		if (strcmp(p->xattrs[i].name, name) == 0)
			return 0;
	return add_xattr(p, name, value, (size_t)size, err);
}

/* --- sparse files ---------------------------------------------------------------- */

int pax_add_segment(struct pax *p, uint64_t offset, uint64_t size, struct err *err)
{
	const struct tar_segment *last = p->n_segments ? &p->segments[p->n_segments - 1] : NULL;
	struct tar_segment *grown;

	if (p->n_segments >= PAX_SEGMENTS_MAX)
		return err_set(err, E2BIG, "tar: more than %d pieces of one sparse file",
			       PAX_SEGMENTS_MAX);
	if (offset > INT64_MAX || size > INT64_MAX - offset ||
	    (last && offset < last->offset + last->size))
		return err_set(err, EBADMSG, "tar: bad map of a sparse file");
	grown = arena_grow(&p->arena, p->segments, p->n_segments, &p->segments_cap, sizeof(*grown));
	if (!grown)
		return err_sys(err, "tar: map of a sparse file");
	p->segments = grown;
	grown[p->n_segments++] = (struct tar_segment){ offset, size };
	return 0;
}

/* Format 0.0: offset and numbytes by turns. */
static int take_half_segment(struct pax *p, const struct record *r, bool is_offset, struct err *err)
{
	uint64_t n;

	if (p->half_segment == is_offset)
		return err_set(err, EBADMSG, "tar: bad map of a sparse file");
	if (take_number(r, INT64_MAX, &n, err) < 0)
		return -1;
	p->half_segment = is_offset;
	if (is_offset)
		return pax_add_segment(p, n, 0, err);
	if (n > INT64_MAX - p->segments[p->n_segments - 1].offset)
		return err_set(err, EBADMSG, "tar: bad map of a sparse file");
	p->segments[p->n_segments - 1].size = n;
	return 0;
}

/* Format 0.1: "offset,size,offset,size". */
static int take_map(struct pax *p, const struct record *r, struct err *err)
{
	struct record number = { .key = r->key, .key_len = r->key_len };
	const char *at = r->value, *end = r->value + r->len;
	uint64_t pair[2];
	unsigned int n = 0;

	p->n_segments = 0;
	p->half_segment = false;
	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));

		number.value = at;
		number.len = (size_t)((comma ? comma : end) - at);
		if (take_number(&number, INT64_MAX, &pair[n], err) < 0)
			return -1;
		if (n == 1 && pax_add_segment(p, pair[0], pair[1], err) < 0)
			return -1;
		n ^= 1;
		at = comma ? comma + 1 : end;
	}
	return n == 0 ? 0 : err_set(err, EBADMSG, "tar: bad map of a sparse file");
}

/* --- records --------------------------------------------------------------------- */

enum pax_key {
	KEY_PATH,
	KEY_LINK,
	KEY_SIZE,
	KEY_UID,
	KEY_GID,
	KEY_MTIME,
	KEY_SPARSE_MAJOR,
	KEY_SPARSE_MINOR,
	KEY_SPARSE_NAME,
	KEY_SPARSE_REAL_SIZE,
	KEY_SPARSE_OFFSET,
	KEY_SPARSE_BYTES,
	KEY_SPARSE_MAP,
	KEY_OTHER,
};

static const struct {
	const char *key;
	enum pax_key what;
} keys[] = {
	{ "path", KEY_PATH },
	{ "linkpath", KEY_LINK },
	{ "size", KEY_SIZE },
	{ "uid", KEY_UID },
	{ "gid", KEY_GID },
	{ "mtime", KEY_MTIME },
	{ "GNU.sparse.major", KEY_SPARSE_MAJOR },
	{ "GNU.sparse.minor", KEY_SPARSE_MINOR },
	{ "GNU.sparse.name", KEY_SPARSE_NAME },
	{ "GNU.sparse.realsize", KEY_SPARSE_REAL_SIZE },
	{ "GNU.sparse.size", KEY_SPARSE_REAL_SIZE },
	{ "GNU.sparse.offset", KEY_SPARSE_OFFSET },
	{ "GNU.sparse.numbytes", KEY_SPARSE_BYTES },
	{ "GNU.sparse.map", KEY_SPARSE_MAP },
};

static enum pax_key find_key(const struct record *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strlen(keys[i].key) == r->key_len &&
		    memcmp(keys[i].key, r->key, r->key_len) == 0)
			return keys[i].what;
	return KEY_OTHER;
}

static bool has_prefix(const struct record *r, const char *prefix)
{
	return r->key_len > strlen(prefix) && memcmp(r->key, prefix, strlen(prefix)) == 0;
}

static int take_other(struct pax *p, const struct record *r, struct err *err)
{
	static const char schily[] = "SCHILY.xattr.", libarchive[] = "LIBARCHIVE.xattr.";

	if (has_prefix(r, schily))
		return take_xattr(p, r, strlen(schily), err);
	if (has_prefix(r, libarchive))
		return take_libarchive_xattr(p, r, strlen(libarchive), err);
	return 0;
}

static int take_id(const struct record *r, uint32_t *ret, bool *ret_has, struct err *err)
{
	uint64_t n;

	if (take_number(r, UINT32_MAX - 1, &n, err) < 0)
		return -1;
	*ret = (uint32_t)n;
	*ret_has = true;
	return 0;
}

static int take_sparse(struct pax *p, const struct record *r, enum pax_key key, struct err *err)
{
	uint64_t n = 0;

	if (key != KEY_SPARSE_NAME)
		p->is_sparse = true;
	switch (key) {
	case KEY_SPARSE_MAJOR:
	case KEY_SPARSE_MINOR:
		if (take_number(r, 1, &n, err) < 0)
			return -1;
		if (key == KEY_SPARSE_MAJOR)
			p->sparse_major = (unsigned int)n;
		else
			p->sparse_minor = (unsigned int)n;
		p->map_in_data = p->sparse_major == 1 && p->sparse_minor == 0;
		return 0;
	case KEY_SPARSE_NAME:
		return take_string(p, r, &p->real_path, err);
	case KEY_SPARSE_REAL_SIZE:
		p->has_real_size = true;
		return take_number(r, INT64_MAX, &p->real_size, err);
	case KEY_SPARSE_OFFSET:
		return take_half_segment(p, r, true, err);
	case KEY_SPARSE_BYTES:
		return take_half_segment(p, r, false, err);
	case KEY_SPARSE_MAP:
		return take_map(p, r, err);
	case KEY_PATH:
	case KEY_LINK:
	case KEY_SIZE:
	case KEY_UID:
	case KEY_GID:
	case KEY_MTIME:
	case KEY_OTHER:
		break;
	}
	return 0;
}

static int take_record(struct pax *p, const struct record *r, struct err *err)
{
	enum pax_key key = find_key(r);

	switch (key) {
	case KEY_PATH:
		return take_string(p, r, &p->path, err);
	case KEY_LINK:
		return take_string(p, r, &p->link, err);
	case KEY_SIZE:
		p->has_size = true;
		return take_number(r, INT64_MAX, &p->size, err);
	case KEY_UID:
		return take_id(r, &p->uid, &p->has_uid, err);
	case KEY_GID:
		return take_id(r, &p->gid, &p->has_gid, err);
	case KEY_MTIME:
		return take_time(p, r, err);
	case KEY_SPARSE_MAJOR:
	case KEY_SPARSE_MINOR:
	case KEY_SPARSE_NAME:
	case KEY_SPARSE_REAL_SIZE:
	case KEY_SPARSE_OFFSET:
	case KEY_SPARSE_BYTES:
	case KEY_SPARSE_MAP:
		return take_sparse(p, r, key, err);
	case KEY_OTHER:
		break;
	}
	return take_other(p, r, err);
}

/* The record at data: its length, or -1. */
static ssize_t find_record(const char *data, size_t size, struct record *ret)
{
	size_t length = 0, at = 0;
	const char *equals;

	while (at < size && data[at] >= '0' && data[at] <= '9' && length <= PAX_SIZE_MAX)
		length = length * 10 + (size_t)(data[at++] - '0');
	if (at == 0 || at >= size || data[at] != ' ' || length > size || length < at + 3 ||
	    data[length - 1] != '\n')
		return -1;
	ret->key = data + at + 1;
	equals = memchr(ret->key, '=', length - at - 2);
	if (!equals || equals == ret->key)
		return -1;
	ret->key_len = (size_t)(equals - ret->key);
	ret->value = equals + 1;
	ret->len = length - 1 - (size_t)(ret->value - data);
	return (ssize_t)length;
}

int pax_parse(struct pax *p, const char *data, size_t size, struct err *err)
{
	while (size > 0) {
		struct record r;
		ssize_t n = find_record(data, size, &r);

		if (n < 0)
			return err_set(err, EBADMSG, "tar: bad record in an extended header");
		if (take_record(p, &r, err) < 0)
			return -1;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}
