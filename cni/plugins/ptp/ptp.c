/* SPDX-License-Identifier: Apache-2.0 */
/* ptp.c - plugin ptp: a routed link between the container and the host
 *
 * Each container has a pair of its own.  The host's end has the gateway's
 * address alone (/32, /128) and a route to the container's; the container
 * reaches even its own network through the gateway, so that there is no
 * neighbour it could pretend to be.
 */
#include <errno.h>
#include <linux/if_addr.h>
#include <sys/socket.h>

#include "cni/apply.h"
#include "cni/ipam.h"
#include "cni/masq.h"
#include "cni/netns.h"
#include "cni/plugins/registry.h"
#include "cni/route.h"
#include "cni/veth.h"

#define MTU_MAX	    65535
#define SETTING_MAX 64

struct config {
	uint32_t mtu;
};
static const struct json_field config_fields[] = {
	JSON_FIELD(struct config, mtu, JSON_U32, .max = MTU_MAX),
};
static const struct json_table config_table = JSON_TABLE(struct config, config_fields);

struct add {
	struct cni_call *call;
	struct config config;
	struct result ipam;
	struct veth veth;
	bool leased, linked, masqueraded;
};

static int lease(void *add, struct err *err)
{
	struct add *a = add;

	if (!ipam_has(a->call))
		return cni_err(err, CNI_ERR_CONFIG, "ptp needs an IPAM configuration");
	if (ipam_add(a->call, &a->ipam, err) < 0)
		return -1;
	a->leased = true;
	if (a->ipam.n_ips == 0)
		return cni_err(err, CNI_ERR_CONFIG, "IPAM plugin returned missing IP config");
	for (size_t i = 0; i < a->ipam.n_ips; i++)
		if (ip_is_none(&a->ipam.ips[i].gateway))
			return cni_err(err, CNI_ERR_CONFIG, "IPAM plugin returned no gateway");
	return apply_forwarding(&a->ipam, err);
}

static struct ip_net single(const struct ip *ip)
{
	return (struct ip_net){ .ip = *ip, .prefix = (uint8_t)ip_bits(ip) };
}

/* The end on the host: no advertisements from the container (CVE-2020-10749), before its end is up;
 * the gateway's addresses and the way to the container. */
static int set_host_end(struct add *a, struct err *err)
{
	char name[SETTING_MAX];
	const struct netns_setting setting = { .name = name, .value = "0", .optional = true };
	struct rtnl *r = cni_host(a->call, err);

	if (!r)
		return -1;
	if (str_format(name, sizeof(name), "ipv6/conf/%s/accept_ra", a->veth.host_name) < 0)
		return err_sys(err, "settings of \"%s\"", a->veth.host_name);
	if (netns_sysctls(-1, &setting, 1, err) < 0)
		return -1;
	for (size_t i = 0; i < a->ipam.n_ips; i++) {
		const struct result_ip *ip = &a->ipam.ips[i];
		const struct addr gateway = {
			.index = a->veth.index,
			.net = single(&ip->gateway),
			.flags = ip->gateway.family == AF_INET6 ? IFA_F_NODAD : 0,
		};
		const struct route route = {
			.dst = single(&ip->address.ip),
			.oif = a->veth.index,
			.scope = RT_SCOPE_LINK,
		};

		addr_add(r, &gateway);
		rtnl_tolerate(r, EEXIST); /* two networks of one gateway */
		/* of a container that is gone but whose end isn't */
		route_add(r, &route, NLM_F_REPLACE);
	}
	return rtnl_flush(r, err);
}

static int make_link(void *add, struct err *err)
{
	struct add *a = add;

	a->veth.inside_name = a->call->args->ifname;
	a->veth.mtu = a->config.mtu;
	if (veth_make(a->call, &a->veth, err) < 0)
		return -1;
	a->linked = true;
	return 0;
}

static int set_inside(struct add *a, struct err *err)
{
	const struct apply inside = {
		.netns = a->call->netns,
		.index = a->veth.inside_index,
		.name = a->call->args->ifname,
		.routed = true,
	};
	struct rtnl *r = cni_inside(a->call, err);

	if (!r || apply_result(r, &inside, &a->ipam, err) < 0)
		return -1;
	return rtnl_flush(r, err);
}

static int make(struct add *a, struct err *err)
{
	static const struct ipam_order order = { lease, make_link };

	if (ipam_around(a->call, &order, a, err) < 0 || set_host_end(a, err) < 0)
		return -1;
	return set_inside(a, err);
}

static int make_result(struct add *a, struct err *err)
{
	uint32_t mtu = a->config.mtu ? a->config.mtu : VETH_MTU;

	if (!apply_add_interface(a->call, a->veth.host_name, &a->veth.mac, mtu, false) ||
	    !apply_add_interface(a->call, a->call->args->ifname, &a->veth.inside_mac, mtu, true))
		return err_set(err, ENOMEM, "no room for the result");
	return apply_take_ipam(a->call, &a->ipam, err);
}

static int ptp_add(struct cni_call *call, struct err *err)
{
	struct add a = { .call = call };
	int mac;

	if (netconf_decode(call->conf, &config_table, &a.config, call->arena, err) < 0)
		return -1;
	mac = cni_wanted_mac(call, &a.veth.inside_mac, err);
	if (mac < 0)
		return -1;
	a.veth.has_mac = mac > 0;
	veth_init(&a.veth);
	if (make(&a, err) == 0) {
		a.masqueraded = apply_masquerade(call, &a.ipam, err) == 0;
		if (a.masqueraded && make_result(&a, err) == 0) {
			veth_wait(call, &a.veth);
			return 0;
		}
	}
	if (a.leased)
		(void)ipam_del(call, NULL);
	if (a.masqueraded)
		(void)apply_masquerade_del(call, &a.ipam, NULL);
	if (a.linked)
		(void)link_remove(-1, a.veth.host_name, NULL);
	return -1;
}

static int ptp_del(struct cni_call *call, struct err *err)
{
	int result = ipam_del(call, err);

	if (apply_masquerade_del(call, &call->conf->prev, result == 0 ? err : NULL) < 0)
		result = -1;
	if (apply_remove(call, NULL, result == 0 ? err : NULL) < 0)
		result = -1;
	return result;
}

/* --- CHECK ---------------------------------------------------------------------- */

struct search {
	struct ip_net net;
	bool found;
};

static int match_addr(const struct addr *addr, void *data, struct err *err)
{
	struct search *search = data;

	(void)err;
	if (addr && ip_net_eq(&addr->net, &search->net))
		search->found = true;
	return 0;
}

static int match_route(const struct route *route, void *data, struct err *err)
{
	struct search *search = data;

	(void)err;
	if (route && ip_net_eq(&route->dst, &search->net))
		search->found = true;
	return 0;
}

static int check_host_end(struct cni_call *call, const struct link *end, struct err *err)
{
	const struct result *prev = &call->conf->prev;
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < prev->n_ips; i++) {
		const struct result_ip *ip = &prev->ips[i];
		struct search gateway = { .net = single(&ip->gateway) };
		struct search way = { .net = single(&ip->address.ip) };

		if (addr_each(&call->host, end->index, ip->gateway.family, match_addr, &gateway,
			      err) < 0 ||
		    route_each(&call->host, ip->address.ip.family, RT_TABLE_MAIN, end->index,
			       match_route, &way, err) < 0)
			return -1;
		if (!gateway.found)
			return err_set(err, ENOENT,
				       "host interface \"%s\" does not have the address %s",
				       end->name, ip_net_format(&gateway.net, text));
		if (!way.found)
			return err_set(err, ENOENT, "there is no route to %s through \"%s\"",
				       ip_net_format(&way.net, text), end->name);
	}
	return 0;
}

static int ptp_check(struct cni_call *call, struct err *err)
{
	const struct result_interface *end = apply_host_end(call, NULL);
	struct link inside, host;

	if (ipam_check(call, err) < 0 || apply_check_interface(call, "veth", &inside, err) < 0)
		return -1;
	if (!end)
		return cni_err(err, CNI_ERR_CONFIG, "prevResult has no interface on the host");
	if (!(inside.flags & IFF_UP))
		return err_set(err, ENETDOWN, "container interface \"%s\" is down", inside.name);
	if (apply_check_host_end(call, end->name, &inside, &host, err) < 0 ||
	    check_host_end(call, &host, err) < 0 ||
	    apply_check(&call->inside, inside.index, inside.name, &call->conf->prev, err) < 0)
		return -1;
	return apply_masquerade_check(call, &call->conf->prev, err);
}

static int ptp_gc(struct cni_call *call, struct err *err)
{
	int result = ipam_gc(call, err);

	if (veth_gc(call, result == 0 ? err : NULL) < 0)
		result = -1;
	if (call->conf->ip_masq && masq_gc(call->conf, result == 0 ? err : NULL) < 0)
		result = -1;
	return result;
}

const struct cni_plugin cni_plugin_ptp = {
	.type = "ptp",
	.about = "a routed link to the host",
	.add = ptp_add,
	.del = ptp_del,
	.check = ptp_check,
	.gc = ptp_gc,
	.status = ipam_status,
};
