/* SPDX-License-Identifier: Apache-2.0 */
/* exec.c - one more process in a running container: the runtime's side
 *
 * The process is born in the container's group.  It joins the namespaces of
 * the init, which is named by a pidfd of exactly that process, and its pid
 * namespace last, by a second clone: whatever the container can see of it has
 * nothing of the host open any more (security reference: CVE-2016-9962,
 * CVE-2024-21626).  join.c is the other side; the chart is in handshake.h
 * (STAGED, MASTER, LISTENER, READY, end of file).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/units.h"
#include "runtime/container/handshake.h"
#include "runtime/container/hooks.h"
#include "runtime/container/join.h"
#include "runtime/container/relay.h"
#include "runtime/container/runtime.h"
#include "runtime/container/spawn.h"
#include "runtime/isolate/oom.h"
#include "runtime/isolate/terminal.h"
#include "runtime/spec/names.h"

#define EXEC_ARENA_MAX ((size_t)128 << 20)
#define EXEC_FAILED    255 /* exit status, as runc's */

struct exec {
	struct runtime *rt;
	const struct skerry_exec_options *o;
	const char *id;
	struct store_entry entry;
	struct arena arena;
	struct spec *spec;
	struct spec_process *process;
	struct process_plan plan;
	struct cgroup cgroup;
	struct join_args join;
	int cgroup_fd, cache, sock, console_socket, master;
	struct relay relay;
	bool foreground;
};

static int check_status(struct exec *x, struct err *err)
{
	enum skerry_status status = container_status(x->rt, &x->entry, &x->join.init_pidfd);

	if (status == SKERRY_STOPPED)
		return err_set(err, ESRCH,
			       "cannot exec in a stopped container: container not running");
	if (status == SKERRY_CREATING)
		return err_set(err, EBUSY, "cannot exec in a container that is being created");
	if (status == SKERRY_PAUSED && !x->o->ignore_paused)
		return err_set(
			err, EBUSY,
			"cannot exec in a paused container (use --ignore-paused to override)");
	return 0;
}

static int read_process(struct exec *x, struct err *err)
{
	const char *name = x->o->process ? "process" : x->o->process_file;
	const char *json = x->o->process;
	size_t len = x->o->process_len;
	AUTO_BUF text;

	buf_init(&text);
	if (!json) {
		if (file_read(AT_FDCWD, name, &text, SPEC_FILE_MAX, false) < 0)
			return err_sys(err, "read \"%s\"", name);
		json = text.s;
		len = text.len;
	}
	if (spec_parse_process(name, json, len, &x->arena, &x->process, err) < 0)
		return -1;
	if (x->o->tty == 0 || x->o->tty == 1)
		x->process->terminal = x->o->tty == 1;
	return 0;
}

static size_t count(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

static int append(struct strings *to, char *const *more, struct arena *arena)
{
	size_t n = count(more);
	char **v = arena_array(arena, to->n + n + 1, sizeof(*v));

	if (!v)
		return -1;
	if (to->n)
		memcpy(v, to->v, to->n * sizeof(*v));
	for (size_t i = 0; i < n; i++)
		v[to->n + i] = arena_strdup(arena, more[i]);
	to->v = v;
	to->n += n;
	return 0;
}

static int set_groups(struct exec *x, struct spec_process *p, struct err *err)
{
	char *list = arena_strdup(&x->arena, x->o->additional_gids);
	size_t n = 1;
	uint32_t *v;

	for (const char *at = list; at && *at; at++)
		n += *at == ',';
	v = arena_array(&x->arena, n, sizeof(*v));
	if (!list || !v)
		return err_set(err, ENOMEM, "out of memory");
	n = 0;
	for (char *at = list; at;) {
		char *end = strchr(at, ',');

		if (end)
			*end++ = '\0';
		if (units_id(at, &v[n++]) < 0)
			return err_set(err, EINVAL, "additional gid \"%s\" is not a number", at);
		at = end;
	}
	p->user.additionalGids = (struct u32s){ .v = v, .n = n };
	return 0;
}

static int override_caps(struct exec *x, struct spec_process *p, struct err *err)
{
	struct spec_caps *c = arena_alloc(&x->arena, sizeof(*c));

	if (!c)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; x->o->caps[i]; i++)
		if (cap_parse(x->o->caps[i]) < 0)
			return err_set(err, EINVAL, "unknown capability \"%s\"", x->o->caps[i]);
	if (p->capabilities)
		*c = *p->capabilities;
	if (append(&c->bounding, x->o->caps, &x->arena) < 0 ||
	    append(&c->effective, x->o->caps, &x->arena) < 0 ||
	    append(&c->permitted, x->o->caps, &x->arena) < 0)
		return err_set(err, ENOMEM, "out of memory");
	p->capabilities = c;
	return 0;
}

/* A name is looked up in the container's own files, beneath its root. */
static int override_user(struct exec *x, struct spec_process *p, struct err *err)
{
	char path[64];
	AUTO_FD root = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/root", (int)x->entry.rec.pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(err, "open the root of container \"%s\"", x->id);
	/* Was it that process's, or one with its number? */
	if (proc_pidfd_wait(x->join.init_pidfd, 0) != 0)
		return err_set(err, ESRCH, "container not running");
	return user_find(root, x->o->user, &p->user.uid, &p->user.gid, err);
}

static int override_process(struct exec *x, struct err *err)
{
	const struct skerry_exec_options *o = x->o;
	struct spec_process *p = arena_alloc(&x->arena, sizeof(*p));

	if (!p)
		return err_set(err, ENOMEM, "out of memory");
	*p = *x->spec->process;
	x->process = p;
	p->terminal = o->tty == 1;
	p->args = (struct strings){ 0 };
	if (append(&p->args, o->argv, &x->arena) < 0 || append(&p->env, o->env, &x->arena) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (o->cwd)
		p->cwd = arena_strdup(&x->arena, o->cwd);
	if (o->no_new_privs)
		p->noNewPrivileges = true;
	if (o->apparmor)
		p->apparmorProfile = arena_strdup(&x->arena, o->apparmor);
	if (o->process_label)
		p->selinuxLabel = arena_strdup(&x->arena, o->process_label);
	if (o->user && override_user(x, p, err) < 0)
		return -1;
	if (o->additional_gids && o->additional_gids[0] && set_groups(x, p, err) < 0)
		return -1;
	if (o->caps && o->caps[0] && override_caps(x, p, err) < 0)
		return -1;
	return 0;
}

/* user_namespaces(7): written once, before the group map. */
static bool setgroups_denied(const struct exec *x)
{
	char path[64], word[16];

	if (!x->entry.rec.has_userns)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)x->entry.rec.pid);
	return file_read_line(AT_FDCWD, path, word, sizeof(word)) > 0 && strcmp(word, "deny") == 0;
}

static int decide(struct exec *x, struct err *err)
{
	struct process_options po = { .new_userns = x->entry.rec.has_userns,
				      .setgroups_denied = setgroups_denied(x),
				      .cache = -1,
				      .preserve_fds = x->o->preserve_fds,
				      .pointer = "" };

	if (container_load_spec(&x->entry, &x->arena, &x->spec, err) < 0)
		return -1;
	if (!x->spec->process)
		return err_set(err, EINVAL, "container \"%s\" has no process", x->id);
	if ((x->o->process_file || x->o->process ? read_process(x, err)
						 : override_process(x, err)) < 0)
		return -1;
	if (spec_validate_process(x->process, "", err) < 0)
		return x->o->process_file ? err_wrap(err, "%s", x->o->process_file) : -1;
	if (x->spec->linux_->seccomp)
		po.cache = x->cache = store_cache_open(&x->rt->store);
	if (process_make(x->spec, x->process, &po, &x->arena, &x->plan, err) < 0)
		return -1;
	process_warn(&x->plan, x->rt);
	if (x->plan.terminal && !x->o->console_socket)
		process_take_size(&x->plan);
	return 0;
}

static int check_terminal(struct exec *x, struct err *err)
{
	x->foreground = !x->o->detach;
	if (x->plan.terminal && x->o->detach && !x->o->console_socket && !x->o->ret_master)
		return err_set(
			err, EINVAL,
			"cannot allocate tty if runc will detach without setting console socket");
	if (x->o->console_socket && !x->plan.terminal)
		return err_set(err, EINVAL,
			       "cannot use console socket if runc will not detach or allocate tty");
	if (x->o->console_socket &&
	    (x->console_socket = terminal_connect_socket(x->o->console_socket, err)) < 0)
		return -1;
	for (unsigned int fd = 3; fd < 3 + x->o->preserve_fds; fd++)
		if (fd_set_cloexec((int)fd, false) < 0)
			return err_sys(err, "--preserve-fds: descriptor %u", fd);
	return 0;
}

static int open_groups(struct exec *x, struct err *err)
{
	if (container_open_cgroup(x->rt, &x->entry, &x->cgroup, err) < 0)
		return -1;
	x->cgroup_fd = x->cgroup.fd;
	if (x->o->cgroups && x->o->cgroups[0] && x->cgroup.fd >= 0) {
		x->cgroup_fd = cgroup_open_sub(&x->cgroup, x->o->cgroups[0], err);
		if (x->cgroup_fd < 0)
			return -1;
	}
	return 0;
}

/* A container that manages groups of its own has none of its processes in the topmost: then beside
 * its first one, wherever it has put that. */
static pid_t spawn_beside_first(struct exec *x, struct spawn *s, int *ret_pidfd, struct err *err)
{
	struct err first = { 0 };
	pid_t pid = spawn_process(s, ret_pidfd, &first);

	if (pid >= 0)
		return pid;
	if (first.code != EBUSY || x->cgroup_fd < 0 || x->cgroup_fd != x->cgroup.fd) {
		if (err)
			*err = first;
		return -1;
	}
	x->cgroup_fd = cgroup_open_of(&x->rt->host, &x->cgroup, x->entry.rec.pid, err);
	s->cgroup = x->cgroup_fd;
	return s->cgroup < 0 ? -1 : spawn_process(s, ret_pidfd, err);
}

static pid_t spawn(struct exec *x, int *ret_pidfd, struct err *err)
{
	struct spawn s = {
		.cgroup = x->cgroup_fd, .stage = join_stage, .main = join_main, .arg = &x->join
	};
	pid_t pid;

	x->join.plan = &x->plan;
	x->join.id = x->id;
	x->join.console_socket = x->console_socket;
	x->join.has_userns = x->entry.rec.has_userns;
	x->join.namespaces = (int)x->entry.rec.namespaces;
	x->join.preserve_fds = x->o->preserve_fds;
	if (x->o->pidfd_socket) {
		x->join.pidfd_socket = fd_connect_unix(x->o->pidfd_socket);
		if (x->join.pidfd_socket < 0)
			return err_sys(err, "connect to \"%s\"", x->o->pidfd_socket);
	}
	if (handshake_open(s.sock, err) < 0)
		return -1;
	x->join.sock = s.sock[1];
	pid = spawn_beside_first(x, &s, ret_pidfd, err);
	x->sock = s.sock[0];
	(void)fd_close(s.sock[1]);
	return pid;
}

static int send_listener(struct exec *x, pid_t pid, struct err *err)
{
	const struct spec_seccomp *s = x->spec->linux_->seccomp;
	struct hook_state state = {
		.id = x->id,
		.bundle = x->entry.rec.bundle,
		.oci_version = x->spec->ociVersion,
		.status = "running",
		.pid = x->entry.rec.pid,
		.annotations = &x->spec->annotations,
	};

	if (!x->plan.filter.notify)
		return 0;
	return listener_forward(x->sock, s, &state, pid, err);
}

static int set_up(struct exec *x, pid_t pid, struct err *err)
{
	if (x->plan.oom.has && oom_apply(pid, (int)x->plan.oom.v, err) < 0)
		return -1;
	if (x->plan.rlimits_by_parent && rlimits_apply(&x->plan.rlimits, pid, err) < 0)
		return -1;
	if (handshake_send(x->sock, MESSAGE_GO, 0, -1, err) < 0)
		return -1;
	if (x->plan.terminal && x->console_socket < 0 &&
	    handshake_expect(x->sock, MESSAGE_MASTER, &x->master, err) < 0)
		return -1;
	if (send_listener(x, pid, err) < 0 ||
	    handshake_expect(x->sock, MESSAGE_READY, NULL, err) < 0 ||
	    handshake_expect(x->sock, MESSAGE_END, NULL, err) < 0)
		return -1;
	if (x->o->pid_file && file_write_pid(x->o->pid_file, pid) < 0)
		return err_sys(err, "write pid file \"%s\"", x->o->pid_file);
	return 0;
}

static int execute(struct exec *x, struct err *err)
{
	AUTO_FD pidfd = -1;
	pid_t pid = spawn(x, &pidfd, err);

	if (pid < 0)
		return -1;
	if (set_up(x, pid, err) < 0) {
		(void)proc_pidfd_signal(pidfd, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return -1;
	}
	if (x->o->ret_pid)
		*x->o->ret_pid = pid;
	if (!x->foreground) {
		if (x->o->ret_master)
			*x->o->ret_master = fd_take(&x->master);
		return 0;
	}
	x->relay.pid = pid;
	x->relay.pidfd = pidfd;
	x->relay.master = x->master;
	return relay_run(&x->relay, err);
}

static int prepare(struct exec *x, struct err *err)
{
	if (!seal_is_sealed())
		return err_set(
			err, EPERM,
			"this program does not run from a sealed copy of itself; call skerry_seal() first");
	if (runtime_open_store(x->rt, false, err) < 0 ||
	    store_load(&x->rt->store, x->id, STORE_NO_LOCK, &x->entry, err) < 0)
		return -1;
	if (check_status(x, err) < 0 || decide(x, err) < 0 || check_terminal(x, err) < 0)
		return -1;
	return open_groups(x, err);
}

static void release(struct exec *x)
{
	if (x->cgroup_fd != x->cgroup.fd)
		(void)fd_close(x->cgroup_fd);
	cgroup_close(&x->cgroup);
	(void)fd_close(x->cache);
	(void)fd_close(x->sock);
	(void)fd_close(x->console_socket);
	(void)fd_close(x->master);
	(void)fd_close(x->join.init_pidfd);
	(void)fd_close(x->join.pidfd_socket);
	store_entry_release(&x->entry);
	arena_release(&x->arena);
}

int container_exec(struct runtime *rt, const char *id, const struct skerry_exec_options *o,
		   struct err *err)
{
	struct exec x = { .rt = rt,
			  .o = o,
			  .id = id,
			  .entry = STORE_ENTRY_INIT,
			  .cgroup = CGROUP_INIT,
			  .cgroup_fd = -1,
			  .cache = -1,
			  .sock = -1,
			  .console_socket = -1,
			  .master = -1,
			  .join = { .init_pidfd = -1, .pidfd_socket = -1 },
			  .relay = { .master = -1, .notify = -1 } };
	int rc = -1;

	arena_init(&x.arena, EXEC_ARENA_MAX);
	if (prepare(&x, err) == 0 && (o->detach || relay_prepare(&x.relay, err) == 0)) {
		rc = execute(&x, err);
		if (!o->detach)
			relay_restore(&x.relay);
	}
	if (rc < 0 && err && !err->exit_code)
		err->exit_code = EXEC_FAILED;
	release(&x);
	return rc;
}
