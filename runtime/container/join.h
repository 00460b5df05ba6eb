/* SPDX-License-Identifier: Apache-2.0 */
/* join.h - one more process in a running container: the container's side */
#ifndef SKERRY_CONTAINER_JOIN_H
#define SKERRY_CONTAINER_JOIN_H

#include "runtime/container/hooks.h"
#include "runtime/container/process.h"

struct join_args {
	struct process_plan *plan;
	const char *id;
	int init_pidfd; /* whose namespaces are joined */
	int console_socket; /* or -1: the terminal's master goes to the runtime */
	int pidfd_socket;
	int sock; /* the child's end of the handshake */
	int namespaces; /* CLONE_NEW* */
	bool has_userns;
	unsigned int preserve_fds;
};
/* Joins every namespace of the init (spawn.h); the pid namespace counts for its child. */
int join_stage(void *arg, struct err *err);
/* The process; does not return. */
void join_main(void *arg, int sock) NORETURN;

/* Receives a listener descriptor from the child and gives it to the agent at seccomp->listenerPath with the
 * process state document (config-linux.md "containerProcessState"), then lets the child go on. */
int listener_forward(int sock, const struct spec_seccomp *seccomp, const struct hook_state *state,
		     pid_t pid, struct err *err);

#endif
