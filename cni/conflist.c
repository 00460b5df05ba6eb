/* SPDX-License-Identifier: Apache-2.0 */
/* conflist.c - network configurations: lists of plugins, in files
 *
 * A plugin's object is kept as it is written, key by key: most keys are known
 * to the plugin only.  Taken out on the way to the plugin are those that the
 * caller owns (name, cniVersion, prevResult, runtimeConfig, capabilities).
 *
 * CNI specification "Section 1: Network configuration format" and "Section 4:
 * Plugin Delegation"; libcni reads the flags as words too ("true").
 */
#include "cni/conflist.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "cni/netconf.h"

#define FILES_MAX 4096 /* in one folder */

/* The keys of a list that are ours. */
struct document {
	char *name, *version;
	struct strings versions;
	char *disable_check, *disable_gc, *only_inlined, *resolver; /* JSON */
	char *plugins; /* JSON */
};

static const struct json_field document_fields[] = {
	JSON_FIELD(struct document, name, JSON_STRING),
	JSON_FIELD_AS("cniVersion", struct document, version, JSON_STRING),
	JSON_FIELD_AS("cniVersions", struct document, versions, JSON_STRINGS),
	JSON_FIELD_AS("disableCheck", struct document, disable_check, JSON_RAW),
	JSON_FIELD_AS("disableGC", struct document, disable_gc, JSON_RAW),
	JSON_FIELD_AS("loadOnlyInlinedPlugins", struct document, only_inlined, JSON_RAW),
	JSON_FIELD_AS("skerry.resolver", struct document, resolver, JSON_RAW),
	JSON_FIELD(struct document, plugins, JSON_RAW),
};
static const struct json_table document_table = JSON_TABLE(struct document, document_fields);

struct plugin_document {
	char *type, *capabilities;
};

static const struct json_field plugin_fields[] = {
	JSON_FIELD(struct plugin_document, type, JSON_STRING),
	JSON_FIELD(struct plugin_document, capabilities, JSON_RAW),
};
static const struct json_table plugin_table = JSON_TABLE(struct plugin_document, plugin_fields);

static int out_of_memory(struct err *err)
{
	return err_set(err, ENOMEM, "read a network configuration: out of memory");
}

/* true, or the word "true" in any case. */
static int parse_flag(const char *name, const char *key, const char *json, bool *ret,
		      struct err *err)
{
	if (!json || strcmp(json, "false") == 0 || strcasecmp(json, "\"false\"") == 0)
		return 0;
	if (strcmp(json, "true") != 0 && strcasecmp(json, "\"true\"") != 0)
		return cni_err(err, CNI_ERR_CONFIG, "%s: /%s: expected true or false, found %.40s",
			       name, key, json);
	*ret = true;
	return 0;
}

/* The newest that both know. */
static int choose_version(const char *name, const struct document *d, const char **ret,
			  struct err *err)
{
	const char *best = NULL;

	if (d->version && cni_version_known(d->version))
		best = d->version;
	for (size_t i = 0; i < d->versions.n; i++) {
		const char *v = d->versions.v[i];

		if (cni_version_known(v) && (!best || cni_version_at_least(v, best)))
			best = v;
	}
	if (!best && !d->version && d->versions.n == 0)
		best = CNI_VERSION_FIRST;
	if (!best)
		return cni_err(
			err, CNI_ERR_VERSION,
			"%s: incompatible CNI versions: config is \"%s\", supported are " CNI_VERSION_FIRST
			" to " CNI_VERSION_LAST,
			name, d->version ? d->version : d->versions.v[0]);
	*ret = best;
	return 0;
}

/* The names whose value is true. */
static int parse_capabilities(const char *json, struct arena *arena, struct strings *ret,
			      struct err *err)
{
	struct pairs all;
	char **v;
	size_t n = 0;

	if (json_split_object(json, strlen(json), arena, &all, err) < 0)
		return err_wrap(err, "capabilities");
	v = arena_array(arena, all.n + 1, sizeof(*v));
	if (!v)
		return out_of_memory(err);
	for (size_t i = 0; i < all.n; i++)
		if (strcmp(all.v[i].value, "true") == 0)
			v[n++] = all.v[i].key;
	*ret = (struct strings){ v, n };
	return 0;
}

static int parse_plugin(const char *name, const char *text, struct arena *arena,
			struct conflist_plugin *ret, struct err *err)
{
	struct plugin_document d;
	size_t len = strlen(text);

	if (json_decode(name, text, len, &plugin_table, &d, arena, err) < 0)
		return cni_code_(err, CNI_ERR_DECODE);
	if (!d.type || !d.type[0])
		return cni_err(err, CNI_ERR_CONFIG, "%s: a plugin has no \"type\"", name);
	/* CVE-2021-20206: a type names a file in the search path, not a way out of it. */
	if (strchr(d.type, '/') || strcmp(d.type, ".") == 0 || strcmp(d.type, "..") == 0)
		return cni_err(err, CNI_ERR_CONFIG, "%s: \"%.64s\" can't be the type of a plugin",
			       name, d.type);
	ret->type = d.type;
	if (d.capabilities &&
	    parse_capabilities(d.capabilities, arena, &ret->capabilities, err) < 0) {
		(void)err_wrap(err, "%s: plugin \"%s\"", name, d.type);
		return cni_code_(err, CNI_ERR_CONFIG);
	}
	return json_split_object(text, len, arena, &ret->members, err);
}

static int add_plugin(struct conflist *list, size_t *cap, const char *name, const char *text,
		      struct arena *arena, struct err *err)
{
	struct conflist_plugin *v;

	if (list->n >= CONFLIST_PLUGINS_MAX)
		return cni_err(err, CNI_ERR_CONFIG, "%s: more than %d plugins", name,
			       CONFLIST_PLUGINS_MAX);
	v = arena_grow(arena, list->v, list->n, cap, sizeof(*v));
	if (!v)
		return out_of_memory(err);
	list->v = v;
	memset(&v[list->n], 0, sizeof(*v));
	if (parse_plugin(name, text, arena, &v[list->n], err) < 0)
		return -1;
	list->n++;
	return 0;
}

static int parse_list(const char *name, const struct document *d, struct arena *arena,
		      struct conflist *list, struct err *err)
{
	struct strings items = { 0 };
	size_t cap = 0;

	if (parse_flag(name, "disableCheck", d->disable_check, &list->disable_check, err) < 0 ||
	    parse_flag(name, "disableGC", d->disable_gc, &list->disable_gc, err) < 0 ||
	    parse_flag(name, "loadOnlyInlinedPlugins", d->only_inlined, &list->only_inlined, err) <
		    0 ||
	    parse_flag(name, "skerry.resolver", d->resolver, &list->resolver, err) < 0)
		return -1;
	if (!d->plugins) {
		if (list->only_inlined)
			return cni_err(err, CNI_ERR_CONFIG, "%s: \"plugins\" is missing", name);
		return 0;
	}
	if (json_split_array(d->plugins, strlen(d->plugins), arena, &items, err) < 0 ||
	    items.n == 0)
		return cni_err(err, CNI_ERR_CONFIG,
			       "%s: /plugins: expected a list with a plugin in it", name);
	for (size_t i = 0; i < items.n; i++)
		if (add_plugin(list, &cap, name, items.v[i], arena, err) < 0)
			return -1;
	return 0;
}

int conflist_parse(const char *name, const char *text, size_t len, bool single, struct arena *arena,
		   struct conflist *ret, struct err *err)
{
	struct conflist list = { .len = len };
	struct document d;
	size_t cap = 0;

	if (json_decode(name, text, len, &document_table, &d, arena, err) < 0)
		return cni_code_(err, CNI_ERR_DECODE);
	if (!d.name || !netconf_name_ok(d.name))
		return cni_err(err, CNI_ERR_CONFIG, "%s: \"%.64s\" can't be the name of a network",
			       name, d.name ? d.name : "");
	list.name = d.name;
	list.text = arena_strndup(arena, text, len);
	if (!list.text)
		return out_of_memory(err);
	if (choose_version(name, &d, &list.version, err) < 0)
		return -1;
	if (single)
		list.only_inlined = true;
	if (single ? add_plugin(&list, &cap, name, list.text, arena, err) < 0
		   : parse_list(name, &d, arena, &list, err) < 0)
		return -1;
	*ret = list;
	return 0;
}

/* --- files ---------------------------------------------------------------- */

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && strcmp(s + n - m, end) == 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder with one of the endings, sorted; a missing folder is an empty one. */
static int list_files(const char *folder, const char *const *endings, struct arena *arena,
		      struct strings *ret, struct err *err)
{
	DIR *d = opendir(folder);
	size_t cap = 0;

	*ret = (struct strings){ 0 };
	if (!d && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (!d)
		return err_sys(err, "open \"%s\"", folder);
	for (const struct dirent *e; (e = readdir(d));) { /* NOLINT(concurrency-mt-unsafe) */
		bool wanted = false;
		char **v;

		for (size_t i = 0; endings[i]; i++)
			wanted =
				wanted || (e->d_name[0] != '.' && ends_with(e->d_name, endings[i]));
		if (!wanted || ret->n >= FILES_MAX)
			continue;
		v = arena_grow(arena, ret->v, ret->n, &cap, sizeof(*v));
		if (!v || !(v[ret->n] = arena_strdup(arena, e->d_name))) {
			(void)closedir(d);
			return out_of_memory(err);
		}
		ret->v = v;
		ret->n++;
	}
	(void)closedir(d);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), compare_names);
	return 0;
}

/* Plugins in files of their own: FOLDER/NETWORK/x.conf. */
static int load_folder(struct conflist *list, struct arena *arena, struct err *err)
{
	static const char *const endings[] = { ".conf", NULL };
	const char *slash = strrchr(list->path, '/');
	const char *folder =
		arena_printf(arena, "%.*s/%s", (int)(slash - list->path), list->path, list->name);
	struct strings files;
	size_t cap = list->n;

	if (!folder)
		return out_of_memory(err);
	if (list_files(folder, endings, arena, &files, err) < 0)
		return -1;
	for (size_t i = 0; i < files.n; i++) {
		const char *path = arena_printf(arena, "%s/%s", folder, files.v[i]);
		AUTO_BUF text;

		buf_init(&text);
		if (!path)
			return out_of_memory(err);
		if (file_read(AT_FDCWD, path, &text, CONFLIST_MAX, true) < 0)
			return cni_err_sys(err, CNI_ERR_IO, "read \"%s\"", path);
		if (add_plugin(list, &cap, path, text.s, arena, err) < 0)
			return -1;
	}
	return 0;
}

int conflist_load(const char *path, struct arena *arena, struct conflist *ret, struct err *err)
{
	struct conflist list = { 0 };
	AUTO_BUF text;

	buf_init(&text);
	if (file_read(AT_FDCWD, path, &text, CONFLIST_MAX, true) < 0)
		return cni_err_sys(err, CNI_ERR_IO, "read \"%s\"", path);
	if (conflist_parse(path, text.s, text.len, !ends_with(path, ".conflist"), arena, &list,
			   err) < 0)
		return -1;
	list.path = arena_strdup(arena, path);
	if (!list.path)
		return out_of_memory(err);
	if (!list.only_inlined && strchr(path, '/') && load_folder(&list, arena, err) < 0)
		return -1;
	if (list.n == 0)
		return cni_err(err, CNI_ERR_CONFIG, "%s: no plugin at all", path);
	*ret = list;
	return 0;
}

const struct conflist *conflist_find(const struct conflists *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->v[i].name, name) == 0)
			return &all->v[i];
	return NULL;
}

int conflist_load_all(const char *const *folders, struct arena *arena,
		      void (*warn)(const struct err *why), struct conflists *ret, struct err *err)
{
	static const char *const endings[] = { ".conf", ".conflist", ".json", NULL };
	size_t cap = 0;

	*ret = (struct conflists){ 0 };
	for (; *folders; folders++) {
		struct strings files;

		if (list_files(*folders, endings, arena, &files, err) < 0)
			return -1;
		for (size_t i = 0; i < files.n; i++) {
			const char *path = arena_printf(arena, "%s/%s", *folders, files.v[i]);
			struct err why = { 0 };
			struct conflist *v = arena_grow(arena, ret->v, ret->n, &cap, sizeof(*v));

			if (!path || !v)
				return out_of_memory(err);
			ret->v = v;
			if (conflist_load(path, arena, &v[ret->n], &why) < 0) {
				if (warn)
					warn(&why);
			} else if (!conflist_find(ret, v[ret->n].name)) {
				ret->n++;
			}
		}
	}
	return 0;
}

/* --- requests ------------------------------------------------------------- */

/* What the caller decides, whatever the file says. */
static bool is_ours(const char *key)
{
	static const char *const ours[] = { "name",	    "cniVersion", "cniVersions",
					    "capabilities", "prevResult", "runtimeConfig",
					    "disableCheck", "disableGC" };

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (strcmp(key, ours[i]) == 0)
			return true;
	return str_starts(key, "cni.dev/");
}

static bool has_capability(const struct conflist_plugin *plugin, const char *name)
{
	for (size_t i = 0; i < plugin->capabilities.n; i++)
		if (strcmp(plugin->capabilities.v[i], name) == 0)
			return true;
	return false;
}

bool conflist_has_capability(const struct conflist *list, const char *capability)
{
	for (size_t i = 0; i < list->n; i++)
		if (has_capability(&list->v[i], capability))
			return true;
	return false;
}

static void json_raw_member(struct json_out *o, const struct pair *m)
{
	json_raw(o, "\"");
	buf_puts(o->buf, m->key);
	buf_puts(o->buf, "\":");
	buf_puts(o->buf, m->value);
}

/* What the plugin asks for and the caller has; the key is left out when that is nothing. */
static void write_capabilities(const struct conflist_plugin *plugin, const struct pairs *supplied,
			       struct json_out *o)
{
	bool open = false;

	for (size_t i = 0; supplied && i < supplied->n; i++) {
		if (!has_capability(plugin, supplied->v[i].key))
			continue;
		if (!open) {
			json_key(o, "runtimeConfig");
			json_begin_object(o);
			open = true;
		}
		json_key(o, supplied->v[i].key);
		json_raw(o, supplied->v[i].value);
	}
	if (open)
		json_end_object(o);
}

void conflist_write_request(const struct conflist *list, const struct conflist_plugin *plugin,
			    const struct conflist_request *request, struct buf *out)
{
	struct json_out o;

	json_out_init(&o, out, 0);
	json_begin_object(&o);
	json_kv_string(&o, "cniVersion", list->version);
	json_kv_string(&o, "name", list->name);
	for (size_t i = 0; i < plugin->members.n; i++) {
		const struct pair *m = &plugin->members.v[i];

		/* the key as it is written: escapes and all */
		if (!is_ours(m->key))
			json_raw_member(&o, m);
	}
	write_capabilities(plugin, request->capabilities, &o);
	if (request->prev_result) {
		json_key(&o, "prevResult");
		json_raw(&o, request->prev_result);
	}
	if (request->attachments) {
		json_key(&o, "cni.dev/valid-attachments");
		json_raw(&o, request->attachments);
		/* what it was called before it was in the specification; libcni sends both */
		json_key(&o, "cni.dev/attachments");
		json_raw(&o, request->attachments);
	}
	json_end_object(&o);
}
