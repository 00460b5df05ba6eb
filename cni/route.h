/* SPDX-License-Identifier: Apache-2.0 */
/* route.h - addresses, routes, rules and neighbours
 *
 * x_add() and x_delete() put one request into the batch; x_each() asks.
 * rtnetlink(7); linux/if_addr.h, linux/fib_rules.h, linux/neighbour.h.
 */
#ifndef SKERRY_CNI_ROUTE_H
#define SKERRY_CNI_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "cni/ip.h"
#include "cni/rtnl.h"

struct addr {
	int index;
	struct ip_net net;
	uint32_t
		flags; /* IFA_F_*; IPv6 addresses want IFA_F_NODAD where nobody waits for detection */
	uint8_t scope;
};
/* IPv4: with the broadcast address of the network, unless it is a /31 or /32. */
void addr_add(struct rtnl *r, const struct addr *addr);
void addr_delete(struct rtnl *r, const struct addr *addr);
/* Of an interface (0: of all), of a family (AF_UNSPEC: both). */
int addr_each(struct rtnl *r, int index, int family,
	      int (*each)(const struct addr *addr, void *data, struct err *err), void *data,
	      struct err *err);

struct route {
	struct ip_net dst; /* family decides; prefix 0: default */
	struct ip gateway, source; /* family 0: none */
	int oif; /* 0: by the gateway */
	uint32_t table; /* 0: main */
	uint8_t protocol, scope, type; /* RTPROT_*; 0: RTPROT_BOOT, universe, unicast */
	struct opt_i64 priority;
	uint32_t mtu, advmss; /* 0: none */
	bool onlink;
};
/* flags: NLM_F_EXCL, NLM_F_REPLACE, NLM_F_APPEND or 0 besides NLM_F_CREATE. */
void route_add(struct rtnl *r, const struct route *route, int flags);
void route_delete(struct rtnl *r, const struct route *route);
/* Of a table (0: all), through an interface (0: any), of a family. */
int route_each(struct rtnl *r, int family, uint32_t table, int oif,
	       int (*each)(const struct route *route, void *data, struct err *err), void *data,
	       struct err *err);

struct rule {
	uint8_t family;
	struct ip_net from, to; /* family 0: any */
	const char *iif; /* NULL: any */
	uint32_t mark; /* 0: any */
	uint32_t table;
	struct opt_i64 priority;
	struct opt_i64 suppress; /* routes with a prefix as long as this or shorter don't count */
};
void rule_add(struct rtnl *r, const struct rule *rule);
void rule_delete(struct rtnl *r, const struct rule *rule);
/* iif points into the message: valid during the call only. */
int rule_each(struct rtnl *r, int family,
	      int (*each)(const struct rule *rule, void *data, struct err *err), void *data,
	      struct err *err);

struct neigh {
	uint8_t family; /* AF_INET, AF_INET6; AF_BRIDGE for a forwarding entry */
	int index;
	struct ip
		ip; /* the neighbour; of a forwarding entry the tunnel's far end; family 0: none */
	struct mac mac;
	uint16_t state; /* NUD_*; a bridge takes NUD_PERMANENT for "its own": use NUD_NOARP */
	uint8_t flags; /* NTF_SELF, NTF_MASTER */
};
/* flags as for route_add(). */
void neigh_add(struct rtnl *r, const struct neigh *neigh, int flags);
/* Only when the neighbour is known already. */
void neigh_change(struct rtnl *r, const struct neigh *neigh);
void neigh_delete(struct rtnl *r, const struct neigh *neigh);

#endif
