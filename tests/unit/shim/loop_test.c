/* SPDX-License-Identifier: Apache-2.0 */
/* loop_test.c - timers in their order, sources that take themselves out */
#include "runtime/shim/loop.h"

#include <sys/epoll.h>

#include "base/fd.h"
#include "tests/unit/test.h"

static struct loop loop;
static char order[16];

#define TIMER(name, letter)                \
 static void fired_##name(struct timer *t) \
 {                                         \
  (void)t;                                 \
  order[strlen(order)] = (letter);         \
 }
TIMER(a, 'a')
TIMER(b, 'b')
TIMER(c, 'c')

static void quit(struct timer *t)
{
	(void)t;
	loop.stop = true;
}

TEST(timers_fire_in_the_order_of_their_times)
{
	struct timer a = { .fired = fired_a }, b = { .fired = fired_b }, c = { .fired = fired_c };
	struct timer end = { .fired = quit };
	int64_t now = loop_now();

	memset(order, 0, sizeof(order));
	REQUIRE(loop_init(&loop, NULL) == 0);
	timer_start(&loop, &end, now + 20000000);
	timer_start(&loop, &c, now + 3000000);
	timer_start(&loop, &a, now + 1000000);
	timer_start(&loop, &b, now + 50000000000LL);
	timer_start(&loop, &b, now + 2000000); /* another time */
	CHECK(a.set && b.set);
	CHECK_INT(loop_run(&loop, NULL), 0);
	CHECK_STR(order, "abc");
	CHECK(!a.set && !loop.timers);
	(void)fd_close(loop.epoll);
}

TEST(a_timer_that_was_stopped_does_not_fire)
{
	struct timer a = { .fired = fired_a }, end = { .fired = quit };

	memset(order, 0, sizeof(order));
	REQUIRE(loop_init(&loop, NULL) == 0);
	timer_start(&loop, &a, loop_now());
	timer_stop(&loop, &a);
	timer_stop(&loop, &a);
	timer_start(&loop, &end, loop_now() + 2000000);
	CHECK_INT(loop_run(&loop, NULL), 0);
	CHECK_STR(order, "");
	(void)fd_close(loop.epoll);
}

static struct source first, second;
static int calls;

/* Both are ready; whichever comes first takes the other one out. */
static void ready(struct source *s, uint32_t events)
{
	(void)events;
	calls++;
	loop_close(&loop, s == &first ? &second : &first);
	loop.stop = calls > 3;
}

TEST(a_handler_may_remove_any_source)
{
	int one[2], two[2];

	calls = 0;
	REQUIRE(loop_init(&loop, NULL) == 0 && pipe(one) == 0 && pipe(two) == 0);
	first = (struct source){ .fd = one[0], .ready = ready };
	second = (struct source){ .fd = two[0], .ready = ready };
	CHECK_INT(loop_watch(&loop, &first, EPOLLIN), 0);
	CHECK_INT(loop_watch(&loop, &second, EPOLLIN), 0);
	CHECK(write(one[1], "x", 1) == 1 && write(two[1], "x", 1) == 1);
	CHECK_INT(loop_run(&loop, NULL), 0);
	CHECK_INT(calls, 4);
	CHECK((first.fd < 0) != (second.fd < 0));
	(void)fd_close(loop.epoll);
}

TEST(a_regular_file_cannot_be_watched)
{
	FILE *f = tmpfile();

	REQUIRE(f && loop_init(&loop, NULL) == 0);
	first = (struct source){ .fd = fileno(f), .ready = ready };
	CHECK_INT(loop_watch(&loop, &first, EPOLLIN), -1);
	(void)fclose(f);
	(void)fd_close(loop.epoll);
}
