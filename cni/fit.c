/* SPDX-License-Identifier: Apache-2.0 */
/* fit.c - a container's interface is no larger than its network's way to other hosts */
#include "cni/fit.h"

#include "base/buf.h"
#include "cni/link.h"
#include "cni/prev.h"

int fit_mtu(struct cni_call *call, uint32_t mtu, struct err *err)
{
	struct result *result = &call->result;
	struct link host, inside;
	const int found = prev_host_end(call, &host, err);

	if (found <= 0)
		return found;
	if (link_get(&call->inside, call->args->ifname, &inside, err) < 0)
		return -1;
	if (inside.mtu > mtu) {
		link_set_mtu(&call->inside, inside.index, mtu);
		if (rtnl_flush(&call->inside, err) < 0)
			return -1;
	}
	if (host.mtu > mtu) {
		link_set_mtu(&call->host, host.index, mtu);
		if (rtnl_flush(&call->host, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < result->n_interfaces; i++)
		if ((str_eq(result->interfaces[i].name, call->args->ifname) ||
		     str_eq(result->interfaces[i].name, host.name)) &&
		    result->interfaces[i].mtu > mtu)
			result->interfaces[i].mtu = mtu;
	return 0;
}
