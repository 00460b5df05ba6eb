/* SPDX-License-Identifier: Apache-2.0 */
/* compress.c - a layer's tar as a registry wants it
 *
 * A child writes the tar into a pipe, this process compresses: two processors
 * where there are two.  The same tar always gives the same bytes (no time, no
 * name in the gzip header), so that a layer pushed twice is one blob.
 */
#include "image/compress.h"

#include <errno.h>
#include <fcntl.h>
#include <isa-l.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/fd.h"
#include "image/export_pipe.h"
#include "image/manifest.h"

#define PIECE	   ((size_t)256 << 10)
#define GZIP_LEVEL 3
#define ZSTD_LEVEL 3

struct writer {
	int fd;
	struct hash hash;
	uint64_t size;
	struct isal_zstream gzip;
	unsigned char level[ISAL_DEF_LVL3_DEFAULT], in[PIECE], out[PIECE];
};

int compression_parse(const char *text, enum compression *ret, struct err *err)
{
	static const char *const words[] = { "none", "gzip", "zstd" };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(text, words[i]) == 0) {
			*ret = (enum compression)i;
			return 0;
		}
	}
	return err_set(err, EINVAL, "invalid compression \"%s\": gzip, zstd or none", text);
}

const char *compression_media_type(enum compression c)
{
	switch (c) {
	case COMPRESSION_GZIP:
		return MEDIA_OCI_LAYER_GZIP;
	case COMPRESSION_ZSTD:
		return MEDIA_OCI_LAYER_ZSTD;
	case COMPRESSION_NONE:
		break;
	}
	return MEDIA_OCI_LAYER;
}

static int emit(struct writer *w, const void *data, size_t size, struct err *err)
{
	hash_update(&w->hash, data, size);
	w->size += size;
	return fd_write_full(w->fd, data, size) < 0 ? err_sys(err, "write the compressed layer")
						    : 0;
}

static int run_gzip(struct writer *w, int in, struct err *err)
{
	struct isal_zstream *z = &w->gzip;
	isal_deflate_init(z);
	z->gzip_flag = IGZIP_GZIP;
	z->level = GZIP_LEVEL;
	z->level_buf = w->level;
	z->level_buf_size = sizeof(w->level);
	do {
		ssize_t n = fd_read_full(in, w->in, PIECE);
		if (n < 0)
			return err_sys(err, "read the layer");
		z->next_in = w->in;
		z->avail_in = (uint32_t)n;
		z->end_of_stream = (size_t)n < PIECE;
		do {
			z->next_out = w->out;
			z->avail_out = PIECE;
			if (isal_deflate(z) != COMP_OK)
				return err_set(err, EIO, "compress the layer");
			if (emit(w, w->out, PIECE - z->avail_out, err) < 0)
				return -1;
		} while (z->avail_out == 0);
	} while (z->internal_state.state != ZSTATE_END);
	return 0;
}

static int run_zstd(struct writer *w, int in, struct err *err)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();
	int rc = z ? 0 : err_set(err, ENOMEM, "out of memory");
	bool ended = false;
	if (z)
		(void)ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, ZSTD_LEVEL);
	while (rc == 0 && !ended) {
		ssize_t n = fd_read_full(in, w->in, PIECE);
		if (n < 0) {
			rc = err_sys(err, "read the layer");
			break;
		}
		ended = (size_t)n < PIECE;
		ZSTD_inBuffer from = { w->in, (size_t)n, 0 };
		size_t left;
		do {
			ZSTD_outBuffer to = { w->out, PIECE, 0 };
			left = ZSTD_compressStream2(z, &to, &from,
						    ended ? ZSTD_e_end : ZSTD_e_continue);
			if (ZSTD_isError(left))
				rc = err_set(err, EIO, "compress the layer: %s",
					     ZSTD_getErrorName(left));
			else
				rc = emit(w, w->out, to.pos, err);
		} while (rc == 0 && (ended ? left > 0 : from.pos < from.size));
	}
	(void)ZSTD_freeCCtx(z);
	return rc;
}

static int run_plain(struct writer *w, int in, struct err *err)
{
	for (;;) {
		ssize_t n = fd_read_full(in, w->in, PIECE);
		if (n < 0)
			return err_sys(err, "read the layer");
		if (n == 0)
			return 0;
		if (emit(w, w->in, (size_t)n, err) < 0)
			return -1;
	}
}

static int compress_from(struct writer *w, int in, enum compression how, struct err *err)
{
	hash_init(&w->hash, DIGEST_SHA256);
	switch (how) {
	case COMPRESSION_GZIP:
		return run_gzip(w, in, err);
	case COMPRESSION_ZSTD:
		return run_zstd(w, in, err);
	case COMPRESSION_NONE:
		break;
	}
	return run_plain(w, in, err);
}

static int compress_into(struct writer *w, const struct store *s, const struct digest *diff_id,
			 enum compression how, struct err *err)
{
	struct export_pipe tar;
	if (export_pipe_open(s, diff_id, &tar, err) < 0)
		return -1;
	int rc = compress_from(w, tar.fd, how, err);
	/* the first error is the one to tell */
	return export_pipe_close(&tar, rc < 0 ? NULL : err) < 0 ? -1 : rc;
}

int compress_layer(const struct store *s, const struct digest *diff_id, enum compression how,
		   struct digest *ret, uint64_t *ret_size, struct err *err)
{
	/* unnamed: gone with the descriptor */
	AUTO_FD file = openat(store_fd(s), "tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (file < 0)
		return err_sys(err, "make a file in the store");
	struct writer *w = calloc(1, sizeof(*w));
	if (!w)
		return err_set(err, ENOMEM, "out of memory");
	w->fd = file;
	int rc = compress_into(w, s, diff_id, how, err);
	if (rc == 0) {
		hash_final(&w->hash, ret);
		*ret_size = w->size;
	}
	free(w);
	return rc < 0 ? -1 : fd_take(&file);
}
