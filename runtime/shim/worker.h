/* SPDX-License-Identifier: Apache-2.0 */
/* worker.h - what blocks or is heavy runs in a short-lived child of the shim
 *
 * A worker is a fork: it sees all that the shim knew, its memory goes with it,
 * and a crash in it is an error and nothing more.  What it makes (a container's
 * init, a program executed in one, a logger) becomes the shim's own child when
 * the worker ends, because the shim is a subreaper.
 */
#ifndef SKERRY_SHIM_WORKER_H
#define SKERRY_SHIM_WORKER_H

#include <sys/types.h>

#include "runtime/shim/loop.h"

/* What comes back; travels as it is. */
struct report {
	int rc; /* 0, or -1 with err */
	struct err err;
	pid_t pid; /* of the process that was made */
	pid_t logger;
	bool private_pids; /* Create: the container ends with its init */
	int32_t value; /* whatever the operation tells */
	int cgroup, master, data; /* descriptors, -1: none; data: a memfd */
	int sock; /* the worker's own: where the report goes */
};

struct worker;
/* Called once in the shim; takes the descriptors of the report that it wants (sets them to -1). */
typedef void worker_done(void *arg, struct report *report);

struct workers {
	struct loop *loop;
	struct worker *first;
};

/* Runs work(arg, &report) in a child and later done(arg, &report) here.  The child has signals at their
 * defaults and dies with the shim.  0, or -1 (then done is not called). */
int worker_start(struct workers *all, void (*work)(void *arg, struct report *report), void *arg,
		 worker_done *done, struct err *err);
/* Takes reports that have come; to be called before an unknown child is given up as a stranger. */
void worker_collect(struct workers *all);

/* In a worker: closes what it has of the shim's, so that pipes and fifos end when the shim lets go of them. */
void worker_let_go(struct report *r);
/* In a worker: the three descriptors (-1: /dev/null) become 0, 1, 2; all others but the one for the report
 * are closed. */
int worker_stdio(struct report *r, const int stdio[3], struct err *err);

/* In a worker: a program that stays, with fds[0..n) as its descriptors from 0 up; its pid, or -1. */
pid_t worker_spawn(const char *path, char *const *argv, char *const *env, const int *fds, size_t n,
		   struct err *err);

/* The process that serves: a child with fds as its descriptors from 0 up that calls main(arg). */
pid_t daemon_spawn(const int *fds, size_t n, void (*main)(void *arg), void *arg, struct err *err);

#endif
