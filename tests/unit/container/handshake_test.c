/* SPDX-License-Identifier: Apache-2.0 */
/* handshake_test.c - messages between the runtime and the init */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/container/handshake.h"
#include "tests/unit/test.h"

static int pair[2] = { -1, -1 };

static bool open_pair(void)
{
	pair[0] = fd_close(pair[0]);
	pair[1] = fd_close(pair[1]);
	return handshake_open(pair, NULL) == 0;
}

TEST(a_message_arrives_with_its_pid)
{
	struct message m;

	REQUIRE(open_pair());
	CHECK_INT(handshake_send(pair[0], MESSAGE_STAGED, 4321, -1, NULL), 0);
	REQUIRE(handshake_receive(pair[1], &m, NULL, NULL) == 0);
	CHECK_INT(m.type, MESSAGE_STAGED);
	CHECK_INT(m.pid, 4321);
}

TEST(a_descriptor_is_passed_along_and_closes_on_exec)
{
	struct message m;
	int ends[2], got = -1;
	char c = 0;

	REQUIRE(open_pair());
	REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
	CHECK_INT(handshake_send(pair[0], MESSAGE_MASTER, 0, ends[1], NULL), 0);
	REQUIRE(handshake_receive(pair[1], &m, &got, NULL) == 0);
	REQUIRE(got >= 0);
	CHECK(fcntl(got, F_GETFD) & FD_CLOEXEC);
	CHECK_INT(write(got, "x", 1), 1);
	CHECK_INT(read(ends[0], &c, 1), 1);
	CHECK_INT(c, 'x');
	(void)fd_close(got);
	(void)fd_close(ends[0]);
	(void)fd_close(ends[1]);
}

TEST(a_message_without_a_descriptor_gives_none)
{
	struct message m;
	int got = 7;

	REQUIRE(open_pair());
	CHECK_INT(handshake_send(pair[0], MESSAGE_READY, 0, -1, NULL), 0);
	CHECK_INT(handshake_receive(pair[1], &m, &got, NULL), 0);
	CHECK_INT(got, -1);
}

TEST(a_failure_becomes_the_receivers_error)
{
	struct err sent = { 0 }, err = { 0 };
	struct message m;

	REQUIRE(open_pair());
	err_field_(&sent, ENODEV, "/mounts/3", "no such file system \"%s\"", "x");
	handshake_fail(pair[0], &sent);
	CHECK_INT(handshake_receive(pair[1], &m, NULL, &err), -1);
	CHECK_INT(err.code, ENODEV);
	CHECK_STR(err.field, "/mounts/3");
	CHECK_STR(err.msg, sent.msg);
}

TEST(the_end_of_the_other_side_is_a_message_of_its_own)
{
	struct message m;

	REQUIRE(open_pair());
	pair[0] = fd_close(pair[0]);
	REQUIRE(handshake_receive(pair[1], &m, NULL, NULL) == 0);
	CHECK_INT(m.type, MESSAGE_END);
}

TEST(another_message_than_the_expected_one_is_an_error)
{
	struct err err = { 0 };

	REQUIRE(open_pair());
	CHECK_INT(handshake_send(pair[0], MESSAGE_GO, 0, -1, NULL), 0);
	CHECK_INT(handshake_expect(pair[1], MESSAGE_GO, NULL, &err), 0);
	CHECK_INT(handshake_send(pair[0], MESSAGE_GO, 0, -1, NULL), 0);
	CHECK_INT(handshake_expect(pair[1], MESSAGE_READY, NULL, &err), -1);
	CHECK(err.code != 0);
	CHECK(err.msg[0]);
}

TEST(bytes_that_are_no_message_are_refused)
{
	struct err err = { 0 };
	struct message m;

	REQUIRE(open_pair());
	CHECK_INT(send(pair[0], "abc", 3, MSG_NOSIGNAL), 3);
	CHECK_INT(handshake_receive(pair[1], &m, NULL, &err), -1);
	CHECK(err.code != 0);
}
