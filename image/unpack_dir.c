/* SPDX-License-Identifier: Apache-2.0 */
/* unpack_dir.c - a layer's entries as files below a directory
 *
 * Files, links and devices are made as they come.  A tree in memory (tree.h)
 * runs along and settles what depends on order; what it says at the end is done
 * then, in one walk: whiteouts, opaque marks, and directories' owners, modes and
 * times, which the files made in them would have changed.
 * A file's order: create, write, owner, mode (chown clears set-id bits), xattrs
 * (chown clears capabilities), times.
 * Every parent is opened beneath the tree without following links, and kept:
 * neighbours share it.
 *
 * image-spec layer.md "Applying Changesets"; openat2(2), overlayfs.rst.
 */
#include "image/unpack_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"
#include "image/split.h"
#include "image/tree.h"

#define RESOLVE_PLAIN 0x04 /* RESOLVE_NO_SYMLINKS of openat2(2) */
#define MAKING_MODE   0700 /* of a directory until the end */

struct unpack_dir {
	const struct unpack_job *job;
	struct tree tree;
	struct split_writer *split;
	uid_t uid;
	gid_t gid; /* whose what we make is at first */
	int parent; /* of the last entry */
	char parent_path[PATH_MAX];
	int file; /* being written; -1 */
	const struct tree_inode *inode; /* its owner, mode, times */
	char path[PATH_MAX]; /* of the entry, for messages */
	bool is_exact;
};

struct unpack_dir *unpack_dir_new(const struct unpack_job *job, struct err *err)
{
	struct unpack_dir *d = calloc(1, sizeof(*d));

	if (!d) {
		(void)err_sys(err, "unpack");
		return NULL;
	}
	d->job = job;
	d->parent = d->file = -1;
	d->uid = geteuid();
	d->gid = getegid();
	d->is_exact = true;
	(void)umask(0); /* the process is ours alone */
	if (tree_init(&d->tree, err) < 0) {
		unpack_dir_free(d);
		return NULL;
	}
	d->split = split_writer_new(job->split, err);
	if (!d->split) {
		unpack_dir_free(d);
		return NULL;
	}
	return d;
}

void unpack_dir_free(struct unpack_dir *d)
{
	if (!d)
		return;
	tree_release(&d->tree);
	split_writer_free(d->split);
	(void)fd_close(d->parent);
	(void)fd_close(d->file);
	free(d);
}

/* --- parents ----------------------------------------------------------------------- */

/* The directory `name` in dir, made where missing; what else is there gives way. */
static int enter_directory(struct unpack_dir *d, int dir, const char *name, struct err *err)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir, name, flags);

	if (fd >= 0)
		return fd;
	if (errno == ENOTDIR || errno == ELOOP) {
		d->is_exact = false;
		if (unlinkat(dir, name, 0) < 0)
			return err_sys(err, "replace \"%s\"", name);
	} else if (errno != ENOENT) {
		return err_sys(err, "open \"%s\"", name);
	}
	if (mkdirat(dir, name, MAKING_MODE) < 0)
		return err_sys(err, "mkdir \"%s\"", name);
	fd = openat(dir, name, flags);
	return fd < 0 ? err_sys(err, "open \"%s\"", name) : fd;
}

static int make_parents(struct unpack_dir *d, const char *path, struct err *err)
{
	AUTO_FD dir = openat(d->job->out, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return err_sys(err, "open the layer's root");
	while (*path) {
		size_t n = strcspn(path, "/");
		char name[NAME_MAX + 1];
		int next;

		memcpy(name, path, n); /* the parser's limit */
		name[n] = '\0';
		next = enter_directory(d, dir, name, err);
		if (next < 0)
			return -1;
		(void)fd_close(dir);
		dir = next;
		path += n + (path[n] == '/');
	}
	return fd_take(&dir);
}

/* Opens the parent of path into d->parent; its last component comes back, or NULL. */
static const char *open_parent(struct unpack_dir *d, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	char parent[PATH_MAX];

	if (d->parent >= 0 && strlen(d->parent_path) == len &&
	    memcmp(d->parent_path, path, len) == 0)
		return slash ? slash + 1 : path;
	memcpy(parent, path, len);
	parent[len] = '\0';
	d->parent = fd_close(d->parent);
	d->parent = beneath_open(d->job->out, len ? parent : ".",
				 O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_PLAIN);
	if (d->parent < 0)
		d->parent = make_parents(d, parent, err);
	if (d->parent < 0)
		return NULL;
	memcpy(d->parent_path, parent, len + 1);
	return slash ? slash + 1 : path;
}

/* --- one entry ---------------------------------------------------------------------- */

static int set_xattrs(int fd, const struct tree_inode *i, const char *path, struct err *err)
{
	for (size_t k = 0; k < i->n_xattrs; k++) {
		const struct tar_xattr *x = &i->xattrs[k];

		/* a file system without the attribute's kind shows the file without it */
		if (fsetxattr(fd, x->name, x->value, x->size, 0) < 0 && errno != ENOTSUP)
			return err_sys(err, "xattr \"%s\" of \"%s\"", x->name, path);
	}
	return 0;
}

static void times_of(const struct tree_inode *i, struct timespec times[2])
{
	times[0].tv_sec = times[1].tv_sec = i->mtime;
	times[0].tv_nsec = times[1].tv_nsec = (long)i->mtime_ns;
}

/* Owner, mode, xattrs, times of an open file or directory. */
static int settle(const struct unpack_dir *d, int fd, const struct tree_inode *i, const char *path,
		  bool made_with_mode, struct err *err)
{
	struct timespec times[2];
	bool foreign = i->uid != d->uid || i->gid != d->gid;
	/* write(2) takes these away, unless by root of the host */
	bool lost = (i->mode & (S_ISUID | S_ISGID)) != 0;

	times_of(i, times);
	if (foreign && fchown(fd, i->uid, i->gid) < 0)
		return err_sys(err, "owner %u:%u of \"%s\"", i->uid, i->gid, path);
	if ((foreign || lost || !made_with_mode) && fchmod(fd, i->mode) < 0)
		return err_sys(err, "mode of \"%s\"", path);
	if (set_xattrs(fd, i, path, err) < 0)
		return -1;
	return futimens(fd, times) < 0 ? err_sys(err, "time of \"%s\"", path) : 0;
}

/* The same for what can't be opened: links, devices, fifos. */
static int settle_name(const struct unpack_dir *d, const char *name, const struct tree_inode *i,
		       struct err *err)
{
	struct timespec times[2];

	times_of(i, times);
	if ((i->uid != d->uid || i->gid != d->gid) &&
	    fchownat(d->parent, name, i->uid, i->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "owner %u:%u of \"%s\"", i->uid, i->gid, d->path);
	if (i->type != TAR_SYMBOLIC_LINK && fchmodat(d->parent, name, i->mode, 0) < 0)
		return err_sys(err, "mode of \"%s\"", d->path);
	if (utimensat(d->parent, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "time of \"%s\"", d->path);
	return 0;
}

static mode_t device_type(enum tar_type type)
{
	return type == TAR_FIFO ? S_IFIFO : type == TAR_CHARACTER_DEVICE ? S_IFCHR : S_IFBLK;
}

/* 0, or -1 with errno (EEXIST: something is in the way). A file's descriptor goes to d->file. */
static int create(struct unpack_dir *d, const char *name, const struct tar_entry *e)
{
	switch (e->type) {
	case TAR_FILE:
		d->file = openat(d->parent, name,
				 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, e->mode);
		return d->file < 0 ? -1 : 0;
	case TAR_DIRECTORY:
		return mkdirat(d->parent, name, MAKING_MODE);
	case TAR_SYMBOLIC_LINK:
		return symlinkat(e->link, d->parent, name);
	case TAR_HARD_LINK: {
		AUTO_FD target = beneath_open(d->job->out, e->link, O_PATH | O_NOFOLLOW | O_CLOEXEC,
					      0, RESOLVE_PLAIN);

		(void)target; /* only to see that no link is on the way */
		return target < 0 ? -1 : linkat(d->job->out, e->link, d->parent, name, 0);
	}
	case TAR_CHARACTER_DEVICE:
	case TAR_BLOCK_DEVICE:
	case TAR_FIFO:
		break;
	}
	return mknodat(d->parent, name, device_type(e->type) | 0600, makedev(e->major, e->minor));
}

/* As create(); what is in the way goes, unless both are directories. */
static int replace(struct unpack_dir *d, const char *name, const struct tar_entry *e)
{
	struct stat st;

	if (create(d, name, e) == 0)
		return 0;
	if (errno != EEXIST || fstatat(d->parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (S_ISDIR(st.st_mode) && e->type == TAR_DIRECTORY)
		return 0;
	d->is_exact = false;
	if (S_ISDIR(st.st_mode) ? file_remove_tree(d->parent, name) < 0
				: unlinkat(d->parent, name, 0) < 0)
		return -1;
	return create(d, name, e);
}

static bool may_skip(const struct unpack_dir *d, const struct tar_entry *e)
{
	/* device nodes can't be made in a user namespace; what needs them binds the host's */
	return d->job->userxattr && errno == EPERM &&
	       (e->type == TAR_CHARACTER_DEVICE || e->type == TAR_BLOCK_DEVICE);
}

static int take_entry(void *arg, const struct tar_entry *e, struct err *err)
{
	struct unpack_dir *d = arg;
	const char *name;

	if (tree_add(&d->tree, e, err) < 0)
		return -1;
	if (str_copy(d->path, sizeof(d->path), e->path) < 0)
		return err_sys(err, "path of an entry");
	/* of what isn't made now: whiteouts (not in the tree under their own name), the root */
	d->inode = tree_find(&d->tree, e->path);
	if (e->type == TAR_FILE && split_file(d->split, e, err) < 0)
		return -1;
	if (!d->inode || e->path[0] == '\0') {
		d->is_exact = d->is_exact && e->stored == 0;
		return 0;
	}
	name = open_parent(d, e->path, err);
	if (!name)
		return err_wrap(err, "unpack \"%s\"", e->path);
	if (replace(d, name, e) < 0)
		return may_skip(d, e) ? 0 : err_sys(err, "unpack \"%s\"", e->path);
	if (e->type == TAR_FILE || e->type == TAR_DIRECTORY || e->type == TAR_HARD_LINK)
		return 0;
	return settle_name(d, name, d->inode, err);
}

static int take_data(void *arg, uint64_t offset, const void *data, size_t size, struct err *err)
{
	struct unpack_dir *d = arg;
	const unsigned char *p = data;

	while (size > 0 && d->file >= 0) {
		ssize_t n = pwrite(d->file, p, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "write \"%s\"", d->path);
		p += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int end_file(void *arg, struct err *err)
{
	struct unpack_dir *d = arg;

	if (d->file < 0)
		return 0;
	/* a hole may be at the end */
	if (d->inode->is_sparse && ftruncate(d->file, (off_t)d->inode->size) < 0)
		return err_sys(err, "write \"%s\"", d->path);
	if (settle(d, d->file, d->inode, d->path, true, err) < 0)
		return -1;
	d->file = fd_close(d->file);
	return 0;
}

static int take_frame(void *arg, const void *data, size_t size, struct err *err)
{
	struct unpack_dir *d = arg;

	return split_frame(d->split, data, size, err);
}

const struct tar_handler unpack_dir_handler = {
	.entry = take_entry,
	.data = take_data,
	.end = end_file,
	.frame = take_frame,
};

/* --- the end ------------------------------------------------------------------------ */

struct finish {
	struct unpack_dir *d;
	struct buf path, implied;
};

static int finish_directory(struct finish *f, int dir, const struct tree_inode *i, struct err *err);

static int finish_child(struct finish *f, int dir, const struct tree_name *n, struct err *err)
{
	AUTO_FD child = -1;

	if (n->inode->is_whiteout)
		return mknodat(dir, n->name, S_IFCHR, 0) < 0
			       ? err_sys(err, "whiteout \"%s/%s\"", f->path.s, n->name)
			       : 0;
	if (n->inode->type != TAR_DIRECTORY)
		return 0;
	child = enter_directory(f->d, dir, n->name, err);
	if (child < 0)
		return err_wrap(err, "unpack \"%s\"", f->path.s);
	if (f->path.len > 0)
		buf_putc(&f->path, '/');
	buf_puts(&f->path, n->name);
	if (n->inode->is_implied)
		buf_add(&f->implied, f->path.s, f->path.len + 1);
	return finish_directory(f, child, n->inode, err);
}

/* Children first: they change a directory's times. */
static int finish_directory(struct finish *f, int dir, const struct tree_inode *i, struct err *err)
{
	const char *opaque =
		f->d->job->userxattr ? "user.overlay.opaque" : "trusted.overlay.opaque";
	size_t len = f->path.len;

	for (uint32_t k = 0; k < i->n; k++) {
		if (finish_child(f, dir, i->table[k], err) < 0)
			return -1;
		f->path.len = len;
		f->path.s[len] = '\0';
	}
	if (i->is_opaque && fsetxattr(dir, opaque, "y", 1, 0) < 0)
		return err_sys(err, "mark \"%s\" as opaque", f->path.s);
	return settle(f->d, dir, i, f->path.s, false, err);
}

static int finish_tree(struct finish *f, struct err *err)
{
	struct unpack_dir *d = f->d;

	buf_init(&f->path);
	buf_init(&f->implied);
	if (tree_sort(&d->tree, err) < 0)
		return -1;
	if (finish_directory(f, d->job->out, d->tree.root, err) < 0)
		return -1;
	if (buf_failed(&f->path) || buf_failed(&f->implied))
		return err_set(err, ENOMEM, "unpack");
	return 0;
}

int unpack_dir_finish(struct unpack_dir *d, uint64_t tar_size, uint64_t entries, struct err *err)
{
	struct split_head head = { .tar_size = tar_size,
				   .entries = entries,
				   .is_exact = d->is_exact };
	struct finish f = { .d = d };
	int ret = finish_tree(&f, err);

	head.is_exact = d->is_exact;
	head.has_root = !d->tree.root->is_implied;
	if (ret == 0)
		ret = split_finish(d->split, &head, f.implied.s, f.implied.len, err);
	/* one for all files: one per file would take a hundred times as long */
	if (ret == 0 && syncfs(d->job->out) < 0)
		ret = err_sys(err, "sync layer");
	buf_release(&f.path);
	buf_release(&f.implied);
	return ret;
}
