/* SPDX-License-Identifier: Apache-2.0 */
/* load.c - images out of archives and layouts into the store
 *
 * An OCI layout where there is one, else docker's manifest.json.  Every digest
 * is computed again; an image gets its name when all of it is in the store.
 *
 * image-spec image-layout.md; docker's image specification 1.2
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "image/archive.h"
#include "image/compose.h"
#include "image/manifest.h"
#include "image/reference.h"
#include "image/timestamp.h"

#define NAME_SIZE  512
#define IMAGES_MAX 1024
#define ENDING_MAX 8

struct load {
	struct store *store;
	struct archive *archive;
	const struct archive_load *o;
	struct txn *txn;
	struct arena arena;
	struct layer_sink *ending[ENDING_MAX]; /* being read by their processes */
	size_t n_ending;
};

struct docker_entry {
	char *config;
	struct strings repo_tags, layers;
};
static const struct json_field entry_fields[] = {
	JSON_FIELD_AS("Config", struct docker_entry, config, JSON_STRING, .required = true),
	JSON_FIELD_AS("RepoTags", struct docker_entry, repo_tags, JSON_STRINGS),
	JSON_FIELD_AS("Layers", struct docker_entry, layers, JSON_STRINGS),
};
static const struct json_table entry_table = JSON_TABLE(struct docker_entry, entry_fields);

/* --- layers --------------------------------------------------------------------------------- */

/* The first of the layers that were fed. */
static int end_layer(struct load *l, struct err *err)
{
	struct layer_sink *sink = l->ending[0];
	l->n_ending--;
	for (size_t i = 0; i < l->n_ending; i++)
		l->ending[i] = l->ending[i + 1];
	return layer_finish(sink, NULL, err);
}

static int end_layers(struct load *l, struct err *err)
{
	while (l->n_ending > 0) {
		if (end_layer(l, err) < 0)
			return -1;
	}
	return 0;
}

/* While layers of ours are unfinished nobody else is waited for, who may wait for one of them. */
static int claim_layer(struct load *l, const struct digest *diff_id, enum txn_claim *ret,
		       struct err *err)
{
	if (txn_claim_layer(l->txn, diff_id, l->n_ending == 0, ret, err) < 0)
		return -1;
	if (*ret != TXN_LAYER_BUSY)
		return 0;
	return end_layers(l, err) < 0 ? -1 : txn_claim_layer(l->txn, diff_id, true, ret, err);
}

/* blob: what the member must hash to, or unset. */
static int load_layer(struct load *l, const char *member, const struct digest *blob,
		      const struct digest *diff_id, struct err *err)
{
	enum txn_claim claim;
	struct layer_sink *sink;
	struct archive_member m;
	if (claim_layer(l, diff_id, &claim, err) < 0)
		return -1;
	if (claim == TXN_LAYER_PRESENT)
		return 0;
	if (archive_find(l->archive, member, &m, err) < 0)
		return -1;
	const struct layer_source source = { m.fd, m.offset, m.size };
	const struct layer_options options = {
		.blob = *blob,
		.blob_size = m.size,
		.diff_id = *diff_id,
		.source = &source,
	};
	if (l->n_ending == ENDING_MAX && end_layer(l, err) < 0)
		return -1;
	if (layer_begin(l->txn, &options, &sink, err) < 0)
		return -1;
	l->ending[l->n_ending++] = sink;
	return 0;
}

static int take_sizes(const struct load *l, struct image_layers *layers, struct err *err)
{
	for (size_t i = 0; i < layers->n; i++) {
		if (layer_size(l->store, &layers->v[i].diff_id, &layers->v[i].size, err) < 0)
			return -1;
	}
	return 0;
}

static int load_config(struct load *l, const char *member, struct buf *text,
		       struct image_config *config, size_t layers, struct err *err)
{
	if (archive_read(l->archive, member, CONFIG_SIZE_MAX, text, err) < 0 ||
	    config_parse(member, text->s, text->len, config, &l->arena, err) < 0)
		return -1;
	if (config->rootfs.diff_ids.n != layers)
		return err_set(err, EINVAL, "\"%s\": %zu layers, but %zu diff ids", member, layers,
			       config->rootfs.diff_ids.n);
	return 0;
}

/* --- names ----------------------------------------------------------------------------------- */

/* The whole name that a tag of an archive means; a plain tag needs the name that was given. */
static const char *full_name(struct load *l, const char *text)
{
	struct reference ref;
	char name[REFERENCE_TEXT_MAX];
	if (!text || reference_parse(text, &ref, NULL) < 0 || ref.digest[0])
		return NULL;
	reference_format(&ref, name, sizeof(name));
	return arena_strdup(&l->arena, name);
}

static void tell(const struct load *l, const char *const *names, size_t n, const struct digest *id)
{
	if (!l->o->loaded)
		return;
	for (size_t i = 0; i < n; i++)
		l->o->loaded(l->o->arg, names[i], id);
	if (n == 0)
		l->o->loaded(l->o->arg, NULL, id);
}

/* --- docker's manifest.json ------------------------------------------------------------------- */

static int load_docker_image(struct load *l, const struct docker_entry *e, struct err *err)
{
	struct image_config config;
	struct digest id;
	AUTO_BUF text;
	buf_init(&text);
	if (load_config(l, e->config, &text, &config, e->layers.n, err) < 0)
		return -1;
	struct compose c = {
		.txn = l->txn, .arena = &l->arena, .config_text = &text, .config = &config
	};
	c.layers.v = arena_array(&l->arena, e->layers.n + 1, sizeof(*c.layers.v));
	const char **names = arena_array(&l->arena, e->repo_tags.n + 2, sizeof(*names));
	if (!c.layers.v || !names)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < e->layers.n; i++) {
		const struct digest none = { 0 };
		struct image_layer *layer = &c.layers.v[i];
		if (digest_parse(config.rootfs.diff_ids.v[i], &layer->diff_id, err) < 0 ||
		    load_layer(l, e->layers.v[i], &none, &layer->diff_id, err) < 0)
			return err_wrap(err, "layer %zu", i);
	}
	c.layers.n = e->layers.n;
	if (end_layers(l, err) < 0 || take_sizes(l, &c.layers, err) < 0)
		return -1;
	for (size_t i = 0; i < e->repo_tags.n; i++) {
		const char *name = full_name(l, e->repo_tags.v[i]);
		if (name)
			names[c.n_names++] = name;
	}
	const char *given = full_name(l, l->o->name);
	if (c.n_names == 0 && given)
		names[c.n_names++] = given;
	c.names = names;
	if (compose_image(&c, &id, NULL, err) < 0)
		return -1;
	tell(l, names, c.n_names, &id);
	return 0;
}

static int load_docker(struct load *l, struct err *err)
{
	struct {
		struct docker_entry *v;
		size_t n;
	} list;
	struct json_array array;
	AUTO_BUF text;
	buf_init(&text);
	if (archive_read(l->archive, "manifest.json", MANIFEST_SIZE_MAX, &text, err) < 0 ||
	    json_decode_array("manifest.json", text.s, text.len, &entry_table, &array, &l->arena,
			      err) < 0)
		return -1;
	memcpy(&list, &array, sizeof(list));
	if (list.n == 0 || list.n > IMAGES_MAX)
		return err_set(err, EINVAL, "the archive holds %s images",
			       list.n ? "too many" : "no");
	for (size_t i = 0; i < list.n; i++) {
		if (load_docker_image(l, &list.v[i], err) < 0)
			return -1;
	}
	return 0;
}

/* --- OCI layouts ------------------------------------------------------------------ */

static int blob_name(const char *digest, char *dst, struct err *err)
{
	struct digest d;
	if (digest_parse(digest, &d, err) < 0)
		return -1;
	return str_format(dst, NAME_SIZE, "blobs/%s/%s", digest_folder(&d), digest_hex(&d)) < 0
		       ? err_set(err, EINVAL, "a digest too long")
		       : 0;
}

/* A document of the layout, stored in the store under its digest, which is verified there. */
static int take_document(struct load *l, const struct descriptor *d, struct buf *text,
			 struct digest *ret, struct err *err)
{
	char name[NAME_SIZE];
	if (blob_name(d->digest, name, err) < 0 || digest_parse(d->digest, ret, err) < 0 ||
	    archive_read(l->archive, name, CONFIG_SIZE_MAX, text, err) < 0)
		return -1;
	return txn_put_blob(l->txn, text->s, text->len, ret, NULL, err);
}

static int load_oci_layers(struct load *l, const struct manifest *m,
			   const struct image_config *config, struct image *image, struct err *err)
{
	image->layers.n = m->layers.n;
	image->layers.v = arena_array(&l->arena, m->layers.n + 1, sizeof(*image->layers.v));
	if (!image->layers.v)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < m->layers.n; i++) {
		const struct descriptor *d = &m->layers.v[i];
		struct image_layer *layer = &image->layers.v[i];
		char name[NAME_SIZE];
		if (digest_parse(config->rootfs.diff_ids.v[i], &layer->diff_id, err) < 0 ||
		    digest_parse(d->digest, &layer->blob, err) < 0 ||
		    blob_name(d->digest, name, err) < 0 ||
		    load_layer(l, name, &layer->blob, &layer->diff_id, err) < 0)
			return err_wrap(err, "layer %zu", i);
		layer->blob_size = d->size;
		layer->media_type = d->media_type;
	}
	return end_layers(l, err) < 0 ? -1 : take_sizes(l, &image->layers, err);
}

/* The name of an entry of index.json. */
static const char *oci_name(struct load *l, const struct descriptor *d)
{
	const char *whole = pairs_find(&d->annotations, "io.containerd.image.name");
	const char *ref = pairs_find(&d->annotations, "org.opencontainers.image.ref.name");
	struct reference parsed;
	if (whole)
		return full_name(l, whole);
	/* a plain tag says nothing without the name that the user gives */
	bool plain = ref && reference_is_tag(ref) && reference_parse(ref, &parsed, NULL) == 0 &&
		     parsed.is_short && !strchr(ref, '/');
	if (l->o->name)
		return full_name(l, l->o->name);
	return plain ? full_name(l, arena_printf(&l->arena, "localhost/%s", ref))
		     : full_name(l, ref);
}

static int load_oci_image(struct load *l, const struct descriptor *top, struct err *err)
{
	struct manifest m;
	struct image image = { .stored = time(NULL) };
	struct image_config config;
	struct descriptor d = *top;
	AUTO_BUF text;
	AUTO_BUF config_text;
	buf_init(&text);
	buf_init(&config_text);
	for (int depth = 0;; depth++) {
		buf_clear(&text);
		if (take_document(l, &d, &text, &image.manifest, err) < 0 ||
		    manifest_parse(d.digest, text.s, text.len, NULL, &m, &l->arena, err) < 0)
			return -1;
		if (m.kind == MANIFEST_IMAGE)
			break;
		int chosen = manifest_choose(&m, &l->o->platform, err);
		if (chosen < 0 || depth == MANIFEST_INDEX_DEPTH_MAX)
			return chosen < 0 ? -1 : err_set(err, ELOOP, "indexes of indexes");
		d = m.manifests.v[chosen];
	}
	if (take_document(l, m.config, &config_text, &image.config, err) < 0 ||
	    config_parse("config", config_text.s, config_text.len, &config, &l->arena, err) < 0)
		return -1;
	if (config.rootfs.diff_ids.n != m.layers.n)
		return err_set(err, EINVAL, "%zu layers, but %zu diff ids", m.layers.n,
			       config.rootfs.diff_ids.n);
	if (load_oci_layers(l, &m, &config, &image, err) < 0)
		return -1;
	image.manifest_type = m.media_type;
	image.manifest_size = text.len;
	image.config_size = config_text.len;
	image.os = config.os;
	image.architecture = config.architecture;
	image.variant = config.variant;
	image.created = timestamp_parse(config.created);
	const char *name = oci_name(l, top);
	if (txn_commit_image(l->txn, &image, &name, name ? 1 : 0, err) < 0)
		return -1;
	tell(l, &name, name ? 1 : 0, &image.config);
	return 0;
}

static int load_oci(struct load *l, const struct buf *index, struct err *err)
{
	struct manifest m;
	if (manifest_parse("index.json", index->s, index->len, MEDIA_OCI_INDEX, &m, &l->arena,
			   err) < 0)
		return -1;
	if (m.manifests.n == 0 || m.manifests.n > IMAGES_MAX)
		return err_set(err, EINVAL, "the layout holds %s images",
			       m.manifests.n ? "too many" : "no");
	for (size_t i = 0; i < m.manifests.n; i++) {
		if (load_oci_image(l, &m.manifests.v[i], err) < 0)
			return -1;
	}
	return 0;
}

int archive_load(struct store *s, int fd, const struct archive_load *options, struct err *err)
{
	struct load l = { .store = s, .o = options };
	struct archive_member member;
	AUTO_BUF index;
	buf_init(&index);
	if (archive_open(s, fd, &l.archive, err) < 0)
		return -1;
	arena_init(&l.arena, ARENA_MAX_DEFAULT);
	int rc = txn_begin(s, &l.txn, err);
	if (rc == 0 && archive_find(l.archive, "index.json", &member, NULL) == 0) {
		rc = archive_read(l.archive, "index.json", MANIFEST_SIZE_MAX, &index, err);
		if (rc == 0)
			rc = load_oci(&l, &index, err);
	} else if (rc == 0) {
		rc = archive_find(l.archive, "manifest.json", &member, NULL) == 0
			     ? load_docker(&l, err)
			     : err_set(err, EINVAL,
				       "neither an OCI layout nor an archive of docker's");
	}
	for (size_t i = 0; i < l.n_ending; i++)
		layer_abort(l.ending[i], false);
	txn_end(l.txn);
	archive_close(l.archive);
	arena_release(&l.arena);
	return rc;
}
