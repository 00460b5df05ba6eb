/* SPDX-License-Identifier: Apache-2.0 */
/* validate_seccomp_test.c - profiles that can't be compiled */
#include "tests/unit/spec/spec_text.h"
#include "tests/unit/test.h"

/* The field at fault below /linux/seccomp; more members of the config come last. */
static const char *wrong_with(const char *profile, const char *more)
{
	char text[2048];
	const char *field;

	(void)snprintf(text, sizeof(text), CONFIG_WITH("'linux':{'seccomp':{%s}}%s"), profile,
		       more);
	field = wrong_config(text);
	return field && strncmp(field, "/linux/seccomp", 14) == 0 ? field + 14 : field;
}

static const char *wrong(const char *profile)
{
	return wrong_with(profile, "");
}

#define ALLOW "'defaultAction':'SCMP_ACT_ALLOW'"
#define RULE(members) \
 ALLOW ",'listenerPath':'/l','syscalls':[{'names':['mkdir'],'action':'SCMP_ACT_" members "}]"

TEST(names_of_a_profile_are_known)
{
	CHECK(!wrong(ALLOW ",'architectures':['SCMP_ARCH_X86_64','SCMP_ARCH_X32'],"
			   "'flags':['SECCOMP_FILTER_FLAG_TSYNC']"));
	CHECK_STR(wrong("'defaultAction':'ALLOW'"), "/defaultAction");
	CHECK_STR(wrong(ALLOW ",'architectures':['X86']"), "/architectures/0");
	CHECK_STR(wrong(ALLOW ",'flags':['X']"), "/flags/0");
	CHECK_STR(wrong(RULE("X'")), "/syscalls/0/action");
	CHECK_STR(wrong(RULE("ALLOW','args':[{'index':0,'value':0,'op':'EQ'}]")),
		  "/syscalls/0/args/0/op");
	CHECK_STR(wrong(ALLOW ",'syscalls':[{'names':[],'action':'SCMP_ACT_ALLOW'}]"),
		  "/syscalls/0/names");
}

TEST(only_errno_and_trace_return_a_number)
{
	CHECK(!wrong(RULE("ERRNO','errnoRet':4095")));
	CHECK(!wrong(RULE("TRACE','errnoRet':65535")));
	CHECK_STR(wrong(RULE("ERRNO','errnoRet':4096")), "/syscalls/0/errnoRet");
	CHECK_STR(wrong(RULE("ALLOW','errnoRet':1")), "/syscalls/0/errnoRet");
	CHECK_STR(wrong(RULE("TRACE','errnoRet':65536")), "/syscalls/0/errnoRet");
	CHECK_STR(wrong(ALLOW ",'defaultErrnoRet':1"), "/defaultErrnoRet");
}

TEST(notify_needs_somebody_who_answers)
{
	static const char rule[] =
		ALLOW ",'syscalls':[{'names':['mkdir'],'action':'SCMP_ACT_NOTIFY'}]";

	CHECK(!wrong(RULE("NOTIFY'")));
	CHECK_STR(wrong(rule), "/listenerPath");
	CHECK(!wrong_with(rule, ",'annotations':{'run.oci.seccomp.receiver':'/r'}"));
	CHECK_STR(wrong("'defaultAction':'SCMP_ACT_NOTIFY','listenerPath':'/l'"), "/defaultAction");
	CHECK_STR(wrong(ALLOW ",'listenerPath':'/l','syscalls':[{'names':['read','write'],"
			      "'action':'SCMP_ACT_NOTIFY'}]"),
		  "/syscalls/0/names/1");
	CHECK_STR(wrong(ALLOW ",'listenerMetadata':'m'"), "/listenerMetadata");
}
