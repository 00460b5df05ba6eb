/* SPDX-License-Identifier: Apache-2.0 */
/* ipvlan.c - plugin ipvlan: more addresses on an interface of the host, one hardware address
 *
 * Chained behind another plugin it hangs on the only interface that one has
 * made on the host, and without IPAM of its own it takes its addresses.
 */
#include <errno.h>
#include <linux/if_link.h>

#include "cni/child.h"
#include "cni/ipam.h"
#include "cni/plugins/registry.h"

#define MTU_MAX 65535

struct config {
	char *master, *mode;
	uint32_t mtu;
	bool inside;
};
static const struct json_field config_fields[] = {
	JSON_FIELD(struct config, master, JSON_STRING),
	JSON_FIELD(struct config, mode, JSON_STRING),
	JSON_FIELD(struct config, mtu, JSON_U32, .max = MTU_MAX),
	JSON_FIELD_AS("linkInContainer", struct config, inside, JSON_BOOL),
};
static const struct json_table config_table = JSON_TABLE(struct config, config_fields);

static const struct {
	const char *name;
	uint32_t mode;
} modes[] = {
	{ "l2", IPVLAN_MODE_L2 }, /* also when none is given */
	{ "l3", IPVLAN_MODE_L3 },
	{ "l3s", IPVLAN_MODE_L3S },
};

static void put(struct rtnl *r, const struct child *child)
{
	rtnl_put_u16(r, IFLA_IPVLAN_MODE, (uint16_t)child->number);
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
	return cni_err(err, CNI_ERR_CONFIG, "unknown ipvlan mode: \"%s\"", name);
}

static int load(struct cni_call *call, struct child *ret, struct err *err)
{
	const struct result *prev = &call->conf->prev;
	struct config config;
	struct child child = {
		.kind = "ipvlan", .has_master = true, .prev_addresses = true, .put = put
	};

	if (netconf_decode(call->conf, &config_table, &config, call->arena, err) < 0 ||
	    find_mode(config.mode, &child.number, err) < 0)
		return -1;
	child.master_inside = config.inside;
	child.mtu = config.mtu;
	child.master = config.master && config.master[0] ? config.master : NULL;
	if (!child.master && prev->n_interfaces == 1 && !prev->interfaces[0].sandbox)
		child.master = prev->interfaces[0].name;
	*ret = child;
	return 0;
}

static int ipvlan_add(struct cni_call *call, struct err *err)
{
	struct child child;

	return load(call, &child, err) < 0 ? -1 : child_add(call, &child, err);
}

static int ipvlan_check(struct cni_call *call, struct err *err)
{
	struct child child;

	return load(call, &child, err) < 0 ? -1 : child_check(call, &child, err);
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
