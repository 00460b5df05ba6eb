/* SPDX-License-Identifier: Apache-2.0 */
/* spawn.h - the one clone3(2), or two of them with a stage between
 *
 * A stage is needed where a namespace has to be joined before the clone that
 * makes the process: a pid namespace (it counts for children only), a user
 * namespace (the new ones must belong to it), or any of the host's before a
 * new user namespace takes the right away.
 */
#ifndef SKERRY_CONTAINER_SPAWN_H
#define SKERRY_CONTAINER_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct spawn {
	uint64_t flags; /* CLONE_NEW* of the process */
	int cgroup; /* directory it is born in, or -1 */
	int sock[2]; /* handshake: [0] the parent's, [1] the child's end */
	int (*stage)(void *arg, struct err *err); /* NULL: no stage */
	void (*main)(void *arg, int sock); /* the process; does not return */
	void *arg;
};

/* The pid, and a pidfd in *ret_pidfd (O_CLOEXEC); -1.  The child begins with all signals blocked,
 * default handlers, SIGKILL at the parent's death, not dumpable, and closes sock[0]; the parent
 * closes sock[1].  With a stage the process is still a direct child of the caller. */
pid_t spawn_process(struct spawn *s, int *ret_pidfd, struct err *err);

#endif
