/* SPDX-License-Identifier: Apache-2.0 */
/* features.c - what this runtime knows, and what this host lets it do
 *
 * runtime-spec features.md and features-linux.md.  A boolean that is false
 * means known not to work; one that is absent means unknown.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/container/document.h"
#include "runtime/isolate/filter.h"
#include "runtime/isolate/landlock.h"
#include "runtime/isolate/lsm.h"
#include "runtime/spec/names.h"

static void write_list(struct json_out *o, const char *key, const char *const *v)
{
	json_key(o, key);
	json_begin_array(o);
	for (; *v; v++)
		json_string(o, *v);
	json_end_array(o);
}

static void write_enabled(struct json_out *o, const char *key, bool enabled)
{
	json_key(o, key);
	json_begin_object(o);
	json_kv_bool(o, "enabled", enabled);
	json_end_object(o);
}

static void write_those(struct json_out *o, const char *key, const char *const *list,
			bool (*works)(const char *))
{
	json_key(o, key);
	json_begin_array(o);
	for (; *list; list++)
		if (works(*list))
			json_string(o, *list);
	json_end_array(o);
}

static void write_seccomp(struct json_out *o)
{
	json_key(o, "seccomp");
	json_begin_object(o);
	json_kv_bool(o, "enabled", true);
	write_list(o, "actions", seccomp_action_names);
	write_list(o, "operators", seccomp_operator_names);
	write_those(o, "archs", seccomp_arch_names, filter_arch_works);
	write_list(o, "knownFlags", seccomp_flag_names);
	write_those(o, "supportedFlags", seccomp_flag_names, filter_flag_works);
	json_end_object(o);
}

static void write_cgroup(struct json_out *o)
{
	json_key(o, "cgroup");
	json_begin_object(o);
	json_kv_bool(o, "v1", false);
	json_kv_bool(o, "v2", true);
	json_kv_bool(o, "systemd", true);
	json_kv_bool(o, "systemdUser", true);
	json_kv_bool(o, "rdma", true);
	json_end_object(o);
}

static void write_linux(struct json_out *o)
{
	json_key(o, "linux");
	json_begin_object(o);
	json_key(o, "namespaces");
	json_begin_array(o);
	for (int ns = 0; ns < NS_COUNT; ns++)
		json_string(o, ns_names[ns].spec_name);
	json_end_array(o);
	json_key(o, "capabilities");
	json_begin_array(o);
	for (int cap = 0; cap_name(cap); cap++)
		json_string(o, cap_name(cap));
	json_end_array(o);
	write_cgroup(o);
	write_seccomp(o);
	write_enabled(o, "apparmor", true);
	write_enabled(o, "selinux", true);
	json_key(o, "intelRdt");
	json_begin_object(o);
	json_kv_bool(o, "enabled", true);
	json_kv_bool(o, "schemata", true);
	json_kv_bool(o, "monitoring", true);
	json_end_object(o);
	json_key(o, "memoryPolicy");
	json_begin_object(o);
	write_list(o, "modes", mempolicy_mode_names);
	write_list(o, "flags", mempolicy_flag_names);
	json_end_object(o);
	json_key(o, "mountExtensions");
	json_begin_object(o);
	write_enabled(o, "idmap", true);
	json_end_object(o);
	write_enabled(o, "netDevices", true);
	json_end_object(o);
}

static void write_annotations(struct runtime *rt, struct json_out *o)
{
	char library[32], key[128], landlock[16];

	filter_library_version(library, sizeof(library));
	(void)snprintf(landlock, sizeof(landlock), "%d", landlock_abi());
	json_key(o, "annotations");
	json_begin_object(o);
	json_kv_string(o, "io.github.seccomp.libseccomp.version", library);
	json_kv_string(o, "org.opencontainers.runc.checkpoint.enabled", "false");
	json_kv_string(o, "org.skerry.version", SKERRY_VERSION);
	json_kv_string(o, "org.skerry.host.landlock.abi", landlock);
	json_kv_string(o, "org.skerry.host.apparmor", lsm_has_apparmor() ? "true" : "false");
	json_kv_string(o, "org.skerry.host.selinux", lsm_has_selinux() ? "true" : "false");
	for (size_t i = 0; i < probes_n; i++) {
		(void)snprintf(key, sizeof(key), "org.skerry.host.%s", probes[i].key);
		json_kv_string(o, key, probes[i].works(rt) ? "true" : "false");
	}
	json_end_object(o);
}

int features_write(struct runtime *rt, struct json_out *o, struct err *err)
{
	static const char *const hooks[] = { "prestart",
					     "createRuntime",
					     "createContainer",
					     "startContainer",
					     "poststart",
					     "poststop",
					     NULL };
	static const char *const unsafe[] = { "bundle",		 "org.systemd.property.",
					      "org.criu.config", "run.oci.",
					      "org.skerry.",	 NULL };

	json_begin_object(o);
	json_kv_string(o, "ociVersionMin", "1.0.0");
	json_kv_string(o, "ociVersionMax", SKERRY_SPEC_VERSION);
	write_list(o, "hooks", hooks);
	json_key(o, "mountOptions");
	json_begin_array(o);
	for (size_t i = 0; i < mount_opt_names_n; i++)
		json_string(o, mount_opt_names[i]);
	json_end_array(o);
	write_linux(o);
	write_annotations(rt, o);
	write_list(o, "potentiallyUnsafeConfigAnnotations", unsafe);
	json_end_object(o);
	return buf_failed(o->buf) ? err_set(err, ENOMEM, "out of memory") : 0;
}
