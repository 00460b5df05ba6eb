/* SPDX-License-Identifier: Apache-2.0 */
/* cache_test.c - the result cache: libcni's format, damage, names with dashes */
#include "cni/cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cni/netconf.h"
#include "tests/unit/test.h"

#define ARENA_MAX ((size_t)1 << 20)

static char dir[64];

static void begin(struct arena *arena)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/cache-test.XXXXXX");
	REQUIRE(mkdtemp(dir) != NULL);
	arena_init(arena, ARENA_MAX);
}

static void end(struct arena *arena)
{
	CHECK_INT(file_remove_tree(AT_FDCWD, dir), 0);
	arena_release(arena);
}

static struct cache_entry entry(const char *network, const char *container, const char *ifname)
{
	return (struct cache_entry){ .network = network,
				     .container = container,
				     .ifname = ifname,
				     .netns = "/run/netns/x",
				     .config = "{\"name\":\"n\"}",
				     .config_len = 12,
				     .result = "{\"cniVersion\":\"1.0.0\",\"ips\":[]}" };
}

TEST(what_is_saved_is_loaded_and_can_be_removed_twice)
{
	static char k[] = "K", v[] = "a b", mac[] = "mac", json[] = "\"02:00:00:00:00:01\"";
	struct pair args[] = { { k, v } }, capabilities[] = { { mac, json } };
	struct cache_entry e = entry("net", "c1", "eth0"), got;
	struct arena arena;

	begin(&arena);
	e.args = (struct pairs){ args, 1 };
	e.capabilities = (struct pairs){ capabilities, 1 };
	CHECK_INT(cache_load(dir, &e, &arena, &got, NULL), 0);
	REQUIRE(cache_save(dir, &e, NULL) == 0);
	REQUIRE(cache_load(dir, &e, &arena, &got, NULL) == 1);
	CHECK_STR(got.network, "net");
	CHECK_STR(got.container, "c1");
	CHECK_STR(got.ifname, "eth0");
	CHECK_STR(got.netns, "/run/netns/x");
	CHECK_STR(got.config, "{\"name\":\"n\"}");
	CHECK_STR(got.result, e.result);
	REQUIRE(got.args.n == 1 && got.capabilities.n == 1);
	CHECK_STR(got.args.v[0].key, "K");
	CHECK_STR(got.args.v[0].value, "a b");
	CHECK_STR(got.capabilities.v[0].value, json);
	CHECK_INT(cache_remove(dir, &e, NULL), 0);
	CHECK_INT(cache_remove(dir, &e, NULL), 0);
	CHECK_INT(cache_load(dir, &e, &arena, &got, NULL), 0);
	end(&arena);
}

/* A file that libcni 1.1.2 wrote (the conflist shortened). */
TEST(a_file_of_libcni_is_read)
{
	static const char text[] =
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"abc\",\"config\":\"e30=\","
		"\"ifName\":\"eth0\",\"networkName\":\"cbr0\",\"cniArgs\":[[\"IgnoreUnknown\",\"1\"],"
		"[\"K8S_POD_NAMESPACE\",\"default\"]],\"capabilityArgs\":{\"portMappings\":["
		"{\"HostPort\":8080,\"ContainerPort\":80,\"Protocol\":\"tcp\",\"HostIP\":\"\"}]},"
		"\"result\":{\"cniVersion\":\"0.3.1\",\"dns\":{}}}";
	CLEANUP(arena_release) struct arena arena;
	struct cache_entry e;

	arena_init(&arena, ARENA_MAX);
	REQUIRE(cache_parse("t", text, sizeof(text) - 1, NULL, &arena, &e, NULL) == 0);
	CHECK_STR(e.container, "abc");
	CHECK_STR(e.netns, "");
	CHECK_STR(e.config, "{}");
	CHECK_INT(e.args.n, 2);
	CHECK_STR(e.args.v[1].value, "default");
	CHECK_STR(e.capabilities.v[0].key, "portMappings");
	CHECK_STR(e.result, "{\"cniVersion\":\"0.3.1\",\"dns\":{}}");
}

TEST(where_it_is_can_be_told_by_the_result_alone)
{
	static const char text[] =
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"abc\",\"ifName\":\"eth0\","
		"\"networkName\":\"n\",\"result\":{\"cniVersion\":\"0.4.0\",\"interfaces\":["
		"{\"name\":\"br0\"},{\"name\":\"eth1\",\"sandbox\":\"/run/netns/wrong\"},"
		"{\"name\":\"eth0\",\"sandbox\":\"/run/netns/right\"}]}}";
	CLEANUP(arena_release) struct arena arena;
	struct cache_entry e;

	arena_init(&arena, ARENA_MAX);
	REQUIRE(cache_parse("t", text, sizeof(text) - 1, NULL, &arena, &e, NULL) == 0);
	CHECK_STR(e.netns, "/run/netns/right");
}

TEST(names_with_dashes_are_told_apart_by_the_fields)
{
	/* all three are in files that begin with "a-b-" */
	const struct cache_entry e1 = entry("a", "b-c", "eth0"), e2 = entry("a-b", "c", "eth0"),
				 e3 = entry("a", "b", "c-eth0");
	struct cache_entries all;
	struct arena arena;

	begin(&arena);
	REQUIRE(cache_save(dir, &e1, NULL) == 0);
	REQUIRE(cache_list(dir, "a-b", NULL, &arena, &all, NULL) == 0);
	CHECK_INT(all.n, 0);
	REQUIRE(cache_remove(dir, &e1, NULL) == 0 && cache_save(dir, &e2, NULL) == 0);
	REQUIRE(cache_list(dir, "a", NULL, &arena, &all, NULL) == 0);
	CHECK_INT(all.n, 0);
	REQUIRE(cache_list(dir, NULL, "c", &arena, &all, NULL) == 0);
	CHECK_INT(all.n, 1);
	REQUIRE(cache_remove(dir, &e2, NULL) == 0 && cache_save(dir, &e3, NULL) == 0);
	REQUIRE(cache_list(dir, "a", "b", &arena, &all, NULL) == 0);
	REQUIRE(all.n == 1);
	CHECK_STR(all.v[0].ifname, "c-eth0");
	end(&arena);
}

TEST(an_empty_or_damaged_file_is_no_attachment_and_goes)
{
	static const char *const bad[] = { "", "{", "{\"kind\":\"cniCacheV1\"}", "garbage" };
	const struct cache_entry e = entry("net", "c1", "eth0");
	struct arena arena;

	begin(&arena);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct cache_entry got;
		struct cache_entries all;
		char path[128];

		REQUIRE(cache_save(dir, &e, NULL) == 0);
		(void)snprintf(path, sizeof(path), "%s/results/net-c1-eth0", dir);
		REQUIRE(truncate(path, 0) == 0);
		REQUIRE(bad[i][0] == '\0' || file_write_text(AT_FDCWD, path, bad[i]) == 0);
		CHECK_INT(cache_list(dir, NULL, NULL, &arena, &all, NULL), 0);
		CHECK_INT(all.n, 0);
		CHECK_INT(cache_load(dir, &e, &arena, &got, NULL), 0);
		CHECK_INT(access(path, F_OK), -1);
	}
	end(&arena);
}

TEST(names_that_make_no_file_name_are_refused_before)
{
	static char container[300];
	struct cache_entry e = entry("net", container, "eth0");
	struct err err = { 0 };

	memset(container, 'x', sizeof(container) - 1);
	CHECK_INT(cache_check(&e, &err), -1);
	CHECK_INT(err.exit_code, CNI_ERR_CONFIG);
	container[200] = '\0';
	CHECK_INT(cache_check(&e, NULL), 0);
}

TEST(a_missing_folder_is_an_empty_cache)
{
	struct cache_entry e = entry("net", "c1", "eth0"), got;
	CLEANUP(arena_release) struct arena arena;
	struct cache_entries all;

	arena_init(&arena, ARENA_MAX);
	CHECK_INT(cache_list("/nonexistent/x", NULL, NULL, &arena, &all, NULL), 0);
	CHECK_INT(all.n, 0);
	CHECK_INT(cache_load("/nonexistent/x", &e, &arena, &got, NULL), 0);
	CHECK_INT(cache_remove("/nonexistent/x", &e, NULL), 0);
}
