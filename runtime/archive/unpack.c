/* SPDX-License-Identifier: Apache-2.0 */
/* unpack.c - the members of a checkpoint archive as files below an empty directory
 *
 * Each name once, never over something: what is there was made here.  The
 * budget of bytes is what the disk can spare; holes count, as criu reads them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "image/inflate.h"
#include "runtime/archive/archive.h"

#define PIECE	   ((size_t)256 << 10)
#define MODE_FILE  0600
#define MODE_DIR   0700
#define RATIO_MAX  4096 /* of a compressed stream: zeros of a memory image come to about 1000 */
#define RATIO_FROM ((uint64_t)1 << 30)

struct unpacking {
	int dir, file;
	uint64_t room, in, out, members;
	struct tar_reader *tar;
};

static int make_folder(struct unpacking *u, const char *path, struct err *err)
{
	if (mkdirat(u->dir, path, MODE_DIR) < 0 && errno != EEXIST)
		return err_sys(err, "make \"%s\"", path);
	return 0;
}

/* Archives need no entry for a directory. */
static int make_parent(struct unpacking *u, const char *path, struct err *err)
{
	const char *slash = strchr(path, '/');
	char folder[NAME_MAX + 1];

	if (!slash)
		return 0;
	if (str_format(folder, sizeof(folder), "%.*s", (int)(slash - path), path) < 0)
		return err_sys(err, "\"%s\"", path);
	return make_folder(u, folder, err);
}

static int take_entry(void *arg, const struct tar_entry *e, struct err *err)
{
	struct unpacking *u = arg;
	int wanted = member_check(e, err);

	u->file = fd_close(u->file);
	if (wanted < 0)
		return -1;
	if (++u->members > MEMBERS_MAX)
		return err_set(err, E2BIG, "checkpoint archive: more than %d members", MEMBERS_MAX);
	if (wanted == 0)
		return 0;
	if (e->type == TAR_DIRECTORY)
		return make_folder(u, e->path, err);
	if (make_parent(u, e->path, err) < 0)
		return -1;
	if (e->type == TAR_SYMBOLIC_LINK)
		return symlinkat(e->link, u->dir, e->path) < 0
			       ? err_sys(err, "checkpoint archive: link \"%s\"", e->path)
			       : 0;
	if (e->size > u->room)
		return err_set(err, ENOSPC,
			       "checkpoint archive: \"%s\" has %llu bytes, there is room for %llu",
			       e->path, (unsigned long long)e->size, (unsigned long long)u->room);
	u->room -= e->size;
	u->file = openat(u->dir, e->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			 MODE_FILE);
	if (u->file < 0)
		return err_sys(err, "checkpoint archive: member \"%s\"", e->path);
	if (e->is_sparse && ftruncate(u->file, (off_t)e->size) < 0)
		return err_sys(err, "checkpoint archive: member \"%s\"", e->path);
	return 0;
}

static int take_data(void *arg, uint64_t offset, const void *data, size_t size, struct err *err)
{
	const struct unpacking *u = arg;
	const unsigned char *p = data;

	while (size > 0 && u->file >= 0) {
		ssize_t n = pwrite(u->file, p, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "unpack the checkpoint archive");
		p += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static const struct tar_handler handler = { .entry = take_entry, .data = take_data };

static int take_plain(void *arg, const void *data, size_t size, struct err *err)
{
	struct unpacking *u = arg;

	u->out += size;
	if (u->out > RATIO_FROM && u->out / RATIO_MAX > u->in)
		return err_set(err, EBADMSG, "checkpoint archive: it grows %d times: a bomb",
			       RATIO_MAX);
	return tar_feed(u->tar, data, size, err);
}

static int feed_all(struct unpacking *u, struct inflate *i, int file, struct err *err)
{
	AUTO_FREE unsigned char *piece = malloc(PIECE);

	if (!piece)
		return err_set(err, ENOMEM, "out of memory");
	for (;;) {
		ssize_t n = fd_read_full(file, piece, PIECE);

		if (n < 0)
			return err_sys(err, "read the checkpoint archive");
		u->in += (uint64_t)n;
		if (n > 0 && inflate_feed(i, piece, (size_t)n, err) < 0)
			return -1;
		if ((size_t)n < PIECE)
			return inflate_finish(i, err);
	}
}

int unpack_here(int file, int dir, uint64_t room, struct err *err)
{
	struct unpacking u = { .dir = dir, .file = -1, .room = room };
	struct inflate *i = inflate_new(take_plain, &u);
	int rc;

	u.tar = tar_reader_new(&handler, &u);
	if (!i || !u.tar)
		rc = err_sys(err, "checkpoint archive");
	else
		rc = feed_all(&u, i, file, err);
	if (rc == 0)
		rc = tar_finish(u.tar, err);
	u.file = fd_close(u.file);
	tar_reader_free(u.tar);
	inflate_free(i);
	return rc;
}

struct job {
	int file, dir;
	uint64_t room;
};

static int work(void *arg, struct err *err)
{
	const struct job *j = arg;

	return unpack_here(j->file, j->dir, j->room, err);
}

int unpack_archive(int file, int dir, uint64_t room, struct err *err)
{
	struct job j = { file, dir, room };

	return archive_jail("unpack a checkpoint", dir, &file, 1, work, &j, err);
}
