/* SPDX-License-Identifier: Apache-2.0 */
/* libexec.h - the programs beside ours that have what it doesn't link
 */
#ifndef SKERRY_BASE_LIBEXEC_H
#define SKERRY_BASE_LIBEXEC_H

#include <limits.h>

#include "base/buf.h"
#include "base/err.h"

/* The path of such a program: beside the one that runs, else where it is installed.  0, or -1 with
 * errno. */
int libexec_find(const char *name, char path[PATH_MAX]);
/* The same; who ("images need") begins the message of what is not there. */
int libexec_need(const char *who, const char *name, char path[PATH_MAX], struct err *err);

/* The other way round: the runtime, "skerry", for a program beside it, else where PATH has it. */
int libexec_runtime(char path[PATH_MAX], struct err *err);

struct libexec {
	const char *name, *word; /* the program and its one argument */
	const char *input; /* for its standard input; NULL: none */
	int stdout_fd; /* where its output goes; -1: to `output` with what it says of errors */
	struct buf *output; /* PROC_OUTPUT_MAX at most */
};
/* Runs it to its end; what it said becomes the error when it failed. */
int libexec_run(const struct libexec *l, struct err *err);

#endif
