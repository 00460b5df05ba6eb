/* SPDX-License-Identifier: Apache-2.0 */
/* criu_messages_test.c - criu's messages, byte by byte */
#include <errno.h>

#include "runtime/container/criu.h"
#include "tests/unit/test.h"

static int decode_in(struct arena *a, const char *bytes, size_t len, struct criu_resp *ret,
		     struct err *err)
{
	return criu_resp_decode(bytes, len, ret, a, err);
}

TEST(a_version_is_read)
{
	CLEANUP(arena_release) struct arena a;
	static const char bytes[] = "\x08\x0a\x10\x01\x52\x06\x08\x03\x10\x11\x20\x01";
	struct criu_resp r;

	arena_init(&a, 1 << 20);
	CHECK_INT(decode_in(&a, bytes, sizeof(bytes) - 1, &r, NULL), 0);
	CHECK(r.success);
	REQUIRE(r.version);
	CHECK_INT(r.version->major, 3);
	CHECK_INT(r.version->minor, 17);
	CHECK_INT(r.version->sublevel, 1);
}

TEST(a_failed_restore_may_have_the_pid_minus_one)
{
	CLEANUP(arena_release) struct arena a;
	static const char bytes[] =
		"\x08\x02\x10\x00\x22\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
	struct criu_resp r;

	arena_init(&a, 1 << 20);
	CHECK_INT(decode_in(&a, bytes, sizeof(bytes) - 1, &r, NULL), 0);
	CHECK(!r.success);
	REQUIRE(r.restore);
	CHECK_INT(r.restore->pid, -1);
}

TEST(a_restore_that_worked_has_a_pid)
{
	CLEANUP(arena_release) struct arena a;
	static const char bytes[] =
		"\x08\x02\x10\x01\x22\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
	struct criu_resp r;
	struct err err = { 0 };

	arena_init(&a, 1 << 20);
	CHECK_INT(decode_in(&a, bytes, sizeof(bytes) - 1, &r, &err), -1);
	CHECK_INT(err.code, EBADMSG);
	CHECK_INT(decode_in(&a, "\x08\x02\x10\x01", 4, &r, &err), -1);
}

TEST(a_notification_has_a_name)
{
	CLEANUP(arena_release) struct arena a;
	static const char bytes[] = "\x08\x06\x10\x01\x2a\x0b\x0a\x09post-dump";
	struct criu_resp r;

	arena_init(&a, 1 << 20);
	CHECK_INT(decode_in(&a, bytes, sizeof(bytes) - 1, &r, NULL), 0);
	CHECK_STR(r.notify->script, "post-dump");
	CHECK_INT(decode_in(&a, "\x08\x06\x10\x01", 4, &r, NULL), -1);
}

TEST(an_unknown_type_is_refused)
{
	CLEANUP(arena_release) struct arena a;
	struct criu_resp r;

	arena_init(&a, 1 << 20);
	CHECK_INT(decode_in(&a, "\x08\x63\x10\x01", 4, &r, NULL), -1);
}

TEST(a_request_has_the_numbers_of_rpc_proto)
{
	struct criu_opts o = { .images_dir_fd = 5, .pid = 9, .work_dir_fd = 6 };
	const struct criu_req req = { .type = CRIU_DUMP, .opts = &o };
	static const char want[] = "\x08\x01\x12\x0a\x08\x05\x10\x09\x88\x01\x06\x90\x02\x00";
	AUTO_BUF b;

	buf_init(&b);
	wire_encode(&criu_req_table, &req, &b);
	REQUIRE(b.len == sizeof(want) - 1);
	CHECK(memcmp(b.s, want, b.len) == 0);
}
