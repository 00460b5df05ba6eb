/* SPDX-License-Identifier: Apache-2.0 */
/* err_test.c - errors as values */
#include "base/err.h"

#include <errno.h>

#include "tests/unit/test.h"

TEST(setting_an_error_gives_minus_one_code_and_message)
{
	struct err err = { 0 };

	CHECK_INT(err_set(&err, EINVAL, "bad %s %d", "thing", 7), -1);
	CHECK_INT(err.code, EINVAL);
	CHECK_STR(err.msg, "bad thing 7");
	CHECK_STR(err.field, "");
}

TEST(a_system_error_is_worded_and_errno_survives)
{
	struct err err = { 0 };

	errno = ENOENT;
	CHECK_INT(err_sys(&err, "open \"%s\"", "/x"), -1);
	CHECK_INT(err.code, ENOENT);
	CHECK_INT(errno, ENOENT);
	CHECK_STR(err.msg, "open \"/x\": No such file or directory");
}

TEST(an_unknown_errno_is_given_as_a_number)
{
	struct err err = { 0 };

	errno = 4000;
	(void)err_sys(&err, "x");
	CHECK_STR(err.msg, "x: error 4000");
}

TEST(no_error_object_is_fine)
{
	errno = EIO;
	CHECK_INT(err_set(NULL, 1, "a"), -1);
	CHECK_INT(err_sys(NULL, "a"), -1);
	CHECK_INT(err_wrap(NULL, "a"), -1);
	CHECK_INT(err_field(NULL, 1, "/a", "a"), -1);
	CHECK_INT(err_at(NULL, "/a"), -1);
	err_clear(NULL);
}

TEST(wrapping_puts_the_context_in_front)
{
	struct err err = { 0 };

	(void)err_set(&err, EPERM, "no");
	CHECK_INT(err_wrap(&err, "mount %d", 3), -1);
	CHECK_STR(err.msg, "mount 3: no");
	CHECK_INT(err.code, EPERM);
}

TEST(a_long_message_is_cut_not_overrun)
{
	struct err err = { 0 };
	char text[2000];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)err_set(&err, 1, "%s", text);
	CHECK_INT(strlen(err.msg), ERR_MSG_MAX - 1);
	(void)err_wrap(&err, "%s", text);
	CHECK_INT(strlen(err.msg), ERR_MSG_MAX - 1);
	errno = ENOENT;
	(void)err_sys(&err, "%s", text);
	CHECK_INT(strlen(err.msg), ERR_MSG_MAX - 1);
	CHECK_STR(strrchr(err.msg, ':'), ": No such file or directory");
	(void)err_field(&err, 1, text, "x");
	CHECK_INT(strlen(err.field), ERR_FIELD_MAX - 1);
}

TEST(the_first_field_named_is_kept)
{
	struct err err = { 0 };

	(void)err_set(&err, 1, "x");
	CHECK_INT(err_at(&err, "/process/user"), -1);
	(void)err_at(&err, "/process");
	CHECK_STR(err.field, "/process/user");
	(void)err_field(&err, EINVAL, "/root", "y");
	CHECK_STR(err.field, "/root");
	err_clear(&err);
	CHECK_INT(err.code, 0);
	CHECK_STR(err.msg, "");
	CHECK_STR(err.field, "");
}

TEST(what_was_received_ends_within_its_bounds)
{
	struct err err;

	memset(&err, 'a', sizeof(err));
	err_received(&err);
	CHECK_INT(strlen(err.msg), ERR_MSG_MAX - 1);
	CHECK_INT(strlen(err.field), ERR_FIELD_MAX - 1);
	CHECK_INT(strlen(err.phase), ERR_PHASE_MAX - 1);
}
