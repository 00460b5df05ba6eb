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
/* Must the interface be there before ipam_add()?  Ours but dhcp don't look at it; of others nobody
 * knows. */
bool ipam_needs_link(const struct cni_call *call);
/* Addresses, routes and dns for this attachment, in the call's arena. */
int ipam_add(struct cni_call *call, struct result *ret, struct err *err);
/* Gives them back; nothing reserved is success. */
int ipam_del(struct cni_call *call, struct err *err);
int ipam_check(struct cni_call *call, struct err *err);
int ipam_gc(struct cni_call *call, struct err *err);
int ipam_status(struct cni_call *call, struct err *err);

#endif
