/* SPDX-License-Identifier: Apache-2.0 */
/* user_test.c - numeric users, and passwd files nobody vouches for */
#include "runtime/isolate/user.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"
#include "tests/unit/test.h"

#define UNTOUCHED 4711U

struct root {
	char path[64];
	int fd;
};

static bool root_init(struct root *r, const char *passwd, const char *group)
{
	char path[128];

	(void)str_copy(r->path, sizeof(r->path), "/tmp/skerry-user-XXXXXX");
	if (mkdtemp(r->path) == NULL)
		return false;
	if (str_format(path, sizeof(path), "%s/etc", r->path) < 0)
		return false;
	if (mkdir(path, 0755) < 0)
		return false;
	r->fd = open(r->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (str_format(path, sizeof(path), "%s/etc/passwd", r->path) < 0)
		return false;
	if (passwd != NULL && file_replace(AT_FDCWD, path, passwd, strlen(passwd), 0644) < 0)
		return false;
	if (str_format(path, sizeof(path), "%s/etc/group", r->path) < 0)
		return false;
	if (group != NULL && file_replace(AT_FDCWD, path, group, strlen(group), 0644) < 0)
		return false;
	return r->fd >= 0;
}

static void root_release(struct root *r)
{
	(void)fd_close(r->fd);
	CHECK_INT(file_remove_tree(AT_FDCWD, r->path), 0);
}

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "1001:x:0:0::/:/bin/sh\n"
			     "4294967296:x:0:0::/:/bin/sh\n"
			     "evil:x:4294967296:4294967296::/:/bin/sh\n"
			     "+nis:x:0:0::/:/bin/sh\n"
			     "short:x\n"
			     "bob:x:1000:1001:Bob:/home/bob:/bin/sh\n"
			     "rel:x:1002:1002::home:/bin/sh\n";
static const char group[] = "root:x:0:\nstaff:x:50:bob\nbad:x:-1:\n";

TEST(numbers_are_numbers_or_refused)
{
	/* a result of -1: refused */
	static const struct {
		const char *text;
		long long uid, gid;
	} cases[] = {
		{ "1", 1, UNTOUCHED },
		{ "1:1", 1, 1 },
		{ "0", 0, UNTOUCHED },
		{ "4294967294", 4294967294, UNTOUCHED },
		{ "4294967295", -1, -1 },
		{ "4294967296", -1, -1 },
		{ "-1", -1, -1 },
		{ "65536:-1", -1, -1 },
		{ "+0", -1, -1 },
		{ "0x0", -1, -1 },
		{ " 0", -1, -1 },
		{ "0 ", -1, -1 },
		{ "1a", -1, -1 },
		{ "", -1, -1 },
		{ ":", -1, -1 },
		{ "1:", -1, -1 },
		{ ":1", -1, -1 },
		{ "1:2:3", -1, -1 },
		{ "99999999999999999999", -1, -1 },
		{ "2147483648", 2147483648, UNTOUCHED },
		{ "18446744073709551616", -1, -1 },
		{ "1001", 1001, UNTOUCHED },
		{ "evil", -1, -1 },
		{ "+nis", -1, -1 },
		{ "nis", -1, -1 },
		{ "short", -1, -1 },
		{ "nobody", -1, -1 },
		{ "bob", 1000, 1001 },
		{ "bob:staff", 1000, 50 },
		{ "bob:7", 1000, 7 },
		{ "5:staff", 5, 50 },
		{ "bob:bad", -1, -1 },
		{ "bob:nogroup", -1, -1 },
		{ "root", 0, 0 },
	};
	struct root r;

	REQUIRE(root_init(&r, passwd, group));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t uid = UNTOUCHED, gid = UNTOUCHED;
		int result = user_find(r.fd, cases[i].text, &uid, &gid, NULL);

		if (cases[i].uid < 0) {
			if (result != -1)
				printf("# \"%s\" was taken\n", cases[i].text);
			CHECK_INT(result, -1);
			CHECK_INT(uid, UNTOUCHED);
			continue;
		}
		CHECK_INT(result, 0);
		CHECK_INT(uid, cases[i].uid);
		CHECK_INT(gid, cases[i].gid);
	}
	root_release(&r);
}

TEST(home_comes_from_passwd_or_is_the_root)
{
	static const struct {
		uint32_t uid;
		const char *home;
	} cases[] = {
		{ 0, "/root" },
		{ 1000, "/home/bob" },
		{ 1002, "/" },
		{ 77, "/" },
	};
	struct root r;
	char home[64];

	REQUIRE(root_init(&r, passwd, NULL));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK_INT(user_home(r.fd, cases[i].uid, home, sizeof(home), NULL), 0);
		CHECK_STR(home, cases[i].home);
	}
	CHECK_INT(user_home(r.fd, 1000, home, 4, NULL), -1);
	root_release(&r);
}

TEST(no_passwd_file_is_no_user_and_no_home)
{
	struct root r;
	uint32_t uid, gid;
	char home[8];

	REQUIRE(root_init(&r, NULL, NULL));
	CHECK_INT(user_find(r.fd, "bob", &uid, &gid, NULL), -1);
	CHECK_INT(user_find(r.fd, "12:13", &uid, &gid, NULL), 0);
	CHECK_INT(user_home(r.fd, 0, home, sizeof(home), NULL), 0);
	CHECK_STR(home, "/");
	root_release(&r);
}

TEST(a_passwd_that_is_a_pipe_or_leads_outside_does_not_block)
{
	struct root r;
	uint32_t uid, gid;
	char path[128];

	REQUIRE(root_init(&r, NULL, NULL));
	REQUIRE(str_format(path, sizeof(path), "%s/etc/passwd", r.path) == 0);
	REQUIRE(mkfifo(path, 0644) == 0);
	CHECK_INT(user_find(r.fd, "bob", &uid, &gid, NULL), -1);
	CHECK_INT(unlink(path), 0);
	/* beneath the root there is no /proc */
	REQUIRE(symlink("/proc/self/mounts", path) == 0);
	CHECK_INT(user_find(r.fd, "bob", &uid, &gid, NULL), -1);
	root_release(&r);
}

TEST(a_line_without_end_hides_only_itself)
{
	struct root r;
	uint32_t uid, gid;
	AUTO_BUF text;

	buf_init(&text);
	for (size_t i = 0; i < 100000; i++)
		buf_puts(&text, "bob:x:7:7::");
	buf_puts(&text, "\nbob:x:1000:1001::/:/bin/sh");
	REQUIRE(root_init(&r, text.s, NULL));
	CHECK_INT(user_find(r.fd, "bob", &uid, &gid, NULL), 0);
	CHECK_INT(uid, 1000);
	root_release(&r);
}

TEST(a_line_is_found_at_every_place_in_the_buffer)
{
	for (size_t pad = 4040; pad < 4120; pad++) {
		struct root r;
		uint32_t uid = 0, gid = 0;
		AUTO_BUF text;

		buf_init(&text);
		for (size_t i = 0; i < pad; i++)
			buf_putc(&text, i % 40 == 39 ? '\n' : '#');
		buf_puts(&text, "\nbob:x:1000:1001::/:/bin/sh\nlast:x:5:6::/:/bin/sh\n");
		REQUIRE(root_init(&r, text.s, NULL));
		CHECK_INT(user_find(r.fd, "bob", &uid, &gid, NULL), 0);
		CHECK_INT(uid, 1000);
		CHECK_INT(user_find(r.fd, "last", &uid, &gid, NULL), 0);
		CHECK_INT(gid, 6);
		root_release(&r);
	}
}

TEST(the_plan_of_a_user)
{
	uint32_t gids[] = { 5, 6 };
	struct spec_user s = { .uid = 1, .gid = 2, .additionalGids = { gids, 2 } };
	struct user_options o = { 0 };
	struct user u;

	CHECK_INT(user_make(&s, &o, "/process/user", &u, NULL), 0);
	CHECK_INT(u.umask, 0022);
	CHECK(u.set_groups && u.n_groups == 2);
	s.umask = (struct opt_u64){ true, 0 };
	CHECK_INT(user_make(&s, &o, "/process/user", &u, NULL), 0);
	CHECK_INT(u.umask, 0);
	s.umask.v = 01000;
	CHECK_INT(user_make(&s, &o, "/process/user", &u, NULL), -1);
	s.umask.has = false;
	o.setgroups_denied = true;
	CHECK_INT(user_make(&s, &o, "/process/user", &u, NULL), -1);
	s.additionalGids.n = 0;
	CHECK_INT(user_make(&s, &o, "/process/user", &u, NULL), 0);
	CHECK(!u.set_groups && !u.check_groups);
	o.setgroups_denied = false;
	o.no_groups = true;
	CHECK_INT(user_make(&s, &o, "/process/user", &u, NULL), 0);
	CHECK(!u.set_groups && u.check_groups);
	s.additionalGids.n = 1;
	CHECK_INT(user_make(&s, &o, "/process/user", &u, NULL), 0);
	CHECK(u.set_groups && u.check_groups);
	s.uid = UINT32_MAX;
	CHECK_INT(user_make(&s, &o, "/process/user", &u, NULL), -1);
}

TEST(the_ids_the_process_has_can_be_set_again)
{
	struct user u = { .uid = getuid(), .gid = getgid(), .umask = 022 };

	CHECK_INT(user_apply(&u, NULL), 0);
}
