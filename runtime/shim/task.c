/* SPDX-License-Identifier: Apache-2.0 */
/* task.c - the methods of the Task service
 *
 * What is known here is answered at once; what touches a container goes to a
 * worker.  Workers of one container that change it as a whole (start, pause,
 * update, delete) have it to themselves: calls that find it taken are parked
 * and done again, in order, when it is free.
 *
 * containerd api/runtime/task/v2/shim.proto; the same messages as v3.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "runtime/shim/shim.h"

#define ANSWER_MAX ((size_t)FRAME_MAX)
#define PIDS_ARENA ((size_t)64 << 20)

/* --- who is meant ------------------------------------------------------------------ */

struct container *container_find(const struct shim *s, const char *id)
{
	for (struct container *c = s->containers; c; c = c->next)
		if (id && strcmp(c->id, id) == 0)
			return c;
	return NULL;
}

struct process *process_find(struct container *k, const char *exec_id)
{
	if (!exec_id || !exec_id[0])
		return &k->init;
	for (struct process *p = k->execs; p; p = p->next)
		if (strcmp(p->exec_id, exec_id) == 0)
			return p;
	return NULL;
}

/* A container that create has gone through for. */
static struct container *find_made(const struct shim *s, const char *id)
{
	struct container *c = container_find(s, id);

	return c && c->init.status != STATUS_UNKNOWN ? c : NULL;
}

static void fail_no_container(struct call *c)
{
	call_fail(c, RPC_NOT_FOUND, "container not created: not found");
}

/* --- work ---------------------------------------------------------------------------- */

enum rpc_code code_of(const struct err *err)
{
	switch (err->code) {
	case ENOENT:
	case ESRCH:
		return RPC_NOT_FOUND;
	case EEXIST:
		return RPC_ALREADY_EXISTS;
	case EINVAL:
		return RPC_INVALID_ARGUMENT;
	default:
		return RPC_UNKNOWN;
	}
}

int runtime_failed(const struct skerry_error *from, const char *prefix, struct err *err)
{
	return err_set(err, from->code ? from->code : EIO, "%s%s", prefix, from->message);
}

struct skerry *container_runtime(const struct container *k, struct err *err)
{
	struct skerry_error e = { 0 };
	struct skerry_options o = { .size = sizeof(o),
				    .root = k->root,
				    .cgroup_manager =
					    k->systemd_cgroup ? SKERRY_SYSTEMD : SKERRY_CGROUPFS,
				    .rootless = -1 };
	struct skerry *s = skerry_open(&o, &e);

	if (!s)
		(void)runtime_failed(&e, "", err);
	return s;
}

void container_park(struct container *k, struct call *c)
{
	c->next = NULL;
	*k->parked_end = c;
	k->parked_end = &c->next;
}

void task_handle_all(struct shim *s, struct call *c)
{
	while (c) {
		struct call *next = c->next;

		c->next = NULL;
		task_handle(c, s);
		c = next;
	}
}

void container_unpark(struct container *k)
{
	k->parked_end = &k->parked;
	task_handle_all(k->shim, take(&k->parked));
}

void container_worker_ended(struct container *k)
{
	k->workers--;
	if (k->workers == 0)
		k->exclusive = false;
	container_unpark(k);
}

static void work_run(void *arg, struct report *r)
{
	struct work *w = arg;

	w->run(w, r);
}

static void work_done(void *arg, struct report *r)
{
	struct work *w = arg;

	w->done(w, r);
	free(w);
}

void work_start(struct container *k, struct process *p, struct call *c,
		void (*run)(struct work *w, struct report *r),
		void (*done)(struct work *w, struct report *r), const struct work *more)
{
	struct work now = more ? *more : (struct work){ 0 };
	struct work *w = calloc(1, sizeof(*w));
	struct report r = { .rc = -1, .cgroup = -1, .master = -1, .data = -1 };

	now.container = k;
	now.process = p;
	now.call = c;
	now.run = run;
	now.done = done;
	k->workers++;
	if (w)
		*w = now;
	else
		err_set_(&r.err, ENOMEM, "out of memory");
	if (w && worker_start(&k->shim->workers, work_run, w, work_done, &r.err) == 0)
		return;
	free(w);
	done(&now, &r);
}

/* --- pause, resume, update, kill of all, pids ------------------------------------------ */

static void pause_run(struct work *w, struct report *r)
{
	struct skerry *s = container_runtime(w->container, &r->err);
	struct skerry_error e = { 0 };

	r->rc = s ? skerry_pause(s, w->container->id, &e) : -1;
	if (s && r->rc < 0)
		(void)runtime_failed(&e, "", &r->err);
}

static void resume_run(struct work *w, struct report *r)
{
	struct skerry *s = container_runtime(w->container, &r->err);
	struct skerry_error e = { 0 };

	r->rc = s ? skerry_resume(s, w->container->id, &e) : -1;
	if (s && r->rc < 0)
		(void)runtime_failed(&e, "", &r->err);
}

/* The call may end the container's life in the table: everything of it is used before. */
static void answer(struct work *w, struct report *r)
{
	if (r->rc == 0)
		call_reply(w->call, &empty_table, &(struct empty){ 0 });
	else
		call_fail(w->call, code_of(&r->err), "%s", r->err.msg);
	container_worker_ended(w->container);
}

static void pause_done(struct work *w, struct report *r)
{
	struct container *k = w->container;
	struct task_simple event = { .container_id = k->id };

	if (k->init.status == STATUS_PAUSING)
		k->init.status = r->rc == 0 ? STATUS_PAUSED : STATUS_RUNNING;
	if (r->rc == 0)
		events_publish(&k->shim->events, "/tasks/paused", "TaskPaused", &task_simple_table,
			       &event);
	answer(w, r);
}

static void resume_done(struct work *w, struct report *r)
{
	struct container *k = w->container;
	struct task_simple event = { .container_id = k->id };

	if (r->rc == 0 && k->init.status == STATUS_PAUSED)
		k->init.status = STATUS_RUNNING;
	if (r->rc == 0)
		events_publish(&k->shim->events, "/tasks/resumed", "TaskResumed",
			       &task_simple_table, &event);
	answer(w, r);
}

static const char *status_word(enum status status)
{
	static const char *const words[] = { "an unknown", "a created", "a running",
					     "a stopped",  "a paused",	"a pausing" };

	return words[status];
}

static bool is_taken(const struct container *k)
{
	return k->workers > 0 || k->parked;
}

static void task_pause(struct shim *s, struct call *c)
{
	struct process_request q;
	struct container *k;

	if (call_decode(c, &process_request_table, &q) < 0)
		return;
	k = find_made(s, q.id);
	if (!k) {
		fail_no_container(c);
	} else if (is_taken(k)) {
		container_park(k, c);
	} else if (k->init.status != STATUS_RUNNING) {
		call_fail(c, RPC_FAILED_PRECONDITION, "cannot pause %s container",
			  status_word(k->init.status));
	} else {
		k->exclusive = true;
		k->init.status = STATUS_PAUSING;
		work_start(k, &k->init, c, pause_run, pause_done, NULL);
	}
}

static void task_resume(struct shim *s, struct call *c)
{
	struct process_request q;
	struct container *k;

	if (call_decode(c, &process_request_table, &q) < 0)
		return;
	k = find_made(s, q.id);
	if (!k) {
		fail_no_container(c);
	} else if (is_taken(k)) {
		container_park(k, c);
	} else if (k->init.status != STATUS_PAUSED) {
		call_fail(c, RPC_FAILED_PRECONDITION, "cannot resume %s process",
			  status_word(k->init.status));
	} else {
		k->exclusive = true;
		work_start(k, &k->init, c, resume_run, resume_done, NULL);
	}
}

static void update_run(struct work *w, struct report *r)
{
	struct skerry *s = container_runtime(w->container, &r->err);
	struct skerry_error e = { 0 };

	const struct any *a = w->request;

	r->rc = s ? skerry_update(s, w->container->id, a->value.v, a->value.n, NULL, NULL, &e) : -1;
	if (s && r->rc < 0)
		(void)runtime_failed(&e, "", &r->err);
}

static void task_update(struct shim *s, struct call *c)
{
	struct update_request q;
	struct container *k;

	if (call_decode(c, &update_request_table, &q) < 0)
		return;
	k = find_made(s, q.id);
	if (!k) {
		fail_no_container(c);
	} else if (is_taken(k)) {
		container_park(k, c);
	} else if (k->init.status == STATUS_STOPPED) {
		call_fail(c, RPC_FAILED_PRECONDITION, "cannot update a stopped container");
	} else if (!q.resources || !q.resources->value.n) {
		call_fail(c, RPC_INVALID_ARGUMENT, "no resources to update");
	} else {
		k->exclusive = true;
		work_start(k, &k->init, c, update_run, answer,
			   &(struct work){ .request = q.resources });
	}
}

static void kill_all_run(struct work *w, struct report *r)
{
	struct skerry *s = container_runtime(w->container, &r->err);
	struct skerry_error e = { 0 };

	r->rc = s ? skerry_kill(s, w->container->id, (int)w->number, true, &e) : -1;
	if (s && r->rc < 0)
		(void)runtime_failed(&e, "", &r->err);
}

static void task_kill(struct shim *s, struct call *c)
{
	struct process_request q;
	struct container *k;
	struct process *p;

	if (call_decode(c, &process_request_table, &q) < 0)
		return;
	k = container_find(s, q.id);
	p = k ? process_find(k, q.exec_id) : NULL;
	if (!k) {
		fail_no_container(c);
	} else if (!p) {
		call_fail(c, RPC_NOT_FOUND, "process does not exist %s: not found", q.exec_id);
	} else if (k->init.status == STATUS_UNKNOWN || (p->busy && p->pid == 0)) {
		container_park(k, c); /* it is being made */
	} else if (p->pid == 0) {
		call_fail(c, RPC_FAILED_PRECONDITION, "process not created");
	} else if (p->reaped) {
		call_fail(c, RPC_NOT_FOUND, "process already finished: not found");
	} else if (q.a > (uint32_t)SIGRTMAX) {
		call_fail(c, RPC_INVALID_ARGUMENT, "unknown signal %u", q.a);
	} else if (q.b && p == &k->init) {
		work_start(k, p, c, kill_all_run, answer, &(struct work){ .number = q.a });
	} else if (proc_kill(p->pid, (int)q.a) < 0) { /* not reaped: still that process */
		call_fail(c, errno == ESRCH ? RPC_NOT_FOUND : RPC_UNKNOWN,
			  "process already finished: not found");
	} else {
		call_reply(c, &empty_table, &(struct empty){ 0 });
	}
}

/* What is executed in a container has the exec's id with it. */
static struct any *pid_details(const struct container *k, pid_t pid, struct arena *arena)
{
	const struct process *p = k->execs;
	struct any *info;
	AUTO_BUF bytes;

	buf_init(&bytes);
	while (p && (p->pid != pid || p->reaped))
		p = p->next;
	info = p ? arena_alloc(arena, sizeof(*info)) : NULL;
	if (!info)
		return NULL;
	wire_encode(&process_details_table, &(struct process_details){ .exec_id = p->exec_id },
		    &bytes);
	info->type_url = arena_strdup(arena, "containerd.runc.v1.ProcessDetails");
	info->value = (struct wire_bytes){ arena_strndup(arena, bytes.s, bytes.len), bytes.len };
	return info;
}

static void pids_encode(const struct container *k, const pid_t *pids, size_t n, struct buf *out)
{
	CLEANUP(arena_release) struct arena arena;
	struct pids_reply reply = { 0 };

	arena_init(&arena, PIDS_ARENA);
	reply.processes.v = arena_array(&arena, n, sizeof(*reply.processes.v));
	reply.processes.n = reply.processes.v ? n : 0;
	for (size_t i = 0; i < reply.processes.n; i++)
		reply.processes.v[i] =
			(struct process_info){ .pid = (uint32_t)pids[i],
					       .info = pid_details(k, pids[i], &arena) };
	wire_encode(&pids_reply_table, &reply, out);
}

/* Encodes here what would have to be carried over in pieces. */
static void pids_run(struct work *w, struct report *r)
{
	struct container *k = w->container;
	struct skerry *s = container_runtime(k, &r->err);
	struct skerry_error e = { 0 };
	pid_t *pids = NULL;
	size_t n = 0;
	AUTO_BUF out;

	buf_init_max(&out, ANSWER_MAX);
	r->rc = -1;
	if (!s)
		return;
	/* Never empty while it lives: without a group there is what is known. */
	if (skerry_pids(s, k->id, &pids, &n, &e) == 0 && n > 0)
		pids_encode(k, pids, n, &out);
	else
		pids_encode(k, &k->init.pid, 1, &out);
	free(pids);
	r->data = memfd_create("pids", MFD_CLOEXEC);
	if (r->data < 0 || buf_failed(&out) || fd_write_full(r->data, out.s, out.len) < 0) {
		err_sys_(&r->err, "list the processes of \"%s\"", k->id);
		return;
	}
	r->value = (int32_t)out.len;
	r->rc = 0;
}

static void pids_done(struct work *w, struct report *r)
{
	struct container *k = w->container;
	char *bytes = r->rc == 0 ? malloc((size_t)r->value + 1) : NULL;

	if (r->rc == 0 && bytes && pread(r->data, bytes, (size_t)r->value, 0) == r->value)
		call_reply_bytes(w->call, bytes, (size_t)r->value);
	else
		call_fail(w->call, RPC_UNKNOWN, "%s", r->err.msg);
	free(bytes);
	container_worker_ended(k);
}

static void task_pids(struct shim *s, struct call *c)
{
	struct process_request q;
	struct container *k;

	if (call_decode(c, &process_request_table, &q) < 0)
		return;
	k = find_made(s, q.id);
	if (!k)
		fail_no_container(c);
	else if (k->init.reaped)
		call_reply(c, &pids_reply_table, &(struct pids_reply){ 0 });
	else
		work_start(k, &k->init, c, pids_run, pids_done, NULL);
}

/* --- what is known here ------------------------------------------------------------------ */

/* Execs of a container that is held are held. */
static enum status shown_status(const struct container *k, const struct process *p)
{
	enum status init = k->init.status;

	if (p->status == STATUS_RUNNING && (init == STATUS_PAUSED || init == STATUS_PAUSING))
		return init;
	return p->status;
}

static void task_state(struct shim *s, struct call *c)
{
	struct process_request q;
	struct container *k;
	struct process *p;

	if (call_decode(c, &process_request_table, &q) < 0)
		return;
	k = find_made(s, q.id);
	p = k ? process_find(k, q.exec_id) : NULL;
	if (!k) {
		fail_no_container(c);
		return;
	}
	if (!p) {
		call_fail(c, RPC_NOT_FOUND, "process does not exist %s: not found", q.exec_id);
		return;
	}
	call_reply(c, &state_reply_table,
		   &(struct state_reply){ .id = p == &k->init ? k->id : p->exec_id,
					  .bundle = k->bundle,
					  .pid = (uint32_t)p->pid,
					  .status = shown_status(k, p),
					  .in = p->in,
					  .out = p->out,
					  .err = p->err,
					  .terminal = p->terminal,
					  .exit_status = p->exit_status,
					  .exited_at = &p->exited_at,
					  .exec_id = p->exec_id });
}

static void task_connect(struct shim *s, struct call *c)
{
	struct process_request q;
	const struct container *k;

	if (call_decode(c, &process_request_table, &q) < 0)
		return;
	k = container_find(s, q.id);
	call_reply(c, &connect_reply_table,
		   &(struct connect_reply){ .shim_pid = (uint32_t)getpid(),
					    .task_pid = k ? (uint32_t)k->init.pid : 0 });
}

static void task_resize(struct shim *s, struct call *c)
{
	struct err err = { 0 };
	struct process_request q;
	struct container *k;
	struct process *p;

	if (call_decode(c, &process_request_table, &q) < 0)
		return;
	k = find_made(s, q.id);
	p = k ? process_find(k, q.exec_id) : NULL;
	if (!k)
		fail_no_container(c);
	else if (!p)
		call_fail(c, RPC_NOT_FOUND, "process does not exist %s: not found", q.exec_id);
	else if (io_resize(&p->io, q.a, q.b, &err) < 0)
		call_fail(c, RPC_UNKNOWN, "%s", err.msg);
	else
		call_reply(c, &empty_table, &(struct empty){ 0 });
}

static void task_close_io(struct shim *s, struct call *c)
{
	struct process_request q;
	struct container *k;
	struct process *p;

	if (call_decode(c, &process_request_table, &q) < 0)
		return;
	k = find_made(s, q.id);
	p = k ? process_find(k, q.exec_id) : NULL;
	if (!k) {
		fail_no_container(c);
	} else if (!p) {
		call_fail(c, RPC_NOT_FOUND, "process does not exist %s: not found", q.exec_id);
	} else {
		if (q.a)
			io_close_stdin(&p->io);
		call_reply(c, &empty_table, &(struct empty){ 0 });
	}
}

static void task_shutdown(struct shim *s, struct call *c)
{
	struct shutdown_request q;

	if (call_decode(c, &shutdown_request_table, &q) < 0)
		return;
	call_reply(c, &empty_table, &(struct empty){ 0 });
	s->unneeded = true;
	if (!s->containers)
		shim_stop(s);
}

/* --- the table ------------------------------------------------------------------------------ */

/* Those that name a container and one of its processes. */
static void of_process(struct shim *s, struct call *c,
		       void (*method)(struct shim *, struct call *, struct container *,
				      struct process *))
{
	struct process_request q;
	struct container *k;
	struct process *p;

	if (call_decode(c, &process_request_table, &q) < 0)
		return;
	k = container_find(s, q.id);
	p = k ? process_find(k, q.exec_id) : NULL;
	if (!k)
		fail_no_container(c);
	else if (k->init.status == STATUS_UNKNOWN)
		container_park(k, c); /* it is being made */
	else if (!p)
		call_fail(c, RPC_NOT_FOUND, "process does not exist %s: not found", q.exec_id);
	else
		method(s, c, k, p);
}

static void method_start(struct shim *s, struct call *c)
{
	of_process(s, c, task_start);
}

static void method_delete(struct shim *s, struct call *c)
{
	of_process(s, c, task_delete);
}

static void method_wait(struct shim *s, struct call *c)
{
	of_process(s, c, task_wait);
}

static void method_stats(struct shim *s, struct call *c)
{
	struct process_request q;
	struct container *k;

	if (call_decode(c, &process_request_table, &q) < 0)
		return;
	k = find_made(s, q.id);
	if (k)
		task_stats(s, c, k);
	else
		fail_no_container(c);
}

static const struct {
	const char *name;
	void (*run)(struct shim *s, struct call *c);
} methods[] = {
	{ "State", task_state },       { "Create", task_create },
	{ "Start", method_start },     { "Delete", method_delete },
	{ "Pids", task_pids },	       { "Pause", task_pause },
	{ "Resume", task_resume },     { "Checkpoint", task_checkpoint },
	{ "Kill", task_kill },	       { "Exec", task_exec },
	{ "ResizePty", task_resize },  { "CloseIO", task_close_io },
	{ "Update", task_update },     { "Wait", method_wait },
	{ "Stats", method_stats },     { "Connect", task_connect },
	{ "Shutdown", task_shutdown },
};

void task_handle(struct call *c, void *arg)
{
	struct shim *s = arg;

	if (strcmp(c->rpc.service, "containerd.task.v2.Task") != 0 &&
	    strcmp(c->rpc.service, "containerd.task.v3.Task") != 0) {
		call_fail(c, RPC_UNIMPLEMENTED, "service %s", c->rpc.service);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (strcmp(c->rpc.method, methods[i].name) == 0) {
			methods[i].run(s, c);
			return;
		}
	call_fail(c, RPC_UNIMPLEMENTED, "method %s", c->rpc.method);
}
