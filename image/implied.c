/* SPDX-License-Identifier: Apache-2.0 */
/* implied.c - directories that a layer has files in but no entry for
 *
 * A tar with a/b/c needs no entry for a/b.  Unpacked over the layers below, the
 * directory keeps what it was; overlay however shows the attributes of the
 * topmost layer's directory, and that one's are made up.  So for every such
 * path the topmost layer with a real entry is looked for, as long as nothing on
 * the way hides it, and its attributes go into a small tree that lies on top of
 * the layers.  Layers stay what they are, whatever they are stacked on.
 *
 * image-spec layer.md "Applying Changesets"; overlayfs.rst "merged directories".
 */
#include "image/implied.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/beneath.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/proc.h"

#define PATHS_MAX     100000
#define ARENA_LIST    ((size_t)256 << 20)
#define RESOLVE_PLAIN 0x04 /* RESOLVE_NO_SYMLINKS of openat2(2) */

/* Paths in byte order, each once. */
struct paths {
	const char **v;
	size_t n, cap;
};

struct stack {
	const struct implied_layers *layers;
	struct arena arena;
	struct paths *implied; /* of every layer */
	struct paths made; /* what the tree has */
	const char *opaque;
	int dir; /* where the tree goes: */
	const char *name;
	int top; /* it, once there is something to be in it; else -1 */
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool has_path(const struct paths *p, const char *path)
{
	return p->n > 0 && bsearch(&path, p->v, p->n, sizeof(*p->v), by_text) != NULL;
}

static int add_path(struct stack *s, struct paths *p, const char *path, size_t len, struct err *err)
{
	const char **grown = arena_grow(&s->arena, p->v, p->n, &p->cap, sizeof(*grown));

	if (!grown || p->n >= PATHS_MAX)
		return err_set(err, E2BIG, "too many directories without an entry");
	p->v = grown;
	p->v[p->n] = arena_strndup(&s->arena, path, len);
	if (!p->v[p->n])
		return err_sys(err, "directories without an entry");
	p->n++;
	return 0;
}

static int read_list(struct stack *s, size_t i, struct err *err)
{
	AUTO_BUF list;

	buf_init(&list);
	if (layer_implied(s->layers->s, &s->layers->diff_ids[i], &list, err) < 0)
		return -1;
	for (size_t at = 0; at < list.len;) {
		size_t n = strnlen(list.s + at, list.len - at);

		if (n >= PATH_MAX)
			return err_set(err, EBADMSG, "a layer's list of directories is damaged");
		if (n > 0 && add_path(s, &s->implied[i], list.s + at, n, err) < 0)
			return -1;
		at += n + 1;
	}
	if (s->implied[i].n > 0)
		qsort(s->implied[i].v, s->implied[i].n, sizeof(char *), by_text);
	return 0;
}

/* --- one path in one layer ------------------------------------------------------------- */

enum presence {
	ABSENT, /* the layers below decide */
	HIDDEN, /* by a whiteout, a file, an opaque directory above it */
	PRESENT,
};

struct look {
	enum presence presence;
	bool is_last; /* nothing below shows through */
	int fd; /* PRESENT: the directory */
};

static bool is_opaque(const struct stack *s, int fd)
{
	char value = 0;

	return fgetxattr(fd, s->opaque, &value, 1) == 1 && value == 'y';
}

static int look_at(const struct stack *s, size_t layer, const char *path, struct look *ret,
		   struct err *err)
{
	AUTO_FD dir = -1; /* -1: the layer's root still */

	*ret = (struct look){ .presence = ABSENT, .fd = -1 };
	while (*path) {
		size_t n = strcspn(path, "/");
		char name[NAME_MAX + 1];
		int next;

		if (n > NAME_MAX)
			return err_set(err, EBADMSG, "a layer's list of directories is damaged");
		memcpy(name, path, n);
		name[n] = '\0';
		next = openat(dir < 0 ? s->layers->roots[layer] : dir, name,
			      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
			return err_sys(err, "open \"%s\" of a layer", name);
		if (next < 0) {
			if (errno != ENOENT || ret->is_last)
				ret->presence = HIDDEN;
			return 0;
		}
		(void)fd_close(dir);
		dir = next;
		ret->is_last = ret->is_last || is_opaque(s, dir);
		path += n + (path[n] == '/');
	}
	ret->presence = PRESENT;
	ret->fd = fd_take(&dir);
	return 0;
}

/* The directory as the topmost layer with an entry for it has it: a descriptor; -1 and nothing in
 * err when none has.  *ret_shown: the topmost layer of all that has it is that layer. */
static int resolve(const struct stack *s, const char *path, bool *ret_shown, struct err *err)
{
	*ret_shown = true;
	for (size_t i = s->layers->n; i-- > 0;) {
		struct look look;

		if (look_at(s, i, path, &look, err) < 0)
			return -1;
		if (look.presence == HIDDEN)
			return -1;
		if (look.presence == ABSENT)
			continue;
		if (!has_path(&s->implied[i], path))
			return look.fd;
		*ret_shown = false;
		(void)fd_close(look.fd);
		if (look.is_last)
			return -1;
	}
	return -1;
}

/* --- the tree ---------------------------------------------------------------------------- */

static int copy_xattrs(int from, int to)
{
	static const char *const names[] = { "system.posix_acl_access",
					     "system.posix_acl_default" };
	char value[4096];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ssize_t n = fgetxattr(from, names[i], value, sizeof(value));

		if (n > 0 && fsetxattr(to, names[i], value, (size_t)n, 0) < 0)
			return -1;
	}
	return 0;
}

static int copy_attributes(int from, int to)
{
	struct stat st;
	struct timespec times[2];

	if (fstat(from, &st) < 0 || fchown(to, st.st_uid, st.st_gid) < 0 ||
	    fchmod(to, st.st_mode & 07777) < 0 || copy_xattrs(from, to) < 0)
		return -1;
	times[0] = times[1] = st.st_mtim;
	return futimens(to, times);
}

/* Mostly there is nothing to be in it: then it isn't made. */
static int make_top(struct stack *s, struct err *err)
{
	if (s->top >= 0)
		return 0;
	if (mkdirat(s->dir, s->name, 0755) < 0)
		return err_sys(err, "mkdir \"%s\"", s->name);
	s->top = openat(s->dir, s->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s->top < 0 ? err_sys(err, "open \"%s\"", s->name) : 0;
}

/* The directory and those above it, made and noted. */
static int make_path(struct stack *s, const char *path, struct err *err)
{
	char part[PATH_MAX];

	if (make_top(s, err) < 0)
		return -1;
	for (size_t len = strcspn(path, "/");; len += 1 + strcspn(path + len + 1, "/")) {
		memcpy(part, path, len);
		part[len] = '\0';
		if (mkdirat(s->top, part, 0755) == 0) {
			if (add_path(s, &s->made, part, len, err) < 0)
				return -1;
		} else if (errno != EEXIST) {
			return err_sys(err, "mkdir \"%s\"", part);
		}
		if (path[len] == '\0')
			return 0;
	}
}

/* A layer between the base and this one has the same path in its list. */
static bool was_seen(const struct stack *s, size_t layer, const char *path)
{
	for (size_t i = 1; i < layer; i++)
		if (has_path(&s->implied[i], path))
			return true;
	return false;
}

static int make_all(struct stack *s, struct err *err)
{
	/* nothing is below the base that could say otherwise */
	for (size_t i = 1; i < s->layers->n; i++) {
		for (size_t k = 0; k < s->implied[i].n; k++) {
			const char *path = s->implied[i].v[k];
			struct err why = { 0 };
			bool shown;
			AUTO_FD found = -1;

			if (was_seen(s, i, path))
				continue;
			found = resolve(s, path, &shown, &why);
			if (found < 0 && why.code != 0)
				return err_set(err, why.code, "%s", why.msg);
			if (found >= 0 && !shown && make_path(s, path, err) < 0)
				return -1;
		}
	}
	return 0;
}

/* Deepest first: what is made in a directory changes its time. */
static int settle_all(struct stack *s, struct err *err)
{
	qsort(s->made.v, s->made.n, sizeof(char *), by_text);
	for (size_t i = s->made.n; i-- > 0;) {
		const char *path = s->made.v[i];
		struct err why = { 0 };
		bool shown;
		AUTO_FD found = resolve(s, path, &shown, &why);
		AUTO_FD made = beneath_open(s->top, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0,
					    RESOLVE_PLAIN);

		if (found < 0 && why.code != 0)
			return err_set(err, why.code, "%s", why.msg);
		/* one above that no layer has an entry for stays as it was made */
		if (made < 0 || (found >= 0 && copy_attributes(found, made) < 0))
			return err_sys(err, "attributes of \"%s\"", path);
	}
	return 0;
}

static int make_tree(struct stack *s, const struct layer_info *root, struct err *err)
{
	if (make_all(s, err) < 0)
		return -1;
	if (s->top < 0)
		return 0;
	if (settle_all(s, err) < 0)
		return -1;
	if (fchown(s->top, root->root_uid, root->root_gid) < 0 ||
	    fchmod(s->top, root->root_mode) < 0)
		return err_sys(err, "attributes of \"%s\"", s->name);
	return 1;
}

int implied_make(const struct implied_layers *layers, int dir, const char *name,
		 const struct layer_info *root, struct err *err)
{
	struct stack s = { .layers = layers, .dir = dir, .name = name, .top = -1 };
	size_t total = 0;
	int ret = 0;

	s.opaque = proc_is_mapped() ? "user.overlay.opaque" : "trusted.overlay.opaque";
	arena_init(&s.arena, ARENA_LIST);
	s.implied = arena_array(&s.arena, layers->n + 1, sizeof(*s.implied));
	if (!s.implied)
		ret = err_sys(err, "directories without an entry");
	for (size_t i = 0; ret == 0 && i < layers->n; i++) {
		ret = read_list(&s, i, err);
		total += i > 0 ? s.implied[i].n : 0;
	}
	if (ret == 0 && total > 0)
		ret = make_tree(&s, root, err);
	(void)fd_close(s.top);
	arena_release(&s.arena);
	return ret;
}
