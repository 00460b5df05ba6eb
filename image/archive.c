/* SPDX-License-Identifier: Apache-2.0 */
/* archive.c - the members of an archive or a layout, by name
 *
 * One pass over the tar notes where each member's bytes are (archive_index.h);
 * what can't be read at any place (a pipe, a compressed archive) is first
 * written into an unnamed file of the store.  A later member replaces an earlier one of its
 * name; links to other members are followed, as in docker's older archives.
 */
#include "image/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "image/archive_index.h"

#define MEMBERS_MAX 100000
#define LINKS_MAX   8

struct member {
	const char *name;
	const char *link; /* of another member, or NULL */
	uint64_t offset, size;
};

struct archive {
	struct arena arena;
	int fd; /* the tar, or -1 */
	int dir; /* the layout's directory, or -1 */
	int open; /* a file of the directory */
	struct member *members;
	size_t n, cap;
};

static int add_member(void *arg, const char *name, const char *link, uint64_t offset, uint64_t size,
		      struct err *err)
{
	struct archive *a = arg;
	if (a->n == MEMBERS_MAX)
		return err_set(err, E2BIG, "an archive of more than %d members", MEMBERS_MAX);
	struct member *v = arena_grow(&a->arena, a->members, a->n, &a->cap, sizeof(*v));
	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	a->members = v;
	struct member *m = &v[a->n];
	*m = (struct member){ .name = arena_strdup(&a->arena, name),
			      .link = link ? arena_strdup(&a->arena, link) : NULL,
			      .offset = offset,
			      .size = size };
	if (!m->name || (link && !m->link))
		return err_set(err, ENOMEM, "out of memory");
	a->n++;
	return 0;
}

static bool is_compressed(int fd)
{
	unsigned char m[4] = { 0 };
	if (pread(fd, m, sizeof(m), 0) != sizeof(m))
		return false;
	return (m[0] == 0x1f && m[1] == 0x8b) ||
	       (m[0] == 0x28 && m[1] == 0xb5 && m[2] == 0x2f && m[3] == 0xfd);
}

/* plain: it can be read at any place as it is; else into an unnamed file first. */
static int open_tar(struct archive *a, const struct store *s, int fd, bool plain, struct err *err)
{
	a->fd = plain ? fcntl(fd, F_DUPFD_CLOEXEC, 3)
		      : openat(store_fd(s), "tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (a->fd < 0)
		return err_sys(err, "%s", plain ? "open the archive" : "make a file in the store");
	if (archive_index(plain ? a->fd : fd, plain ? -1 : a->fd, add_member, a, err) < 0)
		return err_wrap(err, "archive");
	return 0;
}

int archive_open(const struct store *s, int fd, struct archive **ret, struct err *err)
{
	struct stat st;
	struct archive *a = calloc(1, sizeof(*a));
	if (!a)
		return err_set(err, ENOMEM, "out of memory");
	arena_init(&a->arena, ARENA_MAX_DEFAULT);
	a->fd = a->dir = a->open = -1;
	int rc = fstat(fd, &st) < 0 ? err_sys(err, "look at the archive") : 0;
	if (rc == 0 && S_ISDIR(st.st_mode)) {
		a->dir = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		rc = a->dir < 0 ? err_sys(err, "open the layout") : 0;
	} else if (rc == 0) {
		rc = open_tar(a, s, fd, S_ISREG(st.st_mode) && !is_compressed(fd), err);
	}
	if (rc < 0) {
		archive_close(a);
		return -1;
	}
	*ret = a;
	return 0;
}

void archive_close(struct archive *a)
{
	if (!a)
		return;
	(void)fd_close(a->fd);
	(void)fd_close(a->dir);
	(void)fd_close(a->open);
	arena_release(&a->arena);
	free(a);
}

static int find_in_dir(struct archive *a, const char *name, struct archive_member *ret,
		       struct err *err)
{
	struct stat st;
	a->open = fd_close(a->open);
	a->open = beneath_open(a->dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0, 0);
	if (a->open < 0 || fstat(a->open, &st) < 0)
		return err_sys(err, "open \"%s\" of the layout", name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "\"%s\" of the layout is no file", name);
	*ret = (struct archive_member){ .fd = a->open, .size = (uint64_t)st.st_size };
	return 0;
}

static const struct member *find_member(const struct archive *a, const char *name)
{
	for (size_t i = a->n; i-- > 0;) {
		if (strcmp(a->members[i].name, name) == 0)
			return &a->members[i];
	}
	return NULL;
}

int archive_find(struct archive *a, const char *name, struct archive_member *ret, struct err *err)
{
	if (a->dir >= 0)
		return find_in_dir(a, name, ret, err);
	const char *wanted = name;
	for (int links = 0; links < LINKS_MAX; links++) {
		const struct member *m = find_member(a, wanted);
		if (!m)
			return err_set(err, ENOENT, "the archive has no \"%.200s\"", name);
		if (!m->link) {
			*ret = (struct archive_member){ .fd = a->fd,
							.offset = m->offset,
							.size = m->size };
			return 0;
		}
		wanted = m->link;
	}
	return err_set(err, ELOOP, "\"%.200s\" of the archive is a link to itself", name);
}

int archive_read(struct archive *a, const char *name, size_t max, struct buf *out, struct err *err)
{
	struct archive_member m;
	if (archive_find(a, name, &m, err) < 0)
		return -1;
	if (m.size > max)
		return err_set(err, EFBIG, "\"%.200s\" of the archive is larger than %zu bytes",
			       name, max);
	if (buf_reserve(out, (size_t)m.size + 1) < 0)
		return err_set(err, ENOMEM, "out of memory");
	ssize_t n = pread(m.fd, out->s + out->len, (size_t)m.size, (off_t)m.offset);
	if (n < 0 || (uint64_t)n != m.size)
		return err_sys(err, "read \"%.200s\" of the archive", name);
	out->len += (size_t)n;
	out->s[out->len] = 0;
	return 0;
}
