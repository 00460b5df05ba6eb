/* SPDX-License-Identifier: Apache-2.0 */
/* mounts.c - all decisions about a container's mounts, and which lies in which
 *
 * An entry "owns" what lies directly in its fresh mount: /dev owns /dev/pts
 * and the device nodes, /proc and /sys own the masked and read-only paths in
 * them.  Nobody but us has put anything there, so the init may use plain names
 * relative to that mount's descriptor, which saves several system calls each.
 * Invariants:
 *  1. The owner is the last entry before it that covers the path; if that one
 *     isn't fresh there is no owner and the path is resolved beneath the root.
 *  2. An owner is mounted aside and moved into place ("staged"), so that its
 *     descriptor is known to be that mount and not what some other container
 *     has moved to its name since.
 *  3. Staging needs a place that does not propagate to the host: no owners
 *     while the namespace may have shared mounts.
 *
 * runtime-spec config.md "Mounts", config-linux.md "Rootfs Mount Propagation",
 * "Mount Label"; mount_namespaces(7).
 */
#include "runtime/isolate/mounts.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "base/buf.h"
#include "runtime/isolate/devices.h"
#include "runtime/isolate/masks.h"
#include "runtime/spec/names.h"

#define NOTIFY_TARGET	 "/run/notify"
#define LABEL_ANNOTATION "run.oci.mount_context_type"
#define PRIVATE_ALL	 ((unsigned long)(MS_PRIVATE | MS_REC))
#define SLAVE_ALL	 ((unsigned long)(MS_SLAVE | MS_REC))

static int out_of_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

/* SELinux's option for new file systems; quoted, as categories have commas. */
static int make_label(const struct spec *spec, struct arena *arena, const char **ret,
		      struct err *err)
{
	static const char *const types[] = { "context", "fscontext", "defcontext", "rootcontext" };
	const char *label = spec->linux_->mountLabel;
	const char *type = spec_annotation(spec, LABEL_ANNOTATION);
	bool known = type == NULL;

	for (size_t i = 0; type && i < ARRAY_SIZE(types); i++)
		known = known || strcmp(type, types[i]) == 0;
	if (!known)
		return err_field(err, EINVAL, "/annotations", "unknown %s \"%s\"", LABEL_ANNOTATION,
				 type);
	*ret = NULL;
	if (!label || !label[0])
		return 0;
	if (strchr(label, '"'))
		return err_field(err, EINVAL, "/linux/mountLabel", "invalid mountLabel");
	*ret = arena_printf(arena, "%s=\"%s\"", type ? type : "context", label);
	return *ret ? 0 : out_of_memory(err);
}

/* Who the container's root is on the host. */
static uint32_t root_id(const struct spec_id_maps *maps)
{
	for (size_t i = 0; i < maps->n; i++)
		if (maps->v[i].containerID == 0)
			return maps->v[i].hostID;
	return (uint32_t)-1;
}

static int make_entries(const struct spec *spec, const struct mounts_env *env, struct arena *arena,
			struct mounts *m, struct err *err)
{
	char *notify_options[] = { (char[]){ "rbind" }, (char[]){ "ro" }, (char[]){ "rprivate" } };

	m->v = arena_array(arena, spec->mounts.n + 1, sizeof(*m->v));
	if (!m->v)
		return out_of_memory(err);
	for (size_t i = 0; i < spec->mounts.n; i++)
		if (mount_entry_make(&spec->mounts.v[i], env, arena, &m->v[m->n++], err) < 0)
			return -1;
	if (env->notify_dir) {
		struct spec_mount notify = {
			.destination = arena_strdup(arena, NOTIFY_TARGET),
			.source = arena_strdup(arena, env->notify_dir),
			.options = { .v = notify_options, .n = ARRAY_SIZE(notify_options) },
		};

		if (!notify.destination || !notify.source)
			return out_of_memory(err);
		return mount_entry_make(&notify, env, arena, &m->v[m->n++], err);
	}
	return 0;
}

/* config-linux.md "Rootfs Mount Propagation".  What "/" of the new namespace is set to first: private
 * where nothing wants to hear of the host's mounts, so that every bind made later is private
 * without another call. */
static int decide_propagation(const struct spec *spec, struct mounts *m, struct err *err)
{
	const char *text = spec->linux_->rootfsPropagation;
	const struct mount_opt *o = text && text[0] ? mount_opt_find(text) : NULL;

	if (text && text[0] && (!o || o->kind != MOUNT_OPT_PROPAGATION))
		return err_field(err, EINVAL, "/linux/rootfsPropagation",
				 "unknown rootfsPropagation \"%s\"", text);
	m->host_propagation = PRIVATE_ALL;
	for (size_t i = 0; i < m->n; i++)
		for (size_t k = 0; k < m->v[i].n_propagation; k++)
			if (m->v[i].propagation[k] & (MS_SHARED | MS_SLAVE))
				m->host_propagation = SLAVE_ALL;
	if (!o)
		return 0;
	if (!(o->value & MS_PRIVATE))
		m->root_propagation = (unsigned long)o->value;
	if (o->value & MS_SLAVE)
		m->host_propagation = SLAVE_ALL;
	if (o->value & MS_SHARED) {
		m->host_propagation = (unsigned long)o->value;
		m->root_maybe_shared = true;
	}
	return 0;
}

/* What follows dest in path ("pts" for "/dev" and "/dev/pts"); NULL when dest does not cover path. */
static const char *below(const char *dest, const char *path)
{
	size_t len = strcmp(dest, "/") == 0 ? 0 : strlen(dest);

	if (strncmp(dest, path, len) != 0 || (path[len] != '/' && path[len] != '\0'))
		return NULL;
	return path + len + (path[len] == '/');
}

/* The last of the first n entries that covers path, or -1. */
static int covering(const struct mounts *m, size_t n, const char *path)
{
	for (size_t i = n; i-- > 0;)
		if (m->v[i].kind != MOUNT_REMOUNT && below(m->v[i].dest, path))
			return (int)i;
	return -1;
}

/* procfs has links that lead out of it, all of them in the directories of processes. */
static bool leaves_procfs(const char *relative)
{
	return isdigit((unsigned char)relative[0]) || str_starts(relative, "self") ||
	       str_starts(relative, "thread-self");
}

static void own_masked(struct mounts *m, struct masked *p)
{
	int i = covering(m, m->n, p->path);
	const struct mount_entry *e = i < 0 ? NULL : &m->v[i];
	const char *relative = e ? below(e->dest, p->path) : NULL;

	if (!e || !relative[0] || !e->fresh || !e->no_symlinks || leaves_procfs(relative))
		return;
	p->owner = i;
	p->relative = relative;
	m->v[i].staged = true;
}

/* What lies in one mount one after the other (each change of directory is a system call), and what
 * lies in none last; their order means nothing.  Insertion sort: stable, and the lists are short. */
static void group_by_owner(struct masked *v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct masked p = v[i];
		size_t k = i;

		for (; k > 0 && (unsigned int)v[k - 1].owner > (unsigned int)p.owner; k--)
			v[k] = v[k - 1];
		v[k] = p;
	}
}

static void own_entry(struct mounts *m, size_t index)
{
	struct mount_entry *e = &m->v[index];
	int i = covering(m, index, e->dest);
	const struct mount_entry *owner = i < 0 ? NULL : &m->v[i];
	const char *relative = owner ? below(owner->dest, e->dest) : NULL;

	if (!owner || !relative[0] || !owner->fresh || e->kind != MOUNT_FS)
		return;
	/* In a tmpfs one directory is made; the kernel's own directories are there already. */
	if (str_eq(owner->type, "tmpfs") ? strchr(relative, '/') != NULL
					 : !str_eq(owner->type, "sysfs"))
		return;
	e->owner = i;
	e->relative = relative;
	m->v[i].staged = true;
}

static void decide_dev(struct mounts *m)
{
	int i = covering(m, m->n, "/dev");
	const struct mount_entry *e = i < 0 ? NULL : &m->v[i];

	m->dev = -1;
	m->own_dev = true;
	if (!e || strcmp(e->dest, "/dev") != 0)
		return;
	m->own_dev = e->kind != MOUNT_BIND;
	if (!m->root_maybe_shared && e->fresh && str_eq(e->type, "tmpfs")) {
		m->dev = i;
		m->v[i].staged = true;
	}
}

static void decide_owners(struct mounts *m)
{
	decide_dev(m);
	if (m->root_maybe_shared)
		return;
	for (size_t i = 0; i < m->n; i++) {
		own_entry(m, i);
		m->v[i].staged = m->v[i].staged || m->v[i].tmpcopyup;
	}
	for (size_t i = 0; i < m->masked.n; i++)
		own_masked(m, &m->masked.v[i]);
	for (size_t i = 0; i < m->readonly.n; i++)
		own_masked(m, &m->readonly.v[i]);
	group_by_owner(m->masked.v, m->masked.n);
	group_by_owner(m->readonly.v, m->readonly.n);
	/* The root is no place to be moved onto: it has no name of its own. */
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->v[i].dest, "/") == 0)
			m->v[i].staged = false;
}

static int make_state(struct mounts *m, struct arena *arena, struct err *err)
{
	m->state = arena_alloc(arena, sizeof(*m->state));
	if (!m->state)
		return out_of_memory(err);
	m->state->fds = arena_array(arena, m->n + 1, sizeof(int));
	if (!m->state->fds)
		return out_of_memory(err);
	for (size_t i = 0; i < m->n; i++)
		m->state->fds[i] = -1;
	m->state->cwd = -1;
	m->state->empty_dir = -1;
	m->state->empty_fd = -1;
	return 0;
}

int mounts_make(const struct spec *spec, const struct mounts_env *env, struct arena *arena,
		struct mounts *ret, struct err *err)
{
	struct mounts m = {
		.rootfs = env->rootfs,
		.rootfs_fd = -1,
		.root_readonly = spec->root && spec->root->readonly,
		.no_pivot = env->no_pivot,
		.user_namespace = env->user_namespace,
		.pid_namespace = env->pid_namespace,
		.privileged = env->privileged,
		.has_console = env->terminal,
		.root_uid = root_id(&spec->linux_->uidMappings),
		.root_gid = root_id(&spec->linux_->gidMappings),
	};
	struct mounts_env with = *env;

	if (make_label(spec, arena, &m.label, err) < 0)
		return -1;
	with.spec = spec;
	with.label = m.label;
	if (make_entries(spec, &with, arena, &m, err) < 0 ||
	    decide_propagation(spec, &m, err) < 0 || devices_make(spec, arena, &m, err) < 0 ||
	    masks_make(spec, arena, &m, err) < 0 || make_state(&m, arena, err) < 0)
		return -1;
	decide_owners(&m);
	*ret = m;
	return 0;
}
