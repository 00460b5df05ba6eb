/* SPDX-License-Identifier: Apache-2.0 */
/* tc_split.h - a limit on a part of what an interface sends
 *
 *	htb 1:        what no filter matches goes to the default class
 *	  1:30  rate  the limited part
 *	  1:1         the rest, as fast as it goes
 *	u32 filters, one per network
 *
 * tc-htb(8), tc-u32(8); linux/pkt_sched.h, linux/pkt_cls.h.
 */
#ifndef SKERRY_CNI_TC_SPLIT_H
#define SKERRY_CNI_TC_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "cni/ip.h"
#include "cni/rtnl.h"
#include "cni/tc.h"

struct tc_split {
	struct tc_rate rate;
	const struct ip_net *nets;
	size_t n;
	bool only; /* the limit is on these networks only, else on all but them */
	bool by_source; /* the packets from them, else those to them */
};

/* Replaces the interface's root discipline, which tc_limit_delete() takes back.  0 when all of it is
 * in the batch (which may have been sent in between). */
int tc_split(struct rtnl *r, int index, const struct tc_split *split, struct err *err);
/* CHECK: is it as tc_split() made it?  name is for messages. */
int tc_split_check(struct rtnl *r, int index, const char *name, const struct tc_split *split,
		   struct err *err);

#endif
