/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_top.c - skerry net top: what networks make of their shares, live
 *
 * The shares are those that plugin shape recorded; the kernel counts what went
 * through each class.  A rate is the difference of two counts; the first line
 * of a network is all of it, those below are its containers with rates of their
 * own.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "cni/link.h"
#include "cni/net/verb.h"
#include "cni/plugins/shape/config.h"
#include "cni/plugins/shape/htb.h"
#include "cni/plugins/shape/shape.h"

#define TREES_MAX    64
#define BITS	     8
#define NS_PER_S     1000000000LL
#define INTERVAL     NS_PER_S
#define INTERVAL_MIN 10000000LL
#define INTERVAL_MAX (3600 * NS_PER_S)
#define CLEAR	     "\033[H\033[J"

struct top_options {
	struct net_options common;
	const char *interval, *count, *dir;
	bool json;
};

#define ROW(name_, letter_, kind_, member, value_, help_) \
 .name = (name_), .letter = (letter_), .kind = (kind_),   \
 .offset = offsetof(struct top_options, member), .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ ROW("interval", 'i', OPTION_STRING, interval, "TIME",
	      "between two looks (default: 1s)") },
	{ ROW("count", 'n', OPTION_STRING, count, "N", "end after so many (default: never)") },
	{ ROW("shares", 0, OPTION_STRING, dir, "DIR",
	      "where shares are recorded (default: " SHAPE_DIR ")") },
	{ ROW("json", 0, OPTION_FLAG, json, NULL, "a line of JSON per look") },
};

/* The classes of one device, now and at the look before. */
struct tree {
	char device[IFNAMSIZ];
	struct buf now, before; /* of struct htb_counts */
	struct timespec at, before_at;
};
struct top {
	struct rtnl rtnl;
	const char *dir;
	struct tree trees[TREES_MAX];
	size_t n;
};

struct line {
	const char *network, *container, *uplink;
	bool up;
	uint64_t guarantee;
	uint32_t minors[2]; /* whose drops count; the first's bytes */
	const struct shape_network *members; /* whose drops count too, or NULL */
};

static struct tree *find_tree(struct top *t, const char *device)
{
	struct tree *tree;

	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->trees[i].device, device) == 0)
			return &t->trees[i];
	if (t->n == TREES_MAX)
		return NULL;
	tree = &t->trees[t->n++];
	(void)str_copy(tree->device, sizeof(tree->device), device);
	buf_init(&tree->now);
	buf_init(&tree->before);
	return tree;
}

static int take_counts(const struct htb_counts *counts, void *data, struct err *err)
{
	struct buf *now = data;

	(void)err;
	if (counts)
		buf_add(now, counts, sizeof(*counts));
	else
		buf_clear(now);
	return 0;
}

static int look(struct top *t, struct tree *tree, struct err *err)
{
	const struct buf old = tree->before;
	struct link link;
	int found;

	tree->before = tree->now;
	tree->before_at = tree->at;
	tree->now = old;
	buf_clear(&tree->now);
	(void)clock_gettime(CLOCK_MONOTONIC, &tree->at);
	found = link_find(&t->rtnl, tree->device, &link, err);
	return found <= 0 ? found : htb_each(&t->rtnl, link.index, take_counts, &tree->now, err);
}

static struct htb_counts find_counts(const struct buf *all, uint32_t minor)
{
	struct htb_counts c = { 0 };

	for (size_t at = 0; minor && at + sizeof(c) <= all->len; at += sizeof(c)) {
		memcpy(&c, all->s + at, sizeof(c));
		if (c.minor == minor)
			return c;
	}
	return (struct htb_counts){ 0 };
}

/* Bits per second between the two looks. */
static uint64_t rate_of(const struct tree *tree, uint32_t minor)
{
	const struct htb_counts now = find_counts(&tree->now, minor),
				before = find_counts(&tree->before, minor);
	const int64_t ns = (tree->at.tv_sec - tree->before_at.tv_sec) * NS_PER_S +
			   (tree->at.tv_nsec - tree->before_at.tv_nsec);

	if (before.minor == 0 || now.bytes < before.bytes || ns <= 0)
		return 0;
	return (uint64_t)((double)(now.bytes - before.bytes) * BITS * (double)NS_PER_S /
			  (double)ns);
}

static uint64_t drops_of(const struct tree *tree, const struct line *l)
{
	uint64_t drops = 0;

	for (size_t i = 0; i < ARRAY_SIZE(l->minors); i++)
		drops += find_counts(&tree->now, l->minors[i]).drops;
	for (size_t i = 0; l->members && i < l->members->members.n; i++)
		drops += find_counts(&tree->now, l->members->members.v[i].minor).drops;
	return drops;
}

static int device_of(const struct line *l, char device[IFNAMSIZ])
{
	if (!l->up) {
		shape_ifb_name(l->uplink, device);
		return 0;
	}
	return str_copy(device, IFNAMSIZ, l->uplink);
}

static void write_line(struct top *t, const struct line *l, struct json_out *json, struct buf *out)
{
	char device[IFNAMSIZ], texts[3][SHAPE_RATE_TEXT];
	const struct tree *tree = device_of(l, device) == 0 ? find_tree(t, device) : NULL;
	const uint64_t rate = tree ? rate_of(tree, l->minors[0]) : 0;
	const uint64_t borrowed = rate > l->guarantee ? rate - l->guarantee : 0;
	const uint64_t drops = tree ? drops_of(tree, l) : 0;

	if (json) {
		json_begin_object(json);
		json_kv_string(json, "network", l->network);
		json_kv_string(json, "container", l->container);
		json_kv_string(json, "uplink", l->uplink);
		json_kv_string(json, "direction", l->up ? "up" : "down");
		json_kv_uint(json, "rate", rate);
		json_kv_uint(json, "guarantee", l->guarantee);
		json_kv_uint(json, "borrowed", borrowed);
		json_kv_uint(json, "dropped", drops);
		json_end_object(json);
		return;
	}
	shape_rate_format(rate, texts[0]);
	shape_rate_format(l->guarantee, texts[1]);
	shape_rate_format(borrowed, texts[2]);
	buf_printf(out, "%-16s %-20.20s %-15s %-4s %12s %12s %12s %10llu\n", l->network,
		   l->container ? l->container : "*", l->uplink, l->up ? "up" : "down", texts[0],
		   texts[1], texts[2], (unsigned long long)drops);
}

static void write_network(struct top *t, const struct shape_network *n, bool up,
			  struct json_out *json, struct buf *out)
{
	const struct line all = { .network = n->name,
				  .uplink = n->uplink,
				  .up = up,
				  .guarantee = n->rate,
				  .minors = { n->minor, n->minor + 1 },
				  .members = n };

	write_line(t, &all, json, out);
	for (size_t i = 0; i < n->members.n; i++) {
		const struct shape_member *m = &n->members.v[i];
		const struct line one = { .network = n->name,
					  .container = m->container,
					  .uplink = n->uplink,
					  .up = up,
					  .guarantee = up ? m->up_rate : m->down_rate,
					  .minors = { m->minor, 0 } };

		if (m->minor)
			write_line(t, &one, json, out);
	}
}

/* Counts of every tree of the record, once each. */
static int look_at_all(struct top *t, const struct shape_record *r, struct err *err)
{
	bool seen[TREES_MAX] = { false };

	for (size_t i = 0; i < r->networks.n; i++) {
		for (int up = 0; up <= 1; up++) {
			const struct line l = { .uplink = r->networks.v[i].uplink, .up = up };
			char device[IFNAMSIZ];
			struct tree *tree;

			if (device_of(&l, device) < 0)
				continue;
			tree = find_tree(t, device);
			if (!tree || seen[tree - t->trees])
				continue;
			seen[tree - t->trees] = true;
			if (look(t, tree, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int show(struct top *t, const struct shape_record *r, const struct top_options *o,
		struct err *err)
{
	struct json_out json;
	AUTO_BUF out;

	buf_init(&out);
	json_out_init(&json, &out, 0);
	if (o->json)
		json_begin_array(&json);
	else
		buf_printf(&out, "%s%-16s %-20s %-15s %-4s %12s %12s %12s %10s\n",
			   isatty(STDOUT_FILENO) ? CLEAR : "", "NETWORK", "CONTAINER", "UPLINK",
			   "WAY", "RATE", "GUARANTEE", "BORROWED", "DROPPED");
	for (size_t i = 0; i < r->networks.n; i++) {
		const struct shape_network *n = &r->networks.v[i];

		if (n->up)
			write_network(t, n, true, o->json ? &json : NULL, &out);
		if (n->down)
			write_network(t, n, false, o->json ? &json : NULL, &out);
	}
	if (o->json) {
		json_end_array(&json);
		buf_putc(&out, '\n');
	}
	return verb_print(&out, err);
}

static int tick(struct top *t, const struct top_options *o, bool first, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct shape_record record;
	int rc;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (shape_record_open(t->dir, false, &arena, &record, err) < 0)
		return -1;
	rc = look_at_all(t, &record, err);
	if (rc == 0 && !first)
		rc = show(t, &record, o, err);
	shape_record_close(&record);
	return rc;
}

static int run_top(struct net *n, const void *options, const struct option_args *args,
		   struct err *err)
{
	const struct top_options *o = options;
	struct top t = { .rtnl = RTNL_CLOSED, .dir = o->dir ? o->dir : SHAPE_DIR };
	uint64_t count = 0;
	int64_t interval = INTERVAL;
	int rc;

	(void)n;
	(void)args;
	if (o->count && units_u64(o->count, UINT32_MAX, &count) < 0)
		return err_set(err, EINVAL, "--count: \"%s\" is no number", o->count);
	if (o->interval && (units_duration(o->interval, &interval) < 0 || interval < INTERVAL_MIN ||
			    interval > INTERVAL_MAX))
		return err_set(err, EINVAL, "--interval: \"%s\" is no time from 10ms to 1h",
			       o->interval);
	if (rtnl_open(&t.rtnl, -1, err) < 0)
		return -1;
	rc = tick(&t, o, true, err);
	for (uint64_t i = 0; rc == 0 && (count == 0 || i < count); i++) {
		const struct timespec pause = { interval / NS_PER_S, interval % NS_PER_S };

		(void)nanosleep(&pause, NULL);
		rc = tick(&t, o, false, err);
	}
	for (size_t i = 0; i < t.n; i++) {
		buf_release(&t.trees[i].now);
		buf_release(&t.trees[i].before);
	}
	rtnl_close(&t.rtnl);
	return rc;
}

const struct verb verb_top = {
	.name = "top",
	.arguments = "",
	.summary = "what networks make of their shares of an uplink, live",
	.options = { rows, ARRAY_SIZE(rows), &verb_common },
	.size = sizeof(struct top_options),
	.run = run_top,
};
