/* SPDX-License-Identifier: Apache-2.0 */
/* conflist_test.c - network configurations as they are written and as plugins get them */
#include "cni/conflist.h"

#include "cni/netconf.h"
#include "tests/unit/test.h"

#define ARENA_MAX ((size_t)1 << 20)

static int parse(const char *text, struct arena *arena, struct conflist *ret, struct err *err)
{
	return conflist_parse("test", text, strlen(text), false, arena, ret, err);
}

TEST(a_list_keeps_its_plugins_in_order)
{
	CLEANUP(arena_release) struct arena arena;
	struct conflist list;

	arena_init(&arena, ARENA_MAX);
	REQUIRE(parse("{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"disableGC\":\"TRUE\",\"plugins\":["
		      "{\"type\":\"a\",\"capabilities\":{\"x\":true,\"y\":false}},{\"type\":\"b\"}]}",
		      &arena, &list, NULL) == 0);
	CHECK_STR(list.name, "n");
	CHECK_STR(list.version, "1.0.0");
	CHECK_INT(list.n, 2);
	CHECK_STR(list.v[0].type, "a");
	CHECK_STR(list.v[1].type, "b");
	CHECK(list.disable_gc && !list.disable_check);
	CHECK(conflist_has_capability(&list, "x"));
	CHECK(!conflist_has_capability(&list, "y"));
}

TEST(the_newest_version_that_both_know_is_taken)
{
	static const struct {
		const char *keys, *want; /* NULL: refused */
	} cases[] = {
		{ "\"cniVersion\":\"0.4.0\",", "0.4.0" },
		{ "", "0.1.0" },
		{ "\"cniVersion\":\"1.0.0\",\"cniVersions\":[\"0.4.0\",\"1.1.0\",\"9.9.9\"],",
		  "1.1.0" },
		{ "\"cniVersion\":\"7.0.0\",\"cniVersions\":[\"1.0.0\"],", "1.0.0" },
		{ "\"cniVersion\":\"7.0.0\",", NULL },
		{ "\"cniVersions\":[\"7.0.0\"],", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(arena_release) struct arena arena;
		struct conflist list = { 0 };
		struct err err = { 0 };
		const char *text;

		arena_init(&arena, ARENA_MAX);
		text = arena_printf(&arena, "{%s\"name\":\"n\",\"plugins\":[{\"type\":\"a\"}]}",
				    cases[i].keys);
		CHECK_INT(parse(text, &arena, &list, &err), cases[i].want ? 0 : -1);
		if (cases[i].want)
			CHECK_STR(list.version, cases[i].want);
		else
			CHECK_INT(err.exit_code, CNI_ERR_VERSION);
	}
}

TEST(what_can_not_be_a_network_is_refused_with_its_code)
{
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{ "", CNI_ERR_DECODE },
		{ "{", CNI_ERR_DECODE },
		{ "[]", CNI_ERR_DECODE },
		{ "{\"plugins\":[{\"type\":\"a\"}]}", CNI_ERR_CONFIG },
		{ "{\"name\":\"\",\"plugins\":[{\"type\":\"a\"}]}", CNI_ERR_CONFIG },
		{ "{\"name\":\"../x\",\"plugins\":[{\"type\":\"a\"}]}", CNI_ERR_CONFIG },
		{ "{\"name\":\"n\",\"plugins\":[]}", CNI_ERR_CONFIG },
		{ "{\"name\":\"n\",\"plugins\":{}}", CNI_ERR_CONFIG },
		{ "{\"name\":\"n\",\"plugins\":[{}]}", CNI_ERR_CONFIG },
		{ "{\"name\":\"n\",\"plugins\":[1]}", CNI_ERR_DECODE },
		{ "{\"name\":\"n\",\"plugins\":[{\"type\":\"../../x\"}]}", CNI_ERR_CONFIG },
		{ "{\"name\":\"n\",\"plugins\":[{\"type\":\"..\"}]}", CNI_ERR_CONFIG },
		{ "{\"name\":\"n\",\"plugins\":[{\"type\":\"a\",\"capabilities\":[]}]}",
		  CNI_ERR_CONFIG },
		{ "{\"name\":\"n\",\"disableCheck\":\"maybe\",\"plugins\":[{\"type\":\"a\"}]}",
		  CNI_ERR_CONFIG },
		{ "{\"name\":\"n\",\"loadOnlyInlinedPlugins\":true}", CNI_ERR_CONFIG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(arena_release) struct arena arena;
		struct conflist list;
		struct err err = { 0 };

		arena_init(&arena, ARENA_MAX);
		CHECK_INT(parse(cases[i].text, &arena, &list, &err), -1);
		CHECK_INT(err.exit_code, cases[i].code);
		CHECK(err.msg[0] != '\0');
	}
}

TEST(a_single_plugin_of_old_is_a_list_of_one)
{
	static const char text[] =
		"{\"cniVersion\":\"0.3.1\",\"name\":\"old\",\"type\":\"bridge\"}";
	CLEANUP(arena_release) struct arena arena;
	struct conflist list;

	arena_init(&arena, ARENA_MAX);
	REQUIRE(conflist_parse("t", text, sizeof(text) - 1, true, &arena, &list, NULL) == 0);
	CHECK_INT(list.n, 1);
	CHECK_STR(list.v[0].type, "bridge");
	CHECK_STR(list.version, "0.3.1");
}

TEST(a_plugin_gets_its_own_keys_and_the_callers)
{
	static char ports[] = "portMappings", ips[] = "ips", port_list[] = "[{\"hostPort\":1}]",
		    ip_list[] = "[\"10.0.0.1\"]";
	struct pair supplied[] = { { ports, port_list }, { ips, ip_list } };
	const struct pairs capabilities = { supplied, 2 };
	const struct conflist_request request = { .prev_result = "{\"ips\":[]}",
						  .capabilities = &capabilities };
	CLEANUP(arena_release) struct arena arena;
	struct conflist list;
	AUTO_BUF out;

	buf_init(&out);
	arena_init(&arena, ARENA_MAX);
	REQUIRE(parse("{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":["
		      "{\"type\":\"a\",\"name\":\"evil\",\"cniVersion\":\"0.1.0\",\"prevResult\":1,"
		      "\"runtimeConfig\":{},\"cni.dev/x\":1,\"k\\u0065y\":[ 1, {\"a\":\"}\"} ],"
		      "\"capabilities\":{\"portMappings\":true,\"mac\":true}}]}",
		      &arena, &list, NULL) == 0);
	conflist_write_request(&list, &list.v[0], &request, &out);
	CHECK_STR(out.s, "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"type\":\"a\","
			 "\"k\\u0065y\":[ 1, {\"a\":\"}\"} ],"
			 "\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":1}]},"
			 "\"prevResult\":{\"ips\":[]}}");
}

TEST(nothing_asked_for_leaves_runtimeconfig_out)
{
	CLEANUP(arena_release) struct arena arena;
	struct conflist list;
	AUTO_BUF out;

	buf_init(&out);
	arena_init(&arena, ARENA_MAX);
	REQUIRE(parse("{\"name\":\"n\",\"plugins\":[{\"type\":\"a\"}]}", &arena, &list, NULL) == 0);
	conflist_write_request(&list, &list.v[0], &(struct conflist_request){ .attachments = "[]" },
			       &out);
	CHECK_STR(out.s, "{\"cniVersion\":\"0.1.0\",\"name\":\"n\",\"type\":\"a\","
			 "\"cni.dev/valid-attachments\":[],\"cni.dev/attachments\":[]}");
}
