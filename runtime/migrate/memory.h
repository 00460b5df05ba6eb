/* SPDX-License-Identifier: Apache-2.0 */
/* memory.h - the source's memory: rounds while it runs, the rest while it stands still
 *
 * A round reads the pages of the running processes and sends those whose
 * contents the target lacks; where writes are tracked (track.h), only pages
 * written since the last round are read.  When they stand still, one more look
 * says what was written since; criu says which pages there are (in its images,
 * which have no contents of what can be put in later), and of those that are as
 * they were sent only the place is passed on, unread.  What the look can't say
 * is read and compared.
 *
 * Without userfaultfd(2) criu, told that we are its page server, hands over all
 * pages in its own order, and each is compared.
 */
#ifndef SKERRY_MIGRATE_MEMORY_H
#define SKERRY_MIGRATE_MEMORY_H

#include <sys/types.h>

#include "runtime/migrate/channel.h"
#include "runtime/migrate/pages.h"
#include "runtime/migrate/regions.h"
#include "runtime/migrate/track.h"

/* A process whose pages were sent. */
struct memory_process {
	struct track track;
	uint64_t number; /* in its container */
	uint64_t started; /* a process number may be given to another one */
	struct memory_regions wanted; /* what the last look found, by rising address */
	bool seen; /* in this look */
	bool lossy; /* a look may have missed a write */
	bool known; /* the last look, with all standing still, is in `wanted` */
};

struct memory {
	struct channel *channel;
	struct page_key key;
	struct page_tasks tasks;
	struct track_best best; /* way to find out what was written to */
	struct {
		struct memory_process *v;
		size_t n, cap;
	} processes;
	uint64_t sent; /* bytes of pages */
	uint64_t seen, changed; /* bytes of pages that were read in this round; that were sent */
	unsigned char *buffer; /* a run of pages */
	struct memory_regions regions;
};
int memory_init(struct memory *m, struct channel *c, struct err *err);
void memory_release(struct memory *m);
/* One look at these processes. still: none of the container's runs meanwhile. */
int memory_look(struct memory *m, const pid_t *pids, size_t n, bool still, struct err *err);
/* Only if they stand still does a look find all that was written. */
bool memory_wants_still(const struct memory *m);
/* Reads what it found, and sends what the target lacks. *ret: bytes sent. */
int memory_read(struct memory *m, uint64_t *ret, struct err *err);

/* The last look, with all standing still; nothing is left in the processes then. */
int memory_look_last(struct memory *m, const pid_t *pids, size_t n, struct err *err);
/* What the process has written to since it was read, by that look; NULL: nobody knows. */
const struct memory_regions *memory_written(const struct memory *m, uint64_t number);
/* The rounds are over: nothing is left in the processes. */
void memory_rounds_end(struct memory *m);
/* How the rounds find out what was written to: the least of all processes. */
const char *memory_tracker(const struct memory *m);

/* A process's number in its container, which is criu's; 0: it has ended. */
uint64_t memory_number_of(pid_t pid);

/* page_server.c: criu's side.  sock: connected to it (criu's own end is what `skerry checkpoint
 * --page-server=fd:N` gets). */
struct page_server {
	struct memory *memory;
	int sock;
	size_t head; /* of a request: it became larger with criu 4.2 */
	unsigned char *input;
	size_t len; /* bytes there */
	uint64_t left; /* pages of the present request still to come */
	uint64_t task, address;
	uint32_t flags;
	bool closed; /* criu has said so */
	/* a run that waits to be sent */
	uint64_t run_address, run_count;
	bool run_changed;
	uint64_t pages, read, changed; /* all; looked at; sent */
};
#define PAGE_SERVER_WIDE 40200 /* version of criu */
#define PAGE_HEAD_MAX	 32
size_t page_server_head(uint32_t criu);
/* Two ends of one TCP connection over the loopback. */
int page_server_pair(int *ret_ours, int *ret_theirs, struct err *err);
int page_server_open(struct page_server *s, struct memory *m, uint32_t criu, int *ret_theirs,
		     struct err *err);
/* Takes what there is: 0, or -1. */
int page_server_serve(struct page_server *s, struct err *err);
void page_server_close(struct page_server *s);

struct page_request {
	uint32_t command, flags;
	uint64_t pages, address, task;
};
/* Pure; head: size of the request. */
int page_request_parse(const unsigned char *data, size_t head, struct page_request *ret,
		       struct err *err);
enum {
	PAGE_OPEN = 4,
	PAGE_PARENT = 5,
	PAGE_ADD = 6,
	PAGE_GET = 7,
	PAGE_CLOSE = 0x1023,
	PAGE_FORCE_CLOSE = 0x1024,
};
/* The head of the answer to a GET, behind which the pages come. */
void page_answer_format(const struct page_request *r, size_t head, unsigned char *dst);

#endif
