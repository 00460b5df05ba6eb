/* SPDX-License-Identifier: Apache-2.0 */
/* rlimits_test.c - resource limits */
#include "runtime/isolate/rlimits.h"

#include <sys/resource.h>

#include "tests/unit/test.h"

static char nofile[] = "RLIMIT_NOFILE", core[] = "RLIMIT_CORE", bad[] = "RLIMIT_NONSENSE";

static int make(struct spec_rlimit *v, size_t n, struct rlimits *r, struct err *err)
{
	struct spec_process p = { .rlimits = { v, n } };

	return rlimits_make(&p, "/process", r, err);
}

TEST(limits_keep_their_order_and_values)
{
	struct spec_rlimit v[] = { { core, 10, 5 }, { nofile, UINT64_MAX, 0 } };
	struct rlimits r;

	CHECK_INT(make(v, 2, &r, NULL), 0);
	CHECK_INT(r.n, 2);
	CHECK_INT(r.v[0].resource, RLIMIT_CORE);
	CHECK_INT(r.v[0].hard, 10);
	CHECK_INT(r.v[0].soft, 5);
	CHECK(r.v[1].hard == UINT64_MAX);
}

TEST(unknown_double_and_crossed_limits_are_refused)
{
	struct spec_rlimit unknown[] = { { bad, 1, 1 } };
	struct spec_rlimit twice[] = { { core, 1, 1 }, { core, 1, 1 } };
	struct spec_rlimit crossed[] = { { core, 1, 2 } };
	struct rlimits r;
	struct err err = { 0 };

	CHECK_INT(make(unknown, 1, &r, &err), -1);
	CHECK_STR(err.field, "/process/rlimits/0");
	CHECK_INT(make(twice, 2, &r, &err), -1);
	CHECK_STR(err.field, "/process/rlimits/1");
	CHECK_INT(make(crossed, 1, &r, &err), -1);
}

TEST(a_limit_is_set)
{
	struct spec_rlimit v[] = { { core, 0, 0 } };
	struct rlimits r;
	struct rlimit now;

	CHECK_INT(make(v, 1, &r, NULL), 0);
	CHECK_INT(rlimits_apply(&r, 0, NULL), 0);
	CHECK_INT(getrlimit(RLIMIT_CORE, &now), 0);
	CHECK_INT(now.rlim_max, 0);
}
