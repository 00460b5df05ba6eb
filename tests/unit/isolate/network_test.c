/* SPDX-License-Identifier: Apache-2.0 */
/* network_test.c - the loopback device, and names of moved devices */
#include "runtime/isolate/network.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "tests/unit/test.h"

struct case_ {
	const char *host, *inside;
	int result;
};

static int make(const struct case_ *cases, size_t n, bool own, struct netdevs *ret,
		struct arena *arena)
{
	struct spec_net_device v[4];
	struct spec_linux linux_ = { .netDevices = { v, n } };
	struct spec spec = { .linux_ = &linux_ };

	arena_init(arena, ARENA_MAX_DEFAULT);
	for (size_t i = 0; i < n; i++) {
		v[i].key = arena_strdup(arena, cases[i].host);
		v[i].name = cases[i].inside != NULL ? arena_strdup(arena, cases[i].inside) : NULL;
	}
	return netdevs_make(&spec, own, arena, ret, NULL);
}

TEST(names_are_checked_as_the_kernel_does)
{
	static const struct case_ cases[] = {
		{ "eth0", NULL, 0 },
		{ "eth0", "lan0", 0 },
		{ "eth0", "eth%d", 0 },
		{ "eth0", "e%d%d", -1 },
		{ "eth0", "e%s", -1 },
		{ "eth%d", NULL, -1 },
		{ "eth0", "a/b", -1 },
		{ "..", NULL, -1 },
		{ "eth0", "a b", -1 },
		{ "", NULL, -1 },
		{ "eth0", "a:b", -1 },
		{ "0123456789abcde", NULL, 0 },
		{ "0123456789abcdef", NULL, -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct netdevs d;
		struct arena arena;

		CHECK_INT(make(&cases[i], 1, true, &d, &arena), cases[i].result);
		if (cases[i].result == 0)
			CHECK_STR(d.v[0].container,
				  cases[i].inside != NULL ? cases[i].inside : cases[i].host);
		arena_release(&arena);
	}
}

TEST(one_name_is_not_given_twice)
{
	static const struct case_ same[] = { { "a", "x", 0 }, { "b", "x", 0 } };
	static const struct case_ numbered[] = { { "a", "x%d", 0 }, { "b", "x%d", 0 } };
	struct netdevs d;
	struct arena arena;

	CHECK_INT(make(same, 2, true, &d, &arena), -1);
	arena_release(&arena);
	CHECK_INT(make(numbered, 2, true, &d, &arena), 0);
	arena_release(&arena);
}

TEST(the_hosts_network_takes_no_devices)
{
	static const struct case_ one[] = { { "a", NULL, 0 } };
	struct netdevs d;
	struct arena arena;

	CHECK_INT(make(one, 1, false, &d, &arena), -1);
	arena_release(&arena);
	CHECK_INT(make(one, 0, false, &d, &arena), 0);
	CHECK_INT(netdevs_move(&d, -1, NULL), 0);
	arena_release(&arena);
}

TEST(loopback_comes_up)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		SKIP("no user namespaces for this user");
	CHECK_INT(network_loopback_up(NULL), 0);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	REQUIRE(fd >= 0);
	CHECK_INT(ioctl(fd, SIOCGIFFLAGS, &request), 0);
	CHECK(request.ifr_flags & IFF_UP);
	CHECK_INT(close(fd), 0);
}

TEST(a_device_that_is_not_there_is_named)
{
	static const struct case_ one[] = { { "nosuchdev0", NULL, 0 } };
	struct netdevs d;
	struct arena arena;
	struct err err = { 0 };

	CHECK_INT(make(one, 1, true, &d, &arena), 0);
	CHECK_INT(netdevs_move(&d, -1, &err), -1);
	CHECK(err.msg[0] != '\0');
	arena_release(&arena);
}
