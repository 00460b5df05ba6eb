/* SPDX-License-Identifier: Apache-2.0 */
/* registry.c - one repository of a registry: documents in and out
 *
 * distribution-spec "Pull", "Push", "Content Management"
 */
#include "image/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/manifest.h"
#include "image/registry_call.h"

#define ACCEPT_MANIFESTS \
 MEDIA_OCI_INDEX ", " MEDIA_OCI_MANIFEST ", " MEDIA_DOCKER_INDEX ", " MEDIA_DOCKER_MANIFEST
#define REGISTRY_ARENA_MAX ((size_t)16 << 20)
#define PATH_SIZE	   1024

static int prepare_endpoints(struct registry *r, struct err *err)
{
	if (endpoints_find(&r->ref, &r->options.endpoint, &r->endpoints, &r->arena, err) < 0)
		return -1;
	size_t n = r->endpoints.n;
	r->plain = arena_array(&r->arena, n, sizeof(*r->plain));
	r->challenges = arena_array(&r->arena, n, sizeof(*r->challenges));
	r->credentials = arena_array(&r->arena, n, sizeof(*r->credentials));
	r->credentials_known = arena_array(&r->arena, n, sizeof(*r->credentials_known));
	if (!r->plain || !r->challenges || !r->credentials || !r->credentials_known)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		const struct endpoint *e = &r->endpoints.v[i];
		r->plain[i] = e->insecure && endpoint_is_loopback(e->host);
	}
	return 0;
}

int registry_open(const struct reference *ref, const struct registry_options *options,
		  struct registry **ret, struct err *err)
{
	struct registry *r = calloc(1, sizeof(*r));
	if (!r)
		return err_set(err, ENOMEM, "out of memory");
	arena_init(&r->arena, REGISTRY_ARENA_MAX);
	r->ref = *ref;
	r->options = *options;
	if (prepare_endpoints(r, err) < 0 || http_new(&r->http, err) < 0) {
		registry_close(r);
		return -1;
	}
	*ret = r;
	return 0;
}

void registry_close(struct registry *r)
{
	if (!r)
		return;
	http_free(r->http);
	for (size_t i = 0; r->credentials && i < r->endpoints.n; i++)
		credentials_release(&r->credentials[i]);
	registry_tokens_release(r);
	arena_release(&r->arena);
	free(r);
}

static int object_path(char *dst, const char *kind, const char *object, struct err *err)
{
	if (!reference_is_tag(object) && !reference_is_digest(object))
		return err_set(err, EINVAL, "neither a tag nor a digest: \"%.128s\"", object);
	if (str_format(dst, PATH_SIZE, "%s/%s", kind, object) < 0)
		return err_set(err, EINVAL, "a name too long");
	return 0;
}

static int describe(const struct registry *r, const char *object, struct err *err)
{
	char name[REFERENCE_TEXT_MAX];
	reference_format_name(&r->ref, name, sizeof(name));
	return err_wrap(err, "%s%s%s", name, strchr(object, ':') ? "@" : ":", object);
}

/* What came is what the object's digest says, if it is one. */
static int verify_document(const char *object, const struct buf *doc, struct digest *ret,
			   struct err *err)
{
	struct digest got, want;
	digest_of(doc->s, doc->len, &got);
	if (reference_is_digest(object)) {
		if (digest_parse(object, &want, err) < 0)
			return -1;
		if (digest_algorithm(&want) == DIGEST_SHA512) {
			struct hash h;
			hash_init(&h, DIGEST_SHA512);
			hash_update(&h, doc->s, doc->len);
			hash_final(&h, &got);
		}
		if (!digest_is_equal(&got, &want))
			return err_set(err, EBADMSG, "the registry sent %s instead", got.text);
	}
	*ret = got;
	return 0;
}

int registry_get_manifest(struct registry *r, const char *object, struct buf *out, char *type,
			  struct digest *ret, struct err *err)
{
	struct registry_call c;
	char path[PATH_SIZE];
	if (object_path(path, "manifests", object, err) < 0)
		return -1;
	registry_call_init(&c);
	c.path = path;
	c.by_tag = !strchr(object, ':');
	c.t.accept = ACCEPT_MANIFESTS;
	c.t.reply_max = MANIFEST_SIZE_MAX + 1;
	int rc = registry_call_run(r, &c, err);
	if (rc == 0)
		rc = verify_document(object, &c.t.reply, ret, err);
	if (rc == 0) {
		if (!http_header(&c.t.headers, "Content-Type", type, REGISTRY_TYPE_MAX))
			type[0] = 0;
		buf_add(out, c.t.reply.s, c.t.reply.len);
		rc = buf_failed(out) ? err_set(err, ENOMEM, "out of memory") : 0;
	} else {
		(void)describe(r, object, err);
	}
	registry_call_release(&c);
	return rc;
}

int registry_head_manifest(struct registry *r, const char *object, struct digest *ret,
			   struct err *err)
{
	struct registry_call c;
	char path[PATH_SIZE], text[DIGEST_TEXT_MAX];
	if (object_path(path, "manifests", object, err) < 0)
		return -1;
	registry_call_init(&c);
	c.path = path;
	c.by_tag = !strchr(object, ':');
	c.t.method = "HEAD";
	c.t.accept = ACCEPT_MANIFESTS;
	c.quiet = true;
	int rc = registry_call_run(r, &c, err);
	if (rc == 0 && c.t.status == 404)
		rc = err_set(err, ENOENT, "the registry has no such manifest");
	else if (rc == 0 && !http_header(&c.t.headers, "Docker-Content-Digest", text, sizeof(text)))
		rc = err_set(err, EPROTO, "the registry does not say the manifest's digest");
	else if (rc == 0)
		rc = digest_parse(text, ret, err);
	registry_call_release(&c);
	return rc < 0 ? describe(r, object, err) : 0;
}

int registry_put_manifest(struct registry *r, const char *object, const char *type,
			  const void *data, size_t size, struct err *err)
{
	struct registry_call c;
	char path[PATH_SIZE];
	if (object_path(path, "manifests", object, err) < 0)
		return -1;
	registry_call_init(&c);
	c.path = path;
	c.push = true;
	c.by_tag = true;
	c.t.method = "PUT";
	c.t.content_type = type;
	c.t.body = data;
	c.t.body_size = size;
	int rc = registry_call_run(r, &c, err);
	registry_call_release(&c);
	return rc < 0 ? describe(r, object, err) : 0;
}

int registry_delete_manifest(struct registry *r, const char *object, struct err *err)
{
	struct registry_call c;
	char path[PATH_SIZE];
	if (object_path(path, "manifests", object, err) < 0)
		return -1;
	registry_call_init(&c);
	c.path = path;
	c.push = true;
	c.by_tag = true;
	c.t.method = "DELETE";
	int rc = registry_call_run(r, &c, err);
	registry_call_release(&c);
	return rc < 0 ? describe(r, object, err) : 0;
}

int registry_read_blob(struct registry *r, const struct digest *d, uint64_t size, struct buf *out,
		       struct err *err)
{
	struct registry_call c;
	struct digest got;
	char path[PATH_SIZE];
	if (object_path(path, "blobs", d->text, err) < 0)
		return -1;
	registry_call_init(&c);
	c.path = path;
	c.t.reply_max = (size_t)size + 1;
	int rc = registry_call_run(r, &c, err);
	if (rc == 0 && c.t.reply.len != size)
		rc = err_set(err, EBADMSG, "%zu bytes instead of %llu", c.t.reply.len,
			     (unsigned long long)size);
	if (rc == 0)
		rc = verify_document(d->text, &c.t.reply, &got, err);
	if (rc == 0)
		buf_add(out, c.t.reply.s, c.t.reply.len);
	registry_call_release(&c);
	return rc < 0 ? describe(r, d->text, err) : 0;
}

int registry_login(struct registry *r, struct err *err)
{
	struct registry_call c;
	registry_call_init(&c);
	c.path = "/v2/";
	c.by_tag = true;
	c.push = true; /* the registry itself, not a mirror */
	int rc = registry_call_run(r, &c, err);
	registry_call_release(&c);
	return rc;
}
