/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - the words of config.json and the numbers behind them
 *
 * Tables only.  The numbers are the kernel's; those that the headers of the
 * oldest supported distribution lack are spelled out here.
 *
 * runtime-spec config.md "Linux mount options", "Linux Process",
 * config-linux.md "Namespaces", "Memory policy", "Seccomp"; mount(2),
 * mount_setattr(2), getrlimit(2), capabilities(7), sched_setattr(2),
 * ioprio_set(2), set_mempolicy(2)
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "runtime/spec/names.h"

struct word {
	const char *name;
	int64_t value;
};

static int64_t word_find(const struct word *words, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i].name, name) == 0)
			return words[i].value;
	return -1;
}

bool name_in(const char *const *list, const char *name)
{
	for (; *list; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

/* --- namespaces ----------------------------------------------------------- */

const struct ns_name ns_names[NS_COUNT] = {
	[NS_USER] = { "user", "user", 0x10000000 },
	[NS_MOUNT] = { "mount", "mnt", 0x00020000 },
	[NS_PID] = { "pid", "pid", 0x20000000 },
	[NS_NETWORK] = { "network", "net", 0x40000000 },
	[NS_IPC] = { "ipc", "ipc", 0x08000000 },
	[NS_UTS] = { "uts", "uts", 0x04000000 },
	[NS_CGROUP] = { "cgroup", "cgroup", 0x02000000 },
	[NS_TIME] = { "time", "time", 0x00000080 },
};

int ns_parse(const char *spec_name)
{
	for (int i = 0; i < NS_COUNT; i++)
		if (strcmp(ns_names[i].spec_name, spec_name) == 0)
			return i;
	return -1;
}

/* --- mount options -------------------------------------------------------- */

#define ATTR_RDONLY	 0x00000001
#define ATTR_NOSUID	 0x00000002
#define ATTR_NODEV	 0x00000004
#define ATTR_NOEXEC	 0x00000008
#define ATTR_RELATIME	 0x00000000
#define ATTR_NOATIME	 0x00000010
#define ATTR_STRICTATIME 0x00000020
#define ATTR_ATIMES	 0x00000070 /* MOUNT_ATTR__ATIME */
#define ATTR_NODIRATIME	 0x00000080
#define ATTR_NOSYMFOLLOW 0x00200000

#define LAZYTIME    (1 << 25) /* MS_LAZYTIME */
#define NOSYMFOLLOW (1 << 8) /* MS_NOSYMFOLLOW */

/* clang-format off */
/* Sorted by name (strcmp(3)).  The r*sync and r*mand options are crun's: flags
 * of the whole file system, so "recursive" adds nothing. */
#define MOUNT_OPTIONS(X) \
	X("async", FLAG, true, MS_SYNCHRONOUS, 0) \
	X("atime", FLAG, true, MS_NOATIME, 0) \
	X("bind", FLAG, false, MS_BIND, 0) \
	X("copy-symlink", SPECIAL, false, MOUNT_COPY_SYMLINK, 0) \
	X("defaults", FLAG, false, 0, 0) \
	X("dest-nofollow", SPECIAL, false, MOUNT_DEST_NOFOLLOW, 0) \
	X("dev", FLAG, true, MS_NODEV, 0) \
	X("diratime", FLAG, true, MS_NODIRATIME, 0) \
	X("dirsync", FLAG, false, MS_DIRSYNC, 0) \
	X("exec", FLAG, true, MS_NOEXEC, 0) \
	X("idmap", SPECIAL, false, MOUNT_IDMAP, 0) \
	X("iversion", FLAG, false, MS_I_VERSION, 0) \
	X("lazytime", FLAG, false, LAZYTIME, 0) \
	X("loud", FLAG, true, MS_SILENT, 0) \
	X("mand", FLAG, false, MS_MANDLOCK, 0) \
	X("noatime", FLAG, false, MS_NOATIME, 0) \
	X("nodev", FLAG, false, MS_NODEV, 0) \
	X("nodiratime", FLAG, false, MS_NODIRATIME, 0) \
	X("noexec", FLAG, false, MS_NOEXEC, 0) \
	X("noiversion", FLAG, true, MS_I_VERSION, 0) \
	X("nolazytime", FLAG, true, LAZYTIME, 0) \
	X("nomand", FLAG, true, MS_MANDLOCK, 0) \
	X("norelatime", FLAG, true, MS_RELATIME, 0) \
	X("nostrictatime", FLAG, true, MS_STRICTATIME, 0) \
	X("nosuid", FLAG, false, MS_NOSUID, 0) \
	X("nosymfollow", FLAG, false, NOSYMFOLLOW, 0) \
	X("private", PROPAGATION, false, MS_PRIVATE, 0) \
	X("rasync", FLAG, true, MS_SYNCHRONOUS, 0) \
	X("ratime", RECURSIVE, true, ATTR_NOATIME, ATTR_ATIMES) \
	X("rbind", FLAG, false, MS_BIND | MS_REC, 0) \
	X("rdev", RECURSIVE, true, ATTR_NODEV, 0) \
	X("rdiratime", RECURSIVE, true, ATTR_NODIRATIME, 0) \
	X("rdirsync", FLAG, false, MS_DIRSYNC, 0) \
	X("relatime", FLAG, false, MS_RELATIME, 0) \
	X("remount", FLAG, false, MS_REMOUNT, 0) \
	X("rexec", RECURSIVE, true, ATTR_NOEXEC, 0) \
	X("ridmap", SPECIAL, false, MOUNT_RIDMAP, 0) \
	X("rmand", FLAG, false, MS_MANDLOCK, 0) \
	X("rnoatime", RECURSIVE, false, ATTR_NOATIME, ATTR_ATIMES) \
	X("rnodev", RECURSIVE, false, ATTR_NODEV, 0) \
	X("rnodiratime", RECURSIVE, false, ATTR_NODIRATIME, 0) \
	X("rnoexec", RECURSIVE, false, ATTR_NOEXEC, 0) \
	X("rnomand", FLAG, true, MS_MANDLOCK, 0) \
	X("rnorelatime", RECURSIVE, true, ATTR_RELATIME, ATTR_ATIMES) \
	X("rnostrictatime", RECURSIVE, true, ATTR_STRICTATIME, ATTR_ATIMES) \
	X("rnosuid", RECURSIVE, false, ATTR_NOSUID, 0) \
	X("rnosymfollow", RECURSIVE, false, ATTR_NOSYMFOLLOW, 0) \
	X("ro", FLAG, false, MS_RDONLY, 0) \
	X("rprivate", PROPAGATION, false, MS_PRIVATE | MS_REC, 0) \
	X("rrelatime", RECURSIVE, false, ATTR_RELATIME, ATTR_ATIMES) \
	X("rro", RECURSIVE, false, ATTR_RDONLY, 0) \
	X("rrw", RECURSIVE, true, ATTR_RDONLY, 0) \
	X("rshared", PROPAGATION, false, MS_SHARED | MS_REC, 0) \
	X("rslave", PROPAGATION, false, MS_SLAVE | MS_REC, 0) \
	X("rstrictatime", RECURSIVE, false, ATTR_STRICTATIME, ATTR_ATIMES) \
	X("rsuid", RECURSIVE, true, ATTR_NOSUID, 0) \
	X("rsymfollow", RECURSIVE, true, ATTR_NOSYMFOLLOW, 0) \
	X("rsync", FLAG, false, MS_SYNCHRONOUS, 0) \
	X("runbindable", PROPAGATION, false, MS_UNBINDABLE | MS_REC, 0) \
	X("rw", FLAG, true, MS_RDONLY, 0) \
	X("shared", PROPAGATION, false, MS_SHARED, 0) \
	X("silent", FLAG, false, MS_SILENT, 0) \
	X("slave", PROPAGATION, false, MS_SLAVE, 0) \
	X("src-nofollow", SPECIAL, false, MOUNT_SRC_NOFOLLOW, 0) \
	X("strictatime", FLAG, false, MS_STRICTATIME, 0) \
	X("suid", FLAG, true, MS_NOSUID, 0) \
	X("symfollow", FLAG, true, NOSYMFOLLOW, 0) \
	X("sync", FLAG, false, MS_SYNCHRONOUS, 0) \
	X("tmpcopyup", SPECIAL, false, MOUNT_TMPCOPYUP, 0) \
	X("unbindable", PROPAGATION, false, MS_UNBINDABLE, 0)

#define OPTION_ROW(name, kind, clear, value, mask) { name, MOUNT_OPT_##kind, clear, value, mask },
#define OPTION_NAME(name, kind, clear, value, mask) name,
/* clang-format on */

static const struct mount_opt mount_opts[] = { MOUNT_OPTIONS(OPTION_ROW) };
const char *const mount_opt_names[] = { MOUNT_OPTIONS(OPTION_NAME) };
const size_t mount_opt_names_n = ARRAY_SIZE(mount_opt_names);

static int compare_option(const void *name, const void *opt)
{
	return strcmp(name, ((const struct mount_opt *)opt)->name);
}

const struct mount_opt *mount_opt_find(const char *name)
{
	return bsearch(name, mount_opts, ARRAY_SIZE(mount_opts), sizeof(mount_opts[0]),
		       compare_option);
}

/* --- process -------------------------------------------------------------- */

static const struct word rlimits[] = {
	{ "RLIMIT_AS", RLIMIT_AS },
	{ "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_CPU", RLIMIT_CPU },
	{ "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },
	{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_STACK", RLIMIT_STACK },
};

int rlimit_parse(const char *name)
{
	return (int)word_find(rlimits, ARRAY_SIZE(rlimits), name);
}

/* The index is the kernel's number. */
static const char *const caps[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

#define CAP_PREFIX_LENGTH 4

int cap_parse(const char *name)
{
	if (strncasecmp(name, "CAP_", CAP_PREFIX_LENGTH) == 0)
		name += CAP_PREFIX_LENGTH;
	for (size_t i = 0; i < ARRAY_SIZE(caps); i++)
		if (strcasecmp(caps[i] + CAP_PREFIX_LENGTH, name) == 0)
			return (int)i;
	return -1;
}

const char *cap_name(int cap)
{
	return cap >= 0 && (size_t)cap < ARRAY_SIZE(caps) ? caps[cap] : NULL;
}

static const struct word sched_policies[] = {
	{ "SCHED_OTHER", 0 }, { "SCHED_FIFO", 1 }, { "SCHED_RR", 2 },	    { "SCHED_BATCH", 3 },
	{ "SCHED_ISO", 4 },   { "SCHED_IDLE", 5 }, { "SCHED_DEADLINE", 6 },
};

int sched_policy_parse(const char *name)
{
	return (int)word_find(sched_policies, ARRAY_SIZE(sched_policies), name);
}

static const struct word sched_flags[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", 0x01 },  { "SCHED_FLAG_RECLAIM", 0x02 },
	{ "SCHED_FLAG_DL_OVERRUN", 0x04 },     { "SCHED_FLAG_KEEP_POLICY", 0x08 },
	{ "SCHED_FLAG_KEEP_PARAMS", 0x10 },    { "SCHED_FLAG_UTIL_CLAMP_MIN", 0x20 },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", 0x40 },
};

int64_t sched_flag_parse(const char *name)
{
	return word_find(sched_flags, ARRAY_SIZE(sched_flags), name);
}

static const struct word ioprio_classes[] = {
	{ "IOPRIO_CLASS_RT", 1 },
	{ "IOPRIO_CLASS_BE", 2 },
	{ "IOPRIO_CLASS_IDLE", 3 },
};

int ioprio_class_parse(const char *name)
{
	return (int)word_find(ioprio_classes, ARRAY_SIZE(ioprio_classes), name);
}

/* --- memory policy -------------------------------------------------------- */

static const struct word mempolicy_modes[] = {
	{ "MPOL_DEFAULT", 0 },
	{ "MPOL_PREFERRED", 1 },
	{ "MPOL_BIND", 2 },
	{ "MPOL_INTERLEAVE", 3 },
	{ "MPOL_LOCAL", 4 },
	{ "MPOL_PREFERRED_MANY", 5 },
	{ "MPOL_WEIGHTED_INTERLEAVE", 6 },
};
const char *const mempolicy_mode_names[] = {
	"MPOL_BIND",	  "MPOL_DEFAULT",	 "MPOL_INTERLEAVE",	     "MPOL_LOCAL",
	"MPOL_PREFERRED", "MPOL_PREFERRED_MANY", "MPOL_WEIGHTED_INTERLEAVE", NULL,
};

int mempolicy_mode_parse(const char *name)
{
	return (int)word_find(mempolicy_modes, ARRAY_SIZE(mempolicy_modes), name);
}

static const struct word mempolicy_flags[] = {
	{ "MPOL_F_NUMA_BALANCING", 1 << 13 },
	{ "MPOL_F_RELATIVE_NODES", 1 << 14 },
	{ "MPOL_F_STATIC_NODES", 1 << 15 },
};
const char *const mempolicy_flag_names[] = {
	"MPOL_F_NUMA_BALANCING",
	"MPOL_F_RELATIVE_NODES",
	"MPOL_F_STATIC_NODES",
	NULL,
};

int64_t mempolicy_flag_parse(const char *name)
{
	return word_find(mempolicy_flags, ARRAY_SIZE(mempolicy_flags), name);
}

/* --- seccomp -------------------------------------------------------------- */

const char *const seccomp_action_names[] = {
	"SCMP_ACT_ALLOW",	"SCMP_ACT_ERRNO",
	"SCMP_ACT_KILL",	"SCMP_ACT_KILL_PROCESS",
	"SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",
	"SCMP_ACT_NOTIFY",	"SCMP_ACT_TRACE",
	"SCMP_ACT_TRAP",	NULL,
};

const char *const seccomp_operator_names[] = {
	"SCMP_CMP_EQ", "SCMP_CMP_GE",	     "SCMP_CMP_GT", "SCMP_CMP_LE",
	"SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE", NULL,
};

const char *const seccomp_arch_names[] = {
	"SCMP_ARCH_AARCH64",	 "SCMP_ARCH_ARM",    "SCMP_ARCH_LOONGARCH64",
	"SCMP_ARCH_M68K",	 "SCMP_ARCH_MIPS",   "SCMP_ARCH_MIPS64",
	"SCMP_ARCH_MIPS64N32",	 "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64",
	"SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64",
	"SCMP_ARCH_PPC",	 "SCMP_ARCH_PPC64",  "SCMP_ARCH_PPC64LE",
	"SCMP_ARCH_RISCV64",	 "SCMP_ARCH_S390",   "SCMP_ARCH_S390X",
	"SCMP_ARCH_SH",		 "SCMP_ARCH_SHEB",   "SCMP_ARCH_X32",
	"SCMP_ARCH_X86",	 "SCMP_ARCH_X86_64", NULL,
};

const char *const seccomp_flag_names[] = {
	"SECCOMP_FILTER_FLAG_LOG",
	"SECCOMP_FILTER_FLAG_SPEC_ALLOW",
	"SECCOMP_FILTER_FLAG_TSYNC",
	"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
	NULL,
};
