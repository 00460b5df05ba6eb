/* SPDX-License-Identifier: Apache-2.0 */
/* tar_test.c - image/tar.c, image/pax.c, image/tar_write.c
 *
 * Most tests write a tar with the writer, change bytes where needed, and read
 * it back in pieces of one size after another: what comes out must not depend on
 * where a piece ends.
 */
#include "image/tar.h"

#include <errno.h>

#include "base/buf.h"
#include "image/tar_write.h"
#include "tests/unit/test.h"

static int to_buf(void *arg, const void *data, size_t size, struct err *err)
{
	struct buf *b = arg;

	buf_add(b, data, size);
	return buf_failed(b) ? err_set(err, ENOMEM, "buf") : 0;
}

/* Entries as text lines, data and frame counted. */
struct seen {
	struct buf text;
	uint64_t data, frame;
};

static int see_entry(void *arg, const struct tar_entry *e, struct err *err)
{
	struct seen *s = arg;

	(void)err;
	buf_printf(&s->text, "%d %s %s %o %u:%u %lld.%09u %llu@%llu\n", e->type, e->path,
		   e->link ? e->link : "-", e->mode, e->uid, e->gid, (long long)e->mtime,
		   e->mtime_ns, (unsigned long long)e->size, (unsigned long long)e->offset);
	for (size_t i = 0; i < e->n_xattrs; i++)
		buf_printf(&s->text, " %s=%.*s(%zu)\n", e->xattrs[i].name, (int)e->xattrs[i].size,
			   (const char *)e->xattrs[i].value, e->xattrs[i].size);
	for (size_t i = 0; i < e->n_segments; i++)
		buf_printf(&s->text, " +%llu,%llu\n", (unsigned long long)e->segments[i].offset,
			   (unsigned long long)e->segments[i].size);
	return 0;
}

static int see_data(void *arg, uint64_t offset, const void *data, size_t size, struct err *err)
{
	struct seen *s = arg;

	(void)err;
	(void)offset;
	(void)data;
	s->data += size;
	return 0;
}

static int see_end(void *arg, struct err *err)
{
	struct seen *s = arg;

	(void)err;
	buf_puts(&s->text, "end\n");
	return 0;
}

static int see_frame(void *arg, const void *data, size_t size, struct err *err)
{
	struct seen *s = arg;

	(void)err;
	(void)data;
	s->frame += size;
	return 0;
}

static const struct tar_handler handler = { see_entry, see_data, see_end, see_frame };

static int read_tar(const void *data, size_t size, size_t piece, struct seen *s, struct err *err)
{
	struct tar_reader *r = tar_reader_new(&handler, s);
	const char *at = data;
	int ret = 0;

	for (size_t left = size; ret == 0 && left > 0;) {
		size_t n = left < piece ? left : piece;

		ret = tar_feed(r, at, n, err);
		at += n;
		left -= n;
	}
	if (ret == 0)
		ret = tar_finish(r, err);
	tar_reader_free(r);
	return ret;
}

/* The text of a tar, the same whatever the pieces; NULL where they differ or it fails. */
static char *text_of(const struct buf *tar)
{
	static const size_t pieces[] = { 1, 7, 511, 512, 513, 1 << 20 };
	char *first = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct seen s = { 0 };
		struct err err = { 0 };
		bool good;

		buf_init(&s.text);
		good = read_tar(tar->s, tar->len, pieces[i], &s, &err) == 0;
		if (!good)
			printf("# %s\n", err.msg);
		good = good && s.data + s.frame == tar->len;
		good = good && (!first || strcmp(first, s.text.s) == 0);
		if (good && !first)
			first = strdup(s.text.s);
		buf_release(&s.text);
		if (!good) {
			free(first);
			return NULL;
		}
	}
	return first;
}

static void begin(struct buf *b, struct tar_writer **w)
{
	buf_init(b);
	*w = tar_writer_new(to_buf, b);
}

static void finish(struct tar_writer *w)
{
	CHECK_INT(tar_write_end(w, NULL), 0);
	tar_writer_free(w);
}

/* An octal field and the checksum after it was changed. */
static void fix_checksum(char *header)
{
	unsigned int sum = 0;

	memset(header + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)header[i];
	(void)snprintf(header + 148, 8, "%06o", sum);
}

static void put_header(struct buf *b, const char *name, char type, const char *size,
		       const char *magic)
{
	char h[TAR_BLOCK] = { 0 };

	memcpy(h, name, strlen(name));
	memcpy(h + 100, "0000644", 8);
	memcpy(h + 108, "0000001", 8);
	memcpy(h + 116, "0000002", 8);
	memcpy(h + 124, size, strlen(size));
	memcpy(h + 136, "00000000012", 12);
	h[156] = type;
	memcpy(h + 257, magic, strlen(magic));
	fix_checksum(h);
	buf_add(b, h, sizeof(h));
}

static void put_block(struct buf *b, const void *data, size_t size)
{
	static const char zeros[TAR_BLOCK];

	buf_add(b, data, size);
	buf_add(b, zeros, -size & (TAR_BLOCK - 1));
}

TEST(what_is_written_is_read)
{
	static const struct tar_xattr xattrs[] = {
		{ "user.a", "1\n2\0003", 5 },
		{ "security.capability", "x", 1 },
	};
	static const struct tar_entry entries[] = {
		{ .type = TAR_DIRECTORY, .path = "d", .mode = 0755, .mtime = 5 },
		{ .type = TAR_FILE,
		  .path = "d/f",
		  .mode = 04711,
		  .uid = 3000000,
		  .gid = 4294967294U,
		  .mtime = -2,
		  .mtime_ns = 750000000,
		  .size = 5,
		  .xattrs = xattrs,
		  .n_xattrs = 2 },
		{ .type = TAR_HARD_LINK, .path = "d/h", .link = "d/f", .mode = 0600 },
		{ .type = TAR_SYMBOLIC_LINK, .path = "s", .link = "../../etc", .mode = 0777 },
		{ .type = TAR_CHARACTER_DEVICE, .path = "c", .mode = 0666, .major = 1, .minor = 3 },
		{ .type = TAR_FIFO, .path = "p", .mode = 0600, .mtime_ns = 1 },
	};
	struct tar_writer *w;
	AUTO_FREE char *text = NULL;
	AUTO_BUF tar;

	begin(&tar, &w);
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		CHECK_INT(tar_write_entry(w, &entries[i], NULL), 0);
		if (entries[i].size)
			CHECK_INT(tar_write_data(w, "hello", 5, NULL), 0);
	}
	finish(w);
	CHECK_INT(tar.len % TAR_BLOCK, 0);
	text = text_of(&tar);
	REQUIRE(text != NULL);
	CHECK(strstr(text, "5 d - 755 0:0 5.000000000 0@512\nend\n") == NULL);
	CHECK(strstr(text, "5 d - 755 0:0 5.000000000 0@512\n") != NULL);
	CHECK(strstr(text, "0 d/f - 4711 3000000:4294967294 -2.750000000 5@") != NULL);
	CHECK(strstr(text, " user.a=1\n2") != NULL && strstr(text, "(5)") != NULL);
	CHECK(strstr(text, "1 d/h d/f 600") != NULL);
	CHECK(strstr(text, "2 s ../../etc 777") != NULL);
	CHECK(strstr(text, "3 c - 666") != NULL);
	CHECK(strstr(text, "6 p - 600 0:0 0.000000001") != NULL);
}

TEST(data_that_goes_past_the_writer_is_where_it_belongs)
{
	const struct tar_entry first = { .type = TAR_FILE, .path = "a", .mode = 0644, .size = 5 };
	const struct tar_entry second = { .type = TAR_FILE, .path = "b", .mode = 0644, .size = 2 };
	struct tar_writer *w;
	AUTO_BUF plain;
	AUTO_BUF past;

	begin(&plain, &w);
	CHECK_INT(tar_write_entry(w, &first, NULL), 0);
	CHECK_INT(tar_write_data(w, "hello", 5, NULL), 0);
	CHECK_INT(tar_write_entry(w, &second, NULL), 0);
	CHECK_INT(tar_write_data(w, "xy", 2, NULL), 0);
	finish(w);
	begin(&past, &w);
	CHECK_INT(tar_write_entry(w, &first, NULL), 0);
	CHECK_INT(tar_write_past(w, NULL), 0);
	buf_add(&past, "hello", 5);
	CHECK_INT(tar_write_entry(w, &second, NULL), 0);
	CHECK_INT(tar_write_past(w, NULL), 0);
	buf_add(&past, "xy", 2);
	finish(w);
	REQUIRE(plain.len == past.len);
	CHECK(memcmp(plain.s, past.s, plain.len) == 0);
}

TEST(long_names_fit_prefix_or_extended_header)
{
	char path[1500], link[400];
	struct tar_entry e = { .type = TAR_SYMBOLIC_LINK, .path = path, .link = link };
	static const size_t lengths[] = { 99, 100, 101, 150, 255, 256, 257, 1400 };

	memset(link, 'l', sizeof(link));
	link[300] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct tar_writer *w;
		AUTO_FREE char *text = NULL;
		AUTO_BUF tar;

		for (size_t k = 0; k < lengths[i]; k++)
			path[k] = k % 90 == 89 ? '/' : 'n';
		path[lengths[i]] = '\0';
		begin(&tar, &w);
		CHECK_INT(tar_write_entry(w, &e, NULL), 0);
		finish(w);
		text = text_of(&tar);
		REQUIRE(text != NULL);
		CHECK(strstr(text, path) != NULL && strstr(text, link) != NULL);
	}
}

TEST(gnu_long_names_and_old_tars_are_read)
{
	char name[300];
	AUTO_FREE char *text = NULL;
	AUTO_BUF tar;

	memset(name, 'g', sizeof(name));
	name[200] = '/';
	name[299] = '\0';
	buf_init(&tar);
	put_header(&tar, "././@LongLink", 'L', "00000000454", "ustar  ");
	put_block(&tar, name, sizeof(name));
	put_header(&tar, "cut", '0', "00000000000", "ustar  ");
	put_header(&tar, "old/", '\0', "00000000000", "");
	put_header(&tar, "./x//y/./z", '7', "         3 ", "");
	put_block(&tar, "abc", 3);
	text = text_of(&tar); /* no zero blocks: that is an end as well */
	REQUIRE(text != NULL);
	CHECK(strstr(text, name) != NULL);
	CHECK(strstr(text, "5 old - 644 1:2 10") != NULL);
	CHECK(strstr(text, "0 x/y/z - 644 1:2 10.000000000 3@2560\nend\n") != NULL);
}

TEST(base_256_numbers_are_read)
{
	AUTO_FREE char *text = NULL;
	AUTO_BUF tar;

	buf_init(&tar);
	put_header(&tar, "neg", '0', "00000000000", "ustar  ");
	memset(tar.s + 136, 0xff, 12); /* mtime -1 */
	memset(tar.s + 108, 0, 8);
	tar.s[108] = (char)0x80;
	tar.s[115] = 7;
	tar.s[113] = 1; /* 0x10007 */
	fix_checksum(tar.s);
	text = text_of(&tar);
	REQUIRE(text != NULL);
	CHECK(strstr(text, "0 neg - 644 65543:2 -1.000000000") != NULL);
}

/* An extended header of records "key=value\n". */
static void put_pax(struct buf *b, const char *records)
{
	char size[24];
	AUTO_BUF text;

	buf_init(&text);
	while (*records) {
		size_t n = strcspn(records, "\n");
		size_t length = n + 3 + (n > 6) + (n > 95);

		buf_printf(&text, "%zu %.*s\n", length, (int)n, records);
		records += n + 1;
	}
	(void)snprintf(size, sizeof(size), "%011zo", text.len);
	put_header(b, "pax", 'x', size, "ustar");
	put_block(b, text.s, text.len);
}

TEST(sparse_files_are_read_in_all_four_ways)
{
	static const char v00[] = "GNU.sparse.major=0\nGNU.sparse.minor=0\nGNU.sparse.size=10000\n"
				  "GNU.sparse.offset=0\nGNU.sparse.numbytes=3\n"
				  "GNU.sparse.offset=4096\nGNU.sparse.numbytes=2\n";
	static const char v01[] = "GNU.sparse.size=10000\nGNU.sparse.map=0,3,4096,2\n"
				  "GNU.sparse.name=real/n\n";
	static const char v10[] = "GNU.sparse.major=1\nGNU.sparse.minor=0\n"
				  "GNU.sparse.name=real/n\nGNU.sparse.realsize=10000\n";
	static const char map[] = "2\n0\n3\n4096\n2\n";
	static const char *const records[] = { v00, v01, v10 };

	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		bool in_data = records[i] == v10;
		AUTO_FREE char *text = NULL;
		AUTO_BUF tar;

		buf_init(&tar);
		put_pax(&tar, records[i]);
		put_header(&tar, "GNUSparseFile.0/n", '0', in_data ? "00000001005" : "00000000005",
			   "ustar");
		if (in_data)
			put_block(&tar, map, strlen(map));
		put_block(&tar, "abcde", 5);
		text = text_of(&tar);
		REQUIRE(text != NULL);
		CHECK(strstr(text, " 10000@") != NULL && strstr(text, " +0,3\n +4096,2\n") != NULL);
		CHECK(i == 0 || strstr(text, "0 real/n ") != NULL);
	}
}

TEST(old_sparse_headers_are_read)
{
	AUTO_FREE char *text = NULL;
	AUTO_BUF tar;
	char more[TAR_BLOCK] = { 0 };

	buf_init(&tar);
	put_header(&tar, "s", 'S', "00000000005", "ustar  ");
	memcpy(tar.s + 386, "00000000000", 12);
	memcpy(tar.s + 398, "00000000003", 12);
	tar.s[482] = 1;
	memcpy(tar.s + 483, "00000023420", 12);
	fix_checksum(tar.s);
	memcpy(more, "00000010000", 12);
	memcpy(more + 12, "00000000002", 12);
	put_block(&tar, more, sizeof(more));
	put_block(&tar, "abcde", 5);
	text = text_of(&tar);
	REQUIRE(text != NULL);
	CHECK(strstr(text, "0 s - 644 1:2 10.000000000 10000@1024\n +0,3\n +4096,2\n") != NULL);
}

TEST(libarchives_xattrs_are_decoded_and_the_others_win)
{
	AUTO_FREE char *text = NULL;
	AUTO_BUF tar;

	buf_init(&tar);
	put_pax(&tar, "LIBARCHIVE.xattr.user.a%62=aGVsbG8\nSCHILY.xattr.user.plain=one\n"
		      "LIBARCHIVE.xattr.user.plain=dHdv\n");
	put_header(&tar, "f", '0', "00000000000", "ustar");
	text = text_of(&tar);
	REQUIRE(text != NULL);
	CHECK(strstr(text, " user.ab=hello(5)\n") != NULL);
	CHECK(strstr(text, " user.plain=one(3)\n") != NULL);
	CHECK(strstr(text, "two") == NULL);
}

static void refuses_records(const char *records)
{
	struct seen s = { 0 };
	struct err err = { 0 };
	AUTO_BUF tar;

	buf_init(&tar);
	buf_init(&s.text);
	put_pax(&tar, records);
	put_header(&tar, "f", '0', "00000000000", "ustar");
	CHECK_INT(read_tar(tar.s, tar.len, 4096, &s, &err), -1);
	CHECK(err.msg[0] != '\0');
	buf_release(&s.text);
}

TEST(records_that_make_no_sense_are_refused)
{
	refuses_records("mtime=ab\n");
	refuses_records("mtime=1.5x\n");
	refuses_records("uid=-1\n");
	refuses_records("gid=4294967295\n");
	refuses_records("size=1x\n");
	refuses_records("path=../x\n");
	refuses_records("LIBARCHIVE.xattr.user.x=***\n");
	refuses_records("GNU.sparse.numbytes=1\n");
	refuses_records("GNU.sparse.offset=1\nGNU.sparse.offset=2\n");
	refuses_records("GNU.sparse.offset=1\nGNU.sparse.map=1,2\nGNU.sparse.numbytes=1\n");
	refuses_records("GNU.sparse.map=1,2,3\n");
	refuses_records("GNU.sparse.map=5,5,7,1\n"); /* one over the other */
	refuses_records("GNU.sparse.map=0,5\nGNU.sparse.realsize=9\n"); /* with no such data */
	refuses_records("GNU.sparse.major=9\n");
}

static void refuses_header(const char *name, char type, const char *size, const char *data)
{
	struct seen s = { 0 };
	struct err err = { 0 };
	AUTO_BUF tar;

	buf_init(&tar);
	buf_init(&s.text);
	put_header(&tar, name, type, size, "ustar");
	put_block(&tar, data, strlen(data));
	put_header(&tar, "next", '0', "00000000000", "ustar");
	CHECK_INT(read_tar(tar.s, tar.len, 4096, &s, &err), -1);
	CHECK(err.msg[0] != '\0');
	buf_release(&s.text);
}

TEST(what_would_lead_out_or_astray_is_refused)
{
	refuses_header("../x", '0', "00000000000", "");
	refuses_header("a/../../x", '5', "00000000000", "");
	refuses_header("/..", '0', "00000000000", "");
	refuses_header("x", 'M', "00000000000", ""); /* of several volumes */
	refuses_header("x", '0', "0000000000x", "");
	refuses_header("x", '2', "00000000000", ""); /* a link to nothing */
	refuses_header("x", 'x', "00000000005", "12345"); /* no record */
	refuses_header("x", 'x', "00000000012", "10 path=x"); /* no newline */
	refuses_header("x", 'x', "77777777777", "");
}

TEST(a_broken_checksum_a_cut_and_a_lone_zero_block_are_errors)
{
	static const char zeros[TAR_BLOCK];
	struct seen s = { 0 };
	struct err err = { 0 };
	AUTO_BUF tar;

	buf_init(&tar);
	buf_init(&s.text);
	put_header(&tar, "f", '0', "00000000003", "ustar");
	CHECK_INT(read_tar(tar.s, tar.len, 512, &s, &err), -1); /* no data */
	CHECK(strstr(err.msg, "cut off") != NULL);
	CHECK_INT(read_tar(tar.s, 100, 512, &s, &err), -1);
	tar.s[0] = 'g';
	CHECK_INT(read_tar(tar.s, tar.len, 512, &s, &err), -1);
	CHECK(strstr(err.msg, "checksum") != NULL);
	buf_clear(&tar);
	buf_add(&tar, zeros, sizeof(zeros));
	CHECK_INT(read_tar(tar.s, tar.len, 512, &s, &err), 0);
	put_header(&tar, "after", '0', "00000000000", "ustar");
	CHECK_INT(read_tar(tar.s, tar.len, 512, &s, &err), -1);
	buf_release(&s.text);
}

TEST(bytes_behind_the_end_are_frame_and_nothing_else)
{
	static const char zeros[2 * TAR_BLOCK];
	AUTO_FREE char *text = NULL;
	AUTO_BUF tar;

	buf_init(&tar);
	put_header(&tar, "f", '0', "00000000000", "ustar");
	buf_add(&tar, zeros, sizeof(zeros));
	buf_puts(&tar, "anything at all");
	text = text_of(&tar);
	CHECK_STR(text, "0 f - 644 1:2 10.000000000 0@512\nend\n");
}

TEST(data_must_be_as_long_as_announced)
{
	struct tar_entry e = { .type = TAR_FILE, .path = "f", .size = 3 };
	struct tar_writer *w;
	AUTO_BUF tar;

	begin(&tar, &w);
	CHECK_INT(tar_write_entry(w, &e, NULL), 0);
	CHECK_INT(tar_write_data(w, "abcd", 4, NULL), -1);
	CHECK_INT(tar_write_entry(w, &e, NULL), -1);
	CHECK_INT(tar_write_end(w, NULL), -1);
	tar_writer_free(w);
}

TEST(data_that_nobody_wants_need_not_be_given)
{
	static const struct tar_handler names = { .entry = see_entry };
	struct tar_entry big = { .type = TAR_FILE, .path = "big", .size = 10000 };
	struct tar_entry small = { .type = TAR_FILE, .path = "small", .size = 3 };
	struct seen s = { 0 };
	struct tar_reader *r = tar_reader_new(&names, &s);
	struct tar_writer *w;
	AUTO_BUF tar;
	char data[10000] = "";
	size_t at = 0, given = 0;

	REQUIRE(r);
	buf_init(&s.text);
	begin(&tar, &w);
	CHECK_INT(tar_write_entry(w, &big, NULL), 0);
	CHECK_INT(tar_write_data(w, data, sizeof(data), NULL), 0);
	CHECK_INT(tar_write_entry(w, &small, NULL), 0);
	CHECK_INT(tar_write_data(w, "abc", 3, NULL), 0);
	CHECK_INT(tar_write_end(w, NULL), 0);
	CHECK_INT(tar_skip(r, 100), 0);
	for (; at < tar.len; given++) {
		REQUIRE(tar_feed(r, tar.s + at++, 1, NULL) == 0);
		/* not more than is there, and all of it in two */
		at += tar_skip(r, 4000);
	}
	CHECK_INT(tar_finish(r, NULL), 0);
	CHECK_INT(tar_entries(r), 2);
	CHECK(given < tar.len - 9000);
	CHECK(strstr(s.text.s, "10000@512") && strstr(s.text.s, " 3@11264"));
	tar_writer_free(w);
	tar_reader_free(r);
	buf_release(&s.text);
}
