/* SPDX-License-Identifier: Apache-2.0 */
/* pagemap.h - criu's pagemap-ID.img: which pages a process, or a shared memory, has
 *
 * u32 0x54564319, u32 0x56084025, then messages behind their u32 lengths:
 * { 1 number of pages-N.img }, then one { 1 address, 2 count, 4 flags } for each
 * run, by rising address; since criu 4.2 a count is { 5 } as well, in 64 bits.
 * pages-N.img has the pages that are "present", and nothing else.
 * (criu's images/pagemap.proto, criu/include/magic.h)
 */
#ifndef SKERRY_MIGRATE_PAGEMAP_H
#define SKERRY_MIGRATE_PAGEMAP_H

#include "base/buf.h"
#include "runtime/migrate/frame.h"

#define PAGEMAP_MAX   ((size_t)1 << 30)
#define PAGEMAP_COUNT ((uint64_t)1 << 20) /* pages of one entry, as written */

void pagemap_begin(struct buf *b, uint32_t number);
/* run: address, count (PAGEMAP_COUNT at most) and flags. */
void pagemap_put(struct buf *b, const struct page_run *run);

/* One that was read. */
struct pagemap {
	const unsigned char *at;
	size_t left;
	uint32_t number;
};
/* Up to the first entry. text is borrowed. */
int pagemap_open(struct pagemap *m, const void *text, size_t size, struct err *err);
/* The next entry: 1 and *ret (address, count, flags), 0 there is none, -1. */
int pagemap_next(struct pagemap *m, struct page_run *ret, struct err *err);
/* "pagemap-ID.img", "pagemap-shmem-ID.img" as a task: 1; 0 it is neither. */
int pagemap_task(const char *name, uint64_t *ret);
/* The name of that task's. */
int pagemap_name(uint64_t task, char *dst, size_t size);

#endif
