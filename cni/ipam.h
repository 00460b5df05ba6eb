/* SPDX-License-Identifier: Apache-2.0 */
/* ipam.h - the interface plugins' side of address management
 *
 * The ipam.type of the configuration is another plugin.  When the file of that
 * name in CNI_PATH is this very program (or there is none and it is linked
 * in), it is called in-process, otherwise executed.
 * CNI specification "Section 4: Plugin Delegation".
 */
#ifndef SKERRY_CNI_IPAM_H
#define SKERRY_CNI_IPAM_H

#include <stdbool.h>

#include "base/err.h"
#include "cni/result.h"
#include "cni/skel.h"

/* Is there an "ipam" with a type? */
bool ipam_has(const struct cni_call *call);
/* ADD's order: lease() first, since the rest is known by the container's name alone, then link() makes
 * the interface; the other way round where who gives the lease wants to see the interface: ours but
 * dhcp don't look at it, of others nobody knows.  `add` is handed to both; the first failure ends it. */
struct ipam_order {
	int (*lease)(void *add, struct err *err);
	int (*link)(void *add, struct err *err);
};
int ipam_around(const struct cni_call *call, const struct ipam_order *order, void *add,
		struct err *err);
/* Addresses, routes and dns for this attachment, in the call's arena. */
int ipam_add(struct cni_call *call, struct result *ret, struct err *err);
/* Gives them back; nothing reserved is success. */
int ipam_del(struct cni_call *call, struct err *err);
int ipam_check(struct cni_call *call, struct err *err);
int ipam_gc(struct cni_call *call, struct err *err);
int ipam_status(struct cni_call *call, struct err *err);

#endif
