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
	timer_stop(&k->shim->loop, &k->patience);
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

void container_publish(struct container *k, const char *topic, const char *type,
		       const struct wire_table *table, const void *message)
{
	if (!k->is_sandbox)
		events_publish(&k->shim->events, topic, type, table, message);
}

/* --- in the worker ------------------------------------------------------------------ */

static int create_container(struct container *k, const struct create *how, bool lends_program,
			    struct report *r)
{
	struct skerry_error e = { 0 };
	struct skerry *s = container_runtime(k, &r->err);
	char pid_file[PID_FILE_MAX];
	struct skerry_create_options co = { .size = sizeof(co),
					    .bundle = k->bundle,
					    .pid_file = pid_file,
					    .no_pivot = how->options.no_pivot,
					    .no_new_keyring = how->options.no_new_keyring,
					    .preserve_fds = lends_program ? 1 : 0,
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

/* Descriptors as the process gets them, then the process. */
static int enter_and_create(struct container *k, const struct create *how, bool lends_program,
			    struct report *r)
{
	if (k->checkpoint)
		return 0; /* Start makes it */
	if (io_enter(&k->init.io, k->id, k->shim->namespace, r, &r->err) < 0 ||
	    (lends_program && sandbox_lend_program(r, &r->err) < 0))
		return -1;
	return create_container(k, how, lends_program, r);
}

static void make_it(struct container *k, const struct create *how, bool lends_program,
		    struct report *r)
{
	CLEANUP(arena_release) struct arena arena;
	struct options o = how->options;
	struct bundle b;

	arena_init(&arena, WORK_ARENA);
	if (bundle_load(k->bundle, &arena, &b, &r->err) < 0)
		return;
	if (b.systemd_path)
		k->systemd_cgroup = o.systemd_cgroup = true;
	r->private_pids = b.private_pids;
	if (options_save(&o, k->bundle, &r->err) < 0 ||
	    rootfs_mount(k->bundle, &how->request->rootfs, &r->err) < 0)
		return;
	r->rc = enter_and_create(k, how, lends_program, r);
	if (r->rc < 0 && how->request->rootfs.n)
		(void)rootfs_unmount(k->bundle, NULL);
}

static void create_run(struct work *w, struct report *r)
{
	const struct create *how = w->request;
	int configured = how->sandbox ? sandbox_configure(w->container, how, &r->err) : 0;

	if (configured >= 0)
		make_it(w->container, how, configured == 1, r);
	if (configured == 1 && r->rc < 0)
		sandbox_unconfigure(w->container);
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

	container_publish(k, "/tasks/create", "TaskCreate", &task_create_table, &event);
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
	call_handle_all(s, parked);
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
	k->created_at = timestamp_now();
	publish_create(k, ((const struct create *)w->request)->request);
	if (k->is_sandbox)
		call_reply(w->call, &empty_table, &(struct empty){ 0 });
	else
		call_reply(w->call, &pid_reply_table,
			   &(struct pid_reply){ .pid = (uint32_t)r->pid });
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

void make_container(struct shim *s, struct call *c, const struct create *how)
{
	const struct create_request *q = how->request;
	struct err err = { 0 };
	struct container *k;

	if (!is_good_request(c, q))
		return;
	if (s->stopping) {
		call_fail(c, RPC_UNAVAILABLE, "the shim is leaving");
		return;
	}
	if (container_find(s, q->id)) {
		call_fail(c, RPC_ALREADY_EXISTS, "container \"%s\": already exists", q->id);
		return;
	}
	k = container_new(s, q, &how->options);
	if (!k) {
		call_fail(c, RPC_INTERNAL, "out of memory");
		return;
	}
	k->is_sandbox = how->sandbox;
	s->unneeded = false;
	if (io_open(&k->init.io,
		    &(struct io_options){ .in = k->init.in,
					  .out = k->init.out,
					  .err = k->init.err,
					  .terminal = k->init.terminal,
					  .uid = how->options.io_uid,
					  .gid = how->options.io_gid },
		    &err) < 0) {
		container_free(k);
		call_fail(c, RPC_UNKNOWN, PREFIX "%s", err.msg);
		return;
	}
	k->exclusive = true;
	work_start(&(struct work){ .container = k,
				   .call = c,
				   .run = create_run,
				   .has_io = true,
				   .done = create_done,
				   .request = how });
}

void task_create(const struct todo *t)
{
	const struct create_request *q = t->request;
	struct create *how = arena_alloc(&t->call->arena, sizeof(*how));
	struct err err = { 0 };

	if (!how) {
		call_fail(t->call, RPC_INTERNAL, "out of memory");
		return;
	}
	how->request = q;
	if (options_from_any(q->options, &t->call->arena, &how->options, &err) < 0) {
		call_fail(t->call, RPC_INVALID_ARGUMENT, "%s", err.msg);
		return;
	}
	if (q->options && !options_known(q->options))
		shim_log(t->shim, "warning", "options of type \"%s\" are not known",
			 any_type(q->options));
	make_container(t->shim, t->call, how);
}
