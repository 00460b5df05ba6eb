/* SPDX-License-Identifier: Apache-2.0 */
/* io.h - what a process reads and writes, and where containerd wants it
 *
 * Three kinds, chosen by the name for standard output: fifos (the default),
 * file:///PATH, binary:///PATH?ARGUMENTS (a logger).  The process has pipes of
 * its own or a terminal; the shim copies between them and the fifos, so that
 * the reader's end of file, and its absence, are the shim's to decide.
 */
#ifndef SKERRY_SHIM_IO_H
#define SKERRY_SHIM_IO_H

#include "base/err.h"
#include "runtime/shim/loop.h"
#include "runtime/shim/worker.h"

struct io;
struct stream {
	struct source from, to;
	struct io *io;
	bool open;
	int keeper; /* our own reader of a fifo, or -1: writers neither fail nor end without another */
	bool seen_reader; /* another one has opened it */
	int64_t linger; /* all is written; open for a reader that has not come, until then; 0: no */
	bool splice; /* both are pipes */
	bool forgiving; /* what can't be written is lost: a full disk is not the container's affair */
	bool is_terminal; /* `from` is: its end is the process's, not EIO */
	char *left; /* was read, was not taken yet */
	size_t at, n_left;
	struct timer timer; /* looks at a terminal that nobody has open */
};

struct io {
	struct loop *loop;
	struct stream in, out, err;
	bool terminal;
	int child[3]; /* the process's 0, 1, 2; -1: /dev/null */
	int stdin_keeper; /* our own writer: no end of file before CloseIO */
	int master;
	int log[2]; /* what a logger reads */
	const char *logger; /* its URL, until the process is made */
	bool ended; /* the process has */
	uint64_t moved; /* bytes, to see progress */
	void (*drained)(struct io *io); /* what was written is out; see io_wait() */
	bool waiting;
};

struct io_options {
	const char *in, *out, *err; /* NULL or "": none */
	bool terminal;
	uint32_t uid, gid; /* owner of the pipes */
};

void io_init(struct io *io, struct loop *loop);
/* In the shim, before the worker; nothing is kept on failure. */
int io_open(struct io *io, const struct io_options *o, struct err *err);
/* In the worker: starts the logger, if there is one; then descriptors 0, 1, 2 are the process's. */
int io_enter(struct io *io, const char *id, const char *ns, struct report *r, struct err *err);
/* In the shim, after it: copies from now on; takes the master. */
void io_start(struct io *io, int master);
/* The process has ended: what it has written still comes. */
void io_process_ended(struct io *io);
/* Has all that it wrote been passed on? */
bool io_is_drained(struct io *io);
/* Calls io->drained() once it has been. */
void io_wait(struct io *io);
void io_close_stdin(struct io *io);
int io_resize(struct io *io, uint32_t width, uint32_t height, struct err *err);
void io_close(struct io *io);

#endif
