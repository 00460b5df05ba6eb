/* SPDX-License-Identifier: Apache-2.0 */
/* router.h - the network namespace that stands between a tenant's network and the host
 *
 * RUN/netns/net-NETWORK holds it; one veth pair with addresses of its own (a
 * /30 of the transit range) joins it to the host.  DIR/net.NETWORK and
 * DIR/slot.N say to each other who has which addresses.
 * ip-netns(8); network_namespaces(7).
 */
#ifndef SKERRY_CNI_PLUGINS_TENANT_ROUTER_H
#define SKERRY_CNI_PLUGINS_TENANT_ROUTER_H

#include <limits.h>
#include <net/if.h>
#include <stdint.h>

#include "base/err.h"
#include "cni/ip.h"
#include "cni/rtnl.h"

#define ROUTER_DIR    "/run/skerry/tenant"
#define ROUTER_NETNS  "/run/skerry/netns"
#define ROUTER_PREFIX 30 /* of a transit */
#define ROUTER_UPLINK "up" /* its end of the pair */

struct router {
	const char *network;
	int lock; /* DIR: one request at a time makes or removes routers */
	int netns; /* -1: there is none */
	char path[PATH_MAX];
	char host_end[IFNAMSIZ];
	uint32_t slot;
	struct ip_net outside, inside; /* its addresses: the host's and the router's */
};

/* What there is of the network's router; netns -1 when it isn't there.  The lock is held until
 * router_close(). */
int router_open(const char *network, const struct ip_net *transit, struct router *ret,
		struct err *err);
/* The network's number in r->slot, taken when it has none; given back. */
int router_take_slot(struct router *r, const struct ip_net *transit, struct err *err);
int router_free_slot(struct router *r, struct err *err);
/* Makes what is missing of it. */
int router_make(struct router *r, const struct ip_net *transit, struct rtnl *host, uint32_t mtu,
		struct err *err);
/* Are there still interfaces of containers in it?  1, 0, -1. */
int router_is_used(const struct router *r, struct err *err);
/* Removes all of it; what isn't there is no error. */
int router_remove(struct router *r, struct err *err);
void router_close(struct router *r);

#endif
