/* SPDX-License-Identifier: Apache-2.0 */
/* adapt_test.c - spec.dump of another host as config.json here */
#include <errno.h>

#include "runtime/archive/archive.h"
#include "tests/unit/test.h"

struct result {
	struct arena arena;
	struct buf out;
	struct adapted a;
	struct err err;
	int rc;
};

static void adapt(struct result *r, const char *spec)
{
	arena_init(&r->arena, 1 << 20);
	buf_init(&r->out);
	r->err = (struct err){ 0 };
	r->rc = adapt_spec(spec, strlen(spec), "/b", &r->out, &r->a, &r->arena, &r->err);
}

static void release(struct result *r)
{
	buf_release(&r->out);
	arena_release(&r->arena);
}

TEST(what_belongs_to_the_old_host_goes)
{
	struct result r;

	adapt(&r, "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"/old\",\"readonly\":true},"
		  "\"process\":{\"cwd\":\"/\"},\"hooks\":{\"prestart\":[{\"path\":\"/evil\"}]},"
		  "\"linux\":{\"cgroupsPath\":\"a:b:c\",\"seccomp\":{\"x\":1}}}");
	REQUIRE(r.rc == 0);
	CHECK(!strstr(r.out.s, "evil"));
	CHECK(!strstr(r.out.s, "a:b:c"));
	CHECK(!strstr(r.out.s, "/old"));
	CHECK(strstr(r.out.s, "\"path\": \"rootfs\""));
	CHECK(strstr(r.out.s, "\"readonly\": true"));
	CHECK(strstr(r.out.s, "\"seccomp\""));
	release(&r);
}

TEST(mounts_that_an_engine_made_are_replaced)
{
	struct result r;

	adapt(&r, "{\"process\":{},\"mounts\":["
		  "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
		  "{\"destination\":\"/etc/hosts\",\"type\":\"bind\",\"source\":\"/no/hosts\"},"
		  "{\"destination\":\"/dev/shm\",\"type\":\"bind\",\"source\":\"/no/shm\"}]}");
	REQUIRE(r.rc == 0);
	CHECK(r.a.shm);
	CHECK_INT(r.a.files.n, 1);
	CHECK_STR(r.a.files.v[0], "/b/files/hosts");
	CHECK(strstr(r.out.s, "/b/shm"));
	CHECK(strstr(r.out.s, "/proc"));
	release(&r);
}

TEST(a_volume_that_is_not_here_is_an_error)
{
	struct result r;

	adapt(&r, "{\"process\":{},\"mounts\":["
		  "{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"/no/such/volume\"}]}");
	CHECK_INT(r.rc, -1);
	CHECK(strstr(r.err.msg, "/no/such/volume"));
	CHECK(strstr(r.err.msg, "/data"));
	release(&r);
}

TEST(a_network_of_outside_is_remembered)
{
	struct result r;

	adapt(&r, "{\"process\":{},\"linux\":{\"namespaces\":[{\"type\":\"pid\"},"
		  "{\"type\":\"network\",\"path\":\"/no/such/netns\"}]}}");
	REQUIRE(r.rc == 0);
	CHECK(r.a.external_network);
	CHECK(!strstr(r.out.s, "/no/such/netns"));
	release(&r);
}

TEST(what_is_no_configuration_is_refused)
{
	struct result r;

	adapt(&r, "[]");
	CHECK_INT(r.rc, -1);
	release(&r);
	adapt(&r, "{}");
	CHECK_INT(r.rc, -1);
	release(&r);
}
