/* SPDX-License-Identifier: Apache-2.0 */
/* place.c - where a container's group will be
 *
 * Pure: computed from the id, the spec and what the host has, so that it can be
 * written down before the group exists and found again after a crash.
 *
 * cgroupfs: an absolute cgroupsPath lies below the top of the v2 tree; a
 * relative one, or none (then it is the id), too, but beside the caller's own
 * group where the top is not ours.
 * systemd: cgroupsPath is slice:prefix:name, the unit prefix-name.scope (a name
 * that ends in .slice is a slice unit); a slice a-b.slice lies in a.slice.
 * runtime-spec config-linux.md "Cgroups Path"; systemd.slice(5), systemd.unit(5).
 */
#include "cgroups/internal.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define POINTER	      "/linux/cgroupsPath"
#define UNIT_NAME_MAX 255

static bool is_unit_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr(":_.-", c) != NULL);
}

static bool ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), n = strlen(end);

	return len > n && strcmp(s + len - n, end) == 0;
}

/* One directory name: the kernel's limits, and no newline, which /proc/PID/cgroup can't show. */
static int check_component(const char *s, size_t len, const char *whole, struct err *err)
{
	if (len == 2 && memcmp(s, "..", 2) == 0)
		return err_field(err, EINVAL, POINTER, "cgroup path \"%s\" may not contain \"..\"",
				 whole);
	if (len > NAME_MAX)
		return err_field(err, ENAMETOOLONG, POINTER, "cgroup path \"%s\" is too long",
				 whole);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return err_field(err, EINVAL, POINTER,
					 "cgroup path contains a control character");
	return 0;
}

/* Appends the components of path to dst, without doubled slashes and dots. */
static int append_path(char *dst, size_t size, const char *path, struct err *err)
{
	const char *p = path;

	while (*p) {
		size_t len = strcspn(p, "/"), used = strlen(dst);

		if (len == 0) {
			p++;
			continue;
		}
		if (check_component(p, len, path, err) < 0)
			return -1;
		if (len != 1 || *p != '.') {
			if (used + len + 2 > size)
				return err_field(err, ENAMETOOLONG, POINTER,
						 "cgroup path \"%s\" is too long", path);
			dst[used] = '/';
			memcpy(dst + used + 1, p, len);
			dst[used + 1 + len] = '\0';
		}
		p += len;
	}
	return 0;
}

static int place_cgroupfs(const struct cgroup_host *h, const char *id, const char *path,
			  struct cgroup_place *p, struct err *err)
{
	if (!path || *path != '/') {
		if (h->rootless) {
			char parent[sizeof(h->own)];

			memcpy(parent, h->own, sizeof(parent));
			*strrchr(parent, '/') = '\0';
			if (append_path(p->path, sizeof(p->path), parent, err) < 0)
				return -1;
		}
	}
	if (append_path(p->path, sizeof(p->path), path && *path ? path : id, err) < 0)
		return -1;
	if (p->path[0] == '\0')
		return err_field(err, EINVAL, POINTER, "cgroup path \"%s\" is the top of the tree",
				 path ? path : id);
	return 0;
}

/* A text as part of a unit name: what is not allowed there becomes \xNN. */
static int append_unit(char *dst, size_t size, const char *text, struct err *err)
{
	static const char hex[] = "0123456789abcdef";
	size_t used = strlen(dst);

	for (; *text; text++) {
		if (used + 5 > size || used > UNIT_NAME_MAX)
			return err_field(err, ENAMETOOLONG, POINTER, "unit name \"%s\" is too long",
					 dst);
		if (is_unit_char(*text)) {
			dst[used++] = *text;
		} else {
			dst[used++] = '\\';
			dst[used++] = 'x';
			dst[used++] = hex[(unsigned char)*text >> 4];
			dst[used++] = hex[(unsigned char)*text & 15];
		}
		dst[used] = '\0';
	}
	return 0;
}

static int unit_check(const char *unit, struct err *err)
{
	if (strlen(unit) > UNIT_NAME_MAX)
		return err_field(err, ENAMETOOLONG, POINTER, "unit name \"%s\" is too long", unit);
	return 0;
}

/* The name of slice:prefix:name, without ".scope". */
static int triple_name(const char *path, char *dst, size_t size, struct err *err)
{
	const char *prefix = strchr(path, ':'), *name = prefix ? strchr(prefix + 1, ':') : NULL;
	size_t len = name ? (size_t)(name - prefix) - 1 : 0;
	char text[UNIT_NAME_MAX + 1];

	if (!name || len >= sizeof(text) || strchr(name + 1, ':') || !name[1])
		return err_field(err, EINVAL, POINTER,
				 "cgroup path \"%s\" is not \"slice:prefix:name\"", path);
	name++;
	memcpy(text, prefix + 1, len);
	text[len] = '\0';
	/* a slice's name says where it lies: no prefix */
	if (len && !ends_with(name, ".slice") &&
	    (append_unit(dst, size, text, err) < 0 || append_unit(dst, size, "-", err) < 0))
		return -1;
	return append_unit(dst, size, name, err);
}

static int place_unit(const char *id, const char *path, struct cgroup_place *p, struct err *err)
{
	const char *colon = path ? strchr(path, ':') : NULL;
	char name[sizeof(p->scope)] = "";
	int r;

	if (path && strchr(path, '/'))
		return err_field(err, EINVAL, POINTER,
				 "cgroup path \"%s\": the systemd manager wants "
				 "\"slice:prefix:name\"",
				 path);
	if (!path || !*path) {
		(void)str_copy(name, sizeof(name), "skerry-");
		r = append_unit(name, sizeof(name), id, err);
	} else if (colon && strchr(colon + 1, ':')) {
		r = triple_name(path, name, sizeof(name), err);
	} else {
		r = append_unit(name, sizeof(name), path, err);
	}
	if (r < 0)
		return -1;
	if (str_format(p->scope, sizeof(p->scope), "%s%s", name,
		       ends_with(name, ".slice") || ends_with(name, ".scope") ? "" : ".scope") < 0)
		return err_field(err, ENAMETOOLONG, POINTER, "unit name \"%s\" is too long", name);
	return unit_check(p->scope, err);
}

static int place_slice(const char *path, struct cgroup_place *p, struct err *err)
{
	const char *second = path ? strchr(path, ':') : NULL;
	size_t len = second && strchr(second + 1, ':') ? (size_t)(second - path) : 0;

	if (len == 0)
		return str_copy(p->slice, sizeof(p->slice),
				p->user_bus ? "user.slice" : "system.slice");
	if (len == 1 && path[0] == '-')
		return str_copy(p->slice, sizeof(p->slice), "-.slice");
	if (len >= sizeof(p->slice) - sizeof(".slice"))
		return err_field(err, ENAMETOOLONG, POINTER, "slice name in \"%s\" is too long",
				 path);
	memcpy(p->slice, path, len);
	p->slice[len] = '\0';
	for (const char *c = p->slice; *c; c++)
		if (!is_unit_char(*c) && *c != '\\' && *c != '@')
			return err_field(err, EINVAL, POINTER, "slice name \"%s\" is not valid",
					 p->slice);
	if (!ends_with(p->slice, ".slice"))
		(void)strncat(p->slice, ".slice", sizeof(p->slice) - strlen(p->slice) - 1);
	return unit_check(p->slice, err);
}

/* a-b-c.slice lies in /a.slice/a-b.slice/a-b-c.slice */
static int append_slice(char *dst, size_t size, const char *slice, struct err *err)
{
	char part[UNIT_NAME_MAX + sizeof(".slice")];

	if (strcmp(slice, "-.slice") == 0)
		return 0;
	if (slice[0] == '-' || strstr(slice, "--") || strstr(slice, "-.slice"))
		return err_field(err, EINVAL, POINTER, "slice name \"%s\" is not valid", slice);
	for (const char *dash = slice; (dash = strchr(dash, '-')) != NULL; dash++) {
		if (str_format(part, sizeof(part), "%.*s.slice", (int)(dash - slice), slice) < 0)
			return err_field(err, ENAMETOOLONG, POINTER,
					 "slice name \"%s\" is too long", slice);
		if (append_path(dst, size, part, err) < 0)
			return -1;
	}
	return append_path(dst, size, slice, err);
}

/* The group of the user's own service manager, read off our own place: sessions lie beside it. */
static int append_user_manager(const struct cgroup_host *h, char *dst, size_t size, struct err *err)
{
	const char *service = strstr(h->own, "/user@");
	const char *end = service ? strchr(service + 1, '/') : NULL;
	const char *slice = strstr(h->own, "/user-");
	char text[sizeof(h->own)], uid[16];
	size_t digits;

	if (service && strstr(service, ".service")) {
		memcpy(text, h->own, sizeof(text));
		if (end)
			text[end - h->own] = '\0';
		return append_path(dst, size, text, err);
	}
	digits = slice ? strspn(slice + 6, "0123456789") : 0;
	if (digits == 0 || digits >= sizeof(uid) || strncmp(slice + 6 + digits, ".slice", 6) != 0) {
		if (str_format(uid, sizeof(uid), "%u", geteuid()) < 0)
			return err_set(err, ENAMETOOLONG, "user id is too long");
	} else {
		memcpy(uid, slice + 6, digits);
		uid[digits] = '\0';
	}
	if (str_format(text, sizeof(text), "/user.slice/user-%s.slice/user@%s.service", uid, uid) <
	    0)
		return err_set(err, ENAMETOOLONG, "user id is too long");
	return append_path(dst, size, text, err);
}

static int place_systemd(const struct cgroup_host *h, const char *id, const char *path,
			 struct cgroup_place *p, struct err *err)
{
	p->user_bus = h->rootless;
	if (place_unit(id, path, p, err) < 0 || place_slice(path, p, err) < 0)
		return -1;
	if (p->user_bus && append_user_manager(h, p->path, sizeof(p->path), err) < 0)
		return -1;
	if (strcmp(p->scope, "-.slice") == 0)
		return err_field(err, EINVAL, POINTER,
				 "cgroup path \"%s\" is the root slice, which is no container's",
				 path);
	if (ends_with(p->scope, ".slice"))
		return append_slice(p->path, sizeof(p->path), p->scope, err);
	if (append_slice(p->path, sizeof(p->path), p->slice, err) < 0)
		return -1;
	return append_path(p->path, sizeof(p->path), p->scope, err);
}

static int place_subgroup(const struct spec *spec, struct cgroup_place *p, struct err *err)
{
	static const char *const keys[] = { "run.oci.delegate-cgroup", "run.oci.systemd.subgroup" };
	const char *name = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(keys) && (!name || !*name); i++)
		if (i == 0 || p->manager == CGROUP_SYSTEMD)
			name = spec_annotation(spec, keys[i]);
	if (!name || !*name)
		return 0;
	if (strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    strncmp(name, "cgroup.", 7) == 0 ||
	    str_copy(p->subgroup, sizeof(p->subgroup), name) < 0)
		return err_field(err, EINVAL, "/annotations",
				 "\"%s\" is not a name for a sub-group of the container", name);
	return check_component(name, strlen(name), name, err);
}

int cgroup_place_make(const struct cgroup_host *h, enum cgroup_manager manager, const char *id,
		      const struct spec *spec, struct cgroup_place *ret, struct err *err)
{
	struct cgroup_place p = { .manager = manager };
	const char *path = spec->linux_ ? spec->linux_->cgroupsPath : NULL;
	int r = 0;

	switch (manager) {
	case CGROUP_DISABLED:
		*ret = p;
		return 0;
	case CGROUP_CGROUPFS:
		r = place_cgroupfs(h, id, path, &p, err);
		break;
	case CGROUP_SYSTEMD:
		r = place_systemd(h, id, path, &p, err);
		break;
	}
	if (r < 0 || place_subgroup(spec, &p, err) < 0)
		return -1;
	*ret = p;
	return 0;
}
