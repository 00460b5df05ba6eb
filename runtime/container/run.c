/* SPDX-License-Identifier: Apache-2.0 */
/* run.c - create, start, wait, delete in one */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "runtime/container/hooks.h"
#include "runtime/container/relay.h"
#include "runtime/container/runtime.h"

static int poststart(const struct created *c, struct err *err)
{
	struct hook_state state = {
		.id = c->entry.rec.id,
		.bundle = c->entry.rec.bundle,
		.oci_version = c->entry.rec.oci_version,
		.status = "running",
		.pid = c->pid,
		.annotations = &c->spec->annotations,
	};
	struct hooks_run run = {
		.name = "poststart", .state = &state, .cwd = c->entry.rec.bundle, .spec = c->spec
	};

	if (!c->entry.rec.has_poststart)
		return 0;
	run.list = &c->spec->hooks->poststart;
	return hooks_run(&run, err);
}

static int run_foreground(struct runtime *rt, struct created *c, struct relay *r, bool keep,
			  struct err *err)
{
	struct err gone = { 0 };
	int code;

	r->pid = c->pid;
	r->pidfd = c->pidfd;
	r->master = c->master;
	r->notify = c->notify;
	r->notify_host = c->entry.rec.notify_socket;
	/* It may run for months: others pause, update and delete it meanwhile. */
	store_unlock(&c->entry);
	code = relay_run(r, err);
	if (store_lock(&rt->store, &c->entry, &gone) < 0 && gone.code == ENOENT)
		return code;
	if (keep) {
		if (code >= 0) {
			c->entry.rec.has_exit = true;
			c->entry.rec.exit_status = code;
			(void)store_save(&c->entry, NULL);
		}
		return code;
	}
	/* Reaped, so its number may be someone else's by now.  What could not be followed to its end
	 * is ended here, and a lock that can't be had is no reason to leave it: undoing is safe twice. */
	if (code >= 0)
		c->entry.rec.pid = 0;
	return container_destroy(rt, &c->entry, code < 0 ? NULL : err) < 0 ? -1 : code;
}

int container_run_by(struct runtime *rt, const char *id, const struct skerry_create_options *o,
		     const struct restorer *by, struct err *err)
{
	struct relay r = { .master = -1, .notify = -1, .subreaper = !o->no_subreaper };
	struct created c;
	int rc;

	if (!o->detach) {
		if (relay_prepare(&r, err) < 0)
			return -1;
		if (r.subreaper && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
			return err_sys(err, "become subreaper");
	}
	if (container_create_by(rt, id, o, by, &c, err) < 0) {
		if (!o->detach)
			relay_restore(&r);
		return -1;
	}
	rc = poststart(&c, err);
	if (rc < 0)
		(void)container_destroy(rt, &c.entry, NULL);
	else if (!o->detach)
		rc = run_foreground(rt, &c, &r, o->keep, err);
	else if (c.notify >= 0) {
		store_unlock(&c.entry);
		notify_wait(c.notify, c.entry.rec.notify_socket, c.pid, c.pidfd);
	}
	if (!o->detach)
		relay_restore(&r);
	if (rc == 0 && o->detach && o->ret_master)
		*o->ret_master = fd_take(&c.master);
	created_release(&c);
	return rc;
}

int container_run(struct runtime *rt, const char *id, const struct skerry_create_options *o,
		  struct err *err)
{
	return container_run_by(rt, id, o, NULL, err);
}
