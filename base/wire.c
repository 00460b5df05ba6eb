/* SPDX-License-Identifier: Apache-2.0 */
/* wire.c - the protobuf wire format by tables
 *
 * Reading is one walk over tags: varint (number << 3 | wire type), then a
 * varint, eight or four bytes, or a length and that many bytes.  Groups (wire
 * types 3 and 4) have left the language and are refused.  Writing sizes a
 * message before it writes it, so that nothing has to be moved.
 */
#include "base/wire.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"

enum wire_type { TYPE_VARINT = 0, TYPE_FIXED64 = 1, TYPE_LEN = 2, TYPE_FIXED32 = 5 };

#define VARINT_MAX 10 /* bytes of the longest */
#define ITEMS_MIN  4

struct reader {
	const unsigned char *at, *end;
	struct arena *arena;
	int depth;
};

/* The value of one field as it is on the wire. */
struct value {
	uint64_t number; /* varint, fixed */
	const unsigned char *data; /* TYPE_LEN */
	size_t len;
};

static int malformed(struct err *err, const char *what)
{
	return err_set(err, EBADMSG, "malformed message: %s", what);
}

static int read_varint(struct reader *r, uint64_t *ret)
{
	uint64_t v = 0;

	for (int i = 0; i < VARINT_MAX && r->at < r->end; i++) {
		unsigned char byte = *r->at++;

		v |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (!(byte & 0x80)) {
			*ret = v;
			return 0;
		}
	}
	return -1;
}

static int read_fixed(struct reader *r, int size, uint64_t *ret)
{
	uint64_t v = 0;

	if (r->end - r->at < size)
		return -1;
	for (int i = 0; i < size; i++)
		v |= (uint64_t)r->at[i] << (8 * i);
	r->at += size;
	*ret = v;
	return 0;
}

static int read_value(struct reader *r, uint64_t type, struct value *ret)
{
	uint64_t len;

	switch (type) {
	case TYPE_VARINT:
		return read_varint(r, &ret->number);
	case TYPE_FIXED64:
		return read_fixed(r, 8, &ret->number);
	case TYPE_FIXED32:
		return read_fixed(r, 4, &ret->number);
	case TYPE_LEN:
		if (read_varint(r, &len) < 0 || len > (uint64_t)(r->end - r->at))
			return -1;
		ret->data = r->at;
		ret->len = (size_t)len;
		r->at += len;
		return 0;
	default:
		return -1;
	}
}

static enum wire_type kind_type(enum wire_kind kind)
{
	switch (kind) {
	case WIRE_BOOL:
	case WIRE_I32:
	case WIRE_U32:
	case WIRE_I64:
	case WIRE_U64:
		return TYPE_VARINT;
	case WIRE_DOUBLE:
		return TYPE_FIXED64;
	case WIRE_STRING:
	case WIRE_BYTES:
	case WIRE_MESSAGE:
	case WIRE_MESSAGES:
	case WIRE_STRINGS:
	case WIRE_U64S:
		return TYPE_LEN;
	}
	return TYPE_LEN;
}

static const struct wire_field *find(const struct wire_table *t, uint64_t number)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->fields[i].number == number)
			return &t->fields[i];
	return NULL;
}

static int read_string(struct reader *r, const struct value *v, char **ret, struct err *err)
{
	const char *text = (const char *)v->data;
	size_t step;

	for (size_t at = 0; at < v->len; at += step) {
		step = json_utf8_length(text + at, v->len - at);
		if (step == 0 || text[at] == '\0')
			return malformed(err, "a string that is no text");
	}
	*ret = arena_strndup(r->arena, text, v->len);
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* Room for one more behind the n that are there: grows at each power of two. */
static void *add_item(struct reader *r, void *v, size_t n, size_t size, struct err *err)
{
	void *more = v;

	if (n >= WIRE_ITEMS_MAX) {
		err_set_(err, EBADMSG, "malformed message: more than %d items", WIRE_ITEMS_MAX);
		return NULL;
	}
	if (n == 0 || (n >= ITEMS_MIN && (n & (n - 1)) == 0)) {
		more = arena_array(r->arena, n ? 2 * n : ITEMS_MIN, size);
		if (!more) {
			err_set_(err, ENOMEM, "out of memory");
			return NULL;
		}
		if (n)
			memcpy(more, v, n * size);
	}
	return more;
}

static int read_message(struct reader *r, const struct wire_table *t, void *dst, struct err *err);

static int read_sub(struct reader *r, const struct value *v, const struct wire_table *t, void *dst,
		    struct err *err)
{
	struct reader sub = {
		.at = v->data, .end = v->data + v->len, .arena = r->arena, .depth = r->depth + 1
	};

	if (sub.depth > WIRE_DEPTH_MAX)
		return malformed(err, "nested too deep");
	return read_message(&sub, t, dst, err);
}

static int read_one_message(struct reader *r, const struct value *v, const struct wire_table *t,
			    void **at, struct err *err)
{
	if (!*at)
		*at = arena_alloc(r->arena, t->size);
	if (!*at)
		return err_set(err, ENOMEM, "out of memory");
	return read_sub(r, v, t, *at, err);
}

static int append_message(struct reader *r, const struct value *v, const struct wire_table *t,
			  void *list, struct err *err)
{
	struct json_array l;
	char *item;

	memcpy(&l, list, sizeof(l));
	l.v = add_item(r, l.v, l.n, t->size, err);
	if (!l.v)
		return -1;
	item = (char *)l.v + l.n * t->size;
	memset(item, 0, t->size);
	l.n++;
	memcpy(list, &l, sizeof(l));
	return read_sub(r, v, t, item, err);
}

static int append_string(struct reader *r, const struct value *v, struct strings *list,
			 struct err *err)
{
	char **items = add_item(r, list->v, list->n, sizeof(*items), err);

	if (!items)
		return -1;
	list->v = items;
	if (read_string(r, v, &items[list->n], err) < 0)
		return -1;
	list->n++;
	return 0;
}

static int append_u64(struct reader *r, uint64_t v, struct wire_u64s *list, struct err *err)
{
	uint64_t *items = add_item(r, list->v, list->n, sizeof(*items), err);

	if (!items)
		return -1;
	list->v = items;
	items[list->n++] = v;
	return 0;
}

static int append_packed(struct reader *r, const struct value *v, struct wire_u64s *list,
			 struct err *err)
{
	struct reader sub = { .at = v->data, .end = v->data + v->len, .arena = r->arena };
	uint64_t number;

	while (sub.at < sub.end) {
		if (read_varint(&sub, &number) < 0)
			return malformed(err, "a packed number is cut short");
		if (append_u64(r, number, list, err) < 0)
			return -1;
	}
	return 0;
}

static int store(struct reader *r, const struct wire_field *f, const struct value *v, char *dst,
		 struct err *err)
{
	void *at = dst + f->offset;

	switch (f->kind) {
	case WIRE_BOOL:
		*(bool *)at = v->number != 0;
		return 0;
	case WIRE_I32:
	case WIRE_U32: /* cut to 32 bits, as the encoding document says */
		*(uint32_t *)at = (uint32_t)v->number;
		return 0;
	case WIRE_I64:
	case WIRE_U64:
	case WIRE_DOUBLE:
		memcpy(at, &v->number, sizeof(v->number));
		return 0;
	case WIRE_STRING:
		return read_string(r, v, at, err);
	case WIRE_BYTES:
		*(struct wire_bytes *)at = (struct wire_bytes){ .v = v->data, .n = v->len };
		return 0;
	case WIRE_MESSAGE:
		return read_one_message(r, v, f->sub, at, err);
	case WIRE_MESSAGES:
		return append_message(r, v, f->sub, at, err);
	case WIRE_STRINGS:
		return append_string(r, v, at, err);
	case WIRE_U64S:
		return append_packed(r, v, at, err);
	}
	return 0;
}

static int read_message(struct reader *r, const struct wire_table *t, void *dst, struct err *err)
{
	while (r->at < r->end) {
		const struct wire_field *f;
		struct value v = { 0 };
		uint64_t tag;

		if (read_varint(r, &tag) < 0 || tag >> 3 == 0 || tag > UINT32_MAX)
			return malformed(err, "bad tag");
		if (read_value(r, tag & 7, &v) < 0)
			return malformed(err, "a field is cut short");
		f = find(t, tag >> 3);
		if (!f)
			continue;
		if (f->kind == WIRE_U64S && (tag & 7) == TYPE_VARINT) {
			if (append_u64(r, v.number, (void *)((char *)dst + f->offset), err) < 0)
				return -1;
			continue;
		}
		if (kind_type(f->kind) == (tag & 7) && store(r, f, &v, dst, err) < 0)
			return -1;
	}
	return 0;
}

int wire_decode(const struct wire_table *table, const void *data, size_t len, void *dst,
		struct arena *arena, struct err *err)
{
	const unsigned char *at =
		len ? data : (const unsigned char *)""; /* NULL when there is nothing */
	struct reader r = { .at = at, .end = at + len, .arena = arena };

	memset(dst, 0, table->size);
	return read_message(&r, table, dst, err);
}

/* --- writing ---------------------------------------------------------------- */

static size_t varint_size(uint64_t v)
{
	size_t n = 1;

	while (v >>= 7)
		n++;
	return n;
}

static void put_varint(struct buf *out, uint64_t v)
{
	char bytes[VARINT_MAX];
	size_t n = 0;

	while (v > 0x7f) {
		bytes[n++] = (char)(v | 0x80);
		v >>= 7;
	}
	bytes[n++] = (char)v;
	buf_add(out, bytes, n);
}

/* The number of a scalar field; a negative int32 is written as ten bytes. */
static uint64_t scalar(const struct wire_field *f, const void *at)
{
	uint64_t v;

	switch (f->kind) {
	case WIRE_BOOL:
		return *(const bool *)at;
	case WIRE_I32:
		return (uint64_t)(int64_t) * (const int32_t *)at;
	case WIRE_U32:
		return *(const uint32_t *)at;
	default:
		memcpy(&v, at, sizeof(v));
		return v;
	}
}

static size_t packed_size(const struct wire_u64s *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		n += varint_size(list->v[i]);
	return n;
}

static size_t tagged(const struct wire_field *f, size_t len)
{
	return varint_size((uint64_t)f->number << 3) + varint_size(len) + len;
}

static size_t list_size(const struct wire_field *f, const void *at)
{
	const struct strings *texts = at;
	struct json_array l;
	size_t n = 0;

	if (f->kind == WIRE_STRINGS) {
		for (size_t i = 0; i < texts->n; i++)
			n += tagged(f, strlen(texts->v[i]));
		return n;
	}
	memcpy(&l, at, sizeof(l));
	for (size_t i = 0; i < l.n; i++)
		n += tagged(f, wire_size(f->sub, (const char *)l.v + i * f->sub->size));
	return n;
}

static size_t field_size(const struct wire_field *f, const void *at)
{
	const char *const *text = at;
	const struct wire_bytes *bytes = at;
	const void *const *message = at;
	uint64_t v;

	switch (f->kind) {
	case WIRE_BOOL:
	case WIRE_I32:
	case WIRE_U32:
	case WIRE_I64:
	case WIRE_U64:
		v = scalar(f, at);
		return v || f->keeps_zero ? varint_size((uint64_t)f->number << 3) + varint_size(v)
					  : 0;
	case WIRE_DOUBLE:
		return scalar(f, at) ? varint_size((uint64_t)f->number << 3) + 8 : 0;
	case WIRE_STRING:
		return *text && **text ? tagged(f, strlen(*text)) : 0;
	case WIRE_BYTES:
		return bytes->n ? tagged(f, bytes->n) : 0;
	case WIRE_MESSAGE:
		return *message ? tagged(f, wire_size(f->sub, *message)) : 0;
	case WIRE_MESSAGES:
	case WIRE_STRINGS:
		return list_size(f, at);
	case WIRE_U64S:
		return ((const struct wire_u64s *)at)->n ? tagged(f, packed_size(at)) : 0;
	}
	return 0;
}

size_t wire_size(const struct wire_table *table, const void *src)
{
	size_t n = 0;

	for (size_t i = 0; i < table->n; i++)
		n += field_size(&table->fields[i], (const char *)src + table->fields[i].offset);
	return n;
}

static void put_tag(struct buf *out, const struct wire_field *f)
{
	put_varint(out, (uint64_t)f->number << 3 | kind_type(f->kind));
}

static void put_bytes(struct buf *out, const struct wire_field *f, const void *data, size_t len)
{
	put_tag(out, f);
	put_varint(out, len);
	buf_add(out, data, len);
}

static void put_message(struct buf *out, const struct wire_field *f, const void *message)
{
	put_tag(out, f);
	put_varint(out, wire_size(f->sub, message));
	wire_encode(f->sub, message, out);
}

static void put_double(struct buf *out, const struct wire_field *f, const void *at)
{
	uint64_t v = scalar(f, at);
	char bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(v >> (8 * i));
	put_tag(out, f);
	buf_add(out, bytes, sizeof(bytes));
}

static void put_list(struct buf *out, const struct wire_field *f, const void *at)
{
	const struct strings *texts = at;
	const struct wire_u64s *numbers = at;
	struct json_array l;

	if (f->kind == WIRE_STRINGS) {
		for (size_t i = 0; i < texts->n; i++)
			put_bytes(out, f, texts->v[i], strlen(texts->v[i]));
		return;
	}
	if (f->kind == WIRE_U64S) {
		put_tag(out, f);
		put_varint(out, packed_size(numbers));
		for (size_t i = 0; i < numbers->n; i++)
			put_varint(out, numbers->v[i]);
		return;
	}
	memcpy(&l, at, sizeof(l));
	for (size_t i = 0; i < l.n; i++)
		put_message(out, f, (const char *)l.v + i * f->sub->size);
}

static void put_field(struct buf *out, const struct wire_field *f, const void *at)
{
	const char *const *text = at;
	const struct wire_bytes *bytes = at;
	const void *const *message = at;

	if (field_size(f, at) == 0)
		return;
	switch (f->kind) {
	case WIRE_BOOL:
	case WIRE_I32:
	case WIRE_U32:
	case WIRE_I64:
	case WIRE_U64:
		put_tag(out, f);
		put_varint(out, scalar(f, at));
		return;
	case WIRE_DOUBLE:
		put_double(out, f, at);
		return;
	case WIRE_STRING:
		put_bytes(out, f, *text, strlen(*text));
		return;
	case WIRE_BYTES:
		put_bytes(out, f, bytes->v, bytes->n);
		return;
	case WIRE_MESSAGE:
		put_message(out, f, *message);
		return;
	case WIRE_MESSAGES:
	case WIRE_STRINGS:
	case WIRE_U64S:
		put_list(out, f, at);
		return;
	}
}

void wire_encode(const struct wire_table *table, const void *src, struct buf *out)
{
	for (size_t i = 0; i < table->n; i++)
		put_field(out, &table->fields[i], (const char *)src + table->fields[i].offset);
}
