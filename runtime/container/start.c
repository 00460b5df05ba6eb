/* SPDX-License-Identifier: Apache-2.0 */
/* start.c - release the init that waits at its fifo
 *
 * Who unlinks the fifo has started the container: two starts can't both.  Then
 * it waits for the answer: the other fifo ends when execve(2) closes it, or
 * brings why a startContainer hook or execve(2) failed (runtime-spec
 * runtime.md "Start": "the runtime MUST generate an error").
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "runtime/container/hooks.h"
#include "runtime/container/runtime.h"

#define SPEC_ARENA_MAX ((size_t)128 << 20)

/* Before init is released, so that it is there to write: fifo(7) reports the end of writers only to
 * those that had one. */
static int open_answer(const struct store_entry *e, struct err *err)
{
	int fd = openat(e->dir, STORE_ANSWER, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? err_sys(err, "open " STORE_ANSWER) : fd;
}

static int wait_for_answer(int fd, struct err *err)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct err why;
	ssize_t n;

	while (poll(&p, 1, -1) < 0)
		if (errno != EINTR)
			return err_sys(err, "wait for " STORE_ANSWER);
	n = read(fd, &why, sizeof(why)); /* shorter than PIPE_BUF: whole or nothing */
	if (n != (ssize_t)sizeof(why))
		return 0;
	err_received(&why);
	if (err)
		*err = why;
	return -1;
}

/* Returns the descriptor to hear the answer from, or -1. */
static int release_init(const struct store_entry *e, struct err *err)
{
	AUTO_FD answer = open_answer(e, err);
	AUTO_FD fifo = -1;

	if (answer < 0)
		return -1;
	fifo = openat(e->dir, STORE_FIFO, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	/* fifo(7): without a reader ENXIO, so init has ended. */
	if (fifo < 0 && errno == ENXIO)
		return err_set(err, ESRCH, "cannot start a container that has stopped");
	if (fifo < 0 || unlinkat(e->dir, STORE_FIFO, 0) < 0)
		return err_sys(err, "open " STORE_FIFO);
	if (fd_write_full(fifo, "0", 1) < 0)
		return err_sys(err, "write " STORE_FIFO);
	(void)unlinkat(e->dir, STORE_ANSWER, 0);
	return fd_take(&answer);
}

static int poststart(struct runtime *rt, struct store_entry *e, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct spec *spec;
	struct hook_state state = {
		.id = e->rec.id,
		.bundle = e->rec.bundle,
		.oci_version = e->rec.oci_version,
		.status = "running",
		.pid = e->rec.pid,
		.annotations = &e->rec.annotations,
	};
	struct hooks_run run = { .name = "poststart", .state = &state, .cwd = e->rec.bundle };

	arena_init(&arena, SPEC_ARENA_MAX);
	if (container_load_spec(e, &arena, &spec, err) < 0)
		return -1;
	if (!spec->hooks)
		return 0;
	run.list = &spec->hooks->poststart;
	run.spec = spec;
	if (hooks_run(&run, err) == 0)
		return 0;
	(void)container_destroy(rt, e, NULL);
	return -1;
}

int container_start(struct runtime *rt, const char *id, struct err *err)
{
	CLEANUP(store_entry_release) struct store_entry e = STORE_ENTRY_INIT;
	AUTO_FD sock = -1, pidfd = -1;
	enum skerry_status status;
	AUTO_FD answer = -1;

	if (runtime_open_store(rt, false, err) < 0 ||
	    store_load(&rt->store, id, STORE_LOCK, &e, err) < 0)
		return -1;
	status = container_status(rt, &e, NULL);
	if (status == SKERRY_STOPPED)
		return err_set(err, ESRCH, "cannot start a container that has stopped");
	if (status == SKERRY_CREATING)
		return err_set(err, EBUSY,
			       "cannot start container \"%s\": it is still being created", id);
	if (status != SKERRY_CREATED)
		return err_set(err, EBUSY, "cannot start an already running container");
	/* Before the program runs: its first word may be READY=1. */
	if (e.rec.notify_socket) {
		pidfd = record_open_process(&e.rec);
		sock = notify_open(&e, NULL, err);
		if (sock < 0)
			return -1;
	}
	answer = release_init(&e, err);
	if (answer < 0)
		return -1;
	/* A startContainer hook may take its time; who wants to delete the container must not wait for it. */
	store_unlock(&e);
	if (wait_for_answer(answer, err) < 0)
		return -1;
	if (e.rec.has_poststart) {
		if (store_lock(&rt->store, &e, err) < 0 || poststart(rt, &e, err) < 0)
			return -1;
		store_unlock(&e);
	}
	if (sock >= 0)
		notify_wait(sock, e.rec.notify_socket, e.rec.pid, pidfd);
	return 0;
}
