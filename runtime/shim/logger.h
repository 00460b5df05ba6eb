/* SPDX-License-Identifier: Apache-2.0 */
/* logger.h - a program that takes a process's output: binary:///PATH?KEY=VALUE&... */
#ifndef SKERRY_SHIM_LOGGER_H
#define SKERRY_SHIM_LOGGER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"

/* The program and its arguments (the path, then each key and value in order), %XX and + resolved; pure. */
struct logger {
	bool must_say; /* binary-v2: ready only after it has written a byte */
	char *path;
	char **argv;
};
int logger_parse(const char *url, struct arena *arena, struct logger *ret, struct err *err);

/* Starts it with the pipes as its descriptors 3 and 4 and waits until it has closed 5.  Runs in a worker. */
int logger_start(const char *url, const char *id, const char *ns, const int pipes[2],
		 pid_t *ret_pid, struct err *err);

#endif
