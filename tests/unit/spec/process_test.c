/* SPDX-License-Identifier: Apache-2.0 */
/* process_test.c - the "process" section is decoded in full */
#include "tests/unit/spec/spec_text.h"
#include "tests/unit/test.h"

TEST(every_member_of_a_process_is_decoded)
{
	const char *json = text_of(
		"{'terminal':true,'consoleSize':{'height':25,'width':80},'user':{'uid':4294967294,"
		"'gid':2,'umask':63,'additionalGids':[3,4],'username':'u'},'args':['a','b'],"
		"'commandLine':'c','env':['A=1'],'cwd':'/w','capabilities':{'bounding':['CAP_KILL'],"
		"'effective':['CAP_CHOWN'],'inheritable':['CAP_BPF'],'permitted':['CAP_FOWNER'],"
		"'ambient':['CAP_SETUID']},'rlimits':[{'type':'RLIMIT_CORE','hard':18446744073709551615,"
		"'soft':1}],'noNewPrivileges':true,'apparmorProfile':'p','oomScoreAdj':-1000,"
		"'scheduler':{'policy':'SCHED_DEADLINE','nice':-5,'priority':0,"
		"'flags':['SCHED_FLAG_RECLAIM'],'runtime':1,'deadline':2,'period':3},"
		"'selinuxLabel':'l','ioPriority':{'class':'IOPRIO_CLASS_BE','priority':4},"
		"'execCPUAffinity':{'initial':'0','final':'1-2'}}");
	struct arena arena;
	struct spec_process *p;
	struct err err;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (spec_parse_process("p", json, strlen(json), &arena, &p, &err) == 0) {
		CHECK(p->terminal && p->noNewPrivileges);
		CHECK(p->consoleSize && p->consoleSize->height == 25 &&
		      p->consoleSize->width == 80);
		CHECK_INT(p->user.uid, 4294967294);
		CHECK_INT(p->user.gid, 2);
		CHECK(p->user.umask.has && p->user.umask.v == 077);
		CHECK_INT(p->user.additionalGids.v[1], 4);
		CHECK_STR(p->user.username, "u");
		CHECK_STR(p->args.v[1], "b");
		CHECK_STR(p->commandLine, "c");
		CHECK_STR(p->env.v[0], "A=1");
		CHECK_STR(p->cwd, "/w");
		CHECK_STR(p->capabilities->bounding.v[0], "CAP_KILL");
		CHECK_STR(p->capabilities->effective.v[0], "CAP_CHOWN");
		CHECK_STR(p->capabilities->inheritable.v[0], "CAP_BPF");
		CHECK_STR(p->capabilities->permitted.v[0], "CAP_FOWNER");
		CHECK_STR(p->capabilities->ambient.v[0], "CAP_SETUID");
		CHECK(p->rlimits.v[0].hard == UINT64_MAX && p->rlimits.v[0].soft == 1);
		CHECK_STR(p->apparmorProfile, "p");
		CHECK(p->oomScoreAdj.has && p->oomScoreAdj.v == -1000);
		CHECK_INT(p->scheduler->nice, -5);
		CHECK_STR(p->scheduler->flags.v[0], "SCHED_FLAG_RECLAIM");
		CHECK_INT(p->scheduler->runtime, 1);
		CHECK_INT(p->scheduler->deadline, 2);
		CHECK_INT(p->scheduler->period, 3);
		CHECK_STR(p->selinuxLabel, "l");
		CHECK_STR(p->ioPriority->class_, "IOPRIO_CLASS_BE");
		CHECK_INT(p->ioPriority->priority, 4);
		CHECK_STR(p->execCPUAffinity->initial, "0");
		CHECK_STR(p->execCPUAffinity->final, "1-2");
		CHECK_INT(spec_validate_process(p, "", &err), 0);
	} else {
		CHECK_STR(err.msg, "");
	}
	arena_release(&arena);
}

TEST(ids_that_mean_no_change_are_out_of_range)
{
	CHECK_STR(wrong_config(CONFIG_PROCESS("'user':{'uid':4294967295}")), "/process/user/uid");
	CHECK_STR(wrong_config(CONFIG_PROCESS("'user':{'gid':-1}")), "/process/user/gid");
	CHECK_STR(wrong_config(CONFIG_PROCESS("'user':{'uid':1.0}")), "/process/user/uid");
	CHECK_STR(wrong_config(CONFIG_PROCESS("'user':{'uid':'1'}")), "/process/user/uid");
	CHECK_STR(wrong_config(CONFIG_PROCESS("'user':{'additionalGids':[0,4294967295]}")),
		  "/process/user/additionalGids/1");
}

TEST(an_absent_oom_score_differs_from_zero)
{
	CHECK_STR(wrong_config(CONFIG_PROCESS("'oomScoreAdj':1001")), "/process/oomScoreAdj");
	CHECK(!wrong_config(CONFIG_PROCESS("'oomScoreAdj':0")));
	CHECK(!wrong_config(CONFIG_PROCESS("'oomScoreAdj':null")));
}
