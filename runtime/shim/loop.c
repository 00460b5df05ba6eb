/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c - the shim's one thread: descriptors that become ready, and timers
 *
 * epoll(7), level-triggered: what was not read now is told again.
 */
#include "runtime/shim/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>

#include "base/fd.h"

#define MS 1000000LL

int loop_init(struct loop *l, struct err *err)
{
	*l = (struct loop){ .epoll = epoll_create1(EPOLL_CLOEXEC) };
	return l->epoll < 0 ? err_sys(err, "epoll_create") : 0;
}

int64_t loop_now(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
	return (int64_t)t.tv_sec * 1000000000LL + t.tv_nsec;
}

int loop_watch(struct loop *l, struct source *s, uint32_t events)
{
	struct epoll_event e = { .events = events, .data = { .ptr = s } };
	int what = s->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (events == 0) {
		if (s->watched)
			(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, s->fd, NULL);
		s->watched = false;
		s->events = 0;
		return 0;
	}
	if (s->watched && s->events == events)
		return 0;
	if (epoll_ctl(l->epoll, what, s->fd, &e) < 0)
		return -1;
	s->watched = true;
	s->events = events;
	return 0;
}

void loop_close(struct loop *l, struct source *s)
{
	(void)loop_watch(l, s, 0);
	s->fd = fd_close(s->fd);
}

void timer_stop(struct loop *l, struct timer *t)
{
	struct timer **at = &l->timers;

	if (!t->set)
		return;
	while (*at && *at != t)
		at = &(*at)->next;
	if (*at)
		*at = t->next;
	t->set = false;
}

void timer_start(struct loop *l, struct timer *t, int64_t when)
{
	struct timer **at = &l->timers;

	timer_stop(l, t);
	t->at = when;
	while (*at && (*at)->at <= when)
		at = &(*at)->next;
	t->next = *at;
	*at = t;
	t->set = true;
}

/* Milliseconds until the first timer, rounded up; -1 without one. */
static int time_left(const struct loop *l)
{
	int64_t left;

	if (!l->timers)
		return -1;
	left = (l->timers->at - loop_now() + MS - 1) / MS;
	if (left < 0)
		return 0;
	return left > 1000000 ? 1000000 : (int)left;
}

static void fire_timers(struct loop *l)
{
	int64_t now = l->timers ? loop_now() : 0;

	while (l->timers && l->timers->at <= now) {
		struct timer *t = l->timers;

		l->timers = t->next;
		t->set = false;
		t->fired(t);
	}
}

int loop_run(struct loop *l, struct err *err)
{
	while (!l->stop) {
		struct epoll_event e;
		int n = epoll_wait(l->epoll, &e, 1, time_left(l));

		if (n < 0 && errno != EINTR)
			return err_sys(err, "epoll_wait");
		if (n > 0) {
			struct source *s = e.data.ptr;

			s->ready(s, e.events);
		}
		fire_timers(l);
	}
	return 0;
}
