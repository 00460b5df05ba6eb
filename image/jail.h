/* SPDX-License-Identifier: Apache-2.0 */
/* jail.h - a process that reads untrusted bytes and can do nothing else
 *
 * A copy of this process with no descriptor but those it is given, no
 * capability it doesn't need, no network, and only the system calls of its kind
 * of work.
 */
#ifndef SKERRY_IMAGE_JAIL_H
#define SKERRY_IMAGE_JAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

enum jail_kind {
	JAIL_STREAM, /* reads and writes its descriptors; opens nothing */
	JAIL_TREE, /* also makes files below one directory, which is its root */
};

struct jail {
	enum jail_kind kind;
	const char *title; /* what ps(1) shows */
	bool outlives; /* ends by itself when the parent is gone, and has something to do first */
	int root; /* JAIL_TREE: the directory; else -1 */
	const int *fds; /* its descriptors; everything else is closed */
	size_t n_fds;
	/* What it does; the process ends with it.  Where it can't even be locked in, `refuse` is
	 * called instead with the reason. */
	void (*run)(void *arg);
	void (*refuse)(void *arg, const struct err *err);
	void *arg;
};

/* Starts it: its pid (a child, to be waited for) and pidfd. 0 or -1. */
int jail_start(const struct jail *j, pid_t *ret_pid, int *ret_pidfd, struct err *err);

#endif
