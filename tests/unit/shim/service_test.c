/* SPDX-License-Identifier: Apache-2.0 */
/* service_test.c - which method a request means, and whether it may run now */
#include "runtime/shim/shim.h"

#include <sys/socket.h>

#include "base/fd.h"
#include "tests/unit/test.h"

static struct shim shim;
static struct container box;
static struct arena arena;
static struct rpc_response response;
static int client;
static uint32_t stream;
static char id[] = "box", bundle[] = "/b", nothing[] = "";

static void stop_loop(struct timer *t)
{
	(void)t;
	shim.loop.stop = true;
}

static void run_loop(void)
{
	struct timer t = { .fired = stop_loop };

	shim.loop.stop = false;
	timer_start(&shim.loop, &t, loop_now() + 5000000);
	CHECK_INT(loop_run(&shim.loop, NULL), 0);
}

/* A shim with one container, "box", that is just being made. */
static void prepare(void)
{
	int pair[2];

	shim = (struct shim){ .id = "box", .namespace = "ns" };
	stream = 1;
	REQUIRE(loop_init(&shim.loop, NULL) == 0);
	shim.server.loop = &shim.loop;
	shim.server.handle = call_handle;
	shim.server.arg = &shim;
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	client = pair[0];
	REQUIRE(server_add(&shim.server, pair[1]) == 0);
	box = (struct container){
		.shim = &shim, .id = id, .bundle = bundle, .cgroup = -1, .watch = -1
	};
	box.parked_end = &box.parked;
	process_init(&box.init, &box);
	box.init.exec_id = nothing;
	box.init.in = box.init.out = box.init.err = box.init.exec_id;
	shim.containers = &box;
}

static void finish(void)
{
	(void)fd_close(client);
	run_loop();
	arena_release(&arena);
	(void)fd_close(shim.loop.epoll);
}

static void request(const char *service, const char *method, const char *who, const char *exec_id)
{
	struct process_request q = { .id = (char *)(uintptr_t)who,
				     .exec_id = (char *)(uintptr_t)exec_id };
	struct rpc_request rpc = { .service = (char *)(uintptr_t)service,
				   .method = (char *)(uintptr_t)method };
	struct frame f = { .stream = stream, .type = FRAME_REQUEST };
	unsigned char header[FRAME_HEADER];
	struct buf payload, b;

	buf_init(&payload);
	buf_init(&b);
	wire_encode(&process_request_table, &q, &payload);
	rpc.payload = (struct wire_bytes){ payload.s, payload.len };
	wire_encode(&rpc_request_table, &rpc, &b);
	f.length = (uint32_t)b.len;
	frame_format(&f, header);
	CHECK_INT(fd_write_full(client, header, sizeof(header)), 0);
	CHECK_INT(fd_write_full(client, b.s, b.len), 0);
	buf_release(&payload);
	buf_release(&b);
	stream += 2;
	run_loop();
}

static void task(const char *method, const char *exec_id)
{
	request("containerd.task.v3.Task", method, "box", exec_id);
}

/* The code of the next answer, -1 when there is none. */
static int answer(void)
{
	static unsigned char header[FRAME_HEADER], body[4096];
	struct frame f;

	if (recv(client, header, sizeof(header), 0) != (ssize_t)sizeof(header))
		return -1;
	frame_parse(header, &f);
	if (f.length > sizeof(body) ||
	    (f.length && recv(client, body, f.length, 0) != (ssize_t)f.length))
		return -1;
	arena_release(&arena);
	arena_init(&arena, (size_t)1 << 20);
	CHECK_INT(wire_decode(&rpc_response_table, body, f.length, &response, &arena, NULL), 0);
	return response.status ? response.status->code : RPC_OK;
}

TEST(unknown_services_and_methods_are_unimplemented_by_name)
{
	prepare();
	request("some.Other", "State", "box", "");
	CHECK_INT(answer(), RPC_UNIMPLEMENTED);
	CHECK_STR(response.status->message, "service some.Other");
	request("containerd.runtime.sandbox.v1.Sandbox", "PortForward", "box", "");
	CHECK_INT(answer(), RPC_UNIMPLEMENTED);
	CHECK_STR(response.status->message, "method PortForward");
	request("containerd.task.v2.Task", "StartSandbox", "box", "");
	CHECK_INT(answer(), RPC_UNIMPLEMENTED);
	finish();
}

TEST(who_is_not_there_is_not_found)
{
	prepare();
	request("containerd.task.v2.Task", "State", "nobody", "");
	CHECK_INT(answer(), RPC_NOT_FOUND);
	CHECK_STR(response.status->message, "container not created: not found");
	box.init.status = STATUS_RUNNING;
	task("State", "x");
	CHECK_INT(answer(), RPC_NOT_FOUND);
	CHECK_STR(response.status->message, "process does not exist x: not found");
	task("Connect", "");
	CHECK_INT(answer(), RPC_OK);
	finish();
}

TEST(one_that_is_just_being_made_is_waited_for_but_state_is_told_at_once)
{
	prepare();
	task("State", "");
	CHECK_INT(answer(), RPC_NOT_FOUND);
	task("Kill", "");
	CHECK_INT(answer(), -1);
	CHECK(box.parked != NULL);
	box.init.status = STATUS_CREATED;
	container_unpark(&box);
	CHECK_INT(answer(), RPC_FAILED_PRECONDITION);
	CHECK_STR(response.status->message, "process not created");
	CHECK(box.parked == NULL);
	finish();
}

TEST(what_changes_a_container_as_a_whole_waits_its_turn)
{
	prepare();
	box.init.status = STATUS_CREATED;
	box.workers = 1;
	task("Pause", "");
	task("Resume", "");
	CHECK_INT(answer(), -1);
	task("State", "");
	CHECK_INT(answer(), RPC_OK);
	container_worker_ended(&box);
	CHECK_INT(answer(), RPC_FAILED_PRECONDITION);
	CHECK_STR(response.status->message, "cannot pause a created container");
	CHECK_INT(answer(), RPC_FAILED_PRECONDITION);
	CHECK_STR(response.status->message, "cannot resume a created process");
	CHECK_INT(answer(), -1);
	finish();
}

TEST(a_sandbox_is_asked_by_its_own_service)
{
	prepare();
	box.init.status = STATUS_RUNNING;
	box.is_sandbox = true;
	request("containerd.runtime.sandbox.v1.Sandbox", "PingSandbox", "box", "");
	CHECK_INT(answer(), RPC_OK);
	request("containerd.runtime.sandbox.v1.Sandbox", "Platform", "any", "");
	CHECK_INT(answer(), RPC_OK);
	box.init.reaped = true;
	box.init.status = STATUS_STOPPED;
	request("containerd.runtime.sandbox.v1.Sandbox", "PingSandbox", "box", "");
	CHECK_INT(answer(), RPC_UNAVAILABLE);
	request("containerd.runtime.sandbox.v1.Sandbox", "StopSandbox", "box", "");
	CHECK_INT(answer(), RPC_OK);
	finish();
}
