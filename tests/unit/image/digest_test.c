/* SPDX-License-Identifier: Apache-2.0 */
/* digest_test.c - image/digest.c */
#include "image/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "tests/unit/test.h"

/* FIPS 180-4 examples */
static const char sha256_abc[] =
	"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char sha256_empty[] =
	"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char sha512_abc[] =
	"sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

TEST(the_standards_examples_come_out)
{
	struct digest d;
	struct hash h;

	digest_of("abc", 3, &d);
	CHECK_STR(d.text, sha256_abc);
	digest_of("", 0, &d);
	CHECK_STR(d.text, sha256_empty);
	hash_init(&h, DIGEST_SHA512);
	hash_update(&h, "abc", 3);
	hash_final(&h, &d);
	CHECK_STR(d.text, sha512_abc);
	CHECK_STR(digest_folder(&d), "sha512");
}

TEST(pieces_hash_as_the_whole_and_a_copy_goes_on)
{
	char data[1000];
	struct digest whole, pieces, copied;
	struct hash h, copy;

	memset(data, 'x', sizeof(data));
	digest_of(data, sizeof(data), &whole);
	hash_init(&h, DIGEST_SHA256);
	hash_update(&h, data, 333);
	copy = h;
	hash_update(&h, data + 333, 667);
	hash_final(&h, &pieces);
	CHECK_STR(pieces.text, whole.text);
	hash_update(&copy, data + 333, 667);
	hash_final(&copy, &copied);
	CHECK_STR(copied.text, whole.text);
}

TEST(only_the_grammar_of_its_algorithm_is_a_digest)
{
	static const char *const bad[] = {
		"",
		"sha256",
		"sha256:",
		"sha256:../../../../etc/passwd",
		"sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
		"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
		"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0",
		"sha512:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"md5:ba7816bf8f01cfea414140de5dae2223",
		"xsha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	};
	struct digest d = { "untouched" };
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK_INT(digest_parse(bad[i], &d, &err), -1);
		CHECK_INT(err.code, EINVAL);
	}
	CHECK_STR(d.text, "untouched");
	CHECK_INT(digest_parse(sha256_abc, &d, &err), 0);
	CHECK_STR(d.text, sha256_abc);
	CHECK_STR(digest_hex(&d), sha256_abc + 7);
	CHECK(digest_is_set(&d));
}

TEST(a_file_is_hashed_from_an_offset_to_its_end)
{
	AUTO_FD fd = memfd_create("digest", MFD_CLOEXEC);
	struct digest d;

	REQUIRE(fd >= 0 && fd_write_full(fd, "..abc", 5) == 0);
	CHECK_INT(digest_of_file(fd, 2, UINT64_MAX, DIGEST_SHA256, &d, NULL), 0);
	CHECK_STR(d.text, sha256_abc);
	CHECK_INT(digest_of_file(fd, 5, UINT64_MAX, DIGEST_SHA256, &d, NULL), 0);
	CHECK_STR(d.text, sha256_empty);
}
