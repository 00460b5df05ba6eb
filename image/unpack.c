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
	bool blob_is_tar; /* uncompressed: blob_hash is not fed, it is the other one */
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
	if (!u->blob_is_tar)
		hash_update(&u->blob_hash, data, size);
	if (u->job->blob >= 0 && fd_write_full(u->job->blob, data, size) < 0)
		return err_sys(err, "write the layer's blob");
	return inflate_feed(u->inflate, data, size, err);
}

/* Of a plain tar both hashes would be one: only the tar's is computed.  The first piece tells,
 * where it is long enough to. */
static void look_at_beginning(struct unpack *u, const void *data)
{
	u->blob_is_tar = inflate_recognise(data) == LAYER_PLAIN &&
			 u->blob_hash.algorithm == u->tar_hash.algorithm;
}

/* The next piece of the stream, as read(2). */
static ssize_t read_piece(const struct unpack *u, void *chunk)
{
	const struct layer_source *source = u->job->options.source;
	uint64_t left;
	ssize_t n;

	if (!source)
		return read(u->job->in, chunk, IN_SIZE);
	left = source->size - u->blob_size;
	n = pread(u->job->in, chunk, left < IN_SIZE ? (size_t)left : IN_SIZE,
		  (off_t)(source->offset + u->blob_size));
	if (n == 0 && left > 0) {
		errno = ENODATA; /* the file ends before */
		return -1;
	}
	return n;
}

static int take_stream(struct unpack *u, struct err *err)
{
	AUTO_FREE unsigned char *chunk = malloc(IN_SIZE);

	if (!chunk)
		return err_sys(err, "read the layer's stream");
	for (;;) {
		ssize_t n = read_piece(u, chunk);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "read the layer's stream");
		if (n == 0)
			return 0;
		if (u->blob_size == 0 && n >= INFLATE_MAGIC)
			look_at_beginning(u, chunk);
		if (take_blob(u, chunk, (size_t)n, err) < 0)
			return -1;
	}
}

/* --- broken off and taken up again ------------------------------------------------------- */

/* At the beginning of a partial layer, where a whole one has its head.  Behind the tar's bytes: the
 * state of the decompressor. */
struct partial {
	char magic[8];
	struct digest blob; /* of the whole stream */
	uint64_t offset; /* of its next byte */
	uint64_t size; /* of the tar so far */
	uint64_t state_size;
	struct hash blob_hash;
};
#define PARTIAL_MAGIC	  "SKERRYP1"
#define PARTIAL_STATE_MAX ((uint64_t)1 << 20)

static int read_partial(int file, const struct layer_options *o, struct partial *ret)
{
	if (pread(file, ret, sizeof(*ret), 0) != (ssize_t)sizeof(*ret) ||
	    memcmp(ret->magic, PARTIAL_MAGIC, sizeof(ret->magic)) != 0)
		return -1;
	ret->blob.text[DIGEST_TEXT_MAX - 1] = '\0';
	if (!digest_is_equal(&ret->blob, &o->blob) || ret->offset > o->blob_size ||
	    ret->state_size > PARTIAL_STATE_MAX || ret->size > LAYER_SIZE_MAX ||
	    ret->blob_hash.algorithm != digest_algorithm(&o->blob))
		return -1;
	return 0;
}

uint64_t unpack_offset(int file, const struct layer_options *options)
{
	struct partial p;

	return read_partial(file, options, &p) < 0 ? 0 : p.offset;
}

/* Leaves what came so far for another attempt.  Nothing is synced: what a power cut does to it is
 * found when the digests don't fit. */
static int leave(struct unpack *u, struct err *err)
{
	struct partial p = { .magic = PARTIAL_MAGIC,
			     .blob = u->job->options.blob,
			     .offset = u->blob_size,
			     .blob_hash = u->blob_is_tar ? u->tar_hash : u->blob_hash };
	AUTO_BUF state;

	buf_init(&state);
	/* which may hand out the last bytes of the tar */
	if (inflate_save(u->inflate, &state, err) < 0)
		return -1;
	p.size = u->size;
	p.state_size = state.len;
	if (pwrite(u->job->out, state.s, state.len, (off_t)(EROFS_TAR_OFFSET + u->size)) !=
		    (ssize_t)state.len ||
	    pwrite(u->job->out, &p, sizeof(p), 0) != (ssize_t)sizeof(p))
		return err_sys(err, "keep a part of a layer");
	return 0;
}

/* The part of the tar that is there goes through hash and parser once more. */
static int replay(struct unpack *u, uint64_t size, struct err *err)
{
	unsigned char *chunk = malloc(IN_SIZE);
	int ret = chunk ? 0 : err_sys(err, "take up a layer");

	while (ret == 0 && u->size < size) {
		uint64_t left = size - u->size;
		ssize_t n = pread(u->job->out, chunk, left < IN_SIZE ? (size_t)left : IN_SIZE,
				  (off_t)(EROFS_TAR_OFFSET + u->size));

		if (n <= 0) {
			ret = err_set(err, EBADMSG, "the part of a layer is cut off");
			break;
		}
		hash_update(&u->tar_hash, chunk, (size_t)n);
		u->size += (uint64_t)n;
		ret = tar_feed(u->tar, chunk, (size_t)n, err);
	}
	free(chunk);
	return ret;
}

static int take_up(struct unpack *u, struct err *err)
{
	static const char zeros[sizeof(struct partial)];
	struct partial p;
	AUTO_BUF state;

	buf_init(&state);
	if (!u->job->is_partial || read_partial(u->job->out, &u->job->options, &p) < 0)
		return 0;
	if (buf_reserve(&state, p.state_size) < 0 ||
	    pread(u->job->out, state.s, p.state_size, (off_t)(EROFS_TAR_OFFSET + p.size)) !=
		    (ssize_t)p.state_size)
		return err_set(err, EBADMSG, "the part of a layer is cut off");
	if (inflate_load(u->inflate, state.s, p.state_size, err) < 0 || replay(u, p.size, err) < 0)
		return -1;
	u->blob_hash = p.blob_hash;
	u->blob_size = p.offset;
	u->written_back = EROFS_TAR_OFFSET + p.size;
	/* from here on the file is no part that could be taken up, until it is left again */
	if (pwrite(u->job->out, zeros, sizeof(zeros), 0) < 0 ||
	    ftruncate(u->job->out, (off_t)(EROFS_TAR_OFFSET + p.size)) < 0)
		return err_sys(err, "take up a layer");
	return 0;
}

/* The stream's end: is it what was promised? */
static int verify(struct unpack *u, struct layer_result *ret, struct err *err)
{
	const struct layer_options *o = &u->job->options;

	if (o->blob_size > 0 && u->blob_size != o->blob_size)
		return err_set(err, EBADMSG, "the layer's blob has %llu bytes instead of %llu",
			       (unsigned long long)u->blob_size, (unsigned long long)o->blob_size);
	if (u->blob_is_tar)
		u->blob_hash = u->tar_hash;
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

	struct err *err = &shared->err;

	if (begin(&u, err) < 0 || take_up(&u, err) < 0 || take_stream(&u, err) < 0)
		return;
	if (job->is_partial && u.blob_size < job->options.blob_size) {
		if (leave(&u, err) == 0)
			(void)err_set(err, EPIPE, "the stream broke off");
		return;
	}
	if (finish(&u, &shared->result, err) == 0)
		atomic_store(&shared->done, true);
	/* memory goes with the process */
}
