/* SPDX-License-Identifier: Apache-2.0 */
/* load.c - config.json and its parts from text to structs
 *
 * Decoding checks the shape; what little is put right afterwards, so that no
 * reader has to: "linux" is always there, mount destinations begin with "/"
 * (both peers take a relative one as relative to the root), an empty string
 * counts as absent where it means that, and a hook knows whether it was given
 * an environment.
 *
 * runtime-spec config.md
 */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "runtime/spec/spec.h"
#include "runtime/spec/tables.h"

static const struct json_field spec_fields[] = {
	JSON_FIELD(struct spec, ociVersion, JSON_STRING),
	JSON_FIELD(struct spec, process, JSON_OBJECT, .sub = &spec_process_table),
	JSON_FIELD(struct spec, root, JSON_OBJECT, .sub = &spec_root_table),
	JSON_FIELD(struct spec, hostname, JSON_STRING),
	JSON_FIELD(struct spec, domainname, JSON_STRING),
	JSON_FIELD(struct spec, mounts, JSON_OBJECTS, .sub = &spec_mount_table),
	JSON_FIELD(struct spec, hooks, JSON_OBJECT, .sub = &spec_hooks_table),
	JSON_FIELD(struct spec, annotations, JSON_PAIRS),
	JSON_FIELD_AS("linux", struct spec, linux_, JSON_OBJECT, .sub = &spec_linux_table),
};
static const struct json_table spec_table = JSON_TABLE(struct spec, spec_fields);

static int no_memory(const char *name, struct err *err)
{
	return err_set(err, ENOMEM, "%s: too large: out of memory", name);
}

/* Engines written in Go send "" for what they don't set. */
static void drop_empty(char **s)
{
	if (*s && **s == '\0')
		*s = NULL;
}

static int fix_mounts(struct spec_mount *mounts, size_t n, struct arena *arena)
{
	for (size_t i = 0; i < n; i++) {
		struct spec_mount *m = &mounts[i];

		drop_empty(&m->type);
		drop_empty(&m->source);
		if (m->destination[0] == '/' || m->destination[0] == '\0')
			continue;
		m->destination = arena_printf(arena, "/%s", m->destination);
		if (!m->destination)
			return -1;
	}
	return 0;
}

static void fix_process(struct spec_process *p)
{
	drop_empty(&p->commandLine);
	drop_empty(&p->apparmorProfile);
	drop_empty(&p->selinuxLabel);
}

static void fix_hooks(struct spec_hook_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		list->v[i].has_env = list->v[i].env.v != NULL;
}

static void fix_linux(struct spec_linux *l)
{
	for (size_t i = 0; i < l->namespaces.n; i++)
		drop_empty(&l->namespaces.v[i].path);
	drop_empty(&l->cgroupsPath);
	drop_empty(&l->rootfsPropagation);
	drop_empty(&l->mountLabel);
	if (l->seccomp) {
		drop_empty(&l->seccomp->listenerPath);
		drop_empty(&l->seccomp->listenerMetadata);
	}
}

static int fix_spec(struct spec *s)
{
	if (!s->linux_)
		s->linux_ = arena_alloc(s->arena, sizeof(*s->linux_));
	if (!s->linux_ || fix_mounts(s->mounts.v, s->mounts.n, s->arena) < 0)
		return -1;
	fix_linux(s->linux_);
	drop_empty(&s->hostname);
	drop_empty(&s->domainname);
	if (s->process)
		fix_process(s->process);
	if (s->hooks) {
		fix_hooks(&s->hooks->prestart);
		fix_hooks(&s->hooks->createRuntime);
		fix_hooks(&s->hooks->createContainer);
		fix_hooks(&s->hooks->startContainer);
		fix_hooks(&s->hooks->poststart);
		fix_hooks(&s->hooks->poststop);
	}
	return 0;
}

int spec_parse(const char *name, const char *text, size_t len, struct arena *arena,
	       struct spec **ret, struct err *err)
{
	struct spec *s = arena_alloc(arena, sizeof(*s));

	if (!s)
		return no_memory(name, err);
	if (json_decode(name, text, len, &spec_table, s, arena, err) < 0)
		return -1;
	s->arena = arena;
	if (fix_spec(s) < 0)
		return no_memory(name, err);
	*ret = s;
	return 0;
}

int spec_load(int dir, const char *file, struct arena *arena, struct spec **ret,
	      const char **ret_text, size_t *ret_len, struct err *err)
{
	AUTO_BUF text;
	char *copy = NULL;

	buf_init_max(&text, SPEC_FILE_MAX + 1);
	if (file_read(dir, file, &text, SPEC_FILE_MAX, true) < 0)
		return err_sys(err, "read \"%s\"", file);
	if (ret_text) {
		copy = arena_strndup(arena, text.s, text.len);
		if (!copy)
			return no_memory(file, err);
	}
	if (spec_parse(file, text.s, text.len, arena, ret, err) < 0)
		return -1;
	if (ret_text) {
		*ret_text = copy;
		*ret_len = text.len;
	}
	return 0;
}

int spec_parse_process(const char *name, const char *text, size_t len, struct arena *arena,
		       struct spec_process **ret, struct err *err)
{
	struct spec_process *p = arena_alloc(arena, sizeof(*p));

	if (!p)
		return no_memory(name, err);
	if (json_decode(name, text, len, &spec_process_table, p, arena, err) < 0)
		return -1;
	fix_process(p);
	*ret = p;
	return 0;
}

int spec_parse_resources(const char *name, const char *text, size_t len, struct arena *arena,
			 struct spec_resources **ret, struct err *err)
{
	struct spec_resources *r = arena_alloc(arena, sizeof(*r));

	if (!r)
		return no_memory(name, err);
	if (json_decode(name, text, len, &spec_resources_table, r, arena, err) < 0)
		return -1;
	*ret = r;
	return 0;
}

int spec_parse_mounts(const char *name, const char *text, size_t len, struct arena *arena,
		      struct spec_mount **ret, size_t *ret_n, struct err *err)
{
	struct json_array list = { .n = 1 };
	size_t i = 0;

	while (i < len && (unsigned char)text[i] <= ' ') /* the decoder says if it isn't white */
		i++;
	if (i < len && text[i] == '[') {
		if (json_decode_array(name, text, len, &spec_mount_table, &list, arena, err) < 0)
			return -1;
	} else {
		list.v = arena_alloc(arena, sizeof(struct spec_mount));
		if (!list.v)
			return no_memory(name, err);
		if (json_decode(name, text, len, &spec_mount_table, list.v, arena, err) < 0)
			return -1;
	}
	if (fix_mounts(list.v, list.n, arena) < 0)
		return no_memory(name, err);
	*ret = list.v;
	*ret_n = list.n;
	return 0;
}

const char *spec_annotation(const struct spec *s, const char *key)
{
	for (size_t i = 0; i < s->annotations.n; i++)
		if (strcmp(s->annotations.v[i].key, key) == 0)
			return s->annotations.v[i].value;
	return NULL;
}
