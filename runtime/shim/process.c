/* SPDX-License-Identifier: Apache-2.0 */
/* process.c - the life of a process: exec, start, end, delete
 *
 * The end of a process is known twice: reaped (the kernel has said so) and
 * told (the event is in the queue, Wait was answered, the status is
 * "stopped").  Between the two an init waits for its start to be told and for
 * all its execs' ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "runtime/shim/shim.h"

#define SECOND 1000000000LL
#define TELL_AT_LAST \
 (10 * SECOND) /* an exec that does not end must not hold the init's exit for ever */
#define DRAIN_STEP (2 * SECOND) /* without progress */
#define DRAIN_MAX  (10 * SECOND)

/* --- processes ------------------------------------------------------------------------------ */

static void output_drained(struct io *io);
static void deletion_late(struct timer *t);

void process_init(struct process *p, struct container *k)
{
	*p = (struct process){ .container = k,
			       .exited_at = { .seconds = TIME_NEVER },
			       .timer = { .fired = deletion_late } };
	io_init(&p->io, &k->shim->loop);
	p->io.drained = output_drained;
}

/* What it holds; nobody waits for it any more. */
void process_free(struct process *p)
{
	struct shim *s = p->container->shim;

	timer_stop(&s->loop, &p->timer);
	io_close(&p->io);
	logger_let_go(take(&p->logger));
	while (p->waiters || p->stoppers) {
		struct call **list = p->waiters ? &p->waiters : &p->stoppers;
		struct call *c = *list;

		*list = c->next;
		call_fail(c, RPC_NOT_FOUND, "process does not exist: not found");
	}
	free(p->exec_id);
	free(p->in);
	free(p->out);
	free(p->err);
	free(p->spec);
}

static void exec_forget(struct process *p)
{
	struct process **at = &p->container->execs;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	process_free(p);
	free(p);
}

static bool is_init(const struct process *p)
{
	return p == &p->container->init;
}

/* --- Exec ------------------------------------------------------------------------------------- */

static struct process *exec_new(struct container *k, const struct exec_request *q)
{
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	process_init(p, k);
	p->exec_id = strdup(q->exec_id);
	p->in = strdup(q->in ? q->in : "");
	p->out = strdup(q->out ? q->out : "");
	p->err = strdup(q->err ? q->err : "");
	p->terminal = q->terminal;
	p->spec = malloc(q->spec->value.n + 1);
	p->spec_len = q->spec->value.n;
	p->status = STATUS_CREATED;
	if (!p->exec_id || !p->in || !p->out || !p->err || !p->spec) {
		process_free(p);
		free(p);
		return NULL;
	}
	memcpy(p->spec, q->spec->value.v, p->spec_len);
	p->next = k->execs;
	k->execs = p;
	return p;
}

static const char *held_word(const struct container *k)
{
	switch (k->init.status) {
	case STATUS_PAUSED:
		return "paused";
	case STATUS_PAUSING:
		return "pausing";
	case STATUS_STOPPED:
		return "stopped";
	case STATUS_UNKNOWN:
	case STATUS_CREATED:
	case STATUS_RUNNING:
		break;
	}
	return NULL;
}

void task_exec(const struct todo *t)
{
	const struct exec_request *q = t->request;
	struct container *k = t->container;
	struct process *p;

	if (!q->exec_id || !q->exec_id[0] || !q->spec || !q->spec->value.n) {
		call_fail(t->call, RPC_INVALID_ARGUMENT, "exec needs an id and a process");
	} else if (process_find(k, q->exec_id)) {
		call_fail(t->call, RPC_ALREADY_EXISTS, "id %s: already exists", q->exec_id);
	} else if (held_word(k)) {
		call_fail(t->call, RPC_FAILED_PRECONDITION, "cannot exec in a %s state",
			  held_word(k));
	} else {
		p = exec_new(k, q);
		if (!p) {
			call_fail(t->call, RPC_INTERNAL, "out of memory");
			return;
		}
		container_publish(
			k, "/tasks/exec-added", "TaskExecAdded", &task_exec_table,
			&(struct task_exec){ .container_id = k->id, .exec_id = p->exec_id });
		call_reply(t->call, &empty_table, &(struct empty){ 0 });
	}
}

/* --- the end ------------------------------------------------------------------------------------ */

static void publish_exit(struct process *p)
{
	struct container *k = p->container;
	struct task_exit event = { .container_id = k->id,
				   .id = is_init(p) ? k->id : p->exec_id,
				   .pid = (uint32_t)p->pid,
				   .exit_status = p->exit_status,
				   .exited_at = &p->exited_at };
	struct delete_reply saved = { .pid = (uint32_t)p->pid,
				      .exit_status = p->exit_status,
				      .exited_at = &p->exited_at };

	/* For `delete`, should we be killed; before anybody is told. */
	if (is_init(p) && bundle_save_exit(k->bundle, &saved) < 0)
		shim_log(k->shim, "warning", "container \"%s\": cannot keep its exit status",
			 k->id);
	container_publish(k, "/tasks/exit", "TaskExit", &task_exit_table, &event);
}

static void answer_waiters(struct process *p)
{
	while (p->stoppers) {
		struct call *c = p->stoppers;

		p->stoppers = c->next;
		call_reply(c, &empty_table, &(struct empty){ 0 });
	}
	while (p->waiters) {
		struct call *c = p->waiters;

		p->waiters = c->next;
		call_reply(c, &wait_reply_table,
			   &(struct wait_reply){ .exit_status = p->exit_status,
						 .exited_at = &p->exited_at });
	}
}

static void continue_deletion(struct process *p);

/* Event, status, whoever waits; a deletion may free it. */
static void tell_exit(struct process *p)
{
	publish_exit(p);
	p->status = STATUS_STOPPED;
	answer_waiters(p);
	if (p->deletion)
		continue_deletion(p);
}

static bool has_live_exec(const struct container *k)
{
	for (const struct process *p = k->execs; p; p = p->next)
		if (p->busy || (p->pid && !p->reaped))
			return true;
	return false;
}

static void consider_init_exit(struct container *k)
{
	if (!k->tell_exit || k->held || (k->timer.set && has_live_exec(k)))
		return;
	timer_stop(&k->shim->loop, &k->timer);
	k->tell_exit = false;
	oom_check(k);
	tell_exit(&k->init);
}

void container_release_exit(struct container *k)
{
	k->held = false;
	consider_init_exit(k);
}

static void exit_late(struct timer *t)
{
	consider_init_exit(OWNER(t, struct container, timer));
}

/* Without a pid namespace of its own the others would live on. */
static void end_container(struct container *k)
{
	if (k->cgroup >= 0)
		(void)file_write_text(k->cgroup, "cgroup.freeze", "0");
	if (k->private_pids)
		return;
	if (k->cgroup >= 0 && file_write_text(k->cgroup, "cgroup.kill", "1") == 0)
		return;
	for (struct process *p = k->execs; p; p = p->next)
		if (p->pid && !p->reaped)
			(void)proc_kill(p->pid, SIGKILL);
}

static struct process *find_pid(struct shim *s, pid_t pid)
{
	for (struct container *k = s->containers; k; k = k->next) {
		if (k->init.pid == pid && !k->init.reaped)
			return &k->init;
		for (struct process *p = k->execs; p; p = p->next)
			if (p->pid == pid && !p->reaped)
				return p;
	}
	return NULL;
}

bool process_ended(struct shim *s, pid_t pid, int status)
{
	struct process *p = find_pid(s, pid);
	struct container *k;

	if (!p)
		return logger_ended(s, pid);
	k = p->container;
	p->reaped = true;
	p->exit_status =
		(uint32_t)(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	p->exited_at = timestamp_now();
	io_process_ended(&p->io);
	if (!is_init(p)) {
		tell_exit(p);
		consider_init_exit(k);
		return true;
	}
	end_container(k);
	k->tell_exit = true;
	k->timer.fired = exit_late;
	timer_start(&s->loop, &k->timer, loop_now() + TELL_AT_LAST);
	consider_init_exit(k);
	return true;
}

/* --- Start ---------------------------------------------------------------------------------------- */

static int start_act(struct skerry *s, struct work *w, struct report *r, struct skerry_error *e)
{
	(void)r;
	return skerry_start(s, w->container->id, e);
}

static void start_done(struct work *w, struct report *r)
{
	struct container *k = w->container;
	struct task_start event = { .container_id = k->id, .pid = (uint32_t)k->init.pid };

	process_set_logger(&k->init, r->logger);
	if (r->rc == 0 && k->checkpoint) {
		k->cgroup = fd_take(&r->cgroup);
		k->init.pid = r->pid;
		event.pid = (uint32_t)r->pid;
		io_start(&k->init.io, fd_take(&r->master));
		oom_watch(k);
		free(take(&k->checkpoint));
	}
	if (r->rc == 0) {
		k->init.status = STATUS_RUNNING;
		container_publish(k, "/tasks/start", "TaskStart", &task_start_table, &event);
		if (k->is_sandbox)
			sandbox_started(k, w->call);
		else
			call_reply(w->call, &pid_reply_table,
				   &(struct pid_reply){ .pid = event.pid });
	} else {
		call_fail(w->call, RPC_UNKNOWN, "%s", r->err.msg);
	}
	container_release_exit(k);
	container_worker_ended(k);
}

static int exec_act(struct skerry *s, struct work *w, struct report *r, struct skerry_error *e)
{
	struct process *p = w->process;
	struct skerry_exec_options o = { .size = sizeof(o),
					 .process = p->spec,
					 .process_len = p->spec_len,
					 .tty = p->terminal,
					 .detach = true,
					 .ret_pid = &r->pid,
					 .ret_master = p->terminal ? &r->master : NULL };

	return skerry_exec(s, w->container->id, &o, e);
}

static void exec_run(struct work *w, struct report *r)
{
	struct process *p = w->process;

	if (io_enter(&p->io, p->exec_id, p->container->shim->namespace, r, &r->err) == 0)
		work_act(w, r);
}

static void exec_done(struct work *w, struct report *r)
{
	struct process *p = w->process;
	struct container *k = p->container;
	struct task_exec event = { .container_id = k->id, .exec_id = p->exec_id };

	p->busy = false;
	process_set_logger(p, r->logger);
	if (r->rc < 0) {
		p->failed = true;
		io_close(&p->io);
		answer_waiters(p);
		call_fail(w->call, RPC_UNKNOWN, "%s", r->err.msg);
	} else {
		free(take(&p->spec));
		p->pid = r->pid;
		p->status = STATUS_RUNNING;
		event.pid = (uint32_t)p->pid;
		io_start(&p->io, fd_take(&r->master));
		container_publish(k, "/tasks/exec-started", "TaskExecStarted", &task_exec_table,
				  &event);
		call_reply(w->call, &pid_reply_table, &(struct pid_reply){ .pid = event.pid });
	}
	consider_init_exit(k);
	container_worker_ended(k);
}

static void start_exec(struct call *c, struct container *k, struct process *p)
{
	struct err err = { 0 };
	struct io_options o = {
		.in = p->in, .out = p->out, .err = p->err, .terminal = p->terminal
	};

	if (p->status != STATUS_CREATED || p->failed) {
		call_fail(c, RPC_FAILED_PRECONDITION, "cannot start %s process",
			  p->status == STATUS_RUNNING ? "a running" : "a stopped");
		return;
	}
	if (k->init.reaped || k->init.status == STATUS_STOPPED) {
		call_fail(c, RPC_FAILED_PRECONDITION, "container %s init process is not running",
			  k->id);
		return;
	}
	if (io_open(&p->io, &o, &err) < 0) {
		call_fail(c, RPC_UNKNOWN, "OCI runtime exec failed: %s", err.msg);
		return;
	}
	p->busy = true;
	work_start(&(struct work){ .container = k,
				   .process = p,
				   .call = c,
				   .run = exec_run,
				   .act = exec_act,
				   .what = "OCI runtime exec failed: exec failed: ",
				   .has_io = true,
				   .done = exec_done });
}

static void start_init(struct call *c, struct container *k)
{
	const struct process *p = &k->init;
	struct work w = { .container = k, .call = c, .done = start_done };

	if (p->reaped || p->status == STATUS_STOPPED) {
		call_fail(c, RPC_FAILED_PRECONDITION, "cannot start a stopped process");
		return;
	}
	if (p->status != STATUS_CREATED) {
		call_fail(c, RPC_FAILED_PRECONDITION, "cannot start a running process");
		return;
	}
	k->exclusive = true;
	k->held = true;
	if (k->checkpoint) {
		w.run = restore_run;
		w.has_io = true;
	} else {
		w.act = start_act;
		w.what = "OCI runtime start failed: ";
	}
	work_start(&w);
}

void task_start(const struct todo *t)
{
	struct container *k = t->container;

	if (k->exclusive || k->parked || t->process->busy)
		container_park(k, t->call);
	else if (is_init(t->process))
		start_init(t->call, k);
	else
		start_exec(t->call, k, t->process);
}

/* --- Wait ------------------------------------------------------------------------------------------- */

static void wait_cancelled(struct call *c)
{
	struct process *p = c->keeper;
	struct call **const lists[] = { &p->waiters, &p->stoppers };

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		struct call **at = lists[i];

		while (*at && *at != c)
			at = &(*at)->next;
		if (*at)
			*at = c->next;
	}
}

void process_keep(struct process *p, struct call **list, struct call *c)
{
	if (!c->conn) { /* the client has gone: nobody to answer */
		call_fail(c, RPC_UNKNOWN, "client gone");
		return;
	}
	call_keep(c, wait_cancelled, p);
	c->next = *list;
	*list = c;
}

void task_wait(const struct todo *t)
{
	struct process *p = t->process;

	if (p->status == STATUS_STOPPED || p->failed)
		call_reply(t->call, &wait_reply_table,
			   &(struct wait_reply){ .exit_status = p->exit_status,
						 .exited_at = &p->exited_at });
	else
		process_keep(p, &p->waiters, t->call);
}

/* --- Delete ------------------------------------------------------------------------------------------- */

static void answer_deletion(struct call *c, const struct process *p)
{
	call_reply(c, &delete_reply_table,
		   &(struct delete_reply){ .pid = (uint32_t)p->pid,
					   .exit_status = p->exit_status,
					   .exited_at = (struct timestamp[]){ p->exited_at } });
}

static int delete_act(struct skerry *s, struct work *w, struct report *r, struct skerry_error *e)
{
	int rc = skerry_delete(s, w->container->id, true, e);

	(void)r;
	return rc < 0 && e->code == ENOENT ? 0 : rc; /* somebody was faster */
}

static void delete_run(struct work *w, struct report *r)
{
	work_act(w, r);
	if (r->rc == 0)
		r->rc = rootfs_unmount(w->container->bundle, &r->err);
}

static void delete_done(struct work *w, struct report *r)
{
	struct container *k = w->container;
	struct shim *s = k->shim;
	struct process *p = &k->init;
	struct call *parked;
	bool leave;
	struct task_delete event = { .container_id = k->id,
				     .pid = (uint32_t)p->pid,
				     .exit_status = p->exit_status,
				     .exited_at = &p->exited_at };

	if (r->rc < 0) {
		call_fail(w->call, RPC_UNKNOWN, "%s", r->err.msg);
		container_worker_ended(k);
		return;
	}
	container_publish(k, "/tasks/delete", "TaskDelete", &task_delete_table, &event);
	if (k->shutting_down)
		call_reply(w->call, &empty_table, &(struct empty){ 0 });
	else
		answer_deletion(w->call, p);
	/* The pod's own: those that are left are on their way out. */
	if (strcmp(k->id, s->id) == 0)
		s->unneeded = true;
	parked = take(&k->parked);
	leave = k->shutting_down;
	container_free(k);
	call_handle_all(s, parked);
	if (leave)
		shim_stop(s);
	else
		shim_consider_stop(s);
}

/* Its end was told and its output is out, or was given up. */
static void finish_deletion(struct process *p)
{
	struct container *k = p->container;
	struct call *c = take(&p->deletion);

	timer_stop(&k->shim->loop, &p->timer);
	io_close(&p->io);
	if (is_init(p)) {
		work_start(&(struct work){ .container = k,
					   .call = c,
					   .run = delete_run,
					   .act = delete_act,
					   .what = "OCI runtime delete failed: ",
					   .done = delete_done });
		return;
	}
	answer_deletion(c, p);
	exec_forget(p);
	container_unpark(k);
}

static void continue_deletion(struct process *p)
{
	if (io_is_drained(&p->io)) {
		finish_deletion(p);
		return;
	}
	p->moved = p->io.moved;
	p->give_up = loop_now() + DRAIN_MAX;
	timer_start(&p->container->shim->loop, &p->timer, loop_now() + DRAIN_STEP);
	io_wait(&p->io);
}

static void output_drained(struct io *io)
{
	finish_deletion(OWNER(io, struct process, io));
}

static void deletion_late(struct timer *t)
{
	struct process *p = OWNER(t, struct process, timer);

	if (p->moved == p->io.moved || loop_now() >= p->give_up) {
		finish_deletion(p);
		return;
	}
	p->moved = p->io.moved;
	timer_start(&p->container->shim->loop, t, loop_now() + DRAIN_STEP);
}

void remove_container(struct container *k, struct call *c)
{
	struct process *p = &k->init;

	k->exclusive = true;
	p->deletion = c;
	if (p->status == STATUS_STOPPED || p->pid == 0)
		continue_deletion(p);
	else if (!p->reaped)
		(void)proc_kill(p->pid, SIGKILL); /* goes on when its end is told */
}

static void delete_init(struct call *c, struct container *k)
{
	struct process *p = &k->init;

	if (p->status != STATUS_STOPPED && p->status != STATUS_CREATED && !p->reaped)
		call_fail(c, RPC_FAILED_PRECONDITION, "cannot delete a %s process",
			  p->status == STATUS_RUNNING ? "running" : "paused");
	else
		remove_container(k, c);
}

static void delete_exec(struct call *c, struct process *p)
{
	if (p->status == STATUS_RUNNING) {
		call_fail(c, RPC_FAILED_PRECONDITION, "cannot delete a running process");
		return;
	}
	p->deletion = c;
	continue_deletion(p);
}

void task_delete(const struct todo *t)
{
	struct container *k = t->container;
	struct process *p = t->process;

	/* Of an exec: not while it is being started; of the init: not while anything is under way. */
	if (p->busy || p->deletion || (is_init(p) && (k->workers || k->exclusive || k->parked)))
		container_park(k, t->call);
	else if (is_init(p))
		delete_init(t->call, k);
	else
		delete_exec(t->call, p);
}
