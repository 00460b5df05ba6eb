/* SPDX-License-Identifier: Apache-2.0 */
/* image.c - a checkpoint as an image of one layer, for a registry
 *
 * The layer is the archive, and is kept as it was compressed: the manifest with
 * its annotations is the one that is pushed.  They say what it is: podman and CRI-O
 * look at the manifest, so both of their vocabularies stand there; Kubernetes'
 * runtimes restore what has org.criu.checkpoint.container.name.
 *
 * image-spec manifest.md "annotations"
 */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/file.h"
#include "image/config.h"
#include "image/layer.h"
#include "image/manifest.h"
#include "image/platform.h"
#include "image/reference.h"
#include "image/timestamp.h"
#include "runtime/archive/archive.h"

#define PODMAN	  "io.podman.annotations.checkpoint."
#define CRIU	  "org.criu.checkpoint."
#define PAIRS_MAX 32

struct making {
	const struct request *r;
	struct arena arena;
	struct txn *txn;
	struct image_layer layer;
	struct pair pairs[PAIRS_MAX];
	struct pairs annotations;
	struct image image;
};

static int add(struct making *m, const char *key, const char *value, struct err *err)
{
	struct pair *p = &m->pairs[m->annotations.n];

	if (!value || !value[0])
		return 0;
	if (m->annotations.n == PAIRS_MAX)
		return err_set(err, E2BIG, "annotations");
	p->key = arena_strdup(&m->arena, key);
	p->value = arena_strdup(&m->arena, value);
	m->annotations.n++;
	return p->key && p->value ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int add_both(struct making *m, const char *podman, const char *criu, const char *value,
		    struct err *err)
{
	if (add(m, arena_printf(&m->arena, PODMAN "%s", podman), value, err) < 0)
		return -1;
	return add(m, arena_printf(&m->arena, CRIU "%s", criu), value, err);
}

struct config_words {
	char *rootfsImageName, *rootfsImageID;
};
static const struct json_field config_fields[] = {
	JSON_FIELD(struct config_words, rootfsImageName, JSON_STRING),
	JSON_FIELD(struct config_words, rootfsImageID, JSON_STRING),
};
static const struct json_table config_table = JSON_TABLE(struct config_words, config_fields);

static int make_annotations(struct making *m, int dir, struct err *err)
{
	struct config_words c;
	struct utsname host;
	AUTO_BUF text;

	buf_init(&text);
	if (uname(&host) < 0)
		return err_sys(err, "this host's name");
	if (file_read(dir, MEMBER_CONFIG, &text, DOCUMENT_MAX, true) < 0)
		return err_sys(err, "read " MEMBER_CONFIG);
	if (json_decode(MEMBER_CONFIG, text.s, text.len, &config_table, &c, &m->arena, err) < 0)
		return -1;
	const struct {
		const char *podman, *criu, *value;
	} rows[] = {
		{ "name", "container.name", m->r->id },
		{ "rawImageName", "rawImageName", c.rootfsImageName },
		{ "rootfsImageName", "rootfsImageName", c.rootfsImageName },
		{ "rootfsImageID", "rootfsImageID", c.rootfsImageID },
		{ "runtime.name", "runtime.name", "skerry" },
		{ "criu.version", "criu.version", m->r->criu },
		{ "host.arch", "host.arch", host.machine },
		{ "host.kernel", "host.kernel", host.release },
		{ "cgroups.version", "cgroup.version", "v2" },
	};
	m->annotations.v = m->pairs;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (add_both(m, rows[i].podman, rows[i].criu, rows[i].value, err) < 0)
			return -1;
	return 0;
}

static int to_layer(void *arg, const void *data, size_t size, struct err *err)
{
	return layer_write_full(arg, data, size, err);
}

static int write_layer(const struct making *m, int dir, struct layer_sink *sink, struct err *err)
{
	struct squeeze *s = squeeze_new(m->r->compress, to_layer, sink, err);
	int rc;

	if (!s)
		return -1;
	rc = pack_tar(dir, squeeze_write, s, err);
	if (rc == 0)
		rc = squeeze_end(s, err);
	squeeze_free(s);
	return rc;
}

static char *media_type(enum layer_compression c)
{
	static char plain[] = MEDIA_OCI_LAYER, gzip[] = MEDIA_OCI_LAYER_GZIP,
		    zstd[] = MEDIA_OCI_LAYER_ZSTD;

	switch (c) {
	case LAYER_GZIP:
		return gzip;
	case LAYER_ZSTD:
		return zstd;
	case LAYER_PLAIN:
		break;
	}
	return plain;
}

static int make_layer(struct making *m, int dir, struct err *err)
{
	const struct layer_options options = { .max_size = LAYER_SIZE_MAX, .keep_blob = true };
	struct layer_result result;
	struct layer_sink *sink;

	if (layer_begin(m->txn, &options, &sink, err) < 0)
		return -1;
	if (write_layer(m, dir, sink, err) < 0) {
		layer_abort(sink, false);
		return -1;
	}
	if (layer_finish(sink, &result, err) < 0)
		return -1;
	m->layer = (struct image_layer){ .diff_id = result.diff_id,
					 .blob = result.blob,
					 .blob_size = result.blob_size,
					 .size = result.size,
					 .media_type = media_type(result.compression) };
	return 0;
}

static int put_config(struct making *m, struct err *err)
{
	struct image_config c = { 0 };
	struct platform host;
	char now[40], *ids[2] = { m->layer.diff_id.text, NULL };
	AUTO_BUF text;

	buf_init(&text);
	timestamp_now(now, sizeof(now));
	platform_host(&host);
	c.created = now;
	c.os = arena_strdup(&m->arena, host.os);
	c.architecture = arena_strdup(&m->arena, host.architecture);
	c.rootfs.diff_ids = (struct strings){ ids, 1 };
	config_write(&text, &c);
	if (buf_failed(&text) || !c.os || !c.architecture)
		return err_set(err, ENOMEM, "out of memory");
	m->image.os = c.os;
	m->image.architecture = c.architecture;
	m->image.created = m->image.stored = time(NULL);
	m->image.config_size = text.len;
	return txn_put_blob(m->txn, text.s, text.len, NULL, &m->image.config, err);
}

static int put_manifest(struct making *m, struct err *err)
{
	static char manifest_type[] = MEDIA_OCI_MANIFEST, config_type[] = MEDIA_OCI_CONFIG;
	struct descriptor config = { .media_type = config_type,
				     .digest = m->image.config.text,
				     .size = m->image.config_size };
	struct descriptor layer = { .media_type = m->layer.media_type,
				    .digest = m->layer.blob.text,
				    .size = m->layer.blob_size };
	const struct manifest doc = { .kind = MANIFEST_IMAGE,
				      .media_type = manifest_type,
				      .config = &config,
				      .layers = { &layer, 1 },
				      .annotations = m->annotations };
	AUTO_BUF text;

	buf_init(&text);
	manifest_write(&text, &doc);
	if (buf_failed(&text))
		return err_set(err, ENOMEM, "out of memory");
	m->image.manifest_type = manifest_type;
	m->image.manifest_size = text.len;
	return txn_put_blob(m->txn, text.s, text.len, NULL, &m->image.manifest, err);
}

static int make_image(struct making *m, int dir, const char *name, struct err *err)
{
	if (make_annotations(m, dir, err) < 0 || make_layer(m, dir, err) < 0 ||
	    put_config(m, err) < 0 || put_manifest(m, err) < 0)
		return -1;
	m->image.layers = (struct image_layers){ &m->layer, 1 };
	m->image.blobs = (struct digests){ &m->layer.blob, 1 };
	return txn_commit_image(m->txn, &m->image, &name, 1, err);
}

int pack_image(const struct request *r, int dir, struct err *err)
{
	struct making m = { .r = r };
	char name[REFERENCE_TEXT_MAX], path[PATH_MAX];
	struct reference ref;
	struct store *s;
	int rc;

	if (!r->name || reference_parse(r->name, &ref, err) < 0)
		return -1;
	reference_format(&ref, name, sizeof(name));
	if (r->store && r->store[0] ? str_copy(path, sizeof(path), r->store) < 0
				    : store_default_path(path, sizeof(path), err) < 0)
		return -1;
	if (store_open(path, true, &s, err) < 0)
		return -1;
	arena_init(&m.arena, ARCHIVE_ARENA_MAX);
	rc = txn_begin(s, &m.txn, err);
	if (rc == 0)
		rc = make_image(&m, dir, name, err);
	txn_end(m.txn);
	store_close(s);
	arena_release(&m.arena);
	return rc;
}
