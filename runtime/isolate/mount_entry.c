/* SPDX-License-Identifier: Apache-2.0 */
/* mount_entry.c - one object of config.json's "mounts" becomes a mount_entry
 *
 * Pure: destination cleaned, options sorted into flags, attributes,
 * propagation and data for the file system, and the rules about what may be
 * mounted at and below /proc.
 *
 * A later option wins over an earlier one.  Options nobody knows are data for
 * the file system, as mount(8) does it.
 *
 * runtime-spec config.md "Linux mount options"; mount(2), mount_setattr(2).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "base/buf.h"
#include "base/units.h"
#include "runtime/isolate/mounts.h"
#include "runtime/spec/names.h"

#define DATA_MAX    4095 /* mount(2) takes a page */
#define IDMAP_MAX   340 /* user_namespaces(7) */
#define POINTER_MAX 64

static const struct {
	unsigned long flag;
	uint64_t attr;
} attrs[] = {
	{ MS_RDONLY, MOUNT_ATTR_RDONLY },	  { MS_NOSUID, MOUNT_ATTR_NOSUID },
	{ MS_NODEV, MOUNT_ATTR_NODEV },		  { MS_NOEXEC, MOUNT_ATTR_NOEXEC },
	{ MS_NODIRATIME, MOUNT_ATTR_NODIRATIME }, { MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW },
};

/* What lxcfs(7) emulates; nothing else may be mounted below /proc. */
static const char *const proc_overmounts[] = {
	"/proc/cpuinfo",
	"/proc/diskstats",
	"/proc/loadavg",
	"/proc/meminfo",
	"/proc/net/dev",
	"/proc/slabinfo",
	"/proc/stat",
	"/proc/swaps",
	"/proc/uptime",
	"/proc/sys/kernel/ns_last_pid",
	"/proc/sys/crypto/fips_enabled",
};

/* File systems that take the SELinux options when they are mounted. */
static const char *const labelled[] = { "tmpfs", "devpts", "mqueue", "overlay", "ramfs" };

struct parse {
	const struct mounts_env *env;
	struct arena *arena;
	struct mount_entry *e;
	unsigned long flags, cleared;
	bool has_option_idmap;
	struct buf data;
	char pointer[POINTER_MAX];
};

const char *mount_clean_path(const char *path, struct arena *arena)
{
	size_t size = strlen(path) + 2, len = 0;
	char *dst = arena_alloc(arena, size);

	if (!dst)
		return NULL;
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.') {
			while (len > 0 && dst[--len] != '/')
				;
		} else if (n > 0 && !(n == 1 && path[0] == '.')) {
			dst[len++] = '/';
			memcpy(dst + len, path, n);
			len += n;
		}
		path += n;
		path += strspn(path, "/");
	}
	if (len == 0)
		dst[len++] = '/';
	dst[len] = '\0';
	return dst;
}

static int out_of_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

static void add_data(struct parse *p, const char *text)
{
	if (p->data.len)
		buf_putc(&p->data, ',');
	buf_puts(&p->data, text);
}

static int parse_special(struct parse *p, enum mount_special special)
{
	switch (special) {
	case MOUNT_TMPCOPYUP:
		p->e->tmpcopyup = true;
		break;
	case MOUNT_RIDMAP:
		p->e->idmap_recursive = true;
		p->has_option_idmap = true;
		break;
	case MOUNT_IDMAP:
		p->e->idmap_recursive = false;
		p->has_option_idmap = true;
		break;
	case MOUNT_COPY_SYMLINK:
		p->e->copy_symlink = true;
		break;
	case MOUNT_SRC_NOFOLLOW:
		p->e->src_nofollow = true;
		break;
	case MOUNT_DEST_NOFOLLOW:
		p->e->dest_nofollow = true;
		break;
	}
	return 0;
}

static int parse_known(struct parse *p, const struct mount_opt *o, struct err *err)
{
	struct mount_entry *e = p->e;

	switch (o->kind) {
	case MOUNT_OPT_FLAG:
		if (o->clear) {
			p->flags &= ~(unsigned long)o->value;
			p->cleared |= (unsigned long)o->value;
		} else {
			p->flags |= (unsigned long)o->value;
			p->cleared &= ~(unsigned long)o->value;
		}
		return 0;
	case MOUNT_OPT_RECURSIVE:
		/* The access time is one of several values: all its bits are cleared with it. */
		if (o->clear) {
			e->rec_set &= ~(o->value | o->mask);
			e->rec_clr |= o->value | o->mask;
		} else {
			e->rec_set = (e->rec_set & ~o->mask) | o->value;
			e->rec_clr = (e->rec_clr & ~o->value) | o->mask;
		}
		return 0;
	case MOUNT_OPT_PROPAGATION:
		if (e->n_propagation == MOUNT_PROPAGATIONS_MAX)
			return err_field(err, EINVAL, p->pointer,
					 "mount \"%s\" has more than %d propagation options",
					 e->dest, MOUNT_PROPAGATIONS_MAX);
		e->propagation[e->n_propagation++] = (unsigned long)o->value;
		return 0;
	case MOUNT_OPT_SPECIAL:
		return parse_special(p, (enum mount_special)o->value);
	}
	return 0;
}

/* The container's id as the host's; unchanged where the container has no mapping for it. */
static uint32_t id_on_host(const struct spec_id_maps *maps, uint32_t id)
{
	for (size_t i = 0; maps && i < maps->n; i++) {
		const struct spec_id_map *m = &maps->v[i];

		if (id >= m->containerID && id - m->containerID < m->size)
			return m->hostID + (id - m->containerID);
	}
	return id;
}

/* "0-1000-10#10-5000-1" after "uids=": backing id, id on the host, count; "@" before a range: the
 * second is an id of the container. */
static int parse_ranges(struct parse *p, char *text, const struct spec_id_maps *own,
			const struct spec_id_maps **ret)
{
	struct spec_id_maps *maps = arena_alloc(p->arena, sizeof(*maps));
	char *next = text;

	if (!maps || !(maps->v = arena_array(p->arena, IDMAP_MAX, sizeof(*maps->v))))
		return -1;
	while (next) {
		char *range = strsep(&next, "#"), *part[3];
		struct spec_id_map *m = &maps->v[maps->n];
		bool relative = range[0] == '@';

		if (relative)
			range++;
		for (int i = 0; i < 3; i++)
			part[i] = strsep(&range, "-");
		if (range || !part[1] || !part[2] || maps->n == IDMAP_MAX ||
		    units_id(part[0], &m->containerID) < 0 || units_id(part[1], &m->hostID) < 0 ||
		    units_id(part[2], &m->size) < 0 || m->size == 0)
			return -1;
		if (relative)
			m->hostID = id_on_host(own, m->hostID);
		maps->n++;
	}
	*ret = maps;
	return 0;
}

/* crun's "idmap=uids=...;gids=...". */
static int parse_idmap_value(struct parse *p, const char *value, struct err *err)
{
	const struct spec_linux *l = p->env->spec ? p->env->spec->linux_ : NULL;
	char *next = arena_strdup(p->arena, value);

	if (!next)
		return out_of_memory(err);
	while (next) {
		char *part = strsep(&next, ";");
		bool uids = str_starts(part, "uids=");

		if ((!uids && !str_starts(part, "gids=")) ||
		    parse_ranges(p, part + 5,
				 !l	? NULL
				 : uids ? &l->uidMappings
					: &l->gidMappings,
				 uids ? &p->e->uid_map : &p->e->gid_map) < 0)
			return err_field(err, EINVAL, p->pointer,
					 "mount \"%s\": invalid id mapping \"%s\"", p->e->dest,
					 value);
	}
	p->has_option_idmap = true;
	return 0;
}

static int parse_option(struct parse *p, const char *text, struct err *err)
{
	const struct mount_opt *o = mount_opt_find(text);

	if (o)
		return parse_known(p, o, err);
	if (str_starts(text, "idmap=") || str_starts(text, "ridmap=")) {
		p->e->idmap_recursive = text[0] == 'r';
		return parse_idmap_value(p, strchr(text, '=') + 1, err);
	}
	if (str_starts(text, "mode="))
		p->e->keep_mode = false;
	if (text[0] != '\0')
		add_data(p, text);
	return 0;
}

/* Flags of mount(2) as attributes of mount_setattr(2). */
static void set_attrs(struct parse *p)
{
	const unsigned long atimes = MS_NOATIME | MS_RELATIME | MS_STRICTATIME;
	struct mount_entry *e = p->e;

	for (size_t i = 0; i < ARRAY_SIZE(attrs); i++) {
		if (p->flags & attrs[i].flag)
			e->attr_set |= attrs[i].attr;
		if (p->cleared & attrs[i].flag)
			e->attr_clr |= attrs[i].attr;
	}
	if ((p->flags | p->cleared) & atimes)
		e->attr_clr |= MOUNT_ATTR__ATIME;
	if (p->flags & MS_STRICTATIME)
		e->attr_set |= MOUNT_ATTR_STRICTATIME;
	else if (p->flags & MS_NOATIME)
		e->attr_set |= MOUNT_ATTR_NOATIME;
}

static int decide_idmap(struct parse *p, const struct spec_mount *sm, struct err *err)
{
	const struct spec *spec = p->env->spec;
	struct mount_entry *e = p->e;

	if (sm->uidMappings.n || sm->gidMappings.n) {
		e->uid_map = &sm->uidMappings;
		e->gid_map = &sm->gidMappings;
	}
	e->idmap = p->has_option_idmap || e->uid_map || e->gid_map;
	if (!e->idmap)
		return 0;
	if (e->kind != MOUNT_BIND)
		return err_field(err, EINVAL, p->pointer,
				 "mount \"%s\": only a bind mount can have id mappings", e->dest);
	if (!e->uid_map && !e->gid_map && spec && p->env->user_namespace) {
		for (size_t i = 0; i < spec->linux_->namespaces.n; i++)
			if (str_eq(spec->linux_->namespaces.v[i].type, "user"))
				e->userns = spec->linux_->namespaces.v[i].path;
		e->uid_map = &spec->linux_->uidMappings;
		e->gid_map = &spec->linux_->gidMappings;
	}
	if (!e->userns && (!e->uid_map || !e->gid_map || !e->uid_map->n || !e->gid_map->n))
		return err_field(err, EINVAL, p->pointer,
				 "mount \"%s\": idmap needs both uidMappings and gidMappings",
				 e->dest);
	return 0;
}

/* Nothing of a container's choice may stand where procfs is expected. */
static int check_proc(const struct parse *p, struct err *err)
{
	struct mount_entry *e = p->e;

	if (strcmp(e->dest, "/proc") == 0) {
		e->need_procfs = e->kind == MOUNT_BIND;
		if (e->need_procfs || e->kind == MOUNT_REMOUNT || str_eq(e->type, "proc"))
			return 0;
		return err_field(err, EPERM, p->pointer,
				 "mount \"%s\": only a procfs may be mounted there", e->dest);
	}
	if (!str_starts(e->dest, "/proc/"))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(proc_overmounts); i++)
		if (e->kind == MOUNT_BIND && strcmp(e->dest, proc_overmounts[i]) == 0)
			return 0;
	return err_field(err, EPERM, p->pointer,
			 "mount \"%s\": nothing may be mounted there, it is inside /proc", e->dest);
}

static int decide_kind(struct parse *p, const struct spec_mount *sm, struct err *err)
{
	struct mount_entry *e = p->e;
	bool rbind = str_eq(e->type, "rbind");

	if (rbind || str_eq(e->type, "bind"))
		p->flags |= MS_BIND;
	e->recursive = rbind || ((p->flags & MS_BIND) && (p->flags & MS_REC));
	if (p->flags & MS_REMOUNT)
		e->kind = MOUNT_REMOUNT;
	else
		e->kind = (p->flags & MS_BIND) ? MOUNT_BIND : MOUNT_FS;
	if (e->kind == MOUNT_REMOUNT && (p->flags & MS_BIND))
		e->recursive = false;
	/* mount(2) of a remount without MS_BIND changes the file system itself. */
	e->flags = p->flags & ~(unsigned long)(MS_BIND | MS_REC);
	if (e->kind == MOUNT_REMOUNT && (p->flags & MS_BIND))
		e->flags |= MS_BIND;
	if (e->kind == MOUNT_FS && (!e->type || !e->type[0] || strcmp(e->type, "none") == 0))
		return err_field(err, EINVAL, p->pointer, "mount \"%s\" has no type", e->dest);
	if (e->kind == MOUNT_BIND && (!sm->source || !sm->source[0]))
		return err_field(err, EINVAL, p->pointer, "bind mount \"%s\" has no source",
				 e->dest);
	return 0;
}

/* On v2 the type is "cgroup" in most config.json files.  Without a cgroup namespace a fresh mount
 * would show all groups of the host, so the container's own directory is bound. */
static int decide_cgroup(struct parse *p, struct err *err)
{
	const struct mounts_env *env = p->env;
	const char *top = env->cgroup_mount ? env->cgroup_mount : "/sys/fs/cgroup";
	const char *own = env->cgroup_path ? env->cgroup_path : "";
	struct mount_entry *e = p->e;
	const char *path = arena_printf(p->arena, "%s%s", top, strcmp(own, "/") == 0 ? "" : own);

	if (!path)
		return out_of_memory(err);
	e->type = "cgroup2";
	e->data = NULL;
	if (!env->cgroup_namespace) {
		e->kind = MOUNT_BIND;
		e->source = path;
		e->recursive = own[0] == '\0';
		return 0;
	}
	e->source = "cgroup";
	if (env->user_namespace)
		e->fallback = path;
	return 0;
}

static bool takes_label(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(labelled); i++)
		if (strcmp(type, labelled[i]) == 0)
			return true;
	return false;
}

static int decide_fs(struct parse *p, struct err *err)
{
	const struct mounts_env *env = p->env;
	struct mount_entry *e = p->e;

	if (strcmp(e->type, "cgroup") == 0 || strcmp(e->type, "cgroup2") == 0)
		return decide_cgroup(p, err);
	if (strcmp(e->type, "proc") == 0 || strcmp(e->type, "sysfs") == 0) {
		e->no_symlinks = true;
		e->fresh = true;
	}
	if (strcmp(e->type, "tmpfs") == 0) {
		e->fresh = !e->tmpcopyup;
		e->late_readonly = e->flags & MS_RDONLY;
		e->flags &= ~(unsigned long)MS_RDONLY;
	} else if (e->tmpcopyup) {
		return err_field(err, EINVAL, p->pointer,
				 "mount \"%s\": tmpcopyup is for a tmpfs only", e->dest);
	}
	if (env->user_namespace && strcmp(e->type, "sysfs") == 0)
		e->fallback = "/sys";
	else if (env->user_namespace && strcmp(e->type, "mqueue") == 0)
		e->fallback = "/dev/mqueue";
	else if (env->user_namespace && !env->pid_namespace && strcmp(e->type, "proc") == 0)
		e->fallback = "/proc";
	if (env->label && takes_label(e->type) && !strstr(p->data.s, "context="))
		add_data(p, env->label);
	return 0;
}

static int take_data(struct parse *p, struct err *err)
{
	struct mount_entry *e = p->e;

	if (buf_failed(&p->data) || p->data.len > DATA_MAX)
		return err_field(err, E2BIG, p->pointer,
				 "mount \"%s\": options are longer than a page", e->dest);
	if (p->data.len == 0 || e->kind == MOUNT_BIND || str_eq(e->type, "cgroup2"))
		return 0;
	e->data = arena_strdup(p->arena, p->data.s);
	return e->data ? 0 : out_of_memory(err);
}

static int decide(struct parse *p, const struct spec_mount *sm, struct err *err)
{
	struct mount_entry *e = p->e;

	for (size_t i = 0; i < sm->options.n; i++)
		if (parse_option(p, sm->options.v[i], err) < 0)
			return -1;
	if (decide_kind(p, sm, err) < 0 || check_proc(p, err) < 0)
		return -1;
	set_attrs(p);
	if (e->kind == MOUNT_BIND && e->source[0] != '/') {
		e->source = arena_printf(p->arena, "%s/%s", p->env->bundle, e->source);
		if (!e->source)
			return out_of_memory(err);
	}
	if (e->kind == MOUNT_FS && decide_fs(p, err) < 0)
		return -1;
	if (decide_idmap(p, sm, err) < 0)
		return -1;
	return take_data(p, err);
}

int mount_entry_make(const struct spec_mount *sm, const struct mounts_env *env, struct arena *arena,
		     struct mount_entry *ret, struct err *err)
{
	struct mount_entry e = { .index = MOUNT_NOT_IN_SPEC,
				 .owner = -1,
				 .source_fd = -1,
				 .type = sm->type,
				 .source = sm->source,
				 .keep_mode = str_eq(sm->type, "tmpfs") };
	struct parse p = { .env = env, .arena = arena, .e = &e, .pointer = "/mounts" };
	int status;

	if (env->spec && sm >= env->spec->mounts.v &&
	    sm < env->spec->mounts.v + env->spec->mounts.n) {
		e.index = (size_t)(sm - env->spec->mounts.v);
		(void)snprintf(p.pointer, sizeof(p.pointer), "/mounts/%zu", e.index);
	}
	if (!sm->destination || !sm->destination[0])
		return err_field(err, EINVAL, p.pointer, "mount has no destination");
	e.dest = mount_clean_path(sm->destination, arena);
	if (!e.dest)
		return out_of_memory(err);
	buf_init_max(&p.data, DATA_MAX + 1);
	status = decide(&p, sm, err);
	buf_release(&p.data);
	if (status == 0)
		*ret = e;
	return status;
}
