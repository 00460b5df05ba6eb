/* SPDX-License-Identifier: Apache-2.0 */
/* tree_send.c - a folder, file by file, and later what changed in it
 *
 * A running container may change names under us: each is opened from its
 * folder's descriptor without following links, and what is gone when we come
 * to it is not sent.  Other mounts aren't entered.
 */
#include "runtime/migrate/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"

#define ARENA_MAX    ((size_t)1 << 30)
#define SLOTS_FIRST  1024
#define DEPTH_MAX    512
#define FRESH_NS     ((int64_t)50 * 1000 * 1000) /* two ticks of the slowest clock */
#define XATTR_LIST   ((size_t)64 << 10)
#define XATTRS_BYTES ((size_t)512 << 10)

int inodes_add(struct inodes *list, uint64_t ino)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 64;
		uint64_t *v = realloc(list->v, cap * sizeof(*v));

		if (!v)
			return -1;
		list->v = v;
		list->cap = cap;
	}
	list->v[list->n++] = ino;
	return 0;
}

bool inodes_has(const struct inodes *list, uint64_t ino)
{
	for (size_t i = 0; list && i < list->n; i++)
		if (list->v[i] == ino)
			return true;
	return false;
}

/* --- what was sent before ---------------------------------------------------------------- */

struct known {
	struct known *next;
	uint64_t hash;
	uint64_t ino, size;
	struct timespec mtime, ctime;
	uint32_t mode, uid, gid;
	unsigned int pass; /* the last that saw it */
	bool fresh; /* a later write might not show */
	char path[];
};

void tree_memory_init(struct tree_memory *m)
{
	*m = (struct tree_memory){ 0 };
	arena_init(&m->arena, ARENA_MAX);
}

void tree_memory_release(struct tree_memory *m)
{
	free(m->slots);
	arena_release(&m->arena);
	*m = (struct tree_memory){ 0 };
}

/* FNV-1a */
static uint64_t hash_of(const char *path)
{
	uint64_t h = 14695981039346656037U;

	for (; *path; path++)
		h = (h ^ (unsigned char)*path) * 1099511628211U;
	return h;
}

static int grow(struct tree_memory *m)
{
	const size_t size = m->size ? m->size * 2 : SLOTS_FIRST;
	struct known **slots = calloc(size, sizeof(struct known *));

	if (!slots)
		return -1;
	for (size_t i = 0; i < m->size; i++) {
		for (struct known *k = m->slots[i], *next; k; k = next) {
			next = k->next;
			k->next = slots[k->hash % size];
			slots[k->hash % size] = k;
		}
	}
	free(m->slots);
	m->slots = slots;
	m->size = size;
	return 0;
}

/* The entry of that path, made where there is none (ino 0). */
static struct known *remember(struct tree_memory *m, const char *path)
{
	const uint64_t hash = hash_of(path);
	const size_t len = strlen(path) + 1;
	struct known *k;

	if (m->n >= m->size && grow(m) < 0)
		return NULL;
	for (k = m->slots[hash % m->size]; k; k = k->next)
		if (k->hash == hash && strcmp(k->path, path) == 0)
			return k;
	k = arena_alloc(&m->arena, sizeof(*k) + len);
	if (!k)
		return NULL;
	k->hash = hash;
	memcpy(k->path, path, len);
	k->next = m->slots[hash % m->size];
	m->slots[hash % m->size] = k;
	m->n++;
	return k;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_same(const struct known *k, const struct stat *st)
{
	return k->ino == st->st_ino && k->size == (uint64_t)st->st_size && k->mode == st->st_mode &&
	       k->uid == st->st_uid && k->gid == st->st_gid && same_time(&k->mtime, &st->st_mtim) &&
	       same_time(&k->ctime, &st->st_ctim) && !k->fresh;
}

static void note(struct known *k, const struct stat *st)
{
	struct timespec now;
	int64_t age;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	age = (int64_t)(now.tv_sec - st->st_ctim.tv_sec) * 1000000000 +
	      (now.tv_nsec - st->st_ctim.tv_nsec);
	k->ino = st->st_ino;
	k->size = (uint64_t)st->st_size;
	k->mode = st->st_mode;
	k->uid = st->st_uid;
	k->gid = st->st_gid;
	k->mtime = st->st_mtim;
	k->ctime = st->st_ctim;
	k->fresh = age < FRESH_NS;
}

/* --- one entry ---------------------------------------------------------------------------- */

struct sender {
	struct channel *channel;
	const struct tree_order *order;
	struct tree_sent *sent;
	struct tree_memory links; /* first names of files with several */
	struct arena arena; /* of one entry */
	char *chunk; /* of a file's bytes */
	char path[PATH_MAX];
	dev_t device;
};

static int out_of_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

static const struct bytes nothing = { NULL, 0 };

/* Of the file behind an O_PATH descriptor. */
static int read_xattrs(struct sender *s, int fd, struct entry *e, struct err *err)
{
	char self[64], *names;
	size_t total = 0;
	ssize_t n;

	if (str_format(self, sizeof(self), "/proc/self/fd/%d", fd) < 0)
		return err_sys(err, "descriptor %d", fd);
	names = arena_alloc(&s->arena, XATTR_LIST);
	if (!names)
		return out_of_memory(err);
	n = listxattr(self, names, XATTR_LIST);
	if (n <= 0)
		return n < 0 && errno != ENOTSUP && errno != ENOENT
			       ? err_sys(err, "attributes of \"%s\"", s->path)
			       : 0;
	for (char *name = names; name < names + n; name += strlen(name) + 1) {
		struct xattr *v = arena_array(&s->arena, e->xattrs.n + 1, sizeof(*v));
		char *value = arena_alloc(&s->arena, XATTR_SIZE_MAX);
		ssize_t size = value ? getxattr(self, name, value, XATTR_SIZE_MAX) : -1;

		if (!v || !value)
			return out_of_memory(err);
		/* A label is the target's policy's business. */
		if (size < 0 || strcmp(name, "security.selinux") == 0)
			continue;
		total += (size_t)size;
		if (total > XATTRS_BYTES)
			return err_set(err, E2BIG, "\"%s\" has too large attributes", s->path);
		for (size_t i = 0; i < e->xattrs.n; i++)
			v[i] = e->xattrs.v[i];
		v[e->xattrs.n] = (struct xattr){ name, { value, (size_t)size } };
		e->xattrs.v = v;
		e->xattrs.n++;
	}
	return 0;
}

/* Whole extents; holes stay holes. */
static int send_contents(struct sender *s, int fd, uint64_t size, struct err *err)
{
	off_t at = 0;

	while ((uint64_t)at < size) {
		off_t data = lseek(fd, at, SEEK_DATA), hole;

		if (data < 0 && errno == ENXIO)
			break;
		if (data < 0)
			data = at;
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0 || (uint64_t)hole > size)
			hole = (off_t)size;
		for (at = data; at < hole;) {
			unsigned char head[FRAME_DATA_HEAD];
			size_t want = (uint64_t)(hole - at) < FRAME_BULK ? (size_t)(hole - at)
									 : FRAME_BULK;
			ssize_t n = pread(fd, s->chunk, want, at);

			if (n < 0)
				return err_sys(err, "read \"%s\"", s->path);
			if (n == 0)
				return 0; /* it became shorter: the next pass sees that */
			frame_put_u64(head, (uint64_t)at);
			if (channel_send(s->channel, FRAME_DATA,
					 (struct bytes){ head, sizeof(head) },
					 (struct bytes){ s->chunk, (size_t)n }, err) < 0)
				return -1;
			s->sent->bytes += (uint64_t)n;
			at += n;
		}
	}
	return 0;
}

/* Opens the file itself by its O_PATH descriptor: no name is looked up again. */
static int reopen(int fd)
{
	char self[64];

	if (str_format(self, sizeof(self), "/proc/self/fd/%d", fd) < 0)
		return -1;
	return open(self, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOATIME);
}

/* Was this inode sent under another name in this pass? */
static int find_link(struct sender *s, const struct stat *st, struct entry *e, struct err *err)
{
	char key[64];
	struct known *k;

	if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
		return 0;
	if (str_format(key, sizeof(key), "%llu", (unsigned long long)st->st_ino) < 0)
		return err_sys(err, "\"%s\"", s->path);
	k = remember(&s->links, key);
	if (!k)
		return out_of_memory(err);
	if (k->ino == 0) {
		char *first = arena_strdup(&s->links.arena, s->path);

		if (!first)
			return out_of_memory(err);
		k->ino = 1;
		k->size = (uintptr_t)first;
		return 0;
	}
	e->is_hard = 1;
	e->link = (char *)(uintptr_t)k->size; /* NOLINT(performance-no-int-to-ptr) */
	return 0;
}

static int send_entry(struct sender *s, int fd, const struct stat *st, struct err *err)
{
	struct entry e = { .path = s->path,
			   .mode = st->st_mode,
			   .uid = st->st_uid,
			   .gid = st->st_gid,
			   .size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0,
			   .rdev = st->st_rdev,
			   .mtime_s = st->st_mtim.tv_sec,
			   .mtime_ns = (uint32_t)st->st_mtim.tv_nsec };
	AUTO_FD file = -1;

	arena_release(&s->arena);
	arena_init(&s->arena, ARENA_MAX);
	if (find_link(s, st, &e, err) < 0)
		return -1;
	if (S_ISLNK(st->st_mode) && !e.is_hard) {
		ssize_t n;

		e.link = arena_alloc(&s->arena, PATH_MAX);
		if (!e.link)
			return out_of_memory(err);
		n = readlinkat(fd, "", e.link, PATH_MAX - 1);
		if (n <= 0)
			return n == 0 || errno == ENOENT
				       ? 0
				       : err_sys(err, "read link \"%s\"", s->path);
	}
	if (!S_ISLNK(st->st_mode) && !e.is_hard && read_xattrs(s, fd, &e, err) < 0)
		return -1;
	if (S_ISREG(st->st_mode) && !e.is_hard && st->st_size) {
		file = reopen(fd);
		if (file < 0)
			return err_sys(err, "open \"%s\"", s->path);
	}
	s->sent->files++;
	if (channel_send_message(s->channel, FRAME_ENTRY, &e, err) < 0)
		return -1;
	return file >= 0 ? send_contents(s, file, e.size, err) : 0;
}

/* Sends it when it is new or has changed. */
static int visit(struct sender *s, int fd, const struct stat *st, struct err *err)
{
	struct tree_memory *m = s->order->memory;
	struct known *k;
	bool same;

	if (!m)
		return send_entry(s, fd, st, err);
	k = remember(m, s->path);
	if (!k)
		return out_of_memory(err);
	same = k->ino && is_same(k, st) && !inodes_has(s->order->changed, st->st_ino);
	k->pass = m->pass;
	if (same) {
		struct entry unused = { 0 };

		/* A new name of it would have to find it. */
		return find_link(s, st, &unused, err);
	}
	note(k, st);
	return send_entry(s, fd, st, err);
}

/* --- the walk ------------------------------------------------------------------------------- */

static int walk(struct sender *s, int dir, unsigned int depth, struct err *err);

static int visit_name(struct sender *s, int dir, const char *name, unsigned int depth,
		      struct err *err)
{
	const size_t len = strlen(s->path);
	AUTO_FD fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int rc;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, "open \"%s/%s\"", s->path, name);
	if (fstat(fd, &st) < 0)
		return err_sys(err, "look at \"%s/%s\"", s->path, name);
	if (st.st_dev != s->device && S_ISDIR(st.st_mode))
		return 0;
	if (str_format(s->path + len, sizeof(s->path) - len, "%s%s", len ? "/" : "", name) < 0)
		return err_sys(err, "path below \"%.200s\"", s->path);
	rc = visit(s, fd, &st, err);
	if (rc == 0 && S_ISDIR(st.st_mode)) {
		AUTO_FD below = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		rc = below < 0 ? err_sys(err, "open \"%s\"", s->path)
			       : walk(s, below, depth + 1, err);
	}
	s->path[len] = '\0';
	return rc;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by DEPTH_MAX */
static int walk(struct sender *s, int dir, unsigned int depth, struct err *err)
{
	AUTO_FD copy =
		openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* a place of its own */
	DIR *list;
	const struct dirent *d;
	int rc = 0;

	if (depth > DEPTH_MAX)
		return err_set(err, ELOOP, "\"%.200s\" is too deep", s->path);
	list = copy < 0 ? NULL : fdopendir(copy);
	if (!list)
		return err_sys(err, "list \"%s\"", s->path);
	(void)fd_take(&copy);
	while (rc == 0) {
		errno = 0;
		d = readdir(list); /* NOLINT(concurrency-mt-unsafe): the stream is ours alone */
		if (!d) {
			rc = errno ? err_sys(err, "list \"%s\"", s->path) : 0;
			break;
		}
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			rc = visit_name(s, dir, d->d_name, depth, err);
	}
	(void)closedir(list);
	return rc;
}

static int send_removals(struct sender *s, struct err *err)
{
	struct tree_memory *m = s->order->memory;

	for (size_t i = 0; m && i < m->size; i++) {
		for (struct known *k = m->slots[i]; k; k = k->next) {
			const struct removal r = { .path = k->path };

			if (k->ino == 0 || k->pass == m->pass)
				continue;
			k->ino = 0;
			if (channel_send_message(s->channel, FRAME_REMOVE, &r, err) < 0)
				return -1;
		}
	}
	return 0;
}

int tree_send(struct channel *c, const struct tree_order *o, struct tree_sent *sent,
	      struct err *err)
{
	struct sender s = { .channel = c, .order = o, .sent = sent };
	struct stat st;
	int rc;

	if (fstat(o->top, &st) < 0)
		return err_sys(err, "look at the folder");
	s.device = st.st_dev;
	s.chunk = malloc(FRAME_BULK);
	if (!s.chunk)
		return out_of_memory(err);
	arena_init(&s.arena, ARENA_MAX);
	tree_memory_init(&s.links);
	if (o->memory)
		o->memory->pass++;
	rc = channel_send_message(c, FRAME_TREE, &o->head, err);
	if (rc == 0 && o->only)
		rc = visit_name(&s, o->top, o->only, 0, err);
	if (rc == 0 && !o->only)
		rc = visit(&s, o->top, &st, err);
	if (rc == 0 && !o->only)
		rc = walk(&s, o->top, 0, err);
	if (rc == 0)
		rc = send_removals(&s, err);
	if (rc == 0)
		rc = channel_send(c, FRAME_TREE_END, nothing, nothing, err);
	tree_memory_release(&s.links);
	arena_release(&s.arena);
	free(s.chunk);
	return rc;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by DEPTH_MAX */
static uint64_t size_below(int dir, unsigned int depth)
{
	AUTO_FD copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy < 0 || depth > DEPTH_MAX ? NULL : fdopendir(copy);
	const struct dirent *d;
	uint64_t sum = 0;

	if (!list)
		return 0;
	(void)fd_take(&copy);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
	while ((d = readdir(list))) {
		struct stat st, top;

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
		    fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		sum += (uint64_t)st.st_blocks * 512;
		if (S_ISDIR(st.st_mode) && fstat(dir, &top) == 0 && top.st_dev == st.st_dev) {
			AUTO_FD below = openat(dir, d->d_name,
					       O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (below >= 0)
				sum += size_below(below, depth + 1);
		}
	}
	(void)closedir(list);
	return sum;
}

uint64_t tree_size(int top)
{
	return size_below(top, 0);
}
