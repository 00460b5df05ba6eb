/* SPDX-License-Identifier: Apache-2.0 */
/* copy.c - a file or tree from one directory into another, with all that belongs to it
 *
 * By directory descriptors; links are copied, never followed.  In the order
 * owner, mode (chown(2) clears set-user-ID bits and capabilities), extended
 * attributes, times; a directory's times when its contents are in.
 */
#include "image/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

#define DEPTH_MAX 256
#define PIECE	  ((size_t)1 << 20)
#define XATTR_MAX 65536

struct copy {
	const struct copy_options *o;
	char path[PATH_MAX]; /* of the present entry, for `wants` and messages */
	size_t len;
	unsigned int depth;
};

static int fail(const struct copy *c, const char *what, struct err *err)
{
	return err_sys(err, "copy \"%s\": %s", c->path, what);
}

/* Attributes of a file or directory by its descriptor; those that the target refuses (another file
 * system, no privilege for trusted.*) are left out, capabilities are not. */
static int copy_xattrs(const struct copy *c, int from, int to, struct err *err)
{
	char names[XATTR_MAX], value[XATTR_MAX];
	ssize_t n = flistxattr(from, names, sizeof(names));
	if (n < 0)
		return errno == ENOTSUP ? 0 : fail(c, "list attributes", err);
	for (const char *name = names; name < names + n; name += strlen(name) + 1) {
		bool overlay =
			str_starts(name, "trusted.overlay.") || str_starts(name, "user.overlay.");
		ssize_t size = overlay ? -1 : fgetxattr(from, name, value, sizeof(value));
		if (size < 0)
			continue;
		if (fsetxattr(to, name, value, (size_t)size, 0) < 0 &&
		    strcmp(name, "security.capability") == 0)
			return fail(c, "set the capabilities", err);
	}
	return 0;
}

static int set_owner(const struct copy *c, int to, const char *name, const struct stat *st,
		     struct err *err)
{
	uid_t uid = c->o->chown ? c->o->uid : st->st_uid;
	gid_t gid = c->o->chown ? c->o->gid : st->st_gid;
	if (fchownat(to, name, uid, gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
		return fail(c, "set the owner", err);
	return 0;
}

static mode_t mode_of(const struct copy *c, const struct stat *st)
{
	return c->o->mode ? (mode_t)c->o->mode : st->st_mode & 07777;
}

/* Owner, mode, attributes and times of an open file or directory. */
static int finish(const struct copy *c, int from, int to, const struct stat *st, struct err *err)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	if (set_owner(c, to, "", st, err) < 0)
		return -1;
	if (fchmod(to, mode_of(c, st)) < 0)
		return fail(c, "set the mode", err);
	if (copy_xattrs(c, from, to, err) < 0)
		return -1;
	if (futimens(to, times) < 0)
		return fail(c, "set the times", err);
	return 0;
}

static int copy_data(const struct copy *c, int from, int to, struct err *err)
{
	for (;;) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, PIECE, 0);
		if (n == 0)
			return 0;
		if (n > 0)
			continue;
		if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
			return fail(c, "copy the data", err);
		break;
	}
	char piece[65536];
	for (;;) {
		ssize_t n = fd_read_full(from, piece, sizeof(piece));
		if (n < 0)
			return fail(c, "read", err);
		if (n == 0)
			return 0;
		if (fd_write_full(to, piece, (size_t)n) < 0)
			return fail(c, "write", err);
	}
}

static int copy_file(const struct copy *c, int from, const char *name, int to, const char *new_name,
		     struct err *err)
{
	struct stat st;
	AUTO_FD in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (in < 0 || fstat(in, &st) < 0)
		return fail(c, "open", err);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EAGAIN, "copy \"%s\": it changed meanwhile", c->path);
	AUTO_FD out =
		openat(to, new_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return fail(c, "make", err);
	return copy_data(c, in, out, err) < 0 ? -1 : finish(c, in, out, &st, err);
}

static int copy_link(const struct copy *c, int from, const char *name, int to, const char *new_name,
		     const struct stat *st, struct err *err)
{
	char target[PATH_MAX];
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);
	if (n < 0)
		return fail(c, "read the link", err);
	target[n] = 0;
	if (symlinkat(target, to, new_name) < 0)
		return fail(c, "make the link", err);
	if (set_owner(c, to, new_name, st, err) < 0)
		return -1;
	return utimensat(to, new_name, times, AT_SYMLINK_NOFOLLOW) < 0
		       ? fail(c, "set the times", err)
		       : 0;
}

static int copy_node(const struct copy *c, int to, const char *new_name, const struct stat *st,
		     struct err *err)
{
	/* a socket without its process is nothing */
	if (S_ISSOCK(st->st_mode))
		return 0;
	if (mknodat(to, new_name, (st->st_mode & S_IFMT) | 0600, st->st_rdev) < 0)
		return fail(c, "make the node", err);
	if (set_owner(c, to, new_name, st, err) < 0)
		return -1;
	return fchmodat(to, new_name, mode_of(c, st), 0) < 0 ? fail(c, "set the mode", err) : 0;
}

static int copy_contents(struct copy *c, int from, int to, struct err *err);

static int copy_dir(struct copy *c, int from, const char *name, int to, const char *new_name,
		    struct err *err)
{
	struct stat st;
	AUTO_FD in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0 || fstat(in, &st) < 0)
		return fail(c, "open", err);
	bool made = mkdirat(to, new_name, 0700) == 0;
	if (!made && errno != EEXIST)
		return fail(c, "make the directory", err);
	AUTO_FD out = openat(to, new_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0)
		return fail(c, "open the copy", err);
	if (copy_contents(c, in, out, err) < 0)
		return -1;
	return finish(c, in, out, &st, err);
}

/* What stands in the way of something that is no directory. */
static int clear_way(const struct copy *c, int to, const char *name, bool dir, struct err *err)
{
	struct stat st;
	if (fstatat(to, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(c, "look at the target", err);
	if (dir && S_ISDIR(st.st_mode))
		return 0;
	if (S_ISDIR(st.st_mode))
		return err_set(err, EISDIR, "copy \"%s\": a directory is in the way", c->path);
	return unlinkat(to, name, 0) < 0 ? fail(c, "replace the target", err) : 0;
}

static int copy_one(struct copy *c, int from, const char *name, int to, const char *new_name,
		    struct err *err)
{
	struct stat st;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(c, "look at it", err);
	bool dir = S_ISDIR(st.st_mode);
	/* a directory that isn't wanted may hold something that is (".dockerignore" with "!") */
	if (c->o->wants && !c->o->wants(c->o->arg, c->path, dir))
		return 0;
	if (clear_way(c, to, new_name, dir, err) < 0)
		return -1;
	if (dir)
		return copy_dir(c, from, name, to, new_name, err);
	if (S_ISREG(st.st_mode))
		return copy_file(c, from, name, to, new_name, err);
	if (S_ISLNK(st.st_mode))
		return copy_link(c, from, name, to, new_name, &st, err);
	return copy_node(c, to, new_name, &st, err);
}

static int copy_contents(struct copy *c, int from, int to, struct err *err)
{
	const struct dirent *d;
	if (++c->depth > DEPTH_MAX)
		return err_set(err, ELOOP, "copy \"%s\": more than %d directories deep", c->path,
			       DEPTH_MAX);
	int own = fcntl(from, F_DUPFD_CLOEXEC, 3);
	DIR *dir = own < 0 ? NULL : fdopendir(own);
	if (!dir) {
		(void)fd_close(own);
		return fail(c, "read the directory", err);
	}
	int rc = 0;
	size_t len = c->len;
	while (rc == 0 && (d = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (str_format(c->path + len, sizeof(c->path) - len, "%s%s", len ? "/" : "",
			       d->d_name) < 0) {
			rc = err_set(err, ENAMETOOLONG, "copy \"%s\": the path is too long",
				     c->path);
			break;
		}
		c->len = strlen(c->path);
		rc = copy_one(c, from, d->d_name, to, d->d_name, err);
		c->len = len;
		c->path[len] = 0;
	}
	(void)closedir(dir);
	c->depth--;
	return rc;
}

int copy_tree(int from, int to, const struct copy_options *options, struct err *err)
{
	struct copy c = { .o = options };
	struct stat st;
	if (copy_contents(&c, from, to, err) < 0)
		return -1;
	if (options->keep_root)
		return 0;
	if (fstat(from, &st) < 0)
		return fail(&c, "look at it", err);
	return finish(&c, from, to, &st, err);
}

int copy_entry(int from, const char *name, int to, const char *new_name,
	       const struct copy_options *options, struct err *err)
{
	/* the top's own name is not part of the paths below it */
	struct copy c = { .o = options };
	struct stat st;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "copy \"%s\"", name);
	if (S_ISDIR(st.st_mode)) {
		if (clear_way(&c, to, new_name, true, err) < 0)
			return -1;
		return copy_dir(&c, from, name, to, new_name, err);
	}
	if (str_copy(c.path, sizeof(c.path), name) < 0)
		return err_set(err, ENAMETOOLONG, "copy \"%s\": the path is too long", name);
	return copy_one(&c, from, name, to, new_name, err);
}
