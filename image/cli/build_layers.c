/* SPDX-License-Identifier: Apache-2.0 */
/* build_layers.c - the layers of a build: work places, the cache, other stages
 *
 * cache/KEY of the store is the diff id of the layer that a step made.  It holds
 * nothing alive: a layer that is gone is made again.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/units.h"
#include "image/cli/build.h"
#include "image/compose.h"
#include "image/rootfs.h"
#include "image/timestamp.h"

#define CACHE "cache"

static int diff_ids(struct build *b, const struct stage *s, struct digest **ret, struct err *err)
{
	*ret = arena_array(b->arena, s->layers.n + 1, sizeof(**ret));
	if (!*ret)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < s->layers.n; i++)
		(*ret)[i] = s->layers.v[i].diff_id;
	return 0;
}

int workspace_open(struct build *b, struct workspace *ret, struct err *err)
{
	char path[PATH_MAX];
	struct digest *layers;
	struct workspace w = { .root = -1 };
	if (str_format(w.id, sizeof(w.id), "build-%d-%u", (int)getpid(), b->containers++) < 0 ||
	    str_format(w.dir, sizeof(w.dir), "%s/containers/%s", store_path(b->store), w.id) < 0)
		return err_set(err, ENAMETOOLONG, "the store's path is too long");
	if (diff_ids(b, b->now, &layers, err) < 0)
		return -1;
	const struct rootfs_options o = {
		.id = w.id,
		.layers = layers,
		.n_layers = b->now->layers.n,
		.ephemeral = true,
	};
	if (rootfs_create(b->store, &o, err) < 0)
		return -1;
	if (rootfs_attach(b->store, w.id, path, sizeof(path), err) == 0)
		w.root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	else
		path[0] = 0;
	if (w.root < 0) {
		int rc = path[0] ? err_sys(err, "open \"%s\"", path) : -1;
		(void)rootfs_remove(b->store, w.id, NULL);
		return rc;
	}
	*ret = w;
	return 0;
}

void workspace_close(struct build *b, struct workspace *w)
{
	w->root = fd_close(w->root);
	(void)rootfs_remove(b->store, w->id, NULL);
}

/* One more layer on the stage. */
static int add_layer(struct build *b, const struct digest *diff_id, struct err *err)
{
	struct stage *s = b->now;
	struct image_layer *v = arena_array(b->arena, s->layers.n + 1, sizeof(*v));
	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	if (s->layers.n > 0)
		memcpy(v, s->layers.v, s->layers.n * sizeof(*v));
	v[s->layers.n].diff_id = *diff_id;
	if (layer_size(b->store, diff_id, &v[s->layers.n].size, err) < 0)
		return -1;
	s->layers.v = v;
	s->layers.n++;
	return bundle_add(b->arena, &s->config.rootfs.diff_ids, diff_id->text, err);
}

static int cache_dir(const struct build *b)
{
	(void)!mkdirat(store_fd(b->store), CACHE, 0700);
	return openat(store_fd(b->store), CACHE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int workspace_commit(struct build *b, struct workspace *w, struct err *err)
{
	struct layer_result layer;
	w->root = fd_close(w->root);
	if (rootfs_commit(b->txn, w->id, &layer, err) < 0 || add_layer(b, &layer.diff_id, err) < 0)
		return -1;
	AUTO_FD dir = cache_dir(b);
	/* without it the next build only does the step again */
	if (dir >= 0)
		(void)!file_replace(dir, digest_hex(&b->now->key), layer.diff_id.text,
				    strlen(layer.diff_id.text), 0600);
	return 0;
}

int build_cached(struct build *b, const struct digest *step, struct err *err)
{
	struct hash h;
	struct digest diff_id;
	enum txn_claim claim;
	char text[DIGEST_TEXT_MAX];
	hash_init(&h, DIGEST_SHA256);
	hash_update(&h, b->now->key.text, strlen(b->now->key.text));
	hash_update(&h, step->text, strlen(step->text));
	hash_final(&h, &b->now->key);
	AUTO_FD dir = cache_dir(b);
	if (b->f->no_cache || dir < 0 ||
	    file_read_line(dir, digest_hex(&b->now->key), text, sizeof(text)) <= 0 ||
	    digest_parse(text, &diff_id, NULL) < 0 || !store_has_layer(b->store, &diff_id))
		return 0;
	if (txn_claim_layer(b->txn, &diff_id, true, &claim, err) < 0)
		return -1;
	if (claim != TXN_LAYER_PRESENT)
		return 0;
	return add_layer(b, &diff_id, err) < 0 ? -1 : 1;
}

int build_history(struct build *b, const char *text, bool empty, struct err *err)
{
	struct image_config *c = &b->now->config;
	struct config_history *v = arena_array(b->arena, c->history.n + 1, sizeof(*v));
	char *now = arena_alloc(b->arena, 40);
	char *by = arena_strdup(b->arena, text);
	if (!v || !now || !by)
		return err_set(err, ENOMEM, "out of memory");
	if (c->history.n > 0)
		memcpy(v, c->history.v, c->history.n * sizeof(*v));
	timestamp_now(now, 40);
	v[c->history.n] =
		(struct config_history){ .created = now, .created_by = by, .empty_layer = empty };
	c->history.v = v;
	c->history.n++;
	c->created = now;
	return 0;
}

int build_find_image(struct build *b, const char *name, struct image *ret, struct err *err)
{
	struct pull_options o = { .platform = b->platform };
	struct reference ref;
	struct pull_result got;
	bool always = str_eq(b->f->pull, "always");
	if (!always && common_find(b->store, name, ret, b->arena, NULL) == 0)
		return 0;
	if (str_eq(b->f->pull, "never"))
		return err_set(err, ENOENT, "no such image \"%s\"", name);
	if (reference_parse(name, &ref, err) < 0 ||
	    common_registry(b->cli, &b->f->registry, &o.registry, err) < 0)
		return -1;
	if (pull_image(b->store, &ref, &o, &got, err) < 0)
		return err_wrap(err, "pull \"%s\"", name);
	return store_find_image(b->store, got.manifest.text, ret, b->arena, err);
}

int build_open_stage(struct build *b, const char *name, struct err *err)
{
	struct digest *layers;
	struct image image;
	struct stage outside = { 0 };
	const struct stage *from = NULL;
	uint64_t number;
	for (size_t i = 0; i < b->n_stages; i++) {
		if (&b->stages[i] != b->now && b->stages[i].name &&
		    strcasecmp(b->stages[i].name, name) == 0)
			from = &b->stages[i];
	}
	if (!from && units_u64(name, 1000, &number) == 0 && number + 1 < b->n_stages)
		from = &b->stages[number];
	if (!from) {
		if (build_find_image(b, name, &image, err) < 0)
			return -1;
		outside.layers = image.layers;
		from = &outside;
	}
	if (diff_ids(b, from, &layers, err) < 0)
		return -1;
	return rootfs_open_layers(b->store, layers, from->layers.n, err);
}
