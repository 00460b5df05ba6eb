/* SPDX-License-Identifier: Apache-2.0 */
/* oom_test.c - the out-of-memory score */
#include "runtime/isolate/oom.h"

#include <errno.h>
#include <fcntl.h>

#include "base/file.h"
#include "tests/unit/test.h"

TEST(a_higher_score_is_written)
{
	char text[16];

	CHECK_INT(oom_apply(0, 998, NULL), 0);
	CHECK(file_read_line(AT_FDCWD, "/proc/self/oom_score_adj", text, sizeof(text)) > 0);
	CHECK_STR(text, "998");
	CHECK_INT(oom_apply(getpid(), 999, NULL), 0);
	CHECK(file_read_line(AT_FDCWD, "/proc/self/oom_score_adj", text, sizeof(text)) > 0);
	CHECK_STR(text, "999");
}

TEST(a_score_out_of_range_is_refused)
{
	struct err err = { 0 };

	CHECK_INT(oom_apply(0, 1001, &err), -1);
	CHECK_INT(err.code, ERANGE);
	CHECK_INT(oom_apply(0, -1001, &err), -1);
}
