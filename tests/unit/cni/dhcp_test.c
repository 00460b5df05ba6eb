/* SPDX-License-Identifier: Apache-2.0 */
/* dhcp_test.c - what a DHCP server gave becomes addresses, routes and names */
#include "cni/plugins/dhcp/dhcp.h"

#include <linux/rtnetlink.h>
#include <string.h>

#include "tests/unit/test.h"

#define ADDRESS "\"address\":\"10.0.0.9\",\"prefix\":\"24\""

static int make(const char *text, const struct dhcp_config *config, struct arena *arena,
		struct result *ret, struct err *err)
{
	struct dhcp_lease lease;

	memset(ret, 0, sizeof(*ret));
	if (dhcp_lease_parse(text, strlen(text), arena, &lease, err) < 0)
		return -1;
	return dhcp_lease_result(&lease, config, arena, ret, err);
}

static void check_route(const struct result *r, size_t i, const char *dst, const char *gateway)
{
	char text[IP_TEXT_MAX];

	REQUIRE(i < r->n_routes);
	CHECK_STR(ip_net_format(&r->routes[i].dst, text), dst);
	CHECK_STR(ip_format(&r->routes[i].gateway, text), gateway);
}

TEST(a_router_is_the_gateway_and_the_default_route)
{
	const struct dhcp_config config = { .priority = { .has = true, .v = 7 } };
	char text[IP_TEXT_MAX];
	struct arena arena;
	struct result r;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(make("{" ADDRESS ",\"routers\":\"10.0.0.1 10.0.0.2\",\"dns\":\"10.0.0.3 10.0.0.4\","
		     "\"domain\":\"a.test\",\"search\":\"b.test c.test\"}",
		     &config, &arena, &r, NULL) == 0);
	CHECK_STR(ip_net_format(&r.ips[0].address, text), "10.0.0.9/24");
	CHECK_STR(ip_format(&r.ips[0].gateway, text), "10.0.0.1");
	CHECK_INT(r.n_routes, 1);
	check_route(&r, 0, "0.0.0.0/0", "10.0.0.1");
	CHECK(r.routes[0].priority.has && r.routes[0].priority.v == 7);
	CHECK_INT(r.dns.nameservers.n, 2);
	CHECK_STR(r.dns.nameservers.v[1], "10.0.0.4");
	CHECK_STR(r.dns.domain, "a.test");
	CHECK_INT(r.dns.search.n, 2);
	arena_release(&arena);
}

TEST(classless_routes_replace_the_others)
{
	const struct dhcp_config config = { 0 };
	struct arena arena;
	struct result r;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(make("{" ADDRESS
		     ",\"routers\":\"10.0.0.1\",\"classfulRoutes\":\"10.9.0.0/10.0.0.7\","
		     "\"staticRoutes\":\"10.1.2.3/16 10.0.0.5 10.2.0.0/16 0.0.0.0\"}",
		     &config, &arena, &r, NULL) == 0);
	CHECK_INT(r.n_routes, 2);
	check_route(&r, 0, "10.1.0.0/16", "10.0.0.5");
	check_route(&r, 1, "10.2.0.0/16", "");
	CHECK(r.routes[1].scope.has && r.routes[1].scope.v == RT_SCOPE_LINK);
	arena_release(&arena);
}

TEST(classful_routes_have_the_length_of_their_class)
{
	const struct dhcp_config config = { 0 };
	struct arena arena;
	struct result r;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(make("{" ADDRESS ",\"routers\":\"10.0.0.1\",\"classfulRoutes\":"
		     "\"9.0.0.0/10.0.0.7 172.16.0.0/10.0.0.7 192.0.2.0/10.0.0.7\"}",
		     &config, &arena, &r, NULL) == 0);
	CHECK_INT(r.n_routes, 4);
	check_route(&r, 0, "9.0.0.0/8", "10.0.0.7");
	check_route(&r, 1, "172.16.0.0/16", "10.0.0.7");
	check_route(&r, 2, "192.0.2.0/24", "10.0.0.7");
	check_route(&r, 3, "0.0.0.0/0", "10.0.0.1");
	arena_release(&arena);
}

TEST(no_gateway_where_it_is_suppressed)
{
	const struct dhcp_config config = { .no_gateway = true };
	struct arena arena;
	struct result r;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(make("{" ADDRESS ",\"staticRoutes\":\"0.0.0.0/0 10.0.0.1 10.1.0.0/16 10.0.0.1\","
		     "\"routers\":\"10.0.0.1\"}",
		     &config, &arena, &r, NULL) == 0);
	CHECK(ip_is_none(&r.ips[0].gateway));
	CHECK_INT(r.n_routes, 1);
	check_route(&r, 0, "10.1.0.0/16", "10.0.0.1");
	arena_release(&arena);
}

TEST(what_a_server_should_not_say)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "{\"prefix\":\"24\"}", "address" },
		{ "{\"address\":\"10.0.0.9\"}", "no subnet mask" },
		{ "{\"address\":\"10.0.0.9\",\"prefix\":\"33\"}", "no subnet mask" },
		{ "{\"address\":\"fd00::1\",\"prefix\":\"24\"}", "fd00::1" },
		{ "{" ADDRESS ",\"routers\":\"nobody\"}", "nobody" },
		{ "{" ADDRESS ",\"staticRoutes\":\"10.1.0.0/16\"}", "10.1.0.0/16" },
		{ "{" ADDRESS ",\"staticRoutes\":\"10.1.0.0/16 x\"}", "\"x\"" },
		{ "{" ADDRESS ",\"classfulRoutes\":\"10.1.0.0\"}", "10.1.0.0" },
	};
	const struct dhcp_config config = { 0 };
	struct arena arena;
	struct result r;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = { 0 };

		arena_init(&arena, ARENA_MAX_DEFAULT);
		CHECK_INT(make(cases[i].text, &config, &arena, &r, &err), -1);
		CHECK(strstr(err.msg, cases[i].says) != NULL);
		arena_release(&arena);
	}
}

static int load(const char *ipam, const char *arguments, struct arena *arena,
		struct dhcp_config *ret, struct err *err)
{
	const struct cni_args args = { .args = arguments };
	struct netconf conf = { .ipam = arena_strdup(arena, ipam) };
	struct cni_call call = { .args = &args, .conf = &conf, .arena = arena };

	return dhcp_config_load(&call, ret, err);
}

TEST(options_are_named_or_numbered_and_the_last_one_counts)
{
	static struct dhcp_config config;
	struct err err = { 0 };
	struct arena arena;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(load("{\"provide\":[{\"option\":\"host-name\",\"value\":\"a\"},"
		     "{\"option\":\"12\",\"value\":\"b\",\"fromArg\":\"POD\"},"
		     "{\"option\":\"60\",\"fromArg\":\"NONE\"}]}",
		     "POD=c", &arena, &config, NULL) == 0);
	CHECK_INT(config.n_send, 1);
	CHECK_INT(config.send[0].code, 12);
	CHECK_STR(config.send[0].value, "c");
	CHECK(config.ask[1] && config.ask[3] && config.ask[121] && !config.ask[42]);
	REQUIRE(load("{\"request\":[{\"skipDefault\":true},{\"option\":\"42\"}]}", "", &arena,
		     &config, NULL) == 0);
	CHECK(config.ask[42] && !config.ask[1]);
	CHECK_INT(load("{\"request\":[{\"option\":\"255\"}]}", "", &arena, &config, &err), -1);
	CHECK_INT(err.exit_code, CNI_ERR_CONFIG);
	CHECK_INT(load("{\"request\":7}", "", &arena, &config, &err), -1);
	CHECK_INT(err.exit_code, CNI_ERR_DECODE);
	arena_release(&arena);
}
