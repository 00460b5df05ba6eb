/* SPDX-License-Identifier: Apache-2.0 */
/* pagemap_test.c - criu's page maps, written and read */
#include "runtime/migrate/pagemap.h"

#include <errno.h>

#include "runtime/migrate/pages.h"
#include "tests/unit/test.h"

TEST(what_was_written_is_read)
{
	const struct page_run runs[] = {
		{ .address = 10 * FRAME_PAGE, .count = 3, .flags = PAGE_FLAG_LAZY },
		{ .address = 30 * FRAME_PAGE, .count = PAGEMAP_COUNT, .flags = PAGE_FLAG_PRESENT },
	};
	struct pagemap map;
	struct page_run run;
	struct err err = { 0 };
	AUTO_BUF text;

	buf_init(&text);
	pagemap_begin(&text, 7);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
		pagemap_put(&text, &runs[i]);
	REQUIRE(pagemap_open(&map, text.s, text.len, &err) == 0);
	CHECK_INT(map.number, 7);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		REQUIRE(pagemap_next(&map, &run, &err) == 1);
		CHECK_INT(run.address, runs[i].address);
		CHECK_INT(run.count, runs[i].count);
		CHECK_INT(run.flags, runs[i].flags);
	}
	CHECK_INT(pagemap_next(&map, &run, &err), 0);
}

/* Since criu 4.2 a count has 64 bits, besides that of 32. */
TEST(a_wide_count_is_the_one_that_counts)
{
	static const char text[] = "\x19\x43\x56\x54\x25\x40\x08\x56\x02\x00\x00\x00\x08\x01"
				   "\x0a\x00\x00\x00\x08\x80\xc0\x02\x10\x03\x20\x02\x28\x05";
	struct pagemap map;
	struct page_run run;
	struct err err = { 0 };

	REQUIRE(pagemap_open(&map, text, sizeof(text) - 1, &err) == 0);
	REQUIRE(pagemap_next(&map, &run, &err) == 1);
	CHECK_INT(run.count, 5);
	CHECK_INT(run.address, 10 * FRAME_PAGE);
}

TEST(what_is_none_is_refused)
{
	static const char wrong[] = "\x19\x43\x56\x54\x25\x40\x08\x57\x02\x00\x00\x00\x08\x01";
	static const char cut[] = "\x19\x43\x56\x54\x25\x40\x08\x56\x02\x00\x00\x00\x08\x01"
				  "\x0a\x00\x00\x00\x08\x80";
	static const char odd[] = "\x19\x43\x56\x54\x25\x40\x08\x56\x02\x00\x00\x00\x08\x01"
				  "\x06\x00\x00\x00\x08\x01\x10\x03\x20\x02";
	struct pagemap map;
	struct page_run run;
	struct err err = { 0 };

	CHECK_INT(pagemap_open(&map, wrong, sizeof(wrong) - 1, &err), -1);
	CHECK_INT(err.code, EBADMSG);
	REQUIRE(pagemap_open(&map, cut, sizeof(cut) - 1, &err) == 0);
	CHECK_INT(pagemap_next(&map, &run, &err), -1);
	REQUIRE(pagemap_open(&map, odd, sizeof(odd) - 1, &err) == 0);
	CHECK_INT(pagemap_next(&map, &run, &err), -1); /* within a page */
}

TEST(names_are_tasks)
{
	char name[64];
	uint64_t task = 0;

	REQUIRE(pagemap_task("pagemap-12.img", &task) == 1);
	CHECK_INT(task, PAGE_TASK(PAGE_TASK_PROCESS, 12));
	REQUIRE(pagemap_task("pagemap-shmem-3.img", &task) == 1);
	CHECK_INT(task, PAGE_TASK(PAGE_TASK_SHARED, 3));
	REQUIRE(pagemap_name(task, name, sizeof(name)) >= 0);
	CHECK_STR(name, "pagemap-shmem-3.img");
	CHECK_INT(pagemap_task("pagemap-12.img.old", &task), 0);
	CHECK_INT(pagemap_task("pagemap-x.img", &task), 0);
	CHECK_INT(pagemap_task("pages-1.img", &task), 0);
}
