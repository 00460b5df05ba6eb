/* SPDX-License-Identifier: Apache-2.0 */
/* push.c - an image of the store into a registry
 *
 * A layer goes by the first of these ways that works: the registry has the
 * blob; the registry takes it from the repository it was pulled from; the
 * store kept it; it is fetched again from where it was pulled; it is compressed
 * anew.  Only the last gives it another digest, and the image another
 * manifest: that is said.  The manifest goes last.
 */
#include "image/push.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "image/compose.h"
#include "image/config.h"
#include "image/manifest.h"

struct push {
	struct store *store;
	const struct image *image;
	const struct push_options *o;
	struct registry *registry;
	struct registry *source; /* where the image came from, once it was asked */
	struct reference to, from;
	bool has_source, source_failed;
	struct arena arena;
	struct manifest manifest;
	struct buf manifest_text;
	bool changed; /* the manifest isn't what it was */
	size_t bar; /* of the present layer */
};

static void sent(void *arg, uint64_t bytes)
{
	const struct push *p = arg;
	progress_set(p->o->progress, p->bar, PROGRESS_MOVING, bytes);
	progress_draw(p->o->progress);
}

static int upload_fd(struct push *p, const struct digest *d, uint64_t size, int fd, struct err *err)
{
	const struct registry_upload u = {
		.digest = *d, .size = size, .fd = fd, .progress = sent, .progress_arg = p
	};
	return registry_upload(p->registry, &u, err);
}

/* --- ways of a layer ------------------------------------------------------------------------- */

/* 1 sent, 0 another way is needed, -1. */
static int from_registry(struct push *p, const struct digest *blob, struct err *err)
{
	int there = registry_has_blob(p->registry, blob, err);
	if (there != 0)
		return there;
	bool same = p->has_source && strcmp(p->from.domain, p->to.domain) == 0 &&
		    strcmp(p->from.path, p->to.path) != 0;
	/* without the right to read there it is no error, only not this way */
	return same && registry_mount_blob(p->registry, blob, p->from.path, NULL) > 0;
}

static int from_store(struct push *p, const struct digest *blob, uint64_t size, struct err *err)
{
	if (!store_has_blob(p->store, blob))
		return 0;
	AUTO_FD fd = store_open_blob(p->store, blob, err);
	if (fd < 0)
		return -1;
	return upload_fd(p, blob, size, fd, err) < 0 ? -1 : 1;
}

struct spool {
	int fd;
	struct hash hash;
};

static ssize_t spool_write(void *arg, const void *data, size_t size, struct err *err)
{
	struct spool *s = arg;
	hash_update(&s->hash, data, size);
	return fd_write_full(s->fd, data, size) < 0 ? err_sys(err, "write a fetched layer")
						    : (ssize_t)size;
}

static int fetch_again(struct push *p, const struct digest *blob, uint64_t size, int fd,
		       struct err *err)
{
	struct spool spool = { .fd = fd };
	struct digest got;
	const struct http_sink sink = { .write = spool_write, .arg = &spool };
	struct registry_fetch f = { .digest = *blob, .size = size, .sink = &sink };
	struct registry_fetch *ended = NULL;
	hash_init(&spool.hash, digest_algorithm(blob));
	if (registry_fetch_start(p->source, &f, err) < 0)
		return -1;
	while (!ended) {
		if (registry_fetch_next(p->source, 200, &ended, err) < 0) {
			registry_fetch_cancel(p->source, &f);
			return -1;
		}
	}
	if (f.err.code) {
		if (err)
			*err = f.err;
		return -1;
	}
	hash_final(&spool.hash, &got);
	return digest_is_equal(&got, blob) ? 0 : err_set(err, EBADMSG, "another layer came back");
}

static int from_source(struct push *p, const struct digest *blob, uint64_t size, struct err *err)
{
	struct err why = { 0 };
	if (!p->has_source || p->source_failed)
		return 0;
	AUTO_FD fd = openat(store_fd(p->store), "tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "make a file in the store");
	if ((!p->source && registry_open(&p->from, &p->o->registry, &p->source, &why) < 0) ||
	    fetch_again(p, blob, size, fd, &why) < 0) {
		/* a registry that is away is asked once, not for every layer */
		p->source_failed = true;
		if (why.code != EINTR)
			return 0;
		if (err)
			*err = why;
		return -1;
	}
	return upload_fd(p, blob, size, fd, err) < 0 ? -1 : 1;
}

static int compress_anew(struct push *p, const struct image_layer *l, struct descriptor *d,
			 struct err *err)
{
	struct digest digest;
	uint64_t size;
	AUTO_FD fd = compress_layer(p->store, &l->diff_id, p->o->compression, &digest, &size, err);
	if (fd < 0)
		return -1;
	char *text = arena_strdup(&p->arena, digest.text);
	char *type = arena_strdup(&p->arena, compression_media_type(p->o->compression));
	if (!text || !type)
		return err_set(err, ENOMEM, "out of memory");
	if (!d->digest || strcmp(d->digest, text) != 0) {
		p->changed = true;
		d->digest = text;
		d->size = size;
		d->media_type = type;
	}
	int there = registry_has_blob(p->registry, &digest, err);
	if (there != 0)
		return there < 0 ? -1 : 0;
	return upload_fd(p, &digest, size, fd, err);
}

/* Is the blob something that was ever seen, and not the tar itself? */
static bool has_blob(const struct push *p, const struct image_layer *l)
{
	return digest_is_set(&l->blob) && !p->o->force_compression &&
	       (!digest_is_equal(&l->blob, &l->diff_id) || store_has_blob(p->store, &l->blob));
}

static int push_layer(struct push *p, size_t i, struct err *err)
{
	const struct image_layer *l = &p->image->layers.v[i];
	struct descriptor *d = &p->manifest.layers.v[i];
	bool foreign = media_is_foreign(d->media_type) && d->urls.n > 0 && !p->o->foreign;
	p->bar = progress_add(p->o->progress, d->digest, d->size);
	if (foreign) {
		progress_set(p->o->progress, p->bar, PROGRESS_EXISTS, d->size);
		return 0;
	}
	if (has_blob(p, l)) {
		int done = from_registry(p, &l->blob, err);
		if (done > 0)
			progress_set(p->o->progress, p->bar, PROGRESS_EXISTS, d->size);
		if (done == 0)
			done = from_store(p, &l->blob, l->blob_size, err);
		if (done == 0)
			done = from_source(p, &l->blob, l->blob_size, err);
		if (done < 0)
			return -1;
		if (done > 0) {
			progress_set(p->o->progress, p->bar, PROGRESS_DONE, d->size);
			return 0;
		}
	}
	if (compress_anew(p, l, d, err) < 0)
		return -1;
	progress_set(p->o->progress, p->bar, PROGRESS_DONE, d->size);
	return 0;
}

/* --- documents -------------------------------------------------------------------- */

static int push_config(struct push *p, struct err *err)
{
	AUTO_BUF text;
	buf_init(&text);
	int there = registry_has_blob(p->registry, &p->image->config, err);
	if (there != 0)
		return there < 0 ? -1 : 0;
	if (store_read_blob(p->store, &p->image->config, CONFIG_SIZE_MAX, &text, err) < 0)
		return -1;
	const struct registry_upload u = {
		.digest = p->image->config, .size = text.len, .data = text.s, .fd = -1
	};
	return registry_upload(p->registry, &u, err);
}

/* A manifest of ours is an OCI one; so are the types in it. */
static int write_manifest(struct push *p, struct err *err)
{
	static char manifest_type[] = MEDIA_OCI_MANIFEST, config_type[] = MEDIA_OCI_CONFIG;
	p->manifest.media_type = manifest_type;
	p->manifest.config->media_type = config_type;
	for (size_t i = 0; i < p->manifest.layers.n; i++) {
		struct descriptor *d = &p->manifest.layers.v[i];
		d->media_type = arena_strdup(&p->arena, compose_media_type(d->media_type));
		if (!d->media_type)
			return err_set(err, ENOMEM, "out of memory");
	}
	buf_clear(&p->manifest_text);
	manifest_write(&p->manifest_text, &p->manifest);
	if (buf_failed(&p->manifest_text))
		return err_set(err, ENOMEM, "out of memory");
	if (p->o->registry.warn)
		p->o->registry.warn(
			"layers were compressed anew: the image has another digest in the "
			"registry than here (the same id; pull --keep-blobs avoids it)",
			p->o->registry.warn_arg);
	return 0;
}

static int load(struct push *p, struct err *err)
{
	struct err ignored = { 0 };
	const struct image *i = p->image;
	if (store_read_blob(p->store, &i->manifest, MANIFEST_SIZE_MAX, &p->manifest_text, err) <
		    0 ||
	    manifest_parse("manifest", p->manifest_text.s, p->manifest_text.len, i->manifest_type,
			   &p->manifest, &p->arena, err) < 0)
		return -1;
	if (p->manifest.layers.n != i->layers.n)
		return err_set(err, EINVAL, "the image's record doesn't fit its manifest");
	p->has_source = i->source && reference_parse(i->source, &p->from, &ignored) == 0;
	return 0;
}

static int run(struct push *p, struct push_result *ret, struct err *err)
{
	if (registry_open(&p->to, &p->o->registry, &p->registry, err) < 0 || load(p, err) < 0)
		return -1;
	for (size_t i = 0; i < p->image->layers.n; i++) {
		if (push_layer(p, i, err) < 0)
			return err_wrap(err, "layer %.19s", p->image->layers.v[i].diff_id.text);
	}
	if (push_config(p, err) < 0 || (p->changed && write_manifest(p, err) < 0))
		return -1;
	digest_of(p->manifest_text.s, p->manifest_text.len, &ret->digest);
	ret->size = p->manifest_text.len;
	if (str_copy(ret->media_type, sizeof(ret->media_type), p->manifest.media_type) < 0)
		return err_set(err, EINVAL, "the manifest's type is too long");
	return registry_put_manifest(p->registry, p->to.tag[0] ? p->to.tag : ret->digest.text,
				     p->manifest.media_type, p->manifest_text.s,
				     p->manifest_text.len, err);
}

int push_image(struct store *s, const struct image *image, const struct reference *to,
	       const struct push_options *options, struct push_result *ret, struct err *err)
{
	struct push p = { .store = s, .image = image, .o = options, .to = *to };
	arena_init(&p.arena, ARENA_MAX_DEFAULT);
	buf_init(&p.manifest_text);
	int rc = run(&p, ret, err);
	registry_close(p.registry);
	registry_close(p.source);
	buf_release(&p.manifest_text);
	arena_release(&p.arena);
	return rc;
}
