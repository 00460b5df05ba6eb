/* SPDX-License-Identifier: Apache-2.0 */
/* handshake.h - what the runtime and the init of a container say to each other
 *
 * One SOCK_SEQPACKET pair, made close-on-exec before the clone.  Only the two
 * spines (create.c and init.c, exec.c and join.c) send or receive.
 *
 *    runtime (parent)                          init (child)
 *    ----------------                          ------------
 *    clone3() ------------------------------->  born in its group and namespaces
 *       [stage]  <---- STAGED pid, pidfd ----   only with a stage process, which ends
 *    id maps, oom score, rlimits, an ordinary user's network
 *       [gate]   ----- GO ------------------->  becomes root of its user namespace
 *                                               mounts, devices, terminal
 *    device filter, networks (skerry-net), meanwhile
 *       [filter] ----- GO ------------------->  root is built; only without hooks, which say it too
 *       [hooks]  <---- HOOKS -----------------
 *    prestart, createRuntime, net devices
 *                ----- GO ------------------->  createContainer hooks, pivot, privileges
 *       [tty]    <---- MASTER fd -------------  foreground terminal only
 *       [notify] <---- LISTENER fd -----------
 *    sends it to the agent
 *                ----- GO ------------------->
 *                <---- READY -----------------  nothing can fail now but execve(2)
 *    create: saves, exits                       waits at the fifo; start releases it, and
 *                                               hears by another what can fail then
 *    run:    saves                              execve(2) closes the socket
 *                <---- end of file -----------  the container's program runs
 *
 *    At any time     <---- FAILED err --------  init has worded why and ends.
 *    End of file before READY: init was killed.  End of file at init: the
 *    runtime is gone, init ends.
 */
#ifndef SKERRY_CONTAINER_HANDSHAKE_H
#define SKERRY_CONTAINER_HANDSHAKE_H

#include <sys/types.h>

#include "base/err.h"

enum message_type {
	MESSAGE_END, /* end of file */
	MESSAGE_GO,
	MESSAGE_STAGED,
	MESSAGE_HOOKS,
	MESSAGE_MASTER,
	MESSAGE_LISTENER,
	MESSAGE_READY,
	MESSAGE_FAILED,
};

struct message {
	enum message_type type;
	pid_t pid; /* STAGED: in the runtime's pid namespace */
	struct err err; /* FAILED */
};

/* A pair of connected sockets, both O_CLOEXEC. */
int handshake_open(int ret_pair[2], struct err *err);
/* fd: passed along, or -1.  Allocates nothing. */
int handshake_send(int sock, enum message_type type, pid_t pid, int fd, struct err *err);
/* Says why and nothing more can be done if that fails too. */
void handshake_fail(int sock, const struct err *err);
/* The next message; a FAILED one becomes *err and -1; *ret_fd (may be NULL) is -1 or what was passed. */
int handshake_receive(int sock, struct message *ret, int *ret_fd, struct err *err);
/* Receives and insists on the type. */
int handshake_expect(int sock, enum message_type type, int *ret_fd, struct err *err);

#endif
