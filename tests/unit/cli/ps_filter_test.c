/* SPDX-License-Identifier: Apache-2.0 */
/* ps_filter_test.c - the lines of ps(1) that belong to some processes */
#include <errno.h>

#include "runtime/cli/ps_filter.h"
#include "tests/unit/test.h"

static const pid_t pids[] = { 12, 400 };

static int filter(const char *table, struct buf *out, struct err *err)
{
	char text[512];

	buf_init(out);
	if (str_copy(text, sizeof(text), table) < 0)
		return -2;
	return ps_filter(text, pids, ARRAY_SIZE(pids), out, err);
}

TEST(only_lines_of_the_pids_are_kept)
{
	AUTO_BUF out;
	struct err err = { 0 };
	CHECK_INT(filter("UID   PID  PPID CMD\n"
			 "root    1     0 init 12\n"
			 "root   12     1 sh\n"
			 "me    400    12 sleep 1\n"
			 "me   4000   400 sleep 2\n",
			 &out, &err),
		  0);
	CHECK_STR(out.s, "UID   PID  PPID CMD\nroot   12     1 sh\nme    400    12 sleep 1\n");
}

TEST(the_column_is_found_by_its_header)
{
	AUTO_BUF out;
	struct err err = { 0 };
	CHECK_INT(filter(" SPID\tCMD PID\n 12 x 5\n 5 x 12\n short\n", &out, &err), 0);
	CHECK_STR(out.s, " SPID\tCMD PID\n 5 x 12\n");
}

TEST(a_table_without_the_column_is_an_error)
{
	AUTO_BUF out;
	struct err err = { 0 };
	CHECK_INT(filter("PPID CMD\n12 x\n", &out, &err), -1);
	CHECK_INT(err.code, EINVAL);
}

TEST(an_empty_table_is_an_error)
{
	AUTO_BUF out;
	struct err err = { 0 };
	CHECK_INT(filter("", &out, &err), -1);
}

TEST(words_that_are_no_pid_match_nothing)
{
	AUTO_BUF out;
	struct err err = { 0 };
	CHECK_INT(
		filter("PID\n12x\n-12\n999999999999999999999999999999\n4294967308\n12", &out, &err),
		0);
	CHECK_STR(out.s, "PID\n12\n");
}
