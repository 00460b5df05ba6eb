/* SPDX-License-Identifier: Apache-2.0 */
/* wire_test.c - the protobuf wire format, byte by byte */
#include "base/wire.h"

#include <errno.h>

#include "base/json.h"
#include "tests/unit/test.h"

#define ARENA_SIZE ((size_t)1 << 20)

struct inner {
	int64_t seconds;
	int32_t nanos;
};
struct inners {
	struct inner *v;
	size_t n;
};
struct outer {
	bool flag;
	int32_t i32;
	uint32_t u32;
	int64_t i64;
	uint64_t u64;
	double d;
	char *text;
	struct wire_bytes bytes;
	struct inner *one;
	struct inners many;
	struct strings texts;
	struct wire_u64s numbers;
};

static const struct wire_field inner_fields[] = {
	WIRE_FIELD(1, struct inner, seconds, WIRE_I64),
	WIRE_FIELD(2, struct inner, nanos, WIRE_I32),
};
static const struct wire_table inner_table = WIRE_TABLE(struct inner, inner_fields);
static const struct wire_field outer_fields[] = {
	WIRE_FIELD(1, struct outer, flag, WIRE_BOOL),
	WIRE_FIELD(2, struct outer, i32, WIRE_I32),
	WIRE_FIELD(3, struct outer, u32, WIRE_U32),
	WIRE_FIELD(4, struct outer, i64, WIRE_I64),
	WIRE_FIELD(5, struct outer, u64, WIRE_U64),
	WIRE_FIELD(6, struct outer, d, WIRE_DOUBLE),
	WIRE_FIELD(7, struct outer, text, WIRE_STRING),
	WIRE_FIELD(8, struct outer, bytes, WIRE_BYTES),
	WIRE_FIELD(9, struct outer, one, WIRE_MESSAGE, .sub = &inner_table),
	WIRE_FIELD(10, struct outer, many, WIRE_MESSAGES, .sub = &inner_table),
	WIRE_FIELD(11, struct outer, texts, WIRE_STRINGS),
	WIRE_FIELD(300, struct outer, numbers, WIRE_U64S),
};
static const struct wire_table outer_table = WIRE_TABLE(struct outer, outer_fields);

static const char *encode(const struct outer *o)
{
	static char hex[2048];
	struct buf b;

	buf_init(&b);
	wire_encode(&outer_table, o, &b);
	hex[0] = '\0';
	for (size_t i = 0; i < b.len && i < 1000; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", (unsigned char)b.s[i]);
	CHECK_INT(b.len, wire_size(&outer_table, o));
	buf_release(&b);
	return hex;
}

static struct arena arena;
static struct err err;

static int decode(const char *hex, struct outer *o)
{
	static unsigned char bytes[1024];
	size_t n = 0;

	for (; hex[0] && hex[1]; hex += 2) {
		unsigned int byte;

		if (*hex == ' ')
			hex++;
		(void)sscanf(hex, "%2x", &byte);
		bytes[n++] = (unsigned char)byte;
	}
	arena_release(&arena);
	arena_init(&arena, ARENA_SIZE);
	err_clear(&err);
	return wire_decode(&outer_table, bytes, n, o, &arena, &err);
}

TEST(nothing_is_no_bytes)
{
	struct outer o;

	CHECK_STR(encode(&(struct outer){ 0 }), "");
	CHECK_INT(decode("", &o), 0);
	CHECK(!o.flag && o.i64 == 0 && !o.text && !o.one && o.many.n == 0);
}

TEST(scalars_are_written_as_protoc_does)
{
	CHECK_STR(encode(&(struct outer){ .flag = true, .i32 = 150, .u32 = 1, .u64 = 300 }),
		  "0801"
		  "109601"
		  "1801"
		  "28ac02");
	CHECK_STR(encode(&(struct outer){ .d = 1.5 }), "31000000000000f83f");
	CHECK_STR(encode(&(struct outer){ .u64 = UINT64_MAX }), "28ffffffffffffffffff01");
}

TEST(negative_numbers_take_ten_bytes)
{
	struct outer o;

	CHECK_STR(encode(&(struct outer){ .i32 = -4 }), "10fcffffffffffffffff01");
	CHECK_STR(encode(&(struct outer){ .i64 = -62135596800LL }), "208092b8c398feffffff01");
	CHECK_INT(decode("10fcffffffffffffffff01", &o), 0);
	CHECK_INT(o.i32, -4);
	CHECK_INT(decode("208092b8c398feffffff01", &o), 0);
	CHECK_INT(o.i64, -62135596800LL);
}

TEST(an_empty_message_that_is_there_is_written)
{
	CHECK_STR(encode(&(struct outer){ .one = &(struct inner){ 0 } }), "4a00");
	CHECK_STR(encode(&(struct outer){ .one = &(struct inner){ .nanos = 5 } }), "4a021005");
}

TEST(lists_are_written_and_read_back)
{
	struct inner many[] = { { .seconds = 1 }, { .nanos = 2 } };
	char *texts[] = { (char[]){ "a" }, (char[]){ "" } };
	uint64_t numbers[] = { 3, 270, 86942 };
	struct outer o = { .many = { many, 2 }, .texts = { texts, 2 }, .numbers = { numbers, 3 } };
	const char *hex = "52020801"
			  "52021002"
			  "5a0161"
			  "5a00"
			  "e21206038e029ea705";

	CHECK_STR(encode(&o), hex);
	CHECK_INT(decode(hex, &o), 0);
	REQUIRE(o.many.n == 2 && o.texts.n == 2 && o.numbers.n == 3);
	CHECK_INT(o.many.v[1].nanos, 2);
	CHECK_STR(o.texts.v[0], "a");
	CHECK_STR(o.texts.v[1], "");
	CHECK_INT(o.numbers.v[2], 86942);
}

TEST(many_items_grow_the_list)
{
	char hex[3 * 2 * 50 + 1];
	struct outer o;

	for (int i = 0; i < 50; i++)
		(void)snprintf(hex + 6 * i, 7, "5a01%02x", 'A' + i % 26);
	CHECK_INT(decode(hex, &o), 0);
	REQUIRE(o.texts.n == 50);
	CHECK_STR(o.texts.v[0], "A");
	CHECK_STR(o.texts.v[49], "X");
}

TEST(numbers_that_are_not_packed_are_taken_too)
{
	struct outer o;

	CHECK_INT(decode("e01205 e01206", &o), 0);
	REQUIRE(o.numbers.n == 2);
	CHECK_INT(o.numbers.v[1], 6);
}

TEST(the_last_scalar_counts_and_messages_are_merged)
{
	struct outer o;

	CHECK_INT(decode("1801 1802", &o), 0);
	CHECK_INT(o.u32, 2);
	CHECK_INT(decode("4a020801 4a021007", &o), 0);
	REQUIRE(o.one);
	CHECK_INT(o.one->seconds, 1);
	CHECK_INT(o.one->nanos, 7);
}

TEST(what_is_unknown_is_skipped)
{
	struct outer o;

	/* fields 100 varint, 101 fixed64, 102 bytes, 103 fixed32, then a known one */
	CHECK_INT(decode("a00601 a9060102030405060708 b206026161 bd0601020304 0801", &o), 0);
	CHECK(o.flag);
}

TEST(a_known_field_of_another_type_is_skipped)
{
	struct outer o;

	CHECK_INT(decode("3a0161 0a0161 3801", &o), 0);
	CHECK_STR(o.text, "a");
	CHECK(!o.flag);
}

TEST(bytes_point_into_the_message_and_may_hold_anything)
{
	struct outer o;

	CHECK_INT(decode("420400ff0001", &o), 0);
	REQUIRE(o.bytes.n == 4);
	CHECK(memcmp(o.bytes.v, "\0\xff\0\1", 4) == 0);
}

TEST(a_string_must_be_text)
{
	struct outer o;

	CHECK_INT(decode("3a01ff", &o), -1);
	CHECK_INT(err.code, EBADMSG);
	CHECK_INT(decode("3a0100", &o), -1);
	CHECK_INT(decode("3a02c3a9", &o), 0);
	CHECK_STR(o.text, "\xc3\xa9");
}

TEST(what_is_cut_short_is_refused)
{
	static const char *const bad[] = { "08",
					   "0880",
					   "3a",
					   "3a05616263",
					   "3100",
					   "4a0208",
					   "e212 02",
					   "0b",
					   "0c",
					   "00",
					   "e2120180",
					   "07",
					   "8080808080808080808001",
					   "08ffffffffffffffffffff" };
	struct outer o;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK_INT(decode(bad[i], &o), -1);
		CHECK(err.msg[0]);
	}
}

TEST(a_length_that_would_overflow_is_refused)
{
	struct outer o;

	CHECK_INT(decode("3affffffffffffffffff01", &o), -1);
	CHECK_INT(decode("3affffffff0f", &o), -1);
}

TEST(too_much_is_an_error)
{
	struct outer o;
	struct arena small;
	char bytes[3 * 100];

	for (size_t i = 0; i < sizeof(bytes); i += 3)
		memcpy(bytes + i, "\x5a\x01z", 3);
	arena_init(&small, 64);
	CHECK_INT(wire_decode(&outer_table, bytes, sizeof(bytes), &o, &small, &err), -1);
	CHECK_INT(err.code, ENOMEM);
	arena_release(&small);
}

TEST(a_zero_is_written_where_it_means_something)
{
	static const struct wire_field fields[] = {
		{ .number = 1, .kind = WIRE_I32, .keeps_zero = true },
		{ .number = 2, .kind = WIRE_I32, .offset = sizeof(int32_t) },
	};
	static const struct wire_table table = { fields, 2, 2 * sizeof(int32_t) };
	const int32_t zeros[2] = { 0, 0 };
	AUTO_BUF out;

	buf_init(&out);
	wire_encode(&table, zeros, &out);
	CHECK_INT(out.len, 2);
	CHECK_INT(out.len, wire_size(&table, zeros));
	CHECK(memcmp(out.s, "\x08\x00", 2) == 0);
}
