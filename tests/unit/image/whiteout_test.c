/* SPDX-License-Identifier: Apache-2.0 */
/* whiteout_test.c - image/whiteout.c */
#include "image/whiteout.h"

#include "base/compiler.h"
#include "tests/unit/test.h"

TEST(names_are_told_apart)
{
	static const struct {
		const char *name;
		enum whiteout_kind kind;
	} cases[] = {
		{ "a", WHITEOUT_NONE },
		{ "a.wh.b", WHITEOUT_NONE },
		{ ".wha", WHITEOUT_NONE },
		{ ".wh", WHITEOUT_NONE },
		{ ".wh.a", WHITEOUT_NAME },
		{ ".wh..a", WHITEOUT_NAME },
		{ ".wh....", WHITEOUT_NAME },
		{ ".wh..wh..opq", WHITEOUT_DIRECTORY },
		{ ".wh..wh.plnk", WHITEOUT_IGNORED },
		{ ".wh..wh..opqx", WHITEOUT_IGNORED },
		{ ".wh.", WHITEOUT_BAD },
		{ ".wh..", WHITEOUT_BAD },
		{ ".wh...", WHITEOUT_BAD },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_INT(whiteout_classify(cases[i].name), cases[i].kind);
}

TEST(overlays_and_the_hosts_own_xattrs_are_not_a_layers_to_bring)
{
	CHECK(whiteout_keeps_xattr("user.x"));
	CHECK(whiteout_keeps_xattr("user.overlayx"));
	CHECK(whiteout_keeps_xattr("security.capability"));
	CHECK(whiteout_keeps_xattr("system.posix_acl_access"));
	CHECK(!whiteout_keeps_xattr("user."));
	CHECK(!whiteout_keeps_xattr("user.overlay.opaque"));
	CHECK(!whiteout_keeps_xattr("trusted.overlay.opaque"));
	CHECK(!whiteout_keeps_xattr("trusted.x"));
	CHECK(!whiteout_keeps_xattr("security.selinux"));
	CHECK(!whiteout_keeps_xattr("security.ima"));
	CHECK(!whiteout_keeps_xattr(""));
}
