/* SPDX-License-Identifier: Apache-2.0 */
/* inflate.c - a stream of bytes, decompressed by what its beginning says it is
 *
 * gzip (several members one after another, as pgzip and estargz write them) by
 * ISA-L, zstd (several frames, skippable ones among them) by libzstd, anything
 * else as it is.  The media type isn't asked: mislabelled layers exist.
 * Output goes out in pieces of OUT_SIZE: small enough for the cache in which the
 * hash and the tar parser then find them.
 *
 * RFC 1952; RFC 8878.
 */
#include "image/inflate.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/buf.h"

#define OUT_SIZE	((size_t)256 << 10)
#define MAGIC_MAX	INFLATE_MAGIC
#define ZSTD_WINDOW_MAX 27 /* 128 MiB: what --long=27 makes, and no more */

struct inflate {
	inflate_fn *fn;
	void *arg;
	enum layer_compression kind;
	unsigned char magic[MAGIC_MAX]; /* the stream's first bytes, until they are four */
	size_t n_magic;
	bool is_known;
	struct inflate_state *gzip;
	bool in_member; /* gzip: bytes of a member have come and it is not over */
	ZSTD_DCtx *zstd;
	size_t zstd_left; /* what ZSTD_decompressStream() last said: 0 at a frame's end */
	unsigned char *out;
	size_t n_out;
};

struct inflate *inflate_new(inflate_fn *fn, void *arg)
{
	struct inflate *i = calloc(1, sizeof(*i));

	if (!i)
		return NULL;
	i->fn = fn;
	i->arg = arg;
	i->out = malloc(OUT_SIZE);
	if (!i->out) {
		free(i);
		return NULL;
	}
	return i;
}

void inflate_free(struct inflate *i)
{
	if (!i)
		return;
	free(i->gzip);
	(void)ZSTD_freeDCtx(i->zstd);
	free(i->out);
	free(i);
}

enum layer_compression inflate_compression(const struct inflate *i)
{
	return i->kind;
}

enum layer_compression inflate_recognise(const void *data)
{
	static const unsigned char gzip[] = { 0x1f, 0x8b }, zstd[] = { 0x28, 0xb5, 0x2f, 0xfd },
				   skippable[] = { 0x2a, 0x4d, 0x18 };
	const unsigned char *magic = data;

	if (memcmp(magic, gzip, sizeof(gzip)) == 0)
		return LAYER_GZIP;
	if (memcmp(magic, zstd, sizeof(zstd)) == 0 ||
	    ((magic[0] & 0xf0) == 0x50 && memcmp(magic + 1, skippable, sizeof(skippable)) == 0))
		return LAYER_ZSTD;
	return LAYER_PLAIN;
}

static void begin_member(struct inflate *i)
{
	isal_inflate_reset(i->gzip);
	i->gzip->crc_flag = ISAL_GZIP;
	i->in_member = false;
}

static int begin(struct inflate *i, struct err *err)
{
	i->is_known = true;
	i->kind = inflate_recognise(i->magic);
	switch (i->kind) {
	case LAYER_GZIP:
		i->gzip = malloc(sizeof(*i->gzip));
		if (!i->gzip)
			return err_sys(err, "decompress");
		isal_inflate_init(i->gzip);
		begin_member(i);
		return 0;
	case LAYER_ZSTD:
		i->zstd = ZSTD_createDCtx();
		if (!i->zstd || ZSTD_isError(ZSTD_DCtx_setParameter(i->zstd, ZSTD_d_windowLogMax,
								    ZSTD_WINDOW_MAX)))
			return err_set(err, ENOMEM, "decompress zstd");
		return 0;
	case LAYER_PLAIN:
		break;
	}
	return 0;
}

/* What has collected goes out. */
static int give(struct inflate *i, struct err *err)
{
	size_t n = i->n_out;

	i->n_out = 0;
	return n > 0 ? i->fn(i->arg, i->out, n, err) : 0;
}

/* Zeros behind a member are no other one: what goes to a pipe may be padded to a whole record
 * (gzip(1) passes over them too). */
static size_t padding(const unsigned char *data, size_t size)
{
	size_t n = 0;

	while (n < size && data[n] == 0)
		n++;
	return n;
}

static int feed_gzip(struct inflate *i, const unsigned char *data, size_t size, struct err *err)
{
	/* the library's pointer isn't const, but it doesn't write there */
	const union {
		const unsigned char *data;
		uint8_t *plain;
	} in = { data };
	struct inflate_state *g = i->gzip;

	size_t skip = i->in_member ? 0 : padding(data, size);

	if (skip == size)
		return 0;
	g->next_in = in.plain + skip;
	g->avail_in = (uint32_t)(size - skip); /* inflate_feed() sees to that */
	for (;;) {
		int ret;

		g->next_out = i->out + i->n_out;
		g->avail_out = (uint32_t)(OUT_SIZE - i->n_out);
		i->in_member = i->in_member || g->avail_in > 0;
		ret = isal_inflate(g);
		if (ret < 0 || ret == ISAL_NEED_DICT)
			return err_set(err, EBADMSG, "gzip: the stream is damaged (%d)", ret);
		i->n_out = OUT_SIZE - g->avail_out;
		if (i->n_out == OUT_SIZE && give(i, err) < 0)
			return -1;
		if (g->block_state == ISAL_BLOCK_FINISH) {
			begin_member(i);
			skip = padding(data + size - g->avail_in, g->avail_in);
			g->next_in += skip;
			g->avail_in -= (uint32_t)skip;
			if (g->avail_in == 0)
				return 0;
			continue;
		}
		/* with room left over it has taken everything in and given everything out */
		if (g->avail_in == 0 && g->avail_out > 0)
			return 0;
	}
}

static int feed_zstd(struct inflate *i, const unsigned char *data, size_t size, struct err *err)
{
	ZSTD_inBuffer in = { data, size, 0 };
	bool full = false;

	while (in.pos < in.size || full) {
		ZSTD_outBuffer out = { i->out, OUT_SIZE, i->n_out };
		size_t before = in.pos;

		i->zstd_left = ZSTD_decompressStream(i->zstd, &out, &in);
		if (ZSTD_isError(i->zstd_left))
			return err_set(err, EBADMSG, "zstd: %s", ZSTD_getErrorName(i->zstd_left));
		full = out.pos == OUT_SIZE;
		if (!full && out.pos == i->n_out && in.pos == before)
			break; /* nothing more without more input */
		i->n_out = out.pos;
		if (full && give(i, err) < 0)
			return -1;
	}
	return 0;
}

static int feed(struct inflate *i, const unsigned char *data, size_t size, struct err *err)
{
	switch (i->kind) {
	case LAYER_GZIP:
		return feed_gzip(i, data, size, err);
	case LAYER_ZSTD:
		return feed_zstd(i, data, size, err);
	case LAYER_PLAIN:
		break;
	}
	return size > 0 ? i->fn(i->arg, data, size, err) : 0;
}

int inflate_feed(struct inflate *i, const void *data, size_t size, struct err *err)
{
	const unsigned char *at = data;

	while (!i->is_known && size > 0) {
		i->magic[i->n_magic++] = *at++;
		size--;
		if (i->n_magic == MAGIC_MAX &&
		    (begin(i, err) < 0 || feed(i, i->magic, MAGIC_MAX, err) < 0))
			return -1;
	}
	while (size > 0) {
		size_t n = size < INT32_MAX ? size : INT32_MAX;

		if (feed(i, at, n, err) < 0)
			return -1;
		at += n;
		size -= n;
	}
	return 0;
}

/* What is saved besides the library's own state, which is plain memory. */
struct saved {
	uint32_t size; /* of all that follows it too: another library, another size */
	uint32_t kind, is_known, n_magic, in_member;
	unsigned char magic[MAGIC_MAX];
};

int inflate_save(struct inflate *i, struct buf *out, struct err *err)
{
	size_t state = i->gzip ? sizeof(*i->gzip) : 0;
	struct saved s = { .size = (uint32_t)(sizeof(s) + state),
			   .kind = i->kind,
			   .is_known = i->is_known,
			   .n_magic = (uint32_t)i->n_magic,
			   .in_member = i->in_member };

	if (i->kind == LAYER_ZSTD)
		return err_set(err, ENOTSUP, "a zstd stream can't be left and taken up again");
	if (give(i, err) < 0)
		return -1;
	memcpy(s.magic, i->magic, MAGIC_MAX);
	buf_add(out, &s, sizeof(s));
	if (i->gzip)
		buf_add(out, i->gzip, state);
	return buf_failed(out) ? err_set(err, ENOMEM, "state of a stream") : 0;
}

int inflate_load(struct inflate *i, const void *data, size_t size, struct err *err)
{
	const unsigned char *state = data;
	struct saved s = { 0 };

	if (size >= sizeof(s))
		memcpy(&s, data, sizeof(s));
	if (s.size != size || s.n_magic > MAGIC_MAX ||
	    (s.kind != LAYER_GZIP && s.kind != LAYER_PLAIN) ||
	    size - sizeof(s) != (s.kind == LAYER_GZIP ? sizeof(*i->gzip) : 0))
		return err_set(err, EBADMSG, "no state of a stream");
	i->kind = s.kind == LAYER_GZIP ? LAYER_GZIP : LAYER_PLAIN;
	i->is_known = s.is_known != 0;
	i->n_magic = s.n_magic;
	i->in_member = s.in_member != 0;
	memcpy(i->magic, s.magic, MAGIC_MAX);
	if (i->kind == LAYER_PLAIN)
		return 0;
	i->gzip = malloc(sizeof(*i->gzip));
	if (!i->gzip)
		return err_sys(err, "decompress");
	memcpy(i->gzip, state + sizeof(s), sizeof(*i->gzip));
	return 0;
}

int inflate_finish(struct inflate *i, struct err *err)
{
	if (!i->is_known && i->n_magic > 0) {
		size_t n = i->n_magic;

		memset(i->magic + n, 0, MAGIC_MAX - n);
		if (begin(i, err) < 0 || feed(i, i->magic, n, err) < 0)
			return -1;
	}
	if (i->kind == LAYER_GZIP && i->in_member)
		return err_set(err, EBADMSG, "gzip: the stream is cut off");
	if (i->kind == LAYER_ZSTD && i->zstd_left != 0)
		return err_set(err, EBADMSG, "zstd: the stream is cut off");
	return give(i, err);
}
