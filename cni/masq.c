/* SPDX-License-Identifier: Apache-2.0 */
/* masq.c - ipMasq: what leaves a network has the host's address
 *
 * In postrouting the first packet of a flow whose source is an address of a
 * container goes to the subnet's chain:
 *
 *	set net_10.88.0.0/16 { addr }      10.88.0.5
 *	chain post { type nat hook postrouting priority 100
 *	             ip saddr @net_10.88.0.0/16 goto net_10.88.0.0/16 }
 *	chain net_10.88.0.0/16 { ip daddr 10.88.0.0/16 accept
 *	                         ip daddr != 224.0.0.0/4 masquerade }
 *
 * Set and chain are the same for every network that has the subnet and are left
 * in place: without elements nothing leads there.
 * nft(8); CNI plugins "bridge", "ptp": ipMasq.
 */
#include "cni/masq.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/buf.h"
#include "cni/nft.h"

#define TABLE "skerry_masq"
#define NETS  "net"

static const struct nft_chain_def base_chains[] = {
	{ "post", "nat", "postrouting", NFT_PRIORITY_SNAT },
};
static const struct nft_part base_part = { .chains = base_chains,
					   .n_chains = ARRAY_SIZE(base_chains) };

static const struct nft_place places[] = {
	{ NFT_IP, TABLE, NETS "_*" },
	{ NFT_IP6, TABLE, NETS "_*" },
};

/* An attachment's elements and chains, a plan per family that has any. */
struct wanted {
	struct arena arena;
	char owner[NFT_OWNER];
	struct nft_plan plans[ARRAY_SIZE(places)];
	size_t n_plans;
};

static void wanted_release(struct wanted *w)
{
	arena_release(&w->arena);
}

/* The subnet's chain among the plan's parts, made when it isn't there; NULL: no memory. */
static const struct nft_chain_part *subnet_part(struct wanted *w, const struct nft_part **parts,
						size_t *n_parts, const struct ip_net *net)
{
	struct nft_chain_part *p = arena_alloc(&w->arena, sizeof(*p));
	const struct ip_net masked = ip_net_masked(net);
	char text[IP_TEXT_MAX];
	const char *inside;

	if (!p)
		return NULL;
	nft_chain_part_init(p, NETS, net);
	for (size_t i = 1; i < *n_parts; i++) /* the first is base_part */
		if (strcmp(parts[i]->chains[0].name, p->name) == 0)
			return p;
	inside = arena_printf(&w->arena, "ip daddr %s accept", ip_net_format(&masked, text));
	if (!inside)
		return NULL;
	nft_chain_part_rule(p, inside);
	nft_chain_part_rule(p, net->ip.family == AF_INET6 ? "ip daddr != ff00::/8 masquerade"
							  : "ip daddr != 224.0.0.0/4 masquerade");
	nft_chain_part_set(p, "addr", "post", "ip saddr");
	parts[(*n_parts)++] = &p->part;
	return p;
}

static int make_plan(struct wanted *w, int af, const struct ip_net *ips, size_t n, struct err *err)
{
	struct nft_plan *plan = &w->plans[w->n_plans];
	struct nft_element *v = arena_array(&w->arena, n + 1, sizeof(*v));
	const struct nft_part **parts = arena_array(&w->arena, n + 1, sizeof(void *));

	if (!v || !parts)
		return err_set(err, ENOMEM, "masquerade: no memory");
	*plan = (struct nft_plan){
		.family = nft_family(af), .table = TABLE, .add = v, .parts = parts
	};
	parts[plan->n_parts++] = &base_part;
	for (size_t i = 0; i < n; i++) {
		const struct nft_chain_part *chain;
		struct nft_element *e = &v[plan->n_add];

		if (ips[i].ip.family != af)
			continue;
		chain = subnet_part(w, parts, &plan->n_parts, &ips[i]);
		if (!chain)
			return err_set(err, ENOMEM, "masquerade: no memory");
		e->set = chain->name;
		nft_key_addr(e, &ips[i].ip);
		(void)str_copy(e->owner, sizeof(e->owner), w->owner);
		plan->n_add++;
	}
	if (plan->n_add > 0)
		w->n_plans++;
	return 0;
}

static int wanted_make(struct wanted *w, const char *owner, const struct ip_net *ips, size_t n,
		       struct err *err)
{
	memset(w, 0, sizeof(*w));
	arena_init(&w->arena, ARENA_MAX_DEFAULT);
	(void)str_copy(w->owner, sizeof(w->owner), owner);
	if (make_plan(w, AF_INET, ips, n, err) < 0 || make_plan(w, AF_INET6, ips, n, err) < 0) {
		wanted_release(w);
		return -1;
	}
	return 0;
}

int masq_add(const char *network, const char *container_id, const char *ifname,
	     const struct ip_net *ips, size_t n, struct err *err)
{
	AUTO_NFT nft = nft_open(err);
	char owner[NFT_OWNER];
	struct wanted w;
	int rc;

	nft_owner(owner, network, container_id, ifname);
	if (!nft || wanted_make(&w, owner, ips, n, err) < 0)
		return -1;
	rc = nft_commit(nft, w.plans, w.n_plans, err);
	wanted_release(&w);
	return rc < 0 ? err_wrap(err, "masquerade") : 0;
}

int masq_del(const char *network, const char *container_id, const char *ifname,
	     const struct ip_net *ips, size_t n, struct err *err)
{
	AUTO_NFT nft = NULL;
	char owner[NFT_OWNER];
	struct wanted w;
	int rc = 0;

	nft_owner(owner, network, container_id, ifname);
	if (n == 0)
		return nft_disown(owner, places, ARRAY_SIZE(places), err);
	nft = nft_open(err);
	if (!nft || wanted_make(&w, owner, ips, n, err) < 0)
		return -1;
	for (size_t i = 0; i < w.n_plans; i++) {
		struct nft_element *v = arena_array(&w.arena, w.plans[i].n_add, sizeof(*v));

		if (!v) {
			rc = err_set(err, ENOMEM, "masquerade: no memory");
			break;
		}
		memcpy(v, w.plans[i].add, w.plans[i].n_add * sizeof(*v));
		if (nft_release(nft, w.plans[i].family, TABLE, v, w.plans[i].n_add, owner, err) < 0)
			rc = -1;
	}
	wanted_release(&w);
	return rc;
}

int masq_check(const char *network, const char *container_id, const char *ifname,
	       const struct ip_net *ips, size_t n, struct err *err)
{
	AUTO_NFT nft = nft_open(err);
	char owner[NFT_OWNER];
	struct wanted w;
	int rc = 0;

	nft_owner(owner, network, container_id, ifname);
	if (!nft || wanted_make(&w, owner, ips, n, err) < 0)
		return -1;
	for (size_t i = 0; i < w.n_plans && rc == 0; i++)
		rc = nft_check(nft, &w.plans[i], err);
	wanted_release(&w);
	return rc < 0 ? err_wrap(err, "masquerade") : 0;
}

int masq_gc(const struct netconf *conf, struct err *err)
{
	return nft_gc(conf, places, ARRAY_SIZE(places), err);
}
