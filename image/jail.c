/* SPDX-License-Identifier: Apache-2.0 */
/* jail.c - a process that reads untrusted bytes and can do nothing else
 *
 * In the child, in this order:
 *   1. killed when the parent dies (still a child of it?), unless it may outlive it
 *   2. every descriptor but the named ones is closed
 *   3. namespaces of its own: mounts, network, IPC, host name
 *   4. JAIL_TREE: chroot(2) into the directory; no descriptor leads out
 *   5. capabilities: none, or those that making files of others takes
 *   6. no new privileges; the filter: what isn't listed kills
 * The filter is what keeps it in; the rest is in case the filter has a hole.
 *
 * seccomp(2), capabilities(7), unshare(2), chroot(2).
 */
#include "image/jail.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"

#if defined(__x86_64__)
# define JAIL_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
# define JAIL_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
# define JAIL_ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__)
# define JAIL_ARCH AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
# define JAIL_ARCH AUDIT_ARCH_S390X
#else
# error "name this machine's AUDIT_ARCH"
#endif

#if defined(__SANITIZE_ADDRESS__)
# define JAIL_SANITIZED 1
#elif defined(__has_feature)
# if __has_feature(address_sanitizer)
#  define JAIL_SANITIZED 1
# endif
#endif

/* prot of mmap(2) and mprotect(2), its lower half */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
# define THIRD_ARGUMENT (offsetof(struct seccomp_data, args[2]) + 4)
#else
# define THIRD_ARGUMENT offsetof(struct seccomp_data, args[2])
#endif

#define FILTER_MAX 144
#define STDERR	   2

/* Memory, clocks, the end: what any program does. */
static const int stream_calls[] = {
	SYS_read,
	SYS_readv,
	SYS_write,
	SYS_writev,
	SYS_pread64,
	SYS_pwrite64,
	SYS_ftruncate,
	SYS_fdatasync,
	SYS_fsync,
	SYS_sync_file_range,
	SYS_fallocate,
	SYS_lseek,
	SYS_fstat,
	SYS_close,
	SYS_munmap,
	SYS_mremap,
	SYS_brk,
	SYS_madvise,
	SYS_futex,
	SYS_rt_sigreturn,
	SYS_rt_sigprocmask,
	SYS_exit,
	SYS_exit_group,
	SYS_clock_gettime,
	SYS_getrandom,
	SYS_restart_syscall,
	SYS_fcntl,
	SYS_sysinfo, /* qsort(3) asks how much memory there is */
};

/* Making files below the root. */
static const int tree_calls[] = {
	SYS_openat,	SYS_openat2,   SYS_mkdirat,   SYS_mknodat,    SYS_symlinkat,  SYS_linkat,
	SYS_unlinkat,	SYS_fchownat,  SYS_fchown,    SYS_fchmodat,   SYS_fchmod,     SYS_utimensat,
	SYS_setxattr,	SYS_lsetxattr, SYS_fsetxattr, SYS_getxattr,   SYS_lgetxattr,  SYS_fgetxattr,
	SYS_newfstatat, SYS_statx,     SYS_syncfs,    SYS_readlinkat, SYS_getdents64, SYS_umask,
	SYS_geteuid,	SYS_getegid,
};

static size_t allow(struct sock_filter *code, size_t n, const int *calls, size_t n_calls)
{
	for (size_t i = 0; i < n_calls; i++) {
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							 (uint32_t)calls[i], 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	return n;
}

/* Memory, but none that could be run. */
static size_t allow_memory(struct sock_filter *code, size_t n)
{
	const struct sock_filter check[] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, THIRD_ARGUMENT),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	memcpy(code + n, check, sizeof(check));
	return n + ARRAY_SIZE(check);
}

_Static_assert(2 * (ARRAY_SIZE(stream_calls) + ARRAY_SIZE(tree_calls)) + 11 <= FILTER_MAX,
	       "room for the filter");

static int set_filter(enum jail_kind kind, struct err *err)
{
	struct sock_filter code[FILTER_MAX] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, JAIL_ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	size_t n = allow(code, allow_memory(code, 4), stream_calls, ARRAY_SIZE(stream_calls));
	struct sock_fprog program;

	if (kind == JAIL_TREE)
		n = allow(code, n, tree_calls, ARRAY_SIZE(tree_calls));
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	program = (struct sock_fprog){ .len = (unsigned short)n, .filter = code };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, "no new privileges");
#ifndef JAIL_SANITIZED /* which wants calls of its own */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return err_sys(err, "system call filter");
#else
	(void)program;
#endif
	return 0;
}

static int set_capabilities(enum jail_kind kind, struct err *err)
{
	/* SYS_ADMIN is for trusted.overlay.* alone: no call that it would open is listed */
	static const unsigned int for_tree[] = {
		CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER,    CAP_FSETID,
		CAP_MKNOD, CAP_SETFCAP,	     CAP_SYS_ADMIN,
	};
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct now[2] = { 0 }, set[2] = { 0 };

	if (syscall(SYS_capget, &head, now) < 0)
		return err_sys(err, "capabilities");
	for (size_t i = 0; kind == JAIL_TREE && i < ARRAY_SIZE(for_tree); i++)
		set[for_tree[i] / 32].permitted |= 1U << for_tree[i] % 32;
	for (size_t i = 0; i < 2; i++) {
		set[i].permitted &= now[i].permitted;
		set[i].effective = set[i].permitted;
	}
	return syscall(SYS_capset, &head, set) < 0 ? err_sys(err, "capabilities") : 0;
}

static bool is_kept(const struct jail *j, int fd)
{
	for (size_t i = 0; i < j->n_fds; i++)
		if (j->fds[i] == fd)
			return true;
	return fd == j->root;
}

/* The gaps between the kept ones, from 3 up; 0 to 2 stay for messages of libraries. */
static int close_others(const struct jail *j, struct err *err)
{
	int top = STDERR;

	for (size_t i = 0; i < j->n_fds; i++)
		top = j->fds[i] > top ? j->fds[i] : top;
	top = j->root > top ? j->root : top;
	for (int fd = STDERR + 1; fd <= top; fd++)
		if (!is_kept(j, fd))
			(void)fd_close(fd);
	return fd_close_from((unsigned int)top + 1) < 0 ? err_sys(err, "close descriptors") : 0;
}

static int enter_root(const struct jail *j, struct err *err)
{
	if (fchdir(j->root) < 0)
		return err_sys(err, "chdir");
	/* who may not do even this is an ordinary user and kept in by the filter and by how paths
	 * are opened */
	return chroot(".") < 0 && errno != EPERM ? err_sys(err, "chroot") : 0;
}

static int lock_in(const struct jail *j, pid_t parent, struct err *err)
{
	/* without privileges there are no namespaces; then the filter does it alone */
	bool privileged = geteuid() == 0;
	int flags = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

	/* an interrupt from the terminal is the parent's affair */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGQUIT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	if (!j->outlives && (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent))
		return err_set(err, ESRCH, "the parent is gone");
	if (close_others(j, err) < 0)
		return -1;
	if (privileged && unshare(flags) < 0 && errno != EPERM)
		return err_sys(err, "namespaces");
	if (j->kind == JAIL_TREE && enter_root(j, err) < 0)
		return -1;
	return set_capabilities(j->kind, err) < 0 ? -1 : set_filter(j->kind, err);
}

static NORETURN void run_child(const struct jail *j, pid_t parent)
{
	struct err err = { 0 };

	proc_title("skerry: %s", j->title);
	if (lock_in(j, parent, &err) < 0) {
		j->refuse(j->arg, &err);
		_exit(1);
	}
	j->run(j->arg);
	_exit(0);
}

int jail_start(const struct jail *j, pid_t *ret_pid, int *ret_pidfd, struct err *err)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0)
		run_child(j, parent);
	if (pid < 0)
		return err_sys(err, "start a process for a layer");
	*ret_pidfd = proc_pidfd_open(pid);
	if (*ret_pidfd < 0) {
		(void)err_sys(err, "pidfd_open");
		(void)proc_kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return -1;
	}
	*ret_pid = pid;
	return 0;
}
