/* SPDX-License-Identifier: Apache-2.0 */
/* pages_test.c - digests of pages, and maps of them */
#include "runtime/migrate/pages.h"

#include "tests/unit/test.h"

static uint32_t page[PAGE_WORDS];

static bool same(struct page_digest a, struct page_digest b)
{
	return a.a == b.a && a.b == b.b;
}

TEST(one_bit_makes_another_digest)
{
	struct page_key key;
	struct page_digest before;
	int alike = 0;

	page_key_make(&key);
	for (size_t i = 0; i < PAGE_WORDS; i++)
		page[i] = (uint32_t)i * 2654435761U;
	before = page_digest(&key, page);
	CHECK(same(before, page_digest(&key, page)));
	for (size_t i = 0; i < PAGE_WORDS; i++) {
		for (uint32_t bit = 1; bit; bit <<= 8) {
			page[i] ^= bit;
			alike += same(before, page_digest(&key, page));
			page[i] ^= bit;
		}
	}
	CHECK_INT(alike, 0);
}

TEST(words_that_change_places_make_another_digest)
{
	struct page_key key;
	struct page_digest before;
	int alike = 0;

	page_key_make(&key);
	for (size_t i = 0; i < PAGE_WORDS; i++)
		page[i] = (uint32_t)i;
	before = page_digest(&key, page);
	for (size_t i = 0; i + 8 < PAGE_WORDS; i++) {
		page[i] = (uint32_t)i + 8;
		page[i + 8] = (uint32_t)i;
		alike += same(before, page_digest(&key, page));
		page[i] = (uint32_t)i;
		page[i + 8] = (uint32_t)i + 8;
	}
	CHECK_INT(alike, 0);
}

TEST(another_key_makes_another_digest)
{
	struct page_key one, two;

	page_key_make(&one);
	page_key_make(&two);
	page[0] = 1;
	CHECK(!same(page_digest(&one, page), page_digest(&two, page)));
}

TEST(a_map_finds_what_was_put)
{
	struct page_map m = { 0 };
	bool new = false;

	CHECK(!page_map_find(&m, 0));
	for (uint64_t i = 0; i < 5000; i++) {
		struct page_slot *s = page_map_put(&m, i * 3 * FRAME_PAGE, &new);

		REQUIRE(s && new);
		s->digest.a = i;
	}
	for (uint64_t i = 0; i < 5000; i++) {
		const struct page_slot *s = page_map_find(&m, i * 3 * FRAME_PAGE);

		REQUIRE(s);
		CHECK(s->digest.a == i);
		CHECK(!page_map_find(&m, (i * 3 + 1) * FRAME_PAGE));
	}
	CHECK(page_map_put(&m, 3 * FRAME_PAGE, &new)->digest.a == 1);
	CHECK(!new);
	page_map_release(&m);
}

TEST(each_task_has_a_map_of_its_own)
{
	struct page_tasks t = { 0 };
	bool new = false;

	for (uint64_t i = 0; i < 40; i++)
		REQUIRE(page_tasks_get(&t, PAGE_TASK(PAGE_TASK_PROCESS, i)));
	CHECK_INT(t.n, 40);
	(void)page_map_put(&page_tasks_get(&t, PAGE_TASK(PAGE_TASK_PROCESS, 7))->map, FRAME_PAGE,
			   &new);
	CHECK(!page_map_find(&page_tasks_get(&t, PAGE_TASK(PAGE_TASK_SHARED, 7))->map, FRAME_PAGE));
	CHECK_INT(PAGE_TASK_ID(PAGE_TASK(PAGE_TASK_SHARED, 7)), 7);
	CHECK_INT(PAGE_TASK_KIND(PAGE_TASK(PAGE_TASK_SHARED, 7)), PAGE_TASK_SHARED);
	page_tasks_release(&t);
}
