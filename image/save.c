/* SPDX-License-Identifier: Apache-2.0 */
/* save.c - images of the store into an archive or a layout
 *
 * An OCI layout with docker's manifest.json beside it.  Layers are written as
 * the plain tars they are, without computing anything; the manifest is one of
 * ours then, unless the store kept all blobs of the original.  The same image
 * always gives the same archive.
 *
 * image-spec image-layout.md; docker's image specification 1.2
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "image/archive.h"
#include "image/compose.h"
#include "image/layer.h"
#include "image/manifest.h"
#include "image/reference.h"
#include "image/tar_write.h"

#define PIECE ((size_t)256 << 10)

struct save {
	const struct store *store;
	struct arena arena;
	struct tar_writer *tar; /* NULL: below dir */
	int out, dir;
	struct digests written; /* blobs that are in already */
	size_t cap_written;
	struct buf index, docker;
	struct json_out index_json, docker_json;
};

/* --- members --------------------------------------------------------------------------------- */

static int out_fd(void *arg, const void *data, size_t size, struct err *err)
{
	const int *fd = arg;
	return fd_write_full(*fd, data, size) < 0 ? err_sys(err, "write the archive") : 0;
}

static struct tar_entry entry_of(const char *name, uint64_t size)
{
	return (struct tar_entry){ .type = TAR_FILE,
				   .path = name,
				   .link = "",
				   .mode = 0644,
				   .size = size,
				   .stored = size };
}

static int make_file(const struct save *s, const char *name, struct err *err)
{
	int fd = openat(s->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	return fd < 0 ? err_sys(err, "make \"%s\"", name) : fd;
}

static int put_fd(struct save *s, const char *name, int fd, uint64_t size, struct err *err)
{
	if (s->tar) {
		const struct tar_entry e = entry_of(name, size);
		return tar_write_entry(s->tar, &e, err) < 0 ? -1
							    : tar_write_file(s->tar, fd, size, err);
	}
	AUTO_BUF piece;
	buf_init(&piece);
	AUTO_FD out = make_file(s, name, err);
	if (out < 0)
		return -1;
	if (buf_reserve(&piece, PIECE) < 0)
		return err_set(err, ENOMEM, "out of memory");
	for (uint64_t left = size; left > 0;) {
		ssize_t n = fd_read_full(fd, piece.s, left < PIECE ? (size_t)left : PIECE);
		if (n <= 0)
			return n < 0 ? err_sys(err, "read \"%s\"", name)
				     : err_set(err, EIO, "\"%s\" is cut off", name);
		if (fd_write_full(out, piece.s, (size_t)n) < 0)
			return err_sys(err, "write \"%s\"", name);
		left -= (uint64_t)n;
	}
	return 0;
}

static int put_text(struct save *s, const char *name, const char *text, size_t size,
		    struct err *err)
{
	if (!s->tar)
		return file_replace(s->dir, name, text, size, 0644) < 0
			       ? err_sys(err, "write \"%s\"", name)
			       : 0;
	const struct tar_entry e = entry_of(name, size);
	return tar_write_entry(s->tar, &e, err) < 0 ? -1 : tar_write_data(s->tar, text, size, err);
}

static int blob_path(const struct digest *d, char *dst, size_t size, struct err *err)
{
	return str_format(dst, size, "blobs/%s/%s", digest_folder(d), digest_hex(d)) < 0
		       ? err_set(err, EINVAL, "a digest too long")
		       : 0;
}

/* 1 it is new and counted as written, 0 it is in already, -1. */
static int is_new(struct save *s, const struct digest *d, struct err *err)
{
	for (size_t i = 0; i < s->written.n; i++) {
		if (digest_is_equal(&s->written.v[i], d))
			return 0;
	}
	struct digest *v =
		arena_grow(&s->arena, s->written.v, s->written.n, &s->cap_written, sizeof(*v));
	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	s->written.v = v;
	v[s->written.n++] = *d;
	return 1;
}

static int put_blob_text(struct save *s, const struct digest *d, const struct buf *text,
			 struct err *err)
{
	char path[256];
	int new = is_new(s, d, err);
	if (new <= 0)
		return new;
	return blob_path(d, path, sizeof(path), err) < 0
		       ? -1
		       : put_text(s, path, text->s, text->len, err);
}

static int put_kept_blob(struct save *s, const struct image_layer *l, struct err *err)
{
	char path[256];
	int new = is_new(s, &l->blob, err);
	if (new <= 0)
		return new;
	AUTO_FD fd = store_open_blob(s->store, &l->blob, err);
	if (fd < 0 || blob_path(&l->blob, path, sizeof(path), err) < 0)
		return -1;
	return put_fd(s, path, fd, l->blob_size, err);
}

/* The kernel copies it from the store to where it belongs. */
static int put_layer(struct save *s, const struct image_layer *l, struct err *err)
{
	char path[256];
	uint64_t size;
	int new = is_new(s, &l->diff_id, err);
	if (new <= 0)
		return new;
	if (blob_path(&l->diff_id, path, sizeof(path), err) < 0 ||
	    layer_size(s->store, &l->diff_id, &size, err) < 0)
		return -1;
	if (size != l->size)
		return err_set(err, EBADMSG, "layer %.19s: %llu bytes instead of %llu",
			       l->diff_id.text, (unsigned long long)size,
			       (unsigned long long)l->size);
	if (s->tar) {
		const struct tar_entry e = entry_of(path, size);
		if (tar_write_entry(s->tar, &e, err) < 0 || tar_write_past(s->tar, err) < 0)
			return -1;
		return layer_export(s->store, &l->diff_id, s->out, err);
	}
	AUTO_FD out = make_file(s, path, err);
	return out < 0 ? -1 : layer_export(s->store, &l->diff_id, out, err);
}

/* --- one image -------------------------------------------------------------------- */

static bool has_all_blobs(const struct store *s, const struct image *i)
{
	for (size_t l = 0; l < i->layers.n; l++) {
		if (!digest_is_set(&i->layers.v[l].blob) ||
		    !store_has_blob(s, &i->layers.v[l].blob))
			return false;
	}
	return i->layers.n > 0;
}

/* A manifest of plain layers. */
static int write_manifest(struct save *s, const struct image *i, struct buf *out, struct err *err)
{
	static char manifest_type[] = MEDIA_OCI_MANIFEST, config_type[] = MEDIA_OCI_CONFIG,
		    layer_type[] = MEDIA_OCI_LAYER;
	struct descriptor config = { .media_type = config_type, .size = i->config_size };
	struct manifest m = { .kind = MANIFEST_IMAGE,
			      .media_type = manifest_type,
			      .config = &config };
	config.digest = arena_strdup(&s->arena, i->config.text);
	m.layers.n = i->layers.n;
	m.layers.v = arena_array(&s->arena, i->layers.n + 1, sizeof(*m.layers.v));
	if (!m.layers.v || !config.digest)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t l = 0; l < i->layers.n; l++) {
		struct descriptor *d = &m.layers.v[l];
		d->media_type = layer_type;
		d->digest = arena_strdup(&s->arena, i->layers.v[l].diff_id.text);
		d->size = i->layers.v[l].size;
		if (!d->digest)
			return err_set(err, ENOMEM, "out of memory");
	}
	manifest_write(out, &m);
	return buf_failed(out) ? err_set(err, ENOMEM, "out of memory") : 0;
}

/* Lines of index.json: one for each name. */
static void index_entries(struct save *s, const struct archive_image *a,
			  const struct digest *manifest, uint64_t size, const char *type)
{
	size_t n = a->n_names ? a->n_names : 1;
	for (size_t i = 0; i < n; i++) {
		struct json_out *o = &s->index_json;
		struct reference ref;
		json_begin_object(o);
		json_kv_string(o, "mediaType", type);
		json_kv_string(o, "digest", manifest->text);
		json_kv_uint(o, "size", size);
		if (a->n_names && reference_parse(a->names[i], &ref, NULL) == 0) {
			json_key(o, "annotations");
			json_begin_object(o);
			json_kv_string(o, "io.containerd.image.name", a->names[i]);
			json_kv_string(o, "org.opencontainers.image.ref.name", ref.tag);
			json_end_object(o);
		}
		json_end_object(o);
	}
}

static void docker_entry(struct save *s, const struct archive_image *a, bool original)
{
	struct json_out *o = &s->docker_json;
	char path[256];
	json_begin_object(o);
	(void)blob_path(&a->image.config, path, sizeof(path), NULL);
	json_kv_string(o, "Config", path);
	json_key(o, "RepoTags");
	json_begin_array(o);
	for (size_t i = 0; i < a->n_names; i++) {
		struct reference ref;
		char name[REFERENCE_TEXT_MAX];
		if (reference_parse(a->names[i], &ref, NULL) < 0)
			continue;
		reference_format_short(&ref, name, sizeof(name));
		json_string(o, name);
	}
	json_end_array(o);
	json_key(o, "Layers");
	json_begin_array(o);
	for (size_t l = 0; l < a->image.layers.n; l++) {
		const struct image_layer *layer = &a->image.layers.v[l];
		(void)blob_path(original ? &layer->blob : &layer->diff_id, path, sizeof(path),
				NULL);
		json_string(o, path);
	}
	json_end_array(o);
	json_end_object(o);
}

static int put_image(struct save *s, const struct archive_image *a, struct err *err)
{
	struct digest manifest = a->image.manifest;
	bool original = has_all_blobs(s->store, &a->image);
	AUTO_BUF config;
	AUTO_BUF text;
	buf_init(&config);
	buf_init(&text);
	if (store_read_blob(s->store, &a->image.config, CONFIG_SIZE_MAX, &config, err) < 0)
		return -1;
	if (original ? store_read_blob(s->store, &manifest, MANIFEST_SIZE_MAX, &text, err) < 0
		     : write_manifest(s, &a->image, &text, err) < 0)
		return -1;
	if (!original)
		digest_of(text.s, text.len, &manifest);
	if (put_blob_text(s, &a->image.config, &config, err) < 0 ||
	    put_blob_text(s, &manifest, &text, err) < 0)
		return -1;
	for (size_t l = 0; l < a->image.layers.n; l++) {
		const struct image_layer *layer = &a->image.layers.v[l];
		if (original ? put_kept_blob(s, layer, err) < 0 : put_layer(s, layer, err) < 0)
			return -1;
	}
	index_entries(s, a, &manifest, text.len,
		      original ? a->image.manifest_type : MEDIA_OCI_MANIFEST);
	docker_entry(s, a, original);
	return 0;
}

static int put_all(struct save *s, const struct archive_image *images, size_t n, struct err *err)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	json_out_init(&s->index_json, &s->index, 0);
	json_out_init(&s->docker_json, &s->docker, 0);
	json_begin_object(&s->index_json);
	json_kv_uint(&s->index_json, "schemaVersion", 2);
	json_kv_string(&s->index_json, "mediaType", MEDIA_OCI_INDEX);
	json_key(&s->index_json, "manifests");
	json_begin_array(&s->index_json);
	json_begin_array(&s->docker_json);
	if (put_text(s, "oci-layout", layout, sizeof(layout) - 1, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (put_image(s, &images[i], err) < 0)
			return -1;
	}
	json_end_array(&s->index_json);
	json_end_object(&s->index_json);
	json_end_array(&s->docker_json);
	if (buf_failed(&s->index) || buf_failed(&s->docker))
		return err_set(err, ENOMEM, "out of memory");
	/* a layout is one from here on */
	if (put_text(s, "manifest.json", s->docker.s, s->docker.len, err) < 0 ||
	    put_text(s, "index.json", s->index.s, s->index.len, err) < 0)
		return -1;
	return s->tar ? tar_write_end(s->tar, err) : 0;
}

static int save(struct save *s, const struct archive_image *images, size_t n, struct err *err)
{
	arena_init(&s->arena, ARENA_MAX_DEFAULT);
	buf_init(&s->index);
	buf_init(&s->docker);
	int rc = put_all(s, images, n, err);
	buf_release(&s->index);
	buf_release(&s->docker);
	arena_release(&s->arena);
	return rc;
}

int archive_save(const struct store *s, const struct archive_image *images, size_t n, int out,
		 struct err *err)
{
	struct save save_ = { .store = s, .out = out, .dir = -1 };
	save_.tar = tar_writer_new(out_fd, &save_.out);
	if (!save_.tar)
		return err_sys(err, "write an archive");
	int rc = save(&save_, images, n, err);
	tar_writer_free(save_.tar);
	return rc;
}

int archive_save_layout(const struct store *s, const struct archive_image *images, size_t n,
			int dir, struct err *err)
{
	struct save save_ = { .store = s, .out = -1, .dir = dir };
	static const char *const folders[] = { "blobs", "blobs/sha256" };
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		if (mkdirat(dir, folders[i], 0755) < 0 && errno != EEXIST)
			return err_sys(err, "make \"%s\"", folders[i]);
	}
	return save(&save_, images, n, err);
}
