/* SPDX-License-Identifier: Apache-2.0 */
/* restore.c - a container's processes out of images
 *
 * create.c has done what comes before an init (plan, state, group, files);
 * this is what stands in its place:
 *
 *   criu starts as a member of the container's group, with a mount namespace of
 *     its own in which the root file system is bound: nothing is left on the host
 *   images             with --notify-fd: they may not be there before
 *   setup-namespaces   networks, hooks prestart and createRuntime
 *   post-restore       the record gets the process: the last point of refusal
 *   the processes go on; pid file and poststart hooks as with run
 *
 * rst_sibling makes the init our child, as if we had cloned it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "runtime/container/attach.h"
#include "runtime/container/checkpoint.h"
#include "runtime/container/criu_files.h"
#include "runtime/container/criu_image.h"
#include "runtime/container/hooks.h"
#include "runtime/container/plan.h"
#include "runtime/container/restore.h"
#include "runtime/isolate/network.h"
#include "runtime/isolate/terminal.h"

#define RESTORE_LOG "restore.log"

static int out_of_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

/* --- descriptors ------------------------------------------------------------- */

/* A copy that criu will have under the same number: from before its start.  Not 0, which
 * couldn't be told apart from none. */
static int keep(struct restore *r, int fd, struct err *err)
{
	int copy;

	if (r->n_keep == RESTORE_KEEP_MAX)
		return err_set(err, EMFILE, "too many descriptors to inherit");
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return err_sys(err, "descriptor %d", fd);
	r->keep[r->n_keep++] = copy;
	return copy;
}

static int inherit(struct restore *r, const char *key, int copy, struct err *err)
{
	struct criu_inherit_fd *v = arena_array(&r->arena, r->opts.inherit_fd.n + 1, sizeof(*v));

	if (copy < 0)
		return -1;
	if (!v)
		return out_of_memory(err);
	for (size_t i = 0; i < r->opts.inherit_fd.n; i++)
		v[i] = r->opts.inherit_fd.v[i];
	v[r->opts.inherit_fd.n] =
		(struct criu_inherit_fd){ .key = arena_strdup(&r->arena, key), .fd = copy };
	if (!v[r->opts.inherit_fd.n].key)
		return out_of_memory(err);
	r->opts.inherit_fd.v = v;
	r->opts.inherit_fd.n++;
	return 0;
}

static int keep_stdio(struct restore *r, struct err *err)
{
	for (int i = 0; i < 3; i++) {
		r->stdio[i] = -1;
		if (r->request->stdio[i] < 0)
			continue;
		r->stdio[i] = keep(r, r->request->stdio[i], err);
		if (r->stdio[i] < 0)
			return -1;
	}
	return 0;
}

/* Pipes and files of outside become what the caller has. */
static int inherit_stdio(struct restore *r, struct err *err)
{
	struct strings names;
	AUTO_BUF text;

	buf_init(&text);
	if (file_read(r->dirs.images_fd, CHECKPOINT_DESCRIPTORS, &text, CHECKPOINT_DESCRIPTORS_MAX,
		      true) < 0)
		return errno == ENOENT ? 0
				       : err_sys(err, "read \"%s/" CHECKPOINT_DESCRIPTORS "\"",
						 r->dirs.images);
	if (checkpoint_descriptors_parse(text.s, text.len, &r->arena, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n && i < 3; i++) {
		bool seen = false;

		if (!strstr(names.v[i], "pipe:") && !str_starts(names.v[i], "file["))
			continue;
		for (size_t k = 0; k < i; k++)
			seen = seen || strcmp(names.v[k], names.v[i]) == 0;
		if (seen || r->stdio[i] < 0)
			continue;
		if (inherit(r, names.v[i], r->stdio[i], err) < 0)
			return -1;
		if (str_starts(names.v[i], "file[") &&
		    criu_outside_of(names.v[i], r->stdio[i], &r->outside[r->n_outside++]) < 0)
			return err_sys(err, "descriptor %zu", i);
	}
	return 0;
}

/* --- name spaces and groups ----------------------------------------------------- */

/* A network namespace of outside, without its path: the images want one.  It lives in the
 * processes. */
static int new_network(struct restore *r, struct err *err)
{
	static const char self[] = "/proc/self/ns/net";
	AUTO_FD ours = open(self, O_RDONLY | O_CLOEXEC);
	AUTO_FD fresh = -1;

	if (ours < 0)
		return err_sys(err, "open \"%s\"", self);
	if (unshare(CLONE_NEWNET) < 0)
		return err_sys(err, "make a network namespace");
	fresh = open(self, O_RDONLY | O_CLOEXEC);
	if (setns(ours, CLONE_NEWNET) < 0 || fresh < 0)
		return err_sys(err, "network namespace");
	return inherit(r, checkpoint_namespace_key(NS_NETWORK), keep(r, fresh, err), err);
}

/* Name spaces to join: criu restores into them. */
static int external_namespaces(struct restore *r, struct err *err)
{
	const struct plan *p = r->with->plan;
	size_t n = 0;

	r->opts.join_ns.v = arena_array(&r->arena, NS_COUNT, sizeof(*r->opts.join_ns.v));
	if (!r->opts.join_ns.v)
		return out_of_memory(err);
	for (int ns = 0; ns < NS_COUNT; ns++) {
		const char *key = checkpoint_namespace_key((enum ns)ns);
		char *name = arena_strdup(&r->arena, ns_names[ns].proc_name);

		if (!p->join[ns] || p->join_fd[ns] < 0)
			continue;
		if (!name)
			return out_of_memory(err);
		if (key) {
			if (inherit(r, key, keep(r, p->join_fd[ns], err), err) < 0)
				return -1;
		} else if (ns == NS_IPC || ns == NS_UTS || ns == NS_TIME) {
			r->opts.join_ns.v[n++] = (struct criu_join_ns){
				.ns = name,
				.file = arena_printf(&r->arena, "/proc/%d/fd/%d", (int)getpid(),
						     p->join_fd[ns])
			};
		} else {
			return err_set(
				err, ENOTSUP,
				"a container that joins the %s namespace \"%s\" can't be restored",
				ns_names[ns].spec_name, p->join[ns]);
		}
	}
	r->opts.join_ns.n = n;
	if (r->request->outer_network && !p->join[NS_NETWORK])
		return new_network(r, err);
	return 0;
}

/* A process that moves into a group waits for all processors, ten milliseconds and more, and
 * criu moves what it restores.  Where all of it was in the container's one group, it is born
 * there instead, from a criu that is in it and in a namespace of groups that begins there. */
static bool may_be_born_in_group(const struct restore *r)
{
	const struct plan *p = r->with->plan;

	/* In a user namespace the one of groups is that namespace's. */
	return r->with->made->cgroup.fd >= 0 && r->opts.manage_cgroups_mode == CRIU_CG_SOFT &&
	       !p->is_new[NS_USER] && !p->join[NS_CGROUP] && !p->join[NS_USER];
}

/* 1, 0 or -1. */
static int was_in_one_group(const struct restore *r, struct err *err)
{
	AUTO_BUF text;

	buf_init_max(&text, CRIU_CGROUP_MAX);
	/* There is none where nothing was to be said of groups. */
	if (faccessat(r->dirs.images_fd, CRIU_CGROUP, F_OK, 0) < 0 && errno == ENOENT)
		return 1;
	return restore_read_image(r, CRIU_CGROUP, &text, err) < 0
		       ? -1
		       : criu_cgroup_is_one(text.s, text.len, err);
}

/* Where the processes are to be, whatever the group was called before. */
static int group_root(struct restore *r, struct err *err)
{
	const struct cgroup_place *p = &r->with->made->cgroup.place;
	struct criu_cg_root *v;

	if (r->in_group) {
		r->opts.manage_cgroups = false;
		r->opts.manage_cgroups_mode = CRIU_CG_IGNORE;
		return 0;
	}
	if (r->with->made->cgroup.fd < 0 || !r->opts.manage_cgroups)
		return 0;
	v = arena_alloc(&r->arena, sizeof(*v));
	if (v)
		v->path = arena_printf(&r->arena, "%s%s%s", p->path, p->subgroup[0] ? "/" : "",
				       p->subgroup);
	if (!v || !v->path)
		return out_of_memory(err);
	r->opts.cg_root.v = v;
	r->opts.cg_root.n = 1;
	return 0;
}

/* --- what criu asks on the way ------------------------------------------------- */

static int run_hooks(struct restore *r, pid_t pid, struct err *err)
{
	const struct spec *spec = r->with->made->spec;
	struct hook_state state = {
		.id = r->with->made->entry.rec.id,
		.bundle = r->with->bundle,
		.oci_version = spec->ociVersion,
		.status = "creating",
		.pid = pid,
		.annotations = &spec->annotations,
	};
	struct hooks_run run = {
		.name = "prestart", .state = &state, .cwd = r->with->bundle, .spec = spec
	};

	if (!spec->hooks)
		return 0;
	run.list = &spec->hooks->prestart;
	if (hooks_run(&run, err) < 0)
		return -1;
	run.name = "createRuntime";
	run.list = &spec->hooks->createRuntime;
	return hooks_run(&run, err);
}

/* The loopback and the settings of a network namespace that is new: criu has none to restore,
 * and there is no init.  What other namespaces have is in the images. */
static int set_up_network(struct restore *r, pid_t pid, struct err *err)
{
	const struct plan *p = r->with->plan;
	struct sysctls net = { .v = arena_array(&r->arena, p->sysctls.n + 1, sizeof(*net.v)) };
	AUTO_FD ours = -1;
	AUTO_FD theirs = -1;
	AUTO_FD sys = -1;
	char path[64];
	int rc;

	if (!net.v)
		return out_of_memory(err);
	for (size_t i = 0; i < p->sysctls.n; i++)
		if (str_starts(p->sysctls.v[i].path, "net/"))
			net.v[net.n++] = p->sysctls.v[i];
	if (!p->is_new[NS_NETWORK])
		return 0;
	(void)!str_format(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	ours = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	theirs = open(path, O_RDONLY | O_CLOEXEC);
	sys = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (ours < 0 || theirs < 0 || sys < 0 || setns(theirs, CLONE_NEWNET) < 0)
		return err_sys(err, "enter the network namespace of process %d", (int)pid);
	rc = network_loopback_up(err);
	if (rc == 0 && net.n)
		rc = sysctl_apply(&net, sys, err);
	if (setns(ours, CLONE_NEWNET) < 0)
		return err_sys(err, "leave the network namespace of process %d", (int)pid);
	return rc;
}

static int set_up_namespaces(struct restore *r, pid_t pid, struct err *err)
{
	struct attach *a = r->with->attach;

	r->pid = pid;
	if (a->wanted &&
	    (attach_hold(a, pid, err) < 0 || attach_apply(a, r->with->made->entry.dir, err) < 0))
		return -1;
	if (set_up_network(r, pid, err) < 0)
		return -1;
	return run_hooks(r, pid, err);
}

static int take_terminal(struct restore *r, int fd, struct err *err)
{
	if (fd < 0)
		return err_set(err, EBADF, "criu sent no terminal");
	if (r->with->console_socket >= 0)
		return terminal_send_master(r->with->console_socket, fd, err);
	r->with->made->master = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return r->with->made->master < 0 ? err_sys(err, "terminal") : 0;
}

/* In a namespace that is older than the restore a checkpoint may have left its lock; else we put
 * one there while connections are put back.  criu's own is a program's work, and it would wait
 * for the end of what it takes back. */
static void lock_network(struct restore *r)
{
	const struct plan *p = r->with->plan;
	const int netns = p->join[NS_NETWORK] ? p->join_fd[NS_NETWORK] : -1;

	r->no_lock = netns >= 0 || r->request->outer_network;
	if (netns < 0)
		return;
	r->locked = network_lock_is_left(netns);
	if (r->locked || !r->o->tcp_established)
		return;
	r->lock = network_lock_put(netns);
	r->locked = r->no_lock = r->lock >= 0;
}

static void unlock_network(struct restore *r)
{
	struct err left = { 0 };

	if (!r->locked)
		return;
	r->locked = false;
	if (network_lock_drop(r->with->plan->join_fd[NS_NETWORK], &r->lock, &left) < 0)
		runtime_warn(r->rt, "%s", left.msg);
}

static int notified(void *arg, const struct criu_notify *n, int fd, struct err *err)
{
	struct restore *r = arg;

	runtime_debug(r->rt, "restore: %s", n->script);
	if (strcmp(n->script, "setup-namespaces") == 0 && set_up_namespaces(r, n->pid, err) < 0)
		return -1;
	if (strcmp(n->script, "orphan-pts-master") == 0 && take_terminal(r, fd, err) < 0)
		return -1;
	if (strcmp(n->script, "post-restore") == 0 && r->with->record(r->with, n->pid, err) < 0)
		return -1;
	if (strcmp(n->script, "network-unlock") == 0)
		unlock_network(r);
	/* Behind all of ours: after its "go" nothing is left here that can fail. */
	return criu_relay_ask(&r->relay, n, err);
}

/* --- in order --------------------------------------------------------------------- */

/* All that the images have no part in. */
static int prepare(struct restore *r, struct err *err)
{
	static char log[] = RESTORE_LOG;
	const struct created *made = r->with->made;

	if (!realpath(r->rt->store.path, r->root) ||
	    str_format(r->state, sizeof(r->state), "%s/%s", r->root, made->entry.rec.id) < 0 ||
	    str_format(r->root, sizeof(r->root), "%s/" RESTORE_ROOT_DIR, r->state) < 0)
		return err_sys(err, "state directory \"%s\"", r->rt->store.path);
	if (mkdirat(made->entry.dir, RESTORE_ROOT_DIR, 0700) < 0)
		return err_sys(err, "make \"%s\"", r->root);
	r->rootfs = made->entry.rec.rootfs;
	if (checkpoint_options(r->o, &r->dirs, &r->arena, &r->opts, err) < 0)
		return -1;
	r->opts.log_file = log;
	r->opts.root = r->root;
	r->opts.rst_sibling = true;
	r->opts.evasive_devices = true;
	r->opts.lsm_profile = r->o->lsm_profile ? arena_strdup(&r->arena, r->o->lsm_profile) : NULL;
	if (r->o->lsm_mount_context)
		r->opts.lsm_mount_context = arena_strdup(&r->arena, r->o->lsm_mount_context);
	r->in_group = may_be_born_in_group(r);
	return keep_stdio(r, err) < 0 ? -1 : external_namespaces(r, err);
}

/* Who holds --notify-fd may start us before there are images: with what comes before them, and
 * criu's own start, behind us when they are. */
static int wait_for_images(struct restore *r, struct err *err)
{
	static char name[] = "images";
	const struct criu_notify images = { name, 0 };

	return criu_relay_ask(&r->relay, &images, err);
}

static int decide(struct restore *r, struct err *err)
{
	if (group_root(r, err) < 0 || inherit_stdio(r, err) < 0)
		return -1;
	criu_cgroup_flags_save(&r->flags);
	lock_network(r);
	return restore_mounts_plan(r, err);
}

static int start_criu(struct restore *r, struct err *err)
{
	const struct criu_start start = { .program = r->rt->criu,
					  .cgroup = r->with->made->cgroup.fd,
					  .own_cgroup =
						  r->in_group && r->with->plan->is_new[NS_CGROUP],
					  .own_mounts = true,
					  .root = r->rootfs,
					  .root_at = r->root,
					  .dirs = { r->dirs.images, r->dirs.work },
					  .dir_fds = { r->dirs.images_fd, r->dirs.work_fd },
					  .keep = r->keep,
					  .n_keep = r->n_keep,
					  .same_session = r->o->shell_job };

	return criu_open(&r->criu, &start, err);
}

static int check_criu(struct restore *r, struct err *err)
{
	struct criu_features features;

	if (criu_check(&r->criu, CHECKPOINT_CRIU_LEAST, err) < 0)
		return -1;
	/* The first criu since the boot asks the kernel for all that it can do, and remembers
	 * the answers in /run: not once everything stands still. */
	return r->relay.over ? 0 : criu_features(&r->criu, &features, err);
}

/* It is our child, and keeps its number until someone asks for it. */
static void reap(struct restore *r)
{
	if (r->pid > 1 && !r->with->made->pid && proc_kill(r->pid, SIGKILL) == 0)
		(void)waitpid(r->pid, NULL, 0);
}

/* While criu restores the processes; its own mounts are behind it then. */
static void answered(void *arg, const struct criu_notify *n)
{
	const struct restore *r = arg;

	if (strcmp(n->script, "setup-namespaces") == 0)
		checkpoint_give_flags_back(r->rt, &r->flags);
}

static int ask(struct restore *r, struct err *err)
{
	const struct criu_req req = { .type = CRIU_RESTORE, .opts = &r->opts };
	struct criu_resp resp;
	int rc;

	r->criu.after = answered;
	rc = criu_call(&r->criu, &req, notified, r, &resp, err);
	checkpoint_give_flags_back(r->rt, &r->flags);
	return rc < 0 ? checkpoint_failed(&r->dirs, RESTORE_LOG, err) : 0;
}

/* In a user namespace criu opens images as its root, whom the host's directory is closed to: it
 * may pass through meanwhile, and nobody else. */
struct passage {
	struct stat was;
	bool open;
};

static int open_passage(const struct restore *r, struct passage *p, struct err *err)
{
	const uint32_t root = r->with->plan->idmap.root_gid;
	struct stat st;

	if (!r->with->plan->is_new[NS_USER] || root == (uint32_t)-1 ||
	    fstat(r->dirs.images_fd, &st) < 0)
		return 0;
	if ((st.st_mode & S_IXOTH) || (st.st_gid == root && (st.st_mode & S_IXGRP)))
		return 0;
	if (fchown(r->dirs.images_fd, (uid_t)-1, root) < 0 ||
	    fchmod(r->dirs.images_fd, (st.st_mode & 0700) | S_IXGRP) < 0)
		return err_sys(err, "let the container's root into \"%s\"", r->dirs.images);
	p->was = st;
	p->open = true;
	return 0;
}

static void close_passage(const struct restore *r, const struct passage *p)
{
	if (!p->open)
		return;
	(void)!fchown(r->dirs.images_fd, (uid_t)-1, p->was.st_gid);
	(void)fchmod(r->dirs.images_fd, p->was.st_mode & 07777);
}

/* There was more than the one group: criu makes them, from outside. */
static int look_at_groups(struct restore *r, struct err *err)
{
	const int one = r->in_group ? was_in_one_group(r, err) : 1;

	if (one != 0)
		return one < 0 ? -1 : 0;
	r->in_group = false;
	if (!r->criu.pid)
		return 0;
	criu_close(&r->criu);
	criu_init(&r->criu);
	return start_criu(r, err) < 0 ? -1 : check_criu(r, err);
}

/* Where there are images criu starts meanwhile; where they are waited for it starts before they
 * come. */
static int settle(struct restore *r, struct err *err)
{
	const bool wait = !r->relay.over;

	if (!wait && look_at_groups(r, err) < 0)
		return -1;
	if (start_criu(r, err) < 0)
		return -1;
	if (wait &&
	    (check_criu(r, err) < 0 || wait_for_images(r, err) < 0 || look_at_groups(r, err) < 0))
		return -1;
	if (decide(r, err) < 0 || (!wait && check_criu(r, err) < 0))
		return -1;
	return restore_mounts_make(r, err);
}

static int restore_processes(void *arg, struct restoring *with, struct err *err)
{
	struct restore *r = arg;
	struct passage passage = { .open = false };
	int rc;

	r->with = with;
	rc = prepare(r, err) < 0 || settle(r, err) < 0 || open_passage(r, &passage, err) < 0 ||
			     ask(r, err) < 0
		     ? -1
		     : 0;
	criu_close(&r->criu);
	close_passage(r, &passage);
	if (rc < 0)
		reap(r);
	if (rc < 0 && !r->o->tcp_established)
		unlock_network(r);
	if (rc == 0 && r->request->restored)
		r->request->restored(r->request->arg);
	(void)unlinkat(with->made->entry.dir, RESTORE_ROOT_DIR, AT_REMOVEDIR);
	restore_mounts_drop(r);
	r->lock = fd_close(r->lock);
	while (r->n_keep)
		(void)fd_close(r->keep[--r->n_keep]);
	return rc;
}

/* The networks that the container had, unless others are asked for. */
static bool asks_for_networks(const struct skerry_create_options *c)
{
	return c->networks || c->ports || c->dns || c->dns_search || c->dns_options || c->hosts ||
	       c->ip || c->mac || c->pod;
}

int container_restore_with(struct runtime *rt, const struct clone_request *request, struct err *err)
{
	struct skerry_create_options c = *request->create;
	struct restore r = { .rt = rt,
			     .o = request->o,
			     .dirs = { .images_fd = -1, .work_fd = -1 },
			     .lock = -1,
			     .request = request };
	const struct restorer by = { restore_processes, &r };
	int rc;

	arena_init(&r.arena, ARENA_MAX_DEFAULT);
	criu_init(&r.criu);
	rc = criu_relay_begin(r.o->notify_fd, "post-restore", &r.relay, err);
	if (rc == 0)
		rc = image_dirs_open(r.o, false, &r.dirs, err);
	if (rc == 0 && !asks_for_networks(&c))
		rc = checkpoint_networks(r.dirs.images_fd, false, &r.arena, &c, err);
	if (rc == 0)
		rc = container_run_by(rt, request->twin, &c, &by, err);
	image_dirs_close(&r.dirs);
	arena_release(&r.arena);
	return rc;
}

int container_restore(struct runtime *rt, const char *id,
		      const struct skerry_create_options *create,
		      const struct skerry_checkpoint_options *o, struct err *err)
{
	static const int ours[3] = { 0, 1, 2 };
	const struct clone_request request = {
		.twin = id, .create = create, .o = o, .stdio = ours
	};

	if (o->import_path)
		return container_import(rt, id, create, o, err);
	return container_restore_with(rt, &request, err);
}
