/* SPDX-License-Identifier: Apache-2.0 */
/* adapt.c - spec.dump of another host becomes config.json here
 *
 * What is bound to the old host goes: hooks, the control group's place, the
 * paths of namespaces that aren't here.  Mounts keep their places, as the images
 * name them; a source that isn't here is replaced when an engine had made it
 * (/dev/shm, /etc/hosts and the like) and an error when it was a volume.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/archive/archive.h"

struct raw_root {
	bool readonly;
};
struct raw_spec {
	struct raw_root *root;
	char *mounts, *linux_, *process;
};
static const struct json_field root_fields[] = { JSON_FIELD(struct raw_root, readonly, JSON_BOOL) };
static const struct json_table root_table = JSON_TABLE(struct raw_root, root_fields);
static const struct json_field spec_fields[] = {
	JSON_FIELD(struct raw_spec, root, JSON_OBJECT, .sub = &root_table),
	JSON_FIELD(struct raw_spec, process, JSON_RAW, .required = true),
	JSON_FIELD(struct raw_spec, mounts, JSON_RAW),
	JSON_FIELD_AS("linux", struct raw_spec, linux_, JSON_RAW),
};
static const struct json_table spec_table = JSON_TABLE(struct raw_spec, spec_fields);

struct mount_words {
	char *destination, *type, *source;
	struct strings options;
};
static const struct json_field mount_fields[] = {
	JSON_FIELD(struct mount_words, destination, JSON_STRING, .required = true),
	JSON_FIELD(struct mount_words, type, JSON_STRING),
	JSON_FIELD(struct mount_words, source, JSON_STRING),
	JSON_FIELD(struct mount_words, options, JSON_STRINGS),
};
static const struct json_table mount_table = JSON_TABLE(struct mount_words, mount_fields);

struct ns_words {
	char *type, *path;
};
static const struct json_field ns_fields[] = {
	JSON_FIELD(struct ns_words, type, JSON_STRING, .required = true),
	JSON_FIELD(struct ns_words, path, JSON_STRING),
};
static const struct json_table ns_table = JSON_TABLE(struct ns_words, ns_fields);

struct adapting {
	struct json_out o;
	const char *bundle;
	struct adapted *ret;
	struct arena *arena;
	size_t cap_files;
};

static bool has_option(const struct strings *list, const char *a, const char *b)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i], a) == 0 || strcmp(list->v[i], b) == 0)
			return true;
	return false;
}

static bool is_engines_file(const char *destination)
{
	static const char *const names[] = { "/etc/hosts", "/etc/hostname", "/etc/resolv.conf",
					     "/run/.containerenv", "/var/run/.containerenv" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(destination, names[i]) == 0)
			return true;
	return false;
}

/* Where the bundle has it instead. */
static const char *replacement(struct adapting *a, const struct mount_words *m, struct err *err)
{
	char **v;

	if (strcmp(m->destination, "/dev/shm") == 0) {
		a->ret->shm = true;
		return arena_printf(a->arena, "%s/shm", a->bundle);
	}
	if (!is_engines_file(m->destination)) {
		(void)err_set(err, ENOENT,
			      "\"%s\", which was mounted on \"%s\", is not on this host: make it, "
			      "or give a bundle whose config.json names another",
			      m->source, m->destination);
		return NULL;
	}
	v = arena_grow(a->arena, a->ret->files.v, a->ret->files.n, &a->cap_files, sizeof(*v));
	if (!v) {
		(void)err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	a->ret->files.v = v;
	v[a->ret->files.n] =
		arena_printf(a->arena, "%s/files/%s", a->bundle, strrchr(m->destination, '/') + 1);
	return v[a->ret->files.n++];
}

static int write_mount(struct adapting *a, const char *text, struct err *err)
{
	struct mount_words m;
	const char *source;

	if (json_decode("mount", text, strlen(text), &mount_table, &m, a->arena, err) < 0)
		return -1;
	if ((!str_eq(m.type, "bind") && !has_option(&m.options, "bind", "rbind")) || !m.source ||
	    m.source[0] != '/' || access(m.source, F_OK) == 0) {
		json_raw(&a->o, text);
		return 0;
	}
	source = replacement(a, &m, err);
	if (!source)
		return -1;
	json_begin_object(&a->o);
	json_kv_string(&a->o, "destination", m.destination);
	json_kv_string(&a->o, "type", "bind");
	json_kv_string(&a->o, "source", source);
	json_key(&a->o, "options");
	json_begin_array(&a->o);
	for (size_t i = 0; i < m.options.n; i++)
		json_string(&a->o, m.options.v[i]);
	json_end_array(&a->o);
	json_end_object(&a->o);
	return 0;
}

static int write_namespace(struct adapting *a, const char *text, struct err *err)
{
	struct ns_words n;

	if (json_decode("namespace", text, strlen(text), &ns_table, &n, a->arena, err) < 0)
		return -1;
	if (!n.path || !n.path[0] || access(n.path, F_OK) == 0) {
		json_raw(&a->o, text);
		return 0;
	}
	if (strcmp(n.type, "network") == 0)
		a->ret->external_network = true;
	json_begin_object(&a->o);
	json_kv_string(&a->o, "type", n.type);
	json_end_object(&a->o);
	return 0;
}

static int write_list(struct adapting *a, const char *text,
		      int (*each)(struct adapting *a, const char *text, struct err *err),
		      struct err *err)
{
	struct strings list;

	if (json_split_array(text, strlen(text), a->arena, &list, err) < 0)
		return -1;
	json_begin_array(&a->o);
	for (size_t i = 0; i < list.n; i++)
		if (each(a, list.v[i], err) < 0)
			return -1;
	json_end_array(&a->o);
	return 0;
}

static int write_linux(struct adapting *a, const char *text, struct err *err)
{
	struct pairs members;

	if (json_split_object(text, strlen(text), a->arena, &members, err) < 0)
		return -1;
	json_begin_object(&a->o);
	for (size_t i = 0; i < members.n; i++) {
		const struct pair *p = &members.v[i];

		if (strcmp(p->key, "cgroupsPath") == 0)
			continue;
		json_key(&a->o, p->key);
		if (strcmp(p->key, "namespaces") != 0)
			json_raw(&a->o, p->value);
		else if (write_list(a, p->value, write_namespace, err) < 0)
			return -1;
	}
	json_end_object(&a->o);
	return 0;
}

static int write_member(struct adapting *a, const struct pair *p, struct err *err)
{
	if (strcmp(p->key, "root") == 0 || strcmp(p->key, "hooks") == 0 ||
	    strcmp(p->value, "null") == 0)
		return 0;
	json_key(&a->o, p->key);
	if (strcmp(p->key, "mounts") == 0)
		return write_list(a, p->value, write_mount, err);
	if (strcmp(p->key, "linux") == 0)
		return write_linux(a, p->value, err);
	json_raw(&a->o, p->value);
	return 0;
}

int adapt_spec(const char *spec, size_t len, const char *bundle, struct buf *out,
	       struct adapted *ret, struct arena *arena, struct err *err)
{
	struct adapting a = { .bundle = bundle, .ret = ret, .arena = arena };
	struct raw_spec raw;
	struct pairs members;

	*ret = (struct adapted){ 0 };
	if (json_decode(MEMBER_SPEC, spec, len, &spec_table, &raw, arena, err) < 0 ||
	    json_split_object(spec, len, arena, &members, err) < 0)
		return -1;
	json_out_init(&a.o, out, JSON_TABS);
	json_begin_object(&a.o);
	for (size_t i = 0; i < members.n; i++)
		if (write_member(&a, &members.v[i], err) < 0)
			return -1;
	json_key(&a.o, "root");
	json_begin_object(&a.o);
	json_kv_string(&a.o, "path", "rootfs");
	json_kv_bool(&a.o, "readonly", raw.root && raw.root->readonly);
	json_end_object(&a.o);
	json_end_object(&a.o);
	return buf_failed(out) ? err_set(err, ENOMEM, "out of memory") : 0;
}
