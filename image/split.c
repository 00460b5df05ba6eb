/* SPDX-License-Identifier: Apache-2.0 */
/* split.c - what a tar has besides its files' contents, kept so that it can be made again
 *
 * Head, 64 bytes, little endian: "SKERRYS1", tar size, entries, size of the
 * records, offset and size of the implied directories' paths, 1 when exact, 1 when it has a root.
 * Records inside the zstd stream:
 *   'F' u32 length, bytes                             of the tar
 *   'C' u32 path length, u32 pieces, path, then per piece u64 offset, u64 size
 *                                                     content of a file
 * Readers check every length: the file was written by the process that parsed
 * the untrusted tar.
 */
#include "image/split.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/beneath.h"
#include "base/buf.h"
#include "base/fd.h"

#define HEAD_MAGIC    "SKERRYS1"
#define HEAD_SIZE     64
#define FRAME_SIZE    ((size_t)64 << 10) /* of one 'F' record at most */
#define OUT_SIZE      ((size_t)128 << 10)
#define CHUNK_SIZE    ((size_t)512 << 10) /* of the tar, given on as one; >= FRAME_SIZE */
#define LEVEL	      1
#define RECORD_FRAME  'F'
#define RECORD_FILE   'C'
#define RESOLVE_PLAIN 0x04 /* RESOLVE_NO_SYMLINKS of openat2(2) */

enum {
	AT_TAR_SIZE = 8,
	AT_ENTRIES = 16,
	AT_RECORDS = 24,
	AT_IMPLIED = 32,
	AT_IMPLIED_SIZE = 40,
	AT_EXACT = 48,
	AT_ROOT = 56,
};

static void put_number(unsigned char *p, uint64_t v, size_t size)
{
	for (size_t i = 0; i < size; i++)
		p[i] = (unsigned char)(v >> 8 * i);
}

static uint64_t get_number(const unsigned char *p, size_t size)
{
	uint64_t v = 0;

	while (size-- > 0)
		v = v << 8 | p[size];
	return v;
}

struct split_writer {
	int fd;
	ZSTD_CCtx *zstd;
	unsigned char *out; /* OUT_SIZE */
	unsigned char *frame; /* FRAME_SIZE */
	size_t n_frame;
	uint64_t size; /* of the records so far, compressed */
};

struct split_writer *split_writer_new(int fd, struct err *err)
{
	struct split_writer *w = calloc(1, sizeof(*w));
	static const unsigned char head[HEAD_SIZE];

	if (!w) {
		(void)err_sys(err, "split");
		return NULL;
	}
	w->fd = fd;
	w->zstd = ZSTD_createCCtx();
	w->out = malloc(OUT_SIZE);
	w->frame = malloc(FRAME_SIZE);
	if (!w->zstd || !w->out || !w->frame ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, LEVEL))) {
		(void)err_set(err, ENOMEM, "split");
		split_writer_free(w);
		return NULL;
	}
	if (fd_write_full(fd, head, sizeof(head)) < 0) {
		(void)err_sys(err, "write split");
		split_writer_free(w);
		return NULL;
	}
	return w;
}

void split_writer_free(struct split_writer *w)
{
	if (!w)
		return;
	(void)ZSTD_freeCCtx(w->zstd);
	free(w->out);
	free(w->frame);
	free(w);
}

static int compress(struct split_writer *w, const void *data, size_t size, ZSTD_EndDirective end,
		    struct err *err)
{
	ZSTD_inBuffer in = { data, size, 0 };
	size_t left;

	do {
		ZSTD_outBuffer out = { w->out, OUT_SIZE, 0 };

		left = ZSTD_compressStream2(w->zstd, &out, &in, end);
		if (ZSTD_isError(left))
			return err_set(err, EIO, "split: %s", ZSTD_getErrorName(left));
		if (fd_write_full(w->fd, w->out, out.pos) < 0)
			return err_sys(err, "write split");
		w->size += out.pos;
	} while (in.pos < in.size || (end != ZSTD_e_continue && left > 0));
	return 0;
}

static int flush_frame(struct split_writer *w, struct err *err)
{
	unsigned char head[5] = { RECORD_FRAME };
	size_t n = w->n_frame;

	if (n == 0)
		return 0;
	w->n_frame = 0;
	put_number(head + 1, n, 4);
	return compress(w, head, sizeof(head), ZSTD_e_continue, err) < 0
		       ? -1
		       : compress(w, w->frame, n, ZSTD_e_continue, err);
}

int split_frame(struct split_writer *w, const void *data, size_t size, struct err *err)
{
	const unsigned char *p = data;

	while (size > 0) {
		size_t n = FRAME_SIZE - w->n_frame;

		if (n > size)
			n = size;
		memcpy(w->frame + w->n_frame, p, n);
		w->n_frame += n;
		p += n;
		size -= n;
		if (w->n_frame == FRAME_SIZE && flush_frame(w, err) < 0)
			return -1;
	}
	return 0;
}

int split_file(struct split_writer *w, const struct tar_entry *e, struct err *err)
{
	const struct tar_segment whole = { 0, e->size };
	const struct tar_segment *segments = e->is_sparse ? e->segments : &whole;
	size_t n = e->is_sparse ? e->n_segments : 1;
	unsigned char head[9] = { RECORD_FILE };

	if (e->stored == 0)
		return 0;
	put_number(head + 1, strlen(e->path), 4);
	put_number(head + 5, n, 4);
	if (flush_frame(w, err) < 0 || compress(w, head, sizeof(head), ZSTD_e_continue, err) < 0 ||
	    compress(w, e->path, strlen(e->path), ZSTD_e_continue, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		unsigned char piece[16];

		put_number(piece, segments[i].offset, 8);
		put_number(piece + 8, segments[i].size, 8);
		if (compress(w, piece, sizeof(piece), ZSTD_e_continue, err) < 0)
			return -1;
	}
	return 0;
}

int split_finish(struct split_writer *w, struct split_head *h, const void *implied,
		 size_t implied_size, struct err *err)
{
	unsigned char head[HEAD_SIZE] = HEAD_MAGIC;

	if (flush_frame(w, err) < 0 || compress(w, NULL, 0, ZSTD_e_end, err) < 0)
		return -1;
	h->records_size = w->size;
	h->implied_offset = HEAD_SIZE + w->size;
	h->implied_size = implied_size;
	put_number(head + AT_TAR_SIZE, h->tar_size, 8);
	put_number(head + AT_ENTRIES, h->entries, 8);
	put_number(head + AT_RECORDS, h->records_size, 8);
	put_number(head + AT_IMPLIED, h->implied_offset, 8);
	put_number(head + AT_IMPLIED_SIZE, h->implied_size, 8);
	put_number(head + AT_EXACT, h->is_exact, 8);
	put_number(head + AT_ROOT, h->has_root, 8);
	if (fd_write_full(w->fd, implied, implied_size) < 0 ||
	    pwrite(w->fd, head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return err_sys(err, "write split");
	return 0;
}

int split_read_head(int fd, struct split_head *ret, struct err *err)
{
	unsigned char head[HEAD_SIZE];
	struct split_head h;
	struct stat st;
	uint64_t size;

	if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) || fstat(fd, &st) < 0 ||
	    memcmp(head, HEAD_MAGIC, strlen(HEAD_MAGIC)) != 0)
		return err_set(err, EBADMSG, "not the split of a layer");
	size = (uint64_t)st.st_size;
	h.tar_size = get_number(head + AT_TAR_SIZE, 8);
	h.entries = get_number(head + AT_ENTRIES, 8);
	h.records_size = get_number(head + AT_RECORDS, 8);
	h.implied_offset = get_number(head + AT_IMPLIED, 8);
	h.implied_size = get_number(head + AT_IMPLIED_SIZE, 8);
	h.has_root = get_number(head + AT_ROOT, 8) != 0;
	h.is_exact = get_number(head + AT_EXACT, 8) != 0;
	if (h.records_size > size - HEAD_SIZE || h.implied_offset > size ||
	    h.implied_size > size - h.implied_offset)
		return err_set(err, EBADMSG, "the split of a layer is cut off");
	*ret = h;
	return 0;
}

/* --- joining ----------------------------------------------------------------------- */

struct reader {
	int fd, tree;
	uint64_t at, end; /* of the compressed records in the file */
	ZSTD_DCtx *zstd;
	unsigned char *in; /* OUT_SIZE */
	ZSTD_inBuffer ready; /* of `in` */
	unsigned char *chunk; /* CHUNK_SIZE: small files and what is between them go together */
	size_t n_chunk;
	int folder; /* of the file before: mostly that of the next, too; -1: none */
	char folder_path[PATH_MAX];
	split_fn *fn;
	void *arg;
};

static int flush_chunk(struct reader *r, struct err *err)
{
	size_t n = r->n_chunk;

	r->n_chunk = 0;
	return n == 0 ? 0 : r->fn(r->arg, r->chunk, n, err);
}

/* Exactly size bytes of records; 1, or 0 at the very end, or -1. */
static int take_some(struct reader *r, void *data, size_t size, struct err *err)
{
	ZSTD_outBuffer out = { data, size, 0 };

	while (out.pos < size) {
		size_t before = out.pos;
		size_t ret = ZSTD_decompressStream(r->zstd, &out, &r->ready);

		if (ZSTD_isError(ret))
			return err_set(err, EBADMSG, "split: %s", ZSTD_getErrorName(ret));
		if (out.pos == size || out.pos > before || r->ready.pos < r->ready.size)
			continue;
		if (r->at < r->end) {
			uint64_t left = r->end - r->at;
			ssize_t n = pread(r->fd, r->in, left < OUT_SIZE ? (size_t)left : OUT_SIZE,
					  (off_t)r->at);

			if (n <= 0)
				return err_set(err, EBADMSG, "split: cut off");
			r->at += (uint64_t)n;
			r->ready = (ZSTD_inBuffer){ r->in, (size_t)n, 0 };
			continue;
		}
		if (out.pos == 0)
			return 0;
		return err_set(err, EBADMSG, "split: cut off");
	}
	return 1;
}

static int take_all(struct reader *r, void *data, size_t size, struct err *err)
{
	int ret = take_some(r, data, size, err);

	return ret == 0 ? err_set(err, EBADMSG, "split: cut off") : ret;
}

static int join_frame(struct reader *r, struct err *err)
{
	unsigned char head[4];
	uint64_t size;

	if (take_all(r, head, sizeof(head), err) < 0)
		return -1;
	size = get_number(head, 4);
	if (size == 0 || size > FRAME_SIZE)
		return err_set(err, EBADMSG, "split: bad record");
	if (size > CHUNK_SIZE - r->n_chunk && flush_chunk(r, err) < 0)
		return -1;
	if (take_all(r, r->chunk + r->n_chunk, size, err) < 0)
		return -1;
	r->n_chunk += size;
	return 0;
}

static int join_piece(struct reader *r, int file, const char *path, struct err *err)
{
	unsigned char piece[16];
	uint64_t at, left;

	if (take_all(r, piece, sizeof(piece), err) < 0)
		return -1;
	at = get_number(piece, 8);
	left = get_number(piece + 8, 8);
	while (left > 0) {
		size_t room = CHUNK_SIZE - r->n_chunk;
		ssize_t n;

		if (room == 0) {
			if (flush_chunk(r, err) < 0)
				return -1;
			continue;
		}
		n = pread(file, r->chunk + r->n_chunk, left < room ? (size_t)left : room,
			  (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "read \"%s\" of a layer", path);
		if (n == 0)
			return err_set(err, EBADMSG, "\"%s\" of a layer is shorter than it was",
				       path);
		at += (uint64_t)n;
		left -= (uint64_t)n;
		r->n_chunk += (size_t)n;
	}
	return 0;
}

static int open_in_tree(struct reader *r, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	int file, tree = r->tree;

	if (slash) {
		if (r->folder < 0 || strlen(r->folder_path) != len ||
		    memcmp(r->folder_path, path, len) != 0) {
			(void)fd_close(r->folder);
			memcpy(r->folder_path, path, len);
			r->folder_path[len] = '\0';
			r->folder =
				beneath_open(r->tree, r->folder_path,
					     O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_PLAIN);
		}
		tree = r->folder;
	}
	file = tree < 0 ? -1
			: beneath_open(tree, slash ? slash + 1 : path,
				       O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, 0,
				       RESOLVE_PLAIN);
	return file < 0 ? err_sys(err, "open \"%s\" of a layer", path) : file;
}

static int join_file(struct reader *r, struct err *err)
{
	unsigned char head[8];
	char path[PATH_MAX];
	uint64_t len, pieces;
	AUTO_FD file = -1;

	if (take_all(r, head, sizeof(head), err) < 0)
		return -1;
	len = get_number(head, 4);
	pieces = get_number(head + 4, 4);
	if (len == 0 || len >= sizeof(path) || pieces > PAX_SEGMENTS_MAX)
		return err_set(err, EBADMSG, "split: bad record");
	if (take_all(r, path, len, err) < 0)
		return -1;
	path[len] = '\0';
	file = open_in_tree(r, path, err);
	if (file < 0)
		return -1;
	for (uint64_t i = 0; i < pieces; i++)
		if (join_piece(r, file, path, err) < 0)
			return -1;
	return 0;
}

static int join_records(struct reader *r, struct err *err)
{
	for (;;) {
		unsigned char kind;
		int ret = take_some(r, &kind, 1, err);

		if (ret <= 0)
			return ret < 0 ? -1 : flush_chunk(r, err);
		if (kind != RECORD_FRAME && kind != RECORD_FILE)
			return err_set(err, EBADMSG, "split: bad record");
		if ((kind == RECORD_FRAME ? join_frame(r, err) : join_file(r, err)) < 0)
			return -1;
	}
}

int split_join(int fd, int tree, split_fn *fn, void *arg, struct err *err)
{
	struct reader r = { .fd = fd, .tree = tree, .folder = -1, .fn = fn, .arg = arg };
	struct split_head head;
	int ret = -1;

	if (split_read_head(fd, &head, err) < 0)
		return -1;
	if (!head.is_exact)
		return err_set(err, ENOTSUP,
			       "the layer's tar has one file several times: stored as a directory, "
			       "it can't be made again");
	r.at = HEAD_SIZE;
	r.end = HEAD_SIZE + head.records_size;
	r.zstd = ZSTD_createDCtx();
	r.in = malloc(OUT_SIZE);
	r.chunk = malloc(CHUNK_SIZE);
	if (r.zstd && r.in && r.chunk)
		ret = join_records(&r, err);
	else
		(void)err_set(err, ENOMEM, "split");
	(void)fd_close(r.folder);
	(void)ZSTD_freeDCtx(r.zstd);
	free(r.in);
	free(r.chunk);
	return ret;
}
