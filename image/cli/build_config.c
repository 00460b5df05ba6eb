/* SPDX-License-Identifier: Apache-2.0 */
/* build_config.c - the instructions that change the configuration and no files
 *
 * docs.docker.com/reference/dockerfile
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/proc.h"
#include "base/units.h"
#include "image/cli/build.h"
#include "image/manifest.h"

/* --- variables -------------------------------------------------------------------- */

static const char *find_env(const struct strings *env, const char *name)
{
	size_t len = strlen(name);
	for (size_t i = 0; i < env->n; i++) {
		if (strncmp(env->v[i], name, len) == 0 && env->v[i][len] == '=')
			return env->v[i] + len + 1;
	}
	return NULL;
}

static const char *get(void *arg, const char *name)
{
	const struct build *b = arg;
	if (!b->now)
		return pairs_find(&b->global_args, name);
	const char *value = find_env(&b->now->config.config.env, name);
	return value ? value : pairs_find(&b->now->args, name);
}

struct dockerfile_scope build_scope(struct build *b)
{
	return (struct dockerfile_scope){ .get = get, .arg = b, .escape = b->file.escape };
}

const char *build_flag(const struct dockerfile_instruction *i, const char *name)
{
	return pairs_find(&i->flags, name);
}

static int split(struct build *b, const char *text, struct strings *ret, struct err *err)
{
	const struct dockerfile_scope scope = build_scope(b);
	return dockerfile_split(text, &scope, ret, b->arena, err);
}

static int expand(struct build *b, const char *text, char **ret, struct err *err)
{
	const struct dockerfile_scope scope = build_scope(b);
	return dockerfile_expand(text, &scope, ret, b->arena, err);
}

/* --build-arg NAME=VALUE, or NAME of our own environment. */
static const char *given_arg(const struct build *b, const char *name)
{
	size_t len = strlen(name);
	for (size_t i = b->f->args.n; i-- > 0;) {
		const char *a = b->f->args.v[i];
		if (strncmp(a, name, len) == 0 && a[len] == '=')
			return a + len + 1;
		if (strcmp(a, name) == 0)
			return getenv(name); /* NOLINT(concurrency-mt-unsafe) */
	}
	return NULL;
}

/* ARG NAME[=DEFAULT] ... */
static int arg(struct build *b, const struct dockerfile_instruction *i, struct err *err)
{
	struct strings words;
	struct pairs *into = b->now ? &b->now->args : &b->global_args;
	if (split(b, i->rest, &words, err) < 0)
		return -1;
	for (size_t n = 0; n < words.n; n++) {
		char *equals = strchr(words.v[n], '=');
		const char *value = equals ? equals + 1 : NULL;
		if (equals)
			*equals = 0;
		const char *given = given_arg(b, words.v[n]);
		/* one that was said before FROM holds, where it is named again */
		if (!given && !value && b->now)
			given = pairs_find(&b->global_args, words.v[n]);
		if (given)
			value = given;
		if (value && bundle_add_pair(b->arena, into, words.v[n], value, err) < 0)
			return -1;
	}
	return 0;
}

/* --- the rest --------------------------------------------------------------------- */

static int set_env(struct build *b, const char *name, const char *value, struct err *err)
{
	struct strings *env = &b->now->config.config.env;
	char *entry = arena_printf(b->arena, "%s=%s", name, value);
	size_t len = strlen(name);
	if (!entry)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < env->n; i++) {
		if (strncmp(env->v[i], name, len) == 0 && env->v[i][len] == '=') {
			env->v[i] = entry;
			return 0;
		}
	}
	return bundle_add(b->arena, env, entry, err);
}

/* NAME=VALUE ..., or the old NAME VALUE. */
static int pairs(struct build *b, const struct dockerfile_instruction *i,
		 int (*set)(struct build *b, const char *name, const char *value, struct err *err),
		 struct err *err)
{
	struct strings words;
	size_t first = strcspn(i->rest, " \t=");
	if (i->rest[first] != '=') {
		char *value, *name = arena_strndup(b->arena, i->rest, first);
		const char *rest = i->rest + first + strspn(i->rest + first, " \t");
		if (!name || !rest[0] || expand(b, rest, &value, err) < 0)
			return err_set(err, EINVAL, "a value is missing");
		return set(b, name, value, err);
	}
	if (split(b, i->rest, &words, err) < 0)
		return -1;
	for (size_t n = 0; n < words.n; n++) {
		char *equals = strchr(words.v[n], '=');
		if (!equals || equals == words.v[n])
			return err_set(err, EINVAL, "\"%s\" is no NAME=VALUE", words.v[n]);
		*equals = 0;
		if (set(b, words.v[n], equals + 1, err) < 0)
			return -1;
	}
	return 0;
}

static int set_label(struct build *b, const char *name, const char *value, struct err *err)
{
	return bundle_add_pair(b->arena, &b->now->config.config.labels, name, value, err);
}

static int add_key(struct build *b, struct config_keys *keys, const char *key, struct err *err)
{
	for (size_t i = 0; i < keys->n; i++) {
		if (strcmp(keys->v[i].key, key) == 0)
			return 0;
	}
	struct config_key *v = arena_array(b->arena, keys->n + 1, sizeof(*v));
	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	if (keys->n > 0)
		memcpy(v, keys->v, keys->n * sizeof(*v));
	v[keys->n].key = arena_strdup(b->arena, key);
	keys->v = v;
	return v[keys->n++].key ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int keys(struct build *b, const struct dockerfile_instruction *i, struct err *err)
{
	struct strings words = i->args;
	bool ports = i->word == DOCKERFILE_EXPOSE;
	struct config_process *c = &b->now->config.config;
	if (!i->json && split(b, i->rest, &words, err) < 0)
		return -1;
	for (size_t n = 0; n < words.n; n++) {
		const char *key = words.v[n];
		if (ports && !strchr(key, '/'))
			key = arena_printf(b->arena, "%s/tcp", key);
		if (!key)
			return err_set(err, ENOMEM, "out of memory");
		if (ports && !key[strspn(key, "0123456789-")])
			return err_set(err, EINVAL, "\"%s\" is no port", words.v[n]);
		if (add_key(b, ports ? &c->exposed_ports : &c->volumes, key, err) < 0)
			return -1;
	}
	return 0;
}

/* The exec form, or the shell and the text. */
static int command(struct build *b, const struct dockerfile_instruction *i, struct strings *to,
		   struct err *err)
{
	const struct strings *own = &b->now->config.config.shell;
	*to = (struct strings){ 0 };
	if (i->json) {
		for (size_t n = 0; n < i->args.n; n++) {
			if (bundle_add(b->arena, to, i->args.v[n], err) < 0)
				return -1;
		}
		return 0;
	}
	for (size_t n = 0; n < own->n; n++) {
		if (bundle_add(b->arena, to, own->v[n], err) < 0)
			return -1;
	}
	if (own->n == 0 && (bundle_add(b->arena, to, "/bin/sh", err) < 0 ||
			    bundle_add(b->arena, to, "-c", err) < 0))
		return -1;
	return bundle_add(b->arena, to, i->rest, err);
}

static int workdir(struct build *b, const struct dockerfile_instruction *i, struct err *err)
{
	struct config_process *c = &b->now->config.config;
	char *dir;
	if (expand(b, i->rest, &dir, err) < 0)
		return -1;
	const char *base = c->working_dir ? c->working_dir : "/";
	bool root = str_eq(base, "/");
	c->working_dir =
		dir[0] == '/' ? dir : arena_printf(b->arena, "%s/%s", root ? "" : base, dir);
	return c->working_dir ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int health_numbers(const struct dockerfile_instruction *i, struct config_health *h,
			  struct err *err)
{
	const struct {
		const char *flag;
		int64_t *to;
	} times[] = { { "interval", &h->interval },
		      { "timeout", &h->timeout },
		      { "start-period", &h->start_period },
		      { "start-interval", &h->start_interval } };
	for (size_t n = 0; n < ARRAY_SIZE(times); n++) {
		const char *text = build_flag(i, times[n].flag);
		if (text && units_duration(text, times[n].to) < 0)
			return err_set(err, EINVAL, "invalid value \"%s\" for --%s", text,
				       times[n].flag);
	}
	const char *retries = build_flag(i, "retries");
	uint64_t n = 0;
	if (retries && units_u64(retries, 1000, &n) < 0)
		return err_set(err, EINVAL, "invalid value \"%s\" for --retries", retries);
	h->retries = (int32_t)n;
	return 0;
}

/* NONE, or CMD with a command. */
static int health(struct build *b, const struct dockerfile_instruction *i, struct err *err)
{
	struct dockerfile_instruction cmd;
	struct config_health *h = arena_alloc(b->arena, sizeof(*h));
	if (!h)
		return err_set(err, ENOMEM, "out of memory");
	b->now->config.config.healthcheck = h;
	if (strcasecmp(i->rest, "NONE") == 0)
		return bundle_add(b->arena, &h->test, "NONE", err);
	if (health_numbers(i, h, err) < 0 ||
	    dockerfile_parse_line(i->rest, &cmd, b->arena, err) < 0)
		return -1;
	if (cmd.word != DOCKERFILE_CMD)
		return err_set(err, EINVAL, "HEALTHCHECK takes NONE or CMD");
	if (bundle_add(b->arena, &h->test, cmd.json ? "CMD" : "CMD-SHELL", err) < 0)
		return -1;
	for (size_t n = 0; cmd.json && n < cmd.args.n; n++) {
		if (bundle_add(b->arena, &h->test, cmd.args.v[n], err) < 0)
			return -1;
	}
	return cmd.json ? 0 : bundle_add(b->arena, &h->test, cmd.rest, err);
}

static int shell(struct build *b, const struct dockerfile_instruction *i, struct err *err)
{
	if (!i->json || i->args.n == 0)
		return err_set(err, EINVAL, "SHELL takes a JSON array");
	b->now->config.config.shell = i->args;
	(void)b;
	return 0;
}

static int on_build(struct build *b, const struct dockerfile_instruction *i, struct err *err)
{
	struct dockerfile_instruction later;
	if (dockerfile_parse_line(i->rest, &later, b->arena, err) < 0)
		return -1;
	if (later.word == DOCKERFILE_ONBUILD || later.word == DOCKERFILE_FROM)
		return err_set(err, EINVAL, "ONBUILD takes no %s",
			       dockerfile_word_name(later.word));
	return bundle_add(b->arena, &b->now->config.config.on_build, i->rest, err);
}

static int change(struct build *b, const struct dockerfile_instruction *i, struct err *err)
{
	struct config_process *c = &b->now->config.config;
	char *text;
	switch (i->word) {
	case DOCKERFILE_ENV:
		return pairs(b, i, set_env, err);
	case DOCKERFILE_LABEL:
		return pairs(b, i, set_label, err);
	case DOCKERFILE_EXPOSE:
	case DOCKERFILE_VOLUME:
		return keys(b, i, err);
	case DOCKERFILE_CMD:
		b->now->cmd_set = true;
		return command(b, i, &c->cmd, err);
	case DOCKERFILE_ENTRYPOINT:
		/* the command of the base was meant for its own entry point */
		if (!b->now->cmd_set)
			c->cmd = (struct strings){ 0 };
		return command(b, i, &c->entrypoint, err);
	case DOCKERFILE_WORKDIR:
		return workdir(b, i, err);
	case DOCKERFILE_USER:
		return expand(b, i->rest, &c->user, err);
	case DOCKERFILE_STOPSIGNAL:
		if (expand(b, i->rest, &text, err) < 0)
			return -1;
		if (signal_parse(text) < 0)
			return err_set(err, EINVAL, "unknown signal \"%s\"", text);
		c->stop_signal = text;
		return 0;
	case DOCKERFILE_SHELL:
		return shell(b, i, err);
	case DOCKERFILE_HEALTHCHECK:
		return health(b, i, err);
	case DOCKERFILE_ONBUILD:
		return on_build(b, i, err);
	case DOCKERFILE_MAINTAINER:
		return expand(b, i->rest, &b->now->config.author, err);
	case DOCKERFILE_ADD:
	case DOCKERFILE_ARG:
	case DOCKERFILE_COPY:
	case DOCKERFILE_FROM:
	case DOCKERFILE_RUN:
		break;
	}
	return err_set(err, EINVAL, "not here");
}

int build_config(struct build *b, const struct dockerfile_instruction *i, struct err *err)
{
	if (i->word == DOCKERFILE_ARG)
		return arg(b, i, err);
	return change(b, i, err) < 0 ? -1 : build_history(b, i->text, true, err);
}

/* --- by themselves ---------------------------------------------------------------- */

/* "CMD /bin/sh", or as podman has it too, "CMD=/bin/sh". */
static int parse_change(struct arena *arena, const char *text, struct dockerfile_instruction *ret,
			struct err *err)
{
	size_t word = strcspn(text, " \t=");
	char *line = arena_strdup(arena, text);
	if (!line)
		return err_set(err, ENOMEM, "out of memory");
	if (line[word] == '=')
		line[word] = ' ';
	return dockerfile_parse_line(line, ret, arena, err);
}

static bool is_change(enum dockerfile_word word)
{
	switch (word) {
	case DOCKERFILE_CMD:
	case DOCKERFILE_ENTRYPOINT:
	case DOCKERFILE_ENV:
	case DOCKERFILE_EXPOSE:
	case DOCKERFILE_HEALTHCHECK:
	case DOCKERFILE_LABEL:
	case DOCKERFILE_ONBUILD:
	case DOCKERFILE_STOPSIGNAL:
	case DOCKERFILE_USER:
	case DOCKERFILE_VOLUME:
	case DOCKERFILE_WORKDIR:
		return true;
	case DOCKERFILE_ADD:
	case DOCKERFILE_ARG:
	case DOCKERFILE_COPY:
	case DOCKERFILE_FROM:
	case DOCKERFILE_MAINTAINER:
	case DOCKERFILE_RUN:
	case DOCKERFILE_SHELL:
		return false;
	}
	return false;
}

int build_change(struct cli *cli, const struct option_list *texts, struct image_config *config,
		 struct err *err)
{
	struct stage stage = { .config = *config };
	struct build b = {
		.cli = cli, .arena = &cli->arena, .file = { .escape = '\\' }, .now = &stage
	};
	for (size_t n = 0; n < texts->n; n++) {
		struct dockerfile_instruction i = { 0 };
		const char *text = texts->v[n];
		if (parse_change(b.arena, text, &i, err) < 0)
			return err_wrap(err, "--change \"%s\"", text);
		if (!is_change(i.word))
			return err_set(err, EINVAL, "--change takes no %s",
				       dockerfile_word_name(i.word));
		if (change(&b, &i, err) < 0)
			return err_wrap(err, "--change \"%s\"", text);
	}
	*config = stage.config;
	return 0;
}
