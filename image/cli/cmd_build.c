/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_build.c - skerry build: an image as a Dockerfile says
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "image/cli/build.h"
#include "image/compose.h"
#include "image/timestamp.h"

#define DOCKERFILE_SIZE_MAX ((size_t)1 << 20)
#define STAGES_MAX	    1000

#define ROW(name_, letter_, kind_, member, value_, help_) \
 .name = (name_), .letter = (letter_), .kind = (kind_),   \
 .offset = offsetof(struct build_flags, member), .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ ROW("file", 'f', OPTION_STRING, file, "FILE",
	      "the Dockerfile (default: Dockerfile or Containerfile of the context); -: standard "
	      "input") },
	{ ROW("tag", 't', OPTION_STRINGS, tags, "NAME", "name of the image (may be repeated)") },
	{ ROW("build-arg", 0, OPTION_STRINGS, args, "NAME[=VALUE]",
	      "value of an ARG (may be repeated)") },
	{ ROW("label", 0, OPTION_STRINGS, labels, "NAME=VALUE",
	      "another label (may be repeated)") },
	{ ROW("target", 0, OPTION_STRING, target, "STAGE", "stop at this stage") },
	{ ROW("no-cache", 0, OPTION_FLAG, no_cache, NULL,
	      "do every step, whatever was done before") },
	{ ROW("network", 0, OPTION_STRING, network, "MODE",
	      "of RUN: host or none (default: host)") },
	{ ROW("platform", 0, OPTION_STRING, platform, "OS/ARCH[/VARIANT]",
	      "images of FROM for another machine than this one") },
	{ ROW("pull", 0, OPTION_STRING, pull, "WHEN",
	      "missing, always or never (default: missing)") },
	{ ROW("iidfile", 0, OPTION_STRING, id_file, "FILE", "write the image's id there as well") },
	/* each RUN is a layer, and no container of it stays */
	{ .name = "rm", .kind = OPTION_IGNORED_FLAG },
	{ .name = "force-rm", .kind = OPTION_IGNORED_FLAG },
	{ .name = "layers", .kind = OPTION_IGNORED_FLAG },
	{ ROW("quiet", 'q', OPTION_FLAG, quiet, NULL, "print the image's id and nothing else") },
};
static const struct build_flags defaults = { .registry = REGISTRY_FLAGS_DEFAULT };

/* --- FROM ------------------------------------------------------------------------- */

static int base_of_stage(struct build *b, const struct stage *base, struct err *err)
{
	struct stage *s = b->now;
	const char *name = s->name;
	*s = *base;
	s->name = name;
	s->args = (struct pairs){ 0 };
	(void)err;
	return 0;
}

static int base_of_image(struct build *b, const char *name, struct err *err)
{
	struct image image;
	struct stage *s = b->now;
	if (build_find_image(b, name, &image, err) < 0 ||
	    common_config(b->store, &image, &s->config, b->arena, err) < 0)
		return -1;
	s->layers = image.layers;
	s->key = image.config;
	/* what the build brings in or uses must not go meanwhile */
	for (size_t i = 0; i < s->layers.n; i++) {
		enum txn_claim claim;
		if (txn_claim_layer(b->txn, &s->layers.v[i].diff_id, true, &claim, err) < 0)
			return -1;
		if (claim != TXN_LAYER_PRESENT)
			return err_set(err, ENOENT, "the store lacks layer %.19s of \"%s\"",
				       s->layers.v[i].diff_id.text, name);
	}
	return 0;
}

static int scratch(struct build *b, struct err *err)
{
	struct image_config *c = &b->now->config;
	c->os = arena_strdup(b->arena, b->platform.os);
	c->architecture = arena_strdup(b->arena, b->platform.architecture);
	digest_of("scratch", 7, &b->now->key);
	return c->os && c->architecture ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int step(struct build *b, const struct dockerfile_instruction *i, struct err *err);

/* What the base left to do. */
static int run_triggers(struct build *b, struct err *err)
{
	const struct strings triggers = b->now->config.config.on_build;
	b->now->config.config.on_build = (struct strings){ 0 };
	for (size_t n = 0; n < triggers.n; n++) {
		struct dockerfile_instruction i;
		if (dockerfile_parse_line(triggers.v[n], &i, b->arena, err) < 0 ||
		    step(b, &i, err) < 0)
			return err_wrap(err, "ONBUILD");
	}
	return 0;
}

static int from(struct build *b, const struct dockerfile_instruction *i, struct err *err)
{
	struct strings words;
	struct stage *before = b->now;
	const char *platform = build_flag(i, "platform");
	b->now = NULL; /* only ARGs from before the first FROM are seen */
	const struct dockerfile_scope scope = build_scope(b);
	int rc = dockerfile_split(i->rest, &scope, &words, b->arena, err);
	b->now = before;
	if (rc < 0)
		return -1;
	if (words.n != 1 && (words.n != 3 || strcasecmp(words.v[1], "AS") != 0))
		return err_set(err, EINVAL, "FROM IMAGE [AS NAME] is wanted");
	if (platform && !str_starts(platform, "$") &&
	    platform_parse(platform, &b->platform, err) < 0)
		return -1;
	b->now = &b->stages[b->n_stages++];
	b->now->name = words.n == 3 ? words.v[2] : NULL;
	if (strcasecmp(words.v[0], "scratch") == 0)
		return scratch(b, err);
	for (size_t n = 0; n + 1 < b->n_stages; n++) {
		if (b->stages[n].name && strcasecmp(b->stages[n].name, words.v[0]) == 0)
			return base_of_stage(b, &b->stages[n], err);
	}
	return base_of_image(b, words.v[0], err) < 0 ? -1 : run_triggers(b, err);
}

/* --- steps ------------------------------------------------------------------------ */

static int step(struct build *b, const struct dockerfile_instruction *i, struct err *err)
{
	if (!b->now && i->word != DOCKERFILE_FROM && i->word != DOCKERFILE_ARG)
		return err_set(err, EINVAL, "the first instruction is FROM");
	if (i->word == DOCKERFILE_FROM)
		return from(b, i, err);
	if (i->word == DOCKERFILE_RUN)
		return build_run(b, i, err);
	if (i->word == DOCKERFILE_COPY || i->word == DOCKERFILE_ADD)
		return build_copy(b, i, err);
	return build_config(b, i, err);
}

static bool is_target(const struct build *b)
{
	return b->f->target && b->now && b->now->name &&
	       strcasecmp(b->now->name, b->f->target) == 0;
}

static int run_steps(struct build *b, struct err *err)
{
	for (size_t n = 0; n < b->file.n; n++) {
		const struct dockerfile_instruction *i = &b->file.v[n];
		if (i->word == DOCKERFILE_FROM && is_target(b))
			return 0;
		if (!b->f->quiet) {
			AUTO_BUF line;
			buf_init(&line);
			buf_printf(&line, "STEP %zu/%zu: %s\n", n + 1, b->file.n, i->text);
			(void)!fd_write_full(STDERR_FILENO, line.s, line.len);
		}
		if (step(b, i, err) < 0)
			return err_wrap(err, "line %u: %s", i->line, dockerfile_word_name(i->word));
	}
	if (b->f->target && !is_target(b))
		return err_set(err, ENOENT, "there is no stage \"%s\"", b->f->target);
	return b->now ? 0 : err_set(err, EINVAL, "there is no FROM");
}

/* --- the whole -------------------------------------------------------------------- */

static int read_documents(struct build *b, struct err *err)
{
	const char *file = b->f->file;
	AUTO_BUF text;
	AUTO_BUF ignore;
	buf_init(&text);
	buf_init(&ignore);
	if (str_eq(file, "-") || (file && file[0] == '/')) {
		const char *path = file[0] == '-' ? "/dev/stdin" : file;
		if (file_read(AT_FDCWD, path, &text, DOCKERFILE_SIZE_MAX, false) < 0)
			return err_sys(err, "read \"%s\"", file);
	} else if (file ? file_read(AT_FDCWD, file, &text, DOCKERFILE_SIZE_MAX, true) < 0 &&
				   file_read(b->context, file, &text, DOCKERFILE_SIZE_MAX, true) < 0
			: file_read(b->context, "Dockerfile", &text, DOCKERFILE_SIZE_MAX, true) <
					   0 &&
				   file_read(b->context, "Containerfile", &text,
					     DOCKERFILE_SIZE_MAX, true) < 0) {
		return err_sys(err, "read \"%s\"", file ? file : "Dockerfile");
	}
	if (dockerfile_parse(file ? file : "Dockerfile", text.s, text.len, &b->file, b->arena,
			     err) < 0)
		return -1;
	if (file_read(b->context, ".dockerignore", &ignore, DOCKERFILE_SIZE_MAX, true) < 0 &&
	    file_read(b->context, ".containerignore", &ignore, DOCKERFILE_SIZE_MAX, true) < 0)
		return 0;
	return dockerignore_parse(ignore.s, &b->ignore, b->arena, err);
}

static int add_labels(struct build *b, struct err *err)
{
	for (size_t i = 0; i < b->f->labels.n; i++) {
		char *label = arena_strdup(b->arena, b->f->labels.v[i]);
		char *equals = label ? strchr(label, '=') : NULL;
		if (!equals)
			return err_set(err, EINVAL, "invalid value \"%s\" for --label",
				       b->f->labels.v[i]);
		*equals = 0;
		if (bundle_add_pair(b->arena, &b->now->config.config.labels, label, equals + 1,
				    err) < 0)
			return -1;
	}
	return 0;
}

static int finish(struct build *b, struct digest *ret, struct err *err)
{
	const char **names = arena_array(b->arena, b->f->tags.n + 1, sizeof(*names));
	char *now = arena_alloc(b->arena, 40);
	if (!names || !now)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < b->f->tags.n; i++) {
		struct reference ref;
		char name[REFERENCE_TEXT_MAX];
		if (reference_parse(b->f->tags.v[i], &ref, err) < 0)
			return -1;
		reference_format(&ref, name, sizeof(name));
		if (ref.is_short) {
			/* of no registry: it was made here */
			const char *path =
				str_starts(ref.path, "library/") ? ref.path + 8 : ref.path;
			if (str_format(name, sizeof(name), "localhost/%s:%s", path, ref.tag) < 0)
				return err_set(err, ENAMETOOLONG, "a name too long");
		}
		names[i] = arena_strdup(b->arena, name);
		if (!names[i])
			return err_set(err, ENOMEM, "out of memory");
	}
	if (add_labels(b, err) < 0)
		return -1;
	if (!b->now->config.created) {
		timestamp_now(now, 40);
		b->now->config.created = now;
	}
	const struct compose c = {
		.txn = b->txn,
		.arena = b->arena,
		.config = &b->now->config,
		.layers = b->now->layers,
		.names = names,
		.n_names = b->f->tags.n,
	};
	return compose_image(&c, ret, NULL, err);
}

static int make(struct build *b, struct digest *ret, struct err *err)
{
	if (b->f->network && !str_eq(b->f->network, "host") && !str_eq(b->f->network, "none"))
		return err_set(err, EINVAL, "invalid value \"%s\" for --network: host or none",
			       b->f->network);
	platform_host(&b->platform);
	if (b->f->platform && platform_parse(b->f->platform, &b->platform, err) < 0)
		return -1;
	b->stages = arena_array(b->arena, STAGES_MAX, sizeof(*b->stages));
	if (!b->stages)
		return err_set(err, ENOMEM, "out of memory");
	if (read_documents(b, err) < 0)
		return -1;
	size_t stages = 0;
	for (size_t i = 0; i < b->file.n; i++)
		stages += b->file.v[i].word == DOCKERFILE_FROM;
	if (stages > STAGES_MAX)
		return err_set(err, E2BIG, "more than %d stages", STAGES_MAX);
	if (txn_begin(b->store, &b->txn, err) < 0)
		return -1;
	int rc = run_steps(b, err);
	if (rc == 0)
		rc = finish(b, ret, err);
	txn_end(b->txn);
	return rc;
}

static int build(struct cli *cli, const void *options, const struct option_args *args,
		 struct err *err)
{
	struct digest id;
	AUTO_STORE *s = NULL;
	const char *dir = args->n > 0 ? args->v[0] : ".";
	AUTO_FD context = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (context < 0)
		return err_sys(err, "open the context \"%s\"", dir);
	if (common_store(true, &s, err) < 0)
		return -1;
	struct build b = {
		.cli = cli, .arena = &cli->arena, .store = s, .f = options, .context = context
	};
	if (make(&b, &id, err) < 0 || common_note(b.f->id_file, &id, err) < 0)
		return -1;
	return print_line(id.text, err);
}

const struct command verb_build = {
	.name = "build",
	.arguments = "[CONTEXT]",
	.summary = "make an image as a Dockerfile says",
	.options = { rows, ARRAY_SIZE(rows), &registry_flag_table },
	.size = sizeof(struct build_flags),
	.defaults = &defaults,
	.max_args = 1,
	.run = build,
};
