/* SPDX-License-Identifier: Apache-2.0 */
/* sha256_test.c - digests of FIPS 180-4's examples, and of every length around a block */
#include "base/sha256.h"

#include "tests/unit/test.h"

static const char *of(const char *text, size_t len)
{
	static char hex[SHA256_HEX + 1];

	sha256_hex(text, len, hex);
	return hex;
}

TEST(the_examples_of_the_standard)
{
	CHECK_STR(of("", 0), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	CHECK_STR(of("abc", 3), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	CHECK_STR(of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56),
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(a_text_that_ends_at_a_block)
{
	char text[128];

	memset(text, 'a', sizeof(text));
	CHECK_STR(of(text, 55), "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
	CHECK_STR(of(text, 63), "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34");
	CHECK_STR(of(text, 64), "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
	CHECK_STR(of(text, 128),
		  "6836cf13bac400e9105071cd6af47084dfacad4e5e302c94bfed24e013afb73e");
}
