/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - what a move needs of config.json and network.json, and what it changes */
#include "runtime/migrate/config.h"

#include <errno.h>
#include <string.h>

struct mount {
	char *destination, *type, *source;
	struct strings options;
};
struct namespace
{
	char *type, *path;
};
struct root {
	char *path;
};
struct linux_part {
	char *cgroupsPath, *namespaces;
};
struct hooks_part {
	char *poststop;
};
struct document {
	struct root *root;
	struct {
		struct mount *v;
		size_t n;
	} mounts;
	struct linux_part *linux_;
	struct hooks_part *hooks;
};

static const struct json_field mount_fields[] = {
	JSON_FIELD(struct mount, destination, JSON_STRING),
	JSON_FIELD(struct mount, type, JSON_STRING),
	JSON_FIELD(struct mount, source, JSON_STRING),
	JSON_FIELD(struct mount, options, JSON_STRINGS),
};
static const struct json_table mount_table = JSON_TABLE(struct mount, mount_fields);
static const struct json_field namespace_fields[] = {
	JSON_FIELD(struct namespace, type, JSON_STRING),
	JSON_FIELD(struct namespace, path, JSON_STRING),
};
static const struct json_table namespace_table = JSON_TABLE(struct namespace, namespace_fields);
static const struct json_field root_fields[] = {
	JSON_FIELD(struct root, path, JSON_STRING),
};
static const struct json_table root_table = JSON_TABLE(struct root, root_fields);
static const struct json_field linux_fields[] = {
	JSON_FIELD(struct linux_part, cgroupsPath, JSON_STRING),
	JSON_FIELD(struct linux_part, namespaces, JSON_RAW),
};
static const struct json_table linux_table = JSON_TABLE(struct linux_part, linux_fields);
static const struct json_field hooks_fields[] = {
	JSON_FIELD(struct hooks_part, poststop, JSON_RAW),
};
static const struct json_table hooks_table = JSON_TABLE(struct hooks_part, hooks_fields);
static const struct json_field document_fields[] = {
	JSON_FIELD(struct document, root, JSON_OBJECT, .sub = &root_table),
	JSON_FIELD(struct document, mounts, JSON_OBJECTS, .sub = &mount_table),
	JSON_FIELD_AS("linux", struct document, linux_, JSON_OBJECT, .sub = &linux_table),
	JSON_FIELD(struct document, hooks, JSON_OBJECT, .sub = &hooks_table),
};
static const struct json_table document_table = JSON_TABLE(struct document, document_fields);

struct hook {
	char *path;
	struct strings args;
};
static const struct json_field hook_fields[] = {
	JSON_FIELD(struct hook, path, JSON_STRING),
	JSON_FIELD(struct hook, args, JSON_STRINGS),
};
static const struct json_table hook_table = JSON_TABLE(struct hook, hook_fields);

static int out_of_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

static bool has_word(const struct strings *s, const char *word)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i], word) == 0)
			return true;
	return false;
}

/* A bind of what is no volume: devices, the kernel's own trees. */
static bool is_of_the_system(const char *source)
{
	static const char *const tops[] = { "/dev", "/proc", "/sys" };

	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		size_t n = strlen(tops[i]);

		if (strncmp(source, tops[i], n) == 0 && (source[n] == '/' || !source[n]))
			return true;
	}
	return false;
}

static int take_volumes(const struct document *d, struct arena *arena, struct strings *ret,
			struct err *err)
{
	ret->v = arena_array(arena, d->mounts.n + 1, sizeof(*ret->v));
	if (!ret->v)
		return out_of_memory(err);
	for (size_t i = 0; i < d->mounts.n; i++) {
		const struct mount *m = &d->mounts.v[i];
		const bool is_bind = str_eq(m->type, "bind") || has_word(&m->options, "bind") ||
				     has_word(&m->options, "rbind");

		if (is_bind && m->source && m->source[0] == '/' && !is_of_the_system(m->source) &&
		    !has_word(ret, m->source))
			ret->v[ret->n++] = m->source;
	}
	return 0;
}

struct namespaces {
	struct namespace *v;
	size_t n;
};

static int decode_namespaces(const char *text, struct arena *arena, struct namespaces *ret,
			     struct err *err)
{
	struct json_array list = { 0 };

	if (text && json_decode_array("namespaces", text, strlen(text), &namespace_table, &list,
				      arena, err) < 0)
		return -1;
	ret->v = list.v;
	ret->n = list.n;
	return 0;
}

int config_parse(const char *text, size_t len, struct arena *arena, struct config *ret,
		 struct err *err)
{
	struct document d;
	struct namespaces list;

	*ret = (struct config){ 0 };
	if (json_decode("config.json", text, len, &document_table, &d, arena, err) < 0)
		return -1;
	if (!d.root || !d.root->path || !d.root->path[0])
		return err_set(err, EINVAL, "config.json names no root file system");
	ret->rootfs = d.root->path;
	ret->poststop = d.hooks ? d.hooks->poststop : NULL;
	ret->cgroups_path = d.linux_ ? d.linux_->cgroupsPath : NULL;
	ret->namespaces = d.linux_ ? d.linux_->namespaces : NULL;
	if (decode_namespaces(ret->namespaces, arena, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++) {
		const struct namespace *ns = &list.v[i];

		if (str_eq(ns->type, "pid") && !(ns->path && ns->path[0]))
			ret->has_pidns = true;
		if (!str_eq(ns->type, "network"))
			continue;
		ret->has_netns = true;
		ret->netns = ns->path && ns->path[0] ? ns->path : NULL;
	}
	return take_volumes(&d, arena, &ret->volumes, err);
}

/* --- the target's ------------------------------------------------------------------------ */

/* The first of the words, up to NULL, is the program. */
static void put_hook(struct json_out *o, const char *const *words)
{
	json_begin_object(o);
	json_kv_string(o, "path", words[0]);
	json_key(o, "args");
	json_begin_array(o);
	for (; *words; words++)
		json_string(o, *words);
	json_end_array(o);
	json_end_object(o);
}

static void put_hooks(struct json_out *o, const struct config_change *change)
{
	const char *const words[] = { change->hook, CONFIG_HOOK, change->bundle, NULL };

	if (change->unbundle)
		put_hook(o, change->unbundle);
	if (change->hook)
		put_hook(o, words);
}

/* What takes a bundle away, of an image (skerry-image) or an earlier move: the source's is not
 * here. */
static bool is_of_a_bundle(const struct hook *h)
{
	return has_word(&h->args, CONFIG_HOOK) || has_word(&h->args, "unbundle");
}

/* Those of before but ours, and ours. */
static int put_poststop(struct json_out *o, const struct config *c,
			const struct config_change *change, struct arena *arena, struct err *err)
{
	struct strings list = { 0 };

	if (c->poststop &&
	    json_split_array(c->poststop, strlen(c->poststop), arena, &list, err) < 0)
		return -1;
	json_key(o, "hooks");
	json_begin_object(o);
	json_key(o, "poststop");
	json_begin_array(o);
	for (size_t i = 0; i < list.n; i++) {
		struct hook h;

		if (json_decode("hook", list.v[i], strlen(list.v[i]), &hook_table, &h, arena, err) <
		    0)
			return -1;
		if (!is_of_a_bundle(&h))
			json_raw(o, list.v[i]);
	}
	put_hooks(o, change);
	json_end_array(o);
	json_end_object(o);
	return 0;
}

static int put_namespaces(struct json_out *o, const struct config *c, const char *netns,
			  struct arena *arena, struct err *err)
{
	struct namespaces list;

	if (decode_namespaces(c->namespaces, arena, &list, err) < 0)
		return -1;
	json_key(o, "linux");
	json_begin_object(o);
	json_key(o, "namespaces");
	json_begin_array(o);
	for (size_t i = 0; i < list.n; i++) {
		const char *path = str_eq(list.v[i].type, "network") ? netns : list.v[i].path;

		json_begin_object(o);
		json_kv_string(o, "type", list.v[i].type);
		if (path)
			json_kv_string(o, "path", path);
		json_end_object(o);
	}
	json_end_array(o);
	json_end_object(o);
	return 0;
}

int config_change(const char *text, size_t len, const struct config_change *change, struct buf *out,
		  struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct config c;
	struct json_out o;
	AUTO_BUF patch;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	buf_init(&patch);
	if (config_parse(text, len, &arena, &c, err) < 0)
		return -1;
	if (change->netns && !c.has_netns)
		return err_set(err, EINVAL, "--netns: the container has no network namespace");
	json_out_init(&o, &patch, 0);
	json_begin_object(&o);
	json_key(&o, "root");
	json_begin_object(&o);
	json_kv_string(&o, "path", change->rootfs);
	json_end_object(&o);
	if ((c.poststop || change->hook) && put_poststop(&o, &c, change, &arena, err) < 0)
		return -1;
	if (change->netns && put_namespaces(&o, &c, change->netns, &arena, err) < 0)
		return -1;
	json_end_object(&o);
	if (buf_failed(&patch))
		return out_of_memory(err);
	return json_merge(arena_strndup(&arena, text, len), patch.s, &arena, out, err);
}

/* --- others ----------------------------------------------------------------------------------- */

struct requested {
	struct strings networks;
};
static const struct json_field requested_fields[] = {
	JSON_FIELD(struct requested, networks, JSON_STRINGS),
};
static const struct json_table requested_table = JSON_TABLE(struct requested, requested_fields);

int config_networks(const char *text, size_t len, struct arena *arena, struct strings *ret,
		    struct err *err)
{
	struct requested r;

	*ret = (struct strings){ 0 };
	if (json_decode("network.json", text, len, &requested_table, &r, arena, err) < 0)
		return -1;
	for (size_t i = 0; i < r.networks.n; i++)
		r.networks.v[i][strcspn(r.networks.v[i], ":")] = '\0';
	if (r.networks.n == 1 &&
	    (strcmp(r.networks.v[0], "none") == 0 || strcmp(r.networks.v[0], "host") == 0 ||
	     strcmp(r.networks.v[0], "container") == 0))
		r.networks.n = 0;
	*ret = r.networks;
	return 0;
}

/* Is the word of that length one of the list's? */
static bool list_has(const char *list, const char *word, size_t len)
{
	for (const char *at = list; *at;) {
		size_t n = strcspn(at, " ");

		if (n == len && memcmp(at, word, n) == 0)
			return true;
		at += n;
		at += strspn(at, " ");
	}
	return false;
}

int config_missing_words(const char *have, const char *wanted, struct buf *out)
{
	int missing = 0;

	for (const char *at = wanted; *at;) {
		size_t n = strcspn(at, " ");

		if (n && !list_has(have, at, n)) {
			buf_printf(out, "%s%.*s", out->len ? " " : "", (int)n, at);
			missing++;
		}
		at += n;
		at += strspn(at, " ");
	}
	return missing;
}
