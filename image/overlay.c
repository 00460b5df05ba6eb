/* SPDX-License-Identifier: Apache-2.0 */
/* overlay.c - mounts made by descriptor: EROFS from a file, overlay from lowers
 *
 * fsopen(2), fsconfig(2), fsmount(2), open_tree(2), mount_setattr(2), by number:
 * Debian 12's libc has wrappers, older ones don't.
 *
 * Lowers go to overlay one by one: by descriptor where the kernel takes that
 * (FSCONFIG_SET_FD "lowerdir+", Linux 6.13), else by the path
 * /proc/self/fd/N ("lowerdir+", 6.8), else all in one "lowerdir" string (5.10).
 * fsconfig(2) takes strings of 255 bytes, so that one is of names in
 * /proc/self/fd, where we are meanwhile: room for 63, and no path of a user's
 * store with a colon or comma in it can break it.  Whether overlay takes a
 * detached mount at all (6.15 does) is tried before layers are made EROFS files.
 * Options say what the build of the kernel could have turned on: no redirects,
 * no index, no metacopy, so that an upper directory is a layer by itself.
 *
 * Documentation/filesystems/overlayfs.rst, erofs.rst.
 */
#include "image/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "image/erofs.h"

#define FD_PATH_MAX	  32
#define KERNEL_LOG_MAX	  256
#define LOWERDIR_TEXT_MAX 256 /* of a value of fsconfig(2), with its end */
#define LOWER_TEXT_MAX	  4 /* "123:" */

/* linux/mount.h and fcntl.h exclude each other in places; what they lack here */
#ifndef AT_RECURSIVE
# define AT_RECURSIVE 0x8000
#endif
#ifndef OPEN_TREE_CLONE
# define OPEN_TREE_CLONE 1
#endif
#ifndef OPEN_TREE_CLOEXEC
# define OPEN_TREE_CLOEXEC O_CLOEXEC
#endif

static int set_string(int fs, const char *key, const char *value)
{
	return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0);
}

static int set_flag(int fs, const char *key)
{
	return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, key, NULL, 0);
}

static int set_fd(int fs, const char *key, int fd)
{
	return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_FD, key, NULL, fd);
}

static int fd_path(char path[FD_PATH_MAX], int fd)
{
	return str_format(path, FD_PATH_MAX, "/proc/self/fd/%d", fd);
}

/* The error of fsconfig(2) or fsmount(2) with what the kernel left in the context's log, the
 * letter of its level and a blank cut off. */
static int fs_error(struct err *err, int fs, const char *what)
{
	char text[KERNEL_LOG_MAX];
	int code = errno;
	ssize_t n = read(fs, text, sizeof(text) - 1);

	if (n > 2 && text[1] == ' ') {
		text[n] = '\0';
		text[strcspn(text, "\n")] = '\0';
		errno = code;
		return err_sys(err, "%s: %s", what, text + 2);
	}
	errno = code;
	return err_sys(err, "%s", what);
}

/* Creates the file system of a context and gives it as a detached mount. */
static int create(int fs, uint64_t attributes, const char *what, struct err *err)
{
	int mount;

	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fs_error(err, fs, what);
	mount = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes);
	return mount < 0 ? fs_error(err, fs, what) : mount;
}

/* --- EROFS ---------------------------------------------------------------------- */

static int mount_erofs_fd(int file, const char *what, struct err *err)
{
	AUTO_FD fs = (int)syscall(SYS_fsopen, "erofs", FSOPEN_CLOEXEC);
	char path[FD_PATH_MAX];

	if (fs < 0)
		return err_sys(err, "%s", what);
	if (fd_path(path, file) < 0 || set_string(fs, "source", path) < 0 || set_flag(fs, "ro") < 0)
		return fs_error(err, fs, what);
	return create(fs, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, what, err);
}

int overlay_mount_erofs(int dir, const char *name, struct err *err)
{
	AUTO_FD file = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char what[128];

	(void)snprintf(what, sizeof(what), "mount layer \"%.80s\"", name);
	if (file < 0)
		return err_sys(err, "%s", what);
	return mount_erofs_fd(file, what, err);
}

/* --- overlay -------------------------------------------------------------------- */

/* Before Linux 6.5 overlay took its options as one text when it was mounted: until then any option
 * counts as known, "lowerdir+" too. */
static bool takes_any_option(void)
{
	AUTO_FD fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);

	return fs >= 0 && set_string(fs, "no-such-option", "x") == 0;
}

static bool takes_lowers_singly(void)
{
	AUTO_FD fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);

	return fs >= 0 && !takes_any_option() && set_string(fs, "lowerdir+", "/") == 0;
}

size_t overlay_lowers_max(void)
{
	return takes_lowers_singly() ? OVERLAY_LOWERS_MAX
				     : (LOWERDIR_TEXT_MAX - 1) / LOWER_TEXT_MAX;
}

/* What was tried in vain is no part of a later error. */
static void forget_log(int fs)
{
	char text[KERNEL_LOG_MAX];

	while (read(fs, text, sizeof(text)) > 0)
		;
}

static int add_lowers_singly(int fs, const struct overlay *o)
{
	bool by_fd = true;

	for (size_t i = 0; i < o->n_lowers; i++) {
		char path[FD_PATH_MAX];

		if (by_fd && set_fd(fs, "lowerdir+", o->lowers[i]) == 0)
			continue;
		/* a kernel that doesn't know the key in this form refuses the first one */
		if (by_fd && (i > 0 || takes_any_option()))
			return -1;
		by_fd = false;
		if (fd_path(path, o->lowers[i]) < 0 || set_string(fs, "lowerdir+", path) < 0)
			return -1;
	}
	return 0;
}

static int add_lowers_at_once(int fs, const struct overlay *o)
{
	char text[LOWERDIR_TEXT_MAX] = "";
	size_t len = 0;

	for (size_t i = 0; i < o->n_lowers; i++) {
		if (str_format(text + len, sizeof(text) - len, "%s%d", i ? ":" : "", o->lowers[i]) <
		    0) {
			errno = E2BIG;
			return -1;
		}
		len += strlen(text + len);
	}
	return set_string(fs, "lowerdir", text);
}

/* The kernel may look at the names not before it mounts: all of that happens in /proc/self/fd. */
static int mount_with_lowers_at_once(int fs, const struct overlay *o, uint64_t attributes,
				     struct err *err)
{
	AUTO_FD here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int mount = -1;

	forget_log(fs);
	if (here < 0 || chdir("/proc/self/fd") < 0)
		return err_sys(err, "overlay's lower directories: enter \"/proc/self/fd\"");
	if (add_lowers_at_once(fs, o) < 0)
		(void)fs_error(err, fs, "overlay's lower directories");
	else
		mount = create(fs, attributes, "mount overlay", err);
	if (fchdir(here) < 0) {
		(void)fd_close(mount);
		return err_sys(err, "return from \"/proc/self/fd\"");
	}
	return mount;
}

static int set_upper(int fs, const struct overlay *o)
{
	static const char *const keys[] = { "upperdir", "workdir" };
	const int fds[] = { o->upper, o->work };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		char path[FD_PATH_MAX];

		if (fd_path(path, fds[i]) < 0 || set_string(fs, keys[i], path) < 0)
			return -1;
	}
	return 0;
}

/* Options that this kernel may not know are only turned off, so not knowing them is as good. */
static void set_defaults(int fs, const struct overlay *o)
{
	static const struct {
		const char *key, *value;
	} off[] = {
		{ "index", "off" },
		{ "metacopy", "off" },
		{ "xino", "off" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(off); i++)
		(void)set_string(fs, off[i].key, off[i].value);
	if (!o->userxattr)
		(void)set_string(fs, "redirect_dir", "off");
}

int overlay_mount(const struct overlay *o, struct err *err)
{
	AUTO_FD fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
	bool writable = o->upper >= 0, singly;
	uint64_t attributes = writable ? 0 : MOUNT_ATTR_RDONLY;

	if (fs < 0)
		return err_sys(err, "mount overlay");
	if (o->n_lowers > OVERLAY_LOWERS_MAX)
		return err_set(err, E2BIG, "%zu layers, overlay takes %d", o->n_lowers,
			       OVERLAY_LOWERS_MAX);
	(void)set_string(fs, "source", "skerry"); /* what mount(8) shows */
	set_defaults(fs, o);
	singly = add_lowers_singly(fs, o) == 0;
	if (writable && set_upper(fs, o) < 0)
		return fs_error(err, fs, "overlay's upper directory");
	if (o->userxattr && set_flag(fs, "userxattr") < 0)
		return fs_error(err, fs, "overlay option \"userxattr\"");
	if (writable && o->is_volatile && set_flag(fs, "volatile") < 0)
		return fs_error(err, fs, "overlay option \"volatile\"");
	return singly ? create(fs, attributes, "mount overlay", err)
		      : mount_with_lowers_at_once(fs, o, attributes, err);
}

bool overlay_has_erofs(int dir)
{
	AUTO_FD file = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	AUTO_FD mount = -1, overlay = -1;
	struct overlay o = { .upper = -1, .work = -1, .n_lowers = 2 };

	if (file < 0 || erofs_write_empty(file, NULL) < 0)
		return false;
	mount = mount_erofs_fd(file, "probe", NULL);
	if (mount < 0)
		return false;
	o.lowers = (const int[]){ mount, dir };
	overlay = overlay_mount(&o, NULL);
	return overlay >= 0;
}

/* --- copies --------------------------------------------------------------------- */

static int clone_with(int dir, const struct mount_attr *attr, struct err *err)
{
	AUTO_FD tree = (int)syscall(SYS_open_tree, dir, "",
				    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	if (tree < 0)
		return err_sys(err, "copy of a mount");
	if ((attr->attr_set || attr->attr_clr) &&
	    syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, attr, sizeof(*attr)) < 0)
		return err_sys(err, "attributes of a mount");
	return fd_take(&tree);
}

int overlay_clone(int dir, bool read_only, struct err *err)
{
	const struct mount_attr attr = { .attr_set = read_only ? MOUNT_ATTR_RDONLY : 0 };

	return clone_with(dir, &attr, err);
}

int overlay_clone_at(int dir, const char *path, struct err *err)
{
	int tree = (int)syscall(SYS_open_tree, dir, path,
				OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);

	return tree < 0 ? err_sys(err, "copy of the mount \"%.80s\"", path) : tree;
}

int overlay_clone_mapped(int dir, int userns, struct err *err)
{
	const struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP,
					 .userns_fd = (uint64_t)userns };

	return clone_with(dir, &attr, err);
}

int overlay_private(int dir, const char *path, struct err *err)
{
	const struct mount_attr attr = { .propagation = MS_PRIVATE };
	AUTO_FD tree = overlay_clone_at(dir, path, err);

	if (tree < 0 || overlay_attach(tree, dir, path, err) < 0)
		return -1;
	/* only now: being put somewhere shared made it shared */
	if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return err_sys(err, "attributes of the mount \"%.80s\"", path);
	return 0;
}

int overlay_move(int dir, const char *path, int onto)
{
	return (int)syscall(SYS_move_mount, dir, path, onto, "", MOVE_MOUNT_T_EMPTY_PATH);
}

void overlay_drop(const int *mounts, size_t n)
{
	/* Every detached mount that goes makes the kernel wait for all processors to have seen it.
	 * Stacked on the first one they go together (since Linux 6.15; before it they just go). */
	for (size_t i = 1; i < n; i++)
		if (syscall(SYS_move_mount, mounts[i], "", mounts[0], "",
			    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
			break;
	for (size_t i = n; i-- > 0;)
		(void)fd_close(mounts[i]);
}

int overlay_attach(int mount, int dir, const char *path, struct err *err)
{
	if (syscall(SYS_move_mount, mount, "", dir, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(err, "put a mount at \"%s\"", path);
	return 0;
}
