/* SPDX-License-Identifier: Apache-2.0 */
/* tc.h - queueing disciplines: limiting what an interface sends, redirecting what it receives
 *
 * tc_x() put one request into the batch; tc_x_find() ask.
 * tc(8), tc-tbf(8), tc-u32(8), tc-mirred(8); linux/pkt_sched.h.
 */
#ifndef SKERRY_CNI_TC_H
#define SKERRY_CNI_TC_H

#include <stdint.h>

#include "base/err.h"
#include "cni/rtnl.h"

/* A token bucket. */
struct tc_rate {
	uint64_t rate; /* bytes per second */
	uint32_t burst; /* bytes */
	uint32_t limit; /* bytes that may wait */
};

/* What the interface sends keeps to the rate; replaces its root discipline. */
void tc_limit(struct rtnl *r, int index, const struct tc_rate *rate);
/* What interface `from` receives is sent out by `to` first, where a limit applies, and received
 * after that. */
void tc_redirect(struct rtnl *r, int from, int to);
/* What `from` is about to send goes through `to` first.  tc_redirect_delete() ends it. */
void tc_redirect_sent(struct rtnl *r, int from, int to);
/* Back to what the kernel gives an interface; absent is success. */
void tc_limit_delete(struct rtnl *r, int index);
void tc_redirect_delete(struct rtnl *r, int from);

/* The limit of an interface: 1, 0 it has none, -1 with err. */
int tc_limit_find(struct rtnl *r, int index, struct tc_rate *ret, struct err *err);
/* Where what it receives goes to: 1, 0 nowhere, -1 with err. */
int tc_redirect_find(struct rtnl *r, int from, int *ret_to, struct err *err);
int tc_redirect_sent_find(struct rtnl *r, int from, int *ret_to, struct err *err);

#endif
