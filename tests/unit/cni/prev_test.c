/* SPDX-License-Identifier: Apache-2.0 */
/* prev_test.c - what chained plugins want to know about the plugins before them */
#include "cni/prev.h"

#include <sys/socket.h>

#include "tests/unit/test.h"

static void add(struct result *r, struct arena *arena, const char *address, int interface)
{
	struct result_ip *ip = result_add_ip(r, arena);

	REQUIRE(ip != NULL && ip_net_parse(address, &ip->address) == 0);
	ip->interface = interface;
}

TEST(addresses_of_the_host_are_not_the_containers)
{
	const struct ip_net *first;
	struct result r = { 0 };
	struct arena arena;
	struct ip_net *v;
	char text[IP_TEXT_MAX];
	size_t n;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(result_add_interface(&r, &arena) && result_add_interface(&r, &arena));
	r.interfaces[0].name = "br0";
	r.interfaces[1].name = "eth0";
	r.interfaces[1].sandbox = "/run/netns/a";
	add(&r, &arena, "10.0.0.1/24", 0);
	add(&r, &arena, "10.0.0.2/24", 1);
	add(&r, &arena, "fd00::2/64", RESULT_NO_INTERFACE);
	add(&r, &arena, "10.0.0.3/24", 7);
	REQUIRE(prev_addresses(&r, &arena, &v, &n, NULL) == 0);
	CHECK_INT(n, 3);
	first = prev_first(v, n, AF_INET);
	CHECK_STR(first ? ip_net_format(first, text) : "", "10.0.0.2/24");
	first = prev_first(v, n, AF_INET6);
	CHECK_STR(first ? ip_net_format(first, text) : "", "fd00::2/64");
	CHECK(prev_first(v, 1, AF_INET6) == NULL);
	arena_release(&arena);
}

TEST(an_empty_result_has_none)
{
	struct result r = { 0 };
	struct arena arena;
	struct ip_net *v;
	size_t n;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(prev_addresses(&r, &arena, &v, &n, NULL) == 0);
	CHECK_INT(n, 0);
	CHECK(prev_first(v, n, AF_INET) == NULL);
	arena_release(&arena);
}
