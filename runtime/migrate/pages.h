/* SPDX-License-Identifier: Apache-2.0 */
/* pages.h - which contents of which pages the target has
 *
 * A digest of each page that was sent: what a page has when the container
 * stands still is compared with it, so a page is only ever left out because it
 * is the same, whoever or whatever told that it had not been written to.  The
 * digest is NH (of UMAC), keyed anew for each migration: two pages that differ
 * have the same one with a chance below 2^-62, and nobody can look for such.
 *
 * RFC 4418 section 5.2.
 */
#ifndef SKERRY_MIGRATE_PAGES_H
#define SKERRY_MIGRATE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "runtime/migrate/frame.h"

#define PAGE_WORDS (FRAME_PAGE / 4)

struct page_key {
	uint32_t word[PAGE_WORDS + 4];
};
struct page_digest {
	uint64_t a, b;
};
void page_key_make(struct page_key *k);
/* page: FRAME_PAGE bytes, aligned to 4. */
struct page_digest page_digest(const struct page_key *k, const void *page);
/* Of contents that nobody has looked at. */
extern const struct page_digest page_digest_unknown;
bool page_digest_equal(struct page_digest a, struct page_digest b);
bool page_is_zero(const void *page);

/* Address to value, of one task. */
struct page_slot {
	uint64_t page; /* address / FRAME_PAGE + 1; 0: free */
	struct page_digest digest;
};
struct page_map {
	struct page_slot *slots;
	size_t n, size; /* size: a power of two */
};
void page_map_release(struct page_map *m);
/* NULL: not there. */
struct page_slot *page_map_find(const struct page_map *m, uint64_t address);
/* Made where there is none (digest zero, *ret_new true); NULL: no memory. */
struct page_slot *page_map_put(struct page_map *m, uint64_t address, bool *ret_new);

/* Maps by task: few, looked for one after the other. */
struct page_tasks {
	struct page_task {
		uint64_t task; /* criu's number: of a process or of a shared memory */
		struct page_map map;
	} * v;
	size_t n, cap;
};
#define PAGE_TASKS_MAX 65536
struct page_task *page_tasks_get(struct page_tasks *t, uint64_t task);
void page_tasks_release(struct page_tasks *t);

/* criu's numbers (criu/include/page-xfer.h). */
#define PAGE_TASK_PROCESS    1
#define PAGE_TASK_SHARED     2
#define PAGE_TASK(kind, id)  ((uint64_t)(id) << 8 | (kind))
#define PAGE_FLAG_LAZY	     2 /* can be put in while the process runs */
#define PAGE_FLAG_PRESENT    4 /* its contents are behind, or in the image */
#define PAGE_TASK_KIND(task) ((unsigned int)((task)&255))
#define PAGE_TASK_ID(task)   ((task) >> 8)

#endif
