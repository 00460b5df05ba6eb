/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_history.c - skerry history: how an image was made
 *
 * A step has an id where an image of the store is what it made: the last one
 * always, earlier ones where the base is here as well.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "image/cli/common.h"
#include "image/config.h"
#include "image/timestamp.h"

#define COMMAND_SHOWN 60 /* characters of it, unless all are wanted */

struct history_flags {
	const char *format;
	bool no_trunc, quiet, human;
};

#define ROW(name_, letter_, member, help_)                  \
 .name = (name_), .letter = (letter_), .kind = OPTION_FLAG, \
 .offset = offsetof(struct history_flags, member), .help = (help_)

static const struct option rows[] = {
	{ .name = "format",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct history_flags, format),
	  .value = "FORMAT",
	  .help = "table or json (default: table)" },
	{ ROW("human", 'H', human,
	      "sizes and times for people (default); --human=false: bytes, and times as in the "
	      "image") },
	{ ROW("no-trunc", 0, no_trunc, "show commands and ids whole") },
	{ ROW("quiet", 'q', quiet, "print ids only") },
};

struct history {
	const struct image *image;
	const struct image_config *config;
	struct digest *ids; /* of each step; unset: unknown */
	struct arena *arena;
};

/* The number of layers after the n-th entry: entries without a layer have none. */
static size_t layers_after(const struct image_config *c, size_t n)
{
	size_t layers = 0;
	for (size_t k = 0; k <= n; k++)
		layers += !c->history.v[k].empty_layer;
	return layers;
}

/* The size of the layer that the n-th entry made. */
static uint64_t size_of(const struct history *h, size_t n)
{
	size_t layers = layers_after(h->config, n);
	return h->config->history.v[n].empty_layer || layers > h->image->layers.n
		       ? 0
		       : h->image->layers.v[layers - 1].size;
}

/* --- ids ---------------------------------------------------------------------------- */

/* Every layer of `base` is one of `image`, from the first on. */
static bool begins_with(const struct image *image, const struct image *base)
{
	if (base->layers.n > image->layers.n)
		return false;
	for (size_t l = 0; l < base->layers.n; l++) {
		if (!digest_is_equal(&base->layers.v[l].diff_id, &image->layers.v[l].diff_id))
			return false;
	}
	return true;
}

static bool is_step(const struct config_history *a, const struct config_history *b)
{
	return str_eq(a->created, b->created) && str_eq(a->created_by, b->created_by) &&
	       str_eq(a->comment, b->comment) && a->empty_layer == b->empty_layer;
}

/* The image of the store that is this one's beginning, if it is. */
static void find_base(const struct store *s, struct history *h, const struct image *base)
{
	const struct image_config *c = h->config;
	struct image_config of_base;
	if (!begins_with(h->image, base) || common_config(s, base, &of_base, h->arena, NULL) < 0 ||
	    of_base.history.n == 0 || of_base.history.n >= c->history.n)
		return;
	for (size_t n = 0; n < of_base.history.n; n++) {
		if (!is_step(&of_base.history.v[n], &c->history.v[n]))
			return;
	}
	h->ids[of_base.history.n - 1] = base->config;
}

static int find_ids(const struct store *s, struct history *h, struct err *err)
{
	struct images all;
	h->ids = arena_array(h->arena, h->config->history.n + 1, sizeof(*h->ids));
	if (!h->ids)
		return err_set(err, ENOMEM, "out of memory");
	if (store_list_images(s, &all, h->arena, err) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++)
		find_base(s, h, &all.v[i]);
	if (h->config->history.n > 0)
		h->ids[h->config->history.n - 1] = h->image->config;
	return 0;
}

static const char *id_of(const struct history *h, size_t n, bool whole)
{
	const struct digest *d = &h->ids[n];
	return !digest_is_set(d)
		       ? "<missing>"
		       : arena_strndup(h->arena, digest_hex(d), whole ? DIGEST_TEXT_MAX : SHORT_ID);
}

/* --- output ------------------------------------------------------------------------- */

static void write_json(struct buf *out, const struct history *all)
{
	struct json_out o;
	json_out_init(&o, out, 2);
	json_begin_array(&o);
	for (size_t n = all->config->history.n; n-- > 0;) {
		const struct config_history *h = &all->config->history.v[n];
		json_begin_object(&o);
		if (digest_is_set(&all->ids[n]))
			json_kv_string(&o, "id", all->ids[n].text);
		json_kv_string(&o, "created", h->created);
		json_kv_string(&o, "createdBy", h->created_by);
		json_kv_string(&o, "comment", h->comment);
		json_kv_uint(&o, "size", size_of(all, n));
		json_kv_bool(&o, "emptyLayer", h->empty_layer);
		json_end_object(&o);
	}
	json_end_array(&o);
	buf_putc(out, '\n');
}

/* Of one step; NULL is out of memory. */
static void write_cells(const char *cells[], const struct history *all, size_t n,
			const struct history_flags *f)
{
	const struct config_history *h = &all->config->history.v[n];
	const char *by = h->created_by ? h->created_by : "";
	uint64_t bytes = size_of(all, n);
	char age[32], size[16];
	progress_bytes(bytes, size, sizeof(size));
	timestamp_age(timestamp_parse(h->created), time(NULL), age, sizeof(age));
	cells[0] = id_of(all, n, f->no_trunc);
	cells[1] = f->human || !h->created ? arena_strdup(all->arena, age) : h->created;
	cells[2] = f->no_trunc || strlen(by) <= COMMAND_SHOWN
			   ? by
			   : arena_printf(all->arena, "%.*s...", COMMAND_SHOWN - 3, by);
	cells[3] = f->human ? arena_strdup(all->arena, size)
			    : arena_printf(all->arena, "%llu", (unsigned long long)bytes);
	cells[4] = h->comment ? h->comment : "";
}

static int write_table(struct buf *out, const struct history *h, const struct history_flags *f)
{
	static const char *const heads[] = { "ID", "CREATED", "CREATED BY", "SIZE", "COMMENT" };
	enum { COLUMNS = ARRAY_SIZE(heads) };
	size_t n = h->config->history.n;
	const char **cells = arena_array(h->arena, (n + 1) * COLUMNS, sizeof(*cells));
	if (!cells)
		return -1;
	for (size_t c = 0; c < COLUMNS; c++)
		cells[c] = heads[c];
	for (size_t i = 0; i < n; i++)
		write_cells(cells + (i + 1) * COLUMNS, h, n - 1 - i, f);
	for (size_t i = 0; i < (n + 1) * COLUMNS; i++) {
		if (!cells[i])
			return -1;
	}
	print_table(out, cells, n + 1, COLUMNS);
	return 0;
}

static int write_ids(struct buf *out, const struct history *h, bool whole)
{
	for (size_t n = h->config->history.n; n-- > 0;) {
		const char *id = id_of(h, n, whole);
		if (!id)
			return -1;
		buf_printf(out, "%s\n", id);
	}
	return 0;
}

static int history(struct cli *cli, const void *options, const struct option_args *args,
		   struct err *err)
{
	const struct history_flags *f = options;
	struct image image;
	struct image_config config;
	struct history h = { &image, &config, NULL, &cli->arena };
	int rc = 0;
	AUTO_STORE *s = NULL;
	AUTO_BUF out;
	buf_init(&out);
	if (f->format && !str_eq(f->format, "json") && !str_eq(f->format, "table"))
		return err_set(err, EINVAL, "invalid value \"%s\" for --format: table or json",
			       f->format);
	if (common_store(true, &s, err) < 0 ||
	    common_find(s, args->v[0], &image, &cli->arena, err) < 0 ||
	    common_config(s, &image, &config, &cli->arena, err) < 0 || find_ids(s, &h, err) < 0)
		return -1;
	if (str_eq(f->format, "json"))
		write_json(&out, &h);
	else
		rc = f->quiet ? write_ids(&out, &h, f->no_trunc) : write_table(&out, &h, f);
	return rc < 0 ? err_set(err, ENOMEM, "out of memory") : print_buf(&out, err);
}

static const struct history_flags defaults = { .human = true };

const struct command verb_history = {
	.name = "history",
	.arguments = "IMAGE",
	.summary = "show how an image was made",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct history_flags),
	.defaults = &defaults,
	.min_args = 1,
	.max_args = 1,
	.run = history,
};
