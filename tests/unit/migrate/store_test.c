/* SPDX-License-Identifier: Apache-2.0 */
/* store_test.c - pages of rounds become criu's images */
#include "runtime/migrate/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "tests/unit/test.h"

static char folder[] = "/tmp/skerry-store.XXXXXX";
static unsigned char data[4 * FRAME_PAGE];

static struct page_run run(uint64_t page, uint64_t count, int fill)
{
	if (fill)
		memset(data, fill, count * FRAME_PAGE);
	return (struct page_run){ .task = PAGE_TASK(PAGE_TASK_PROCESS, 1),
				  .address = page * FRAME_PAGE,
				  .count = count,
				  .flags = 4,
				  .data = fill ? data : NULL };
}

static int open_folder(void)
{
	return mkdtemp(folder) ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

static void close_folder(int dir)
{
	(void)fd_close(dir);
	(void)file_remove_tree(AT_FDCWD, folder);
	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6); /* for the next one */
}

TEST(pages_come_in_the_order_of_the_runs_with_their_newest_contents)
{
	static const char wanted[] = { 'a', 'z', 'c', 'y', 'd' };
	struct page_run r;
	struct store s;
	struct err err = { 0 };
	int dir = open_folder();
	AUTO_BUF pages;
	AUTO_BUF map;

	buf_init(&pages);
	buf_init(&map);
	REQUIRE(dir >= 0);
	store_init(&s, dir);
	r = run(10, 3, 'a');
	REQUIRE(store_put(&s, &r, &err) == 0);
	r = run(11, 1, 'b');
	REQUIRE(store_put(&s, &r, &err) == 0);
	r = run(12, 2, 'c');
	REQUIRE(store_put(&s, &r, &err) == 0);
	r = run(13, 1, 'd');
	REQUIRE(store_put(&s, &r, &err) == 0);
	/* in the end 11 changed, 20 is new */
	r = run(10, 1, 0);
	REQUIRE(store_run(&s, &r, &err) == 0);
	r = run(11, 1, 'z');
	REQUIRE(store_run(&s, &r, &err) == 0);
	r = run(12, 1, 0);
	REQUIRE(store_run(&s, &r, &err) == 0);
	r = run(20, 1, 'y');
	REQUIRE(store_run(&s, &r, &err) == 0);
	r = run(13, 1, 0);
	REQUIRE(store_run(&s, &r, &err) == 0);
	CHECK_INT(s.pages, 5);
	REQUIRE(store_finish(&s, &err) == 0);
	REQUIRE(file_read(dir, "pages-1.img", &pages, BUF_MAX_DEFAULT, true) == 0);
	REQUIRE(pages.len == sizeof(wanted) * FRAME_PAGE);
	for (size_t i = 0; i < sizeof(wanted); i++) {
		CHECK(pages.s[i * FRAME_PAGE] == wanted[i]);
		CHECK(pages.s[(i + 1) * FRAME_PAGE - 1] == wanted[i]);
	}
	REQUIRE(file_read(dir, "pagemap-1.img", &map, BUF_MAX_DEFAULT, true) == 0);
	CHECK(memcmp(map.s, "\x19\x43\x56\x54\x25\x40\x08\x56\x02\x00\x00\x00\x08\x01", 14) == 0);
	store_release(&s);
	close_folder(dir);
}

TEST(a_page_that_was_never_sent_is_refused)
{
	struct page_run r = run(1, 1, 0);
	struct store s;
	struct err err = { 0 };
	int dir = open_folder();

	REQUIRE(dir >= 0);
	store_init(&s, dir);
	CHECK_INT(store_run(&s, &r, &err), -1);
	CHECK_INT(err.code, EBADMSG);
	store_release(&s);
	close_folder(dir);
}

TEST(rounds_are_over_after_the_first_run)
{
	struct page_run r = run(1, 1, 'a');
	struct store s;
	struct err err = { 0 };
	int dir = open_folder();

	REQUIRE(dir >= 0);
	store_init(&s, dir);
	REQUIRE(store_run(&s, &r, &err) == 0);
	CHECK_INT(store_put(&s, &r, &err), -1);
	store_release(&s);
	close_folder(dir);
}

TEST(what_can_be_put_in_later_stays_where_the_rounds_put_it)
{
	/* { 3 pages from 10, lazy }, then { 1 page from 30, present } */
	static const char entries[] = "\x08\x00\x00\x00\x08\x80\xc0\x02\x10\x03\x20\x02"
				      "\x08\x00\x00\x00\x08\x80\xc0\x07\x10\x01\x20\x04";
	unsigned char got[STORE_PAGES * FRAME_PAGE];
	const struct store_where where = { PAGE_TASK(PAGE_TASK_PROCESS, 1), 11 * FRAME_PAGE, 1 };
	struct page_run r;
	struct store s;
	struct err err = { 0 };
	uint64_t n;
	int dir = open_folder();
	AUTO_BUF pages;
	AUTO_BUF map;

	buf_init(&pages);
	buf_init(&map);
	REQUIRE(dir >= 0);
	store_init(&s, dir);
	s.lazy = true;
	r = run(10, 2, 'a');
	REQUIRE(store_put(&s, &r, &err) == 0);
	r = run(10, 1, 0);
	r.flags = PAGE_FLAG_LAZY | PAGE_FLAG_PRESENT;
	REQUIRE(store_run(&s, &r, &err) == 0);
	r = run(11, 2, 'b');
	r.flags = PAGE_FLAG_LAZY | PAGE_FLAG_PRESENT;
	REQUIRE(store_run(&s, &r, &err) == 0);
	r = run(30, 1, 'c');
	REQUIRE(store_run(&s, &r, &err) == 0);
	CHECK_INT(s.pages, 4);
	REQUIRE(store_finish(&s, &err) == 0);
	REQUIRE(file_read(dir, "pages-1.img", &pages, BUF_MAX_DEFAULT, true) == 0);
	CHECK_INT(pages.len, FRAME_PAGE);
	CHECK(pages.s[0] == 'c');
	REQUIRE(file_read(dir, "pagemap-1.img", &map, BUF_MAX_DEFAULT, true) == 0);
	REQUIRE(map.len == 14 + sizeof(entries) - 1);
	CHECK(memcmp(map.s + 14, entries, sizeof(entries) - 1) == 0);
	REQUIRE(store_get(&s, &where, got, &n, &err) == 0);
	CHECK_INT(n, 1);
	CHECK(got[0] == 'b');
	r = run(13, 1, 0);
	r.flags = PAGE_FLAG_LAZY;
	CHECK_INT(store_run(&s, &r, &err), -1); /* nobody has sent it */
	store_release(&s);
	close_folder(dir);
}
