/* SPDX-License-Identifier: Apache-2.0 */
/* init.h - the container's side of create: from clone to execve */
#ifndef SKERRY_CONTAINER_INIT_H
#define SKERRY_CONTAINER_INIT_H

#include "runtime/container/plan.h"

struct init_args {
	struct plan *plan;
	int fifo; /* waits there for start; -1: starts at once (run) */
	int answer; /* where start hears why it failed; -1 without fifo */
	int console_socket; /* the terminal's master goes there; -1: to the parent */
	int pidfd_socket; /* or -1 */
	bool detached; /* nobody waits for it: its descriptors are to be its own */
	int host_fds[6]; /* of the runtime, closed first (one holds the lock); or -1 */
	const char *bundle;
};

/* Joins namespaces before the clone (spawn.h). */
int init_stage(void *arg, struct err *err);
/* The process; does not return. */
void init_main(void *arg, int sock) NORETURN;

/* setns(2) into those that are set, the user namespace where the rights need it: first with the rights of
 * the host, then the user namespace, then those that were refused.  Closes them. */
int init_join(int fds[NS_COUNT], uint64_t skip_flags, struct err *err);

#endif
