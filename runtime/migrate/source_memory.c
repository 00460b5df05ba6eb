/* SPDX-License-Identifier: Apache-2.0 */
/* source_memory.c - rounds of memory until what is left takes little enough time
 *
 * After each round what the next one would send is guessed by what this one
 * has: the pages that were written to while it was on its way.  Rounds end when
 * those take no longer than --downtime, when they don't become fewer (three
 * times in a row above nine tenths of the one before), or when there were
 * --max-rounds of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/units.h"
#include "runtime/migrate/source.h"

#define DOWNTIME_MS 300
#define STUCK	    3
#define FIXED_MS    35 /* what a dump and a restore take at least */
#define MS	    1000000
#define SHORT_ROUND ((uint64_t)1 << 20)
#define SPEED	    ((uint64_t)64 << 20) /* until a round has shown it */

static int duration(const char *name, const char *text, int64_t otherwise, int64_t *ret_ms,
		    struct err *err)
{
	int64_t ns;

	*ret_ms = otherwise;
	if (!text)
		return 0;
	if (units_duration(text, &ns) < 0 || ns < 0)
		return err_set(err, EINVAL, "--%s: \"%s\" is no duration", name, text);
	*ret_ms = ns / MS;
	return 0;
}

/* For as long as a look takes, where it would miss something otherwise. */
static bool stand_still(struct source *s)
{
	if (!s->leaves_pages || !memory_wants_still(&s->memory))
		return false;
	if (s->hold.sock < 0) {
		AUTO_FD group = skerry_cgroup_open(s->skerry, s->id, NULL);

		if (group >= 0)
			hold_open(&s->hold, group);
	}
	return hold_begin(&s->hold);
}

static int one_round(struct source *s, uint64_t *ret_bytes, struct err *err)
{
	const struct round_end end = { s->rounds };
	struct skerry_error failed = { 0 };
	struct ack ack;
	pid_t *pids = NULL;
	size_t n = 0;
	const bool still = stand_still(s);
	int rc = skerry_pids(s->skerry, s->id, &pids, &n, &failed);

	rc = rc < 0 ? err_set(err, failed.code, "%s", failed.message)
		    : memory_look(&s->memory, pids, n, still, err);
	free(pids);
	if (still)
		hold_end(&s->hold);
	if (rc < 0 || memory_read(&s->memory, ret_bytes, err) < 0 ||
	    channel_send_message(&s->channel, FRAME_ROUND, &end, err) < 0)
		return -1;
	return channel_expect(&s->channel, FRAME_ACK, &ack, &s->arena, err);
}

/* Milliseconds for so many bytes at the speed of the last round. */
static int64_t time_for(uint64_t bytes, uint64_t per_second)
{
	return per_second ? (int64_t)(bytes * 1000 / per_second) : 0;
}

static int too_long(const struct source *s, int64_t predicted, int64_t most, struct err *err)
{
	return err_set(err, ETIME,
		       "it would stand still for about %lld ms, and --max-downtime is %lld ms: its "
		       "memory is written to faster than it can be sent (%u rounds)",
		       (long long)predicted, (long long)most, s->rounds);
}

/* What the rounds go by. */
struct convergence {
	int64_t wanted, most, predicted; /* milliseconds */
	uint64_t bytes, before, speed;
	unsigned int stuck;
};

/* One round and what it says about the next. */
static int advance(struct source *s, struct convergence *c, struct err *err)
{
	const int64_t began = clock_ms();
	int64_t took;

	s->rounds++;
	fault_point("round");
	c->before = c->bytes;
	if (one_round(s, &c->bytes, err) < 0)
		return -1;
	took = clock_ms() - began;
	if (took < 1)
		took = 1;
	/* A short round says little about the speed. */
	if (c->bytes > SHORT_ROUND)
		c->speed = c->bytes * 1000 / (uint64_t)took;
	c->predicted = FIXED_MS + time_for(c->bytes, c->speed);
	c->stuck = s->rounds > 2 && c->bytes > c->before - c->before / 10 ? c->stuck + 1 : 0;
	progress(
		s, "round",
		"%u: %llu KiB of %llu KiB read (%s) in %lld ms, %llu KiB/s, then %lld ms of standing still",
		s->rounds, (unsigned long long)(c->bytes >> 10),
		(unsigned long long)(s->memory.seen >> 10), memory_tracker(&s->memory),
		(long long)took, (unsigned long long)(c->speed >> 10), (long long)c->predicted);
	return 0;
}

int memory_rounds(struct source *s, struct err *err)
{
	const bool stop = s->o->mode && strcmp(s->o->mode, "stop") == 0;
	struct convergence c = { .speed = SPEED };

	if (s->o->mode && !stop && strcmp(s->o->mode, "precopy") != 0)
		return err_set(err, EINVAL, "--mode: \"%s\" is none of precopy, stop", s->o->mode);
	if (duration("downtime", s->o->downtime, DOWNTIME_MS, &c.wanted, err) < 0 ||
	    duration("max-downtime", s->o->max_downtime, 0, &c.most, err) < 0 ||
	    memory_init(&s->memory, &s->channel, err) < 0)
		return -1;
	s->leaves_pages = !s->o->lazy && !lazy_obstacle();
	while (!stop && s->rounds < s->o->max_rounds && c.stuck < STUCK) {
		if (advance(s, &c, err) < 0)
			return -1;
		if (s->rounds > 1 && c.predicted <= c.wanted)
			break;
	}
	hold_close(&s->hold);
	if (!s->leaves_pages)
		memory_rounds_end(&s->memory);
	return c.most && c.predicted > c.most ? too_long(s, c.predicted, c.most, err) : 0;
}
