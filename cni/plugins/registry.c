/* SPDX-License-Identifier: Apache-2.0 */
/* registry.c - the plugins that are linked in */
#include "cni/plugins/registry.h"

#include "base/buf.h"

/* In the order of their names. */
/* clang-format off */
const struct cni_plugin *const cni_plugins[] = {
	&cni_plugin_bandwidth,
	&cni_plugin_bridge,
	&cni_plugin_dhcp,
	&cni_plugin_dummy,
	&cni_plugin_firewall,
	&cni_plugin_host_device,
	&cni_plugin_host_local,
	&cni_plugin_ipvlan,
	&cni_plugin_loopback,
	&cni_plugin_macvlan,
	&cni_plugin_outside,
	&cni_plugin_portmap,
	&cni_plugin_ptp,
	&cni_plugin_sbr,
	&cni_plugin_shape,
	&cni_plugin_static,
	&cni_plugin_tap,
	&cni_plugin_tenant,
	&cni_plugin_tuning,
	&cni_plugin_vlan,
	&cni_plugin_vrf,
	&cni_plugin_vxlan,
	NULL,
};
/* clang-format on */

const struct cni_plugin *cni_plugin_find(const char *type)
{
	for (size_t i = 0; cni_plugins[i]; i++)
		if (str_eq(cni_plugins[i]->type, type))
			return cni_plugins[i];
	return NULL;
}
