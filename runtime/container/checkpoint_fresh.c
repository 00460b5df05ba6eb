/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint_fresh.c - small file systems in memory, which criu needn't start tar(1) for
 *
 * tmpfs(5).
 */
#include "runtime/container/checkpoint_fresh.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "runtime/container/checkpoint.h"
#include "runtime/spec/names.h"

#define NODES_MAX 512
#define DEPTH_MAX 8
#define TEXT_MAX  ((size_t)1 << 20)

static const struct json_field node_fields[] = {
	JSON_FIELD(struct fresh_node, path, JSON_STRING, .required = true),
	JSON_FIELD(struct fresh_node, mode, JSON_U32, .required = true),
	JSON_FIELD(struct fresh_node, uid, JSON_U32),
	JSON_FIELD(struct fresh_node, gid, JSON_U32),
	JSON_FIELD(struct fresh_node, rdev, JSON_U64),
	JSON_FIELD(struct fresh_node, link, JSON_STRING),
};
static const struct json_table node_table = JSON_TABLE(struct fresh_node, node_fields);
static const struct json_field mount_fields[] = {
	JSON_FIELD(struct fresh_mount, target, JSON_STRING, .required = true),
	JSON_FIELD(struct fresh_mount, source, JSON_STRING, .required = true),
	JSON_FIELD(struct fresh_mount, options, JSON_STRING, .required = true),
	JSON_FIELD(struct fresh_mount, flags, JSON_STRING),
	JSON_FIELD(struct fresh_mount, nodes, JSON_OBJECTS, .sub = &node_table),
};
static const struct json_table mount_table = JSON_TABLE(struct fresh_mount, mount_fields);
static const struct json_field fields[] = {
	JSON_FIELD(struct fresh, mounts, JSON_OBJECTS, .sub = &mount_table),
};
static const struct json_table table = JSON_TABLE(struct fresh, fields);

/* --- what is there ------------------------------------------------------------------------- */

struct walk {
	struct arena *arena;
	struct fresh_mount *into;
	dev_t device;
	int depth;
};

static int too_much(const struct walk *w, const char *path, struct err *err)
{
	return err_set(err, E2BIG, "\"%s/%s\" in memory is no plain node", w->into->target, path);
}

/* What is covered by another mount is but its place. */
static mode_t plain_mode(const struct walk *w, const struct stat *st)
{
	if (st->st_dev == w->device)
		return st->st_mode;
	return S_ISDIR(st->st_mode) ? S_IFDIR | 0755 : S_IFREG | 0644;
}

static int add_node(struct walk *w, int dir, const char *name, const char *path, struct err *err)
{
	struct fresh_node *n = &w->into->nodes.v[w->into->nodes.n];
	char link[PATH_MAX];
	struct stat st;
	ssize_t size = 0;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW | (name[0] ? 0 : AT_EMPTY_PATH)) < 0)
		return err_sys(err, "\"%s/%s\"", w->into->target, path);
	if (w->into->nodes.n == NODES_MAX || S_ISSOCK(st.st_mode))
		return too_much(w, path, err);
	if (S_ISREG(st.st_mode) && st.st_dev == w->device && (st.st_size || st.st_nlink != 1))
		return too_much(w, path, err);
	if (S_ISLNK(st.st_mode)) {
		size = readlinkat(dir, name, link, sizeof(link) - 1);
		if (size < 0)
			return err_sys(err, "read link \"%s/%s\"", w->into->target, path);
	}
	*n = (struct fresh_node){ .path = arena_strdup(w->arena, path),
				  .mode = plain_mode(w, &st),
				  .uid = st.st_uid,
				  .gid = st.st_gid,
				  .rdev = st.st_rdev,
				  .link = size ? arena_strndup(w->arena, link, (size_t)size)
					       : NULL };
	if (!n->path || (size && !n->link))
		return err_set(err, ENOMEM, "out of memory");
	w->into->nodes.n++;
	return st.st_dev == w->device && S_ISDIR(st.st_mode) ? 1 : 0;
}

static int walk_dir(struct walk *w, int dir, const char *prefix, struct err *err);

static int walk_one(struct walk *w, int dir, const char *name, const char *prefix, struct err *err)
{
	char path[PATH_MAX];
	AUTO_FD below = -1;
	int rc;

	if (str_format(path, sizeof(path), "%s%s%s", prefix, prefix[0] ? "/" : "", name) < 0)
		return err_sys(err, "\"%s\"", prefix);
	rc = add_node(w, dir, name, path, err);
	if (rc <= 0)
		return rc;
	if (++w->depth > DEPTH_MAX)
		return too_much(w, path, err);
	below = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (below < 0)
		return err_sys(err, "open \"%s/%s\"", w->into->target, path);
	rc = walk_dir(w, below, path, err);
	w->depth--;
	return rc;
}

static int walk_dir(struct walk *w, int dir, const char *prefix, struct err *err)
{
	AUTO_FD copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *d;
	int rc = 0;

	if (!list)
		return err_sys(err, "list \"%s/%s\"", w->into->target, prefix);
	(void)fd_take(&copy);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
	while (rc == 0 && (d = readdir(list)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			rc = walk_one(w, dir, d->d_name, prefix, err);
	(void)closedir(list);
	return rc;
}

/* Everything in the file system at m->target. */
static int look(struct fresh_mount *m, int root, struct arena *arena, struct err *err)
{
	struct walk w = { .arena = arena, .into = m };
	struct stat st;
	AUTO_FD top = beneath_open(root, m->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0,
				   RESOLVE_NO_SYMLINKS);

	m->nodes.n = 0;
	m->nodes.v = arena_array(arena, NODES_MAX, sizeof(*m->nodes.v));
	if (!m->nodes.v)
		return err_set(err, ENOMEM, "out of memory");
	if (top < 0 || fstat(top, &st) < 0)
		return err_sys(err, "open \"%s\"", m->target);
	w.device = st.st_dev;
	return add_node(&w, top, "", "", err) < 0 ? -1 : walk_dir(&w, top, "", err);
}

/* One file system at several places is taken at all of them or at none, and has to be empty. */
static void leave_out(struct tmpfs_mounts *list, size_t failed)
{
	const char *device = list->v[failed].device;

	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].device && strcmp(list->v[i].device, device) == 0)
			list->v[i].device = NULL;
}

int fresh_find(const char *text, size_t len, int root, struct arena *arena, struct fresh *ret,
	       struct err *err)
{
	struct tmpfs_mounts list;

	*ret = (struct fresh){ 0 };
	if (checkpoint_tmpfs(text, len, arena, &list, err) < 0)
		return -1;
	ret->mounts.v = arena_array(arena, list.n + 1, sizeof(*ret->mounts.v));
	if (!ret->mounts.v)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < list.n; i++) {
		struct fresh_mount *m = &ret->mounts.v[i];

		*m = (struct fresh_mount){ .target = list.v[i].target,
					   .source = list.v[i].source,
					   .options = list.v[i].options,
					   .flags = list.v[i].flags };
		if (list.v[i].device &&
		    (look(m, root, arena, NULL) < 0 || (list.v[i].shared && m->nodes.n != 1)))
			leave_out(&list, i);
	}
	for (size_t i = 0; i < list.n; i++)
		if (list.v[i].device)
			ret->mounts.v[ret->mounts.n++] = ret->mounts.v[i];
	return 0;
}

/* --- as a file -------------------------------------------------------------------------------- */

static void put_node(struct json_out *o, const struct fresh_node *n)
{
	json_begin_object(o);
	json_kv_string(o, "path", n->path);
	json_kv_uint(o, "mode", n->mode);
	json_kv_uint(o, "uid", n->uid);
	json_kv_uint(o, "gid", n->gid);
	json_kv_uint(o, "rdev", n->rdev);
	if (n->link)
		json_kv_string(o, "link", n->link);
	json_end_object(o);
}

static int put_mount(struct json_out *o, const struct fresh_mount *from, int root,
		     struct arena *arena, struct err *err)
{
	struct fresh_mount m = *from;

	if (look(&m, root, arena, err) < 0)
		return -1;
	json_begin_object(o);
	json_kv_string(o, "target", m.target);
	json_kv_string(o, "source", m.source);
	json_kv_string(o, "options", m.options);
	json_kv_string(o, "flags", m.flags);
	json_key(o, "nodes");
	json_begin_array(o);
	for (size_t i = 0; i < m.nodes.n; i++)
		put_node(o, &m.nodes.v[i]);
	json_end_array(o);
	json_end_object(o);
	return 0;
}

int fresh_save(const struct fresh *f, int root, int images, struct arena *arena, struct err *err)
{
	struct json_out o;
	AUTO_BUF text;

	if (!f->mounts.n)
		return 0;
	buf_init_max(&text, TEXT_MAX);
	json_out_init(&o, &text, 0);
	json_begin_object(&o);
	json_key(&o, "mounts");
	json_begin_array(&o);
	for (size_t i = 0; i < f->mounts.n; i++)
		if (put_mount(&o, &f->mounts.v[i], root, arena, err) < 0)
			return -1;
	json_end_array(&o);
	json_end_object(&o);
	if (buf_failed(&text) || file_replace(images, FRESH_FILE, text.s, text.len, 0600) < 0)
		return err_sys(err, "write " FRESH_FILE);
	return 0;
}

int fresh_load(int images, struct arena *arena, struct fresh *ret, struct err *err)
{
	AUTO_BUF text;

	*ret = (struct fresh){ 0 };
	buf_init_max(&text, TEXT_MAX);
	if (file_read(images, FRESH_FILE, &text, TEXT_MAX, true) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "read " FRESH_FILE);
	return json_decode(FRESH_FILE, text.s, text.len, &table, ret, arena, err);
}

/* --- anew ------------------------------------------------------------------------------------- */

/* mountinfo also shows what mount(2) doesn't take here, and flags of the mount. */
static int keep_options(const char *from, char *dst, size_t size)
{
	static const char *const kept[] = { "size=", "nr_inodes=", "mode=", "uid=", "gid=" };
	size_t used = 0;

	dst[0] = '\0';
	while (*from) {
		const size_t n = strcspn(from, ",");

		for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
			if (!str_starts(from, kept[i]))
				continue;
			if (str_format(dst + used, size - used, "%s%.*s", used ? "," : "", (int)n,
				       from) < 0)
				return -1;
			used += strlen(dst + used);
		}
		from += n + (from[n] == ',');
	}
	return 0;
}

/* `name` in the directory `dir`. */
static int make_at(int dir, const char *name, const struct fresh_node *n)
{
	const mode_t mode = n->mode & 07777;

	if (S_ISLNK(n->mode)) {
		if (!n->link || symlinkat(n->link, dir, name) < 0)
			return -1;
		return fchownat(dir, name, n->uid, n->gid, AT_SYMLINK_NOFOLLOW);
	}
	if (S_ISDIR(n->mode) ? mkdirat(dir, name, mode) < 0
			     : mknodat(dir, name, n->mode, n->rdev) < 0)
		return -1;
	/* It is new: nothing can be behind the name but this. */
	if (fchownat(dir, name, n->uid, n->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	return fchmodat(dir, name, mode, 0);
}

/* Images may come from anywhere: no name leads out of `top`. */
static int make_node(int top, const struct fresh_node *n)
{
	char name[NAME_MAX + 1];
	AUTO_FD dir = -1;

	if (!n->path[0])
		return fchown(top, n->uid, n->gid) < 0 ? -1 : fchmod(top, n->mode & 07777);
	dir = beneath_parent(top, n->path, false, name);
	return dir < 0 ? -1 : make_at(dir, name, n);
}

/* "ro,nosuid,relatime" */
static unsigned long flags_of(const char *text)
{
	unsigned long flags = 0;
	char name[32];

	for (; *text; text += text[0] == ',') {
		const size_t n = strcspn(text, ",");
		const struct mount_opt *o;

		if (str_format(name, sizeof(name), "%.*s", (int)n, text) == 0) {
			o = mount_opt_find(name);
			if (o && o->kind == MOUNT_OPT_FLAG && !o->clear)
				flags |= o->value;
		}
		text += n;
	}
	return flags;
}

int fresh_make(const struct fresh_mount *m, const char *at)
{
	char options[512];
	AUTO_FD top = -1;

	if (keep_options(m->options, options, sizeof(options)) < 0 ||
	    mount(m->source, at, "tmpfs", 0, options) < 0)
		return -1;
	top = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return -1;
	for (size_t i = 0; i < m->nodes.n; i++)
		if (make_node(top, &m->nodes.v[i]) < 0)
			return -1;
	if ((strcmp(m->options, "ro") == 0 || str_starts(m->options, "ro,")) &&
	    mount(NULL, at, NULL, MS_REMOUNT | MS_RDONLY, options) < 0)
		return -1;
	/* criu copies this mount; of several of one file system it gives but the first one its
	 * flags. */
	return m->flags ? mount(NULL, at, NULL, MS_REMOUNT | MS_BIND | flags_of(m->flags), NULL)
			: 0;
}
