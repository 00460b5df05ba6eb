/* SPDX-License-Identifier: Apache-2.0 */
/* json_split_test.c - the parts of a document as they are written */
#include "base/compiler.h"
#include "base/json.h"
#include "tests/unit/test.h"

#define ARENA_MAX ((size_t)1 << 20)

TEST(members_keep_their_own_text)
{
	static const char text[] =
		" { \"a\" : 1 , \"b\":\"x,}\\\"\",\"c\": [1, {\"d\":2}] ,\"e\":{ },"
		"\"f\\u0041\":null}";
	static const char *const want[][2] = {
		{ "a", "1" },	{ "b", "\"x,}\\\"\"" }, { "c", "[1, {\"d\":2}]" },
		{ "e", "{ }" }, { "f\\u0041", "null" },
	};
	CLEANUP(arena_release) struct arena arena;
	struct pairs got = { 0 };

	arena_init(&arena, ARENA_MAX);
	REQUIRE(json_split_object(text, sizeof(text) - 1, &arena, &got, NULL) == 0);
	REQUIRE(got.n == ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		CHECK_STR(got.v[i].key, want[i][0]);
		CHECK_STR(got.v[i].value, want[i][1]);
	}
}

TEST(elements_keep_their_own_text_and_end_with_null)
{
	static const char text[] = "[ \"]\" , [ ], {\"a\":[1,2]},-1.5e3,true ]";
	static const char *const want[] = { "\"]\"", "[ ]", "{\"a\":[1,2]}", "-1.5e3", "true" };
	CLEANUP(arena_release) struct arena arena;
	struct strings got = { 0 };

	arena_init(&arena, ARENA_MAX);
	REQUIRE(json_split_array(text, sizeof(text) - 1, &arena, &got, NULL) == 0);
	REQUIRE(got.n == ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		CHECK_STR(got.v[i], want[i]);
	CHECK(got.v[got.n] == NULL);
}

TEST(nothing_inside_is_no_error)
{
	CLEANUP(arena_release) struct arena arena;
	struct strings list = { 0 };
	struct pairs set = { 0 };

	arena_init(&arena, ARENA_MAX);
	CHECK_INT(json_split_array(" [ ] ", 5, &arena, &list, NULL), 0);
	CHECK_INT(list.n, 0);
	CHECK(list.v && !list.v[0]);
	CHECK_INT(json_split_object("{}", 2, &arena, &set, NULL), 0);
	CHECK_INT(set.n, 0);
}

TEST(what_is_none_or_is_cut_off_is_refused)
{
	static const char *const bad[] = { "",	    "1",	"[",	   "[1",       "[1 2]",
					   "{",	    "{\"a\"",	"{\"a\":", "{\"a\":1", "{\"a\" 1}",
					   "{a:1}", "{\"a\":}", "[,]",	   "[1,",      "{\"" };
	CLEANUP(arena_release) struct arena arena;
	struct strings list;
	struct pairs set;

	arena_init(&arena, ARENA_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = { 0 };

		CHECK_INT(json_split_array(bad[i], strlen(bad[i]), &arena, &list, &err), -1);
		CHECK_INT(json_split_object(bad[i], strlen(bad[i]), &arena, &set, &err), -1);
		CHECK(err.code != 0 && err.msg[0]);
	}
}
