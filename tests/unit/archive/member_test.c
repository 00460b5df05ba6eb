/* SPDX-License-Identifier: Apache-2.0 */
/* member_test.c - which members a checkpoint archive may have */
#include "runtime/archive/archive.h"
#include "tests/unit/test.h"

static int check(enum tar_type type, const char *path, const char *link)
{
	const struct tar_entry e = { .type = type, .path = path, .link = link };

	return member_check(&e, NULL);
}

TEST(images_and_documents_are_taken)
{
	CHECK_INT(check(TAR_DIRECTORY, "checkpoint", ""), 1);
	CHECK_INT(check(TAR_FILE, "checkpoint/inventory.img", ""), 1);
	CHECK_INT(check(TAR_FILE, "pre-checkpoint/pages-1.img", ""), 1);
	CHECK_INT(check(TAR_FILE, "config.dump", ""), 1);
	CHECK_INT(check(TAR_FILE, "rootfs-diff.tar", ""), 1);
	CHECK_INT(check(TAR_FILE, "devshm-checkpoint.tar", ""), 1);
}

TEST(the_rest_is_left_out)
{
	CHECK_INT(check(TAR_FILE, "artifacts/hosts", ""), 0);
	CHECK_INT(check(TAR_FILE, "ctr.log", ""), 0);
	CHECK_INT(check(TAR_DIRECTORY, "volumes", ""), 0);
	CHECK_INT(check(TAR_SYMBOLIC_LINK, "artifacts/link", "/etc"), 0);
	CHECK_INT(check(TAR_FILE, "checkpoint/a/b", ""), 0);
}

TEST(a_link_is_only_the_parent_of_a_chain)
{
	CHECK_INT(check(TAR_SYMBOLIC_LINK, "checkpoint/parent", "../pre-checkpoint"), 1);
	CHECK_INT(check(TAR_SYMBOLIC_LINK, "checkpoint/parent", "/etc"), -1);
	CHECK_INT(check(TAR_SYMBOLIC_LINK, "checkpoint/pages-1.img", "../pre-checkpoint"), -1);
	CHECK_INT(check(TAR_SYMBOLIC_LINK, "checkpoint", "/tmp"), -1);
	CHECK_INT(check(TAR_SYMBOLIC_LINK, "config.dump", "/etc/passwd"), -1);
}

TEST(what_is_neither_file_nor_directory_is_refused)
{
	CHECK_INT(check(TAR_HARD_LINK, "checkpoint/x", "config.dump"), -1);
	CHECK_INT(check(TAR_FIFO, "spec.dump", ""), -1);
	CHECK_INT(check(TAR_BLOCK_DEVICE, "checkpoint/pages-1.img", ""), -1);
}
