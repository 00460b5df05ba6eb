/* SPDX-License-Identifier: Apache-2.0 */
/* keyring_test.c - session keyrings */
#include "runtime/isolate/keyring.h"

#include <linux/keyctl.h>
#include <sys/syscall.h>

#include "tests/unit/test.h"

static long session(void)
{
	return syscall(SYS_keyctl, (long)KEYCTL_GET_KEYRING_ID, (long)KEY_SPEC_SESSION_KEYRING, 0L);
}

TEST(each_join_is_a_new_keyring)
{
	long before = session(), first;
	int joined = keyring_join("unit-test", NULL);

	if (joined == 1)
		SKIP("no keyrings here");
	CHECK_INT(joined, 0);
	first = session();
	CHECK(first > 0 && first != before);
	CHECK_INT(keyring_join("unit-test", NULL), 0);
	CHECK(session() != first);
}

TEST(a_name_that_is_too_long_is_refused)
{
	static char name[2000];

	memset(name, 'a', sizeof(name) - 1);
	CHECK_INT(keyring_join(name, NULL), -1);
}
