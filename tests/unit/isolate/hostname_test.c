/* SPDX-License-Identifier: Apache-2.0 */
/* hostname_test.c - names of the UTS namespace */
#include "runtime/isolate/hostname.h"

#include <sched.h>
#include <sys/utsname.h>

#include "tests/unit/test.h"

TEST(both_names_are_set_in_a_namespace_of_its_own)
{
	struct utsname now;

	if (unshare(CLONE_NEWUSER | CLONE_NEWUTS) < 0)
		SKIP("no user namespaces for this user");
	CHECK_INT(hostname_apply("unit", "test.example", NULL), 0);
	CHECK_INT(uname(&now), 0);
	CHECK_STR(now.nodename, "unit");
	CHECK_STR(now.domainname, "test.example");
	CHECK_INT(hostname_apply(NULL, NULL, NULL), 0);
	CHECK_INT(uname(&now), 0);
	CHECK_STR(now.nodename, "unit");
}

TEST(a_name_that_is_too_long_is_refused_by_name)
{
	char name[100];
	struct err err = { 0 };

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	CHECK_INT(hostname_apply(name, NULL, &err), -1);
	CHECK(strstr(err.msg, "aaaa") != NULL);
}
