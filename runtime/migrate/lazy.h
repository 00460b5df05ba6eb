/* SPDX-License-Identifier: Apache-2.0 */
/* lazy.h - memory that follows once the container runs on the target (--lazy)
 *
 * On the target `criu lazy-pages` puts pages where the processes miss them, and
 * the others when it has nothing else to do.  It believes this program to be the
 * source's page server: each of its requests becomes a FETCH, and the RUN frames
 * that answer become pages again.  On the source criu has left the pages in the
 * processes, which stand still until FETCHED; there they are read, and of those
 * that a round of memory has brought already only the place is said.
 *
 * Without --lazy it may be done so too, when the memory is large: all of it is
 * on the target before the commit, in the store, and a process of its own (the
 * keeper) answers criu out of that.  How long the container stands still doesn't
 * depend on its memory then, and it depends on nobody once it runs.
 */
#ifndef SKERRY_MIGRATE_LAZY_H
#define SKERRY_MIGRATE_LAZY_H

#include "runtime/migrate/memory.h"
#include "runtime/migrate/migrate.h"
#include "runtime/migrate/store.h"

/* The target's end. */
struct lazy {
	struct child daemon;
	pid_t guardian;
	int guard; /* its end is what the guardian waits for; -1: none */
	int sock; /* criu's requests; -1: not lazy, or it wants no more */
	size_t head;
	unsigned char input[PAGE_HEAD_MAX];
	size_t len;
	struct fetch
		*queue; /* asked for and not whole; the first one's answer has begun when partial */
	size_t n, cap;
	bool partial;
	uint64_t pages;
	struct store *store; /* where all is already; NULL: the source is asked */
};
#define LAZY_INIT                                                                \
 {                                                                               \
  .daemon = { .pidfd = -1, .notify = -1, .output = -1 }, .sock = -1, .guard = -1 \
 }
/* Why it can't be on this host, or NULL. */
const char *lazy_obstacle(void);
/* Starts criu's part over these images. */
int lazy_start(struct lazy *l, const struct options *o, const char *images, uint32_t criu,
	       struct err *err);
/* What criu has asked for by now. channel: NULL with a store. */
int lazy_serve(struct lazy *l, struct channel *c, struct err *err);
/* As channel_wait(), while pages go from the channel to criu: 1 a frame that is none of its own
 * is in *ret, 0 one of fds[] has something. */
struct lazy_wait {
	struct channel *channel;
	struct store *store;
	struct pollfd *fds;
	size_t n;
};
int lazy_wait(struct lazy *l, const struct lazy_wait *w, struct frame *ret, struct err *err);
/* Until all are there: 0. */
int lazy_finish(struct lazy *l, const struct lazy_wait *w, struct err *err);
/* From here on our own end, whatever it is by, is the container's: criu's part would follow it,
 * and what its processes miss would read as zeros. */
int lazy_guard(struct lazy *l, const struct options *o, const char *id, struct err *err);
/* All is there: it lives on without us. */
void lazy_release(struct lazy *l);
void lazy_end(struct lazy *l);

/* All the memory is in the store: a process that has it. */
struct keeper {
	pid_t pid; /* 0: none */
	int life;
	bool free; /* it needs us no more */
};
struct keeper_order {
	const struct options *options;
	const char *id, *images;
	uint32_t criu; /* version */
	struct store *store;
};
/* criu's part is ready. Until keeper_let_go() our own end is the keeper's, and criu's. */
int keeper_start(struct keeper *keeper, const struct keeper_order *order, struct err *err);
/* From now on the process `init` is what it lives for. */
int keeper_let_go(struct keeper *keeper, pid_t init, struct err *err);
void keeper_end(struct keeper *keeper);
#define KEEPER_INIT \
 {                  \
  .life = -1        \
 }

/* The source's end: the memory of its processes. */
struct feed {
	struct memory *memory;
	struct feed_process {
		uint64_t number;
		int mem;
	} * v;
	size_t n;
	uint32_t flags; /* of the runs that are sent: criu's */
	uint64_t pages, read, changed; /* that were told about; looked at; sent */
};
int feed_open(struct feed *f, struct memory *m, const pid_t *pids, size_t n, struct err *err);
void feed_close(struct feed *f);
/* Pages of a process, as runs of those that the target has and of those that it hasn't. */
int feed_read(struct feed *f, const struct fetch *want, struct err *err);
/* A run of pages: with its contents, which are in the memory's buffer from that page on; or as they
 * were sent last. */
int feed_run(struct feed *f, const struct fetch *what, size_t from, bool changed, struct err *err);
/* channel_expect() that answers each FETCH before. */
struct feed_expect {
	enum frame_type type;
	void *dst;
	struct arena *arena;
};
int feed_expect(struct feed *f, struct channel *c, const struct feed_expect *e, struct err *err);

#endif
