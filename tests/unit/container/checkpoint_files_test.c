/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint_files_test.c - our files beside criu's images */
#include <errno.h>

#include "runtime/container/checkpoint.h"
#include "tests/unit/test.h"

TEST(descriptors_are_a_list_of_names)
{
	static const char text[] = "[\"/dev/null\",\"pipe:[12]\",\"file[1a:2]\"]\n";
	CLEANUP(arena_release) struct arena a;
	struct strings v;

	arena_init(&a, 1 << 20);
	REQUIRE(checkpoint_descriptors_parse(text, strlen(text), &a, &v, NULL) == 0);
	REQUIRE(v.n == 3);
	CHECK_STR(v.v[1], "pipe:[12]");
	CHECK_INT(checkpoint_descriptors_parse("[1]", 3, &a, &v, NULL), -1);
	CHECK_INT(checkpoint_descriptors_parse("", 0, &a, &v, NULL), -1);
}

static const char request[] =
	"{\"id\":\"a\",\"ip\":\"10.0.0.9\",\"networks\":[\"web:ip=10.0.0.9,alias=x\"],"
	"\"ports\":[\"80:80\"],\"dns\":[\"1.1.1.1\"]}";

TEST(networks_come_back_as_options)
{
	CLEANUP(arena_release) struct arena a;
	struct skerry_create_options o = { 0 };

	arena_init(&a, 1 << 20);
	REQUIRE(checkpoint_networks_parse(request, strlen(request), false, &a, &o, NULL) == 0);
	CHECK_STR(o.networks[0], "web:ip=10.0.0.9,alias=x");
	CHECK_STR(o.ports[0], "80:80");
	CHECK_STR(o.ip, "10.0.0.9");
	CHECK_STR(o.dns[0], "1.1.1.1");
}

TEST(a_twin_has_no_address_and_no_port_of_the_first)
{
	CLEANUP(arena_release) struct arena a;
	struct skerry_create_options o = { 0 };

	arena_init(&a, 1 << 20);
	REQUIRE(checkpoint_networks_parse(request, strlen(request), true, &a, &o, NULL) == 0);
	CHECK_STR(o.networks[0], "web");
	CHECK(!o.networks[1] && !o.ports && !o.ip && !o.mac);
}

TEST(no_networks_is_the_network_none)
{
	CLEANUP(arena_release) struct arena a;
	struct skerry_create_options o = { 0 };

	arena_init(&a, 1 << 20);
	REQUIRE(checkpoint_networks_parse("{}", 2, false, &a, &o, NULL) == 0);
	CHECK_STR(o.networks[0], "none");
}

TEST(the_group_of_a_twin_has_its_name)
{
	CLEANUP(arena_release) struct arena a;

	arena_init(&a, 1 << 20);
	CHECK_STR(clone_cgroups_path("/x/y/one", "two", &a), "/x/y/two");
	CHECK_STR(clone_cgroups_path("one", "two", &a), "two");
	CHECK_STR(clone_cgroups_path("a.slice:p:one", "two", &a), "a.slice:p:two");
}
