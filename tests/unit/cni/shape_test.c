/* SPDX-License-Identifier: Apache-2.0 */
/* shape_test.c - shares: their words and their record */
#include <string.h>

#include "cni/plugins/shape/config.h"
#include "cni/plugins/shape/record.h"
#include "tests/unit/test.h"

static int parse(const char *text, struct arena *arena, struct shape_config *ret, struct err *err)
{
	struct netconf conf;

	if (netconf_parse(text, strlen(text), arena, &conf, err) < 0)
		return -1;
	return shape_config_parse(&conf, arena, ret, err);
}

TEST(rates_have_units)
{
	static const struct {
		const char *text;
		uint64_t rate;
	} good[] = {
		{ "0", 0 },
		{ "9000", 9000 },
		{ "10bit", 10 },
		{ "5kbit", 5000 },
		{ "200mbit", 200000000 },
		{ "200Mbit", 200000000 },
		{ "10gbit", 10000000000 },
		{ "1tbit", 1000000000000 },
	};
	static const char *const bad[] = {
		"", "mbit", "1.5mbit", "-1", "1 mbit", "1mb", "2tbit", "99999999999999999999999",
	};
	char text[SHAPE_RATE_TEXT];
	uint64_t rate = 0;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		CHECK_INT(shape_rate_parse(good[i].text, &rate), 0);
		CHECK(rate == good[i].rate);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_INT(shape_rate_parse(bad[i], &rate), -1);
	shape_rate_format(57300000, text);
	CHECK_STR(text, "57.3mbit");
	shape_rate_format(17, text);
	CHECK_STR(text, "17bit");
}

TEST(the_runtime_lowers_ceilings_and_never_raises_them)
{
	struct shape_config config;
	struct err err = { 0 };
	struct arena arena;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(parse("{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"type\":\"shape\",\"network\":{"
		      "\"rate\":\"20mbit\"},\"container\":{\"rate\":\"4mbit\",\"ceil\":8000000},"
		      "\"runtimeConfig\":{\"bandwidth\":{\"ingressRate\":2000000,"
		      "\"ingressBurst\":1,\"egressRate\":9000000,\"egressBurst\":1}}}",
		      &arena, &config, &err) == 0);
	CHECK(config.down.rate == 2000000 && config.down.ceil == 2000000);
	CHECK(config.up.rate == 4000000 && config.up.ceil == 8000000);
	CHECK(config.network.rate == 20000000 && config.network.ceil == 0);
	CHECK_INT((int)config.weight, 1);
	CHECK_STR(config.dir, SHAPE_DIR);
	CHECK(!config.uplink && config.shape_up && config.shape_down && !config.overcommit);
	arena_release(&arena);
}

TEST(a_record_comes_back_as_it_was)
{
	struct shape_record r = { 0 }, again;
	struct shape_network *n;
	struct shape_member *m;
	struct err err = { 0 };
	struct arena arena;
	AUTO_BUF first;
	AUTO_BUF second;

	buf_init(&first);
	buf_init(&second);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	r.arena = &arena;
	n = shape_record_add(&r, "gold", "up0", &err);
	REQUIRE(n);
	n->rate = 40000000;
	n->link_rate = n->ceil = 60000000;
	n->up = true;
	m = shape_member_add(&r, n, "c1", "eth0", &err);
	REQUIRE(m);
	m->device = arena_strdup(&arena, "br0");
	m->minor = shape_minor_free(&r, "up0", &err);
	CHECK_INT((int)n->minor, SHAPE_MINOR_MIN);
	CHECK_INT((int)m->minor, SHAPE_MINOR_MIN + 2);
	n = shape_record_add(&r, "base", "up0", &err);
	REQUIRE(n);
	CHECK_INT((int)n->minor, SHAPE_MINOR_MIN + 4);
	n->rate = 1000000;
	CHECK(shape_guaranteed(&r, "up0", NULL) == 41000000);
	CHECK(shape_guaranteed(&r, "up0", n) == 40000000);
	CHECK(shape_guaranteed(&r, "up1", NULL) == 0);
	shape_record_format(&r, &first);
	REQUIRE(shape_record_parse("r", first.s, first.len, &arena, &again, &err) == 0);
	shape_record_format(&again, &second);
	CHECK_STR(first.s, second.s);
	n = shape_record_find(&again, "gold", "up0");
	REQUIRE(n);
	m = shape_member_find(n, "c1", "eth0");
	REQUIRE(m);
	shape_member_remove(n, m);
	CHECK(n->members.n == 0);
	shape_record_remove(&again, n);
	CHECK(!shape_record_find(&again, "gold", NULL) && shape_record_find(&again, "base", NULL));
	arena_release(&arena);
}
