/* SPDX-License-Identifier: Apache-2.0 */
/* rdt_test.c - resctrl groups, in a directory that stands for the file system */
#include "runtime/isolate/rdt.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"
#include "tests/unit/test.h"

static char group[] = "gold", l3[] = "L3:0=f;1=f0\nMB:0=10", mb[] = "MB:0=50", slash[] = "/",
	    up[] = "../x", line[] = "L3:0=ff", nonsense[] = "no schema";

static int make(const struct spec_intel_rdt *s, struct arena *arena, struct rdt *r)
{
	arena_init(arena, ARENA_MAX_DEFAULT);
	return rdt_make(s, "c1", arena, r, NULL);
}

TEST(schemata_are_joined_and_bandwidth_decided_by_its_own_key)
{
	char *list[] = { line };
	struct spec_intel_rdt s = { .l3CacheSchema = l3,
				    .memBwSchema = mb,
				    .schemata = { list, 1 } };
	struct arena arena;
	struct rdt r;

	CHECK_INT(make(&s, &arena, &r), 0);
	CHECK_STR(r.schemata, "L3:0=f;1=f0\nMB:0=50\nL3:0=ff\n");
	CHECK_STR(r.group, "c1");
	CHECK(!r.must_exist);
	arena_release(&arena);
}

TEST(a_group_named_without_schema_must_be_there)
{
	struct spec_intel_rdt s = { .closID = group, .enableMonitoring = true };
	struct arena arena;
	struct rdt r;

	CHECK_INT(make(&s, &arena, &r), 0);
	CHECK(r.must_exist);
	CHECK_STR(r.group, "gold");
	CHECK_STR(r.monitor, "c1");
	arena_release(&arena);
	s.closID = slash;
	CHECK_INT(make(&s, &arena, &r), 0);
	CHECK_STR(r.group, "");
	arena_release(&arena);
	s.closID = up;
	CHECK_INT(make(&s, &arena, &r), -1);
	arena_release(&arena);
	s = (struct spec_intel_rdt){ .memBwSchema = nonsense };
	CHECK_INT(make(&s, &arena, &r), -1);
	arena_release(&arena);
	CHECK_INT(make(NULL, &arena, &r), 0);
	CHECK(!r.set);
	arena_release(&arena);
}

TEST(a_missing_group_is_an_error_and_nothing_is_made)
{
	char dir[64];
	struct rdt r = { .set = true, .group = "gold", .must_exist = true };
	struct rdt_made made;
	AUTO_FD root = -1;

	REQUIRE(str_copy(dir, sizeof(dir), "/tmp/skerry-rdt-XXXXXX") == 0);
	REQUIRE(mkdtemp(dir) != NULL);
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(rdt_apply(&r, root, 1, &made, NULL), -1);
	CHECK(!made.group && !made.monitor);
	CHECK_INT(rmdir(dir), 0);
}

TEST(what_was_made_is_reported_and_removed)
{
	char dir[64], path[128];
	struct stat st;
	struct rdt r = { .set = true, .group = "c1", .schemata = "MB:0=50\n" };
	struct rdt_made made;
	AUTO_FD root = -1;

	REQUIRE(str_copy(dir, sizeof(dir), "/tmp/skerry-rdt-XXXXXX") == 0);
	REQUIRE(mkdtemp(dir) != NULL);
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* no kernel behind it: the group gets no "schemata" */
	CHECK_INT(rdt_apply(&r, root, 1, &made, NULL), -1);
	CHECK(made.group);
	REQUIRE(str_format(path, sizeof(path), "%s/c1", dir) == 0);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(rdt_remove(&r, &made, root, NULL), 0);
	CHECK(stat(path, &st) < 0);
	CHECK_INT(rdt_remove(&r, &made, root, NULL), 0);
	CHECK_INT(rmdir(dir), 0);
}
