/* SPDX-License-Identifier: Apache-2.0 */
/* inflate_test.c - image/inflate.c */
#include "image/inflate.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include "base/buf.h"
#include "tests/unit/test.h"

static char text[300000];

static int to_buf(void *arg, const void *data, size_t size, struct err *err)
{
	struct buf *b = arg;

	(void)err;
	buf_add(b, data, size);
	return 0;
}

static void make_text(void)
{
	unsigned int seed = 1;

	for (size_t i = 0; i < sizeof(text); i++) {
		seed = seed * 1103515245 + 12345;
		text[i] = (char)('a' + (seed >> 16) % 8);
	}
}

static void add_gzip(struct buf *b, const void *data, size_t size)
{
	struct isal_zstream z;
	size_t room = size + 1000;
	AUTO_FREE unsigned char *out = malloc(room);
	AUTO_FREE unsigned char *in = malloc(size + 1);

	memcpy(in, data, size);
	isal_deflate_stateless_init(&z);
	z.gzip_flag = IGZIP_GZIP;
	z.end_of_stream = 1;
	z.next_in = in;
	z.avail_in = (uint32_t)size;
	z.next_out = out;
	z.avail_out = (uint32_t)room;
	CHECK_INT(isal_deflate_stateless(&z), COMP_OK);
	buf_add(b, out, room - z.avail_out);
}

static void add_zstd(struct buf *b, const void *data, size_t size)
{
	size_t room = ZSTD_compressBound(size), n;
	AUTO_FREE char *out = malloc(room);

	n = ZSTD_compress(out, room, data, size, 3);
	buf_add(b, out, n);
}

static int run(const struct buf *in, size_t piece, struct buf *out, enum layer_compression *kind,
	       struct err *err)
{
	struct inflate *i = inflate_new(to_buf, out);
	int ret = 0;

	buf_clear(out);
	for (size_t at = 0; ret == 0 && at < in->len; at += piece)
		ret = inflate_feed(i, in->s + at, in->len - at < piece ? in->len - at : piece, err);
	if (ret == 0)
		ret = inflate_finish(i, err);
	*kind = inflate_compression(i);
	inflate_free(i);
	return ret;
}

/* In pieces of every kind: the whole text, `times` over. */
static void gives(const struct buf *in, size_t times, enum layer_compression want)
{
	static const size_t pieces[] = { 1, 2, 3, 1000, 65536, 1 << 20 };
	enum layer_compression kind;
	AUTO_BUF out;

	buf_init(&out);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct err err = { 0 };

		CHECK_INT(run(in, pieces[i], &out, &kind, &err), 0);
		CHECK_STR(err.msg, "");
		CHECK_INT(kind, want);
		REQUIRE(out.len == times * sizeof(text));
		for (size_t k = 0; k < times; k++)
			CHECK(memcmp(out.s + k * sizeof(text), text, sizeof(text)) == 0);
	}
}

TEST(the_first_bytes_tell_what_a_stream_is)
{
	CHECK_INT(inflate_recognise("\x1f\x8b\x08\x00"), LAYER_GZIP);
	CHECK_INT(inflate_recognise("\x28\xb5\x2f\xfd"), LAYER_ZSTD);
	CHECK_INT(inflate_recognise("\x5a\x2a\x4d\x18"), LAYER_ZSTD);
	CHECK_INT(inflate_recognise("etc/"), LAYER_PLAIN);
}

TEST(gzip_with_several_members)
{
	AUTO_BUF in;

	make_text();
	buf_init(&in);
	add_gzip(&in, text, sizeof(text));
	gives(&in, 1, LAYER_GZIP);
	add_gzip(&in, "", 0);
	add_gzip(&in, text, sizeof(text));
	gives(&in, 2, LAYER_GZIP);
}

TEST(gzip_with_zeros_behind_it)
{
	static const char zeros[20000], other[] = "something else";
	enum layer_compression kind;
	struct err err = { 0 };
	AUTO_BUF in;
	AUTO_BUF out;

	make_text();
	buf_init(&in);
	buf_init(&out);
	add_gzip(&in, text, sizeof(text));
	buf_add(&in, zeros, 3);
	gives(&in, 1, LAYER_GZIP);
	buf_add(&in, zeros, sizeof(zeros));
	gives(&in, 1, LAYER_GZIP);
	buf_add(&in, other, sizeof(other));
	CHECK_INT(run(&in, 1000, &out, &kind, &err), -1);
	CHECK_INT(err.code, EBADMSG);
}

TEST(zstd_with_several_frames_and_skippable_ones)
{
	static const char skip[] = "\x50\x2a\x4d\x18\x05\0\0\0abcde";
	AUTO_BUF in;

	make_text();
	buf_init(&in);
	buf_add(&in, skip, sizeof(skip) - 1);
	add_zstd(&in, text, sizeof(text));
	buf_add(&in, skip, sizeof(skip) - 1);
	add_zstd(&in, text, sizeof(text));
	buf_add(&in, skip, sizeof(skip) - 1);
	gives(&in, 2, LAYER_ZSTD);
}

TEST(anything_else_is_itself)
{
	enum layer_compression kind;
	AUTO_BUF in;
	AUTO_BUF out;

	make_text();
	buf_init(&in);
	buf_init(&out);
	CHECK_INT(run(&in, 1, &out, &kind, NULL), 0);
	CHECK_INT(out.len, 0);
	buf_puts(&in, "ab");
	CHECK_INT(run(&in, 1, &out, &kind, NULL), 0);
	CHECK_STR(out.s, "ab");
	CHECK_INT(kind, LAYER_PLAIN);
	buf_clear(&in);
	buf_add(&in, text, sizeof(text));
	gives(&in, 1, LAYER_PLAIN);
}

static void refuses(const struct buf *in)
{
	enum layer_compression kind;
	struct err err = { 0 };
	AUTO_BUF out;

	buf_init(&out);
	CHECK_INT(run(in, 777, &out, &kind, &err), -1);
	CHECK_INT(err.code, EBADMSG);
}

TEST(what_is_cut_or_changed_is_refused)
{
	AUTO_BUF in;

	make_text();
	for (unsigned int k = 0; k < 2; k++) {
		buf_init(&in);
		if (k == 0)
			add_gzip(&in, text, sizeof(text));
		else
			add_zstd(&in, text, sizeof(text));
		in.len -= 1;
		refuses(&in);
		in.len /= 2;
		refuses(&in);
		in.len = 5;
		refuses(&in);
		buf_release(&in);
	}
	buf_init(&in);
	add_gzip(&in, text, sizeof(text));
	in.s[in.len - 6] ^= 1; /* the checksum */
	refuses(&in);
	in.s[in.len - 6] ^= 1;
	in.s[in.len - 1] ^= 1; /* the length */
	refuses(&in);
	in.s[in.len - 1] ^= 1;
	in.s[in.len / 2] ^= 0x55;
	refuses(&in);
	in.s[in.len / 2] ^= 0x55;
	buf_puts(&in, "garbage");
	refuses(&in);
}
