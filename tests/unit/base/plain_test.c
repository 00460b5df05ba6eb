/* SPDX-License-Identifier: Apache-2.0 */
/* plain_test.c - what a terminal would take for orders */
#include "base/plain.h"

#include "base/compiler.h"
#include "tests/unit/test.h"

TEST(what_steers_a_terminal_is_replaced)
{
	static const struct {
		const char *text, *plain;
	} cases[] = {
		{ "", "" },
		{ "layer 1", "layer 1" },
		{ "a\033[2Jb", "a?[2Jb" },
		{ "a\rb\tc\n\177", "a?b?c??" },
		{ "\xc2\x9b"
		  "2J",
		  "\xc2?2J" },
		{ "\x9b"
		  "2J",
		  "?2J" },
		{ "a\x9f", "a?" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf b;

		buf_init(&b);
		plain_put(&b, cases[i].text);
		CHECK_STR(b.s, cases[i].plain);
		buf_release(&b);
	}
}

TEST(letters_of_any_script_are_left_alone)
{
	/* continued by bytes that alone would be of C1 */
	static const char *const words[] = { "Ā", "\u00e4\u00df", "Ж", "日本", "😀", "\u00a0" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct buf b;

		buf_init(&b);
		plain_put(&b, words[i]);
		CHECK_STR(b.s, words[i]);
		buf_release(&b);
	}
}
