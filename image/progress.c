/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c - how far a pull or push is: bars, lines or JSON
 *
 * The whole picture leaves with one write(2), so that it never tears.  The
 * rate is that of the last seconds (a moving mean), the time left follows
 * from it.
 */
#include "image/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/plain.h"

#define DRAW_MS	   100
#define NAME_WIDTH 12
#define BAR_MAX	   40
#define COLUMNS	   80
#define ROWS_MAX   40

struct item {
	char name[NAME_WIDTH + 1];
	enum progress_state state;
	uint64_t total, done;
	/* of the moving mean */
	uint64_t mark_done, mark_ms;
	double rate; /* bytes a second */
};

struct progress {
	enum progress_mode mode;
	struct item *items;
	size_t n, cap;
	size_t drawn; /* lines that are on the screen */
	uint64_t drawn_ms;
	bool changed;
};

static const char *const state_words[] = {
	[PROGRESS_WAITING] = "waiting",	    [PROGRESS_MOVING] = "moving",
	[PROGRESS_UNPACKING] = "unpacking", [PROGRESS_DONE] = "done",
	[PROGRESS_EXISTS] = "exists",
};

static uint64_t now_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int progress_mode_parse(const char *text, enum progress_mode *ret, struct err *err)
{
	static const struct {
		const char *word;
		enum progress_mode mode;
	} words[] = {
		{ "bars", PROGRESS_BARS }, { "tty", PROGRESS_BARS },  { "plain", PROGRESS_PLAIN },
		{ "json", PROGRESS_JSON }, { "none", PROGRESS_NONE }, { "quiet", PROGRESS_NONE },
	};
	if (strcmp(text, "auto") == 0) {
		*ret = isatty(STDERR_FILENO) ? PROGRESS_BARS : PROGRESS_PLAIN;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(text, words[i].word) == 0) {
			*ret = words[i].mode;
			return 0;
		}
	}
	return err_set(err, EINVAL,
		       "invalid value \"%s\" for --progress: auto, bars, plain, json or none",
		       text);
}

struct progress *progress_new(enum progress_mode mode)
{
	struct progress *p = calloc(1, sizeof(*p));
	if (p)
		p->mode = mode;
	return p;
}

void progress_bytes(uint64_t bytes, char *dst, size_t size)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	double v = (double)bytes;
	size_t u = 0;
	while (v >= 1000.0 && u + 1 < ARRAY_SIZE(units)) {
		v /= 1000.0;
		u++;
	}
	(void)!snprintf(dst, size, u == 0 || v >= 100.0 ? "%.0f %s" : "%.1f %s", v, units[u]);
}

void progress_time(uint64_t seconds, char *dst, size_t size)
{
	unsigned long long s = seconds;
	if (s >= 3600)
		(void)!snprintf(dst, size, "%lluh%02llum", s / 3600, s / 60 % 60);
	else if (s >= 60)
		(void)!snprintf(dst, size, "%llum%02llus", s / 60, s % 60);
	else
		(void)!snprintf(dst, size, "%llus", s);
}

static void emit(const struct buf *b)
{
	/* a terminal that is gone must not end the pull */
	if (!buf_failed(b))
		(void)!fd_write_full(STDERR_FILENO, b->s, b->len);
}

static void json_line(const struct item *i)
{
	struct json_out o;
	AUTO_BUF b;
	buf_init(&b);
	json_out_init(&o, &b, 0);
	json_begin_object(&o);
	json_kv_string(&o, "layer", i->name);
	json_kv_string(&o, "state", state_words[i->state]);
	json_kv_uint(&o, "done", i->done);
	json_kv_uint(&o, "total", i->total);
	json_end_object(&o);
	buf_putc(&b, '\n');
	emit(&b);
}

static void plain_line(const struct item *i)
{
	char total[16];
	AUTO_BUF b;
	buf_init(&b);
	progress_bytes(i->total, total, sizeof(total));
	buf_printf(&b, "%s: %s (%s)\n", i->name, state_words[i->state], total);
	emit(&b);
}

size_t progress_add(struct progress *p, const char *name, uint64_t total)
{
	if (!p)
		return 0;
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 16;
		struct item *items = realloc(p->items, cap * sizeof(*items));
		if (!items)
			return p->n;
		p->items = items;
		p->cap = cap;
	}
	struct item *i = &p->items[p->n];
	*i = (struct item){ .total = total, .mark_ms = now_ms() };
	const char *colon = strchr(name, ':');
	(void)!str_copy(i->name, sizeof(i->name), colon ? colon + 1 : name);
	p->changed = true;
	return p->n++;
}

void progress_set(struct progress *p, size_t item, enum progress_state state, uint64_t done)
{
	if (!p || item >= p->n)
		return;
	struct item *i = &p->items[item];
	bool news = i->state != state;
	if (!news && i->done == done)
		return;
	i->state = state;
	i->done = done;
	p->changed = true;
	if (!news)
		return;
	if (p->mode == PROGRESS_PLAIN && state != PROGRESS_WAITING && state != PROGRESS_UNPACKING)
		plain_line(i);
	if (p->mode == PROGRESS_JSON)
		json_line(i);
}

/* Bytes a second, smoothed. */
static void measure(struct item *i, uint64_t now)
{
	uint64_t span = now - i->mark_ms;
	if (span < 500)
		return;
	double rate = (double)(i->done - (i->done > i->mark_done ? i->mark_done : i->done)) *
		      1000.0 / (double)span;
	i->rate = i->rate > 0.0 ? 0.7 * i->rate + 0.3 * rate : rate;
	i->mark_done = i->done;
	i->mark_ms = now;
}

static void draw_moving(struct buf *b, struct item *i, unsigned int bar, uint64_t now)
{
	char done[16], total[16], rate[16], left[16];
	measure(i, now);
	progress_bytes(i->done, done, sizeof(done));
	progress_bytes(i->total, total, sizeof(total));
	unsigned int full =
		i->total ? (unsigned int)((double)bar * (double)i->done / (double)i->total) : 0;
	buf_putc(b, '[');
	for (unsigned int c = 0; c < bar; c++)
		buf_puts(b, c < full ? "=" : c == full ? ">" : " ");
	if (i->rate >= 1.0 && i->total >= i->done) {
		progress_bytes((uint64_t)i->rate, rate, sizeof(rate));
		progress_time((uint64_t)((double)(i->total - i->done) / i->rate), left,
			      sizeof(left));
		buf_printf(b, " %s/s %s", rate, left);
	}
}

static void draw_item(struct buf *b, struct item *i, unsigned int columns, uint64_t now)
{
	char total[16];
	unsigned int room = columns > 60 ? columns - 60 : 4;
	buf_printf(b, "\033[2K%-*s ", NAME_WIDTH, i->name);
	if (i->state == PROGRESS_MOVING) {
		draw_moving(b, i, room < BAR_MAX ? room : BAR_MAX, now);
	} else {
		progress_bytes(i->total, total, sizeof(total));
		buf_printf(b, "%s %s", state_words[i->state], total);
	}
	buf_puts(b, "\r\n");
}

static void draw(struct progress *p, const char *between)
{
	struct winsize w;
	AUTO_BUF b;
	buf_init(&b);
	unsigned int columns = COLUMNS, rows = ROWS_MAX;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0) {
		columns = w.ws_col;
		rows = w.ws_row > 2 ? w.ws_row - 1U : rows;
	}
	if (p->drawn > 0)
		buf_printf(&b, "\033[%zuA", p->drawn);
	if (between) {
		buf_puts(&b, "\033[2K");
		plain_put(&b, between); /* a registry's words */
		buf_puts(&b, "\r\n");
	}
	/* what doesn't fit the screen could not be drawn over */
	size_t first = p->n > rows ? p->n - rows : 0;
	uint64_t now = now_ms();
	for (size_t i = first; i < p->n; i++)
		draw_item(&b, &p->items[i], columns, now);
	p->drawn = p->n - first;
	p->drawn_ms = now;
	p->changed = false;
	emit(&b);
}

void progress_draw(struct progress *p)
{
	if (!p || !p->changed || now_ms() - p->drawn_ms < DRAW_MS)
		return;
	if (p->mode == PROGRESS_BARS) {
		draw(p, NULL);
	} else if (p->mode == PROGRESS_JSON) {
		for (size_t i = 0; i < p->n; i++) {
			if (p->items[i].state == PROGRESS_MOVING)
				json_line(&p->items[i]);
		}
		p->drawn_ms = now_ms();
		p->changed = false;
	}
}

void progress_say(struct progress *p, const char *text)
{
	AUTO_BUF b;
	buf_init(&b);
	if (!p || p->mode == PROGRESS_NONE)
		return;
	if (p->mode == PROGRESS_BARS) {
		draw(p, text);
		return;
	}
	if (p->mode == PROGRESS_JSON) {
		struct json_out o;
		json_out_init(&o, &b, 0);
		json_begin_object(&o);
		json_kv_string(&o, "message", text);
		json_end_object(&o);
		buf_putc(&b, '\n');
	} else {
		plain_put(&b, text);
		buf_putc(&b, '\n');
	}
	emit(&b);
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	if (p->mode == PROGRESS_BARS && p->n > 0)
		draw(p, NULL);
	free(p->items);
	free(p);
}
