/* SPDX-License-Identifier: Apache-2.0 */
/* changes.c - rootfs-diff.tar and deleted.files: what a root file system has of its own
 *
 * image/ writes an upper directory as a layer: with whiteouts.  In podman's
 * archives what is gone stands in a list of its own, so that tar is read as it
 * is made: whiteouts go into the list, the rest into the file.
 *
 * image-spec layer.md "Whiteouts".
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "image/tree_write.h"
#include "image/whiteout.h"
#include "runtime/archive/archive.h"

struct filter {
	const struct upper *from;
	struct tar_writer *tar;
	struct json_out deleted;
	bool skip; /* the present entry */
};

static int out_fd(void *arg, const void *data, size_t size, struct err *err)
{
	const int *fd = arg;

	return fd_write_full(*fd, data, size) < 0 ? err_sys(err, "write " MEMBER_CHANGES) : 0;
}

static void add_deleted(struct filter *f, const char *path, size_t dir_len, const char *name)
{
	char full[PATH_MAX + 2];

	if (str_format(full, sizeof(full), "/%.*s%s", (int)dir_len, path, name) == 0)
		json_string(&f->deleted, full);
}

/* An opaque directory hides what those below have under its name: each of it that it hasn't
 * itself. */
static int add_hidden(struct filter *f, const char *path, size_t dir_len, struct err *err)
{
	char dir[PATH_MAX];
	const struct dirent *e;
	int fd;
	DIR *d;

	if (f->from->lower < 0 || str_format(dir, sizeof(dir), "%.*s", (int)dir_len, path) < 0)
		return 0;
	fd = openat(f->from->lower, dir[0] ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	d = fdopendir(fd);
	if (!d) {
		(void)fd_close(fd);
		return err_sys(err, "read \"%s\"", dir);
	}
	/* readdir(3) on a stream of our own */
	while ((e = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
		char own[PATH_MAX];

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (str_format(own, sizeof(own), "%s%s", dir, e->d_name) == 0 &&
		    faccessat(f->from->dir, own, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			add_deleted(f, path, dir_len, e->d_name);
	}
	(void)closedir(d);
	return 0;
}

static int take_entry(void *arg, const struct tar_entry *e, struct err *err)
{
	struct filter *f = arg;
	const char *slash = strrchr(e->path, '/'), *name = slash ? slash + 1 : e->path;
	size_t dir_len = (size_t)(name - e->path);

	f->skip = true;
	if (e->path[0] == '\0')
		return 0; /* the root itself: whoever restores has one */
	switch (whiteout_classify(name)) {
	case WHITEOUT_NAME:
		add_deleted(f, e->path, dir_len, name + strlen(WHITEOUT_PREFIX));
		return 0;
	case WHITEOUT_DIRECTORY:
		return add_hidden(f, e->path, dir_len, err);
	case WHITEOUT_IGNORED:
	case WHITEOUT_BAD:
		return 0;
	case WHITEOUT_NONE:
		break;
	}
	f->skip = false;
	return tar_write_entry(f->tar, e, err);
}

static int take_data(void *arg, uint64_t offset, const void *data, size_t size, struct err *err)
{
	struct filter *f = arg;

	(void)offset; /* our own writer has no holes */
	return f->skip ? 0 : tar_write_data(f->tar, data, size, err);
}

static const struct tar_handler filter_handler = { .entry = take_entry, .data = take_data };

static int feed_filter(void *arg, const void *data, size_t size, struct err *err)
{
	return tar_feed(arg, data, size, err);
}

static int write_upper(struct filter *f, struct err *err)
{
	const struct tree_source source = { .dir = f->from->dir,
					    .lower = f->from->lower,
					    .is_upper = true,
					    .userxattr = f->from->userxattr };
	struct tar_reader *r = tar_reader_new(&filter_handler, f);
	int rc;

	if (!r)
		return err_sys(err, "tar");
	rc = tree_write(&source, feed_filter, r, err);
	if (rc == 0)
		rc = tar_finish(r, err);
	tar_reader_free(r);
	return rc < 0 ? -1 : tar_write_end(f->tar, err);
}

static int write_whole(const char *rootfs, int *out, struct err *err)
{
	AUTO_FD root = open(rootfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct tree_source source = { .dir = root, .lower = -1 };

	if (root < 0)
		return err_sys(err, "open \"%s\"", rootfs);
	return tree_write(&source, out_fd, out, err);
}

static int write_both(const struct request *r, const struct upper *u, int dir, struct err *err)
{
	AUTO_FD out = openat(dir, MEMBER_CHANGES, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct filter f = { .from = u };
	AUTO_BUF text;
	int rc;

	buf_init(&text);
	if (out < 0)
		return err_sys(err, "make " MEMBER_CHANGES);
	json_out_init(&f.deleted, &text, 0);
	json_begin_array(&f.deleted);
	if (!u->found || u->partial) {
		rc = write_whole(r->rootfs, &out, err);
	} else {
		f.tar = tar_writer_new(out_fd, &out);
		if (!f.tar)
			return err_sys(err, "tar");
		rc = write_upper(&f, err);
		tar_writer_free(f.tar);
	}
	json_end_array(&f.deleted);
	if (rc < 0)
		return err_wrap(err, "changed files");
	if (buf_failed(&text))
		return err_set(err, ENOMEM, "out of memory");
	if (strcmp(text.s, "[]") != 0 &&
	    file_replace(dir, MEMBER_DELETED, text.s, text.len, 0600) < 0)
		return err_sys(err, "write " MEMBER_DELETED);
	return 0;
}

int changes_write(const struct request *r, int dir, struct err *err)
{
	struct upper u;
	int rc = 0;

	if (r->ignore_rootfs)
		return 0;
	if (upper_find(r->rootfs, &u, err) < 0)
		return -1;
	if (!u.read_only)
		rc = write_both(r, &u, dir, err);
	upper_release(&u);
	return rc;
}
