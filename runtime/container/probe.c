/* SPDX-License-Identifier: Apache-2.0 */
/* probe.c - what the running host can do: doctor, and what features tells of it
 *
 * Every probe asks the kernel by the call it is about, with arguments that
 * change nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "runtime/container/document.h"
#include "runtime/isolate/landlock.h"
#include "runtime/isolate/lsm.h"
#include "runtime/isolate/rdt.h"

#ifndef PR_SCHED_CORE
# define PR_SCHED_CORE	   62
# define PR_SCHED_CORE_GET 0
#endif

static bool has_v2(struct runtime *rt)
{
	return runtime_find_host(rt, NULL) == 0 && rt->host.root >= 0;
}

static bool has_controllers(struct runtime *rt)
{
	char line[512];

	return has_v2(rt) &&
	       file_read_line(rt->host.root, "cgroup.controllers", line, sizeof(line)) > 0 &&
	       strstr(line, "memory") && strstr(line, "pids") && strstr(line, "cpu");
}

static bool has_systemd(struct runtime *rt)
{
	(void)rt;
	return access("/run/systemd/system", F_OK) == 0;
}

/* A structure too small is refused with EINVAL by a kernel that has the call. */
static bool has_clone3(struct runtime *rt)
{
	(void)rt;
	return syscall(SYS_clone3, NULL, 0) < 0 && errno == EINVAL;
}

static bool has_openat2(struct runtime *rt)
{
	(void)rt;
	return syscall(SYS_openat2, AT_FDCWD, ".", NULL, 0) < 0 && errno == EINVAL;
}

static bool has_mount_setattr(struct runtime *rt)
{
	(void)rt;
	return syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, NULL, 0) < 0 && errno == EINVAL;
}

static bool has_pidfd(struct runtime *rt)
{
	AUTO_FD fd = proc_pidfd_open(getpid());

	(void)rt;
	return fd >= 0;
}

static bool has_user_namespaces(struct runtime *rt)
{
	char line[32];

	(void)rt;
	return access("/proc/self/ns/user", F_OK) == 0 &&
	       (file_read_line(AT_FDCWD, "/proc/sys/user/max_user_namespaces", line,
			       sizeof(line)) <= 0 ||
		line[0] != '0');
}

static bool has_time_namespaces(struct runtime *rt)
{
	(void)rt;
	return access("/proc/self/ns/time", F_OK) == 0;
}

static bool has_overlay(struct runtime *rt)
{
	AUTO_BUF text;

	(void)rt;
	buf_init(&text);
	return file_read(AT_FDCWD, "/proc/filesystems", &text, 65536, false) == 0 &&
	       strstr(text.s, "\toverlay\n");
}

static bool has_landlock(struct runtime *rt)
{
	(void)rt;
	return landlock_abi() > 0;
}

static bool has_core_scheduling(struct runtime *rt)
{
	unsigned long long cookie;

	(void)rt;
	return prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET, 0, 0, &cookie) == 0 || errno == ENODEV;
}

static bool has_rdt(struct runtime *rt)
{
	AUTO_FD fd = rdt_open(NULL);

	(void)rt;
	return fd >= 0;
}

static bool has_idmap_helpers(struct runtime *rt)
{
	(void)rt;
	return access("/usr/bin/newuidmap", X_OK) == 0 && access("/usr/bin/newgidmap", X_OK) == 0;
}

const struct probe probes[] = {
	{ "control groups v2", "cgroup.v2", has_v2, "no cgroup2 file system is mounted",
	  "mount -t cgroup2 none /sys/fs/cgroup, or boot with systemd.unified_cgroup_hierarchy=1" },
	{ "limits (memory, cpu, pids)", "cgroup.controllers", has_controllers,
	  "the controllers are not in the v2 tree",
	  "boot with systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all" },
	{ "systemd manager", "systemd", has_systemd, "systemd does not run here",
	  "use --cgroup-manager cgroupfs" },
	{ "clone3(2)", "clone3", has_clone3, "the kernel is older than 5.3, or a filter forbids it",
	  "use Linux 5.10 or newer" },
	{ "openat2(2)", "openat2", has_openat2,
	  "the kernel is older than 5.6, or a filter forbids it", "use Linux 5.10 or newer" },
	{ "mount_setattr(2), idmapped mounts", "mount_setattr", has_mount_setattr,
	  "the kernel is older than 5.12", "use Linux 5.12 or newer" },
	{ "pidfd_open(2)", "pidfd", has_pidfd, "the kernel is older than 5.3",
	  "use Linux 5.10 or newer" },
	{ "user namespaces", "user_namespaces", has_user_namespaces,
	  "user.max_user_namespaces is 0 or the kernel lacks them",
	  "sysctl user.max_user_namespaces=15000" },
	{ "time namespaces", "time_namespaces", has_time_namespaces,
	  "the kernel is older than 5.6 or lacks CONFIG_TIME_NS",
	  "use a kernel with CONFIG_TIME_NS" },
	{ "overlay file system", "overlay", has_overlay, "not in /proc/filesystems",
	  "modprobe overlay" },
	{ "Landlock", "landlock", has_landlock, "the kernel does not offer it",
	  "boot with lsm=landlock,... (Linux 5.13 or newer)" },
	{ "core scheduling", "core_scheduling", has_core_scheduling,
	  "the kernel lacks CONFIG_SCHED_CORE or the processor has no SMT",
	  "use a kernel with CONFIG_SCHED_CORE" },
	{ "Intel RDT", "intel_rdt", has_rdt, "resctrl is not mounted at /sys/fs/resctrl",
	  "mount -t resctrl resctrl /sys/fs/resctrl" },
	{ "newuidmap and newgidmap", "idmap_helpers", has_idmap_helpers, "not installed",
	  "apt-get install uidmap" },
};
const size_t probes_n = ARRAY_SIZE(probes);

int doctor_write(struct runtime *rt, struct json_out *o, struct err *err)
{
	json_begin_array(o);
	for (size_t i = 0; i < probes_n; i++) {
		bool ok = probes[i].works(rt);

		json_begin_object(o);
		json_kv_string(o, "what", probes[i].what);
		json_kv_bool(o, "ok", ok);
		if (!ok) {
			json_kv_string(o, "why", probes[i].why);
			json_kv_string(o, "fix", probes[i].fix);
		}
		json_end_object(o);
	}
	json_end_array(o);
	return buf_failed(o->buf) ? err_set(err, ENOMEM, "out of memory") : 0;
}
