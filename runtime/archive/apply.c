/* SPDX-License-Identifier: Apache-2.0 */
/* apply.c - rootfs-diff.tar over a root file system
 *
 * podman's archives say in a list what is to be gone, the CRI's in whiteouts:
 * both are taken.  Directories' times are set last, as what is made in them would
 * change them.  No link is followed, on the way or at the end.
 *
 * image-spec layer.md "Applying Changesets";
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "image/inflate.h"
#include "image/whiteout.h"
#include "runtime/archive/archive.h"

#define PIECE	     ((size_t)256 << 10)
#define ENTRIES_MAX  8000000
#define MODE_IMPLIED 0755

/* A directory whose time is set at the end. */
struct late {
	char *path;
	struct timespec time;
};

struct applying {
	int root, file;
	struct tar_entry entry; /* of `file`: what is set when it is whole */
	struct arena arena, now; /* until the end; of the present entry */
	struct late *late;
	size_t n_late, cap_late;
	struct tar_reader *tar;
};

/* One component further down; made when it is missing and may be. */
static int step(int dir, const char *name, bool make)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir, name, flags);

	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	if (mkdirat(dir, name, MODE_IMPLIED) < 0)
		return -1;
	return openat(dir, name, flags);
}

/* The directory of a clean path, and its last component.  -1, errno. */
static int open_parent(int root, const char *path, bool make, char name[NAME_MAX + 1])
{
	AUTO_FD dir = fcntl(root, F_DUPFD_CLOEXEC, 3);
	const char *slash;

	for (; dir >= 0 && (slash = strchr(path, '/')) != NULL; path = slash + 1) {
		char part[NAME_MAX + 1];
		int next;

		if (str_format(part, sizeof(part), "%.*s", (int)(slash - path), path) < 0)
			return -1;
		next = step(dir, part, make);
		(void)fd_close(dir);
		dir = next;
	}
	if (dir < 0 || str_copy(name, NAME_MAX + 1, path) < 0)
		return -1;
	return fd_take(&dir);
}

static int remove_at(int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	return S_ISDIR(st.st_mode) ? file_remove_tree(dir, name) : unlinkat(dir, name, 0);
}

/* --- one entry ------------------------------------------------------------------- */

static void times_of(const struct tar_entry *e, struct timespec times[2])
{
	times[0].tv_sec = times[1].tv_sec = e->mtime;
	times[0].tv_nsec = times[1].tv_nsec = (long)e->mtime_ns;
}

static mode_t type_of(enum tar_type type)
{
	return type == TAR_FIFO ? S_IFIFO : type == TAR_CHARACTER_DEVICE ? S_IFCHR : S_IFBLK;
}

static int make_link(const struct applying *a, int dir, const char *name, const char *link)
{
	char last[NAME_MAX + 1];
	AUTO_FD from = open_parent(a->root, link, false, last);

	return from < 0 ? -1 : linkat(from, last, dir, name, 0);
}

static int create(struct applying *a, int dir, const char *name, const struct tar_entry *e)
{
	switch (e->type) {
	case TAR_FILE:
		a->file = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				 0600);
		return a->file < 0 ? -1 : 0;
	case TAR_DIRECTORY:
		return mkdirat(dir, name, 0700);
	case TAR_SYMBOLIC_LINK:
		return symlinkat(e->link, dir, name);
	case TAR_HARD_LINK:
		return make_link(a, dir, name, e->link);
	case TAR_CHARACTER_DEVICE:
	case TAR_BLOCK_DEVICE:
	case TAR_FIFO:
		break;
	}
	return mknodat(dir, name, type_of(e->type) | 0600, makedev(e->major, e->minor));
}

/* What is in the way goes, unless both are directories. */
static int replace(struct applying *a, int dir, const char *name, const struct tar_entry *e)
{
	struct stat st;

	if (create(a, dir, name, e) == 0)
		return 0;
	if (errno != EEXIST || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (S_ISDIR(st.st_mode) && e->type == TAR_DIRECTORY)
		return 0;
	return remove_at(dir, name) < 0 ? -1 : create(a, dir, name, e);
}

/* Owner, then mode (which the owner's change clears bits of), attributes, time. */
static int settle(int fd, const struct tar_entry *e, struct err *err)
{
	struct timespec times[2];

	times_of(e, times);
	if (fchown(fd, e->uid, e->gid) < 0)
		return err_sys(err, "owner of \"%s\"", e->path);
	if (fchmod(fd, e->mode) < 0)
		return err_sys(err, "mode of \"%s\"", e->path);
	for (size_t i = 0; i < e->n_xattrs; i++)
		if (whiteout_keeps_xattr(e->xattrs[i].name) &&
		    fsetxattr(fd, e->xattrs[i].name, e->xattrs[i].value, e->xattrs[i].size, 0) <
			    0 &&
		    errno != ENOTSUP)
			return err_sys(err, "xattr \"%s\" of \"%s\"", e->xattrs[i].name, e->path);
	return futimens(fd, times) < 0 ? err_sys(err, "time of \"%s\"", e->path) : 0;
}

static int settle_name(int dir, const char *name, const struct tar_entry *e, struct err *err)
{
	struct timespec times[2];

	times_of(e, times);
	if (fchownat(dir, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (e->type != TAR_SYMBOLIC_LINK && fchmodat(dir, name, e->mode, 0) < 0) ||
	    utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "owner, mode and time of \"%s\"", e->path);
	return 0;
}

static int settle_directory(struct applying *a, int dir, const char *name,
			    const struct tar_entry *e, struct err *err)
{
	AUTO_FD fd = step(dir, name, false);
	struct late *v = arena_grow(&a->arena, a->late, a->n_late, &a->cap_late, sizeof(*v));

	if (fd < 0)
		return err_sys(err, "open \"%s\"", e->path);
	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	a->late = v;
	v[a->n_late].path = arena_strdup(&a->arena, e->path);
	v[a->n_late].time = (struct timespec){ e->mtime, (long)e->mtime_ns };
	if (!v[a->n_late].path)
		return err_set(err, ENOMEM, "out of memory");
	a->n_late++;
	return settle(fd, e, err);
}

/* The entry goes on to exist until its last byte. */
static int keep_entry(struct applying *a, const struct tar_entry *e, struct err *err)
{
	struct tar_xattr *x;

	arena_release(&a->now);
	arena_init(&a->now, ARCHIVE_ARENA_MAX);
	a->entry = *e;
	a->entry.path = arena_strdup(&a->now, e->path);
	x = arena_array(&a->now, e->n_xattrs + 1, sizeof(*x));
	if (!a->entry.path || !x)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < e->n_xattrs; i++) {
		x[i] = e->xattrs[i];
		x[i].name = arena_strdup(&a->now, e->xattrs[i].name);
		x[i].value = arena_strndup(&a->now, e->xattrs[i].value, e->xattrs[i].size);
		if (!x[i].name || !x[i].value)
			return err_set(err, ENOMEM, "out of memory");
	}
	a->entry.xattrs = x;
	return 0;
}

static int make_entry(struct applying *a, const struct tar_entry *e, struct err *err)
{
	char name[NAME_MAX + 1];
	AUTO_FD dir = open_parent(a->root, e->path, true, name);

	if (dir < 0 || replace(a, dir, name, e) < 0)
		return err_sys(err, "changed file \"%s\"", e->path);
	if (e->type == TAR_FILE)
		return keep_entry(a, e, err);
	if (e->type == TAR_DIRECTORY)
		return settle_directory(a, dir, name, e, err);
	return e->type == TAR_HARD_LINK ? 0 : settle_name(dir, name, e, err);
}

/* --- what is to be gone -------------------------------------------------------------- */

/* "a/b": below the root; not being there is as good. */
static int remove_path(const struct applying *a, const char *path, struct err *err)
{
	char name[NAME_MAX + 1];
	AUTO_FD dir = open_parent(a->root, path, false, name);

	if (dir < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0
							   : err_sys(err, "delete \"%s\"", path);
	return remove_at(dir, name) < 0 ? err_sys(err, "delete \"%s\"", path) : 0;
}

static int empty_directory(const struct applying *a, const char *path, struct err *err)
{
	char name[NAME_MAX + 1];
	AUTO_FD dir = open_parent(a->root, path, false, name);
	const struct dirent *e;
	DIR *d;
	int fd;

	if (dir < 0)
		return 0;
	/* `dir` is the directory itself: the last component is the mark */
	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		(void)fd_close(fd);
		return err_sys(err, "read the directory of \"%s\"", path);
	}
	/* readdir(3) on a stream of our own */
	while ((e = readdir(d)) != NULL) /* NOLINT(concurrency-mt-unsafe) */
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			(void)remove_at(dir, e->d_name);
	(void)closedir(d);
	return 0;
}

static int take_whiteout(const struct applying *a, const char *path, enum whiteout_kind kind,
			 struct err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char target[PATH_MAX];

	if (kind == WHITEOUT_DIRECTORY)
		return empty_directory(a, path, err);
	if (kind != WHITEOUT_NAME)
		return 0;
	name += strlen(WHITEOUT_PREFIX);
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    str_format(target, sizeof(target), "%.*s%s", (int)(slash ? slash + 1 - path : 0), path,
		       name) < 0)
		return err_set(err, EBADMSG, "whiteout \"%s\"", path);
	return remove_path(a, target, err);
}

static int take_entry(void *arg, const struct tar_entry *e, struct err *err)
{
	struct applying *a = arg;
	const char *slash = strrchr(e->path, '/');
	enum whiteout_kind kind = whiteout_classify(slash ? slash + 1 : e->path);

	if (tar_entries(a->tar) > ENTRIES_MAX)
		return err_set(err, E2BIG, MEMBER_CHANGES ": more than %d entries", ENTRIES_MAX);
	if (e->path[0] == '\0')
		return e->type == TAR_DIRECTORY ? settle(a->root, e, err) : 0;
	return kind == WHITEOUT_NONE ? make_entry(a, e, err) : take_whiteout(a, e->path, kind, err);
}

static int take_data(void *arg, uint64_t offset, const void *data, size_t size, struct err *err)
{
	const struct applying *a = arg;
	const unsigned char *p = data;

	while (size > 0 && a->file >= 0) {
		ssize_t n = pwrite(a->file, p, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "write \"%s\"", a->entry.path);
		p += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int take_end(void *arg, struct err *err)
{
	struct applying *a = arg;
	int rc;

	if (a->file < 0)
		return 0;
	if (a->entry.is_sparse && ftruncate(a->file, (off_t)a->entry.size) < 0)
		return err_sys(err, "write \"%s\"", a->entry.path);
	rc = settle(a->file, &a->entry, err);
	a->file = fd_close(a->file);
	return rc;
}

static const struct tar_handler handler = { .entry = take_entry,
					    .data = take_data,
					    .end = take_end };

/* --- all of it ------------------------------------------------------------------------ */

static int take_plain(void *arg, const void *data, size_t size, struct err *err)
{
	struct applying *a = arg;

	return tar_feed(a->tar, data, size, err);
}

static int feed_all(struct inflate *i, int tar, struct err *err)
{
	AUTO_FREE unsigned char *piece = malloc(PIECE);

	if (!piece)
		return err_set(err, ENOMEM, "out of memory");
	for (;;) {
		ssize_t n = fd_read_full(tar, piece, PIECE);

		if (n < 0)
			return err_sys(err, "read " MEMBER_CHANGES);
		if (n > 0 && inflate_feed(i, piece, (size_t)n, err) < 0)
			return -1;
		if ((size_t)n < PIECE)
			return inflate_finish(i, err);
	}
}

static int apply_tar(struct applying *a, int tar, struct err *err)
{
	struct inflate *i = inflate_new(take_plain, a);
	int rc;

	a->tar = tar_reader_new(&handler, a);
	if (!i || !a->tar)
		rc = err_sys(err, MEMBER_CHANGES);
	else
		rc = feed_all(i, tar, err);
	if (rc == 0)
		rc = tar_finish(a->tar, err);
	tar_reader_free(a->tar);
	inflate_free(i);
	return rc;
}

struct deleted {
	struct strings v;
};
static const struct json_field deleted_fields[] = { JSON_FIELD(struct deleted, v, JSON_STRINGS) };
static const struct json_table deleted_table = JSON_TABLE(struct deleted, deleted_fields);

static int apply_deleted(struct applying *a, const char *text, size_t len, struct err *err)
{
	struct deleted d;
	char path[PATH_MAX];
	AUTO_BUF object;

	buf_init_max(&object, DOCUMENT_MAX + 16);
	buf_puts(&object, "{\"v\":");
	buf_add(&object, text, len);
	buf_putc(&object, '}');
	if (buf_failed(&object))
		return err_set(err, EFBIG, MEMBER_DELETED ": too long");
	if (json_decode(MEMBER_DELETED, object.s, object.len, &deleted_table, &d, &a->arena, err) <
	    0)
		return -1;
	for (size_t i = 0; i < d.v.n; i++) {
		if (tar_clean_path(d.v.v[i], path, err) < 0)
			return -1;
		if (path[0] && remove_path(a, path, err) < 0)
			return -1;
	}
	return 0;
}

static int finish_directories(const struct applying *a, struct err *err)
{
	for (size_t i = a->n_late; i-- > 0;) {
		const struct timespec times[2] = { a->late[i].time, a->late[i].time };
		char name[NAME_MAX + 1];
		AUTO_FD dir = open_parent(a->root, a->late[i].path, false, name);

		if (dir >= 0 && utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 &&
		    errno != ENOENT)
			return err_sys(err, "time of \"%s\"", a->late[i].path);
	}
	return 0;
}

int apply_here(int tar, const char *deleted, size_t deleted_len, int rootfs, struct err *err)
{
	struct applying a = { .root = rootfs, .file = -1 };
	int rc = 0;

	arena_init(&a.arena, ARCHIVE_ARENA_MAX);
	arena_init(&a.now, ARCHIVE_ARENA_MAX);
	if (tar >= 0)
		rc = apply_tar(&a, tar, err);
	if (rc == 0 && deleted)
		rc = apply_deleted(&a, deleted, deleted_len, err);
	if (rc == 0)
		rc = finish_directories(&a, err);
	a.file = fd_close(a.file);
	arena_release(&a.now);
	arena_release(&a.arena);
	return rc;
}

struct job {
	int tar, rootfs;
	const char *deleted;
	size_t len;
};

static int work(void *arg, struct err *err)
{
	const struct job *j = arg;

	return apply_here(j->tar, j->deleted, j->len, j->rootfs, err);
}

int apply_changes(int tar, const char *deleted, size_t deleted_len, int rootfs, struct err *err)
{
	struct job j = { tar, rootfs, deleted, deleted_len };

	return archive_jail("apply changed files", rootfs, &tar, tar >= 0 ? 1 : 0, work, &j, err);
}
