/* SPDX-License-Identifier: Apache-2.0 */
/* server.c - the server's side of ttrpc
 *
 * Connections are non-blocking: what a slow client does not take waits in its
 * output buffer (bounded: a client that never reads is dropped).  Only the
 * user who runs the shim may connect.
 */
#include "runtime/shim/server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

#define OUTPUT_MAX    ((size_t)16 << 20)
#define REQUEST_ARENA ((size_t)32 << 20)
#define CONNS_MAX     512
#define SKIP_CHUNK    4096
#define MESSAGE_MAX   2048 /* of an error */

struct conn {
	struct source source;
	struct server *server;
	struct conn *next;
	struct call *calls;
	unsigned char header[FRAME_HEADER];
	size_t n_header;
	struct frame frame;
	char *body; /* of frame.length bytes; NULL: none yet */
	size_t n_body;
	bool skip; /* the body is thrown away */
	uint32_t last_stream;
	struct buf out; /* what the client has not taken yet */
	size_t sent; /* of out */
	bool dead;
};

void frame_parse(const unsigned char h[FRAME_HEADER], struct frame *ret)
{
	ret->length = (uint32_t)h[0] << 24 | (uint32_t)h[1] << 16 | (uint32_t)h[2] << 8 | h[3];
	ret->stream = (uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 | (uint32_t)h[6] << 8 | h[7];
	ret->type = h[8];
	ret->flags = h[9];
}

void frame_format(const struct frame *f, unsigned char h[FRAME_HEADER])
{
	for (int i = 0; i < 4; i++) {
		h[i] = (unsigned char)(f->length >> (24 - 8 * i));
		h[4 + i] = (unsigned char)(f->stream >> (24 - 8 * i));
	}
	h[8] = f->type;
	h[9] = f->flags;
}

void text_clean(struct buf *out, const char *text)
{
	size_t len = strlen(text);

	for (size_t at = 0; at < len;) {
		size_t n = json_utf8_length(text + at, len - at);

		buf_add(out, n ? text + at : "?", n ? n : 1);
		at += n ? n : 1;
	}
}

/* --- calls --------------------------------------------------------------------- */

static void call_free_request(struct call *c)
{
	arena_release(&c->arena);
	free(c->frame);
	c->frame = NULL;
	c->rpc = (struct rpc_request){ 0 };
}

static void call_free(struct call *c)
{
	struct call **at;

	if (c->conn) {
		timer_stop(c->conn->server->loop, &c->timer);
		for (at = &c->conn->calls; *at; at = &(*at)->conn_next)
			if (*at == c) {
				*at = c->conn_next;
				break;
			}
	}
	call_free_request(c);
	free(c);
}

int call_decode(struct call *c, const struct wire_table *table, void *dst)
{
	struct err err = { 0 };

	if (wire_decode(table, c->rpc.payload.v, c->rpc.payload.n, dst, &c->arena, &err) == 0)
		return 0;
	call_fail(c, RPC_INVALID_ARGUMENT, "%s", err.msg);
	return -1;
}

/* --- output -------------------------------------------------------------------- */

static int conn_flush(struct conn *k)
{
	while (k->sent < k->out.len) {
		ssize_t n = send(k->source.fd, k->out.s + k->sent, k->out.len - k->sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return loop_watch(k->server->loop, &k->source, EPOLLIN | EPOLLOUT);
		if (n < 0)
			return -1;
		k->sent += (size_t)n;
	}
	buf_release(&k->out); /* the memory as well: most shims idle */
	buf_init_max(&k->out, OUTPUT_MAX);
	k->sent = 0;
	return loop_watch(k->server->loop, &k->source, EPOLLIN);
}

static void send_frame(struct conn *k, uint32_t stream, const struct buf *message)
{
	struct frame f = { .length = (uint32_t)message->len,
			   .stream = stream,
			   .type = FRAME_RESPONSE };
	unsigned char header[FRAME_HEADER];

	if (k->dead)
		return;
	frame_format(&f, header);
	buf_add(&k->out, header, sizeof(header));
	buf_add(&k->out, message->s, message->len);
	/* The handler of the connection tidies up; here we may be in the middle of one. */
	if (buf_failed(&k->out) || conn_flush(k) < 0) {
		k->dead = true;
		(void)shutdown(k->source.fd, SHUT_RDWR);
	}
}

static void send_status(struct conn *k, uint32_t stream, enum rpc_code code, const char *text)
{
	AUTO_BUF clean;
	AUTO_BUF out;

	buf_init(&clean);
	buf_init(&out);
	text_clean(&clean, text);
	wire_encode(&rpc_response_table,
		    &(struct rpc_response){ .status = &(struct rpc_status){ .code = (int32_t)code,
									    .message = clean.s } },
		    &out);
	if (!buf_failed(&out))
		send_frame(k, stream, &out);
}

void call_fail(struct call *c, enum rpc_code code, const char *format, ...)
{
	char text[MESSAGE_MAX];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (c->conn)
		send_status(c->conn, c->stream, code, text);
	call_free(c);
}

void call_reply_bytes(struct call *c, const void *message, size_t len)
{
	AUTO_BUF out;

	buf_init(&out);
	if (len > FRAME_MAX - 64) {
		call_fail(c, RPC_RESOURCE_EXHAUSTED,
			  "message length %zu exceed maximum message size of %u", len, FRAME_MAX);
		return;
	}
	wire_encode(&rpc_response_table,
		    &(struct rpc_response){ .payload = { .v = message, .n = len } }, &out);
	if (c->conn && !buf_failed(&out))
		send_frame(c->conn, c->stream, &out);
	call_free(c);
}

void call_reply(struct call *c, const struct wire_table *table, const void *message)
{
	AUTO_BUF out;

	buf_init(&out);
	wire_encode(table, message, &out);
	if (buf_failed(&out))
		call_fail(c, RPC_INTERNAL, "out of memory");
	else
		call_reply_bytes(c, out.s, out.len);
}

static void deadline_passed(struct timer *t)
{
	struct call *c = OWNER(t, struct call, timer);

	c->cancel(c);
	call_fail(c, RPC_DEADLINE_EXCEEDED, "context deadline exceeded");
}

void call_keep(struct call *c, void (*cancel)(struct call *c), void *keeper)
{
	call_free_request(c);
	c->cancel = cancel;
	c->keeper = keeper;
	c->timer.fired = deadline_passed;
	if (c->deadline && c->conn)
		timer_start(c->conn->server->loop, &c->timer, c->deadline);
}

/* --- input --------------------------------------------------------------------- */

static void conn_close(struct conn *k)
{
	struct server *s = k->server;

	while (k->calls) {
		struct call *c = k->calls;

		k->calls = c->conn_next;
		timer_stop(s->loop, &c->timer);
		c->conn = NULL;
		if (c->cancel) {
			c->cancel(c);
			call_free(c);
		}
	}
	for (struct conn **at = &s->conns; *at; at = &(*at)->next)
		if (*at == k) {
			*at = k->next;
			break;
		}
	s->n_conns--;
	loop_close(s->loop, &k->source);
	buf_release(&k->out);
	free(k->body);
	free(k);
}

static void decode_call(struct conn *k, struct call *c)
{
	struct err err = { 0 };

	if (wire_decode(&rpc_request_table, c->frame, k->frame.length, &c->rpc, &c->arena, &err) <
	    0) {
		call_fail(c, RPC_INVALID_ARGUMENT, "%s", err.msg);
		return;
	}
	/* A negative one: the deadline has passed already. */
	if (c->rpc.timeout_nano)
		c->deadline = loop_now() + (c->rpc.timeout_nano > 0 ? c->rpc.timeout_nano : 0);
	if (!c->rpc.service || !c->rpc.method) {
		call_fail(c, RPC_INVALID_ARGUMENT, "a request without service and method");
		return;
	}
	k->server->handle(c, k->server->arg);
}

static void take_frame(struct conn *k)
{
	struct call *c;

	k->n_header = 0;
	k->n_body = 0;
	if (k->skip || k->frame.type != FRAME_REQUEST) {
		free(take(&k->body));
		if (!k->skip && k->frame.type == FRAME_DATA)
			send_status(k, k->frame.stream, RPC_INVALID_ARGUMENT,
				    "StreamID is no longer active");
		k->skip = false;
		return;
	}
	if (k->frame.stream % 2 == 0 || k->frame.stream <= k->last_stream) {
		send_status(k, k->frame.stream, RPC_INVALID_ARGUMENT,
			    k->frame.stream % 2 == 0
				    ? "StreamID must be odd for client initiated streams"
				    : "StreamID cannot be re-used and must increment");
		free(take(&k->body));
		return;
	}
	k->last_stream = k->frame.stream;
	c = calloc(1, sizeof(*c));
	if (!c) {
		free(take(&k->body));
		send_status(k, k->frame.stream, RPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	arena_init(&c->arena, REQUEST_ARENA);
	c->conn = k;
	c->conn_next = k->calls;
	k->calls = c;
	c->stream = k->frame.stream;
	c->frame = take(&k->body);
	decode_call(k, c);
}

/* The header is there: where does the body go? */
static void begin_body(struct conn *k)
{
	frame_parse(k->header, &k->frame);
	if (k->frame.length > FRAME_MAX) {
		char text[96];

		(void)snprintf(text, sizeof(text),
			       "message length %u exceed maximum message size of %u",
			       k->frame.length, FRAME_MAX);
		send_status(k, k->frame.stream, RPC_RESOURCE_EXHAUSTED, text);
		k->skip = true;
		return;
	}
	k->body = malloc((size_t)k->frame.length + 1);
	k->skip = !k->body;
}

/* One read: 1 more may be there, 0 no more now, -1 the connection is over. */
static int conn_read(struct conn *k)
{
	char scrap[SKIP_CHUNK];
	void *to = k->header + k->n_header;
	size_t want = FRAME_HEADER - k->n_header;
	ssize_t n;

	if (k->n_header == FRAME_HEADER) {
		want = k->frame.length - k->n_body;
		to = k->skip ? scrap : k->body + k->n_body;
		if (k->skip && want > sizeof(scrap))
			want = sizeof(scrap);
	}
	n = recv(k->source.fd, to, want, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (n == 0)
		return -1;
	if (k->n_header < FRAME_HEADER) {
		k->n_header += (size_t)n;
		if (k->n_header < FRAME_HEADER)
			return 0;
		begin_body(k);
	} else {
		k->n_body += (size_t)n;
	}
	if (k->n_body == k->frame.length)
		take_frame(k);
	return 1;
}

static void conn_ready(struct source *s, uint32_t events)
{
	struct conn *k = OWNER(s, struct conn, source);
	int more = 1;

	if ((events & EPOLLOUT) && conn_flush(k) < 0)
		k->dead = true;
	/* A few frames at most, so that one client cannot keep the others waiting. */
	for (int i = 0; i < 16 && more > 0 && !k->dead && (events & ~(uint32_t)EPOLLOUT); i++)
		more = conn_read(k);
	if (more < 0 || k->dead)
		conn_close(k);
}

static bool is_ours(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == geteuid() &&
	       peer.gid == getegid();
}

int server_add(struct server *s, int fd)
{
	struct conn *k = calloc(1, sizeof(*k));

	if (!k)
		return -1;
	k->source = (struct source){ .fd = fd, .ready = conn_ready };
	k->server = s;
	buf_init_max(&k->out, OUTPUT_MAX);
	if (loop_watch(s->loop, &k->source, EPOLLIN) < 0) {
		free(k);
		return -1;
	}
	k->next = s->conns;
	s->conns = k;
	s->n_conns++;
	return 0;
}

static void listener_ready(struct source *source, uint32_t events)
{
	struct server *s = OWNER(source, struct server, listener);
	AUTO_FD fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0 && is_ours(fd) && s->n_conns < CONNS_MAX && server_add(s, fd) == 0)
		(void)fd_take(&fd);
}

int server_init(struct server *s, struct loop *loop, int listener, struct err *err)
{
	s->loop = loop;
	s->listener = (struct source){ .fd = listener, .ready = listener_ready };
	if (fd_set_cloexec(listener, true) < 0 || fd_set_nonblock(listener, true) < 0 ||
	    loop_watch(loop, &s->listener, EPOLLIN) < 0)
		return err_sys(err, "serve descriptor %d", listener);
	return 0;
}

void server_close_listener(struct server *s)
{
	loop_close(s->loop, &s->listener);
}

bool server_is_flushed(const struct server *s)
{
	for (const struct conn *k = s->conns; k; k = k->next)
		if (!k->dead && k->sent < k->out.len)
			return false;
	return true;
}
