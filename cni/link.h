/* SPDX-License-Identifier: Apache-2.0 */
/* link.h - interfaces
 *
 * link_find() asks; the others put one request into the batch of a struct
 * rtnl, which rtnl_flush() sends.  Attributes without a call of their own go
 * between link_change() or link_new() and rtnl_end() with rtnl_put().
 * rtnetlink(7); linux/if_link.h.
 */
#ifndef SKERRY_CNI_LINK_H
#define SKERRY_CNI_LINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "cni/ip.h"
#include "cni/rtnl.h"

#define LINK_KIND_MAX  16
#define LINK_ALIAS_MAX 256

struct link {
	int index;
	char name[IFNAMSIZ], kind[LINK_KIND_MAX],
		port_kind[LINK_KIND_MAX]; /* port_kind: of its master */
	char alias[LINK_ALIAS_MAX];
	struct mac mac;
	bool has_mac;
	uint32_t mtu, flags /* IFF_* */, group, tx_queue_length, promiscuity;
	int master; /* 0: none */
	int parent; /* IFLA_LINK: a VLAN's lower device, a veth's peer; 0: none */
	int parent_netns; /* id of the namespace the parent is in; -1: this one */
	uint8_t operstate; /* IF_OPER_* */
	/* of a bridge */
	bool vlan_filtering;
	uint16_t vlan_default;
	/* of a bridge's port */
	bool hairpin, isolated, learning;
	bool tunnel_learning; /* of a VXLAN device: it remembers who is behind which host */
	/* of kinds with a mode or number: vlan id, macvlan and ipvlan mode, vrf table */
	uint32_t number;
};

/* 1 and *ret, 0 there is none, -1 with err. */
int link_find(struct rtnl *r, const char *name, struct link *ret, struct err *err);
int link_find_index(struct rtnl *r, int index, struct link *ret, struct err *err);
/* At a glance: index, flags, mac, mtu and kind (as the driver calls it).  false: not to be had so,
 * and nothing else is said.  For ADD, since RTM_GETLINK makes the kernel finish first what it has put
 * off when the interface lost its carrier: 80 us of a bridge whose last port has gone. */
bool link_glance(struct rtnl *r, const char *name, struct link *ret);
/* The same as link_find(), but it is an error (ENODEV) to have none. */
int link_get(struct rtnl *r, const char *name, struct link *ret, struct err *err);
/* Every interface; each() as in rtnl.h: > 0 stops. */
int link_each(struct rtnl *r, int (*each)(const struct link *link, void *data, struct err *err),
	      void *data, struct err *err);
/* Has any interface this one as its master?  1, 0, -1. */
int link_has_port(struct rtnl *r, int master, struct err *err);

struct link_new {
	const char *name, *kind;
	int index; /* 0: the kernel's choice */
	const struct mac *mac; /* NULL: the kernel's choice */
	uint32_t mtu; /* 0: the kernel's choice */
	int master, parent; /* 0: none */
	uint32_t group;
	uint32_t queues; /* of each direction; 0: the kernel's choice */
	bool up;
	bool in_netns; /* made in the namespace below */
	int netns;
};
/* Begins RTM_NEWLINK (create, exclusive) and leaves IFLA_LINKINFO { kind, IFLA_INFO_DATA { open:
 * the caller puts the kind's data and calls link_new_end(). */
void link_new(struct rtnl *r, const struct link_new *new);
void link_new_end(struct rtnl *r);
/* A pair; both ends made in one request.  The peer can't be made up (ENOTCONN) and its index is
 * honoured only when that of the first isn't 0. */
void link_new_veth(struct rtnl *r, const struct link_new *first, const struct link_new *peer);

/* Begins RTM_NEWLINK for an interface that is there; the caller puts attributes and ends it. */
void link_change(struct rtnl *r, int index, const char *what);
void link_set_flags(struct rtnl *r, int index, uint32_t flags, uint32_t mask);
void link_up(struct rtnl *r, int index);
void link_down(struct rtnl *r, int index);
void link_set_mtu(struct rtnl *r, int index, uint32_t mtu);
void link_set_mac(struct rtnl *r, int index, const struct mac *mac);
void link_set_master(struct rtnl *r, int index, int master); /* 0: none */
void link_set_alias(struct rtnl *r, int index, const char *alias);
/* Its IPv4 addresses are announced when it comes up: conf/IFNAME/arp_notify, without the way through
 * /proc of its namespace. */
void link_set_arp_notify(struct rtnl *r, int index);
/* Settings of a bridge's port; those without `has` are left alone. */
struct link_port {
	struct opt_bool hairpin, isolated, learning, flood;
};
void link_set_port(struct rtnl *r, int index, const struct link_port *port);
/* VLANs of a bridge's port (or of the bridge itself): adds or deletes first..last. */
struct link_vlan {
	uint16_t first, last;
	bool pvid, untagged, self /* of the bridge device */;
};
void link_vlan_add(struct rtnl *r, int index, const struct link_vlan *vlan);
void link_vlan_delete(struct rtnl *r, int index, const struct link_vlan *vlan);
/* What a port has to do with each VLAN. */
#define LINK_VLAN_MAX	   4094
#define LINK_VLAN_MEMBER   1U
#define LINK_VLAN_UNTAGGED 2U
#define LINK_VLAN_PVID	   4U
struct link_vlans {
	uint8_t state[LINK_VLAN_MAX + 1];
};
int link_vlans(struct rtnl *r, int index, struct link_vlans *ret, struct err *err);

void link_delete(struct rtnl *r, int index);
/* Deletes the interface of this name (absent is success) in the namespace (-1: here) and returns as
 * soon as it is out of sight and its name free: the kernel lets go of the rest 15 to 20 ms later
 * (rcu_barrier()), and only a child waits for that. */
int link_remove(int netns, const char *name, struct err *err);

#endif
