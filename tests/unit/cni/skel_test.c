/* SPDX-License-Identifier: Apache-2.0 */
/* skel_test.c - the frame around a plugin */
#include "cni/skel.h"

#include <errno.h>

#include "tests/unit/test.h"

static int del_calls;

static int plugin_add(struct cni_call *call, struct err *err)
{
	struct result_ip *ip = result_add_ip(&call->result, call->arena);

	if (!ip || ip_net_parse("10.0.0.2/24", &ip->address) < 0)
		return err_set(err, ENOMEM, "no address");
	return 0;
}

static int plugin_add_nothing(struct cni_call *call, struct err *err)
{
	(void)call;
	(void)err;
	return 0;
}

static int plugin_del(struct cni_call *call, struct err *err)
{
	(void)err;
	del_calls++;
	(void)call;
	return 0;
}

static int plugin_status(struct cni_call *call, struct err *err)
{
	(void)call;
	return cni_err(err, CNI_ERR_UNAVAILABLE, "not now");
}

static const struct cni_plugin plugin = {
	.type = "test",
	.about = "for tests",
	.add = plugin_add,
	.del = plugin_del,
	.status = plugin_status,
};
static const struct cni_plugin late = { .type = "late",
					.about = "for tests",
					.since = "0.4.0",
					.add = plugin_add_nothing,
					.del = plugin_del };
static const struct cni_plugin empty = {
	.type = "empty", .about = "for tests", .add = plugin_add_nothing, .del = plugin_del
};
static const struct cni_plugin chained = {
	.type = "chained", .about = "for tests", .chained = true, .add = plugin_add_nothing
};

static struct buf out;
static struct err err;

/* "" for success without output. */
static const char *request(const struct cni_plugin *p, enum cni_verb verb, const char *text)
{
	const struct cni_args args = {
		.verb = verb,
		.container_id = "c1",
		.netns = verb == CNI_DEL ? "" : "/proc/self/ns/net",
		.ifname = "eth0",
		.args = "IgnoreUnknown=1;MAC=02:00:00:00:00:01",
		.path = "",
		.netns_override = true,
	};
	static char json[4096];

	if (out.s)
		buf_release(&out);
	buf_init(&out);
	err_clear(&err);
	(void)snprintf(json, sizeof(json), "%s", text);
	for (char *s = json; *s; s++)
		if (*s == '\'')
			*s = '"';
	if (cni_request(p, NULL, &args, json, strlen(json), &out, &err) < 0) {
		if (out.len > 0)
			return "output of a failure";
		cni_error_format(&err, "0.4.0", &out);
	}
	for (char *s = out.s; *s; s++)
		if (*s == '"')
			*s = '\'';
	return out.s;
}

TEST(the_result_is_in_the_version_of_the_configuration)
{
	CHECK_STR(request(&plugin, CNI_ADD, "{'cniVersion':'0.2.0','name':'n'}"),
		  "{'cniVersion':'0.2.0','ip4':{'ip':'10.0.0.2/24'},'dns':{}}");
	CHECK_STR(request(&plugin, CNI_ADD, "{'cniVersion':'1.0.0','name':'n'}"),
		  "{'cniVersion':'1.0.0','ips':[{'address':'10.0.0.2/24'}]}");
}

TEST(version_needs_no_configuration)
{
	CHECK_STR(request(&late, CNI_VERSION, "?"),
		  "{'cniVersion':'1.1.0','supportedVersions':['0.4.0','1.0.0','1.1.0']}");
}

TEST(a_version_that_is_not_spoken_is_code_1_with_both_sides)
{
	CHECK_STR(request(&late, CNI_ADD, "{'cniVersion':'0.3.1','name':'n'}"),
		  "{'cniVersion':'0.4.0','code':1,'msg':'incompatible CNI versions','details':"
		  "'config is \\'0.3.1\\', plugin supports [\\'0.4.0\\' \\'1.0.0\\' "
		  "\\'1.1.0\\']'}");
	(void)request(&plugin, CNI_CHECK, "{'cniVersion':'0.3.1','name':'n'}");
	CHECK_INT(err.exit_code, CNI_ERR_VERSION);
	(void)request(&plugin, CNI_GC, "{'cniVersion':'1.0.0','name':'n'}");
	CHECK_INT(err.exit_code, CNI_ERR_VERSION);
}

TEST(a_result_that_can_not_be_told_is_undone)
{
	/* version 0.2.0 has no result without an address */
	del_calls = 0;
	(void)request(&empty, CNI_ADD, "{'cniVersion':'0.2.0','name':'n'}");
	CHECK_INT(err.exit_code, CNI_ERR_INTERNAL);
	CHECK_INT(del_calls, 1);
	CHECK_STR(request(&empty, CNI_ADD, "{'cniVersion':'1.0.0','name':'n'}"),
		  "{'cniVersion':'1.0.0'}");
	CHECK_INT(del_calls, 1);
}

TEST(a_chained_plugin_passes_the_previous_result_on)
{
	CHECK_STR(request(&chained, CNI_ADD,
			  "{'cniVersion':'1.0.0','name':'n','prevResult':{'cniVersion':'0.4.0',"
			  "'interfaces':[{'name':'eth0'}],'ips':[{'version':'4','address':"
			  "'10.0.0.9/8','interface':0}]}}"),
		  "{'cniVersion':'1.0.0','interfaces':[{'name':'eth0'}],'ips':[{'interface':0,"
		  "'address':'10.0.0.9/8'}]}");
	(void)request(&chained, CNI_ADD, "{'cniVersion':'1.0.0','name':'n'}");
	CHECK_INT(err.exit_code, CNI_ERR_CONFIG);
}

TEST(del_works_without_a_namespace)
{
	del_calls = 0;
	CHECK_STR(request(&plugin, CNI_DEL, "{'cniVersion':'1.0.0','name':'n'}"), "");
	CHECK_INT(del_calls, 1);
}

TEST(a_verb_that_a_plugin_does_not_have_is_no_work)
{
	CHECK_STR(request(&plugin, CNI_GC, "{'cniVersion':'1.1.0','name':'n'}"), "");
}

TEST(codes_of_a_plugin_are_kept_and_others_are_999)
{
	CHECK_STR(request(&plugin, CNI_STATUS, "{'cniVersion':'1.1.0','name':'n'}"),
		  "{'cniVersion':'0.4.0','code':50,'msg':'not now'}");
	err_clear(&err);
	(void)err_set(&err, EIO, "x");
	buf_clear(&out);
	cni_error_format(&err, "nonsense", &out);
	CHECK_STR(out.s, "{\"cniVersion\":\"1.1.0\",\"code\":999,\"msg\":\"x\"}");
}

TEST(check_needs_a_previous_result)
{
	(void)request(&plugin, CNI_CHECK, "{'cniVersion':'1.0.0','name':'n'}");
	CHECK_INT(err.exit_code, CNI_ERR_CONFIG);
}

TEST(arguments_are_found_by_their_whole_key)
{
	struct arena arena;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	CHECK_STR(cni_args_value("A=1;IP=10.0.0.1;B=2", "IP", &arena), "10.0.0.1");
	CHECK_STR(cni_args_value("XIP=1;IP=2", "IP", &arena), "2");
	CHECK_STR(cni_args_value("IP=", "IP", &arena), "");
	CHECK(!cni_args_value("IPX=1;;", "IP", &arena));
	CHECK(!cni_args_value("", "IP", &arena));
	arena_release(&arena);
}
