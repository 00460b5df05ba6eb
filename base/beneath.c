/* SPDX-License-Identifier: Apache-2.0 */
/* beneath.c - paths below a root that nobody but us decides about
 *
 * The kernel resolves, we never do: every step asks openat2(2) for a path from
 * the root again, even after a part of it was made.  What is made is made by
 * one name in a directory held by descriptor (mkdirat(2), mknodat(2) follow no
 * link in the last component).
 * Making: find the longest beginning of the path that exists; make the next
 * component in it; if that name is taken, it is a link that leads nowhere, so
 * write its target into the path in its place; begin again.
 *
 * openat2(2), path_resolution(7); runtime-spec config.md "Mounts" (destination).
 */
#include "base/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

/* A rename or mount anywhere makes openat2() give up with EAGAIN; enough to
 * outlast a container that does nothing else, not to hang for ever. */
#define OPEN_TRIES 1000
/* Components made and links followed for one path. */
#define MAKE_TRIES (PATH_MAX / 2)
/* As the kernel: path_resolution(7). */
#define LINKS_MAX  40

int beneath_open(int root, const char *path, int flags, mode_t mode, uint64_t extra_resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC),
		.mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? mode : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | extra_resolve,
	};
	long fd = -1;

	for (int i = 0; i < OPEN_TRIES; i++) {
		fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return (int)fd;
}

/* The path that is being made. */
struct making {
	int root;
	mode_t mode;
	bool file; /* the last component is a file */
	int links;
	char path[PATH_MAX];
};

/* Puts the target of the link at path[start..end) (in the directory parent) in its place. */
static int follow_link(struct making *m, int parent, size_t start, size_t end)
{
	char target[PATH_MAX], rest[PATH_MAX], name[NAME_MAX + 1];
	ssize_t len;

	if (str_format(name, sizeof(name), "%.*s", (int)(end - start), m->path + start) < 0)
		return -1;
	len = readlinkat(parent, name, target, sizeof(target) - 1);
	if (len < 0) {
		/* Not a link: somebody made it meanwhile, so the next look finds it. */
		return errno == EINVAL || errno == ENOENT ? 0 : -1;
	}
	target[len] = '\0';
	if (++m->links > LINKS_MAX) {
		errno = ELOOP;
		return -1;
	}
	if (str_copy(rest, sizeof(rest), m->path + end) < 0)
		return -1;
	if (target[0] == '/')
		start = 0;
	return str_format(m->path + start, sizeof(m->path) - start, "%s%s", target, rest);
}

/* Makes the component path[start..end) in the directory parent. */
static int make_component(struct making *m, int parent, size_t start, size_t end)
{
	bool last = m->path[end + strspn(m->path + end, "/")] == '\0';
	char name[NAME_MAX + 1];
	int status;

	if (str_format(name, sizeof(name), "%.*s", (int)(end - start), m->path + start) < 0)
		return -1;
	if (m->file && last)
		status = mknodat(parent, name, S_IFREG | m->mode, 0);
	else
		status = mkdirat(parent, name, m->file ? 0755 : m->mode);
	if (status == 0 || errno != EEXIST)
		return status;
	return follow_link(m, parent, start, end);
}

/* Makes the first component of the path that is missing, or follows one link. */
static int make_missing(struct making *m)
{
	size_t end = strlen(m->path);

	for (;;) {
		char before[PATH_MAX];
		AUTO_FD parent = -1;
		size_t start;

		while (end > 0 && m->path[end - 1] == '/')
			end--;
		start = end;
		while (start > 0 && m->path[start - 1] != '/')
			start--;
		if (start == end) {
			errno = ENOENT; /* an empty path: the root itself is never made */
			return -1;
		}
		if (str_format(before, sizeof(before), "/%.*s", (int)start, m->path) < 0)
			return -1;
		parent = beneath_open(m->root, before, O_PATH | O_DIRECTORY, 0, 0);
		if (parent >= 0)
			return make_component(m, parent, start, end);
		if (errno != ENOENT)
			return -1;
		end = start;
	}
}

static int make_and_open(struct making *m, const char *path, int flags)
{
	if (str_copy(m->path, sizeof(m->path), path) < 0)
		return -1;
	for (int i = 0; i < MAKE_TRIES; i++) {
		int fd = beneath_open(m->root, m->path, O_PATH | flags, 0, 0);

		if (fd >= 0 || errno != ENOENT)
			return fd;
		if (make_missing(m) < 0)
			return -1;
	}
	errno = ELOOP;
	return -1;
}

int beneath_make_dir(int root, const char *path, mode_t mode)
{
	struct making m = { .root = root, .mode = mode };
	int fd = beneath_open(root, path, O_PATH | O_DIRECTORY, 0, 0);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	return make_and_open(&m, path, O_DIRECTORY);
}

int beneath_make_file(int root, const char *path, mode_t mode)
{
	struct making m = { .root = root, .mode = mode, .file = true };
	AUTO_FD fd = beneath_open(root, path, O_PATH, 0, 0);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		fd = make_and_open(&m, path, 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return -1;
	}
	return fd_take(&fd);
}

int beneath_parent(int root, const char *path, bool make, char *name)
{
	char before[PATH_MAX];
	size_t end = strlen(path), start;

	while (end > 0 && path[end - 1] == '/')
		end--;
	start = end;
	while (start > 0 && path[start - 1] != '/')
		start--;
	if (str_format(name, NAME_MAX + 1, "%.*s", (int)(end - start), path + start) < 0)
		return -1;
	if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		errno = EINVAL;
		return -1;
	}
	if (str_format(before, sizeof(before), "/%.*s", (int)start, path) < 0)
		return -1;
	if (make)
		return beneath_make_dir(root, before, 0755);
	return beneath_open(root, before, O_PATH | O_DIRECTORY, 0, 0);
}

bool beneath_is_fs(int fd, long magic)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (long)fs.f_type == magic;
}
