/* SPDX-License-Identifier: Apache-2.0 */
/* mount_entry_test.c - options, destinations and what may be mounted where */
#include <errno.h>
#include <sys/mount.h>

#include "tests/unit/isolate/mount_spec.h"
#include "tests/unit/test.h"

/* One mount with these members; its entry, or NULL. */
static const struct mount_entry *one(struct fixture *f, const char *members)
{
	char text[CONFIG_MAX];

	(void)snprintf(text, sizeof(text), "'mounts': [ { %s } ]", members);
	return made(f, text) < 0 ? NULL : &f->m.v[0];
}

TEST(a_destination_is_cleaned)
{
	static const char *const paths[][2] = {
		{ "/", "/" },
		{ "", "/" },
		{ "a", "/a" },
		{ "//a///b/", "/a/b" },
		{ "/a/./b/.", "/a/b" },
		{ "/a/../b", "/b" },
		{ "/..", "/" },
		{ "/../../a", "/a" },
		{ "/a/b/../../..", "/" },
		{ "/a/..b", "/a/..b" },
		{ "/a/...", "/a/..." },
		{ "/.a", "/.a" },
	};
	struct fixture f;

	fixture_init(&f);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		CHECK_STR(mount_clean_path(paths[i][0], &f.arena), paths[i][1]);
	fixture_release(&f);
}

TEST(options_become_flags_and_data)
{
	struct fixture f;
	const struct mount_entry *e;

	fixture_init(&f);
	e = one(&f, "'destination': '/t', 'type': 'tmpfs', 'source': 'x', 'options': ['nosuid', "
		    "'noexec', 'exec', 'size=1k', 'strictatime', 'mode=755', 'defaults']");
	REQUIRE(e);
	CHECK_INT(e->kind, MOUNT_FS);
	CHECK_INT(e->flags, MS_NOSUID | MS_STRICTATIME);
	CHECK_STR(e->data, "size=1k,mode=755");
	CHECK(!e->keep_mode);
	CHECK(!e->late_readonly);
	CHECK_INT(e->index, 0);
	e = one(&f, "'destination': '/t', 'type': 'tmpfs', 'options': ['ro']");
	REQUIRE(e);
	CHECK_INT(e->flags, 0);
	CHECK(e->late_readonly);
	CHECK(e->keep_mode);
	CHECK(e->data == NULL);
	e = one(&f, "'destination': '/m', 'type': 'mqueue', 'options': ['ro']");
	REQUIRE(e);
	CHECK_INT(e->flags, MS_RDONLY);
	CHECK(!e->keep_mode);
	fixture_release(&f);
}

TEST(a_bind_gets_attributes)
{
	struct fixture f;
	const struct mount_entry *e;

	fixture_init(&f);
	e = one(&f, "'destination': '/t', 'source': 'src', 'options': ['rbind', 'ro', 'suid', "
		    "'noatime', 'rslave', 'shared']");
	REQUIRE(e);
	CHECK_INT(e->kind, MOUNT_BIND);
	CHECK(e->recursive);
	CHECK_STR(e->source, "/b/src");
	CHECK_INT(e->attr_set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME);
	CHECK_INT(e->attr_clr, MOUNT_ATTR_NOSUID | MOUNT_ATTR__ATIME);
	CHECK_INT(e->n_propagation, 2);
	CHECK_INT(e->propagation[0], MS_SLAVE | MS_REC);
	CHECK_INT(e->propagation[1], MS_SHARED);
	e = one(&f, "'destination': '/t', 'type': 'bind', 'source': '/s', 'options': ['rro', "
		    "'rnoatime', 'rrw', 'rnodev']");
	REQUIRE(e);
	CHECK(!e->recursive);
	CHECK_INT(e->rec_set, MOUNT_ATTR_NOATIME | MOUNT_ATTR_NODEV);
	CHECK_INT(e->rec_clr, MOUNT_ATTR_RDONLY | MOUNT_ATTR__ATIME);
	CHECK_INT(e->attr_set, 0);
	fixture_release(&f);
}

TEST(special_options_are_remembered)
{
	struct fixture f;
	const struct mount_entry *e;

	fixture_init(&f);
	e = one(&f, "'destination': '/t', 'type': 'tmpfs', 'options': ['tmpcopyup']");
	REQUIRE(e);
	CHECK(e->tmpcopyup);
	CHECK(!e->fresh);
	e = one(&f, "'destination': '/t', 'source': '/s', 'options': ['bind', 'copy-symlink', "
		    "'src-nofollow', 'dest-nofollow']");
	REQUIRE(e);
	CHECK(e->copy_symlink && e->src_nofollow && e->dest_nofollow);
	CHECK(one(&f, "'destination': '/t', 'type': 'proc', 'options': ['tmpcopyup']") == NULL);
	fixture_release(&f);
}

TEST(a_remount_is_one)
{
	struct fixture f;
	const struct mount_entry *e;

	fixture_init(&f);
	e = one(&f, "'destination': '/t', 'options': ['remount', 'bind', 'ro']");
	REQUIRE(e);
	CHECK_INT(e->kind, MOUNT_REMOUNT);
	CHECK(e->flags & MS_BIND);
	CHECK_INT(e->attr_set, MOUNT_ATTR_RDONLY);
	fixture_release(&f);
}

TEST(what_makes_no_sense_is_refused)
{
	static const char *const bad[] = {
		"'destination': '/t'",
		"'destination': '/t', 'type': 'none', 'options': ['ro']",
		"'destination': '', 'type': 'tmpfs'",
		"'destination': '/t', 'options': ['bind']",
		("'destination': '/t', 'source': '/s', 'options': ['bind', 'rshared', 'rslave', "
		 "'shared', 'slave', 'private']"),
		"'destination': '/t', 'source': '/s', 'options': ['bind', 'idmap']",
		"'destination': '/t', 'source': '/s', 'options': ['bind', 'idmap=uids=0-1']",
		"'destination': '/t', 'source': '/s', 'options': ['bind', 'idmap=uids=0-1-1']",
		"'destination': '/t', 'source': '/s', 'options': ['bind', 'idmap=uids=0-1-0;gids=0-1-1']",
		"'destination': '/t', 'source': '/s', 'options': ['bind', 'idmap=xids=0-1-1;gids=0-1-1']",
		"'destination': '/t', 'source': '/s', 'options': ['bind', 'idmap=uids=0-1-1-1;gids=0-1-1']",
	};
	struct fixture f;

	fixture_init(&f);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK(one(&f, bad[i]) == NULL);
		CHECK_INT(f.err.code, EINVAL);
		CHECK_STR(f.err.field, "/mounts/0");
	}
	fixture_release(&f);
}

TEST(only_lxcfs_may_mount_below_proc)
{
	static const struct {
		const char *members;
		bool good;
	} tries[] = {
		{ "'destination': '/proc', 'type': 'proc'", true },
		{ "'destination': '/x/../proc/', 'type': 'proc'", true },
		{ "'destination': '/proc', 'type': 'tmpfs'", false },
		{ "'destination': '/proc/', 'type': 'tmpfs'", false },
		{ "'destination': '/proc/self', 'type': 'tmpfs'", false },
		{ "'destination': '/a/../proc/sys', 'type': 'tmpfs'", false },
		{ "'destination': '/proc/self/attr', 'source': '/s', 'options': ['bind']", false },
		{ "'destination': '/proc/sys/kernel', 'source': '/s', 'options': ['bind']", false },
		{ "'destination': '/proc/meminfo', 'source': '/s', 'options': ['bind']", true },
		{ "'destination': '/proc/net/dev', 'source': '/s', 'options': ['bind', 'ro']",
		  true },
		{ "'destination': '/proc/meminfo', 'type': 'tmpfs'", false },
		{ "'destination': '/proc/meminfo2', 'source': '/s', 'options': ['bind']", false },
		{ "'destination': '/procfs', 'type': 'tmpfs'", true },
	};
	struct fixture f;
	const struct mount_entry *e;

	fixture_init(&f);
	for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
		CHECK_INT(one(&f, tries[i].members) != NULL, tries[i].good);
		if (!tries[i].good)
			CHECK_INT(f.err.code, EPERM);
	}
	e = one(&f, "'destination': '/proc', 'source': '/x', 'options': ['rbind']");
	REQUIRE(e);
	CHECK(e->need_procfs);
	fixture_release(&f);
}

TEST(an_idmap_is_found_where_it_is_given)
{
	struct fixture f;
	const struct mount_entry *e;

	fixture_init(&f);
	e = one(&f, "'destination': '/t', 'source': '/s', 'options': ['rbind'], "
		    "'uidMappings': [{'containerID': 0, 'hostID': 5, 'size': 1}], "
		    "'gidMappings': [{'containerID': 0, 'hostID': 6, 'size': 2}]");
	REQUIRE(e);
	CHECK(e->idmap);
	CHECK(!e->idmap_recursive);
	CHECK_INT(e->uid_map->v[0].hostID, 5);
	CHECK_INT(e->gid_map->v[0].size, 2);
	e = one(&f, "'destination': '/t', 'source': '/s', 'options': ['rbind', "
		    "'ridmap=uids=0-1-10#10-11-20;gids=0-7-3']");
	REQUIRE(e);
	CHECK(e->idmap && e->idmap_recursive);
	REQUIRE(e->uid_map->n == 2);
	CHECK_INT(e->uid_map->v[1].containerID, 10);
	CHECK_INT(e->uid_map->v[1].hostID, 11);
	CHECK_INT(e->uid_map->v[1].size, 20);
	CHECK_INT(e->gid_map->v[0].hostID, 7);
	f.env.user_namespace = true;
	REQUIRE(made(&f,
		     "'linux': { 'uidMappings': [{'containerID': 0, 'hostID': 0, 'size': 1}, "
		     "{'containerID': 1, 'hostID': 2, 'size': 1000}], "
		     "'gidMappings': [{'containerID': 0, 'hostID': 9, 'size': 1}] }, "
		     "'mounts': [{ 'destination': '/t', 'source': '/s', 'options': ['bind', 'idmap'] }, "
		     "{ 'destination': '/t', 'source': '/s', "
		     "'options': ['bind', 'idmap=uids=@1-3-10;gids=1-1-1'] }]") == 0);
	CHECK_INT(f.m.v[0].gid_map->v[0].hostID, 9);
	CHECK_INT(f.m.v[1].uid_map->v[0].containerID, 1);
	CHECK_INT(f.m.v[1].uid_map->v[0].hostID, 4);
	fixture_release(&f);
}

TEST(cgroup_is_fresh_with_a_namespace_and_bound_without)
{
	struct fixture f;
	const struct mount_entry *e;

	fixture_init(&f);
	e = one(&f,
		"'destination': '/sys/fs/cgroup', 'type': 'cgroup', 'options': ['ro', 'nosuid']");
	REQUIRE(e);
	CHECK_INT(e->kind, MOUNT_FS);
	CHECK_STR(e->type, "cgroup2");
	CHECK(e->fallback == NULL);
	f.env.cgroup_namespace = false;
	f.env.cgroup_mount = "/sys/fs/cgroup/unified";
	f.env.cgroup_path = "/a/b";
	e = one(&f, "'destination': '/sys/fs/cgroup', 'type': 'cgroup', 'options': ['ro']");
	REQUIRE(e);
	CHECK_INT(e->kind, MOUNT_BIND);
	CHECK_STR(e->source, "/sys/fs/cgroup/unified/a/b");
	CHECK_INT(e->attr_set, MOUNT_ATTR_RDONLY);
	fixture_release(&f);
}

TEST(a_user_namespace_gets_fallbacks)
{
	struct fixture f;
	const struct mount_entry *e;

	fixture_init(&f);
	f.env.user_namespace = true;
	e = one(&f, "'destination': '/sys', 'type': 'sysfs'");
	REQUIRE(e);
	CHECK_STR(e->fallback, "/sys");
	e = one(&f, "'destination': '/proc', 'type': 'proc'");
	REQUIRE(e);
	CHECK(e->fallback == NULL);
	f.env.pid_namespace = false;
	e = one(&f, "'destination': '/proc', 'type': 'proc'");
	REQUIRE(e);
	CHECK_STR(e->fallback, "/proc");
	fixture_release(&f);
}
