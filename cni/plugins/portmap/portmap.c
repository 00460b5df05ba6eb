/* SPDX-License-Identifier: Apache-2.0 */
/* portmap.c - ports of the host lead to ports of the container
 *
 * Rules are made once, a mapping is an element of a map, so that a packet
 * costs one look-up and a request the same however many mappings there are:
 *
 *	table ip skerry_portmap
 *	map ports   { inet_proto . inet_service : addr . inet_service }
 *	map ipports { addr . inet_proto . inet_service : addr . inet_service }     hostIP
 *	chain pre, out  { fib daddr type local jump dn }
 *	chain dn    { dnat to ip daddr . meta l4proto . th dport map @ipports
 *	              dnat to meta l4proto . th dport map @ports }
 *	set hairpin_SUBNET   { addr . inet_proto . inet_service . inet_service }   snat
 *	chain post  { ip daddr . meta l4proto . th dport . ct original proto-dst @hairpin_SUBNET
 *	              goto hairpin_SUBNET }
 *	chain hairpin_SUBNET { ip saddr SUBNET masquerade; ip saddr 127.0.0.0/8 masquerade }
 *	chain guard { what comes from outside with an address of 127.0.0.0/8 is dropped }
 *
 * Only addresses of this machine are mapped (CVE-2025-67499).  Flows that one of
 * our mappings has turned go to the container's subnet chain: sources that would
 * be answered past us are masqueraded (masqAll: all).  Conditions have maps
 * of their own behind the chain that asks for them.
 * The priority lets kube-proxy decide first (CVE-2019-9946).
 * CNI plugin "portmap"; nft(8).
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "cni/conntrack.h"
#include "cni/names.h"
#include "cni/netns.h"
#include "cni/nft.h"
#include "cni/plugins/portmap/conditions.h"
#include "cni/plugins/registry.h"
#include "cni/prev.h"

#define TABLE	      "skerry_portmap"
#define PORT_MAX      65535
#define MARK_BIT_MAX  31
#define SUFFIX_MAX    9 /* 8 digits of a hash */
#define SYSCTL_MAX    64
#define FAMILIES      2
#define PRIORITY_DNAT (NFT_PRIORITY_DNAT + 5)
#define HAIRPIN	      "hairpin"
#define BACK	      "ip daddr . meta l4proto . th dport . ct original proto-dst"
#define BACK_KEY      "addr . inet_proto . inet_service . inet_service"

static const struct nft_set_def base_sets[] = {
	{ "ports", "inet_proto . inet_service", "addr . inet_service" },
	{ "ipports", "addr . inet_proto . inet_service", "addr . inet_service" },
	{ "masq_all", BACK_KEY, NULL },
};
static const struct nft_chain_def base_chains[] = {
	{ "pre", "nat", "prerouting", PRIORITY_DNAT },
	{ "out", "nat", "output", PRIORITY_DNAT },
	{ "post", "nat", "postrouting", NFT_PRIORITY_SNAT },
	{ "guard", "filter", "prerouting", NFT_PRIORITY_RAW },
	{ "dn", NULL, NULL, 0 },
	{ "all", NULL, NULL, 0 },
};
static const struct nft_rule_def base_rules[] = {
	{ .chain = "pre", .text = "fib daddr type local jump dn" },
	{ .chain = "out", .text = "fib daddr type local jump dn" },
	{ .chain = "dn", .text = "dnat to ip daddr . meta l4proto . th dport map @ipports" },
	{ .chain = "dn", .text = "dnat to meta l4proto . th dport map @ports" },
	{ .chain = "post", .text = BACK " @masq_all goto all" },
	{ .chain = "all", .text = "masquerade" },
	/* route_localnet lets such packets in */
	{ .chain = "guard", .text = "iifname != lo ip daddr 127.0.0.0/8 drop", .only = AF_INET },
	{ .chain = "guard", .text = "iifname != lo ip saddr 127.0.0.0/8 drop", .only = AF_INET },
};
static const struct nft_part base_part = NFT_PART(base_sets, base_chains, base_rules);

struct config {
	char *backend, *external_set_mark_chain;
	struct opt_bool snat, masq_all;
	struct opt_i64 mark_masq_bit;
	struct strings conditions[FAMILIES]; /* IPv4, IPv6 */
};
static const struct json_field config_fields[] = {
	JSON_FIELD(struct config, backend, JSON_STRING),
	JSON_FIELD(struct config, snat, JSON_OPT_BOOL),
	JSON_FIELD_AS("masqAll", struct config, masq_all, JSON_OPT_BOOL),
	JSON_FIELD_AS("markMasqBit", struct config, mark_masq_bit, JSON_OPT_I64),
	JSON_FIELD_AS("externalSetMarkChain", struct config, external_set_mark_chain, JSON_STRING),
	JSON_FIELD_AS("conditionsV4", struct config, conditions[0], JSON_STRINGS),
	JSON_FIELD_AS("conditionsV6", struct config, conditions[1], JSON_STRINGS),
};
static const struct json_table config_table = JSON_TABLE(struct config, config_fields);

/* One mapping, checked. */
struct mapping {
	uint16_t host_port, container_port;
	uint8_t protocol;
	struct ip host; /* family 0: any address */
};

/* The maps and the chain behind the conditions of one family. */
struct conditional {
	char ports[NFT_NAME], ipports[NFT_NAME],
		chain[NFT_NAME]; /* the base's without conditions */
	char jump[CONDITIONS_MAX + NFT_NAME], to_ipports[CONDITIONS_MAX], to_ports[CONDITIONS_MAX];
	struct nft_set_def sets[2];
	struct nft_chain_def chains[1];
	struct nft_rule_def rules[3];
	struct nft_part part;
	bool is_used;
};

/* A request, decided. */
struct request {
	struct cni_call *call;
	struct config config;
	char owner[NFT_OWNER];
	struct mapping *mappings;
	size_t n_mappings;
	struct ip_net *ips;
	size_t n_ips;
	struct conditional conditional[FAMILIES];
	struct nft_chain_part hairpin[FAMILIES];
	const struct nft_part *parts[FAMILIES][3];
	struct nft_plan plans[FAMILIES];
	size_t n_plans;
};

static const int families[FAMILIES] = { AF_INET, AF_INET6 };

/* --- the configuration --------------------------------------------------------------- */

static int check_config(const struct config *c, struct err *err)
{
	if (c->backend && !str_eq(c->backend, "iptables") && !str_eq(c->backend, "nftables") &&
	    !str_eq(c->backend, ""))
		return cni_err(err, CNI_ERR_CONFIG, "unrecognized backend \"%s\"", c->backend);
	if (c->external_set_mark_chain && c->mark_masq_bit.has)
		return cni_err(err, CNI_ERR_CONFIG,
			       "cannot specify externalSetMarkChain and markMasqBit");
	if (c->mark_masq_bit.has && (c->mark_masq_bit.v < 0 || c->mark_masq_bit.v > MARK_BIT_MAX))
		return cni_err(err, CNI_ERR_CONFIG, "markMasqBit must be between 0 and 31");
	return 0;
}

static int parse_protocol(const char *name, uint8_t *ret)
{
	static const struct {
		const char *name;
		uint8_t number;
	} protocols[] = { { "tcp", IPPROTO_TCP },
			  { "udp", IPPROTO_UDP },
			  { "sctp", IPPROTO_SCTP } };

	if (!name || name[0] == '\0')
		name = "tcp";
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (strcasecmp(protocols[i].name, name) != 0)
			continue;
		*ret = protocols[i].number;
		return 0;
	}
	return -1;
}

static int parse_mapping(const struct netconf_port *port, struct mapping *ret, struct err *err)
{
	if (port->container_port == 0 || port->container_port > PORT_MAX)
		return cni_err(err, CNI_ERR_CONFIG, "invalid container port number: %u",
			       port->container_port);
	if (port->host_port == 0 || port->host_port > PORT_MAX)
		return cni_err(err, CNI_ERR_CONFIG, "invalid host port number: %u",
			       port->host_port);
	ret->container_port = (uint16_t)port->container_port;
	ret->host_port = (uint16_t)port->host_port;
	if (parse_protocol(port->protocol, &ret->protocol) < 0)
		return cni_err(err, CNI_ERR_CONFIG, "port %u: unknown protocol \"%s\"",
			       port->host_port, port->protocol);
	if (port->host_ip && port->host_ip[0] != '\0' && ip_parse(port->host_ip, &ret->host) < 0)
		return cni_err(err, CNI_ERR_CONFIG, "port %u: \"%s\" is no address",
			       port->host_port, port->host_ip);
	return 0;
}

static int parse_mappings(struct request *r, struct err *err)
{
	const struct netconf_ports *ports = &r->call->conf->runtime.port_mappings;

	r->mappings = arena_array(r->call->arena, ports->n + 1, sizeof(*r->mappings));
	if (!r->mappings)
		return err_sys(err, "port mappings");
	for (size_t i = 0; i < ports->n; i++)
		if (parse_mapping(&ports->v[i], &r->mappings[r->n_mappings++], err) < 0)
			return -1;
	return 0;
}

/* Without conditions the base's own names; else maps and a chain named by the conditions' hash. */
static int make_conditional(struct conditional *c, const struct strings *words, int af,
			    struct err *err)
{
	char text[CONDITIONS_MAX], suffix[SUFFIX_MAX];
	const char *const parts[] = { text };

	if (conditions_format(words, af, text, err) < 0)
		return -1;
	(void)!str_copy(c->ports, sizeof(c->ports), "ports");
	(void)!str_copy(c->ipports, sizeof(c->ipports), "ipports");
	c->is_used = text[0] != '\0';
	if (!c->is_used)
		return 0;
	names_hash(suffix, sizeof(suffix), parts, ARRAY_SIZE(parts));
	if (str_format(c->ports, sizeof(c->ports), "ports_%s", suffix) < 0 ||
	    str_format(c->ipports, sizeof(c->ipports), "ipports_%s", suffix) < 0 ||
	    str_format(c->chain, sizeof(c->chain), "dn_%s", suffix) < 0 ||
	    str_format(c->jump, sizeof(c->jump), "%s jump %s", text, c->chain) < 0 ||
	    str_format(c->to_ipports, sizeof(c->to_ipports),
		       "dnat to ip daddr . meta l4proto . th dport map @%s", c->ipports) < 0 ||
	    str_format(c->to_ports, sizeof(c->to_ports), "dnat to meta l4proto . th dport map @%s",
		       c->ports) < 0)
		return err_sys(err, "conditions \"%s\"", text);
	c->sets[0] = base_sets[0];
	c->sets[0].name = c->ports;
	c->sets[1] = base_sets[1];
	c->sets[1].name = c->ipports;
	c->chains[0].name = c->chain;
	c->rules[0] = (struct nft_rule_def){ .chain = "dn", .text = c->jump };
	c->rules[1] = (struct nft_rule_def){ .chain = c->chain, .text = c->to_ipports };
	c->rules[2] = (struct nft_rule_def){ .chain = c->chain, .text = c->to_ports };
	c->part = (struct nft_part){ c->sets,  ARRAY_SIZE(c->sets), c->chains, 1,
				     c->rules, ARRAY_SIZE(c->rules) };
	return 0;
}

static int parse_request(struct request *r, struct cni_call *call, struct err *err)
{
	memset(r, 0, sizeof(*r));
	r->call = call;
	if (netconf_decode(call->conf, &config_table, &r->config, call->arena, err) < 0 ||
	    check_config(&r->config, err) < 0 || parse_mappings(r, err) < 0)
		return -1;
	nft_owner(r->owner, call->conf->name, call->args->container_id, call->args->ifname);
	for (size_t i = 0; i < FAMILIES; i++)
		if (make_conditional(&r->conditional[i], &r->config.conditions[i], families[i],
				     err) < 0)
			return -1;
	return prev_addresses(&call->conf->prev, call->arena, &r->ips, &r->n_ips, err);
}

/* --- the plan -------------------------------------------------------------------------- */

/* Is the mapping one of this family, and does it name an address? */
static bool is_for(const struct mapping *m, int af)
{
	return m->host.family == 0 || m->host.family == af;
}

static bool has_host(const struct mapping *m)
{
	return m->host.family != 0 && !ip_is_unspecified(&m->host);
}

/* Elements of the three sets are made one set after the other, since a message is of one set. */
enum which { PORTS, IPPORTS, SNAT, WHICH_N };

/* The key of a mapping in one of the sets; false when it isn't in that set. */
static bool make_key(struct nft_element *e, const struct request *r, size_t family,
		     const struct mapping *m, enum which which)
{
	const struct ip_net *target = prev_first(r->ips, r->n_ips, families[family]);

	memset(e, 0, sizeof(*e));
	switch (which) {
	case PORTS:
		if (has_host(m))
			return false;
		e->set = r->conditional[family].ports;
		break;
	case IPPORTS:
		if (!has_host(m))
			return false;
		e->set = r->conditional[family].ipports;
		nft_key_addr(e, &m->host);
		break;
	case SNAT:
	case WHICH_N:
		if (!target)
			return false;
		e->set = r->config.masq_all.v ? "masq_all" : r->hairpin[family].name;
		nft_key_addr(e, &target->ip);
		nft_key_u8(e, m->protocol);
		nft_key_u16(e, m->container_port);
		nft_key_u16(e, m->host_port);
		return true;
	}
	nft_key_u8(e, m->protocol);
	nft_key_u16(e, m->host_port);
	return true;
}

static void fill_data(struct nft_element *e, const struct request *r, size_t family,
		      const struct mapping *m, enum which which)
{
	const struct ip_net *target = prev_first(r->ips, r->n_ips, families[family]);

	(void)!str_copy(e->owner, sizeof(e->owner), r->owner);
	if (which != SNAT) {
		nft_data_addr(e, &target->ip);
		nft_data_u16(e, m->container_port);
	}
}

/* All elements of a set, each once; their number or -1. */
static ssize_t make_elements(const struct request *r, size_t family, enum which which,
			     struct nft_element *v, struct err *err)
{
	const struct nft_element *differing;
	size_t n = 0;
	ssize_t kept;

	for (size_t i = 0; i < r->n_mappings; i++) {
		const struct mapping *m = &r->mappings[i];

		if (!is_for(m, families[family]) || !make_key(&v[n], r, family, m, which))
			continue;
		fill_data(&v[n++], r, family, m, which);
	}
	kept = nft_unique(v, n, &differing);
	if (kept < 0) {
		const uint8_t *port = differing->key + differing->key_len - 4;

		return cni_err(err, CNI_ERR_CONFIG, "host port %u is mapped twice",
			       (unsigned int)port[0] << 8 | port[1]);
	}
	return kept;
}

static int make_hairpin(struct request *r, size_t family, const struct ip_net *target,
			struct err *err)
{
	const struct ip_net masked = ip_net_masked(target);
	struct nft_chain_part *p = &r->hairpin[family];
	char text[IP_TEXT_MAX];
	const char *from_subnet;

	nft_chain_part_init(p, HAIRPIN, target);
	from_subnet = arena_printf(r->call->arena, "ip saddr %s masquerade",
				   ip_net_format(&masked, text));
	if (!from_subnet)
		return err_sys(err, "port mappings");
	nft_chain_part_rule(p, from_subnet);
	if (families[family] == AF_INET)
		nft_chain_part_rule(p, "ip saddr 127.0.0.0/8 masquerade");
	nft_chain_part_set(p, BACK_KEY, "post", BACK);
	return 0;
}

static bool wants_snat(const struct request *r)
{
	return !r->config.snat.has || r->config.snat.v;
}

/* The change of one family; none when the container has no address of it. */
static int make_plan(struct request *r, size_t family, struct err *err)
{
	const struct ip_net *target = prev_first(r->ips, r->n_ips, families[family]);
	const enum which end = wants_snat(r) ? WHICH_N : SNAT;
	struct nft_plan *plan = &r->plans[r->n_plans];
	struct nft_element *v;

	if (!target || r->n_mappings == 0)
		return 0;
	v = arena_array(r->call->arena, r->n_mappings * WHICH_N, sizeof(*v));
	if (!v)
		return err_sys(err, "port mappings");
	if (make_hairpin(r, family, target, err) < 0)
		return -1;
	*plan = (struct nft_plan){ .family = nft_family(families[family]),
				   .table = TABLE,
				   .parts = r->parts[family],
				   .add = v };
	r->parts[family][plan->n_parts++] = &base_part;
	r->parts[family][plan->n_parts++] = &r->hairpin[family].part;
	if (r->conditional[family].is_used)
		r->parts[family][plan->n_parts++] = &r->conditional[family].part;
	for (enum which which = PORTS; which < end; which++) {
		const ssize_t n = make_elements(r, family, which, v + plan->n_add, err);

		if (n < 0)
			return -1;
		plan->n_add += (size_t)n;
	}
	if (plan->n_add > 0)
		r->n_plans++;
	return 0;
}

static int make_plans(struct request *r, struct err *err)
{
	for (size_t i = 0; i < FAMILIES; i++)
		if (make_plan(r, i, err) < 0)
			return -1;
	return 0;
}

/* --- effects ------------------------------------------------------------------------------ */

/* Packets of 127.0.0.1 are let through to the container's side of the host. */
static int allow_localnet(struct request *r, struct err *err)
{
	const struct ip_net *target = prev_first(r->ips, r->n_ips, AF_INET);
	char name[SYSCTL_MAX];
	struct link link;
	int found;

	if (!target || !wants_snat(r))
		return 0;
	found = prev_towards(r->call, &target->ip, &link, err);
	if (found <= 0)
		return found;
	if (str_format(name, sizeof(name), "ipv4/conf/%s/route_localnet", link.name) < 0)
		return err_sys(err, "route_localnet of \"%s\"", link.name);
	return netns_sysctl(-1, name, "1", err);
}

static int forget_flows(struct request *r, bool mapped, struct err *err)
{
	struct conntrack_port *ports =
		arena_array(r->call->arena, r->n_mappings * FAMILIES + 1, sizeof(*ports));
	size_t n = 0;

	if (!ports)
		return err_sys(err, "port mappings");
	for (size_t family = 0; family < FAMILIES; family++) {
		const struct ip_net *target = prev_first(r->ips, r->n_ips, families[family]);

		for (size_t i = 0; i < r->n_mappings && target; i++) {
			const struct mapping *m = &r->mappings[i];

			if (m->protocol != IPPROTO_UDP || !is_for(m, families[family]))
				continue;
			ports[n].family = (uint8_t)families[family];
			ports[n].port = m->host_port;
			ports[n].host = has_host(m) ? m->host : (struct ip){ 0 };
			ports[n++].target = mapped ? target->ip : (struct ip){ 0 };
		}
	}
	return n > 0 ? conntrack_forget_aside(ports, n, err) : 0;
}

/* The sets that one container's mappings are in for its own answers. */
static size_t snat_places(struct nft_place v[FAMILIES * 2])
{
	size_t n = 0;

	for (size_t i = 0; i < FAMILIES; i++) {
		v[n++] = (struct nft_place){ nft_family(families[i]), TABLE, "masq_all" };
		v[n++] = (struct nft_place){ nft_family(families[i]), TABLE, HAIRPIN "_*" };
	}
	return n;
}

/* The keys of all mappings in one set, each once; their number. */
static size_t make_keys(const struct request *r, size_t family, enum which which,
			struct nft_element *v)
{
	const struct nft_element *differing;
	size_t n = 0;
	ssize_t kept;

	for (size_t i = 0; i < r->n_mappings; i++)
		if (is_for(&r->mappings[i], families[family]) &&
		    make_key(&v[n], r, family, &r->mappings[i], which))
			n++;
	kept = nft_unique(v, n, &differing); /* without data none differ */
	return kept < 0 ? 0 : (size_t)kept;
}

static int release(struct request *r, struct nft *nft, struct err *err)
{
	struct nft_element *v =
		arena_array(r->call->arena, r->n_mappings * WHICH_N + 1, sizeof(*v));
	int rc = 0;

	if (!v)
		return err_sys(err, "port mappings");
	for (size_t family = 0; family < FAMILIES; family++) {
		const struct ip_net *target = prev_first(r->ips, r->n_ips, families[family]);
		size_t n = 0;

		if (target && make_hairpin(r, family, target, err) < 0)
			return -1;
		for (enum which which = PORTS; which < WHICH_N; which++)
			n += make_keys(r, family, which, &v[n]);
		if (nft_release(nft, nft_family(families[family]), TABLE, v, n, r->owner, err) < 0)
			rc = -1;
	}
	return rc;
}

/* The change failed since an element is somebody else's: which port, whose. */
static int name_conflict(struct request *r, struct nft *nft, struct err *err)
{
	const char *owner = "";
	unsigned int port = 0;

	for (size_t family = 0; family < r->n_plans; family++) {
		const struct nft_plan *plan = &r->plans[family];

		for (size_t i = 0; i < plan->n_add && port == 0; i++) {
			struct nft_element e = plan->add[i];

			if (nft_find(nft, plan->family, TABLE, &e, 1, NULL) < 0 || !e.found ||
			    strcmp(e.owner, r->owner) == 0)
				continue;
			owner = arena_strdup(r->call->arena, e.owner);
			port = (unsigned int)e.key[e.key_len - 4] << 8 | e.key[e.key_len - 3];
		}
	}
	return cni_err(err, CNI_ERR_AGAIN, "host port %u is already mapped for \"%s\"", port,
		       owner ? owner : "");
}

static int portmap_add(struct cni_call *call, struct err *err)
{
	AUTO_NFT nft = NULL;
	struct err why = { 0 };
	struct request r;

	if (parse_request(&r, call, err) < 0 || make_plans(&r, err) < 0)
		return -1;
	if (r.n_plans == 0)
		return 0;
	nft = nft_open(err);
	if (!nft || allow_localnet(&r, err) < 0)
		return -1;
	if (nft_commit(nft, r.plans, r.n_plans, &why) < 0)
		return why.code == EEXIST ? name_conflict(&r, nft, err)
					  : err_set(err, why.code, "map ports: %s", why.msg);
	if (forget_flows(&r, true, err) < 0) {
		(void)release(&r, nft, NULL);
		return -1;
	}
	return 0;
}

/* Without prevResult the container's address is in what the maps lead to. */
static int learn_target(struct request *r, struct nft *nft, size_t family, struct err *err)
{
	const bool is_v6 = families[family] == AF_INET6;
	struct nft_element e;

	for (size_t i = 0; i < r->n_mappings; i++) {
		const struct mapping *m = &r->mappings[i];
		struct ip_net *found;

		if (!is_for(m, families[family]) ||
		    !make_key(&e, r, family, m, has_host(m) ? IPPORTS : PORTS))
			continue;
		if (nft_find(nft, nft_family(families[family]), TABLE, &e, 1, err) < 0)
			return -1;
		if (!e.found || strcmp(e.owner, r->owner) != 0)
			continue;
		found = &r->ips[r->n_ips++];
		found->ip.family = (uint8_t)families[family];
		found->prefix = is_v6 ? 128 : 32;
		memcpy(found->ip.bytes, e.data, ip_size(&found->ip));
		return 0;
	}
	return 0;
}

static int portmap_del(struct cni_call *call, struct err *err)
{
	struct nft_place places[FAMILIES * 2];
	AUTO_NFT nft = NULL;
	struct request r;
	int rc;

	if (parse_request(&r, call, err) < 0)
		return -1;
	if (r.n_mappings == 0)
		return 0;
	nft = nft_open(err);
	if (!nft)
		return -1;
	if (r.n_ips == 0) {
		r.ips = arena_array(call->arena, FAMILIES, sizeof(*r.ips));
		if (!r.ips)
			return err_sys(err, "port mappings");
		for (size_t i = 0; i < FAMILIES; i++)
			if (learn_target(&r, nft, i, err) < 0)
				return -1;
		/* of the subnet nothing is known */
		if (nft_disown(r.owner, places, snat_places(places), err) < 0)
			return -1;
	}
	rc = release(&r, nft, err);
	return forget_flows(&r, false, rc < 0 ? NULL : err) < 0 ? -1 : rc;
}

static int portmap_check(struct cni_call *call, struct err *err)
{
	AUTO_NFT nft = NULL;
	struct request r;

	if (parse_request(&r, call, err) < 0 || make_plans(&r, err) < 0)
		return -1;
	if (r.n_plans == 0)
		return 0;
	nft = nft_open(err);
	if (!nft)
		return -1;
	for (size_t i = 0; i < r.n_plans; i++)
		if (nft_check(nft, &r.plans[i], err) < 0)
			return err_wrap(err, "port mappings");
	return 0;
}

static int portmap_gc(struct cni_call *call, struct err *err)
{
	struct nft_place places[FAMILIES * (WHICH_N + 1)];
	struct request r;
	size_t n = 0;

	if (parse_request(&r, call, err) < 0)
		return -1;
	for (size_t i = 0; i < FAMILIES; i++) {
		const enum nft_family family = nft_family(families[i]);

		places[n++] = (struct nft_place){ family, TABLE, r.conditional[i].ports };
		places[n++] = (struct nft_place){ family, TABLE, r.conditional[i].ipports };
	}
	n += snat_places(places + n);
	return nft_gc(call->conf, places, n, err);
}

static int portmap_status(struct cni_call *call, struct err *err)
{
	struct request r;

	if (parse_request(&r, call, err) < 0)
		return -1;
	return nft_status(err) < 0 ? cni_code_(err, CNI_ERR_UNAVAILABLE) : 0;
}

const struct cni_plugin cni_plugin_portmap = {
	.type = "portmap",
	.about = "ports of the host lead to ports of the container",
	.chained = true,
	.add = portmap_add,
	.del = portmap_del,
	.check = portmap_check,
	.gc = portmap_gc,
	.status = portmap_status,
};
