/* SPDX-License-Identifier: Apache-2.0 */
/* record_test.c - host-local's record of a lease as text */
#include "cni/plugins/host_local/record.h"

#include "tests/unit/test.h"

TEST(a_record_comes_back)
{
	struct hl_record a = { .container_id = "c1",
			       .ifname = "eth0",
			       .n = 2,
			       .has_id = true,
			       .id = { 4, 4026532001 },
			       .netns = "/run/netns/a b" };
	struct hl_record b;
	char text[512];

	REQUIRE(ip_parse("10.0.0.2", &a.v[0]) == 0 && ip_parse("fd00::2", &a.v[1]) == 0);
	REQUIRE(record_format(&a, text, sizeof(text)) == 0);
	CHECK_STR(text, "4:4026532001 10.0.0.2,fd00::2 /run/netns/a b");
	REQUIRE(record_parse("c1:eth0", text, &b) == 0);
	CHECK_STR(b.container_id, "c1");
	CHECK_STR(b.ifname, "eth0");
	CHECK_INT(b.n, 2);
	CHECK(ip_eq(&a.v[1], &b.v[1]));
	CHECK(b.has_id && b.id.dev == 4 && b.id.ino == 4026532001);
	CHECK_STR(b.netns, "/run/netns/a b");
}

TEST(a_record_without_a_namespace)
{
	struct hl_record a = { .n = 1 }, b;
	char text[512];

	REQUIRE(ip_parse("10.0.0.2", &a.v[0]) == 0);
	REQUIRE(record_format(&a, text, sizeof(text)) == 0);
	CHECK_STR(text, "- 10.0.0.2 -");
	CHECK_INT(record_parse("c1:", text, &b), 0);
	CHECK(!b.has_id);
	CHECK_STR(b.ifname, "");
}

TEST(what_is_no_record_is_refused)
{
	struct hl_record r;
	char text[16];

	CHECK_INT(record_parse("boot", "- 10.0.0.2 -", &r), -1);
	CHECK_INT(record_parse("c1:eth0", "", &r), -1);
	CHECK_INT(record_parse("c1:eth0", "- 10.0.0.2", &r), -1);
	CHECK_INT(record_parse("c1:eth0", "- 10.0.0.x -", &r), -1);
	CHECK_INT(record_parse("c1:eth0", "4 10.0.0.2 /x", &r), -1);
	CHECK_INT(record_parse("c1:eth0", "4:x 10.0.0.2 /x", &r), -1);
	CHECK_INT(record_parse("c1:a-name-too-long-for-it", "- 10.0.0.2 -", &r), -1);
	CHECK_INT(record_name(text, sizeof(text), "an-id-that-is-long", "eth0"), -1);
}
