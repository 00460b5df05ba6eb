/* SPDX-License-Identifier: Apache-2.0 */
/* device.h - bridge: the bridge itself, its gateway addresses and VLANs
 *
 * The bridge belongs to all containers of the network (or to the
 * administrator): it is made when missing, and removed only by an ADD that made
 * it and failed.
 */
#ifndef SKERRY_CNI_PLUGINS_BRIDGE_DEVICE_H
#define SKERRY_CNI_PLUGINS_BRIDGE_DEVICE_H

#include <stdbool.h>

#include "base/err.h"
#include "cni/link.h"
#include "cni/plugins/bridge/config.h"
#include "cni/result.h"
#include "cni/skel.h"

/* Finds or makes it (*ret_made is set then); that it is up waits in the batch of cni_host(). */
int bridge_device_ensure(struct cni_call *call, const struct bridge_config *config,
			 struct link *ret, bool *ret_made, struct err *err);
/* Undoes that, unless the bridge has ports by now. */
void bridge_device_unmake(struct cni_call *call, const struct link *bridge);
/* The interface that has the gateway's addresses: the bridge, or a port of the VLAN. */
int bridge_device_gateway(struct cni_call *call, const struct bridge_config *config,
			  const struct link *bridge, struct link *ret, struct err *err);
/* Queues the addresses of the gateways of the result that it has not yet. */
int bridge_device_addresses(struct cni_call *call, const struct bridge_config *config,
			    const struct link *device, const struct result *result,
			    struct err *err);
/* CHECK: it has them. */
int bridge_device_check(struct cni_call *call, const struct bridge_config *config,
			const struct result *result, struct link *ret_bridge, struct err *err);
/* Queues what makes a port one of the configured VLANs. */
void bridge_device_vlans(struct rtnl *r, const struct bridge_config *config,
			 const struct link *bridge, int port, bool trunk);
/* CHECK: it is in them, and in no more than these. */
int bridge_device_check_vlans(struct rtnl *r, const struct bridge_config *config,
			      const struct link *bridge, const struct link *port, bool trunk,
			      struct err *err);

#endif
