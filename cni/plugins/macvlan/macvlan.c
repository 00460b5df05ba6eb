/* SPDX-License-Identifier: Apache-2.0 */
/* macvlan.c - plugins macvlan and ipvlan: a share of an interface of the host
 *
 * macvlan has a hardware address of its own: that of the capability "mac",
 * args.cni.mac, CNI_ARGS (MAC) or the key "mac", in this order.  ipvlan has its
 * master's and tells containers apart by their addresses.  Chained behind
 * another plugin, ipvlan hangs on the only interface that one has made on the
 * host, and without IPAM of its own it takes its addresses.
 */
#include <errno.h>
#include <linux/if_link.h>

#include "cni/child.h"
#include "cni/ipam.h"
#include "cni/plugins/registry.h"

#define MTU_MAX		 65535
#define MACVLAN_QUEUELEN 7 /* IFLA_MACVLAN_BC_QUEUE_LEN, since 5.11 */

struct config {
	char *master, *mode;
	char *mac; /* macvlan */
	uint32_t mtu, queue_length /* macvlan */;
	bool inside;
};
static const struct json_field config_fields[] = {
	JSON_FIELD(struct config, master, JSON_STRING),
	JSON_FIELD(struct config, mode, JSON_STRING),
	JSON_FIELD(struct config, mac, JSON_STRING),
	JSON_FIELD(struct config, mtu, JSON_U32, .max = MTU_MAX),
	JSON_FIELD_AS("bcqueuelen", struct config, queue_length, JSON_U32),
	JSON_FIELD_AS("linkInContainer", struct config, inside, JSON_BOOL),
};
static const struct json_table config_table = JSON_TABLE(struct config, config_fields);

struct mode {
	const char *name;
	uint32_t number;
};
/* The first is meant when none is given. */
static const struct mode macvlan_modes[] = {
	{ "bridge", MACVLAN_MODE_BRIDGE },
	{ "private", MACVLAN_MODE_PRIVATE },
	{ "vepa", MACVLAN_MODE_VEPA },
	{ "passthru", MACVLAN_MODE_PASSTHRU },
};
static const struct mode ipvlan_modes[] = {
	{ "l2", IPVLAN_MODE_L2 },
	{ "l3", IPVLAN_MODE_L3 },
	{ "l3s", IPVLAN_MODE_L3S },
};

/* What macvlan and ipvlan have alike: 0, or -1 with err. */
static int load(struct cni_call *call, const struct mode *modes, size_t n_modes,
		struct config *config, struct child *ret, struct err *err)
{
	size_t i = 0;

	if (netconf_decode(call->conf, &config_table, config, call->arena, err) < 0)
		return -1;
	if (config->mode && config->mode[0])
		while (i < n_modes && !str_eq(modes[i].name, config->mode))
			i++;
	if (i == n_modes)
		return cni_err(err, CNI_ERR_CONFIG, "unknown %s mode: \"%s\"", call->plugin->type,
			       config->mode);
	*ret = (struct child){
		.kind = call->plugin->type,
		.has_master = true,
		.master = config->master && config->master[0] ? config->master : NULL,
		.master_inside = config->inside,
		.mtu = config->mtu,
		.number = modes[i].number,
	};
	return 0;
}

/* --- macvlan -------------------------------------------------------------------- */

static void put_macvlan(struct rtnl *r, const struct child *child)
{
	rtnl_put_u32(r, IFLA_MACVLAN_MODE, child->number);
	if (child->extra)
		rtnl_put_u32(r, MACVLAN_QUEUELEN, child->extra);
}

static int load_macvlan(struct cni_call *call, struct child *child, struct err *err)
{
	struct config config;
	int wanted;

	if (load(call, macvlan_modes, ARRAY_SIZE(macvlan_modes), &config, child, err) < 0)
		return -1;
	wanted = cni_wanted_mac(call, &child->mac, err);
	if (wanted < 0)
		return -1;
	if (wanted == 0 && config.mac && config.mac[0]) {
		if (mac_parse(config.mac, &child->mac) < 0)
			return cni_err(err, CNI_ERR_CONFIG, "\"%s\" is no hardware address",
				       config.mac);
		wanted = 1;
	}
	child->has_mac = wanted > 0;
	child->extra = config.queue_length;
	child->put = put_macvlan;
	return 0;
}

static int macvlan_add(struct cni_call *call, struct err *err)
{
	struct child child;

	return load_macvlan(call, &child, err) < 0 ? -1 : child_add(call, &child, err);
}

static int macvlan_check(struct cni_call *call, struct err *err)
{
	struct child child;

	return load_macvlan(call, &child, err) < 0 ? -1 : child_check(call, &child, err);
}

const struct cni_plugin cni_plugin_macvlan = {
	.type = "macvlan",
	.about = "another hardware address on an interface of the host",
	.add = macvlan_add,
	.del = child_del,
	.check = macvlan_check,
	.gc = ipam_gc,
	.status = ipam_status,
};

/* --- ipvlan --------------------------------------------------------------------- */

static void put_ipvlan(struct rtnl *r, const struct child *child)
{
	rtnl_put_u16(r, IFLA_IPVLAN_MODE, (uint16_t)child->number);
}

static int load_ipvlan(struct cni_call *call, struct child *child, struct err *err)
{
	const struct result *prev = &call->conf->prev;
	struct config config;

	if (load(call, ipvlan_modes, ARRAY_SIZE(ipvlan_modes), &config, child, err) < 0)
		return -1;
	if (!child->master && prev->n_interfaces == 1 && !prev->interfaces[0].sandbox)
		child->master = prev->interfaces[0].name;
	child->prev_addresses = true;
	child->put = put_ipvlan;
	return 0;
}

static int ipvlan_add(struct cni_call *call, struct err *err)
{
	struct child child;

	return load_ipvlan(call, &child, err) < 0 ? -1 : child_add(call, &child, err);
}

static int ipvlan_check(struct cni_call *call, struct err *err)
{
	struct child child;

	return load_ipvlan(call, &child, err) < 0 ? -1 : child_check(call, &child, err);
}

const struct cni_plugin cni_plugin_ipvlan = {
	.type = "ipvlan",
	.about = "more addresses on an interface of the host",
	.add = ipvlan_add,
	.del = child_del,
	.check = ipvlan_check,
	.gc = ipam_gc,
	.status = ipam_status,
};
