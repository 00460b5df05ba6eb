/* SPDX-License-Identifier: Apache-2.0 */
/* tree.c - the tree that one layer's entries make, in memory
 *
 * Names and inodes are apart, as in a file system: a hard link is a second name
 * of an inode, and stays one when the first name is given to something else.
 * NAME and its whiteout in one layer, in either order: NAME stays; when it is a
 * directory it becomes opaque, or what the layers below have in it would come
 * back.  A parent that isn't there is made and marked implied; one that is no
 * directory gives way to one.
 */
#include "image/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "image/whiteout.h"

#define TABLE_MIN    8
#define TREE_MAX     ((size_t)1 << 30)
#define NAMES_MAX    8000000
#define IMPLIED_MODE 0755
#define XATTRS_SIZE  ((size_t)60000)

static uint32_t hash_name(const char *name, size_t len)
{
	uint32_t h = 2166136261U; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)name[i]) * 16777619U;
	return h;
}

static struct tree_name **find_slot(const struct tree_inode *dir, const char *name, size_t len)
{
	uint32_t i = hash_name(name, len) & (dir->cap - 1);

	while (dir->table[i] &&
	       (dir->table[i]->len != len || memcmp(dir->table[i]->name, name, len) != 0))
		i = (i + 1) & (dir->cap - 1);
	return &dir->table[i];
}

static int grow_table(struct tree *t, struct tree_inode *dir)
{
	struct tree_inode bigger = *dir;

	bigger.cap = dir->cap ? dir->cap * 2 : TABLE_MIN;
	bigger.table = arena_array(&t->arena, bigger.cap, sizeof(struct tree_name *));
	if (!bigger.table)
		return -1;
	for (uint32_t i = 0; i < dir->cap; i++)
		if (dir->table[i])
			*find_slot(&bigger, dir->table[i]->name, dir->table[i]->len) =
				dir->table[i];
	dir->table = bigger.table;
	dir->cap = bigger.cap;
	return 0;
}

static struct tree_name *find_name(const struct tree_inode *dir, const char *name, size_t len)
{
	return dir->cap ? *find_slot(dir, name, len) : NULL;
}

/* The name in dir, made (without an inode) where missing; NULL with errno. */
static struct tree_name *make_name(struct tree *t, struct tree_inode *dir, const char *name,
				   size_t len)
{
	struct tree_name *n = find_name(dir, name, len);

	if (n)
		return n;
	if (t->names >= NAMES_MAX) {
		errno = E2BIG;
		return NULL;
	}
	if ((dir->n + 1) * 4 > dir->cap * 3 && grow_table(t, dir) < 0)
		return NULL;
	n = arena_alloc(&t->arena, sizeof(*n) + len + 1);
	if (!n)
		return NULL;
	n->len = (uint16_t)len; /* at most NAME_MAX */
	memcpy(n->name, name, len);
	*find_slot(dir, name, len) = n;
	dir->n++;
	t->names++;
	return n;
}

static struct tree_inode *new_inode(struct tree *t, enum tar_type type)
{
	struct tree_inode *i = arena_alloc(&t->arena, sizeof(*i));

	if (i)
		i->type = type;
	return i;
}

static struct tree_inode *new_directory(struct tree *t, struct tree_inode *parent)
{
	struct tree_inode *dir = new_inode(t, TAR_DIRECTORY);

	if (dir) {
		dir->mode = IMPLIED_MODE;
		dir->is_implied = true;
		dir->parent = parent;
	}
	return dir;
}

int tree_init(struct tree *t, struct err *err)
{
	*t = (struct tree){ 0 };
	arena_init(&t->arena, TREE_MAX);
	t->root = new_directory(t, NULL);
	if (!t->root)
		return err_sys(err, "tree of a layer");
	t->root->parent = t->root;
	t->last = t->root;
	return 0;
}

void tree_release(struct tree *t)
{
	arena_release(&t->arena);
}

/* NULL, or the directory of this name in dir: what is in its place gives way. */
static struct tree_inode *enter(struct tree *t, struct tree_inode *dir, const char *name,
				size_t len)
{
	struct tree_name *n = make_name(t, dir, name, len);
	struct tree_inode *old, *made;

	if (!n)
		return NULL;
	old = n->inode;
	if (old && old->type == TAR_DIRECTORY)
		return old;
	made = new_directory(t, dir);
	if (!made)
		return NULL;
	made->is_opaque = old && old->is_whiteout;
	n->inode = made;
	return made;
}

/* The directory at path[0..len), made where missing. */
static struct tree_inode *find_directory(struct tree *t, const char *path, size_t len)
{
	struct tree_inode *dir = t->root;

	if (len == t->last_len && memcmp(path, t->last_path, len) == 0)
		return t->last;
	for (size_t at = 0; at < len;) {
		const char *slash = memchr(path + at, '/', len - at);
		size_t n = slash ? (size_t)(slash - path) - at : len - at;

		dir = enter(t, dir, path + at, n);
		if (!dir)
			return NULL;
		at += n + 1;
	}
	memcpy(t->last_path, path, len);
	t->last_len = len;
	t->last = dir;
	return dir;
}

struct tree_inode *tree_find(const struct tree *t, const char *path)
{
	struct tree_inode *i = t->root;

	while (i && *path) {
		size_t n = strcspn(path, "/");
		const struct tree_name *name =
			i->type == TAR_DIRECTORY ? find_name(i, path, n) : NULL;

		i = name ? name->inode : NULL;
		path += n + (path[n] == '/');
	}
	return i;
}

/* --- an entry's own inode --------------------------------------------------------- */

static int copy_xattrs(struct tree *t, struct tree_inode *i, const struct tar_entry *e,
		       struct err *err)
{
	struct tar_xattr *copy;
	size_t n = 0, size = 0;

	i->xattrs = NULL;
	i->n_xattrs = 0;
	if (e->n_xattrs == 0)
		return 0;
	copy = arena_array(&t->arena, e->n_xattrs, sizeof(*copy));
	if (!copy)
		return err_sys(err, "tree of a layer");
	for (size_t k = 0; k < e->n_xattrs; k++) {
		const struct tar_xattr *x = &e->xattrs[k];

		if (!whiteout_keeps_xattr(x->name))
			continue;
		size += strlen(x->name) + x->size;
		if (size > XATTRS_SIZE || strlen(x->name) > UINT8_MAX)
			return err_set(err, E2BIG, "the xattrs of \"%.200s\" are too large",
				       e->path);
		copy[n].name = arena_strdup(&t->arena, x->name);
		copy[n].value = arena_strndup(&t->arena, x->value, x->size);
		copy[n].size = x->size;
		if (!copy[n].name || !copy[n].value)
			return err_sys(err, "tree of a layer");
		n++;
	}
	i->xattrs = copy;
	i->n_xattrs = n;
	return 0;
}

static int copy_segments(struct tree *t, struct tree_inode *i, const struct tar_entry *e,
			 struct err *err)
{
	struct tar_segment *copy;

	i->is_sparse = e->is_sparse;
	if (!e->is_sparse || e->n_segments == 0)
		return 0;
	copy = arena_array(&t->arena, e->n_segments, sizeof(*copy));
	if (!copy)
		return err_sys(err, "tree of a layer");
	memcpy(copy, e->segments, e->n_segments * sizeof(*copy));
	i->segments = copy;
	i->n_segments = e->n_segments;
	return 0;
}

static int fill(struct tree *t, struct tree_inode *i, const struct tar_entry *e, struct err *err)
{
	i->is_implied = false;
	i->mode = e->mode;
	i->uid = e->uid;
	i->gid = e->gid;
	i->mtime = e->mtime;
	i->mtime_ns = e->mtime_ns;
	i->major = e->major;
	i->minor = e->minor;
	i->size = e->size;
	i->offset = e->offset;
	if (e->type == TAR_SYMBOLIC_LINK) {
		i->link = arena_strdup(&t->arena, e->link);
		if (!i->link)
			return err_sys(err, "tree of a layer");
		i->size = strlen(e->link);
	}
	return copy_xattrs(t, i, e, err) < 0 ? -1 : copy_segments(t, i, e, err);
}

static int add_whiteout(struct tree *t, struct tree_inode *dir, const char *name,
			const struct tar_entry *e, struct err *err)
{
	struct tree_name *n;

	n = make_name(t, dir, name, strlen(name));
	if (!n)
		return err_sys(err, "tree of a layer");
	if (n->inode) {
		if (n->inode->type == TAR_DIRECTORY)
			n->inode->is_opaque = true;
		return 0;
	}
	n->inode = new_inode(t, TAR_CHARACTER_DEVICE);
	if (!n->inode)
		return err_sys(err, "tree of a layer");
	n->inode->is_whiteout = true;
	n->inode->mtime = e->mtime;
	n->inode->mtime_ns = e->mtime_ns;
	return 0;
}

static int add_hard_link(struct tree *t, struct tree_name *n, const struct tar_entry *e,
			 struct err *err)
{
	struct tree_inode *target = tree_find(t, e->link);

	if (!target || target->is_whiteout)
		return err_set(err, ENOENT,
			       "hard link \"%.200s\" to \"%.200s\", which is not in its layer",
			       e->path, e->link);
	if (target->type == TAR_DIRECTORY)
		return err_set(err, EBADMSG, "hard link \"%.200s\" to the directory \"%.200s\"",
			       e->path, e->link);
	n->inode = target;
	return 0;
}

static int add_file(struct tree *t, struct tree_inode *dir, const char *name,
		    const struct tar_entry *e, struct err *err)
{
	struct tree_name *n = make_name(t, dir, name, strlen(name));
	const struct tree_inode *old;
	struct tree_inode *made;

	if (!n)
		return err_sys(err, "tree of a layer");
	if (e->type == TAR_CHARACTER_DEVICE && e->major == 0 && e->minor == 0)
		return err_set(err, EBADMSG,
			       "\"%.200s\" is the device that overlay hides files with", e->path);
	old = n->inode;
	if (e->type == TAR_DIRECTORY && old && old->type == TAR_DIRECTORY)
		return fill(t, n->inode, e, err);
	if (old && old->type == TAR_DIRECTORY)
		t->last_len = SIZE_MAX; /* may be below it */
	if (e->type == TAR_HARD_LINK)
		return add_hard_link(t, n, e, err);
	made = e->type == TAR_DIRECTORY ? new_directory(t, dir) : new_inode(t, e->type);
	if (!made)
		return err_sys(err, "tree of a layer");
	made->is_opaque = e->type == TAR_DIRECTORY && old && old->is_whiteout;
	n->inode = made;
	return fill(t, made, e, err);
}

/* Is there something on the way of path[0..len) that is no directory?  Then a whiteout below it has
 * nothing to hide: what it says is true already. */
static bool is_cut(const struct tree *t, const char *path, size_t len)
{
	const struct tree_inode *dir = t->root;

	for (size_t at = 0; at < len;) {
		const char *slash = memchr(path + at, '/', len - at);
		size_t n = slash ? (size_t)(slash - path) - at : len - at;
		const struct tree_name *name = find_name(dir, path + at, n);

		if (!name || !name->inode)
			return false;
		dir = name->inode;
		if (dir->type != TAR_DIRECTORY)
			return true;
		at += n + 1;
	}
	return false;
}

int tree_add(struct tree *t, const struct tar_entry *e, struct err *err)
{
	const char *slash = strrchr(e->path, '/');
	const char *name = slash ? slash + 1 : e->path;
	struct tree_inode *dir;

	/* aufs kept its own files in such folders at the top */
	if (str_starts(e->path, ".wh..wh.") && slash)
		return 0;
	if (e->path[0] == '\0') {
		if (e->type != TAR_DIRECTORY)
			return err_set(err, EBADMSG, "the layer's root is no directory");
		return fill(t, t->root, e, err);
	}
	if (whiteout_classify(name) != WHITEOUT_NONE &&
	    is_cut(t, e->path, slash ? (size_t)(slash - e->path) : 0))
		return 0;
	dir = find_directory(t, e->path, slash ? (size_t)(slash - e->path) : 0);
	if (!dir)
		return err_sys(err, "tree of a layer");
	switch (whiteout_classify(name)) {
	case WHITEOUT_NONE:
		return add_file(t, dir, name, e, err);
	case WHITEOUT_NAME:
		return add_whiteout(t, dir, name + strlen(WHITEOUT_PREFIX), e, err);
	case WHITEOUT_DIRECTORY:
		dir->is_opaque = true;
		return 0;
	case WHITEOUT_IGNORED:
		return 0;
	case WHITEOUT_BAD:
		break;
	}
	return err_set(err, EBADMSG, "\"%.200s\" is no whiteout and no file", e->path);
}

/* --- in order ---------------------------------------------------------------------- */

static int by_bytes(const void *a, const void *b)
{
	const struct tree_name *x = *(struct tree_name *const *)a;
	const struct tree_name *y = *(struct tree_name *const *)b;
	int order = memcmp(x->name, y->name, x->len < y->len ? x->len : y->len);

	return order ? order : (int)x->len - (int)y->len;
}

/* Counts links on the way: an inode's names, a directory's own two and its subdirectories'. */
static void sort_directory(struct tree_inode *dir)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < dir->cap; i++)
		if (dir->table[i] && dir->table[i]->inode)
			dir->table[n++] = dir->table[i];
	dir->n = n;
	dir->links = 2;
	if (n > 0)
		qsort(dir->table, n, sizeof(struct tree_name *), by_bytes);
	for (uint32_t i = 0; i < n; i++) {
		struct tree_inode *child = dir->table[i]->inode;

		if (child->type == TAR_DIRECTORY) {
			dir->links++;
			sort_directory(child);
		} else {
			child->links++;
		}
	}
}

int tree_sort(struct tree *t, struct err *err)
{
	if (t->names >= UINT32_MAX)
		return err_set(err, E2BIG, "too many files in one layer");
	sort_directory(t->root);
	return 0;
}
