/* SPDX-License-Identifier: Apache-2.0 */
/* create.c - Create: a container from a bundle
 *
 *   shim    pipes and fifos opened; the name is taken
 *   worker  rootfs mounted, options saved for `delete`, the runtime's create
 *   shim    output copied, memory watched, TaskCreate, the answer
 *
 * What the worker had made before it failed it takes back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/shim/shim.h"

#define WORK_ARENA   ((size_t)256 << 20)
#define CALL_ARENA   ((size_t)1 << 20)
#define PREFIX	     "OCI runtime create failed: "
#define PID_FILE_MAX 4096

static char *copy_or_empty(const char *text)
{
	return strdup(text ? text : "");
}

void container_free(struct container *k)
{
	struct container **at = &k->shim->containers;

	while (*at && *at != k)
		at = &(*at)->next;
	if (*at)
		*at = k->next;
	timer_stop(&k->shim->loop, &k->timer);
	while (k->execs) {
		struct process *p = k->execs;

		k->execs = p->next;
		process_free(p);
		free(p);
	}
	process_free(&k->init);
	oom_unwatch(k);
	(void)fd_close(k->cgroup);
	free(k->id);
	free(k->bundle);
	free(k->root);
	free(k->checkpoint);
	free(k);
}

static struct container *container_new(struct shim *s, const struct create_request *q,
				       const struct options *o)
{
	struct container *k = calloc(1, sizeof(*k));
	const char *root = o->root[0] ? o->root : OPTIONS_ROOT;
	size_t size = strlen(root) + strlen(s->namespace) + 2;
	struct process *p;

	if (!k)
		return NULL;
	k->shim = s;
	k->cgroup = -1;
	k->watch = -1;
	k->parked_end = &k->parked;
	k->systemd_cgroup = o->systemd_cgroup;
	k->no_pivot = o->no_pivot;
	k->no_new_keyring = o->no_new_keyring;
	p = &k->init;
	process_init(p, k);
	k->id = strdup(q->id);
	k->bundle = strdup(q->bundle);
	k->root = malloc(size);
	p->exec_id = strdup("");
	p->in = copy_or_empty(q->in);
	p->out = copy_or_empty(q->out);
	p->err = copy_or_empty(q->err);
	p->terminal = q->terminal;
	if (q->checkpoint && q->checkpoint[0] && !(k->checkpoint = strdup(q->checkpoint))) {
		container_free(k);
		return NULL;
	}
	if (!k->id || !k->bundle || !k->root || !p->exec_id || !p->in || !p->out || !p->err ||
	    str_format(k->root, size, "%s/%s", root, s->namespace) < 0) {
		container_free(k);
		return NULL;
	}
	k->next = s->containers;
	s->containers = k;
	return k;
}

/* --- in the worker ------------------------------------------------------------------ */

static int create_container(struct container *k, const struct options *o, struct report *r)
{
	struct skerry_error e = { 0 };
	struct skerry *s = container_runtime(k, &r->err);
	char pid_file[PID_FILE_MAX];
	struct skerry_create_options co = { .size = sizeof(co),
					    .bundle = k->bundle,
					    .pid_file = pid_file,
					    .no_pivot = o->no_pivot,
					    .no_new_keyring = o->no_new_keyring,
					    .ret_pid = &r->pid,
					    .ret_master = k->init.terminal ? &r->master : NULL };

	if (!s)
		return -1;
	if (str_format(pid_file, sizeof(pid_file), "%s/init.pid", k->bundle) < 0)
		return err_sys(&r->err, "name the pid file");
	if (skerry_create(s, k->id, &co, &e) < 0)
		return runtime_failed(&e, PREFIX, &r->err);
	r->cgroup = skerry_cgroup_open(s, k->id, &e);
	if (r->cgroup < 0 && e.code != ENOENT) {
		(void)runtime_failed(&e, PREFIX, &r->err);
		(void)skerry_delete(s, k->id, true, NULL);
		return -1;
	}
	return 0;
}

static void create_run(struct work *w, struct report *r)
{
	const struct create_request *q = w->request;
	struct container *k = w->container;
	struct options o;
	struct bundle b;
	struct arena arena;

	arena_init(&arena, WORK_ARENA);
	r->rc = -1;
	if (options_from_any(q->options, &arena, &o, &r->err) < 0 ||
	    bundle_load(k->bundle, &arena, &b, &r->err) < 0)
		return;
	if (b.systemd_path)
		k->systemd_cgroup = o.systemd_cgroup = true;
	r->private_pids = b.private_pids;
	if (options_save(&o, k->bundle, &r->err) < 0 ||
	    rootfs_mount(k->bundle, &q->rootfs, &r->err) < 0)
		return;
	if (k->checkpoint)
		r->rc = 0;
	else if (io_enter(&k->init.io, k->id, k->shim->namespace, r, &r->err) == 0)
		r->rc = create_container(k, &o, r);
	if (r->rc < 0 && q->rootfs.n)
		(void)rootfs_unmount(k->bundle, NULL);
}

/* --- in the shim ---------------------------------------------------------------------- */

static void publish_create(struct container *k, const struct create_request *q)
{
	struct task_io io = { .in = k->init.in,
			      .out = k->init.out,
			      .err = k->init.err,
			      .terminal = k->init.terminal };
	struct task_create event = { .container_id = k->id,
				     .bundle = k->bundle,
				     .rootfs = q->rootfs,
				     .io = &io,
				     .checkpoint = q->checkpoint,
				     .pid = (uint32_t)k->init.pid };

	events_publish(&k->shim->events, "/tasks/create", "TaskCreate", &task_create_table, &event);
}

static void create_failed(struct work *w, const struct report *r)
{
	struct container *k = w->container;
	struct shim *s = k->shim;
	struct call *parked = take(&k->parked);

	call_fail(w->call,
		  code_of(&r->err) == RPC_ALREADY_EXISTS ? RPC_ALREADY_EXISTS : RPC_UNKNOWN, "%s",
		  r->err.msg);
	container_free(k);
	task_handle_all(s, parked);
	shim_consider_stop(s);
}

static void create_done(struct work *w, struct report *r)
{
	struct container *k = w->container;

	process_set_logger(&k->init, r->logger);
	if (r->rc < 0) {
		create_failed(w, r);
		return;
	}
	k->private_pids = r->private_pids;
	k->cgroup = fd_take(&r->cgroup);
	k->init.pid = r->pid;
	k->init.status = STATUS_CREATED;
	if (!k->checkpoint) {
		io_start(&k->init.io, fd_take(&r->master));
		oom_watch(k);
	}
	publish_create(k, w->request);
	call_reply(w->call, &pid_reply_table, &(struct pid_reply){ .pid = (uint32_t)r->pid });
	container_worker_ended(k);
}

static bool is_good_request(struct call *c, const struct create_request *q)
{
	if (!q->id || !q->id[0] || strchr(q->id, '/') || q->id[0] == '.') {
		call_fail(c, RPC_INVALID_ARGUMENT, "\"%s\" is no name for a container",
			  q->id ? q->id : "");
		return false;
	}
	if (!q->bundle || q->bundle[0] != '/') {
		call_fail(c, RPC_INVALID_ARGUMENT, "bundle \"%s\" is not an absolute path",
			  q->bundle ? q->bundle : "");
		return false;
	}
	return true;
}

void task_create(struct shim *s, struct call *c)
{
	struct err err = { 0 };
	struct create_request *q = arena_alloc(&c->arena, sizeof(*q));
	struct options o;
	struct container *k;

	if (!q) {
		call_fail(c, RPC_INTERNAL, "out of memory");
		return;
	}
	if (call_decode(c, &create_request_table, q) < 0 || !is_good_request(c, q))
		return;
	if (options_from_any(q->options, &c->arena, &o, &err) < 0) {
		call_fail(c, RPC_INVALID_ARGUMENT, "%s", err.msg);
		return;
	}
	if (q->options && !options_known(q->options))
		shim_log(s, "warning", "options of type \"%s\" are not known",
			 any_type(q->options));
	if (s->stopping) {
		call_fail(c, RPC_UNAVAILABLE, "the shim is leaving");
		return;
	}
	if (container_find(s, q->id)) {
		call_fail(c, RPC_ALREADY_EXISTS, "container \"%s\": already exists", q->id);
		return;
	}
	k = container_new(s, q, &o);
	if (!k) {
		call_fail(c, RPC_INTERNAL, "out of memory");
		return;
	}
	s->unneeded = false;
	if (io_open(&k->init.io,
		    &(struct io_options){ .in = k->init.in,
					  .out = k->init.out,
					  .err = k->init.err,
					  .terminal = k->init.terminal,
					  .uid = o.io_uid,
					  .gid = o.io_gid },
		    &err) < 0) {
		container_free(k);
		call_fail(c, RPC_UNKNOWN, PREFIX "%s", err.msg);
		return;
	}
	k->exclusive = true;
	work_start(k, &k->init, c, create_run, create_done, &(struct work){ .request = q });
}
