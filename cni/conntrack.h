/* SPDX-License-Identifier: Apache-2.0 */
/* conntrack.h - forgetting flows that a new or a gone port mapping makes wrong
 *
 * A UDP flow that is known to the connection tracker keeps its translation as
 * long as datagrams come, so a client that never pauses would not see the
 * container behind a port change.
 */
#ifndef SKERRY_CNI_CONNTRACK_H
#define SKERRY_CNI_CONNTRACK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cni/ip.h"
#include "cni/nft.h"
#include "cni/rtnl.h"

/* A mapping of a UDP port as it is now. */
struct conntrack_port {
	uint8_t family; /* AF_INET, AF_INET6 */
	struct ip host; /* family 0: any address of this machine */
	uint16_t port; /* of the host */
	struct ip target; /* flows to there stay; family 0: none do */
};

/* Deletes the UDP flows that were begun to one of the ports on an address of this machine and go
 * elsewhere than to the target.  A kernel without connection tracking has none. */
int conntrack_forget(struct nft *nft, struct rtnl *host, const struct conntrack_port *ports,
		     size_t n, struct err *err);
/* The same in a process of its own: the kernel walks its whole table for it, some 20 ms on an idle
 * machine.  What goes wrong there remains untold. */
int conntrack_forget_aside(const struct conntrack_port *ports, size_t n, struct err *err);

#endif
