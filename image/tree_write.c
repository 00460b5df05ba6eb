/* SPDX-License-Identifier: Apache-2.0 */
/* tree_write.c - a directory tree as a tar, or the list of what an upper directory changes
 *
 * One walk serves both: names sorted, directories by descriptor, the lower
 * directory of the same name alongside as long as there is one.  The lower says
 * what the upper alone doesn't: whether a file is new or changed, and whether
 * an opaque mark hides anything (overlay puts it on every new directory).
 * Order in a directory: opaque mark, whiteouts, everything else.
 *
 * overlayfs.rst "whiteouts and opaque directories"; image-spec layer.md "Whiteouts".
 */
#include "image/tree_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fd.h"
#include "image/whiteout.h"

#define XATTR_VALUE_MAX ((size_t)64 << 10)
#define XATTRS_MAX	256
#define DEPTH_MAX	2048
#define LINKS_MIN	64

/* The first name of a file that has several. */
struct link {
	dev_t dev;
	ino_t ino; /* 0: free */
	char *path;
};

struct walk {
	const struct tree_source *from;
	struct tar_writer *tar; /* or NULL: */
	rootfs_change_fn *change;
	void *arg;
	struct arena arena; /* links' paths */
	struct link *links;
	size_t n_links, cap_links;
	struct buf path; /* relative, "" is the top */
	unsigned int depth;
	int result; /* of `change`, when it stopped us */
};

/* --- names of one directory ------------------------------------------------------------ */

struct names {
	char **v;
	size_t n, cap;
	struct arena arena;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_name(struct names *names, const char *name)
{
	char **grown = arena_grow(&names->arena, names->v, names->n, &names->cap, sizeof(char *));

	if (!grown)
		return -1;
	names->v = grown;
	grown[names->n] = arena_strdup(&names->arena, name);
	return grown[names->n] ? (int)(names->n++, 0) : -1;
}

static int read_names(int dir, struct names *names, struct err *err)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int ret = 0;

	if (!d) {
		(void)fd_close(fd);
		return err_sys(err, "read a directory");
	}
	/* readdir(3) on a stream of our own */
	while (ret == 0 && (entry = readdir(d)) != NULL) /* NOLINT(concurrency-mt-unsafe) */
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			ret = add_name(names, entry->d_name);
	(void)closedir(d);
	if (ret < 0)
		return err_sys(err, "names of a directory");
	if (names->n > 0)
		qsort(names->v, names->n, sizeof(char *), by_name);
	return 0;
}

/* --- one file -------------------------------------------------------------------------- */

struct node {
	const char *name;
	int dir; /* its directory */
	int lower; /* the lower's directory; -1 */
	struct stat st;
	bool in_lower; /* the lower has something of this name */
	struct stat lower_st;
};

static const char *mark(const struct walk *w, const char *trusted, const char *user)
{
	return w->from->userxattr ? user : trusted;
}

static bool is_whiteout(const struct walk *w, const struct node *n)
{
	return w->from->is_upper && S_ISCHR(n->st.st_mode) && n->st.st_rdev == 0;
}

static bool is_opaque(const struct walk *w, int fd)
{
	char value = 0;

	return w->from->is_upper &&
	       fgetxattr(fd, mark(w, "trusted.overlay.opaque", "user.overlay.opaque"), &value, 1) ==
		       1 &&
	       value == 'y';
}

static size_t hash_link(dev_t dev, ino_t ino, size_t cap)
{
	uint64_t h = ((uint64_t)ino ^ (uint64_t)dev << 40) * 0x9e3779b97f4a7c15ULL;

	return (size_t)(h >> 20) & (cap - 1);
}

static struct link *find_link(struct link *links, size_t cap, dev_t dev, ino_t ino)
{
	size_t i = hash_link(dev, ino, cap);

	while (links[i].ino && (links[i].ino != ino || links[i].dev != dev))
		i = (i + 1) & (cap - 1);
	return &links[i];
}

static int grow_links(struct walk *w)
{
	size_t cap = w->cap_links ? 2 * w->cap_links : LINKS_MIN;
	struct link *links = calloc(cap, sizeof(*links));

	if (!links)
		return -1;
	for (size_t i = 0; i < w->cap_links; i++)
		if (w->links[i].ino)
			*find_link(links, cap, w->links[i].dev, w->links[i].ino) = w->links[i];
	free(w->links);
	w->links = links;
	w->cap_links = cap;
	return 0;
}

/* The path this file was written under before, or NULL and it is remembered. */
static int earlier_name(struct walk *w, const struct stat *st, const char **ret, struct err *err)
{
	struct link *l;

	*ret = NULL;
	if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
		return 0;
	if ((w->n_links + 1) * 4 > w->cap_links * 3 && grow_links(w) < 0)
		return err_sys(err, "hard links");
	l = find_link(w->links, w->cap_links, st->st_dev, st->st_ino);
	if (l->ino) {
		*ret = l->path;
		return 0;
	}
	l->path = arena_strdup(&w->arena, w->path.s);
	if (!l->path)
		return err_sys(err, "hard links");
	l->dev = st->st_dev;
	l->ino = st->st_ino;
	w->n_links++;
	return 0;
}

static int add_xattr(int fd, const char *name, struct tar_xattr *x, struct arena *arena,
		     struct err *err)
{
	char value[XATTR_VALUE_MAX];
	ssize_t size = fgetxattr(fd, name, value, sizeof(value));

	if (size < 0)
		return err_sys(err, "xattr \"%s\"", name);
	x->name = arena_strdup(arena, name);
	x->value = arena_strndup(arena, value, (size_t)size);
	x->size = (size_t)size;
	return x->name && x->value ? 0 : err_sys(err, "xattr \"%s\"", name);
}

static int read_xattrs(int fd, struct tar_entry *e, struct arena *arena, struct err *err)
{
	char list[XATTR_LIST_MAX];
	ssize_t size = flistxattr(fd, list, sizeof(list));
	struct tar_xattr *x;

	if (size <= 0)
		return size < 0 && errno != ENOTSUP ? err_sys(err, "xattrs of a file") : 0;
	x = arena_array(arena, XATTRS_MAX, sizeof(*x));
	if (!x)
		return err_sys(err, "xattrs of a file");
	for (const char *name = list; name < list + size; name += strlen(name) + 1) {
		if (!whiteout_keeps_xattr(name))
			continue;
		if (e->n_xattrs >= XATTRS_MAX)
			return err_set(err, E2BIG, "more than %d xattrs of one file", XATTRS_MAX);
		if (add_xattr(fd, name, &x[e->n_xattrs], arena, err) < 0)
			return -1;
		e->n_xattrs++;
	}
	e->xattrs = x;
	return 0;
}

static int type_of(mode_t mode, enum tar_type *ret)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		*ret = TAR_FILE;
		return 0;
	case S_IFDIR:
		*ret = TAR_DIRECTORY;
		return 0;
	case S_IFLNK:
		*ret = TAR_SYMBOLIC_LINK;
		return 0;
	case S_IFCHR:
		*ret = TAR_CHARACTER_DEVICE;
		return 0;
	case S_IFBLK:
		*ret = TAR_BLOCK_DEVICE;
		return 0;
	case S_IFIFO:
		*ret = TAR_FIFO;
		return 0;
	}
	return -1; /* a socket: nothing without the process that listens */
}

static int write_entry(struct walk *w, const struct node *n, int fd, struct arena *arena,
		       struct err *err)
{
	struct tar_entry e = { .path = w->path.s,
			       .mode = n->st.st_mode & 07777,
			       .uid = n->st.st_uid,
			       .gid = n->st.st_gid,
			       .mtime = n->st.st_mtim.tv_sec,
			       .mtime_ns = (uint32_t)n->st.st_mtim.tv_nsec,
			       .major = major(n->st.st_rdev),
			       .minor = minor(n->st.st_rdev) };
	char target[PATH_MAX];
	const char *earlier;

	if (type_of(n->st.st_mode, &e.type) < 0)
		return 0;
	if (earlier_name(w, &n->st, &earlier, err) < 0)
		return -1;
	if (earlier) {
		e.type = TAR_HARD_LINK;
		e.link = earlier;
		return tar_write_entry(w->tar, &e, err);
	}
	if (e.type == TAR_SYMBOLIC_LINK) {
		ssize_t len = readlinkat(n->dir, n->name, target, sizeof(target) - 1);

		if (len < 0)
			return err_sys(err, "read a link");
		target[len] = '\0';
		e.link = target;
		e.mode = 0777;
	}
	if (fd >= 0 && read_xattrs(fd, &e, arena, err) < 0)
		return -1;
	if (e.type == TAR_FILE)
		e.size = (uint64_t)n->st.st_size;
	if (tar_write_entry(w->tar, &e, err) < 0)
		return -1;
	return e.size > 0 ? tar_write_file(w->tar, fd, e.size, err) : 0;
}

/* An empty file of a layer's tar that hides: ".wh.NAME" or the opaque mark. */
static int write_hiding(struct walk *w, const char *prefix, const char *name, const struct stat *st,
			struct err *err)
{
	struct tar_entry e = { .type = TAR_FILE, .mtime = st->st_mtim.tv_sec };
	size_t len = w->path.len;
	int ret;

	if (len > 0)
		buf_putc(&w->path, '/');
	buf_printf(&w->path, "%s%s", prefix, name);
	e.path = w->path.s;
	ret = buf_failed(&w->path) ? err_set(err, ENOMEM, "tar") : tar_write_entry(w->tar, &e, err);
	w->path.len = len;
	w->path.s[len] = '\0';
	return ret;
}

/* --- the walk -------------------------------------------------------------------------- */

static int report(struct walk *w, enum rootfs_change change)
{
	char path[PATH_MAX + 2];

	if (str_format(path, sizeof(path), "/%s", w->path.s) < 0)
		return 0;
	w->result = w->change(w->arg, change, path);
	return w->result ? -1 : 0;
}

static int walk_directory(struct walk *w, int dir, int lower, struct err *err);

static int give(struct walk *w, const struct node *n, int fd, struct err *err)
{
	struct arena arena;
	int ret;

	if (!w->tar)
		return report(w, n->in_lower ? ROOTFS_CHANGED : ROOTFS_ADDED);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	ret = write_entry(w, n, fd, &arena, err);
	arena_release(&arena);
	return ret < 0 ? err_wrap(err, "\"%s\"", w->path.s) : 0;
}

static int walk_below(struct walk *w, const struct node *n, int fd, struct err *err)
{
	bool opaque = is_opaque(w, fd), lower_dir = n->in_lower && S_ISDIR(n->lower_st.st_mode);
	AUTO_FD lower = -1;

	if (w->tar && opaque && lower_dir && write_hiding(w, "", WHITEOUT_OPAQUE, &n->st, err) < 0)
		return -1;
	if (lower_dir && !opaque) {
		lower = openat(n->lower, n->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (lower < 0)
			return err_sys(err, "open the layer below of \"%s\"", w->path.s);
	}
	return walk_directory(w, fd, lower, err);
}

static int walk_file(struct walk *w, const struct node *n, struct err *err)
{
	bool is_dir = S_ISDIR(n->st.st_mode);
	AUTO_FD fd = -1;

	if (is_dir || S_ISREG(n->st.st_mode)) {
		fd = openat(n->dir, n->name,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC |
				    (is_dir ? O_DIRECTORY : 0));
		if (fd < 0)
			return err_sys(err, "open \"%s\"", w->path.s);
	}
	if (give(w, n, fd, err) < 0)
		return -1;
	return is_dir ? walk_below(w, n, fd, err) : 0;
}

/* Looks at one name; whiteouts in the first round, all else in the second. */
static int visit(struct walk *w, struct node *n, bool whiteouts, struct err *err)
{
	size_t len = w->path.len;
	int ret = 0;

	if (fstatat(n->dir, n->name, &n->st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "stat \"%s/%s\"", w->path.s, n->name);
	if (is_whiteout(w, n) != whiteouts)
		return 0;
	n->in_lower =
		n->lower >= 0 && fstatat(n->lower, n->name, &n->lower_st, AT_SYMLINK_NOFOLLOW) == 0;
	if (whiteouts && w->tar)
		return write_hiding(w, WHITEOUT_PREFIX, n->name, &n->st, err);
	if (len > 0)
		buf_putc(&w->path, '/');
	buf_puts(&w->path, n->name);
	if (buf_failed(&w->path))
		return err_set(err, ENOMEM, "tar");
	if (!whiteouts)
		ret = walk_file(w, n, err);
	else if (n->in_lower)
		ret = report(w, ROOTFS_DELETED);
	w->path.len = len;
	w->path.s[len] = '\0';
	return ret;
}

static int walk_names(struct walk *w, int dir, int lower, const struct names *names,
		      struct err *err)
{
	/* the list of changes is in the order of paths; a tar hides before it shows */
	bool one_round = w->tar == NULL;

	for (size_t i = 0; i < names->n; i++) {
		struct node n = { .name = names->v[i], .dir = dir, .lower = lower };

		if (w->from->is_upper && visit(w, &n, true, err) < 0)
			return -1;
		if (one_round && visit(w, &n, false, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < names->n && !one_round; i++) {
		struct node n = { .name = names->v[i], .dir = dir, .lower = lower };

		if (visit(w, &n, false, err) < 0)
			return -1;
	}
	return 0;
}

static int walk_directory(struct walk *w, int dir, int lower, struct err *err)
{
	struct names names = { 0 };
	int ret;

	if (++w->depth > DEPTH_MAX)
		return err_set(err, ELOOP, "directories nested more than %d deep", DEPTH_MAX);
	arena_init(&names.arena, ARENA_MAX_DEFAULT);
	ret = read_names(dir, &names, err);
	if (ret == 0)
		ret = walk_names(w, dir, lower, &names, err);
	arena_release(&names.arena);
	w->depth--;
	return ret;
}

static int walk_top(struct walk *w, const struct node *top, struct err *err)
{
	/* the root's own attributes are part of a tar, but no change of their own */
	if (w->tar) {
		buf_puts(&w->path, ".");
		if (give(w, top, top->dir, err) < 0)
			return -1;
		buf_clear(&w->path);
	}
	return walk_directory(w, top->dir, top->lower, err);
}

static int walk_one(struct walk *w, int dir, struct err *err)
{
	struct node n = { .name = w->from->only, .dir = dir, .lower = -1 };

	if (fstatat(dir, n.name, &n.st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "\"%s\"", n.name);
	return visit(w, &n, false, err);
}

static int walk_all(struct walk *w, struct err *err)
{
	/* what was given may be O_PATH, as mounts without a place are */
	AUTO_FD dir = openat(w->from->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct node top = { .name = ".", .dir = dir, .lower = w->from->lower };
	int ret = 0;

	arena_init(&w->arena, ARENA_MAX_DEFAULT);
	buf_init_max(&w->path, PATH_MAX);
	if (dir < 0 || fstat(dir, &top.st) < 0)
		ret = err_sys(err, "open a directory");
	if (ret == 0)
		ret = w->from->only ? walk_one(w, dir, err) : walk_top(w, &top, err);
	buf_release(&w->path);
	arena_release(&w->arena);
	free(w->links);
	return ret;
}

int tree_write(const struct tree_source *from, tar_out_fn *out, void *arg, struct err *err)
{
	struct walk w = { .from = from, .tar = tar_writer_new(out, arg) };
	int ret;

	if (!w.tar)
		return err_sys(err, "tar");
	ret = walk_all(&w, err);
	if (ret == 0)
		ret = tar_write_end(w.tar, err);
	tar_writer_free(w.tar);
	return ret;
}

int tree_changes(const struct tree_source *from, rootfs_change_fn *fn, void *arg, struct err *err)
{
	struct walk w = { .from = from, .change = fn, .arg = arg };
	int ret = walk_all(&w, err);

	return w.result ? w.result : ret;
}
