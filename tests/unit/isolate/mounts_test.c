/* SPDX-License-Identifier: Apache-2.0 */
/* mounts_test.c - which mount lies in which, propagation, labels */
#include <errno.h>
#include <sys/mount.h>

#include "tests/unit/isolate/mount_spec.h"
#include "tests/unit/test.h"

#define PROC	"{'destination': '/proc', 'type': 'proc'}"
#define DEV	"{'destination': '/dev', 'type': 'tmpfs', 'options': ['mode=755']}"
#define PTS	"{'destination': '/dev/pts', 'type': 'devpts'}"
#define SYS	"{'destination': '/sys', 'type': 'sysfs'}"
#define CGROUP	"{'destination': '/sys/fs/cgroup', 'type': 'cgroup'}"
#define BIND(d) "{'destination': '" d "', 'source': '/s', 'options': ['rbind']}"

TEST(what_lies_in_a_fresh_mount_is_owned_by_it)
{
	struct fixture f;

	fixture_init(&f);
	REQUIRE(made(&f, "'mounts': [" PROC "," DEV "," PTS "," SYS "," CGROUP "]") == 0);
	CHECK_INT(f.m.v[0].owner, -1);
	CHECK_INT(f.m.v[2].owner, 1);
	CHECK_STR(f.m.v[2].relative, "pts");
	CHECK_INT(f.m.v[4].owner, 3);
	CHECK_STR(f.m.v[4].relative, "fs/cgroup");
	CHECK(f.m.v[1].staged);
	CHECK(f.m.v[3].staged);
	CHECK(!f.m.v[0].staged);
	CHECK(!f.m.v[2].staged);
	CHECK_INT(f.m.dev, 1);
	CHECK(f.m.own_dev);
	fixture_release(&f);
}

TEST(a_bind_in_between_breaks_ownership)
{
	struct fixture f;

	fixture_init(&f);
	REQUIRE(made(&f, "'mounts': [" DEV "," BIND("/dev") "," PTS "]") == 0);
	CHECK_INT(f.m.v[2].owner, -1);
	CHECK_INT(f.m.dev, -1);
	CHECK(!f.m.own_dev);
	REQUIRE(made(&f, "'mounts': [" DEV "," BIND("/") "," PTS "]") == 0);
	CHECK_INT(f.m.v[2].owner, -1);
	CHECK_INT(f.m.dev, -1);
	CHECK(f.m.own_dev);
	REQUIRE(made(&f, "'mounts': [" DEV "," BIND("/de") "," PTS "]") == 0);
	CHECK_INT(f.m.v[2].owner, 0);
	fixture_release(&f);
}

TEST(a_filled_or_deep_tmpfs_owns_nothing)
{
	struct fixture f;

	fixture_init(&f);
	REQUIRE(made(&f,
		     "'mounts': [{'destination': '/d', 'type': 'tmpfs', 'options': ['tmpcopyup']},"
		     "{'destination': '/d/e', 'type': 'tmpfs'},"
		     "{'destination': '/d/e/f/g', 'type': 'tmpfs'}]") == 0);
	CHECK_INT(f.m.v[1].owner, -1);
	CHECK_INT(f.m.v[2].owner, -1);
	CHECK(f.m.v[0].staged);
	CHECK(!f.m.v[1].staged);
	fixture_release(&f);
}

TEST(links_of_proc_are_not_trusted_as_names)
{
	struct fixture f;

	fixture_init(&f);
	REQUIRE(made(&f,
		     "'mounts': [" PROC "], 'linux': { 'maskedPaths': ['/proc/kcore', "
		     "'/proc/self/environ', '/proc/1/environ', '/proc/thread-self/x', '/etc/x', '/proc'] }") ==
		0);
	for (size_t i = 0; i < f.m.masked.n; i++) {
		const struct masked *p = &f.m.masked.v[i];

		CHECK_INT(p->owner, strcmp(p->path, "/proc/kcore") == 0 ? 0 : -1);
	}
	CHECK_INT(f.m.masked.n, 6);
	CHECK(f.m.v[0].staged);
	fixture_release(&f);
}

TEST(the_namespace_is_private_unless_somebody_listens)
{
	static const struct {
		const char *text;
		unsigned long host, root;
		bool shared;
	} tries[] = {
		{ "'mounts': []", MS_PRIVATE | MS_REC, 0, false },
		{ "'mounts': [" BIND("/a") "]", MS_PRIVATE | MS_REC, 0, false },
		{ "'mounts': [{'destination': '/a', 'source': '/s', 'options': ['bind', 'rslave']}]",
		  MS_SLAVE | MS_REC, 0, false },
		{ "'linux': {'rootfsPropagation': 'private'}", MS_PRIVATE | MS_REC, 0, false },
		{ "'linux': {'rootfsPropagation': 'rslave'}", MS_SLAVE | MS_REC, MS_SLAVE | MS_REC,
		  false },
		{ "'linux': {'rootfsPropagation': 'unbindable'}", MS_PRIVATE | MS_REC,
		  MS_UNBINDABLE, false },
		{ "'linux': {'rootfsPropagation': 'rshared'}", MS_SHARED | MS_REC,
		  MS_SHARED | MS_REC, true },
	};
	struct fixture f;

	fixture_init(&f);
	for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
		REQUIRE(made(&f, tries[i].text) == 0);
		CHECK_INT(f.m.host_propagation, tries[i].host);
		CHECK_INT(f.m.root_propagation, tries[i].root);
		CHECK_INT(f.m.root_maybe_shared, tries[i].shared);
	}
	CHECK_INT(made(&f, "'linux': {'rootfsPropagation': 'ro'}"), -1);
	CHECK_STR(f.err.field, "/linux/rootfsPropagation");
	fixture_release(&f);
}

TEST(nothing_is_staged_while_mounts_are_shared)
{
	struct fixture f;

	fixture_init(&f);
	REQUIRE(made(&f, "'mounts': [" PROC "," DEV "," PTS
			 "], 'linux': {'rootfsPropagation': 'shared', "
			 "'maskedPaths': ['/proc/kcore']}") == 0);
	for (size_t i = 0; i < f.m.n; i++) {
		CHECK(!f.m.v[i].staged);
		CHECK_INT(f.m.v[i].owner, -1);
	}
	CHECK_INT(f.m.masked.v[0].owner, -1);
	CHECK_INT(f.m.dev, -1);
	fixture_release(&f);
}

TEST(a_label_is_quoted_and_only_for_those_that_take_it)
{
	struct fixture f;

	fixture_init(&f);
	REQUIRE(made(&f, "'mounts': [" PROC "," DEV "," SYS "], "
			 "'linux': {'mountLabel': 's:o:t:s0:c1,c2'}") == 0);
	CHECK(f.m.v[0].data == NULL);
	CHECK_STR(f.m.v[1].data, "mode=755,context=\"s:o:t:s0:c1,c2\"");
	CHECK(f.m.v[2].data == NULL);
	REQUIRE(made(&f, "'mounts': [" DEV
			 "], 'annotations': {'run.oci.mount_context_type': 'rootcontext'}, "
			 "'linux': {'mountLabel': 'x'}") == 0);
	CHECK_STR(f.m.v[0].data, "mode=755,rootcontext=\"x\"");
	CHECK_INT(made(&f, "'annotations': {'run.oci.mount_context_type': 'no'}, "
			   "'linux': {'mountLabel': 'x'}"),
		  -1);
	CHECK_INT(made(&f, "'linux': {'mountLabel': 'x\\\"'}"), -1);
	fixture_release(&f);
}

TEST(the_notify_directory_is_bound_read_only)
{
	struct fixture f;

	fixture_init(&f);
	f.env.notify_dir = "/run/skerry/c/notify";
	REQUIRE(made(&f, "'mounts': [" PROC "]") == 0);
	REQUIRE(f.m.n == 2);
	CHECK_STR(f.m.v[1].dest, "/run/notify");
	CHECK_STR(f.m.v[1].source, "/run/skerry/c/notify");
	CHECK(f.m.v[1].attr_set & MOUNT_ATTR_RDONLY);
	CHECK(f.m.v[1].index == MOUNT_NOT_IN_SPEC);
	fixture_release(&f);
}

TEST(descriptors_find_their_entry)
{
	struct fixture f;
	size_t indexes[4];
	int fds[4];

	fixture_init(&f);
	REQUIRE(made(&f, "'mounts': [" PROC "," BIND("/a") "]") == 0);
	CHECK_INT(mounts_collect_fds(&f.m, fds, indexes, 4), 0);
	CHECK_INT(mounts_set_fd(&f.m, 1, 77), 0);
	CHECK_INT(mounts_set_fd(&f.m, MOUNT_NOT_IN_SPEC, 78), 0);
	CHECK_INT(mounts_set_fd(&f.m, 2, 79), -1);
	REQUIRE(mounts_collect_fds(&f.m, fds, indexes, 4) == 2);
	CHECK_INT(fds[0], 78);
	CHECK_INT(fds[1], 77);
	CHECK_INT(indexes[1], 1);
	CHECK_INT(mounts_collect_fds(&f.m, fds, indexes, 1), 1);
	fixture_release(&f);
}
