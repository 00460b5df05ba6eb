/* SPDX-License-Identifier: Apache-2.0 */
/* memory_test.c - lines of /proc/PID/maps, requests of criu */
#include "runtime/migrate/memory.h"

#include "tests/unit/test.h"

TEST(a_line_of_maps_is_a_region)
{
	struct memory_region r;

	REQUIRE(memory_parse_line("7f0000000000-7f0000003000 rw-p 00000000 00:00 0 ", &r) == 1);
	CHECK(r.start == 0x7f0000000000 && r.end == 0x7f0000003000);
	CHECK(r.writable && !r.shared);
	REQUIRE(memory_parse_line("1000-2000 r--s 00001000 08:01 4711    /a b", &r) == 1);
	CHECK(r.shared && !r.writable);
	CHECK_INT(r.inode, 4711);
}

TEST(what_the_kernel_maps_itself_is_none)
{
	struct memory_region r;

	CHECK_INT(memory_parse_line("1000-2000 r-xp 00000000 00:00 0    [vdso]", &r), 0);
	CHECK_INT(memory_parse_line("1000-2000 r--p 00000000 00:00 0    [vvar]", &r), 0);
	CHECK_INT(memory_parse_line("1000-2000 r--p 00000000 00:00 0    [vvar_vclock]", &r), 0);
	CHECK_INT(memory_parse_line("1000-2000 rw-p 00000000 00:00 0    [heap]", &r), 1);
}

TEST(what_is_no_line_is_none)
{
	struct memory_region r;

	CHECK_INT(memory_parse_line("", &r), 0);
	CHECK_INT(memory_parse_line("2000-1000 rw-p 0 0:0 0", &r), 0);
	CHECK_INT(memory_parse_line("1000-2001 rw-p 0 0:0 0", &r), 0);
	CHECK_INT(memory_parse_line("1000-2000 rw", &r), 0);
	CHECK_INT(memory_parse_line("1000-2000 rw-p 0", &r), 0);
}

TEST(criu_asks_in_two_sizes)
{
	unsigned char old[24] = { 6, 0, 4, 0, 3 }, wide[32] = { 6, 0, 4, 0, 0, 0, 0, 0, 3 };
	struct page_request r;
	struct err err = { 0 };

	frame_put_u64(old + 8, 0x5000);
	frame_put_u64(old + 16, 257);
	REQUIRE(page_request_parse(old, sizeof(old), &r, &err) == 0);
	CHECK(r.command == PAGE_ADD && r.flags == PAGE_FLAG_PRESENT && r.pages == 3);
	CHECK(r.address == 0x5000 && r.task == 257);
	frame_put_u64(wide + 16, 0x5000);
	frame_put_u64(wide + 24, 257);
	REQUIRE(page_request_parse(wide, sizeof(wide), &r, &err) == 0);
	CHECK(r.pages == 3 && r.address == 0x5000 && r.task == 257);
}

TEST(a_request_that_can_not_be_is_refused)
{
	unsigned char odd[24] = { 6, 0, 4, 0, 1 }, none[24] = { 6 }, other[24] = { 99 };
	struct page_request r;
	struct err err = { 0 };

	frame_put_u64(odd + 8, 0x5001);
	CHECK_INT(page_request_parse(odd, sizeof(odd), &r, &err), -1);
	CHECK_INT(page_request_parse(none, sizeof(none), &r, &err), -1);
	CHECK_INT(page_request_parse(other, sizeof(other), &r, &err), -1);
}

TEST(an_answer_has_the_head_of_the_request_it_is_to)
{
	const struct page_request get = {
		.command = PAGE_GET, .pages = 5, .address = 0x7000, .task = 42
	};
	struct err err = { 0 };

	for (uint32_t criu = 31701; criu <= PAGE_SERVER_WIDE; criu += PAGE_SERVER_WIDE - 31701) {
		unsigned char head[PAGE_HEAD_MAX];
		const size_t size = page_server_head(criu);
		struct page_request r;

		page_answer_format(&get, size, head);
		REQUIRE(page_request_parse(head, size, &r, &err) == 0);
		CHECK(r.command == PAGE_ADD && r.flags == PAGE_FLAG_PRESENT);
		CHECK(r.pages == 5 && r.address == 0x7000 && r.task == 42);
	}
}
