/* SPDX-License-Identifier: Apache-2.0 */
/* apply.c - a result's addresses and routes on an interface in the container
 *
 * The order: arp_notify, IPv4 addresses, the interface up (the kernel announces
 * what it has then), IPv6 addresses (added to an interface that is down they
 * would lose their routes when it comes up), routes.  IPv6 addresses are ours
 * by decision, so nobody waits two seconds for their detection (RFC 4862
 * section 5.4) unless that is asked for.
 */
#include "cni/apply.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <sys/socket.h>
#include <time.h>

#include "cni/ipam.h"
#include "cni/masq.h"
#include "cni/netns.h"
#include "cni/route.h"

#define SETTING_MAX   64
#define DETECT_NAP_NS 10000000
#define DETECT_NAPS   500 /* five seconds */

static bool has_family(const struct result *result, int family)
{
	for (size_t i = 0; i < result->n_ips; i++)
		if (result->ips[i].address.ip.family == family)
			return true;
	return false;
}

/* Those of IPv6: rtnetlink has no way to set them. */
static int write_settings(const struct apply *apply, struct err *err)
{
	static const struct {
		const char *name, *value;
		bool unlike, without_detection;
	} settings[] = {
		/* what a new interface has is the other one, but for the first */
		{ "disable_ipv6", "0", false, false },
		{ "keep_addr_on_down", "1", true, false },
		{ "ndisc_notify", "1", true, false },
		{ "accept_dad", "0", true, true },
	};
	struct netns_setting v[ARRAY_SIZE(settings)];
	char names[ARRAY_SIZE(settings)][SETTING_MAX];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		if (settings[i].without_detection && apply->detect)
			continue;
		if (str_format(names[n], SETTING_MAX, "ipv6/conf/%s/%s", apply->name,
			       settings[i].name) < 0)
			return err_sys(err, "settings of \"%s\"", apply->name);
		v[n] = (struct netns_setting){ .name = names[n],
					       .value = settings[i].value,
					       .optional = true,
					       .unlike = settings[i].unlike };
		n++;
	}
	return netns_sysctls(apply->netns, v, n, err);
}

/* Is it one of this interface? */
static bool is_ours(const struct result *result, const struct result_ip *ip, const char *name)
{
	return ip->interface < 0 || (size_t)ip->interface >= result->n_interfaces ||
	       str_eq(result->interfaces[ip->interface].name, name);
}

static void add_addresses(struct rtnl *r, const struct apply *apply, const struct result *result,
			  int family)
{
	for (size_t i = 0; i < result->n_ips; i++) {
		struct addr addr = { .index = apply->index, .net = result->ips[i].address };

		if (addr.net.ip.family != family || !is_ours(result, &result->ips[i], apply->name))
			continue;
		if (family == AF_INET6 && !apply->detect)
			addr.flags = IFA_F_NODAD;
		if (apply->routed)
			addr.flags |= IFA_F_NOPREFIXROUTE;
		addr_add(r, &addr);
	}
}

/* The gateway of a route: its own, or that of the first address of its family. */
static struct ip gateway_of(const struct result *result, const struct result_route *route)
{
	struct ip none = { 0 };

	if (!ip_is_none(&route->gateway))
		return route->gateway;
	if (route->scope.has && route->scope.v >= RT_SCOPE_LINK)
		return none; /* it is on the link */
	for (size_t i = 0; i < result->n_ips; i++)
		if (result->ips[i].address.ip.family == route->dst.ip.family &&
		    !ip_is_none(&result->ips[i].gateway))
			return result->ips[i].gateway;
	return none;
}

static struct route make_route(const struct result *result, const struct result_route *wanted,
			       int index)
{
	struct route route = {
		.dst = wanted->dst,
		.gateway = gateway_of(result, wanted),
		.oif = index,
		.table = wanted->table.has ? (uint32_t)wanted->table.v : RT_TABLE_MAIN,
		.priority = wanted->priority,
		.mtu = wanted->mtu,
		.advmss = wanted->advmss,
	};

	if (wanted->scope.has)
		route.scope = (uint8_t)wanted->scope.v;
	else if (ip_is_none(&route.gateway))
		route.scope = RT_SCOPE_LINK;
	return route;
}

/* The gateway is on the link, and behind it is all of the address's network. */
static void add_gateway_routes(struct rtnl *r, const struct apply *apply,
			       const struct result *result)
{
	for (size_t i = 0; i < result->n_ips; i++) {
		const struct result_ip *ip = &result->ips[i];
		const struct route to_gateway = {
			.dst = { .ip = ip->gateway, .prefix = (uint8_t)ip_bits(&ip->gateway) },
			.oif = apply->index,
			.scope = RT_SCOPE_LINK,
			.source = ip->address.ip,
		};
		const struct route to_net = {
			.dst = ip->address,
			.gateway = ip->gateway,
			.oif = apply->index,
			.source = ip->address.ip,
		};

		if (ip_is_none(&ip->gateway))
			continue;
		route_add(r, &to_gateway, NLM_F_REPLACE);
		if (ip->address.prefix < ip_bits(&ip->address.ip))
			route_add(r, &to_net, NLM_F_REPLACE);
	}
}

static bool is_gateway(const struct result *result, const struct ip *ip)
{
	for (size_t i = 0; i < result->n_ips; i++)
		if (ip_eq(&result->ips[i].gateway, ip))
			return true;
	return false;
}

int apply_result(struct rtnl *r, const struct apply *apply, const struct result *result,
		 struct err *err)
{
	if (apply->netns >= 0 && has_family(result, AF_INET6) && write_settings(apply, err) < 0)
		return -1;
	if (apply->netns >= 0 && has_family(result, AF_INET))
		link_set_arp_notify(r, apply->index);
	add_addresses(r, apply, result, AF_INET);
	link_up(r, apply->index);
	add_addresses(r, apply, result, AF_INET6);
	if (apply->routed)
		add_gateway_routes(r, apply, result);
	for (size_t i = 0; i < result->n_routes; i++) {
		struct route route = make_route(result, &result->routes[i], apply->index);

		/* a neighbour in the network that has no route of its own here */
		route.onlink = apply->routed && !ip_is_none(&route.gateway) &&
			       !is_gateway(result, &route.gateway);
		route_add(r, &route, NLM_F_APPEND);
	}
	return 0;
}

/* --- detection ------------------------------------------------------------------ */

struct tentative {
	const char *name;
	bool any;
};

static int look_tentative(const struct addr *addr, void *data, struct err *err)
{
	struct tentative *found = data;
	char text[IP_TEXT_MAX];

	if (!addr)
		found->any = false;
	else if (addr->flags & IFA_F_DADFAILED)
		return err_set(err, EADDRINUSE, "address %s of \"%s\" is used by another host",
			       ip_net_format(&addr->net, text), found->name);
	else if (addr->flags & IFA_F_TENTATIVE)
		found->any = true;
	return 0;
}

int apply_wait(struct rtnl *r, const struct apply *apply, struct err *err)
{
	const struct timespec nap = { .tv_nsec = DETECT_NAP_NS };

	for (int i = 0; i < DETECT_NAPS; i++) {
		struct tentative found = { .name = apply->name };

		if (addr_each(r, apply->index, AF_INET6, look_tentative, &found, err) < 0)
			return -1;
		if (!found.any)
			return 0;
		(void)nanosleep(&nap, NULL); /* cut short it only looks again earlier */
	}
	return err_set(err, ETIMEDOUT, "address detection on \"%s\" takes more than 5 seconds",
		       apply->name);
}

/* --- CHECK ---------------------------------------------------------------------- */

struct search {
	const struct ip_net *net;
	const struct route *route;
	bool found;
};

static int match_addr(const struct addr *addr, void *data, struct err *err)
{
	struct search *search = data;

	(void)err;
	if (addr && ip_net_eq(&addr->net, search->net))
		search->found = true;
	return 0;
}

static int match_route(const struct route *route, void *data, struct err *err)
{
	struct search *search = data;
	const struct route *wanted = search->route;
	struct ip_net dst = ip_net_masked(&wanted->dst);

	(void)err;
	if (route && route->table == wanted->table && ip_net_eq(&route->dst, &dst) &&
	    ip_eq(&route->gateway, &wanted->gateway) &&
	    (!wanted->priority.has || route->priority.v == wanted->priority.v) &&
	    (!wanted->mtu || route->mtu == wanted->mtu) &&
	    (!wanted->advmss || route->advmss == wanted->advmss))
		search->found = true;
	return 0;
}

static int check_route(struct rtnl *r, const struct result *result,
		       const struct result_route *wanted, struct err *err)
{
	struct route route = make_route(result, wanted, 0);
	struct search search = { .route = &route };
	char dst[IP_TEXT_MAX], via[IP_TEXT_MAX];

	if (route_each(r, wanted->dst.ip.family, route.table, 0, match_route, &search, err) < 0)
		return -1;
	if (!search.found)
		return err_set(err, ENOENT, "expected route to %s%s%s is not there",
			       ip_net_format(&wanted->dst, dst),
			       ip_is_none(&route.gateway) ? "" : " via ",
			       ip_format(&route.gateway, via));
	return 0;
}

int apply_check(struct rtnl *r, int index, const char *name, const struct result *result,
		struct err *err)
{
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < result->n_ips; i++) {
		const struct ip_net *net = &result->ips[i].address;
		struct search search = { .net = net };

		if (!is_ours(result, &result->ips[i], name))
			continue;
		if (addr_each(r, index, net->ip.family, match_addr, &search, err) < 0)
			return -1;
		if (!search.found)
			return err_set(err, ENOENT, "interface \"%s\" does not have address %s",
				       name, ip_net_format(net, text));
	}
	for (size_t i = 0; i < result->n_routes; i++)
		if (check_route(r, result, &result->routes[i], err) < 0)
			return -1;
	return 0;
}

/* The hardware address and the MTU, where the result says them. */
static int compare_interface(const char *what, const struct result_interface *wanted,
			     const struct link *link, struct err *err)
{
	char text[MAC_TEXT_MAX];
	struct mac mac;

	if (wanted->mac && wanted->mac[0] &&
	    (mac_parse(wanted->mac, &mac) < 0 || !mac_eq(&mac, &link->mac)))
		return err_set(err, EINVAL, "%s \"%s\" has the hardware address %s, not %s", what,
			       link->name, mac_format(&link->mac, text), wanted->mac);
	if (wanted->mtu && wanted->mtu != link->mtu)
		return err_set(err, EINVAL, "%s \"%s\" has the MTU %u, not %u", what, link->name,
			       link->mtu, wanted->mtu);
	return 0;
}

int apply_check_interface(struct cni_call *call, const char *kind, struct link *ret,
			  struct err *err)
{
	const char *name = call->args->ifname;
	const struct result_interface *wanted =
		result_find_interface(&call->conf->prev, name, call->args->netns);
	struct rtnl *r = cni_inside(call, err);

	if (!r)
		return -1;
	if (!wanted)
		return cni_err(err, CNI_ERR_CONFIG,
			       "prevResult has no interface \"%s\" in sandbox \"%s\"", name,
			       call->args->netns);
	if (link_get(r, name, ret, err) < 0)
		return -1;
	if (kind && !str_eq(ret->kind, kind))
		return err_set(err, EINVAL, "container interface \"%s\" is no %s but a %s", name,
			       kind, ret->kind[0] ? ret->kind : "device");
	return compare_interface("container interface", wanted, ret, err);
}

/* --- results and the host ------------------------------------------------------- */

struct result_interface *apply_add_interface(struct cni_call *call, const char *name,
					     const struct mac *mac, uint32_t mtu, bool inside)
{
	struct result_interface *interface = result_add_interface(&call->result, call->arena);
	char text[MAC_TEXT_MAX];

	if (!interface)
		return NULL;
	interface->name = arena_strdup(call->arena, name);
	interface->mac = mac ? arena_strdup(call->arena, mac_format(mac, text)) : NULL;
	interface->mtu = mtu;
	interface->sandbox = inside ? call->args->netns : NULL;
	return interface->name && (interface->mac || !mac) ? interface : NULL;
}

int apply_take_ipam(struct cni_call *call, const struct result *ipam, struct err *err)
{
	const struct result_dns *dns = &call->conf->dns;
	struct result *r = &call->result;

	for (size_t i = 0; i < ipam->n_ips; i++) {
		struct result_ip *ip = result_add_ip(r, call->arena);

		if (!ip)
			return err_set(err, ENOMEM, "no room for the result");
		*ip = ipam->ips[i];
		ip->interface = (int)r->n_interfaces - 1;
	}
	for (size_t i = 0; i < ipam->n_routes; i++) {
		struct result_route *route = result_add_route(r, call->arena);

		if (!route)
			return err_set(err, ENOMEM, "no room for the result");
		*route = ipam->routes[i];
	}
	r->dns = dns->nameservers.n || dns->search.n || dns->options.n || dns->domain ? *dns
										      : ipam->dns;
	return 0;
}

int apply_forwarding(const struct result *result, struct err *err)
{
	if (has_family(result, AF_INET) && netns_sysctl(-1, "ipv4/ip_forward", "1", err) < 0)
		return -1;
	if (has_family(result, AF_INET6) &&
	    netns_sysctl(-1, "ipv6/conf/all/forwarding", "1", err) < 0)
		return -1;
	return 0;
}

const struct result_interface *apply_host_end(const struct cni_call *call, const char *other)
{
	const struct result *prev = &call->conf->prev;

	for (size_t i = 0; i < prev->n_interfaces; i++) {
		const struct result_interface *interface = &prev->interfaces[i];

		if (!interface->sandbox && !str_eq(interface->name, other) &&
		    str_starts(interface->name, "veth"))
			return interface;
	}
	return NULL;
}

int apply_remove(struct cni_call *call, const char *other, struct err *err)
{
	const struct result_interface *end;

	if (call->netns >= 0)
		return link_remove(call->netns, call->args->ifname, err);
	end = apply_host_end(call, other);
	return end ? link_remove(-1, end->name, err) : 0;
}

int apply_check_host_end(struct cni_call *call, const char *name, const struct link *inside,
			 struct link *ret, struct err *err)
{
	const struct result_interface *wanted =
		result_find_interface(&call->conf->prev, name, NULL);
	struct rtnl *r = cni_host(call, err);

	if (!r || link_get(r, name, ret, err) < 0)
		return -1;
	if (!str_eq(ret->kind, "veth") || inside->parent != ret->index)
		return err_set(err, EINVAL, "host interface \"%s\" is not the peer of \"%s\"", name,
			       inside->name);
	if (!(ret->flags & IFF_UP))
		return err_set(err, ENETDOWN, "host interface \"%s\" is down", name);
	return wanted ? compare_interface("host interface", wanted, ret, err) : 0;
}

/* --- masquerade ----------------------------------------------------------------- */

enum masq_verb { MASQ_ADD, MASQ_DEL, MASQ_CHECK };

static int masquerade(struct cni_call *call, enum masq_verb verb, const struct result *result,
		      struct err *err)
{
	static int (*const functions[])(const char *network, const char *container_id,
					const char *ifname, const struct ip_net *ips, size_t n,
					struct err *err) = {
		[MASQ_ADD] = masq_add,
		[MASQ_DEL] = masq_del,
		[MASQ_CHECK] = masq_check,
	};
	struct ip_net *v;

	if (!call->conf->ip_masq || (verb != MASQ_DEL && result->n_ips == 0) ||
	    (result->n_ips == 0 && !ipam_has(call)))
		return 0;
	v = arena_array(call->arena, result->n_ips + 1, sizeof(*v));
	if (!v)
		return err_set(err, ENOMEM, "ipMasq: out of memory");
	for (size_t i = 0; i < result->n_ips; i++)
		v[i] = result->ips[i].address;
	return functions[verb](call->conf->name, call->args->container_id, call->args->ifname, v,
			       result->n_ips, err);
}

int apply_masquerade(struct cni_call *call, const struct result *result, struct err *err)
{
	return masquerade(call, MASQ_ADD, result, err);
}

int apply_masquerade_del(struct cni_call *call, const struct result *result, struct err *err)
{
	return masquerade(call, MASQ_DEL, result, err);
}

int apply_masquerade_check(struct cni_call *call, const struct result *result, struct err *err)
{
	return masquerade(call, MASQ_CHECK, result, err);
}
