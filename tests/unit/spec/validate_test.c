/* SPDX-License-Identifier: Apache-2.0 */
/* validate_test.c - version, root, host names, mounts and hooks */
#include "runtime/spec/check.h"

#include <limits.h>

#include "base/buf.h"
#include "tests/unit/spec/spec_text.h"
#include "tests/unit/test.h"

TEST(the_smallest_config_is_right)
{
	CHECK(!wrong_config(CONFIG_WITH("'x':0")));
}

TEST(only_version_1_is_supported)
{
	static const char *const good[] = { "1.0.0", "1.3.0", "1.0.2-dev", "1.2.3-rc.1+build-5" };
	static const char *const bad[] = { "2.0.0",   "0.9.0",	"1.0",	  "1",
					   "1.0.0.0", "",	"v1.0.0", "1.0.x",
					   "10.0.0",  "1.0.0-", "1..0",	  "1.0.0 x" };
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		(void)snprintf(text, sizeof(text), "{'ociVersion':'%s','root':{'path':'r'}}",
			       good[i]);
		CHECK(!wrong_config(text));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		(void)snprintf(text, sizeof(text), "{'ociVersion':'%s','root':{'path':'r'}}",
			       bad[i]);
		CHECK_STR(wrong_config(text), "/ociVersion");
	}
	CHECK_STR(wrong_config("{'root':{'path':'r'}}"), "/ociVersion");
}

TEST(a_root_is_required)
{
	CHECK_STR(wrong_config("{'ociVersion':'1.0.0'}"), "/root");
	CHECK_STR(wrong_config("{'ociVersion':'1.0.0','root':{'path':''}}"), "/root/path");
	CHECK(!wrong_config("{'ociVersion':'1.0.0','root':{'path':'r'}}"));
}

TEST(a_host_name_needs_a_uts_namespace)
{
	CHECK_STR(wrong_config(CONFIG_WITH("'hostname':'h'")), "/hostname");
	CHECK_STR(wrong_config(CONFIG_WITH("'domainname':'d'")), "/domainname");
	CHECK(!wrong_config(CONFIG_WITH("'hostname':'h','domainname':'d',"
					"'linux':{'namespaces':[{'type':'uts'}]}")));
	CHECK_STR(wrong_config(CONFIG_WITH("'hostname':'1234567890123456789012345678901234567890"
					   "1234567890123456789012345',"
					   "'linux':{'namespaces':[{'type':'uts'}]}")),
		  "/hostname");
	CHECK_STR(wrong_config(CONFIG_WITH(
			  "'hostname':'a\\nb','linux':{'namespaces':[{'type':'uts'}]}")),
		  "/hostname");
}

TEST(mounts_are_checked)
{
	CHECK_STR(wrong_config(CONFIG_WITH("'mounts':[{'destination':''}]")),
		  "/mounts/0/destination");
	CHECK_STR(wrong_config(CONFIG_WITH("'mounts':[{'destination':'/a','options':['rbind']}]")),
		  "/mounts/0/source");
	CHECK_STR(wrong_config(CONFIG_WITH("'mounts':[{'destination':'/a','type':'bind'}]")),
		  "/mounts/0/source");
	CHECK(!wrong_config(CONFIG_WITH("'mounts':[{'destination':'/a','options':['bind',"
					"'remount','ro']},{'destination':'b','source':'/b',"
					"'options':['bind','size=3']}]")));
	CHECK_STR(wrong_config(CONFIG_WITH("'mounts':[{'destination':'/a','source':'/','options':"
					   "['bind'],'uidMappings':[{'containerID':0,'hostID':1,"
					   "'size':1}]}]")),
		  "/mounts/0/gidMappings");
}

static const char *wrong_map(const char *maps)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		       CONFIG_LINUX("'namespaces':[{'type':'user'}],'uidMappings':[%s]"), maps);
	return wrong_config(text);
}

TEST(id_maps_neither_overlap_nor_wrap)
{
	CHECK(!wrong_map("{'containerID':0,'hostID':0,'size':4294967295}"));
	CHECK(!wrong_map("{'containerID':0,'hostID':1000,'size':1},"
			 "{'containerID':1,'hostID':100000,'size':65535}"));
	CHECK_STR(wrong_map("{'containerID':0,'hostID':0,'size':0}"), "/linux/uidMappings/0/size");
	CHECK_STR(wrong_map("{'containerID':1,'hostID':0,'size':4294967295}"),
		  "/linux/uidMappings/0");
	CHECK_STR(wrong_map("{'containerID':0,'hostID':4294967295,'size':1}"),
		  "/linux/uidMappings/0");
	CHECK_STR(wrong_map("{'containerID':0,'hostID':0,'size':10},"
			    "{'containerID':9,'hostID':100,'size':1}"),
		  "/linux/uidMappings/1");
	CHECK_STR(wrong_map("{'containerID':0,'hostID':0,'size':10},"
			    "{'containerID':100,'hostID':5,'size':1}"),
		  "/linux/uidMappings/1");
}

TEST(hooks_need_absolute_paths_and_sane_timeouts)
{
	CHECK_STR(wrong_config(CONFIG_WITH("'hooks':{'prestart':[{'path':'/a'},{'path':'b'}]}")),
		  "/hooks/prestart/1/path");
	CHECK_STR(wrong_config(CONFIG_WITH("'hooks':{'poststop':[{'path':'/a','timeout':0}]}")),
		  "/hooks/poststop/0/timeout");
	CHECK_STR(wrong_config(CONFIG_WITH("'hooks':{'poststart':[{'path':'/a','env':['A']}]}")),
		  "/hooks/poststart/0/env/0");
	CHECK(!wrong_config(CONFIG_WITH("'hooks':{'poststart':[{'path':'/a','timeout':1,"
					"'env':['A=']}]}")));
}

TEST(paths_longer_than_the_kernel_takes_are_refused)
{
	static char text[PATH_MAX + 512];
	static char path[PATH_MAX + 1];

	memset(path, 'x', PATH_MAX);
	path[0] = '/';
	(void)snprintf(
		text, sizeof(text),
		"{'ociVersion':'1.0.0','root':{'path':'r'},'hooks':{'poststop':[{'path':'%s'}]}}",
		path);
	CHECK_STR(wrong_config(text), "/hooks/poststop/0/path");
}

TEST(annotation_keys_are_not_empty)
{
	CHECK_STR(wrong_config(CONFIG_WITH("'annotations':{'':'x'}")), "/annotations");
}

static void count(const struct err *err, void *arg)
{
	CHECK(err->field[0] == '/');
	CHECK(err->msg[0]);
	(*(int *)arg)++;
}

TEST(all_violations_are_found_when_asked_for)
{
	const char *json = text_of("{'process':{'cwd':'x'},'hostname':'h'}");
	struct arena arena;
	struct spec *s;
	struct err err = { 0 };
	int found = 0;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (spec_parse("c", json, strlen(json), &arena, &s, NULL) == 0) {
		/* version, root, args, cwd, host name */
		CHECK_INT(spec_validate_all(s, count, &found), 5);
		CHECK_INT(found, 5);
		CHECK_INT(spec_validate(s, &err), -1);
		CHECK_STR(err.msg, "/ociVersion: is required");
		CHECK_INT(spec_validate(s, NULL), -1);
	} else {
		CHECK(!"parsed");
	}
	arena_release(&arena);
}

TEST(cpu_lists_are_recognised)
{
	static const char *const good[] = { "0", "0-3", "0,2,4-7", "0-63:2/8", "12,0" };
	static const char *const bad[] = { "",	      ",",	 "0,",		"-1",	"3-1",
					   "0-",      "a",	 "0 1",		"0-7:", "0-7:2/",
					   "0-7:9/8", "0-7:0/0", "99999999999", "0-3\n" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		CHECK(check_is_cpu_list(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(!check_is_cpu_list(bad[i]));
}

TEST(dotdot_is_only_a_whole_component)
{
	CHECK(check_has_dotdot(".."));
	CHECK(check_has_dotdot("/a/../b"));
	CHECK(check_has_dotdot("a/.."));
	CHECK(!check_has_dotdot("/a..b/..c/c../..."));
	CHECK(!check_has_dotdot(""));
}

TEST(a_very_long_key_is_cut_not_overrun)
{
	struct check c = { .prefix = "" };
	char key[1000];

	memset(key, '~', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	CHECK(strlen(check_at_key(&c, "/annotations", key)) < ERR_FIELD_MAX);
	c.prefix = key;
	CHECK(strlen(check_at(&c, "/x")) < ERR_FIELD_MAX);
}
