/* SPDX-License-Identifier: Apache-2.0 */
/* loop.h - the shim's one thread: descriptors that become ready, and timers
 *
 * Sources and timers belong to their owners, who take them out before they go.
 * One event is taken from the kernel at a time, so that a handler may remove
 * any source, its own too.
 */
#ifndef SKERRY_SHIM_LOOP_H
#define SKERRY_SHIM_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The struct that has `member` in it. */
#define OWNER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct source {
	int fd; /* -1: none */
	bool watched;
	uint32_t events; /* EPOLL* it is watched for */
	void (*ready)(struct source *s, uint32_t events);
};
struct timer {
	struct timer *next;
	bool set;
	int64_t at; /* loop_now() */
	void (*fired)(struct timer *t);
};
struct loop {
	int epoll;
	struct timer *timers; /* the next first */
	bool stop;
	unsigned int copies; /* children that have our descriptors as well */
};

int loop_init(struct loop *l, struct err *err);
/* Until l->stop. */
int loop_run(struct loop *l, struct err *err);
/* CLOCK_MONOTONIC in nanoseconds. */
int64_t loop_now(void);

/* Watches s->fd for these events; 0 takes it out.  0, or -1 (EPERM: a file that is always ready). */
int loop_watch(struct loop *l, struct source *s, uint32_t events);
/* Takes it out and closes the descriptor. */
void loop_close(struct loop *l, struct source *s);

void timer_start(struct loop *l, struct timer *t, int64_t when);
void timer_stop(struct loop *l, struct timer *t);

#endif
