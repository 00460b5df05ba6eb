/* SPDX-License-Identifier: Apache-2.0 */
/* etc_test.c - /etc/hosts and /etc/resolv.conf of a container */
#include "cni/net/etc.h"

#include "tests/unit/test.h"

#define ARENA_MAX ((size_t)1 << 20)

static const char result_text[] = "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.1.0.5/16\","
				  "\"gateway\":\"10.1.0.1\"}]}";

struct fixture {
	struct arena arena;
	struct request request;
	struct result result;
	struct etc etc;
	struct buf out;
};

static void begin(struct fixture *f, const char *request)
{
	*f = (struct fixture){ 0 };
	buf_init(&f->out);
	arena_init(&f->arena, ARENA_MAX);
	REQUIRE(request_parse("t", request, strlen(request), &f->arena, &f->request, NULL) == 0);
	REQUIRE(result_parse("t", result_text, strlen(result_text), "1.0.0", &f->arena, &f->result,
			     NULL) == 0);
	f->etc = (struct etc){ .request = &f->request, .results = &f->result, .n = f->request.n };
}

static void end(struct fixture *f)
{
	buf_release(&f->out);
	arena_release(&f->arena);
}

TEST(hosts_names_the_container_and_what_was_added)
{
	struct fixture f;

	begin(&f, "{\"id\":\"c1\",\"hostname\":\"web\",\"networks\":[\"n:alias=www\"],"
		  "\"hosts\":[\"db:10.9.9.9\",\"host:host-gateway\"]}");
	etc_hosts(&f.etc, &f.out);
	CHECK(strstr(f.out.s, "127.0.0.1\tlocalhost\n") == f.out.s);
	CHECK(strstr(f.out.s, "\n10.9.9.9\tdb\n") != NULL);
	CHECK(strstr(f.out.s, "\n10.1.0.1\thost\n") != NULL);
	CHECK(strstr(f.out.s, "\n10.1.0.5\tweb c1 www\n") != NULL);
	end(&f);
}

TEST(without_a_network_the_name_is_that_of_the_loopback)
{
	struct fixture f;

	begin(&f, "{\"id\":\"c1\",\"hostname\":\"web\"}");
	etc_hosts(&f.etc, &f.out);
	CHECK(strstr(f.out.s, "\n127.0.0.1\tweb c1\n") != NULL);
	end(&f);
}

TEST(servers_of_the_host_unless_they_are_its_loopback)
{
	static const char host[] = "# comment\nsearch example.org\nnameserver 127.0.0.53\n"
				   "nameserver\t 9.9.9.9 \noptions edns0\n";
	struct fixture f;

	begin(&f, "{\"id\":\"c1\",\"networks\":[\"n\"]}");
	etc_resolv(&f.etc, host, &f.out);
	CHECK_STR(f.out.s, "search example.org\nnameserver 9.9.9.9\noptions edns0\n");
	buf_clear(&f.out);
	f.etc.of_host = true;
	etc_resolv(&f.etc, host, &f.out);
	CHECK_STR(f.out.s, "search example.org\nnameserver 127.0.0.53\nnameserver 9.9.9.9\n"
			   "options edns0\n");
	end(&f);
}

TEST(what_was_asked_for_stands_for_the_hosts)
{
	static const char host[] = "search example.org\nnameserver 9.9.9.9\noptions edns0\n";
	struct fixture f;

	begin(&f, "{\"id\":\"c1\",\"networks\":[\"n\"],\"dns\":[\"1.1.1.1\"],"
		  "\"dnsSearch\":[\"a.b\"],\"dnsOptions\":[\"ndots:3\"]}");
	f.etc.resolver = "10.1.0.1";
	etc_resolv(&f.etc, host, &f.out);
	CHECK_STR(f.out.s, "search a.b\nnameserver 1.1.1.1\noptions ndots:3\n");
	end(&f);
}

TEST(the_resolver_of_the_network_is_the_only_server)
{
	static const char host[] = "nameserver 9.9.9.9\n";
	struct fixture f;

	begin(&f, "{\"id\":\"c1\",\"networks\":[\"n\"]}");
	f.etc.resolver = "10.1.0.1";
	etc_resolv(&f.etc, host, &f.out);
	CHECK_STR(f.out.s, "nameserver 10.1.0.1\n");
	end(&f);
}
