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
	const char *author, *message;
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
	if (f->pause != 0 && pause_begin(&hold, image_globals.root, args->v[0], &why) < 0) {
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

static int change(void *arg, enum rootfs_change what, const char *path)
{
	static const char letters[] = {
		[ROOTFS_ADDED] = 'A', [ROOTFS_CHANGED] = 'C', [ROOTFS_DELETED] = 'D'
	};
	buf_printf(arg, "%c %s\n", letters[what], path);
	return 0;
}

static int diff(struct cli *cli, const void *options, const struct option_args *args,
		struct err *err)
{
	(void)cli;
	(void)options; /* has none */
	AUTO_STORE *s = NULL;
	AUTO_BUF out;
	buf_init(&out);
	if (common_store(true, &s, err) < 0 || rootfs_diff(s, args->v[0], change, &out, err) < 0)
		return -1;
	return print_buf(&out, err);
}

const struct command verb_diff = {
	.name = "diff",
	.arguments = "CONTAINER",
	.summary = "show what a container changed in its files",
	.description = "A: added, C: changed, D: deleted.\n",
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
