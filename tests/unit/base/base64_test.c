/* SPDX-License-Identifier: Apache-2.0 */
/* base64_test.c - the vectors of RFC 4648 and what must be refused */
#include "base/base64.h"

#include <errno.h>

#include "base/compiler.h"
#include "tests/unit/test.h"

TEST(the_vectors_of_the_rfc_both_ways)
{
	static const char *const pairs[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		AUTO_BUF b;

		buf_init(&b);
		base64_encode(pairs[i][0], strlen(pairs[i][0]), &b);
		CHECK_STR(b.s, pairs[i][1]);
		buf_clear(&b);
		CHECK_INT(base64_decode(pairs[i][1], strlen(pairs[i][1]), &b), 0);
		CHECK_STR(b.s, pairs[i][0]);
	}
}

TEST(every_byte_survives)
{
	unsigned char all[256];
	AUTO_BUF text;
	AUTO_BUF back;

	buf_init(&text);
	buf_init(&back);
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (unsigned char)i;
	base64_encode(all, sizeof(all), &text);
	REQUIRE(base64_decode(text.s, text.len, &back) == 0);
	REQUIRE(back.len == sizeof(all));
	CHECK(memcmp(back.s, all, sizeof(all)) == 0);
}

TEST(what_no_encoder_writes_is_refused)
{
	static const char *const bad[] = { "Zg",   "Zg=",  "Z===", "====",     "Zm9v\n",
					   "Zm 9", "Zh==", "Zm9=", "Zg==Zg==", "Zm-v" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		AUTO_BUF b;

		buf_init(&b);
		errno = 0;
		CHECK_INT(base64_decode(bad[i], strlen(bad[i]), &b), -1);
		CHECK_INT(errno, EINVAL);
	}
}
