/* SPDX-License-Identifier: Apache-2.0 */
/* store_image.c - image records and the names that point at them
 *
 * images/HEX is the record of the image whose manifest has that digest: JSON that
 * names everything the image keeps alive, so that gc and fsck need not parse a
 * manifest.  refs/ESCAPED is a name, two lines: the manifest's digest and the
 * name itself (the file's name is derived from it, and shortened when long).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "image/rootfs.h"
#include "image/store.h"
#include "image/store_internal.h"

#define REF_NAME_MAX  512
#define REF_PLAIN_MAX 200 /* longer names are hashed */
#define ID_PREFIX_MIN 4

/* --- the record ---------------------------------------------------------------- */

struct raw_layer {
	char *diff_id, *blob, *media_type;
	uint64_t blob_size, size;
};
struct raw_layers {
	struct raw_layer *v;
	size_t n;
};
struct raw_image {
	char *manifest, *manifest_type, *index, *config, *os, *architecture, *variant, *source;
	uint64_t manifest_size, config_size;
	struct raw_layers layers;
	struct strings blobs;
	int64_t created, stored;
};

static const struct json_field layer_fields[] = {
	JSON_FIELD_AS("diffID", struct raw_layer, diff_id, JSON_STRING, .required = true),
	JSON_FIELD(struct raw_layer, blob, JSON_STRING),
	JSON_FIELD_AS("blobSize", struct raw_layer, blob_size, JSON_U64),
	JSON_FIELD(struct raw_layer, size, JSON_U64),
	JSON_FIELD_AS("mediaType", struct raw_layer, media_type, JSON_STRING),
};
static const struct json_table layer_table = JSON_TABLE(struct raw_layer, layer_fields);

static const struct json_field image_fields[] = {
	JSON_FIELD(struct raw_image, manifest, JSON_STRING, .required = true),
	JSON_FIELD_AS("manifestType", struct raw_image, manifest_type, JSON_STRING),
	JSON_FIELD_AS("manifestSize", struct raw_image, manifest_size, JSON_U64),
	JSON_FIELD(struct raw_image, index, JSON_STRING),
	JSON_FIELD(struct raw_image, config, JSON_STRING, .required = true),
	JSON_FIELD_AS("configSize", struct raw_image, config_size, JSON_U64),
	JSON_FIELD(struct raw_image, layers, JSON_OBJECTS, .sub = &layer_table),
	JSON_FIELD(struct raw_image, blobs, JSON_STRINGS),
	JSON_FIELD(struct raw_image, os, JSON_STRING),
	JSON_FIELD(struct raw_image, architecture, JSON_STRING),
	JSON_FIELD(struct raw_image, variant, JSON_STRING),
	JSON_FIELD(struct raw_image, source, JSON_STRING),
	JSON_FIELD(struct raw_image, created, JSON_I64),
	JSON_FIELD(struct raw_image, stored, JSON_I64),
};
static const struct json_table image_table = JSON_TABLE(struct raw_image, image_fields);

static int take_layers(const struct raw_layers *raw, struct image_layers *ret, struct arena *arena,
		       struct err *err)
{
	ret->n = raw->n;
	ret->v = arena_array(arena, raw->n + 1, sizeof(*ret->v));
	if (!ret->v)
		return err_sys(err, "image record");
	for (size_t i = 0; i < raw->n; i++) {
		const struct raw_layer *from = &raw->v[i];
		struct image_layer *to = &ret->v[i];

		to->blob_size = from->blob_size;
		to->size = from->size;
		to->media_type = from->media_type;
		if (digest_parse(from->diff_id, &to->diff_id, err) < 0 ||
		    (from->blob && digest_parse(from->blob, &to->blob, err) < 0))
			return -1;
	}
	return 0;
}

static int take_image(const struct raw_image *raw, struct image *ret, struct arena *arena,
		      struct err *err)
{
	struct image image = {
		.manifest_type = raw->manifest_type,
		.manifest_size = raw->manifest_size,
		.config_size = raw->config_size,
		.blobs.n = raw->blobs.n,
		.os = raw->os,
		.architecture = raw->architecture,
		.variant = raw->variant,
		.source = raw->source,
		.created = raw->created,
		.stored = raw->stored,
	};

	if (digest_parse(raw->manifest, &image.manifest, err) < 0 ||
	    (raw->index && digest_parse(raw->index, &image.index, err) < 0) ||
	    digest_parse(raw->config, &image.config, err) < 0 ||
	    take_layers(&raw->layers, &image.layers, arena, err) < 0)
		return -1;
	image.blobs.v = arena_array(arena, raw->blobs.n + 1, sizeof(*image.blobs.v));
	if (!image.blobs.v)
		return err_sys(err, "image record");
	for (size_t i = 0; i < raw->blobs.n; i++)
		if (digest_parse(raw->blobs.v[i], &image.blobs.v[i], err) < 0)
			return -1;
	*ret = image;
	return 0;
}

int image_parse(const char *text, size_t size, struct image *ret, struct arena *arena,
		struct err *err)
{
	struct raw_image raw;

	if (json_decode("image record", text, size, &image_table, &raw, arena, err) < 0)
		return -1;
	return take_image(&raw, ret, arena, err);
}

int store_load_image(const struct store *s, const char *hex, struct image *ret, struct arena *arena,
		     struct err *err)
{
	AUTO_BUF text;

	buf_init(&text);
	if (file_read(s->folder[STORE_IMAGES], hex, &text, STORE_RECORD_MAX, true) < 0)
		return err_sys(err, "image \"%s\"", hex);
	if (image_parse(text.s, text.len, ret, arena, err) < 0)
		return err_wrap(err, "image \"%s\"", hex);
	if (strcmp(digest_hex(&ret->manifest), hex) != 0)
		return err_set(err, EBADMSG, "image \"%s\": its record is of \"%s\"", hex,
			       ret->manifest.text);
	return 0;
}

static void write_layer(struct json_out *o, const struct image_layer *l)
{
	json_begin_object(o);
	json_kv_string(o, "diffID", l->diff_id.text);
	if (digest_is_set(&l->blob)) {
		json_kv_string(o, "blob", l->blob.text);
		json_kv_uint(o, "blobSize", l->blob_size);
	}
	json_kv_uint(o, "size", l->size);
	if (l->media_type)
		json_kv_string(o, "mediaType", l->media_type);
	json_end_object(o);
}

static void write_optional(struct json_out *o, const char *key, const char *value)
{
	if (value)
		json_kv_string(o, key, value);
}

void image_write(const struct image *image, struct json_out *o)
{
	json_begin_object(o);
	json_kv_string(o, "manifest", image->manifest.text);
	write_optional(o, "manifestType", image->manifest_type);
	json_kv_uint(o, "manifestSize", image->manifest_size);
	write_optional(o, "index", digest_is_set(&image->index) ? image->index.text : NULL);
	json_kv_string(o, "config", image->config.text);
	json_kv_uint(o, "configSize", image->config_size);
	json_key(o, "layers");
	json_begin_array(o);
	for (size_t i = 0; i < image->layers.n; i++)
		write_layer(o, &image->layers.v[i]);
	json_end_array(o);
	json_key(o, "blobs");
	json_begin_array(o);
	for (size_t i = 0; i < image->blobs.n; i++)
		json_string(o, image->blobs.v[i].text);
	json_end_array(o);
	write_optional(o, "os", image->os);
	write_optional(o, "architecture", image->architecture);
	write_optional(o, "variant", image->variant);
	write_optional(o, "source", image->source);
	json_kv_int(o, "created", image->created);
	json_kv_int(o, "stored", image->stored ? image->stored : (int64_t)time(NULL));
	json_end_object(o);
}

int store_save_image(const struct store *s, const struct image *image, struct err *err)
{
	struct json_out o;
	AUTO_BUF text;

	buf_init(&text);
	json_out_init(&o, &text, JSON_TABS);
	image_write(image, &o);
	if (buf_failed(&text))
		return err_set(err, ENOMEM, "image record");
	return store_put(s, STORE_IMAGES, digest_hex(&image->manifest), text.s, text.len, err);
}

/* --- names ------------------------------------------------------------------------ */

/* The characters a name may have beyond letters and digits, and what stands for them in a
 * file's name. */
static const char ref_from[] = "._-/:@", ref_to[] = "._-+=,";

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int ref_file(const char *name, char file[NAME_MAX + 1], struct err *err)
{
	size_t len = strlen(name);
	struct digest d;

	if (len == 0 || len > REF_NAME_MAX || name[0] == '.')
		return err_set(err, EINVAL, "\"%.160s\" can't be an image's name", name);
	for (size_t i = 0; i < len; i++) {
		const char *special = strchr(ref_from, name[i]);
		char stands = name[i];

		if (special)
			stands = ref_to[special - ref_from];
		if (!special && !is_letter(name[i]) && !(name[i] >= '0' && name[i] <= '9'))
			return err_set(err, EINVAL, "\"%.160s\" can't be an image's name", name);
		if (len <= REF_PLAIN_MAX)
			file[i] = stands;
	}
	file[len <= REF_PLAIN_MAX ? len : 0] = '\0';
	if (len > REF_PLAIN_MAX) {
		digest_of(name, len, &d);
		(void)snprintf(file, NAME_MAX + 1, "long,%s", digest_hex(&d));
	}
	return 0;
}

struct ref {
	struct digest manifest;
	char name[REF_NAME_MAX + 1];
};

static int load_ref(const struct store *s, const char *file, struct ref *ret, struct err *err)
{
	char text[DIGEST_TEXT_MAX + REF_NAME_MAX + 8];
	char *newline;

	if (file_read_line(s->folder[STORE_REFS], file, text, sizeof(text)) < 0)
		return err_sys(err, "name \"%s\"", file);
	newline = strchr(text, '\n');
	if (!newline)
		return err_set(err, EBADMSG, "name \"%s\": its file is damaged", file);
	*newline = '\0';
	if (digest_parse(text, &ret->manifest, err) < 0 ||
	    str_copy(ret->name, sizeof(ret->name), newline + 1) < 0)
		return err_set(err, EBADMSG, "name \"%s\": its file is damaged", file);
	return 0;
}

int store_put_ref(const struct store *s, const char *name, const struct digest *manifest,
		  struct err *err)
{
	char file[NAME_MAX + 1], text[DIGEST_TEXT_MAX + REF_NAME_MAX + 8];

	if (ref_file(name, file, err) < 0)
		return -1;
	if (str_format(text, sizeof(text), "%s\n%s\n", manifest->text, name) < 0)
		return err_sys(err, "name \"%s\"", name);
	return store_put(s, STORE_REFS, file, text, strlen(text), err);
}

int store_tag(struct store *s, const char *name, const struct digest *manifest, struct err *err)
{
	AUTO_FD lock = store_lock(s, STORE_LOCK_GC, true, true, err);

	if (lock < 0)
		return -1;
	if (faccessat(s->folder[STORE_IMAGES], digest_hex(manifest), F_OK, 0) < 0)
		return err_sys(err, "image \"%s\"", manifest->text);
	if (store_put_ref(s, name, manifest, err) < 0)
		return -1;
	return store_sync(s, STORE_REFS, err);
}

int store_untag(struct store *s, const char *name, struct err *err)
{
	char file[NAME_MAX + 1];

	if (ref_file(name, file, err) < 0)
		return -1;
	if (unlinkat(s->folder[STORE_REFS], file, 0) < 0)
		return err_sys(err, "image \"%s\"", name);
	return store_sync(s, STORE_REFS, err);
}

struct name_walk {
	const struct store *s;
	struct images *images;
	struct arena *arena;
};

static int add_name(struct image *image, const char *name, struct arena *arena)
{
	char **names = arena_array(arena, image->names.n + 2, sizeof(*names));

	if (!names)
		return -1;
	for (size_t i = 0; i < image->names.n; i++)
		names[i] = image->names.v[i];
	names[image->names.n] = arena_strdup(arena, name);
	if (!names[image->names.n])
		return -1;
	image->names.v = names;
	image->names.n++;
	return 0;
}

/* What is gone meanwhile, or damaged, is fsck's business and must not hide the others.  What only
 * could not be read now must: gc would take an image apart for it. */
static int pass_over(const struct err *why, struct err *err)
{
	if (why->code == ENOENT || why->code == EBADMSG || why->code == EINVAL)
		return 0;
	if (err)
		*err = *why;
	return -1;
}

static int collect_name(void *arg, const char *file, struct err *err)
{
	struct name_walk *w = arg;
	struct err why = { 0 };
	struct ref ref;

	if (load_ref(w->s, file, &ref, &why) < 0)
		return pass_over(&why, err);
	for (size_t i = 0; i < w->images->n; i++)
		if (digest_is_equal(&w->images->v[i].manifest, &ref.manifest) &&
		    add_name(&w->images->v[i], ref.name, w->arena) < 0)
			return err_sys(err, "names of images");
	return 0;
}

/* --- lists and finds ---------------------------------------------------------------- */

struct image_walk {
	const struct store *s;
	struct images *images;
	size_t cap;
	struct arena *arena;
};

static int collect_image(void *arg, const char *hex, struct err *err)
{
	struct image_walk *w = arg;
	struct err why = { 0 };
	struct image image;
	void *grown;

	if (store_load_image(w->s, hex, &image, w->arena, &why) < 0)
		return pass_over(&why, err);
	grown = arena_grow(w->arena, w->images->v, w->images->n, &w->cap, sizeof(image));
	if (!grown)
		return err_sys(err, "list of images");
	w->images->v = grown;
	w->images->v[w->images->n++] = image;
	return 0;
}

static int newest_first(const void *a, const void *b)
{
	const struct image *x = a, *y = b;

	if (x->stored != y->stored)
		return x->stored < y->stored ? 1 : -1;
	return strcmp(x->manifest.text, y->manifest.text);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int store_list_images(const struct store *s, struct images *ret, struct arena *arena,
		      struct err *err)
{
	struct images images = { 0 };
	struct image_walk walk = { .s = s, .images = &images, .arena = arena };
	struct name_walk names = { .s = s, .images = &images, .arena = arena };

	if (store_walk(s, STORE_IMAGES, collect_image, &walk, err) < 0 ||
	    store_walk(s, STORE_REFS, collect_name, &names, err) < 0)
		return -1;
	if (images.n > 0)
		qsort(images.v, images.n, sizeof(*images.v), newest_first);
	for (size_t i = 0; i < images.n; i++)
		if (images.v[i].names.n > 0)
			qsort(images.v[i].names.v, images.v[i].names.n, sizeof(char *), by_name);
	*ret = images;
	return 0;
}

/* The names of one image that was found some other way. */
static int find_names(const struct store *s, struct image *image, struct arena *arena,
		      struct err *err)
{
	struct images one = { image, 1 };
	struct name_walk names = { .s = s, .images = &one, .arena = arena };

	if (store_walk(s, STORE_REFS, collect_name, &names, err) < 0)
		return -1;
	if (image->names.n > 0)
		qsort(image->names.v, image->names.n, sizeof(char *), by_name);
	return 0;
}

static bool fits(const struct image *image, const char *what, size_t len)
{
	if (strchr(what, ':'))
		return strcmp(image->manifest.text, what) == 0 ||
		       strcmp(image->config.text, what) == 0;
	return strncmp(digest_hex(&image->config), what, len) == 0 ||
	       strncmp(digest_hex(&image->manifest), what, len) == 0;
}

static int find_by_digest(const struct store *s, const char *what, struct image *ret,
			  struct arena *arena, struct err *err)
{
	const struct image *found = NULL;
	struct images images;

	if (store_list_images(s, &images, arena, err) < 0)
		return -1;
	for (size_t i = 0; images.v && i < images.n; i++) {
		if (!fits(&images.v[i], what, strlen(what)))
			continue;
		if (found && !digest_is_equal(&found->config, &images.v[i].config))
			return err_set(err, EEXIST,
				       "\"%s\" is the beginning of several images' IDs", what);
		/* of several manifests with one config, the one that has a name */
		if (!found || (found->names.n == 0 && images.v[i].names.n > 0))
			found = &images.v[i];
	}
	if (!found)
		return err_set(err, ENOENT, "no image \"%s\"", what);
	*ret = *found;
	return 0;
}

int store_find_image(const struct store *s, const char *what, struct image *ret,
		     struct arena *arena, struct err *err)
{
	char file[NAME_MAX + 1];
	struct image image;
	struct ref ref;

	if (ref_file(what, file, NULL) == 0 &&
	    faccessat(s->folder[STORE_REFS], file, F_OK, 0) == 0) {
		if (load_ref(s, file, &ref, err) < 0 ||
		    store_load_image(s, digest_hex(&ref.manifest), &image, arena, err) < 0 ||
		    find_names(s, &image, arena, err) < 0)
			return -1;
		*ret = image;
		return 0;
	}
	if (str_starts(what, "sha256:") || str_starts(what, "sha512:") ||
	    (strlen(what) >= ID_PREFIX_MIN && what[strspn(what, "0123456789abcdef")] == '\0'))
		return find_by_digest(s, what, ret, arena, err);
	return err_set(err, ENOENT, "no image \"%.200s\"", what);
}

/* --- removal ------------------------------------------------------------------------ */

static int remove_names(const struct store *s, const struct image *image, struct err *err)
{
	for (size_t i = 0; i < image->names.n; i++) {
		char file[NAME_MAX + 1];

		if (ref_file(image->names.v[i], file, err) < 0)
			return -1;
		if (unlinkat(s->folder[STORE_REFS], file, 0) < 0 && errno != ENOENT)
			return err_sys(err, "image \"%s\"", image->names.v[i]);
	}
	return 0;
}

static int check_unused(const struct rootfs_list *containers, const struct digest *manifest,
			struct err *err)
{
	for (size_t i = 0; i < containers->n; i++)
		if (digest_is_equal(&containers->v[i].image, manifest))
			return err_set(err, EBUSY, "image \"%s\": container \"%s\" uses it",
				       manifest->text, containers->v[i].id);
	return 0;
}

/* One config may have come with several manifests: all or none of them go. */
static int remove_image(struct store *s, const struct digest *config, struct arena *arena,
			struct err *err)
{
	struct rootfs_list containers;
	struct images images;
	size_t n = 0;

	if (rootfs_list(s, &containers, arena, err) < 0 ||
	    store_list_images(s, &images, arena, err) < 0)
		return -1;
	for (size_t i = 0; i < images.n; i++)
		if (digest_is_equal(&images.v[i].config, config))
			images.v[n++] = images.v[i];
	if (n == 0)
		return err_set(err, ENOENT, "no image \"%s\"", config->text);
	for (size_t i = 0; i < n; i++)
		if (check_unused(&containers, &images.v[i].manifest, err) < 0)
			return -1;
	for (size_t i = 0; i < n; i++) {
		const struct digest *manifest = &images.v[i].manifest;

		if (remove_names(s, &images.v[i], err) < 0)
			return -1;
		/* another may remove it at this moment */
		if (unlinkat(s->folder[STORE_IMAGES], digest_hex(manifest), 0) < 0 &&
		    errno != ENOENT)
			return err_sys(err, "image \"%s\"", manifest->text);
	}
	return 0;
}

int store_remove_image(struct store *s, const struct digest *config, struct err *err)
{
	AUTO_FD lock = store_lock(s, STORE_LOCK_GC, true, true, err);
	struct arena arena;
	int ret;

	if (lock < 0)
		return -1;
	arena_init(&arena, ARENA_MAX_DEFAULT);
	ret = remove_image(s, config, &arena, err);
	arena_release(&arena);
	if (ret < 0)
		return -1;
	return store_sync(s, STORE_REFS, err) < 0 ? -1 : store_sync(s, STORE_IMAGES, err);
}
