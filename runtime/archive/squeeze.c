/* SPDX-License-Identifier: Apache-2.0 */
/* squeeze.c - a compressing writer: bytes in, zstd or gzip out */
#include <errno.h>
#include <isa-l.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "image/compress.h"
#include "runtime/archive/archive.h"

#define PIECE	   ((size_t)256 << 10)
#define GZIP_LEVEL 1 /* memory images: speed counts, the container stands still */
#define ZSTD_LEVEL 1

struct squeeze {
	enum compression how;
	tar_out_fn *out_fn;
	void *arg;
	ZSTD_CCtx *zstd;
	struct isal_zstream gzip;
	unsigned char level[ISAL_DEF_LVL1_DEFAULT], out[PIECE];
};

struct squeeze *squeeze_new(const char *how, tar_out_fn *out, void *arg, struct err *err)
{
	enum compression c = COMPRESSION_ZSTD;
	struct squeeze *s;

	if (how && how[0] && compression_parse(how, &c, err) < 0)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s) {
		(void)err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	s->how = c;
	s->out_fn = out;
	s->arg = arg;
	if (c == COMPRESSION_GZIP) {
		isal_deflate_init(&s->gzip);
		s->gzip.gzip_flag = IGZIP_GZIP;
		s->gzip.level = GZIP_LEVEL;
		s->gzip.level_buf = s->level;
		s->gzip.level_buf_size = sizeof(s->level);
	} else if (c == COMPRESSION_ZSTD) {
		s->zstd = ZSTD_createCCtx();
		if (!s->zstd) {
			free(s);
			(void)err_set(err, ENOMEM, "out of memory");
			return NULL;
		}
		(void)ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
		(void)ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_checksumFlag, 1);
	}
	return s;
}

void squeeze_free(struct squeeze *s)
{
	if (!s)
		return;
	(void)ZSTD_freeCCtx(s->zstd);
	free(s);
}

static int feed_gzip(struct squeeze *s, const void *data, size_t size, bool end, struct err *err)
{
	struct isal_zstream *z = &s->gzip;
	AUTO_FREE unsigned char *copy = NULL;

	/* ISA-L's field isn't const, though it only reads */
	z->next_in = NULL;
	if (size) {
		copy = malloc(size);
		if (!copy)
			return err_set(err, ENOMEM, "out of memory");
		memcpy(copy, data, size);
		z->next_in = copy;
	}
	z->avail_in = (uint32_t)size;
	z->end_of_stream = end;
	do {
		z->next_out = s->out;
		z->avail_out = PIECE;
		if (isal_deflate(z) != COMP_OK)
			return err_set(err, EIO, "compress the archive");
		if (s->out_fn(s->arg, s->out, PIECE - z->avail_out, err) < 0)
			return -1;
	} while (z->avail_out == 0 || z->avail_in > 0 ||
		 (end && z->internal_state.state != ZSTATE_END));
	return 0;
}

static int feed_zstd(struct squeeze *s, const void *data, size_t size, bool end, struct err *err)
{
	ZSTD_inBuffer from = { data, size, 0 };
	size_t left;

	do {
		ZSTD_outBuffer to = { s->out, PIECE, 0 };

		left = ZSTD_compressStream2(s->zstd, &to, &from,
					    end ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return err_set(err, EIO, "compress the archive: %s",
				       ZSTD_getErrorName(left));
		if (s->out_fn(s->arg, s->out, to.pos, err) < 0)
			return -1;
	} while (end ? left > 0 : from.pos < from.size);
	return 0;
}

static int feed(struct squeeze *s, const void *data, size_t size, bool end, struct err *err)
{
	switch (s->how) {
	case COMPRESSION_GZIP:
		return feed_gzip(s, data, size, end, err);
	case COMPRESSION_ZSTD:
		return feed_zstd(s, data, size, end, err);
	case COMPRESSION_NONE:
		break;
	}
	return size ? s->out_fn(s->arg, data, size, err) : 0;
}

int squeeze_write(void *arg, const void *data, size_t size, struct err *err)
{
	const unsigned char *p = data;

	while (size > 0) {
		size_t n = size < PIECE ? size : PIECE;

		if (feed(arg, p, n, false, err) < 0)
			return -1;
		p += n;
		size -= n;
	}
	return 0;
}

int squeeze_end(struct squeeze *s, struct err *err)
{
	return feed(s, NULL, 0, true, err);
}
