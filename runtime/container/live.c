/* SPDX-License-Identifier: Apache-2.0 */
/* live.c - mounts and devices of a container that runs
 *
 * The source of a mount is cloned on the host, then a process that has joined
 * the container's mount namespace attaches it.  A device is let through the
 * group's filter first and its node made after; what was added is kept in
 * devices.json beside the record, so that the next change builds the same
 * filter.  If a later element of a list fails, the earlier ones are undone.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "base/file.h"
#include "runtime/container/handshake.h"
#include "runtime/container/resources.h"
#include "runtime/container/runtime.h"
#include "runtime/container/spawn.h"
#include "runtime/isolate/rootfs.h"

#define LIVE_ARENA_MAX ((size_t)64 << 20)

#define ROOT_REFUSED "the root of a running container can't be mounted over or removed"

struct live {
	struct runtime *rt;
	struct store_entry entry;
	struct arena arena;
	struct spec *spec;
	struct mounts mounts;
	int pidfd;
	enum live_change change;
	struct mount_entry *entries;
	size_t n_entries;
	struct live_device device;
	struct live_devices devices;
};

static int make_node(const struct spec_device *d, int root, struct err *err)
{
	char name[NAME_MAX + 1];
	mode_t type = d->type[0] == 'b' ? S_IFBLK : d->type[0] == 'p' ? S_IFIFO : S_IFCHR;
	AUTO_FD dir = beneath_parent(root, d->path, true, name);

	if (dir < 0)
		return err_sys(err, "device \"%s\"", d->path);
	(void)umask(0);
	if (mknodat(dir, name, type | (mode_t)(d->fileMode.has ? d->fileMode.v & 0777 : 0666),
		    makedev((unsigned)d->major.v, (unsigned)d->minor.v)) < 0 ||
	    fchownat(dir, name, (uid_t)d->uid.v, (gid_t)d->gid.v, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "make device \"%s\"", d->path);
	return 0;
}

static int remove_node(const struct spec_device *d, int root, struct err *err)
{
	char name[NAME_MAX + 1];
	AUTO_FD dir = beneath_parent(root, d->path, false, name);
	struct stat st;

	if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "device \"%s\"", d->path);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode) && !S_ISFIFO(st.st_mode))
		return err_set(err, EINVAL, "\"%s\" is not a device", d->path);
	if (unlinkat(dir, name, 0) < 0)
		return err_sys(err, "remove device \"%s\"", d->path);
	return 0;
}

/* By a symbolic link of the container, which "/" as it is written was refused for already. */
static bool leads_to_root(const char *dest, int root)
{
	AUTO_FD fd = beneath_open(root, dest, O_PATH, 0, 0);
	struct statx at, top;

	return fd >= 0 && statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &at) == 0 &&
	       statx(root, "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &top) == 0 &&
	       at.stx_ino == top.stx_ino && at.stx_mnt_id == top.stx_mnt_id;
}

static int add_mounts(const struct live *l, int root, struct err *err)
{
	for (size_t i = 0; i < l->n_entries; i++) {
		if (leads_to_root(l->entries[i].dest, root))
			err_set_(err, EINVAL, "\"%s\": " ROOT_REFUSED, l->entries[i].dest);
		else if (mount_entry_apply(&l->entries[i], &l->mounts, root, err) == 0)
			continue;
		while (i-- > 0)
			(void)mount_entry_remove(l->entries[i].dest, root, NULL);
		return -1;
	}
	return 0;
}

static int remove_mounts(const struct live *l, int root, struct err *err)
{
	for (size_t i = l->n_entries; i-- > 0;)
		if (mount_entry_remove(l->entries[i].dest, root, err) < 0)
			return -1;
	return 0;
}

static int change_inside(struct live *l, struct err *err)
{
	int flags = CLONE_NEWNS | (l->entry.rec.has_userns ? CLONE_NEWUSER : 0);
	AUTO_FD root = -1;

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (setns(l->pidfd, flags) < 0)
		return err_sys(err, "join the mount namespace of container \"%s\"",
			       l->entry.rec.id);
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(err, "open \"/\"");
	switch (l->change) {
	case LIVE_MOUNTS_ADD:
		return add_mounts(l, root, err);
	case LIVE_MOUNTS_REMOVE:
		return remove_mounts(l, root, err);
	case LIVE_DEVICE_ADD:
		return make_node(&l->device.device, root, err);
	case LIVE_DEVICE_REMOVE:
		return remove_node(&l->device.device, root, err);
	}
	return -1;
}

static void NORETURN live_main(void *arg, int sock)
{
	struct err err = { 0 };

	if (change_inside(arg, &err) == 0) {
		(void)handshake_send(sock, MESSAGE_READY, 0, -1, NULL);
		_exit(0);
	}
	handshake_fail(sock, &err);
	_exit(1);
}

static int run_inside(struct live *l, struct err *err)
{
	struct spawn s = { .cgroup = -1, .main = live_main, .arg = l };
	AUTO_FD pidfd = -1;
	pid_t pid;
	int rc = -1;

	if (handshake_open(s.sock, err) < 0)
		return -1;
	pid = spawn_process(&s, &pidfd, err);
	if (pid > 0) {
		rc = handshake_expect(s.sock[0], MESSAGE_READY, NULL, err);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	(void)fd_close(s.sock[0]);
	(void)fd_close(s.sock[1]);
	return rc;
}

static int decide_mounts(struct live *l, const char *json, size_t len, struct err *err)
{
	struct mounts_env env = { .rootfs = l->entry.rec.rootfs,
				  .bundle = l->entry.rec.bundle,
				  .user_namespace = l->entry.rec.has_userns,
				  .privileged = geteuid() == 0,
				  .pid_namespace = true,
				  .cgroup_namespace = true,
				  .network_namespace = true };
	struct spec_mount *list;
	size_t n;

	env.bundle_fd = AT_FDCWD;
	if (spec_parse_mounts("mounts", json, len, &l->arena, &list, &n, err) < 0 ||
	    mounts_make(l->spec, &env, &l->arena, &l->mounts, err) < 0)
		return -1;
	l->entries = arena_array(&l->arena, n, sizeof(*l->entries));
	if (!l->entries)
		return err_set(err, ENOMEM, "out of memory");
	for (; l->n_entries < n; l->n_entries++) {
		struct mount_entry *e = &l->entries[l->n_entries];

		e->source_fd = -1;
		if (mount_entry_make(&list[l->n_entries], &env, &l->arena, e, err) < 0)
			return -1;
		/* It would lie over the root that every process already has, seen by none. */
		if (strcmp(e->dest, "/") == 0)
			return err_field(err, EINVAL,
					 arena_printf(&l->arena, "/%zu/destination", l->n_entries),
					 ROOT_REFUSED);
		if (l->change == LIVE_MOUNTS_ADD && e->kind == MOUNT_BIND &&
		    mount_entry_open_source(e, err) < 0)
			return -1;
	}
	return 0;
}

/* Rules of config.json or the last update, then one for each device that was added. */
static int apply_filter(struct live *l, struct err *err)
{
	CLEANUP(cgroup_close) struct cgroup g = CGROUP_INIT;
	struct spec_resources *now;
	struct spec_device_rule *rules = NULL;
	size_t n = 0, n_insn;
	void *insn;

	if (container_open_cgroup(l->rt, &l->entry, &g, err) < 0)
		return -1;
	if (g.fd < 0)
		return 0;
	if (resources_load(&l->entry, &l->arena, &now, err) < 0 ||
	    cgroup_devices_rules(now, &l->arena, &rules, &n, err) < 0 ||
	    live_devices_append(&l->devices, &l->arena, &rules, &n, err) < 0)
		return -1;
	if (cgroup_devices_make(rules, n, &l->arena, &insn, &n_insn, err) < 0)
		return -1;
	return cgroup_devices_apply(&g, insn, n_insn, err);
}

static int save_devices(const struct live *l, struct err *err)
{
	struct json_out o;
	AUTO_BUF text;

	buf_init(&text);
	json_out_init(&o, &text, 0);
	json_begin_object(&o);
	json_key(&o, "devices");
	json_begin_array(&o);
	for (size_t i = 0; i < l->devices.devices.n; i++) {
		const struct live_device *d = &l->devices.devices.v[i];

		json_begin_object(&o);
		json_kv_string(&o, "type", d->device.type);
		json_kv_string(&o, "path", d->device.path);
		json_kv_int(&o, "major", d->device.major.v);
		json_kv_int(&o, "minor", d->device.minor.v);
		json_kv_string(&o, "access", d->access);
		json_end_object(&o);
	}
	json_end_array(&o);
	json_end_object(&o);
	if (buf_failed(&text) ||
	    file_replace(l->entry.dir, DEVICES_FILE, text.s, text.len, 0600) < 0)
		return err_sys(err, "write " DEVICES_FILE);
	return 0;
}

static int read_device(struct live *l, const char *json, size_t len, struct err *err)
{
	struct live_device *d = &l->device;

	if (json_decode("device", json, len, &live_device_table, d, &l->arena, err) < 0)
		return -1;
	if (strlen(d->device.type) != 1 || !strchr("cbup", d->device.type[0]))
		return err_field(err, EINVAL, "/type", "unknown device type \"%s\"",
				 d->device.type);
	if (d->device.type[0] == 'u')
		d->device.type[0] = 'c';
	if (d->device.path[0] != '/')
		return err_field(err, EINVAL, "/path", "device path \"%s\" is not absolute",
				 d->device.path);
	if (l->change == LIVE_DEVICE_ADD && d->device.type[0] != 'p' &&
	    (!d->device.major.has || !d->device.minor.has))
		return err_field(err, EINVAL, "/major", "device \"%s\" needs major and minor",
				 d->device.path);
	if (!d->access)
		d->access = arena_strdup(&l->arena, "rwm");
	return d->access ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* The list with the device added, or without the one of the same path. */
static int edit_devices(struct live *l, struct err *err)
{
	struct live_devices *d = &l->devices;
	struct live_device *v = arena_array(&l->arena, d->devices.n + 1, sizeof(*v));
	size_t n = 0;

	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < d->devices.n; i++) {
		bool same = strcmp(d->devices.v[i].device.path, l->device.device.path) == 0;

		if (same && l->change == LIVE_DEVICE_ADD)
			return err_set(err, EEXIST, "device \"%s\" was added already",
				       l->device.device.path);
		if (!same)
			v[n++] = d->devices.v[i];
	}
	if (l->change == LIVE_DEVICE_REMOVE && n == d->devices.n)
		return err_set(err, ENOENT, "device \"%s\" was not added to the container",
			       l->device.device.path);
	if (l->change == LIVE_DEVICE_ADD)
		v[n++] = l->device;
	d->devices.v = v;
	d->devices.n = n;
	return 0;
}

static int change_device(struct live *l, const char *json, size_t len, struct err *err)
{
	struct live_devices before;

	if (read_device(l, json, len, err) < 0 ||
	    live_devices_load(&l->entry, &l->arena, &l->devices, err) < 0)
		return -1;
	before = l->devices;
	if (edit_devices(l, err) < 0)
		return -1;
	if (apply_filter(l, err) == 0 && run_inside(l, err) == 0 && save_devices(l, err) == 0)
		return 0;
	l->devices = before;
	(void)apply_filter(l, NULL);
	return -1;
}

int container_change(struct runtime *rt, const char *id, enum live_change change, const char *json,
		     size_t len, struct err *err)
{
	struct live l = { .rt = rt, .entry = STORE_ENTRY_INIT, .pidfd = -1, .change = change };
	enum skerry_status status;
	int rc = -1;

	arena_init(&l.arena, LIVE_ARENA_MAX);
	if (runtime_open_store(rt, false, err) < 0 ||
	    store_load(&rt->store, id, STORE_LOCK, &l.entry, err) < 0)
		goto out;
	status = container_status(rt, &l.entry, &l.pidfd);
	if (status == SKERRY_STOPPED || status == SKERRY_CREATING) {
		rc = err_set(err, ESRCH, "container not running: \"%s\" is %s", id,
			     skerry_status_name(status));
		goto out;
	}
	if (!seal_is_sealed()) {
		rc = err_set(err, EPERM, "this program does not run from a sealed copy of itself");
		goto out;
	}
	if (container_load_spec(&l.entry, &l.arena, &l.spec, err) < 0)
		goto out;
	if (change == LIVE_DEVICE_ADD || change == LIVE_DEVICE_REMOVE)
		rc = change_device(&l, json, len, err);
	else if (decide_mounts(&l, json, len, err) == 0)
		rc = run_inside(&l, err);
	for (size_t i = 0; i < l.n_entries; i++)
		(void)fd_close(l.entries[i].source_fd);
out:
	(void)fd_close(l.pidfd);
	store_entry_release(&l.entry);
	arena_release(&l.arena);
	return rc;
}
