/* SPDX-License-Identifier: Apache-2.0 */
/* nft_element_test.c - what an element holds */
#include <sys/socket.h>

#include "base/compiler.h"
#include "cni/nft.h"
#include "tests/unit/test.h"

TEST(each_part_of_a_key_begins_at_four_bytes)
{
	static const uint8_t key[] = { 10, 0, 0, 1, 6, 0, 0, 0, 0x1f, 0x90, 0, 0 };
	struct nft_element e = { .set = "x" };
	struct ip ip;

	REQUIRE(ip_parse("10.0.0.1", &ip) == 0);
	nft_key_addr(&e, &ip);
	nft_key_u8(&e, 6);
	nft_key_u16(&e, 8080);
	CHECK_INT(e.key_len, sizeof(key));
	CHECK(memcmp(e.key, key, sizeof(key)) == 0);
	nft_data_addr(&e, &ip);
	nft_data_u16(&e, 80);
	CHECK_INT(e.data_len, 8);
	CHECK_INT(e.data[5], 80);
}

TEST(a_key_never_grows_beyond_its_room)
{
	struct nft_element e = { .set = "x" };

	for (int i = 0; i < 8; i++)
		nft_key_ifname(&e, "eth0");
	CHECK_INT(e.key_len, NFT_KEY_MAX);
}

TEST(an_owner_is_text_that_says_who)
{
	char owner[NFT_OWNER];

	nft_owner(owner, "net1", "c1", "eth0");
	CHECK_STR(owner, "net1 c1 eth0");
	CHECK(nft_owner_of_network(owner, "net1"));
	CHECK(!nft_owner_of_network(owner, "net"));
	CHECK(!nft_owner_of_network(owner, "net11"));
}

TEST(a_long_owner_is_hashed_and_still_belongs_to_its_network)
{
	char network[NFT_OWNER], a[NFT_OWNER], b[NFT_OWNER];

	memset(network, 'n', sizeof(network));
	network[sizeof(network) - 1] = '\0';
	nft_owner(a, network, "c1", "eth0");
	nft_owner(b, network, "c2", "eth0");
	CHECK(a[0] == '#');
	CHECK(strcmp(a, b) != 0);
	CHECK(nft_owner_of_network(a, network));
	CHECK(!nft_owner_of_network(a, "net1"));
}

TEST(a_subnets_chain_is_named_by_the_subnet)
{
	struct nft_chain_part a, b;
	struct ip_net net;

	REQUIRE(ip_net_parse("10.88.3.4/16", &net) == 0);
	nft_chain_part_init(&a, "net", &net);
	CHECK_STR(a.name, "net_10.88.0.0/16");
	nft_chain_part_rule(&a, "drop");
	CHECK_INT(a.part.n_rules, 1);
	CHECK_STR(a.rules[0].chain, a.name);
	nft_chain_part_set(&a, "addr", "post", "ip saddr");
	CHECK_INT(a.part.n_sets, 1);
	CHECK_STR(a.part.sets[0].name, a.name);
	CHECK_STR(a.rules[1].chain, "post");
	CHECK_STR(a.rules[1].text, "ip saddr @net_10.88.0.0/16 goto net_10.88.0.0/16");
	REQUIRE(ip_net_parse("fd00:1111:2222:3333:4444:5555:6666:7777/64", &net) == 0);
	nft_chain_part_init(&a, "net", &net);
	REQUIRE(ip_net_parse("fd00:1111:2222:3333::1/64", &net) == 0);
	nft_chain_part_init(&b, "net", &net);
	CHECK_STR(a.name, b.name);
	CHECK(nft_family(AF_INET6) == NFT_IP6);
}
