/* SPDX-License-Identifier: Apache-2.0 */
/* frame_test.c - frames: heads, messages, what is refused */
#include "runtime/migrate/frame.h"

#include <errno.h>
#include <sys/stat.h>

#include "tests/unit/test.h"

/* Encodes a message and decodes it again. */
static int through(enum frame_type type, const void *src, void *dst, struct arena *arena,
		   struct err *err)
{
	struct buf body;
	struct frame f = { .type = type };
	char *copy;

	buf_init(&body);
	wire_encode(frame_table(type), src, &body);
	copy = arena_strndup(arena, body.s, body.len);
	f.body = (unsigned char *)copy;
	f.size = body.len;
	buf_release(&body);
	return frame_decode(&f, dst, arena, err);
}

static int entry_is_refused(const struct entry *e)
{
	struct arena arena;
	struct entry out;
	struct err err = { 0 };
	int rc;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	rc = through(FRAME_ENTRY, e, &out, &arena, &err);
	arena_release(&arena);
	return rc < 0 && err.code == EBADMSG;
}

TEST(a_head_comes_back_as_it_was)
{
	unsigned char head[FRAME_HEAD];
	struct frame f;
	struct err err = { 0 };

	frame_format_head(FRAME_DATA, FRAME_DATA_HEAD + 5, head);
	REQUIRE(frame_parse_head(head, &f, &err) == 0);
	CHECK_INT(f.type, FRAME_DATA);
	CHECK_INT(f.size, FRAME_DATA_HEAD + 5);
}

TEST(a_head_of_no_type_or_size_is_refused)
{
	unsigned char head[FRAME_HEAD] = { 0 };
	struct frame f;
	struct err err = { 0 };

	CHECK_INT(frame_parse_head(head, &f, &err), -1);
	frame_format_head(FRAME_TYPES, 0, head);
	CHECK_INT(frame_parse_head(head, &f, &err), -1);
	frame_format_head(FRAME_COMMIT, 1, head);
	CHECK_INT(frame_parse_head(head, &f, &err), -1);
	frame_format_head(FRAME_DATA, FRAME_DATA_HEAD - 1, head);
	CHECK_INT(frame_parse_head(head, &f, &err), -1);
	frame_format_head(FRAME_OFFER, FRAME_BODY_MAX + 1, head);
	CHECK_INT(frame_parse_head(head, &f, &err), -1);
}

TEST(every_type_has_a_name)
{
	for (int i = 1; i < FRAME_TYPES; i++)
		CHECK(frame_name((enum frame_type)i)[0] != '?');
	CHECK_STR(frame_name((enum frame_type)0), "?");
}

TEST(an_entry_comes_back_as_it_was)
{
	static char path[] = "a/b", name[] = "user.x";
	struct xattr x = { name, { "v\0w", 3 } };
	const struct entry e = { .path = path,
				 .mode = S_IFREG | 04755,
				 .uid = 7,
				 .size = 1234567890123,
				 .mtime_s = -5,
				 .xattrs = { &x, 1 } };
	struct arena arena;
	struct entry out;
	struct err err = { 0 };

	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(through(FRAME_ENTRY, &e, &out, &arena, &err) == 0);
	CHECK_STR(out.path, "a/b");
	CHECK_INT(out.mode, S_IFREG | 04755);
	CHECK(out.size == 1234567890123);
	CHECK_INT(out.mtime_s, -5);
	REQUIRE(out.xattrs.n == 1);
	CHECK_INT(out.xattrs.v[0].value.n, 3);
	arena_release(&arena);
}

TEST(a_path_that_leads_elsewhere_is_refused)
{
	static const char *const bad[] = {
		"..", "a/../b", "/etc", "a//b", "a/", ".", "./a", "a/."
	};
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_INT(frame_check_path(bad[i], &err), -1);
	CHECK_INT(frame_check_path("a/..b/c..", &err), 0);
	CHECK_INT(frame_check_path("", &err), 0);
}

TEST(an_entry_that_can_not_be_is_refused)
{
	static char path[] = "x", up[] = "../x", none[] = "";
	const struct entry bad[] = {
		{ .path = up, .mode = S_IFREG },
		{ .path = path, .mode = 0 },
		{ .path = none, .mode = S_IFREG },
		{ .path = path, .mode = S_IFLNK },
		{ .path = path, .mode = S_IFREG, .is_hard = 1, .link = up },
		{ .path = path, .mode = S_IFREG, .size = UINT64_MAX },
		{ .path = path, .mode = S_IFREG, .mtime_ns = 1000000000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(entry_is_refused(&bad[i]));
}

static int offer_is_refused(struct offer o)
{
	struct arena arena;
	struct offer out;
	struct err err = { 0 };
	int rc;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	rc = through(FRAME_OFFER, &o, &out, &arena, &err);
	arena_release(&arena);
	return rc < 0;
}

TEST(an_offer_needs_a_number_an_id_and_a_configuration)
{
	static char uuid[] = "0123456789abcdef0123456789abcdef", id[] = "c1", bad[] = "../c1",
		    relative[] = "b", config[] = "{}";
	struct volume v = { .path = relative };
	const struct offer good = { .uuid = uuid, .id = id, .config = { config, 2 } };
	struct offer o = good;

	CHECK(!offer_is_refused(good));
	o.uuid = id;
	CHECK(offer_is_refused(o));
	o = good;
	o.id = bad;
	CHECK(offer_is_refused(o));
	o = good;
	o.config.n = 0;
	CHECK(offer_is_refused(o));
	o = good;
	o.bundle = relative;
	CHECK(offer_is_refused(o));
	o = good;
	o.volumes.v = &v;
	o.volumes.n = 1;
	CHECK(offer_is_refused(o));
}

static int run_of(enum frame_type type, uint64_t address, uint64_t word, size_t data)
{
	static unsigned char body[FRAME_RUN_HEAD + 4 * FRAME_PAGE];
	const size_t head = type == FRAME_RUN ? FRAME_RUN_HEAD : FRAME_PAGES_HEAD;
	const struct frame f = { type, body, head + data };
	struct page_run run;
	struct err err = { 0 };

	frame_put_u64(body, 257);
	frame_put_u64(body + 8, address);
	if (type == FRAME_RUN)
		frame_put_u64(body + 16, word);
	return frame_decode_run(&f, &run, &err) < 0 ? -1 : (int)run.count;
}

TEST(a_run_has_whole_pages_at_a_page)
{
	CHECK_INT(run_of(FRAME_PAGES, 0x1000, 0, 2 * FRAME_PAGE), 2);
	CHECK_INT(run_of(FRAME_PAGES, 0x1000, 0, 2 * FRAME_PAGE - 1), -1);
	CHECK_INT(run_of(FRAME_PAGES, 0x1001, 0, FRAME_PAGE), -1);
	CHECK_INT(run_of(FRAME_PAGES, 0x1000, 0, 0), -1);
	CHECK_INT(run_of(FRAME_RUN, 0x1000, 1000, 0), 1000);
	CHECK_INT(run_of(FRAME_RUN, 0x1000, 2, 2 * FRAME_PAGE), 2);
	CHECK_INT(run_of(FRAME_RUN, 0x1000, 3, 2 * FRAME_PAGE), -1);
	CHECK_INT(run_of(FRAME_RUN, 0x1000, (uint64_t)8 << 48 | 1, 0), -1);
	CHECK_INT(run_of(FRAME_RUN, UINT64_MAX - 0xfff, 2, 0), -1);
}

TEST(what_is_fetched_is_whole_pages_and_some)
{
	static const struct {
		struct fetch fetch;
		int rc;
	} cases[] = {
		{ { 257, 0x5000, 3 }, 0 },
		{ { 257, 0x5001, 3 }, -1 },
		{ { 257, 0x5000, 0 }, -1 },
		{ { 257, 0x5000, FRAME_FETCH_MAX + 1 }, -1 },
		{ { 257, UINT64_MAX - FRAME_PAGE + 1, 2 }, -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct arena arena;
		struct fetch out;
		struct err err = { 0 };

		arena_init(&arena, ARENA_MAX_DEFAULT);
		CHECK_INT(through(FRAME_FETCH, &cases[i].fetch, &out, &arena, &err), cases[i].rc);
		if (cases[i].rc == 0)
			CHECK(out.task == 257 && out.address == 0x5000 && out.count == 3);
		arena_release(&arena);
	}
}
