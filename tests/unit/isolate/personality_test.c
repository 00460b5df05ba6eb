/* SPDX-License-Identifier: Apache-2.0 */
/* personality_test.c - execution domains */
#include "runtime/isolate/personality.h"

#include <sys/personality.h>

#include "tests/unit/test.h"

static char linux32[] = "LINUX32", linux_[] = "LINUX", bad[] = "BSD", flag[] = "ADDR_NO_RANDOMIZE";

TEST(the_two_domains_of_the_spec)
{
	struct spec_personality s = { linux32, { NULL, 0 } };
	struct personality p;

	CHECK_INT(personality_make(&s, &p, NULL), 0);
	CHECK_INT(p.value, PER_LINUX32);
	s.domain = linux_;
	CHECK_INT(personality_make(&s, &p, NULL), 0);
	CHECK(p.set);
	CHECK_INT(p.value, PER_LINUX);
	CHECK_INT(personality_make(NULL, &p, NULL), 0);
	CHECK(!p.set);
}

TEST(other_domains_and_flags_are_refused)
{
	char *flags[] = { flag };
	struct spec_personality s = { bad, { NULL, 0 } };
	struct personality p;
	struct err err = { 0 };

	CHECK_INT(personality_make(&s, &p, &err), -1);
	CHECK_STR(err.field, "/linux/personality/domain");
	s = (struct spec_personality){ linux_, { flags, 1 } };
	CHECK_INT(personality_make(&s, &p, &err), -1);
	CHECK_STR(err.field, "/linux/personality/flags");
}

TEST(a_domain_is_entered)
{
	struct personality p = { true, PER_LINUX32 };

	CHECK_INT(personality_apply(&p, NULL), 0);
	CHECK_INT(personality(0xffffffff) & PER_MASK, PER_LINUX32);
}
