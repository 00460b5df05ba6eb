/* SPDX-License-Identifier: Apache-2.0 */
/* tree_receive.c - a folder as the other host sends it
 *
 * Nothing that is sent leads out of the folder: names have no "..", and no link
 * is followed on the way to one (openat2(2) RESOLVE_NO_SYMLINKS).  A file that
 * comes again replaces the old one, whose inode another name may still have.
 *
 * An overlay's upper directory is not written to, which the kernel leaves
 * undefined while the overlay is mounted: what it tells is done to the overlay.  A
 * character device 0:0 says that a name is gone, the attribute "opaque" that a
 * directory shows nothing of those below; overlay sets its own.
 *
 * Documentation/filesystems/overlayfs.rst "whiteouts and opaque directories".
 */
#include "runtime/migrate/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "base/file.h"

#define DIRS_MAX ((size_t)1 << 30)

struct tree_dir {
	struct tree_dir *next;
	struct timespec mtime;
	char *path;
};

void tree_receive_begin(struct tree_receiver *r, int top)
{
	*r = (struct tree_receiver){ .top = top, .upper = -1, .file = -1 };
	arena_init(&r->arena, FRAME_BODY_MAX * 4);
	arena_init(&r->dirs_arena, DIRS_MAX);
}

void tree_receive_over(struct tree_receiver *r, int upper)
{
	r->upper = upper;
}

/* --- what an upper directory has to say ---------------------------------------------------- */

static bool is_overlays(const char *attribute)
{
	return str_starts(attribute, "trusted.overlay.") || str_starts(attribute, "user.overlay.");
}

static bool is_whiteout(const struct entry *e)
{
	return S_ISCHR(e->mode) && e->rdev == 0;
}

static bool is_opaque(const struct entry *e)
{
	for (size_t i = 0; i < e->xattrs.n; i++) {
		const struct xattr *x = &e->xattrs.v[i];

		if (is_overlays(x->name) && str_eq(strrchr(x->name, '.'), ".opaque") &&
		    x->value.n == 1 && *(const char *)x->value.v == 'y')
			return true;
	}
	return false;
}

#define OPAQUE "trusted.overlay.opaque"

/* Is it so already? */
static bool is_opaque_here(const struct tree_receiver *r, const char *path)
{
	AUTO_FD fd = beneath_open(r->upper, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0,
				  RESOLVE_NO_SYMLINKS);
	char value[2];

	return fd >= 0 && fgetxattr(fd, OPAQUE, value, sizeof(value)) == 1;
}

/* A directory that has nothing below it needs no mark, and not every kernel makes one; but when
 * it comes again it has to be known from one that shows what is below. */
static int mark_opaque(const struct tree_receiver *r, const char *path, struct err *err)
{
	AUTO_FD fd = beneath_open(r->upper, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0,
				  RESOLVE_NO_SYMLINKS);

	if (fd < 0 || fsetxattr(fd, OPAQUE, "y", 1, 0) < 0)
		return err_sys(err, "hide what is below \"%s\"", path);
	return 0;
}

/* --- entries --------------------------------------------------------------------------------- */

void tree_receive_end(struct tree_receiver *r)
{
	r->file = fd_close(r->file);
	arena_release(&r->arena);
	arena_release(&r->dirs_arena);
}

/* The folder of the path's last part, and that part. */
static int open_parent(int top, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];

	*ret_name = slash ? slash + 1 : path;
	if (!slash)
		return openat(top, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (str_format(parent, sizeof(parent), "%.*s", (int)(slash - path), path) < 0)
		return -1;
	return beneath_open(top, parent, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS);
}

static int set_time(const struct entry *e, int fd, const char *name)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
					   { .tv_sec = e->mtime_s, .tv_nsec = (long)e->mtime_ns } };

	return utimensat(fd, name, times, AT_SYMLINK_NOFOLLOW);
}

/* Owner, mode, attributes of what fd (O_PATH will do) is; the owner first, which takes bits of
 * the mode away. */
static int set_inode(const struct entry *e, int fd, bool is_over, struct err *err)
{
	char self[64];

	if (str_format(self, sizeof(self), "/proc/self/fd/%d", fd) < 0)
		return err_sys(err, "\"%s\"", e->path);
	if (fchownat(fd, "", e->uid, e->gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "owner of \"%s\"", e->path);
	if (S_ISLNK(e->mode))
		return 0;
	if (chmod(self, e->mode & 07777) < 0)
		return err_sys(err, "mode of \"%s\"", e->path);
	for (size_t i = 0; i < e->xattrs.n; i++) {
		const struct xattr *x = &e->xattrs.v[i];

		if (is_over && is_overlays(x->name))
			continue;
		if (setxattr(self, x->name, x->value.v, x->value.n, 0) < 0)
			return err_sys(err, "attribute \"%s\" of \"%s\"", x->name, e->path);
	}
	return 0;
}

/* The last ENTRY is complete. */
static int finish_file(struct tree_receiver *r, struct err *err)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
					   { .tv_sec = r->entry.mtime_s,
					     .tv_nsec = (long)r->entry.mtime_ns } };

	if (r->file < 0)
		return 0;
	if (ftruncate(r->file, (off_t)r->entry.size) < 0)
		return err_sys(err, "size of \"%s\"", r->entry.path);
	if (set_inode(&r->entry, r->file, r->upper >= 0, err) < 0)
		return -1;
	if (futimens(r->file, times) < 0)
		return err_sys(err, "time of \"%s\"", r->entry.path);
	r->file = fd_close(r->file);
	return 0;
}

static int remember_dir(struct tree_receiver *r, const struct entry *e, struct err *err)
{
	struct tree_dir *d = arena_alloc(&r->dirs_arena, sizeof(*d));

	if (d)
		d->path = arena_strdup(&r->dirs_arena, e->path);
	if (!d || !d->path)
		return err_set(err, ENOMEM, "out of memory");
	d->mtime = (struct timespec){ .tv_sec = e->mtime_s, .tv_nsec = (long)e->mtime_ns };
	d->next = r->dirs;
	r->dirs = d;
	return 0;
}

static int make_dir(struct tree_receiver *r, const struct entry *e, int parent, const char *name,
		    struct err *err)
{
	const bool hides =
		r->upper >= 0 && e->path[0] && is_opaque(e) && !is_opaque_here(r, e->path);
	AUTO_FD fd = -1;

	/* What was removed and made again doesn't show what is below; what was in it comes again
	 * too. */
	if (hides && file_remove_tree(parent, name) < 0)
		return err_sys(err, "remove the old \"%s\"", e->path);
	if (e->path[0] && mkdirat(parent, name, 0700) < 0) {
		if (errno != EEXIST)
			return err_sys(err, "make \"%s\"", e->path);
		fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 &&
		    (file_remove_tree(parent, name) < 0 || mkdirat(parent, name, 0700) < 0))
			return err_sys(err, "make \"%s\"", e->path);
	}
	if (fd < 0)
		fd = openat(parent, e->path[0] ? name : ".",
			    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "open \"%s\"", e->path);
	if (set_inode(e, fd, r->upper >= 0, err) < 0 ||
	    (hides && !is_opaque_here(r, e->path) && mark_opaque(r, e->path, err) < 0))
		return -1;
	return remember_dir(r, e, err);
}

static int make_link(const struct tree_receiver *r, const struct entry *e, int parent,
		     const char *name, struct err *err)
{
	const char *last;
	AUTO_FD from = open_parent(r->top, e->link, &last);

	if (from < 0 || linkat(from, last, parent, name, 0) < 0)
		return err_sys(err, "link \"%s\" to \"%s\"", e->path, e->link);
	return 0;
}

static int make_other(const struct entry *e, int parent, const char *name, bool is_over,
		      struct err *err)
{
	AUTO_FD fd = -1;
	int rc = S_ISLNK(e->mode) ? symlinkat(e->link, parent, name)
				  : mknodat(parent, name, e->mode & (S_IFMT | 0600), e->rdev);

	if (rc < 0)
		return err_sys(err, "make \"%s\"", e->path);
	fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "open \"%s\"", e->path);
	if (set_inode(e, fd, is_over, err) < 0)
		return -1;
	return set_time(e, parent, name) < 0 ? err_sys(err, "time of \"%s\"", e->path) : 0;
}

static int take_entry(struct tree_receiver *r, const struct frame *f, struct err *err)
{
	struct entry *e = &r->entry;
	const char *name;
	AUTO_FD parent = -1;

	if (finish_file(r, err) < 0)
		return -1;
	arena_release(&r->arena);
	arena_init(&r->arena, FRAME_BODY_MAX * 4);
	if (frame_decode(f, e, &r->arena, err) < 0)
		return -1;
	/* The message's bytes are gone by the time that they are needed. */
	for (size_t i = 0; i < e->xattrs.n; i++) {
		struct wire_bytes *v = &e->xattrs.v[i].value;

		v->v = arena_strndup(&r->arena, v->n ? v->v : "", v->n);
		if (!v->v)
			return err_set(err, ENOMEM, "out of memory");
	}
	if (r->only && (S_ISDIR(e->mode) || strcmp(e->path, r->only) != 0))
		return err_set(err, EBADMSG, "\"%s\" in place of \"%s\"", e->path, r->only);
	parent = open_parent(r->top, e->path, &name);
	if (parent < 0)
		return err_sys(err, "folder of \"%s\"", e->path);
	if (S_ISDIR(e->mode) && !e->is_hard)
		return make_dir(r, e, parent, name, err);
	if (file_remove_tree(parent, name) < 0)
		return err_sys(err, "remove the old \"%s\"", e->path);
	if (r->upper >= 0 && is_whiteout(e))
		return 0;
	if (e->is_hard)
		return make_link(r, e, parent, name, err);
	if (!S_ISREG(e->mode))
		return make_other(e, parent, name, r->upper >= 0, err);
	r->file = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return r->file < 0 ? err_sys(err, "make \"%s\"", e->path) : 0;
}

static int take_data(struct tree_receiver *r, const struct frame *f, struct err *err)
{
	const unsigned char *data;
	uint64_t offset;
	size_t size;

	if (frame_decode_data(f, &offset, &data, &size, err) < 0)
		return -1;
	if (r->file < 0 || offset + size > r->entry.size)
		return err_set(err, EBADMSG, "bytes of no file");
	for (size_t done = 0; done < size;) {
		ssize_t n = pwrite(r->file, data + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(err, "write \"%s\"", r->entry.path);
		done += (size_t)n;
	}
	r->bytes += size;
	return 0;
}

static int take_removal(struct tree_receiver *r, const struct frame *f, struct err *err)
{
	struct removal removal;
	const char *name;
	AUTO_FD parent = -1;

	arena_release(&r->arena);
	arena_init(&r->arena, FRAME_BODY_MAX * 4);
	if (frame_decode(f, &removal, &r->arena, err) < 0)
		return -1;
	if (r->only && strcmp(removal.path, r->only) != 0)
		return err_set(err, EBADMSG, "a removal of \"%s\"", removal.path);
	parent = open_parent(r->top, removal.path, &name);
	if (parent < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			       ? 0
			       : err_sys(err, "folder of \"%s\"", removal.path);
	return file_remove_tree(parent, name) < 0 ? err_sys(err, "remove \"%s\"", removal.path) : 0;
}

/* What was made in them has changed their times: deepest and last ones first. */
static int finish_dirs(struct tree_receiver *r, struct err *err)
{
	for (struct tree_dir *d = r->dirs; d; d = d->next) {
		const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, d->mtime };
		const char *name;
		AUTO_FD parent = open_parent(r->top, d->path, &name);

		if (parent < 0 ||
		    utimensat(parent, name[0] ? name : ".", times, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno != ENOENT)
				return err_sys(err, "time of \"%s\"", d->path);
		}
	}
	r->dirs = NULL;
	return 0;
}

int tree_receive(struct tree_receiver *r, const struct frame *f, struct err *err)
{
	if (f->type == FRAME_ENTRY)
		return take_entry(r, f, err);
	if (f->type == FRAME_DATA)
		return take_data(r, f, err);
	if (finish_file(r, err) < 0)
		return -1;
	if (f->type == FRAME_REMOVE)
		return take_removal(r, f, err);
	if (f->type != FRAME_TREE_END)
		return err_set(err, EBADMSG, "frame %s among files", frame_name(f->type));
	return finish_dirs(r, err) < 0 ? -1 : 1;
}
