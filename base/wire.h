/* SPDX-License-Identifier: Apache-2.0 */
/* wire.h - the protobuf wire format by tables
 *
 * A message is a C struct and a table of { number, kind, offset, sub-table };
 * no code is generated and nothing is allocated per field but in the arena.
 * Invariants: unknown fields, and known ones of another wire type, are
 * skipped; the last of several scalars counts, several parts of one message
 * are merged (both as the protobuf encoding document asks); a string is valid
 * UTF-8 without NUL; what nests deeper than WIRE_DEPTH_MAX or repeats more
 * than WIRE_ITEMS_MAX times is an error.  Absent is zero, as in proto3: a
 * string is NULL, a message NULL, a list has n = 0; what is zero (or an empty
 * string) is not written.
 *
 * https://protobuf.dev/programming-guides/encoding/
 */
#ifndef SKERRY_BASE_WIRE_H
#define SKERRY_BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define WIRE_DEPTH_MAX 16
#define WIRE_ITEMS_MAX 65536

/* Borrowed: decoded bytes point into the message. */
struct wire_bytes {
	const void *v;
	size_t n;
};
struct wire_u64s {
	uint64_t *v;
	size_t n;
};

enum wire_kind {
	WIRE_BOOL, /* bool */
	WIRE_I32,
	WIRE_U32, /* int32_t, uint32_t; enums too */
	WIRE_I64,
	WIRE_U64, /* int64_t, uint64_t */
	WIRE_DOUBLE, /* double */
	WIRE_STRING, /* char *: copied, NUL-terminated */
	WIRE_BYTES, /* struct wire_bytes */
	WIRE_MESSAGE, /* pointer to a struct of sub->size */
	WIRE_MESSAGES, /* struct { struct x *v; size_t n; } of structs of sub->size */
	WIRE_STRINGS, /* struct { char **v; size_t n; } */
	WIRE_U64S, /* struct wire_u64s; written packed, read either way */
};

struct wire_table;
struct wire_field {
	uint32_t number;
	enum wire_kind kind;
	size_t offset;
	const struct wire_table *sub;
	bool keeps_zero; /* of a number: written when it is zero, too, which proto2 tells from absent */
};
struct wire_table {
	const struct wire_field *fields; /* by rising number: the order of writing */
	size_t n;
	size_t size; /* of the struct */
};

#define WIRE_TABLE(type, list)                                  \
 {                                                              \
  .fields = (list), .n = ARRAY_SIZE(list), .size = sizeof(type) \
 }
#define WIRE_FIELD(number_, type, member, kind_, ...)                                   \
 {                                                                                      \
  .number = (number_), .kind = (kind_), .offset = offsetof(type, member), ##__VA_ARGS__ \
 }

/* Decodes into *dst (of table->size, zeroed by this call); strings and lists belong to the arena.
 * 0, or -1 with EBADMSG (or ENOMEM). */
int wire_decode(const struct wire_table *table, const void *data, size_t len, void *dst,
		struct arena *arena, struct err *err);
/* Bytes that wire_encode() would append. */
size_t wire_size(const struct wire_table *table, const void *src);
/* Appends the message; failure is the buffer's (buf_failed()). */
void wire_encode(const struct wire_table *table, const void *src, struct buf *out);

#endif
