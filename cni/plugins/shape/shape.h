/* SPDX-License-Identifier: Apache-2.0 */
/* shape.h - the devices of an uplink's shares */
#ifndef SKERRY_CNI_PLUGINS_SHAPE_SHAPE_H
#define SKERRY_CNI_PLUGINS_SHAPE_SHAPE_H

#include <net/if.h>

#include "base/err.h"
#include "cni/plugins/shape/record.h"
#include "cni/rtnl.h"

/* Of the intermediate device through which goes what comes from the uplink. */
void shape_ifb_name(const char *uplink, char dst[IFNAMSIZ]);

/* Brings the kernel's trees to what the record says of one network and one of its members. */
int shape_apply(struct rtnl *host, const struct shape_record *r, const struct shape_network *n,
		const struct shape_member *m, struct err *err);
/* Takes back what the member had, and what the network had if it was the last one; the member is
 * removed from the record (not saved), so is such a network.  All is tried; -1 with the first
 * error. */
int shape_take_back(struct rtnl *host, struct shape_record *r, struct shape_network *n,
		    struct shape_member *m, struct err *err);
/* Is it as shape_apply() left it? */
int shape_verify(struct rtnl *host, const struct shape_network *n, const struct shape_member *m,
		 struct err *err);

#endif
