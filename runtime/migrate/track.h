/* SPDX-License-Identifier: Apache-2.0 */
/* track.h - which pages of a running process were written to since they were looked at
 *
 * By the best of three that kernel and process allow:
 *  - write protection (userfaultfd(2) with UFFD_FEATURE_WP_ASYNC and the pagemap
 *    scan, Linux 6.7): the kernel answers with the runs of pages that were
 *    written to, and protects them in the same step; a first write to a page
 *    costs the process about a microsecond.
 *  - soft-dirty bits (CONFIG_MEM_SOFT_DIRTY): one bit in eight bytes of each page.
 *  - nothing: every page counts as written to.
 * Each may say too much.  None says too little but for two cases, which track_lossy()
 * and its caller know: soft-dirty bits of a process that ran meanwhile, and pages that
 * a device writes to (O_DIRECT) while they are being protected.
 */
#ifndef SKERRY_MIGRATE_TRACK_H
#define SKERRY_MIGRATE_TRACK_H

#include <stdbool.h>
#include <sys/types.h>

#include "runtime/migrate/regions.h"

enum track_how { TRACK_NOTHING, TRACK_SOFT_DIRTY, TRACK_WRITE_PROTECT };
/* What this kernel has, and what a process gets that can't have that. */
struct track_best {
	enum track_how how, next;
};
void track_ask(struct track_best *ret);
const char *track_name(enum track_how how);

/* One process.  When track_end() has been called, or we have ended, nothing is left in it. */
struct track {
	pid_t pid;
	enum track_how how, next; /* next: when this one fails */
	int uffd; /* with TRACK_WRITE_PROTECT */
	int pagemap;
	bool begun; /* all of it was looked at once */
};
#define TRACK_INIT          \
 {                          \
  .uffd = -1, .pagemap = -1 \
 }
void track_begin(struct track *t, pid_t pid, const struct track_best *best);
/* One look at the process: regions in between, each added to *ret as runs of pages that are in
 * memory (or swapped), not of a file, and may have been written to since the last look.  0 the
 * process has ended, 1, -1. */
int track_look(struct track *t, struct err *err);
int track_region(struct track *t, const struct memory_region *r, struct memory_regions *ret,
		 struct err *err);
/* The pages are read after this: what is written meanwhile is found by the next look. */
void track_looked(struct track *t);
void track_end(struct track *t);
/* The look that was just made may have missed a write. still: the process stood still. */
bool track_lossy(const struct track *t, bool still);

#endif
