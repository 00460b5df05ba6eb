/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_inspect.c - skerry inspect and history: what an image is */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "image/cli/common.h"
#include "image/config.h"
#include "image/manifest.h"
#include "image/timestamp.h"

struct inspect_flags {
	bool config, manifest;
	const char *format, *platform;
};

#define ROW(name_, member, help_)                                                        \
 .name = (name_), .kind = OPTION_FLAG, .offset = offsetof(struct inspect_flags, member), \
 .help = (help_)

static const struct option rows[] = {
	{ ROW("config", config, "print the config as it is in the image") },
	{ ROW("manifest", manifest, "print the manifest as the registry has it") },
	{ .name = "format",
	  .letter = 'f',
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct inspect_flags, format),
	  .value = "FORMAT",
	  .help = "json is the only one" },
	{ .name = "platform",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct inspect_flags, platform),
	  .value = "OS/ARCH[/VARIANT]",
	  .help = "the image of that name for another machine" },
};

static void write_layers(struct json_out *o, const struct image *i)
{
	json_key(o, "layers");
	json_begin_array(o);
	for (size_t l = 0; l < i->layers.n; l++) {
		const struct image_layer *layer = &i->layers.v[l];
		json_begin_object(o);
		json_kv_string(o, "diffId", layer->diff_id.text);
		json_kv_uint(o, "size", layer->size);
		if (digest_is_set(&layer->blob)) {
			json_kv_string(o, "digest", layer->blob.text);
			json_kv_uint(o, "blobSize", layer->blob_size);
		}
		if (layer->media_type)
			json_kv_string(o, "mediaType", layer->media_type);
		json_end_object(o);
	}
	json_end_array(o);
}

static void write_image(struct json_out *o, const struct image *i, const struct image_config *c)
{
	uint64_t size = 0;
	for (size_t l = 0; l < i->layers.n; l++)
		size += i->layers.v[l].size;
	json_begin_object(o);
	json_kv_string(o, "id", i->config.text);
	json_kv_string(o, "digest", i->manifest.text);
	json_key(o, "names");
	json_begin_array(o);
	for (size_t n = 0; n < i->names.n; n++)
		json_string(o, i->names.v[n]);
	json_end_array(o);
	json_kv_string(o, "mediaType", i->manifest_type);
	json_kv_string(o, "os", c->os);
	json_kv_string(o, "architecture", c->architecture);
	if (c->variant)
		json_kv_string(o, "variant", c->variant);
	json_kv_string(o, "created", c->created);
	if (c->author)
		json_kv_string(o, "author", c->author);
	if (i->source)
		json_kv_string(o, "source", i->source);
	json_kv_uint(o, "size", size);
	json_key(o, "config");
	config_write_process(o, &c->config);
	write_layers(o, i);
	json_end_object(o);
}

static int print_blob(const struct store *s, const struct digest *d, struct err *err)
{
	AUTO_BUF text;
	buf_init(&text);
	if (store_read_blob(s, d, CONFIG_SIZE_MAX, &text, err) < 0)
		return -1;
	return print_buf(&text, err);
}

static int inspect(struct cli *cli, const void *options, const struct option_args *args,
		   struct err *err)
{
	const struct inspect_flags *f = options;
	struct json_out o;
	AUTO_STORE *s = NULL;
	AUTO_BUF out;
	buf_init(&out);
	if (f->format && strcmp(f->format, "json") != 0)
		return err_set(err, EINVAL, "invalid value \"%s\" for --format: json", f->format);
	if (common_store(true, &s, err) < 0)
		return -1;
	json_out_init(&o, &out, 2);
	json_begin_array(&o);
	for (int i = 0; i < args->n; i++) {
		struct image image;
		struct image_config config;
		struct err why = { 0 };
		int found = common_find_for(s, args->v[i], f->platform, &image, &cli->arena, &why);
		/* a container's id, where no image has that name */
		if (found < 0 && why.code == ENOENT && !f->config && !f->manifest &&
		    inspect_container(&o, s, args->v[i], &cli->arena, NULL) == 0)
			continue;
		if (found < 0) {
			if (err)
				*err = why;
			return -1;
		}
		if (f->config || f->manifest) {
			if (print_blob(s, f->config ? &image.config : &image.manifest, err) < 0)
				return -1;
			continue;
		}
		if (common_config(s, &image, &config, &cli->arena, err) < 0)
			return -1;
		write_image(&o, &image, &config);
	}
	json_end_array(&o);
	buf_putc(&out, '\n');
	return f->config || f->manifest ? 0 : print_buf(&out, err);
}

const struct command verb_inspect = {
	.name = "inspect",
	.arguments = "IMAGE|CONTAINER...",
	.summary = "show what an image, or a container of one, is",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct inspect_flags),
	.min_args = 1,
	.max_args = -1,
	.run = inspect,
};

struct history_flags {
	const char *format;
	bool no_trunc;
};

static const struct option history_rows[] = {
	{ .name = "format",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct history_flags, format),
	  .value = "FORMAT",
	  .help = "table or json (default: table)" },
	{ .name = "no-trunc",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct history_flags, no_trunc),
	  .help = "show commands whole" },
};

/* The size of the layer that the n-th entry made: entries without a layer have none. */
static uint64_t layer_of(const struct image *i, const struct image_config *c, size_t n)
{
	size_t layer = 0;
	for (size_t k = 0; k < n; k++)
		layer += !c->history.v[k].empty_layer;
	return c->history.v[n].empty_layer || layer >= i->layers.n ? 0 : i->layers.v[layer].size;
}

static void history_json(struct buf *out, const struct image *i, const struct image_config *c)
{
	struct json_out o;
	json_out_init(&o, out, 2);
	json_begin_array(&o);
	for (size_t n = c->history.n; n-- > 0;) {
		const struct config_history *h = &c->history.v[n];
		json_begin_object(&o);
		json_kv_string(&o, "created", h->created);
		json_kv_string(&o, "createdBy", h->created_by);
		json_kv_string(&o, "comment", h->comment);
		json_kv_uint(&o, "size", layer_of(i, c, n));
		json_kv_bool(&o, "emptyLayer", h->empty_layer);
		json_end_object(&o);
	}
	json_end_array(&o);
	buf_putc(out, '\n');
}

static int history_table(struct arena *arena, struct buf *out, const struct image *i,
			 const struct image_config *c, bool whole)
{
	enum { COLUMNS = 4 };
	const char **cells = arena_array(arena, (c->history.n + 1) * COLUMNS, sizeof(*cells));
	if (!cells)
		return -1;
	size_t at = 0;
	cells[at++] = "CREATED";
	cells[at++] = "SIZE";
	cells[at++] = "CREATED BY";
	cells[at++] = "COMMENT";
	int64_t now = time(NULL);
	for (size_t n = c->history.n; n-- > 0;) {
		const struct config_history *h = &c->history.v[n];
		char age[32], size[16];
		timestamp_age(timestamp_parse(h->created), now, age, sizeof(age));
		progress_bytes(layer_of(i, c, n), size, sizeof(size));
		const char *by = h->created_by ? h->created_by : "";
		cells[at++] = arena_strdup(arena, age);
		cells[at++] = arena_strdup(arena, size);
		cells[at++] = whole || strlen(by) <= 60 ? by : arena_printf(arena, "%.57s...", by);
		cells[at++] = h->comment ? h->comment : "";
	}
	for (size_t n = 0; n < at; n++) {
		if (!cells[n])
			return -1;
	}
	print_table(out, cells, c->history.n + 1, COLUMNS);
	return 0;
}

static int history(struct cli *cli, const void *options, const struct option_args *args,
		   struct err *err)
{
	const struct history_flags *f = options;
	struct image image;
	struct image_config config;
	AUTO_STORE *s = NULL;
	AUTO_BUF out;
	buf_init(&out);
	if (common_store(true, &s, err) < 0 ||
	    common_find(s, args->v[0], &image, &cli->arena, err) < 0 ||
	    common_config(s, &image, &config, &cli->arena, err) < 0)
		return -1;
	if (f->format && strcmp(f->format, "json") == 0)
		history_json(&out, &image, &config);
	else if (f->format && strcmp(f->format, "table") != 0)
		return err_set(err, EINVAL, "invalid value \"%s\" for --format: table or json",
			       f->format);
	else if (history_table(&cli->arena, &out, &image, &config, f->no_trunc) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return print_buf(&out, err);
}

const struct command verb_history = {
	.name = "history",
	.arguments = "IMAGE",
	.summary = "show how an image was made",
	.options = { history_rows, ARRAY_SIZE(history_rows), NULL },
	.size = sizeof(struct history_flags),
	.min_args = 1,
	.max_args = 1,
	.run = history,
};
