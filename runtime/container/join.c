/* SPDX-License-Identifier: Apache-2.0 */
/* join.c - one more process in a running container: the container's side
 *
 * setns(2) with a pidfd joins all namespaces at once (Linux 5.8).  The user
 * namespace comes with the rest: the kernel checks the rights against the
 * new one where it has to.
 */
#include "runtime/container/join.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "base/proc.h"
#include "runtime/container/handshake.h"
#include "runtime/isolate/keyring.h"
#include "runtime/isolate/terminal.h"

/* Only those that are the container's own: a joined host's one would need the host's rights. */
int join_stage(void *arg, struct err *err)
{
	const struct join_args *a = arg;
	const int keep[] = { a->sock, a->console_socket, a->pidfd_socket };

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	proc_forget_environment(); /* CAP_SYS_PTRACE reads what isn't dumpable */
	if (sched_apply_affinity(&a->plan->sched.initial, 0, err) < 0)
		return -1;
	if (setns(a->init_pidfd, a->namespaces) < 0)
		return err_sys(err, "join the namespaces of container \"%s\"", a->id);
	/* Before the container can see us: nothing of the host stays open. */
	return process_close_others(a->preserve_fds, keep, ARRAY_SIZE(keep), err);
}

struct join {
	const struct join_args *args;
	struct process_plan *plan;
	int sock, slave;
	struct process_target target;
};

static int begin(struct join *j, struct err *err)
{
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (handshake_expect(j->sock, MESSAGE_GO, NULL, err) < 0)
		return -1;
	if (setsid() < 0)
		return err_sys(err, "setsid");
	if (j->args->has_userns) {
		if (setgroups(0, NULL) < 0 && errno != EPERM)
			return err_sys(err, "setgroups");
		if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
			return err_sys(err, "become root of the user namespace");
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	}
	(void)umask(0);
	return 0;
}

/* The container's own /proc may be covered by anything: a fresh one is asked of the kernel, and
 * where that is refused (a masked /proc in a user namespace) the container's has to be a procfs. */
static int open_proc(struct join *j, struct err *err)
{
	if (!j->plan->lsm.apparmor && !j->plan->lsm.selinux)
		return 0;
	j->target.proc = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (j->target.proc < 0 || !beneath_is_fs(j->target.proc, PROC_SUPER_MAGIC))
		return err_set(err, EINVAL, "\"/proc\" of the container is not a procfs");
	return 0;
}

static int keyring(struct join *j, struct err *err)
{
	return keyring_join(j->args->id, err);
}

static int send_master(const struct join *j, int master, struct err *err)
{
	int rc;

	if (j->args->console_socket < 0)
		return handshake_send(j->sock, MESSAGE_MASTER, 0, master, err);
	rc = terminal_send_master(j->args->console_socket, master, err);
	(void)fd_close(j->args->console_socket);
	return rc;
}

static int open_terminal(struct join *j, struct err *err)
{
	const struct process_plan *p = j->plan;
	struct terminal_options o = { .size = p->size.height ? &p->size : NULL,
				      .uid = p->user.uid,
				      .gid = p->user.gid };
	AUTO_FD master = -1;
	AUTO_FD root = -1;

	if (!p->terminal)
		return 0;
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(err, "open \"/\"");
	if (terminal_open(root, &o, &master, &j->slave, err) < 0)
		return -1;
	if (send_master(j, master, err) < 0)
		return -1;
	if (terminal_make_controlling(j->slave, err) < 0)
		return -1;
	if (j->slave > 2)
		j->slave = fd_close(j->slave);
	return 0;
}

static int send_pidfd(struct join *j, struct err *err)
{
	AUTO_FD pidfd = -1;

	if (j->args->pidfd_socket < 0)
		return 0;
	pidfd = proc_pidfd_open((pid_t)syscall(SYS_getpid));
	if (pidfd < 0 || fd_send(j->args->pidfd_socket, "pidfd", 5, &pidfd, 1) < 0)
		return err_sys(err, "send the pidfd");
	return 0;
}

static int drop_privileges(struct join *j, struct err *err)
{
	struct process_plan *p = j->plan;

	if (process_apply_limits(p, err) < 0 || sched_apply_affinity(&p->sched.final, 0, err) < 0)
		return -1;
	if ((p->user.uid != 0 || j->args->has_userns) && !p->terminal &&
	    process_own_stdio(p, err) < 0)
		return -1;
	return process_apply_privileges(p, &j->target, err);
}

static int exec_program(struct join *j, struct err *err)
{
	if (prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) < 0)
		return err_sys(err, "prctl");
	if (handshake_send(j->sock, MESSAGE_READY, 0, -1, err) < 0)
		return -1;
	return process_exec(j->plan, &j->target, err);
}

static const struct {
	const char *what;
	int (*run)(struct join *j, struct err *err);
} steps[] = {
	{ "wait for limits", begin },
	{ "use proc", open_proc },
	{ "join keyring", keyring },
	{ "open terminal", open_terminal },
	{ "send pidfd", send_pidfd },
	{ "drop privileges", drop_privileges }, /* nothing privileged below */
	{ "start process", exec_program }, /* returns only on failure */
};

void join_main(void *arg, int sock)
{
	const struct join_args *args = arg;
	struct err err = { 0 };
	struct join j = { .args = args,
			  .plan = args->plan,
			  .sock = sock,
			  .slave = -1,
			  .target = { .proc = -1, .sock = sock } };

	(void)prctl(PR_SET_NAME, "skerry:exec", 0, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		if (steps[i].run(&j, &err) == 0)
			continue;
		(void)str_copy(err.phase, sizeof(err.phase), steps[i].what);
		handshake_fail(sock, &err);
		break;
	}
	_exit(err.exit_code ? err.exit_code : 1);
}

static void write_process_state(const struct spec_seccomp *s, const struct hook_state *state,
				pid_t pid, const struct buf *inner, struct buf *text)
{
	struct json_out o;

	json_out_init(&o, text, 0);
	json_begin_object(&o);
	json_kv_string(&o, "ociVersion", state->oci_version);
	json_key(&o, "fds");
	json_begin_array(&o);
	json_string(&o, "seccompFd");
	json_end_array(&o);
	json_kv_int(&o, "pid", pid);
	if (s->listenerMetadata)
		json_kv_string(&o, "metadata", s->listenerMetadata);
	json_key(&o, "state");
	json_raw(&o, inner->s);
	json_end_object(&o);
}

int listener_forward(int sock, const struct spec_seccomp *seccomp, const struct hook_state *state,
		     pid_t pid, struct err *err)
{
	AUTO_FD listener = -1;
	AUTO_FD agent = -1;
	AUTO_BUF inner;
	AUTO_BUF text;

	buf_init(&inner);
	buf_init(&text);
	if (handshake_expect(sock, MESSAGE_LISTENER, &listener, err) < 0)
		return -1;
	hook_state_write(state, &inner);
	write_process_state(seccomp, state, pid, &inner, &text);
	agent = fd_connect_unix(seccomp->listenerPath);
	if (agent < 0 || fd_send(agent, text.s, text.len, &listener, 1) < 0)
		return err_sys(err, "send the seccomp listener to \"%s\"", seccomp->listenerPath);
	return handshake_send(sock, MESSAGE_GO, 0, -1, err);
}
