/* SPDX-License-Identifier: Apache-2.0 */
/* tmpcopy.c - a directory's contents copied into a tmpfs that covers it
 *
 * Runs in the init, so without allocation: getdents64(2) into a buffer on the
 * stack of each level, of which there are at most DEPTH_MAX.  Names are only
 * ever used relative to a descriptor and never followed; mount points inside
 * are copied as empty directories.
 * Kept: type, mode, owner, times, extended attributes of regular files and
 * directories.  Hard links become copies.
 */
#include "runtime/isolate/tmpcopy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/compiler.h"
#include "base/fd.h"

#define DEPTH_MAX  100
#define CHUNK	   ((size_t)1 << 30)
#define ENTRIES	   4096
#define XATTR_LIST 4096
#define XATTR_MAX  4096

struct entry { /* getdents64(2) */
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

struct copied {
	int from, to;
	const char *name;
	struct stat st;
};

static int fail(const char *name, struct err *err)
{
	return err_sys(err, "copy \"%s\" into the tmpfs that covers it", name);
}

static int copy_xattrs(int from, int to)
{
	char list[XATTR_LIST], value[XATTR_MAX];
	ssize_t n = flistxattr(from, list, sizeof(list));

	if (n < 0)
		return errno == ENOTSUP ? 0 : -1;
	for (char *name = list; name < list + n; name += strlen(name) + 1) {
		ssize_t size = fgetxattr(from, name, value, sizeof(value));

		if (size < 0)
			return -1;
		/* tmpfs knows no user.* before Linux 6.6, and trusted.* isn't everybody's. */
		if (fsetxattr(to, name, value, (size_t)size, 0) < 0 && errno != ENOTSUP &&
		    errno != EPERM)
			return -1;
	}
	return 0;
}

/* Owner before mode: chown(2) clears set-id bits. */
static int copy_meta(int from, int to, const struct stat *st)
{
	const struct timespec times[] = { st->st_atim, st->st_mtim };

	if (fchown(to, st->st_uid, st->st_gid) < 0 && errno != EINVAL && errno != EPERM)
		return -1;
	if (copy_xattrs(from, to) < 0 || fchmod(to, st->st_mode & 07777) < 0)
		return -1;
	return futimens(to, times);
}

static int copy_file(const struct copied *c)
{
	AUTO_FD from = openat(c->from, c->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	AUTO_FD to = -1;
	struct stat st;
	ssize_t n;

	if (from < 0 || fstat(from, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		errno = EAGAIN; /* it was one a moment ago */
		return -1;
	}
	to = openat(c->to, c->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return -1;
	do
		n = sendfile(to, from, NULL, CHUNK);
	while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -1 : copy_meta(from, to, &st);
}

static int copy_link(const struct copied *c)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(c->from, c->name, text, sizeof(text) - 1);

	if (n < 0)
		return -1;
	text[n] = '\0';
	return symlinkat(text, c->to, c->name);
}

static int copy_special(const struct copied *c)
{
	/* Devices can't be made in a user namespace, and nobody there could use them. */
	if (mknodat(c->to, c->name, c->st.st_mode, c->st.st_rdev) < 0)
		return errno == EPERM ? 1 : -1;
	return 0;
}

/* 0 copied, 1 left out, -1. */
static int copy_other(const struct copied *c)
{
	int status;

	if (S_ISREG(c->st.st_mode))
		return copy_file(c);
	status = S_ISLNK(c->st.st_mode) ? copy_link(c) : copy_special(c);
	if (status != 0)
		return status;
	if (fchownat(c->to, c->name, c->st.st_uid, c->st.st_gid, AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno != EINVAL && errno != EPERM)
		return -1;
	return 0;
}

static int copy_directory(int from, int to, int depth, struct err *err);

static int copy_one(int from, int to, const char *name, int depth, struct err *err)
{
	struct copied c = { .from = from, .to = to, .name = name };
	AUTO_FD sub = -1;
	AUTO_FD made = -1;

	if (fstatat(from, name, &c.st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(name, err);
	if (!S_ISDIR(c.st.st_mode))
		return copy_other(&c) < 0 ? fail(name, err) : 0;
	if (depth == DEPTH_MAX)
		return err_set(err, ELOOP, "copy \"%s\": too many directories", name);
	if (mkdirat(to, name, 0700) < 0)
		return fail(name, err);
	made = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	sub = beneath_open(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, RESOLVE_NO_XDEV);
	if (sub < 0 && errno == EXDEV)
		return 0;
	if (made < 0 || sub < 0)
		return fail(name, err);
	return copy_directory(sub, made, depth + 1, err);
}

static int copy_directory(int from, int to, int depth, struct err *err)
{
	_Alignas(struct entry) char buf[ENTRIES];
	struct stat st;
	long n;

	while ((n = syscall(SYS_getdents64, from, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n;) {
			const struct entry *e = (const struct entry *)(const void *)(buf + at);

			at += e->reclen;
			if (strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0)
				continue;
			if (copy_one(from, to, e->name, depth, err) < 0)
				return -1;
		}
	}
	if (n < 0 || fstat(from, &st) < 0 || copy_meta(from, to, &st) < 0)
		return err_sys(err, "copy a directory into the tmpfs that covers it");
	return 0;
}

int tmpcopy_apply(int from, int to, struct err *err)
{
	AUTO_FD source = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD target = openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (source < 0 || target < 0)
		return err_sys(err, "open a directory to copy");
	return copy_directory(source, target, 0, err);
}
