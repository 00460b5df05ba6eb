/* SPDX-License-Identifier: Apache-2.0 */
/* unpack.c - one layer's stream becomes a layer: the work of the locked-in process
 *
 * One pass: read, hash, inflate, hash, write, parse.  Every piece is still in the
 * processor's cache when the next step takes it.
 *   EROFS form      the tar goes into the file as it is, the parser makes a tree of
 *                   it, index and head follow at the end, and one fdatasync(2)
 *   directory form  the parser makes the files; what is no file's content goes into
 *                   `split`, so that the tar can be made again
 * Runs in the jail (jail.h): descriptors only, no names but below the tree.
 */
#include "image/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "image/erofs.h"
#include "image/inflate.h"
#include "image/tar.h"
#include "image/tree.h"
#include "image/unpack_dir.h"

#define IN_SIZE ((size_t)256 << 10)
#define WRITEBACK_SIZE \
 ((uint64_t)16 << 20) /* written back as it comes, so that the sync is short */
/* No honest layer that is not tiny shrinks to less than this: zeros shrink to 1/1000. */
#define BOMB_RATIO 256
#define BOMB_MIN   ((uint64_t)4 << 30)

struct unpack {
	const struct unpack_job *job;
	struct unpack_shared *shared;
	struct hash blob_hash, tar_hash;
	uint64_t blob_size, size, written_back;
	struct inflate *inflate;
	struct tar_reader *tar;
	struct tree tree; /* EROFS form */
	struct unpack_dir *dir; /* directory form */
};

static int check_size(const struct unpack *u, struct err *err)
{
	const struct layer_options *o = &u->job->options;
	uint64_t max = o->max_size ? o->max_size : LAYER_SIZE_MAX;

	if (u->size > max)
		return err_set(err, EFBIG, "the layer unpacks to more than %llu bytes",
			       (unsigned long long)max);
	if (!o->max_size && u->size > BOMB_MIN && u->size / BOMB_RATIO > u->blob_size)
		return err_set(err, EFBIG,
			       "the layer unpacks to more than %d times its size: a bomb, unless a "
			       "limit is given that allows it",
			       BOMB_RATIO);
	return 0;
}

static int write_tar(struct unpack *u, const void *data, size_t size, struct err *err)
{
	const unsigned char *p = data;
	uint64_t at = EROFS_TAR_OFFSET + u->size;

	while (size > 0) {
		ssize_t n = pwrite(u->job->out, p, size, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "write layer");
		p += n;
		size -= (size_t)n;
		at += (uint64_t)n;
	}
	if (at - u->written_back >= WRITEBACK_SIZE) {
		/* a hint: the sync at the end is what counts */
		(void)sync_file_range(u->job->out, (off_t)u->written_back,
				      (off_t)(at - u->written_back), SYNC_FILE_RANGE_WRITE);
		u->written_back = at;
	}
	return 0;
}

/* A piece of the tar. */
static int take_tar(void *arg, const void *data, size_t size, struct err *err)
{
	struct unpack *u = arg;

	hash_update(&u->tar_hash, data, size);
	if (u->job->form == STORE_FORM_EROFS && write_tar(u, data, size, err) < 0)
		return -1;
	u->size += size;
	if (check_size(u, err) < 0 || tar_feed(u->tar, data, size, err) < 0)
		return -1;
	atomic_store_explicit(&u->shared->size, u->size, memory_order_relaxed);
	return 0;
}

static int take_blob(struct unpack *u, const void *data, size_t size, struct err *err)
{
	const struct layer_options *o = &u->job->options;

	u->blob_size += size;
	if (o->blob_size > 0 && u->blob_size > o->blob_size)
		return err_set(err, EBADMSG, "the layer's blob is longer than %llu bytes",
			       (unsigned long long)o->blob_size);
	hash_update(&u->blob_hash, data, size);
	if (u->job->blob >= 0 && fd_write_full(u->job->blob, data, size) < 0)
		return err_sys(err, "write the layer's blob");
	return inflate_feed(u->inflate, data, size, err);
}

static int take_stream(struct unpack *u, struct err *err)
{
	AUTO_FREE unsigned char *chunk = malloc(IN_SIZE);

	if (!chunk)
		return err_sys(err, "read the layer's stream");
	for (;;) {
		ssize_t n = read(u->job->in, chunk, IN_SIZE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "read the layer's stream");
		if (n == 0)
			return 0;
		if (take_blob(u, chunk, (size_t)n, err) < 0)
			return -1;
	}
}

/* The stream's end: is it what was promised? */
static int verify(struct unpack *u, struct layer_result *ret, struct err *err)
{
	const struct layer_options *o = &u->job->options;

	if (o->blob_size > 0 && u->blob_size != o->blob_size)
		return err_set(err, EBADMSG, "the layer's blob has %llu bytes instead of %llu",
			       (unsigned long long)u->blob_size, (unsigned long long)o->blob_size);
	hash_final(&u->blob_hash, &ret->blob);
	if (digest_is_set(&o->blob) && !digest_is_equal(&o->blob, &ret->blob))
		return err_set(err, EBADMSG, "the blob's digest is \"%s\" instead of \"%s\"",
			       ret->blob.text, o->blob.text);
	if (inflate_finish(u->inflate, err) < 0 || tar_finish(u->tar, err) < 0)
		return -1;
	hash_final(&u->tar_hash, &ret->diff_id);
	if (digest_is_set(&o->diff_id) && !digest_is_equal(&o->diff_id, &ret->diff_id))
		return err_set(err, EBADMSG, "the layer's diffID is \"%s\" instead of \"%s\"",
			       ret->diff_id.text, o->diff_id.text);
	ret->blob_size = u->blob_size;
	ret->size = u->size;
	ret->entries = tar_entries(u->tar);
	ret->compression = inflate_compression(u->inflate);
	return 0;
}

static int hex_value(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static int finish_erofs(struct unpack *u, const struct layer_result *result, struct err *err)
{
	struct erofs_head head = { .tar_size = result->size, .entries = result->entries };
	const char *hex = digest_hex(&result->diff_id);
	unsigned char uuid[16];

	for (size_t i = 0; i < sizeof(uuid); i++)
		uuid[i] = (unsigned char)(hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1]));
	if (erofs_write_index(u->job->out, &u->tree, &head, uuid, err) < 0)
		return -1;
	return fdatasync(u->job->out) < 0 ? err_sys(err, "sync layer") : 0;
}

static int finish(struct unpack *u, struct layer_result *ret, struct err *err)
{
	if (verify(u, ret, err) < 0)
		return -1;
	if (u->job->blob >= 0 && fdatasync(u->job->blob) < 0)
		return err_sys(err, "sync the layer's blob");
	if (u->job->form == STORE_FORM_EROFS)
		return finish_erofs(u, ret, err);
	return unpack_dir_finish(u->dir, ret->size, ret->entries, err);
}

static int add_to_tree(void *arg, const struct tar_entry *entry, struct err *err)
{
	struct unpack *u = arg;

	return tree_add(&u->tree, entry, err);
}

static const struct tar_handler tree_handler = { .entry = add_to_tree };

static int begin(struct unpack *u, struct err *err)
{
	const struct unpack_job *job = u->job;

	hash_init(&u->blob_hash, digest_algorithm(&job->options.blob));
	hash_init(&u->tar_hash, digest_algorithm(&job->options.diff_id));
	u->inflate = inflate_new(take_tar, u);
	if (!u->inflate)
		return err_sys(err, "unpack");
	if (job->form == STORE_FORM_EROFS) {
		if (tree_init(&u->tree, err) < 0)
			return -1;
		u->tar = tar_reader_new(&tree_handler, u);
	} else {
		u->dir = unpack_dir_new(job, err);
		if (!u->dir)
			return -1;
		u->tar = tar_reader_new(&unpack_dir_handler, u->dir);
	}
	return u->tar ? 0 : err_sys(err, "unpack");
}

void unpack_run(const struct unpack_job *job, struct unpack_shared *shared)
{
	struct unpack u = { .job = job, .shared = shared };

	if (begin(&u, &shared->err) == 0 && take_stream(&u, &shared->err) == 0 &&
	    finish(&u, &shared->result, &shared->err) == 0)
		atomic_store(&shared->done, true);
	/* memory goes with the process */
}
