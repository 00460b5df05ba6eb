/* SPDX-License-Identifier: Apache-2.0 */
/* child.h - the programs that do the work: skerry itself, ssh
 *
 * `skerry checkpoint` and `skerry restore` tell criu's steps on the socket of
 * --notify-fd and wait for the answer there; our end closes it, which is a "no":
 * a container is never left half moved because this program died.
 */
#ifndef SKERRY_MIGRATE_CHILD_H
#define SKERRY_MIGRATE_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

#define CHILD_WORDS_MAX 64

struct child {
	pid_t pid; /* 0: none */
	int pidfd;
	int notify; /* our end, or -1 */
	int output; /* what it said (memfd), or -1 */
	char line[96]; /* of a step, as far as it is there */
	size_t line_len;
	int patience_ms; /* of child_end(), then it is told to end; 0: for ever */
};
#define CHILD_INIT                        \
 {                                        \
  .pidfd = -1, .notify = -1, .output = -1 \
 }

struct child_start {
	const char *program; /* looked for in $PATH when there is no slash in it */
	char *const *argv;
	int in, out; /* -1: /dev/null, and with what it says on standard error */
	int err; /* 0: what it says is kept for child_wait() */
	int keep; /* stays open under its number, or 0 */
	bool notify; /* "--notify-fd=3" is among its words: the other end is there */
};
#define CHILD_NOTIFY_FD 3

int child_start(struct child *c, const struct child_start *start, struct err *err);
/* A step of criu's was told: 1 and its name and process, 0 not yet, -1 the end. */
struct child_step {
	char name[64];
	pid_t pid;
};
int child_step(struct child *c, struct child_step *ret);
int child_answer(struct child *c, const char *word, struct err *err);
/* Lets go of the socket, waits for its end (SIGKILL with `now`); a failure is told in its own
 * last words. */
int child_wait(struct child *c, struct err *err);
/* The same without a word; a connection whose other side is silent would never end by itself. */
void child_end(struct child *c);
/* Runs it to its end; what it said goes into `said` (may be NULL). */
int child_run(const struct child_start *start, struct buf *said, struct err *err);

#endif
