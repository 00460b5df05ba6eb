/* SPDX-License-Identifier: Apache-2.0 */
/* criu_files_test.c - files of outside get the size, mode and position of what takes their place */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/wire.h"
#include "runtime/container/criu_files.h"
#include "tests/unit/test.h"

struct reg {
	uint32_t id, flags;
	uint64_t pos;
	char *name;
	uint64_t size;
	uint32_t mode;
};
static const struct wire_field reg_fields[] = {
	WIRE_FIELD(1, struct reg, id, WIRE_U32),   WIRE_FIELD(2, struct reg, flags, WIRE_U32),
	WIRE_FIELD(3, struct reg, pos, WIRE_U64),  WIRE_FIELD(6, struct reg, name, WIRE_STRING),
	WIRE_FIELD(8, struct reg, size, WIRE_U64), WIRE_FIELD(10, struct reg, mode, WIRE_U32),
};
static const struct wire_table reg_table = WIRE_TABLE(struct reg, reg_fields);
struct entry {
	uint32_t type, id;
	struct reg *reg;
};
static const struct wire_field entry_fields[] = {
	WIRE_FIELD(1, struct entry, type, WIRE_U32),
	WIRE_FIELD(2, struct entry, id, WIRE_U32),
	WIRE_FIELD(3, struct entry, reg, WIRE_MESSAGE, .sub = &reg_table),
};
static const struct wire_table entry_table = WIRE_TABLE(struct entry, entry_fields);

static char name[] = "file[1c:2a]", other[] = "/etc/group";

static void put_u32(struct buf *b, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		buf_putc(b, (char)(v >> (8 * i)));
}

static void begin(struct buf *b)
{
	buf_init(b);
	put_u32(b, 0x54564319);
	put_u32(b, 0x56303138);
}

static void put(struct buf *b, struct reg *r)
{
	const struct entry e = { .type = 1, .id = r->id, .reg = r };

	put_u32(b, (uint32_t)wire_size(&entry_table, &e));
	wire_encode(&entry_table, &e, b);
}

/* The record at `at`, which goes behind it. */
static struct reg get(const struct buf *b, size_t *at, struct arena *arena)
{
	static const struct reg none = { .id = 0 };
	const unsigned char *p = (const unsigned char *)b->s + *at;
	const uint32_t size = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
	struct entry e;

	*at += 4 + size;
	if (*at > b->len || wire_decode(&entry_table, p + 4, size, &e, arena, NULL) < 0 || !e.reg)
		return none;
	return *e.reg;
}

/* What its record says once it was adapted to that; the name isn't kept. */
static struct reg adapted(struct reg r, const struct criu_outside *is)
{
	CLEANUP(arena_release) struct arena arena;
	struct reg got = { .id = 0 };
	size_t at = 8;
	AUTO_BUF in;
	AUTO_BUF out;

	arena_init(&arena, 1 << 20);
	begin(&in);
	buf_init(&out);
	put(&in, &r);
	CHECK_INT(criu_files_adapt(in.s, in.len, is, 1, &out, NULL), 1);
	if (out.len > at)
		got = get(&out, &at, &arena);
	got.name = NULL;
	return got;
}

TEST(what_is_as_it_was_stays_so)
{
	struct reg r = { 1, O_WRONLY, 7, name, 7, S_IFREG | 0644 };
	const struct criu_outside is = { name, S_IFREG | 0644, 7, true, true };
	AUTO_BUF in;
	AUTO_BUF out;

	begin(&in);
	buf_init(&out);
	put(&in, &r);
	CHECK_INT(criu_files_adapt(in.s, in.len, &is, 1, &out, NULL), 0);
	CHECK_INT((int)out.len, (int)in.len);
	CHECK(memcmp(out.s, in.s, in.len) == 0);
}

TEST(a_file_that_grew_is_gone_on_with_at_its_end)
{
	CLEANUP(arena_release) struct arena arena;
	struct reg first = { 1, O_RDONLY, 3, other, 9, S_IFREG | 0600 };
	struct reg r = { 2, O_WRONLY, 7, name, 7, S_IFREG | 0644 };
	const struct criu_outside is = { name, S_IFREG | 0600, 300, true, true };
	size_t at = 8;
	struct reg got;
	AUTO_BUF in;
	AUTO_BUF out;

	arena_init(&arena, 1 << 20);
	begin(&in);
	buf_init(&out);
	put(&in, &first);
	put(&in, &r);
	put(&in, &first);
	REQUIRE(criu_files_adapt(in.s, in.len, &is, 1, &out, NULL) == 1);
	got = get(&out, &at, &arena);
	CHECK_STR(got.name, other);
	CHECK_INT((int)got.size, 9);
	got = get(&out, &at, &arena);
	CHECK_STR(got.name, name);
	CHECK_INT((int)got.size, 300);
	CHECK_INT((int)got.pos, 300);
	CHECK_INT((int)got.mode, S_IFREG | 0600);
	CHECK_INT((int)got.flags, O_WRONLY);
	got = get(&out, &at, &arena);
	CHECK_INT((int)got.pos, 3);
	CHECK_INT((int)at, (int)out.len);
}

TEST(an_empty_file_is_written_from_its_beginning)
{
	const struct criu_outside is = { name, S_IFREG | 0644, 0, true, true };
	const struct reg got =
		adapted((struct reg){ 2, O_WRONLY, 7, name, 7, S_IFREG | 0644 }, &is);

	CHECK_INT((int)got.id, 2);
	CHECK_INT((int)got.size, 0);
	CHECK_INT((int)got.pos, 0);
}

TEST(input_is_read_on_where_it_was)
{
	const struct criu_outside is = { name, S_IFREG | 0644, 90, true, false };
	const struct reg got =
		adapted((struct reg){ 2, O_RDONLY, 7, name, 70, S_IFREG | 0644 }, &is);

	CHECK_INT((int)got.size, 90);
	CHECK_INT((int)got.pos, 7);
}

/* Then criu doesn't look at the size, and may not begin to: somebody else may append as well. */
TEST(what_is_only_appended_to_may_be_of_any_size)
{
	const struct criu_outside is = { name, S_IFREG | 0600, 90, true, true };
	const struct reg got =
		adapted((struct reg){ 2, O_WRONLY | O_APPEND, 7, name, 0, S_IFREG | 0644 }, &is);

	CHECK_INT((int)got.id, 2);
	CHECK_INT((int)got.size, 0);
	CHECK_INT((int)got.mode, S_IFREG | 0600);
}

/* criu would open it by a link. */
TEST(what_was_no_link_may_be_opened_by_one)
{
	const struct criu_outside is = { name, S_IFREG | 0644, 7, true, true };
	const struct reg got = adapted(
		(struct reg){ 2, O_WRONLY | O_APPEND | O_NOFOLLOW, 7, name, 7, S_IFREG | 0644 },
		&is);

	CHECK_INT((int)got.flags, O_WRONLY | O_APPEND);
	CHECK_INT((int)got.pos, 7);
	CHECK_INT((int)got.mode, S_IFREG | 0644);
}

TEST(a_pipe_has_no_places)
{
	struct criu_outside is;
	struct reg got;
	int ends[2];

	REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
	REQUIRE(criu_outside_of(name, ends[1], &is) == 0);
	CHECK(is.is_written);
	CHECK(!is.has_places);
	(void)close(ends[0]);
	(void)close(ends[1]);
	CHECK_INT(criu_outside_of(name, ends[1], &is), -1);
	got = adapted((struct reg){ 2, O_WRONLY, 7, name, 7, S_IFREG | 0644 }, &is);
	CHECK(got.pos == UINT64_MAX);
	CHECK(S_ISFIFO(got.mode));
}

TEST(what_is_cut_off_is_refused)
{
	struct reg r = { 2, O_WRONLY, 7, name, 7, S_IFREG | 0644 };
	const struct criu_outside is = { name, S_IFREG | 0644, 300, true, true };
	AUTO_BUF in;

	begin(&in);
	put(&in, &r);
	for (size_t n = 0; n < in.len; n++) {
		AUTO_BUF out;

		buf_init(&out);
		CHECK_INT(criu_files_adapt(in.s, n, &is, 1, &out, NULL), n == 8 ? 0 : -1);
	}
	in.s[0] = 0;
	{
		AUTO_BUF out;

		buf_init(&out);
		CHECK_INT(criu_files_adapt(in.s, in.len, &is, 1, &out, NULL), -1);
	}
}
