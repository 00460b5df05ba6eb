/* SPDX-License-Identifier: Apache-2.0 */
/* subnets.h - which addresses the networks of this host have */
#ifndef SKERRY_CNI_NET_SUBNETS_H
#define SKERRY_CNI_NET_SUBNETS_H

#include "cni/conflist.h"
#include "cni/ip.h"
#include "cni/net/net.h"

#define SUBNETS_MAX 64 /* of one network */

/* The subnets in the ipam of a network's plugins; their number (at most SUBNETS_MAX). */
size_t subnets_of(const struct conflist *list, struct arena *arena, struct ip_net *ret);
/* The same as "10.1.0.0/16,fd00::/64", or "-". */
const char *subnets_text(const struct conflist *list, struct arena *arena);
/* EEXIST when another network has, or the host reaches through a route of its own, an address of it. */
int subnets_check(const struct net *n, const struct ip_net *subnet, struct arena *arena,
		  struct err *err);
/* A /24 that nobody uses. */
int subnets_choose(const struct net *n, struct arena *arena, struct ip_net *ret, struct err *err);

#endif
