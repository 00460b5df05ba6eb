/* SPDX-License-Identifier: Apache-2.0 */
/* rootfs.c - the root file system: mounted on itself first, entered last
 *
 * The clone of the root file system that becomes "/" is made detached and
 * attached at its own path, where hooks expect it; from then on its descriptor
 * is used and never the path.
 *
 * runtime-spec config.md "Root", config-linux.md "Rootfs Mount Propagation";
 * pivot_root(2), mount_namespaces(7).
 */
#include "runtime/isolate/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "runtime/isolate/mountfd.h"

#define MOUNTINFO_LINE 8192 /* two paths of PATH_MAX, all else is short */

/* pivot_root(2) refuses a new root whose parent mount is shared; and what is mounted below must not
 * appear on the host.  The mount is the nearest directory upwards that is one. */
static int make_parent_private(const char *rootfs, struct err *err)
{
	char path[PATH_MAX];

	if (str_copy(path, sizeof(path), rootfs) < 0)
		return err_sys(err, "root file system \"%s\"", rootfs);
	for (;;) {
		char *slash = strrchr(path, '/');

		if (mount(NULL, path[0] ? path : "/", NULL, MS_PRIVATE, NULL) == 0)
			return 0;
		if (errno != EINVAL || !slash)
			return err_sys(err, "make the mount of \"%s\" private", rootfs);
		*slash = '\0';
	}
}

/* A clone made by the parent comes from where the host's mounts are shared. */
static int make_root_private(const struct mounts *m, int fd, bool attached)
{
	struct mountfd_attr a = { .propagation = MS_PRIVATE };

	if (m->rootfs_fd >= 0) {
		a.propagation |= MS_REC;
		a.recursive = true;
	} else if (m->host_propagation == (MS_PRIVATE | MS_REC)) {
		return 0;
	}
	return attached ? mountfd_setattr_old(fd, &a) : mountfd_setattr(fd, "", &a);
}

int rootfs_begin(const struct mounts *m, int *ret_root_fd, struct err *err)
{
	AUTO_FD fd = -1;
	bool late = false;

	umask(0);
	if (mount(NULL, "/", NULL, m->host_propagation, NULL) < 0)
		return err_sys(err, "set propagation of \"/\"");
	if (m->root_maybe_shared && make_parent_private(m->rootfs, err) < 0)
		return -1;
	fd = m->rootfs_fd >= 0 ? fcntl(m->rootfs_fd, F_DUPFD_CLOEXEC, 0)
			       : mountfd_clone(AT_FDCWD, m->rootfs, true, false);
	if (fd < 0)
		return err_sys(err, "open root file system \"%s\"", m->rootfs);
	if (make_root_private(m, fd, false) < 0) {
		late = errno == ENOSYS;
		if (!late)
			return err_sys(err, "make the root file system private");
	}
	/* What the container's root may not search it can't mount on either: then on "/" itself, which
	 * lookups that begin there do not notice. */
	if (move_mount(fd, "", AT_FDCWD, m->rootfs_fd >= 0 ? "/" : m->rootfs,
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS) < 0)
		return err_sys(err, "mount root file system \"%s\"", m->rootfs);
	if (late && make_root_private(m, fd, true) < 0)
		return err_sys(err, "make the root file system private");
	*ret_root_fd = fd_take(&fd);
	return 0;
}

/* --- without pivot_root(2) ------------------------------------------------------------- */

/* "\040" and the like of mountinfo back to bytes, in place. */
static void unescape(char *s)
{
	char *dst = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			*dst++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*dst++ = *s;
		}
	}
	*dst = '\0';
}

/* chroot(2) leaves the host's tree beneath; a process that gets out of it must not find a procfs or
 * sysfs without masks there. */
static int hide_one(char *line, const struct mounts *m, struct err *err)
{
	char *path = line, *end, *type = strstr(line, " - ");
	size_t len = strlen(m->rootfs);

	for (int i = 0; i < 4 && path; i++) {
		path = strchr(path, ' ');
		path += path != NULL;
	}
	end = path ? strchr(path, ' ') : NULL;
	if (!type || !end ||
	    (strncmp(type + 3, "proc ", 5) != 0 && strncmp(type + 3, "sysfs ", 6) != 0))
		return 0;
	*end = '\0';
	unescape(path);
	if (strncmp(path, m->rootfs, len) == 0 && (path[len] == '/' || path[len] == '\0'))
		return 0;
	/* From a shared parent it would be unmounted on the host as well: cover it instead. */
	if (m->root_maybe_shared) {
		if (mount(NULL, path, NULL, MS_PRIVATE, NULL) < 0)
			return err_sys(err, "make \"%s\" of the host private", path);
		errno = EPERM;
	} else if (umount2(path, MNT_DETACH) == 0 || errno == ENOENT) {
		return 0;
	}
	/* Locked, because the namespace is of a less privileged user: the same. */
	if ((errno == EINVAL || errno == EPERM) &&
	    mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0)
		return 0;
	return err_sys(err, "hide \"%s\" of the host", path);
}

static int hide_host(const struct mounts *m, struct err *err)
{
	AUTO_FD fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	char buf[MOUNTINFO_LINE];
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return err_sys(err, "open \"/proc/self/mountinfo\"");
	while ((n = read(fd, buf + len, sizeof(buf) - 1 - len)) > 0) {
		char *line = buf, *newline;

		len += (size_t)n;
		buf[len] = '\0';
		while ((newline = strchr(line, '\n'))) {
			*newline = '\0';
			if (hide_one(line, m, err) < 0)
				return -1;
			line = newline + 1;
		}
		len -= (size_t)(line - buf);
		memmove(buf, line, len);
		if (len == sizeof(buf) - 1)
			return err_set(err, E2BIG, "a line of mountinfo is too long");
	}
	return n < 0 ? err_sys(err, "read \"/proc/self/mountinfo\"") : 0;
}

static int move_root(const struct mounts *m, struct err *err)
{
	/* What is moved onto a shared mount appears on the host. */
	if (m->root_maybe_shared && mount(NULL, "/", NULL, MS_PRIVATE, NULL) < 0)
		return err_sys(err, "make \"/\" private");
	if (hide_host(m, err) < 0)
		return -1;
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
		return err_sys(err, "move root file system \"%s\" to \"/\"", m->rootfs);
	return 0;
}

static int pivot(const struct mounts *m, struct err *err)
{
	AUTO_FD old = -1;

	if (m->root_maybe_shared) {
		old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (old < 0)
			return err_sys(err, "open \"/\"");
	}
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return err_sys(err, "pivot_root to \"%s\"%s", m->rootfs,
			       errno == EINVAL ? " (needs --no-pivot on a ramdisk)" : "");
	/* Shared mounts would be unmounted on the host as well.  The old root lies on the new one:
	 * umount2(2) finds it there, mount(2) needs it as the working directory. */
	if (old >= 0 && (fchdir(old) < 0 || mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0))
		return err_sys(err, "cut the old root off from the host");
	if (umount2(".", MNT_DETACH) < 0)
		return err_sys(err, "unmount the old root");
	return 0;
}

static int set_root_readonly(struct err *err)
{
	struct mountfd_attr a = { .set = MOUNT_ATTR_RDONLY };
	AUTO_FD fd = -1;

	if (mountfd_setattr(AT_FDCWD, "/", &a) == 0)
		return 0;
	if (errno == ENOSYS && (fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)) >= 0 &&
	    mountfd_setattr_old(fd, &a) == 0)
		return 0;
	return err_sys(err, "make \"/\" read-only");
}

/* Descriptors of the root's own mounts have done their service. */
static void close_state(const struct mounts *m)
{
	for (size_t i = 0; i < m->n; i++)
		m->state->fds[i] = fd_close(m->state->fds[i]);
	m->state->empty_fd = fd_close(m->state->empty_fd);
}

int rootfs_enter(const struct mounts *m, int root_fd, struct err *err)
{
	close_state(m);
	if (fchdir(root_fd) < 0)
		return err_sys(err, "enter root file system \"%s\"", m->rootfs);
	if ((m->no_pivot ? move_root(m, err) : pivot(m, err)) < 0)
		return -1;
	if (chdir("/") < 0)
		return err_sys(err, "chdir to \"/\"");
	if (m->root_propagation && mount(NULL, "/", NULL, m->root_propagation, NULL) < 0)
		return err_sys(err, "set propagation of \"/\"");
	return m->root_readonly ? set_root_readonly(err) : 0;
}
