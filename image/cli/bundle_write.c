/* SPDX-License-Identifier: Apache-2.0 */
/* bundle_write.c - config.json of a container from an image
 *
 * runtime-spec config.md, config-linux.md
 */
#include <errno.h>

#include "image/cli/bundle.h"
#include "image/seccomp_profile.h"
#include "runtime/spec/spec.h"

#define CPU_PERIOD_US	 100000
#define POSTSTOP_SECONDS 30

static void write_strings(struct json_out *o, const char *key, const struct strings *list)
{
	json_key(o, key);
	json_begin_array(o);
	for (size_t i = 0; i < list->n; i++)
		json_string(o, list->v[i]);
	json_end_array(o);
}

static void write_pairs(struct json_out *o, const char *key, const struct pairs *list)
{
	json_key(o, key);
	json_begin_object(o);
	for (size_t i = 0; i < list->n; i++)
		json_kv_string(o, list->v[i].key, list->v[i].value);
	json_end_object(o);
}

static void write_process(struct json_out *o, const struct bundle *b)
{
	static const char *const sets[] = { "bounding", "effective", "permitted" };
	json_key(o, "process");
	json_begin_object(o);
	json_kv_bool(o, "terminal", b->o->tty);
	json_key(o, "user");
	json_begin_object(o);
	json_kv_uint(o, "uid", b->user.uid);
	json_kv_uint(o, "gid", b->user.gid);
	json_key(o, "additionalGids");
	json_begin_array(o);
	for (size_t i = 0; i < b->user.n_groups; i++)
		json_uint(o, b->user.groups[i]);
	json_end_array(o);
	json_end_object(o);
	write_strings(o, "args", &b->args);
	write_strings(o, "env", &b->env);
	json_kv_string(o, "cwd", b->cwd);
	json_key(o, "capabilities");
	json_begin_object(o);
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		/* another user than root begins without: what is bounding is what it may gain */
		if (i == 0 || b->user.uid == 0)
			write_strings(o, sets[i], &b->caps);
	}
	json_end_object(o);
	json_key(o, "rlimits");
	json_begin_array(o);
	for (size_t i = 0; i < b->rlimits.n; i++) {
		json_begin_object(o);
		json_kv_string(o, "type", b->rlimits.v[i].type);
		json_kv_uint(o, "soft", b->rlimits.v[i].soft);
		json_kv_uint(o, "hard", b->rlimits.v[i].hard);
		json_end_object(o);
	}
	json_end_array(o);
	json_kv_bool(o, "noNewPrivileges", b->no_new_privileges);
	if (b->apparmor)
		json_kv_string(o, "apparmorProfile", b->apparmor);
	json_end_object(o);
}

static void write_mounts(struct json_out *o, const struct bundle *b)
{
	json_key(o, "mounts");
	json_begin_array(o);
	for (size_t i = 0; i < b->mounts.n; i++) {
		const struct bundle_mount *m = &b->mounts.v[i];
		json_begin_object(o);
		json_kv_string(o, "destination", m->destination);
		json_kv_string(o, "type", m->type);
		json_kv_string(o, "source", m->source);
		write_strings(o, "options", &m->options);
		json_end_object(o);
	}
	json_end_array(o);
}

static void write_hooks(struct json_out *o, const struct bundle *b)
{
	if (!b->poststop[0])
		return;
	json_key(o, "hooks");
	json_begin_object(o);
	json_key(o, "poststop");
	json_begin_array(o);
	json_begin_object(o);
	json_kv_string(o, "path", b->poststop[0]);
	json_key(o, "args");
	json_begin_array(o);
	for (size_t i = 0; b->poststop[i]; i++)
		json_string(o, b->poststop[i]);
	json_end_array(o);
	json_kv_int(o, "timeout", POSTSTOP_SECONDS);
	json_end_object(o);
	json_end_array(o);
	json_end_object(o);
}

static void write_device_rules(struct json_out *o, const struct bundle *b)
{
	json_key(o, "devices");
	json_begin_array(o);
	json_begin_object(o);
	json_kv_bool(o, "allow", b->o->privileged);
	json_kv_string(o, "access", "rwm");
	json_end_object(o);
	for (size_t i = 0; i < b->devices.n; i++) {
		const struct bundle_device *d = &b->devices.v[i];
		json_begin_object(o);
		json_kv_bool(o, "allow", true);
		json_kv_string(o, "type", d->type);
		json_kv_uint(o, "major", d->major);
		json_kv_uint(o, "minor", d->minor);
		json_kv_string(o, "access", d->access);
		json_end_object(o);
	}
	json_end_array(o);
}

static void write_cpu(struct json_out *o, const struct bundle *b)
{
	json_key(o, "cpu");
	json_begin_object(o);
	if (b->cpu_quota) {
		json_kv_uint(o, "quota", b->cpu_quota);
		json_kv_uint(o, "period", CPU_PERIOD_US);
	}
	if (b->cpu_shares)
		json_kv_uint(o, "shares", b->cpu_shares);
	if (b->cpuset)
		json_kv_string(o, "cpus", b->cpuset);
	json_end_object(o);
}

static void write_resources(struct json_out *o, const struct bundle *b)
{
	json_key(o, "resources");
	json_begin_object(o);
	write_device_rules(o, b);
	if (b->memory || b->swap) {
		json_key(o, "memory");
		json_begin_object(o);
		if (b->memory)
			json_kv_int(o, "limit", b->memory);
		if (b->swap)
			json_kv_int(o, "swap", b->swap);
		json_end_object(o);
	}
	if (b->cpu_quota || b->cpu_shares || b->cpuset)
		write_cpu(o, b);
	if (b->pids) {
		json_key(o, "pids");
		json_begin_object(o);
		json_kv_int(o, "limit", b->pids);
		json_end_object(o);
	}
	json_end_object(o);
}

static void write_devices(struct json_out *o, const struct bundle *b)
{
	json_key(o, "devices");
	json_begin_array(o);
	for (size_t i = 0; i < b->devices.n; i++) {
		const struct bundle_device *d = &b->devices.v[i];
		json_begin_object(o);
		json_kv_string(o, "path", d->path);
		json_kv_string(o, "type", d->type);
		json_kv_uint(o, "major", d->major);
		json_kv_uint(o, "minor", d->minor);
		json_kv_uint(o, "fileMode", d->mode);
		json_kv_uint(o, "uid", d->uid);
		json_kv_uint(o, "gid", d->gid);
		json_end_object(o);
	}
	json_end_array(o);
}

/* The container's ids are those of the namespace it is made in. */
static void write_map(struct json_out *o, const char *key, const struct bundle_map *v, size_t n)
{
	json_key(o, key);
	json_begin_array(o);
	for (size_t i = 0; i < n; i++) {
		json_begin_object(o);
		json_kv_uint(o, "containerID", v[i].first);
		json_kv_uint(o, "hostID", v[i].first);
		json_kv_uint(o, "size", v[i].count);
		json_end_object(o);
	}
	json_end_array(o);
}

static void write_linux(struct json_out *o, const struct bundle *b)
{
	static const char *const namespaces[] = {
		"pid", "network", "ipc", "uts", "mount", "cgroup"
	};
	json_key(o, "linux");
	json_begin_object(o);
	json_key(o, "namespaces");
	json_begin_array(o);
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		if (b->host_network && str_eq(namespaces[i], "network"))
			continue;
		json_begin_object(o);
		json_kv_string(o, "type", namespaces[i]);
		json_end_object(o);
	}
	if (b->mapped) {
		json_begin_object(o);
		json_kv_string(o, "type", "user");
		json_end_object(o);
	}
	json_end_array(o);
	if (b->mapped) {
		write_map(o, "uidMappings", b->uid_map.v, b->uid_map.n);
		write_map(o, "gidMappings", b->gid_map.v, b->gid_map.n);
	}
	write_resources(o, b);
	write_devices(o, b);
	write_pairs(o, "sysctl", &b->sysctl);
	write_strings(o, "maskedPaths", &b->masked);
	write_strings(o, "readonlyPaths", &b->read_only);
	if (!b->unconfined) {
		json_key(o, "seccomp");
		seccomp_profile_write(o, &b->caps);
	}
	json_end_object(o);
}

int bundle_write(const struct bundle *b, struct buf *out, struct err *err)
{
	struct json_out o;
	json_out_init(&o, out, 0);
	json_begin_object(&o);
	json_kv_string(&o, "ociVersion", SPEC_VERSION);
	json_key(&o, "root");
	json_begin_object(&o);
	json_kv_string(&o, "path", "merged");
	json_kv_bool(&o, "readonly", b->o->read_only);
	json_end_object(&o);
	json_kv_string(&o, "hostname", b->hostname);
	write_process(&o, b);
	write_mounts(&o, b);
	write_hooks(&o, b);
	write_pairs(&o, "annotations", &b->annotations);
	write_linux(&o, b);
	json_end_object(&o);
	return buf_failed(out) ? err_set(err, ENOMEM, "out of memory") : 0;
}
