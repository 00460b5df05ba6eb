/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - bridge: its keys
 *
 * Those of the reference plugin.  ipMasqBackend is taken and means nothing:
 * both of its values are carried out with nftables.
 */
#include "cni/plugins/bridge/config.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "cni/ipam.h"

#define BRIDGE_NAME "cni0"
#define VLAN_MAX    4094
#define MTU_MAX	    65535

static const struct json_field trunk_fields[] = {
	JSON_FIELD_AS("minID", struct bridge_trunk, min, JSON_OPT_U64),
	JSON_FIELD_AS("maxID", struct bridge_trunk, max, JSON_OPT_U64),
	JSON_FIELD(struct bridge_trunk, id, JSON_OPT_U64),
};
static const struct json_table trunk_table = JSON_TABLE(struct bridge_trunk, trunk_fields);

static const struct json_field config_fields[] = {
	JSON_FIELD(struct bridge_config, bridge, JSON_STRING),
	JSON_FIELD_AS("isGateway", struct bridge_config, is_gateway, JSON_BOOL),
	JSON_FIELD_AS("isDefaultGateway", struct bridge_config, is_default_gateway, JSON_BOOL),
	JSON_FIELD_AS("forceAddress", struct bridge_config, force_address, JSON_BOOL),
	JSON_FIELD_AS("hairpinMode", struct bridge_config, hairpin, JSON_BOOL),
	JSON_FIELD_AS("promiscMode", struct bridge_config, promisc, JSON_BOOL),
	JSON_FIELD_AS("macspoofchk", struct bridge_config, mac_spoof_check, JSON_BOOL),
	JSON_FIELD_AS("enabledad", struct bridge_config, detect, JSON_BOOL),
	JSON_FIELD_AS("disableContainerInterface", struct bridge_config, no_container_interface,
		      JSON_BOOL),
	JSON_FIELD_AS("portIsolation", struct bridge_config, isolated, JSON_BOOL),
	JSON_FIELD_AS("skerry.hold", struct bridge_config, hold, JSON_BOOL),
	JSON_FIELD_AS("preserveDefaultVlan", struct bridge_config, preserve_default_vlan,
		      JSON_OPT_BOOL),
	JSON_FIELD(struct bridge_config, mtu, JSON_U32, .max = MTU_MAX),
	JSON_FIELD(struct bridge_config, vlan, JSON_U32),
	JSON_FIELD_AS("vlanTrunk", struct bridge_config, trunk, JSON_OBJECTS, .sub = &trunk_table),
};
static const struct json_table config_table = JSON_TABLE(struct bridge_config, config_fields);

bool bridge_config_has_vlans(const struct bridge_config *config)
{
	return config->vlan > 0 || config->trunk.n > 0;
}

struct link_vlan bridge_config_trunk(const struct bridge_config *config, size_t i)
{
	const struct bridge_trunk *t = &config->trunk.v[i];
	struct link_vlan vlan = { .first = (uint16_t)(t->id.has ? t->id.v : t->min.v),
				  .last = (uint16_t)(t->id.has ? t->id.v : t->max.v) };

	return vlan;
}

static bool is_vlan(const struct opt_u64 *v)
{
	return v->v >= 1 && v->v <= VLAN_MAX;
}

static int check_trunk(const struct bridge_trunk *t, struct err *err)
{
	if (t->id.has && !is_vlan(&t->id))
		return cni_err(err, CNI_ERR_CONFIG, "incorrect trunk id parameter %llu",
			       (unsigned long long)t->id.v);
	if (t->id.has)
		return 0;
	if (!t->min.has || !t->max.has)
		return cni_err(err, CNI_ERR_CONFIG,
			       "minID and maxID should be configured simultaneously");
	if (!is_vlan(&t->min) || !is_vlan(&t->max) || t->min.v > t->max.v)
		return cni_err(err, CNI_ERR_CONFIG,
			       "incorrect trunk minID %llu or maxID %llu parameter",
			       (unsigned long long)t->min.v, (unsigned long long)t->max.v);
	return 0;
}

static int check(const struct cni_call *call, const struct bridge_config *config, struct err *err)
{
	if (!netconf_ifname_ok(config->bridge))
		return cni_err(err, CNI_ERR_CONFIG, "bridge \"%s\" is no name of an interface",
			       config->bridge);
	if (config->hairpin && config->promisc)
		return cni_err(err, CNI_ERR_CONFIG,
			       "cannot set hairpin mode and promiscuous mode at the same time");
	if (config->vlan > VLAN_MAX)
		return cni_err(err, CNI_ERR_CONFIG, "invalid VLAN ID %u (must be between 0 and %d)",
			       config->vlan, VLAN_MAX);
	if (config->no_container_interface && ipam_has(call))
		return cni_err(err, CNI_ERR_CONFIG,
			       "cannot use IPAM when DisableContainerInterface flag is set");
	for (size_t i = 0; i < config->trunk.n; i++)
		if (check_trunk(&config->trunk.v[i], err) < 0)
			return -1;
	return 0;
}

int bridge_config_load(struct cni_call *call, struct bridge_config *ret, struct err *err)
{
	static char standard[] = BRIDGE_NAME;

	if (netconf_decode(call->conf, &config_table, ret, call->arena, err) < 0)
		return -1;
	if (!ret->bridge || !ret->bridge[0])
		ret->bridge = standard;
	ret->is_gateway = ret->is_gateway || ret->is_default_gateway;
	return check(call, ret, err);
}
