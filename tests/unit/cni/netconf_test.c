/* SPDX-License-Identifier: Apache-2.0 */
/* netconf_test.c - the request object */
#include "cni/netconf.h"

#include "tests/unit/test.h"

static struct arena arena;
static struct err err;
static struct netconf conf;

static int parse(const char *text)
{
	static char json[8192];

	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	err_clear(&err);
	(void)snprintf(json, sizeof(json), "%s", text);
	for (char *s = json; *s; s++)
		if (*s == '\'')
			*s = '"';
	return netconf_parse(json, strlen(json), &arena, &conf, &err);
}

TEST(a_configuration_without_a_version_is_of_the_first_one)
{
	REQUIRE(parse("{'name':'n','type':'bridge','unknown':{'a':[1]}}") == 0);
	CHECK_STR(conf.cni_version, "0.1.0");
	CHECK_STR(conf.name, "n");
	CHECK_STR(conf.type, "bridge");
	CHECK(!conf.has_prev && !conf.ipam_type && !conf.ip_masq);
}

TEST(what_is_wrong_has_its_code)
{
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{ "", CNI_ERR_DECODE },
		{ "{", CNI_ERR_DECODE },
		{ "[]", CNI_ERR_DECODE },
		{ "{'name':7}", CNI_ERR_DECODE },
		{ "{}", CNI_ERR_CONFIG },
		{ "{'name':''}", CNI_ERR_CONFIG },
		{ "{'name':'a/b'}", CNI_ERR_CONFIG },
		{ "{'name':'.a'}", CNI_ERR_CONFIG },
		{ "{'name':'n','ipam':{'type':'../../bin/sh'}}", CNI_ERR_CONFIG },
		{ "{'name':'n','ipam':7}", CNI_ERR_DECODE },
		{ "{'name':'n','prevResult':{'ips':[{'address':'x'}]}}", CNI_ERR_DECODE },
		{ "{'name':'n','runtimeConfig':{'portMappings':[{'hostPort':65536}]}}",
		  CNI_ERR_DECODE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK_INT(parse(cases[i].text), -1);
		CHECK_INT(err.exit_code, cases[i].code);
	}
}

TEST(an_unknown_version_is_left_to_the_frame)
{
	CHECK_INT(parse("{'cniVersion':'9.9.9','name':'n','runtimeConfig':'?'}"), 0);
	CHECK_STR(conf.cni_version, "9.9.9");
}

TEST(containerd_writes_capital_letters)
{
	REQUIRE(parse("{'name':'n','runtimeConfig':{'portMappings':[{'HostPort':8080,"
		      "'ContainerPort':80,'Protocol':'tcp','HostIP':''}],'bandwidth':"
		      "{'IngressRate':1000,'EgressBurst':4294967295},'dns':{'Servers':['1.1.1.1'],"
		      "'Searches':['a'],'Options':['b']},'mac':'02:00:00:00:00:01'}}") == 0);
	REQUIRE(conf.runtime.port_mappings.n == 1);
	CHECK_INT(conf.runtime.port_mappings.v[0].host_port, 8080);
	CHECK_INT(conf.runtime.port_mappings.v[0].container_port, 80);
	CHECK_STR(conf.runtime.port_mappings.v[0].protocol, "tcp");
	REQUIRE(conf.runtime.bandwidth);
	CHECK_INT(conf.runtime.bandwidth->ingress_rate, 1000);
	CHECK_INT(conf.runtime.bandwidth->egress_burst, 4294967295);
	REQUIRE(conf.runtime.dns);
	CHECK_STR(conf.runtime.dns->nameservers.v[0], "1.1.1.1");
	CHECK_STR(conf.runtime.mac, "02:00:00:00:00:01");
}

TEST(ranges_come_as_lists_of_lists_and_flat)
{
	REQUIRE(parse("{'name':'n','runtimeConfig':{'ipRanges':[[{'subnet':'10.0.0.0/24'},"
		      "{'subnet':'10.0.1.0/24'}],[{'subnet':'fd00::/64','rangeStart':'fd00::9'}]]"
		      "}}") == 0);
	REQUIRE(conf.runtime.ip_ranges.n == 2);
	CHECK_INT(conf.runtime.ip_ranges.v[0].n, 2);
	CHECK_STR(conf.runtime.ip_ranges.v[1].v[0].range_start, "fd00::9");
	REQUIRE(parse("{'name':'n','runtimeConfig':{'ipRanges':[{'Subnet':'10.0.0.0/24'},"
		      "{'Subnet':'fd00::/64'}]}}") == 0);
	REQUIRE(conf.runtime.ip_ranges.n == 2);
	CHECK_INT(conf.runtime.ip_ranges.v[1].n, 1);
	CHECK_STR(conf.runtime.ip_ranges.v[1].v[0].subnet, "fd00::/64");
	CHECK_INT(parse("{'name':'n','runtimeConfig':{'ipRanges':[]}}"), 0);
	CHECK_INT(conf.runtime.ip_ranges.n, 0);
	CHECK_INT(parse("{'name':'n','runtimeConfig':{'ipRanges':[7]}}"), -1);
}

TEST(a_previous_result_without_a_version_is_of_the_configuration_s)
{
	REQUIRE(parse("{'cniVersion':'0.2.0','name':'n','prevResult':{'ip4':{'ip':"
		      "'10.0.0.2/24'}}}") == 0);
	CHECK(conf.has_prev);
	CHECK_INT(conf.prev.n_ips, 1);
}

TEST(valid_attachments_may_be_null)
{
	CHECK_INT(parse("{'cniVersion':'1.1.0','name':'n','cni.dev/valid-attachments':null,"
			"'cni.dev/attachments':null}"),
		  0);
	CHECK(!netconf_attached(&conf, "c1", "eth0"));
	REQUIRE(parse("{'cniVersion':'1.1.0','name':'n','cni.dev/valid-attachments':["
		      "{'containerID':'c1','ifname':'eth0'},{'containerID':'b','ifname':'eth1'}]}") ==
		0);
	CHECK(netconf_attached(&conf, "c1", "eth0"));
	CHECK(netconf_attached(&conf, "b", "eth1"));
	CHECK(!netconf_attached(&conf, "c1", "eth1"));
	CHECK(!netconf_attached(&conf, "c", "eth0"));
	REQUIRE(parse("{'name':'n','cni.dev/attachments':[{'containerID':'c1','ifname':'eth0'}]}") ==
		0);
	CHECK(netconf_attached(&conf, "c1", "eth0"));
}

TEST(versions_are_compared_by_their_numbers)
{
	CHECK(cni_version_at_least("1.1.0", "0.4.0"));
	CHECK(cni_version_at_least("0.10.0", "0.4.0"));
	CHECK(cni_version_at_least("1.0.0", "1.0.0"));
	CHECK(!cni_version_at_least("0.3.1", "0.4.0"));
	CHECK(!cni_version_at_least("nonsense", "0.1.0"));
	CHECK(cni_version_known("0.3.0"));
	CHECK(!cni_version_known("0.3.2"));
	CHECK(!cni_version_known(NULL));
}

TEST(names_of_interfaces)
{
	CHECK(netconf_ifname_ok("eth0"));
	CHECK(netconf_ifname_ok("a-15-bytes-name"));
	CHECK(!netconf_ifname_ok("a-16-bytes-name!"));
	CHECK(!netconf_ifname_ok(""));
	CHECK(!netconf_ifname_ok("."));
	CHECK(!netconf_ifname_ok(".."));
	CHECK(!netconf_ifname_ok("a/b"));
	CHECK(!netconf_ifname_ok("a:b"));
	CHECK(!netconf_ifname_ok("a b"));
	CHECK(netconf_name_ok("a_b.c-D9"));
	CHECK(!netconf_name_ok("-a"));
	CHECK(!netconf_name_ok(""));
}
