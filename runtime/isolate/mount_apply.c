/* SPDX-License-Identifier: Apache-2.0 */
/* mount_apply.c - mount_entry structs carried out, in the init
 *
 * Where an entry goes is resolved once, beneath the root, to a descriptor, and
 * that descriptor is what is mounted on:
 *  - a bind is a detached clone: attributes are set on it, then it is attached;
 *  - a file system on a directory is mount(2) on "." after fchdir(2), two
 *    system calls where fsopen(2) and its relatives need six or more;
 *  - an entry that others lie in ("staged") is mounted on STAGE first, opened,
 *    and moved: only so is its descriptor known to be that mount.  A path
 *    looked up after the mount could lead somewhere else by then if another
 *    container writes to the same volume;
 *  - what lies in such a mount is made by name, relative to it (mounts.c).
 * No symbolic link is followed at first, so that the path that was checked is
 * the path that is used; only if there is one the target is asked whether it
 * has led into procfs.
 *
 * runtime-spec config.md "Mounts"; mount(2), move_mount(2), openat2(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/buf.h"
#include "base/fd.h"
#include "runtime/isolate/mountfd.h"
#include "runtime/isolate/rootfs.h"
#include "runtime/isolate/tmpcopy.h"

/* A directory of the host's tree that every host has; what is mounted on it leaves at once. */
#define STAGE	 "/proc"
#define DIR_MODE 0755
#define DATA_MAX 4096

/* An entry and everything that is needed to carry it out. */
struct job {
	const struct mount_entry *e;
	const struct mounts *m;
	int root;
	int owner; /* descriptor of the mount it lies in, or -1 */
};

static int fail(const struct job *j, struct err *err, const char *what)
{
	const struct mount_entry *e = j->e;
	char pointer[64];

	err_sys_(err, "%s \"%s\" (%s) at \"%s\"", what, e->source ? e->source : "none",
		 e->type ? e->type : "bind", e->dest);
	if (e->index == MOUNT_NOT_IN_SPEC)
		return -1;
	if (str_format(pointer, sizeof(pointer), "/mounts/%zu", e->index) < 0)
		return -1;
	return err_at(err, pointer);
}

/* Makes fd the working directory; remembered, as several entries lie in one mount. */
static int enter(const struct job *j, int fd)
{
	struct mounts_state *s = j->m->state;

	if (s && s->cwd == fd)
		return 0;
	if (fchdir(fd) < 0)
		return -1;
	if (s)
		s->cwd = fd;
	return 0;
}

/* The working directory is one whose descriptor does not stay. */
static void forget_cwd(const struct job *j)
{
	if (j->m->state)
		j->m->state->cwd = -1;
}

static bool is_root(const struct mount_entry *e)
{
	return e->dest[1] == '\0';
}

/* --- targets ----------------------------------------------------------------- */

/* A link was followed: it may have led to where mounting is forbidden by name. */
static int check_followed(const struct job *j, int fd)
{
	if (!str_starts(j->e->dest, "/proc/") && beneath_is_fs(fd, PROC_SUPER_MAGIC)) {
		errno = EPERM;
		return -1;
	}
	return fd;
}

static int make_target(const struct job *j, bool directory, uint64_t resolve)
{
	AUTO_FD fd = directory ? beneath_make_dir(j->root, j->e->dest, DIR_MODE)
			       : beneath_make_file(j->root, j->e->dest, 0644);

	if (fd < 0 || !resolve)
		return fd_take(&fd);
	/* Making follows links; what another has put there meanwhile must not count. */
	return beneath_open(j->root, j->e->dest, O_PATH, 0, resolve);
}

/* Where the entry goes, O_PATH; what is missing is made like what is mounted (tree: the source's
 * clone, -1: a directory). */
static int open_target(const struct job *j, int tree, bool *ret_made)
{
	const struct mount_entry *e = j->e;
	int how = O_PATH | (e->dest_nofollow ? O_NOFOLLOW : 0) | (tree < 0 ? O_DIRECTORY : 0);
	uint64_t resolve = RESOLVE_NO_SYMLINKS;
	AUTO_FD fd = beneath_open(j->root, e->dest, how, 0, resolve);
	struct stat st = { .st_mode = S_IFDIR };

	*ret_made = false;
	if (fd < 0 && errno == ELOOP && !e->no_symlinks) {
		resolve = 0;
		fd = beneath_open(j->root, e->dest, how, 0, resolve);
	}
	if (fd < 0 && errno == ENOENT && e->kind != MOUNT_REMOUNT) {
		if (tree >= 0 && fstat(tree, &st) < 0)
			return -1;
		fd = make_target(j, S_ISDIR(st.st_mode), resolve);
		*ret_made = true;
	}
	if (fd >= 0 && !resolve && check_followed(j, fd) < 0)
		return -1;
	return fd_take(&fd);
}

/* The mount just made on the root directory becomes what the caller's descriptor refers to. */
static int replace_root(const struct job *j, int fd)
{
	return dup3(fd, j->root, O_CLOEXEC) < 0 ? -1 : 0;
}

/* --- attributes -------------------------------------------------------------- */

/* Clones of private mounts are private: nothing to do in the usual namespace. */
static bool is_private_already(const struct job *j, bool foreign)
{
	const struct mount_entry *e = j->e;

	if (foreign || j->m->host_propagation != (MS_PRIVATE | MS_REC))
		return false;
	for (size_t i = 0; i < e->n_propagation; i++)
		if (!(e->propagation[i] & MS_PRIVATE))
			return false;
	return true;
}

/* Everything that is not flags of mount(2): for a detached mount, with `change` mountfd_setattr(), or an
 * attached one.  foreign: comes from another mount namespace. */
static int change_mount(const struct job *j, int fd, bool foreign,
			int (*change)(int fd, const struct mountfd_attr *a))
{
	const struct mount_entry *e = j->e;
	struct mountfd_attr own = { .keep = true };
	struct mountfd_attr all = {
		.set = e->rec_set, .clr = e->rec_clr, .recursive = true, .keep = true
	};

	if (e->kind == MOUNT_BIND) {
		own.set = e->attr_set;
		own.clr = e->attr_clr & ~(e->attr_set & ~(uint64_t)MOUNT_ATTR__ATIME);
	}
	if ((own.set || own.clr) && change(fd, &own) < 0)
		return -1;
	if ((all.set || all.clr) && change(fd, &all) < 0)
		return -1;
	if (is_private_already(j, foreign))
		return 0;
	for (size_t i = 0; i < e->n_propagation; i++) {
		struct mountfd_attr p = { .propagation = e->propagation[i],
					  .recursive = e->propagation[i] & MS_REC };

		if (change(fd, &p) < 0)
			return -1;
	}
	if (e->n_propagation == 0 && e->kind == MOUNT_BIND) {
		struct mountfd_attr p = { .propagation = MS_PRIVATE | MS_REC, .recursive = true };

		return change(fd, &p);
	}
	return 0;
}

static int change_detached(int fd, const struct mountfd_attr *a)
{
	return mountfd_setattr(fd, "", a);
}

/* --- binds --------------------------------------------------------------------- */

/* 1: the source is a link and the same link is now at the destination. */
static int copy_symlink(const struct job *j)
{
	char text[PATH_MAX], there[PATH_MAX], name[NAME_MAX + 1];
	ssize_t len = readlinkat(AT_FDCWD, j->e->source, text, sizeof(text) - 1), n;
	AUTO_FD parent = -1;

	if (len < 0)
		return errno == EINVAL ? 0 : -1;
	text[len] = '\0';
	parent = beneath_parent(j->root, j->e->dest, true, name);
	if (parent < 0)
		return -1;
	if (symlinkat(text, parent, name) == 0)
		return 1;
	if (errno != EEXIST)
		return -1;
	n = readlinkat(parent, name, there, sizeof(there));
	if (n == len && memcmp(there, text, (size_t)len) == 0)
		return 1;
	errno = EEXIST;
	return -1;
}

static int attach(const struct job *j, int tree, bool foreign, struct err *err)
{
	bool made, late = false;
	AUTO_FD target = -1;

	if (change_mount(j, tree, foreign, change_detached) < 0) {
		if (errno != ENOSYS)
			return fail(j, err, "set options of");
		late = true;
	}
	if (is_root(j->e))
		target = fcntl(j->root, F_DUPFD_CLOEXEC, 0);
	else
		target = open_target(j, tree, &made);
	if (target < 0)
		return fail(j, err, "open the target of");
	if (mountfd_attach(tree, target) < 0)
		return fail(j, err, "mount");
	if (late) {
		forget_cwd(j);
		if (change_mount(j, tree, foreign, mountfd_setattr_old) < 0)
			return fail(j, err, "set options of");
	}
	if (is_root(j->e) && replace_root(j, tree) < 0)
		return fail(j, err, "mount");
	return 0;
}

static int apply_bind(const struct job *j, struct err *err)
{
	const struct mount_entry *e = j->e;
	bool foreign = e->source_fd >= 0;
	AUTO_FD clone = -1;
	int tree;

	if (e->copy_symlink) {
		int copied = copy_symlink(j);

		if (copied)
			return copied < 0 ? fail(j, err, "copy the link") : 0;
	}
	if (!foreign) {
		clone = mountfd_clone(AT_FDCWD, e->source, e->recursive, e->src_nofollow);
		if (clone < 0 && errno == EINVAL && !e->recursive && j->m->user_namespace) {
			(void)fail(j, err, "bind without what is mounted below, use rbind for");
			return -1;
		}
		if (clone < 0)
			return fail(j, err, "bind");
	}
	tree = foreign ? e->source_fd : clone;
	if (e->need_procfs && !beneath_is_fs(tree, PROC_SUPER_MAGIC)) {
		errno = EPERM;
		return fail(j, err, "only a procfs may be mounted there:");
	}
	return attach(j, tree, foreign, err);
}

/* --- file systems ---------------------------------------------------------------- */

/* The options without "gid=": an unprivileged user namespace may not have that group. */
static void drop_gid(const char *data, char *dst, size_t size)
{
	size_t len = 0;

	while (*data && len + 1 < size) {
		size_t n = strcspn(data, ",");

		if (strncmp(data, "gid=", 4) != 0 && len + n + 2 < size) {
			if (len)
				dst[len++] = ',';
			memcpy(dst + len, data, n);
			len += n;
		}
		data += n;
		data += *data == ',';
	}
	dst[len] = '\0';
}

static const char *source_of(const struct mount_entry *e)
{
	return e->source && e->source[0] ? e->source : e->type;
}

static NOINLINE int mount_without_gid(const struct mount_entry *e, const char *path,
				      const char *data)
{
	char other[DATA_MAX];

	drop_gid(data, other, sizeof(other));
	return mount(source_of(e), path, e->type, e->flags, other);
}

static int mount_fs(const struct job *j, const char *path, const char *data)
{
	const struct mount_entry *e = j->e;

	if (mount(source_of(e), path, e->type, e->flags, data) == 0)
		return 0;
	if (errno != EINVAL || j->m->privileged || !data || strcmp(e->type, "devpts") != 0)
		return -1;
	return mount_without_gid(e, path, data);
}

static NOINLINE int mount_with_mode(const struct job *j, const char *path, mode_t mode)
{
	const char *data = j->e->data;
	char all[DATA_MAX];

	if (str_format(all, sizeof(all), "%s%smode=%04o", data ? data : "", data ? "," : "",
		       (unsigned int)mode) < 0)
		return mount_fs(j, path, data);
	return mount_fs(j, path, all);
}

/* With the mode of the directory that is covered, where the entry asks for that. */
static int mount_covering(const struct job *j, const char *path, int target, bool made)
{
	struct stat st;

	if (!j->e->keep_mode || made || fstat(target, &st) < 0)
		return mount_fs(j, path, j->e->data);
	return mount_with_mode(j, path, st.st_mode & 07777);
}

/* The kernel refuses a fresh mount in some user namespaces; what the host has shows the same. */
static int apply_fallback(const struct job *j, struct err *err)
{
	struct mount_entry e = *j->e;
	struct job other = { .e = &e, .m = j->m, .root = j->root, .owner = -1 };

	/* Rootless without a group of its own: the tree as the host shows it, read-only. */
	if (strcmp(e.type, "cgroup2") == 0 && faccessat(AT_FDCWD, e.fallback, F_OK, 0) < 0)
		e.fallback = "/sys/fs/cgroup";
	if (faccessat(AT_FDCWD, e.fallback, F_OK, 0) < 0) {
		errno = EPERM; /* what the mount itself met */
		return fail(j, err, "mount");
	}
	e.kind = MOUNT_BIND;
	e.source = e.fallback;
	e.recursive = true;
	if (strcmp(e.type, "proc") != 0 && strcmp(e.type, "mqueue") != 0)
		e.rec_set |= MOUNT_ATTR_RDONLY;
	e.attr_clr = 0;
	e.attr_set &= ~(uint64_t)MOUNT_ATTR__ATIME;
	return apply_bind(&other, err);
}

static bool may_fall_back(const struct job *j)
{
	return j->e->fallback && (errno == EPERM || errno == EBUSY);
}

/* Propagation and recursive flags of a mount that mount(2) made. */
static int finish_fs(const struct job *j, int fd, struct err *err)
{
	const struct mount_entry *e = j->e;
	AUTO_FD opened = -1;

	if (!e->rec_set && !e->rec_clr && (!e->n_propagation || is_private_already(j, false)))
		return 0;
	if (fd < 0) {
		opened = beneath_open(j->root, e->dest, O_PATH, 0, RESOLVE_NO_SYMLINKS);
		fd = opened;
	}
	forget_cwd(j);
	if (fd < 0 || change_mount(j, fd, false, mountfd_change) < 0)
		return fail(j, err, "set options of");
	return 0;
}

static int make_in_owner(const struct job *j)
{
	if (!str_eq(j->m->v[j->e->owner].type, "tmpfs"))
		return 0;
	return mkdirat(j->owner, j->e->relative, DIR_MODE) < 0 && errno != EEXIST ? -1 : 0;
}

static int apply_in_owner(const struct job *j, struct err *err)
{
	if (make_in_owner(j) < 0 || enter(j, j->owner) < 0)
		return fail(j, err, "make the target of");
	if (mount_fs(j, j->e->relative, j->e->data) < 0)
		return may_fall_back(j) ? apply_fallback(j, err) : fail(j, err, "mount");
	return finish_fs(j, -1, err);
}

/* Mounted aside, opened, filled if asked, moved into place. */
static int apply_staged(const struct job *j, int index, struct err *err)
{
	const struct mount_entry *e = j->e;
	AUTO_FD target = -1;
	AUTO_FD fd = -1;
	bool made = true;

	if (j->owner >= 0 ? make_in_owner(j) < 0 : (target = open_target(j, -1, &made)) < 0)
		return fail(j, err, "open the target of");
	if (mount_covering(j, STAGE, target, made) < 0)
		return may_fall_back(j) ? apply_fallback(j, err) : fail(j, err, "mount");
	fd = open(STAGE, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(j, err, "mount");
	if (e->tmpcopyup && target >= 0 && tmpcopy_apply(target, fd, err) < 0)
		return -1;
	if (j->owner >= 0 ? move_mount(fd, "", j->owner, e->relative, MOVE_MOUNT_F_EMPTY_PATH) < 0
			  : mountfd_attach(fd, target) < 0)
		return fail(j, err, "mount");
	if (finish_fs(j, fd, err) < 0)
		return -1;
	j->m->state->fds[index] = fd_take(&fd);
	return 0;
}

/* mount(2) refuses a file system on top of itself, as the host's groups below a bound /sys are; to
 * move it there is allowed. */
static int apply_over_itself(const struct job *j, int target, struct err *err)
{
	AUTO_FD fd = -1;

	if (mount_fs(j, STAGE, j->e->data) < 0)
		return may_fall_back(j) ? apply_fallback(j, err) : fail(j, err, "mount");
	fd = open(STAGE, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || mountfd_attach(fd, target) < 0)
		return fail(j, err, "mount");
	return finish_fs(j, fd, err);
}

static int apply_fs(const struct job *j, struct err *err)
{
	const struct mount_entry *e = j->e;
	bool made = false;
	AUTO_FD fd = -1;
	AUTO_FD target =
		is_root(e) ? fcntl(j->root, F_DUPFD_CLOEXEC, 0) : open_target(j, -1, &made);

	if (target < 0 || fchdir(target) < 0)
		return fail(j, err, "open the target of");
	forget_cwd(j);
	if (mount_covering(j, ".", target, made) < 0) {
		if (errno == EBUSY)
			return apply_over_itself(j, target, err);
		return may_fall_back(j) ? apply_fallback(j, err) : fail(j, err, "mount");
	}
	if (is_root(e)) {
		/* Beneath the descriptor of the root this mount can't be seen; by its name it can. */
		fd = open(j->m->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || replace_root(j, fd) < 0)
			return fail(j, err, "mount");
	}
	if (e->tmpcopyup) {
		if (fd < 0)
			fd = beneath_open(j->root, e->dest, O_PATH | O_DIRECTORY, 0,
					  RESOLVE_NO_SYMLINKS);
		if (fd < 0)
			return fail(j, err, "mount");
		if (tmpcopy_apply(target, fd, err) < 0)
			return -1;
	}
	return finish_fs(j, fd, err);
}

/* --- remounts ------------------------------------------------------------------------ */

static int apply_remount(const struct job *j, struct err *err)
{
	static const struct {
		unsigned long st, ms;
		uint64_t attr;
	} keep[] = {
		{ ST_RDONLY, MS_RDONLY, MOUNT_ATTR_RDONLY },
		{ ST_NOSUID, MS_NOSUID, MOUNT_ATTR_NOSUID },
		{ ST_NODEV, MS_NODEV, MOUNT_ATTR_NODEV },
		{ ST_NOEXEC, MS_NOEXEC, MOUNT_ATTR_NOEXEC },
	};
	const struct mount_entry *e = j->e;
	struct mountfd_attr a = { .set = e->attr_set, .clr = e->attr_clr };
	unsigned long flags = e->flags | MS_REMOUNT;
	struct statfs fs;
	bool made;
	AUTO_FD fd = is_root(e) ? fcntl(j->root, F_DUPFD_CLOEXEC, 0) : open_target(j, 0, &made);

	if (fd < 0)
		return fail(j, err, "open the target of");
	if (e->flags & MS_BIND) {
		if (mountfd_change(fd, &a) < 0)
			return fail(j, err, "remount");
	} else {
		if (fstatfs(fd, &fs) < 0 || fchdir(fd) < 0)
			return fail(j, err, "remount");
		forget_cwd(j);
		for (size_t i = 0; i < ARRAY_SIZE(keep); i++)
			if (((unsigned long)fs.f_flags & keep[i].st) &&
			    !(e->attr_clr & keep[i].attr))
				flags |= keep[i].ms;
		if (mount(NULL, ".", NULL, flags, e->data) < 0)
			return fail(j, err, "remount");
	}
	return finish_fs(j, fd, err);
}

/* --- all of them ---------------------------------------------------------------------- */

int mount_entry_apply(const struct mount_entry *e, const struct mounts *ctx, int root_fd,
		      struct err *err)
{
	bool listed = ctx->state && e >= ctx->v && e < ctx->v + ctx->n;
	struct job j = { .e = e, .m = ctx, .root = root_fd, .owner = -1 };

	if (listed && e->owner >= 0)
		j.owner = ctx->state->fds[e->owner];
	switch (e->kind) {
	case MOUNT_BIND:
		return apply_bind(&j, err);
	case MOUNT_REMOUNT:
		return apply_remount(&j, err);
	case MOUNT_FS:
		if (listed && e->staged)
			return apply_staged(&j, (int)(e - ctx->v), err);
		return j.owner >= 0 ? apply_in_owner(&j, err) : apply_fs(&j, err);
	}
	return err_set(err, EINVAL, "unknown kind of mount");
}

int mounts_apply(const struct mounts *m, int root_fd, struct err *err)
{
	m->state->cwd = -1;
	for (size_t i = 0; i < m->n; i++)
		if (mount_entry_apply(&m->v[i], m, root_fd, err) < 0)
			return -1;
	return 0;
}

int mount_entry_remove(const char *dest, int root_fd, struct err *err)
{
	char name[NAME_MAX + 1];
	AUTO_FD parent = -1;

	if (dest[0] != '/' || strcmp(dest, "/proc") == 0 || str_starts(dest, "/proc/") ||
	    strcmp(dest, "/sys") == 0 || str_starts(dest, "/sys/"))
		return err_set(err, EPERM, "mount \"%s\" may not be removed", dest);
	parent = beneath_parent(root_fd, dest, false, name);
	if (parent < 0 || fchdir(parent) < 0)
		return err_sys(err, "open the directory of \"%s\"", dest);
	/* A process can't rename what is mounted in its own namespace: the name is safe. */
	if (umount2(name, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return err_sys(err, "unmount \"%s\"", dest);
	return 0;
}
