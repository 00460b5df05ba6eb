/* SPDX-License-Identifier: Apache-2.0 */
/* bridge.c - plugin bridge: a port of a bridge for the container
 *
 * ADD, with the bridge there: the lease (files), two looks (bridge, its
 * addresses), one request that makes both ends of the pair, one batch inside
 * the container, one nftables transaction.  Nothing waits for address
 * detection: the addresses are ours by decision.
 * The lease comes first, since everything else is known by the container's name
 * alone, unless it is one that is asked for through the interface; undo begins
 * with it, as DEL does.
 * DEL gives the lease back first and always.
 * GC and STATUS are those of IPAM and of the nftables elements.
 */
#include <errno.h>
#include <linux/neighbour.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/apply.h"
#include "cni/hold.h"
#include "cni/ipam.h"
#include "cni/macspoof.h"
#include "cni/masq.h"
#include "cni/names.h"
#include "cni/netns.h"
#include "cni/plugins/bridge/config.h"
#include "cni/plugins/bridge/device.h"
#include "cni/plugins/registry.h"
#include "cni/route.h"
#include "cni/veth.h"

#define TRIES 3 /* to make a port of a bridge that others take away */

/* An ADD on its way, and what is to be undone. */
struct add {
	struct cni_call *call;
	struct bridge_config config;
	struct result ipam;
	struct link bridge;
	struct veth veth;
	char held_port[IFNAMSIZ];
	bool leased, has_gateway, made_bridge, held, linked, masqueraded, checked;
};

/* --- gateways ------------------------------------------------------------------- */

/* One without a gateway counts: it will lead to this one. */
static bool has_default_route(const struct result *r, int family)
{
	for (size_t i = 0; i < r->n_routes; i++)
		if (r->routes[i].dst.ip.family == family && r->routes[i].dst.prefix == 0)
			return true;
	return false;
}

/* isGateway: an address without a gateway has the first one of its network;
 * isDefaultGateway: which the default route leads to. */
static int complete_gateways(struct add *a, struct err *err)
{
	struct result *r = &a->ipam;

	for (size_t i = 0; i < r->n_ips; i++) {
		struct result_ip *ip = &r->ips[i];
		struct ip first = ip_net_first(&ip->address);
		struct result_route *route;

		if (ip_is_none(&ip->gateway) && a->config.is_gateway &&
		    ip_add(&first, 1, &ip->gateway) < 0)
			return cni_err(err, CNI_ERR_CONFIG, "no room for a gateway");
		if (!a->config.is_default_gateway || has_default_route(r, ip->address.ip.family))
			continue;
		route = result_add_route(r, a->call->arena);
		if (!route)
			return err_set(err, ENOMEM, "no room for the result");
		route->dst.ip.family = ip->address.ip.family;
		route->gateway = ip->gateway;
	}
	return 0;
}

/* --- ADD ------------------------------------------------------------------------ */

static int lease(void *add, struct err *err)
{
	struct add *a = add;

	if (!ipam_has(a->call))
		return 0;
	if (ipam_add(a->call, &a->ipam, err) < 0)
		return -1;
	a->leased = true;
	if (a->ipam.n_ips == 0)
		return cni_err(err, CNI_ERR_CONFIG, "IPAM plugin returned missing IP config");
	return complete_gateways(a, err);
}

/* Who had the container's address before may still be remembered with another hardware address;
 * "stale" is what is used at once and verified later (RFC 4861 section 7.3.2). */
static void announce(struct add *a, struct rtnl *r, const struct link *device)
{
	for (size_t i = 0; i < a->ipam.n_ips; i++) {
		const struct neigh neigh = {
			.family = a->ipam.ips[i].address.ip.family,
			.index = device->index,
			.ip = a->ipam.ips[i].address.ip,
			.mac = a->veth.inside_mac,
			.state = NUD_STALE,
		};

		neigh_change(r, &neigh);
	}
}

static int set_gateway(struct add *a, struct err *err)
{
	struct link gateway;
	struct rtnl *r;

	/* before the lease is there nothing is known of a gateway */
	if (!a->config.is_gateway || a->ipam.n_ips == 0 || a->has_gateway)
		return 0;
	a->has_gateway = true;
	r = cni_host(a->call, err);
	if (!r || bridge_device_gateway(a->call, &a->config, &a->bridge, &gateway, err) < 0 ||
	    bridge_device_addresses(a->call, &a->config, &gateway, &a->ipam, err) < 0)
		return -1;
	announce(a, r, &gateway);
	return apply_forwarding(&a->ipam, err);
}

static int set_port(struct add *a, struct err *err)
{
	const struct link_port port = {
		.hairpin = { .has = a->config.hairpin, .v = true },
		.isolated = { .has = a->config.isolated, .v = true },
	};
	struct rtnl *r = cni_host(a->call, err);

	if (!r)
		return -1;
	if (port.hairpin.has || port.isolated.has)
		link_set_port(r, a->veth.index, &port);
	if (bridge_config_has_vlans(&a->config))
		bridge_device_vlans(r, &a->config, &a->bridge, a->veth.index, true);
	return rtnl_flush(r, err);
}

static struct hold hold_of(const struct cni_call *call)
{
	return (struct hold){ .network = call->conf->name,
			      .container_id = call->args->container_id,
			      .ifname = call->args->ifname };
}

/* Nothing passes the port until a move lets it go: by a rule for its name, or, where the kernel has
 * no nftables for bridges, because it is down, which the container can see. */
static void hold_port(struct add *a)
{
	const struct hold hold = hold_of(a->call);

	if (!a->config.hold || a->held)
		return;
	names_interface("veth", a->held_port);
	a->held = hold_add(&hold, a->held_port, NULL) == 0;
	if (a->held)
		a->veth.name = a->held_port;
	a->veth.down = !a->held;
}

/* What the lease says about the gateway goes with the pair's request, when it comes before. */
static int make_port(struct add *a, struct err *err)
{
	if (bridge_device_ensure(a->call, &a->config, &a->bridge, &a->made_bridge, err) < 0 ||
	    set_gateway(a, err) < 0)
		return -1;
	a->veth.inside_name = a->call->args->ifname;
	a->veth.mtu = a->config.mtu;
	a->veth.master = a->bridge.index;
	hold_port(a);
	if (veth_make(a->call, &a->veth, err) < 0)
		return -1;
	a->linked = true;
	return set_port(a, err);
}

/* Has somebody else's failing ADD, which made the bridge, taken it away from under us? */
static bool lost_bridge(struct add *a)
{
	struct rtnl *r = cni_host(a->call, NULL);
	struct link l;

	if (!r || a->linked || a->bridge.index == 0)
		return false;
	rtnl_discard(r);
	return link_find_index(r, a->bridge.index, &l, NULL) == 0;
}

static int make_link(void *add, struct err *err)
{
	struct add *a = add;
	struct err failure;

	for (int try = 0; try < TRIES; try++) {
		a->bridge = (struct link){ 0 };
		a->has_gateway = a->made_bridge = false;
		err_clear(&failure);
		if (make_port(a, &failure) == 0)
			return 0;
		if (!lost_bridge(a))
			break;
	}
	if (err)
		*err = failure;
	return -1;
}

static int set_inside(struct add *a, struct err *err)
{
	const struct apply apply = {
		.netns = a->call->netns,
		.index = a->veth.inside_index,
		.name = a->call->args->ifname,
		.detect = a->config.detect,
	};
	struct rtnl *r;

	if (a->config.no_container_interface)
		return 0;
	r = cni_inside(a->call, err);
	if (!r || apply_result(r, &apply, &a->ipam, err) < 0 || rtnl_flush(r, err) < 0)
		return -1;
	return apply.detect ? apply_wait(r, &apply, err) : 0;
}

static int set_filters(struct add *a, struct err *err)
{
	const struct cni_args *args = a->call->args;
	const struct macspoof spoof = {
		.network = a->call->conf->name,
		.container_id = args->container_id,
		.ifname = args->ifname,
		.port = a->veth.host_name,
		.mac = a->veth.inside_mac,
	};

	if (apply_masquerade(a->call, &a->ipam, err) < 0)
		return -1;
	a->masqueraded = true;
	if (a->config.mac_spoof_check) {
		if (macspoof_add(&spoof, err) < 0)
			return -1;
		a->checked = true;
	}
	return 0;
}

static int make_result(struct add *a, struct err *err)
{
	uint32_t mtu = a->config.mtu ? a->config.mtu : VETH_MTU;

	if (!apply_add_interface(a->call, a->config.bridge, &a->bridge.mac, a->bridge.mtu, false) ||
	    !apply_add_interface(a->call, a->veth.host_name, &a->veth.mac, mtu, false) ||
	    !apply_add_interface(a->call, a->call->args->ifname, &a->veth.inside_mac, mtu, true))
		return err_set(err, ENOMEM, "no room for the result");
	return apply_take_ipam(a->call, &a->ipam, err);
}

/* What can't be undone now is for DEL. */
static void undo(struct add *a)
{
	const struct cni_args *args = a->call->args;
	const struct hold hold = hold_of(a->call);
	const struct macspoof spoof = {
		.network = a->call->conf->name,
		.container_id = args->container_id,
		.ifname = args->ifname,
		.port = a->veth.host_name,
		.mac = a->veth.inside_mac,
	};

	if (a->leased)
		(void)ipam_del(a->call, NULL);
	if (a->checked)
		(void)macspoof_del(&spoof, NULL);
	if (a->masqueraded)
		(void)apply_masquerade_del(a->call, &a->ipam, NULL);
	if (a->linked)
		(void)link_remove(-1, a->veth.host_name, NULL);
	if (a->held)
		(void)hold_end(&hold, NULL);
	if (a->made_bridge)
		bridge_device_unmake(a->call, &a->bridge);
}

static int make(struct add *a, struct err *err)
{
	static const struct ipam_order order = { lease, make_link };

	if (ipam_around(a->call, &order, a, err) < 0 || set_gateway(a, err) < 0 ||
	    rtnl_flush(&a->call->host, err) < 0)
		return -1;
	return set_inside(a, err);
}

static int bridge_add(struct cni_call *call, struct err *err)
{
	struct add a = { .call = call };
	int mac;

	if (bridge_config_load(call, &a.config, err) < 0)
		return -1;
	mac = cni_wanted_mac(call, &a.veth.inside_mac, err);
	if (mac < 0)
		return -1;
	a.veth.has_mac = mac > 0;
	veth_init(&a.veth);
	if (make(&a, err) == 0 && set_filters(&a, err) == 0 && make_result(&a, err) == 0) {
		if (!a.config.no_container_interface && !a.veth.down)
			veth_wait(call, &a.veth);
		return 0;
	}
	undo(&a);
	return -1;
}

/* --- DEL ------------------------------------------------------------------------ */

static int remove_filters(struct cni_call *call, const struct bridge_config *config,
			  struct err *err)
{
	const struct cni_args *args = call->args;
	const struct result_interface *port = apply_host_end(call, config->bridge);
	const struct result_interface *inside =
		result_find_interface(&call->conf->prev, args->ifname, args->netns);
	struct macspoof spoof = {
		.network = call->conf->name,
		.container_id = args->container_id,
		.ifname = args->ifname,
	};

	if (apply_masquerade_del(call, &call->conf->prev, err) < 0)
		return -1;
	if (!config->mac_spoof_check)
		return 0;
	if (port && inside && inside->mac && mac_parse(inside->mac, &spoof.mac) == 0)
		spoof.port = port->name;
	return macspoof_del(&spoof, err);
}

static int bridge_del(struct cni_call *call, struct err *err)
{
	const struct hold hold = hold_of(call);
	struct bridge_config config;
	int result = 0;

	if (bridge_config_load(call, &config, err) < 0)
		return -1;
	/* all of it, whatever fails; the first failure is told */
	if (ipam_del(call, err) < 0)
		result = -1;
	if (remove_filters(call, &config, result == 0 ? err : NULL) < 0)
		result = -1;
	if (apply_remove(call, config.bridge, result == 0 ? err : NULL) < 0)
		result = -1;
	if (config.hold && hold_end(&hold, result == 0 ? err : NULL) < 0)
		result = -1;
	return result;
}

/* --- CHECK ---------------------------------------------------------------------- */

static int check_host_end(struct cni_call *call, const struct bridge_config *config,
			  const struct link *bridge, const struct link *inside,
			  const struct result_interface *port, struct err *err)
{
	struct link l;

	if (apply_check_host_end(call, port->name, inside, &l, err) < 0)
		return -1;
	if (l.master != bridge->index)
		return err_set(err, EINVAL, "host interface \"%s\" is no port of \"%s\"", l.name,
			       bridge->name);
	if (l.hairpin != config->hairpin)
		return err_set(err, EINVAL, "host interface \"%s\" has hairpin mode %s", l.name,
			       l.hairpin ? "on" : "off");
	if (l.isolated != config->isolated)
		return err_set(err, EINVAL, "host interface \"%s\" is %s", l.name,
			       l.isolated ? "isolated" : "not isolated");
	return bridge_device_check_vlans(&call->host, config, bridge, &l, true, err);
}

static int check_filters(struct cni_call *call, const struct bridge_config *config,
			 const struct result_interface *port, const struct link *inside,
			 struct err *err)
{
	const struct cni_args *args = call->args;
	const struct macspoof spoof = {
		.network = call->conf->name,
		.container_id = args->container_id,
		.ifname = args->ifname,
		.port = port ? port->name : NULL,
		.mac = inside->mac,
	};

	if (apply_masquerade_check(call, &call->conf->prev, err) < 0)
		return -1;
	return config->mac_spoof_check && port ? macspoof_check(&spoof, err) : 0;
}

static int bridge_check(struct cni_call *call, struct err *err)
{
	struct bridge_config config;
	struct link bridge, inside;
	const struct result_interface *port;

	if (bridge_config_load(call, &config, err) < 0 || ipam_check(call, err) < 0 ||
	    apply_check_interface(call, "veth", &inside, err) < 0 ||
	    bridge_device_check(call, &config, &call->conf->prev, &bridge, err) < 0)
		return -1;
	port = apply_host_end(call, config.bridge);
	if (port && check_host_end(call, &config, &bridge, &inside, port, err) < 0)
		return -1;
	if (!config.no_container_interface && !(inside.flags & IFF_UP))
		return err_set(err, ENETDOWN, "container interface \"%s\" is down", inside.name);
	if (apply_check(&call->inside, inside.index, inside.name, &call->conf->prev, err) < 0)
		return -1;
	return check_filters(call, &config, port, &inside, err);
}

/* --- the network ---------------------------------------------------------------- */

static int bridge_gc(struct cni_call *call, struct err *err)
{
	struct bridge_config config;
	int result = 0;

	if (bridge_config_load(call, &config, err) < 0)
		return -1;
	if (ipam_gc(call, err) < 0)
		result = -1;
	if (veth_gc(call, result == 0 ? err : NULL) < 0)
		result = -1;
	if (call->conf->ip_masq && masq_gc(call->conf, result == 0 ? err : NULL) < 0)
		result = -1;
	if (config.mac_spoof_check && macspoof_gc(call->conf, result == 0 ? err : NULL) < 0)
		result = -1;
	return result;
}

static int bridge_status(struct cni_call *call, struct err *err)
{
	struct bridge_config config;

	if (bridge_config_load(call, &config, err) < 0)
		return -1;
	return ipam_status(call, err);
}

const struct cni_plugin cni_plugin_bridge = {
	.type = "bridge",
	.about = "a port of a bridge on the host",
	.add = bridge_add,
	.del = bridge_del,
	.check = bridge_check,
	.gc = bridge_gc,
	.status = bridge_status,
};
