/* SPDX-License-Identifier: Apache-2.0 */
/* masks_test.c - the lists of masked and read-only paths */
#include <errno.h>

#include "tests/unit/isolate/mount_spec.h"
#include "tests/unit/test.h"

TEST(paths_are_clean_and_single)
{
	struct fixture f;

	fixture_init(&f);
	REQUIRE(made(&f, "'linux': {'maskedPaths': ['/a', '/b/', '//a', '/x/../b', '/c'], "
			 "'readonlyPaths': ['/r/.', '/r']}") == 0);
	REQUIRE(f.m.masked.n == 3);
	CHECK_STR(f.m.masked.v[0].path, "/a");
	CHECK_STR(f.m.masked.v[1].path, "/b");
	CHECK_STR(f.m.masked.v[2].path, "/c");
	REQUIRE(f.m.readonly.n == 1);
	CHECK_STR(f.m.readonly.v[0].path, "/r");
	fixture_release(&f);
}

TEST(a_relative_path_is_refused)
{
	struct fixture f;

	fixture_init(&f);
	CHECK_INT(made(&f, "'linux': {'maskedPaths': ['a']}"), -1);
	CHECK_STR(f.err.field, "/linux/maskedPaths");
	CHECK_INT(made(&f, "'linux': {'readonlyPaths': ['']}"), -1);
	CHECK_STR(f.err.field, "/linux/readonlyPaths");
	fixture_release(&f);
}

TEST(known_directories_are_marked)
{
	struct fixture f;

	fixture_init(&f);
	REQUIRE(made(&f, "'linux': {'maskedPaths': ['/proc/acpi', '/proc/kcore', '/sys/firmware', "
			 "'/sys/devices/system/cpu/cpu0/thermal_throttle']}") == 0);
	CHECK(f.m.masked.v[0].directory);
	CHECK(!f.m.masked.v[1].directory);
	CHECK(f.m.masked.v[2].directory);
	CHECK(f.m.masked.v[3].directory);
	fixture_release(&f);
}

TEST(paths_in_one_mount_follow_each_other_and_others_come_last)
{
	struct fixture f;

	fixture_init(&f);
	REQUIRE(made(&f,
		     "'mounts': [{'destination': '/proc', 'type': 'proc'}, "
		     "{'destination': '/sys', 'type': 'sysfs'}], "
		     "'linux': {'maskedPaths': ['/x', '/sys/firmware', '/proc/kcore', '/y', '/sys/b', "
		     "'/proc/acpi']}") == 0);
	REQUIRE(f.m.masked.n == 6);
	CHECK_STR(f.m.masked.v[0].path, "/proc/kcore");
	CHECK_STR(f.m.masked.v[1].path, "/proc/acpi");
	CHECK_STR(f.m.masked.v[2].path, "/sys/firmware");
	CHECK_STR(f.m.masked.v[2].relative, "firmware");
	CHECK_STR(f.m.masked.v[3].path, "/sys/b");
	CHECK_STR(f.m.masked.v[4].path, "/x");
	CHECK_STR(f.m.masked.v[5].path, "/y");
	CHECK_INT(f.m.masked.v[5].owner, -1);
	fixture_release(&f);
}
