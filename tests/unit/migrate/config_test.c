/* SPDX-License-Identifier: Apache-2.0 */
/* config_test.c - what a move reads of config.json, and changes */
#include "runtime/migrate/config.h"

#include "tests/unit/test.h"

static const char text[] =
	"{\"root\":{\"path\":\"rootfs\",\"readonly\":true},\"mounts\":["
	"{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"/srv/data\"},"
	"{\"destination\":\"/d2\",\"source\":\"/srv/data\",\"options\":[\"rbind\"]},"
	"{\"destination\":\"/dev/x\",\"type\":\"bind\",\"source\":\"/dev/x\"},"
	"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"}],"
	"\"hooks\":{\"poststop\":[{\"path\":\"/bin/a\"},"
	"{\"path\":\"/x\",\"args\":[\"m\",\"--remove-bundle\",\"/old\"]}]},"
	"\"linux\":{\"cgroupsPath\":\"/c\",\"namespaces\":[{\"type\":\"pid\"},"
	"{\"type\":\"network\",\"path\":\"/run/netns/a\"}]},\"other\":{\"kept\":[1,2.5]}}";

TEST(volumes_are_binds_of_folders_of_the_host)
{
	struct arena arena;
	struct config c;
	struct err err = { 0 };

	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(config_parse(text, strlen(text), &arena, &c, &err) == 0);
	REQUIRE(c.volumes.n == 1);
	CHECK_STR(c.volumes.v[0], "/srv/data");
	CHECK(c.has_pidns && c.has_netns);
	CHECK_STR(c.netns, "/run/netns/a");
	arena_release(&arena);
}

TEST(the_target_has_another_root_and_hook)
{
	static const char *const unbundle[] = { "/lib/i", "unbundle", "c1", NULL };
	const struct config_change change = { .rootfs = "/t/rootfs",
					      .netns = "/run/netns/b",
					      .hook = "/lib/m",
					      .bundle = "/t",
					      .unbundle = unbundle };
	struct arena arena;
	struct config c;
	struct err err = { 0 };
	AUTO_BUF out;

	buf_init(&out);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(config_change(text, strlen(text), &change, &out, &err) == 0);
	REQUIRE(config_parse(out.s, out.len, &arena, &c, &err) == 0);
	CHECK_STR(c.rootfs, "/t/rootfs");
	CHECK_STR(c.netns, "/run/netns/b");
	CHECK(c.has_pidns);
	CHECK(strstr(out.s, "\"readonly\":true"));
	CHECK(strstr(out.s, "[1,2.5]"));
	CHECK(strstr(out.s, "/bin/a"));
	CHECK(!strstr(out.s, "/old"));
	CHECK(strstr(out.s, "--remove-bundle\",\"/t\""));
	CHECK(strstr(out.s, "\"path\":\"/lib/i\",\"args\":[\"/lib/i\",\"unbundle\",\"c1\"]"));
	arena_release(&arena);
}

TEST(a_namespace_that_is_not_there_can_not_be_changed)
{
	static const char bare[] = "{\"root\":{\"path\":\"r\"}}";
	const struct config_change change = { .rootfs = "/t", .netns = "/n" };
	struct err err = { 0 };
	AUTO_BUF out;

	buf_init(&out);
	CHECK_INT(config_change(bare, strlen(bare), &change, &out, &err), -1);
}

TEST(a_configuration_without_a_root_is_refused)
{
	struct arena arena;
	struct config c;
	struct err err = { 0 };

	arena_init(&arena, ARENA_MAX_DEFAULT);
	CHECK_INT(config_parse("{}", 2, &arena, &c, &err), -1);
	arena_release(&arena);
}

TEST(networks_are_names_without_their_options)
{
	static const char two[] = "{\"networks\":[\"front:ip=10.0.0.2\",\"back\"]}",
			  none[] = "{\"networks\":[\"none\"]}";
	struct arena arena;
	struct strings s;
	struct err err = { 0 };

	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(config_networks(two, strlen(two), &arena, &s, &err) == 0);
	REQUIRE(s.n == 2);
	CHECK_STR(s.v[0], "front");
	CHECK_STR(s.v[1], "back");
	REQUIRE(config_networks(none, strlen(none), &arena, &s, &err) == 0);
	CHECK_INT(s.n, 0);
	arena_release(&arena);
}

TEST(words_that_are_missing_are_named)
{
	AUTO_BUF out;

	buf_init(&out);
	CHECK_INT(config_missing_words("sse sse2 avx", "sse2 sse", &out), 0);
	CHECK_INT(config_missing_words("sse sse2", "sse4 sse avx", &out), 2);
	CHECK_STR(out.s, "sse4 avx");
}
