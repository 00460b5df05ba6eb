/* SPDX-License-Identifier: Apache-2.0 */
/* create.c - make a container: the order of events in the runtime
 *
 * Spine 1.  It faces init.c; the chart between them is in handshake.h.
 *
 * Invariants:
 *  1. Nothing is done before everything was decided (plan.c).
 *  2. The record of what will be made is on disk before it is made.
 *  3. On failure the undo column runs backwards from the failed row, and
 *     nothing is left; if this process is killed instead, `delete --force`
 *     undoes by the record.
 *
 * Rows that do nothing for most containers cost nothing: they look at the
 * plan first.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/units.h"
#include "runtime/container/attach.h"
#include "runtime/container/document.h"
#include "runtime/container/handshake.h"
#include "runtime/container/hooks.h"
#include "runtime/container/init.h"
#include "runtime/container/join.h"
#include "runtime/container/plan.h"
#include "runtime/container/runtime.h"
#include "runtime/container/spawn.h"
#include "runtime/isolate/oom.h"
#include "runtime/isolate/terminal.h"

#define PLAN_ARENA_MAX ((size_t)128 << 20)
#define PRESERVE_MAX   1024

struct create {
	struct runtime *rt;
	const struct skerry_create_options *o;
	const char *id;
	enum create_mode mode;
	const struct restorer *by;
	struct created *c;

	char bundle[PATH_MAX];
	int bundle_fd, cache, fifo, answer, console_socket, pidfd_socket, rdt_root;
	const char *config_text;
	size_t config_len;
	struct cgroup_place place;
	struct plan plan;
	struct init_args init;
	struct rdt_made rdt_made;
	struct attach attach;
	int sock;
	bool reserved, grouped;
};

/* sd_listen_fds(3): they count only if LISTEN_PID is this process. */
static unsigned int listen_fds(void)
{
	const char *count = getenv("LISTEN_FDS"); /* NOLINT(concurrency-mt-unsafe) */
	const char *pid = getenv("LISTEN_PID"); /* NOLINT(concurrency-mt-unsafe) */
	uint64_t n, p;

	if (!count || units_u64(count, PRESERVE_MAX, &n) < 0)
		return 0;
	if (!pid || units_u64(pid, INT32_MAX, &p) < 0 || (pid_t)p != getpid())
		return 0;
	return (unsigned int)n;
}

static int check_preserved(unsigned int n, struct err *err)
{
	if (n > PRESERVE_MAX)
		return err_set(err, EINVAL, "--preserve-fds: %u is more than %d", n, PRESERVE_MAX);
	for (unsigned int fd = 3; fd < 3 + n; fd++) {
		if (fcntl((int)fd, F_GETFD) < 0)
			return err_sys(err, "--preserve-fds: descriptor %u", fd);
		if (fd_set_cloexec((int)fd, false) < 0)
			return err_sys(err, "--preserve-fds: descriptor %u", fd);
	}
	return 0;
}

/* The absolute name comes from what was opened, so it is that very directory's. */
static int name_bundle(struct create *c)
{
	char link[32];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", c->bundle_fd);
	n = readlink(link, c->bundle, sizeof(c->bundle));
	if (n < 0)
		return -1;
	if ((size_t)n == sizeof(c->bundle) || c->bundle[0] != '/') {
		errno = c->bundle[0] != '/' ? ENOENT : ENAMETOOLONG;
		return -1;
	}
	c->bundle[n] = '\0';
	return 0;
}

static int open_bundle(struct create *c, struct err *err)
{
	const char *path = c->o->bundle && c->o->bundle[0] ? c->o->bundle : ".";

	/* Before anything is opened: our own descriptors would fill a gap. */
	if (check_preserved(c->o->preserve_fds + listen_fds(), err) < 0)
		return -1;
	c->bundle_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->bundle_fd < 0 || name_bundle(c) < 0)
		return err_sys(err, "bundle \"%s\"", path);
	if (!seal_is_sealed())
		return err_set(
			err, EPERM,
			"this program does not run from a sealed copy of itself; call skerry_seal() first");
	return spec_check_id(c->id, err);
}

static int load_config(struct create *c, struct err *err)
{
	const char *file = c->o->config && c->o->config[0] ? c->o->config : STORE_CONFIG;

	if (spec_load(c->bundle_fd, file, &c->c->arena, &c->c->spec, &c->config_text,
		      &c->config_len, err) < 0)
		return -1;
	return spec_validate(c->c->spec, err) < 0 ? err_wrap(err, "%s", file) : 0;
}

static int choose_networks(struct create *c, struct err *err)
{
	return attach_make(c->rt, c->id, c->o, c->c->spec, &c->attach, err);
}

static int check_terminal(struct create *c, struct err *err)
{
	bool terminal = c->c->spec->process && c->c->spec->process->terminal;
	bool detached = c->mode == CREATE_ONLY || c->o->detach;

	if (terminal && detached && !c->o->console_socket && !c->o->ret_master)
		return err_set(
			err, EINVAL,
			"cannot allocate tty if runc will detach without setting console socket");
	if (c->o->console_socket && !terminal)
		return err_set(err, EINVAL,
			       "cannot use console socket if runc will not detach or allocate tty");
	return 0;
}

static int make_plan(struct create *c, struct err *err)
{
	const char *notify = getenv("NOTIFY_SOCKET"); /* NOLINT(concurrency-mt-unsafe) */
	struct plan_options po = {
		.id = c->id,
		.uid = c->rt->uid,
		.bundle = c->bundle,
		.bundle_fd = c->bundle_fd,
		.no_pivot = c->o->no_pivot,
		.no_new_keyring = c->o->no_new_keyring,
		.preserve_fds = c->o->preserve_fds,
		.listen_fds = listen_fds(),
		.listen_names = getenv("LISTEN_FDNAMES"), /* NOLINT(concurrency-mt-unsafe) */
		.cgroup_path = "",
		.networks = c->attach.wanted,
	};

	if (runtime_open_store(c->rt, true, err) < 0 || runtime_find_host(c->rt, err) < 0 ||
	    cgroup_place_make(&c->rt->host, c->rt->manager, c->id, c->c->spec, &c->place, err) < 0)
		return -1;
	if (c->place.path[0])
		po.cgroup_path = arena_printf(&c->c->arena, "%s%s%s", c->place.path,
					      c->place.subgroup[0] ? "/" : "", c->place.subgroup);
	if (c->rt->host.mount[0])
		po.cgroup_mount = c->rt->host.mount;
	if (notify && notify[0])
		po.notify_dir = arena_printf(&c->c->arena, "%s/%s/" STORE_NOTIFY_DIR,
					     c->rt->store.path, c->id);
	if (c->c->spec->linux_->seccomp)
		po.cache = c->cache = store_cache_open(&c->rt->store);
	else
		po.cache = -1;
	if (plan_make(c->c->spec, &po, &c->c->arena, &c->plan, err) < 0)
		return -1;
	process_warn(&c->plan.process, c->rt);
	if (c->plan.process.terminal && c->mode == CREATE_AND_START && !c->o->console_socket)
		process_take_size(&c->plan.process);
	if (plan_open_namespaces(&c->plan, err) < 0)
		return -1;
	attach_let_go(&c->attach);
	return 0;
}

static int reserve_state(struct create *c, struct err *err)
{
	struct store_entry *e = &c->c->entry;
	struct record *r = &e->rec;
	const struct spec_hooks *h = c->c->spec->hooks;
	const char *notify = getenv("NOTIFY_SOCKET"); /* NOLINT(concurrency-mt-unsafe) */

	if (store_reserve(&c->rt->store, c->id, e, err) < 0)
		return -1;
	c->reserved = true;
	r->id = arena_strdup(&e->arena, c->id);
	r->bundle = arena_strdup(&e->arena, c->bundle);
	r->rootfs = arena_strdup(&e->arena, plan_rootfs(c->c->spec, c->bundle, &c->c->arena));
	r->oci_version = c->c->spec->ociVersion;
	r->annotations = c->c->spec->annotations;
	r->uid = c->rt->uid;
	r->private_pidns = c->plan.is_new[NS_PID];
	r->has_poststart = h && h->poststart.n;
	r->has_poststop = h && h->poststop.n;
	r->has_networks = c->attach.wanted;
	r->has_terminal = c->plan.process.terminal;
	r->has_userns = c->plan.own[NS_USER];
	for (int ns = 0; ns < NS_COUNT; ns++)
		if (c->plan.own[ns])
			r->namespaces |= (uint32_t)ns_names[ns].flag;
	r->notify_socket = notify && notify[0] ? arena_strdup(&e->arena, notify) : NULL;
	if (c->plan.rdt.set && !c->plan.rdt.must_exist)
		r->rdt_group = arena_strdup(&e->arena, c->plan.rdt.group);
	if (!r->id || !r->bundle || !r->rootfs || !r->created ||
	    record_set_place(r, &c->place, &e->arena) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return store_save_first(e, err);
}

static void drop_state(struct create *c)
{
	if (c->reserved)
		(void)store_remove(&c->rt->store, c->id, &c->c->entry, NULL);
	c->reserved = false;
}

static int make_fifo(struct create *c, struct err *err)
{
	int dir = c->c->entry.dir;

	if (c->mode != CREATE_ONLY)
		return 0;
	/* fifo(7): open for both, so that it neither blocks nor ends without a writer. */
	if (mkfifoat(dir, STORE_FIFO, 0600) < 0 ||
	    (c->fifo = openat(dir, STORE_FIFO, O_RDWR | O_CLOEXEC)) < 0)
		return err_sys(err, "make " STORE_FIFO);
	if (mkfifoat(dir, STORE_ANSWER, 0600) < 0 ||
	    (c->answer = openat(dir, STORE_ANSWER, O_RDWR | O_CLOEXEC)) < 0)
		return err_sys(err, "make " STORE_ANSWER);
	return 0;
}

/* Of no use to the init: it builds its root meanwhile. */
static int keep_config(struct create *c, struct err *err)
{
	AUTO_FD fd = openat(c->c->entry.dir, STORE_CONFIG, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			    0600);

	if (fd < 0 || fd_write_full(fd, c->config_text, c->config_len) < 0)
		return err_sys(err, "save config.json");
	return 0;
}

static int write_files(struct create *c, struct err *err)
{
	int dir = c->c->entry.dir;

	if (make_fifo(c, err) < 0 || attach_save(&c->attach, dir, err) < 0)
		return -1;
	if (c->c->entry.rec.notify_socket) {
		c->c->notify = notify_open(&c->c->entry, c->c->spec->linux_->mountLabel, err);
		if (c->c->notify < 0)
			return -1;
	}
	if (c->o->console_socket &&
	    (c->console_socket = terminal_connect_socket(c->o->console_socket, err)) < 0)
		return -1;
	if (c->o->pidfd_socket && (c->pidfd_socket = fd_connect_unix(c->o->pidfd_socket)) < 0)
		return err_sys(err, "connect to \"%s\"", c->o->pidfd_socket);
	return 0;
}

static int make_cgroup(struct create *c, struct err *err)
{
	if (cgroup_create(&c->rt->host, &c->place, c->c->spec, &c->c->cgroup, err) < 0)
		return -1;
	c->grouped = true;
	if (c->c->cgroup.place.manager != c->place.manager) { /* rootless without rights */
		c->place = c->c->cgroup.place;
		if (record_set_place(&c->c->entry.rec, &c->place, &c->c->entry.arena) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	if (c->plan.own[NS_CGROUP] && c->plan.own[NS_USER] && c->c->cgroup.fd >= 0 &&
	    c->plan.is_new[NS_USER])
		return cgroup_delegate(&c->c->cgroup, c->plan.idmap.root_uid,
				       c->plan.idmap.root_gid, err);
	return 0;
}

static bool filters_late(const struct create *c)
{
	return !c->by && c->plan.late_filter;
}

static int filter_devices(struct create *c, struct err *err)
{
	if (filters_late(c))
		return 0;
	return cgroup_filter(&c->c->cgroup, c->c->spec, c->rt->store.root, err);
}

static int filter_devices_late(struct create *c, struct err *err)
{
	struct err why = { 0 };

	if (!filters_late(c))
		return 0;
	if (cgroup_filter(&c->c->cgroup, c->c->spec, c->rt->store.root, err) < 0)
		return -1;
	if (c->plan.hooks || handshake_send(c->sock, MESSAGE_GO, 0, -1, &why) == 0)
		return 0;
	/* Has it ended meanwhile?  Then what it said is still to be read. */
	if (why.code == EPIPE || why.code == ECONNRESET)
		return handshake_expect(c->sock, MESSAGE_READY, NULL, err);
	return err_set(err, why.code, "%s", why.msg);
}

static void remove_cgroup(struct create *c)
{
	cgroup_close(&c->c->cgroup);
	if (c->grouped)
		(void)cgroup_remove(&c->rt->host, &c->place, NULL);
	c->grouped = false;
}

static int open_sources(struct create *c, struct err *err)
{
	return c->plan.has_root ? mounts_open_sources(&c->plan.mounts, err) : 0;
}

static int spawn_init(struct create *c, struct err *err)
{
	struct spawn s = {
		.flags = c->plan.clone_flags,
		.cgroup = c->c->cgroup.fd,
		.stage = c->plan.stage ? init_stage : NULL,
		.main = init_main,
		.arg = &c->init,
	};
	pid_t pid;

	c->init = (struct init_args){ .plan = &c->plan,
				      .fifo = c->fifo,
				      .detached = c->mode == CREATE_ONLY || c->o->detach,
				      .answer = c->answer,
				      .console_socket = c->console_socket,
				      .pidfd_socket = c->pidfd_socket,
				      .bundle = c->bundle,
				      .host_fds = { c->c->entry.dir, c->rt->store.root, c->cache,
						    c->c->cgroup.fd, c->rt->host.root,
						    c->c->notify } };
	if (handshake_open(s.sock, err) < 0)
		return -1;
	pid = spawn_process(&s, &c->c->pidfd, err);
	c->sock = s.sock[0];
	(void)fd_close(s.sock[1]);
	if (pid < 0)
		return -1;
	c->c->pid = pid;
	cgroup_started(&c->c->cgroup);
	if (record_set_process(&c->c->entry.rec, pid, c->c->pidfd, err) < 0)
		return -1;
	c->c->entry.rec.complete = c->mode == CREATE_AND_START;
	return store_save(&c->c->entry, err);
}

static void kill_init(struct create *c)
{
	c->sock = fd_close(c->sock);
	if (c->c->pid <= 0)
		return;
	(void)proc_pidfd_signal(c->c->pidfd, SIGKILL);
	while (waitpid(c->c->pid, NULL, 0) < 0 && errno == EINTR)
		;
	c->c->pid = 0;
	c->c->pidfd = fd_close(c->c->pidfd);
}

static int apply_rdt(struct create *c, struct err *err)
{
	if (!c->plan.rdt.set)
		return 0;
	c->rdt_root = rdt_open(err);
	return c->rdt_root < 0 ? -1
			       : rdt_apply(&c->plan.rdt, c->rdt_root, c->c->pid, &c->rdt_made, err);
}

static void remove_rdt(struct create *c)
{
	if (c->rdt_root >= 0)
		(void)rdt_remove(&c->plan.rdt, &c->rdt_made, c->rdt_root, NULL);
}

static int write_maps(struct create *c, struct err *err)
{
	const struct plan *p = &c->plan;
	pid_t pid = c->c->pid;

	if (!p->gate)
		return 0;
	if (p->is_new[NS_USER] && idmap_write(&p->idmap, pid, err) < 0)
		return -1;
	if (p->process.oom.has && oom_apply(pid, (int)p->process.oom.v, err) < 0)
		return -1;
	if (p->process.rlimits_by_parent && rlimits_apply(&p->process.rlimits, pid, err) < 0)
		return -1;
	return apply_rdt(c, err);
}

static int attach_user_network(struct create *c, struct err *err)
{
	if (!c->attach.wanted || geteuid() == 0)
		return 0;
	return attach_apply_user(&c->attach, c->c->entry.dir, c->c->pid, err);
}

static void detach_networks(struct create *c)
{
	if (c->attach.wanted)
		(void)attach_remove(c->c->entry.dir, NULL);
}

static int open_gate(struct create *c, struct err *err)
{
	return c->plan.gate ? handshake_send(c->sock, MESSAGE_GO, 0, -1, err) : 0;
}

/* While the init builds its root. */
static int attach_networks(struct create *c, struct err *err)
{
	if (!c->attach.wanted || geteuid() != 0)
		return 0;
	if (attach_hold(&c->attach, c->c->pid, err) < 0)
		return -1;
	return attach_apply(&c->attach, c->c->entry.dir, err);
}

static int move_net_devices(struct create *c, struct err *err)
{
	char path[64];
	AUTO_FD ns = -1;

	if (!c->plan.netdevs.n)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)c->c->pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return err_sys(err, "open \"%s\"", path);
	return netdevs_move(&c->plan.netdevs, ns, err);
}

static int runtime_hooks(struct create *c, struct err *err)
{
	const struct spec_hooks *h = c->c->spec->hooks;
	struct hook_state state = {
		.id = c->id,
		.bundle = c->bundle,
		.oci_version = c->c->spec->ociVersion,
		.status = "creating",
		.pid = c->c->pid,
		.annotations = &c->c->spec->annotations,
	};
	struct hooks_run run = {
		.name = "prestart", .state = &state, .cwd = c->bundle, .spec = c->c->spec
	};

	if (!c->plan.hooks)
		return 0;
	if (handshake_expect(c->sock, MESSAGE_HOOKS, NULL, err) < 0 || move_net_devices(c, err) < 0)
		return -1;
	if (h) {
		run.list = &h->prestart;
		if (hooks_run(&run, err) < 0)
			return -1;
		run.name = "createRuntime";
		run.list = &h->createRuntime;
		if (hooks_run(&run, err) < 0)
			return -1;
	}
	return handshake_send(c->sock, MESSAGE_GO, 0, -1, err);
}

static int receive_master(struct create *c, struct err *err)
{
	if (!c->plan.process.terminal || c->console_socket >= 0)
		return 0;
	return handshake_expect(c->sock, MESSAGE_MASTER, &c->c->master, err);
}

/* seccomp_unotify(2): runtime-spec config-linux.md "containerProcessState". */
static int send_listener(struct create *c, struct err *err)
{
	const struct spec_seccomp *s = c->c->spec->linux_->seccomp;
	struct hook_state state = {
		.id = c->id,
		.bundle = c->bundle,
		.oci_version = c->c->spec->ociVersion,
		.status = "creating",
		.pid = c->c->pid,
		.annotations = &c->c->spec->annotations,
	};

	if (!c->plan.process.filter.notify)
		return 0;
	return listener_forward(c->sock, s, &state, c->c->pid, err);
}

static int wait_until_ready(struct create *c, struct err *err)
{
	return handshake_expect(c->sock, MESSAGE_READY, NULL, err);
}

/* run: the socket closes at execve(2); a failed one is told before. */
static int wait_until_started(struct create *c, struct err *err)
{
	if (c->mode != CREATE_AND_START)
		return 0;
	return handshake_expect(c->sock, MESSAGE_END, NULL, err);
}

/* --- from images: restore.c does what an init does otherwise --------------------- */

static int record_restored(const struct restoring *r, pid_t pid, struct err *err)
{
	struct created *c = r->made;

	c->pidfd = proc_pidfd_open(pid);
	if (c->pidfd < 0)
		return err_sys(err, "open process %d", (int)pid);
	c->pid = pid;
	cgroup_started(&c->cgroup);
	if (record_set_process(&c->entry.rec, pid, c->pidfd, err) < 0)
		return -1;
	c->entry.rec.complete = true;
	return store_save(&c->entry, err);
}

static int restore_processes(struct create *c, struct err *err)
{
	struct restoring r = { .made = c->c,
			       .plan = &c->plan,
			       .attach = &c->attach,
			       .bundle = c->bundle,
			       .console_socket = c->console_socket,
			       .record = record_restored };

	return c->by->run(c->by->arg, &r, err);
}

static void drop_restored(struct create *c)
{
	kill_init(c);
	detach_networks(c);
}

static int save_complete(struct create *c, struct err *err)
{
	if (c->mode == CREATE_AND_START)
		return 0; /* spawn_init() has saved that already */
	c->c->entry.rec.complete = true;
	return store_save(&c->c->entry, err);
}

static int write_pid_file(struct create *c, struct err *err)
{
	if (c->o->pid_file && file_write_pid(c->o->pid_file, c->c->pid) < 0)
		return err_sys(err, "write pid file \"%s\"", c->o->pid_file);
	return 0;
}

static const struct {
	const char *what;
	int (*run)(struct create *c, struct err *err);
	void (*undo)(struct create *c);
	enum { ALWAYS, BY_INIT, FROM_IMAGES } when;
} steps[] = {
	{ "open bundle", open_bundle, NULL, ALWAYS },
	{ "load config", load_config, NULL, ALWAYS },
	{ "choose networks", choose_networks, NULL, ALWAYS },
	{ "check terminal", check_terminal, NULL, ALWAYS },
	{ "make plan", make_plan, NULL, ALWAYS },
	{ "reserve state", reserve_state, drop_state, ALWAYS }, /* the record first */
	{ "write files", write_files, NULL, ALWAYS },
	{ "make cgroup", make_cgroup, remove_cgroup, ALWAYS },
	{ "filter devices", filter_devices, NULL, ALWAYS },
	{ "open mount sources", open_sources, NULL, BY_INIT },
	{ "spawn init", spawn_init, kill_init, BY_INIT },
	{ "write maps", write_maps, remove_rdt, BY_INIT },
	{ "attach a user's network", attach_user_network, detach_networks,
	  BY_INIT }, /* needs the maps */
	{ "open gate", open_gate, NULL, BY_INIT },
	{ "filter devices late", filter_devices_late, NULL, BY_INIT },
	{ "keep config", keep_config, NULL, ALWAYS },
	{ "attach networks", attach_networks, NULL, BY_INIT }, /* undone as the user's */
	{ "run hooks", runtime_hooks, NULL, BY_INIT },
	{ "receive terminal", receive_master, NULL, BY_INIT },
	{ "send seccomp listener", send_listener, NULL, BY_INIT },
	{ "wait until ready", wait_until_ready, NULL, BY_INIT },
	{ "wait until started", wait_until_started, NULL, BY_INIT },
	{ "restore processes", restore_processes, drop_restored, FROM_IMAGES },
	{ "save state", save_complete, NULL, ALWAYS },
	{ "write pid file", write_pid_file, NULL, ALWAYS },
};

static void close_all(struct create *c)
{
	c->bundle_fd = fd_close(c->bundle_fd);
	c->cache = fd_close(c->cache);
	c->fifo = fd_close(c->fifo);
	c->answer = fd_close(c->answer);
	c->console_socket = fd_close(c->console_socket);
	c->pidfd_socket = fd_close(c->pidfd_socket);
	c->rdt_root = fd_close(c->rdt_root);
	plan_close(&c->plan);
	attach_release(&c->attach);
}

void created_release(struct created *c)
{
	c->pidfd = fd_close(c->pidfd);
	c->sock = fd_close(c->sock);
	c->master = fd_close(c->master);
	c->notify = fd_close(c->notify);
	cgroup_close(&c->cgroup);
	store_entry_release(&c->entry);
	arena_release(&c->arena);
}

static bool is_due(const struct create *c, size_t step)
{
	return steps[step].when == ALWAYS || (steps[step].when == FROM_IMAGES) == (c->by != NULL);
}

/* What every walk begins with; rt, id, o, mode and by are the caller's. */
static void begin(struct create *c, struct created *ret)
{
	*ret = (struct created){ .entry = STORE_ENTRY_INIT,
				 .cgroup = CGROUP_INIT,
				 .pidfd = -1,
				 .sock = -1,
				 .master = -1,
				 .notify = -1 };
	arena_init(&ret->arena, PLAN_ARENA_MAX);
	c->c = ret;
	c->bundle_fd = c->cache = c->fifo = c->answer = c->rdt_root = c->sock = -1;
	c->console_socket = c->pidfd_socket = -1;
	for (int ns = 0; ns < NS_COUNT; ns++)
		c->plan.join_fd[ns] = -1;
	attach_init(&c->attach);
}

static int create(struct create *c, struct created *ret, struct err *err)
{
	size_t i;

	begin(c, ret);
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		if (!is_due(c, i))
			continue;
		runtime_debug(c->rt, "create: %s", steps[i].what);
		if (steps[i].run(c, err) < 0)
			break;
	}
	if (i < ARRAY_SIZE(steps)) {
		if (err && err->field[0] && !strstr(err->msg, err->field))
			(void)err_wrap(err, "config.json: %s", err->field);
		if (err && !err->phase[0])
			(void)str_copy(err->phase, sizeof(err->phase), steps[i].what);
		for (i++; i-- > 0;)
			if (steps[i].undo && is_due(c, i))
				steps[i].undo(c);
		close_all(c);
		created_release(ret);
		return -1;
	}
	ret->sock = c->sock;
	close_all(c);
	return 0;
}

int container_create(struct runtime *rt, const char *id, const struct skerry_create_options *o,
		     enum create_mode mode, struct created *ret, struct err *err)
{
	struct create c = { .rt = rt, .o = o, .id = id, .mode = mode };

	return create(&c, ret, err);
}

int container_create_by(struct runtime *rt, const char *id, const struct skerry_create_options *o,
			const struct restorer *by, struct created *ret, struct err *err)
{
	struct create c = { .rt = rt, .o = o, .id = id, .mode = CREATE_AND_START, .by = by };

	return create(&c, ret, err);
}

int container_plan_write(struct runtime *rt, const char *id, const struct skerry_create_options *o,
			 struct json_out *out, struct err *err)
{
	struct create c = { .rt = rt, .o = o, .id = id, .mode = CREATE_AND_START };
	struct created made;
	int rc = -1;

	begin(&c, &made);
	if (open_bundle(&c, err) == 0 && load_config(&c, err) == 0 &&
	    choose_networks(&c, err) == 0 && make_plan(&c, err) == 0) {
		plan_write(&c.plan, &c.place, out);
		rc = 0;
	}
	close_all(&c);
	created_release(&made);
	return rc;
}
