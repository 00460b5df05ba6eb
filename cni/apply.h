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
#include "cni/link.h"
#include "cni/result.h"
#include "cni/skel.h"

struct apply {
	int netns; /* for the settings below /proc/sys/net; -1: leave them alone */
	int index;
	const char *name;
	bool detect; /* wait for duplicate address detection; else IFA_F_NODAD */
	bool routed; /* ptp: no route to the addresses' network but through the gateway */
};

/* Puts into the batch: addresses, the interface up, routes; the settings are written at once.  The
 * caller flushes, then calls apply_wait() when `detect`. */
int apply_result(struct rtnl *r, const struct apply *apply, const struct result *result,
		 struct err *err);
/* Until no address is tentative any more; one that is taken is an error. */
int apply_wait(struct rtnl *r, const struct apply *apply, struct err *err);

/* CHECK: has the interface the addresses of `ips` that belong to it (all when the result names no
 * interface), and the container's tables the routes? */
int apply_check(struct rtnl *r, int index, const char *name, const struct result *result,
		struct err *err);

/* Lets the host forward packets of the families that the result has addresses of. */
int apply_forwarding(const struct result *result, struct err *err);
/* The interface of the container in a result: name, hardware address, sandbox; NULL: no memory. */
struct result_interface *apply_add_interface(struct cni_call *call, const char *name,
					     const struct mac *mac, uint32_t mtu, bool inside);
/* The plugin's addresses, routes and dns into call->result, all on its last interface; the dns of
 * the configuration wins. */
int apply_take_ipam(struct cni_call *call, const struct result *ipam, struct err *err);

/* The end on the host that prevResult names: in no sandbox, "veth..." and not `other`; or NULL. */
const struct result_interface *apply_host_end(const struct cni_call *call, const char *other);
/* DEL: removes the container's interface.  Without a namespace it is gone, unless only the path is:
 * then by its end on the host. */
int apply_remove(struct cni_call *call, const char *other, struct err *err);
/* CHECK: is the end on the host there, up, and the peer of `inside`? */
int apply_check_host_end(struct cni_call *call, const char *name, const struct link *inside,
			 struct link *ret, struct err *err);
/* ipMasq: of all addresses of the result; nothing when the configuration doesn't ask for it. */
int apply_masquerade(struct cni_call *call, const struct result *result, struct err *err);
int apply_masquerade_del(struct cni_call *call, const struct result *result, struct err *err);
int apply_masquerade_check(struct cni_call *call, const struct result *result, struct err *err);

/* CHECK: is the interface of prevResult in the container, of this kind (NULL: any), with its
 * hardware address and MTU? */
int apply_check_interface(struct cni_call *call, const char *kind, struct link *ret,
			  struct err *err);

#endif
