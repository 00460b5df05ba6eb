/* SPDX-License-Identifier: Apache-2.0 */
/* wait.c - the end of a container, without a daemon that remembers it
 *
 * The pidfd becomes readable when the init has ended, whoever its parent is;
 * from Linux 6.15 on it then tells the exit status to any holder
 * (PIDFD_GET_INFO), even after the parent has reaped it.  What was learnt is
 * written to the record.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/proc.h"
#include "runtime/container/relay.h"
#include "runtime/container/runtime.h"

/* linux/pidfd.h of Linux 6.15; Debian 12's headers are older. */
#define INFO_EXIT (1UL << 3)
struct info {
	uint64_t mask, cgroupid;
	uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code;
};
#define GET_INFO _IOWR(0xFF, 11, struct info)

static int ask_status(int pidfd, int *ret_status)
{
	struct info info = { .mask = INFO_EXIT };

	if (ioctl(pidfd, GET_INFO, &info) < 0 || !(info.mask & INFO_EXIT))
		return -1;
	*ret_status = info.exit_code;
	return 0;
}

/* Its parent may ask before reaping it, whatever the kernel. */
static int ask_as_parent(int pidfd, int *ret_status)
{
	siginfo_t info = { 0 };

	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	    info.si_pid == 0)
		return -1;
	*ret_status = info.si_code == CLD_EXITED ? W_EXITCODE(info.si_status, 0)
						 : W_EXITCODE(0, info.si_status);
	return 0;
}

/* The same when it ended before anybody asked, for a parent that has yet to reap it. */
static int ask_unreaped(const struct record *r, int *ret_status)
{
	AUTO_FD pidfd = r->pid > 1 ? proc_pidfd_open(r->pid) : -1;
	struct stat st;

	if (pidfd < 0 || fstat(pidfd, &st) < 0 || (r->pidfs_ino && st.st_ino != r->pidfs_ino))
		return -1;
	return ask_as_parent(pidfd, ret_status);
}

static int remember(struct runtime *rt, const char *id, int code)
{
	CLEANUP(store_entry_release) struct store_entry e = STORE_ENTRY_INIT;

	if (store_load(&rt->store, id, STORE_LOCK, &e, NULL) == 0 && !e.rec.has_exit) {
		e.rec.has_exit = true;
		e.rec.exit_status = code;
		(void)store_save(&e, NULL);
	}
	return code;
}

int container_wait(struct runtime *rt, const char *id, int timeout_ms, struct err *err)
{
	CLEANUP(store_entry_release) struct store_entry e = STORE_ENTRY_INIT;
	AUTO_FD pidfd = -1;
	int status, ended;

	if (runtime_open_store(rt, false, err) < 0 ||
	    store_load(&rt->store, id, STORE_NO_LOCK, &e, err) < 0)
		return -1;
	if (e.rec.has_exit)
		return e.rec.exit_status;
	pidfd = record_open_process(&e.rec);
	if (pidfd < 0 && ask_unreaped(&e.rec, &status) == 0)
		return remember(rt, id, relay_exit_code(status));
	if (pidfd < 0)
		return err_set(err, ESRCH,
			       "container \"%s\" has stopped and its exit status was not seen", id);
	ended = proc_pidfd_wait(pidfd, timeout_ms);
	if (ended < 0)
		return err_sys(err, "wait for container \"%s\"", id);
	if (ended == 0)
		return err_set(err, ETIMEDOUT, "container \"%s\" still runs after %d ms", id,
			       timeout_ms);
	/* The parent has to reap it first: the status is there from then on. */
	for (int tries = 0; ask_as_parent(pidfd, &status) < 0 && ask_status(pidfd, &status) < 0;
	     tries++)
		if (tries == 100 || proc_pidfd_wait(-1, 10) != 0)
			return err_set(
				err, ENODATA,
				"container \"%s\" has ended; this kernel does not tell its exit status",
				id);
	return remember(rt, id, relay_exit_code(status));
}
