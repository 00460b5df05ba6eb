/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp_test.c - the "linux.seccomp" section is decoded in full */
#include "tests/unit/spec/spec_text.h"
#include "tests/unit/test.h"

TEST(every_member_of_a_profile_is_decoded)
{
	const char *json = text_of(
		"{'linux':{'seccomp':{'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':38,"
		"'architectures':['SCMP_ARCH_X86_64'],'flags':['SECCOMP_FILTER_FLAG_LOG'],"
		"'listenerPath':'/l','listenerMetadata':'m','syscalls':[{'names':['read','write'],"
		"'action':'SCMP_ACT_ALLOW','errnoRet':1,'args':[{'index':5,"
		"'value':18446744073709551615,'valueTwo':2,'op':'SCMP_CMP_MASKED_EQ'}]}]}}}");
	struct arena arena;
	struct spec *s = NULL;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	CHECK_INT(spec_parse("c", json, strlen(json), &arena, &s, NULL), 0);
	if (s && s->linux_->seccomp) {
		const struct spec_seccomp *p = s->linux_->seccomp;
		const struct spec_seccomp_rule *r = &p->syscalls.v[0];

		CHECK_STR(p->defaultAction, "SCMP_ACT_ERRNO");
		CHECK(p->defaultErrnoRet.has && p->defaultErrnoRet.v == 38);
		CHECK_STR(p->architectures.v[0], "SCMP_ARCH_X86_64");
		CHECK_STR(p->flags.v[0], "SECCOMP_FILTER_FLAG_LOG");
		CHECK_STR(p->listenerPath, "/l");
		CHECK_STR(p->listenerMetadata, "m");
		CHECK_STR(r->names.v[1], "write");
		CHECK_STR(r->action, "SCMP_ACT_ALLOW");
		CHECK(r->errnoRet.has && r->errnoRet.v == 1);
		CHECK_INT(r->args.v[0].index, 5);
		CHECK(r->args.v[0].value == UINT64_MAX);
		CHECK_INT(r->args.v[0].valueTwo, 2);
		CHECK_STR(r->args.v[0].op, "SCMP_CMP_MASKED_EQ");
	} else {
		CHECK(!"decoded");
	}
	arena_release(&arena);
}

TEST(a_system_call_has_six_arguments)
{
	CHECK_STR(wrong_config(CONFIG_LINUX(
			  "'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['a'],"
			  "'action':'SCMP_ACT_ALLOW','args':[{'index':6,'value':0,"
			  "'op':'SCMP_CMP_EQ'}]}]}")),
		  "/linux/seccomp/syscalls/0/args/0/index");
}
