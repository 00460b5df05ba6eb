/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_commit.c - skerry commit, diff and export: what a container made of its image */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "image/cli/build.h"
#include "image/cli/commit_pause.h"
#include "image/cli/common.h"
#include "image/compose.h"
#include "image/config.h"
#include "image/rootfs.h"
#include "image/timestamp.h"

struct commit_flags {
	const char *author, *message, *id_file;
	struct option_list changes;
	int pause; /* -1: where that is possible */
};
static const struct commit_flags commit_defaults = { .pause = -1 };

#define ROW(name_, letter_, kind_, member, value_, help_) \
 .name = (name_), .letter = (letter_), .kind = (kind_),   \
 .offset = offsetof(struct commit_flags, member), .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ ROW("author", 'a', OPTION_STRING, author, "NAME", "who made the image") },
	{ ROW("message", 'm', OPTION_STRING, message, "TEXT", "a comment for the history") },
	{ ROW("change", 'c', OPTION_STRINGS, changes, "INSTRUCTION",
	      "a Dockerfile's instruction for the new configuration: CMD, ENV, ...") },
	{ ROW("pause", 'p', OPTION_SWITCH, pause, NULL,
	      "the container stands still meanwhile (default: true, where it can be paused)") },
	{ ROW("iidfile", 0, OPTION_STRING, id_file, "FILE", "write the image's id there as well") },
	{ .name = "quiet", .letter = 'q', .kind = OPTION_IGNORED_FLAG }, /* the id is all it says */
};

struct commit {
	struct cli *cli;
	struct store *store;
	struct txn *txn;
	struct rootfs_info info;
	struct image image;
	struct image_config config;
	struct layer_result layer;
};

/* The base's layers and configuration with one more layer. */
static int extend(struct commit *c, const struct commit_flags *f, struct compose *to,
		  struct err *err)
{
	struct arena *arena = &c->cli->arena;
	size_t n = c->image.layers.n, h = c->config.history.n;
	char **ids = arena_array(arena, n + 2, sizeof(*ids));
	struct config_history *history = arena_array(arena, h + 1, sizeof(*history));
	char *now = arena_alloc(arena, 40);
	static char by[] = "skerry commit";
	to->layers.v = arena_array(arena, n + 1, sizeof(*to->layers.v));
	if (!ids || !history || !now || !to->layers.v)
		return err_set(err, ENOMEM, "out of memory");
	if (n > 0) {
		memcpy(to->layers.v, c->image.layers.v, n * sizeof(*to->layers.v));
		memcpy(ids, c->config.rootfs.diff_ids.v, n * sizeof(*ids));
	}
	if (h > 0)
		memcpy(history, c->config.history.v, h * sizeof(*history));
	timestamp_now(now, 40);
	compose_layer(&c->layer, &to->layers.v[n]);
	to->layers.n = n + 1;
	ids[n] = c->layer.diff_id.text;
	history[h] = (struct config_history){
		.created = now,
		.created_by = by,
		.author = f->author ? arena_strdup(arena, f->author) : NULL,
		.comment = f->message ? arena_strdup(arena, f->message) : NULL,
	};
	c->config.rootfs.diff_ids = (struct strings){ ids, n + 1 };
	c->config.history.v = history;
	c->config.history.n = h + 1;
	c->config.created = now;
	if (f->author)
		c->config.author = history[h].author;
	to->config = &c->config;
	return 0;
}

static int host_base(struct commit *c, struct err *err)
{
	(void)c;
	return err_set(err, EINVAL,
		       "a container of the image \"host\" has no layers to build on: "
		       "\"skerry export\" writes what it changed");
}

static int commit_container(struct commit *c, const struct commit_flags *f, const char *id,
			    const char *name, struct err *err)
{
	struct digest new;
	const char *names[] = { name };
	struct compose to = { .arena = &c->cli->arena, .names = names, .n_names = name ? 1 : 0 };
	if (rootfs_info(c->store, id, &c->info, &c->cli->arena, err) < 0)
		return -1;
	if (c->info.host)
		return host_base(c, err);
	if (store_find_image(c->store, c->info.image.text, &c->image, &c->cli->arena, err) < 0 ||
	    common_config(c->store, &c->image, &c->config, &c->cli->arena, err) < 0 ||
	    txn_begin(c->store, &c->txn, err) < 0)
		return -1;
	to.txn = c->txn;
	int rc = build_change(c->cli, &f->changes, &c->config, err);
	if (rc == 0)
		rc = rootfs_commit(c->txn, id, &c->layer, err);
	if (rc == 0)
		rc = extend(c, f, &to, err);
	if (rc == 0)
		rc = compose_image(&to, &new, NULL, err);
	txn_end(c->txn);
	if (rc == 0)
		rc = common_note(f->id_file, &new, err);
	return rc < 0 ? -1 : print_line(new.text, err);
}

static int commit(struct cli *cli, const void *options, const struct option_args *args,
		  struct err *err)
{
	const struct commit_flags *f = options;
	struct commit c = { .cli = cli };
	struct reference ref;
	char name[REFERENCE_TEXT_MAX];
	AUTO_STORE *s = NULL;
	if (args->n > 1) {
		if (reference_parse(args->v[1], &ref, err) < 0)
			return -1;
		reference_format(&ref, name, sizeof(name));
	}
	struct pause_hold hold = { -1, -1 };
	struct err why = { 0 };
	int rc = 0;
	if (f->pause != 0 && pause_begin(&hold, args->v[0], &why) < 0) {
		if (f->pause > 0)
			rc = err_set(err, why.code, "%s", why.msg);
		else
			log_warning("%s: it goes on while it is read", why.msg);
	}
	if (rc == 0)
		rc = common_store(true, &s, err);
	c.store = s;
	if (rc == 0)
		rc = commit_container(&c, f, args->v[0], args->n > 1 ? name : NULL, err);
	return pause_end(&hold, rc < 0 ? NULL : err) < 0 ? -1 : rc;
}

const struct command verb_commit = {
	.name = "commit",
	.arguments = "CONTAINER [NAME]",
	.summary = "make an image of what a container changed",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct commit_flags),
	.defaults = &commit_defaults,
	.min_args = 1,
	.max_args = 2,
	.run = commit,
};

struct diff_flags {
	const char *format;
};

static const struct option diff_rows[] = {
	{ .name = "format",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct diff_flags, format),
	  .value = "FORMAT",
	  .help = "lines or json (default: lines)" },
};

struct changes {
	struct arena *arena;
	struct strings of[ROOTFS_DELETED + 1]; /* by what was done */
	size_t cap[ROOTFS_DELETED + 1];
	struct buf *lines; /* NULL: they are kept */
};

static int change(void *arg, enum rootfs_change what, const char *path)
{
	static const char letters[] = {
		[ROOTFS_ADDED] = 'A', [ROOTFS_CHANGED] = 'C', [ROOTFS_DELETED] = 'D'
	};
	struct changes *c = arg;
	struct strings *list = &c->of[what];
	if (c->lines) {
		buf_printf(c->lines, "%c %s\n", letters[what], path);
		return 0;
	}
	char **v = arena_grow(c->arena, list->v, list->n, &c->cap[what], sizeof(*v));
	if (!v)
		return -1;
	list->v = v;
	v[list->n] = arena_strdup(c->arena, path);
	return v[list->n++] ? 0 : -1;
}

/* Three lists, as podman has them. */
static void write_changes(struct buf *out, const struct changes *c)
{
	static const char *const keys[] = {
		[ROOTFS_ADDED] = "added", [ROOTFS_CHANGED] = "changed", [ROOTFS_DELETED] = "deleted"
	};
	struct json_out o;
	json_out_init(&o, out, 2);
	json_begin_object(&o);
	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		if (c->of[k].n == 0)
			continue;
		json_key(&o, keys[k]);
		json_begin_array(&o);
		for (size_t i = 0; i < c->of[k].n; i++)
			json_string(&o, c->of[k].v[i]);
		json_end_array(&o);
	}
	json_end_object(&o);
	buf_putc(out, '\n');
}

static int diff(struct cli *cli, const void *options, const struct option_args *args,
		struct err *err)
{
	const struct diff_flags *f = options;
	struct err why = { 0 };
	AUTO_STORE *s = NULL;
	AUTO_BUF out;
	buf_init(&out);
	bool json = str_eq(f->format, "json");
	if (f->format && !json && !str_eq(f->format, "lines"))
		return err_set(err, EINVAL, "invalid value \"%s\" for --format: lines or json",
			       f->format);
	struct changes c = { .arena = &cli->arena, .lines = json ? NULL : &out };
	if (common_store(true, &s, err) < 0)
		return -1;
	if (rootfs_diff(s, args->v[0], change, &c, &why) < 0) {
		*err = why;
		return why.code ? -1 : err_set(err, ENOMEM, "out of memory");
	}
	if (json)
		write_changes(&out, &c);
	return print_buf(&out, err);
}

const struct command verb_diff = {
	.name = "diff",
	.arguments = "CONTAINER",
	.summary = "show what a container changed in its files",
	.description = "A: added, C: changed, D: deleted.\n",
	.options = { diff_rows, ARRAY_SIZE(diff_rows), NULL },
	.size = sizeof(struct diff_flags),
	.min_args = 1,
	.max_args = 1,
	.run = diff,
};

struct export_flags {
	const char *output;
	bool upper;
};

static const struct option export_rows[] = {
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct export_flags, output),
	  .value = "FILE",
	  .help = "write there (default: standard output)" },
	{ .name = "changes",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct export_flags, upper),
	  .help = "only what the container changed, as a layer" },
};

static int export(struct cli *cli, const void *options, const struct option_args *args,
		  struct err *err)
{
	(void)cli;
	const struct export_flags *f = options;
	AUTO_STORE *s = NULL;
	if (!f->output && isatty(STDOUT_FILENO))
		return err_set(err, EINVAL, "an archive is nothing for a terminal: use --output");
	AUTO_FD file = f->output ? common_output_open(f->output, err)
				 : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (file < 0 || common_store(true, &s, err) < 0)
		return -1;
	if ((f->upper ? rootfs_export_upper(s, args->v[0], file, err)
		      : rootfs_export(s, args->v[0], file, err)) < 0)
		return -1;
	return f->output ? common_output_finish(file, f->output, err) : 0;
}

const struct command verb_export = {
	.name = "export",
	.arguments = "CONTAINER",
	.summary = "write a container's files into a tar",
	.options = { export_rows, ARRAY_SIZE(export_rows), NULL },
	.size = sizeof(struct export_flags),
	.min_args = 1,
	.max_args = 1,
	.run = export,
};
