/* SPDX-License-Identifier: Apache-2.0 */
/* events.c - what happens to tasks, told to containerd in order
 *
 * containerd.services.events.ttrpc.v1.Events, method Forward.  The connection
 * is made when there is something to say and kept; a containerd that was
 * restarted is found again by trying, at growing distances.  An event that it
 * answers with an error is sent REFUSED_MAX times, then given up: it would
 * hold up all others.
 */
#include "runtime/shim/events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "runtime/shim/server.h"

#define SECOND	     1000000000LL
#define ANSWER_TIME  (5 * SECOND)
#define RETRY_FIRST  (SECOND / 10)
#define RETRY_MAX    (5 * SECOND)
#define REFUSED_MAX  5
#define ANSWER_MAX   ((size_t)64 << 10)
#define PUBLISH_TIME 10000 /* ms */
#define PREFIX	     "containerd.events."

struct event {
	struct event *next;
	const char *topic, *type; /* literals */
	struct timestamp time;
	size_t len;
	char message[];
};

struct timestamp timestamp_now(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &t); /* cannot fail for this clock */
	return (struct timestamp){ .seconds = t.tv_sec, .nanos = (int32_t)t.tv_nsec };
}

static void advance(struct events *e);

static void drop_first(struct events *e)
{
	struct event *gone = e->first;

	e->first = gone->next;
	if (!e->first)
		e->last = &e->first;
	e->n--;
	free(gone);
}

static void event_any(const struct event *v, char type[64], struct any *ret)
{
	(void)snprintf(type, 64, PREFIX "%s", v->type);
	*ret = (struct any){ .type_url = type, .value = { .v = v->message, .n = v->len } };
}

/* --- over ttrpc --------------------------------------------------------------------- */

static void disconnect(struct events *e)
{
	loop_close(e->loop, &e->source);
	buf_release(&e->out);
	buf_release(&e->in);
	buf_init(&e->out);
	buf_init_max(&e->in, ANSWER_MAX);
	e->sent = 0;
	e->sending = false;
}

static void try_again(struct events *e)
{
	int64_t wait = RETRY_FIRST << (e->failures < 6 ? e->failures : 6);

	disconnect(e);
	e->failures++;
	timer_start(e->loop, &e->timer, loop_now() + (wait < RETRY_MAX ? wait : RETRY_MAX));
}

static int flush(struct events *e)
{
	while (e->sent < e->out.len) {
		ssize_t n = send(e->source.fd, e->out.s + e->sent, e->out.len - e->sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return loop_watch(e->loop, &e->source, EPOLLIN | EPOLLOUT);
		if (n < 0)
			return -1;
		e->sent += (size_t)n;
	}
	return loop_watch(e->loop, &e->source, EPOLLIN);
}

static void put_request(struct events *e, struct event *v)
{
	static const char service[] = "containerd.services.events.ttrpc.v1.Events";
	unsigned char header[FRAME_HEADER];
	char type[64], ns_key[] = "containerd-namespace-ttrpc", method[] = "Forward";
	char service_name[sizeof(service)], ns[256];
	struct key_value meta = { .key = ns_key, .value = ns };
	struct any any;
	struct envelope envelope = { .timestamp = &v->time, .event = &any };
	struct forward_request forward = { .envelope = &envelope };
	struct rpc_request rpc = { .service = service_name,
				   .method = method,
				   .timeout_nano = ANSWER_TIME,
				   .metadata = { .v = &meta, .n = 1 } };
	struct frame f = { .type = FRAME_REQUEST };
	char topic[32];
	AUTO_BUF payload;

	buf_init(&payload);
	memcpy(service_name, service, sizeof(service));
	(void)str_copy(ns, sizeof(ns), e->namespace);
	(void)str_copy(topic, sizeof(topic), v->topic);
	envelope.namespace = ns;
	envelope.topic = topic;
	event_any(v, type, &any);
	wire_encode(&forward_request_table, &forward, &payload);
	rpc.payload = (struct wire_bytes){ .v = payload.s, .n = payload.len };
	f.length = (uint32_t)wire_size(&rpc_request_table, &rpc);
	f.stream = e->stream;
	frame_format(&f, header);
	buf_clear(&e->out);
	e->sent = 0;
	buf_add(&e->out, header, sizeof(header));
	wire_encode(&rpc_request_table, &rpc, &e->out);
}

static int connect_now(struct events *e)
{
	const char *path = e->address;
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	AUTO_FD fd = -1;

	if (str_starts(path, "unix://"))
		path += strlen("unix://");
	if (str_copy(to.sun_path, sizeof(to.sun_path), path) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return -1;
	e->source.fd = fd_take(&fd);
	e->stream = UINT32_MAX; /* the first one is 1 */
	return 0;
}

static void send_first(struct events *e)
{
	if (e->source.fd < 0 && connect_now(e) < 0) {
		try_again(e);
		return;
	}
	e->stream += 2;
	put_request(e, e->first);
	e->sending = true;
	if (buf_failed(&e->out) || flush(e) < 0) {
		try_again(e);
		return;
	}
	timer_start(e->loop, &e->timer, loop_now() + ANSWER_TIME);
}

/* The event was taken, or is given up. */
static void finish_first(struct events *e)
{
	timer_stop(e->loop, &e->timer);
	drop_first(e);
	e->sending = false;
	e->failures = 0;
	e->refused = 0;
	advance(e);
}

static void take_answer(struct events *e, const struct frame *f)
{
	struct rpc_response response = { 0 };
	struct arena arena;
	bool good;

	if (f->type != FRAME_RESPONSE || f->stream != e->stream || !e->sending)
		return;
	arena_init(&arena, ANSWER_MAX * 2);
	good = wire_decode(&rpc_response_table, e->in.s + FRAME_HEADER, f->length, &response,
			   &arena, NULL) == 0 &&
	       (!response.status || response.status->code == RPC_OK);
	arena_release(&arena);
	if (good) {
		finish_first(e);
	} else if (++e->refused >= REFUSED_MAX) {
		e->dropped++;
		finish_first(e);
	} else {
		try_again(e);
	}
}

static void events_ready(struct source *s, uint32_t events)
{
	struct events *e = OWNER(s, struct events, source);
	char chunk[1024];
	struct frame f;
	ssize_t n;

	if ((events & EPOLLOUT) && flush(e) < 0) {
		try_again(e);
		return;
	}
	if (!(events & ~(uint32_t)EPOLLOUT))
		return;
	n = recv(s->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		buf_add(&e->in, chunk, (size_t)n);
	if (n <= 0 || buf_failed(&e->in)) {
		/* Gone while nothing was on its way: connect again when there is. */
		if (e->sending)
			try_again(e);
		else
			disconnect(e);
		return;
	}
	while (e->source.fd >= 0 && e->in.len >= FRAME_HEADER) {
		frame_parse((const unsigned char *)e->in.s, &f);
		if (f.length > ANSWER_MAX) {
			try_again(e);
			return;
		}
		if (e->in.len < FRAME_HEADER + f.length)
			return;
		take_answer(e, &f);
		if (e->in.len >= FRAME_HEADER + f.length) { /* not disconnected */
			memmove(e->in.s, e->in.s + FRAME_HEADER + f.length,
				e->in.len - FRAME_HEADER - f.length);
			e->in.len -= FRAME_HEADER + f.length;
		}
	}
}

static void timer_fired(struct timer *t)
{
	struct events *e = OWNER(t, struct events, timer);

	if (e->sending)
		try_again(e);
	else
		advance(e);
}

/* --- by the program ------------------------------------------------------------------ */

/* `containerd --address A publish --topic T --namespace N`, the event on standard input. */
static void publish_work(void *arg, struct report *r)
{
	struct events *e = arg;
	char topic[64], address[512], ns[256], type[64];
	char *const argv[] = { (char[]){ "containerd" },
			       (char[]){ "--address" },
			       address,
			       (char[]){ "publish" },
			       (char[]){ "--topic" },
			       topic,
			       (char[]){ "--namespace" },
			       ns,
			       NULL };
	struct proc_run run = { .path = e->binary,
				.argv = argv,
				.stdout_fd = -1,
				.stderr_fd = -1,
				.timeout_ms = PUBLISH_TIME };
	struct any any;
	AUTO_BUF input;
	int status;

	buf_init(&input);
	event_any(e->first, type, &any);
	wire_encode(&any_table, &any, &input);
	run.input = input.s;
	run.input_len = input.len;
	r->rc = -1;
	if (str_copy(topic, sizeof(topic), e->first->topic) < 0 ||
	    str_copy(address, sizeof(address), e->grpc_address) < 0 ||
	    str_copy(ns, sizeof(ns), e->namespace) < 0)
		return;
	status = proc_run(&run, &r->err);
	r->rc = status == 0 ? 0 : -1;
}

static void publish_done(void *arg, struct report *r)
{
	struct events *e = arg;

	e->publishing = false;
	if (r->rc == 0) {
		finish_first(e);
	} else if (++e->refused >= REFUSED_MAX) {
		e->dropped++;
		finish_first(e);
	} else {
		try_again(e);
	}
}

/* --- the queue ------------------------------------------------------------------------ */

/* Does what can be done now. */
static void advance(struct events *e)
{
	if (!e->first || e->sending || e->publishing || e->timer.set)
		return;
	if (e->address[0]) {
		send_first(e);
	} else if (e->binary[0]) {
		e->publishing = worker_start(e->workers, publish_work, e, publish_done, NULL) == 0;
		if (!e->publishing)
			try_again(e);
	} else {
		finish_first(e); /* nobody to tell */
	}
}

void events_init(struct events *e, struct loop *loop, struct workers *workers)
{
	e->loop = loop;
	e->workers = workers;
	e->source = (struct source){ .fd = -1, .ready = events_ready };
	e->timer = (struct timer){ .fired = timer_fired };
	e->last = &e->first;
	buf_init(&e->out);
	buf_init_max(&e->in, ANSWER_MAX);
}

/* The oldest that is no exit and not on its way. */
static void make_room(struct events *e)
{
	struct event **at = &e->first;

	if (*at && (e->sending || e->publishing))
		at = &(*at)->next;
	while (*at && strcmp((*at)->topic, "/tasks/exit") == 0)
		at = &(*at)->next;
	if (*at) {
		struct event *gone = *at;

		*at = gone->next;
		if (e->last == &gone->next)
			e->last = at;
		e->n--;
		e->dropped++;
		free(gone);
	}
}

void events_publish(struct events *e, const char *topic, const char *type,
		    const struct wire_table *table, const void *message)
{
	struct event *v;
	AUTO_BUF bytes;

	buf_init(&bytes);
	wire_encode(table, message, &bytes);
	if (e->n >= EVENTS_MAX)
		make_room(e);
	v = calloc(1, sizeof(*v) + bytes.len);
	if (!v || buf_failed(&bytes)) {
		free(v);
		e->dropped++;
		return;
	}
	v->topic = topic;
	v->type = type;
	v->time = timestamp_now();
	v->len = bytes.len;
	memcpy(v->message, bytes.s, bytes.len);
	*e->last = v;
	e->last = &v->next;
	e->n++;
	advance(e);
}

void events_release(struct events *e)
{
	timer_stop(e->loop, &e->timer);
	disconnect(e);
	buf_release(&e->out);
	buf_release(&e->in);
	while (e->first)
		drop_first(e);
}

bool events_are_out(const struct events *e)
{
	return !e->first;
}
