/* SPDX-License-Identifier: Apache-2.0 */
/* root_mode_test.c - the root directory's mode out of files.img */
#include "runtime/archive/archive.h"
#include "tests/unit/test.h"

/* Two magic numbers, then { 1: type, 2: id, 3: { 1: id, 6: name, 10: mode } }. */
#define MAGIC "\x19\x46\x59\x54\x1a\x50\x11\x56"

TEST(the_mode_of_the_root_is_found)
{
	static const char other[] =
		MAGIC "\x10\0\0\0\x08\x01\x10\x02\x1a\x0a\x32\x04/etc\x50\xed\x83\x01"
		      "\x0d\0\0\0\x08\x01\x10\x03\x1a\x07\x32\x01.\x50\xed\x82\x01";

	CHECK_INT(root_mode_parse(other, sizeof(other) - 1), 0555);
}

TEST(without_a_root_there_is_none)
{
	static const char file[] =
		MAGIC "\x0d\0\0\0\x08\x01\x10\x03\x1a\x07\x32\x01.\x50\xed\x82\x02";

	CHECK_INT(root_mode_parse("", 0), -1);
	CHECK_INT(root_mode_parse(MAGIC, 8), -1);
	/* a regular file */
	CHECK_INT(root_mode_parse(file, sizeof(file) - 1), -1);
}

TEST(what_is_cut_short_says_nothing)
{
	static const char cut[] = MAGIC "\xff\0\0\0\x08\x01";

	CHECK_INT(root_mode_parse(cut, sizeof(cut) - 1), -1);
	CHECK_INT(root_mode_parse(cut, 10), -1);
}
