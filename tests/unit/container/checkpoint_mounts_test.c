/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint_mounts_test.c - which mounts come from outside */
#include <errno.h>

#include "runtime/container/checkpoint.h"
#include "tests/unit/test.h"

static const char table[] =
	"100 90 254:1 /srv/rootfs / rw,relatime - ext4 /dev/vda rw\n"
	"101 100 0:50 / /proc rw,nosuid - proc proc rw\n"
	"102 100 0:51 / /dev rw - tmpfs tmpfs rw,mode=755\n"
	"103 102 0:52 / /dev/pts rw - devpts devpts rw\n"
	"104 102 0:52 /0 /dev/console rw - devpts devpts rw\n"
	"105 100 254:1 /srv/data\\040x /data\\040x rw master:1 - ext4 /dev/vda rw\n"
	"106 101 0:6 /null /proc/kcore rw - devtmpfs udev rw\n"
	"107 101 0:50 /sys /proc/sys ro - proc proc rw\n"
	"108 100 0:23 /lock /run/lock rw - tmpfs tmpfs rw\n"
	"109 100 0:27 /c1 /sys/fs/cgroup ro - cgroup2 cgroup rw\n"
	"110 102 0:6 /zero /dev/zero rw - devtmpfs udev rw\n";

TEST(binds_of_outside_are_external_and_nothing_else)
{
	CLEANUP(arena_release) struct arena a;
	struct external_mounts m;

	arena_init(&a, 1 << 20);
	REQUIRE(checkpoint_mounts(table, strlen(table), &a, &m, NULL) == 0);
	REQUIRE(m.n == 4);
	CHECK_STR(m.v[0].key, "/data x");
	CHECK_STR(m.v[0].val, "/data x");
	CHECK_STR(m.v[1].key, "/proc/kcore");
	CHECK_STR(m.v[1].val, "/dev/null");
	CHECK_STR(m.v[2].key, "/run/lock");
	CHECK_STR(m.v[3].key, "/dev/zero");
}

TEST(a_broken_line_is_an_error)
{
	static const char *const bad[] = { "1 2 3\n", "x 1 0:1 / / rw - t s o\n",
					   "1 1 0:1 / / rw master:1\n",
					   "1 1 0:1 / rel rw - t s\n" };
	CLEANUP(arena_release) struct arena a;
	struct external_mounts m;
	struct err err = { 0 };

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK_INT(checkpoint_mounts(bad[i], strlen(bad[i]), &a, &m, &err), -1);
		CHECK_INT(err.code, EBADMSG);
	}
}

TEST(a_mount_is_found_by_its_number)
{
	CHECK(checkpoint_has_mount(table, strlen(table), 110));
	CHECK(checkpoint_has_mount(table, strlen(table), 100));
	CHECK(!checkpoint_has_mount(table, strlen(table), 10));
	CHECK(!checkpoint_has_mount("", 0, 1));
}

TEST(a_file_system_in_memory_is_whole_and_mounted_once_or_read_only)
{
	static const char more[] = "1 0 0:1 / / rw - tmpfs root rw\n"
				   "2 1 0:2 / /dev/shm rw - tmpfs shm rw,size=64k\n"
				   "3 1 0:3 / /twice rw - tmpfs x rw\n"
				   "4 1 0:3 / /also rw - tmpfs x rw\n"
				   "5 1 0:4 /part /part rw - tmpfs x rw\n"
				   "6 1 0:5 / /over rw - tmpfs x rw\n"
				   "7 6 0:6 / /over rw - tmpfs x rw\n"
				   "8 1 0:7 / /mask1 ro - tmpfs x ro,size=4k\n"
				   "9 1 0:7 / /mask2 ro - tmpfs x ro,size=4k\n"
				   "10 1 0:8 / /bad1 ro - tmpfs x ro\n"
				   "11 1 0:8 /part /bad2 ro - tmpfs x ro\n";
	CLEANUP(arena_release) struct arena a;
	struct tmpfs_mounts m;

	arena_init(&a, 1 << 20);
	REQUIRE(checkpoint_tmpfs(more, strlen(more), &a, &m, NULL) == 0);
	REQUIRE(m.n == 3);
	CHECK_STR(m.v[0].target, "/dev/shm");
	CHECK_STR(m.v[0].source, "shm");
	CHECK_STR(m.v[0].options, "rw,size=64k");
	CHECK(!m.v[0].shared);
	CHECK_STR(m.v[1].target, "/mask1");
	CHECK_STR(m.v[2].target, "/mask2");
	CHECK_STR(m.v[2].device, "0:7");
	CHECK(m.v[1].shared && m.v[2].shared);
}
