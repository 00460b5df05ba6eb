/* SPDX-License-Identifier: Apache-2.0 */
/* validate.c - does a config.json make sense?
 *
 * Decoding has checked types and ranges.  Here: names, contradictions and what
 * is missing, section by section, as far as no look at the system is needed.
 * What the kernel refuses in any case is refused here, with the field's name,
 * instead of half-way through `create` with "Invalid argument".
 *
 * runtime-spec config.md, config-linux.md
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "runtime/spec/check.h"
#include "runtime/spec/names.h"

#define HOST_NAME_MAX_ 64 /* __NEW_UTS_LEN */
#define ID_MAPS_MAX    340 /* user_namespaces(7): lines of a map */

/* --- what all sections use ------------------------------------------------ */

const char *check_at(struct check *c, const char *format, ...)
{
	size_t n = strlen(c->prefix);
	va_list ap;

	if (n >= sizeof(c->pointer))
		n = sizeof(c->pointer) - 1;
	memcpy(c->pointer, c->prefix, n);
	c->pointer[n] = '\0';
	va_start(ap, format);
	/* a pointer that is cut still finds the section */
	(void)vsnprintf(c->pointer + n, sizeof(c->pointer) - n, format, ap);
	va_end(ap);
	return c->pointer;
}

const char *check_at_key(struct check *c, const char *where, const char *key)
{
	char escaped[ERR_FIELD_MAX];
	size_t n = 0;

	for (; *key && n < sizeof(escaped) - 2; key++) {
		if (*key == '~' || *key == '/') {
			escaped[n++] = '~';
			escaped[n++] = *key == '~' ? '0' : '1';
		} else {
			escaped[n++] = *key;
		}
	}
	escaped[n] = '\0';
	return check_at(c, "%s/%s", where, escaped);
}

void check_bad(struct check *c, const char *pointer, const char *format, ...)
{
	struct err err = { 0 };
	char reason[ERR_MSG_MAX - ERR_FIELD_MAX];
	va_list ap;

	if (c->bad++ > 0 && !c->found)
		return;
	va_start(ap, format);
	(void)vsnprintf(reason, sizeof(reason), format, ap); /* a long value is cut */
	va_end(ap);
	if (!c->found) {
		err_field_(c->err, EINVAL, pointer, "%s: %s", pointer, reason);
		return;
	}
	err_field_(&err, EINVAL, pointer, "%s", reason);
	c->found(&err, c->arg);
}

/* Digits as a number below 65536; NULL when there are none. */
static const char *read_number(const char *s, unsigned int *ret)
{
	unsigned int n = 0;
	const char *start = s;

	for (; *s >= '0' && *s <= '9' && n < 65536; s++)
		n = n * 10 + (unsigned int)(*s - '0');
	*ret = n;
	return s > start && n < 65536 ? s : NULL;
}

bool check_is_cpu_list(const char *s)
{
	unsigned int first, last, used, group;

	for (;; s++) {
		s = read_number(s, &first);
		if (!s)
			return false;
		if (*s == '-') {
			s = read_number(s + 1, &last);
			if (!s || last < first)
				return false;
		}
		if (*s == ':') {
			s = read_number(s + 1, &used);
			if (!s || *s != '/')
				return false;
			s = read_number(s + 1, &group);
			if (!s || group == 0 || used > group)
				return false;
		}
		if (*s != ',')
			return *s == '\0';
	}
}

bool check_has_dotdot(const char *path)
{
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.')
			return true;
		path += n;
		path += strspn(path, "/");
	}
	return false;
}

bool check_has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static bool overlap(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
	return a < (uint64_t)b + b_size && b < (uint64_t)a + a_size;
}

static void check_id_map(struct check *c, const char *where, const struct spec_id_maps *maps,
			 size_t i)
{
	const struct spec_id_map *m = &maps->v[i];

	if (m->size == 0)
		check_bad(c, check_at(c, "%s/%zu/size", where, i), "a mapping of no ids");
	if ((uint64_t)m->containerID + m->size > UINT32_MAX ||
	    (uint64_t)m->hostID + m->size > UINT32_MAX)
		check_bad(c, check_at(c, "%s/%zu", where, i), "goes beyond id 4294967294");
	for (size_t j = 0; j < i; j++) {
		const struct spec_id_map *o = &maps->v[j];

		if (overlap(m->containerID, m->size, o->containerID, o->size) ||
		    overlap(m->hostID, m->size, o->hostID, o->size))
			check_bad(c, check_at(c, "%s/%zu", where, i), "overlaps mapping %zu", j);
	}
}

void check_id_maps(struct check *c, const char *where, const struct spec_id_maps *maps)
{
	if (maps->n > ID_MAPS_MAX) {
		check_bad(c, check_at(c, "%s", where), "%zu mappings, the kernel takes %d", maps->n,
			  ID_MAPS_MAX);
		return;
	}
	for (size_t i = 0; i < maps->n; i++)
		check_id_map(c, where, maps, i);
}

/* --- version, root, names ------------------------------------------------- */

/* semver.org: MAJOR.MINOR.PATCH[-PRERELEASE][+BUILD] */
static bool is_semver(const char *s)
{
	unsigned int n;

	for (int i = 0; i < 3; i++) {
		s = read_number(s, &n);
		if (!s || (i < 2 && *s++ != '.'))
			return false;
	}
	if (*s == '\0')
		return true;
	if ((*s != '-' && *s != '+') || s[1] == '\0')
		return false;
	return s[strspn(s, "-+.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")] ==
	       '\0';
}

static void check_version(struct check *c, const struct spec *s)
{
	if (!s->ociVersion)
		check_bad(c, "/ociVersion", "is required");
	else if (!is_semver(s->ociVersion))
		check_bad(c, "/ociVersion", "\"%s\" is not a version", s->ociVersion);
	else if (!str_starts(s->ociVersion, "1."))
		check_bad(c, "/ociVersion", "\"%s\" is not supported, only 1.x is", s->ociVersion);
}

static void check_root(struct check *c, const struct spec *s)
{
	if (!s->root)
		check_bad(c, "/root", "is required");
	else if (s->root->path[0] == '\0')
		check_bad(c, "/root/path", "is empty");
}

static void check_uts(struct check *c, const struct spec *s, const char *what, const char *name)
{
	if (!name)
		return;
	if (!check_has_ns(s->linux_, "uts"))
		check_bad(c, check_at(c, "/%s", what),
			  "unable to set %s without a private UTS namespace", what);
	if (strlen(name) > HOST_NAME_MAX_)
		check_bad(c, check_at(c, "/%s", what), "longer than %d bytes", HOST_NAME_MAX_);
	/* Others write it into /etc/hosts and prompts. */
	if (check_has_control(name))
		check_bad(c, check_at(c, "/%s", what), "holds a control character");
}

static void check_annotations(struct check *c, const struct spec *s)
{
	for (size_t i = 0; i < s->annotations.n; i++)
		if (s->annotations.v[i].key[0] == '\0')
			check_bad(c, "/annotations", "an empty key");
}

/* --- mounts --------------------------------------------------------------- */

static bool mount_has(const struct spec_mount *m, uint64_t flag)
{
	for (size_t i = 0; i < m->options.n; i++) {
		const struct mount_opt *o = mount_opt_find(m->options.v[i]);

		if (o && o->kind == MOUNT_OPT_FLAG && !o->clear && (o->value & flag))
			return true;
	}
	return false;
}

#define FLAG_BIND    4096 /* MS_BIND */
#define FLAG_REMOUNT 32 /* MS_REMOUNT */

static void check_mount(struct check *c, const struct spec_mount *m)
{
	if (m->destination[0] == '\0')
		check_bad(c, check_at(c, "/destination"), "is empty");
	if (!m->source && !mount_has(m, FLAG_REMOUNT) &&
	    (mount_has(m, FLAG_BIND) || str_eq(m->type, "bind")))
		check_bad(c, check_at(c, "/source"), "a bind mount needs a source");
	if ((m->uidMappings.n > 0) != (m->gidMappings.n > 0))
		check_bad(c, check_at(c, m->uidMappings.n ? "/gidMappings" : "/uidMappings"),
			  "uidMappings and gidMappings must be given together");
	check_id_maps(c, "/uidMappings", &m->uidMappings);
	check_id_maps(c, "/gidMappings", &m->gidMappings);
}

static void check_mounts(struct check *c, const struct spec *s)
{
	char prefix[32];

	for (size_t i = 0; i < s->mounts.n; i++) {
		(void)snprintf(prefix, sizeof(prefix), "/mounts/%zu", i);
		c->prefix = prefix;
		check_mount(c, &s->mounts.v[i]);
	}
	c->prefix = "";
}

/* --- hooks ---------------------------------------------------------------- */

void check_path_length(struct check *c, const char *where, const char *path)
{
	if (strlen(path) >= PATH_MAX)
		check_bad(c, check_at(c, "%s", where), "longer than %d bytes", PATH_MAX - 1);
}

static void check_hook(struct check *c, const struct spec_hook *h)
{
	if (h->path[0] != '/')
		check_bad(c, check_at(c, "/path"), "\"%s\" is not an absolute path", h->path);
	check_path_length(c, "/path", h->path);
	if (h->timeout.has && h->timeout.v <= 0)
		check_bad(c, check_at(c, "/timeout"), "%lld: must be greater than zero",
			  (long long)h->timeout.v);
	for (size_t i = 0; i < h->env.n; i++)
		if (h->env.v[i][0] == '=' || !strchr(h->env.v[i], '='))
			check_bad(c, check_at(c, "/env/%zu", i), "\"%s\" is not NAME=VALUE",
				  h->env.v[i]);
}

static void check_hook_list(struct check *c, const char *name, const struct spec_hook_list *list)
{
	char prefix[64];

	for (size_t i = 0; i < list->n; i++) {
		(void)snprintf(prefix, sizeof(prefix), "/hooks/%s/%zu", name, i);
		c->prefix = prefix;
		check_hook(c, &list->v[i]);
	}
	c->prefix = "";
}

static void check_hooks(struct check *c, const struct spec *s)
{
	if (!s->hooks)
		return;
	check_hook_list(c, "prestart", &s->hooks->prestart);
	check_hook_list(c, "createRuntime", &s->hooks->createRuntime);
	check_hook_list(c, "createContainer", &s->hooks->createContainer);
	check_hook_list(c, "startContainer", &s->hooks->startContainer);
	check_hook_list(c, "poststart", &s->hooks->poststart);
	check_hook_list(c, "poststop", &s->hooks->poststop);
}

/* --- the whole ------------------------------------------------------------ */

static void check_spec(struct check *c, const struct spec *s)
{
	c->prefix = "";
	check_version(c, s);
	check_root(c, s);
	if (s->process) {
		c->prefix = "/process";
		check_process(c, s->process);
		c->prefix = "";
	}
	check_uts(c, s, "hostname", s->hostname);
	check_uts(c, s, "domainname", s->domainname);
	check_mounts(c, s);
	check_hooks(c, s);
	check_annotations(c, s);
	check_linux(c, s);
}

int spec_validate(const struct spec *s, struct err *err)
{
	struct check c = { .err = err };

	check_spec(&c, s);
	return c.bad ? -1 : 0;
}

int spec_validate_all(const struct spec *s, void (*found)(const struct err *, void *), void *arg)
{
	struct check c = { .found = found, .arg = arg };

	check_spec(&c, s);
	return c.bad;
}

int spec_validate_process(const struct spec_process *p, const char *pointer, struct err *err)
{
	struct check c = { .err = err, .prefix = pointer };

	check_process(&c, p);
	return c.bad ? -1 : 0;
}

int spec_validate_resources(const struct spec_resources *r, const char *pointer, struct err *err)
{
	struct check c = { .err = err, .prefix = pointer };

	check_resources(&c, r);
	return c.bad ? -1 : 0;
}

int spec_validate_mount(const struct spec_mount *m, const char *pointer, struct err *err)
{
	struct check c = { .err = err, .prefix = pointer };

	check_mount(&c, m);
	return c.bad ? -1 : 0;
}
