/* SPDX-License-Identifier: Apache-2.0 */
/* htb.h - a tree of token buckets on an interface
 *
 * htb_x() put requests into the batch, as tc.h's do; htb_each() asks.  Rates
 * are bits per second here, classes are named by their minor number.
 * tc-htb(8); linux/pkt_sched.h.
 */
#ifndef SKERRY_CNI_PLUGINS_SHAPE_HTB_H
#define SKERRY_CNI_PLUGINS_SHAPE_HTB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "cni/rtnl.h"

#define HTB_MAJOR	   0x5ce7U
/* What a packet's priority must be to go to this class. */
#define HTB_CLASSID(minor) (HTB_MAJOR << 16 | (minor))

struct htb_class {
	uint32_t minor, parent; /* parent 0: the tree's root */
	uint64_t rate, ceil; /* bits per second */
	uint32_t priority; /* 0 gets what is left over first */
	uint32_t quantum; /* bytes at a turn among those of one priority */
};
/* The discipline itself; what belongs to no class goes to `other` (0: straight through). An
 * interface with a discipline of somebody else's: EEXIST. */
void htb_make(struct rtnl *r, int index, uint32_t other);
void htb_unmake(struct rtnl *r, int index);
/* Makes or changes it. */
void htb_class(struct rtnl *r, int index, const struct htb_class *class);
void htb_class_delete(struct rtnl *r, int index, uint32_t minor);
/* How packets of a class wait: fairly per flow, or in one queue of so many bytes. */
void htb_queue_fair(struct rtnl *r, int index, uint32_t minor);
void htb_queue(struct rtnl *r, int index, uint32_t minor, uint32_t bytes);

struct htb_counts {
	uint32_t minor;
	uint64_t rate; /* its guarantee, bits per second */
	uint64_t bytes, packets;
	uint32_t drops, backlog /* bytes that wait */, borrows;
};
/* Every class of the interface's tree. */
int htb_each(struct rtnl *r, int index,
	     int (*each)(const struct htb_counts *counts, void *data, struct err *err), void *data,
	     struct err *err);
/* Is our tree on the interface?  1, 0, -1. */
int htb_is_made(struct rtnl *r, int index, struct err *err);

#endif
