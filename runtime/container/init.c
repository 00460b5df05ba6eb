/* SPDX-License-Identifier: Apache-2.0 */
/* init.c - the container's side of create: from clone to execve
 *
 * Spine 2.  It faces create.c; the chart between them is in handshake.h.
 * Every step is a row below; none allocates, none decides: that was plan.c.
 *
 * Invariants:
 *  1. Until the root was entered "/" and "/proc" are the host's; after it
 *     nothing of the host is open but the handshake, the fifo and the checked
 *     procfs handle, all close-on-exec.
 *  2. Nothing below "drop privileges" needs a capability.
 *  3. The memory of this process is the runtime's: it is never dumpable.
 */
#include "runtime/container/init.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "base/proc.h"
#include "runtime/container/handshake.h"
#include "runtime/container/hooks.h"
#include "runtime/isolate/devices.h"
#include "runtime/isolate/hostname.h"
#include "runtime/isolate/keyring.h"
#include "runtime/isolate/masks.h"
#include "runtime/isolate/oom.h"
#include "runtime/isolate/rootfs.h"
#include "runtime/isolate/terminal.h"

struct init {
	struct plan *plan;
	const struct init_args *args;
	int sock, root, slave, proc_sys;
	bool started; /* by start: the runtime that created it is gone */
	struct process_target target;
};

static int join_one(int *fd, int ns, struct err *err)
{
	if (setns(*fd, (int)ns_names[ns].flag) < 0)
		return err_sys(err, "join %s namespace", ns_names[ns].spec_name);
	*fd = fd_close(*fd);
	return 0;
}

int init_join(int fds[NS_COUNT], uint64_t skip_flags, struct err *err)
{
	struct err first = { 0 };

	for (int pass = 0; pass < 2; pass++) {
		for (int ns = NS_COUNT - 1; ns > NS_USER; ns--) {
			if (fds[ns] < 0 || (ns_names[ns].flag & skip_flags))
				continue;
			if (join_one(&fds[ns], ns, &first) < 0 &&
			    (pass == 1 || fds[NS_USER] < 0 || first.code != EPERM)) {
				if (err)
					*err = first;
				return -1;
			}
		}
		if (pass == 0 && fds[NS_USER] >= 0 && join_one(&fds[NS_USER], NS_USER, err) < 0)
			return -1;
	}
	return 0;
}

int init_stage(void *arg, struct err *err)
{
	const struct init_args *args = arg;

	return init_join(args->plan->join_fd, 0, err);
}

static int wait_for_go(struct init *in, struct err *err)
{
	if (in->plan->gate && handshake_expect(in->sock, MESSAGE_GO, NULL, err) < 0)
		return -1;
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	proc_forget_environment(); /* seen where the pid namespace is another container's */
	return 0;
}

/* The first mapped id, in case 0 is not: user_namespaces(7) keeps the capabilities then. */
static uint32_t first_id(const struct spec_id_maps *maps)
{
	uint32_t id = maps && maps->n ? maps->v[0].containerID : 0;

	for (size_t i = 0; maps && i < maps->n; i++)
		if (maps->v[i].containerID == 0)
			return 0;
	return id;
}

static int become_root(const struct plan *p, struct err *err)
{
	uint32_t uid = 0, gid = 0;

	if (p->is_new[NS_USER]) {
		uid = first_id(p->idmap.uids);
		gid = first_id(p->idmap.gids);
	}
	if (!p->idmap.deny_setgroups && setgroups(0, NULL) < 0 && errno != EPERM)
		return err_sys(err, "setgroups");
	if (syscall(SYS_setresgid, gid, gid, gid) < 0 || syscall(SYS_setresuid, uid, uid, uid) < 0)
		return err_sys(err, "become root of the user namespace");
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	return 0;
}

static int enter_namespaces(struct init *in, struct err *err)
{
	struct plan *p = in->plan;

	if (!p->stage && init_join(p->join_fd, 0, err) < 0)
		return -1;
	if (p->own[NS_USER] && become_root(p, err) < 0)
		return -1;
	if (p->is_new[NS_CGROUP] && unshare(CLONE_NEWCGROUP) < 0)
		return err_sys(err, "make cgroup namespace");
	if (setsid() < 0)
		return err_sys(err, "setsid");
	if (p->is_new[NS_NETWORK] && network_loopback_up(err) < 0)
		return -1;
	return 0;
}

/* The host's procfs, checked to be one, for what has to be written there; nothing of the container
 * can have touched it yet. */
static int open_proc(struct init *in, struct err *err)
{
	const struct plan *p = in->plan;
	bool wanted = p->process.lsm.apparmor || p->process.lsm.selinux || p->clock.text;

	if (wanted) {
		in->target.proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (in->target.proc < 0 || !beneath_is_fs(in->target.proc, PROC_SUPER_MAGIC))
			return err_set(err, EINVAL, "\"/proc\" of the host is not a procfs");
	}
	if (p->clock.text && clock_apply(&p->clock, in->target.proc, err) < 0)
		return -1;
	if (p->sysctls.n) {
		in->proc_sys = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (in->proc_sys < 0 || !beneath_is_fs(in->proc_sys, PROC_SUPER_MAGIC))
			return err_set(err, EINVAL, "\"/proc/sys\" of the host is not a procfs");
		if (sysctl_apply(&p->sysctls, in->proc_sys, err) < 0)
			return -1;
		in->proc_sys = fd_close(in->proc_sys);
	}
	if (p->process.oom.has && !p->gate)
		return oom_apply(0, (int)p->process.oom.v, err);
	return 0;
}

static int join_keyring(struct init *in, struct err *err)
{
	const struct plan *p = in->plan;

	if (p->no_new_keyring)
		return 0;
	if (p->process.lsm.selinux &&
	    lsm_apply_keycreate(&p->process.lsm, in->target.proc, true, err) < 0)
		return -1;
	if (keyring_join(p->id, err) < 0)
		return -1;
	return p->process.lsm.selinux
		       ? lsm_apply_keycreate(&p->process.lsm, in->target.proc, false, err)
		       : 0;
}

static int build_root(struct init *in, struct err *err)
{
	const struct mounts *m = &in->plan->mounts;
	struct stat st;

	if (!in->plan->has_root)
		return 0;
	if (rootfs_begin(m, &in->root, err) < 0)
		return err_at(err, "/root/path");
	if (mounts_apply(m, in->root, err) < 0) {
		if (fstat(in->root, &st) == 0 && !S_ISDIR(st.st_mode))
			return err_field(err, ENOTDIR, "/root/path",
					 "root file system \"%s\" is not a directory", m->rootfs);
		return -1;
	}
	return devices_apply(m, in->root, err);
}

/* 1 is the container's own number of its init where it has a pid namespace. */
static int run_hooks(struct init *in, const struct spec_hook_list *list, const char *name,
		     const char *status, const char *cwd, struct err *err)
{
	const struct plan *p = in->plan;
	struct hook_state state = {
		.id = p->id,
		.bundle = in->args->bundle,
		.oci_version = p->spec->ociVersion,
		.status = status,
		.pid = (pid_t)syscall(SYS_getpid),
		.annotations = &p->spec->annotations,
	};
	struct hooks_run run = { .list = list,
				 .name = name,
				 .state = &state,
				 .cwd = cwd,
				 .spec = in->root >= 0 ? p->spec : NULL };

	if (strcmp(name, "startContainer") == 0)
		run.env = p->process.env;
	return hooks_run(&run, err);
}

static int create_hooks(struct init *in, struct err *err)
{
	if (in->plan->hooks && (handshake_send(in->sock, MESSAGE_HOOKS, 0, -1, err) < 0 ||
				handshake_expect(in->sock, MESSAGE_GO, NULL, err) < 0))
		return -1;
	if (!in->plan->spec->hooks)
		return 0;
	return run_hooks(in, &in->plan->spec->hooks->createContainer, "createContainer", "creating",
			 in->args->bundle, err);
}

static int open_terminal(struct init *in, struct err *err)
{
	const struct process_plan *p = &in->plan->process;
	struct terminal_options o = { .size = p->size.height ? &p->size : NULL,
				      .uid = p->user.uid,
				      .gid = p->user.gid };
	AUTO_FD master = -1;

	if (!p->terminal)
		return 0;
	if (in->root < 0 && (in->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_sys(err, "open \"/\"");
	if (terminal_open(in->root, &o, &master, &in->slave, err) < 0)
		return -1;
	if (in->plan->has_root && terminal_bind_console(in->root, in->slave, err) < 0)
		return -1;
	if (in->args->console_socket >= 0) {
		int rc = terminal_send_master(in->args->console_socket, master, err);

		(void)fd_close(in->args->console_socket);
		return rc;
	}
	return handshake_send(in->sock, MESSAGE_MASTER, 0, master, err);
}

static int enter_root(struct init *in, struct err *err)
{
	const struct mounts *m = &in->plan->mounts;

	if (in->plan->has_root) {
		if (masks_apply(m, in->root, err) < 0 || rootfs_enter(m, in->root, err) < 0)
			return -1;
	}
	in->root = fd_close(in->root);
	return hostname_apply(in->plan->spec->hostname, in->plan->spec->domainname, err);
}

static int send_pidfd(struct init *in, struct err *err)
{
	AUTO_FD pidfd = -1;

	if (in->args->pidfd_socket < 0)
		return 0;
	pidfd = proc_pidfd_open((pid_t)syscall(SYS_getpid));
	if (pidfd < 0 || fd_send(in->args->pidfd_socket, "pidfd", 5, &pidfd, 1) < 0)
		return err_sys(err, "send the pidfd");
	return 0;
}

static bool is_null(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

/* Who lives on without us and has /dev/null gets its own: the host's is on no mount of the container's, and
 * no restore but ours could find it again. */
static int own_null(struct err *err)
{
	AUTO_FD own = -1;
	struct stat st;

	for (int fd = 0; fd <= 2; fd++) {
		if (fstat(fd, &st) < 0 || !is_null(&st))
			continue;
		if (own < 0)
			own = open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);
		/* The root may have none, or something else there. */
		if (own < 0 || fstat(own, &st) < 0 || !is_null(&st))
			return 0;
		if (dup2(own, fd) < 0)
			return err_sys(err, "descriptor %d", fd);
	}
	return 0;
}

static int attach_terminal(struct init *in, struct err *err)
{
	if (in->slave < 0)
		return in->args->detached ? own_null(err) : 0;
	if (terminal_make_controlling(in->slave, err) < 0)
		return -1;
	if (in->slave > 2)
		in->slave = fd_close(in->slave);
	return 0;
}

/* With hooks it was there before them. */
static int wait_for_filter(struct init *in, struct err *err)
{
	const struct plan *p = in->plan;

	return p->late_filter && !p->hooks ? handshake_expect(in->sock, MESSAGE_GO, NULL, err) : 0;
}

static int drop_privileges(struct init *in, struct err *err)
{
	struct process_plan *p = &in->plan->process;

	if (process_apply_limits(p, err) < 0)
		return -1;
	if ((p->user.uid != 0 || in->plan->own[NS_USER]) && !p->terminal &&
	    process_own_stdio(p, err) < 0)
		return -1;
	return process_apply_privileges(p, &in->target, err);
}

/* A read of one byte; whoever starts the container holds the other end. */
static int wait_for_start(struct init *in, struct err *err)
{
	const int keep[] = { in->sock, in->args->fifo, in->args->answer };
	ssize_t n;
	char byte;

	if (in->args->fifo >= 0 &&
	    process_close_others(in->plan->process.preserve_fds, keep, ARRAY_SIZE(keep), err) < 0)
		return -1;
	/* From here on it may outlive the runtime. */
	if (in->args->fifo >= 0 && prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) < 0)
		return err_sys(err, "prctl");
	if (handshake_send(in->sock, MESSAGE_READY, 0, -1, err) < 0)
		return -1;
	if (in->args->fifo < 0)
		return 0;
	/* The runtime goes; that the socket closes must not look like its death. */
	do
		n = read(in->args->fifo, &byte, 1);
	while (n < 0 && errno == EINTR);
	in->started = n == 1;
	return n == 1 ? 0 : err_sys(err, "wait for start");
}

static int start_hooks(struct init *in, struct err *err)
{
	const struct spec_hooks *h = in->plan->spec->hooks;

	return h ? run_hooks(in, &h->startContainer, "startContainer", "created", NULL, err) : 0;
}

static int exec_program(struct init *in, struct err *err)
{
	if (prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) < 0)
		return err_sys(err, "prctl");
	return process_exec(&in->plan->process, &in->target, err);
}

static const struct {
	const char *what;
	int (*run)(struct init *in, struct err *err);
} steps[] = {
	{ "wait for id maps", wait_for_go },
	{ "enter namespaces", enter_namespaces },
	{ "use the host's proc", open_proc },
	{ "join keyring", join_keyring },
	{ "build root", build_root },
	{ "wait for device filter", wait_for_filter },
	{ "run create hooks", create_hooks },
	{ "open terminal", open_terminal }, /* needs /dev of the root */
	{ "enter root", enter_root },
	{ "send pidfd", send_pidfd },
	{ "attach terminal", attach_terminal },
	{ "drop privileges", drop_privileges }, /* nothing privileged below */
	{ "wait for start", wait_for_start },
	{ "run start hooks", start_hooks },
	{ "start process", exec_program }, /* returns only on failure */
};

/* In time for the runtime, or for start, which is there when the fifo was read; as that one's log is
 * not the container's, its standard error hears it as well. */
static void tell_failure(const struct init *in, const struct err *err)
{
	if (in->args->answer < 0 || !in->started) {
		handshake_fail(in->sock, err);
		return;
	}
	(void)fd_write_full(2, err->msg, strnlen(err->msg, sizeof(err->msg)));
	(void)fd_write_full(2, "\n", 1);
	(void)fd_write_full(in->args->answer, err, sizeof(*err));
}

/* The runtime opened them one after the other, so mostly their numbers are neighbours. */
static void close_host(const int *fds, size_t n)
{
	unsigned int first = UINT_MAX, last = 0, count = 0;

	for (size_t i = 0; i < n; i++) {
		if (fds[i] < 0)
			continue;
		first = (unsigned int)fds[i] < first ? (unsigned int)fds[i] : first;
		last = (unsigned int)fds[i] > last ? (unsigned int)fds[i] : last;
		count++;
	}
	if (count && last - first + 1 == count && syscall(SYS_close_range, first, last, 0) == 0)
		return;
	for (size_t i = 0; i < n; i++)
		(void)fd_close(fds[i]);
}

void init_main(void *arg, int sock)
{
	const struct init_args *args = arg;
	struct err err = { 0 };
	struct init in = { .plan = args->plan,
			   .args = args,
			   .sock = sock,
			   .root = -1,
			   .slave = -1,
			   .proc_sys = -1,
			   .target = { .proc = -1, .sock = sock } };

	(void)prctl(PR_SET_NAME, "skerry:init", 0, 0, 0);
	close_host(args->host_fds, ARRAY_SIZE(args->host_fds));
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		if (steps[i].run(&in, &err) == 0)
			continue;
		(void)str_copy(err.phase, sizeof(err.phase), steps[i].what);
		tell_failure(&in, &err);
		break;
	}
	_exit(err.exit_code ? err.exit_code : 1);
}
