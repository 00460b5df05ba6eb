/* SPDX-License-Identifier: Apache-2.0 */
/* ttrpc_fuzz.c - any bytes from a client, in pieces, to the shim's server
 *
 * The first byte of the input says how long the pieces are.  Oracle: no crash,
 * no sanitizer report; the server ends the connection and forgets every call;
 * each answer is a frame whose message decodes.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/shim/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct call *kept;
static struct loop loop;

static void must(bool good)
{
	if (!good)
		abort();
}

static void cancel(struct call *c)
{
	struct call **at = &kept;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
}

/* All that a handler may do with a call. */
static void handle(struct call *c, void *arg)
{
	(void)arg;
	switch (c->rpc.method[0] % 4) {
	case 0:
		call_fail(c, RPC_NOT_FOUND, "%s", c->rpc.service);
		break;
	case 1:
		call_keep(c, cancel, NULL);
		c->next = kept;
		kept = c;
		break;
	case 2: {
		struct process_request q;

		if (call_decode(c, &process_request_table, &q) == 0)
			call_reply(c, &process_request_table, &q);
		break;
	}
	default:
		call_reply_bytes(c, c->rpc.payload.v, c->rpc.payload.n);
	}
}

static void stop(struct timer *t)
{
	(void)t;
	loop.stop = true;
}

static void run_ready(void)
{
	struct timer t = { .fired = stop };

	loop.stop = false;
	timer_start(&loop, &t, loop_now());
	must(loop_run(&loop, NULL) == 0);
}

static void check_answers(int client)
{
	static unsigned char all[1 << 20];
	ssize_t n = recv(client, all, sizeof(all), MSG_DONTWAIT);
	size_t at = 0;

	while (n >= 0 && at + FRAME_HEADER <= (size_t)n) {
		struct rpc_response r;
		struct arena arena;
		struct frame f;

		frame_parse(all + at, &f);
		must(f.type == FRAME_RESPONSE && f.flags == 0);
		at += FRAME_HEADER;
		if (at + f.length > (size_t)n)
			break;
		arena_init(&arena, (size_t)8 << 20);
		must(wire_decode(&rpc_response_table, all + at, f.length, &r, &arena, NULL) == 0);
		arena_release(&arena);
		at += f.length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct server server = { .loop = &loop, .handle = handle };
	size_t piece, at = 1;
	int pair[2];

	if (size < 2)
		return 0;
	piece = data[0] ? data[0] : 1000;
	must(loop_init(&loop, NULL) == 0);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	must(server_add(&server, pair[1]) == 0);
	while (at < size && server.n_conns) {
		size_t n = size - at < piece ? size - at : piece;
		ssize_t sent = write(pair[0], data + at, n);

		if (sent > 0)
			at += (size_t)sent;
		run_ready();
		check_answers(pair[0]);
	}
	(void)fd_close(pair[0]);
	for (int i = 0; i < 1000 && server.n_conns; i++)
		run_ready();
	must(server.n_conns == 0 && !kept && !loop.timers);
	(void)fd_close(loop.epoll);
	return 0;
}
