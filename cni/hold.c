/* SPDX-License-Identifier: Apache-2.0 */
/* hold.c - a bridge's port that nothing passes until it is let go
 *
 * Before the bridge looks at a frame, and before it learns from it; and behind it:
 *
 *	table bridge skerry_hold
 *	set held { ifname }
 *	chain pre { type filter hook prerouting priority -300; iifname @held drop }
 *	chain post { type filter hook postrouting priority 0; oifname @held drop }
 *
 * To let it go is one transaction, with no carrier to wait for.
 * nft(8).
 */
#include "cni/hold.h"

#include "base/buf.h"
#include "cni/nft.h"

#define TABLE "skerry_hold"
#define SET   "held"

static const struct nft_set_def sets[] = { { SET, "ifname", NULL } };
static const struct nft_chain_def chains[] = {
	{ "pre", "filter", "prerouting", NFT_PRIORITY_BRIDGE_DNAT },
	{ "post", "filter", "postrouting", NFT_PRIORITY_FILTER },
};
static const struct nft_rule_def rules[] = {
	{ .chain = "pre", .text = "iifname @" SET " drop" },
	{ .chain = "post", .text = "oifname @" SET " drop" },
};
static const struct nft_part part = NFT_PART(sets, chains, rules);
static const struct nft_part *const parts[] = { &part };

int hold_add(const struct hold *h, const char *port, struct err *err)
{
	struct nft_element held = { .set = SET };
	const struct nft_plan plan = { .family = NFT_BRIDGE,
				       .table = TABLE,
				       .parts = parts,
				       .n_parts = ARRAY_SIZE(parts),
				       .add = &held,
				       .n_add = 1 };
	AUTO_NFT nft = nft_open(err);

	nft_key_ifname(&held, port);
	nft_owner(held.owner, h->network, h->container_id, h->ifname);
	if (!nft || nft_commit(nft, &plan, 1, err) < 0)
		return err_wrap(err, "hold \"%s\"", port);
	return 0;
}

int hold_end(const struct hold *h, struct err *err)
{
	static const struct nft_place place = { NFT_BRIDGE, TABLE, SET };
	AUTO_NFT nft = NULL;
	char owner[NFT_OWNER];

	nft_owner(owner, h->network, h->container_id, h->ifname);
	if (nft_disown(owner, &place, 1, err) < 0)
		return err_wrap(err, "let \"%s\" of \"%s\" go", h->ifname, h->container_id);
	nft = nft_open(NULL);
	if (nft)
		(void)nft_drop_empty(nft, NFT_BRIDGE, TABLE, NULL); /* empty it is no harm */
	return 0;
}
