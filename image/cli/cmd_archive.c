/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_archive.c - skerry save, load and import: images in files */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "image/archive.h"
#include "image/cli/build.h"
#include "image/cli/common.h"
#include "image/compose.h"
#include "image/layer.h"
#include "image/timestamp.h"

struct save_flags {
	const char *output, *format;
};

#define SAVE(name_, letter_, member, value_, help_)           \
 .name = (name_), .letter = (letter_), .kind = OPTION_STRING, \
 .offset = offsetof(struct save_flags, member), .value = (value_), .help = (help_)

static const struct option save_rows[] = {
	{ SAVE("output", 'o', output, "FILE", "write there (default: standard output)") },
	{ SAVE("format", 0, format, "FORMAT",
	       "docker-archive or oci-archive, which are one and the same here, or oci-dir "
	       "(default: docker-archive)") },
	{ .name = "quiet", .letter = 'q', .kind = OPTION_IGNORED_FLAG }, /* it says nothing */
};

static int find_images(struct cli *cli, const struct store *s, const struct option_args *args,
		       struct archive_image *list, struct err *err)
{
	for (int i = 0; i < args->n; i++) {
		struct archive_image *a = &list[i];
		if (common_find(s, args->v[i], &a->image, &cli->arena, err) < 0)
			return -1;
		/* the name that was asked for, or by an id all that it has */
		a->names = (const char *const *)a->image.names.v;
		a->n_names = a->image.names.n;
		const char *name = common_name(&a->image, args->v[i]);
		for (size_t k = 0; k < a->image.names.n; k++) {
			if (a->image.names.v[k] == name) {
				a->names = (const char *const *)&a->image.names.v[k];
				a->n_names = 1;
				break;
			}
		}
	}
	return 0;
}

static int save_dir(const struct store *s, const struct archive_image *list, size_t n,
		    const char *path, struct err *err)
{
	if (!path)
		return err_set(err, EINVAL, "--format oci-dir needs --output");
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return err_sys(err, "make \"%s\"", path);
	AUTO_FD dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, "open \"%s\"", path);
	return archive_save_layout(s, list, n, dir, err);
}

static int save(struct cli *cli, const void *options, const struct option_args *args,
		struct err *err)
{
	const struct save_flags *f = options;
	AUTO_STORE *s = NULL;
	struct archive_image *list = arena_array(&cli->arena, (size_t)args->n, sizeof(*list));
	bool dir = f->format && strcmp(f->format, "oci-dir") == 0;
	if (f->format && !dir && strcmp(f->format, "docker-archive") != 0 &&
	    strcmp(f->format, "oci-archive") != 0)
		return err_set(err, EINVAL, "invalid value \"%s\" for --format", f->format);
	if (!list)
		return err_set(err, ENOMEM, "out of memory");
	if (common_store(true, &s, err) < 0 || find_images(cli, s, args, list, err) < 0)
		return -1;
	if (dir)
		return save_dir(s, list, (size_t)args->n, f->output, err);
	if (!f->output && isatty(STDOUT_FILENO))
		return err_set(err, EINVAL, "an archive is nothing for a terminal: use --output");
	if (!f->output)
		return archive_save(s, list, (size_t)args->n, STDOUT_FILENO, err);
	AUTO_FD file = common_output_open(f->output, err);
	if (file < 0 || archive_save(s, list, (size_t)args->n, file, err) < 0)
		return -1;
	return common_output_finish(file, f->output, err);
}

const struct command verb_save = {
	.name = "save",
	.arguments = "IMAGE...",
	.summary = "write images into an archive",
	.description = "The archive is an OCI layout and docker's at once.\n",
	.options = { save_rows, ARRAY_SIZE(save_rows), NULL },
	.size = sizeof(struct save_flags),
	.min_args = 1,
	.max_args = -1,
	.run = save,
};

struct load_flags {
	const char *input, *name, *platform;
	bool quiet;
};

#define LOAD(name_, letter_, kind_, member, value_, help_) \
 .name = (name_), .letter = (letter_), .kind = (kind_),    \
 .offset = offsetof(struct load_flags, member), .value = (value_), .help = (help_)

static const struct option load_rows[] = {
	{ LOAD("input", 'i', OPTION_STRING, input, "FILE",
	       "an archive or a layout's directory (default: standard input)") },
	{ LOAD("name", 0, OPTION_STRING, name, "NAME", "name for an image that brings none") },
	{ LOAD("platform", 0, OPTION_STRING, platform, "OS/ARCH[/VARIANT]",
	       "image for another machine than this one") },
	{ LOAD("quiet", 'q', OPTION_FLAG, quiet, NULL, "print nothing") },
};

static void loaded(void *arg, const char *name, const struct digest *id)
{
	buf_printf(arg, "Loaded image: %s\n", name ? name : id->text);
}

static int load(struct cli *cli, const void *options, const struct option_args *args,
		struct err *err)
{
	(void)cli;
	const struct load_flags *f = options;
	AUTO_STORE *s = NULL;
	AUTO_BUF out;
	buf_init(&out);
	struct archive_load o = { .name = f->name,
				  .loaded = f->quiet ? NULL : loaded,
				  .arg = &out };
	const char *path = f->input ? f->input : args->n > 0 ? args->v[0] : NULL;
	AUTO_FD file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (path && file < 0)
		return err_sys(err, "open \"%s\"", path);
	if (!f->platform)
		platform_host(&o.platform);
	else if (platform_parse(f->platform, &o.platform, err) < 0)
		return -1;
	if (common_store(true, &s, err) < 0)
		return -1;
	if (archive_load(s, path ? file : STDIN_FILENO, &o, err) < 0)
		return err_wrap(err, "load \"%s\"", path ? path : "standard input");
	return print_buf(&out, err);
}

const struct command verb_load = {
	.name = "load",
	.arguments = "[FILE]",
	.summary = "read images from an archive",
	.options = { load_rows, ARRAY_SIZE(load_rows), NULL },
	.size = sizeof(struct load_flags),
	.max_args = 1,
	.run = load,
};

/* --- import ----------------------------------------------------------------------------------- */

struct import_flags {
	const char *message;
	struct option_list changes;
};

static const struct option import_rows[] = {
	{ .name = "message",
	  .letter = 'm',
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct import_flags, message),
	  .value = "TEXT",
	  .help = "a comment for the history" },
	{ .name = "change",
	  .letter = 'c',
	  .kind = OPTION_STRINGS,
	  .offset = offsetof(struct import_flags, changes),
	  .value = "INSTRUCTION",
	  .help = "a Dockerfile's instruction for the configuration: CMD, ENV, ..." },
	{ .name = "quiet", .letter = 'q', .kind = OPTION_IGNORED_FLAG }, /* the id is all it says */
};

static int compose_import(struct cli *cli, struct txn *txn, const struct layer_result *layer,
			  const struct import_flags *f, const char *name, struct err *err)
{
	struct platform host;
	char now[40];
	char *diff_ids[] = { arena_strdup(&cli->arena, layer->diff_id.text), NULL };
	static char by[] = "skerry import", os[] = "linux";
	struct config_history history = { .created = now,
					  .created_by = by,
					  .comment = arena_strdup(&cli->arena,
								  f->message ? f->message : "") };
	struct image_layer layers[1];
	struct digest id;
	const char *names[] = { name };
	platform_host(&host);
	timestamp_now(now, sizeof(now));
	compose_layer(layer, &layers[0]);
	struct image_config config = {
		.os = os,
		.architecture = host.architecture,
		.created = now,
		.rootfs = { .diff_ids = { diff_ids, 1 } },
		.history = { &history, 1 },
	};
	const struct compose c = { .txn = txn,
				   .arena = &cli->arena,
				   .config = &config,
				   .layers = { layers, 1 },
				   .names = names,
				   .n_names = name ? 1 : 0 };
	if (!diff_ids[0] || !history.comment)
		return err_set(err, ENOMEM, "out of memory");
	if (build_change(cli, &f->changes, &config, err) < 0)
		return -1;
	return compose_image(&c, &id, NULL, err) < 0 ? -1 : print_line(id.text, err);
}

static int import(struct cli *cli, const void *options, const struct option_args *args,
		  struct err *err)
{
	const struct import_flags *f = options;
	struct txn *txn;
	struct reference ref;
	char name[REFERENCE_TEXT_MAX] = "";
	const struct layer_options any = { 0 };
	struct layer_result layer;
	AUTO_STORE *s = NULL;
	bool standard = strcmp(args->v[0], "-") == 0;
	AUTO_FD file = standard ? -1 : open(args->v[0], O_RDONLY | O_CLOEXEC);
	if (!standard && file < 0)
		return err_sys(err, "open \"%s\"", args->v[0]);
	if (args->n > 1) {
		if (reference_parse(args->v[1], &ref, err) < 0)
			return -1;
		reference_format(&ref, name, sizeof(name));
	}
	if (common_store(true, &s, err) < 0 || txn_begin(s, &txn, err) < 0)
		return -1;
	int rc = layer_import(txn, &any, standard ? STDIN_FILENO : file, &layer, err);
	if (rc == 0)
		rc = compose_import(cli, txn, &layer, f, name[0] ? name : NULL, err);
	txn_end(txn);
	return rc;
}

const struct command verb_import = {
	.name = "import",
	.arguments = "FILE [NAME]",
	.summary = "make an image of a tar of a root file system",
	.options = { import_rows, ARRAY_SIZE(import_rows), NULL },
	.size = sizeof(struct import_flags),
	.min_args = 1,
	.max_args = 2,
	.run = import,
};
