/* SPDX-License-Identifier: Apache-2.0 */
/* json.c - JSON documents straight into structs
 *
 * yajl finds the tokens; its callbacks write each value where
 * a table says it belongs.  There is no tree: what is open at any moment is a
 * stack of frames, one per object or array that is being filled.
 *
 * Invariants:
 * 1. frames[0] is the place of the whole document; depth >= 1.
 * 2. An array lives in its frame while it grows and is stored in its struct
 *    when it ends, so nothing points into memory that may still move: elements
 *    are only added while no frame of an element is open.
 * 3. While skip > 0 the frames don't move: skip counts the containers that are
 *    open below a value nobody wants (or whose text is taken verbatim).
 * 4. A callback that fails has written the error and returns 0.
 *
 * RFC 8259; RFC 6901 (JSON pointers).
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yajl/yajl_parse.h>

#include "base/json.h"
#include "base/json_number.h"

#define POINTER_MAX ERR_FIELD_MAX

enum shape {
	SHAPE_ROOT,
	SHAPE_STRUCT,
	SHAPE_STRINGS,
	SHAPE_U32S,
	SHAPE_PAIRS,
	SHAPE_LIST,
	SHAPE_LISTS,
	SHAPE_MAP
};

struct frame {
	enum shape shape;
	const struct json_field *field; /* struct: the value to come; else: the array itself */
	const struct json_table *table; /* of the struct, or of the elements */
	char *dst; /* the struct; else where the array will be stored */
	char *key; /* the last key of an open set of keys */
	struct json_array array;
	size_t cap, item_size;
	uint64_t seen, has; /* bit per field: key met, value stored */
};

struct decoder {
	const char *name, *text;
	size_t len;
	struct arena *arena;
	struct err *err;
	yajl_handle yajl;
	size_t skip; /* invariant 3 */
	char **raw; /* where the skipped text goes, or NULL */
	size_t value_at; /* offset of the value that `raw` wants */
	size_t depth;
	struct frame frames[JSON_DEPTH_MAX + 1];
};

/* Where the next value belongs; place is NULL when nobody wants it. */
struct slot {
	enum json_kind kind;
	void *place;
	const struct json_field *field;
	const struct json_table *table;
	bool stringify;
};

static const char *const kind_words[] = {
	[JSON_STRING] = "a string",
	[JSON_BOOL] = "true or false",
	[JSON_OPT_BOOL] = "true or false",
	[JSON_I32] = "a 32-bit integer",
	[JSON_U32] = "an unsigned 32-bit integer",
	[JSON_I64] = "an integer",
	[JSON_U64] = "an unsigned integer",
	[JSON_OPT_I64] = "an integer",
	[JSON_OPT_U64] = "an unsigned integer",
	[JSON_STRINGS] = "an array of strings",
	[JSON_PAIRS] = "an object of strings",
	[JSON_U32S] = "an array of unsigned 32-bit integers",
	[JSON_OBJECT] = "an object",
	[JSON_INLINE] = "an object",
	[JSON_OBJECTS] = "an array of objects",
	[JSON_LISTS] = "an array of arrays",
	[JSON_MAP] = "an object of objects",
	[JSON_RAW] = "a value",
};

/* --- errors --------------------------------------------------------------- */

/* Appends "/key" with ~ and / escaped; what doesn't fit is cut. */
static void pointer_add(char *pointer, const char *key)
{
	size_t n = strlen(pointer);

	if (n < POINTER_MAX - 1)
		pointer[n++] = '/';
	for (; *key && n < POINTER_MAX - 2; key++) {
		if (*key == '~' || *key == '/') {
			pointer[n++] = '~';
			pointer[n++] = *key == '~' ? '0' : '1';
		} else {
			pointer[n++] = *key;
		}
	}
	pointer[n < POINTER_MAX ? n : POINTER_MAX - 1] = '\0';
}

/* The place in the document that the frames stand at. */
static void pointer_make(const struct decoder *d, char *pointer)
{
	char number[24];

	pointer[0] = '\0';
	for (size_t i = 1; i < d->depth; i++) {
		const struct frame *f = &d->frames[i];

		if (f->shape == SHAPE_STRUCT && f->field) {
			pointer_add(pointer, f->field->key);
		} else if (f->key) {
			pointer_add(pointer, f->key);
		} else if (f->shape != SHAPE_STRUCT && f->array.n > 0) {
			(void)snprintf(number, sizeof(number), "%zu", f->array.n - 1);
			pointer_add(pointer, number);
		}
	}
}

/* The error at the place where the frames stand; 0 for yajl: stop. */
#define bad(d, ...) (bad_(d, __VA_ARGS__), 0)
static void PRINTF(2, 3) bad_(struct decoder *d, const char *format, ...)
{
	char pointer[POINTER_MAX], reason[256];
	va_list ap;

	pointer_make(d, pointer);
	va_start(ap, format);
	(void)vsnprintf(reason, sizeof(reason), format, ap);
	va_end(ap);
	err_field_(d->err, EINVAL, pointer, "%s: %s%s%s", d->name, pointer, pointer[0] ? ": " : "",
		   reason);
}

static int no_memory(struct decoder *d)
{
	err_set_(d->err, ENOMEM, "%s: too large: out of memory", d->name);
	return 0;
}

/* --- frames --------------------------------------------------------------- */

static struct frame *top(struct decoder *d)
{
	return &d->frames[d->depth - 1];
}

static struct frame *frame_push(struct decoder *d, enum shape shape, const struct slot *s)
{
	struct frame *f = &d->frames[d->depth++];

	memset(f, 0, sizeof(*f));
	f->shape = shape;
	f->field = shape == SHAPE_STRUCT ? NULL : s->field;
	f->table = s->table;
	f->dst = s->place;
	return f;
}

/* Room for one more element behind the last; NULL after an error. */
static void *frame_room(struct decoder *d, struct frame *f)
{
	void *v = arena_grow(d->arena, f->array.v, f->array.n, &f->cap, f->item_size);
	char *room;

	if (!v) {
		(void)no_memory(d);
		return NULL;
	}
	f->array.v = v;
	room = (char *)v + f->array.n * f->item_size;
	memset(room, 0, f->item_size);
	return room;
}

/* One more element, zeroed; NULL after an error. */
static void *frame_item(struct decoder *d, struct frame *f)
{
	void *item;

	if (f->array.n >= JSON_ITEMS_MAX) {
		(void)bad(d, "more than %d elements", JSON_ITEMS_MAX);
		return NULL;
	}
	item = frame_room(d, f);
	if (item)
		f->array.n++;
	return item;
}

/* A new element of a set of keys, with its key (both shapes begin with it). */
static void *frame_keyed_item(struct decoder *d, struct frame *f)
{
	char **item = frame_item(d, f);

	if (item)
		*item = f->key;
	return item;
}

/* Where does the value that comes now belong?  False after an error. */
static bool slot_next(struct decoder *d, struct slot *s)
{
	struct frame *f = top(d);
	struct pair *pair;

	memset(s, 0, sizeof(*s));
	s->field = f->field;
	s->table = f->table;
	switch (f->shape) {
	case SHAPE_ROOT:
	case SHAPE_STRUCT:
		if (!f->field)
			return true;
		s->kind = f->field->kind;
		s->table = f->field->sub;
		s->place = f->dst + f->field->offset;
		if (f->table)
			f->has |= (uint64_t)1 << (f->field - f->table->fields);
		return true;
	case SHAPE_STRINGS:
		s->kind = JSON_STRING;
		s->place = frame_item(d, f);
		return s->place;
	case SHAPE_U32S:
		s->kind = JSON_U32;
		s->place = frame_item(d, f);
		return s->place;
	case SHAPE_PAIRS:
		s->kind = JSON_STRING;

		pair = frame_keyed_item(d, f);
		if (!pair)
			return false;
		s->place = &pair->value;
		return true;
	case SHAPE_LIST:
		s->kind = JSON_INLINE;
		s->place = frame_item(d, f);
		return s->place;
	case SHAPE_LISTS:
		s->kind = JSON_OBJECTS;
		s->place = frame_item(d, f);
		return s->place;
	case SHAPE_MAP:
		s->kind = JSON_INLINE;
		s->place = frame_keyed_item(d, f);
		return s->place;
	}
	return false;
}

static int mismatch(struct decoder *d, const struct slot *s, const char *found)
{
	return bad(d, "expected %s, found %s", kind_words[s->kind], found);
}

/* --- scalars -------------------------------------------------------------- */

static int store_string(struct decoder *d, char **place, const char *s, size_t len)
{
	char *copy;

	if (memchr(s, '\0', len))
		return bad(d, "a string with a NUL character");
	copy = arena_strndup(d->arena, s, len);
	if (!copy)
		return no_memory(d);
	*place = copy;
	return 1;
}

/* The text of the value that ends where yajl stands. */
static int store_raw(struct decoder *d, char **place)
{
	size_t end = yajl_get_bytes_consumed(d->yajl);
	char *copy = NULL;

	if (end > d->value_at && end <= d->len)
		copy = arena_strndup(d->arena, d->text + d->value_at, end - d->value_at);
	if (!copy)
		return no_memory(d);
	*place = copy;
	return 1;
}

struct range {
	int64_t min;
	uint64_t max;
};

/* What the kind can hold; nothing for kinds that are no integers. */
static bool kind_range(enum json_kind kind, struct range *ret)
{
	static const struct range ranges[] = {
		[JSON_I32] = { INT32_MIN, INT32_MAX },	   [JSON_U32] = { 0, UINT32_MAX },
		[JSON_I64] = { INT64_MIN, INT64_MAX },	   [JSON_U64] = { 0, UINT64_MAX },
		[JSON_OPT_I64] = { INT64_MIN, INT64_MAX }, [JSON_OPT_U64] = { 0, UINT64_MAX },
	};

	if ((size_t)kind >= ARRAY_SIZE(ranges) || ranges[kind].max == 0)
		return false;
	*ret = ranges[kind];
	return true;
}

static bool number_fits(const struct json_number *n, const struct range *r)
{
	if (!n->negative || n->magnitude == 0)
		return n->magnitude <= r->max && (r->min <= 0 || n->magnitude >= (uint64_t)r->min);
	return r->min < 0 && n->magnitude <= (uint64_t) - (r->min + 1) + 1;
}

static void number_store(const struct slot *s, const struct json_number *n)
{
	uint64_t u = n->negative ? 0 - n->magnitude : n->magnitude;
	struct opt_u64 opt_u = { .has = true, .v = u };
	struct opt_i64 opt_i = { .has = true, .v = (int64_t)u };
	uint32_t u32 = (uint32_t)u;

	/* signed and unsigned of one width are stored alike */
	if (s->kind == JSON_I32 || s->kind == JSON_U32)
		memcpy(s->place, &u32, sizeof(u32));
	else if (s->kind == JSON_I64 || s->kind == JSON_U64)
		memcpy(s->place, &u, sizeof(u));
	else if (s->kind == JSON_OPT_I64)
		memcpy(s->place, &opt_i, sizeof(opt_i));
	else if (s->kind == JSON_OPT_U64)
		memcpy(s->place, &opt_u, sizeof(opt_u));
}

static int store_number(struct decoder *d, const struct slot *s, const char *text, size_t len)
{
	struct json_number n;
	struct range range;
	int shown = len < 40 ? (int)len : 40;
	int error;

	if (!kind_range(s->kind, &range))
		return mismatch(d, s, "a number");
	error = json_number_parse(text, len, &n);
	if (error == EINVAL)
		return bad(d, "expected %s, found %.*s", kind_words[s->kind], shown, text);
	if (s->field && s->field->max > 0) {
		range.min = s->field->min;
		range.max = (uint64_t)s->field->max;
	}
	if (error == ERANGE || !number_fits(&n, &range))
		return bad(d, "%.*s is out of range %lld..%llu", shown, text, (long long)range.min,
			   (unsigned long long)range.max);
	number_store(s, &n);
	return 1;
}

/* --- callbacks: values ---------------------------------------------------- */

static int on_null(void *ctx)
{
	struct decoder *d = ctx;
	struct frame *f = top(d);

	if (d->skip || f->shape == SHAPE_STRUCT || f->shape == SHAPE_PAIRS || f->shape == SHAPE_MAP)
		return 1;
	if (f->shape == SHAPE_ROOT)
		return bad(d, "expected %s, found null", kind_words[f->field->kind]);
	f->array.n++; /* so that the pointer names this element */
	return bad(d, "null in an array");
}

static int on_boolean(void *ctx, int value)
{
	struct decoder *d = ctx;
	struct opt_bool opt = { .has = true, .v = value != 0 };
	struct slot s;

	if (d->skip)
		return 1;
	if (!slot_next(d, &s))
		return 0;
	if (!s.place)
		return 1;
	if (s.kind == JSON_BOOL)
		*(bool *)s.place = opt.v;
	else if (s.kind == JSON_OPT_BOOL)
		memcpy(s.place, &opt, sizeof(opt));
	else if (s.kind == JSON_RAW)
		return store_raw(d, s.place);
	else if (s.stringify)
		return store_string(d, s.place, opt.v ? "true" : "false", opt.v ? 4 : 5);
	else
		return mismatch(d, &s, opt.v ? "true" : "false");
	return 1;
}

static int on_number(void *ctx, const char *text, size_t len)
{
	struct decoder *d = ctx;
	struct slot s;

	if (d->skip)
		return 1;
	if (!slot_next(d, &s))
		return 0;
	if (!s.place)
		return 1;
	if (s.kind == JSON_RAW)
		return store_raw(d, s.place);
	if (s.stringify)
		return store_string(d, s.place, text, len);
	return store_number(d, &s, text, len);
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
	struct decoder *d = ctx;
	struct slot s;

	if (d->skip)
		return 1;
	if (!slot_next(d, &s))
		return 0;
	if (!s.place)
		return 1;
	if (s.kind == JSON_RAW)
		return store_raw(d, s.place);
	if (s.kind != JSON_STRING)
		return mismatch(d, &s, "a string");
	return store_string(d, s.place, (const char *)text, len);
}

/* --- callbacks: containers ------------------------------------------------ */

static int push_struct(struct decoder *d, const struct slot *s)
{
	struct frame *f;

	assert(s->table && s->table->n <= JSON_FIELDS_MAX);
	f = frame_push(d, SHAPE_STRUCT, s);
	if (s->kind == JSON_OBJECT) {
		f->dst = arena_alloc(d->arena, s->table->size);
		if (!f->dst)
			return no_memory(d);
		memcpy(s->place, &f->dst, sizeof(f->dst));
	}
	return 1;
}

static int push_array(struct decoder *d, enum shape shape, const struct slot *s, size_t item_size)
{
	frame_push(d, shape, s)->item_size = item_size;
	return 1;
}

enum entry { ENTRY_BAD, ENTRY_SKIPPED, ENTRY_WANTED };

/* A container begins: is it wanted, and where? */
static enum entry enter(struct decoder *d, struct slot *s)
{
	if (d->depth - 1 + d->skip >= JSON_DEPTH_MAX) {
		(void)bad(d, "nested deeper than %d", JSON_DEPTH_MAX);
		return ENTRY_BAD;
	}
	if (!d->skip && !slot_next(d, s))
		return ENTRY_BAD;
	if (!d->skip && s->place && s->kind != JSON_RAW)
		return ENTRY_WANTED;
	if (d->skip++ == 0)
		d->raw = s->place;
	return ENTRY_SKIPPED;
}

static int on_start_map(void *ctx)
{
	struct decoder *d = ctx;
	struct slot s;
	enum entry entry = enter(d, &s);

	if (entry != ENTRY_WANTED)
		return entry == ENTRY_SKIPPED;
	if (s.kind == JSON_OBJECT || s.kind == JSON_INLINE)
		return push_struct(d, &s);
	if (s.kind == JSON_PAIRS)
		return push_array(d, SHAPE_PAIRS, &s, sizeof(struct pair));
	if (s.kind == JSON_MAP)
		return push_array(d, SHAPE_MAP, &s, s.table->size);
	return mismatch(d, &s, "an object");
}

static int on_start_array(void *ctx)
{
	struct decoder *d = ctx;
	struct slot s;
	enum entry entry = enter(d, &s);

	if (entry != ENTRY_WANTED)
		return entry == ENTRY_SKIPPED;
	if (s.kind == JSON_STRINGS)
		return push_array(d, SHAPE_STRINGS, &s, sizeof(char *));
	if (s.kind == JSON_U32S)
		return push_array(d, SHAPE_U32S, &s, sizeof(uint32_t));
	if (s.kind == JSON_OBJECTS)
		return push_array(d, SHAPE_LIST, &s, s.table->size);
	if (s.kind == JSON_LISTS)
		return push_array(d, SHAPE_LISTS, &s, sizeof(struct json_array));
	return mismatch(d, &s, "an array");
}

static const struct json_field *find_field(const struct json_table *table, const char *key,
					   size_t len)
{
	for (size_t i = 0; i < table->n; i++) {
		const char *name = table->fields[i].key;

		if (strlen(name) == len && memcmp(name, key, len) == 0)
			return &table->fields[i];
	}
	for (size_t i = 0; table->any_case && i < table->n; i++)
		if (strlen(table->fields[i].key) == len &&
		    strncasecmp(table->fields[i].key, key, len) == 0)
			return &table->fields[i];
	return NULL;
}

/* Remembers which field the next value is for. */
static int key_of_struct(struct decoder *d, struct frame *f, const char *key, size_t len)
{
	uint64_t bit;

	f->field = find_field(f->table, key, len);
	if (f->field) {
		bit = (uint64_t)1 << (f->field - f->table->fields);
		if (f->seen & bit)
			return bad(d, "appears twice");
		f->seen |= bit;
		return 1;
	}
	if (!f->table->strict)
		return 1;
	f->key = arena_strndup(d->arena, key, len);
	return f->key ? bad(d, "unknown field") : no_memory(d);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The offset behind the colon that follows the key where yajl stands. */
static size_t find_value(const struct decoder *d)
{
	size_t at = yajl_get_bytes_consumed(d->yajl);

	while (at < d->len && (d->text[at] == ':' || is_space(d->text[at])))
		at++;
	return at;
}

static int on_key(void *ctx, const unsigned char *key, size_t len)
{
	struct decoder *d = ctx;
	struct frame *f = top(d);

	if (d->skip)
		return 1;
	if (f->shape == SHAPE_STRUCT) {
		if (!key_of_struct(d, f, (const char *)key, len))
			return 0;
		if (f->field && f->field->kind == JSON_RAW)
			d->value_at = find_value(d);
		return 1;
	}
	f->key = NULL;
	return store_string(d, &f->key, (const char *)key, len);
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every element of a set begins with its key; by sorting, so that a hundred
 * thousand keys take no time. */
static int check_twins(struct decoder *d, struct frame *f)
{
	const char *v = f->array.v;
	char **keys;

	if (f->array.n < 2)
		return 1;
	keys = arena_array(d->arena, f->array.n, sizeof(*keys));
	if (!keys)
		return no_memory(d);
	for (size_t i = 0; i < f->array.n; i++)
		memcpy(&keys[i], v + i * f->item_size, sizeof(keys[i]));
	qsort(keys, f->array.n, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < f->array.n; i++) {
		if (strcmp(keys[i - 1], keys[i]) != 0)
			continue;
		f->key = keys[i];
		return bad(d, "appears twice");
	}
	return 1;
}

static int check_required(struct decoder *d, struct frame *f)
{
	for (size_t i = 0; i < f->table->n; i++) {
		if (!f->table->fields[i].required || (f->has & ((uint64_t)1 << i)))
			continue;
		f->field = &f->table->fields[i];
		return bad(d, "is required");
	}
	return 1;
}

static int skip_leave(struct decoder *d)
{
	char **raw = d->raw;

	if (--d->skip > 0 || !raw)
		return 1;
	d->raw = NULL;
	return store_raw(d, raw);
}

static int on_end_map(void *ctx)
{
	struct decoder *d = ctx;
	struct frame *f = top(d);

	if (d->skip)
		return skip_leave(d);
	if (f->shape == SHAPE_STRUCT) {
		if (!check_required(d, f))
			return 0;
	} else {
		if (!check_twins(d, f))
			return 0;
		memcpy(f->dst, &f->array, sizeof(f->array));
	}
	d->depth--;
	return 1;
}

static int on_end_array(void *ctx)
{
	struct decoder *d = ctx;
	struct frame *f = top(d);

	if (d->skip)
		return skip_leave(d);
	if (f->shape == SHAPE_STRINGS && !frame_room(d, f)) /* ends with NULL, also when empty */
		return 0;
	memcpy(f->dst, &f->array, sizeof(f->array));
	d->depth--;
	return 1;
}

/* --- the document --------------------------------------------------------- */

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_start_map,
	.yajl_map_key = on_key,
	.yajl_end_map = on_end_map,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end_array,
};

static void syntax_error(struct decoder *d, size_t at, const char *words)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < at && i < d->len; i++) {
		column++;
		if (d->text[i] == '\n') {
			line++;
			column = 1;
		}
	}
	err_set_(d->err, EINVAL, "%s: line %zu, column %zu: %.*s", d->name, line, column,
		 (int)strcspn(words, ".\n"), words);
}

/* yajl's own check lets overlong forms and surrogates pass. */
static bool is_utf8(struct decoder *d)
{
	const char *s = d->text, *end = s + d->len;

	while (s < end) {
		size_t n = json_utf8_length(s, (size_t)(end - s));

		if (n == 0) {
			syntax_error(d, (size_t)(s - d->text), "invalid UTF-8");
			return false;
		}
		s += n;
	}
	return true;
}

static void yajl_error(struct decoder *d, size_t at)
{
	unsigned char *words = yajl_get_error(d->yajl, 0, NULL, 0);

	syntax_error(d, at, words ? (const char *)words : "not JSON");
	if (words)
		yajl_free_error(d->yajl, words);
}

static int decode(struct decoder *d, const struct json_field *root, void *dst)
{
	size_t at = d->len;
	yajl_status status;

	d->frames[0] = (struct frame){ .shape = SHAPE_ROOT, .field = root, .dst = dst };
	d->depth = 1;
	if (!is_utf8(d))
		return -1;
	d->yajl = yajl_alloc(&callbacks, NULL, d);
	if (!d->yajl) {
		(void)no_memory(d);
		return -1;
	}
	(void)yajl_config(d->yajl, yajl_dont_validate_strings, 1);
	status = yajl_parse(d->yajl, (const unsigned char *)d->text, d->len);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(d->yajl);
	else
		at = yajl_get_bytes_consumed(d->yajl);
	if (status == yajl_status_error)
		yajl_error(d, at);
	yajl_free(d->yajl);
	return status == yajl_status_ok ? 0 : -1;
}

/* The document as a value of this kind, stored in *ret of `size` bytes. */
static int decode_root(struct decoder *d, enum json_kind kind, const struct json_table *table,
		       void *ret, size_t size)
{
	const struct json_field root = { .key = "", .kind = kind, .sub = table };

	memset(ret, 0, size);
	return decode(d, &root, ret);
}

#define DECODER                                                      \
 (struct decoder)                                                    \
 {                                                                   \
  .name = name, .text = text, .len = len, .arena = arena, .err = err \
 }

int json_decode(const char *name, const char *text, size_t len, const struct json_table *table,
		void *dst, struct arena *arena, struct err *err)
{
	struct decoder d = DECODER;

	return decode_root(&d, JSON_INLINE, table, dst, table->size);
}

int json_decode_array(const char *name, const char *text, size_t len,
		      const struct json_table *table, struct json_array *ret, struct arena *arena,
		      struct err *err)
{
	struct decoder d = DECODER;

	return decode_root(&d, JSON_OBJECTS, table, ret, sizeof(*ret));
}

int json_decode_lists(const char *name, const char *text, size_t len,
		      const struct json_table *table, struct json_array *ret, struct arena *arena,
		      struct err *err)
{
	struct decoder d = DECODER;

	return decode_root(&d, JSON_LISTS, table, ret, sizeof(*ret));
}
