/* SPDX-License-Identifier: Apache-2.0 */
/* macspoof.c - macspoofchk: a bridge port sends with its own hardware address only
 *
 * Before the bridge looks at a frame, and before it learns from it:
 *
 *	table bridge skerry_macspoof
 *	set checked { ifname }
 *	set allowed { ifname . ether_addr }
 *	chain pre { type filter hook prerouting priority -300;
 *	            iifname . ether saddr @allowed accept
 *	            iifname @checked drop }
 *
 * Two rules for any number of ports, two elements for a port.
 * nft(8); CNI plugin "bridge": macspoofchk.
 */
#include "cni/macspoof.h"

#include <string.h>

#include "base/buf.h"
#include "cni/nft.h"

#define TABLE	"skerry_macspoof"
#define CHECKED "checked"
#define ALLOWED "allowed"

static const struct nft_set_def sets[] = {
	{ CHECKED, "ifname", NULL },
	{ ALLOWED, "ifname . ether_addr", NULL },
};
static const struct nft_chain_def chains[] = {
	{ "pre", "filter", "prerouting", NFT_PRIORITY_BRIDGE_DNAT },
};
static const struct nft_rule_def rules[] = {
	{ .chain = "pre", .text = "iifname . ether saddr @" ALLOWED " accept" },
	{ .chain = "pre", .text = "iifname @" CHECKED " drop" },
};
static const struct nft_part part = NFT_PART(sets, chains, rules);
static const struct nft_part *const parts[] = { &part };

static const struct nft_place places[] = {
	{ NFT_BRIDGE, TABLE, CHECKED },
	{ NFT_BRIDGE, TABLE, ALLOWED },
};

struct wanted {
	struct nft_element v[ARRAY_SIZE(places)];
	struct nft_plan plan;
};

static void wanted_make(struct wanted *w, const struct macspoof *m)
{
	memset(w, 0, sizeof(*w));
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		w->v[i].set = places[i].set;
		nft_key_ifname(&w->v[i], m->port);
		nft_owner(w->v[i].owner, m->network, m->container_id, m->ifname);
	}
	nft_key_mac(&w->v[1], &m->mac);
	w->plan = (struct nft_plan){ .family = NFT_BRIDGE,
				     .table = TABLE,
				     .parts = parts,
				     .n_parts = ARRAY_SIZE(parts),
				     .add = w->v,
				     .n_add = ARRAY_SIZE(w->v) };
}

int macspoof_add(const struct macspoof *m, struct err *err)
{
	AUTO_NFT nft = nft_open(err);
	struct wanted w;

	if (!nft)
		return -1;
	wanted_make(&w, m);
	if (nft_commit(nft, &w.plan, 1, err) < 0)
		return err_wrap(err, "check the MAC address of \"%s\"", m->port);
	return 0;
}

int macspoof_del(const struct macspoof *m, struct err *err)
{
	AUTO_NFT nft = NULL;
	char owner[NFT_OWNER];
	struct wanted w;

	nft_owner(owner, m->network, m->container_id, m->ifname);
	if (!m->port)
		return nft_disown(owner, places, ARRAY_SIZE(places), err);
	nft = nft_open(err);
	if (!nft)
		return -1;
	wanted_make(&w, m);
	return nft_release(nft, NFT_BRIDGE, TABLE, w.v, ARRAY_SIZE(w.v), owner, err) < 0 ? -1 : 0;
}

int macspoof_check(const struct macspoof *m, struct err *err)
{
	AUTO_NFT nft = nft_open(err);
	struct wanted w;

	if (!nft)
		return -1;
	wanted_make(&w, m);
	if (nft_check(nft, &w.plan, err) < 0)
		return err_wrap(err, "MAC check of \"%s\"", m->port);
	return 0;
}

int macspoof_gc(const struct netconf *conf, struct err *err)
{
	return nft_gc(conf, places, ARRAY_SIZE(places), err);
}
