/* SPDX-License-Identifier: Apache-2.0 */
/* names_test.c - names, hardware addresses and numbers */
#include "cni/names.h"

#include "tests/unit/test.h"

TEST(a_name_fits_an_interface)
{
	char a[IFNAMSIZ], b[IFNAMSIZ];

	names_interface("veth", a);
	names_interface("veth", b);
	CHECK_INT(strlen(a), 12);
	CHECK(strncmp(a, "veth", 4) == 0);
	CHECK(strcmp(a, b) != 0);
	names_interface("a-long-prefix", a);
	CHECK_INT(strlen(a), IFNAMSIZ - 1);
}

TEST(a_hardware_address_is_local_and_of_one_station)
{
	for (int i = 0; i < 64; i++)
		CHECK_INT(names_mac().bytes[0] & 3, 2);
}

TEST(an_index_is_far_from_the_kernel_s_own)
{
	for (int i = 0; i < 64; i++) {
		int index = names_index();

		CHECK(index >= 1 << 20 && index < 1 << 30);
	}
}

TEST(a_hash_is_the_same_for_the_same_parts_only)
{
	static const char *const ab[] = { "a", "b" }, *const joined[] = { "ab", "" };
	char x[17], y[17], cut[9];

	names_hash(x, sizeof(x), ab, 2);
	names_hash(y, sizeof(y), ab, 2);
	CHECK_STR(x, y);
	names_hash(y, sizeof(y), joined, 2);
	CHECK(strcmp(x, y) != 0);
	names_hash(cut, sizeof(cut), ab, 2);
	CHECK(strncmp(x, cut, 8) == 0 && strlen(cut) == 8);
}
