/* SPDX-License-Identifier: Apache-2.0 */
/* files_test.c - the texts of cgroup files */
#include "cgroups/internal.h"

#include <string.h>

#include "tests/unit/test.h"

TEST(numbers_and_max)
{
	uint64_t v = 7;

	CHECK_INT(group_parse_number("123\n", &v), 0);
	CHECK(v == 123);
	CHECK_INT(group_parse_number("max 100000\n", &v), 0);
	CHECK(v == UINT64_MAX);
	CHECK_INT(group_parse_number("18446744073709551615", &v), 0);
	CHECK(v == UINT64_MAX);
	v = 7;
	CHECK_INT(group_parse_number("18446744073709551616", &v), -1);
	CHECK_INT(group_parse_number("", &v), -1);
	CHECK_INT(group_parse_number("-1", &v), -1);
	CHECK_INT(group_parse_number("maximum", &v), -1);
	CHECK(v == 7);
}

TEST(keys_are_whole_words_at_line_starts)
{
	static const char text[] = "low 1\nhigh 2\noom 3\noom_kill 4\n";
	uint64_t v = 0;

	CHECK_INT(group_parse_key(text, "oom", &v), 0);
	CHECK(v == 3);
	CHECK_INT(group_parse_key(text, "oom_kill", &v), 0);
	CHECK(v == 4);
	CHECK_INT(group_parse_key(text, "kill", &v), -1);
	CHECK_INT(group_parse_key(text, "hig", &v), -1);
	CHECK_INT(group_parse_key("", "low", &v), -1);
}

TEST(controllers_are_whole_words)
{
	CHECK(group_parse_word("cpuset cpu io\n", "cpu"));
	CHECK(group_parse_word("cpuset cpu io\n", "io"));
	CHECK(!group_parse_word("cpuset io\n", "cpu"));
	CHECK(!group_parse_word("", "cpu"));
}
