/* SPDX-License-Identifier: Apache-2.0 */
/* outside.h - names of a network's ports outside, for who adds and removes them while it runs */
#ifndef SKERRY_CNI_PLUGINS_OUTSIDE_OUTSIDE_H
#define SKERRY_CNI_PLUGINS_OUTSIDE_OUTSIDE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "cni/ip.h"
#include "cni/link.h"
#include "cni/rtnl.h"

/* One GRE port to one host. */
struct outside_gre {
	const char *network;
	struct ip local, peer; /* local: family 0: any */
	uint32_t id, mtu;
	int bridge; /* the index of the network's */
};
/* Makes it and takes it into the bridge; one that is there is left. */
int outside_gre_add(struct rtnl *r, const struct outside_gre *gre, struct err *err);
/* The device's name. */
void outside_gre_name(const char *network, const struct ip *peer, char name[IFNAMSIZ]);
void outside_vlan_name(const char *network, char name[IFNAMSIZ]);
/* Is it a port of this kind and network? */
bool outside_is_gre(const struct link *link, const char *network);

#endif
