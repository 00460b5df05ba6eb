/* SPDX-License-Identifier: Apache-2.0 */
/* sysctl_test.c - names and the allow list of plugin tuning */
#include "cni/plugins/tuning/sysctl.h"

#include "base/compiler.h"
#include "cni/netconf.h"
#include "tests/unit/test.h"

#define PATH 64

static struct err err;

TEST(dots_are_slashes_unless_there_are_slashes)
{
	char path[PATH];

	REQUIRE(sysctl_path("net.ipv4.conf.IFNAME.arp_filter", "eth0.5", path, PATH, &err) == 0);
	CHECK_STR(path, "ipv4/conf/eth0.5/arp_filter");
	REQUIRE(sysctl_path("net/ipv4/conf/eth0.5/arp_filter", "x", path, PATH, &err) == 0);
	CHECK_STR(path, "ipv4/conf/eth0.5/arp_filter");
}

TEST(nothing_outside_net_is_named)
{
	static const char *const bad[] = {
		"kernel.hostname",
		"net",
		"net.",
		"net/../kernel/x",
		"net/./core/x",
		"net//core/x",
		"net/core/x/",
		"/net/core/x",
		"netfilter.x",
		"net..core.x",
		"",
	};
	char path[PATH];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		err_clear(&err);
		CHECK_INT(sysctl_path(bad[i], "eth0", path, PATH, &err), -1);
		CHECK_INT(err.exit_code, CNI_ERR_CONFIG);
	}
}

TEST(a_list_allows_what_one_of_its_lines_matches)
{
	struct pair pair[] = { { (char *)(uintptr_t) "net.core.somaxconn", NULL } };
	const struct pairs one = { pair, 1 };

	CHECK_INT(sysctl_allowed(&one, NULL, &err), 0);
	CHECK_INT(sysctl_allowed(&one, "^net\\.ipv4\\.\n\n^net\\.core\\.som[a-z]+$\n", &err), 0);
	CHECK_INT(sysctl_allowed(&one, "^net\\.ipv4\\.\n\n", &err), -1);
	CHECK_INT(sysctl_allowed(&one, "(", &err), -1);
	CHECK_INT(sysctl_allowed(&one, "", &err), -1);
}

TEST(a_name_that_is_there_twice_is_an_error)
{
	struct pair pair[] = { { (char *)(uintptr_t) "net.a", NULL },
			       { (char *)(uintptr_t) "net.a", NULL } };
	const struct pairs two = { pair, 2 };

	CHECK_INT(sysctl_allowed(&two, NULL, &err), -1);
}
