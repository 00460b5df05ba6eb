/* SPDX-License-Identifier: Apache-2.0 */
/* host_test.c - our own group out of /proc/self/cgroup */
#include "cgroups/internal.h"

#include <string.h>

#include "tests/unit/test.h"

TEST(the_v2_line_is_found)
{
	char own[32];

	CHECK_INT(own_parse("0::/a/b\n", own, sizeof(own)), 0);
	CHECK_STR(own, "/a/b");
	CHECK_INT(own_parse("9:name=systemd:/x\n4:memory:/y\n0::/\n", own, sizeof(own)), 0);
	CHECK_STR(own, "/");
	CHECK_INT(own_parse("0::/no/newline", own, sizeof(own)), 0);
	CHECK_STR(own, "/no/newline");
}

TEST(what_is_no_place_of_ours_is_not_taken)
{
	char own[32];

	CHECK_INT(own_parse("", own, sizeof(own)), -1);
	CHECK_INT(own_parse("4:memory:/y\n", own, sizeof(own)), -1);
	CHECK_INT(own_parse("0::/../../other\n", own, sizeof(own)), -1);
	CHECK_INT(own_parse("0::/a/..\n", own, sizeof(own)), -1);
	CHECK_INT(own_parse("0::/a/..b\n", own, sizeof(own)), 0);
	CHECK_INT(own_parse("0::relative\n", own, sizeof(own)), -1);
	CHECK_INT(own_parse("0::/a/path/that/is/longer/than/the/space\n", own, sizeof(own)), -1);
}
