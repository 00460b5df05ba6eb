/* SPDX-License-Identifier: Apache-2.0 */
/* macvlan.c - plugin macvlan: another hardware address on an interface of the host
 *
 * The hardware address is that of the capability "mac", args.cni.mac, CNI_ARGS
 * (MAC) or the key "mac", in this order.
 */
#include <errno.h>
#include <linux/if_link.h>

#include "cni/child.h"
#include "cni/ipam.h"
#include "cni/plugins/registry.h"

#define MTU_MAX		 65535
#define MACVLAN_QUEUELEN 7 /* IFLA_MACVLAN_BC_QUEUE_LEN, since 5.11 */

struct config {
	char *master, *mode, *mac;
	uint32_t mtu, queue_length;
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

static const struct {
	const char *name;
	uint32_t mode;
} modes[] = {
	{ "bridge", MACVLAN_MODE_BRIDGE }, /* also when none is given */
	{ "private", MACVLAN_MODE_PRIVATE },
	{ "vepa", MACVLAN_MODE_VEPA },
	{ "passthru", MACVLAN_MODE_PASSTHRU },
};

static void put(struct rtnl *r, const struct child *child)
{
	rtnl_put_u32(r, IFLA_MACVLAN_MODE, child->number);
	if (child->extra)
		rtnl_put_u32(r, MACVLAN_QUEUELEN, child->extra);
}

static int find_mode(const char *name, uint32_t *ret, struct err *err)
{
	if (!name || !name[0])
		name = modes[0].name;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (!str_eq(modes[i].name, name))
			continue;
		*ret = modes[i].mode;
		return 0;
	}
	return cni_err(err, CNI_ERR_CONFIG, "unknown macvlan mode: \"%s\"", name);
}

static int load(struct cni_call *call, struct child *ret, struct err *err)
{
	struct config config;
	struct child child = { .kind = "macvlan", .has_master = true, .put = put };
	int wanted;

	if (netconf_decode(call->conf, &config_table, &config, call->arena, err) < 0 ||
	    find_mode(config.mode, &child.number, err) < 0)
		return -1;
	wanted = cni_wanted_mac(call, &child.mac, err);
	if (wanted < 0)
		return -1;
	child.has_mac = wanted > 0;
	if (!child.has_mac && config.mac && config.mac[0]) {
		if (mac_parse(config.mac, &child.mac) < 0)
			return cni_err(err, CNI_ERR_CONFIG, "\"%s\" is no hardware address",
				       config.mac);
		child.has_mac = true;
	}
	child.master = config.master && config.master[0] ? config.master : NULL;
	child.master_inside = config.inside;
	child.mtu = config.mtu;
	child.extra = config.queue_length;
	*ret = child;
	return 0;
}

static int macvlan_add(struct cni_call *call, struct err *err)
{
	struct child child;

	return load(call, &child, err) < 0 ? -1 : child_add(call, &child, err);
}

static int macvlan_check(struct cni_call *call, struct err *err)
{
	struct child child;

	return load(call, &child, err) < 0 ? -1 : child_check(call, &child, err);
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
