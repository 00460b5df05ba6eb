/* SPDX-License-Identifier: Apache-2.0 */
/* service.c - which method is meant, of which container, and may it run now
 *
 * What is known is answered at once; what touches a container goes to a
 * worker.  Workers of one container that change it as a whole (start, pause,
 * update, delete) have it to themselves: calls that find it taken are parked
 * and done again, in order, when it is free.
 *
 * containerd api/runtime/task/v2/shim.proto (v3 has the same messages),
 * api/runtime/sandbox/v1/sandbox.proto
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/shim/shim.h"

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

void call_handle_all(struct shim *s, struct call *c)
{
	while (c) {
		struct call *next = c->next;

		c->next = NULL;
		call_handle(c, s);
		c = next;
	}
}

void container_unpark(struct container *k)
{
	k->parked_end = &k->parked;
	call_handle_all(k->shim, take(&k->parked));
}

void container_worker_ended(struct container *k)
{
	k->workers--;
	if (k->workers == 0)
		k->exclusive = false;
	container_unpark(k);
}

void work_act(struct work *w, struct report *r)
{
	struct skerry_error e = { 0 };
	struct skerry *s = container_runtime(w->container, &r->err);

	r->rc = s ? w->act(s, w, r, &e) : -1;
	if (s && r->rc < 0)
		(void)runtime_failed(&e, w->what ? w->what : "", &r->err);
}

static void work_run(void *arg, struct report *r)
{
	struct work *w = arg;

	r->rc = -1;
	if (!w->has_io)
		worker_let_go(r);
	if (w->run)
		w->run(w, r);
	else
		work_act(w, r);
}

static void work_done(void *arg, struct report *r)
{
	struct work *w = arg;

	w->done(w, r);
	free(w);
}

void work_start(const struct work *what)
{
	struct work now = *what;
	struct work *w = calloc(1, sizeof(*w));
	struct report r = { .rc = -1, .cgroup = -1, .master = -1, .data = -1 };

	now.container->workers++;
	if (w)
		*w = now;
	else
		err_set_(&r.err, ENOMEM, "out of memory");
	if (w && worker_start(&now.container->shim->workers, work_run, w, work_done, &r.err) == 0)
		return;
	free(w);
	now.done(&now, &r);
}

void work_answer(struct work *w, struct report *r)
{
	if (r->rc == 0)
		call_reply(w->call, &empty_table, &(struct empty){ 0 });
	else
		call_fail(w->call, code_of(&r->err), "%s", r->err.msg);
	container_worker_ended(w->container);
}

/* --- the tables -------------------------------------------------------------------------- */

/* What a method asks of its request before it runs. */
enum needs {
	NEEDS_CONTAINER = 1, /* one that Create has gone through for: else "not found" */
	WAITS_FOR_CREATE = 2, /* one that is just being made is waited for */
	NEEDS_PROCESS = 4, /* exec_id, when there is one, is known */
	NEEDS_TURN = 8, /* nobody else is at work on it */
};
#define OF_PROCESS	   (NEEDS_CONTAINER | NEEDS_PROCESS)
#define OF_PROCESS_IN_LINE (OF_PROCESS | WAITS_FOR_CREATE)
#define IN_LINE		   (NEEDS_CONTAINER | WAITS_FOR_CREATE)

struct method {
	const char *name;
	const struct wire_table *request;
	unsigned int needs;
	void (*run)(const struct todo *t);
};

static const struct method task_methods[] = {
	{ "Create", &create_request_table, 0, task_create },
	{ "Connect", &process_request_table, 0, task_connect },
	{ "Shutdown", &shutdown_request_table, 0, task_shutdown },
	{ "State", &process_request_table, OF_PROCESS, task_state },
	{ "ResizePty", &process_request_table, OF_PROCESS, task_resize },
	{ "CloseIO", &process_request_table, OF_PROCESS, task_close_io },
	{ "Start", &process_request_table, OF_PROCESS_IN_LINE, task_start },
	{ "Kill", &process_request_table, OF_PROCESS_IN_LINE, task_kill },
	{ "Wait", &process_request_table, OF_PROCESS_IN_LINE, task_wait },
	{ "Delete", &process_request_table, OF_PROCESS_IN_LINE, task_delete },
	{ "Exec", &exec_request_table, IN_LINE, task_exec },
	{ "Pids", &process_request_table, NEEDS_CONTAINER, task_pids },
	{ "Stats", &process_request_table, NEEDS_CONTAINER, task_stats },
	{ "Pause", &process_request_table, NEEDS_CONTAINER | NEEDS_TURN, task_pause },
	{ "Resume", &process_request_table, NEEDS_CONTAINER | NEEDS_TURN, task_resume },
	{ "Update", &update_request_table, NEEDS_CONTAINER | NEEDS_TURN, task_update },
	{ "Checkpoint", &checkpoint_request_table, NEEDS_CONTAINER | NEEDS_TURN, task_checkpoint },
};
static const struct method sandbox_methods[] = {
	{ "CreateSandbox", &sandbox_create_request_table, 0, sandbox_create },
	{ "StartSandbox", &sandbox_request_table, IN_LINE, sandbox_start },
	{ "Platform", &sandbox_request_table, 0, sandbox_platform },
	{ "StopSandbox", &sandbox_request_table, IN_LINE, sandbox_stop },
	{ "WaitSandbox", &sandbox_request_table, IN_LINE, sandbox_wait },
	{ "SandboxStatus", &sandbox_request_table, NEEDS_CONTAINER, sandbox_status },
	{ "PingSandbox", &sandbox_request_table, NEEDS_CONTAINER, sandbox_ping },
	{ "ShutdownSandbox", &sandbox_request_table, 0, sandbox_shutdown },
	{ "SandboxMetrics", &sandbox_request_table, NEEDS_CONTAINER, sandbox_metrics },
};
static const struct {
	const char *name;
	const struct method *methods;
	size_t n;
} services[] = {
	{ "containerd.task.v2.Task", task_methods, ARRAY_SIZE(task_methods) },
	{ "containerd.task.v3.Task", task_methods, ARRAY_SIZE(task_methods) },
	{ "containerd.runtime.sandbox.v1.Sandbox", sandbox_methods, ARRAY_SIZE(sandbox_methods) },
};

static const struct method *find_method(const struct call *c, const char **ret_missing)
{
	*ret_missing = "service";
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		if (strcmp(c->rpc.service, services[i].name) != 0)
			continue;
		*ret_missing = "method";
		for (size_t k = 0; k < services[i].n; k++)
			if (strcmp(c->rpc.method, services[i].methods[k].name) == 0)
				return &services[i].methods[k];
	}
	return NULL;
}

/* Finds who is meant: true, or the call is answered or parked. */
static bool is_ready(unsigned int needs, struct todo *t)
{
	const struct subject *subject = t->request;
	struct container *k = container_find(t->shim, subject->id);
	bool being_made = k && k->init.status == STATUS_UNKNOWN;

	if (!k || (being_made && !(needs & WAITS_FOR_CREATE))) {
		call_fail(t->call, RPC_NOT_FOUND, "container not created: not found");
		return false;
	}
	if (being_made || ((needs & NEEDS_TURN) && (k->workers > 0 || k->parked))) {
		container_park(k, t->call);
		return false;
	}
	t->container = k;
	t->process = needs & NEEDS_PROCESS ? process_find(k, subject->exec_id) : &k->init;
	if (t->process)
		return true;
	call_fail(t->call, RPC_NOT_FOUND, "process does not exist %s: not found", subject->exec_id);
	return false;
}

void call_handle(struct call *c, void *arg)
{
	struct todo t = { .shim = arg, .call = c };
	const char *missing;
	const struct method *m = find_method(c, &missing);

	if (!m) {
		call_fail(c, RPC_UNIMPLEMENTED, "%s %s", missing,
			  missing[0] == 's' ? c->rpc.service : c->rpc.method);
		return;
	}
	t.request = arena_alloc(&c->arena, m->request->size);
	if (!t.request)
		call_fail(c, RPC_INTERNAL, "out of memory");
	else if (call_decode(c, m->request, t.request) == 0 &&
		 (!(m->needs & NEEDS_CONTAINER) || is_ready(m->needs, &t)))
		m->run(&t);
}
