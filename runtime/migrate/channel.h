/* SPDX-License-Identifier: Apache-2.0 */
/* channel.h - frames over a stream: ssh's standard descriptors, or TLS
 *
 * One thread, no callbacks: a send blocks until the bytes are on their way, a
 * wait returns for a frame or for one of the caller's own descriptors.  While
 * either blocks, the other side is heard (its ABORT ends a send at once), told
 * every second that we live, and given up after the silence that is allowed.
 */
#ifndef SKERRY_MIGRATE_CHANNEL_H
#define SKERRY_MIGRATE_CHANNEL_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/migrate/frame.h"

/* Bytes in and out that don't block: the count, 0 at the end (read), -1 with errno. */
struct tls;
struct stream {
	int in, out; /* for poll(2); one descriptor for both with TLS */
	struct tls *tls; /* or NULL */
};

struct channel {
	struct stream stream;
	unsigned char *input, *output;
	size_t in_len, in_used, out_len; /* in_used: of the frame handed out last */
	int64_t heard, said; /* milliseconds of CLOCK_MONOTONIC */
	int silence_ms; /* after which the other side is given up */
	uint64_t sent, received; /* bytes of all */
	uint64_t rate; /* bytes a second that are sent at most; 0: as many as go */
	int64_t budget_at; /* when the next byte of that rate is due (microseconds) */
	bool ended;
	int interrupt; /* a signalfd(2) whose signals end a wait, or -1 */
};
#define CHANNEL_SILENCE_MS 30000

int channel_open(struct channel *c, const struct stream *s, struct err *err);
void channel_close(struct channel *c);

/* Puts one frame behind those that wait to go; data in two parts, the second may be empty. */
struct bytes {
	const void *v;
	size_t n;
};
int channel_send(struct channel *c, enum frame_type type, struct bytes head, struct bytes data,
		 struct err *err);
int channel_send_message(struct channel *c, enum frame_type type, const void *message,
			 struct err *err);
int channel_flush(struct channel *c, struct err *err);
/* ABORT with these words, as far as it can still be said. */
void channel_abort(struct channel *c, const struct err *why);

/* Flushes and waits until a frame is there (1), one of fds[] has what is asked of it or the time
 * is up (0; fds' revents say which); -1: the other side aborted, ended, is silent. */
int channel_wait(struct channel *c, struct pollfd *fds, size_t n, int timeout_ms, struct err *err);
/* The next frame, waited for as long as it takes; its body is good until the next wait. */
int channel_receive(struct channel *c, struct frame *ret, struct err *err);
/* The frame that channel_wait() has seen. */
int channel_take(struct channel *c, struct frame *ret, struct err *err);
/* The next frame has to be this one; its message into dst. */
int channel_expect(struct channel *c, enum frame_type type, void *dst, struct arena *arena,
		   struct err *err);

int64_t clock_ms(void);
int64_t clock_us(void);

#endif
