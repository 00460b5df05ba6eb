/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint_mounts.c - which mounts of a container criu can't make again by itself
 *
 * From mountinfo, not from config.json: it also has what was mounted while
 * the container ran, the networks' files and devices that were bound.  A mount
 * is the container's own when its file system is mounted there with its root
 * and is of a kind that begins empty (or full of the kernel's things); its
 * other binds then are copies of it.  All others came from outside.
 *
 * proc(5) "mountinfo".
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/container/checkpoint.h"

#define MOUNTS_MAX 100000

struct mount {
	uint64_t id;
	const char *device, *root, *target, *flags, *type;
	const char *source, *options; /* of the file system */
	bool own; /* root of a file system that criu makes */
};
struct mount_list {
	struct mount *v;
	size_t n, cap;
};

/* "\040" is a blank: proc(5) escapes blank, tab, newline and backslash. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

static bool is_made_by_criu(const char *type)
{
	static const char *const types[] = { "proc",	    "sysfs",   "tmpfs",	  "devpts",
					     "mqueue",	    "cgroup",  "cgroup2", "devtmpfs",
					     "binfmt_misc", "fusectl", "debugfs", "tracefs",
					     "securityfs" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue" */
static bool parse_line(char *line, struct mount *ret)
{
	char *words[6], *save = NULL, *word, *end;
	size_t n = 0;

	*ret = (struct mount){ 0 };
	for (word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (n < ARRAY_SIZE(words))
			words[n++] = word;
		else if (strcmp(word, "-") == 0)
			break;
	}
	if (!word || n < ARRAY_SIZE(words))
		return false;
	ret->type = strtok_r(NULL, " ", &save);
	if (!ret->type)
		return false;
	ret->source = strtok_r(NULL, " ", &save);
	ret->options = strtok_r(NULL, " ", &save);
	errno = 0;
	ret->id = strtoull(words[0], &end, 10);
	if (errno || *end || end == words[0])
		return false;
	unescape(words[3]);
	unescape(words[4]);
	ret->device = words[2];
	ret->root = words[3];
	ret->target = words[4];
	ret->flags = words[5];
	/* A control group's root is where its name space begins. */
	ret->own = is_made_by_criu(ret->type) && strcmp(ret->type, "devtmpfs") != 0 &&
		   (strcmp(ret->root, "/") == 0 || str_starts(ret->type, "cgroup"));
	return ret->target[0] == '/' && ret->root[0];
}

static int parse(const char *text, size_t len, struct arena *arena, struct mount_list *ret,
		 struct err *err)
{
	char *copy = arena_strndup(arena, text, len), *save = NULL;

	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct mount *v = arena_grow(arena, ret->v, ret->n, &ret->cap, sizeof(*v));

		if (!v)
			return err_set(err, ENOMEM, "out of memory");
		ret->v = v;
		if (ret->n == MOUNTS_MAX)
			return err_set(err, E2BIG, "more than %d mounts", MOUNTS_MAX);
		if (!parse_line(line, &v[ret->n]))
			return err_set(err, EBADMSG, "mountinfo has a line that is none");
		ret->n++;
	}
	return 0;
}

static bool is_of_own(const struct mount_list *list, const struct mount *m)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].own && strcmp(list->v[i].device, m->device) == 0)
			return true;
	return false;
}

static bool is_null(const struct mount *m)
{
	return strcmp(m->type, "devtmpfs") == 0 && strcmp(m->root, "/null") == 0;
}

static int add(struct external_mounts *ret, const struct mount *m, struct arena *arena,
	       struct err *err)
{
	struct criu_ext_mount *v = arena_grow(arena, ret->v, ret->n, &ret->cap, sizeof(*v));

	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	ret->v = v;
	v[ret->n].key = arena_strdup(arena, m->target);
	v[ret->n].val = arena_strdup(arena, is_null(m) ? "/dev/null" : m->target);
	if (!v[ret->n].key || !v[ret->n].val)
		return err_set(err, ENOMEM, "out of memory");
	ret->n++;
	return 0;
}

int checkpoint_mounts(const char *text, size_t len, struct arena *arena,
		      struct external_mounts *ret, struct err *err)
{
	struct mount_list list = { 0 };

	*ret = (struct external_mounts){ 0 };
	if (parse(text, len, arena, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++) {
		const struct mount *m = &list.v[i];

		/* The root is criu's --root. */
		if (strcmp(m->target, "/") == 0 || m->own || is_of_own(&list, m))
			continue;
		if (add(ret, m, arena, err) < 0)
			return -1;
	}
	return 0;
}

static bool is_read_only(const char *options)
{
	return strcmp(options, "ro") == 0 || str_starts(options, "ro,");
}

/* Is it the only one at its place, and of its file system?  Several are taken where the file
 * system itself is read-only (and empty, as fresh_find() sees to): what masks directories. */
static bool is_plain(const struct mount_list *list, const struct mount *m, bool *ret_shared)
{
	*ret_shared = false;
	for (size_t i = 0; i < list->n; i++) {
		const struct mount *other = &list->v[i];

		if (other == m)
			continue;
		if (strcmp(other->target, m->target) == 0)
			return false;
		if (strcmp(other->device, m->device) != 0)
			continue;
		if (!other->own || !is_read_only(m->options))
			return false;
		*ret_shared = true;
	}
	return true;
}

int checkpoint_tmpfs(const char *text, size_t len, struct arena *arena, struct tmpfs_mounts *ret,
		     struct err *err)
{
	struct mount_list list = { 0 };

	*ret = (struct tmpfs_mounts){ 0 };
	if (parse(text, len, arena, &list, err) < 0)
		return -1;
	ret->v = arena_array(arena, list.n + 1, sizeof(*ret->v));
	if (!ret->v)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < list.n; i++) {
		const struct mount *m = &list.v[i];
		bool shared;

		if (strcmp(m->type, "tmpfs") != 0 || !m->own || !m->options ||
		    strcmp(m->target, "/") == 0 || !is_plain(&list, m, &shared))
			continue;
		ret->v[ret->n].target = arena_strdup(arena, m->target);
		ret->v[ret->n].source = arena_strdup(arena, m->source);
		ret->v[ret->n].options = arena_strdup(arena, m->options);
		ret->v[ret->n].device = arena_strdup(arena, m->device);
		ret->v[ret->n].flags = arena_strdup(arena, m->flags);
		ret->v[ret->n].shared = shared;
		if (!ret->v[ret->n].target || !ret->v[ret->n].source || !ret->v[ret->n].options ||
		    !ret->v[ret->n].device || !ret->v[ret->n].flags)
			return err_set(err, ENOMEM, "out of memory");
		ret->n++;
	}
	return 0;
}

bool checkpoint_has_mount(const char *text, size_t len, uint64_t id)
{
	const char *end = text + len;

	for (const char *line = text; line < end;) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));

		if (strtoull(line, NULL, 10) == id)
			return true;
		line = stop ? stop + 1 : end;
	}
	return false;
}
