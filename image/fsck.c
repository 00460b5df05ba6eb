/* SPDX-License-Identifier: Apache-2.0 */
/* fsck.c - every digest of the store computed again
 *
 * Blobs and layers are hashed against their names, records and names looked up.
 * With repair, content that is not what its name says leaves the store at once:
 * the next pull finds it missing and brings it again, instead of taking what is
 * "already there".  Records stay; a name that points nowhere goes.
 */
#include "image/fsck.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"
#include "image/layer.h"
#include "image/layer_mount.h"
#include "image/rootfs.h"
#include "image/store_internal.h"

#define REF_MAX 1024

struct fsck {
	struct store *s;
	const struct fsck_options *options;
	struct fsck_result *result;
	struct arena *arena;
	enum store_folder folder;
};

static void report(struct fsck *f, enum fsck_object object, const char *what, const char *problem)
{
	f->result->problems++;
	if (f->options->report)
		f->options->report(f->options->arg, object, what, problem);
}

/* Reports, and takes the object out of the store when that is wished. */
static int reject(struct fsck *f, enum fsck_object object, const char *name, const char *problem,
		  struct err *err)
{
	report(f, object, name, problem);
	if (!f->options->repair)
		return 0;
	if (object == FSCK_LAYER)
		layer_mount_forget(f->s, name);
	return store_discard(f->s, f->folder, name, err);
}

/* A name in blobs/ or layers/ as a digest. */
static int name_digest(const char *name, struct digest *ret)
{
	char text[DIGEST_TEXT_MAX];
	size_t hex = strcspn(name, ".");

	if (str_format(text, sizeof(text), "%s:%.*s",
		       hex == DIGEST_SHA512_HEX ? "sha512" : "sha256", (int)hex, name) < 0)
		return -1;
	return digest_parse(text, ret, NULL);
}

static int check_blob(void *arg, const char *name, struct err *err)
{
	struct fsck *f = arg;
	AUTO_FD fd = openat(f->s->folder[f->folder], name,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct digest d, got;
	struct err why = { 0 };
	struct stat st;

	f->result->blobs++;
	if (name_digest(name, &d) < 0)
		return reject(f, FSCK_BLOB, name, "its name is no digest", err);
	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "blob \"%s\"", name);
	f->result->bytes += (uint64_t)st.st_size;
	if (digest_of_file(fd, 0, UINT64_MAX, digest_algorithm(&d), &got, &why) < 0)
		return reject(f, FSCK_BLOB, name, why.msg, err);
	if (!digest_is_equal(&d, &got))
		return reject(f, FSCK_BLOB, name, "its bytes have another digest", err);
	return 0;
}

static int check_layer(void *arg, const char *name, struct err *err)
{
	struct fsck *f = arg;
	struct digest d;
	struct err why = { 0 };
	uint64_t size = 0;

	f->result->layers++;
	if (name_digest(name, &d) < 0)
		return reject(f, FSCK_LAYER, name, "its name is no digest", err);
	if (layer_verify(f->s, &d, &why) == 0) {
		(void)layer_size(f->s, &d, &size, NULL); /* it was just read */
		f->result->bytes += size;
		return 0;
	}
	/* gone meanwhile, or of the kind that can't be made again */
	if (why.code == ENOENT || why.code == ENOTSUP)
		return 0;
	return reject(f, FSCK_LAYER, name, why.msg, err);
}

/* What of this image isn't there: calls fn for each, NULL only counts. */
static size_t missing(const struct store *s, const struct image *image,
		      void (*fn)(struct fsck *f, const struct image *image, const char *what,
				 const struct digest *d),
		      struct fsck *f)
{
	const struct digest *blobs[] = { &image->manifest, &image->config };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(blobs) + image->blobs.n; i++) {
		const struct digest *d =
			i < ARRAY_SIZE(blobs) ? blobs[i] : &image->blobs.v[i - ARRAY_SIZE(blobs)];

		if (store_has_blob(s, d))
			continue;
		n++;
		if (fn)
			fn(f, image, "blob", d);
	}
	for (size_t i = 0; i < image->layers.n; i++) {
		const struct digest *d = &image->layers.v[i].diff_id;

		if (store_has_layer(s, d))
			continue;
		n++;
		if (fn)
			fn(f, image, "layer", d);
	}
	return n;
}

static void report_missing(struct fsck *f, const struct image *image, const char *what,
			   const struct digest *d)
{
	char problem[DIGEST_TEXT_MAX + 64];

	(void)snprintf(problem, sizeof(problem), "%s \"%s\" is missing", what, d->text);
	report(f, FSCK_IMAGE, image->manifest.text, problem);
}

bool fsck_is_whole(const struct store *s, const struct image *image)
{
	return missing(s, image, NULL, NULL) == 0;
}

static int check_image(void *arg, const char *name, struct err *err)
{
	struct fsck *f = arg;
	struct image image;
	struct err why = { 0 };

	f->result->images++;
	if (store_load_image(f->s, name, &image, f->arena, &why) < 0)
		return why.code == ENOENT ? 0 : reject(f, FSCK_IMAGE, name, why.msg, err);
	(void)missing(f->s, &image, report_missing, f);
	return 0;
}

static int check_name(void *arg, const char *name, struct err *err)
{
	struct fsck *f = arg;
	char text[REF_MAX];
	struct digest d;

	if (file_read_line(f->s->folder[STORE_REFS], name, text, sizeof(text)) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "name \"%s\"", name);
	text[strcspn(text, "\n")] = '\0';
	if (digest_parse(text, &d, NULL) < 0)
		return reject(f, FSCK_NAME, name, "its file is damaged", err);
	if (faccessat(f->s->folder[STORE_IMAGES], digest_hex(&d), F_OK, 0) < 0)
		return reject(f, FSCK_NAME, name, "it names an image that isn't there", err);
	return 0;
}

static int check_container(void *arg, const char *name, struct err *err)
{
	struct fsck *f = arg;
	struct rootfs_info info;
	struct err why = { 0 };

	(void)err;
	if (rootfs_info(f->s, name, &info, f->arena, &why) < 0) {
		if (why.code != ENOENT)
			report(f, FSCK_CONTAINER, name, why.msg);
		return 0;
	}
	for (size_t i = 0; i < info.layers.n; i++)
		if (!store_has_layer(f->s, &info.layers.v[i]))
			report(f, FSCK_CONTAINER, name, "a layer of it is missing");
	return 0;
}

/* What is looked at, in the order in which problems follow from each other. */
static const struct {
	enum store_folder folder;
	store_walk_fn *check;
} passes[] = {
	{ STORE_BLOBS256, check_blob }, { STORE_BLOBS512, check_blob },
	{ STORE_LAYERS, check_layer },	{ STORE_IMAGES, check_image },
	{ STORE_REFS, check_name },	{ STORE_CONTAINERS, check_container },
};

int fsck_run(struct store *s, const struct fsck_options *options, struct fsck_result *ret,
	     struct err *err)
{
	struct fsck_result result = { 0 };
	struct arena arena;
	int done = 0;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	for (size_t i = 0; done == 0 && i < ARRAY_SIZE(passes); i++) {
		struct fsck f = { s, options, &result, &arena, passes[i].folder };

		done = store_walk(s, passes[i].folder, passes[i].check, &f, err);
	}
	arena_release(&arena);
	if (done == 0 && ret)
		*ret = result;
	return done;
}
