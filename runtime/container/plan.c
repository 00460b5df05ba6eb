/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c - everything decided before the first effect
 *
 * runtime-spec config.md and config-linux.md; namespaces(7),
 * user_namespaces(7).
 */
#include "runtime/container/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "base/file.h"

#define NSFS_MAGIC_ 0x6e736673

static int out_of_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

static int decide_namespaces(struct plan *p, struct err *err)
{
	const struct spec_linux *l = p->spec->linux_;

	for (size_t i = 0; i < l->namespaces.n; i++) {
		const struct spec_namespace *n = &l->namespaces.v[i];
		int ns = ns_parse(n->type);

		if (ns < 0)
			return err_field(err, EINVAL, "/linux/namespaces",
					 "unknown namespace \"%s\"", n->type);
		p->own[ns] = true;
		if (n->path && n->path[0])
			p->join[ns] = n->path;
		else
			p->is_new[ns] = true;
	}
	/* An ordinary user can isolate nothing without a user namespace of its own. */
	if (!p->own[NS_USER] && !p->caller.privileged)
		p->own[NS_USER] = p->is_new[NS_USER] = true;
	if (!p->own[NS_MOUNT])
		return err_field(
			err, EINVAL, "/linux/namespaces",
			"a container without a mount namespace would change the host's mounts");
	p->has_root = p->is_new[NS_MOUNT];
	return 0;
}

/* The group namespace has to be made by a process that is in the group, the time namespace before
 * its offsets are fixed: both are the child's own business. */
static void decide_clone(struct plan *p)
{
	bool joins = false;

	for (int ns = 0; ns < NS_COUNT; ns++) {
		if (p->is_new[ns] && ns != NS_CGROUP && ns != NS_TIME)
			p->clone_flags |= ns_names[ns].flag;
		joins |= p->join[ns] != NULL;
	}
	p->stage = p->join[NS_PID] || p->join[NS_USER] || (p->is_new[NS_USER] && joins);
}

static int decide_ids(struct plan *p, struct err *err)
{
	if (!p->is_new[NS_USER])
		return 0;
	if (p->spec->linux_->uidMappings.n == 0 && p->spec->linux_->gidMappings.n == 0) {
		if (p->caller.privileged)
			return err_field(err, EINVAL, "/linux/uidMappings",
					 "a new user namespace needs uidMappings and gidMappings");
		return idmap_make_own(&p->caller, p->arena, &p->idmap, err);
	}
	return idmap_make(p->spec, &p->caller, p->arena, &p->idmap, err);
}

const char *plan_rootfs(const struct spec *spec, const char *bundle, struct arena *arena)
{
	const char *path = spec->root && spec->root->path ? spec->root->path : "rootfs";

	return path[0] == '/' ? path : arena_printf(arena, "%s/%s", bundle, path);
}

static int decide_mounts(const struct plan_options *o, struct plan *p, struct err *err)
{
	struct mounts_env env = {
		.rootfs = plan_rootfs(p->spec, o->bundle, p->arena),
		.bundle = o->bundle,
		.bundle_fd = o->bundle_fd,
		.user_namespace = p->own[NS_USER],
		.cgroup_namespace = p->own[NS_CGROUP],
		.network_namespace = p->own[NS_NETWORK],
		.pid_namespace = p->own[NS_PID],
		.privileged = p->caller.privileged,
		.no_pivot = o->no_pivot,
		.cgroup_mount = o->cgroup_mount,
		.cgroup_path = o->cgroup_path,
		.notify_dir = o->notify_dir,
		.terminal = p->spec->process && p->spec->process->terminal,
	};

	if (!env.rootfs)
		return out_of_memory(err);
	if (!p->has_root)
		return 0;
	return mounts_make(p->spec, &env, p->arena, &p->mounts, err);
}

static int decide_process(const struct plan_options *o, struct plan *p, struct err *err)
{
	struct process_options options = {
		.new_userns = p->own[NS_USER],
		.setgroups_denied = p->is_new[NS_USER] && p->idmap.deny_setgroups,
		.asks_setgroups = p->caller.privileged,
		.cache = o->cache,
		.preserve_fds = o->preserve_fds + o->listen_fds,
		.listen_fds = o->listen_fds,
		.listen_names = o->listen_names,
		.notify_socket = o->notify_dir ? "/run/notify/notify.sock" : NULL,
	};

	p->has_process = p->spec->process != NULL;
	if (!p->has_process)
		return err_field(err, EINVAL, "/process", "process must be set");
	return process_make(p->spec, p->spec->process, &options, p->arena, &p->process, err);
}

static bool has_runtime_hooks(const struct spec *spec)
{
	const struct spec_hooks *h = spec->hooks;

	return h && (h->prestart.n || h->createRuntime.n);
}

/* Loading the filter takes as long as many a mount.  A file system that is on a device has to be mounted
 * under it: config-linux.md has it refuse what it does not allow. */
static bool can_filter_late(const struct plan *p)
{
	static const char *const without_device[] = { "proc",	"sysfs",  "tmpfs",   "devpts",
						      "mqueue", "cgroup", "cgroup2", "overlay" };

	for (size_t i = 0; p->has_root && i < p->mounts.n; i++) {
		const struct mount_entry *m = &p->mounts.v[i];
		bool known = m->kind != MOUNT_FS;

		for (size_t k = 0; !known && k < ARRAY_SIZE(without_device); k++)
			known = m->type && strcmp(m->type, without_device[k]) == 0;
		if (!known)
			return false;
	}
	return true;
}

int plan_make(const struct spec *spec, const struct plan_options *options, struct arena *arena,
	      struct plan *ret, struct err *err)
{
	struct plan *p = ret;

	*p = (struct plan){ .id = options->id, .spec = spec, .arena = arena };
	p->caller = (struct idmap_caller){ .uid = options->uid, .privileged = options->uid == 0 };
	if (!p->caller.privileged)
		p->caller.gid = getegid();
	p->no_new_keyring = options->no_new_keyring;
	for (int ns = 0; ns < NS_COUNT; ns++)
		p->join_fd[ns] = -1;
	if (decide_namespaces(p, err) < 0)
		return -1;
	decide_clone(p);
	if (decide_ids(p, err) < 0 || decide_mounts(options, p, err) < 0 ||
	    sysctl_make(spec, p->own, arena, &p->sysctls, err) < 0 ||
	    clock_make(spec, p->is_new[NS_TIME], arena, &p->clock, err) < 0 ||
	    netdevs_make(spec, p->own[NS_NETWORK], arena, &p->netdevs, err) < 0 ||
	    rdt_make(spec->linux_->intelRdt, options->id, arena, &p->rdt, err) < 0 ||
	    decide_process(options, p, err) < 0)
		return -1;
	/* Without offsets the child can be born in it. */
	if (p->is_new[NS_TIME] && !p->clock.text)
		p->clone_flags |= ns_names[NS_TIME].flag;
	p->gate = p->is_new[NS_USER] || p->rdt.set || p->process.rlimits_by_parent ||
		  p->process.oom.has;
	p->hooks = has_runtime_hooks(spec) || p->netdevs.n > 0 || options->networks;
	p->late_filter = can_filter_late(p);
	return 0;
}

/* O_NONBLOCK: the path may be a FIFO.  ioctl_ns(2): only a namespace answers NS_GET_NSTYPE. */
static int open_namespace(const char *path, int ns, struct err *err)
{
	AUTO_FD fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int type;

	if (fd < 0) {
		err_sys_(err, "open %s namespace \"%s\"", ns_names[ns].spec_name, path);
		return err_at(err, "/linux/namespaces");
	}
	type = beneath_is_fs(fd, NSFS_MAGIC_) ? ioctl(fd, NS_GET_NSTYPE) : -1;
	if (type < 0 || (uint64_t)type != ns_names[ns].flag)
		return err_field(err, EINVAL, "/linux/namespaces", "\"%s\" is not a %s namespace",
				 path, ns_names[ns].spec_name);
	return fd_take(&fd);
}

int plan_open_namespaces(struct plan *p, struct err *err)
{
	for (int ns = 0; ns < NS_COUNT; ns++) {
		if (!p->join[ns])
			continue;
		p->join_fd[ns] = open_namespace(p->join[ns], ns, err);
		if (p->join_fd[ns] < 0)
			return -1;
	}
	return 0;
}

void plan_close(struct plan *p)
{
	for (int ns = 0; ns < NS_COUNT; ns++)
		p->join_fd[ns] = fd_close(p->join_fd[ns]);
	if (p->has_root)
		mounts_close(&p->mounts);
}

static void write_strings(struct json_out *o, const char *key, char *const *v)
{
	json_key(o, key);
	json_begin_array(o);
	for (; v && *v; v++)
		json_string(o, *v);
	json_end_array(o);
}

void plan_write(const struct plan *p, const struct cgroup_place *place, struct json_out *o)
{
	json_begin_object(o);
	json_kv_string(o, "id", p->id);
	json_key(o, "namespaces");
	json_begin_object(o);
	for (int ns = 0; ns < NS_COUNT; ns++)
		json_kv_string(o, ns_names[ns].spec_name,
			       p->join[ns]     ? p->join[ns]
			       : p->is_new[ns] ? "new"
					       : "host's");
	json_end_object(o);
	json_kv_int(o, "clones", p->stage ? 2 : 1);
	json_kv_string(o, "uidMap", p->is_new[NS_USER] ? p->idmap.uid_text : NULL);
	json_kv_string(o, "gidMap", p->is_new[NS_USER] ? p->idmap.gid_text : NULL);
	json_key(o, "cgroup");
	json_begin_object(o);
	json_kv_string(o, "path", place->path);
	json_kv_string(o, "scope", place->scope);
	json_kv_string(o, "slice", place->slice);
	json_end_object(o);
	json_kv_string(o, "rootfs", p->has_root ? p->mounts.rootfs : NULL);
	json_key(o, "mounts");
	json_begin_array(o);
	for (size_t i = 0; p->has_root && i < p->mounts.n; i++) {
		const struct mount_entry *m = &p->mounts.v[i];

		json_begin_object(o);
		json_kv_string(o, "destination", m->dest);
		json_kv_string(o, "type", m->type);
		json_kv_string(o, "source", m->source);
		json_kv_uint(o, "flags", m->flags);
		json_kv_string(o, "data", m->data);
		json_end_object(o);
	}
	json_end_array(o);
	write_strings(o, "args", p->process.argv);
	write_strings(o, "env", p->process.env);
	json_kv_string(o, "cwd", p->process.cwd);
	json_kv_uint(o, "uid", p->process.user.uid);
	json_kv_uint(o, "gid", p->process.user.gid);
	json_key(o, "capabilities");
	json_begin_object(o);
	json_kv_uint(o, "bounding", p->process.caps.bounding);
	json_kv_uint(o, "effective", p->process.caps.effective);
	json_kv_uint(o, "permitted", p->process.caps.permitted);
	json_kv_uint(o, "inheritable", p->process.caps.inheritable);
	json_kv_uint(o, "ambient", p->process.caps.ambient);
	json_end_object(o);
	json_kv_bool(o, "noNewPrivileges", p->process.no_new_privs);
	json_kv_uint(o, "seccompInstructions", p->process.filter.n);
	json_kv_bool(o, "seccompFromCache", p->process.filter.cached);
	json_end_object(o);
}
