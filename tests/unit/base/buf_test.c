/* SPDX-License-Identifier: Apache-2.0 */
/* buf_test.c - growing strings with a maximum */
#include "base/buf.h"

#include <errno.h>
#include <stdint.h>

#include "tests/unit/test.h"

TEST(an_empty_buffer_is_an_empty_string)
{
	AUTO_BUF b;

	buf_init(&b);
	CHECK_STR(b.s, "");
	CHECK_INT(b.len, 0);
	CHECK(!buf_failed(&b));
	buf_add(&b, NULL, 0);
	CHECK_STR(b.s, "");
}

TEST(appending_grows_and_keeps_the_end)
{
	AUTO_BUF b;
	bool same = true;

	buf_init(&b);
	for (int i = 0; i < 10000; i++)
		buf_printf(&b, "%05d,", i);
	CHECK(!buf_failed(&b));
	CHECK_INT(b.len, 60000);
	CHECK_INT(strlen(b.s), 60000);
	for (int i = 0; i < 10000; i++)
		same = same && strtol(b.s + (ptrdiff_t)i * 6, NULL, 10) == i;
	CHECK(same);
	buf_clear(&b);
	CHECK_STR(b.s, "");
	buf_puts(&b, "again");
	buf_putc(&b, '!');
	CHECK_STR(b.s, "again!");
}

TEST(zero_bytes_are_data)
{
	AUTO_BUF b;

	buf_init(&b);
	buf_add(&b, "a\0b", 3);
	CHECK_INT(b.len, 3);
	CHECK(memcmp(b.s, "a\0b", 4) == 0);
}

TEST(the_maximum_is_exact_and_failure_sticks)
{
	AUTO_BUF b;

	buf_init_max(&b, 5);
	buf_puts(&b, "12345");
	CHECK(!buf_failed(&b));
	buf_putc(&b, '6');
	CHECK(buf_failed(&b));
	buf_puts(&b, "");
	CHECK_STR(b.s, "12345");
	CHECK(buf_take(&b) == NULL);
	CHECK(!buf_failed(&b));
	buf_printf(&b, "%s", "12345");
	CHECK(!buf_failed(&b));
	buf_printf(&b, "%d", 6);
	CHECK(buf_failed(&b));
	CHECK_STR(b.s, "12345");
}

TEST(a_printf_longer_than_the_memory_is_whole)
{
	AUTO_BUF b;
	char text[1000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	buf_init(&b);
	buf_printf(&b, "<%s>", text);
	CHECK_INT(b.len, 1001);
	CHECK_INT(b.s[1000], '>');
	CHECK_INT(strlen(b.s), 1001);
}

TEST(taking_gives_the_string_away)
{
	AUTO_BUF b;
	AUTO_FREE char *s = NULL;
	AUTO_FREE char *empty = NULL;
	AUTO_FREE char *moved = NULL;

	buf_init(&b);
	buf_puts(&b, "mine");
	s = buf_take(&b);
	CHECK_STR(s, "mine");
	CHECK_STR(b.s, "");
	empty = buf_take(&b);
	CHECK_STR(empty, "");
	moved = take(&s);
	CHECK(s == NULL);
	CHECK_STR(moved, "mine");
}

TEST(reserving_past_the_maximum_fails)
{
	AUTO_BUF b;

	buf_init_max(&b, SIZE_MAX);
	errno = 0;
	CHECK_INT(buf_reserve(&b, SIZE_MAX), -1);
	CHECK_INT(errno, EFBIG);
}

TEST(cut_text_is_an_error_but_terminated)
{
	char small[4];

	CHECK_INT(str_format(small, sizeof(small), "%s", "abc"), 0);
	CHECK_STR(small, "abc");
	errno = 0;
	CHECK_INT(str_format(small, sizeof(small), "%s", "abcd"), -1);
	CHECK_INT(errno, ENAMETOOLONG);
	CHECK_INT(str_copy(small, sizeof(small), "xyz"), 0);
	CHECK_INT(str_copy(small, sizeof(small), "wxyz"), -1);
	CHECK_STR(small, "wxy");
	CHECK_INT(str_copy(small, 0, ""), -1);
}

TEST(comparing_takes_null)
{
	CHECK(str_eq(NULL, NULL));
	CHECK(!str_eq(NULL, ""));
	CHECK(!str_eq("", NULL));
	CHECK(str_eq("a", "a"));
	CHECK(!str_eq("a", "b"));
	CHECK(str_starts("abc", "ab"));
	CHECK(str_starts("abc", ""));
	CHECK(!str_starts("a", "ab"));
}
