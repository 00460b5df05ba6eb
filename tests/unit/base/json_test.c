/* SPDX-License-Identifier: Apache-2.0 */
/* json_test.c - decoding documents into structs */
#include "base/json.h"

#include <errno.h>
#include <stdio.h>

#include "tests/unit/test.h"

struct item {
	char *name;
	uint32_t size;
};
struct entry {
	char *key;
	int32_t weight;
};
struct doc {
	char *text, *raw;
	bool flag;
	struct opt_bool maybe;
	int32_t i32;
	uint32_t u32;
	int64_t i64;
	uint64_t u64;
	struct opt_i64 opt_i64;
	struct opt_u64 opt_u64;
	struct strings words;
	struct pairs labels;
	struct u32s ids;
	struct item *object;
	struct item in_place;
	struct {
		struct item *v;
		size_t n;
	} items;
	struct {
		struct entry *v;
		size_t n;
	} map;
	uint32_t small;
};

static const struct json_field item_fields[] = {
	JSON_FIELD(struct item, name, JSON_STRING, .required = true),
	JSON_FIELD(struct item, size, JSON_U32),
};
static const struct json_table item_table = JSON_TABLE(struct item, item_fields);
static const struct json_field entry_fields[] = {
	JSON_FIELD(struct entry, weight, JSON_I32),
};
static const struct json_table entry_table = JSON_TABLE(struct entry, entry_fields);
static const struct json_field doc_fields[] = {
	JSON_FIELD(struct doc, text, JSON_STRING),
	JSON_FIELD(struct doc, raw, JSON_RAW),
	JSON_FIELD(struct doc, flag, JSON_BOOL),
	JSON_FIELD(struct doc, maybe, JSON_OPT_BOOL),
	JSON_FIELD(struct doc, i32, JSON_I32),
	JSON_FIELD(struct doc, u32, JSON_U32),
	JSON_FIELD(struct doc, i64, JSON_I64),
	JSON_FIELD(struct doc, u64, JSON_U64),
	JSON_FIELD(struct doc, opt_i64, JSON_OPT_I64, .min = -1, .max = 100),
	JSON_FIELD(struct doc, opt_u64, JSON_OPT_U64),
	JSON_FIELD(struct doc, words, JSON_STRINGS),
	JSON_FIELD(struct doc, labels, JSON_PAIRS),
	JSON_FIELD(struct doc, ids, JSON_U32S, .max = 4294967294),
	JSON_FIELD(struct doc, object, JSON_OBJECT, .sub = &item_table),
	JSON_FIELD(struct doc, in_place, JSON_INLINE, .sub = &item_table),
	JSON_FIELD(struct doc, items, JSON_OBJECTS, .sub = &item_table),
	JSON_FIELD(struct doc, map, JSON_MAP, .sub = &entry_table),
	JSON_FIELD_AS("five", struct doc, small, JSON_U32, .min = 1, .max = 5),
};
static const struct json_table doc_table = JSON_TABLE(struct doc, doc_fields);
static const struct json_table strict_table = {
	.fields = item_fields,
	.n = ARRAY_SIZE(item_fields),
	.size = sizeof(struct item),
	.strict = true,
};

static struct arena arena;
static struct err err;

/* Decodes text with ' for "; what it points to lives until the next call. */
static int decode(const char *text, struct doc *doc)
{
	static char json[4096];

	(void)snprintf(json, sizeof(json), "%s", text);
	for (char *s = json; *s; s++)
		if (*s == '\'')
			*s = '"';
	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	err_clear(&err);
	return json_decode("doc", json, strlen(json), &doc_table, doc, &arena, &err);
}

/* The message for a text that can't be decoded. */
static const char *refuse(const char *text)
{
	struct doc doc;

	return decode(text, &doc) < 0 ? err.msg : "accepted";
}

TEST(every_kind_lands_in_its_member)
{
	struct doc d;

	REQUIRE(decode("{'text':'a\\u00e9\\n','flag':true,'maybe':false,'i32':-7,'u32':7,"
		       "'i64':-9223372036854775808,'u64':18446744073709551615,'opt_i64':-1,"
		       "'opt_u64':0,'words':['x','y'],'labels':{'a':'1','b':'2.50','c':'true'},"
		       "'ids':[1,4294967294],'object':{'name':'o','size':3},"
		       "'in_place':{'name':'i'},'items':[{'name':'p'},{'name':'q','size':9}],"
		       "'map':{'m':{'weight':-3}},'five':5}",
		       &d) == 0);
	CHECK_STR(d.text, "a\xc3\xa9\n");
	CHECK(d.flag);
	CHECK(d.maybe.has && !d.maybe.v);
	CHECK_INT(d.i32, -7);
	CHECK_INT(d.u32, 7);
	CHECK(d.i64 == INT64_MIN);
	CHECK(d.u64 == UINT64_MAX);
	CHECK(d.opt_i64.has && d.opt_i64.v == -1);
	CHECK(d.opt_u64.has && d.opt_u64.v == 0);
	CHECK_INT(d.words.n, 2);
	CHECK_STR(d.words.v[1], "y");
	CHECK(!d.words.v[2]);
	CHECK_INT(d.labels.n, 3);
	CHECK_STR(d.labels.v[0].key, "a");
	CHECK_STR(d.labels.v[1].value, "2.50");
	CHECK_STR(d.labels.v[2].value, "true");
	CHECK_INT(d.ids.n, 2);
	CHECK_INT(d.ids.v[1], 4294967294);
	CHECK_STR(d.object->name, "o");
	CHECK_INT(d.object->size, 3);
	CHECK_STR(d.in_place.name, "i");
	CHECK_INT(d.items.n, 2);
	CHECK_INT(d.items.v[1].size, 9);
	CHECK_INT(d.map.n, 1);
	CHECK_STR(d.map.v[0].key, "m");
	CHECK_INT(d.map.v[0].weight, -3);
	CHECK_INT(d.small, 5);
}

TEST(the_values_of_labels_are_strings_only)
{
	CHECK_STR(refuse("{'labels':{'b':2.50}}"),
		  "doc: /labels/b: expected a string, found a number");
	CHECK_STR(refuse("{'labels':{'b':true}}"), "doc: /labels/b: expected a string, found true");
}

TEST(an_absent_or_null_member_stays_zero)
{
	struct doc d;

	REQUIRE(decode("{'text':null,'words':null,'object':null,'opt_u64':null,'map':{'a':null}}",
		       &d) == 0);
	CHECK(!d.text);
	CHECK(!d.words.v);
	CHECK(!d.object);
	CHECK(!d.opt_u64.has);
	CHECK_INT(d.map.n, 0);
	CHECK(!d.maybe.has);
}

TEST(an_empty_list_of_strings_is_there_and_ends_with_null)
{
	struct doc d;

	REQUIRE(decode("{'words':[]}", &d) == 0);
	CHECK_INT(d.words.n, 0);
	REQUIRE(d.words.v);
	CHECK(!d.words.v[0]);
}

TEST(lists_grow_beyond_their_first_room)
{
	char text[4096] = "{'words':[";
	size_t n = strlen(text);
	struct doc d;

	for (int i = 0; i < 64; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s'w%d'", i ? "," : "", i);
	(void)snprintf(text + n, sizeof(text) - n, "]}");
	REQUIRE(decode(text, &d) == 0);
	CHECK_INT(d.words.n, 64);
	CHECK_STR(d.words.v[0], "w0");
	CHECK_STR(d.words.v[63], "w63");
	CHECK(!d.words.v[64]);
}

TEST(unknown_members_are_skipped_with_all_below)
{
	struct doc d;

	REQUIRE(decode("{'x':{'text':[1,{'text':2}]},'text':'t','y':[[],{}],'z':1e400}", &d) == 0);
	CHECK_STR(d.text, "t");
}

TEST(a_strict_table_refuses_unknown_members)
{
	const char text[] = "{\"name\":\"n\",\"colour\":1}";
	struct item item;

	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	CHECK_INT(json_decode("doc", text, strlen(text), &strict_table, &item, &arena, &err), -1);
	CHECK_STR(err.msg, "doc: /colour: unknown field");
}

TEST(raw_values_keep_their_own_text)
{
	struct doc d;

	REQUIRE(decode("{'raw' : {'a': [1, 2 ]} ,'u32':1}", &d) == 0);
	CHECK_STR(d.raw, "{\"a\": [1, 2 ]}");
	CHECK_INT(d.u32, 1);
	REQUIRE(decode("{'raw':'s\\n'}", &d) == 0);
	CHECK_STR(d.raw, "\"s\\n\"");
	REQUIRE(decode("{'raw': -1.50e3}", &d) == 0);
	CHECK_STR(d.raw, "-1.50e3");
	REQUIRE(decode("{'raw':null}", &d) == 0);
	CHECK(!d.raw);
}

TEST(errors_name_the_document_the_place_and_the_reason)
{
	CHECK_STR(refuse("{'u32':'1'}"),
		  "doc: /u32: expected an unsigned 32-bit integer, found a string");
	CHECK_STR(err.field, "/u32");
	CHECK_INT(err.code, EINVAL);
	CHECK_STR(refuse("{'items':[{'name':'a'},{'name':'b','size':-1}]}"),
		  "doc: /items/1/size: -1 is out of range 0..4294967295");
	CHECK_STR(refuse("{'words':['a',2]}"), "doc: /words/1: expected a string, found a number");
	CHECK_STR(refuse("{'map':{'a/b~c':{'weight':true}}}"),
		  "doc: /map/a~1b~0c/weight: expected a 32-bit integer, found true");
	CHECK_STR(refuse("{'labels':{'k':[]}}"),
		  "doc: /labels/k: expected a string, found an array");
	CHECK_STR(refuse("{'object':[]}"), "doc: /object: expected an object, found an array");
	CHECK_STR(refuse("{'ids':[null]}"), "doc: /ids/0: null in an array");
}

TEST(the_document_itself_must_be_an_object)
{
	CHECK_STR(refuse("[]"), "doc: expected an object, found an array");
	CHECK_STR(refuse("null"), "doc: expected an object, found null");
	CHECK_STR(refuse("1"), "doc: expected an object, found a number");
}

TEST(what_is_no_json_is_refused_with_line_and_column)
{
	static const char *const texts[] = {
		"",
		"{",
		"{'text':'a'}}",
		"{'text':'a',}",
		"{'text' 'a'}",
		"{'u32':01}",
		"{'u32':+1}",
		"{'u32':0x1}",
		"{'text':'\t'}",
		"{'flag':True}",
		"{'text':'\\x'}",
		"{'ids':[1",
		"{'text':\"a}",
		"// c\n{}",
		"{} {}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		CHECK(strstr(refuse(texts[i]), "doc: line "));
	CHECK(str_starts(refuse("{\n  'u32': ?"), "doc: line 2, column "));
}

TEST(integers_outside_their_range_are_refused)
{
	CHECK_STR(refuse("{'u32':4294967296}"),
		  "doc: /u32: 4294967296 is out of range 0..4294967295");
	CHECK(str_starts(refuse("{'i32':2147483648}"), "doc: /i32: 2147483648 is out of"));
	CHECK(str_starts(refuse("{'i32':-2147483649}"), "doc: /i32: -2147483649 is out of"));
	CHECK(str_starts(refuse("{'u64':18446744073709551616}"), "doc: /u64: 18446744073709"));
	CHECK(str_starts(refuse("{'i64':9223372036854775808}"), "doc: /i64: 92233720368547"));
	CHECK(str_starts(refuse("{'opt_i64':-2}"), "doc: /opt_i64: -2 is out of range -1..100"));
	CHECK(str_starts(refuse("{'opt_i64':101}"), "doc: /opt_i64: 101 is out of range"));
	CHECK(str_starts(refuse("{'five':0}"), "doc: /five: 0 is out of range 1..5"));
	CHECK(str_starts(refuse("{'ids':[4294967295]}"), "doc: /ids/0: 4294967295 is out of"));
	CHECK(str_starts(refuse("{'i64':-9223372036854775809}"), "doc: /i64: -922337203685"));
}

TEST(fractions_and_exponents_are_no_integers)
{
	CHECK_STR(refuse("{'u32':1.0}"),
		  "doc: /u32: expected an unsigned 32-bit integer, found 1.0");
	CHECK_STR(refuse("{'i64':1e3}"), "doc: /i64: expected an integer, found 1e3");
}

TEST(a_key_may_appear_only_once)
{
	CHECK_STR(refuse("{'u32':1,'u32':1}"), "doc: /u32: appears twice");
	CHECK_STR(refuse("{'u32':null,'u32':1}"), "doc: /u32: appears twice");
	CHECK_STR(refuse("{'labels':{'a':'1','b':'2','a':'3'}}"), "doc: /labels/a: appears twice");
	CHECK_STR(refuse("{'map':{'a':{},'a':{}}}"), "doc: /map/a: appears twice");
}

TEST(a_twin_among_many_keys_is_found)
{
	char text[4096] = "{'labels':{";
	size_t n = strlen(text);
	struct doc d;

	for (int i = 0; i < 40; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "'k%d':'',", i);
	(void)snprintf(text + n, sizeof(text) - n, "'k40':''}}");
	CHECK_INT(decode(text, &d), 0);
	(void)snprintf(text + n, sizeof(text) - n, "'k7':''}}");
	CHECK_STR(refuse(text), "doc: /labels/k7: appears twice");
}

TEST(a_required_member_must_be_there)
{
	CHECK_STR(refuse("{'items':[{}]}"), "doc: /items/0/name: is required");
	CHECK_STR(refuse("{'object':{'name':null}}"), "doc: /object/name: is required");
}

TEST(strings_and_keys_hold_no_nul)
{
	CHECK_STR(refuse("{'text':'a\\u0000b'}"), "doc: /text: a string with a NUL character");
	CHECK(strstr(refuse("{'labels':{'a\\u0000b':'x'}}"), "NUL character"));
	/* no field is met by a longer key with a NUL in it */
	CHECK_STR(refuse("{'u32\\u0000x':'y'}"), "accepted");
}

TEST(invalid_utf_8_is_refused)
{
	CHECK(strstr(refuse("{'text':'\xff'}"), "doc: line 1"));
	CHECK(strstr(refuse("{'text':'\xc0\x80'}"), "doc: line 1"));
	CHECK(strstr(refuse("{'text':'\xe2\x82'}"), "doc: line 1"));
}

TEST(nesting_has_a_limit_also_where_it_is_skipped)
{
	char text[JSON_DEPTH_MAX * 2 + 32] = "{'x':";
	size_t n = strlen(text);
	struct doc d;

	memset(text + n, '[', JSON_DEPTH_MAX);
	CHECK(strstr(refuse(text), "nested deeper than 64"));
	memset(text + n + JSON_DEPTH_MAX - 1, ']', JSON_DEPTH_MAX - 1);
	text[n + 2 * ((size_t)JSON_DEPTH_MAX - 1)] = '}';
	CHECK_INT(decode(text, &d), 0);
}

/* Decodes { key: [first, item, item, ...] } of n elements in an arena of so much memory. */
static int decode_list(const char *key, const char *item, size_t n, size_t memory)
{
	AUTO_BUF b;
	struct doc d;
	int ret;

	buf_init(&b);
	buf_printf(&b, "{\"%s\":[%s", key, item);
	for (size_t i = 1; i < n; i++)
		buf_printf(&b, ",%s", item);
	buf_puts(&b, "]}");
	arena_release(&arena);
	arena_init(&arena, memory);
	err_clear(&err);
	ret = json_decode("doc", b.s, b.len, &doc_table, &d, &arena, &err);
	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	return ret;
}

TEST(a_document_that_needs_too_much_memory_is_refused)
{
	CHECK_INT(decode_list("words", "\"\"", 100000, 1 << 20), -1);
	CHECK_INT(err.code, ENOMEM);
	CHECK_INT(decode_list("words", "\"\"", 100000, ARENA_MAX_DEFAULT), 0);
}

TEST(a_list_has_a_limit)
{
	CHECK_INT(decode_list("ids", "0", JSON_ITEMS_MAX, ARENA_MAX_DEFAULT), 0);
	CHECK_INT(decode_list("ids", "0", JSON_ITEMS_MAX + 1, ARENA_MAX_DEFAULT), -1);
	CHECK_STR(err.msg, "doc: /ids/131071: more than 131072 elements");
}

TEST(a_document_may_be_an_array_of_objects)
{
	const char text[] = "[{\"name\":\"a\"},{\"name\":\"b\",\"size\":2}]", bad[] = "[{}]";
	struct json_array list;
	const struct item *v;

	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(json_decode_array("doc", text, strlen(text), &item_table, &list, &arena, &err) ==
		0);
	v = list.v;
	CHECK_INT(list.n, 2);
	CHECK_STR(v[0].name, "a");
	CHECK_INT(v[1].size, 2);
	CHECK_INT(json_decode_array("doc", bad, strlen(bad), &item_table, &list, &arena, &err), -1);
	CHECK_STR(err.field, "/0/name");
	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
}

TEST(a_document_may_be_an_array_of_arrays)
{
	static const char text[] = "[[{\"name\":\"a\"},{\"name\":\"b\"}],[],[{\"name\":\"c\"}]]";
	struct json_array lists = { 0 };
	const struct json_array *inner;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	err_clear(&err);
	CHECK_INT(json_decode_lists("x", text, strlen(text), &item_table, &lists, &arena, &err), 0);
	REQUIRE(lists.n == 3);
	inner = lists.v;
	CHECK_INT(inner[0].n, 2);
	CHECK_STR(((const struct item *)inner[0].v)[1].name, "b");
	CHECK_INT(inner[1].n, 0);
	CHECK_STR(((const struct item *)inner[2].v)[0].name, "c");
	CHECK_INT(json_decode_lists("x", "[{}]", 4, &item_table, &lists, &arena, &err), -1);
	CHECK_STR(err.msg, "x: /0: expected an array of objects, found an object");
	arena_release(&arena);
}

TEST(letters_may_differ_where_the_table_allows_it)
{
	static const struct json_table loose = {
		.fields = item_fields,
		.n = ARRAY_SIZE(item_fields),
		.size = sizeof(struct item),
		.any_case = true,
	};
	static const char text[] = "{\"Name\":\"x\",\"SIZE\":3}";
	struct item item;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	err_clear(&err);
	CHECK_INT(json_decode("x", text, strlen(text), &loose, &item, &arena, &err), 0);
	CHECK_STR(item.name, "x");
	CHECK_INT(item.size, 3);
	CHECK_INT(json_decode("x", text, strlen(text), &item_table, &item, &arena, &err), -1);
	arena_release(&arena);
}

TEST(a_null_error_is_allowed)
{
	struct doc d;

	CHECK_INT(json_decode("doc", "[]", 2, &doc_table, &d, &arena, NULL), -1);
	CHECK_INT(json_decode("doc", "?", 1, &doc_table, &d, &arena, NULL), -1);
}
