/* SPDX-License-Identifier: Apache-2.0 */
/* bundle_test.c - what the shim itself reads of config.json and keeps in the bundle */
#include <fcntl.h>

#include "base/fd.h"
#include "base/file.h"
#include "runtime/shim/shim.h"
#include "tests/unit/test.h"

static struct arena arena;
static struct bundle b;
static struct err err;
static char dir[64];

static int load(const char *config)
{
	char path[96];
	int rc;

	(void)snprintf(dir, sizeof(dir), "/tmp/shim-test.XXXXXX");
	arena_release(&arena);
	arena_init(&arena, (size_t)1 << 20);
	err_clear(&err);
	if (!mkdtemp(dir))
		return -2;
	(void)snprintf(path, sizeof(path), "%s/config.json", dir);
	if (config && file_replace(AT_FDCWD, path, config, strlen(config), 0600) < 0)
		return -2;
	rc = bundle_load(dir, &arena, &b, &err);
	(void)file_remove_tree(AT_FDCWD, dir);
	return rc;
}

TEST(groups_by_annotation)
{
	CHECK_INT(load("{}"), 0);
	CHECK(!b.group && !b.private_pids && !b.systemd_path);
	CHECK_INT(load("{\"annotations\":{\"io.kubernetes.cri.sandbox-id\":\"pod\"}}"), 0);
	CHECK_STR(b.group, "pod");
	CHECK_INT(load("{\"annotations\":{\"io.kubernetes.cri.sandbox-id\":\"pod\","
		       "\"io.containerd.runc.v2.group\":\"g\"}}"),
		  0);
	CHECK_STR(b.group, "g");
}

TEST(a_pid_namespace_of_its_own_is_one_without_a_path)
{
	CHECK_INT(load("{\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"pid\"}]}}"),
		  0);
	CHECK(b.private_pids);
	CHECK_INT(
		load("{\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"/proc/1/ns/pid\"}]}}"),
		0);
	CHECK(!b.private_pids);
}

TEST(a_path_for_systemd_has_two_colons)
{
	CHECK_INT(load("{\"linux\":{\"cgroupsPath\":\"system.slice:p:n\"}}"), 0);
	CHECK(b.systemd_path);
	CHECK_INT(load("{\"linux\":{\"cgroupsPath\":\"/a:b:c\"}}"), 0);
	CHECK(!b.systemd_path);
	CHECK_INT(load("{\"linux\":{\"cgroupsPath\":\"a:b\"}}"), 0);
	CHECK(!b.systemd_path);
}

TEST(no_config_or_a_bad_one_is_an_error)
{
	CHECK_INT(load(NULL), -1);
	CHECK(strstr(err.msg, "config.json"));
	CHECK_INT(load("{"), -1);
}

TEST(the_end_of_the_init_is_kept_for_delete)
{
	struct timestamp at = { .seconds = 1234567890123LL, .nanos = 999999999 }, back;
	struct delete_reply d = { .pid = 77, .exit_status = 143, .exited_at = &at }, got;

	(void)snprintf(dir, sizeof(dir), "/tmp/shim-test.XXXXXX");
	REQUIRE(mkdtemp(dir));
	arena_init(&arena, (size_t)1 << 20);
	CHECK(!bundle_load_exit(dir, &arena, &got, &back));
	CHECK_INT(bundle_save_exit(dir, &d), 0);
	REQUIRE(bundle_load_exit(dir, &arena, &got, &back));
	CHECK(got.pid == 77 && got.exit_status == 143);
	CHECK(got.exited_at->seconds == at.seconds && got.exited_at->nanos == at.nanos);
	(void)file_remove_tree(AT_FDCWD, dir);
	CHECK_INT(bundle_save_exit(dir, &d), -1);
}
