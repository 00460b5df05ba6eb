/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - the target's pages: as they come, and as criu's images in the end
 *
 * Pages of the rounds are kept by process and address, the newest contents of
 * each.  The runs that come while the container stands still say which pages
 * there are, in criu's order; with them pagemap-ID.img and pages-N.img are
 * written, without parents: a lazy restore needs them flat.
 *
 * With `lazy` pages that can be put in while the processes run stay where the
 * rounds put them, for store_get(), and the images only say that there are such:
 * what is to be done while the container stands still is then as much as what
 * comes in that time, however much memory it has.
 */
#ifndef SKERRY_MIGRATE_STORE_H
#define SKERRY_MIGRATE_STORE_H

#include "base/buf.h"
#include "runtime/migrate/frame.h"
#include "runtime/migrate/pages.h"

struct store_task {
	uint64_t task;
	struct page_map map; /* digest.a: the page's place in `file` */
	int file; /* pages as they came */
	uint64_t used; /* places of it */
	int image; /* pages-N.img */
	uint64_t written; /* pages of it */
	struct buf pagemap; /* its entries */
	struct page_run last; /* the entry that may grow */
	uint32_t number; /* N */
};
struct store {
	int dir; /* borrowed: the folder of the images */
	struct store_task *v;
	size_t n, cap;
	bool final;
	bool lazy;
	uint64_t pages; /* that runs told about */
};
void store_init(struct store *s, int dir);
void store_release(struct store *s);
/* A PAGES frame. */
int store_put(struct store *s, const struct page_run *run, struct err *err);
/* A RUN frame; the first one ends the rounds.  -1: also a page whose contents never came. */
int store_run(struct store *s, const struct page_run *run, struct err *err);
/* Contents as they were sent last, of as many of the `left` pages as are kept in a row,
 * STORE_PAGES at most. */
#define STORE_PAGES 64
struct store_where {
	uint64_t task, address, left;
};
int store_get(struct store *s, const struct store_where *w, void *dst, uint64_t *ret_n,
	      struct err *err);
/* After the last: the images are whole. */
int store_finish(struct store *s, struct err *err);

#endif
