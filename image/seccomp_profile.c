/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp_profile.c - the system calls that a container from an image may make
 *
 * The list of podman's default profile, so that an image behaves here as
 * there: what isn't listed answers ENOSYS, on which C libraries fall back;
 * what is old, dangerous or needs a capability that the container lacks
 * answers EPERM.
 *
 * containers-common's seccomp.json(5)
 */
#include "image/seccomp_profile.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

static const char *const allowed[] = {
	"_llseek",
	"_newselect",
	"accept",
	"accept4",
	"access",
	"adjtimex",
	"alarm",
	"bind",
	"brk",
	"cachestat",
	"capget",
	"capset",
	"chdir",
	"chmod",
	"chown",
	"chown32",
	"clock_adjtime",
	"clock_adjtime64",
	"clock_getres",
	"clock_getres_time64",
	"clock_gettime",
	"clock_gettime64",
	"clock_nanosleep",
	"clock_nanosleep_time64",
	"clone",
	"clone3",
	"close",
	"close_range",
	"connect",
	"copy_file_range",
	"creat",
	"dup",
	"dup2",
	"dup3",
	"epoll_create",
	"epoll_create1",
	"epoll_ctl",
	"epoll_ctl_old",
	"epoll_pwait",
	"epoll_pwait2",
	"epoll_wait",
	"epoll_wait_old",
	"eventfd",
	"eventfd2",
	"execve",
	"execveat",
	"exit",
	"exit_group",
	"faccessat",
	"faccessat2",
	"fadvise64",
	"fadvise64_64",
	"fallocate",
	"fanotify_mark",
	"fchdir",
	"fchmod",
	"fchmodat",
	"fchmodat2",
	"fchown",
	"fchown32",
	"fchownat",
	"fcntl",
	"fcntl64",
	"fdatasync",
	"fgetxattr",
	"flistxattr",
	"flock",
	"fork",
	"fremovexattr",
	"fsconfig",
	"fsetxattr",
	"fsmount",
	"fsopen",
	"fspick",
	"fstat",
	"fstat64",
	"fstatat64",
	"fstatfs",
	"fstatfs64",
	"fsync",
	"ftruncate",
	"ftruncate64",
	"futex",
	"futex_requeue",
	"futex_time64",
	"futex_wait",
	"futex_waitv",
	"futex_wake",
	"futimesat",
	"get_mempolicy",
	"get_robust_list",
	"get_thread_area",
	"getcpu",
	"getcwd",
	"getdents",
	"getdents64",
	"getegid",
	"getegid32",
	"geteuid",
	"geteuid32",
	"getgid",
	"getgid32",
	"getgroups",
	"getgroups32",
	"getitimer",
	"getpeername",
	"getpgid",
	"getpgrp",
	"getpid",
	"getppid",
	"getpriority",
	"getrandom",
	"getresgid",
	"getresgid32",
	"getresuid",
	"getresuid32",
	"getrlimit",
	"getrusage",
	"getsid",
	"getsockname",
	"getsockopt",
	"gettid",
	"gettimeofday",
	"getuid",
	"getuid32",
	"getxattr",
	"getxattrat",
	"inotify_add_watch",
	"inotify_init",
	"inotify_init1",
	"inotify_rm_watch",
	"io_cancel",
	"io_destroy",
	"io_getevents",
	"io_setup",
	"io_submit",
	"ioctl",
	"ioprio_get",
	"ioprio_set",
	"ipc",
	"keyctl",
	"kill",
	"landlock_add_rule",
	"landlock_create_ruleset",
	"landlock_restrict_self",
	"lchown",
	"lchown32",
	"lgetxattr",
	"link",
	"linkat",
	"listen",
	"listmount",
	"listxattr",
	"listxattrat",
	"llistxattr",
	"lremovexattr",
	"lseek",
	"lsetxattr",
	"lsm_get_self_attr",
	"lsm_list_modules",
	"lsm_set_self_attr",
	"lstat",
	"lstat64",
	"madvise",
	"map_shadow_stack",
	"mbind",
	"membarrier",
	"memfd_create",
	"memfd_secret",
	"mincore",
	"mkdir",
	"mkdirat",
	"mknod",
	"mknodat",
	"mlock",
	"mlock2",
	"mlockall",
	"mmap",
	"mmap2",
	"mount",
	"mount_setattr",
	"move_mount",
	"mprotect",
	"mq_getsetattr",
	"mq_notify",
	"mq_open",
	"mq_timedreceive",
	"mq_timedreceive_time64",
	"mq_timedsend",
	"mq_timedsend_time64",
	"mq_unlink",
	"mremap",
	"mseal",
	"msgctl",
	"msgget",
	"msgrcv",
	"msgsnd",
	"msync",
	"munlock",
	"munlockall",
	"munmap",
	"name_to_handle_at",
	"nanosleep",
	"newfstatat",
	"open",
	"open_tree",
	"openat",
	"openat2",
	"pause",
	"pidfd_getfd",
	"pidfd_open",
	"pidfd_send_signal",
	"pipe",
	"pipe2",
	"pivot_root",
	"pkey_alloc",
	"pkey_free",
	"pkey_mprotect",
	"poll",
	"ppoll",
	"ppoll_time64",
	"prctl",
	"pread64",
	"preadv",
	"preadv2",
	"prlimit64",
	"process_mrelease",
	"process_vm_readv",
	"process_vm_writev",
	"pselect6",
	"pselect6_time64",
	"ptrace",
	"pwrite64",
	"pwritev",
	"pwritev2",
	"read",
	"readahead",
	"readdir",
	"readlink",
	"readlinkat",
	"readv",
	"reboot",
	"recv",
	"recvfrom",
	"recvmmsg",
	"recvmmsg_time64",
	"recvmsg",
	"remap_file_pages",
	"removexattr",
	"removexattrat",
	"rename",
	"renameat",
	"renameat2",
	"restart_syscall",
	"riscv_flush_icache",
	"rmdir",
	"rseq",
	"rt_sigaction",
	"rt_sigpending",
	"rt_sigprocmask",
	"rt_sigqueueinfo",
	"rt_sigreturn",
	"rt_sigsuspend",
	"rt_sigtimedwait",
	"rt_sigtimedwait_time64",
	"rt_tgsigqueueinfo",
	"sched_get_priority_max",
	"sched_get_priority_min",
	"sched_getaffinity",
	"sched_getattr",
	"sched_getparam",
	"sched_getscheduler",
	"sched_rr_get_interval",
	"sched_rr_get_interval_time64",
	"sched_setaffinity",
	"sched_setattr",
	"sched_setparam",
	"sched_setscheduler",
	"sched_yield",
	"seccomp",
	"select",
	"semctl",
	"semget",
	"semop",
	"semtimedop",
	"semtimedop_time64",
	"send",
	"sendfile",
	"sendfile64",
	"sendmmsg",
	"sendmsg",
	"sendto",
	"set_mempolicy",
	"set_mempolicy_home_node",
	"set_robust_list",
	"set_thread_area",
	"set_tid_address",
	"setfsgid",
	"setfsgid32",
	"setfsuid",
	"setfsuid32",
	"setgid",
	"setgid32",
	"setgroups",
	"setgroups32",
	"setitimer",
	"setns",
	"setpgid",
	"setpriority",
	"setregid",
	"setregid32",
	"setresgid",
	"setresgid32",
	"setresuid",
	"setresuid32",
	"setreuid",
	"setreuid32",
	"setrlimit",
	"setsid",
	"setsockopt",
	"setuid",
	"setuid32",
	"setxattr",
	"setxattrat",
	"shmat",
	"shmctl",
	"shmdt",
	"shmget",
	"shutdown",
	"sigaction",
	"sigaltstack",
	"signal",
	"signalfd",
	"signalfd4",
	"sigpending",
	"sigprocmask",
	"sigreturn",
	"sigsuspend",
	"socketcall",
	"socketpair",
	"splice",
	"stat",
	"stat64",
	"statfs",
	"statfs64",
	"statmount",
	"statx",
	"symlink",
	"symlinkat",
	"sync",
	"sync_file_range",
	"syncfs",
	"syscall",
	"sysinfo",
	"syslog",
	"tee",
	"tgkill",
	"time",
	"timer_create",
	"timer_delete",
	"timer_getoverrun",
	"timer_gettime",
	"timer_gettime64",
	"timer_settime",
	"timer_settime64",
	"timerfd",
	"timerfd_create",
	"timerfd_gettime",
	"timerfd_gettime64",
	"timerfd_settime",
	"timerfd_settime64",
	"times",
	"tkill",
	"truncate",
	"truncate64",
	"ugetrlimit",
	"umask",
	"umount",
	"umount2",
	"uname",
	"unlink",
	"unlinkat",
	"unshare",
	"uretprobe",
	"utime",
	"utimensat",
	"utimensat_time64",
	"utimes",
	"vfork",
	"wait4",
	"waitid",
	"waitpid",
	"write",
	"writev",
};

static const char *const denied[] = {
	"bdflush",	   "io_pgetevents",
	"kexec_file_load", "kexec_load",
	"migrate_pages",   "move_pages",
	"nfsservctl",	   "nice",
	"oldfstat",	   "oldlstat",
	"oldolduname",	   "oldstat",
	"olduname",	   "pciconfig_iobase",
	"pciconfig_read",  "pciconfig_write",
	"sgetmask",	   "ssetmask",
	"swapcontext",	   "swapoff",
	"swapon",	   "sysfs",
	"uselib",	   "userfaultfd",
	"ustat",	   "vm86",
	"vm86old",	   "vmsplice",
};

#define NAMES_MAX 12
/* Allowed with the capability, EPERM without. */
static const struct {
	const char *cap;
	const char *names[NAMES_MAX];
} by_capability[] = {
	{ "CAP_DAC_READ_SEARCH", { "open_by_handle_at" } },
	{ "CAP_SYS_ADMIN",
	  { "bpf", "fanotify_init", "lookup_dcookie", "perf_event_open", "quotactl", "quotactl_fd",
	    "setdomainname", "sethostname", "setns" } },
	{ "CAP_SYS_CHROOT", { "chroot" } },
	{ "CAP_SYS_MODULE", { "delete_module", "finit_module", "init_module", "query_module" } },
	{ "CAP_SYS_PACCT", { "acct" } },
	{ "CAP_SYS_PTRACE", { "kcmp", "process_madvise" } },
	{ "CAP_SYS_RAWIO", { "ioperm", "iopl" } },
	{ "CAP_SYS_TIME", { "clock_settime", "clock_settime64", "settimeofday", "stime" } },
	{ "CAP_SYS_TTY_CONFIG", { "vhangup" } },
};

/* personality(2): Linux, 32 bits, and both with the 3 GB of address space */
static const uint64_t personalities[] = { 0, 0x8, 0x20000, 0x20008, 0xffffffff };

static bool has(const struct strings *caps, const char *cap)
{
	for (size_t i = 0; i < caps->n; i++) {
		if (strcmp(caps->v[i], cap) == 0)
			return true;
	}
	return false;
}

static void begin_rule(struct json_out *o, const char *action)
{
	json_begin_object(o);
	json_kv_string(o, "action", action);
	json_key(o, "names");
	json_begin_array(o);
}

static void rule(struct json_out *o, const char *const *names, size_t n, bool allow)
{
	begin_rule(o, allow ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO");
	for (size_t i = 0; i < n && names[i]; i++)
		json_string(o, names[i]);
	json_end_array(o);
	if (!allow)
		json_kv_uint(o, "errnoRet", EPERM);
	json_end_object(o);
}

/* One argument compared. */
static void argument_rule(struct json_out *o, const char *name, uint64_t index, uint64_t value,
			  const char *op)
{
	begin_rule(o, "SCMP_ACT_ALLOW");
	json_string(o, name);
	json_end_array(o);
	json_key(o, "args");
	json_begin_array(o);
	json_begin_object(o);
	json_kv_uint(o, "index", index);
	json_kv_uint(o, "value", value);
	json_kv_string(o, "op", op);
	json_end_object(o);
	json_end_array(o);
	json_end_object(o);
}

static void architectures(struct json_out *o)
{
	json_key(o, "architectures");
	json_begin_array(o);
#if defined(__x86_64__)
	json_string(o, "SCMP_ARCH_X86_64");
	json_string(o, "SCMP_ARCH_X86");
	json_string(o, "SCMP_ARCH_X32");
#elif defined(__aarch64__)
	json_string(o, "SCMP_ARCH_AARCH64");
	json_string(o, "SCMP_ARCH_ARM");
#endif
	json_end_array(o);
}

void seccomp_profile_write(struct json_out *o, const struct strings *caps)
{
	static const char *const every_socket[] = { "socket" };
	static const char *const of_processor[] = { "arch_prctl", "modify_ldt" };

	json_begin_object(o);
	json_kv_string(o, "defaultAction", "SCMP_ACT_ERRNO");
	json_kv_uint(o, "defaultErrnoRet", ENOSYS);
	architectures(o);
	json_key(o, "syscalls");
	json_begin_array(o);
	rule(o, allowed, ARRAY_SIZE(allowed), true);
	rule(o, denied, ARRAY_SIZE(denied), false);
	rule(o, of_processor, ARRAY_SIZE(of_processor), true);
	for (size_t i = 0; i < ARRAY_SIZE(by_capability); i++)
		rule(o, by_capability[i].names, NAMES_MAX, has(caps, by_capability[i].cap));
	for (size_t i = 0; i < ARRAY_SIZE(personalities); i++)
		argument_rule(o, "personality", 0, personalities[i], "SCMP_CMP_EQ");
	/* the kernel's audit socket takes CAP_AUDIT_WRITE: any other kind is free */
	if (has(caps, "CAP_AUDIT_WRITE")) {
		rule(o, every_socket, 1, true);
	} else {
		argument_rule(o, "socket", 0, AF_NETLINK, "SCMP_CMP_NE");
		argument_rule(o, "socket", 2, NETLINK_AUDIT, "SCMP_CMP_NE");
	}
	json_end_array(o);
	json_end_object(o);
}
