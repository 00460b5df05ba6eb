/* SPDX-License-Identifier: Apache-2.0 */
/* options_test.c - options in their four shapes */
#include "runtime/shim/options.h"

#include "tests/unit/test.h"

static struct arena arena;
static struct options o;
static struct err err;

static int toml(const char *text)
{
	arena_release(&arena);
	arena_init(&arena, (size_t)1 << 20);
	err_clear(&err);
	return options_from_toml(text, strlen(text), &arena, &o, &err);
}

static int any(const char *type, const char *bytes, size_t len)
{
	struct any a = { .type_url = (char *)(uintptr_t)type, .value = { bytes, len } };

	arena_release(&arena);
	arena_init(&arena, (size_t)1 << 20);
	err_clear(&err);
	return options_from_any(&a, &arena, &o, &err);
}

TEST(keys_with_the_names_of_runc)
{
	CHECK_INT(
		toml("# all of them\nNoPivotRoot = true\n  NoNewKeyring=true # yes\nSystemdCgroup = false\n"
		     "Root = \"/run/x\" # here\nShimCgroup = '/a\\b'\nCriuImagePath=\"a \\\"b\\\\\"\n"
		     "CriuWorkPath = ''\nIoUid = 1000\r\nIoGid=7"),
		0);
	CHECK(o.no_pivot && o.no_new_keyring && !o.systemd_cgroup);
	CHECK_STR(o.root, "/run/x");
	CHECK_STR(o.shim_cgroup, "/a\\b");
	CHECK_STR(o.criu_image_path, "a \"b\\");
	CHECK_STR(o.criu_work_path, "");
	CHECK_INT(o.io_uid, 1000);
	CHECK_INT(o.io_gid, 7);
}

TEST(other_keys_tables_and_lines_are_passed_over)
{
	CHECK_INT(toml("BinaryName = [\n[table]\nRoots = 5\n= 7\n\nRoot = \"/r\"\n"), 0);
	CHECK_STR(o.root, "/r");
	CHECK_INT(toml(""), 0);
	CHECK_STR(o.root, "");
}

TEST(values_that_do_not_fit_are_errors)
{
	static const char *const bad[] = { "SystemdCgroup = yes", "SystemdCgroup = \"true\"",
					   "Root = /run",	  "Root = \"/run",
					   "Root = \"a\" b",	  "Root = \"\\n\"",
					   "IoUid = -1",	  "IoUid = 4294967295",
					   "IoGid = 1.5",	  "NoPivotRoot =" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK_INT(toml(bad[i]), -1);
		CHECK(strstr(err.msg, "option ") == err.msg);
	}
}

TEST(types_by_what_follows_the_last_slash)
{
	CHECK_INT(any("type.googleapis.com/containerd.runc.v1.Options",
		      "\x0a\x01x\x3a\x02/r\x48\x01", 9),
		  0);
	CHECK_STR(o.root, "/r");
	CHECK(o.systemd_cgroup);
	CHECK_INT(any("runtimeoptions.v1.Options", "\x1a\x08Root='q'", 10), 0);
	CHECK_STR(o.root, "q");
	CHECK_INT(any("containerd.linux.runc.CreateOptions", "\x08\x01\x50\x05", 4), 0);
	CHECK(o.no_pivot && !o.no_new_keyring);
	CHECK_INT(o.io_uid, 5);
	CHECK_INT(any("something.else", "\xff", 1), 0);
	CHECK_STR(o.root, "");
}

TEST(nothing_is_the_defaults)
{
	arena_init(&arena, (size_t)1 << 20);
	CHECK_INT(options_from_any(NULL, &arena, &o, &err), 0);
	CHECK(!o.no_pivot && !o.systemd_cgroup && o.io_uid == 0);
	CHECK_STR(o.shim_cgroup, "");
	CHECK_INT(any("containerd.runc.v1.Options", "", 0), 0);
	CHECK_INT(any("containerd.runc.v1.Options", "\x0a", 1), -1);
	CHECK_INT(any("runtimeoptions.v1.Options", "\x12\x05/none", 7), -1);
}

TEST(what_delete_must_know_is_kept_in_the_bundle)
{
	char dir[] = "/tmp/shim-test.XXXXXX", name[64];

	REQUIRE(mkdtemp(dir));
	arena_init(&arena, (size_t)1 << 20);
	CHECK_INT(options_load(dir, &arena, &o, &err), 0);
	CHECK_STR(o.root, "");
	CHECK_INT(options_save(&(struct options){ .root = "/r\"x", .systemd_cgroup = true }, dir,
			       &err),
		  0);
	CHECK_INT(options_load(dir, &arena, &o, &err), 0);
	CHECK_STR(o.root, "/r\"x");
	CHECK(o.systemd_cgroup);
	(void)snprintf(name, sizeof(name), "%s/skerry-options.json", dir);
	(void)unlink(name);
	CHECK_INT(rmdir(dir), 0);
}
