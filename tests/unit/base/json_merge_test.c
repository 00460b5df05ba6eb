/* SPDX-License-Identifier: Apache-2.0 */
/* json_merge_test.c - one document changed by another */
#include "base/json.h"
#include "tests/unit/test.h"

static void check_merged(const char *base, const char *patch, const char *expected)
{
	struct err err = { 0 };
	struct arena arena;
	AUTO_BUF out;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	buf_init(&out);
	CHECK_INT(json_merge(base, patch, &arena, &out, &err), 0);
	CHECK_STR(out.s, expected);
	arena_release(&arena);
}

TEST(members_are_kept_replaced_and_added)
{
	check_merged("{}", "{}", "{}");
	check_merged("{\"a\": 1, \"b\": [1, 2]}", "{ \"b\": [3], \"c\": \"x\" }",
		     "{\"a\":1,\"b\":[3],\"c\":\"x\"}");
}

TEST(objects_are_merged_at_every_depth)
{
	check_merged("{\"memory\": {\"limit\": 1, \"swap\": 2}, \"unified\": {\"x\": \"1\"}}",
		     "{\"memory\": {\"limit\": 3}, \"unified\": {\"y\": \"2\"}}",
		     "{\"memory\":{\"limit\":3,\"swap\":2},\"unified\":{\"x\":\"1\",\"y\":\"2\"}}");
}

TEST(null_changes_nothing)
{
	check_merged("{\"a\":1,\"b\":{\"c\":2}}", "{\"a\":null,\"b\":{\"c\":null}}",
		     "{\"a\":1,\"b\":{\"c\":2}}");
}

TEST(an_object_replaces_what_is_none)
{
	check_merged("{\"a\":null,\"b\":5}", "{\"a\":{\"x\":1},\"b\":{}}",
		     "{\"a\":{\"x\":1},\"b\":{}}");
}

TEST(what_is_no_object_is_refused)
{
	struct err err = { 0 };
	struct arena arena;
	AUTO_BUF out;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	buf_init(&out);
	CHECK_INT(json_merge("{}", "[1]", &arena, &out, &err), -1);
	CHECK_INT(json_merge("{\"a\"}", "{}", &arena, &out, &err), -1);
	arena_release(&arena);
}
