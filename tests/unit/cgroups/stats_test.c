/* SPDX-License-Identifier: Apache-2.0 */
/* stats_test.c - runc's events data from sample files of a group */
#include "cgroups/internal.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "tests/unit/test.h"

static const struct {
	const char *file, *text;
} samples[] = {
	{ "cpu.stat", "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnr_periods 4\n"
		      "nr_throttled 2\nthrottled_usec 7\n" },
	{ "cpu.pressure", "some avg10=1.50 avg60=0.25 avg300=0.00 total=99\n"
			  "full avg10=0.00 avg60=0.00 avg300=0.00 total=5\n" },
	{ "memory.current", "4096\n" },
	{ "memory.max", "max\n" },
	{ "memory.peak", "8192\n" },
	{ "memory.stat", "anon 10\nfile 20\n" },
	{ "memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 2\n" },
	{ "memory.swap.current", "100\n" },
	{ "memory.swap.max", "200\n" },
	{ "pids.current", "6\n" },
	{ "pids.max", "32\n" },
	{ "io.stat", "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n" },
	{ "hugetlb.2MB.current", "2097152\n" },
	{ "hugetlb.2MB.rsvd.current", "5\n" },
	{ "hugetlb.2MB.events", "max 1\n" },
	{ "cpuset.cpus.effective", "0-1,3\n" },
};

static const char expected[] =
	"{\"cpu\":{\"usage\":{\"total\":1500000,\"kernel\":500000,\"user\":1000000},"
	"\"throttling\":{\"periods\":4,\"throttledPeriods\":2,\"throttledTime\":7000},"
	"\"psi\":{\"some\":{\"avg10\":1.5,\"avg60\":0.25,\"avg300\":0,\"total\":99},"
	"\"full\":{\"avg10\":0,\"avg60\":0,\"avg300\":0,\"total\":5}}},"
	"\"cpuset\":{\"cpus\":[0,1,3],\"cpu_exclusive\":0,\"mem_hardwall\":0,\"mem_exclusive\":0,"
	"\"memory_migrate\":0,\"memory_spread_page\":0,\"memory_spread_slab\":0,"
	"\"memory_pressure\":0,\"sched_load_balance\":0,\"sched_relax_domain_level\":0},"
	"\"memory\":{\"cache\":20,"
	"\"usage\":{\"limit\":18446744073709551615,\"usage\":4096,\"max\":8192,\"failcnt\":3},"
	"\"swap\":{\"limit\":18446744073709551615,\"usage\":4196,\"failcnt\":0},"
	"\"kernel\":{\"limit\":0,\"failcnt\":0},\"kernelTCP\":{\"limit\":0,\"failcnt\":0},"
	"\"raw\":{\"anon\":10,\"file\":20}},"
	"\"pids\":{\"current\":6,\"limit\":32},"
	"\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":8,\"op\":\"Read\",\"value\":10},"
	"{\"major\":8,\"op\":\"Write\",\"value\":20}],"
	"\"ioServicedRecursive\":[{\"major\":8,\"op\":\"Read\",\"value\":1},"
	"{\"major\":8,\"op\":\"Write\",\"value\":2}]},"
	"\"hugetlb\":{\"2MB\":{\"usage\":2097152,\"failcnt\":1}},"
	"\"intel_rdt\":{},\"network_interfaces\":null}";

static void stats_of(int dir, struct buf *out)
{
	struct cgroup g = { .fd = dir, .top = dir, .hold = -1 };
	struct json_out o;

	buf_init(out);
	json_out_init(&o, out, 0);
	CHECK_INT(cgroup_stats_write(&g, 0, &o, NULL), 0);
}

TEST(sample_files_give_runcs_document)
{
	char dir[] = "/tmp/skerry-stats-XXXXXX";
	AUTO_FD fd = -1;
	AUTO_BUF text;

	buf_init(&text);
	REQUIRE(mkdtemp(dir) != NULL);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		REQUIRE(file_replace(fd, samples[i].file, samples[i].text, strlen(samples[i].text),
				     0600) == 0);
	stats_of(fd, &text);
	CHECK_STR(text.s, expected);
	CHECK_INT(cgroup_oom_kills(&(struct cgroup){ .fd = fd, .top = fd }), 2);
	CHECK_INT(file_remove_tree(AT_FDCWD, dir), 0);
}

TEST(a_group_without_controllers_has_zeros)
{
	char dir[] = "/tmp/skerry-stats-XXXXXX";
	AUTO_FD fd = -1;
	AUTO_BUF text;

	buf_init(&text);
	REQUIRE(mkdtemp(dir) != NULL);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	stats_of(fd, &text);
	CHECK(strstr(text.s, "\"pids\":{}") != NULL);
	CHECK(strstr(text.s, "\"hugetlb\":{}") != NULL);
	CHECK(strstr(text.s, "psi") == NULL);
	CHECK_INT(cgroup_oom_kills(&(struct cgroup){ .fd = fd, .top = fd }), -1);
	CHECK_INT(file_remove_tree(AT_FDCWD, dir), 0);
}
