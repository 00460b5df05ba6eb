/* SPDX-License-Identifier: Apache-2.0 */
/* upper_test.c - the directories of an overlay, from mountinfo */
#include "runtime/archive/archive.h"
#include "tests/unit/test.h"

static bool parse(const char *text, struct arena *a, struct overlay_options *ret)
{
	arena_init(a, 1 << 20);
	return upper_parse(text, strlen(text), "/m", a, ret);
}

TEST(the_directories_are_found)
{
	CLEANUP(arena_release) struct arena a;
	struct overlay_options o;

	REQUIRE(parse("20 1 0:5 / /x rw - overlay overlay rw,lowerdir=/q,upperdir=/r\n"
		      "36 35 0:40 / /m rw,relatime shared:4 - overlay overlay "
		      "rw,lowerdir=/a:/b,upperdir=/u,workdir=/w\n",
		      &a, &o));
	CHECK_STR(o.upper, "/u");
	CHECK_INT(o.lowers.n, 2);
	CHECK_STR(o.lowers.v[0], "/a");
	CHECK_STR(o.lowers.v[1], "/b");
	CHECK(!o.partial && !o.userxattr);
}

TEST(names_with_colons_blanks_and_commas_are_whole)
{
	CLEANUP(arena_release) struct arena a;
	struct overlay_options o;

	REQUIRE(parse("36 35 0:40 / /m rw - overlay overlay "
		      "rw,lowerdir=/a\\134:b:/c\\040d,upperdir=/u\\134,v,userxattr\n",
		      &a, &o));
	CHECK_STR(o.lowers.v[0], "/a:b");
	CHECK_STR(o.lowers.v[1], "/c d");
	CHECK_STR(o.upper, "/u,v");
	CHECK(o.userxattr);
}

TEST(an_upper_without_contents_is_noticed)
{
	CLEANUP(arena_release) struct arena a;
	struct overlay_options o;

	REQUIRE(parse("36 35 0:40 / /m rw - overlay o rw,lowerdir=/a,upperdir=/u,metacopy=on\n", &a,
		      &o));
	CHECK(o.partial);
}

TEST(what_is_no_overlay_or_read_only_has_no_upper)
{
	CLEANUP(arena_release) struct arena a;
	CLEANUP(arena_release) struct arena b;
	struct overlay_options o;

	CHECK(!parse("36 35 0:40 / /m rw - ext4 /dev/x rw\n", &a, &o));
	CHECK(!parse("36 35 0:40 / /m rw - overlay o rw,lowerdir=/a:/b\n", &b, &o));
}
