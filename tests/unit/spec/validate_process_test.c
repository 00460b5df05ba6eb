/* SPDX-License-Identifier: Apache-2.0 */
/* validate_process_test.c - what a process may not be */
#include "base/compiler.h"
#include "tests/unit/spec/spec_text.h"
#include "tests/unit/test.h"

/* The field at fault of a process with these members; NULL if none. */
static const char *wrong(const char *members)
{
	static char field[ERR_FIELD_MAX];
	char text[1024];
	const char *json;
	struct arena arena;
	struct spec_process *p;
	struct err err = { 0 };
	int good;

	(void)snprintf(text, sizeof(text), "{'args':['a'],'cwd':'/',%s}", members);
	json = text_of(text);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	good = spec_parse_process("p", json, strlen(json), &arena, &p, &err) == 0 &&
	       spec_validate_process(p, "/p", &err) == 0;
	arena_release(&arena);
	(void)snprintf(field, sizeof(field), "%s", err.field);
	return good ? NULL : field;
}

TEST(a_process_needs_arguments_and_an_absolute_directory)
{
	CHECK_STR(wrong_config("{'ociVersion':'1.0.0','root':{'path':'r'},'process':{'cwd':'/'}}"),
		  "/process/args");
	CHECK_STR(wrong_config("{'ociVersion':'1.0.0','root':{'path':'r'},"
			       "'process':{'args':[],'cwd':'/'}}"),
		  "/process/args");
	CHECK_STR(wrong_config("{'ociVersion':'1.0.0','root':{'path':'r'},"
			       "'process':{'args':['a'],'cwd':'w'}}"),
		  "/process/cwd");
	CHECK_STR(wrong_config("{'ociVersion':'1.0.0','root':{'path':'r'},"
			       "'process':{'args':['a']}}"),
		  "/process/cwd");
	CHECK(!wrong_config("{'ociVersion':'1.0.0','root':{'path':'r'},"
			    "'process':{'commandLine':'a','cwd':'/'}}"));
}

TEST(environment_entries_have_a_name_and_a_value)
{
	CHECK(!wrong("'env':['A=1','B=','C=a=b']"));
	CHECK_STR(wrong("'env':['A=1','B']"), "/p/env/1");
	CHECK_STR(wrong("'env':['=x']"), "/p/env/0");
	CHECK_STR(wrong("'env':['']"), "/p/env/0");
}

/* config.md: "Any value which cannot be mapped to a relevant kernel interface" is for a warning. */
TEST(unknown_capabilities_are_no_error)
{
	CHECK(!wrong("'capabilities':{'ambient':['CAP_KILL','CAP_FLY'],'bounding':['']}"));
}

TEST(resource_limits_are_known_unique_and_ordered)
{
	CHECK(!wrong("'rlimits':[{'type':'RLIMIT_CORE','hard':0,'soft':0},"
		     "{'type':'RLIMIT_NOFILE','hard':2,'soft':1}]"));
	CHECK_STR(wrong("'rlimits':[{'type':'RLIMIT_X','hard':0,'soft':0}]"), "/p/rlimits/0/type");
	CHECK_STR(wrong("'rlimits':[{'type':'RLIMIT_CPU','hard':1,'soft':1},"
			"{'type':'RLIMIT_CPU','hard':1,'soft':1}]"),
		  "/p/rlimits/1/type");
	CHECK_STR(wrong("'rlimits':[{'type':'RLIMIT_CPU','hard':1,'soft':2}]"),
		  "/p/rlimits/0/soft");
}

TEST(schedulers_take_their_own_numbers)
{
	CHECK(!wrong("'scheduler':{'policy':'SCHED_FIFO','priority':99}"));
	CHECK(!wrong("'scheduler':{'policy':'SCHED_BATCH','nice':19}"));
	CHECK(!wrong("'scheduler':{'policy':'SCHED_DEADLINE','runtime':1,'deadline':2}"));
	CHECK_STR(wrong("'scheduler':{'policy':'SCHED_X'}"), "/p/scheduler/policy");
	CHECK_STR(wrong("'scheduler':{'policy':'SCHED_FIFO'}"), "/p/scheduler/priority");
	CHECK_STR(wrong("'scheduler':{'policy':'SCHED_OTHER','priority':1}"),
		  "/p/scheduler/priority");
	CHECK_STR(wrong("'scheduler':{'policy':'SCHED_OTHER','nice':20}"), "/p/scheduler/nice");
	CHECK_STR(wrong("'scheduler':{'policy':'SCHED_OTHER','period':1}"), "/p/scheduler/runtime");
	CHECK_STR(wrong("'scheduler':{'policy':'SCHED_OTHER','flags':['X']}"),
		  "/p/scheduler/flags/0");
}

TEST(io_priorities_are_known)
{
	CHECK(!wrong("'ioPriority':{'class':'IOPRIO_CLASS_IDLE','priority':0}"));
	CHECK_STR(wrong("'ioPriority':{'class':'IDLE','priority':0}"), "/p/ioPriority/class");
	CHECK_STR(wrong("'ioPriority':{'class':'IOPRIO_CLASS_BE','priority':8}"),
		  "/p/ioPriority/priority");
}

TEST(affinities_are_cpu_lists)
{
	CHECK(!wrong("'execCPUAffinity':{'initial':'0-3','final':''}"));
	CHECK_STR(wrong("'execCPUAffinity':{'final':'x'}"), "/p/execCPUAffinity/final");
}

TEST(labels_are_one_line)
{
	CHECK(!wrong("'apparmorProfile':'a b','selinuxLabel':'u:r:t:s0:c1,c2'"));
	CHECK_STR(wrong("'apparmorProfile':'a\\nb'"), "/p/apparmorProfile");
	CHECK_STR(wrong("'selinuxLabel':'a\\nb'"), "/p/selinuxLabel");
}
