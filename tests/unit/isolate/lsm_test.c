/* SPDX-License-Identifier: Apache-2.0 */
/* lsm_test.c - profiles and labels */
#include "runtime/isolate/lsm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"
#include "tests/unit/test.h"

static char profile[] = "some-profile", label[] = "system_u:system_r:container_t:s0", empty[] = "",
	    unconfined[] = "unconfined";

TEST(empty_texts_ask_for_nothing)
{
	struct spec_process p = { .apparmorProfile = empty, .selinuxLabel = empty };
	struct lsm l = { .apparmor = "x" };

	CHECK_INT(lsm_make(&p, &l, NULL), 0);
	CHECK(l.apparmor == NULL && l.selinux == NULL);
	CHECK_INT(lsm_check_host(&l, NULL, NULL), 0);
	CHECK_INT(lsm_check_host(&l, "", NULL), 0);
	CHECK_INT(lsm_apply_exec(&l, -1, NULL), 0);
	CHECK_INT(lsm_apply_keycreate(&l, -1, true, NULL), 0);
}

TEST(what_the_host_lacks_is_an_error_with_its_field)
{
	struct lsm apparmor = { .apparmor = profile }, selinux = { .selinux = label }, none = { 0 };
	struct lsm free_ = { .apparmor = unconfined };
	struct err err = { 0 };

	CHECK_INT(lsm_check_host(&apparmor, NULL, &err), lsm_has_apparmor() ? 0 : -1);
	CHECK_STR(err.field, lsm_has_apparmor() ? "" : "/process/apparmorProfile");
	err_clear(&err);
	CHECK_INT(lsm_check_host(&selinux, NULL, &err), lsm_has_selinux() ? 0 : -1);
	CHECK_STR(err.field, lsm_has_selinux() ? "" : "/process/selinuxLabel");
	err_clear(&err);
	CHECK_INT(lsm_check_host(&none, label, &err), lsm_has_selinux() ? 0 : -1);
	CHECK_STR(err.field, lsm_has_selinux() ? "" : "/linux/mountLabel");
	CHECK_INT(lsm_check_host(&free_, NULL, NULL), 0);
}

/* A directory that looks like /proc must not get the label. */
TEST(a_file_that_is_not_on_procfs_is_not_written)
{
	char dir[64], path[160], text[8];
	struct lsm l = { .selinux = label };
	struct err err = { 0 };
	AUTO_FD fd = -1;

	(void)str_copy(dir, sizeof(dir), "/tmp/skerry-lsm-XXXXXX");
	REQUIRE(mkdtemp(dir) != NULL);
	REQUIRE(str_format(path, sizeof(path), "%s/1/attr", dir) == 0);
	REQUIRE(file_make_dirs(path, 0755) == 0);
	REQUIRE(str_format(path, sizeof(path), "%s/1/attr/exec", dir) == 0);
	REQUIRE(file_replace(AT_FDCWD, path, "old", 3, 0644) == 0);
	REQUIRE(str_format(path, sizeof(path), "%s/self", dir) == 0);
	REQUIRE(symlink("1", path) == 0);
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(lsm_apply_exec(&l, fd, &err), -1);
	CHECK_INT(err.code, EXDEV);
	REQUIRE(str_format(path, sizeof(path), "%s/1/attr/exec", dir) == 0);
	CHECK(file_read_line(AT_FDCWD, path, text, sizeof(text)) > 0);
	CHECK_STR(text, "old");
	CHECK_INT(file_remove_tree(AT_FDCWD, dir), 0);
}

TEST(a_label_that_cannot_be_applied_is_an_error)
{
	struct lsm l = { .selinux = "no such label" };
	AUTO_FD proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	REQUIRE(proc >= 0);
	CHECK_INT(lsm_apply_exec(&l, proc, NULL), -1);
}
