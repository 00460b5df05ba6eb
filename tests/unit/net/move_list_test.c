/* SPDX-License-Identifier: Apache-2.0 */
/* move_list_test.c - what the target's plugins are told of the attachment that comes */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "cni/net/move_record.h"

#include "tests/unit/test.h"

#define NETWORK(ipam)                                                                                        \
 "{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"bridge\",\"ipMasq\":true,\"ipam\":" ipam \
 "},{\"type\":\"portmap\",\"capabilities\":{\"portMappings\":true}}]}"

/* The changed list of a target's move of 10.1.0.5/24; NULL when nothing changes. */
static const char *changed(struct net *n, enum move_role role, enum move_kind kind,
			   const char *list_text)
{
	static char network[] = "n", container[] = "c", ifname[] = "eth0", one[] = "192.0.2.1",
		    two[] = "192.0.2.2", mac[] = "02:00:00:00:00:05", none[] = "",
		    address[] = "10.1.0.5/24", gateway[] = "10.1.0.1";
	struct move_address v = { address, gateway };
	const struct move m = { .role = role,
				.kind = kind,
				.network = network,
				.container = container,
				.ifname = ifname,
				.source = one,
				.target = two,
				.mac = mac,
				.port = none,
				.bridge = none,
				.id = 1,
				.addresses = { &v, 1 } };
	const struct net_attachment a = { .container = container, .ifname = ifname };
	struct conflist list, ret = { 0 };
	struct err err = { 0 };
	int rc;

	if (move_save(n, &m, &err) < 0 ||
	    conflist_parse("n", list_text, strlen(list_text), false, &n->arena, &list, &err) < 0)
		abort();
	rc = move_list(n, &list, &a, &ret, &err);
	if (rc < 0 || move_remove(n, &m, &err) < 0)
		abort();
	return rc ? ret.text : NULL;
}

static char folder[] = "/tmp/skerry-move-XXXXXX";

static void begin(struct net *n)
{
	(void)memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	if (!mkdtemp(folder))
		abort();
	*n = (struct net){ .run_dir = folder };
	arena_init(&n->arena, ARENA_MAX_DEFAULT);
}

static void end(struct net *n)
{
	arena_release(&n->arena);
	CHECK_INT(file_remove_tree(AT_FDCWD, folder), 0);
}

TEST(an_address_of_a_range_is_leased_on_the_target)
{
	struct net n;
	const char *text;

	begin(&n);
	text = changed(&n, MOVE_TARGET, MOVE_BRIDGED,
		       NETWORK("{\"type\":\"host-local\",\"subnet\":\"10.1.0.0/24\"}"));
	REQUIRE(text);
	CHECK(strstr(text, "\"ips\":[\"10.1.0.5/24\"]") && strstr(text, "\"skerry.hold\":true"));
	CHECK(strstr(text, "\"mac\":\"02:00:00:00:00:05\"") && strstr(text, "\"host-local\""));
	CHECK(strstr(text, "{\"type\":\"portmap\""));
	end(&n);
}

TEST(an_address_of_another_hosts_range_is_given)
{
	struct net n;
	const char *text;

	begin(&n);
	text = changed(&n, MOVE_TARGET, MOVE_BRIDGED,
		       NETWORK("{\"type\":\"host-local\",\"ranges\":[[{\"subnet\":\"10.1.0.0/24\","
			       "\"rangeStart\":\"10.1.0.100\"}]]}"));
	REQUIRE(text);
	CHECK(strstr(text, "\"type\":\"static\"") && strstr(text, "\"address\":\"10.1.0.5/24\""));
	CHECK(strstr(text, "\"type\":\"bridge\"") && !strstr(text, "\"ips\""));
	end(&n);
}

TEST(an_address_of_no_subnet_here_has_a_link_of_its_own)
{
	struct net n;
	const char *text;

	begin(&n);
	text = changed(&n, MOVE_TARGET, MOVE_ROUTED,
		       NETWORK("{\"type\":\"host-local\",\"subnet\":\"10.2.0.0/24\"}"));
	REQUIRE(text);
	CHECK(strstr(text, "\"type\":\"ptp\"") && strstr(text, "\"gw\":\"10.1.0.1\""));
	CHECK(strstr(text, "\"ipMasq\":true") && !strstr(text, "skerry.hold"));
	end(&n);
}

TEST(a_source_changes_nothing)
{
	struct net n;

	begin(&n);
	CHECK(!changed(&n, MOVE_SOURCE, MOVE_ROUTED,
		       NETWORK("{\"type\":\"host-local\",\"subnet\":\"10.2.0.0/24\"}")));
	end(&n);
}
