/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c - tenants without a router of their own: connection zones and routing by policy
 *
 *	container eth0 -- bridge (host) -- the host's routing by a table of the tenant's
 *
 * One hop less than a router's namespace.  What keeps equal addresses apart:
 *  - connections that come from a tenant are in a zone of its own in that
 *    direction, so the same address and port may talk to the same server twice;
 *    those that a published port leads in have it for the answers' direction.
 *  - packets carry the tenant's mark: from its bridge, with the connection's
 *    mark, or by the published port; the mark's table knows the subnet, the
 *    main table doesn't.
 *  - from a bridge only such sources pass as are leased there (address and
 *    hardware address), so nobody speaks for another.
 *  - a tenant may have `maxConnections` connections: a flood in one leaves room
 *    for the others in the table they share.
 * Published ports are for who is outside, not for the tenants themselves.
 * The gateway's address is on the bridge without a route to its network.
 * All of it is there for IPv4 and, where the host has it, for IPv6, whichever the
 * tenant's addresses are: what has none must not pass either.  Of IPv6 also
 * link-local sources pass, which neighbours speak with and nobody routes.
 *
 * nft(8) "CT EXPRESSIONS", "zone"; ip-rule(8);
 * linux/netfilter/nf_conntrack_common.h.
 */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cni/ipam.h"
#include "cni/link.h"
#include "cni/names.h"
#include "cni/netns.h"
#include "cni/nft.h"
#include "cni/plugins/tenant/router.h"
#include "cni/plugins/tenant/tenant.h"
#include "cni/route.h"

#define TABLE	      "skerry_tenant"
#define WHOLE_NETWORK "policy" /* in place of a container's id: the element is the network's */
#define BRIDGE_PREFIX "tp"
#define BRIDGE_DIGITS 9 /* 8 and the NUL */
#define NUMBER_BASE   0x7e000000U /* marks and tables of ours are behind it */
#define NUMBER_MAX    65534 /* of a zone */
#define RULE_PRIORITY 5290
#define CONNECTIONS   16384
#define FAMILIES      2
#define ELEMENTS_MAX  64
#define PORTS_MAX     16
#define LIMIT_RULE    64
#define LIMIT_DIGITS  9
#define SETTING_MAX   64
#define PATCH_MAX     256
#define NUMBER_TEXT   12
#define RP_VALUE      4
#define HAS_IPV6      "/proc/sys/net/ipv6"

static const struct nft_set_def base_sets[] = {
	{ "bridges", "ifname", NULL },
	{ "valid", "ifname . ether_addr . addr", NULL },
	{ "zones", "ifname", "mark" },
	{ "marks", "ifname", "mark" },
	{ "limits", "ifname", "verdict" },
	{ "tenants", "mark", NULL },
	{ "masked", "mark", NULL },
	{ "mapped", "ifname . addr . inet_proto . inet_service", "mark" },
	{ "portzones", "inet_proto . inet_service", "mark" },
	{ "portmarks", "inet_proto . inet_service", "mark" },
};
static const struct nft_chain_def base_chains[] = {
	{ "raw", "filter", "prerouting", NFT_PRIORITY_RAW },
	{ "mark", "filter", "prerouting", NFT_PRIORITY_MANGLE },
	{ "rawout", "filter", "output", NFT_PRIORITY_RAW },
	{ "out", "route", "output", NFT_PRIORITY_MANGLE },
	{ "post", "nat", "postrouting", NFT_PRIORITY_SNAT },
};
#define PUBLISHED "fib daddr type local "
#define NOT_VALID " iifname . ether saddr . ip saddr != @valid drop"
#define BY_PORT	  " meta l4proto . th dport map @"
static const struct nft_rule_def base_rules[] = {
	{ .chain = "raw", .text = "iifname @bridges" NOT_VALID, .only = AF_INET },
	{ .chain = "raw",
	  .text = "iifname @bridges ip saddr != fe80::/10 ip saddr != ::/128" NOT_VALID,
	  .only = AF_INET6 },
	/* the first zone that is given stays: answers of published ports come first */
	{ .chain = "raw",
	  .text = "ct reply zone set iifname . ip saddr . meta l4proto . th sport map @mapped" },
	{ .chain = "raw", .text = "ct original zone set iifname map @zones" },
	{ .chain = "raw", .text = PUBLISHED "ct reply zone set" BY_PORT "portzones" },
	{ .chain = "mark", .text = "iifname vmap @limits" },
	{ .chain = "mark", .text = "meta mark set iifname map @marks" },
	{ .chain = "mark", .text = "iifname @bridges ct mark set meta mark" },
	{ .chain = "mark", .text = "iifname != @bridges ct mark @tenants meta mark set ct mark" },
	{ .chain = "mark", .text = PUBLISHED "meta mark set" BY_PORT "portmarks" },
	{ .chain = "rawout", .text = PUBLISHED "ct reply zone set" BY_PORT "portzones" },
	{ .chain = "out", .text = "ct mark @tenants meta mark set ct mark" },
	{ .chain = "out", .text = PUBLISHED "meta mark set" BY_PORT "portmarks" },
	{ .chain = "post", .text = "meta mark @masked oifname != @bridges masquerade" },
};
static const struct nft_part base_part = NFT_PART(base_sets, base_chains, base_rules);

#define BOTH(set)        \
 { NFT_IP, TABLE, set }, \
 {                       \
  NFT_IP6, TABLE, set    \
 }
static const struct nft_place own_places[] = {
	/* of an attachment */
	BOTH("valid"),
	BOTH("mapped"),
	BOTH("portzones"),
	BOTH("portmarks"),
};
static const struct nft_place network_places[] = {
	BOTH("bridges"), BOTH("zones"),	  BOTH("marks"),
	BOTH("limits"),	 BOTH("tenants"), BOTH("masked"),
};

struct config {
	uint32_t connections;
	bool default_gateway;
};
static const struct json_field config_fields[] = {
	JSON_FIELD_AS("maxConnections", struct config, connections, JSON_U32, .min = 1,
		      .max = UINT32_MAX),
	JSON_FIELD_AS("isDefaultGateway", struct config, default_gateway, JSON_BOOL),
};
static const struct json_table config_table = JSON_TABLE(struct config, config_fields);

struct policy {
	struct cni_call *call;
	struct config config;
	struct router router; /* its lock and number only */
	uint32_t zone, mark; /* the table has the mark's number */
	char bridge[IFNAMSIZ];
	char own[NFT_OWNER], whole[NFT_OWNER];
	/* what limits the tenant's connections */
	char limit_text[LIMIT_RULE], limit_name[NFT_NAME];
	struct nft_chain_def limit_chain;
	struct nft_rule_def limit_rule;
	struct nft_part limit_part;
	const struct nft_part *parts[2];
	/* IPv4 and, where the host has it, IPv6 */
	struct nft_element v[FAMILIES][ELEMENTS_MAX];
	struct nft_plan plans[FAMILIES];
	size_t n_families;
};
static const int families[FAMILIES] = { AF_INET, AF_INET6 };

/* --- numbers and names ------------------------------------------------------------ */

static void set_numbers(struct policy *p)
{
	p->zone = p->router.slot + 1;
	p->mark = NUMBER_BASE + p->zone;
}

static int open_policy(struct policy *p, struct cni_call *call, const struct ip_net *transit,
		       struct err *err)
{
	const char *name = call->conf->name;
	char hash[BRIDGE_DIGITS];

	memset(p, 0, sizeof(*p));
	p->call = call;
	p->router.lock = p->router.netns = -1;
	p->n_families = access(HAS_IPV6, F_OK) == 0 ? FAMILIES : 1;
	if (netconf_decode(call->conf, &config_table, &p->config, call->arena, err) < 0)
		return -1;
	if (p->config.connections == 0)
		p->config.connections = CONNECTIONS;
	if (call->conf->runtime.port_mappings.n > PORTS_MAX)
		return cni_err(err, CNI_ERR_CONFIG, "more than %d port mappings", PORTS_MAX);
	names_hash(hash, sizeof(hash), &name, 1);
	(void)!str_format(p->bridge, sizeof(p->bridge), BRIDGE_PREFIX "%s", hash);
	nft_owner(p->own, name, call->args->container_id, call->args->ifname);
	nft_owner(p->whole, name, WHOLE_NETWORK, p->bridge);
	if (router_open(name, transit, &p->router, err) < 0) {
		router_close(&p->router);
		return -1;
	}
	set_numbers(p);
	return 0;
}

static int take_number(struct policy *p, const struct ip_net *transit, struct err *err)
{
	if (router_take_slot(&p->router, transit, err) < 0)
		return -1;
	set_numbers(p);
	if (p->zone > NUMBER_MAX)
		return err_set(err, ENOSPC, "no connection zones are left");
	return 0;
}

/* The bridge has a gateway's address only from here, and no masquerade of its own. */
static const char *bridge_patch(const struct policy *p)
{
	return arena_printf(p->call->arena,
			    "{\"bridge\":\"%s\",\"isGateway\":false,\"isDefaultGateway\":false,"
			    "\"ipMasq\":false,\"macspoofchk\":true}",
			    p->bridge);
}

/* --- elements ------------------------------------------------------------------------ */

static struct nft_element *new_element(struct policy *p, size_t family, const char *set, bool whole)
{
	struct nft_plan *plan = &p->plans[family];
	struct nft_element *e;

	if (plan->n_add == ELEMENTS_MAX)
		return NULL;
	e = &p->v[family][plan->n_add++];
	*e = (struct nft_element){ .set = set };
	(void)str_copy(e->owner, sizeof(e->owner), whole ? p->whole : p->own);
	return e;
}

/* A zone is read as the first two bytes of its register. */
static void put_zone(const struct policy *p, struct nft_element *e)
{
	const uint16_t zone = (uint16_t)p->zone;
	uint32_t data = 0;

	memcpy(&data, &zone, sizeof(zone));
	nft_data_classid(e, data);
}

static void put_mark_key(const struct policy *p, struct nft_element *e)
{
	memcpy(e->key, &p->mark, sizeof(p->mark));
	e->key_len = sizeof(p->mark);
}

static void make_network(struct policy *p, size_t family)
{
	static const char *const by_name[] = { "bridges", "zones", "marks", "limits" };
	static const char *const by_mark[] = { "tenants", "masked" };
	const size_t n_marks = p->call->conf->ip_masq ? 2 : 1;

	for (size_t i = 0; i < ARRAY_SIZE(by_name); i++) {
		struct nft_element *e = new_element(p, family, by_name[i], true);

		if (!e)
			return;
		nft_key_ifname(e, p->bridge);
		if (i == 1)
			put_zone(p, e);
		if (i == 2)
			nft_data_classid(e, p->mark);
		if (i == 3) {
			e->verdict = NFT_DO_JUMP;
			(void)str_copy(e->chain, sizeof(e->chain), p->limit_name);
		}
	}
	for (size_t i = 0; i < n_marks; i++) {
		struct nft_element *e = new_element(p, family, by_mark[i], true);

		if (e)
			put_mark_key(p, e);
	}
}

static uint8_t protocol_of(const struct netconf_port *port)
{
	if (str_eq(port->protocol, "udp"))
		return IPPROTO_UDP;
	return str_eq(port->protocol, "sctp") ? IPPROTO_SCTP : IPPROTO_TCP;
}

/* They lead to the first address of the family. */
static int make_ports(struct policy *p, size_t family, const struct ip *ip, struct err *err)
{
	const struct netconf_ports *ports = &p->call->conf->runtime.port_mappings;

	for (size_t i = 0; i < ports->n; i++) {
		const struct netconf_port *port = &ports->v[i];
		struct nft_element *mapped = new_element(p, family, "mapped", false);
		struct nft_element *zone = new_element(p, family, "portzones", false);
		struct nft_element *mark = new_element(p, family, "portmarks", false);

		if (!mapped || !zone || !mark)
			return err_set(err, E2BIG, "too many port mappings");
		if (port->host_ip && port->host_ip[0])
			return cni_err(err, CNI_ERR_CONFIG,
				       "isolation \"policy\" publishes ports on all addresses, not "
				       "on \"%.64s\"",
				       port->host_ip);
		nft_key_ifname(mapped, p->bridge);
		nft_key_addr(mapped, ip);
		nft_key_u8(mapped, protocol_of(port));
		nft_key_u16(mapped, (uint16_t)port->container_port);
		put_zone(p, mapped);
		nft_key_u8(zone, protocol_of(port));
		nft_key_u16(zone, (uint16_t)port->host_port);
		put_zone(p, zone);
		nft_key_u8(mark, protocol_of(port));
		nft_key_u16(mark, (uint16_t)port->host_port);
		nft_data_classid(mark, p->mark);
	}
	return 0;
}

static void make_limit(struct policy *p)
{
	const char *parts[2] = { p->call->conf->name, p->limit_text };
	char hash[LIMIT_DIGITS];

	(void)!str_format(p->limit_text, sizeof(p->limit_text),
			  "ct state new ct count over %u drop", p->config.connections);
	names_hash(hash, sizeof(hash), parts, ARRAY_SIZE(parts));
	(void)!str_format(p->limit_name, sizeof(p->limit_name), "limit_%s", hash);
	p->limit_chain = (struct nft_chain_def){ .name = p->limit_name };
	p->limit_rule = (struct nft_rule_def){ .chain = p->limit_name, .text = p->limit_text };
	p->limit_part = (struct nft_part){
		.chains = &p->limit_chain, .n_chains = 1, .rules = &p->limit_rule, .n_rules = 1
	};
	p->parts[0] = &base_part;
	p->parts[1] = &p->limit_part;
}

static int make_plan(struct policy *p, size_t family, const struct result *result,
		     const struct mac *mac, struct err *err)
{
	const struct ip *first = NULL;

	p->plans[family] = (struct nft_plan){ .family = nft_family(families[family]),
					      .table = TABLE,
					      .parts = p->parts,
					      .n_parts = ARRAY_SIZE(p->parts),
					      .add = p->v[family] };
	make_network(p, family);
	for (size_t i = 0; i < result->n_ips; i++) {
		const struct ip *ip = &result->ips[i].address.ip;
		struct nft_element *e;

		if (ip->family != families[family])
			continue;
		e = new_element(p, family, "valid", false);
		if (!e)
			return err_set(err, E2BIG, "too many addresses");
		nft_key_ifname(e, p->bridge);
		nft_key_mac(e, mac);
		nft_key_addr(e, ip);
		if (!first)
			first = ip;
	}
	return first ? make_ports(p, family, first, err) : 0;
}

static int make_plans(struct policy *p, const struct result *result, struct err *err)
{
	const struct cni_args *args = p->call->args;
	const struct result_interface *inside =
		result_find_interface(result, args->ifname, args->netns);
	struct mac mac;

	if (!inside || !inside->mac || mac_parse(inside->mac, &mac) < 0)
		return err_set(err, EINVAL, "the result has no interface of the container");
	make_limit(p);
	for (size_t i = 0; i < FAMILIES && i < p->n_families; i++)
		if (make_plan(p, i, result, &mac, err) < 0)
			return -1;
	return 0;
}

/* --- the host's side ------------------------------------------------------------------ */

static void put_rules(const struct policy *p, struct rtnl *r, bool add)
{
	struct rule rule = { .table = p->mark, .priority = { .has = true, .v = RULE_PRIORITY } };

	/* of each family one by the bridge and one by the mark */
	for (size_t i = 0; i < 2 * p->n_families; i++) {
		rule.family = families[i / 2];
		rule.iif = i % 2 ? NULL : p->bridge;
		rule.mark = i % 2 ? p->mark : 0;
		if (add) {
			rule_add(r, &rule);
			rtnl_tolerate(r, EEXIST);
		} else {
			rule_delete(r, &rule);
			rtnl_tolerate(r, ENOENT);
		}
	}
}

static int complete_gateways(const struct policy *p, struct result *result, struct err *err)
{
	for (size_t i = 0; i < result->n_ips; i++) {
		struct result_ip *ip = &result->ips[i];
		struct ip first = ip_net_first(&ip->address);

		if (ip->address.ip.family == AF_INET6 && p->n_families < FAMILIES)
			return cni_err(err, CNI_ERR_CONFIG, "this host has no IPv6");
		if (ip_is_none(&ip->gateway) && ip_add(&first, 1, &ip->gateway) < 0)
			return cni_err(err, CNI_ERR_CONFIG, "no room for a gateway");
	}
	return 0;
}

/* Where the sources of a bridge live is known to the tenant's table only, which the check of ARP's
 * sources doesn't look at; what comes in is checked against @valid. */
static int allow_sources(const struct policy *p, struct err *err)
{
	static const struct netns_setting settings[] = {
		{ .name = "ipv4/ip_forward", .value = "1" },
		/* the host's own answers know the tenant before they look for a way */
		{ .name = "ipv4/fwmark_reflect", .value = "1" },
		{ .name = "ipv4/tcp_fwmark_accept", .value = "1" },
		/* those of IPv6 come last */
		{ .name = "ipv6/conf/all/forwarding", .value = "1" },
		{ .name = "ipv6/fwmark_reflect", .value = "1" },
	};
	const size_t n = ARRAY_SIZE(settings) - (p->n_families < FAMILIES ? 2 : 0);
	char name[SETTING_MAX], all[RP_VALUE];

	if (str_format(name, sizeof(name), "ipv4/conf/%s/rp_filter", p->bridge) < 0)
		return err_sys(err, "settings of \"%s\"", p->bridge);
	if (netns_sysctl_read(-1, "ipv4/conf/all/rp_filter", all, sizeof(all), err) < 0)
		return -1;
	/* the stricter of both counts: 1 is, 2 wants any way back */
	if (netns_sysctl(-1, name, strcmp(all, "0") == 0 ? "0" : "2", err) < 0)
		return -1;
	return netns_sysctls(-1, settings, n, err);
}

static int set_routing(struct policy *p, struct err *err)
{
	const struct result *result = &p->call->result;
	struct rtnl *host = cni_host(p->call, err);
	struct link bridge;

	if (!host || link_get(host, p->bridge, &bridge, err) < 0 || allow_sources(p, err) < 0)
		return -1;
	put_rules(p, host, true);
	for (size_t i = 0; i < result->n_ips; i++) {
		const struct result_ip *ip = &result->ips[i];
		const struct addr gateway = {
			.index = bridge.index,
			.net = { .ip = ip->gateway, .prefix = ip->address.prefix },
			.flags = IFA_F_NOPREFIXROUTE |
				 (ip->gateway.family == AF_INET6 ? IFA_F_NODAD : 0),
		};
		const struct route subnet = {
			.dst = ip_net_masked(&ip->address),
			.oif = bridge.index,
			.table = p->mark,
			.scope = RT_SCOPE_LINK,
			.source = ip->gateway,
		};

		addr_add(host, &gateway);
		rtnl_tolerate(host, EEXIST);
		route_add(host, &subnet, NLM_F_REPLACE);
	}
	return rtnl_flush(host, err);
}

static bool has_default_route(const struct result *result, int family)
{
	for (size_t i = 0; i < result->n_routes; i++)
		if (result->routes[i].dst.ip.family == family && result->routes[i].dst.prefix == 0)
			return true;
	return false;
}

/* Through the first gateway of each family that has no default route. */
static int set_default_routes(struct policy *p, struct err *err)
{
	struct result *result = &p->call->result;
	struct rtnl *inside;

	if (!p->config.default_gateway)
		return 0;
	inside = cni_inside(p->call, err);
	if (!inside)
		return -1;
	for (size_t i = 0; i < result->n_ips; i++) {
		const struct ip gateway = result->ips[i].gateway;
		const struct route way = { .dst = { .ip = { .family = gateway.family } },
					   .gateway = gateway };
		struct result_route *of_result;

		if (has_default_route(result, gateway.family))
			continue;
		route_add(inside, &way, NLM_F_EXCL);
		if (rtnl_flush(inside, err) < 0)
			return -1;
		of_result = result_add_route(result, p->call->arena);
		if (!of_result)
			return err_set(err, ENOMEM, "no room for the result");
		of_result->dst = way.dst;
		of_result->gateway = gateway;
	}
	return 0;
}

/* --- port mappings --------------------------------------------------------------------- */

static int map_ports(struct policy *p, const struct result *prev, enum cni_verb verb,
		     struct err *err)
{
	struct delegate d = { "portmap", NULL, verb, false };
	struct json_out o;
	AUTO_BUF patch, out;

	if (p->call->conf->runtime.port_mappings.n == 0)
		return 0;
	buf_init(&patch);
	buf_init(&out);
	json_out_init(&o, &patch, 0);
	json_begin_object(&o);
	json_key(&o, "prevResult");
	if (result_format(prev, p->call->conf->cni_version, &o, err) < 0)
		return -1;
	json_end_object(&o);
	if (buf_failed(&patch))
		return err_set(err, ENOMEM, "port mappings: out of memory");
	d.patch = patch.s;
	return tenant_delegate(p->call, -1, &d, &out, err);
}

/* --- verbs ------------------------------------------------------------------------------ */

static int run_bridge(struct policy *p, enum cni_verb verb, struct buf *out, struct err *err)
{
	const struct delegate d = { "bridge", bridge_patch(p), verb, false };

	if (!d.patch)
		return err_set(err, ENOMEM, "bridge: out of memory");
	return tenant_delegate(p->call, -1, &d, out, err);
}

static int count_port(const struct link *link, void *data, struct err *err)
{
	int *counts = data; /* the bridge's index, its ports */

	(void)err;
	if (!link)
		counts[1] = 0;
	else if (link->master == counts[0])
		counts[1]++;
	return 0;
}

/* All of the network, when nobody is in it. */
static int remove_network(struct policy *p, struct err *err)
{
	struct rtnl *host = cni_host(p->call, err);
	struct link bridge;
	int counts[2] = { 0 }, found;

	found = host ? link_find(host, p->bridge, &bridge, err) : -1;
	if (found < 0)
		return -1;
	counts[0] = bridge.index;
	if (found > 0 && link_each(host, count_port, counts, err) < 0)
		return -1;
	if (found > 0 && counts[1] > 0)
		return 0;
	put_rules(p, host, false);
	if (rtnl_flush(host, err) < 0 || link_remove(-1, p->bridge, err) < 0 ||
	    nft_disown(p->whole, network_places, ARRAY_SIZE(network_places), err) < 0)
		return -1;
	return router_free_slot(&p->router, err);
}

static int take_back(struct policy *p, const struct result *prev, struct err *err)
{
	int rc = map_ports(p, prev, CNI_DEL, err);
	AUTO_BUF out;

	buf_init(&out);
	if (nft_disown(p->own, own_places, ARRAY_SIZE(own_places), rc < 0 ? NULL : err) < 0)
		rc = -1;
	if (run_bridge(p, CNI_DEL, &out, rc < 0 ? NULL : err) < 0)
		rc = -1;
	return rc < 0 ? -1 : remove_network(p, err);
}

static int set_filters(struct policy *p, struct err *err)
{
	AUTO_NFT nft = NULL;

	if (make_plans(p, &p->call->result, err) < 0)
		return -1;
	nft = nft_open(err);
	return nft ? nft_commit(nft, p->plans, p->n_families, err) : -1;
}

static int add_opened(struct policy *p, const struct ip_net *transit, struct err *err)
{
	struct cni_call *call = p->call;
	AUTO_BUF out;

	buf_init(&out);
	if (take_number(p, transit, err) < 0)
		return -1;
	if (run_bridge(p, CNI_ADD, &out, err) == 0 &&
	    result_parse("result", out.s, out.len, call->conf->cni_version, call->arena,
			 &call->result, err) == 0 &&
	    complete_gateways(p, &call->result, err) == 0 && set_routing(p, err) == 0 &&
	    set_default_routes(p, err) == 0 && set_filters(p, err) == 0 &&
	    map_ports(p, &call->result, CNI_ADD, err) == 0)
		return 0;
	(void)take_back(p, &call->result, NULL);
	return -1;
}

int policy_add(struct cni_call *call, const struct ip_net *transit, struct err *err)
{
	struct policy p;
	int rc;

	if (open_policy(&p, call, transit, err) < 0)
		return -1;
	rc = add_opened(&p, transit, err);
	router_close(&p.router);
	return rc;
}

int policy_del(struct cni_call *call, const struct ip_net *transit, struct err *err)
{
	struct policy p;
	int rc;

	if (open_policy(&p, call, transit, err) < 0)
		return -1;
	rc = take_back(&p, &call->conf->prev, err);
	router_close(&p.router);
	return rc;
}

static int check_opened(struct policy *p, struct err *err)
{
	const struct result *prev = &p->call->conf->prev;
	AUTO_NFT nft = NULL;
	AUTO_BUF out;

	buf_init(&out);
	if (run_bridge(p, CNI_CHECK, &out, err) < 0 || make_plans(p, prev, err) < 0)
		return -1;
	nft = nft_open(err);
	if (!nft)
		return -1;
	for (size_t i = 0; i < p->n_families; i++)
		if (nft_check(nft, &p->plans[i], err) < 0)
			return -1;
	return map_ports(p, prev, CNI_CHECK, err);
}

int policy_check(struct cni_call *call, const struct ip_net *transit, struct err *err)
{
	struct policy p;
	int rc;

	if (open_policy(&p, call, transit, err) < 0)
		return -1;
	rc = check_opened(&p, err);
	router_close(&p.router);
	return rc;
}

static int gc_opened(struct policy *p, struct err *err)
{
	const struct delegate ports = { "portmap", "{}", CNI_GC, false };
	AUTO_BUF out;
	int rc;

	buf_init(&out);
	rc = run_bridge(p, CNI_GC, &out, err);
	if (tenant_delegate(p->call, -1, &ports, &out, rc < 0 ? NULL : err) < 0)
		rc = -1;
	if (nft_gc(p->call->conf, own_places, ARRAY_SIZE(own_places), rc < 0 ? NULL : err) < 0)
		rc = -1;
	if (rc < 0 || p->call->conf->attachments.n > 0)
		return rc;
	return remove_network(p, err);
}

int policy_gc(struct cni_call *call, const struct ip_net *transit, struct err *err)
{
	struct policy p;
	int rc;

	if (open_policy(&p, call, transit, err) < 0)
		return -1;
	rc = gc_opened(&p, err);
	router_close(&p.router);
	return rc;
}
