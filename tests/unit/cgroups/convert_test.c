/* SPDX-License-Identifier: Apache-2.0 */
/* convert_test.c - resources of config.json as v2 files, by table */
#include "cgroups/internal.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

static struct arena arena;

/* "file=text;file=text;" of what would be written, or the error's field. */
static const char *writes_of(const struct spec_resources *r)
{
	static char text[2048];
	static struct err err;
	struct cgroup_writes w = { 0 };
	size_t used = 0;

	err_clear(&err);
	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (cgroup_limits_make(r, &arena, &w, &err) < 0)
		return err.field;
	text[0] = '\0';
	for (size_t i = 0; i < w.n; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s=%s%s;", w.v[i].file,
					 w.v[i].text, w.v[i].may_lack ? "?" : "");
	return text;
}

static const char *memory(int64_t limit, int64_t swap, int64_t low)
{
	struct spec_memory m = { .limit = { limit != 0, limit },
				 .swap = { swap != 0, swap },
				 .reservation = { low != 0, low } };
	struct spec_resources r = { .memory = &m };

	return writes_of(&r);
}

TEST(cpu_shares_become_a_weight_by_the_exponent)
{
	static const struct {
		uint64_t shares, weight;
	} table[] = {
		{ 0, 1 },	  { 1, 1 },	     { 2, 1 },		{ 3, 2 },
		{ 4, 2 },	  { 10, 4 },	     { 64, 12 },	{ 100, 17 },
		{ 128, 21 },	  { 256, 35 },	     { 500, 58 },	{ 512, 59 },
		{ 1000, 99 },	  { 1023, 100 },     { 1024, 100 },	{ 1025, 101 },
		{ 2048, 174 },	  { 4096, 303 },     { 10000, 627 },	{ 65536, 3023 },
		{ 200000, 7899 }, { 262143, 10000 }, { 262144, 10000 }, { UINT64_MAX, 10000 }
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		CHECK_INT(limits_cpu_weight(table[i].shares), table[i].weight);
	for (uint64_t s = 2; s < 262144; s++)
		CHECK(limits_cpu_weight(s) <= limits_cpu_weight(s + 1));
}

TEST(memory_swap_is_counted_without_memory)
{
	CHECK_STR(memory(1000, 0, 0), "memory.max=1000;");
	CHECK_STR(memory(1000, 3000, 0), "memory.max=1000;memory.swap.max=2000;");
	CHECK_STR(memory(1000, 1000, 0), "memory.max=1000;memory.swap.max=0?;");
	CHECK_STR(memory(1000, -1, 500), "memory.max=1000;memory.swap.max=max?;memory.low=500;");
	CHECK_STR(memory(-1, 0, 0), "memory.max=max?;memory.swap.max=max?;");
	CHECK_STR(memory(-1, -1, 0), "memory.max=max?;memory.swap.max=max?;");
	CHECK_STR(memory(0, 1000, 0), "/linux/resources/memory/swap");
	CHECK_STR(memory(-1, 1000, 0), "/linux/resources/memory/swap");
	CHECK_STR(memory(2000, 1000, 0), "/linux/resources/memory/swap");
	CHECK_STR(memory(0, 0, -1), "memory.low=max?;");
}

TEST(what_v2_cannot_do_is_an_error_not_silence)
{
	struct spec_memory m = { .swappiness = { true, 60 } };
	struct spec_cpu c = { .realtimeRuntime = { true, 1 } };
	struct spec_network n = { .classID = { true, 7 } };
	struct spec_resources r = { .memory = &m };

	CHECK_STR(writes_of(&r), "/linux/resources/memory/swappiness");
	m = (struct spec_memory){ .disableOOMKiller = { true, true } };
	CHECK_STR(writes_of(&r), "/linux/resources/memory/disableOOMKiller");
	m = (struct spec_memory){ .disableOOMKiller = { true, false }, .kernel = { true, -1 } };
	CHECK_STR(writes_of(&r), "");
	r = (struct spec_resources){ .cpu = &c };
	CHECK_STR(writes_of(&r), "/linux/resources/cpu/realtimeRuntime");
	r = (struct spec_resources){ .network = &n };
	CHECK_STR(writes_of(&r), "/linux/resources/network/classID");
}

TEST(cpu_bandwidth_is_one_file)
{
	struct spec_cpu c = { .quota = { true, 50000 } };
	struct spec_resources r = { .cpu = &c };

	CHECK_STR(writes_of(&r), "cpu.max=50000;");
	c.period = (struct opt_u64){ true, 20000 };
	CHECK_STR(writes_of(&r), "cpu.max=50000 20000;");
	c.quota.v = -1;
	CHECK_STR(writes_of(&r), "cpu.max=max 20000?;");
	c = (struct spec_cpu){ .quota = { true, 0 }, .period = { true, 0 }, .shares = { true, 0 } };
	CHECK_STR(writes_of(&r), "");
	c = (struct spec_cpu){ .quota = { true, 100 }, .burst = { true, 50 } };
	CHECK_STR(writes_of(&r), "cpu.max.burst=50;cpu.max=100;");
	c = (struct spec_cpu){ .idle = { true, 1 }, .shares = { true, 1024 } };
	CHECK_STR(writes_of(&r), "cpu.idle=1;");
	c = (struct spec_cpu){ .shares = { true, 1024 },
			       .cpus = (char[]){ "0-3" },
			       .mems = (char[]){ "" } };
	CHECK_STR(writes_of(&r), "cpu.weight=100;cpuset.cpus=0-3;");
}

TEST(a_pids_limit_of_zero_is_a_limit)
{
	struct spec_pids p = { .limit = { true, 0 } };
	struct spec_resources r = { .pids = &p };

	CHECK_STR(writes_of(&r), "pids.max=0;");
	p.limit.v = -1;
	CHECK_STR(writes_of(&r), "pids.max=max?;");
	p.limit.v = 32;
	CHECK_STR(writes_of(&r), "pids.max=32;");
	p.limit.has = false;
	CHECK_STR(writes_of(&r), "");
}

TEST(block_io_weights_and_throttles)
{
	struct spec_throttle_device t[2] = { { 8, 0, 1048576 }, { 8, 16, 0 } };
	struct spec_weight_device d = { 8, 0, { true, 1000 }, { false, 0 } };
	struct spec_block_io b = { .weight = { true, 10 } };
	struct spec_resources r = { .blockIO = &b };
	struct cgroup_writes w = { 0 };

	b.weightDevice.v = &d;
	b.weightDevice.n = 1;
	b.throttleReadBpsDevice = (struct spec_throttles){ t, 2 };
	b.throttleWriteIOPSDevice = (struct spec_throttles){ t, 1 };
	CHECK_STR(writes_of(&r), "io.bfq.weight=10;io.bfq.weight=8:0 1000;io.max=8:0 rbps=1048576;"
				 "io.max=8:16 rbps=max?;io.max=8:0 wiops=1048576;");
	REQUIRE(cgroup_limits_make(&r, &arena, &w, NULL) == 0);
	CHECK_STR(w.v[0].else_file, "io.weight");
	CHECK_STR(w.v[0].else_text, "1");
	CHECK_STR(w.v[1].else_text, "8:0 10000");
	b = (struct spec_block_io){ .weight = { true, 5 } };
	CHECK_STR(writes_of(&r), "/linux/resources/blockIO/weight");
	b = (struct spec_block_io){ .leafWeight = { true, 500 } };
	CHECK_STR(writes_of(&r), "/linux/resources/blockIO/leafWeight");
}

TEST(huge_pages_and_rdma)
{
	struct spec_hugepage_limit h[2] = { { (char[]){ "2MB" }, 4194304 },
					    { (char[]){ "1GB" }, UINT64_MAX } };
	struct spec_rdma d = { (char[]){ "mlx5_1" }, { true, 3 }, { true, 10000 } };
	struct spec_resources r = { 0 };

	r.hugepageLimits.v = h;
	r.hugepageLimits.n = 2;
	CHECK_STR(writes_of(&r), "hugetlb.2MB.max=4194304;hugetlb.2MB.rsvd.max=4194304?;"
				 "hugetlb.1GB.max=max?;hugetlb.1GB.rsvd.max=max?;");
	h[0].pageSize = (char[]){ "../x" };
	CHECK_STR(writes_of(&r), "/linux/resources/hugepageLimits/0");
	r = (struct spec_resources){ .rdma = { .v = &d, .n = 1 } };
	CHECK_STR(writes_of(&r), "rdma.max=mlx5_1 hca_handle=3 hca_object=10000;");
}

TEST(unified_keys_are_files_of_controllers)
{
	static const char *const bad[] = { "../../cgroup.procs",
					   "memory.max/../x",
					   "cgroup.procs",
					   "cgroup.freeze",
					   "cgroup.kill",
					   "memory",
					   ".max",
					   "memory.",
					   "a..b",
					   "",
					   "memory.max\n",
					   "cgroup.threads" };
	struct pair one = { (char[]){ "memory.high" }, (char[]){ "1G" } };
	struct spec_resources r = { .unified = { .v = &one, .n = 1 } };

	CHECK_STR(writes_of(&r), "memory.high=1G;");
	one.value = (char[]){ "8:0 rbps=1\n8:16 wbps=2\n" };
	CHECK_STR(writes_of(&r), "memory.high=8:0 rbps=1;memory.high=8:16 wbps=2;");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char key[64];

		CHECK(snprintf(key, sizeof(key), "%s", bad[i]) < (int)sizeof(key));
		one.key = key;
		CHECK_STR(writes_of(&r), "/linux/resources/unified");
	}
}

TEST(old_values_are_found_again_for_a_rollback)
{
	static const struct {
		const char *file, *text, *old, *back;
	} table[] = {
		{ "memory.max", "5", "max\n", "max" },
		{ "cpu.max", "5 10", "max 100000\n", "max 100000" },
		{ "cpuset.cpus", "0", "\n", "\n" },
		{ "cpuset.cpus", "0", "", "\n" },
		{ "io.max", "8:0 rbps=1", "", "8:0 rbps=max wbps=max riops=max wiops=max" },
		{ "io.max", "8:0 rbps=1", "8:16 rbps=2 wbps=max\n8:0 rbps=3 wbps=max\n",
		  "8:0 rbps=3 wbps=max" },
		{ "io.weight", "50", "default 100\n8:0 50\n", "default 100" },
		{ "io.weight", "8:16 50", "default 100\n8:0 50\n", "8:16 default" },
		{ "rdma.max", "mlx5_1 hca_handle=1", "mlx5_1 hca_handle=max hca_object=2\n",
		  "mlx5_1 hca_handle=max hca_object=2" },
	};

	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		CHECK_STR(limits_old_text(&arena, table[i].file, table[i].text, table[i].old),
			  table[i].back);
}
