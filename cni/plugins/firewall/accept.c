/* SPDX-License-Identifier: Apache-2.0 */
/* accept.c - a way through the host's own FORWARD chain
 *
 * Two parts of the table "filter": the chain that FORWARD jumps to first, and
 * for each interface a chain that is at the same time the sign that its rules
 * are there.  Both are left when the last container goes, as the reference
 * leaves its chains.
 * iptables(8), iptables-extensions(8) "conntrack".
 */
#include "cni/plugins/firewall/accept.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "cni/nft.h"
#include "cni/prev.h"

#define TABLE	 "filter"
#define FORWARD	 "FORWARD"
#define OURS	 "SKERRY-FORWARD"
#define RULE_MAX 96

static const struct nft_chain_def ours_chains[] = { { OURS, NULL, NULL, 0 } };
static const struct nft_rule_def ours_rules[] = {
	{ .chain = FORWARD, .text = "counter jump " OURS, .first = true },
};
static const struct nft_part ours_part = {
	.chains = ours_chains,
	.n_chains = ARRAY_SIZE(ours_chains),
	.rules = ours_rules,
	.n_rules = ARRAY_SIZE(ours_rules),
};

/* The rules of one interface, with the memory they point to. */
struct wanted {
	char chain_name[NFT_NAME], from[RULE_MAX], to[RULE_MAX];
	struct nft_chain_def chain;
	struct nft_rule_def rules[3];
	struct nft_part part;
	const struct nft_part *parts[2];
	struct nft_plan plan;
};

static int wanted_make(struct wanted *w, int af, const char *interface, struct err *err)
{
	memset(w, 0, sizeof(*w));
	if (str_format(w->chain_name, sizeof(w->chain_name), "SKERRY-%s", interface) < 0 ||
	    str_format(w->from, sizeof(w->from), "iifname %s counter accept", interface) < 0 ||
	    str_format(w->to, sizeof(w->to), "oifname %s counter jump %s", interface,
		       w->chain_name) < 0)
		return err_sys(err, "rules of \"%s\"", interface);
	w->chain.name = w->chain_name;
	w->rules[0] = (struct nft_rule_def){ .chain = OURS, .text = w->from };
	w->rules[1] = (struct nft_rule_def){ .chain = OURS, .text = w->to };
	w->rules[2] = (struct nft_rule_def){
		.chain = w->chain_name,
		.text = "xt conntrack related,established,dnat counter accept",
	};
	w->part = (struct nft_part){ .chains = &w->chain,
				     .n_chains = 1,
				     .rules = w->rules,
				     .n_rules = ARRAY_SIZE(w->rules) };
	w->parts[0] = &ours_part;
	w->parts[1] = &w->part;
	w->plan = (struct nft_plan){ .family = nft_family(af),
				     .table = TABLE,
				     .parts = w->parts,
				     .n_parts = ARRAY_SIZE(w->parts) };
	return 0;
}

/* Gives each family in which FORWARD drops, and the container has an address, to act(). */
static int for_each_family(struct cni_call *call,
			   int (*act)(struct nft *nft, const struct wanted *w, struct err *err),
			   struct err *err)
{
	static const int families[] = { AF_INET, AF_INET6 };
	AUTO_NFT nft = nft_open(err);
	struct ip_net *ips;
	size_t n;

	if (!nft || prev_addresses(&call->conf->prev, call->arena, &ips, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		const struct ip_net *ip = prev_first(ips, n, families[i]);
		struct wanted w;
		struct link link;
		int is;

		if (!ip)
			continue;
		is = nft_chain_drops(nft, nft_family(families[i]), TABLE, FORWARD, err);
		if (is > 0)
			is = prev_towards(call, &ip->ip, &link, err);
		if (is < 0)
			return -1;
		if (is > 0 &&
		    (wanted_make(&w, families[i], link.name, err) < 0 || act(nft, &w, err) < 0))
			return -1;
	}
	return 0;
}

/* nft_commit() makes a part because something misses it, and here nothing does: so look first. */
static int add_one(struct nft *nft, const struct wanted *w, struct err *err)
{
	const int has = nft_has_parts(nft, &w->plan, err);

	return has != 0 ? has : nft_make_parts(nft, &w->plan, err);
}

static int check_one(struct nft *nft, const struct wanted *w, struct err *err)
{
	const int has = nft_has_parts(nft, &w->plan, err);

	if (has == 0)
		return err_set(err, ENOENT, "chain \"%s\" is gone", w->chain_name);
	return has;
}

int accept_add(struct cni_call *call, struct err *err)
{
	return for_each_family(call, add_one, err);
}

int accept_check(struct cni_call *call, struct err *err)
{
	return for_each_family(call, check_one, err);
}
