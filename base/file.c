/* SPDX-License-Identifier: Apache-2.0 */
/* file.c - whole files, by directory descriptor
 *
 * Replacing: written under another name with O_EXCL, then renamed, so that a
 * reader sees the old file or the new one and a link in the way is replaced,
 * not followed.
 * Removing: by descriptor only.  A directory is entered with openat2(2)
 * RESOLVE_NO_XDEV and O_NOFOLLOW, so neither a link nor a mount that appears
 * meanwhile leads elsewhere; one that is too deep for our descriptors is first
 * moved up to the top.
 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"

/* Reading grows by this where a file does not tell its size (/proc, /sys). */
#define READ_STEP     4096
/* A shorter answer than this from /proc or /sys is all there is: they fill a page first. */
#define ONE_READ      4095
/* Names tried for the temporary file of file_replace(). */
#define REPLACE_TRIES 64
/* Levels of directories held open at once while removing a tree. */
#define REMOVE_DEPTH  48
/* Passes over one directory; each removes something, so only others' new files make more. */
#define REMOVE_PASSES 1000

/* How much to ask for first: a byte more than the size, so that one read shows the end too. */
static size_t first_step(const struct stat *st, size_t max)
{
	size_t step = READ_STEP;

	if (S_ISREG(st->st_mode) && st->st_size > 0 && (uintmax_t)st->st_size < SIZE_MAX / 2)
		step = (size_t)st->st_size + 1;
	/* And a byte above the limit shows that it is passed. */
	return step > max ? max + 1 : step;
}

/* Appends up to step bytes; how many, or -1. */
static ssize_t read_some(int fd, struct buf *out, size_t step)
{
	ssize_t n;

	if (buf_reserve(out, step) < 0)
		return -1;
	do {
		n = read(fd, out->s + out->len, step);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	out->len += (size_t)n;
	out->s[out->len] = '\0';
	return n;
}

int file_read(int dir, const char *path, struct buf *out, size_t max, bool regular)
{
	AUTO_FD fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t begin = out->len, step;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (S_ISDIR(st.st_mode) || (regular && !S_ISREG(st.st_mode))) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		return -1;
	}
	step = first_step(&st, max);
	for (;;) {
		ssize_t n = read_some(fd, out, step);

		if (n < 0)
			return -1;
		if (out->len - begin > max) {
			errno = EFBIG;
			return -1;
		}
		if (n == 0 || (n == st.st_size && (size_t)n < step))
			return 0;
		step = READ_STEP;
	}
}

ssize_t file_read_line(int dir, const char *path, char *dst, size_t size)
{
	AUTO_FD fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t len = 0;

	if (fd < 0)
		return -1;
	while (len < size - 1) {
		ssize_t n = read(fd, dst + len, size - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		len += (size_t)n;
		if (n < ONE_READ)
			break;
	}
	if (len > 0 && dst[len - 1] == '\n')
		len--;
	dst[len] = '\0';
	return (ssize_t)len;
}

int file_write_text(int dir, const char *path, const char *text)
{
	AUTO_FD fd = openat(dir, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0)
		return -1;
	do {
		n = write(fd, text, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	if ((size_t)n != len) {
		errno = EIO; /* such files take all or nothing; the rest would be another value */
		return -1;
	}
	return 0;
}

/* A new file beside path; its name is stored in name (PATH_MAX bytes). */
static int open_beside(int dir, const char *path, mode_t mode, char *name)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	struct timespec now;

	if (*base == '\0') {
		errno = EISDIR;
		return -1;
	}
	/* Any number does, O_EXCL is what protects; the clock costs no system call. */
	if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
		return -1;
	for (unsigned int i = 0; i < REPLACE_TRIES; i++) {
		unsigned int number = (unsigned int)now.tv_nsec * 2654435761U + i;
		int fd;

		if (str_format(name, PATH_MAX, "%.*s.%.200s.%08x", (int)(base - path), path, base,
			       number) < 0)
			return -1;
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

int file_replace(int dir, const char *path, const void *data, size_t size, mode_t mode)
{
	char name[PATH_MAX];
	AUTO_FD fd = open_beside(dir, path, mode, name);
	int saved;

	if (fd < 0)
		return -1;
	if (fd_write_full(fd, data, size) == 0 && renameat(dir, name, dir, path) == 0)
		return 0;
	saved = errno;
	(void)unlinkat(dir, name, 0);
	errno = saved;
	return -1;
}

int file_write_pid(const char *path, pid_t pid)
{
	char digits[16];

	if (str_format(digits, sizeof(digits), "%d", (int)pid) < 0)
		return -1;
	return file_replace(AT_FDCWD, path, digits, strlen(digits), 0644);
}

static int open_dir_here(int dir, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	do {
		fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));
	} while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return (int)fd;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* What a walk over the entries of one directory hands down. */
struct removal {
	int top; /* of the whole tree */
	unsigned int moved; /* directories moved up to it */
};

static int remove_entry(struct removal *r, int dir, const char *name, int depth);

/* Removes what is in dir, once; 1 when there was something, 0 when it is empty. */
static int empty_pass(struct removal *r, int dir, int depth)
{
	_Alignas(struct dirent64) char entries[2048];
	int found = 0;

	if (lseek(dir, 0, SEEK_SET) < 0)
		return -1;
	for (;;) {
		ssize_t n = getdents64(dir, entries, sizeof(entries));

		if (n <= 0)
			return n < 0 ? -1 : found;
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *e = (const void *)(entries + at);

			at += e->d_reclen;
			if (is_dots(e->d_name))
				continue;
			found = 1;
			if (remove_entry(r, dir, e->d_name, depth) < 0)
				return -1;
		}
	}
}

/* Too deep to go on holding descriptors: the directory becomes a child of the top, whose next
 * pass finds it. */
static int move_up(struct removal *r, int dir, const char *name)
{
	char up[32];

	do {
		if (str_format(up, sizeof(up), ".removing.%u", r->moved++) < 0)
			return -1;
	} while (renameat2(dir, name, r->top, up, RENAME_NOREPLACE) < 0 && errno == EEXIST);
	return faccessat(r->top, up, F_OK, AT_SYMLINK_NOFOLLOW);
}

static int remove_dir(struct removal *r, int dir, const char *name, int depth)
{
	AUTO_FD fd = -1;

	if (depth >= REMOVE_DEPTH)
		return move_up(r, dir, name);
	fd = open_dir_here(dir, name);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	if (depth == 0)
		r->top = fd;
	for (int pass = 0; pass < REMOVE_PASSES; pass++) {
		int found = empty_pass(r, fd, depth + 1);

		if (found < 0)
			return -1;
		if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != ENOTEMPTY && errno != EEXIST)
			return -1;
	}
	return -1;
}

static int remove_entry(struct removal *r, int dir, const char *name, int depth)
{
	/* On a directory Linux says EISDIR, POSIX EPERM (unlink(2)). */
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -1;
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return -1;
	return remove_dir(r, dir, name, depth);
}

int file_remove_tree(int dir, const char *name)
{
	struct removal r = { .top = -1 };
	const char *slash = strrchr(name, '/');
	char parent[PATH_MAX];
	AUTO_FD fd = -1;

	if (!slash) {
		if (*name == '\0' || is_dots(name)) {
			errno = EINVAL;
			return -1;
		}
		return remove_entry(&r, dir, name, 0);
	}
	if (slash[1] == '\0' || is_dots(slash + 1)) {
		errno = EINVAL;
		return -1;
	}
	if (str_format(parent, sizeof(parent), "%.*s", (int)(slash - name + 1), name) < 0)
		return -1;
	fd = openat(dir, parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	return remove_entry(&r, fd, slash + 1, 0);
}

static int make_one_dir(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return 0;
	if (errno != EEXIST)
		return -1;
	if (stat(path, &st) < 0)
		return -1;
	if (S_ISDIR(st.st_mode))
		return 0;
	errno = ENOTDIR;
	return -1;
}

int file_make_dirs(const char *path, mode_t mode)
{
	char part[PATH_MAX];
	size_t len;

	/* The last first: mostly it or its parent is there. */
	if (make_one_dir(path, mode) == 0)
		return 0;
	if (errno != ENOENT || str_copy(part, sizeof(part), path) < 0)
		return -1;
	len = strlen(part);
	for (size_t i = 1; i < len; i++) {
		if (part[i] != '/' || part[i - 1] == '/')
			continue;
		part[i] = '\0';
		if (make_one_dir(part, mode) < 0)
			return -1;
		part[i] = '/';
	}
	return make_one_dir(part, mode);
}
