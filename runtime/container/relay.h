/* SPDX-License-Identifier: Apache-2.0 */
/* relay.h - the foreground: signals, terminal and notifications until a process ends */
#ifndef SKERRY_CONTAINER_RELAY_H
#define SKERRY_CONTAINER_RELAY_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct relay {
	pid_t pid; /* a child of the caller */
	int pidfd;
	int master; /* terminal to copy to and from 0 and 1, or -1 */
	int notify; /* sd_notify socket, or -1 */
	const char *notify_host;
	bool subreaper; /* reap whatever is handed to us */
	sigset_t old_mask;
};
/* Blocks the signals that will be passed on; before the process is made, so that none is lost. */
int relay_prepare(struct relay *r, struct err *err);
void relay_restore(const struct relay *r);
/* Until the process has ended: its exit status, 128 + the number of a signal; -1. */
int relay_run(struct relay *r, struct err *err);
/* Exit status of a wait(2) status. */
int relay_exit_code(int status);

#endif
