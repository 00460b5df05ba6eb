/* SPDX-License-Identifier: Apache-2.0 */
/* mountfd.c - mounts by descriptor
 *
 * open_tree(2), move_mount(2), mount_setattr(2); mount(2) MS_REMOUNT|MS_BIND
 * before Linux 5.12.
 */
#include "runtime/isolate/mountfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/compiler.h"

static const struct {
	uint64_t attr;
	unsigned long ms;
	unsigned long st; /* f_flags of statfs(2) */
} flags[] = {
	{ MOUNT_ATTR_RDONLY, MS_RDONLY, ST_RDONLY },
	{ MOUNT_ATTR_NOSUID, MS_NOSUID, ST_NOSUID },
	{ MOUNT_ATTR_NODEV, MS_NODEV, ST_NODEV },
	{ MOUNT_ATTR_NOEXEC, MS_NOEXEC, ST_NOEXEC },
	{ MOUNT_ATTR_NODIRATIME, MS_NODIRATIME, ST_NODIRATIME },
	{ MOUNT_ATTR_NOATIME, MS_NOATIME, ST_NOATIME },
	{ MOUNT_ATTR_STRICTATIME, MS_STRICTATIME, 0 },
	{ 0, MS_RELATIME, ST_RELATIME },
	{ MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW, 0x2000 /* ST_NOSYMFOLLOW */ },
};

int mountfd_clone(int dir, const char *path, bool recursive, bool nofollow)
{
	unsigned int how = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT;

	if (path[0] == '\0')
		how |= AT_EMPTY_PATH;
	if (recursive)
		how |= AT_RECURSIVE;
	if (nofollow)
		how |= AT_SYMLINK_NOFOLLOW;
	return open_tree(dir, path, how);
}

int mountfd_attach(int mount_fd, int target_fd)
{
	return move_mount(mount_fd, "", target_fd, "",
			  MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

int mountfd_setattr(int dir, const char *path, const struct mountfd_attr *a)
{
	struct mount_attr attr = { .attr_set = a->set,
				   .attr_clr = a->clr,
				   .propagation = a->propagation & ~(unsigned long)MS_REC };
	unsigned int how = (path[0] == '\0' ? AT_EMPTY_PATH : 0) | AT_SYMLINK_NOFOLLOW |
			   (a->recursive ? AT_RECURSIVE : 0);
	int status = mount_setattr(dir, path, how, &attr, sizeof(attr));

	if (status == 0 || errno != EPERM || !a->keep || !a->clr)
		return status;
	/* Some flag is locked; the access time can't be set without clearing the old one. */
	attr.attr_clr = 0;
	attr.attr_set &= ~(uint64_t)MOUNT_ATTR__ATIME;
	return mount_setattr(dir, path, how, &attr, sizeof(attr));
}

/* What the flags of mount(2) have to be; *ret_safe: with nothing cleared. */
static unsigned long remount_flags(const struct mountfd_attr *a, unsigned long now,
				   unsigned long *ret_safe)
{
	const uint64_t atime = MOUNT_ATTR__ATIME;
	unsigned long ms = 0, safe = 0;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		bool on = now & flags[i].st, set = a->set & flags[i].attr;
		bool cleared = flags[i].attr ? a->clr & flags[i].attr : a->clr & atime;

		if (set || (on && !cleared))
			ms |= flags[i].ms;
		if (on || (set && !(flags[i].attr & atime)))
			safe |= flags[i].ms;
	}
	*ret_safe = safe;
	return ms;
}

static int remount(int fd, const struct mountfd_attr *a)
{
	const unsigned long how = MS_REMOUNT | MS_BIND;
	unsigned long ms, safe;
	struct statfs fs;

	if (a->recursive) {
		errno = ENOSYS;
		return -1;
	}
	if (fstatfs(fd, &fs) < 0)
		return -1;
	ms = remount_flags(a, (unsigned long)fs.f_flags, &safe);
	if (mount(NULL, ".", NULL, how | ms, NULL) == 0)
		return 0;
	return errno == EPERM && a->keep ? mount(NULL, ".", NULL, how | safe, NULL) : -1;
}

int mountfd_setattr_old(int fd, const struct mountfd_attr *a)
{
	if (fchdir(fd) < 0)
		return -1;
	if ((a->set || a->clr) && remount(fd, a) < 0)
		return -1;
	return a->propagation ? mount(NULL, ".", NULL, a->propagation, NULL) : 0;
}

int mountfd_change(int fd, const struct mountfd_attr *a)
{
	int status = mountfd_setattr(fd, "", a);

	return status < 0 && errno == ENOSYS ? mountfd_setattr_old(fd, a) : status;
}
