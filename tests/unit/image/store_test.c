/* SPDX-License-Identifier: Apache-2.0 */
/* store_test.c - image/store.c, store_image.c, txn.c, layer.c, gc.c, fsck.c, tree_write.c */
#include "image/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"
#include "image/fsck.h"
#include "image/gc.h"
#include "image/layer.h"
#include "image/rootfs.h"
#include "image/tar_write.h"
#include "tests/unit/test.h"

struct place {
	char dir[64];
	struct store *s;
	struct arena arena;
};

static bool begin(struct place *p)
{
	*p = (struct place){ .dir = "/tmp/skerry-store-XXXXXX" };
	arena_init(&p->arena, ARENA_MAX_DEFAULT);
	return mkdtemp(p->dir) && store_open(p->dir, true, &p->s, NULL) == 0;
}

static void end(struct place *p)
{
	store_close(p->s);
	arena_release(&p->arena);
	(void)file_remove_tree(AT_FDCWD, p->dir);
}

static int to_buf(void *arg, const void *data, size_t size, struct err *err)
{
	(void)err;
	buf_add(arg, data, size);
	return 0;
}

/* A tar of one directory and one file of ours with this text. */
static void make_tar(struct buf *b, const char *text)
{
	struct tar_entry e = {
		.type = TAR_DIRECTORY, .path = "d", .mode = 0700, .uid = geteuid(), .gid = getegid()
	};
	struct tar_writer *w = tar_writer_new(to_buf, b);

	(void)tar_write_entry(w, &e, NULL);
	e.type = TAR_FILE;
	e.path = "d/f";
	e.size = strlen(text);
	(void)tar_write_entry(w, &e, NULL);
	(void)tar_write_data(w, text, strlen(text), NULL);
	(void)tar_write_end(w, NULL);
	tar_writer_free(w);
}

static int put_layer(struct txn *t, const char *text, struct layer_result *ret, struct err *err)
{
	const struct layer_options options = { 0 };
	struct layer_sink *sink;
	AUTO_BUF tar;

	buf_init(&tar);
	make_tar(&tar, text);
	if (layer_begin(t, &options, &sink, err) < 0)
		return -1;
	if (layer_write_full(sink, tar.s, tar.len, err) < 0) {
		layer_abort(sink, false);
		return -1;
	}
	return layer_finish(sink, ret, err);
}

/* An image of one layer; its manifest's digest. */
static bool put_image(struct place *p, const char *name, const char *text, struct digest *ret)
{
	struct image_layer layer = { 0 };
	struct image image = { .layers = { &layer, 1 }, .os = (char[]){ "linux" } };
	struct layer_result result;
	struct err err = { 0 };
	struct txn *t;
	bool good;

	if (txn_begin(p->s, &t, &err) < 0)
		return false;
	good = put_layer(t, text, &result, &err) == 0 &&
	       txn_put_blob(t, text, strlen(text), NULL, &image.config, &err) == 0 &&
	       txn_put_blob(t, name, strlen(name), NULL, &image.manifest, &err) == 0;
	layer.diff_id = result.diff_id;
	layer.blob = result.blob;
	layer.size = result.size;
	good = good && txn_commit_image(t, &image, &name, 1, &err) == 0;
	txn_end(t);
	if (!good)
		printf("# %s\n", err.msg);
	*ret = image.manifest;
	return good;
}

static void check_layer(enum store_form form)
{
	struct place p;
	struct layer_result first, second;
	struct txn *t;
	struct err err = { 0 };
	char out[128];
	int fd;
	struct digest d;

	REQUIRE(begin(&p));
	store_set_form(p.s, form);
	REQUIRE(txn_begin(p.s, &t, NULL) == 0);
	CHECK_INT(put_layer(t, "hello", &first, &err), 0);
	CHECK_STR(err.msg, "");
	CHECK(!first.existed && first.entries == 2);
	CHECK_INT(put_layer(t, "hello", &second, &err), 0);
	CHECK(second.existed);
	CHECK_STR(first.diff_id.text, second.diff_id.text);
	CHECK_STR(first.diff_id.text, first.blob.text);
	CHECK(store_has_layer(p.s, &first.diff_id));
	CHECK_INT(layer_verify(p.s, &first.diff_id, &err), 0);
	(void)snprintf(out, sizeof(out), "%s/out", p.dir);
	fd = open(out, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK_INT(layer_export(p.s, &first.diff_id, fd, &err), 0);
	CHECK_STR(err.msg, "");
	CHECK_INT(digest_of_file(fd, 0, UINT64_MAX, DIGEST_SHA256, &d, NULL), 0);
	CHECK_STR(d.text, first.diff_id.text);
	(void)fd_close(fd);
	txn_end(t);
	end(&p);
}

TEST(a_layer_comes_out_as_it_went_in)
{
	check_layer(STORE_FORM_EROFS);
}

TEST(also_as_a_directory)
{
	check_layer(STORE_FORM_DIRECTORY);
}

/* Broken off after `at` bytes of the stream, then the rest from where the store says. */
static void break_off(const struct buf *stream, size_t at, bool resumes)
{
	struct layer_options options = { .resume = true, .blob_size = stream->len };
	struct layer_sink *sink;
	struct layer_result result;
	struct err err = { 0 };
	struct place p;
	struct txn *t;
	uint64_t offset;

	digest_of(stream->s, stream->len, &options.blob);
	REQUIRE(begin(&p));
	store_set_form(p.s, STORE_FORM_EROFS);
	REQUIRE(txn_begin(p.s, &t, NULL) == 0);
	REQUIRE(layer_begin(t, &options, &sink, &err) == 0);
	CHECK_INT(layer_offset(sink), 0);
	CHECK_INT(layer_write_full(sink, stream->s, at, &err), 0);
	layer_abort(sink, true);
	txn_end(t);
	REQUIRE(txn_begin(p.s, &t, NULL) == 0);
	REQUIRE(layer_begin(t, &options, &sink, &err) == 0);
	offset = layer_offset(sink);
	CHECK_INT(offset, resumes ? at : 0);
	CHECK_INT(layer_write_full(sink, stream->s + offset, stream->len - offset, &err), 0);
	CHECK_INT(layer_finish(sink, &result, &err), 0);
	CHECK_STR(err.msg, "");
	CHECK_STR(result.blob.text, options.blob.text);
	CHECK_INT(layer_verify(p.s, &result.diff_id, &err), 0);
	txn_end(t);
	end(&p);
}

TEST(what_broke_off_is_taken_up_where_it_was)
{
	static char text[200000];
	AUTO_BUF tar;

	for (size_t i = 0; i + 1 < sizeof(text); i++)
		text[i] = (char)('a' + (i * i >> 7) % 23);
	buf_init(&tar);
	make_tar(&tar, text);
	for (size_t at = 0; at < tar.len; at += at < 2000 ? 333 : 70001)
		break_off(&tar, at, true);
}

TEST(images_are_found_by_name_digest_and_beginning)
{
	struct place p;
	struct digest a, b;
	struct image image;
	struct images images;
	struct err err = { 0 };
	char prefix[13];

	REQUIRE(begin(&p));
	store_set_form(p.s, STORE_FORM_EROFS);
	REQUIRE(put_image(&p, "docker.io/library/a:1", "one", &a));
	REQUIRE(put_image(&p, "host:5000/b/c@x:2", "two", &b));
	CHECK_INT(store_find_image(p.s, "docker.io/library/a:1", &image, &p.arena, &err), 0);
	CHECK_STR(image.manifest.text, a.text);
	CHECK_STR(image.os, "linux");
	CHECK(image.variant == NULL && image.layers.n == 1 && image.names.n == 1);
	CHECK_INT(store_find_image(p.s, b.text, &image, &p.arena, &err), 0);
	CHECK_STR(image.names.v[0], "host:5000/b/c@x:2");
	(void)snprintf(prefix, sizeof(prefix), "%.12s", digest_hex(&image.config));
	CHECK_INT(store_find_image(p.s, prefix, &image, &p.arena, &err), 0);
	CHECK_STR(image.manifest.text, b.text);
	CHECK_INT(store_find_image(p.s, "docker.io/library/a:2", &image, &p.arena, &err), -1);
	CHECK_INT(err.code, ENOENT);
	CHECK_INT(store_find_image(p.s, "../../etc/passwd", &image, &p.arena, &err), -1);
	CHECK_INT(store_list_images(p.s, &images, &p.arena, &err), 0);
	CHECK_INT(images.n, 2);
	/* a long name has a short file */
	{
		char name[400];

		memset(name, 'n', sizeof(name));
		name[399] = '\0';
		CHECK_INT(store_tag(p.s, name, &a, &err), 0);
		CHECK_INT(store_find_image(p.s, name, &image, &p.arena, &err), 0);
		CHECK_INT(image.names.n, 2);
		CHECK_INT(store_untag(p.s, name, &err), 0);
		CHECK_INT(store_untag(p.s, name, &err), -1);
		CHECK_INT(err.code, ENOENT);
	}
	CHECK_INT(store_tag(p.s, "bad name", &a, &err), -1);
	CHECK_INT(store_tag(p.s, ".", &a, &err), -1);
	end(&p);
}

TEST(an_image_that_lacks_something_is_not_committed)
{
	struct place p;
	struct image_layer layer = { 0 };
	struct image image = { .layers = { &layer, 1 } }, found;
	const char *name = "a:1";
	struct txn *t;
	struct err err = { 0 };

	REQUIRE(begin(&p));
	REQUIRE(txn_begin(p.s, &t, NULL) == 0);
	CHECK_INT(txn_put_blob(t, "c", 1, NULL, &image.config, &err), 0);
	CHECK_INT(txn_put_blob(t, "m", 1, NULL, &image.manifest, &err), 0);
	digest_of("nowhere", 7, &layer.diff_id);
	CHECK_INT(txn_commit_image(t, &image, &name, 1, &err), -1);
	CHECK_INT(err.code, ENOENT);
	CHECK_INT(store_find_image(p.s, name, &found, &p.arena, NULL), -1);
	txn_end(t);
	end(&p);
}

TEST(a_blob_must_be_what_was_expected)
{
	struct place p;
	struct digest want, got;
	struct blob_sink *sink;
	struct txn *t;
	struct err err = { 0 };
	AUTO_BUF out;

	REQUIRE(begin(&p));
	buf_init(&out);
	REQUIRE(txn_begin(p.s, &t, NULL) == 0);
	digest_of("right", 5, &want);
	CHECK_INT(txn_put_blob(t, "wrong", 5, &want, NULL, &err), -1);
	CHECK_INT(err.code, EBADMSG);
	CHECK(!store_has_blob(p.s, &want));
	CHECK_INT(txn_keep_blob(t, &want, &err), 0);
	REQUIRE(blob_begin(t, &want, 5, &sink, NULL) == 0);
	CHECK_INT(blob_write(sink, "rig", 3, &err), 0);
	CHECK_INT(blob_write(sink, "htly", 4, &err), -1);
	blob_abort(sink);
	REQUIRE(blob_begin(t, &want, 5, &sink, NULL) == 0);
	CHECK_INT(blob_write(sink, "right", 5, &err), 0);
	CHECK_INT(blob_finish(sink, &got, NULL, &err), 0);
	CHECK_STR(got.text, want.text);
	CHECK_INT(txn_keep_blob(t, &want, &err), 1);
	CHECK_INT(store_read_blob(p.s, &want, 100, &out, &err), 0);
	CHECK_STR(out.s, "right");
	CHECK_INT(store_read_blob(p.s, &want, 4, &out, &err), -1);
	CHECK_INT(err.code, EFBIG);
	txn_end(t);
	end(&p);
}

TEST(a_layer_is_claimed_by_one_at_a_time)
{
	struct place p;
	struct layer_result result;
	struct digest d;
	struct txn *a, *b;
	enum txn_claim claim;

	REQUIRE(begin(&p));
	store_set_form(p.s, STORE_FORM_EROFS);
	REQUIRE(txn_begin(p.s, &a, NULL) == 0 && txn_begin(p.s, &b, NULL) == 0);
	REQUIRE(put_layer(a, "probe", &result, NULL) == 0);
	d = result.diff_id;
	CHECK_INT(txn_claim_layer(b, &d, false, &claim, NULL), 0);
	CHECK_INT(claim, TXN_LAYER_PRESENT);
	digest_of("another", 7, &d);
	CHECK_INT(txn_claim_layer(a, &d, false, &claim, NULL), 0);
	CHECK_INT(claim, TXN_LAYER_OURS);
	CHECK_INT(txn_claim_layer(a, &d, false, &claim, NULL), 0);
	CHECK_INT(claim, TXN_LAYER_OURS);
	CHECK_INT(txn_claim_layer(b, &d, false, &claim, NULL), 0);
	CHECK_INT(claim, TXN_LAYER_BUSY);
	txn_end(a);
	CHECK_INT(txn_claim_layer(b, &d, true, &claim, NULL), 0);
	CHECK_INT(claim, TXN_LAYER_OURS);
	txn_end(b);
	end(&p);
}

TEST(gc_keeps_what_a_living_lease_names)
{
	struct place p;
	const struct gc_options options = { .untagged = true };
	struct layer_result result;
	struct gc_result gone;
	struct digest manifest;
	struct txn *t;

	REQUIRE(begin(&p));
	store_set_form(p.s, STORE_FORM_EROFS);
	REQUIRE(txn_begin(p.s, &t, NULL) == 0);
	REQUIRE(put_layer(t, "leased", &result, NULL) == 0);
	CHECK_INT(gc_run(p.s, &options, &gone, NULL), 0);
	CHECK_INT(gone.layers, 0);
	txn_end(t);
	CHECK_INT(gc_run(p.s, &options, &gone, NULL), 0);
	CHECK_INT(gone.layers, 1);
	CHECK(!store_has_layer(p.s, &result.diff_id));
	REQUIRE(put_image(&p, "a:1", "one", &manifest));
	CHECK_INT(gc_run(p.s, &options, &gone, NULL), 0);
	CHECK_INT(gone.layers + gone.images + gone.blobs, 0);
	CHECK_INT(store_untag(p.s, "a:1", NULL), 0);
	CHECK_INT(gc_run(p.s, &options, &gone, NULL), 0);
	CHECK_INT(gone.images, 1);
	CHECK_INT(gone.layers, 1);
	CHECK_INT(gone.blobs, 2);
	end(&p);
}

TEST(fsck_finds_and_repairs)
{
	struct place p;
	const struct fsck_options look = { 0 }, repair = { .repair = true };
	struct fsck_result result;
	struct digest manifest;
	char path[256];

	REQUIRE(begin(&p));
	store_set_form(p.s, STORE_FORM_EROFS);
	REQUIRE(put_image(&p, "a:1", "one", &manifest));
	CHECK_INT(fsck_run(p.s, &look, &result, NULL), 0);
	CHECK_INT(result.problems, 0);
	CHECK_INT(result.blobs, 2);
	(void)snprintf(path, sizeof(path), "%s/blobs/sha256/%s", p.dir, digest_hex(&manifest));
	REQUIRE(truncate(path, 1) == 0);
	CHECK_INT(fsck_run(p.s, &look, &result, NULL), 0);
	CHECK_INT(result.problems, 1);
	CHECK_INT(fsck_run(p.s, &repair, &result, NULL), 0);
	CHECK(!store_has_blob(p.s, &manifest));
	CHECK_INT(fsck_run(p.s, &look, &result, NULL), 0);
	CHECK_INT(result.problems, 1); /* the image lacks it now */
	end(&p);
}

TEST(a_store_of_another_version_is_left_alone)
{
	struct place p;
	struct store *s;
	struct err err = { 0 };
	char path[128];

	REQUIRE(begin(&p));
	(void)snprintf(path, sizeof(path), "%s/VERSION", p.dir);
	REQUIRE(file_replace(AT_FDCWD, path, "2\n", 2, 0644) == 0);
	CHECK_INT(store_open(p.dir, true, &s, &err), -1);
	CHECK_INT(err.code, ENOTSUP);
	(void)snprintf(path, sizeof(path), "%s/none", p.dir);
	CHECK_INT(store_open(path, false, &s, &err), -1);
	CHECK_INT(err.code, ENOENT);
	end(&p);
}
