/* SPDX-License-Identifier: Apache-2.0 */
/* firewall.c - who may reach the containers of a network
 *
 *	table inet skerry_firewall
 *	map pairs   { ifname . ifname : verdict }   br0 . br0 : return (same-bridge), drop (isolated)
 *	set bridges { ifname }
 *	chain forward { type filter hook forward priority filter; jump admin; jump policy }
 *	chain admin   { jump CNI-ADMIN }            the administrator's own rules
 *	chain policy  { iifname . oifname vmap @pairs
 *	                iifname @bridges oifname @bridges drop }
 *
 * A network that has a policy costs two elements, a container none: they are
 * looked for and found.  The elements belong to the network and go when a GC
 * finds it without attachments.
 * What a bridge itself forwards between its ports is no matter of the forward
 * hook, so under `isolated` the container's port is isolated in the bridge.
 * A table can't allow what another one drops.  Where the host's own FORWARD
 * chain drops by its policy, accept.h says how containers get through, where
 * firewalld filters, firewalld.h.
 * CNI plugin "firewall"; nft(8), bridge(8) "isolated".
 */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "cni/nft.h"
#include "cni/plugins/firewall/accept.h"
#include "cni/plugins/firewall/firewalld.h"
#include "cni/plugins/registry.h"
#include "cni/prev.h"

#define TABLE	      "skerry_firewall"
#define PAIRS	      "pairs"
#define BRIDGES	      "bridges"
#define ADMIN_DEFAULT "CNI-ADMIN"
#define WHOLE_NETWORK "bridge" /* in place of a container's id: the element is the network's */
#define RULE_MAX      (NFT_NAME + 8)

static const struct nft_set_def base_sets[] = {
	{ PAIRS, "ifname . ifname", "verdict" },
	{ BRIDGES, "ifname", NULL },
};
static const struct nft_chain_def base_chains[] = {
	{ "forward", "filter", "forward", NFT_PRIORITY_FILTER },
	{ "admin", NULL, NULL, 0 },
	{ "policy", NULL, NULL, 0 },
};
static const struct nft_rule_def base_rules[] = {
	{ .chain = "forward", .text = "jump admin" },
	{ .chain = "forward", .text = "jump policy" },
	{ .chain = "policy", .text = "iifname . oifname vmap @" PAIRS },
	{ .chain = "policy", .text = "iifname @" BRIDGES " oifname @" BRIDGES " drop" },
};
static const struct nft_part base_part = NFT_PART(base_sets, base_chains, base_rules);

static const struct nft_place places[] = {
	{ NFT_INET, TABLE, PAIRS },
	{ NFT_INET, TABLE, BRIDGES },
};

enum policy { POLICY_OPEN, POLICY_SAME_BRIDGE, POLICY_ISOLATED };

struct config {
	char *backend, *admin_chain, *zone, *ingress_policy;
	enum policy policy;
};
static const struct json_field config_fields[] = {
	JSON_FIELD(struct config, backend, JSON_STRING),
	JSON_FIELD_AS("iptablesAdminChainName", struct config, admin_chain, JSON_STRING),
	JSON_FIELD_AS("firewalldZone", struct config, zone, JSON_STRING),
	JSON_FIELD_AS("ingressPolicy", struct config, ingress_policy, JSON_STRING),
};
static const struct json_table config_table = JSON_TABLE(struct config, config_fields);

/* A policy's change, with the memory it points to. */
struct wanted {
	char admin_rule[RULE_MAX];
	struct nft_chain_def admin_chain;
	struct nft_rule_def admin_rules[1];
	struct nft_part admin_part;
	const struct nft_part *parts[2];
	struct nft_element v[ARRAY_SIZE(places)];
	struct nft_plan plan;
};

/* --- the configuration ------------------------------------------------------------- */

static int parse_policy(const char *name, enum policy *ret)
{
	static const char *const names[] = {
		[POLICY_OPEN] = "open",
		[POLICY_SAME_BRIDGE] = "same-bridge",
		[POLICY_ISOLATED] = "isolated",
	};

	*ret = POLICY_OPEN;
	if (!name || name[0] == '\0')
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		*ret = (enum policy)i;
		return 0;
	}
	return -1;
}

static int parse_config(struct cni_call *call, struct config *ret, struct err *err)
{
	if (netconf_decode(call->conf, &config_table, ret, call->arena, err) < 0)
		return -1;
	if (ret->backend && ret->backend[0] != '\0' && !str_eq(ret->backend, "iptables") &&
	    !str_eq(ret->backend, "nftables") && !str_eq(ret->backend, "firewalld"))
		return cni_err(err, CNI_ERR_CONFIG, "unrecognized firewall backend \"%s\"",
			       ret->backend);
	if (!ret->zone || ret->zone[0] == '\0')
		ret->zone = arena_strdup(call->arena, FIREWALLD_ZONE);
	if (!ret->zone)
		return err_set(err, ENOMEM, "firewalldZone: no memory");
	if (parse_policy(ret->ingress_policy, &ret->policy) < 0)
		return cni_err(err, CNI_ERR_CONFIG, "unknown ingress policy \"%s\"",
			       ret->ingress_policy);
	if (!ret->admin_chain || ret->admin_chain[0] == '\0')
		ret->admin_chain = arena_strdup(call->arena, ADMIN_DEFAULT);
	if (!ret->admin_chain || strlen(ret->admin_chain) >= NFT_NAME ||
	    strpbrk(ret->admin_chain, " \t{};\"@"))
		return cni_err(err, CNI_ERR_CONFIG, "iptablesAdminChainName is no name of a chain");
	return 0;
}

/* The bridge a policy is about: the first interface of prevResult. */
static int find_bridge(struct cni_call *call, const struct config *config, const char **ret,
		       struct err *err)
{
	const struct result *prev = &call->conf->prev;
	struct rtnl *host = cni_host(call, err);
	struct link link;

	if (!host)
		return -1;
	if (prev->n_interfaces == 0)
		return cni_err(err, CNI_ERR_CONFIG,
			       "ingress policy \"%s\" needs an interface: chain it behind bridge",
			       config->ingress_policy);
	if (link_get(host, prev->interfaces[0].name, &link, err) < 0)
		return -1;
	if (!str_eq(link.kind, "bridge"))
		return cni_err(err, CNI_ERR_CONFIG,
			       "ingress policy \"%s\" needs a bridge, \"%s\" is none",
			       config->ingress_policy, link.name);
	*ret = prev->interfaces[0].name;
	return 0;
}

/* --- the policy ----------------------------------------------------------------------- */

static void wanted_make(struct wanted *w, const struct cni_call *call, const struct config *config,
			const char *bridge)
{
	memset(w, 0, sizeof(*w));
	(void)!str_format(w->admin_rule, sizeof(w->admin_rule), "jump %s", config->admin_chain);
	w->admin_chain.name = config->admin_chain;
	w->admin_rules[0] = (struct nft_rule_def){ .chain = "admin", .text = w->admin_rule };
	w->admin_part = (struct nft_part){
		.chains = &w->admin_chain, .n_chains = 1, .rules = w->admin_rules, .n_rules = 1
	};
	w->parts[0] = &base_part;
	w->parts[1] = &w->admin_part;
	for (size_t i = 0; i < ARRAY_SIZE(w->v); i++) {
		w->v[i].set = places[i].set;
		nft_key_ifname(&w->v[i], bridge);
		nft_owner(w->v[i].owner, call->conf->name, WHOLE_NETWORK, bridge);
	}
	nft_key_ifname(&w->v[0], bridge);
	w->v[0].verdict = config->policy == POLICY_ISOLATED ? NFT_DO_DROP : NFT_DO_RETURN;
	w->plan = (struct nft_plan){ .family = NFT_INET,
				     .table = TABLE,
				     .parts = w->parts,
				     .n_parts = ARRAY_SIZE(w->parts),
				     .add = w->v,
				     .n_add = ARRAY_SIZE(w->v) };
}

/* Are the elements there, whoever made them?  A bridge may be that of several networks. */
static int policy_found(struct nft *nft, const struct wanted *w, struct err *err)
{
	struct nft_element v[ARRAY_SIZE(places)];

	memcpy(v, w->v, sizeof(v));
	if (nft_find(nft, NFT_INET, TABLE, v, ARRAY_SIZE(v), err) < 0)
		return -1;
	if (v[0].found && v[0].verdict != w->v[0].verdict && strcmp(v[0].owner, w->v[0].owner) != 0)
		return cni_err(err, CNI_ERR_CONFIG, "\"%s\" gave the bridge another ingress policy",
			       v[0].owner);
	return v[0].found && v[1].found && v[0].verdict == w->v[0].verdict;
}

/* The port of the container in the bridge; 0 where there is none. */
static int find_port(struct cni_call *call, struct link *ret, struct err *err)
{
	const int found = prev_host_end(call, ret, err);

	return found > 0 ? ret->master != 0 : found;
}

static int isolate_port(struct cni_call *call, struct err *err)
{
	const struct link_port port = { .isolated = { true, true } };
	struct link link;
	const int found = find_port(call, &link, err);

	if (found <= 0)
		return found;
	link_set_port(&call->host, link.index, &port);
	return rtnl_flush(&call->host, err);
}

static int apply_policy(struct cni_call *call, const struct config *config, struct err *err)
{
	AUTO_NFT nft = NULL;
	const char *bridge;
	struct wanted w;
	int found;

	if (find_bridge(call, config, &bridge, err) < 0)
		return -1;
	nft = nft_open(err);
	if (!nft)
		return -1;
	wanted_make(&w, call, config, bridge);
	found = nft_has_parts(nft, &w.plan, err);
	if (found < 0 || (found == 0 && nft_make_parts(nft, &w.plan, err) < 0))
		return -1;
	found = policy_found(nft, &w, err);
	if (found < 0 || (found == 0 && nft_commit(nft, &w.plan, 1, err) < 0))
		return -1;
	return config->policy == POLICY_ISOLATED ? isolate_port(call, err) : 0;
}

static int check_policy(struct cni_call *call, const struct config *config, struct err *err)
{
	AUTO_NFT nft = NULL;
	const char *bridge;
	struct wanted w;
	struct link port;
	int found;

	if (find_bridge(call, config, &bridge, err) < 0)
		return -1;
	nft = nft_open(err);
	if (!nft)
		return -1;
	wanted_make(&w, call, config, bridge);
	found = nft_has_parts(nft, &w.plan, err);
	if (found > 0)
		found = policy_found(nft, &w, err);
	if (found > 0 && nft_check_rules(nft, &w.plan, err) < 0)
		return -1;
	if (found == 0)
		return err_set(err, ENOENT, "ingress policy \"%s\" of \"%s\" is gone",
			       config->ingress_policy, bridge);
	if (found < 0 || config->policy != POLICY_ISOLATED)
		return found < 0 ? -1 : 0;
	found = find_port(call, &port, err);
	if (found > 0 && !port.isolated)
		return err_set(err, EINVAL, "port \"%s\" isn't isolated any more", port.name);
	return found < 0 ? -1 : 0;
}

/* --- verbs ------------------------------------------------------------------------------- */

/* Is it firewalld that containers get through by?  Where nothing is said: if it runs. */
static int by_firewalld(const struct config *config, struct err *err)
{
	if (config->backend && config->backend[0] != '\0')
		return str_eq(config->backend, "firewalld");
	return firewalld_runs(err);
}

static int firewall_add(struct cni_call *call, struct err *err)
{
	struct config config;
	int through;

	if (parse_config(call, &config, err) < 0)
		return -1;
	through = by_firewalld(&config, err);
	if (through < 0 || (through == 0 && accept_add(call, err) < 0) ||
	    (through > 0 && firewalld_add(call, config.zone, err) < 0))
		return -1;
	if (config.policy == POLICY_OPEN || apply_policy(call, &config, err) == 0)
		return 0;
	if (through > 0)
		(void)firewalld_del(call, config.zone, NULL);
	return -1;
}

/* Only what is the container's own is taken away: the sources of firewalld.  The rest is the
 * network's. */
static int firewall_del(struct cni_call *call, struct err *err)
{
	struct config config;

	if (parse_config(call, &config, err) < 0)
		return -1;
	/* where nobody can say whether it runs, nothing was given to it */
	return by_firewalld(&config, NULL) > 0 ? firewalld_del(call, config.zone, err) : 0;
}

static int firewall_check(struct cni_call *call, struct err *err)
{
	struct config config;
	int through;

	if (parse_config(call, &config, err) < 0)
		return -1;
	through = by_firewalld(&config, err);
	if (through < 0 || (through == 0 && accept_check(call, err) < 0) ||
	    (through > 0 && firewalld_check(call, config.zone, err) < 0))
		return -1;
	return config.policy == POLICY_OPEN ? 0 : check_policy(call, &config, err);
}

static bool is_networks(const struct nft_element *element, const void *network)
{
	return nft_owner_of_network(element->owner, network);
}

static int firewall_gc(struct cni_call *call, struct err *err)
{
	AUTO_NFT nft = NULL;
	int rc = 0;

	if (call->conf->attachments.n > 0)
		return 0;
	nft = nft_open(err);
	if (!nft)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (nft_sweep(nft, places[i].family, TABLE, places[i].set, is_networks,
			      call->conf->name, err) < 0)
			rc = -1;
	(void)nft_drop_empty(nft, NFT_INET, TABLE, NULL); /* what it is left with is no harm */
	return rc;
}

static int firewall_status(struct cni_call *call, struct err *err)
{
	struct config config;

	if (parse_config(call, &config, err) < 0)
		return -1;
	if (nft_status(err) < 0 ||
	    (str_eq(config.backend, "firewalld") && firewalld_status(err) < 0))
		return cni_code_(err, CNI_ERR_UNAVAILABLE);
	return 0;
}

const struct cni_plugin cni_plugin_firewall = {
	.type = "firewall",
	.about = "who may reach the containers of a network",
	.chained = true,
	.since = "0.4.0",
	.add = firewall_add,
	.del = firewall_del,
	.check = firewall_check,
	.gc = firewall_gc,
	.status = firewall_status,
};
