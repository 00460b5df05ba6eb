/* SPDX-License-Identifier: Apache-2.0 */
/* common_rootfs.c - what makes a container's root file system, and what an archive puts into it */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/file.h"
#include "image/cli/common.h"
#include "image/copy.h"
#include "image/layer.h"
#include "image/squash.h"

/* So many are never too many for overlay: there is no need to ask. */
#define LAYERS_MANY 50

/* Fewer of them, which stand for the same. */
static int squash(struct txn *t, struct rootfs_options *r, struct arena *arena, struct err *err)
{
	struct digest *layers = arena_array(arena, r->n_layers, sizeof(*layers));

	if (!layers)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < r->n_layers; i++)
		layers[i] = r->layers[i];
	r->layers = layers;
	return squash_layers(t, layers, &r->n_layers, err);
}

int common_rootfs(struct store *s, const struct rootfs_options *options, char *path, size_t size,
		  struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct rootfs_options r = *options;
	struct txn *t = NULL;
	int rc = 0;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (r.n_layers > LAYERS_MANY) {
		rc = txn_begin(s, &t, err);
		if (rc == 0)
			rc = squash(t, &r, &arena, err);
	}
	if (rc == 0)
		rc = rootfs_create(s, &r, err);
	txn_end(t);
	if (rc < 0)
		return -1;
	if (rootfs_attach(s, r.id, path, size, err) == 0)
		return 0;
	(void)rootfs_remove(s, r.id, NULL);
	return -1;
}

int common_marker(const struct store *s, const char *marker, struct err *err)
{
	char dir[PATH_MAX];
	const char *store = store_path(s);
	char *slash;

	if (!marker)
		return 0;
	if (str_copy(dir, sizeof(dir), marker) < 0 || !(slash = strrchr(dir, '/')))
		return err_set(err, EINVAL, "--marker: no path");
	*slash = '\0';
	if (file_make_dirs(dir, 0700) < 0 ||
	    file_replace(AT_FDCWD, marker, store, strlen(store), 0600) < 0)
		return err_sys(err, "write \"%s\"", marker);
	return 0;
}

int common_unpack(struct txn *t, int tar, int to, struct err *err)
{
	const struct layer_options any = { 0 };
	const struct copy_options o = { .keep_root = true };
	struct layer_result layer;

	if (layer_import(t, &any, tar, &layer, err) < 0)
		return -1;

	AUTO_FD tree = rootfs_open_layers(txn_store(t), &layer.diff_id, 1, err);

	if (tree < 0)
		return -1;

	AUTO_FD dir = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return dir < 0 ? err_sys(err, "open the archive") : copy_tree(dir, to, &o, err);
}
