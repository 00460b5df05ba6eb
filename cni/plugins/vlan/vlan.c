/* SPDX-License-Identifier: Apache-2.0 */
/* vlan.c - plugin vlan: one VLAN of an interface of the host
 *
 * IEEE 802.1Q; the tag is the kernel's business (CONFIG_VLAN_8021Q).
 */
#include <errno.h>
#include <linux/if_link.h>

#include "cni/child.h"
#include "cni/ipam.h"
#include "cni/plugins/registry.h"

#define VLAN_MAX 4094
#define MTU_MAX	 65535

struct config {
	char *master;
	uint32_t vlan, mtu;
	bool inside;
};
static const struct json_field config_fields[] = {
	JSON_FIELD(struct config, master, JSON_STRING),
	JSON_FIELD_AS("vlanId", struct config, vlan, JSON_U32),
	JSON_FIELD(struct config, mtu, JSON_U32, .max = MTU_MAX),
	JSON_FIELD_AS("linkInContainer", struct config, inside, JSON_BOOL),
};
static const struct json_table config_table = JSON_TABLE(struct config, config_fields);

static void put(struct rtnl *r, const struct child *child)
{
	rtnl_put_u16(r, IFLA_VLAN_ID, (uint16_t)child->number);
}

static int load(struct cni_call *call, struct child *ret, struct err *err)
{
	struct config config;

	if (netconf_decode(call->conf, &config_table, &config, call->arena, err) < 0)
		return -1;
	if (!config.master || !config.master[0])
		return cni_err(err, CNI_ERR_CONFIG,
			       "\"master\" field is required. It specifies the host interface "
			       "name to create the VLAN for");
	if (config.vlan > VLAN_MAX)
		return cni_err(err, CNI_ERR_CONFIG, "invalid VLAN ID %u (must be between 0 and %d)",
			       config.vlan, VLAN_MAX);
	*ret = (struct child){
		.kind = "vlan",
		.has_master = true,
		.master = config.master,
		.master_inside = config.inside,
		.mtu = config.mtu,
		.number = config.vlan,
		.put = put,
	};
	return 0;
}

static int vlan_add(struct cni_call *call, struct err *err)
{
	struct child child;

	return load(call, &child, err) < 0 ? -1 : child_add(call, &child, err);
}

static int vlan_check(struct cni_call *call, struct err *err)
{
	struct child child;

	return load(call, &child, err) < 0 ? -1 : child_check(call, &child, err);
}

const struct cni_plugin cni_plugin_vlan = {
	.type = "vlan",
	.about = "a VLAN of an interface of the host",
	.add = vlan_add,
	.del = child_del,
	.check = vlan_check,
	.gc = ipam_gc,
	.status = ipam_status,
};
