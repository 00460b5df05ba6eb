/* SPDX-License-Identifier: Apache-2.0 */
/* request_test.c - the words of --net, -p, --dns and --add-host */
#include "cni/net/request.h"

#include "tests/unit/test.h"

#define ARENA_MAX ((size_t)8 << 20)

static int parse(const char *text, struct arena *arena, struct request *ret, struct err *err)
{
	return request_parse("test", text, strlen(text), arena, ret, err);
}

TEST(networks_have_settings_and_interfaces_in_order)
{
	CLEANUP(arena_release) struct arena arena;
	struct request r;

	arena_init(&arena, ARENA_MAX);
	REQUIRE(parse("{\"id\":\"c\",\"networks\":[\"a:ip=10.0.0.5,ip=fd00::5,alias=db\",\"b\","
		      "\"d:ifname=x0,mac=02:00:00:00:00:01\"],\"ip\":null}",
		      &arena, &r, NULL) == 0);
	REQUIRE(r.n == 3);
	CHECK_STR(r.networks[0].name, "a");
	CHECK_STR(r.networks[0].ifname, "eth0");
	REQUIRE(r.networks[0].ips.n == 2);
	CHECK_STR(r.networks[0].ips.v[1], "fd00::5");
	CHECK_STR(r.networks[0].aliases.v[0], "db");
	CHECK_STR(r.networks[1].ifname, "eth1");
	CHECK_STR(r.networks[2].ifname, "x0");
	CHECK_STR(r.networks[2].mac, "02:00:00:00:00:01");
}

TEST(words_that_make_no_sense_are_refused_with_the_word)
{
	static const char *const bad[] = {
		"\"networks\":[\"\"]",
		"\"networks\":[\"../x\"]",
		"\"networks\":[\"a:ip\"]",
		"\"networks\":[\"a:ip=300.1.1.1\"]",
		"\"networks\":[\"a:mac=zz\"]",
		"\"networks\":[\"a:what=1\"]",
		"\"networks\":[\"a:ifname=averyveryverylongname\"]",
		"\"networks\":[\"a:alias=a b\"]",
		"\"networks\":[\"a:ifname=eth1\",\"b\"]",
		"\"ip\":\"10.0.0.1\"",
		"\"dns\":[\"example.com\"]",
		"\"dnsSearch\":[\"a b\"]",
		"\"dnsOptions\":[\"a\\nnameserver 1.1.1.1\"]",
		"\"hosts\":[\"name\"]",
		"\"hosts\":[\"na me:1.2.3.4\"]",
		"\"hosts\":[\"name:1.2.3\"]",
		"\"hosts\":[\"name:1.2.3.4\\n5.6.7.8 x\"]",
		"\"ports\":[\"80\"]",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEANUP(arena_release) struct arena arena;
		struct err err = { 0 };
		struct request r;

		arena_init(&arena, ARENA_MAX);
		CHECK_INT(
			parse(arena_printf(&arena, "{\"id\":\"c\",%s}", bad[i]), &arena, &r, &err),
			-1);
		CHECK(err.msg[0] != '\0');
	}
}

static const char *ports_of(const char *word, struct buf *out)
{
	struct json_out o;
	size_t n = 0;

	buf_clear(out);
	json_out_init(&o, out, 0);
	json_begin_array(&o);
	if (request_parse_port(word, &o, &n, NULL) < 0)
		return NULL;
	json_end_array(&o);
	return out->s;
}

TEST(a_published_port_in_all_its_forms)
{
	static const char *const cases[][2] = {
		{ "80:8080", "[{\"hostPort\":80,\"containerPort\":8080,\"protocol\":\"tcp\"}]" },
		{ "53:53/udp", "[{\"hostPort\":53,\"containerPort\":53,\"protocol\":\"udp\"}]" },
		{ "127.0.0.1:1:2",
		  "[{\"hostPort\":1,\"containerPort\":2,\"protocol\":\"tcp\",\"hostIP\":\"127.0.0.1\"}]" },
		{ "[::1]:1:2",
		  "[{\"hostPort\":1,\"containerPort\":2,\"protocol\":\"tcp\",\"hostIP\":\"::1\"}]" },
		{ "1-2:11-12/sctp",
		  "[{\"hostPort\":1,\"containerPort\":11,\"protocol\":\"sctp\"},"
		  "{\"hostPort\":2,\"containerPort\":12,\"protocol\":\"sctp\"}]" },
	};
	static const char *const bad[] = { "",		 "80",	  ":80",     "0:80",
					   "80:0",	 "1-2:3", "2-1:3-4", "65536:1",
					   "1:65536",	 "a:b",	  "80:80/x", "x:80:80",
					   "80:80/tcp/", "1 :2",  "::1:1:2", "1:2:3:4",
					   "[::1:1:2",	 "80:",	  "-:-" };
	AUTO_BUF out;

	buf_init(&out);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *got = ports_of(cases[i][0], &out);

		CHECK(got != NULL);
		CHECK_STR(got ? got : "", cases[i][1]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(ports_of(bad[i], &out) == NULL);
}

TEST(a_range_of_all_ports_is_too_many)
{
	struct json_out o;
	struct err err = { 0 };
	size_t n = 0;
	AUTO_BUF out;

	buf_init(&out);
	json_out_init(&o, &out, 0);
	json_begin_array(&o);
	CHECK_INT(request_parse_port("1-65535:1-65535", &o, &n, &err), -1);
	CHECK(strstr(err.msg, "more than") != NULL);
}

TEST(what_no_plugin_declares_goes_as_an_argument)
{
	static const char with[] = "{\"name\":\"a\",\"plugins\":[{\"type\":\"x\",\"capabilities\":"
				   "{\"ips\":true,\"portMappings\":true}}]}";
	static const char without[] = "{\"name\":\"a\",\"plugins\":[{\"type\":\"x\"}]}";
	CLEANUP(arena_release) struct arena arena;
	struct pairs capabilities, args;
	struct conflist list;
	struct err err = { 0 };
	struct request r;

	arena_init(&arena, ARENA_MAX);
	REQUIRE(parse("{\"id\":\"c\",\"networks\":[\"a:ip=10.0.0.5\"],\"ports\":[\"1:2\"]}", &arena,
		      &r, NULL) == 0);
	REQUIRE(conflist_parse("t", with, sizeof(with) - 1, false, &arena, &list, NULL) == 0);
	REQUIRE(request_supply(&r, 0, &list, &arena, &capabilities, &args, NULL) == 0);
	CHECK_INT(capabilities.n, 2);
	CHECK_STR(capabilities.v[0].value, "[\"10.0.0.5\"]");
	CHECK_INT(args.n, 1);
	REQUIRE(conflist_parse("t", without, sizeof(without) - 1, false, &arena, &list, NULL) == 0);
	/* ports can't go any other way */
	CHECK_INT(request_supply(&r, 0, &list, &arena, &capabilities, &args, &err), -1);
	r.ports = NULL;
	REQUIRE(request_supply(&r, 0, &list, &arena, &capabilities, &args, NULL) == 0);
	CHECK_INT(capabilities.n, 0);
	REQUIRE(args.n == 2);
	CHECK_STR(args.v[1].key, "IP");
	CHECK_STR(args.v[1].value, "10.0.0.5");
}
