/* SPDX-License-Identifier: Apache-2.0 */
/* diff.c - what a container changed: as a list, as a tar, as a new layer
 *
 * A commit writes the upper directory once: the tar goes straight into a layer's
 * sink, is hashed there and gets its index behind it; it is compressed when
 * somebody pushes it, not before.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "image/layer.h"
#include "image/overlay.h"
#include "image/rootfs.h"
#include "image/store_internal.h"
#include "image/tree_write.h"

/* The upper directory of a container and what lies below it, opened. */
struct changed {
	int upper, lower;
};

static void close_changed(struct changed *c)
{
	(void)fd_close(c->upper);
	(void)fd_close(c->lower);
}

static int open_lower(struct store *s, const struct rootfs_info *info, struct err *err)
{
	AUTO_FD root = -1;

	if (!info->host)
		return rootfs_open_layers(s, info->layers.v, info->layers.n, err);
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? err_sys(err, "open \"/\"") : overlay_clone(root, true, err);
}

static int open_changed(struct store *s, const char *id, struct changed *ret, struct err *err)
{
	struct changed c = { -1, -1 };
	struct rootfs_info info;
	struct arena arena;
	char path[NAME_MAX + 16];
	int done = -1;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (rootfs_info(s, id, &info, &arena, err) == 0) {
		if (info.read_only)
			(void)err_set(err, EROFS, "container \"%s\" is read-only: nothing changed",
				      id);
		else if (str_format(path, sizeof(path), "%s/upper", id) < 0 ||
			 (c.upper = openat(s->folder[STORE_CONTAINERS], path,
					   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
			(void)err_sys(err, "container \"%s\"", id);
		else if ((c.lower = open_lower(s, &info, err)) >= 0)
			done = 0;
	}
	arena_release(&arena);
	if (done < 0)
		close_changed(&c);
	else
		*ret = c;
	return done;
}

static struct tree_source source_of(const struct changed *c)
{
	return (struct tree_source){
		.dir = c->upper, .lower = c->lower, .is_upper = true, .userxattr = proc_is_mapped()
	};
}

int rootfs_diff(struct store *s, const char *id, rootfs_change_fn *fn, void *arg, struct err *err)
{
	struct tree_source from;
	struct changed c;
	int ret;

	if (open_changed(s, id, &c, err) < 0)
		return -1;
	from = source_of(&c);
	ret = tree_changes(&from, fn, arg, err);
	close_changed(&c);
	return ret;
}

static int to_descriptor(void *arg, const void *data, size_t size, struct err *err)
{
	const int *out = arg;

	return fd_write_full(*out, data, size) < 0 ? err_sys(err, "write tar") : 0;
}

static int to_layer(void *arg, const void *data, size_t size, struct err *err)
{
	return layer_write_full(arg, data, size, err);
}

static int commit(struct txn *t, const struct tree_source *from, struct layer_result *ret,
		  struct err *err)
{
	/* our own tar may be as large as it likes, and is mostly zeros where files are */
	const struct layer_options options = { .max_size = LAYER_SIZE_MAX };
	struct layer_sink *sink;

	if (layer_begin(t, &options, &sink, err) < 0)
		return -1;
	if (tree_write(from, to_layer, sink, err) < 0) {
		layer_abort(sink, false);
		return -1;
	}
	return layer_finish(sink, ret, err);
}

int rootfs_commit(struct txn *t, const char *id, struct layer_result *ret, struct err *err)
{
	struct tree_source from;
	struct changed c;
	int done;

	if (open_changed(txn_store(t), id, &c, err) < 0)
		return -1;
	from = source_of(&c);
	done = commit(t, &from, ret, err);
	close_changed(&c);
	return done;
}

int rootfs_export_upper(struct store *s, const char *id, int out, struct err *err)
{
	struct tree_source from;
	struct changed c;
	int ret;

	if (open_changed(s, id, &c, err) < 0)
		return -1;
	from = source_of(&c);
	ret = tree_write(&from, to_descriptor, &out, err);
	close_changed(&c);
	return ret;
}

int rootfs_export(struct store *s, const char *id, int out, struct err *err)
{
	AUTO_FD root = rootfs_open(s, id, err);

	return root < 0 ? -1 : tree_export(root, NULL, out, err);
}

int tree_export(int dir, const char *only, int out, struct err *err)
{
	const struct tree_source from = { .dir = dir, .only = only, .lower = -1 };

	return tree_write(&from, to_descriptor, &out, err);
}

int tree_commit(struct txn *t, int dir, struct layer_result *ret, struct err *err)
{
	const struct tree_source from = { .dir = dir, .lower = -1 };

	return commit(t, &from, ret, err);
}
