/* SPDX-License-Identifier: Apache-2.0 */
/* bundle_limits.c - how much the container may have: memory, processors, processes, rlimits,
 * sysctls
 *
 * podman-run(1); getrlimit(2)
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/units.h"
#include "image/cli/bundle.h"
#include "runtime/spec/names.h"

#define PIDS_DEFAULT  2048
#define CPU_PERIOD_US 100000

static int invalid(const char *option, const char *text, struct err *err)
{
	return err_set(err, EINVAL, "invalid value \"%s\" for --%s", text, option);
}

/* "1.5" processors as microseconds of each period. */
static int parse_cpus(const char *text, uint64_t *ret, struct err *err)
{
	char whole[16], part[8] = "";
	uint64_t a = 0, f = 0;
	size_t len = strcspn(text, ".");
	if (str_format(whole, sizeof(whole), "%.*s", (int)len, text) < 0 ||
	    (text[len] && str_copy(part, sizeof(part), text + len + 1) < 0) ||
	    (whole[0] && units_u64(whole, 100000, &a) < 0) ||
	    (part[0] && units_u64(part, 999999, &f) < 0) || (!whole[0] && !part[0]))
		return invalid("cpus", text, err);
	uint64_t scale = 1;
	for (size_t i = 0; i < strlen(part); i++)
		scale *= 10;
	*ret = a * CPU_PERIOD_US + f * CPU_PERIOD_US / scale;
	return *ret >= 1000 ? 0 : invalid("cpus", text, err);
}

/* Can the number of processes be limited here?  Asked for, it must be; as a default it may lack. */
static bool has_pids_controller(void)
{
	AUTO_BUF text;
	buf_init(&text);
	return file_read(AT_FDCWD, "/sys/fs/cgroup/cgroup.controllers", &text, 4096, false) == 0 &&
	       strstr(text.s, "pids");
}

static int make_resources(struct bundle *b, struct err *err)
{
	const struct image_options *o = b->o;
	if (o->memory && (units_bytes(o->memory, &b->memory) < 0 || b->memory <= 0))
		return invalid("memory", o->memory, err);
	if (o->memory_swap && (units_bytes(o->memory_swap, &b->swap) < 0 || b->swap == 0))
		return invalid("memory-swap", o->memory_swap, err);
	if (o->cpus && parse_cpus(o->cpus, &b->cpu_quota, err) < 0)
		return -1;
	if (o->cpu_shares && units_u64(o->cpu_shares, 262144, &b->cpu_shares) < 0)
		return invalid("cpu-shares", o->cpu_shares, err);
	b->cpuset = o->cpuset_cpus;
	if (o->pids && units_i64(o->pids, -1, INT32_MAX, &b->pids) < 0)
		return invalid("pids", o->pids, err);
	if (!o->pids && has_pids_controller())
		b->pids = PIDS_DEFAULT;
	return 0;
}

static int parse_limit(const char *text, uint64_t *ret)
{
	if (str_eq(text, "-1") || str_eq(text, "unlimited")) {
		*ret = RLIM_INFINITY;
		return 0;
	}
	return units_u64(text, UINT64_MAX, ret);
}

/* nofile=1024:4096 */
static int add_rlimit(struct bundle *b, const char *word, struct err *err)
{
	char name[32] = "RLIMIT_", soft[32];
	size_t len = strcspn(word, "=");
	struct bundle_rlimit l;
	if (!word[len] || len > sizeof(name) - 8)
		return invalid("ulimit", word, err);
	for (size_t i = 0; i < len; i++)
		name[7 + i] = (char)toupper((unsigned char)word[i]);
	const char *value = word + len + 1;
	size_t colon = strcspn(value, ":");
	if (rlimit_parse(name) < 0 ||
	    str_format(soft, sizeof(soft), "%.*s", (int)colon, value) < 0 ||
	    parse_limit(soft, &l.soft) < 0)
		return invalid("ulimit", word, err);
	l.hard = l.soft;
	if (value[colon] && parse_limit(value + colon + 1, &l.hard) < 0)
		return invalid("ulimit", word, err);
	l.type = arena_strdup(b->arena, name);
	struct bundle_rlimit *v =
		arena_grow(b->arena, b->rlimits.v, b->rlimits.n, &b->rlimits.cap, sizeof(*v));
	if (!v || !l.type)
		return err_set(err, ENOMEM, "out of memory");
	b->rlimits.v = v;
	v[b->rlimits.n++] = l;
	return 0;
}

static int add_sysctls(struct bundle *b, struct err *err)
{
	if (b->host_network)
		return 0;
	if (bundle_add_pair(b->arena, &b->sysctl, "net.ipv4.ip_unprivileged_port_start", "0", err) <
		    0 ||
	    bundle_add_pair(b->arena, &b->sysctl, "net.ipv4.ping_group_range", BUNDLE_PING_GROUPS,
			    err) < 0)
		return -1;
	for (size_t i = 0; i < b->o->sysctl.n; i++) {
		char *key = arena_strdup(b->arena, b->o->sysctl.v[i]);
		char *value = key ? strchr(key, '=') : NULL;
		if (!value)
			return invalid("sysctl", b->o->sysctl.v[i], err);
		*value++ = 0;
		if (bundle_add_pair(b->arena, &b->sysctl, key, value, err) < 0)
			return -1;
	}
	return 0;
}

static int mask_paths(struct bundle *b, struct err *err)
{
	static const char *const masked[] = {
		"/proc/acpi",	     "/proc/asound",	"/proc/interrupts",
		"/proc/kcore",	     "/proc/keys",	"/proc/latency_stats",
		"/proc/sched_debug", "/proc/scsi",	"/proc/timer_list",
		"/proc/timer_stats", "/sys/dev/block",	"/sys/devices/virtual/powercap",
		"/sys/firmware",     "/sys/fs/selinux",
	};
	static const char *const read_only[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
						 "/proc/sysrq-trigger" };
	for (size_t i = 0; i < b->o->security.n; i++) {
		if (str_starts(b->o->security.v[i], "unmask="))
			return 0;
	}
	for (size_t i = 0; !b->o->privileged && i < ARRAY_SIZE(masked); i++) {
		if (bundle_add(b->arena, &b->masked, masked[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; !b->o->privileged && i < ARRAY_SIZE(read_only); i++) {
		if (bundle_add(b->arena, &b->read_only, read_only[i], err) < 0)
			return -1;
	}
	return 0;
}

int bundle_limits(struct bundle *b, struct err *err)
{
	if (make_resources(b, err) < 0 || add_sysctls(b, err) < 0)
		return -1;
	for (size_t i = 0; i < b->o->ulimits.n; i++) {
		if (add_rlimit(b, b->o->ulimits.v[i], err) < 0)
			return -1;
	}
	return mask_paths(b, err);
}
