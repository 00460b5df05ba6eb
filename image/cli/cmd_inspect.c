/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_inspect.c - skerry inspect and image exists: what an image is, and whether it is there */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "image/cli/common.h"
#include "image/config.h"
#include "image/manifest.h"

#define EXISTS_UNKNOWN 125 /* as podman */

struct inspect_flags {
	bool config, manifest;
	const char *format, *platform, *type;
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
	{ .name = "type",
	  .letter = 't',
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct inspect_flags, type),
	  .value = "TYPE",
	  .help = "image, container, or all: an image, else a container" },
	/* it is always there */
	{ .name = "size", .letter = 's', .kind = OPTION_IGNORED_FLAG },
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

static int inspect_image(struct cli *cli, const struct store *s, const char *typed,
			 const struct inspect_flags *f, struct json_out *o, struct err *err)
{
	struct image image;
	struct image_config config;
	if (common_find_for(s, typed, f->platform, &image, &cli->arena, err) < 0)
		return -1;
	if (f->config || f->manifest)
		return print_blob(s, f->config ? &image.config : &image.manifest, err);
	if (common_config(s, &image, &config, &cli->arena, err) < 0)
		return -1;
	write_image(o, &image, &config);
	return 0;
}

static int inspect_one(struct cli *cli, struct store *s, const char *typed,
		       const struct inspect_flags *f, struct json_out *o, struct err *err)
{
	bool blob = f->config || f->manifest;
	struct err why = { 0 };
	if (str_eq(f->type, "container"))
		return inspect_container(o, s, typed, &cli->arena, err);
	if (inspect_image(cli, s, typed, f, o, &why) == 0)
		return 0;
	/* a container's id, where no image has that name */
	if (why.code == ENOENT && !blob && str_eq(f->type, "all") &&
	    inspect_container(o, s, typed, &cli->arena, NULL) == 0)
		return 0;
	if (err)
		*err = why;
	return -1;
}

static int check_flags(const struct inspect_flags *f, struct err *err)
{
	if (f->format && !str_eq(f->format, "json"))
		return err_set(err, EINVAL, "invalid value \"%s\" for --format: json", f->format);
	if (!str_eq(f->type, "all") && !str_eq(f->type, "image") && !str_eq(f->type, "container"))
		return err_set(err, EINVAL,
			       "invalid value \"%s\" for --type: image, container or all", f->type);
	return 0;
}

/* What is there is shown, whatever else is not. */
static int inspect(struct cli *cli, const void *options, const struct option_args *args,
		   struct err *err)
{
	const struct inspect_flags *f = options;
	struct err why = { 0 };
	struct json_out o;
	AUTO_STORE *s = NULL;
	AUTO_BUF out;
	buf_init(&out);
	if (check_flags(f, err) < 0 || common_store(true, &s, err) < 0)
		return -1;
	json_out_init(&o, &out, 2);
	json_begin_array(&o);
	for (int i = 0; i < args->n; i++) {
		struct err now = { 0 };
		if (inspect_one(cli, s, args->v[i], f, &o, &now) == 0)
			continue;
		if (why.code)
			log_error(&why);
		why = now;
	}
	json_end_array(&o);
	buf_putc(&out, '\n');
	if (!f->config && !f->manifest && print_buf(&out, err) < 0)
		return -1;
	if (!why.code)
		return 0;
	if (err)
		*err = why;
	return -1;
}

static const struct inspect_flags of_all = { .type = "all" }, of_images = { .type = "image" };

const struct command verb_inspect = {
	.name = "inspect",
	.arguments = "IMAGE|CONTAINER...",
	.summary = "show what an image, or a container of one, is",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct inspect_flags),
	.defaults = &of_all,
	.min_args = 1,
	.max_args = -1,
	.run = inspect,
};

const struct command verb_image_inspect = {
	.name = "image inspect",
	.arguments = "IMAGE...",
	.summary = "show what an image is",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct inspect_flags),
	.defaults = &of_images,
	.min_args = 1,
	.max_args = -1,
	.run = inspect,
};

static int exists(struct cli *cli, const void *options, const struct option_args *args,
		  struct err *err)
{
	(void)options; /* has none */
	struct image image;
	struct err why = { 0 };
	AUTO_STORE *s = NULL;
	if (common_store(true, &s, err) == 0) {
		if (common_find(s, args->v[0], &image, &cli->arena, &why) == 0)
			return 0;
		if (why.code == ENOENT)
			return CLI_FAILED;
		*err = why;
	}
	/* that it can't be told is not that it isn't there */
	err->exit_code = EXISTS_UNKNOWN;
	return -1;
}

const struct command verb_exists = {
	.name = "exists",
	.arguments = "IMAGE",
	.summary = "exit with 0 if the store has the image, with 1 if not, saying nothing",
	.min_args = 1,
	.max_args = 1,
	.run = exists,
};
