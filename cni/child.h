/* SPDX-License-Identifier: Apache-2.0 */
/* child.h - an interface in the container that hangs on one of the host, or on none
 *
 * vlan, macvlan, ipvlan and dummy differ in a few attributes only; the rest of
 * their verbs is here.  The interface is made in its namespace under its name,
 * so there is nothing to move or rename.
 */
#ifndef SKERRY_CNI_CHILD_H
#define SKERRY_CNI_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "cni/ip.h"
#include "cni/link.h"
#include "cni/rtnl.h"
#include "cni/skel.h"

struct child {
	const char *kind;
	bool has_master; /* hangs on another interface */
	const char *master; /* NULL: that of the default route */
	bool master_inside; /* linkInContainer */
	bool need_ipam; /* an interface without an address makes no sense */
	bool prev_addresses; /* without IPAM those of prevResult */
	uint32_t mtu; /* 0: that of the master */
	bool has_mac;
	struct mac mac;
	uint32_t number; /* what struct link has as its number */
	/* The kind's own attributes (IFLA_INFO_DATA is open). */
	void (*put)(struct rtnl *r, const struct child *child);
	uint32_t extra; /* for put() */
};

/* The interface of the default route, of IPv4 first; CNI code 7 when there is none. */
int child_default_master(struct rtnl *r, struct link *ret, struct err *err);
int child_add(struct cni_call *call, const struct child *child, struct err *err);
int child_del(struct cni_call *call, struct err *err);
int child_check(struct cni_call *call, const struct child *child, struct err *err);

#endif
