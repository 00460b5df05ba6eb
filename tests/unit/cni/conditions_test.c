/* SPDX-License-Identifier: Apache-2.0 */
/* conditions_test.c - conditionsV4 and conditionsV6 of plugin portmap */
#include "cni/plugins/portmap/conditions.h"

#include <sys/socket.h>

#include "base/compiler.h"
#include "cni/netconf.h"
#include "tests/unit/test.h"

#define WORDS_MAX 8

static struct err err;
static char text[CONDITIONS_MAX];

static int format(int af, const char *const *words, size_t n)
{
	char *v[WORDS_MAX + 1] = { 0 };
	const struct strings strings = { v, n };

	memcpy(v, words, n * sizeof(*v));
	err_clear(&err);
	return conditions_format(&strings, af, text, &err);
}
#define FORMAT(af, ...)                           \
 format(af, (const char *const[]){ __VA_ARGS__ }, \
	sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

TEST(words_of_iptables_become_matches)
{
	CHECK_INT(FORMAT(AF_INET, "!", "-d", "192.0.2.0/24"), 0);
	CHECK_STR(text, "ip daddr != 192.0.2.0/24");
	CHECK_INT(FORMAT(AF_INET, "-s", "10.0.0.0/8", "-i", "veth+"), 0);
	CHECK_STR(text, "ip saddr 10.0.0.0/8 iifname veth*");
	CHECK_INT(FORMAT(AF_INET6, "-d", "fd00::/8"), 0);
	CHECK_STR(text, "ip daddr fd00::/8");
	CHECK_INT(FORMAT(AF_INET, "-m", "comment", "--comment", "a b", "-p", "tcp"), 0);
	CHECK_STR(text, "meta l4proto tcp");
}

TEST(words_of_nft_stay_as_they_are)
{
	CHECK_INT(FORMAT(AF_INET, "ip", "saddr", "!=", "10.0.0.0/8"), 0);
	CHECK_STR(text, "ip saddr != 10.0.0.0/8");
	CHECK_INT(FORMAT(AF_INET6, "ip6 daddr fd00::1"), 0);
	CHECK_STR(text, "ip6 daddr fd00::1");
}

TEST(what_can_not_be_met_is_an_error_not_left_out)
{
	CHECK_INT(FORMAT(AF_INET, "-m", "time"), -1);
	CHECK_INT(err.exit_code, CNI_ERR_CONFIG);
	CHECK_INT(FORMAT(AF_INET, "-j", "ACCEPT"), -1);
	CHECK_INT(FORMAT(AF_INET, "!"), -1);
	CHECK_INT(FORMAT(AF_INET, "-d"), -1);
	CHECK_INT(FORMAT(AF_INET, "-d", "fd00::1"), -1);
	CHECK_INT(FORMAT(AF_INET, "-d", "10.0.0.1 accept"), -1);
	CHECK_INT(FORMAT(AF_INET, "accept"), -1);
	CHECK_INT(FORMAT(AF_INET, "ip", "daddr", "10.0.0.1", "drop"), -1);
	CHECK_INT(FORMAT(AF_INET, "masquerade"), -1);
}

TEST(no_words_are_no_condition)
{
	const struct strings none = { NULL, 0 };

	CHECK_INT(conditions_format(&none, AF_INET, text, &err), 0);
	CHECK_STR(text, "");
}
