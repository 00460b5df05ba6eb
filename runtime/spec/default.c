/* SPDX-License-Identifier: Apache-2.0 */
/* default.c - the config.json that `skerry spec` writes
 *
 * The same members in the same order as runc's, indented by tabs and without
 * a line break at the end, because scripts edit it.  Rootless: the caller's
 * ids become 0 in a user namespace of one id, so there is no gid 5 for the
 * terminals, no sysfs of one's own (that takes a network namespace one owns)
 * and no limit that needs a delegated group.
 *
 * runtime-spec config.md "Configuration Schema Example"
 */
#include "base/json.h"
#include "runtime/spec/spec.h"

static const char *const caps[] = { "CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE", NULL };
static const char *const cap_sets[] = { "bounding", "effective", "permitted" };

struct default_mount {
	const char *destination, *type, *source;
	const char *options[8];
	bool rooted, rootless; /* which of the two has it */
};
static const struct default_mount mounts[] = {
	{ "/proc", "proc", "proc", { NULL }, true, true },
	{ "/dev",
	  "tmpfs",
	  "tmpfs",
	  { "nosuid", "strictatime", "mode=755", "size=65536k" },
	  true,
	  true },
	{ "/dev/pts",
	  "devpts",
	  "devpts",
	  { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5" },
	  true,
	  false },
	{ "/dev/pts",
	  "devpts",
	  "devpts",
	  { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620" },
	  false,
	  true },
	{ "/dev/shm",
	  "tmpfs",
	  "shm",
	  { "nosuid", "noexec", "nodev", "mode=1777", "size=65536k" },
	  true,
	  true },
	{ "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" }, true, true },
	{ "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro" }, true, false },
	{ "/sys", "none", "/sys", { "rbind", "nosuid", "noexec", "nodev", "ro" }, false, true },
	{ "/sys/fs/cgroup",
	  "cgroup",
	  "cgroup",
	  { "nosuid", "noexec", "nodev", "relatime", "ro" },
	  true,
	  true },
};

static const char *const masked[] = {
	"/proc/acpi",	       "/proc/asound",
	"/proc/kcore",	       "/proc/keys",
	"/proc/latency_stats", "/proc/timer_list",
	"/proc/timer_stats",   "/proc/sched_debug",
	"/sys/firmware",       "/sys/devices/virtual/powercap",
	"/proc/scsi",	       NULL,
};
static const char *const readonly[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
};

static void write_strings(struct json_out *o, const char *key, const char *const *list)
{
	json_key(o, key);
	json_begin_array(o);
	for (; *list; list++)
		json_string(o, *list);
	json_end_array(o);
}

static void write_process(struct json_out *o)
{
	static const char *const args[] = { "sh", NULL };
	static const char *const env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"TERM=xterm",
		NULL,
	};

	json_key(o, "process");
	json_begin_object(o);
	json_kv_bool(o, "terminal", true);
	json_key(o, "user");
	json_begin_object(o);
	json_kv_uint(o, "uid", 0);
	json_kv_uint(o, "gid", 0);
	json_end_object(o);
	write_strings(o, "args", args);
	write_strings(o, "env", env);
	json_kv_string(o, "cwd", "/");
	json_key(o, "capabilities");
	json_begin_object(o);
	for (size_t i = 0; i < ARRAY_SIZE(cap_sets); i++)
		write_strings(o, cap_sets[i], caps);
	json_end_object(o);
	json_key(o, "rlimits");
	json_begin_array(o);
	json_begin_object(o);
	json_kv_string(o, "type", "RLIMIT_NOFILE");
	json_kv_uint(o, "hard", 1024);
	json_kv_uint(o, "soft", 1024);
	json_end_object(o);
	json_end_array(o);
	json_kv_bool(o, "noNewPrivileges", true);
	json_end_object(o);
}

static void write_root(struct json_out *o)
{
	json_key(o, "root");
	json_begin_object(o);
	json_kv_string(o, "path", "rootfs");
	json_kv_bool(o, "readonly", true);
	json_end_object(o);
}

static void write_mounts(struct json_out *o, bool rootless)
{
	json_key(o, "mounts");
	json_begin_array(o);
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		const struct default_mount *m = &mounts[i];

		if (rootless ? !m->rootless : !m->rooted)
			continue;
		json_begin_object(o);
		json_kv_string(o, "destination", m->destination);
		json_kv_string(o, "type", m->type);
		json_kv_string(o, "source", m->source);
		if (m->options[0])
			write_strings(o, "options", m->options);
		json_end_object(o);
	}
	json_end_array(o);
}

static void write_map(struct json_out *o, const char *key, uint32_t host_id)
{
	json_key(o, key);
	json_begin_array(o);
	json_begin_object(o);
	json_kv_uint(o, "containerID", 0);
	json_kv_uint(o, "hostID", host_id);
	json_kv_uint(o, "size", 1);
	json_end_object(o);
	json_end_array(o);
}

/* Every device denied; the usual ones are always allowed. */
static void write_resources(struct json_out *o)
{
	json_key(o, "resources");
	json_begin_object(o);
	json_key(o, "devices");
	json_begin_array(o);
	json_begin_object(o);
	json_kv_bool(o, "allow", false);
	json_kv_string(o, "access", "rwm");
	json_end_object(o);
	json_end_array(o);
	json_end_object(o);
}

static void write_namespace(struct json_out *o, const char *type)
{
	json_begin_object(o);
	json_kv_string(o, "type", type);
	json_end_object(o);
}

static void write_namespaces(struct json_out *o, bool rootless, bool cgroup_v2)
{
	json_key(o, "namespaces");
	json_begin_array(o);
	write_namespace(o, "pid");
	if (!rootless)
		write_namespace(o, "network");
	write_namespace(o, "ipc");
	write_namespace(o, "uts");
	write_namespace(o, "mount");
	if (cgroup_v2)
		write_namespace(o, "cgroup");
	if (rootless)
		write_namespace(o, "user");
	json_end_array(o);
}

void spec_write_default(struct buf *out, bool rootless, uint32_t uid, uint32_t gid, bool cgroup_v2)
{
	struct json_out o;

	json_out_init(&o, out, JSON_TABS);
	json_begin_object(&o);
	json_kv_string(&o, "ociVersion", SPEC_VERSION);
	write_process(&o);
	write_root(&o);
	json_kv_string(&o, "hostname", "skerry");
	write_mounts(&o, rootless);
	json_key(&o, "linux");
	json_begin_object(&o);
	if (rootless) {
		write_map(&o, "uidMappings", uid);
		write_map(&o, "gidMappings", gid);
	} else {
		write_resources(&o);
	}
	write_namespaces(&o, rootless, cgroup_v2);
	write_strings(&o, "maskedPaths", masked);
	write_strings(&o, "readonlyPaths", readonly);
	json_end_object(&o);
	json_end_object(&o);
}
