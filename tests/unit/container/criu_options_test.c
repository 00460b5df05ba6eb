/* SPDX-License-Identifier: Apache-2.0 */
/* criu_options_test.c - options of checkpoint and restore as criu gets them */
#include <errno.h>
#include <sched.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "runtime/container/checkpoint.h"
#include "tests/unit/test.h"

static const struct image_dirs dirs = {
	.images = "/i", .work = "/w", .images_fd = 5, .work_fd = 6
};

static int make(const struct skerry_checkpoint_options *o, struct arena *a, struct criu_opts *ret,
		struct err *err)
{
	arena_init(a, 1 << 20);
	return checkpoint_options(o, &dirs, a, ret, err);
}

TEST(options_reach_criu)
{
	CLEANUP(arena_release) struct arena a;
	const struct skerry_checkpoint_options o = { .tcp_established = true,
						     .tcp_skip_in_flight = true,
						     .tcp_close = true,
						     .ext_unix_sk = true,
						     .shell_job = true,
						     .link_remap = true,
						     .lazy_pages = true,
						     .auto_dedup = true };
	struct criu_opts c;

	CHECK_INT(make(&o, &a, &c, NULL), 0);
	CHECK(c.tcp_established && c.tcp_skip_in_flight && c.tcp_close && c.ext_unix_sk);
	CHECK(c.shell_job && c.link_remap && c.lazy_pages && c.auto_dedup);
	CHECK(c.file_locks);
	CHECK_INT(c.images_dir_fd, 5);
	CHECK_INT(c.work_dir_fd, 6);
}

TEST(groups_that_are_to_be_ignored_are_named_so)
{
	CLEANUP(arena_release) struct arena a;
	const struct skerry_checkpoint_options o = { .manage_cgroups_mode = "ignore" };
	struct criu_opts c;
	AUTO_BUF out;

	buf_init(&out);
	CHECK_INT(make(&o, &a, &c, NULL), 0);
	wire_encode(&criu_opts_table, &c, &out);
	/* field 34: without it criu takes "soft" */
	CHECK(memmem(out.s, out.len, "\x90\x02\x00", 3) != NULL);
}

TEST(a_mode_of_cgroups_is_criu_s)
{
	CLEANUP(arena_release) struct arena a;
	struct skerry_checkpoint_options o = { .manage_cgroups_mode = "strict" };
	struct err err = { 0 };
	struct criu_opts c;

	CHECK_INT(make(&o, &a, &c, NULL), 0);
	CHECK_INT(c.manage_cgroups_mode, CRIU_CG_STRICT);
	o.manage_cgroups_mode = NULL;
	CHECK_INT(checkpoint_options(&o, &dirs, &a, &c, NULL), 0);
	CHECK_INT(c.manage_cgroups_mode, CRIU_CG_SOFT);
	o.manage_cgroups_mode = "ignore";
	CHECK_INT(checkpoint_options(&o, &dirs, &a, &c, NULL), 0);
	CHECK(!c.manage_cgroups);
	o.manage_cgroups_mode = "odd";
	CHECK_INT(checkpoint_options(&o, &dirs, &a, &c, &err), -1);
	CHECK_INT(err.code, EINVAL);
}

TEST(a_lock_is_one_of_three)
{
	CLEANUP(arena_release) struct arena a;
	struct skerry_checkpoint_options o = { .network_lock = "skip" };
	struct criu_opts c;

	CHECK_INT(make(&o, &a, &c, NULL), 0);
	CHECK_INT(c.network_lock, CRIU_LOCK_SKIP);
	o.network_lock = "padlock";
	CHECK_INT(checkpoint_options(&o, &dirs, &a, &c, NULL), -1);
}

TEST(only_the_network_can_be_empty)
{
	CLEANUP(arena_release) struct arena a;
	struct skerry_checkpoint_options o = { .empty_ns = "network" };
	struct criu_opts c;

	CHECK_INT(make(&o, &a, &c, NULL), 0);
	CHECK_INT(c.empty_ns, CLONE_NEWNET);
	o.empty_ns = "mount";
	CHECK_INT(checkpoint_options(&o, &dirs, &a, &c, NULL), -1);
}

TEST(a_page_server_has_an_address_and_a_port)
{
	static const char *const bad[] = {
		"1.2.3.4", ":1", "host:", "host:0", "host:65536", "h:1x"
	};
	CLEANUP(arena_release) struct arena a;
	struct skerry_checkpoint_options o = { .page_server = "10.0.0.1:27" };
	struct criu_opts c;

	CHECK_INT(make(&o, &a, &c, NULL), 0);
	REQUIRE(c.ps);
	CHECK_STR(c.ps->address, "10.0.0.1");
	CHECK_INT(c.ps->port, 27);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		o.page_server = bad[i];
		CHECK_INT(checkpoint_options(&o, &dirs, &a, &c, NULL), -1);
	}
}

TEST(the_logs_are_with_the_images_unless_told_otherwise)
{
	char name[] = "/tmp/criu_options_test.XXXXXX";
	char work[64];
	struct skerry_checkpoint_options o = { .image_path = name };
	struct image_dirs d;

	REQUIRE(mkdtemp(name));
	CHECK_INT(image_dirs_open(&o, false, &d, NULL), 0);
	CHECK_STR(d.images, name);
	CHECK_STR(d.work, name);
	image_dirs_close(&d);
	(void)snprintf(work, sizeof(work), "%s/w", name);
	o.work_path = work;
	CHECK_INT(image_dirs_open(&o, false, &d, NULL), 0);
	CHECK_STR(d.work, work);
	image_dirs_close(&d);
	CHECK_INT(rmdir(work), 0);
	CHECK_INT(rmdir(name), 0);
}

TEST(externals_are_added_one_by_one)
{
	CLEANUP(arena_release) struct arena a;
	struct criu_opts c = { 0 };

	arena_init(&a, 1 << 20);
	CHECK_INT(checkpoint_add_external(&c, &a, "net[1]:x", NULL), 0);
	CHECK_INT(checkpoint_add_external(&c, &a, "pid[2]:y", NULL), 0);
	CHECK_INT(c.external.n, 2);
	CHECK_STR(c.external.v[1], "pid[2]:y");
	CHECK_STR(checkpoint_namespace_key(NS_NETWORK), "extRootNetNS");
	CHECK(!checkpoint_namespace_key(NS_MOUNT));
}
