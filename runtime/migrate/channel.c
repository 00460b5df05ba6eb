/* SPDX-License-Identifier: Apache-2.0 */
/* channel.c - frames over a stream, in both directions at once */
#include "runtime/migrate/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/migrate/tls.h"

#define OUTPUT_SIZE ((size_t)512 << 10)
#define INPUT_SIZE  (FRAME_HEAD + FRAME_BODY_MAX)
#define PING_MS	    1000
#define FDS_MAX	    4 /* of a caller */
#define USEC	    1000000

int64_t clock_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * USEC + t.tv_nsec / 1000;
}

int64_t clock_ms(void)
{
	return clock_us() / 1000;
}

static ssize_t stream_read(const struct stream *s, void *data, size_t size)
{
	ssize_t n;

	if (s->tls)
		return tls_read(s->tls, data, size);
	do
		n = read(s->in, data, size);
	while (n < 0 && errno == EINTR);
	return n;
}

static ssize_t stream_write(const struct stream *s, const void *data, size_t size)
{
	ssize_t n;

	if (s->tls)
		return tls_write(s->tls, data, size);
	do
		n = write(s->out, data, size);
	while (n < 0 && errno == EINTR);
	return n;
}

int channel_open(struct channel *c, const struct stream *s, struct err *err)
{
	*c = (struct channel){ .stream = *s, .silence_ms = CHANNEL_SILENCE_MS, .interrupt = -1 };
	c->input = malloc(INPUT_SIZE);
	c->output = malloc(OUTPUT_SIZE);
	if (!c->input || !c->output) {
		channel_close(c);
		return err_set(err, ENOMEM, "out of memory");
	}
	c->heard = c->said = clock_ms();
	if (fd_set_nonblock(s->in, true) < 0 || fd_set_nonblock(s->out, true) < 0)
		return err_sys(err, "the connection");
	return 0;
}

void channel_close(struct channel *c)
{
	if (c->stream.tls)
		tls_free(c->stream.tls);
	if (c->stream.out != c->stream.in)
		(void)fd_close(c->stream.out);
	(void)fd_close(c->stream.in);
	(void)fd_close(c->interrupt);
	free(c->input);
	free(c->output);
	*c = (struct channel){ .stream = { .in = -1, .out = -1 }, .ended = true, .interrupt = -1 };
}

/* --- in ---------------------------------------------------------------------------- */

/* Is there a whole frame?  1, 0, -1: one that can't be. */
static int has_frame(const struct channel *c, struct frame *ret, struct err *err)
{
	const size_t have = c->in_len - c->in_used;

	if (have < FRAME_HEAD)
		return 0;
	if (frame_parse_head(c->input + c->in_used, ret, err) < 0)
		return -1;
	if (have < FRAME_HEAD + ret->size)
		return 0;
	ret->body = c->input + c->in_used + FRAME_HEAD;
	return 1;
}

static int aborted(const struct frame *f, struct err *err)
{
	struct arena arena;
	struct outcome o;

	arena_init(&arena, FRAME_BODY_MAX);
	if (frame_decode(f, &o, &arena, err) == 0)
		err_set_(err, o.code && o.code < 4096 ? (int)o.code : ECANCELED,
			 "the other side: %.440s", o.text ? o.text : "gave up");
	arena_release(&arena);
	return -1;
}

/* Drops PINGs in front, and fails for an ABORT. 1: another frame is there. */
static int look(struct channel *c, struct err *err)
{
	struct frame f;
	int rc;

	while ((rc = has_frame(c, &f, err)) == 1) {
		if (f.type == FRAME_ABORT)
			return aborted(&f, err);
		if (f.type != FRAME_PING)
			return 1;
		c->in_used += FRAME_HEAD;
	}
	return rc;
}

/* What the stream has right now. */
static int fill(struct channel *c, struct err *err)
{
	ssize_t n;

	if (c->in_used) {
		memmove(c->input, c->input + c->in_used, c->in_len - c->in_used);
		c->in_len -= c->in_used;
		c->in_used = 0;
	}
	while (c->in_len < INPUT_SIZE) {
		n = stream_read(&c->stream, c->input + c->in_len, INPUT_SIZE - c->in_len);
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0) {
			c->ended = true;
			return err_sys(err, "the connection to the other side");
		}
		if (n == 0) {
			c->ended = true;
			return err_set(err, EPIPE, "the connection to the other side ended");
		}
		c->in_len += (size_t)n;
		c->received += (uint64_t)n;
		c->heard = clock_ms();
		if (c->in_len >= FRAME_HEAD + FRAME_BULK)
			break; /* the rest can wait in the socket */
	}
	return 0;
}

/* An end of the stream with frames before it: those first. */
static int fill_and_look(struct channel *c, struct err *err)
{
	struct err ended = { 0 };
	int rc = fill(c, &ended);
	int seen = look(c, err);

	if (seen != 0)
		return seen;
	if (rc < 0 && err)
		*err = ended;
	return rc;
}

/* --- out ---------------------------------------------------------------------------- */

static int interrupted(struct err *err)
{
	err_set_(err, EINTR, "interrupted");
	return -1;
}

static int too_silent(const struct channel *c, struct err *err)
{
	if (clock_ms() - c->heard < c->silence_ms)
		return 0;
	return err_set(err, ETIMEDOUT, "nothing was heard of the other side for %d s",
		       c->silence_ms / 1000);
}

static short read_events(const struct channel *c)
{
	return c->ended ? 0 : POLLIN;
}

/* One look at the stream while a write waits for room.  The other side may be busy with what it
 * has got, so its silence counts from our last byte that went. */
static int wait_for_room(struct channel *c, int64_t since, struct err *err)
{
	struct pollfd p[3] = { { .fd = c->stream.out, .events = POLLOUT },
			       { .fd = c->stream.in, .events = read_events(c) },
			       { .fd = c->interrupt, .events = POLLIN } };

	if (c->in_len - c->in_used >= FRAME_HEAD + FRAME_BULK)
		p[1].events = 0;
	if (poll(p, 3, PING_MS) < 0 && errno != EINTR)
		return err_sys(err, "poll");
	if (p[2].revents)
		return interrupted(err);
	if ((p[1].revents & (POLLIN | POLLHUP | POLLERR)) && p[1].events &&
	    fill_and_look(c, err) < 0)
		return -1;
	if (clock_ms() - since > c->silence_ms && clock_ms() - c->heard > c->silence_ms)
		return err_set(err, ETIMEDOUT, "the other side took nothing for %d s",
			       c->silence_ms / 1000);
	return 0;
}

static int write_failed(struct channel *c, int code, struct err *err)
{
	/* Why it ended may have been said. */
	if (fill_and_look(c, err) < 0)
		return -1;
	return err_set(err, code, "the connection to the other side: %s", strerrordesc_np(code));
}

int channel_flush(struct channel *c, struct err *err)
{
	int64_t since = clock_ms();
	size_t done = 0;

	while (done < c->out_len) {
		ssize_t n = stream_write(&c->stream, c->output + done, c->out_len - done);

		if (n > 0) {
			done += (size_t)n;
			since = clock_ms();
			continue;
		}
		if (n < 0 && errno != EAGAIN)
			return write_failed(c, errno, err);
		if (wait_for_room(c, since, err) < 0)
			return -1;
	}
	c->sent += c->out_len;
	if (c->out_len)
		c->said = clock_ms();
	c->out_len = 0;
	return 0;
}

/* Sleeps until the rate allows for more; what is bulk counts only. */
static int pace(struct channel *c, size_t size, struct err *err)
{
	int64_t now = clock_us();

	if (!c->rate)
		return 0;
	if (c->budget_at < now)
		c->budget_at = now;
	c->budget_at += (int64_t)((uint64_t)size * USEC / c->rate);
	while (c->budget_at - now > 20000) {
		struct pollfd p = { .fd = c->stream.in, .events = read_events(c) };
		int64_t ms = (c->budget_at - now) / 1000;

		if (channel_flush(c, err) < 0)
			return -1;
		if (poll(&p, 1, ms > PING_MS ? PING_MS : (int)ms) > 0 && fill_and_look(c, err) < 0)
			return -1;
		now = clock_us();
	}
	return 0;
}

int channel_send(struct channel *c, enum frame_type type, struct bytes head, struct bytes data,
		 struct err *err)
{
	const size_t size = head.n + data.n;

	if (size > FRAME_BODY_MAX)
		return err_set(err, EMSGSIZE, "a frame %s of %zu bytes", frame_name(type), size);
	if (data.n && pace(c, data.n, err) < 0)
		return -1;
	if (c->out_len && c->out_len + FRAME_HEAD + size > OUTPUT_SIZE && channel_flush(c, err) < 0)
		return -1;
	frame_format_head(type, size, c->output + c->out_len);
	c->out_len += FRAME_HEAD;
	for (int part = 0; part < 2; part++) {
		const struct bytes *b = part ? &data : &head;
		size_t done = 0;

		while (done < b->n) {
			size_t n = b->n - done;

			if (n > OUTPUT_SIZE - c->out_len)
				n = OUTPUT_SIZE - c->out_len;
			memcpy(c->output + c->out_len, (const char *)b->v + done, n);
			c->out_len += n;
			done += n;
			if (c->out_len == OUTPUT_SIZE && channel_flush(c, err) < 0)
				return -1;
		}
	}
	return 0;
}

int channel_send_message(struct channel *c, enum frame_type type, const void *message,
			 struct err *err)
{
	const struct wire_table *table = frame_table(type);
	AUTO_BUF body;

	buf_init_max(&body, FRAME_BODY_MAX);
	if (table)
		wire_encode(table, message, &body);
	if (buf_failed(&body))
		return err_set(err, EMSGSIZE, "a frame %s is too large", frame_name(type));
	return channel_send(c, type, (struct bytes){ body.s, body.len }, (struct bytes){ NULL, 0 },
			    err);
}

void channel_abort(struct channel *c, const struct err *why)
{
	char text[ERR_MSG_MAX];
	struct outcome o = { .text = text, .code = why->code > 0 ? (uint32_t)why->code : 0 };
	struct err ignored = { 0 };

	if (c->ended || !c->output || str_format(text, sizeof(text), "%s", why->msg) < 0)
		return;
	/* Never wait long for a side that may be gone. */
	c->silence_ms = PING_MS;
	if (channel_send_message(c, FRAME_ABORT, &o, &ignored) == 0)
		(void)channel_flush(c, &ignored);
}

/* --- waiting -------------------------------------------------------------------------- */

static int say_ping(struct channel *c, struct err *err)
{
	const struct bytes none = { NULL, 0 };

	if (clock_ms() - c->said < PING_MS)
		return 0;
	return channel_send(c, FRAME_PING, none, none, err) < 0 ? -1 : channel_flush(c, err);
}

/* One poll(2) of at most a second: what the stream brings is looked at.  1: a frame is there;
 * else 0 and in *ret_ready how many of fds[] have something. */
static int wait_once(struct channel *c, struct pollfd *fds, size_t n, int64_t left, int *ret_ready,
		     struct err *err)
{
	struct pollfd p[2 + FDS_MAX] = { { .fd = c->stream.in, .events = POLLIN },
					 { .fd = c->interrupt, .events = POLLIN } };
	int ready, rc = 0;

	for (size_t i = 0; i < n; i++)
		p[2 + i] = fds[i];
	ready = poll(p, 2 + n, left > PING_MS ? PING_MS : (int)left);
	if (ready < 0 && errno != EINTR)
		return err_sys(err, "poll");
	if (ready > 0 && p[1].revents)
		return interrupted(err);
	if (ready > 0 && p[0].revents) {
		rc = fill_and_look(c, err);
		ready--;
	}
	for (size_t i = 0; i < n; i++) {
		fds[i].revents = 0;
		if (ready > 0)
			fds[i].revents = p[2 + i].revents;
	}
	*ret_ready = ready;
	return rc;
}

int channel_wait(struct channel *c, struct pollfd *fds, size_t n, int timeout_ms, struct err *err)
{
	const int64_t until = timeout_ms < 0 ? INT64_MAX : clock_ms() + timeout_ms;

	if (n > FDS_MAX)
		return err_set(err, EINVAL, "too many descriptors to wait for");
	if (channel_flush(c, err) < 0)
		return -1;
	for (;;) {
		int64_t left = until - clock_ms();
		int ready = 0, rc = look(c, err);

		/* More than poll(2) knows may be in the library's buffer. */
		if (rc == 0 && c->stream.tls && tls_pending(c->stream.tls))
			rc = fill_and_look(c, err);
		if (rc == 0)
			rc = wait_once(c, fds, n, left > 0 ? left : 0, &ready, err);
		if (rc != 0)
			return rc;
		if (say_ping(c, err) < 0 || too_silent(c, err) < 0)
			return -1;
		if (ready > 0 || clock_ms() >= until)
			return 0;
	}
}

int channel_take(struct channel *c, struct frame *ret, struct err *err)
{
	int rc = look(c, err);

	if (rc <= 0)
		return rc < 0 ? -1 : err_set(err, EAGAIN, "no frame is there");
	if (has_frame(c, ret, err) <= 0)
		return -1;
	c->in_used += FRAME_HEAD + ret->size;
	return 0;
}

int channel_receive(struct channel *c, struct frame *ret, struct err *err)
{
	int rc;

	do
		rc = channel_wait(c, NULL, 0, -1, err);
	while (rc == 0);
	return rc < 0 ? -1 : channel_take(c, ret, err);
}

int channel_expect(struct channel *c, enum frame_type type, void *dst, struct arena *arena,
		   struct err *err)
{
	struct frame f;

	if (channel_receive(c, &f, err) < 0)
		return -1;
	if (f.type != type)
		return err_set(err, EBADMSG, "the other side said %s where %s was to come",
			       frame_name(f.type), frame_name(type));
	return frame_table(type) ? frame_decode(&f, dst, arena, err) : 0;
}
