/* SPDX-License-Identifier: Apache-2.0 */
/* delete.c - undo everything that the record of a container names
 *
 * The same function serves `delete`, `delete --force` after a crash, the end
 * of `run` and a failed poststart hook: it works from the record alone, and
 * doing it twice is no error.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/proc.h"
#include "runtime/container/attach.h"
#include "runtime/container/hooks.h"
#include "runtime/container/runtime.h"
#include "runtime/isolate/rdt.h"

#define SPEC_ARENA_MAX	((size_t)128 << 20)
#define KILL_TIMEOUT_MS 10000

static int end_init(const struct store_entry *e, struct err *err)
{
	AUTO_FD pidfd = record_open_process(&e->rec);

	if (pidfd < 0)
		return 0;
	if (proc_pidfd_signal(pidfd, SIGKILL) < 0 && errno != ESRCH)
		return err_sys(err, "kill container \"%s\"", e->rec.id);
	if (proc_pidfd_wait(pidfd, KILL_TIMEOUT_MS) != 1)
		return err_set(err, ETIMEDOUT, "container \"%s\" does not end after SIGKILL",
			       e->rec.id);
	/* Ours only when this process made it; then it must not stay a zombie. */
	(void)waitpid(e->rec.pid, NULL, WNOHANG);
	return 0;
}

static void remove_rdt(const struct store_entry *e)
{
	struct rdt rdt = { .set = true, .group = e->rec.rdt_group };
	struct rdt_made made = { .group = true };
	AUTO_FD root = e->rec.rdt_group ? rdt_open(NULL) : -1;

	if (root >= 0)
		(void)rdt_remove(&rdt, &made, root, NULL);
}

/* What a plugin could not undo is still in its result cache, where `skerry net gc` finds it; that
 * must not keep the container. */
static void remove_networks(struct runtime *rt, const struct store_entry *e)
{
	struct err err = { 0 };

	if (e->rec.has_networks && attach_remove(e->dir, &err) < 0)
		runtime_warn(rt, "container \"%s\": %s", e->rec.id, err.msg);
}

/* They can't undo a deletion: runtime-spec runtime.md, lifecycle 13. */
static void poststop(struct runtime *rt, const struct store_entry *e)
{
	CLEANUP(arena_release) struct arena arena;
	struct err err = { 0 };
	struct spec *spec;
	struct hook_state state = {
		.id = e->rec.id,
		.bundle = e->rec.bundle,
		.oci_version = e->rec.oci_version,
		.status = "stopped",
		.annotations = &e->rec.annotations,
	};
	struct hooks_run run = { .name = "poststop", .state = &state, .cwd = e->rec.bundle };

	arena_init(&arena, SPEC_ARENA_MAX);
	if (!e->rec.has_poststop)
		return;
	if (container_load_spec(e, &arena, &spec, &err) == 0 && spec->hooks) {
		run.list = &spec->hooks->poststop;
		run.spec = spec;
		if (hooks_run(&run, &err) == 0)
			return;
	}
	runtime_warn(rt, "%s", err.msg);
}

int container_destroy(struct runtime *rt, struct store_entry *e, struct err *err)
{
	struct cgroup_place place;

	record_place(&e->rec, &place);
	if (end_init(e, err) < 0)
		return -1;
	remove_networks(rt, e);
	if (place.manager != CGROUP_DISABLED &&
	    (runtime_find_host(rt, err) < 0 || cgroup_remove(&rt->host, &place, err) < 0))
		return -1;
	remove_rdt(e);
	poststop(rt, e);
	return store_remove(&rt->store, e->rec.id, e, err);
}

int container_delete(struct runtime *rt, const char *id, bool force, struct err *err)
{
	CLEANUP(store_entry_release) struct store_entry e = STORE_ENTRY_INIT;
	struct err why = { 0 };
	enum skerry_status status;

	if (runtime_open_store(rt, false, err) < 0)
		return -1;
	if (store_load(&rt->store, id, STORE_LOCK, &e, &why) < 0) {
		if (force && why.code == ENOENT)
			return 0;
		if (err)
			*err = why;
		return -1;
	}
	status = container_status(rt, &e, NULL);
	if (!force && (status == SKERRY_RUNNING || status == SKERRY_PAUSED))
		return err_set(err, EBUSY, "cannot delete container %s that is not stopped: %s", id,
			       skerry_status_name(status));
	return container_destroy(rt, &e, err);
}
