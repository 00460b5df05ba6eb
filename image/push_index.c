/* SPDX-License-Identifier: Apache-2.0 */
/* push_index.c - an image for several platforms into a registry
 *
 * Each platform's image by its digest first, then the index that names them: the
 * one they came with where all of it went as it was, else one of our own with
 * what was sent.
 *
 * image-spec image-index.md
 */
#include <errno.h>
#include <string.h>

#include "image/manifest.h"
#include "image/push.h"

struct sending {
	struct store *s;
	const struct image *image;
	const struct reference *to;
	const struct push_options *o;
	struct arena arena;
	struct descriptors sent;
	struct buf text; /* of the index */
	const char *type;
};

static int add_sent(struct sending *p, const struct image *i, const struct push_result *r,
		    struct err *err)
{
	struct descriptor *v = arena_array(&p->arena, p->sent.n + 1, sizeof(*v));
	struct descriptor_platform *its = arena_alloc(&p->arena, sizeof(*its));
	if (!v || !its)
		return err_set(err, ENOMEM, "out of memory");
	if (p->sent.n > 0)
		memcpy(v, p->sent.v, p->sent.n * sizeof(*v));
	*its = (struct descriptor_platform){ .os = i->os,
					     .architecture = i->architecture,
					     .variant = i->variant };
	v[p->sent.n] = (struct descriptor){ .media_type = arena_strdup(&p->arena, r->media_type),
					    .digest = arena_strdup(&p->arena, r->digest.text),
					    .size = r->size,
					    .platform = its };
	p->sent.v = v;
	return v[p->sent.n].media_type && v[p->sent.n++].digest
		       ? 0
		       : err_set(err, ENOMEM, "out of memory");
}

static int send_images(struct sending *p, struct err *err)
{
	struct images all;
	if (store_list_images(p->s, &all, &p->arena, err) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++) {
		struct reference to = *p->to;
		struct push_result r;
		if (!digest_is_equal(&all.v[i].index, &p->image->index))
			continue;
		/* only the index has the name */
		to.tag[0] = to.digest[0] = 0;
		if (push_image(p->s, &all.v[i], &to, p->o, &r, err) < 0 ||
		    add_sent(p, &all.v[i], &r, err) < 0)
			return -1;
	}
	return 0;
}

static bool was_sent(const struct sending *p, const char *digest)
{
	for (size_t i = 0; i < p->sent.n; i++) {
		if (strcmp(p->sent.v[i].digest, digest) == 0)
			return true;
	}
	return false;
}

/* 1 the index that they came with is right, 0 it is not, -1. */
static int take_original(struct sending *p, struct err *err)
{
	struct manifest index;
	if (store_read_blob(p->s, &p->image->index, MANIFEST_SIZE_MAX, &p->text, err) < 0 ||
	    manifest_parse("index", p->text.s, p->text.len, NULL, &index, &p->arena, err) < 0)
		return -1;
	for (size_t i = 0; i < index.manifests.n; i++) {
		if (!was_sent(p, index.manifests.v[i].digest))
			return 0;
	}
	p->type = index.media_type;
	return 1;
}

static int make_index(struct sending *p, struct err *err)
{
	struct json_out o;
	buf_clear(&p->text);
	json_out_init(&o, &p->text, 0);
	json_begin_object(&o);
	json_kv_uint(&o, "schemaVersion", 2);
	json_kv_string(&o, "mediaType", MEDIA_OCI_INDEX);
	json_key(&o, "manifests");
	json_begin_array(&o);
	for (size_t i = 0; i < p->sent.n; i++)
		descriptor_write(&o, &p->sent.v[i]);
	json_end_array(&o);
	json_end_object(&o);
	p->type = MEDIA_OCI_INDEX;
	if (p->o->registry.warn)
		p->o->registry.warn("the index names only what was sent: it has another digest in "
				    "the registry than here",
				    p->o->registry.warn_arg);
	return buf_failed(&p->text) ? err_set(err, ENOMEM, "out of memory") : 0;
}

static int put_index(const struct sending *p, struct digest *ret, struct err *err)
{
	struct registry *r = NULL;
	digest_of(p->text.s, p->text.len, ret);
	if (registry_open(p->to, &p->o->registry, &r, err) < 0)
		return -1;
	int rc = registry_put_manifest(r, p->to->tag[0] ? p->to->tag : ret->text, p->type,
				       p->text.s, p->text.len, err);
	registry_close(r);
	return rc;
}

static int send_all(struct sending *p, struct digest *ret, struct err *err)
{
	if (!digest_is_set(&p->image->index))
		return err_set(err, EINVAL,
			       "the image is for one platform; pull --all-platforms brings others");
	if (send_images(p, err) < 0)
		return -1;
	int original = take_original(p, err);
	if (original < 0 || (original == 0 && make_index(p, err) < 0))
		return -1;
	return put_index(p, ret, err);
}

int push_index(struct store *s, const struct image *image, const struct reference *to,
	       const struct push_options *options, struct digest *ret, struct err *err)
{
	struct sending p = { .s = s, .image = image, .to = to, .o = options };
	arena_init(&p.arena, ARENA_MAX_DEFAULT);
	buf_init(&p.text);
	int rc = send_all(&p, ret, err);
	buf_release(&p.text);
	arena_release(&p.arena);
	return rc;
}
