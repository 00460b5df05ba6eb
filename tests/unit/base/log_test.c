/* SPDX-License-Identifier: Apache-2.0 */
/* log_test.c - one line per message */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "tests/unit/test.h"

struct entry {
	char *level, *msg, *time, *errno_name, *phase, *field;
	struct opt_i64 code;
};
static const struct json_field entry_fields[] = {
	JSON_FIELD(struct entry, level, JSON_STRING),
	JSON_FIELD(struct entry, msg, JSON_STRING),
	JSON_FIELD(struct entry, time, JSON_STRING),
	JSON_FIELD_AS("errno", struct entry, errno_name, JSON_STRING),
	JSON_FIELD(struct entry, phase, JSON_STRING),
	JSON_FIELD(struct entry, field, JSON_STRING),
	JSON_FIELD(struct entry, code, JSON_OPT_I64),
};
static const struct json_table entry_table = JSON_TABLE(struct entry, entry_fields);

static char path[] = "/tmp/skerry-log.XXXXXX";

/* An empty log file. */
static bool scratch(void)
{
	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	AUTO_FD fd = mkostemp(path, O_CLOEXEC);

	return fd >= 0;
}

/* Calls log_error() without its copy on our standard error. */
static void quiet_error(const struct err *err)
{
	AUTO_FD keep = fcntl(2, F_DUPFD_CLOEXEC, 3);
	AUTO_FD null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (keep < 0 || null < 0 || dup2(null, 2) < 0)
		return;
	log_error(err);
	CHECK_INT(dup2(keep, 2), 2);
}

TEST(an_error_is_one_json_object)
{
	struct err err = { 0 };
	struct entry e;
	struct arena a;
	AUTO_BUF b;

	buf_init(&b);
	arena_init(&a, ARENA_MAX_DEFAULT);
	REQUIRE(scratch());
	CHECK_INT(log_open(path, LOG_JSON, LOG_WARNING, &err), 0);
	CHECK(log_fd() >= 0);
	(void)err_field(&err, ENOENT, "/root/path", "a \"quoted\"\\\n\x01 name \xc3\xa9 \xff end");
	REQUIRE(str_copy(err.phase, sizeof(err.phase), "build root") == 0);
	quiet_error(&err);
	CHECK_INT(file_read(AT_FDCWD, path, &b, 10000, true), 0);
	CHECK(b.len > 0 && strchr(b.s, '\n') == b.s + b.len - 1);
	err_clear(&err);
	CHECK_INT(json_decode("log", b.s, b.len, &entry_table, &e, &a, &err), 0);
	CHECK_STR(err.msg, "");
	CHECK_STR(e.level, "error");
	CHECK_STR(e.msg, "a \"quoted\"\\\n\x01 name \xc3\xa9 \xef\xbf\xbd end");
	CHECK_STR(e.errno_name, "ENOENT");
	CHECK_INT(e.code.v, ENOENT);
	CHECK_STR(e.phase, "build root");
	CHECK_STR(e.field, "/root/path");
	CHECK(e.time && strlen(e.time) == 30);
	arena_release(&a);
	CHECK_INT(unlink(path), 0);
}

TEST(a_message_too_long_is_still_json)
{
	struct err err = { 0 };
	struct entry e;
	struct arena a;
	AUTO_BUF b;

	buf_init(&b);
	arena_init(&a, ARENA_MAX_DEFAULT);
	REQUIRE(scratch());
	CHECK_INT(log_open(path, LOG_JSON, LOG_WARNING, &err), 0);
	memset(err.msg, 1, sizeof(err.msg) - 1);
	memset(err.field, 2, sizeof(err.field) - 1);
	memset(err.phase, 3, sizeof(err.phase) - 1);
	err.code = 1;
	quiet_error(&err);
	CHECK_INT(file_read(AT_FDCWD, path, &b, 10000, true), 0);
	err_clear(&err);
	CHECK_INT(json_decode("log", b.s, b.len, &entry_table, &e, &a, &err), 0);
	CHECK_STR(err.msg, "");
	arena_release(&a);
	CHECK_INT(unlink(path), 0);
}

TEST(levels_hold_back_and_lines_are_appended)
{
	struct err err = { 0 };
	AUTO_BUF b;

	buf_init(&b);
	REQUIRE(scratch());
	CHECK_INT(file_replace(AT_FDCWD, path, "old\n", 4, 0600), 0);
	CHECK_INT(log_open(path, LOG_TEXT, LOG_WARNING, &err), 0);
	CHECK(log_wants(LOG_WARNING));
	CHECK(!log_wants(LOG_DEBUG));
	log_debug("hidden");
	log_warning("shown %d", 1);
	CHECK_INT(file_read(AT_FDCWD, path, &b, 10000, true), 0);
	CHECK(str_starts(b.s, "old\ntime=\""));
	CHECK(strstr(b.s, "level=warning msg=\"shown 1\"\n"));
	CHECK(!strstr(b.s, "hidden"));
	CHECK_INT(log_open(path, LOG_TEXT, LOG_DEBUG, &err), 0);
	log_debug("seen");
	buf_clear(&b);
	CHECK_INT(file_read(AT_FDCWD, path, &b, 10000, true), 0);
	CHECK(strstr(b.s, "level=debug msg=\"seen\"\n"));
	CHECK_INT(unlink(path), 0);
}

TEST(targets_may_have_a_prefix)
{
	struct err err = { 0 };
	char target[64];

	REQUIRE(scratch());
	REQUIRE(str_format(target, sizeof(target), "file:%s", path) == 0);
	CHECK_INT(unlink(path), 0);
	CHECK_INT(log_open(target, LOG_JSON, LOG_ERROR, &err), 0);
	CHECK_INT(access(path, F_OK), 0); /* made at start-up */
	CHECK_INT(unlink(path), 0);
	CHECK_INT(log_open("/nonexistent/log", LOG_TEXT, LOG_ERROR, &err), -1);
	CHECK_STR(err.msg, "open log file \"/nonexistent/log\": No such file or directory");
	CHECK_INT(log_open(NULL, LOG_TEXT, LOG_ERROR, &err), 0);
	CHECK_INT(log_fd(), -1);
}
