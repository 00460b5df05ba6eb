/* SPDX-License-Identifier: Apache-2.0 */
/* mount_apply_test.c - what of a mount can be carried out without privileges
 *
 * Links that are copied instead of mounted, and what is refused before
 * anything is done.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "runtime/isolate/rootfs.h"
#include "tests/unit/test.h"

TEST(a_link_is_copied_to_a_place_that_is_made)
{
	char path[] = "/tmp/skerry-mount-XXXXXX", source[64], text[64];
	struct mount_entry e = { .kind = MOUNT_BIND,
				 .dest = "/a/b/link",
				 .copy_symlink = true,
				 .index = MOUNT_NOT_IN_SPEC,
				 .owner = -1,
				 .source_fd = -1 };
	struct mounts m = { .rootfs = path };
	struct err err = { 0 };
	ssize_t n;
	int root;

	REQUIRE(mkdtemp(path));
	(void)snprintf(source, sizeof(source), "%s/source", path);
	e.source = source;
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(root >= 0);
	CHECK(symlinkat("/target", root, "source") == 0);
	CHECK_INT(mount_entry_apply(&e, &m, root, &err), 0);
	n = readlinkat(root, "a/b/link", text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	CHECK_STR(text, "/target");
	/* The same again is fine, something else there is not. */
	CHECK_INT(mount_entry_apply(&e, &m, root, &err), 0);
	CHECK(unlinkat(root, "a/b/link", 0) == 0 && symlinkat("/other", root, "a/b/link") == 0);
	CHECK_INT(mount_entry_apply(&e, &m, root, &err), -1);
	CHECK_INT(err.code, EEXIST);
	(void)fd_close(root);
	(void)file_remove_tree(AT_FDCWD, path);
}

TEST(kernel_file_systems_stay_mounted)
{
	static const char *const paths[] = { "/proc", "/proc/sys", "/sys", "/sys/firmware", "x" };
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		err_clear(&err);
		CHECK_INT(mount_entry_remove(paths[i], -1, &err), -1);
		CHECK_INT(err.code, EPERM);
	}
}
