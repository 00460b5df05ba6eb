/* SPDX-License-Identifier: Apache-2.0 */
/* compose.c - an image of our own making out of a configuration and layers of the store
 *
 * A layer that was never seen compressed is described as the plain tar it is in
 * the store; pushing compresses it and writes another manifest then.
 */
#include "image/compose.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "image/manifest.h"
#include "image/timestamp.h"

const char *compose_media_type(const char *type)
{
	if (!type || str_eq(type, MEDIA_DOCKER_LAYER))
		return MEDIA_OCI_LAYER;
	if (str_eq(type, MEDIA_DOCKER_LAYER ".gzip"))
		return MEDIA_OCI_LAYER_GZIP;
	if (str_eq(type, MEDIA_DOCKER_LAYER ".zstd"))
		return MEDIA_OCI_LAYER_ZSTD;
	return type;
}

void compose_layer(const struct layer_result *from, struct image_layer *to)
{
	*to = (struct image_layer){ .diff_id = from->diff_id, .size = from->size };
}

static int describe(const struct compose *c, struct descriptor *d, const struct image_layer *l,
		    struct err *err)
{
	bool seen = digest_is_set(&l->blob);
	*d = (struct descriptor){
		.digest = arena_strdup(c->arena, seen ? l->blob.text : l->diff_id.text),
		.size = seen ? l->blob_size : l->size,
		.media_type =
			arena_strdup(c->arena, compose_media_type(seen ? l->media_type : NULL)),
	};
	return d->digest && d->media_type ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int write_documents(const struct compose *c, struct image *image, struct err *err)
{
	struct descriptor config = { 0 };
	static char manifest_type[] = MEDIA_OCI_MANIFEST, config_type[] = MEDIA_OCI_CONFIG;
	struct manifest m = { .kind = MANIFEST_IMAGE,
			      .media_type = manifest_type,
			      .config = &config };
	AUTO_BUF text;
	AUTO_BUF own;
	buf_init(&text);
	buf_init(&own);
	const struct buf *config_text = c->config_text;
	if (!config_text) {
		config_write(&own, c->config);
		config_text = &own;
	}
	if (buf_failed(config_text))
		return err_set(err, ENOMEM, "out of memory");
	if (txn_put_blob(c->txn, config_text->s, config_text->len, NULL, &image->config, err) < 0)
		return -1;
	config.media_type = config_type;
	config.digest = image->config.text;
	config.size = image->config_size = config_text->len;
	m.layers.n = c->layers.n;
	m.layers.v = arena_array(c->arena, c->layers.n + 1, sizeof(*m.layers.v));
	if (!m.layers.v)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < c->layers.n; i++) {
		if (describe(c, &m.layers.v[i], &c->layers.v[i], err) < 0)
			return -1;
	}
	manifest_write(&text, &m);
	if (buf_failed(&text))
		return err_set(err, ENOMEM, "out of memory");
	image->manifest_type = manifest_type;
	image->manifest_size = text.len;
	return txn_put_blob(c->txn, text.s, text.len, NULL, &image->manifest, err);
}

int compose_image(const struct compose *c, struct digest *ret_id, struct digest *ret_manifest,
		  struct err *err)
{
	struct image image = {
		.layers = c->layers,
		.os = c->config->os,
		.architecture = c->config->architecture,
		.variant = c->config->variant,
		.created = timestamp_parse(c->config->created),
		.stored = time(NULL),
	};
	if (c->config->rootfs.diff_ids.n != c->layers.n)
		return err_set(err, EINVAL, "%zu layers, but %zu diff ids", c->layers.n,
			       c->config->rootfs.diff_ids.n);
	if (write_documents(c, &image, err) < 0 ||
	    txn_commit_image(c->txn, &image, c->names, c->n_names, err) < 0)
		return -1;
	if (ret_id)
		*ret_id = image.config;
	if (ret_manifest)
		*ret_manifest = image.manifest;
	return 0;
}
