/* SPDX-License-Identifier: Apache-2.0 */
/* manifest.c - manifests, indexes and descriptors, of OCI and of Docker's schema 2
 *
 * Documents that two readers could take for different things are refused:
 * both "manifests" and "layers", a "mediaType" that is not the Content-Type,
 * a key given twice.
 *
 * image-spec manifest.md, image-index.md, descriptor.md
 */
#include "image/manifest.h"

#include <errno.h>
#include <string.h>

#include "image/reference.h"

#define FIELD JSON_FIELD_AS

static const struct json_field platform_fields[] = {
	JSON_FIELD(struct descriptor_platform, architecture, JSON_STRING),
	JSON_FIELD(struct descriptor_platform, os, JSON_STRING),
	JSON_FIELD(struct descriptor_platform, variant, JSON_STRING),
	FIELD("os.version", struct descriptor_platform, os_version, JSON_STRING),
};
static const struct json_table platform_table =
	JSON_TABLE(struct descriptor_platform, platform_fields);

static const struct json_field descriptor_fields[] = {
	FIELD("mediaType", struct descriptor, media_type, JSON_STRING),
	JSON_FIELD(struct descriptor, digest, JSON_STRING, .required = true),
	JSON_FIELD(struct descriptor, size, JSON_U64, .max = INT64_MAX),
	FIELD("artifactType", struct descriptor, artifact_type, JSON_STRING),
	JSON_FIELD(struct descriptor, data, JSON_STRING),
	JSON_FIELD(struct descriptor, urls, JSON_STRINGS),
	JSON_FIELD(struct descriptor, annotations, JSON_PAIRS),
	JSON_FIELD(struct descriptor, platform, JSON_OBJECT, .sub = &platform_table),
};
static const struct json_table descriptor_table = JSON_TABLE(struct descriptor, descriptor_fields);

static const struct json_field manifest_fields[] = {
	FIELD("schemaVersion", struct manifest, schema_version, JSON_U32),
	FIELD("mediaType", struct manifest, media_type, JSON_STRING),
	FIELD("artifactType", struct manifest, artifact_type, JSON_STRING),
	JSON_FIELD(struct manifest, config, JSON_OBJECT, .sub = &descriptor_table),
	JSON_FIELD(struct manifest, layers, JSON_OBJECTS, .sub = &descriptor_table),
	JSON_FIELD(struct manifest, manifests, JSON_OBJECTS, .sub = &descriptor_table),
	JSON_FIELD(struct manifest, annotations, JSON_PAIRS),
};
static const struct json_table manifest_table = JSON_TABLE(struct manifest, manifest_fields);

bool media_is_index(const char *type)
{
	return str_eq(type, MEDIA_OCI_INDEX) || str_eq(type, MEDIA_DOCKER_INDEX);
}

bool media_is_manifest(const char *type)
{
	return str_eq(type, MEDIA_OCI_MANIFEST) || str_eq(type, MEDIA_DOCKER_MANIFEST);
}

bool media_is_foreign(const char *type)
{
	return type &&
	       (str_starts(type, MEDIA_OCI_FOREIGN) || str_starts(type, MEDIA_DOCKER_FOREIGN));
}

bool media_is_layer(const char *type)
{
	return type && (str_starts(type, MEDIA_OCI_LAYER) || str_starts(type, MEDIA_DOCKER_LAYER) ||
			media_is_foreign(type));
}

const char *pairs_find(const struct pairs *p, const char *key)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->v[i].key, key) == 0)
			return p->v[i].value;
	}
	return NULL;
}

static int check_descriptors(const char *name, const struct descriptors *list, const char *what,
			     struct err *err)
{
	if (list->n > MANIFEST_LAYERS_MAX)
		return err_set(err, EINVAL, "%s: more than %d %s", name, MANIFEST_LAYERS_MAX, what);
	for (size_t i = 0; i < list->n; i++) {
		if (!reference_is_digest(list->v[i].digest))
			return err_set(err, EINVAL, "%s: %s %zu: malformed digest \"%.80s\"", name,
				       what, i, list->v[i].digest);
	}
	return 0;
}

/* The type itself without parameters ("; charset=utf-8"). */
static bool same_type(const char *type, const char *content_type)
{
	size_t len = strcspn(content_type, "; \t");
	return strlen(type) == len && strncasecmp(type, content_type, len) == 0;
}

static bool is_known(const char *content_type)
{
	static const char *const known[] = { MEDIA_OCI_INDEX, MEDIA_OCI_MANIFEST,
					     MEDIA_DOCKER_INDEX, MEDIA_DOCKER_MANIFEST };
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (same_type(known[i], content_type))
			return true;
	}
	return false;
}

/* The document's own type, else the one it was sent as. */
static int find_type(const char *name, struct manifest *m, const char *content_type,
		     struct arena *arena, struct err *err)
{
	bool sent = content_type && is_known(content_type);
	if (m->schema_version == 1)
		return err_set(err, ENOTSUP,
			       "%s: an image of Docker's old schema 1; push it again with any "
			       "program of the last ten years",
			       name);
	if (m->media_type && sent && !same_type(m->media_type, content_type))
		return err_set(err, EINVAL, "%s: is \"%s\", but was sent as \"%s\"", name,
			       m->media_type, content_type);
	if (m->media_type || !sent)
		return 0;
	m->media_type = arena_strndup(arena, content_type, strcspn(content_type, "; \t"));
	return m->media_type ? 0 : err_set(err, ENOMEM, "%s: out of memory", name);
}

/* Says what the document is, in m->kind and m->media_type. */
static int classify(const char *name, struct manifest *m, struct arena *arena, struct err *err)
{
	bool image = m->config || m->layers.n > 0;
	bool index = m->media_type ? media_is_index(m->media_type) : !image;
	if (m->media_type && !index && !media_is_manifest(m->media_type))
		return err_set(err, ENOTSUP, "%s: unknown type \"%.100s\"", name, m->media_type);
	if (index ? image : m->manifests.n > 0)
		return err_set(err, EINVAL, "%s: both an index and a manifest", name);
	m->kind = index ? MANIFEST_INDEX : MANIFEST_IMAGE;
	if (m->media_type)
		return 0;
	bool docker = m->config && str_eq(m->config->media_type, MEDIA_DOCKER_CONFIG);
	const char *type = docker ? MEDIA_DOCKER_MANIFEST : MEDIA_OCI_MANIFEST;
	m->media_type = arena_strdup(arena, index ? MEDIA_OCI_INDEX : type);
	return m->media_type ? 0 : err_set(err, ENOMEM, "%s: out of memory", name);
}

int manifest_parse(const char *name, const char *text, size_t len, const char *content_type,
		   struct manifest *ret, struct arena *arena, struct err *err)
{
	struct manifest m;
	if (len > MANIFEST_SIZE_MAX)
		return err_set(err, EFBIG, "%s: larger than %zu bytes", name, MANIFEST_SIZE_MAX);
	if (json_decode(name, text, len, &manifest_table, &m, arena, err) < 0)
		return -1;
	if (find_type(name, &m, content_type, arena, err) < 0 ||
	    classify(name, &m, arena, err) < 0 ||
	    check_descriptors(name, &m.layers, "layer", err) < 0 ||
	    check_descriptors(name, &m.manifests, "manifest", err) < 0)
		return -1;
	if (m.kind == MANIFEST_IMAGE) {
		if (!m.config)
			return err_set(err, EINVAL, "%s: no config", name);
		const struct descriptors config = { m.config, 1 };
		if (check_descriptors(name, &config, "config", err) < 0)
			return -1;
	}
	*ret = m;
	return 0;
}

static void write_pairs(struct json_out *o, const char *key, const struct pairs *p)
{
	if (p->n == 0)
		return;
	json_key(o, key);
	json_begin_object(o);
	for (size_t i = 0; i < p->n; i++)
		json_kv_string(o, p->v[i].key, p->v[i].value);
	json_end_object(o);
}

static void write_platform(struct json_out *o, const struct descriptor_platform *p)
{
	json_key(o, "platform");
	json_begin_object(o);
	json_kv_string(o, "architecture", p->architecture ? p->architecture : "");
	json_kv_string(o, "os", p->os ? p->os : "");
	if (p->os_version)
		json_kv_string(o, "os.version", p->os_version);
	if (p->variant && p->variant[0])
		json_kv_string(o, "variant", p->variant);
	json_end_object(o);
}

void descriptor_write(struct json_out *o, const struct descriptor *d)
{
	json_begin_object(o);
	if (d->media_type)
		json_kv_string(o, "mediaType", d->media_type);
	json_kv_string(o, "digest", d->digest);
	json_kv_uint(o, "size", d->size);
	if (d->urls.n > 0) {
		json_key(o, "urls");
		json_begin_array(o);
		for (size_t i = 0; i < d->urls.n; i++)
			json_string(o, d->urls.v[i]);
		json_end_array(o);
	}
	if (d->artifact_type)
		json_kv_string(o, "artifactType", d->artifact_type);
	if (d->data)
		json_kv_string(o, "data", d->data);
	if (d->platform)
		write_platform(o, d->platform);
	write_pairs(o, "annotations", &d->annotations);
	json_end_object(o);
}

static void write_list(struct json_out *o, const char *key, const struct descriptors *list)
{
	json_key(o, key);
	json_begin_array(o);
	for (size_t i = 0; i < list->n; i++)
		descriptor_write(o, &list->v[i]);
	json_end_array(o);
}

void manifest_write(struct buf *out, const struct manifest *m)
{
	struct json_out o;
	json_out_init(&o, out, 0);
	json_begin_object(&o);
	json_kv_uint(&o, "schemaVersion", 2);
	json_kv_string(&o, "mediaType", m->media_type);
	if (m->artifact_type)
		json_kv_string(&o, "artifactType", m->artifact_type);
	if (m->kind == MANIFEST_INDEX) {
		write_list(&o, "manifests", &m->manifests);
	} else {
		json_key(&o, "config");
		descriptor_write(&o, m->config);
		write_list(&o, "layers", &m->layers);
	}
	write_pairs(&o, "annotations", &m->annotations);
	json_end_object(&o);
}

/* Is it an image, by all that its descriptor tells? */
bool descriptor_is_image(const struct descriptor *d)
{
	/* build records that builders put beside the images */
	if (pairs_find(&d->annotations, "vnd.docker.reference.type"))
		return false;
	return !d->media_type || media_is_manifest(d->media_type) || media_is_index(d->media_type);
}

static void set_platform(struct platform *p, const struct descriptor *d)
{
	const struct descriptor_platform *its = d->platform;
	platform_set(p, its ? its->os : NULL, its ? its->architecture : NULL,
		     its ? its->variant : NULL);
}

static int none_fits(const struct manifest *index, const char *wanted, struct err *err)
{
	char offered[256] = "", text[4 * PLATFORM_WORD_MAX];
	for (size_t i = 0; i < index->manifests.n; i++) {
		struct platform p;
		size_t used = strlen(offered);
		if (!descriptor_is_image(&index->manifests.v[i]))
			continue;
		set_platform(&p, &index->manifests.v[i]);
		platform_format(&p, text, sizeof(text));
		if (str_format(offered + used, sizeof(offered) - used, "%s%s", used ? ", " : "",
			       text) < 0)
			break;
	}
	return err_set(err, ENOENT, "no image for %s; there is: %s", wanted,
		       offered[0] ? offered : "nothing");
}

int manifest_choose(const struct manifest *index, const struct platform *wanted, struct err *err)
{
	int best = -1, best_rank = 0, only = -1, candidates = 0;
	for (size_t i = 0; i < index->manifests.n; i++) {
		const struct descriptor *d = &index->manifests.v[i];
		struct platform p;
		if (!descriptor_is_image(d))
			continue;
		candidates++;
		only = (int)i;
		set_platform(&p, d);
		int rank = platform_rank(wanted, &p);
		if (rank >= 0 && (best < 0 || rank < best_rank)) {
			best = (int)i;
			best_rank = rank;
		}
	}
	/* layouts with one image often leave its platform to the config */
	if (best < 0 && candidates == 1 && !index->manifests.v[only].platform)
		best = only;
	if (best >= 0)
		return best;
	char text[4 * PLATFORM_WORD_MAX];
	platform_format(wanted, text, sizeof(text));
	return none_fits(index, text, err);
}
