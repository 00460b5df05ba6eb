/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - the runtime's options, in whatever shape a containerd sends them */
#include "runtime/shim/options.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/units.h"

#define CONFIG_MAX ((size_t)1 << 20)
#define FILE_NAME  "skerry-options.json"

const char *any_type(const struct any *a)
{
	const char *slash = a && a->type_url ? strrchr(a->type_url, '/') : NULL;

	if (!a || !a->type_url)
		return "";
	return slash ? slash + 1 : a->type_url;
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static void defaults(struct options *o)
{
	*o = (struct options){
		.root = "", .shim_cgroup = "", .criu_image_path = "", .criu_work_path = ""
	};
}

/* --- TOML -------------------------------------------------------------------------- */

static char *trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r");
	n = strlen(s);
	while (n && strchr(" \t\r", s[n - 1]))
		s[--n] = '\0';
	return s;
}

/* "text" with the escapes of \" and \\, or 'text'; then nothing or a comment. */
static int toml_string(char *text, const char **ret)
{
	char quote = *text, *to = text, *at = text + 1;

	if (quote != '"' && quote != '\'')
		return -1;
	for (; *at && *at != quote; at++) {
		if (quote == '"' && *at == '\\') {
			at++;
			if (*at != '"' && *at != '\\')
				return -1;
		}
		*to++ = *at;
	}
	if (*at != quote)
		return -1;
	at = trim(at + 1);
	if (*at && *at != '#')
		return -1;
	*to = '\0';
	*ret = text;
	return 0;
}

static char *bare_word(char *text)
{
	text[strcspn(text, "#")] = '\0';
	return trim(text);
}

static int toml_bool(char *text, bool *ret)
{
	const char *word = bare_word(text);

	if (strcmp(word, "true") != 0 && strcmp(word, "false") != 0)
		return -1;
	*ret = word[0] == 't';
	return 0;
}

static int toml_id(char *text, uint32_t *ret)
{
	return units_id(bare_word(text), ret);
}

static const struct {
	const char *name;
	enum { KEY_BOOL, KEY_STRING, KEY_ID } kind;
	size_t offset;
} keys[] = {
	{ "NoPivotRoot", KEY_BOOL, offsetof(struct options, no_pivot) },
	{ "NoNewKeyring", KEY_BOOL, offsetof(struct options, no_new_keyring) },
	{ "SystemdCgroup", KEY_BOOL, offsetof(struct options, systemd_cgroup) },
	{ "Root", KEY_STRING, offsetof(struct options, root) },
	{ "ShimCgroup", KEY_STRING, offsetof(struct options, shim_cgroup) },
	{ "CriuImagePath", KEY_STRING, offsetof(struct options, criu_image_path) },
	{ "CriuWorkPath", KEY_STRING, offsetof(struct options, criu_work_path) },
	{ "IoUid", KEY_ID, offsetof(struct options, io_uid) },
	{ "IoGid", KEY_ID, offsetof(struct options, io_gid) },
};

static int toml_value(size_t key, char *value, struct options *o)
{
	char *at = (char *)o + keys[key].offset;

	switch (keys[key].kind) {
	case KEY_BOOL:
		return toml_bool(value, (bool *)at);
	case KEY_STRING:
		return toml_string(value, (const char **)(void *)at);
	case KEY_ID:
		return toml_id(value, (uint32_t *)(void *)at);
	}
	return -1;
}

static int toml_line(char *line, struct options *o, struct err *err)
{
	char *equals, *name;

	line = trim(line);
	equals = strchr(line, '=');
	if (!equals || *line == '#' || *line == '[')
		return 0;
	*equals = '\0';
	name = trim(line);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].name, name) == 0 && toml_value(i, trim(equals + 1), o) < 0)
			return err_set(err, EINVAL, "option %s has a value that it cannot have",
				       name);
	return 0;
}

int options_from_toml(const char *text, size_t len, struct arena *arena, struct options *ret,
		      struct err *err)
{
	char *copy = arena_strndup(arena, text, len);

	defaults(ret);
	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	while (copy && *copy) {
		char *end = strchr(copy, '\n');

		if (end)
			*end++ = '\0';
		if (toml_line(copy, ret, err) < 0)
			return -1;
		copy = end;
	}
	return 0;
}

/* --- the three types ----------------------------------------------------------------- */

static int parse_runc(const struct any *a, struct arena *arena, struct options *ret,
		      struct err *err)
{
	struct runc_options m;

	if (wire_decode(&runc_options_table, a->value.v, a->value.n, &m, arena, err) < 0)
		return -1;
	*ret = (struct options){ .no_pivot = m.no_pivot_root,
				 .no_new_keyring = m.no_new_keyring,
				 .systemd_cgroup = m.systemd_cgroup,
				 .root = or_empty(m.root),
				 .shim_cgroup = or_empty(m.shim_cgroup),
				 .criu_image_path = or_empty(m.criu_image_path),
				 .criu_work_path = or_empty(m.criu_work_path),
				 .io_uid = m.io_uid,
				 .io_gid = m.io_gid };
	return 0;
}

static int parse_generic(const struct any *a, struct arena *arena, struct options *ret,
			 struct err *err)
{
	struct runtime_options m;
	AUTO_BUF text;

	buf_init(&text);
	if (wire_decode(&runtime_options_table, a->value.v, a->value.n, &m, arena, err) < 0)
		return -1;
	if (m.config_body.n)
		return options_from_toml(m.config_body.v, m.config_body.n, arena, ret, err);
	if (!m.config_path || !m.config_path[0])
		return 0;
	if (file_read(AT_FDCWD, m.config_path, &text, CONFIG_MAX, true) < 0)
		return err_sys(err, "read \"%s\"", m.config_path);
	return options_from_toml(text.s, text.len, arena, ret, err);
}

static int parse_legacy(const struct any *a, struct arena *arena, struct options *ret,
			struct err *err)
{
	struct legacy_options m;

	if (wire_decode(&legacy_options_table, a->value.v, a->value.n, &m, arena, err) < 0)
		return -1;
	*ret = (struct options){ .no_pivot = m.no_pivot_root,
				 .no_new_keyring = m.no_new_keyring,
				 .root = "",
				 .shim_cgroup = or_empty(m.shim_cgroup),
				 .criu_image_path = or_empty(m.criu_image_path),
				 .criu_work_path = or_empty(m.criu_work_path),
				 .io_uid = m.io_uid,
				 .io_gid = m.io_gid };
	return 0;
}

static const struct {
	const char *type;
	int (*parse)(const struct any *a, struct arena *arena, struct options *ret,
		     struct err *err);
} types[] = {
	{ "containerd.runc.v1.Options", parse_runc },
	{ "runtimeoptions.v1.Options", parse_generic },
	{ "containerd.linux.runc.CreateOptions", parse_legacy },
};

bool options_known(const struct any *a)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(any_type(a), types[i].type) == 0)
			return true;
	return false;
}

int options_from_any(const struct any *a, struct arena *arena, struct options *ret, struct err *err)
{
	defaults(ret);
	for (size_t i = 0; a && i < ARRAY_SIZE(types); i++)
		if (strcmp(any_type(a), types[i].type) == 0)
			return types[i].parse(a, arena, ret, err);
	return 0;
}

/* --- the file in the bundle ------------------------------------------------------------ */

struct saved {
	char *root;
	bool systemd_cgroup;
};
static const struct json_field saved_fields[] = {
	JSON_FIELD(struct saved, root, JSON_STRING),
	JSON_FIELD(struct saved, systemd_cgroup, JSON_BOOL),
};
static const struct json_table saved_table = JSON_TABLE(struct saved, saved_fields);

int options_save(const struct options *o, const char *bundle, struct err *err)
{
	char path[4096];
	struct json_out out;
	AUTO_BUF text;

	buf_init(&text);
	json_out_init(&out, &text, 0);
	json_begin_object(&out);
	json_kv_string(&out, "root", o->root);
	json_kv_bool(&out, "systemd_cgroup", o->systemd_cgroup);
	json_end_object(&out);
	if (str_format(path, sizeof(path), "%s/" FILE_NAME, bundle) < 0 || buf_failed(&text) ||
	    file_replace(AT_FDCWD, path, text.s, text.len, 0600) < 0)
		return err_sys(err, "save the options in \"%s\"", bundle);
	return 0;
}

int options_load(const char *bundle, struct arena *arena, struct options *ret, struct err *err)
{
	char path[4096];
	struct saved saved;
	AUTO_BUF text;

	buf_init(&text);
	defaults(ret);
	if (str_format(path, sizeof(path), "%s/" FILE_NAME, bundle) < 0)
		return err_sys(err, "name \"%s\"", bundle);
	if (file_read(AT_FDCWD, path, &text, CONFIG_MAX, true) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "read \"%s\"", path);
	if (json_decode(FILE_NAME, text.s, text.len, &saved_table, &saved, arena, err) < 0)
		return -1;
	ret->root = or_empty(saved.root);
	ret->systemd_cgroup = saved.systemd_cgroup;
	return 0;
}
