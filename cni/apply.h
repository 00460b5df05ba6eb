/* SPDX-License-Identifier: Apache-2.0 */
/* apply.h - a result's addresses and routes on an interface in the container
 *
 * What bridge, ptp, macvlan, ipvlan, vlan, dummy and the like do alike with
 * what IPAM gave, and the comparison for CHECK.
 */
#ifndef SKERRY_CNI_APPLY_H
#define SKERRY_CNI_APPLY_H

#include <stdbool.h>

#include "base/err.h"
#include "cni/result.h"
#include "cni/rtnl.h"

struct apply {
	int netns; /* for the settings below /proc/sys/net; -1: leave them alone */
	int index;
	const char *name;
	bool detect; /* wait for duplicate address detection; else IFA_F_NODAD */
};

/* Puts into the batch: `lo` up, addresses, the interface up, routes; the settings are written at
 * once.  The caller flushes, then calls apply_wait() when `detect`. */
int apply_result(struct rtnl *r, const struct apply *apply, const struct result *result,
		 struct err *err);
/* Until no address is tentative any more; one that is taken is an error. */
int apply_wait(struct rtnl *r, const struct apply *apply, struct err *err);

/* CHECK: has the interface the addresses of `ips` that belong to it (all when the result names no
 * interface), and the container's tables the routes? */
int apply_check(struct rtnl *r, int index, const char *name, const struct result *result,
		struct err *err);

#endif
