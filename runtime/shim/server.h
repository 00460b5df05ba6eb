/* SPDX-License-Identifier: Apache-2.0 */
/* server.h - the server's side of ttrpc
 *
 * A frame is ten bytes (length, stream, type, flags; big-endian) and a message.
 * Every method of the Task service is unary: one request, one response, in any
 * order.  A call is answered exactly once, now or later; whoever keeps it
 * may be told that nobody waits for the answer any more (call_keep()).
 *
 * https://github.com/containerd/ttrpc/blob/main/PROTOCOL.md
 */
#ifndef SKERRY_SHIM_SERVER_H
#define SKERRY_SHIM_SERVER_H

#include "runtime/shim/loop.h"
#include "runtime/shim/messages.h"

#define FRAME_HEADER 10
#define FRAME_MAX    ((uint32_t)4 << 20)

enum frame_type { FRAME_REQUEST = 1, FRAME_RESPONSE = 2, FRAME_DATA = 3 };
struct frame {
	uint32_t length, stream;
	uint8_t type, flags;
};
void frame_parse(const unsigned char header[FRAME_HEADER], struct frame *ret);
void frame_format(const struct frame *f, unsigned char header[FRAME_HEADER]);

/* gRPC's codes that containerd tells apart. */
enum rpc_code {
	RPC_OK = 0,
	RPC_UNKNOWN = 2,
	RPC_INVALID_ARGUMENT = 3,
	RPC_DEADLINE_EXCEEDED = 4,
	RPC_NOT_FOUND = 5,
	RPC_ALREADY_EXISTS = 6,
	RPC_RESOURCE_EXHAUSTED = 8,
	RPC_FAILED_PRECONDITION = 9,
	RPC_UNIMPLEMENTED = 12,
	RPC_INTERNAL = 13,
	RPC_UNAVAILABLE = 14,
};

struct conn;
struct call {
	struct call *next; /* for whoever keeps it */
	struct conn *conn; /* NULL: the client has gone */
	struct call *conn_next; /* of the same connection */
	uint32_t stream;
	int64_t deadline; /* loop_now(), 0: none */
	struct timer timer;
	void (*cancel)(struct call *c); /* takes it off the keeper's list; see call_keep() */
	void *keeper;
	char *frame; /* the request's bytes */
	struct arena arena; /* what was decoded of it */
	struct rpc_request rpc;
};

struct server {
	struct loop *loop;
	struct source listener;
	struct conn *conns;
	unsigned int n_conns;
	void (*handle)(struct call *c, void *arg);
	void *arg;
};

/* Serves a listening socket, which becomes the server's. */
int server_init(struct server *s, struct loop *loop, int listener, struct err *err);
/* One more connection; takes the descriptor. 0 or -1. */
int server_add(struct server *s, int fd);
/* No new connections. */
void server_close_listener(struct server *s);
/* Is anything still to be sent? */
bool server_is_flushed(const struct server *s);

/* The request's message; on failure the call is answered and -1 comes back. */
int call_decode(struct call *c, const struct wire_table *table, void *dst);
/* Both end the call. */
void call_reply(struct call *c, const struct wire_table *table, const void *message);
void call_reply_bytes(struct call *c, const void *message, size_t len);
void call_fail(struct call *c, enum rpc_code code, const char *format, ...) PRINTF(3, 4);
/* Kept without its request's memory until somebody answers it; at its deadline or when the client
 * goes cancel() is called and the call ends by itself. */
void call_keep(struct call *c, void (*cancel)(struct call *c), void *keeper);

/* Appends `text` with what is no UTF-8 replaced: Go refuses a whole message for it. */
void text_clean(struct buf *out, const char *text);

#endif
