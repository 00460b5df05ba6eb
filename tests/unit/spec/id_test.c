/* SPDX-License-Identifier: Apache-2.0 */
/* id_test.c - which container ids are allowed */
#include "base/compiler.h"
#include "runtime/spec/spec.h"
#include "tests/unit/test.h"

TEST(ids_of_letters_digits_and_four_signs_are_allowed)
{
	static const char *const good[] = { "a", "A-b_c+d.e", "0", "_x", "+x", "a..b", "x-" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		CHECK_INT(spec_check_id(good[i], NULL), 0);
}

TEST(ids_that_could_be_paths_or_options_are_refused)
{
	static const char *const bad[] = { "",	   ".",	 "..",	 "../x", "a/b", "-x", "a b",
					   "a\nb", "%s", "/abs", "\x01", "á",	".x", "a\xff" };
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		err_clear(&err);
		CHECK_INT(spec_check_id(bad[i], &err), -1);
		CHECK(strstr(err.msg, "container id"));
	}
	CHECK_INT(spec_check_id(NULL, NULL), -1);
}

TEST(ids_have_a_maximum_length)
{
	char id[SPEC_ID_MAX + 2];
	struct err err;

	memset(id, 'x', sizeof(id));
	id[SPEC_ID_MAX] = '\0';
	CHECK_INT(spec_check_id(id, NULL), 0);
	id[SPEC_ID_MAX] = 'x';
	id[SPEC_ID_MAX + 1] = '\0';
	CHECK_INT(spec_check_id(id, &err), -1);
	CHECK(strstr(err.msg, "longer than 1024"));
}
