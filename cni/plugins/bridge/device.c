/* SPDX-License-Identifier: Apache-2.0 */
/* device.c - bridge: the bridge itself, its gateway addresses and VLANs
 *
 * A new bridge is made down, told to take no router advertisements (one from a
 * container would reconfigure the host, CVE-2020-10749), then set up.  It gets
 * a hardware address of its own at once: else it would have the lowest one of
 * its ports and change it as they come and go.
 * Two ADDs may make it at the same moment: the second one's EEXIST is fine.
 */
#include "cni/plugins/bridge/device.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/apply.h"
#include "cni/names.h"
#include "cni/netns.h"
#include "cni/route.h"

#define SETTING_MAX  64
#define NEIGHBOURS   64 /* addresses of a bridge that are looked at */
#define GATEWAY_NAME (IFNAMSIZ * 2) /* BRIDGE.VLAN, before it is found too long */

/* *ret_made: it was us, and not somebody else at the same moment. */
static int make(struct cni_call *call, const struct bridge_config *config, struct link *ret,
		bool *ret_made, struct err *err)
{
	struct rtnl *r = cni_host(call, err);
	const struct mac mac = names_mac();
	const struct link_new new = {
		.name = config->bridge, .kind = "bridge", .mac = &mac, .mtu = config->mtu
	};
	char setting[SETTING_MAX];
	struct netns_setting settings[] = { { .name = setting, .value = "0", .optional = true } };

	if (!r)
		return -1;
	link_new(r, &new);
	if (bridge_config_has_vlans(config))
		rtnl_put_u8(r, IFLA_BR_VLAN_FILTERING, 1);
	rtnl_tolerate(r, EEXIST);
	link_new_end(r);
	if (rtnl_flush(r, err) < 0)
		return -1;
	if (str_format(setting, sizeof(setting), "ipv6/conf/%s/accept_ra", config->bridge) < 0)
		return err_sys(err, "settings of \"%s\"", config->bridge);
	if (netns_sysctls(-1, settings, ARRAY_SIZE(settings), err) < 0)
		return -1;
	if (link_get(r, config->bridge, ret, err) < 0)
		return -1;
	*ret_made = mac_eq(&ret->mac, &mac);
	return 0;
}

/* A bridge that was made without VLANs begins to tell them apart.  Its ports are in the default one
 * already, and go on as before; where there is no default they would be cut off, so that is left to
 * the administrator. */
static void filter_vlans(struct rtnl *r, const struct link *bridge)
{
	if (bridge->vlan_default == 0)
		return;
	link_change(r, bridge->index, "make a bridge tell VLANs apart");
	rtnl_nest(r, IFLA_LINKINFO);
	rtnl_put_string(r, IFLA_INFO_KIND, "bridge");
	rtnl_nest(r, IFLA_INFO_DATA);
	rtnl_put_u8(r, IFLA_BR_VLAN_FILTERING, 1);
	link_new_end(r);
}

/* VLANs are only in the long answer, and what is no bridge is looked at properly. */
static int find_bridge(struct rtnl *r, const struct bridge_config *config, struct link *ret,
		       struct err *err)
{
	if (!bridge_config_has_vlans(config) && link_glance(r, config->bridge, ret) &&
	    str_eq(ret->kind, "bridge"))
		return 1;
	return link_find(r, config->bridge, ret, err);
}

int bridge_device_ensure(struct cni_call *call, const struct bridge_config *config,
			 struct link *ret, bool *ret_made, struct err *err)
{
	struct rtnl *r = cni_host(call, err);
	int found = r ? find_bridge(r, config, ret, err) : -1;

	if (found < 0 || (found == 0 && make(call, config, ret, ret_made, err) < 0))
		return -1;
	if (!str_eq(ret->kind, "bridge"))
		return cni_err(err, CNI_ERR_CONFIG, "\"%s\" already exists but is not a bridge",
			       config->bridge);
	if (bridge_config_has_vlans(config) && !ret->vlan_filtering)
		filter_vlans(r, ret);
	if (config->promisc && !(ret->flags & IFF_PROMISC))
		link_set_flags(r, ret->index, IFF_PROMISC, IFF_PROMISC);
	if (!(ret->flags & IFF_UP))
		link_up(r, ret->index);
	return 0;
}

void bridge_device_unmake(struct cni_call *call, const struct link *bridge)
{
	struct rtnl *r = cni_host(call, NULL);

	if (!r)
		return;
	rtnl_discard(r);
	if (link_has_port(r, bridge->index, NULL) == 0)
		(void)link_remove(-1, bridge->name, NULL);
}

/* --- VLANs ---------------------------------------------------------------------- */

void bridge_device_vlans(struct rtnl *r, const struct bridge_config *config,
			 const struct link *bridge, int port, bool trunk)
{
	struct link_vlan vlan = { .first = bridge->vlan_default, .last = bridge->vlan_default };

	if (config->preserve_default_vlan.has && !config->preserve_default_vlan.v &&
	    vlan.first > 0) {
		link_vlan_delete(r, port, &vlan);
		rtnl_tolerate(r, ENOENT);
	}
	if (config->vlan > 0) {
		vlan = (struct link_vlan){ .first = (uint16_t)config->vlan,
					   .last = (uint16_t)config->vlan,
					   .pvid = true,
					   .untagged = true };
		link_vlan_add(r, port, &vlan);
	}
	for (size_t i = 0; trunk && i < config->trunk.n; i++) {
		vlan = bridge_config_trunk(config, i);
		link_vlan_add(r, port, &vlan);
	}
}

/* What bridge_device_vlans() makes of a port that is new. */
static void expected_vlans(const struct bridge_config *config, const struct link *bridge,
			   bool trunk, struct link_vlans *ret)
{
	const bool keep = !config->preserve_default_vlan.has || config->preserve_default_vlan.v;
	const uint8_t own = LINK_VLAN_MEMBER | LINK_VLAN_UNTAGGED | LINK_VLAN_PVID;

	memset(ret, 0, sizeof(*ret));
	if (keep && bridge->vlan_default > 0 && bridge->vlan_default <= LINK_VLAN_MAX)
		ret->state[bridge->vlan_default] =
			config->vlan > 0 ? LINK_VLAN_MEMBER | LINK_VLAN_UNTAGGED : own;
	if (config->vlan > 0)
		ret->state[config->vlan] = own;
	for (size_t i = 0; trunk && i < config->trunk.n; i++) {
		const struct link_vlan vlan = bridge_config_trunk(config, i);

		for (unsigned vid = vlan.first; vid <= vlan.last; vid++)
			ret->state[vid] = LINK_VLAN_MEMBER;
	}
}

int bridge_device_check_vlans(struct rtnl *r, const struct bridge_config *config,
			      const struct link *bridge, const struct link *port, bool trunk,
			      struct err *err)
{
	struct link_vlans has, wanted;

	if (!bridge_config_has_vlans(config))
		return 0;
	if (!bridge->vlan_filtering)
		return err_set(err, EINVAL, "bridge \"%s\" does not tell VLANs apart",
			       bridge->name);
	if (link_vlans(r, port->index, &has, err) < 0)
		return -1;
	expected_vlans(config, bridge, trunk, &wanted);
	for (unsigned vid = 1; vid <= LINK_VLAN_MAX; vid++) {
		if (has.state[vid] == wanted.state[vid])
			continue;
		if (has.state[vid] && wanted.state[vid])
			return err_set(err, EINVAL,
				       "port \"%s\" treats VLAN %u otherwise than it was told to",
				       port->name, vid);
		return err_set(err, EINVAL, "port \"%s\" is %s VLAN %u", port->name,
			       has.state[vid] ? "in" : "not in", vid);
	}
	return 0;
}

/* A pair with both ends here: BRIDGE.VLAN, and a port of the bridge in that VLAN. */
static int make_vlan_port(struct cni_call *call, const struct bridge_config *config,
			  const struct link *bridge, const char *name, struct err *err)
{
	struct rtnl *r = cni_host(call, err);
	char port_name[IFNAMSIZ];
	const struct mac mac = names_mac(), port_mac = names_mac();
	const struct link_new first = {
		.name = name,
		.kind = "veth",
		.index = names_index(),
		.mac = &mac,
		.mtu = config->mtu,
	};
	const struct link_new port = {
		.name = port_name,
		.index = names_index(),
		.mac = &port_mac,
		.mtu = config->mtu,
	};

	if (!r)
		return -1;
	names_interface("veth", port_name);
	link_new_veth(r, &first, &port);
	link_set_master(r, port.index, bridge->index);
	bridge_device_vlans(r, config, bridge, port.index, false);
	link_up(r, port.index);
	link_up(r, first.index);
	return rtnl_flush(r, err);
}

/* 1 and the interface that has the gateway's addresses: the bridge, or a port of the VLAN; 0 there is
 * none yet, -1. */
static int find_gateway(struct cni_call *call, const struct bridge_config *config,
			const struct link *bridge, char name[GATEWAY_NAME], struct link *ret,
			struct err *err)
{
	struct rtnl *r = cni_host(call, err);

	if (!r)
		return -1;
	if (config->vlan == 0) {
		*ret = *bridge;
		return 1;
	}
	(void)snprintf(name, GATEWAY_NAME, "%s.%u", config->bridge, config->vlan);
	if (!netconf_ifname_ok(name))
		return cni_err(err, CNI_ERR_CONFIG, "interface name \"%s\" is too long", name);
	/* what waits (the bridge up) goes first: a question is asked alone */
	return rtnl_flush(r, err) < 0 ? -1 : link_find(r, name, ret, err);
}

int bridge_device_gateway(struct cni_call *call, const struct bridge_config *config,
			  const struct link *bridge, struct link *ret, struct err *err)
{
	struct err failure = { 0 };
	char name[GATEWAY_NAME];
	const int found = find_gateway(call, config, bridge, name, ret, err);

	if (found != 0)
		return found < 0 ? -1 : 0;
	/* somebody else may make it at the same moment */
	if (make_vlan_port(call, config, bridge, name, &failure) < 0 && failure.code != EEXIST) {
		if (err)
			*err = failure;
		return -1;
	}
	return link_get(&call->host, name, ret, err);
}

/* --- addresses ------------------------------------------------------------------ */

struct own_addresses {
	struct ip_net v[NEIGHBOURS];
	size_t n;
};

/* What the result has gateways of. */
static int family_of(const struct result *result)
{
	int family = AF_UNSPEC;

	for (size_t i = 0; i < result->n_ips; i++) {
		const int other = result->ips[i].address.ip.family;

		if (family != AF_UNSPEC && other != family)
			return AF_UNSPEC;
		family = other;
	}
	return family;
}

static int collect(const struct addr *addr, void *data, struct err *err)
{
	struct own_addresses *own = data;

	(void)err;
	if (!addr)
		own->n = 0;
	else if (own->n < NEIGHBOURS)
		own->v[own->n++] = addr->net;
	return 0;
}

static bool has_address(const struct own_addresses *own, const struct ip_net *net)
{
	for (size_t i = 0; i < own->n; i++)
		if (ip_net_eq(&own->v[i], net))
			return true;
	return false;
}

/* Does an address it has stand in the way?  One of IPv4 always, of IPv6 where networks overlap. */
static bool conflicts(const struct ip_net *own, const struct ip_net *wanted)
{
	if (own->ip.family != wanted->ip.family)
		return false;
	return own->ip.family == AF_INET || ip_net_overlaps(own, wanted);
}

static int add_address(struct rtnl *r, const struct bridge_config *config,
		       const struct link *device, const struct own_addresses *own,
		       const struct ip_net *wanted, struct err *err)
{
	struct addr addr = { .index = device->index };
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < own->n; i++) {
		if (!conflicts(&own->v[i], wanted))
			continue;
		if (!config->force_address)
			return cni_err(err, CNI_ERR_CONFIG,
				       "\"%s\" already has an IP address different from %s",
				       device->name, ip_net_format(wanted, text));
		addr.net = own->v[i];
		addr_delete(r, &addr);
	}
	addr.net = *wanted;
	addr.flags = wanted->ip.family == AF_INET6 && !config->detect ? IFA_F_NODAD : 0;
	addr_add(r, &addr);
	rtnl_tolerate(r, EEXIST);
	return 0;
}

int bridge_device_addresses(struct cni_call *call, const struct bridge_config *config,
			    const struct link *device, const struct result *result, struct err *err)
{
	struct rtnl *r = cni_host(call, err);
	struct own_addresses own = { 0 };

	/* the request that waits (the bridge up) must not wait for an answer */
	if (!r || rtnl_flush(r, err) < 0 ||
	    addr_each(r, device->index, family_of(result), collect, &own, err) < 0)
		return -1;
	for (size_t i = 0; i < result->n_ips; i++) {
		struct ip_net gateway = { .ip = result->ips[i].gateway,
					  .prefix = result->ips[i].address.prefix };

		if (ip_is_none(&gateway.ip) || has_address(&own, &gateway))
			continue;
		if (add_address(r, config, device, &own, &gateway, err) < 0)
			return -1;
		if (own.n < NEIGHBOURS)
			own.v[own.n++] = gateway;
	}
	return 0;
}

int bridge_device_check(struct cni_call *call, const struct bridge_config *config,
			const struct result *result, struct link *ret_bridge, struct err *err)
{
	const struct result_interface *wanted = result_find_interface(result, config->bridge, NULL);
	struct rtnl *r = cni_host(call, err);
	struct own_addresses own = { 0 };
	struct link device;
	char text[IP_TEXT_MAX], mac[MAC_TEXT_MAX], name[GATEWAY_NAME];
	int found;

	if (!r || link_get(r, config->bridge, ret_bridge, err) < 0)
		return -1;
	if (!str_eq(ret_bridge->kind, "bridge"))
		return err_set(err, EINVAL, "\"%s\" is not a bridge", config->bridge);
	if (!(ret_bridge->flags & IFF_UP))
		return err_set(err, ENETDOWN, "bridge \"%s\" is down", config->bridge);
	if (config->promisc && !(ret_bridge->flags & IFF_PROMISC))
		return err_set(err, EINVAL, "bridge \"%s\" is not in promiscuous mode",
			       config->bridge);
	if (wanted && wanted->mac && wanted->mac[0] &&
	    !str_eq(wanted->mac, mac_format(&ret_bridge->mac, mac)))
		return err_set(err, EINVAL, "bridge \"%s\" has the hardware address %s, not %s",
			       config->bridge, mac, wanted->mac);
	if (!config->is_gateway)
		return 0;
	found = find_gateway(call, config, ret_bridge, name, &device, err);
	if (found == 0)
		return err_set(err, ENODEV, "the gateway's interface \"%s\" is gone", name);
	if (found < 0 || addr_each(r, device.index, AF_UNSPEC, collect, &own, err) < 0)
		return -1;
	for (size_t i = 0; i < result->n_ips; i++) {
		struct ip_net gateway = { .ip = result->ips[i].gateway,
					  .prefix = result->ips[i].address.prefix };

		if (!ip_is_none(&gateway.ip) && !has_address(&own, &gateway))
			return err_set(err, ENOENT, "\"%s\" does not have the gateway address %s",
				       device.name, ip_net_format(&gateway, text));
	}
	return 0;
}
