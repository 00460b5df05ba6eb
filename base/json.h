/* SPDX-License-Identifier: Apache-2.0 */
/* json.h - JSON by tables in, by calls out
 *
 * In: a document is decoded straight into zeroed C structs in an arena, driven
 * by tables of { key, kind, offset, sub-table }; no tree is built.  yajl
 * (json.c is its only user) does the lexing.
 * Invariants: unknown keys are skipped (with everything below them) unless the
 * table is strict; null is as if the key were absent; a duplicate of a key that
 * is decoded is an error (what is skipped isn't looked at); nesting deeper than JSON_DEPTH_MAX, a
 * document above the given size, an array above JSON_ITEMS_MAX are errors; an integer field takes
 * integers only (no fraction, no exponent) and checks its range; strings may not hold NUL, the
 * document no invalid UTF-8.  Errors name the document, the JSON pointer and the reason:
 *   config.json: /process/user/uid: expected an unsigned 32-bit integer, found a string
 * and err->field holds the pointer.
 */
#ifndef SKERRY_BASE_JSON_H
#define SKERRY_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define JSON_DEPTH_MAX	64
#define JSON_ITEMS_MAX	131072
#define JSON_FIELDS_MAX 64

/* Numbers that may be absent. */
struct opt_i64 {
	bool has;
	int64_t v;
};
struct opt_u64 {
	bool has;
	uint64_t v;
};
struct opt_bool {
	bool has;
	bool v;
};

/* Arrays: pointer and count. */
struct strings {
	char **v;
	size_t n;
}; /* v is also NULL-terminated */
struct pair {
	char *key, *value;
};
struct pairs {
	struct pair *v;
	size_t n;
}; /* an object of strings, document order */
struct u32s {
	uint32_t *v;
	size_t n;
};

enum json_kind {
	JSON_STRING, /* char *: NULL when absent */
	JSON_BOOL, /* bool */
	JSON_OPT_BOOL, /* struct opt_bool */
	JSON_I32,
	JSON_U32, /* int32_t, uint32_t */
	JSON_I64,
	JSON_U64, /* int64_t, uint64_t */
	JSON_OPT_I64,
	JSON_OPT_U64, /* struct opt_i64, struct opt_u64; *_OPT_I64 range by .min/.max when .max > 0 */
	JSON_STRINGS, /* struct strings */
	JSON_PAIRS, /* struct pairs */
	JSON_U32S, /* struct u32s */
	JSON_OBJECT, /* a pointer to a struct of sub->size: NULL when absent */
	JSON_INLINE, /* the struct itself, in place */
	JSON_OBJECTS, /* struct json_array of structs of sub->size */
	JSON_LISTS, /* an array of such arrays: struct json_array of struct json_array */
	/* an object of objects: struct json_array of structs of sub->size, the first member char
	 * *key */
	JSON_MAP,
	JSON_RAW, /* char *: the value's own text, verbatim */
};

/* Every typed array `struct { struct x *v; size_t n; }` has this shape. */
struct json_array {
	void *v;
	size_t n;
};

struct json_table;
struct json_field {
	const char *key;
	enum json_kind kind;
	bool required;
	size_t offset;
	const struct json_table *sub;
	int64_t min, max; /* range of an integer when max > 0 */
};
struct json_table {
	const struct json_field *fields;
	size_t n; /* at most JSON_FIELDS_MAX */
	size_t size; /* of the struct */
	bool strict; /* unknown keys are errors */
	bool any_case; /* a key that matches none as it is may match one in other letters, as in Go */
};

#define JSON_TABLE(type, list)                                  \
 {                                                              \
  .fields = (list), .n = ARRAY_SIZE(list), .size = sizeof(type) \
 }
#define JSON_FIELD(type, member, kind_, ...)                                       \
 {                                                                                 \
  .key = #member, .kind = (kind_), .offset = offsetof(type, member), ##__VA_ARGS__ \
 }
#define JSON_FIELD_AS(key_, type, member, kind_, ...)                             \
 {                                                                                \
  .key = (key_), .kind = (kind_), .offset = offsetof(type, member), ##__VA_ARGS__ \
 }

/* Decodes text into *dst (of table->size, zeroed by this call); what it points to belongs
 * to the arena.  name is for messages.  0 or -1. */
int json_decode(const char *name, const char *text, size_t len, const struct json_table *table,
		void *dst, struct arena *arena, struct err *err);

/* The same for a document that is an array of such objects: *ret is a struct json_array
 * (or one of its typed twins, passed through memcpy by the caller). */
int json_decode_array(const char *name, const char *text, size_t len,
		      const struct json_table *table, struct json_array *ret, struct arena *arena,
		      struct err *err);

/* The members of an object, the elements of an array, each as the text of its value (arena): for
 * what is passed on with keys that nobody here knows.  The text is one that was decoded before
 * (a JSON_RAW field); keys stay as they are written, escapes and all.  0 or -1. */
int json_split_object(const char *text, size_t len, struct arena *arena, struct pairs *ret,
		      struct err *err);
int json_split_array(const char *text, size_t len, struct arena *arena, struct strings *ret,
		     struct err *err);

/* The same for an array of arrays of such objects (JSON_LISTS). */
int json_decode_lists(const char *name, const char *text, size_t len,
		      const struct json_table *table, struct json_array *ret, struct arena *arena,
		      struct err *err);

/* Appends base with the members of patch in it: objects merge, other values replace, null changes
 * nothing.  Both are NUL-ended objects that json_decode() has taken; base that is none counts as
 * {}. */
int json_merge(const char *base, const char *patch, struct arena *arena, struct buf *ret,
	       struct err *err);

/* Out: a writer over a buf; indent 0 is compact, JSON_TABS indents by one tab, n > 0 by n
 * spaces; no "/" is escaped; invalid UTF-8 in a string is written as U+FFFD. */
#define JSON_TABS (-1)
struct json_out {
	struct buf *buf;
	int indent, depth;
	bool comma; /* internal */
	bool after_key; /* internal */
};
/* Bytes (1..4) of the UTF-8 sequence at text, of which size > 0 bytes can be read; 0: it is
 * none. */
size_t json_utf8_length(const char *text, size_t size);
void json_out_init(struct json_out *o, struct buf *buf, int indent);
void json_begin_object(struct json_out *o);
void json_end_object(struct json_out *o);
void json_begin_array(struct json_out *o);
void json_end_array(struct json_out *o);
void json_key(struct json_out *o, const char *key);
void json_string(struct json_out *o, const char *s); /* NULL writes null */
void json_int(struct json_out *o, int64_t v);
void json_uint(struct json_out *o, uint64_t v);
void json_double(struct json_out *o, double v);
void json_bool(struct json_out *o, bool v);
void json_null(struct json_out *o);
void json_raw(struct json_out *o, const char *text); /* must be valid JSON */
/* key and value in one call */
void json_kv_string(struct json_out *o, const char *key, const char *s);
void json_kv_int(struct json_out *o, const char *key, int64_t v);
void json_kv_uint(struct json_out *o, const char *key, uint64_t v);
void json_kv_bool(struct json_out *o, const char *key, bool v);

#endif
