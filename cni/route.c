/* SPDX-License-Identifier: Apache-2.0 */
/* route.c - addresses, routes, rules and neighbours
 *
 * With NETLINK_GET_STRICT_CHK the kernel filters a dump by what its header and
 * attributes say; older kernels don't, so the answers are looked at again.
 * rtnetlink(7); linux/if_addr.h, linux/fib_rules.h, linux/neighbour.h.
 */
#include "cni/route.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <string.h>
#include <sys/socket.h>

#define P2P_PREFIX 31 /* an IPv4 network this long has no broadcast address (RFC 3021) */

/* --- addresses ---------------------------------------------------------------- */

static void put_addr(struct rtnl *r, int type, int flags, const struct addr *addr)
{
	char text[IP_TEXT_MAX];
	struct ifaddrmsg header = {
		.ifa_family = addr->net.ip.family,
		.ifa_prefixlen = addr->net.prefix,
		.ifa_index = (uint32_t)addr->index,
		.ifa_scope = addr->scope,
	};

	rtnl_begin(r, type, flags, &header, sizeof(header), "%s address %s",
		   type == RTM_NEWADDR ? "add" : "delete", ip_net_format(&addr->net, text));
	rtnl_put_ip(r, IFA_LOCAL, &addr->net.ip);
	rtnl_put_ip(r, IFA_ADDRESS, &addr->net.ip);
	if (type == RTM_NEWADDR && addr->net.ip.family == AF_INET &&
	    addr->net.prefix < P2P_PREFIX) {
		struct ip broadcast = ip_net_last(&addr->net);

		rtnl_put_ip(r, IFA_BROADCAST, &broadcast);
	}
	if (addr->flags)
		rtnl_put_u32(r, IFA_FLAGS, addr->flags);
	rtnl_end(r);
}

void addr_add(struct rtnl *r, const struct addr *addr)
{
	put_addr(r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, addr);
}

void addr_delete(struct rtnl *r, const struct addr *addr)
{
	put_addr(r, RTM_DELADDR, 0, addr);
}

struct addr_walk {
	int (*each)(const struct addr *addr, void *data, struct err *err);
	void *data;
	int index, family;
};

static int walk_addr(const struct nlmsghdr *h, void *data, struct err *err)
{
	const struct addr_walk *walk = data;
	struct nlattr *tb[IFA_MAX + 1];
	struct ifaddrmsg header;
	struct addr addr = { 0 };

	if (!h)
		return walk->each(NULL, walk->data, err);
	if (h->nlmsg_type != RTM_NEWADDR || rtnl_attrs(h, sizeof(header), tb, IFA_MAX) < 0)
		return 0;
	memcpy(&header, rtnl_body(h), sizeof(header));
	if ((walk->index && (int)header.ifa_index != walk->index) ||
	    (walk->family && header.ifa_family != walk->family))
		return 0;
	addr.index = (int)header.ifa_index;
	addr.scope = header.ifa_scope;
	addr.net.prefix = header.ifa_prefixlen;
	addr.flags = tb[IFA_FLAGS] ? rtnl_u32(tb[IFA_FLAGS]) : header.ifa_flags;
	/* with a peer IFA_ADDRESS is the peer's */
	addr.net.ip = rtnl_ip(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS], header.ifa_family);
	return walk->each(&addr, walk->data, err);
}

int addr_each(struct rtnl *r, int index, int family,
	      int (*each)(const struct addr *addr, void *data, struct err *err), void *data,
	      struct err *err)
{
	const struct ifaddrmsg header = { .ifa_family = (uint8_t)family,
					  .ifa_index = (uint32_t)index };
	struct addr_walk walk = { .each = each, .data = data, .index = index, .family = family };

	rtnl_begin(r, RTM_GETADDR, NLM_F_DUMP, &header, sizeof(header), "list the addresses");
	rtnl_end(r);
	return rtnl_query(r, walk_addr, &walk, err);
}

/* --- routes ------------------------------------------------------------------- */

static void put_metrics(struct rtnl *r, const struct route *route)
{
	if (!route->mtu && !route->advmss)
		return;
	rtnl_nest(r, RTA_METRICS);
	if (route->mtu)
		rtnl_put_u32(r, RTAX_MTU, route->mtu);
	if (route->advmss)
		rtnl_put_u32(r, RTAX_ADVMSS, route->advmss);
	rtnl_nest_end(r);
}

static void put_route(struct rtnl *r, int type, int flags, const struct route *route)
{
	char dst[IP_TEXT_MAX], via[IP_TEXT_MAX];
	uint32_t table = route->table ? route->table : RT_TABLE_MAIN;
	struct ip_net net = ip_net_masked(&route->dst);
	struct rtmsg header = {
		.rtm_family = net.ip.family,
		.rtm_dst_len = net.prefix,
		.rtm_table = table < 256 ? (uint8_t)table : RT_TABLE_UNSPEC,
		.rtm_protocol = route->protocol ? route->protocol : RTPROT_BOOT,
		.rtm_scope = route->scope,
		.rtm_type = route->type ? route->type : RTN_UNICAST,
		.rtm_flags = route->onlink ? RTNH_F_ONLINK : 0,
	};

	rtnl_begin(r, type, flags, &header, sizeof(header), "%s route to %s%s%s",
		   type == RTM_NEWROUTE ? "add" : "delete", ip_net_format(&net, dst),
		   ip_is_none(&route->gateway) ? "" : " via ", ip_format(&route->gateway, via));
	if (net.prefix > 0)
		rtnl_put_ip(r, RTA_DST, &net.ip);
	if (!ip_is_none(&route->gateway))
		rtnl_put_ip(r, RTA_GATEWAY, &route->gateway);
	if (!ip_is_none(&route->source))
		rtnl_put_ip(r, RTA_PREFSRC, &route->source);
	if (route->oif)
		rtnl_put_u32(r, RTA_OIF, (uint32_t)route->oif);
	if (table >= 256)
		rtnl_put_u32(r, RTA_TABLE, table);
	if (route->priority.has)
		rtnl_put_u32(r, RTA_PRIORITY, (uint32_t)route->priority.v);
	put_metrics(r, route);
	rtnl_end(r);
}

void route_add(struct rtnl *r, const struct route *route, int flags)
{
	put_route(r, RTM_NEWROUTE, NLM_F_CREATE | flags, route);
}

void route_delete(struct rtnl *r, const struct route *route)
{
	put_route(r, RTM_DELROUTE, 0, route);
}

struct route_walk {
	int (*each)(const struct route *route, void *data, struct err *err);
	void *data;
	int family, oif;
	uint32_t table;
};

static struct route parse_route(const struct rtmsg *header, struct nlattr **tb)
{
	struct nlattr *metrics[RTAX_MAX + 1];
	struct route route = {
		.dst = { .ip = { .family = header->rtm_family }, .prefix = header->rtm_dst_len },
		.oif = (int)rtnl_u32(tb[RTA_OIF]),
		.table = tb[RTA_TABLE] ? rtnl_u32(tb[RTA_TABLE]) : header->rtm_table,
		.protocol = header->rtm_protocol,
		.scope = header->rtm_scope,
		.type = header->rtm_type,
		.priority = { .has = tb[RTA_PRIORITY], .v = rtnl_u32(tb[RTA_PRIORITY]) },
		.onlink = header->rtm_flags & RTNH_F_ONLINK,
	};

	if (tb[RTA_DST])
		route.dst.ip = rtnl_ip(tb[RTA_DST], header->rtm_family);
	if (tb[RTA_GATEWAY])
		route.gateway = rtnl_ip(tb[RTA_GATEWAY], header->rtm_family);
	if (tb[RTA_PREFSRC])
		route.source = rtnl_ip(tb[RTA_PREFSRC], header->rtm_family);
	if (rtnl_nested(tb[RTA_METRICS], metrics, RTAX_MAX) == 0) {
		route.mtu = rtnl_u32(metrics[RTAX_MTU]);
		route.advmss = rtnl_u32(metrics[RTAX_ADVMSS]);
	}
	return route;
}

static int walk_route(const struct nlmsghdr *h, void *data, struct err *err)
{
	const struct route_walk *walk = data;
	struct nlattr *tb[RTA_MAX + 1];
	struct rtmsg header;
	struct route route;

	if (!h)
		return walk->each(NULL, walk->data, err);
	if (h->nlmsg_type != RTM_NEWROUTE || rtnl_attrs(h, sizeof(header), tb, RTA_MAX) < 0)
		return 0;
	memcpy(&header, rtnl_body(h), sizeof(header));
	route = parse_route(&header, tb);
	if ((walk->family && header.rtm_family != walk->family) ||
	    (walk->table && route.table != walk->table) || (walk->oif && route.oif != walk->oif) ||
	    (header.rtm_flags & RTM_F_CLONED))
		return 0;
	return walk->each(&route, walk->data, err);
}

int route_each(struct rtnl *r, int family, uint32_t table, int oif,
	       int (*each)(const struct route *route, void *data, struct err *err), void *data,
	       struct err *err)
{
	const struct rtmsg header = { .rtm_family = (uint8_t)family };
	struct route_walk walk = {
		.each = each, .data = data, .family = family, .oif = oif, .table = table
	};

	rtnl_begin(r, RTM_GETROUTE, NLM_F_DUMP, &header, sizeof(header), "list the routes");
	/* a table that doesn't exist yet has no routes */
	rtnl_tolerate(r, ENOENT);
	if (table)
		rtnl_put_u32(r, RTA_TABLE, table);
	if (oif)
		rtnl_put_u32(r, RTA_OIF, (uint32_t)oif);
	rtnl_end(r);
	return rtnl_query(r, walk_route, &walk, err);
}

/* --- rules -------------------------------------------------------------------- */

static void put_rule(struct rtnl *r, int type, int flags, const struct rule *rule)
{
	struct fib_rule_hdr header = {
		.family = rule->family,
		.src_len = rule->from.prefix,
		.dst_len = rule->to.prefix,
		.table = rule->table < 256 ? (uint8_t)rule->table : RT_TABLE_UNSPEC,
		.action = FR_ACT_TO_TBL,
	};

	rtnl_begin(r, type, flags, &header, sizeof(header), "%s the rule for table %u",
		   type == RTM_NEWRULE ? "add" : "delete", rule->table);
	if (!ip_is_none(&rule->from.ip))
		rtnl_put_ip(r, FRA_SRC, &rule->from.ip);
	if (!ip_is_none(&rule->to.ip))
		rtnl_put_ip(r, FRA_DST, &rule->to.ip);
	if (rule->iif)
		rtnl_put_string(r, FRA_IIFNAME, rule->iif);
	if (rule->mark)
		rtnl_put_u32(r, FRA_FWMARK, rule->mark);
	if (rule->priority.has)
		rtnl_put_u32(r, FRA_PRIORITY, (uint32_t)rule->priority.v);
	if (rule->suppress.has)
		rtnl_put_u32(r, FRA_SUPPRESS_PREFIXLEN, (uint32_t)rule->suppress.v);
	rtnl_put_u32(r, FRA_TABLE, rule->table);
	rtnl_end(r);
}

void rule_add(struct rtnl *r, const struct rule *rule)
{
	put_rule(r, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule);
}

void rule_delete(struct rtnl *r, const struct rule *rule)
{
	put_rule(r, RTM_DELRULE, 0, rule);
}

struct rule_walk {
	int (*each)(const struct rule *rule, void *data, struct err *err);
	void *data;
	int family;
};

static int walk_rule(const struct nlmsghdr *h, void *data, struct err *err)
{
	const struct rule_walk *walk = data;
	struct nlattr *tb[FRA_MAX + 1];
	struct fib_rule_hdr header;
	struct rule rule = { 0 };

	if (!h)
		return walk->each(NULL, walk->data, err);
	if (h->nlmsg_type != RTM_NEWRULE || rtnl_attrs(h, sizeof(header), tb, FRA_MAX) < 0)
		return 0;
	memcpy(&header, rtnl_body(h), sizeof(header));
	if (walk->family && header.family != walk->family)
		return 0;
	rule.family = header.family;
	rule.table = tb[FRA_TABLE] ? rtnl_u32(tb[FRA_TABLE]) : header.table;
	if (tb[FRA_SRC]) {
		rule.from.ip = rtnl_ip(tb[FRA_SRC], header.family);
		rule.from.prefix = header.src_len;
	}
	if (tb[FRA_DST]) {
		rule.to.ip = rtnl_ip(tb[FRA_DST], header.family);
		rule.to.prefix = header.dst_len;
	}
	rule.iif = tb[FRA_IIFNAME] ? rtnl_string(tb[FRA_IIFNAME]) : NULL;
	rule.mark = rtnl_u32(tb[FRA_FWMARK]);
	rule.priority.has = tb[FRA_PRIORITY];
	rule.priority.v = rtnl_u32(tb[FRA_PRIORITY]);
	return walk->each(&rule, walk->data, err);
}

int rule_each(struct rtnl *r, int family,
	      int (*each)(const struct rule *rule, void *data, struct err *err), void *data,
	      struct err *err)
{
	const struct fib_rule_hdr header = { .family = (uint8_t)family };
	struct rule_walk walk = { .each = each, .data = data, .family = family };

	rtnl_begin(r, RTM_GETRULE, NLM_F_DUMP, &header, sizeof(header), "list the rules");
	rtnl_end(r);
	return rtnl_query(r, walk_rule, &walk, err);
}

/* --- neighbours --------------------------------------------------------------- */

static void put_neigh(struct rtnl *r, int type, int flags, const struct neigh *neigh)
{
	char mac[MAC_TEXT_MAX];
	const struct ndmsg header = {
		.ndm_family = neigh->family,
		.ndm_ifindex = neigh->index,
		.ndm_state = neigh->state,
		.ndm_flags = neigh->flags,
	};

	rtnl_begin(r, type, flags, &header, sizeof(header), "%s neighbour %s",
		   type == RTM_NEWNEIGH ? "add" : "delete", mac_format(&neigh->mac, mac));
	rtnl_put(r, NDA_LLADDR, neigh->mac.bytes, MAC_BYTES);
	if (!ip_is_none(&neigh->ip))
		rtnl_put_ip(r, NDA_DST, &neigh->ip);
	rtnl_end(r);
}

void neigh_add(struct rtnl *r, const struct neigh *neigh, int flags)
{
	put_neigh(r, RTM_NEWNEIGH, NLM_F_CREATE | flags, neigh);
}

void neigh_change(struct rtnl *r, const struct neigh *neigh)
{
	put_neigh(r, RTM_NEWNEIGH, NLM_F_REPLACE, neigh);
	rtnl_tolerate(r, ENOENT);
}

void neigh_delete(struct rtnl *r, const struct neigh *neigh)
{
	put_neigh(r, RTM_DELNEIGH, 0, neigh);
}
