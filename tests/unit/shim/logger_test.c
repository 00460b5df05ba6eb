/* SPDX-License-Identifier: Apache-2.0 */
/* logger_test.c - the URL of a logger and what it is started with */
#include "runtime/shim/logger.h"

#include "tests/unit/test.h"

static struct arena arena;
static struct logger l;
static struct err err;

static int parse(const char *url)
{
	arena_release(&arena);
	arena_init(&arena, (size_t)1 << 20);
	err_clear(&err);
	return logger_parse(url, &arena, &l, &err);
}

TEST(the_path_alone)
{
	CHECK_INT(parse("binary:///usr/bin/logger"), 0);
	CHECK_STR(l.path, "/usr/bin/logger");
	CHECK_STR(l.argv[0], "/usr/bin/logger");
	CHECK(!l.argv[1] && !l.must_say);
	CHECK_INT(parse("binary-v2:///x#y"), 0);
	CHECK_STR(l.path, "/x");
	CHECK(l.must_say);
}

TEST(arguments_are_keys_and_values_in_their_order)
{
	CHECK_INT(parse("binary:///a%20b?k=v%2f+1&flag&&e=&%41=%zz"), 0);
	CHECK_STR(l.path, "/a b");
	CHECK_STR(l.argv[1], "k");
	CHECK_STR(l.argv[2], "v/ 1");
	CHECK_STR(l.argv[3], "flag");
	CHECK_STR(l.argv[4], "");
	CHECK_STR(l.argv[5], "e");
	CHECK_STR(l.argv[6], "");
	CHECK_STR(l.argv[7], "A");
	CHECK_STR(l.argv[8], "%zz");
	CHECK(!l.argv[9]);
}

TEST(a_nul_cannot_be_smuggled_in)
{
	CHECK_INT(parse("binary:///a%00b"), 0);
	CHECK_STR(l.path, "/a%00b");
}

TEST(what_is_no_absolute_path_is_refused)
{
	CHECK_INT(parse("binary://relative"), -1);
	CHECK_INT(parse("nothing"), -1);
	CHECK_INT(parse("binary://"), -1);
}

TEST(too_many_arguments_are_refused)
{
	char url[4096] = "binary:///x?";

	for (size_t n = strlen(url); n < 3000; n += 2)
		memcpy(url + n, "a&", 3);
	CHECK_INT(parse(url), -1);
}
