/* SPDX-License-Identifier: Apache-2.0 */
/* task.c - the methods of the Task service that are neither about making nor about ending
 *
 * service.c has found out who is meant.
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

static void reply_empty(struct call *c)
{
	call_reply(c, &empty_table, &(struct empty){ 0 });
}

/* --- pause, resume, update ------------------------------------------------------------- */

static const char *status_word(enum status status)
{
	static const char *const words[] = { "an unknown", "a created", "a running",
					     "a stopped",  "a paused",	"a pausing" };

	return words[status];
}

static int pause_act(struct skerry *s, struct work *w, struct report *r, struct skerry_error *e)
{
	(void)r;
	return skerry_pause(s, w->container->id, e);
}

static int resume_act(struct skerry *s, struct work *w, struct report *r, struct skerry_error *e)
{
	(void)r;
	return skerry_resume(s, w->container->id, e);
}

static void pause_done(struct work *w, struct report *r)
{
	struct container *k = w->container;

	if (k->init.status == STATUS_PAUSING)
		k->init.status = r->rc == 0 ? STATUS_PAUSED : STATUS_RUNNING;
	if (r->rc == 0)
		container_publish(k, "/tasks/paused", "TaskPaused", &task_simple_table,
				  &(struct task_simple){ .container_id = k->id });
	work_answer(w, r);
}

static void resume_done(struct work *w, struct report *r)
{
	struct container *k = w->container;

	if (r->rc == 0 && k->init.status == STATUS_PAUSED)
		k->init.status = STATUS_RUNNING;
	if (r->rc == 0)
		container_publish(k, "/tasks/resumed", "TaskResumed", &task_simple_table,
				  &(struct task_simple){ .container_id = k->id });
	work_answer(w, r);
}

void task_pause(const struct todo *t)
{
	struct container *k = t->container;

	if (k->init.status != STATUS_RUNNING) {
		call_fail(t->call, RPC_FAILED_PRECONDITION, "cannot pause %s container",
			  status_word(k->init.status));
		return;
	}
	k->exclusive = true;
	k->init.status = STATUS_PAUSING;
	work_start(&(struct work){
		.container = k, .call = t->call, .act = pause_act, .done = pause_done });
}

void task_resume(const struct todo *t)
{
	struct container *k = t->container;

	if (k->init.status != STATUS_PAUSED) {
		call_fail(t->call, RPC_FAILED_PRECONDITION, "cannot resume %s process",
			  status_word(k->init.status));
		return;
	}
	k->exclusive = true;
	work_start(&(struct work){
		.container = k, .call = t->call, .act = resume_act, .done = resume_done });
}

static int update_act(struct skerry *s, struct work *w, struct report *r, struct skerry_error *e)
{
	const struct update_request *q = w->request;
	const struct wire_bytes *json = &q->resources->value;

	(void)r;
	return skerry_update(s, w->container->id, json->v, json->n, NULL, NULL, e);
}

void task_update(const struct todo *t)
{
	const struct update_request *q = t->request;
	struct container *k = t->container;

	if (k->init.status == STATUS_STOPPED) {
		call_fail(t->call, RPC_FAILED_PRECONDITION, "cannot update a stopped container");
	} else if (!q->resources || !q->resources->value.n) {
		call_fail(t->call, RPC_INVALID_ARGUMENT, "no resources to update");
	} else {
		k->exclusive = true;
		work_start(&(struct work){ .container = k,
					   .call = t->call,
					   .act = update_act,
					   .done = work_answer,
					   .request = q });
	}
}

/* --- kill -------------------------------------------------------------------------------- */

static int kill_act(struct skerry *s, struct work *w, struct report *r, struct skerry_error *e)
{
	const struct process_request *q = w->request;

	(void)r;
	return skerry_kill(s, w->container->id, (int)q->a, true, e);
}

void task_kill(const struct todo *t)
{
	const struct process_request *q = t->request;
	struct container *k = t->container;
	struct process *p = t->process;

	if (p->busy && p->pid == 0) {
		container_park(k, t->call); /* it is being made */
	} else if (p->pid == 0) {
		call_fail(t->call, RPC_FAILED_PRECONDITION, "process not created");
	} else if (p->reaped) {
		call_fail(t->call, RPC_NOT_FOUND, "process already finished: not found");
	} else if (q->a > (uint32_t)SIGRTMAX) {
		call_fail(t->call, RPC_INVALID_ARGUMENT, "unknown signal %u", q->a);
	} else if (q->b && p == &k->init) {
		work_start(&(struct work){ .container = k,
					   .call = t->call,
					   .act = kill_act,
					   .done = work_answer,
					   .request = q });
	} else if (proc_kill(p->pid, (int)q->a) < 0) { /* not reaped: still that process */
		call_fail(t->call, errno == ESRCH ? RPC_NOT_FOUND : RPC_UNKNOWN,
			  "process already finished: not found");
	} else {
		reply_empty(t->call);
	}
}

/* --- pids -------------------------------------------------------------------------------- */

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
static int pids_act(struct skerry *s, struct work *w, struct report *r, struct skerry_error *e)
{
	struct container *k = w->container;
	pid_t *pids = NULL;
	size_t n = 0;
	AUTO_BUF out;

	buf_init_max(&out, ANSWER_MAX);
	/* Never empty while it lives: without a group there is what is known. */
	if (skerry_pids(s, k->id, &pids, &n, e) == 0 && n > 0)
		pids_encode(k, pids, n, &out);
	else
		pids_encode(k, &k->init.pid, 1, &out);
	free(pids);
	*e = (struct skerry_error){ .message = "no memory to list processes in" };
	r->data = memfd_create("pids", MFD_CLOEXEC);
	if (r->data < 0 || buf_failed(&out) || fd_write_full(r->data, out.s, out.len) < 0)
		return -1;
	r->value = (int32_t)out.len;
	return 0;
}

static void pids_done(struct work *w, struct report *r)
{
	AUTO_FREE char *bytes = r->rc == 0 ? malloc((size_t)r->value + 1) : NULL;

	if (bytes && pread(r->data, bytes, (size_t)r->value, 0) == r->value)
		call_reply_bytes(w->call, bytes, (size_t)r->value);
	else
		call_fail(w->call, RPC_UNKNOWN, "%s", r->err.msg);
	container_worker_ended(w->container);
}

void task_pids(const struct todo *t)
{
	if (t->container->init.reaped)
		call_reply(t->call, &pids_reply_table, &(struct pids_reply){ 0 });
	else
		work_start(&(struct work){ .container = t->container,
					   .call = t->call,
					   .act = pids_act,
					   .done = pids_done });
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

void task_state(const struct todo *t)
{
	struct container *k = t->container;
	struct process *p = t->process;

	call_reply(t->call, &state_reply_table,
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

void task_connect(const struct todo *t)
{
	const struct process_request *q = t->request;
	const struct container *k = container_find(t->shim, q->id);

	call_reply(t->call, &connect_reply_table,
		   &(struct connect_reply){ .shim_pid = (uint32_t)getpid(),
					    .task_pid = k ? (uint32_t)k->init.pid : 0 });
}

void task_resize(const struct todo *t)
{
	const struct process_request *q = t->request;
	struct err err = { 0 };

	if (io_resize(&t->process->io, q->a, q->b, &err) < 0)
		call_fail(t->call, RPC_UNKNOWN, "%s", err.msg);
	else
		reply_empty(t->call);
}

void task_close_io(const struct todo *t)
{
	const struct process_request *q = t->request;

	if (q->a)
		io_close_stdin(&t->process->io);
	reply_empty(t->call);
}

void task_stats(const struct todo *t)
{
	struct any any;
	AUTO_BUF bytes;

	buf_init_max(&bytes, FRAME_MAX);
	stats_read(t->container, &any, &bytes);
	call_reply(t->call, &stats_reply_table, &(struct stats_reply){ .stats = &any });
}

void task_shutdown(const struct todo *t)
{
	struct shim *s = t->shim;

	reply_empty(t->call);
	s->unneeded = true;
	if (!s->containers)
		shim_stop(s);
}
