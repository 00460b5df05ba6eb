/* SPDX-License-Identifier: Apache-2.0 */
/* result_test.c - results of every version in and out */
#include "cni/result.h"

#include <sys/socket.h>

#include "cni/netconf.h"
#include "tests/unit/test.h"

static struct arena arena;
static struct err err;

/* Reads text (with ' for ") and writes it in the version; "" when either fails. */
static const char *convert(const char *text, const char *version)
{
	static char json[4096];
	static struct buf out;
	struct json_out writer;
	struct result result;

	if (out.s)
		buf_release(&out);
	buf_init(&out);
	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	err_clear(&err);
	(void)snprintf(json, sizeof(json), "%s", text);
	for (char *s = json; *s; s++)
		if (*s == '\'')
			*s = '"';
	if (result_parse("result", json, strlen(json), "1.0.0", &arena, &result, &err) < 0)
		return "";
	json_out_init(&writer, &out, 0);
	if (result_format(&result, version, &writer, &err) < 0)
		return "";
	for (char *s = out.s; *s; s++)
		if (*s == '"')
			*s = '\'';
	return out.s;
}

#define FULL                                                                                   \
 "{'cniVersion':'1.1.0','interfaces':[{'name':'br0','mac':'02:00:00:00:00:01','mtu':1500},"    \
 "{'name':'eth0','mac':'02:00:00:00:00:02','sandbox':'/run/netns/a','socketPath':'/s',"        \
 "'pciID':'0000:00:1f.6'}],'ips':[{'interface':1,'address':'10.1.0.5/16','gateway':'10.1.0.1'" \
 "},{'address':'fd00::5/64'}],'routes':[{'dst':'0.0.0.0/0','gw':'10.1.0.1','mtu':1400,"        \
 "'advmss':1360,'priority':10,'table':100,'scope':0},{'dst':'fd01::/64'}],"                    \
 "'dns':{'nameservers':['10.1.0.1'],'domain':'example','search':['a','b'],"                    \
 "'options':['ndots:1']}}"

TEST(the_newest_version_loses_nothing)
{
	CHECK_STR(convert(FULL, "1.1.0"), FULL);
}

TEST(version_1_0_0_knows_no_mtu)
{
	CHECK_STR(convert(FULL, "1.0.0"),
		  "{'cniVersion':'1.0.0','interfaces':[{'name':'br0','mac':'02:00:00:00:00:01'},"
		  "{'name':'eth0','mac':'02:00:00:00:00:02','sandbox':'/run/netns/a'}],'ips':"
		  "[{'interface':1,'address':'10.1.0.5/16','gateway':'10.1.0.1'},{'address':"
		  "'fd00::5/64'}],'routes':[{'dst':'0.0.0.0/0','gw':'10.1.0.1'},{'dst':"
		  "'fd01::/64'}],'dns':{'nameservers':['10.1.0.1'],'domain':'example','search':"
		  "['a','b'],'options':['ndots:1']}}");
}

TEST(before_1_0_0_addresses_have_a_version_and_dns_is_always_there)
{
	static const char *const versions[] = { "0.3.0", "0.3.1", "0.4.0" };
	char want[256];

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		REQUIRE(str_format(want, sizeof(want),
				   "{'cniVersion':'%s','ips':[{'version':'4','address':"
				   "'10.1.0.5/16'},{'version':'6','address':'fd00::5/64'}],"
				   "'dns':{}}",
				   versions[i]) == 0);
		CHECK_STR(convert("{'ips':[{'address':'10.1.0.5/16'},{'address':'fd00::5/64'}]}",
				  versions[i]),
			  want);
	}
}

TEST(the_oldest_versions_have_one_address_per_family)
{
	CHECK_STR(convert(FULL, "0.2.0"),
		  "{'cniVersion':'0.2.0','ip4':{'ip':'10.1.0.5/16','gateway':'10.1.0.1',"
		  "'routes':[{'dst':'0.0.0.0/0','gw':'10.1.0.1'}]},'ip6':{'ip':'fd00::5/64',"
		  "'routes':[{'dst':'fd01::/64'}]},'dns':{'nameservers':['10.1.0.1'],'domain':"
		  "'example','search':['a','b'],'options':['ndots:1']}}");
	CHECK_STR(convert("{'ips':[{'address':'10.0.0.1/8'},{'address':'10.0.0.2/8'}]}", "0.1.0"),
		  "{'cniVersion':'0.1.0','ip4':{'ip':'10.0.0.1/8'},'dns':{}}");
}

TEST(the_oldest_versions_can_not_say_no_address)
{
	CHECK_STR(convert("{'interfaces':[{'name':'eth0'}]}", "0.2.0"), "");
	CHECK(strstr(err.msg, "0.2.0"));
	CHECK_STR(convert("null", "1.0.0"), "{'cniVersion':'1.0.0'}");
}

TEST(old_results_are_read_as_new_ones)
{
	CHECK_STR(convert("{'cniVersion':'0.2.0','ip4':{'ip':'10.0.0.2/24','gateway':'10.0.0.1',"
			  "'routes':[{'dst':'0.0.0.0/0'}]},'ip6':{'ip':'fd00::2/64'}}",
			  "1.1.0"),
		  "{'cniVersion':'1.1.0','ips':[{'address':'10.0.0.2/24','gateway':'10.0.0.1'},"
		  "{'address':'fd00::2/64'}],'routes':[{'dst':'0.0.0.0/0'}]}");
}

TEST(an_interface_that_is_not_there_is_refused)
{
	CHECK_STR(convert("{'interfaces':[{'name':'a'}],'ips':[{'interface':1,"
			  "'address':'10.0.0.1/8'}]}",
			  "1.0.0"),
		  "");
	CHECK_INT(err.exit_code, CNI_ERR_DECODE);
	CHECK_STR(err.msg, "result: ips[0] names interface 1 of 1");
}

TEST(what_is_no_address_is_refused_by_name)
{
	CHECK_STR(convert("{'ips':[{'address':'10.0.0.1'}]}", "1.0.0"), "");
	CHECK_STR(err.msg, "result: address \"10.0.0.1\" is no address with prefix");
	CHECK_STR(convert("{'ips':[{'address':'10.0.0.1/8','gateway':'x'}]}", "1.0.0"), "");
	CHECK_STR(convert("{'routes':[{'dst':'default'}]}", "1.0.0"), "");
	CHECK_STR(convert("{'cniVersion':'9.0.0'}", "1.0.0"), "");
	CHECK_INT(err.exit_code, CNI_ERR_VERSION);
}

TEST(a_copy_can_be_changed)
{
	struct result a = { 0 }, b;
	struct result_ip *ip;

	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	ip = result_add_ip(&a, &arena);
	REQUIRE(ip);
	CHECK_INT(ip->interface, RESULT_NO_INTERFACE);
	CHECK_INT(result_copy(&a, &arena, &b), 0);
	b.ips[0].interface = 7;
	CHECK_INT(a.ips[0].interface, RESULT_NO_INTERFACE);
	CHECK(!result_find_interface(&a, "eth0", NULL));
}
