/* SPDX-License-Identifier: Apache-2.0 */
/* validate_linux.c - does the "linux" section make sense?
 *
 * runtime-spec config-linux.md; resources and seccomp have files of their own.
 * Which sysctl belongs to which namespace is for the one who writes them.
 */
#include <string.h>

#include "runtime/spec/check.h"
#include "runtime/spec/names.h"

#define IF_NAME_MAX	15 /* IFNAMSIZ - 1 */
#define NET_DEVICES_MAX 1024

static const struct spec_namespace *find_ns(const struct spec_linux *l, const char *type)
{
	for (size_t i = 0; i < l->namespaces.n; i++)
		if (strcmp(l->namespaces.v[i].type, type) == 0)
			return &l->namespaces.v[i];
	return NULL;
}

bool check_has_ns(const struct spec_linux *l, const char *type)
{
	return find_ns(l, type) != NULL;
}

static void check_namespaces(struct check *c, const struct spec_linux *l)
{
	bool seen[NS_COUNT] = { false };

	for (size_t i = 0; i < l->namespaces.n; i++) {
		const struct spec_namespace *ns = &l->namespaces.v[i];
		int which = ns_parse(ns->type);

		if (which < 0) {
			check_bad(c, check_at(c, "/namespaces/%zu/type", i),
				  "unknown namespace \"%s\"", ns->type);
			continue;
		}
		if (seen[which])
			check_bad(c, check_at(c, "/namespaces/%zu/type", i),
				  "duplicate namespace \"%s\"", ns->type);
		seen[which] = true;
		if (ns->path && ns->path[0] != '/')
			check_bad(c, check_at(c, "/namespaces/%zu/path", i),
				  "\"%s\" is not an absolute path", ns->path);
	}
}

static void check_mappings(struct check *c, const struct spec_linux *l)
{
	if (l->uidMappings.n > 0 && !check_has_ns(l, "user"))
		check_bad(c, check_at(c, "/uidMappings"), "mappings need a user namespace");
	if (l->gidMappings.n > 0 && !check_has_ns(l, "user"))
		check_bad(c, check_at(c, "/gidMappings"), "mappings need a user namespace");
	check_id_maps(c, "/uidMappings", &l->uidMappings);
	check_id_maps(c, "/gidMappings", &l->gidMappings);
}

static void check_time(struct check *c, const struct spec_linux *l)
{
	const struct spec_namespace *ns = find_ns(l, "time");

	if (l->timeOffsets.n == 0)
		return;
	if (!ns)
		check_bad(c, check_at(c, "/timeOffsets"), "offsets need a time namespace");
	else if (ns->path)
		check_bad(c, check_at(c, "/timeOffsets"),
			  "the offsets of a time namespace given by path can't be changed");
	for (size_t i = 0; i < l->timeOffsets.n; i++) {
		const char *clock = l->timeOffsets.v[i].key;

		if (strcmp(clock, "monotonic") != 0 && strcmp(clock, "boottime") != 0)
			check_bad(c, check_at_key(c, "/timeOffsets", clock),
				  "unknown clock, only monotonic and boottime have an offset");
	}
}

static void check_device(struct check *c, const struct spec_device *d, size_t i)
{
	if (strlen(d->type) != 1 || !strchr("cbup", d->type[0]))
		check_bad(c, check_at(c, "/devices/%zu/type", i), "unknown device type \"%s\"",
			  d->type);
	else if (d->type[0] != 'p' && (!d->major.has || !d->minor.has))
		check_bad(c, check_at(c, "/devices/%zu/%s", i, d->major.has ? "minor" : "major"),
			  "is required for a device of type \"%s\"", d->type);
	if (d->path[0] != '/')
		check_bad(c, check_at(c, "/devices/%zu/path", i), "\"%s\" is not an absolute path",
			  d->path);
}

/* What the kernel takes as the name of a network device (dev_valid_name()). */
static bool is_if_name(const char *name)
{
	if (name[0] == '\0' || strlen(name) > IF_NAME_MAX || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return false;
	return name[strcspn(name, "/: \t\n\v\f\r")] == '\0';
}

static const char *target_name(const struct spec_net_device *d)
{
	return d->name && d->name[0] ? d->name : d->key;
}

static void check_net_devices(struct check *c, const struct spec_linux *l)
{
	if (l->netDevices.n == 0)
		return;
	if (!check_has_ns(l, "network"))
		check_bad(c, check_at(c, "/netDevices"),
			  "unable to move network devices without a private network namespace");
	if (l->netDevices.n > NET_DEVICES_MAX) {
		check_bad(c, check_at(c, "/netDevices"), "more than %d devices", NET_DEVICES_MAX);
		return;
	}
	for (size_t i = 0; i < l->netDevices.n; i++) {
		const struct spec_net_device *d = &l->netDevices.v[i];
		const char *target = target_name(d);

		if (!is_if_name(d->key))
			check_bad(c, check_at_key(c, "/netDevices", d->key),
				  "\"%s\" can't be the name of a network device", d->key);
		if (!is_if_name(target))
			check_bad(c, check_at_key(c, "/netDevices", d->key),
				  "\"%s\" can't be the name of a network device", target);
		if (strchr(target, '%'))
			continue; /* the kernel fills in a number */
		for (size_t j = 0; j < i; j++)
			if (strcmp(target, target_name(&l->netDevices.v[j])) == 0)
				check_bad(c, check_at_key(c, "/netDevices", d->key),
					  "two devices would be called \"%s\"", target);
	}
}

static bool is_sysctl_name(const char *name)
{
	bool separator = true; /* none at the start, none behind another, none at the end */

	for (; *name; name++) {
		if (*name == '.' || *name == '/') {
			if (separator)
				return false;
			separator = true;
			continue;
		}
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-",
			    *name))
			return false;
		separator = false;
	}
	return !separator;
}

static void check_sysctls(struct check *c, const struct spec_linux *l)
{
	for (size_t i = 0; i < l->sysctl.n; i++) {
		const struct pair *p = &l->sysctl.v[i];

		if (!is_sysctl_name(p->key))
			check_bad(c, check_at_key(c, "/sysctl", p->key),
				  "\"%s\" can't be the name of a sysctl", p->key);
		if (strchr(p->value, '\n'))
			check_bad(c, check_at_key(c, "/sysctl", p->key),
				  "the value has more than one line");
	}
}

static void check_absolute(struct check *c, const char *what, const struct strings *paths)
{
	for (size_t i = 0; i < paths->n; i++)
		if (paths->v[i][0] != '/')
			check_bad(c, check_at(c, "/%s/%zu", what, i),
				  "\"%s\" is not an absolute path", paths->v[i]);
}

static void check_propagation(struct check *c, const struct spec_linux *l)
{
	const struct mount_opt *o;

	if (!l->rootfsPropagation)
		return;
	o = mount_opt_find(l->rootfsPropagation);
	if (!o || o->kind != MOUNT_OPT_PROPAGATION)
		check_bad(c, check_at(c, "/rootfsPropagation"), "unknown propagation \"%s\"",
			  l->rootfsPropagation);
}

/* Schema lines go into one file each by one write; the group is a directory. */
static void check_rdt(struct check *c, const struct spec_intel_rdt *r)
{
	if (!r)
		return;
	if (r->closID &&
	    (r->closID[0] == '\0' || strcmp(r->closID, ".") == 0 || strcmp(r->closID, "..") == 0 ||
	     strchr(r->closID, '/') || check_has_control(r->closID)))
		check_bad(c, check_at(c, "/intelRdt/closID"),
			  "\"%s\" can't be the name of a directory", r->closID);
	for (size_t i = 0; i < r->schemata.n; i++)
		if (strchr(r->schemata.v[i], '\n'))
			check_bad(c, check_at(c, "/intelRdt/schemata/%zu", i),
				  "has more than one line");
}

static void check_personality(struct check *c, const struct spec_personality *p)
{
	if (!p)
		return;
	if (strcmp(p->domain, "LINUX") != 0 && strcmp(p->domain, "LINUX32") != 0)
		check_bad(c, check_at(c, "/personality/domain"), "unknown domain \"%s\"",
			  p->domain);
	if (p->flags.n > 0)
		check_bad(c, check_at(c, "/personality/flags"), "no flags are defined");
}

/* Which modes take nodes: set_mempolicy(2). */
static void check_policy_nodes(struct check *c, const struct spec_memory_policy *m)
{
	bool given = m->nodes && m->nodes[0];
	bool none = str_eq(m->mode, "MPOL_DEFAULT") || str_eq(m->mode, "MPOL_LOCAL");

	if (given && !check_is_cpu_list(m->nodes))
		check_bad(c, check_at(c, "/memoryPolicy/nodes"), "\"%s\" is not a list of nodes",
			  m->nodes);
	if (given && none)
		check_bad(c, check_at(c, "/memoryPolicy/nodes"), "%s takes no nodes", m->mode);
	if (!given && !none && !str_eq(m->mode, "MPOL_PREFERRED"))
		check_bad(c, check_at(c, "/memoryPolicy/nodes"), "%s needs nodes", m->mode);
}

static void check_memory_policy(struct check *c, const struct spec_memory_policy *m)
{
	bool fixed = false, relative = false;

	if (!m)
		return;
	if (mempolicy_mode_parse(m->mode) < 0)
		check_bad(c, check_at(c, "/memoryPolicy/mode"), "unknown mode \"%s\"", m->mode);
	else
		check_policy_nodes(c, m);
	for (size_t i = 0; i < m->flags.n; i++) {
		if (mempolicy_flag_parse(m->flags.v[i]) < 0)
			check_bad(c, check_at(c, "/memoryPolicy/flags/%zu", i),
				  "unknown flag \"%s\"", m->flags.v[i]);
		fixed = fixed || strcmp(m->flags.v[i], "MPOL_F_STATIC_NODES") == 0;
		relative = relative || strcmp(m->flags.v[i], "MPOL_F_RELATIVE_NODES") == 0;
	}
	if (fixed && relative)
		check_bad(c, check_at(c, "/memoryPolicy/flags"),
			  "static and relative nodes exclude each other");
}

void check_linux(struct check *c, const struct spec *s)
{
	const struct spec_linux *l = s->linux_;

	c->prefix = "/linux";
	check_namespaces(c, l);
	check_mappings(c, l);
	check_time(c, l);
	for (size_t i = 0; i < l->devices.n; i++)
		check_device(c, &l->devices.v[i], i);
	check_net_devices(c, l);
	if (l->cgroupsPath &&
	    (check_has_dotdot(l->cgroupsPath) || check_has_control(l->cgroupsPath)))
		check_bad(c, check_at(c, "/cgroupsPath"),
			  "\"%s\" holds \"..\" or a control character", l->cgroupsPath);
	check_sysctls(c, l);
	check_propagation(c, l);
	check_absolute(c, "maskedPaths", &l->maskedPaths);
	check_absolute(c, "readonlyPaths", &l->readonlyPaths);
	if (l->mountLabel && check_has_control(l->mountLabel))
		check_bad(c, check_at(c, "/mountLabel"), "holds a control character");
	check_rdt(c, l->intelRdt);
	check_personality(c, l->personality);
	check_memory_policy(c, l->memoryPolicy);
	if (l->resources) {
		c->prefix = "/linux/resources";
		check_resources(c, l->resources);
	}
	if (l->seccomp) {
		c->prefix = "/linux/seccomp";
		check_seccomp(c, l->seccomp,
			      spec_annotation(s, "run.oci.seccomp.receiver") != NULL);
	}
	c->prefix = "";
}
