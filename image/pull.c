/* SPDX-License-Identifier: Apache-2.0 */
/* pull.c - an image out of a registry into the store
 *
 * Documents first (index, manifest, config), each verified before it is
 * parsed; then the layers that the store lacks, the largest first, several at a
 * time: one thread moves bytes from the connections into the layers' own
 * processes, which hash and unpack them.  A layer that another process is
 * bringing is left to it and looked at again at the end.  The name is given
 * last, by the transaction's commit.
 */
#include "image/pull.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "image/config.h"
#include "image/layer.h"
#include "image/manifest.h"
#include "image/timestamp.h"

#define TICK_MS 100

/* One layer on its way. */
struct job {
	const struct descriptor *d;
	struct digest blob, diff_id;
	struct layer_sink *sink;
	struct http_sink into;
	struct registry_fetch fetch;
	struct layer_result result;
	size_t bar;
	bool settled; /* the store has it */
	bool busy; /* another process brings it */
	bool ended; /* all bytes went into the sink */
	bool refused; /* by the layer's process: no use to go on from there */
};

struct pull {
	struct store *store;
	const struct pull_options *o;
	struct registry *registry;
	struct reference ref; /* with its registry, whatever was typed */
	struct arena arena;
	struct txn *txn;
	struct manifest manifest;
	struct image_config config;
	struct buf manifest_text;
	struct digest manifest_digest;
	struct digests kept; /* indexes on the way to the manifest */
	struct job *jobs;
	size_t n_jobs, n_ended;
	uint64_t fetched;
};

/* --- documents --------------------------------------------------------------------------- */

static int keep_index(struct pull *p, const struct buf *text, const struct digest *d,
		      struct err *err)
{
	struct digest *v = arena_array(&p->arena, p->kept.n + 1, sizeof(*v));
	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	if (p->kept.n > 0)
		memcpy(v, p->kept.v, p->kept.n * sizeof(*v));
	v[p->kept.n++] = *d;
	p->kept.v = v;
	return txn_put_blob(p->txn, text->s, text->len, d, NULL, err);
}

/* Which entry of an index is wanted. */
static int choose(const struct pull *p, struct err *err)
{
	const struct descriptors *all = &p->manifest.manifests;
	for (size_t i = 0; p->o->member && i < all->n; i++) {
		if (str_eq(all->v[i].digest, p->o->member))
			return (int)i;
	}
	return manifest_choose(&p->manifest, &p->o->platform, err);
}

/* From the tag or digest through indexes to one manifest. */
static int fetch_manifest(struct pull *p, struct err *err)
{
	const char *object = reference_object(&p->ref);
	for (int depth = 0; depth < MANIFEST_INDEX_DEPTH_MAX; depth++) {
		char type[REGISTRY_TYPE_MAX];
		buf_clear(&p->manifest_text);
		if (registry_get_manifest(p->registry, object, &p->manifest_text, type,
					  &p->manifest_digest, err) < 0)
			return -1;
		if (manifest_parse(object, p->manifest_text.s, p->manifest_text.len,
				   type[0] ? type : NULL, &p->manifest, &p->arena, err) < 0)
			return -1;
		if (p->manifest.kind == MANIFEST_IMAGE)
			return txn_put_blob(p->txn, p->manifest_text.s, p->manifest_text.len,
					    &p->manifest_digest, NULL, err);
		int chosen = choose(p, err);
		if (chosen < 0 || keep_index(p, &p->manifest_text, &p->manifest_digest, err) < 0)
			return -1;
		object = p->manifest.manifests.v[chosen].digest;
	}
	return err_set(err, ELOOP, "indexes of indexes, more than %d deep",
		       MANIFEST_INDEX_DEPTH_MAX);
}

static int fetch_config(struct pull *p, struct err *err)
{
	const struct descriptor *d = p->manifest.config;
	struct digest digest;
	AUTO_BUF text;
	buf_init(&text);
	if (digest_parse(d->digest, &digest, err) < 0)
		return -1;
	if (d->size > CONFIG_SIZE_MAX)
		return err_set(err, EFBIG, "the config is larger than %zu bytes", CONFIG_SIZE_MAX);
	if (d->media_type && !str_eq(d->media_type, MEDIA_OCI_CONFIG) &&
	    !str_eq(d->media_type, MEDIA_DOCKER_CONFIG))
		return err_set(err, ENOTSUP, "no container image, but \"%.100s\"", d->media_type);
	int there = txn_keep_blob(p->txn, &digest, err);
	if (there < 0)
		return -1;
	if (there && store_read_blob(p->store, &digest, CONFIG_SIZE_MAX, &text, NULL) < 0) {
		there = 0;
		buf_clear(&text);
	}
	if (!there && (registry_read_blob(p->registry, &digest, d->size, &text, err) < 0 ||
		       txn_put_blob(p->txn, text.s, text.len, &digest, NULL, err) < 0))
		return -1;
	if (config_parse("config", text.s, text.len, &p->config, &p->arena, err) < 0)
		return -1;
	if (p->config.rootfs.diff_ids.n != p->manifest.layers.n)
		return err_set(err, EINVAL, "%zu layers, but %zu diff ids", p->manifest.layers.n,
			       p->config.rootfs.diff_ids.n);
	return 0;
}

static void warn_platform(const struct pull *p)
{
	struct platform is;
	char text[300], a[4 * PLATFORM_WORD_MAX], b[4 * PLATFORM_WORD_MAX];
	platform_set(&is, p->config.os, p->config.architecture, p->config.variant);
	if (p->o->member || platform_rank(&p->o->platform, &is) >= 0 || !p->o->registry.warn)
		return;
	platform_format(&is, a, sizeof(a));
	platform_format(&p->o->platform, b, sizeof(b));
	if (str_format(text, sizeof(text), "the image is for %s, wanted was %s", a, b) == 0)
		p->o->registry.warn(text, p->o->registry.warn_arg);
}

/* --- layers --------------------------------------------------------------------------------- */

static ssize_t sink_write(void *arg, const void *data, size_t size, struct err *err)
{
	struct job *j = arg;
	ssize_t n = layer_write(j->sink, data, size, err);
	j->refused = n < 0;
	return n;
}

static int sink_fd(void *arg)
{
	const struct job *j = arg;
	return layer_fd(j->sink);
}

static int prepare_jobs(struct pull *p, struct err *err)
{
	size_t n = p->manifest.layers.n;
	p->jobs = arena_array(&p->arena, n + 1, sizeof(*p->jobs));
	if (!p->jobs)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		struct job *j = &p->jobs[i];
		j->d = &p->manifest.layers.v[i];
		if (j->d->media_type && !media_is_layer(j->d->media_type))
			return err_set(err, ENOTSUP, "layer %zu is no file system, but \"%.100s\"",
				       i, j->d->media_type);
		if (digest_parse(j->d->digest, &j->blob, err) < 0 ||
		    digest_parse(p->config.rootfs.diff_ids.v[i], &j->diff_id, err) < 0)
			return -1;
		j->bar = progress_add(p->o->progress, j->d->digest, j->d->size);
	}
	p->n_jobs = n;
	return 0;
}

static int start_job(struct pull *p, struct job *j, struct err *err)
{
	const struct layer_options options = {
		.blob = j->blob,
		.blob_size = j->d->size,
		.diff_id = j->diff_id,
		.keep_blob = p->o->keep_blobs,
		.resume = true,
	};
	if (layer_begin(p->txn, &options, &j->sink, err) < 0)
		return -1;
	j->into = (struct http_sink){ .write = sink_write, .fd = sink_fd, .arg = j };
	j->fetch = (struct registry_fetch){
		.digest = j->blob,
		.size = j->d->size,
		.offset = layer_offset(j->sink),
		.sink = &j->into,
		.url = media_is_foreign(j->d->media_type) && j->d->urls.n > 0 ? j->d->urls.v[0]
									      : NULL,
		.owner = j,
	};
	progress_set(p->o->progress, j->bar, PROGRESS_MOVING, j->fetch.offset);
	/* a broken attempt may have ended with the last byte */
	if (j->fetch.offset >= j->fetch.size)
		return 0;
	return registry_fetch_start(p->registry, &j->fetch, err);
}

static int finish_job(struct pull *p, struct job *j, struct err *err)
{
	struct layer_sink *sink = take(&j->sink);
	progress_set(p->o->progress, j->bar, PROGRESS_UNPACKING, j->d->size);
	progress_draw(p->o->progress);
	if (layer_finish(sink, &j->result, err) < 0)
		return err_wrap(err, "layer %.19s", j->d->digest);
	j->settled = true;
	p->fetched += j->d->size;
	progress_set(p->o->progress, j->bar, PROGRESS_DONE, j->d->size);
	return 0;
}

static void abort_jobs(struct pull *p)
{
	for (size_t i = 0; i < p->n_jobs; i++) {
		struct job *j = &p->jobs[i];
		registry_fetch_cancel(p->registry, &j->fetch);
		layer_abort(take(&j->sink), !j->refused && j->fetch.err.code != EBADMSG);
	}
}

/* The same layer earlier in the list: brought once. */
static bool is_repeated(const struct pull *p, const struct job *j)
{
	for (const struct job *k = p->jobs; k < j; k++) {
		if (digest_is_equal(&k->diff_id, &j->diff_id))
			return true;
	}
	return false;
}

/* Is it to be fetched?  1 yes, 0 no (there, repeated or busy), or -1. */
static int claim(struct pull *p, struct job *j, bool wait, struct err *err)
{
	enum txn_claim c;
	if (j->settled || j->sink || is_repeated(p, j))
		return 0;
	if (txn_claim_layer(p->txn, &j->diff_id, wait, &c, err) < 0)
		return -1;
	j->busy = c == TXN_LAYER_BUSY;
	/* the blob is wanted as well: the layer comes once more, and is found to be there */
	if (c == TXN_LAYER_PRESENT && p->o->keep_blobs && !store_has_blob(p->store, &j->blob))
		return 1;
	if (c == TXN_LAYER_PRESENT) {
		j->settled = true;
		progress_set(p->o->progress, j->bar, PROGRESS_EXISTS, j->d->size);
	}
	return c == TXN_LAYER_OURS;
}

static int larger_first(const void *a, const void *b)
{
	const struct job *const *x = a, *const *y = b;
	return ((*x)->d->size < (*y)->d->size) - ((*x)->d->size > (*y)->d->size);
}

static void show_progress(const struct pull *p)
{
	for (size_t i = 0; i < p->n_jobs; i++) {
		const struct job *j = &p->jobs[i];
		if (j->sink && !j->ended)
			progress_set(p->o->progress, j->bar, PROGRESS_MOVING, j->fetch.offset);
	}
	progress_draw(p->o->progress);
}

/* Layers whose stream has ended and that are ready, or (wait) all of them. */
static int reap(struct pull *p, bool wait, struct err *err)
{
	for (size_t i = 0; i < p->n_jobs; i++) {
		struct job *j = &p->jobs[i];
		struct pollfd ready = { .fd = j->ended ? layer_fd(j->sink) : -1, .events = POLLIN };
		if (!j->ended || (!wait && poll(&ready, 1, 0) <= 0))
			continue;
		j->ended = false;
		p->n_ended--;
		if (finish_job(p, j, err) < 0)
			return -1;
	}
	return 0;
}

/* One fetch ended, as f tells. */
static int end_fetch(struct pull *p, const struct registry_fetch *f, struct err *err)
{
	struct job *j = f->owner;
	if (!f->err.code) {
		layer_end(j->sink);
		j->ended = true;
		p->n_ended++;
		progress_set(p->o->progress, j->bar, PROGRESS_UNPACKING, j->d->size);
		return 0;
	}
	if (err)
		*err = f->err;
	return err_wrap(err, "layer %.19s", j->d->digest);
}

/* Fetches the n jobs of the list. */
static int fetch_layers(struct pull *p, struct job **list, size_t n, struct err *err)
{
	size_t next = 0, active = 0, limit = p->o->parallel ? p->o->parallel : PULL_PARALLEL;
	while (next < n || active > 0) {
		struct registry_fetch *f;
		if (reap(p, p->n_ended > 2 * limit, err) < 0)
			return -1;
		if (next < n && active < limit) {
			struct job *j = list[next++];
			if (start_job(p, j, err) < 0 ||
			    (!j->fetch.call && finish_job(p, j, err) < 0))
				return -1;
			active += j->sink != NULL;
			continue;
		}
		int got = registry_fetch_next(p->registry, p->n_ended ? TICK_MS / 10 : TICK_MS, &f,
					      err);
		if (got < 0)
			return -1;
		show_progress(p);
		if (got == 0)
			continue;
		active--;
		if (end_fetch(p, f, err) < 0)
			return -1;
	}
	return reap(p, true, err);
}

static int bring_layers(struct pull *p, bool wait, struct err *err)
{
	struct job **list = arena_array(&p->arena, p->n_jobs + 1, sizeof(void *));
	size_t n = 0;
	if (!list)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < p->n_jobs; i++) {
		int mine = claim(p, &p->jobs[i], wait, err);
		if (mine < 0)
			return -1;
		if (mine)
			list[n++] = &p->jobs[i];
	}
	qsort(list, n, sizeof(void *), larger_first);
	return fetch_layers(p, list, n, err);
}

/* --- commit ----------------------------------------------------------------------- */

static int describe_layers(struct pull *p, struct image *image, struct err *err)
{
	image->layers.n = p->n_jobs;
	image->layers.v = arena_array(&p->arena, p->n_jobs + 1, sizeof(*image->layers.v));
	if (!image->layers.v)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < p->n_jobs; i++) {
		const struct job *j = &p->jobs[i];
		struct image_layer *l = &image->layers.v[i];
		*l = (struct image_layer){ .diff_id = j->diff_id,
					   .blob = j->blob,
					   .blob_size = j->d->size,
					   .media_type = j->d->media_type };
		if (layer_size(p->store, &j->diff_id, &l->size, err) < 0)
			return -1;
	}
	return 0;
}

/* The compressed layers as well, where they are kept. */
static int add_kept_blobs(struct pull *p, struct image *image, struct err *err)
{
	struct digest *v = arena_array(&p->arena, p->kept.n + p->n_jobs + 1, sizeof(*v));
	size_t n = p->kept.n;
	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	if (n > 0)
		memcpy(v, p->kept.v, n * sizeof(*v));
	for (size_t i = 0; i < p->n_jobs; i++) {
		int there = txn_keep_blob(p->txn, &p->jobs[i].blob, err);
		if (there < 0)
			return -1;
		if (there)
			v[n++] = p->jobs[i].blob;
	}
	image->blobs = (struct digests){ v, n };
	return 0;
}

static int commit(struct pull *p, struct pull_result *ret, struct err *err)
{
	struct image image = {
		.manifest = p->manifest_digest,
		.manifest_type = p->manifest.media_type,
		.manifest_size = p->manifest_text.len,
		.config_size = p->manifest.config->size,
		.os = p->config.os,
		.architecture = p->config.architecture,
		.variant = p->config.variant,
		.created = timestamp_parse(p->config.created),
		.stored = time(NULL),
	};
	char source[REFERENCE_TEXT_MAX];
	reference_format_name(&p->ref, source, sizeof(source));
	image.source = source;
	reference_format(&p->ref, ret->name, sizeof(ret->name));
	const char *names[] = { ret->name };
	if (p->kept.n > 0)
		image.index = p->kept.v[0];
	if (digest_parse(p->manifest.config->digest, &image.config, err) < 0 ||
	    describe_layers(p, &image, err) < 0 || add_kept_blobs(p, &image, err) < 0 ||
	    txn_commit_image(p->txn, &image, names, p->o->member ? 0 : 1, err) < 0)
		return -1;
	ret->manifest = image.manifest;
	ret->config = image.config;
	ret->index = image.index;
	ret->fetched = p->fetched;
	return 0;
}

static int run(struct pull *p, struct pull_result *ret, struct err *err)
{
	if (registry_open(&p->ref, &p->o->registry, &p->registry, err) < 0 ||
	    txn_begin(p->store, &p->txn, err) < 0 || fetch_manifest(p, err) < 0 ||
	    fetch_config(p, err) < 0)
		return -1;
	warn_platform(p);
	if (prepare_jobs(p, err) < 0 || bring_layers(p, false, err) < 0 ||
	    bring_layers(p, true, err) < 0)
		return -1;
	return commit(p, ret, err);
}

static int pull_one(struct store *s, const struct reference *ref, const struct pull_options *o,
		    struct pull_result *ret, struct err *err)
{
	struct pull p = { .store = s, .o = o, .ref = *ref };
	arena_init(&p.arena, ARENA_MAX_DEFAULT);
	buf_init(&p.manifest_text);
	int rc = run(&p, ret, err);
	if (rc < 0)
		abort_jobs(&p);
	txn_end(p.txn);
	registry_close(p.registry);
	buf_release(&p.manifest_text);
	arena_release(&p.arena);
	return rc;
}

/* After the first of an index, which is in the store now: the others. */
static int pull_others(struct store *s, const struct reference *ref, const struct pull_options *o,
		       const struct pull_result *first, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct manifest index;
	AUTO_BUF text;
	buf_init(&text);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (store_read_blob(s, &first->index, MANIFEST_SIZE_MAX, &text, err) < 0 ||
	    manifest_parse("index", text.s, text.len, NULL, &index, &arena, err) < 0)
		return -1;
	for (size_t i = 0; i < index.manifests.n; i++) {
		const struct descriptor *d = &index.manifests.v[i];
		struct pull_options other = *o;
		struct pull_result got;
		if (!descriptor_is_image(d) || media_is_index(d->media_type) ||
		    str_eq(d->digest, first->manifest.text))
			continue;
		other.member = d->digest;
		if (pull_one(s, ref, &other, &got, err) < 0)
			return err_wrap(err, "%.19s", d->digest);
	}
	return 0;
}

static int pull_wanted(struct store *s, const struct reference *ref, const struct pull_options *o,
		       struct pull_result *ret, struct err *err)
{
	if (pull_one(s, ref, o, ret, err) < 0)
		return -1;
	return o->all_platforms && digest_is_set(&ret->index) ? pull_others(s, ref, o, ret, err)
							      : 0;
}

int pull_image(struct store *s, const struct reference *ref, const struct pull_options *options,
	       struct pull_result *ret, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct references candidates = { .n = 0 };
	struct err first = { 0 };
	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (!ref->is_short)
		return pull_wanted(s, ref, options, ret, err);
	if (endpoints_short_name(ref, options->registry.endpoint.registries_conf, &candidates,
				 &arena, err) < 0)
		return -1;
	for (size_t i = 0; i < candidates.n; i++) {
		struct err why = { 0 };
		if (pull_wanted(s, &candidates.v[i], options, ret, &why) == 0)
			return 0;
		if (!first.code || first.code == ENOENT || first.code == EACCES)
			first = why;
		/* only where the image isn't there does the next registry have a say */
		if (why.code != ENOENT && why.code != EACCES)
			break;
	}
	if (err)
		*err = first;
	return -1;
}
