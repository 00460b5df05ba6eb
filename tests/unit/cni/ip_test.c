/* SPDX-License-Identifier: Apache-2.0 */
/* ip_test.c - addresses, prefixes and their arithmetic */
#include "cni/ip.h"

#include <sys/socket.h>

#include "base/compiler.h"

#include "tests/unit/test.h"

static struct ip ip(const char *text)
{
	struct ip v = { 0 };

	if (ip_parse(text, &v) < 0)
		v.family = 0;
	return v;
}

static struct ip_net net(const char *text)
{
	struct ip_net v = { 0 };

	if (ip_net_parse(text, &v) < 0)
		v.ip.family = 0;
	return v;
}

static const char *text_of(struct ip v)
{
	static char text[IP_TEXT_MAX];

	return ip_format(&v, text);
}

TEST(addresses_come_back_as_they_were)
{
	static const char *const texts[] = { "10.0.0.1", "255.255.255.255", "::", "fd00::1",
					     "2001:db8::a:b" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		CHECK_STR(text_of(ip(texts[i])), texts[i]);
	CHECK_STR(text_of(ip("::ffff:10.0.0.1")), "10.0.0.1");
	CHECK_INT(ip("10.0.0.1").family, AF_INET);
	CHECK_INT(ip("fd00::1").family, AF_INET6);
}

TEST(what_is_no_address_is_refused)
{
	static const char *const texts[] = { "",	  "10.0.0",  "10.0.0.256", "10.0.0.1 ",
					     "010.0.0.1", "fd00::g", "10.0.0.1/24" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		CHECK_INT(ip(texts[i]).family, 0);
}

TEST(a_prefix_must_fit_its_family)
{
	char text[IP_TEXT_MAX];
	struct ip_net v;

	CHECK_INT(ip_net_parse("10.0.0.1/33", &v), -1);
	CHECK_INT(ip_net_parse("10.0.0.1/", &v), -1);
	CHECK_INT(ip_net_parse("10.0.0.1/-1", &v), -1);
	CHECK_INT(ip_net_parse("10.0.0.1", &v), -1);
	CHECK_INT(ip_net_parse("fd00::1/129", &v), -1);
	CHECK_INT(ip_net_parse("fd00::1/64", &v), 0);
	CHECK_STR(ip_net_format(&v, text), "fd00::1/64");
	CHECK_INT(ip_net_parse_any("10.0.0.7", &v), 0);
	CHECK_STR(ip_net_format(&v, text), "10.0.0.7/32");
}

TEST(addition_carries_and_stops_at_the_ends)
{
	struct ip sum = { 0 }, from = ip("10.0.0.255");

	CHECK_INT(ip_add(&from, 1, &sum), 0);
	CHECK_STR(text_of(sum), "10.0.1.0");
	CHECK_INT(ip_add(&sum, -1, &sum), 0);
	CHECK_STR(text_of(sum), "10.0.0.255");
	from = ip("255.255.255.255");
	CHECK_INT(ip_add(&from, 1, &sum), -1);
	from = ip("0.0.0.0");
	CHECK_INT(ip_add(&from, -1, &sum), -1);
	CHECK_INT(ip_add(&from, INT64_C(1) << 40, &sum), -1);
	from = ip("fd00::ffff:ffff:ffff:ffff");
	CHECK_INT(ip_add(&from, 1, &sum), 0);
	CHECK_STR(text_of(sum), "fd00:0:0:1::");
	CHECK_INT(ip_add(&sum, -2, &sum), 0);
	CHECK_STR(text_of(sum), "fd00::ffff:ffff:ffff:fffe");
}

TEST(a_network_has_a_first_and_a_last_address)
{
	struct ip_net v = net("10.1.2.3/20"), six = net("fd00::1:2/120");

	CHECK_STR(text_of(ip_net_first(&v)), "10.1.0.0");
	CHECK_STR(text_of(ip_net_last(&v)), "10.1.15.255");
	CHECK_STR(text_of(ip_net_first(&six)), "fd00::1:0");
	CHECK_STR(text_of(ip_net_last(&six)), "fd00::1:ff");
}

TEST(containing_and_overlapping)
{
	struct ip_net a = net("10.1.0.0/16"), b = net("10.1.7.0/24"), c = net("10.2.0.0/16"),
		      all = net("0.0.0.0/0");
	struct ip in = ip("10.1.255.1"), out = ip("10.2.0.1"), six = ip("fd00::1");

	CHECK(ip_net_contains(&a, &in));
	CHECK(!ip_net_contains(&a, &out));
	CHECK(!ip_net_contains(&all, &six));
	CHECK(ip_net_overlaps(&a, &b));
	CHECK(ip_net_overlaps(&b, &a));
	CHECK(!ip_net_overlaps(&a, &c));
	CHECK(ip_net_overlaps(&all, &c));
}

TEST(hardware_addresses_in_the_three_spellings)
{
	struct mac mac;
	char text[MAC_TEXT_MAX];

	CHECK_INT(mac_parse("02:aB:00:1f:fe:9c", &mac), 0);
	CHECK_STR(mac_format(&mac, text), "02:ab:00:1f:fe:9c");
	CHECK_INT(mac_parse("02-ab-00-1f-fe-9c", &mac), 0);
	CHECK_INT(mac_parse("02ab.001f.fe9c", &mac), 0);
	CHECK_STR(mac_format(&mac, text), "02:ab:00:1f:fe:9c");
	CHECK_INT(mac_parse("02:ab:00:1f:fe", &mac), -1);
	CHECK_INT(mac_parse("02:ab:00:1f:fe:9c:00", &mac), -1);
	CHECK_INT(mac_parse("02:ab-00:1f:fe:9c", &mac), -1);
	CHECK_INT(mac_parse("", &mac), -1);
}
