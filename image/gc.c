/* SPDX-License-Identifier: Apache-2.0 */
/* gc.c - what nothing names any more is removed
 *
 * Under the exclusive gc lock, so that nothing is published meanwhile:
 *   1. leases of dead processes go
 *   2. images that the options give up go: names, then records
 *   3. mark: what records, containers and living leases name
 *   4. sweep: layers and blobs that aren't marked; in tmp/ what no living lease has
 * A crash between any two of them leaves something for the next run, and nothing
 * that is named without being there.
 */
#include "image/gc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "image/layer.h"
#include "image/layer_mount.h"
#include "image/rootfs.h"
#include "image/store_internal.h"

#define LEASE_MAX      ((size_t)1 << 20)
#define LEASE_ID       16 /* digits of its name */
#define PARTIAL_PREFIX "partial-"
#define BLOCK_SIZE     512U /* that stat(2) counts in */
#define PARTIAL_AGE    ((time_t)24 * 60 * 60) /* a broken pull that nobody took up again */

/* Hex digests, sorted once all are in. */
struct marks {
	const char **v;
	size_t n, cap;
};

struct gc {
	struct store *s;
	const struct gc_options *options;
	struct gc_result *result;
	struct arena arena;
	struct marks layers, blobs, leases;
	struct images images;
	struct rootfs_list containers;
	enum store_folder folder; /* being swept */
	const struct marks *kept;
};

/* --- marks ------------------------------------------------------------------------------ */

static int mark(struct gc *gc, struct marks *m, const char *hex, struct err *err)
{
	const char **grown = arena_grow(&gc->arena, m->v, m->n, &m->cap, sizeof(*grown));
	const char *copy = arena_strdup(&gc->arena, hex);

	if (!grown || !copy)
		return err_sys(err, "gc");
	m->v = grown;
	m->v[m->n++] = copy;
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_marks(struct marks *m)
{
	if (m->n > 0)
		qsort(m->v, m->n, sizeof(*m->v), by_text);
}

static bool is_marked(const struct marks *m, const char *hex)
{
	return m->n > 0 && bsearch(&hex, m->v, m->n, sizeof(*m->v), by_text) != NULL;
}

static int mark_digest(struct gc *gc, struct marks *m, const struct digest *d, struct err *err)
{
	return digest_is_set(d) ? mark(gc, m, digest_hex(d), err) : 0;
}

static int mark_image(struct gc *gc, const struct image *image, struct err *err)
{
	if (mark_digest(gc, &gc->blobs, &image->manifest, err) < 0 ||
	    mark_digest(gc, &gc->blobs, &image->config, err) < 0)
		return -1;
	for (size_t i = 0; i < image->blobs.n; i++)
		if (mark_digest(gc, &gc->blobs, &image->blobs.v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < image->layers.n; i++)
		if (mark_digest(gc, &gc->layers, &image->layers.v[i].diff_id, err) < 0)
			return -1;
	return 0;
}

/* --- leases ------------------------------------------------------------------------------ */

static int mark_lease(struct gc *gc, int fd, const char *name, struct err *err)
{
	char *at, *line;
	AUTO_BUF text;

	buf_init_max(&text, LEASE_MAX);
	if (buf_reserve(&text, LEASE_MAX - 1) < 0)
		return err_sys(err, "lease \"%s\"", name);
	for (ssize_t n = 1; n > 0; text.len += (size_t)n) {
		n = pread(fd, text.s + text.len, LEASE_MAX - 1 - text.len, (off_t)text.len);
		if (n < 0)
			return err_sys(err, "lease \"%s\"", name);
	}
	text.s[text.len] = '\0';
	at = text.s;
	while ((line = strsep(&at, "\n")) != NULL) {
		bool is_layer = str_starts(line, "layer ");
		struct digest d;

		if (!is_layer && !str_starts(line, "blob "))
			continue;
		if (digest_parse(strchr(line, ' ') + 1, &d, NULL) == 0 &&
		    mark_digest(gc, is_layer ? &gc->layers : &gc->blobs, &d, err) < 0)
			return -1;
	}
	return 0;
}

static int look_at_lease(void *arg, const char *name, struct err *err)
{
	struct gc *gc = arg;
	AUTO_FD fd = openat(gc->s->folder[STORE_LEASES], name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, "lease \"%s\"", name);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		if (!gc->options->dry_run)
			(void)unlinkat(gc->s->folder[STORE_LEASES], name, 0);
		return 0;
	}
	return mark(gc, &gc->leases, name, err) < 0 ? -1 : mark_lease(gc, fd, name, err);
}

/* --- images ------------------------------------------------------------------------------ */

static bool is_used(const struct gc *gc, const struct image *image)
{
	for (size_t i = 0; i < gc->containers.n; i++)
		if (digest_is_equal(&gc->containers.v[i].image, &image->manifest))
			return true;
	return false;
}

/* Another platform's image of one that has a name: found by that name and --platform. */
static bool is_by_name(const struct gc *gc, const struct image *image)
{
	if (image->names.n > 0)
		return true;
	for (size_t i = 0; digest_is_set(&image->index) && i < gc->images.n; i++)
		if (gc->images.v[i].names.n > 0 &&
		    digest_is_equal(&gc->images.v[i].index, &image->index))
			return true;
	return false;
}

/* 1, 0 or -1. */
static int gives_up(const struct gc *gc, const struct image *image, struct err *err)
{
	const struct gc_options *o = gc->options;

	if (is_used(gc, image))
		return 0;
	/* one that a pull just made and has not named yet belongs to its lease */
	if (is_marked(&gc->blobs, digest_hex(&image->manifest)))
		return 0;
	if (!o->unused && (!o->untagged || is_by_name(gc, image)))
		return 0;
	return o->wants ? o->wants(o->arg, image, err) : 1;
}

/* Of one image there may be several records, which only differ in their manifests. */
static bool is_last(const struct gc *gc, const struct image *image)
{
	for (size_t i = 0; i < gc->images.n; i++) {
		const struct image *other = &gc->images.v[i];

		if (other != image && digest_is_set(&other->manifest) &&
		    digest_is_equal(&other->config, &image->config))
			return false;
	}
	return true;
}

static int remove_image(const struct gc *gc, const struct image *image, struct err *err)
{
	const struct store *s = gc->s;

	for (size_t i = 0; i < image->names.n; i++)
		if (store_untag(gc->s, image->names.v[i], err) < 0)
			return -1;
	if (unlinkat(s->folder[STORE_IMAGES], digest_hex(&image->manifest), 0) < 0)
		return err_sys(err, "image \"%s\"", image->manifest.text);
	return 0;
}

static int go_through_images(struct gc *gc, struct err *err)
{
	/* so far only leases have marked: gives_up() looks there */
	sort_marks(&gc->blobs);
	for (size_t i = 0; i < gc->images.n; i++) {
		const struct image *image = &gc->images.v[i];
		int goes = gives_up(gc, image, err);

		if (goes < 0)
			return -1;
		if (goes == 0)
			continue;
		gc->result->images += is_last(gc, image);
		if (!gc->options->dry_run && remove_image(gc, image, err) < 0)
			return -1;
		gc->images.v[i].manifest.text[0] = '\0';
	}
	for (size_t i = 0; i < gc->images.n; i++)
		if (digest_is_set(&gc->images.v[i].manifest) &&
		    mark_image(gc, &gc->images.v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < gc->containers.n; i++)
		for (size_t k = 0; k < gc->containers.v[i].layers.n; k++)
			if (mark_digest(gc, &gc->layers, &gc->containers.v[i].layers.v[k], err) < 0)
				return -1;
	return 0;
}

/* --- sweep ------------------------------------------------------------------------------- */

/* What a file or a directory layer takes. */
static uint64_t size_of(const struct store *s, enum store_folder folder, const char *name)
{
	struct digest d;
	char text[DIGEST_TEXT_MAX];
	struct stat st;
	uint64_t size;

	if (fstatat(s->folder[folder], name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (!S_ISDIR(st.st_mode))
		return (uint64_t)st.st_blocks * BLOCK_SIZE;
	if (str_format(text, sizeof(text), "%s:%s",
		       strlen(name) == DIGEST_SHA512_HEX ? "sha512" : "sha256", name) < 0 ||
	    digest_parse(text, &d, NULL) < 0 || layer_size(s, &d, &size, NULL) < 0)
		return 0;
	return size;
}

static int sweep_one(void *arg, const char *name, struct err *err)
{
	struct gc *gc = arg;
	char hex[NAME_MAX + 1];

	(void)str_copy(hex, sizeof(hex), name); /* fits */
	hex[strcspn(hex, ".")] = '\0'; /* ".erofs" */
	if (is_marked(gc->kept, hex))
		return 0;
	gc->result->bytes += size_of(gc->s, gc->folder, name);
	if (gc->folder == STORE_LAYERS)
		gc->result->layers++;
	else
		gc->result->blobs++;
	return gc->options->dry_run ? 0 : store_discard(gc->s, gc->folder, name, err);
}

static int sweep(struct gc *gc, enum store_folder folder, const struct marks *kept, struct err *err)
{
	gc->folder = folder;
	gc->kept = kept;
	return store_walk(gc->s, folder, sweep_one, gc, err);
}

/* A broken pull's part of a layer: kept for a day, unless everything is to go that nobody is at. */
static bool keeps_part(const struct gc *gc, const char *name)
{
	AUTO_FD fd = openat(gc->s->folder[STORE_TMP], name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return true;
	return (!gc->options->unused || gc->options->wants) && fstat(fd, &st) == 0 &&
	       st.st_mtim.tv_sec + PARTIAL_AGE > time(NULL);
}

static int sweep_tmp(void *arg, const char *name, struct err *err)
{
	const struct gc *gc = arg;
	char lease[LEASE_ID + 1];

	(void)str_copy(lease, sizeof(lease), name); /* cut on purpose */
	if (is_marked(&gc->leases, lease) ||
	    (str_starts(name, PARTIAL_PREFIX) && keeps_part(gc, name)))
		return 0;
	return store_discard(gc->s, STORE_TMP, name, err);
}

static int sweep_lock(void *arg, const char *name, struct err *err)
{
	const struct gc *gc = arg;
	int fd;

	(void)err;
	if (!str_starts(name, "layer-"))
		return 0;
	fd = store_lock_once(gc->s, name, false, NULL);
	if (fd >= 0)
		store_unlock_gone(gc->s, name, fd);
	return 0;
}

static int sweep_all(struct gc *gc, struct err *err)
{
	sort_marks(&gc->layers);
	sort_marks(&gc->blobs);
	sort_marks(&gc->leases);
	if (sweep(gc, STORE_LAYERS, &gc->layers, err) < 0 ||
	    sweep(gc, STORE_BLOBS256, &gc->blobs, err) < 0 ||
	    sweep(gc, STORE_BLOBS512, &gc->blobs, err) < 0)
		return -1;
	if (gc->options->dry_run)
		return 0;
	if (store_walk(gc->s, STORE_TMP, sweep_tmp, gc, err) < 0)
		return -1;
	/* after tmp/, where half-made containers may have been */
	layer_mount_sweep(gc->s);
	return store_walk(gc->s, STORE_LOCKS, sweep_lock, gc, err);
}

static int collect_garbage(struct gc *gc, struct err *err)
{
	AUTO_FD lock = store_lock(gc->s, STORE_LOCK_GC, false, true, err);

	if (lock < 0)
		return -1;
	if (store_walk(gc->s, STORE_LEASES, look_at_lease, gc, err) < 0 ||
	    store_list_images(gc->s, &gc->images, &gc->arena, err) < 0 ||
	    rootfs_list(gc->s, &gc->containers, &gc->arena, err) < 0 ||
	    go_through_images(gc, err) < 0)
		return -1;
	return sweep_all(gc, err);
}

int gc_run(struct store *s, const struct gc_options *options, struct gc_result *ret,
	   struct err *err)
{
	struct gc_result result = { 0 };
	struct gc gc = { .s = s, .options = options, .result = &result };
	int done;

	arena_init(&gc.arena, ARENA_MAX_DEFAULT);
	done = collect_garbage(&gc, err);
	arena_release(&gc.arena);
	if (done == 0 && ret)
		*ret = result;
	return done;
}

/* --- usage ------------------------------------------------------------------------------- */

struct usage {
	struct store *s;
	struct gc_usage *u;
	enum store_folder folder;
};

static int add_usage(void *arg, const char *name, struct err *err)
{
	struct usage *w = arg;
	uint64_t size = size_of(w->s, w->folder, name);

	(void)err;
	if (w->folder == STORE_LAYERS) {
		w->u->layers++;
		w->u->layer_bytes += size;
	} else {
		w->u->blobs++;
		w->u->blob_bytes += size;
	}
	return 0;
}

static int count(void *arg, const char *name, struct err *err)
{
	uint64_t *n = arg;

	(void)name;
	(void)err;
	++*n;
	return 0;
}

int gc_usage(struct store *s, struct gc_usage *ret, struct err *err)
{
	static const enum store_folder folders[] = { STORE_LAYERS, STORE_BLOBS256, STORE_BLOBS512 };
	const struct gc_options unused = { .unused = true, .dry_run = true };
	struct gc_result garbage = { 0 };
	struct gc_usage u = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		struct usage walk = { .s = s, .u = &u, .folder = folders[i] };

		if (store_walk(s, folders[i], add_usage, &walk, err) < 0)
			return -1;
	}
	if (store_walk(s, STORE_IMAGES, count, &u.images, err) < 0 ||
	    store_walk(s, STORE_CONTAINERS, count, &u.containers, err) < 0 ||
	    gc_run(s, &unused, &garbage, err) < 0)
		return -1;
	u.reclaimable_bytes = garbage.bytes;
	*ret = u;
	return 0;
}
