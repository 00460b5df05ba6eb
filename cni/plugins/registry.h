/* SPDX-License-Identifier: Apache-2.0 */
/* registry.h - the plugins that are linked in
 *
 * A plugin is a folder with a constant of this list; registry.c has its row.
 */
#ifndef SKERRY_CNI_PLUGINS_REGISTRY_H
#define SKERRY_CNI_PLUGINS_REGISTRY_H

#include "cni/skel.h"

/* The plugin of that type, or NULL.  The function has the type cni_find_fn. */
const struct cni_plugin *cni_plugin_find(const char *type);
/* All of them, NULL at the end. */
extern const struct cni_plugin *const cni_plugins[];

extern const struct cni_plugin cni_plugin_bandwidth;
extern const struct cni_plugin cni_plugin_bridge;
extern const struct cni_plugin cni_plugin_dhcp;
extern const struct cni_plugin cni_plugin_dummy;
extern const struct cni_plugin cni_plugin_firewall;
extern const struct cni_plugin cni_plugin_host_device;
extern const struct cni_plugin cni_plugin_host_local;
extern const struct cni_plugin cni_plugin_ipvlan;
extern const struct cni_plugin cni_plugin_loopback;
extern const struct cni_plugin cni_plugin_macvlan;
extern const struct cni_plugin cni_plugin_outside;
extern const struct cni_plugin cni_plugin_portmap;
extern const struct cni_plugin cni_plugin_ptp;
extern const struct cni_plugin cni_plugin_sbr;
extern const struct cni_plugin cni_plugin_shape;
extern const struct cni_plugin cni_plugin_static;
extern const struct cni_plugin cni_plugin_tap;
extern const struct cni_plugin cni_plugin_tenant;
extern const struct cni_plugin cni_plugin_tuning;
extern const struct cni_plugin cni_plugin_vlan;
extern const struct cni_plugin cni_plugin_vrf;
extern const struct cni_plugin cni_plugin_vxlan;

#endif
