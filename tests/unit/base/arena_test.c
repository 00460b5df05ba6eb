/* SPDX-License-Identifier: Apache-2.0 */
/* arena_test.c - memory that is freed at once */
#include "base/arena.h"

#include <errno.h>
#include <stdint.h>

#include "tests/unit/test.h"

TEST(memory_is_zero_aligned_and_apart)
{
	struct arena a;
	char *last = NULL;
	bool zero = true, aligned = true, apart = true;

	arena_init(&a, ARENA_MAX_DEFAULT);
	for (size_t size = 0; size < 3000; size += 7) {
		char *p = arena_alloc(&a, size);

		REQUIRE(p);
		for (size_t i = 0; i < size; i++)
			zero = zero && p[i] == 0;
		aligned = aligned && ((uintptr_t)p & 15) == 0;
		memset(p, 0xff, size);
		apart = apart && p != last;
		if (size > 0)
			last = p;
	}
	CHECK(zero);
	CHECK(aligned);
	CHECK(apart);
	arena_release(&a);
}

TEST(a_big_piece_has_its_own_block)
{
	struct arena a;
	char *p;

	arena_init(&a, ARENA_MAX_DEFAULT);
	p = arena_alloc(&a, 1 << 20);
	REQUIRE(p);
	p[(1 << 20) - 1] = 1;
	CHECK(arena_alloc(&a, 1));
	arena_release(&a);
}

TEST(the_maximum_holds)
{
	struct arena a;

	arena_init(&a, 1000);
	CHECK(arena_alloc(&a, 900));
	errno = 0;
	CHECK(!arena_alloc(&a, 200));
	CHECK_INT(errno, ENOMEM);
	CHECK(arena_alloc(&a, 16));
	CHECK(!arena_alloc(&a, SIZE_MAX));
	arena_release(&a);
}

TEST(an_overflowing_array_is_refused)
{
	struct arena a;

	arena_init(&a, SIZE_MAX);
	errno = 0;
	CHECK(!arena_array(&a, SIZE_MAX / 2, 3));
	CHECK_INT(errno, ENOMEM);
	CHECK(!arena_strndup(&a, "", SIZE_MAX));
	CHECK(!arena_alloc(&a, SIZE_MAX - 3));
	arena_release(&a);
}

TEST(strings_are_copied)
{
	struct arena a;

	arena_init(&a, ARENA_MAX_DEFAULT);
	CHECK_STR(arena_strdup(&a, "hello"), "hello");
	CHECK_STR(arena_strndup(&a, "hello", 2), "he");
	CHECK_STR(arena_strdup(&a, ""), "");
	CHECK_STR(arena_printf(&a, "%s-%d", "x", 42), "x-42");
	arena_release(&a);
}

TEST(a_growing_array_keeps_its_elements)
{
	struct arena a;
	int *v = NULL;
	size_t cap = 0;
	bool same = true;

	arena_init(&a, ARENA_MAX_DEFAULT);
	for (int i = 0; i < 1000; i++) {
		v = arena_grow(&a, v, (size_t)i, &cap, sizeof(*v));
		REQUIRE(v);
		v[i] = i;
	}
	for (int i = 0; i < 1000; i++)
		same = same && v[i] == i;
	CHECK(same);
	CHECK(cap >= 1000);
	arena_release(&a);
	CHECK_INT(a.used, 0);
}
