/* SPDX-License-Identifier: Apache-2.0 */
/* bundle_process.c - what runs in the container: words, environment, user, capabilities
 *
 * image-spec config.md and conversion.md; docker-run(1) and podman-run(1) for
 * what the command line changes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/units.h"
#include "image/cli/bundle.h"
#include "image/manifest.h"
#include "runtime/spec/names.h"

#define ENV_FILE_MAX ((size_t)1 << 20)
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

int bundle_add(struct arena *arena, struct strings *list, const char *word, struct err *err)
{
	/* lists here are short: each is made anew with one more */
	char **v = arena_array(arena, list->n + 2, sizeof(*v));
	char *copy = word ? arena_strdup(arena, word) : NULL;
	if (!v || !copy)
		return err_set(err, ENOMEM, "out of memory");
	if (list->n > 0)
		memcpy(v, list->v, list->n * sizeof(*v));
	v[list->n++] = copy;
	list->v = v;
	return 0;
}

int bundle_add_pair(struct arena *arena, struct pairs *list, const char *key, const char *value,
		    struct err *err)
{
	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(list->v[i].key, key) == 0) {
			list->v[i].value = arena_strdup(arena, value);
			return list->v[i].value ? 0 : err_set(err, ENOMEM, "out of memory");
		}
	}
	struct pair *v = arena_array(arena, list->n + 1, sizeof(*v));
	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	if (list->n > 0)
		memcpy(v, list->v, list->n * sizeof(*v));
	v[list->n] = (struct pair){ arena_strdup(arena, key), arena_strdup(arena, value) };
	list->v = v;
	return v[list->n].key && v[list->n++].value ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* --- words -------------------------------------------------------------------------------- */

static int add_all(struct bundle *b, const struct strings *list, struct err *err)
{
	for (size_t i = 0; i < list->n; i++) {
		if (bundle_add(b->arena, &b->args, list->v[i], err) < 0)
			return -1;
	}
	return 0;
}

struct entrypoint {
	struct strings words;
};
static const struct json_field entrypoint_fields[] = {
	JSON_FIELD(struct entrypoint, words, JSON_STRINGS),
};
static const struct json_table entrypoint_table = JSON_TABLE(struct entrypoint, entrypoint_fields);

/* --entrypoint: a JSON array of words, or one word. */
static int add_entrypoint(struct bundle *b, const char *text, struct err *err)
{
	struct entrypoint e = { 0 };
	if (!text[0])
		return 0;
	if (text[0] != '[')
		return bundle_add(b->arena, &b->args, text, err);
	const char *doc = arena_printf(b->arena, "{\"words\":%s}", text);
	if (!doc)
		return err_set(err, ENOMEM, "out of memory");
	if (json_decode("--entrypoint", doc, strlen(doc), &entrypoint_table, &e, b->arena, err) < 0)
		return -1;
	return add_all(b, &e.words, err);
}

static int make_args(struct bundle *b, struct err *err)
{
	const struct config_process *c = &b->config->config;
	int rc = b->o->entrypoint ? add_entrypoint(b, b->o->entrypoint, err)
				  : add_all(b, &c->entrypoint, err);
	for (size_t i = 0; rc == 0 && i < b->n_words; i++)
		rc = bundle_add(b->arena, &b->args, b->words[i], err);
	/* another entry point has no use for the words of the image's own */
	if (rc == 0 && b->n_words == 0 && !b->o->entrypoint)
		rc = add_all(b, &c->cmd, err);
	if (rc == 0 && b->args.n == 0)
		return err_set(err, EINVAL, "the image names no command: give one behind the ID");
	return rc;
}

/* --- environment ------------------------------------------------------------------------------ */

static size_t key_length(const char *entry)
{
	return strcspn(entry, "=");
}

static char **find_env(const struct bundle *b, const char *entry)
{
	size_t len = key_length(entry);
	for (size_t i = 0; i < b->env.n; i++) {
		if (key_length(b->env.v[i]) == len && strncmp(b->env.v[i], entry, len) == 0)
			return &b->env.v[i];
	}
	return NULL;
}

static int set_env(struct bundle *b, const char *entry, bool only_missing, struct err *err)
{
	char **old = find_env(b, entry);
	if (!entry[0] || entry[0] == '=')
		return err_set(err, EINVAL, "an environment variable without a name: \"%.64s\"",
			       entry);
	if (old && only_missing)
		return 0;
	if (!old)
		return bundle_add(b->arena, &b->env, entry, err);
	*old = arena_strdup(b->arena, entry);
	return *old ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* NAME=VALUE, or NAME with the value of our own environment. */
static int pass_env(struct bundle *b, const char *entry, struct err *err)
{
	if (strchr(entry, '='))
		return set_env(b, entry, false, err);
	const char *value = getenv(entry); /* NOLINT(concurrency-mt-unsafe) */
	if (!value)
		return 0;
	const char *whole = arena_printf(b->arena, "%s=%s", entry, value);
	return whole ? set_env(b, whole, false, err) : err_set(err, ENOMEM, "out of memory");
}

static int read_env_file(struct bundle *b, const char *file, struct err *err)
{
	AUTO_BUF text;
	buf_init(&text);
	if (file_read(AT_FDCWD, file, &text, ENV_FILE_MAX, true) < 0)
		return err_sys(err, "read \"%s\"", file);
	for (char *line = text.s; *line;) {
		size_t len = strcspn(line, "\n");
		char *next = line + len + (line[len] == '\n');
		line[len] = 0;
		line += strspn(line, " \t");
		if (*line && *line != '#' && pass_env(b, line, err) < 0)
			return -1;
		line = next;
	}
	return 0;
}

static int make_env(struct bundle *b, struct err *err)
{
	const struct image_options *o = b->o;
	const struct strings *of_image = &b->config->config.env;
	for (size_t i = 0; i < of_image->n; i++) {
		if (set_env(b, of_image->v[i], false, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < o->env_file.n; i++) {
		if (read_env_file(b, o->env_file.v[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < o->env.n; i++) {
		if (pass_env(b, o->env.v[i], err) < 0)
			return -1;
	}
	const char *home = arena_printf(b->arena, "HOME=%s", b->user.home);
	const char *host = arena_printf(b->arena, "HOSTNAME=%s", b->hostname);
	if (!home || !host)
		return err_set(err, ENOMEM, "out of memory");
	if (set_env(b, DEFAULT_PATH, true, err) < 0 || set_env(b, home, true, err) < 0 ||
	    set_env(b, host, true, err) < 0 || set_env(b, "container=skerry", true, err) < 0)
		return -1;
	return o->tty ? set_env(b, "TERM=xterm", true, err) : 0;
}

/* --- the rest --------------------------------------------------------------------------------- */

static int make_user(struct bundle *b, struct err *err)
{
	const char *text = b->o->user ? b->o->user : b->config->config.user;
	if (image_user_find(b->root, text ? text : "", &b->user, err) < 0)
		return -1;
	for (size_t i = 0; i < b->o->groups.n; i++) {
		if (b->user.n_groups == IMAGE_USER_GROUPS_MAX)
			return err_set(err, E2BIG, "more than %d groups", IMAGE_USER_GROUPS_MAX);
		if (image_group_find(b->root, b->o->groups.v[i], &b->user.groups[b->user.n_groups],
				     err) < 0)
			return -1;
		b->user.n_groups++;
	}
	return 0;
}

static int make_security(struct bundle *b, struct err *err)
{
	b->unconfined = b->o->privileged;
	for (size_t i = 0; i < b->o->security.n; i++) {
		const char *s = b->o->security.v[i];
		if (str_eq(s, "no-new-privileges") || str_eq(s, "no-new-privileges=true"))
			b->no_new_privileges = true;
		else if (str_eq(s, "seccomp=unconfined"))
			b->unconfined = true;
		else if (str_starts(s, "apparmor="))
			b->apparmor = s + strlen("apparmor=");
		else if (!str_eq(s, "unmask=all") && !str_eq(s, "unmask=ALL"))
			return err_set(err, EINVAL, "invalid value \"%s\" for --security-opt", s);
	}
	return 0;
}

static int annotate_ports(struct bundle *b, struct err *err)
{
	const struct config_keys *exposed = &b->config->config.exposed_ports;
	const char *ports = "";
	for (size_t i = 0; ports && i < exposed->n; i++)
		ports = arena_printf(b->arena, "%s%s%s", ports, i ? "," : "", exposed->v[i].key);
	if (!ports)
		return err_set(err, ENOMEM, "out of memory");
	return ports[0] ? bundle_add_pair(b->arena, &b->annotations,
					  "org.opencontainers.image.exposedPorts", ports, err)
			: 0;
}

static int annotate_image(struct bundle *b, struct err *err)
{
	const struct image_config *c = b->config;
	const struct {
		const char *key, *value;
	} implied[] = {
		{ "org.opencontainers.image.os", c->os },
		{ "org.opencontainers.image.architecture", c->architecture },
		{ "org.opencontainers.image.variant", c->variant },
		{ "org.opencontainers.image.author", c->author },
		{ "org.opencontainers.image.created", c->created },
		{ "org.opencontainers.image.stopSignal", b->stop_signal },
		{ "io.skerry.image", b->o->image },
	};
	for (size_t i = 0; i < ARRAY_SIZE(implied); i++) {
		if (implied[i].value && implied[i].value[0] &&
		    bundle_add_pair(b->arena, &b->annotations, implied[i].key, implied[i].value,
				    err) < 0)
			return -1;
	}
	return annotate_ports(b, err);
}

static int make_annotations(struct bundle *b, struct err *err)
{
	const struct image_config *c = b->config;
	if (annotate_image(b, err) < 0)
		return -1;
	/* labels win over what is implied, the user's over the image's */
	for (size_t i = 0; i < c->config.labels.n; i++) {
		const struct pair *l = &c->config.labels.v[i];
		if (bundle_add_pair(b->arena, &b->annotations, l->key, l->value, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < b->o->labels.n; i++) {
		char *key = arena_strdup(b->arena, b->o->labels.v[i]);
		char *equals = key ? strchr(key, '=') : NULL;
		if (equals)
			*equals = 0;
		if (!key || !key[0])
			return err_set(err, EINVAL, "a label without a name");
		if (bundle_add_pair(b->arena, &b->annotations, key, equals ? equals + 1 : "", err) <
		    0)
			return -1;
	}
	return 0;
}

int bundle_process(struct bundle *b, struct err *err)
{
	const char *dir = b->o->workdir ? b->o->workdir : b->config->config.working_dir;
	const char *signal = b->o->stop_signal ? b->o->stop_signal : b->config->config.stop_signal;
	b->hostname = b->o->hostname ? b->o->hostname : b->id;
	if (signal && signal[0] && signal_parse(signal) < 0)
		return err_set(err, EINVAL, "unknown stop signal \"%s\"", signal);
	b->stop_signal = signal;
	b->cwd = !dir || !dir[0] ? "/"
				 : arena_printf(b->arena, "%s%s", dir[0] == '/' ? "" : "/", dir);
	if (!b->cwd)
		return err_set(err, ENOMEM, "out of memory");
	if (make_user(b, err) < 0 || make_args(b, err) < 0 || make_env(b, err) < 0 ||
	    make_security(b, err) < 0)
		return -1;
	return make_annotations(b, err);
}

/* --- capabilities ----------------------------------------------------------------- */

static bool is_all(const char *name)
{
	return str_eq(name, "ALL") || str_eq(name, "all");
}

/* Turns bits of *mask on or off for the list's names. */
static int change_caps(uint64_t *mask, const struct option_list *list, bool on, struct err *err)
{
	for (size_t i = 0; i < list->n; i++) {
		const char *name = list->v[i];
		int cap = is_all(name) ? -1 : cap_parse(name);
		if (!is_all(name) && cap < 0)
			return err_set(err, EINVAL, "unknown capability \"%s\"", name);
		uint64_t bits = cap < 0 ? ~(uint64_t)0 : (uint64_t)1 << cap;
		*mask = on ? *mask | bits : *mask & ~bits;
	}
	return 0;
}

/* The newest capability of this kernel: asking for one it lacks would only give a warning. */
static int last_cap(void)
{
	char text[16];
	int64_t n = CAP_NAMES_MAX - 1;
	if (file_read_line(AT_FDCWD, "/proc/sys/kernel/cap_last_cap", text, sizeof(text)) > 0 &&
	    units_i64(text, 0, CAP_NAMES_MAX - 1, &n) == 0)
		return (int)n;
	return 40;
}

int bundle_caps(struct bundle *b, struct err *err)
{
	static const char *const usual[] = {
		"CHOWN",   "DAC_OVERRIDE", "FOWNER",  "FSETID", "KILL",	      "NET_BIND_SERVICE",
		"SETFCAP", "SETGID",	   "SETPCAP", "SETUID", "SYS_CHROOT",
	};
	uint64_t mask = 0;
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		mask |= (uint64_t)1 << cap_parse(usual[i]);
	if (b->o->privileged)
		mask = ~(uint64_t)0;
	/* "--cap-drop ALL --cap-add X" is X alone, in whatever order it was typed */
	for (size_t i = 0; i < b->o->cap_drop.n; i++) {
		if (is_all(b->o->cap_drop.v[i]))
			mask = 0;
	}
	if (change_caps(&mask, &b->o->cap_add, true, err) < 0)
		return -1;
	for (size_t i = 0; i < b->o->cap_drop.n; i++) {
		struct option_list one = { .v = &b->o->cap_drop.v[i], .n = 1 };
		if (!is_all(one.v[0]) && change_caps(&mask, &one, false, err) < 0)
			return -1;
	}
	int last = last_cap();
	for (int cap = 0; cap <= last; cap++) {
		const char *name = mask >> cap & 1 ? cap_name(cap) : NULL;
		if (name && bundle_add(b->arena, &b->caps, name, err) < 0)
			return -1;
	}
	return 0;
}
