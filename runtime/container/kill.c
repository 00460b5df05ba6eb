/* SPDX-License-Identifier: Apache-2.0 */
/* kill.c - signal a container
 *
 * The init by its pidfd.  Without a pid namespace of its own, the end of init
 * would leave the others running: SIGKILL then goes to the whole group.
 */
#include <errno.h>
#include <signal.h>

#include "base/fd.h"
#include "base/proc.h"
#include "runtime/container/runtime.h"

static int kill_group(struct runtime *rt, const struct store_entry *e, int sig, struct err *err)
{
	struct cgroup g;
	int rc = 0;

	if (container_open_cgroup(rt, e, &g, err) < 0)
		return -1;
	if (g.fd >= 0)
		rc = cgroup_kill(&g, sig, err);
	cgroup_close(&g);
	return rc;
}

int container_kill(struct runtime *rt, const char *id, int sig, bool all, struct err *err)
{
	CLEANUP(store_entry_release) struct store_entry e = STORE_ENTRY_INIT;
	AUTO_FD pidfd = -1;

	if (runtime_open_store(rt, false, err) < 0 ||
	    store_load(&rt->store, id, STORE_NO_LOCK, &e, err) < 0)
		return -1;
	if (sig < 0 || sig > SIGRTMAX)
		return err_set(err, EINVAL, "unknown signal %d", sig);
	pidfd = record_open_process(&e.rec);
	if (all || (sig == SIGKILL && !e.rec.private_pidns && pidfd >= 0)) {
		if (kill_group(rt, &e, sig, err) < 0)
			return -1;
		/* Without a group there is just the init. */
		if (pidfd < 0)
			return 0;
		if (e.rec.cgroup.path && e.rec.cgroup.path[0])
			return 0;
	}
	if (pidfd < 0)
		return err_set(err, ESRCH, "container not running");
	if (proc_pidfd_signal(pidfd, sig) < 0) {
		if (errno == ESRCH)
			return err_set(err, ESRCH, "container not running: no such process");
		return err_sys(err, "signal container \"%s\"", id);
	}
	return 0;
}
