/* SPDX-License-Identifier: Apache-2.0 */
/* resources_test.c - limits of a command line as JSON */
#include <errno.h>

#include "runtime/cli/resources.h"
#include "tests/unit/test.h"

static void check_json(const struct resource_options *o, const char *expected)
{
	AUTO_BUF out;
	struct err err = { 0 };

	buf_init(&out);
	CHECK_INT(resources_format(o, &out, &err), 0);
	CHECK_STR(out.s, expected);
}

static void check_refused(const struct resource_options *o, const char *message)
{
	AUTO_BUF out;
	struct err err = { 0 };

	buf_init(&out);
	CHECK_INT(resources_format(o, &out, &err), -1);
	CHECK_INT(err.code, EINVAL);
	CHECK_STR(err.msg, message);
}

TEST(nothing_given_is_an_empty_object)
{
	const struct resource_options o = { 0 };
	check_json(&o, "{}");
	CHECK(!resources_given(&o));
}

TEST(limits_go_where_the_runtime_spec_wants_them)
{
	const struct resource_options o = {
		.memory = "512m",
		.memory_reservation = "1k",
		.memory_swap = "1g",
		.cpu_shares = "100",
		.cpu_quota = "-1",
		.cpu_period = "100000",
		.cpu_burst = "5",
		.cpu_idle = "1",
		.cpu_rt_runtime = "7",
		.cpu_rt_period = "8",
		.cpuset_cpus = "0-3,7",
		.cpuset_mems = "0",
		.pids_limit = "-1",
		.blkio_weight = "500",
	};
	check_json(&o,
		   "{\"memory\":{\"limit\":536870912,\"reservation\":1024,\"swap\":1073741824},"
		   "\"cpu\":{\"shares\":100,\"quota\":-1,\"burst\":5,\"period\":100000,"
		   "\"realtimeRuntime\":7,\"realtimePeriod\":8,\"cpus\":\"0-3,7\",\"mems\":\"0\","
		   "\"idle\":1},\"pids\":{\"limit\":-1},\"blockIO\":{\"weight\":500}}");
	CHECK(resources_given(&o));
}

TEST(no_memory_limit_lifts_the_one_on_swap)
{
	const struct resource_options alone = { .memory = "-1" };
	check_json(&alone, "{\"memory\":{\"limit\":-1,\"swap\":-1}}");
	const struct resource_options both = { .memory = "-1", .memory_swap = "5" };
	check_json(&both, "{\"memory\":{\"limit\":-1,\"swap\":5}}");
}

TEST(what_the_spec_has_no_field_for_is_unified)
{
	char *pairs[] = { (char[]){ "io.max=8:0 rbps=1" }, (char[]){ "a=b=c" }, NULL };
	const struct resource_options o = {
		.cpu_weight = "50",
		.io_weight = "200",
		.memory_high = "max",
		.memory_low = "1k",
		.memory_min = "-1",
		.memory_zswap = "0",
		.unified = { .v = pairs, .n = 2 },
	};
	check_json(&o, "{\"unified\":{\"cpu.weight\":\"50\",\"io.weight\":\"200\","
		       "\"memory.high\":\"max\",\"memory.low\":\"1024\",\"memory.min\":\"max\","
		       "\"memory.zswap.max\":\"0\",\"io.max\":\"8:0 rbps=1\",\"a\":\"b=c\"}}");
	const struct resource_options only = { .memory = "1",
					       .unified = { .v = pairs + 1, .n = 1 } };
	check_json(&only, "{\"memory\":{\"limit\":1},\"unified\":{\"a\":\"b=c\"}}");
}

TEST(what_is_no_number_is_refused_by_the_name_of_its_option)
{
	const struct resource_options memory = { .memory = "lots" };
	check_refused(&memory, "invalid value \"lots\" for --memory");
	const struct resource_options shares = { .cpu_shares = "-5" };
	check_refused(&shares, "invalid value \"-5\" for --cpu-share");
	const struct resource_options pids = { .pids_limit = "" };
	check_refused(&pids, "invalid value \"\" for --pids-limit");
	const struct resource_options weight = { .cpu_weight = "1 2" };
	check_refused(&weight, "invalid value \"1 2\" for --cpu-weight");
	const struct resource_options limit = { .memory = "max" };
	check_refused(&limit, "invalid value \"max\" for --memory");
}

TEST(a_unified_value_needs_a_key)
{
	char *pairs[] = { (char[]){ "memory.high" }, NULL };
	const struct resource_options none = { .unified = { .v = pairs, .n = 1 } };
	check_refused(&none, "invalid value \"memory.high\" for --unified: not KEY=VALUE");
	char *empty[] = { (char[]){ "=1" }, NULL };
	const struct resource_options no_key = { .unified = { .v = empty, .n = 1 } };
	check_refused(&no_key, "invalid value \"=1\" for --unified: not KEY=VALUE");
}

TEST(text_can_not_break_out_of_its_string)
{
	const struct resource_options o = { .cpuset_cpus = "0\",\"x\":\"\\" };
	check_json(&o, "{\"cpu\":{\"cpus\":\"0\\\",\\\"x\\\":\\\"\\\\\"}}");
}
