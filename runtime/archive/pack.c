/* SPDX-License-Identifier: Apache-2.0 */
/* pack.c - a directory with a checkpoint becomes one tar
 *
 * Documents first, so that a reader of a stream knows early what it has; pages
 * last.  The file appears whole, by rename, or not at all.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/archive/archive.h"

/* Those there are, in this order. */
static const char *const members[] = {
	MEMBER_CONFIG,	MEMBER_SPEC,	MEMBER_OWN,   MEMBER_NETWORK,
	MEMBER_DELETED, MEMBER_CHANGES, "stats-dump", "dump.log",
};

static int put_file(struct tar_writer *w, int dir, const char *name, const char *path,
		    struct err *err)
{
	AUTO_FD fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct tar_entry e = { .type = TAR_FILE, .path = path, .link = "", .mode = 0600 };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open \"%s\"", path);
	e.mtime = st.st_mtim.tv_sec;
	e.size = e.stored = (uint64_t)st.st_size;
	if (tar_write_entry(w, &e, err) < 0)
		return -1;
	return e.size ? tar_write_file(w, fd, e.size, err) : 0;
}

static int put_link(struct tar_writer *w, int dir, const char *name, const char *path,
		    struct err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);
	const struct tar_entry e = {
		.type = TAR_SYMBOLIC_LINK, .path = path, .link = target, .mode = 0777
	};

	if (n < 0)
		return err_sys(err, "read the link \"%s\"", path);
	target[n] = '\0';
	return tar_write_entry(w, &e, err);
}

/* The pages are most of it: after everything else. */
static int by_weight(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	bool xp = str_starts(x, "pages-"), yp = str_starts(y, "pages-");

	return xp != yp ? (int)xp - (int)yp : strcmp(x, y);
}

static int list_names(int dir, struct arena *arena, struct strings *ret, struct err *err)
{
	const struct dirent *e;
	size_t cap = 0;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int rc = 0;

	if (!d) {
		(void)fd_close(fd);
		return err_sys(err, "read the images");
	}
	/* readdir(3) on a stream of our own */
	while (rc == 0 && (e = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
		char **v;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		v = arena_grow(arena, ret->v, ret->n, &cap, sizeof(*v));
		if (v) {
			ret->v = v;
			v[ret->n] = arena_strdup(arena, e->d_name);
		}
		rc = v && v[ret->n++] ? 0 : err_set(err, ENOMEM, "out of memory");
	}
	(void)closedir(d);
	if (rc == 0 && ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_weight);
	return rc;
}

static int put_images(struct tar_writer *w, int dir, struct arena *arena, struct err *err)
{
	const struct tar_entry top = {
		.type = TAR_DIRECTORY, .path = MEMBER_CHECKPOINT, .link = "", .mode = 0700
	};
	AUTO_FD images = openat(dir, MEMBER_CHECKPOINT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct strings names = { 0 };

	if (images < 0)
		return err_sys(err, "open \"" MEMBER_CHECKPOINT "\"");
	if (tar_write_entry(w, &top, err) < 0 || list_names(images, arena, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		const char *path = arena_printf(arena, MEMBER_CHECKPOINT "/%s", names.v[i]);
		struct stat st;
		int rc = 0;

		if (!path || fstatat(images, names.v[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(err, "\"%s\"", names.v[i]);
		if (S_ISREG(st.st_mode))
			rc = put_file(w, images, names.v[i], path, err);
		else if (S_ISLNK(st.st_mode))
			rc = put_link(w, images, names.v[i], path, err);
		if (rc < 0)
			return -1;
	}
	return 0;
}

int pack_tar(int dir, tar_out_fn *out, void *arg, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct tar_writer *w = tar_writer_new(out, arg);
	int rc = 0;

	arena_init(&arena, ARCHIVE_ARENA_MAX);
	if (!w)
		return err_sys(err, "tar");
	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(members); i++)
		if (faccessat(dir, members[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			rc = put_file(w, dir, members[i], members[i], err);
	if (rc == 0)
		rc = put_images(w, dir, &arena, err);
	if (rc == 0)
		rc = tar_write_end(w, err);
	tar_writer_free(w);
	return rc;
}

static int to_descriptor(void *arg, const void *data, size_t size, struct err *err)
{
	const int *fd = arg;

	return fd_write_full(*fd, data, size) < 0 ? err_sys(err, "write the archive") : 0;
}

static int squeeze_into(const struct request *r, int dir, int fd, struct err *err)
{
	struct squeeze *s = squeeze_new(r->compress, to_descriptor, &fd, err);
	int rc;

	if (!s)
		return -1;
	rc = pack_tar(dir, squeeze_write, s, err);
	if (rc == 0)
		rc = squeeze_end(s, err);
	squeeze_free(s);
	return rc;
}

/* Under another name until it is whole and on the disk. */
static int write_file(const struct request *r, int dir, struct err *err)
{
	char part[PATH_MAX];
	AUTO_FD fd = -1;

	if (str_format(part, sizeof(part), "%s.part-%d", r->file, (int)getpid()) < 0)
		return err_sys(err, "\"%s\"", r->file);
	fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "make \"%s\"", part);
	if (squeeze_into(r, dir, fd, err) < 0) {
		(void)unlink(part);
		return -1;
	}
	if (fsync(fd) < 0 || rename(part, r->file) < 0) {
		(void)err_sys(err, "write \"%s\"", r->file);
		(void)unlink(part);
		return -1;
	}
	return 0;
}

int pack_write(const struct request *r, int dir, struct err *err)
{
	struct stat st;

	if (strcmp(r->file, "-") == 0)
		return squeeze_into(r, dir, STDOUT_FILENO, err);
	/* A pipe or a device is written to, not replaced. */
	if (stat(r->file, &st) == 0 && !S_ISREG(st.st_mode)) {
		AUTO_FD fd = open(r->file, O_WRONLY | O_CLOEXEC);

		if (fd < 0)
			return err_sys(err, "open \"%s\"", r->file);
		return squeeze_into(r, dir, fd, err);
	}
	return write_file(r, dir, err);
}
