/* SPDX-License-Identifier: Apache-2.0 */
/* nft_rule_test.c - rules and types as text */
#include "cni/nft_rule.h"

#include <linux/netfilter/nf_tables.h>

#include "base/compiler.h"
#include "tests/unit/test.h"

static struct nft_steps steps;
static struct err err;

static int parse(const char *text, enum nft_family family)
{
	err_clear(&err);
	return nft_rule_parse(text, family, &steps, &err);
}

TEST(an_address_without_prefix_is_compared_whole)
{
	static const uint8_t address[] = { 10, 1, 2, 3 };

	REQUIRE(parse("ip daddr 10.1.2.3 drop", NFT_IP) == 0);
	REQUIRE(steps.n == 3);
	CHECK_INT(steps.v[0].kind, NFT_STEP_PAYLOAD);
	CHECK_INT(steps.v[0].offset, 16);
	CHECK_INT(steps.v[0].len, 4);
	CHECK_INT(steps.v[1].kind, NFT_STEP_COMPARE);
	CHECK_INT(steps.v[1].op, NFT_CMP_EQ);
	CHECK(memcmp(steps.v[1].value, address, 4) == 0);
	CHECK_INT(steps.v[2].verdict, NFT_DO_DROP);
}

TEST(a_prefix_is_masked_and_its_host_bits_are_dropped)
{
	static const uint8_t mask[] = { 255, 255, 240, 0 }, first[] = { 10, 1, 16, 0 };

	REQUIRE(parse("ip saddr != 10.1.18.3/20 accept", NFT_IP) == 0);
	REQUIRE(steps.n == 4);
	CHECK_INT(steps.v[1].kind, NFT_STEP_MASK);
	CHECK(memcmp(steps.v[1].value, mask, 4) == 0);
	CHECK_INT(steps.v[2].op, NFT_CMP_NEQ);
	CHECK(memcmp(steps.v[2].value, first, 4) == 0);
}

TEST(ip_means_the_family_of_the_table)
{
	REQUIRE(parse("ip saddr fd00::/8 return", NFT_IP6) == 0);
	CHECK_INT(steps.v[0].offset, 8);
	CHECK_INT(steps.v[0].len, 16);
	REQUIRE(parse("ip6 daddr fd00::1 return", NFT_IP6) == 0);
	CHECK_INT(steps.v[0].offset, 24);
	CHECK_INT(parse("ip saddr 10.0.0.1 return", NFT_IP6), -1);
	CHECK_INT(parse("ip saddr 10.0.0.1 return", NFT_BRIDGE), -1);
}

TEST(keys_of_a_concatenation_lie_one_behind_the_other)
{
	REQUIRE(parse("ip daddr . meta l4proto . th dport vmap @ports", NFT_IP6) == 0);
	REQUIRE(steps.n == 4);
	CHECK_INT(steps.v[0].reg, 0);
	CHECK_INT(steps.v[1].reg, 4);
	CHECK_INT(steps.v[2].reg, 5);
	CHECK_INT(steps.v[3].kind, NFT_STEP_LOOKUP);
	CHECK(steps.v[3].to_verdict);
	CHECK_STR(steps.v[3].name, "ports");
}

TEST(dnat_takes_address_and_port_from_the_map)
{
	REQUIRE(parse("dnat ip to meta l4proto . th dport map @ports", NFT_IP) == 0);
	REQUIRE(steps.n == 4);
	CHECK(steps.v[2].to_data);
	CHECK_INT(steps.v[3].kind, NFT_STEP_DNAT);
	CHECK_INT(steps.v[3].port_reg, 1);
	REQUIRE(parse("dnat to meta l4proto . th dport map @ports", NFT_IP6) == 0);
	CHECK_INT(steps.v[3].port_reg, 4);
}

TEST(flags_are_masked_and_compared_with_zero)
{
	REQUIRE(parse("ct state established,related accept", NFT_INET) == 0);
	REQUIRE(steps.n == 4);
	CHECK_INT(steps.v[1].kind, NFT_STEP_MASK);
	CHECK_INT(steps.v[1].value[0], 2 | 4);
	CHECK_INT(steps.v[2].op, NFT_CMP_NEQ);
}

TEST(a_port_of_a_protocol_implies_the_protocol)
{
	REQUIRE(parse("udp dport 53 accept", NFT_IP) == 0);
	REQUIRE(steps.n == 5);
	CHECK_INT(steps.v[0].key, NFT_META_L4PROTO);
	CHECK_INT(steps.v[1].value[0], 17);
	CHECK_INT(steps.v[3].value[0], 0);
	CHECK_INT(steps.v[3].value[1], 53);
}

TEST(an_interface_name_may_end_in_a_star)
{
	REQUIRE(parse("iifname \"veth*\" drop", NFT_INET) == 0);
	CHECK_INT(steps.v[1].len, 4);
	REQUIRE(parse("oifname br0 drop", NFT_INET) == 0);
	CHECK_INT(steps.v[1].len, 16);
}

TEST(what_is_not_in_the_subset_is_an_error_that_shows_the_place)
{
	static const char *const bad[] = {
		"",
		"ip",
		"ip daddr",
		"ip daddr 10.0.0.1.2 accept",
		"ip daddr 10.0.0.1/33 accept",
		"iifname aaaaaaaaaaaaaaaaaaaaaaa drop",
		"ct state sleepy accept",
		"tcp dport 65536 accept",
		"jump",
		"goto aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"dnat to 10.0.0.1",
		"ip daddr . th dport 80 accept",
		"ip daddr . tcp dport @x accept",
		"ip daddr @ accept",
		"reject",
		"iifname . oifname . iifname . oifname . iifname @x",
		"fib daddr type strange accept",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"ip daddr . ip daddr . ip daddr . ip daddr . ip daddr . ip daddr @x",
		"counter counter counter counter counter counter counter counter counter counter "
		"counter counter counter counter counter counter counter counter counter counter "
		"counter counter counter counter counter counter counter counter counter counter "
		"counter counter counter counter",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK_INT(parse(bad[i], NFT_IP), -1);
		CHECK(strstr(err.msg, "nftables rule") != NULL);
	}
}

TEST(a_type_has_the_number_and_length_that_nft_knows)
{
	struct nft_type type;

	REQUIRE(nft_type_parse("addr", NFT_IP, &type, &err) == 0);
	CHECK_INT(type.id, 7);
	CHECK_INT(type.len, 4);
	REQUIRE(nft_type_parse("inet_service", NFT_IP, &type, &err) == 0);
	CHECK_INT(type.len, 2);
	REQUIRE(nft_type_parse("addr . inet_proto . inet_service", NFT_IP6, &type, &err) == 0);
	CHECK_INT(type.id, (8 << 6 | 12) << 6 | 13);
	CHECK_INT(type.len, 24);
	CHECK_INT(nft_type_parse("addr . ", NFT_IP, &type, &err), -1);
	CHECK_INT(nft_type_parse("addr inet_proto", NFT_IP, &type, &err), -1);
	CHECK_INT(nft_type_parse("colour", NFT_IP, &type, &err), -1);
	CHECK_INT(nft_type_parse("ifname . ifname . ifname . ifname . addr", NFT_IP, &type, &err),
		  -1);
}

TEST(the_match_of_iptables_knows_states)
{
	REQUIRE(parse("xt conntrack related,established,dnat counter accept", NFT_IP) == 0);
	REQUIRE(steps.n == 3);
	CHECK_INT(steps.v[0].kind, NFT_STEP_XT_CONNTRACK);
	CHECK_INT(steps.v[0].key, 2 | 4 | 1 << 7);
	CHECK_INT(parse("xt limit 3", NFT_IP), -1);
	CHECK_INT(parse("xt conntrack maybe", NFT_IP), -1);
}

TEST(a_packet_gets_its_class_from_a_map)
{
	REQUIRE(parse("meta priority set oifname . iifname . ip saddr map @members", NFT_IP) == 0);
	REQUIRE(steps.n == 5);
	CHECK_INT(steps.v[2].reg, 8);
	CHECK_INT(steps.v[3].kind, NFT_STEP_LOOKUP);
	CHECK(steps.v[3].to_data && !steps.v[3].to_verdict);
	CHECK_INT(steps.v[4].kind, NFT_STEP_SET_META);
	CHECK_INT(parse("meta priority set 5", NFT_IP), -1);
	CHECK_INT(parse("meta priority iifname map @m", NFT_IP), -1);
	CHECK_INT(parse("meta priority set iifname vmap @m", NFT_IP), -1);
}

TEST(marks_and_zones_are_set_from_maps_or_each_other)
{
	REQUIRE(parse("ct original zone set iifname map @zones", NFT_IP) == 0);
	CHECK_INT(steps.v[2].kind, NFT_STEP_SET_CT);
	CHECK_INT(steps.v[2].op, 0); /* IP_CT_DIR_ORIGINAL */
	CHECK(steps.v[1].to_data);
	REQUIRE(parse("ct reply zone set meta l4proto . th dport map @zones", NFT_IP) == 0);
	CHECK_INT(steps.v[3].op, 1); /* IP_CT_DIR_REPLY */
	REQUIRE(parse("meta mark set ct mark", NFT_IP) == 0);
	CHECK_INT(steps.n, 2);
	CHECK_INT(steps.v[1].kind, NFT_STEP_SET_META);
	REQUIRE(parse("ct state new ct count over 200 drop", NFT_IP) == 0);
	CHECK_INT(steps.v[3].kind, NFT_STEP_CONNLIMIT);
	CHECK_INT(steps.v[3].key, 200);
	CHECK_INT(parse("meta mark set iifname . oifname", NFT_IP), -1);
	CHECK_INT(parse("ct count over many", NFT_IP), -1);
	CHECK_INT(parse("ct mark set", NFT_IP), -1);
}
