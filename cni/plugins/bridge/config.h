/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - bridge: its keys */
#ifndef SKERRY_CNI_PLUGINS_BRIDGE_CONFIG_H
#define SKERRY_CNI_PLUGINS_BRIDGE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "cni/link.h"
#include "cni/skel.h"

struct bridge_trunk {
	struct opt_u64 min, max, id;
};

struct bridge_config {
	char *bridge;
	bool is_gateway, is_default_gateway, force_address, hairpin, promisc;
	bool mac_spoof_check, detect, no_container_interface, isolated;
	bool hold; /* nothing passes the port yet: an address that is to be moved here */
	struct opt_bool preserve_default_vlan;
	uint32_t mtu, vlan;
	struct {
		struct bridge_trunk *v;
		size_t n;
	} trunk;
};

/* Decoded and found sound; codes 6 and 7. */
int bridge_config_load(struct cni_call *call, struct bridge_config *ret, struct err *err);
bool bridge_config_has_vlans(const struct bridge_config *config);
/* The i-th range of the trunk. */
struct link_vlan bridge_config_trunk(const struct bridge_config *config, size_t i);

#endif
