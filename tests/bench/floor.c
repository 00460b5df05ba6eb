/* SPDX-License-Identifier: Apache-2.0 */
/* floor.c - the kernel work of a default `spec` run and nothing else
 *
 * The yardstick of `make bench`: the system calls that the default bundle
 * cannot do without, in one static process, with no parsing, no checks and no
 * state.  Not a runtime.
 *
 * usage: floor BUNDLE CGROUP-DIRECTORY
 *        floor --sealed BUNDLE CGROUP         the same from a read-only mount of its file
 *        floor --state BUNDLE CGROUP          the same with a state directory in BUNDLE
 *        floor --exec PID CGROUP-DIRECTORY    join a container and execute
 *        floor --none                         start and end
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "cgroups/cgroup.h"

#define LOCKED	  (MS_NOSUID | MS_NOEXEC | MS_NODEV)
#define KEPT_CAPS 0x20000420U /* AUDIT_WRITE, KILL, NET_BIND_SERVICE */

static NORETURN void die(const char *what)
{
	perror(what);
	_exit(125);
}

static void put_mount(const char *type, const char *where, unsigned long flags, const char *data)
{
	(void)mkdir(where, 0755);
	if (mount(type, where, type, flags, data) < 0)
		die(where);
}

static void mount_all(void)
{
	put_mount("proc", "proc", 0, NULL);
	put_mount("tmpfs", "dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
	put_mount("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC,
		  "newinstance,ptmxmode=0666,mode=0620,gid=5");
	put_mount("tmpfs", "dev/shm", LOCKED, "mode=1777,size=65536k");
	put_mount("mqueue", "dev/mqueue", LOCKED, NULL);
	put_mount("sysfs", "sys", LOCKED | MS_RDONLY, NULL);
	put_mount("cgroup2", "sys/fs/cgroup", LOCKED | MS_RELATIME | MS_RDONLY, NULL);
}

static void make_devices(void)
{
	static const struct {
		const char *path;
		unsigned major, minor;
	} nodes[] = {
		{ "dev/null", 1, 3 }, { "dev/zero", 1, 5 },   { "dev/full", 1, 7 },
		{ "dev/tty", 5, 0 },  { "dev/random", 1, 8 }, { "dev/urandom", 1, 9 },
	};
	static const char *const links[][2] = {
		{ "/proc/self/fd", "dev/fd" },	     { "/proc/self/fd/0", "dev/stdin" },
		{ "/proc/self/fd/1", "dev/stdout" }, { "/proc/self/fd/2", "dev/stderr" },
		{ "pts/ptmx", "dev/ptmx" },	     { "/proc/kcore", "dev/core" },
	};

	(void)umask(0);
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		if (mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) <
		    0)
			die(nodes[i].path);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlink(links[i][0], links[i][1]) < 0)
			die(links[i][1]);
}

static void mask_paths(void)
{
	static const char *const masked[] = {
		"proc/acpi",	      "proc/asound",	 "proc/kcore",	     "proc/keys",
		"proc/latency_stats", "proc/timer_list", "proc/timer_stats", "proc/sched_debug",
		"proc/scsi",	      "sys/firmware",
	};
	static const char *const readonly[] = { "proc/bus", "proc/fs", "proc/irq", "proc/sys",
						"proc/sysrq-trigger" };

	for (size_t i = 0; i < ARRAY_SIZE(masked); i++)
		if (mount("/dev/null", masked[i], NULL, MS_BIND, NULL) < 0 && errno == ENOTDIR)
			(void)mount("tmpfs", masked[i], "tmpfs", MS_RDONLY, "size=0k");
	for (size_t i = 0; i < ARRAY_SIZE(readonly); i++)
		if (mount(readonly[i], readonly[i], NULL, MS_BIND | MS_REC, NULL) == 0)
			(void)mount(NULL, readonly[i], NULL,
				    MS_REMOUNT | MS_BIND | MS_RDONLY | LOCKED, NULL);
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		die("lo");
	(void)close(fd);
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = {
		{ .effective = KEPT_CAPS, .permitted = KEPT_CAPS },
	};

	for (int cap = 0; cap <= 40; cap++)
		if (cap > 31 || !(KEPT_CAPS >> cap & 1))
			(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (syscall(SYS_capset, &h, d) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("capset");
}

static NORETURN void execute(void)
{
	char program[] = "/bin/true", path[] = "PATH=/bin";
	char *argv[] = { program, NULL }, *env[] = { path, NULL };

	(void)execve(program, argv, env);
	die("exec");
}

static NORETURN void contain(const char *bundle)
{
	if (unshare(CLONE_NEWCGROUP) < 0 || chdir(bundle) < 0)
		die(bundle);
	(void)setsid();
	loopback_up();
	(void)mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (mount("rootfs", "rootfs", NULL, MS_BIND | MS_REC, NULL) < 0 || chdir("rootfs") < 0)
		die("rootfs");
	mount_all();
	make_devices();
	mask_paths();
	if (sethostname("floor", 5) < 0)
		die("sethostname");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		die("pivot_root");
	(void)umount2(".", MNT_DETACH);
	if (chdir("/") < 0 || mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
		die("/");
	drop_capabilities();
	execute();
}

static pid_t spawn(uint64_t flags, int cgroup)
{
	struct clone_args a = { .flags = flags, .exit_signal = SIGCHLD };

	if (cgroup >= 0) {
		a.flags |= CLONE_INTO_CGROUP;
		a.cgroup = (uint64_t)cgroup;
	}
	return (pid_t)syscall(SYS_clone3, &a, sizeof(a));
}

static int wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	return WEXITSTATUS(status);
}

/* bpf(2): the default bundle denies devices, so there is a filter. */
static void filter_devices(int group)
{
	union bpf_attr load = { .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE };
	union bpf_attr attach = { .target_fd = (uint32_t)group,
				  .attach_type = BPF_CGROUP_DEVICE,
				  .attach_flags = BPF_F_ALLOW_MULTI };
	struct spec_device_rule *rules;
	struct arena arena;
	void *insns;
	size_t n;
	int fd;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (cgroup_devices_rules(NULL, &arena, &rules, &n, NULL) < 0 ||
	    cgroup_devices_make(rules, n, &arena, &insns, &n, NULL) < 0)
		die("device rules");
	load.insns = (uint64_t)(uintptr_t)insns;
	load.insn_cnt = (uint32_t)n;
	load.license = (uint64_t)(uintptr_t) "Apache-2.0";
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	attach.attach_bpf_fd = (uint32_t)fd;
	if (fd < 0 || syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)) < 0)
		die("bpf");
	(void)close(fd);
	arena_release(&arena);
}

static int run(const char *bundle, const char *cgroup)
{
	int fd, rc;
	pid_t pid;

	(void)mkdir(cgroup, 0755);
	fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	filter_devices(fd);
	pid = spawn(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET, fd);
	if (pid < 0)
		die("clone3");
	if (pid == 0)
		contain(bundle);
	rc = wait_for(pid);
	(void)rmdir(cgroup);
	return rc;
}

static int join(pid_t init, const char *cgroup)
{
	int fd = open(cgroup, O_PATH | O_CLOEXEC);
	int pidfd = (int)syscall(SYS_pidfd_open, init, 0);
	pid_t pid = spawn(0, fd);

	if (pid == 0) {
		if (setns(pidfd, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC |
					 CLONE_NEWNET | CLONE_NEWCGROUP) < 0)
			die("setns");
		pid = spawn(0, -1);
		if (pid == 0) {
			drop_capabilities();
			execute();
		}
		_exit(wait_for(pid));
	}
	if (pid < 0)
		die("clone3");
	return wait_for(pid);
}

/* open_tree(2), mount_setattr(2): what keeps a container from the runtime's own file. */
static void execute_sealed(char **argv)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID };
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, "/proc/self/exe",
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0 || syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		die("seal");
	(void)syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
	die("execveat");
}

static void write_file(int dir, const char *name, const char *as)
{
	static const char text[2000];
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, sizeof(text)) < 0 || close(fd) < 0 ||
	    (as && renameat(dir, name, dir, as) < 0))
		die(name);
}

/* A directory with a record before and after the process exists, and a copy of config.json. */
static int run_with_state(const char *bundle, const char *cgroup)
{
	int at = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC), dir, rc;

	(void)mkdirat(at, "state", 0700);
	dir = openat(at, "state", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || flock(dir, LOCK_EX) < 0)
		die("state");
	write_file(dir, "state.json", NULL);
	write_file(dir, "config.json", NULL);
	write_file(dir, ".new", "state.json");
	rc = run(bundle, cgroup);
	if (unlinkat(dir, "state.json", 0) < 0 || unlinkat(dir, "config.json", 0) < 0 ||
	    unlinkat(at, "state", AT_REMOVEDIR) < 0)
		die("remove state");
	return rc;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "--sealed") == 0)
		execute_sealed((char *[]){ argv[0], argv[2], argv[3], NULL });
	if (argc == 4 && strcmp(argv[1], "--state") == 0)
		return run_with_state(argv[2], argv[3]);
	if (argc == 2 && strcmp(argv[1], "--none") == 0)
		return 0;
	if (argc == 4 && strcmp(argv[1], "--exec") == 0)
		return join((pid_t)strtol(argv[2], NULL, 10), argv[3]);
	if (argc == 3)
		return run(argv[1], argv[2]);
	(void)fprintf(
		stderr,
		"usage: floor [--sealed|--state] BUNDLE CGROUP | --exec PID CGROUP | --none\n");
	return 2;
}
