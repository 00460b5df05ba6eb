/* SPDX-License-Identifier: Apache-2.0 */
/* events_test.c - one event at a time, in order, again when it was refused, bounded */
#include "runtime/shim/events.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "runtime/shim/server.h"
#include "tests/unit/test.h"

static struct loop loop;
static struct workers workers;
static struct events events;
static struct sockaddr_un name;
static int listener, peer;

static void stop(struct timer *t)
{
	(void)t;
	loop.stop = true;
}

static void run_for(int64_t ms)
{
	struct timer t = { .fired = stop };

	loop.stop = false;
	timer_start(&loop, &t, loop_now() + ms * 1000000);
	CHECK_INT(loop_run(&loop, NULL), 0);
}

static void listen_now(void)
{
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)unlink(name.sun_path);
	REQUIRE(bind(listener, (const struct sockaddr *)&name, sizeof(name)) == 0 &&
		listen(listener, 5) == 0);
}

static void begin(void)
{
	name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)snprintf(name.sun_path, sizeof(name.sun_path), "/tmp/shim-test.%d", (int)getpid());
	REQUIRE(loop_init(&loop, NULL) == 0);
	workers = (struct workers){ .loop = &loop };
	events = (struct events){ 0 };
	events_init(&events, &loop, &workers);
	events.address = name.sun_path;
	events.binary = events.grpc_address = "";
	events.namespace = "ns";
	peer = listener = -1;
}

static void end(void)
{
	(void)fd_close(peer);
	(void)fd_close(listener);
	(void)unlink(name.sun_path);
	events_release(&events);
	(void)fd_close(loop.epoll);
}

static void publish(const char *topic, const char *id)
{
	events_publish(&events, topic, "TaskOOM", &task_simple_table,
		       &(struct task_simple){ .container_id = (char *)(uintptr_t)id });
}

/* The container of the event that has come, "" when there is none; its stream. */
static const char *next(uint32_t *ret_stream)
{
	static char id[64];
	unsigned char header[FRAME_HEADER], body[4096];
	struct forward_request f;
	struct rpc_request rpc;
	struct task_simple event;
	struct arena arena;
	struct frame frame;

	run_for(5);
	if (peer < 0)
		peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	id[0] = '\0';
	if (peer < 0 || recv(peer, header, sizeof(header), 0) != (ssize_t)sizeof(header))
		return id;
	frame_parse(header, &frame);
	*ret_stream = frame.stream;
	if (recv(peer, body, frame.length, 0) != (ssize_t)frame.length)
		return id;
	arena_init(&arena, (size_t)1 << 20);
	if (wire_decode(&rpc_request_table, body, frame.length, &rpc, &arena, NULL) == 0 &&
	    wire_decode(&forward_request_table, rpc.payload.v, rpc.payload.n, &f, &arena, NULL) ==
		    0 &&
	    wire_decode(&task_simple_table, f.envelope->event->value.v, f.envelope->event->value.n,
			&event, &arena, NULL) == 0) {
		CHECK_STR(rpc.method, "Forward");
		CHECK_STR(f.envelope->namespace, "ns");
		CHECK_STR(f.envelope->event->type_url, "containerd.events.TaskOOM");
		(void)snprintf(id, sizeof(id), "%s", event.container_id);
	}
	arena_release(&arena);
	return id;
}

static void answer(uint32_t stream, int32_t code)
{
	struct rpc_response r = { .status = code ? &(struct rpc_status){ .code = code } : NULL };
	struct frame f = { .stream = stream, .type = FRAME_RESPONSE };
	unsigned char header[FRAME_HEADER];
	struct buf b;

	buf_init(&b);
	wire_encode(&rpc_response_table, &r, &b);
	f.length = (uint32_t)b.len;
	frame_format(&f, header);
	CHECK_INT(fd_write_full(peer, header, sizeof(header)), 0);
	CHECK_INT(fd_write_full(peer, b.s, b.len), 0);
	buf_release(&b);
	run_for(5);
}

TEST(one_at_a_time_in_order)
{
	uint32_t stream = 0;

	begin();
	listen_now();
	publish("/tasks/oom", "a");
	publish("/tasks/oom", "b");
	CHECK_STR(next(&stream), "a");
	CHECK_INT(stream, 1);
	CHECK_STR(next(&stream), ""); /* b waits for the answer */
	answer(1, 0);
	CHECK_STR(next(&stream), "b");
	CHECK_INT(stream, 3);
	CHECK(!events_are_out(&events));
	answer(3, 0);
	CHECK(events_are_out(&events));
	end();
}

TEST(what_was_refused_comes_again_before_the_others)
{
	uint32_t stream = 0;

	begin();
	listen_now();
	publish("/tasks/oom", "a");
	publish("/tasks/oom", "b");
	CHECK_STR(next(&stream), "a");
	answer(stream, RPC_UNAVAILABLE);
	peer = fd_close(peer);
	run_for(150);
	CHECK_STR(next(&stream), "a");
	answer(stream, 0);
	CHECK_STR(next(&stream), "b");
	answer(stream, 0);
	CHECK(events_are_out(&events) && events.dropped == 0);
	end();
}

TEST(they_wait_for_a_containerd_that_is_away)
{
	uint32_t stream = 0;

	begin();
	publish("/tasks/oom", "a");
	run_for(20);
	CHECK(!events_are_out(&events));
	listen_now();
	run_for(400);
	CHECK_STR(next(&stream), "a");
	peer = fd_close(peer); /* gone without an answer */
	run_for(400);
	CHECK_STR(next(&stream), "a");
	answer(stream, 0);
	CHECK(events_are_out(&events));
	end();
}

TEST(too_many_lose_the_oldest_that_is_no_exit)
{
	begin();
	publish("/tasks/exit", "x");
	for (int i = 0; i < EVENTS_MAX + 10; i++)
		publish("/tasks/oom", "o");
	CHECK_INT(events.n, EVENTS_MAX);
	CHECK_INT(events.dropped, 11);
	publish("/tasks/exit", "y");
	CHECK_INT(events.n, EVENTS_MAX);
	end();
}

TEST(with_nobody_to_tell_nothing_is_kept)
{
	begin();
	events.address = "";
	publish("/tasks/oom", "a");
	CHECK(events_are_out(&events));
	end();
}
