/* SPDX-License-Identifier: Apache-2.0 */
/* state.c - what a container is doing now, from its record and the kernel
 *
 *   no process yet, someone holds the lock   creating
 *   no process, or it has ended              stopped
 *   exec.fifo is there                       created
 *   its group is frozen                      paused
 *   else                                     running
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/container/runtime.h"

int runtime_open_store(struct runtime *rt, bool make, struct err *err)
{
	if (rt->store.root >= 0)
		return 0;
	return store_open(rt->root[0] ? rt->root : NULL, rt->rootless, make, &rt->store, err);
}

int runtime_find_host(struct runtime *rt, struct err *err)
{
	if (rt->has_host)
		return 0;
	if (cgroup_host_find(&rt->host, err) < 0)
		return -1;
	rt->has_host = true;
	return 0;
}

static void tell(void (*to)(const char *, void *), void *arg, const char *format, va_list ap)
	__attribute__((format(printf, 3, 0)));
static void tell(void (*to)(const char *, void *), void *arg, const char *format, va_list ap)
{
	char text[1024];

	(void)vsnprintf(text, sizeof(text), format, ap);
	to(text, arg);
}

void runtime_warn(const struct runtime *rt, const char *format, ...)
{
	va_list ap;

	if (!rt->warn)
		return;
	va_start(ap, format);
	tell(rt->warn, rt->log_arg, format, ap);
	va_end(ap);
}

void runtime_debug(const struct runtime *rt, const char *format, ...)
{
	va_list ap;

	if (!rt->debug)
		return;
	va_start(ap, format);
	tell(rt->debug, rt->log_arg, format, ap);
	va_end(ap);
}

int container_open_cgroup(struct runtime *rt, const struct store_entry *e, struct cgroup *ret,
			  struct err *err)
{
	struct cgroup_place place;

	*ret = (struct cgroup)CGROUP_INIT;
	record_place(&e->rec, &place);
	if (place.manager == CGROUP_DISABLED)
		return 0;
	if (runtime_find_host(rt, err) < 0)
		return -1;
	return cgroup_open(&rt->host, &place, ret, err);
}

static bool is_frozen(struct runtime *rt, const struct store_entry *e)
{
	struct cgroup g;
	bool frozen;

	if (container_open_cgroup(rt, e, &g, NULL) < 0)
		return false;
	frozen = g.fd >= 0 && cgroup_is_frozen(&g) == 1;
	cgroup_close(&g);
	return frozen;
}

enum skerry_status container_status(struct runtime *rt, const struct store_entry *e, int *ret_pidfd)
{
	AUTO_FD pidfd = -1;

	if (ret_pidfd)
		*ret_pidfd = -1;
	if (e->rec.pid == 0 && store_is_locked(e))
		return SKERRY_CREATING;
	pidfd = record_open_process(&e->rec);
	if (pidfd < 0)
		return SKERRY_STOPPED;
	if (ret_pidfd)
		*ret_pidfd = fd_take(&pidfd);
	if (!e->rec.complete)
		return SKERRY_CREATING;
	if (faccessat(e->dir, STORE_FIFO, F_OK, 0) == 0)
		return SKERRY_CREATED;
	return is_frozen(rt, e) ? SKERRY_PAUSED : SKERRY_RUNNING;
}

int container_load_spec(const struct store_entry *e, struct arena *arena, struct spec **ret,
			struct err *err)
{
	return spec_load(e->dir, STORE_CONFIG, arena, ret, NULL, NULL, err);
}

int container_pids(struct runtime *rt, const char *id, pid_t **ret, size_t *ret_n, struct err *err)
{
	CLEANUP(store_entry_release) struct store_entry e = STORE_ENTRY_INIT;
	struct cgroup g;
	int rc;

	if (runtime_open_store(rt, false, err) < 0 ||
	    store_load(&rt->store, id, STORE_NO_LOCK, &e, err) < 0)
		return -1;
	if (container_status(rt, &e, NULL) == SKERRY_STOPPED)
		return err_set(err, ESRCH, "container not running: \"%s\" is stopped", id);
	if (container_open_cgroup(rt, &e, &g, err) < 0)
		return -1;
	if (g.fd < 0)
		return err_set(err, ENOENT, "container \"%s\" has no cgroup to read processes from",
			       id);
	rc = cgroup_pids(&g, ret, ret_n, err);
	cgroup_close(&g);
	return rc;
}

int container_cgroup_fd(struct runtime *rt, const char *id, struct err *err)
{
	CLEANUP(store_entry_release) struct store_entry e = STORE_ENTRY_INIT;
	struct cgroup g;
	int fd;

	if (runtime_open_store(rt, false, err) < 0 ||
	    store_load(&rt->store, id, STORE_NO_LOCK, &e, err) < 0 ||
	    container_open_cgroup(rt, &e, &g, err) < 0)
		return -1;
	if (g.fd < 0)
		return err_set(err, ENOENT, "container \"%s\" has no cgroup", id);
	fd = openat(g.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		err_sys_(err, "open the cgroup of container \"%s\"", id);
	cgroup_close(&g);
	return fd;
}

int container_pause(struct runtime *rt, const char *id, bool paused, struct err *err)
{
	CLEANUP(store_entry_release) struct store_entry e = STORE_ENTRY_INIT;
	enum skerry_status status;
	struct cgroup g;
	int rc;

	if (runtime_open_store(rt, false, err) < 0 ||
	    store_load(&rt->store, id, STORE_LOCK, &e, err) < 0)
		return -1;
	status = container_status(rt, &e, NULL);
	if (paused && status != SKERRY_RUNNING && status != SKERRY_CREATED)
		return err_set(err, EINVAL, "container not running: cannot pause \"%s\", it is %s",
			       id, skerry_status_name(status));
	if (!paused && status != SKERRY_PAUSED)
		return err_set(err, EINVAL, "container not paused: cannot resume \"%s\", it is %s",
			       id, skerry_status_name(status));
	if (container_open_cgroup(rt, &e, &g, err) < 0)
		return -1;
	if (g.fd < 0)
		return err_set(err, ENOENT, "container \"%s\" has no cgroup to freeze", id);
	rc = cgroup_freeze(&g, paused, err);
	cgroup_close(&g);
	return rc;
}
