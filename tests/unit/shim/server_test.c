/* SPDX-License-Identifier: Apache-2.0 */
/* server_test.c - frames in, answers out, over a pair of sockets */
#include "runtime/shim/server.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "tests/unit/test.h"

static struct loop loop;
static struct server server;
static struct call *kept;
static unsigned int cancelled, handled;
static int client;

static void cancel(struct call *c)
{
	cancelled++;
	if (kept == c)
		kept = NULL;
}

static void handle(struct call *c, void *arg)
{
	(void)arg;
	handled++;
	if (strcmp(c->rpc.method, "keep") == 0) {
		call_keep(c, cancel, NULL);
		kept = c;
	} else if (strcmp(c->rpc.method, "fail") == 0) {
		call_fail(c, RPC_NOT_FOUND, "no \xff%s", c->rpc.service);
	} else {
		call_reply_bytes(c, c->rpc.payload.v, c->rpc.payload.n);
	}
}

static void stop_loop(struct timer *t)
{
	(void)t;
	loop.stop = true;
}

static void run_for(int64_t ms)
{
	struct timer t = { .fired = stop_loop };

	loop.stop = false;
	timer_start(&loop, &t, loop_now() + ms * 1000000);
	CHECK_INT(loop_run(&loop, NULL), 0);
}

static void connect_client(void)
{
	int pair[2];

	kept = NULL;
	cancelled = handled = 0;
	REQUIRE(loop_init(&loop, NULL) == 0);
	server = (struct server){ .loop = &loop, .handle = handle };
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	client = pair[0];
	REQUIRE(server_add(&server, pair[1]) == 0);
}

static void request(uint32_t stream, const char *method, const char *payload, int64_t timeout)
{
	struct rpc_request rpc = { .service = (char[]){ "s" },
				   .method = (char *)(uintptr_t)method,
				   .payload = { payload, strlen(payload) },
				   .timeout_nano = timeout };
	struct frame f = { .stream = stream, .type = FRAME_REQUEST };
	unsigned char header[FRAME_HEADER];
	struct buf b;

	buf_init(&b);
	wire_encode(&rpc_request_table, &rpc, &b);
	f.length = (uint32_t)b.len;
	frame_format(&f, header);
	CHECK_INT(fd_write_full(client, header, sizeof(header)), 0);
	CHECK_INT(fd_write_full(client, b.s, b.len), 0);
	buf_release(&b);
}

static struct arena arena;
static struct rpc_response response;

/* The stream of the next answer, 0 when there is none. */
static uint32_t answer(void)
{
	static unsigned char header[FRAME_HEADER], body[4096];
	struct frame f;

	if (recv(client, header, sizeof(header), 0) != (ssize_t)sizeof(header))
		return 0;
	frame_parse(header, &f);
	CHECK_INT(f.type, FRAME_RESPONSE);
	if (f.length > sizeof(body) ||
	    (f.length && recv(client, body, f.length, 0) != (ssize_t)f.length))
		return 0;
	arena_release(&arena);
	arena_init(&arena, (size_t)1 << 20);
	CHECK_INT(wire_decode(&rpc_response_table, body, f.length, &response, &arena, NULL), 0);
	return f.stream;
}

TEST(headers_are_big_endian)
{
	unsigned char h[FRAME_HEADER];
	struct frame f;

	frame_format(
		&(struct frame){
			.length = 0x01020304, .stream = 0x05060708, .type = 1, .flags = 2 },
		h);
	CHECK(memcmp(h, "\1\2\3\4\5\6\7\10\1\2", sizeof(h)) == 0);
	frame_parse(h, &f);
	CHECK(f.length == 0x01020304 && f.stream == 0x05060708 && f.type == 1 && f.flags == 2);
}

TEST(text_that_is_no_utf8_is_made_such)
{
	struct buf b;

	buf_init(&b);
	text_clean(&b, "a\xff\xc3\xa9\xc3");
	CHECK_STR(b.s, "a?\xc3\xa9?");
	buf_release(&b);
}

TEST(calls_are_answered_on_their_streams)
{
	connect_client();
	request(1, "echo", "hello", 0);
	request(5, "fail", "", 0);
	request(7, "echo", "", 0);
	run_for(20);
	CHECK_INT(answer(), 1);
	CHECK(response.payload.n == 5 && memcmp(response.payload.v, "hello", 5) == 0 &&
	      !response.status);
	CHECK_INT(answer(), 5);
	REQUIRE(response.status);
	CHECK_INT(response.status->code, RPC_NOT_FOUND);
	CHECK_STR(response.status->message, "no ?s");
	CHECK_INT(answer(), 7);
	CHECK_INT(answer(), 0);
	(void)fd_close(client);
	run_for(5);
	CHECK_INT(server.n_conns, 0);
}

TEST(a_stream_must_be_odd_and_rise)
{
	connect_client();
	request(9, "echo", "", 0);
	request(9, "echo", "", 0);
	request(10, "echo", "", 0);
	request(7, "echo", "", 0);
	run_for(20);
	CHECK_INT(answer(), 9);
	CHECK(!response.status);
	for (int i = 0; i < 3; i++) {
		CHECK(answer() > 0);
		CHECK(response.status && response.status->code == RPC_INVALID_ARGUMENT);
	}
	CHECK_INT(handled, 1);
	(void)fd_close(client);
	run_for(5);
}

TEST(a_kept_call_ends_at_its_deadline)
{
	connect_client();
	request(1, "keep", "", 20000000);
	run_for(60);
	CHECK_INT(cancelled, 1);
	CHECK_INT(answer(), 1);
	CHECK(response.status && response.status->code == RPC_DEADLINE_EXCEEDED);
	request(3, "keep", "", -5);
	run_for(10);
	CHECK_INT(answer(), 3);
	CHECK_INT(cancelled, 2);
	(void)fd_close(client);
	run_for(5);
}

TEST(a_kept_call_ends_with_its_connection)
{
	connect_client();
	request(1, "keep", "", 0);
	run_for(10);
	CHECK(kept && cancelled == 0);
	(void)fd_close(client);
	run_for(10);
	CHECK_INT(cancelled, 1);
	CHECK(!kept);
	CHECK_INT(server.n_conns, 0);
}

TEST(what_is_too_long_is_read_past)
{
	static char much[100000];
	struct frame f = { .length = FRAME_MAX + 5, .stream = 3, .type = FRAME_REQUEST };
	unsigned char header[FRAME_HEADER];
	size_t sent = 0;

	connect_client();
	frame_format(&f, header);
	CHECK_INT(fd_write_full(client, header, sizeof(header)), 0);
	while (sent < FRAME_MAX + 5) {
		size_t n =
			FRAME_MAX + 5 - sent < sizeof(much) ? FRAME_MAX + 5 - sent : sizeof(much);
		ssize_t got = write(client, much, n);

		if (got > 0)
			sent += (size_t)got;
		else
			run_for(1);
	}
	request(5, "echo", "x", 0);
	run_for(20);
	CHECK_INT(answer(), 3);
	CHECK(response.status && response.status->code == RPC_RESOURCE_EXHAUSTED);
	CHECK_INT(answer(), 5);
	(void)fd_close(client);
	run_for(5);
}
