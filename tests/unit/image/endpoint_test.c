/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint_test.c - mirrors and short names of registries.conf, TOML, times */
#include "image/endpoint.h"

#include <fcntl.h>

#include "base/file.h"
#include "image/timestamp.h"
#include "image/toml.h"
#include "tests/unit/test.h"

static char path[] = "/tmp/skerry-endpoint-test.XXXXXX";

static const char *conf(const char *text)
{
	static bool made;
	if (!made) {
		int fd = mkstemp(path);
		made = fd >= 0;
		close(fd);
	}
	return file_replace(AT_FDCWD, path, text, strlen(text), 0600) == 0 ? path : NULL;
}

static int find(const char *text, const char *name, struct endpoints *ret, struct arena *arena)
{
	struct reference ref;
	struct err err = { 0 };
	const struct endpoint_options o = { .registries_conf = conf(text), .tls_verify = -1 };
	if (reference_parse(name, &ref, NULL) < 0)
		return -2;
	int rc = endpoints_find(&ref, &o, ret, arena, &err);
	unlink(path);
	if (rc < 0)
		printf("# %s\n", err.msg);
	return rc;
}

TEST(mirrors_come_before_the_registry_itself)
{
	struct endpoints e;
	struct arena a;
	arena_init(&a, ARENA_MAX_DEFAULT);
	CHECK_INT(
		find("[[registry]]\nprefix = \"docker.io\"\n[[registry.mirror]]\nlocation='m.test/hub'\n"
		     "insecure = true\npull-from-mirror = \"digest-only\"\n",
		     "busybox", &e, &a),
		0);
	REQUIRE(e.n == 2);
	CHECK_STR(e.v[0].host, "m.test");
	CHECK_STR(e.v[0].repository, "hub/library/busybox");
	CHECK(e.v[0].insecure && e.v[0].mirror && !e.v[0].by_tag && e.v[0].by_digest);
	CHECK_STR(e.v[1].host, "registry-1.docker.io");
	CHECK(!e.v[1].insecure && !e.v[1].mirror);
	arena_release(&a);
}

TEST(the_longest_prefix_counts)
{
	struct endpoints e;
	struct arena a;
	static const char text[] = "[[registry]]\nlocation=\"a.test\"\nblocked=true\n"
				   "[[registry]]\nprefix=\"a.test/x\"\nlocation=\"b.test/y\"\n"
				   "[[registry]]\nprefix=\"*.wild.test\"\nlocation=\"c.test\"\n";
	arena_init(&a, ARENA_MAX_DEFAULT);
	CHECK_INT(find(text, "a.test/z", &e, &a), -1);
	CHECK_INT(find(text, "a.test/x/z", &e, &a), 0);
	CHECK_STR(e.v[0].host, "b.test");
	CHECK_STR(e.v[0].repository, "y/z");
	CHECK_INT(find(text, "a.test/xy", &e, &a), -1);
	CHECK_INT(find(text, "h.wild.test/z", &e, &a), 0);
	CHECK_STR(e.v[0].host, "c.test");
	CHECK_INT(find(text, "127.0.0.1:5000/z", &e, &a), 0);
	CHECK(e.v[0].insecure);
	arena_release(&a);
}

TEST(short_names_go_to_aliases_then_to_the_search_registries)
{
	struct references r;
	struct reference ref;
	struct arena a;
	static const char text[] =
		"unqualified-search-registries = [\"a.test\",\n \"b.test\", # both\n]\n"
		"[aliases]\n\"known\" = \"c.test/known\"\n";
	arena_init(&a, ARENA_MAX_DEFAULT);
	REQUIRE(reference_parse("x:1", &ref, NULL) == 0);
	CHECK_INT(endpoints_short_name(&ref, conf(text), &r, &a, NULL), 0);
	CHECK_INT((int)r.n, 2);
	CHECK_STR(r.v[1].domain, "b.test");
	CHECK_STR(r.v[1].tag, "1");
	REQUIRE(reference_parse("known:2", &ref, NULL) == 0);
	CHECK_INT(endpoints_short_name(&ref, conf(text), &r, &a, NULL), 0);
	CHECK_INT((int)r.n, 1);
	CHECK_STR(r.v[0].domain, "c.test");
	CHECK_INT(endpoints_short_name(&ref, conf(""), &r, &a, NULL), 0);
	CHECK_STR(r.v[0].domain, "docker.io");
	unlink(path);
	arena_release(&a);
}

static int count(void *arg, const struct toml_item *item, struct err *err)
{
	(void)item;
	(void)err;
	(*(int *)arg)++;
	return 0;
}

TEST(what_is_no_toml_is_refused)
{
	static const char *const bad[] = { "a",	   "a=",    "a=\"x",	 "[a", "[[a]",
					   "a={}", "a=[1]", "a=\"x\" y", "=1", "a=[\"x\" \"y\"]",
					   "a.=1" };
	int n = 0;
	struct arena a;
	arena_init(&a, ARENA_MAX_DEFAULT);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_INT(toml_parse("t", bad[i], count, &n, &a, NULL), -1);
	CHECK_INT(
		toml_parse("t", "# c\n\n[a.\"b c\"]\nd = 'e' # f\ng.h=true\n", count, &n, &a, NULL),
		0);
	CHECK_INT(n, 3);
	arena_release(&a);
}

TEST(times_are_read_with_their_zone)
{
	char age[32];
	CHECK_INT((int)timestamp_parse("1970-01-01T00:00:10Z"), 10);
	CHECK_INT((int)timestamp_parse("1970-01-01T02:00:10.5+02:00"), 10);
	CHECK_INT((int)timestamp_parse("nonsense"), 0);
	CHECK_INT((int)timestamp_parse(NULL), 0);
	timestamp_age(1000, 1000 + 7200, age, sizeof(age));
	CHECK_STR(age, "2 hours ago");
	timestamp_age(1000, 1000 + 86400, age, sizeof(age));
	CHECK_STR(age, "1 day ago");
}
