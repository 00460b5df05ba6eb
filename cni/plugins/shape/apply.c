/* SPDX-License-Identifier: Apache-2.0 */
/* apply.c - the trees, devices and elements of shares
 *
 * Two trees of one shape: on the uplink for what leaves, on an intermediate
 * device (ifb) for what comes back, which every network's device is led
 * through.  Classes have the same numbers in both:
 *
 *	link 1 ---- host 2 (uplink only: what belongs to no network)
 *	        |-- network N ---- N+1: members without a class
 *	        |              |-- M: one member, where it has rates of its own
 *	        `-- ...
 *
 * A network's guarantee is its class's rate; what it doesn't use the tree lends
 * to others up to their ceilings, best priority first, by weight among equals,
 * and takes back at once.
 * No filter looks at packets for it: HTB takes a packet's priority for its
 * class when the numbers match, and nftables sets that from maps, so that a
 * packet costs two look-ups however many networks there are.
 *
 *	table ip skerry_shape (and ip6)
 *	map nets    { uplink . device : class }
 *	map members { uplink . device . address : class }
 *	chain forward { type filter hook forward priority -150 ... }
 *
 * The forward hook stands before the source is translated and behind what
 * translates destinations: addresses are the containers' both ways.  A
 * container can't choose a class itself: veth clears the priority.
 * tc-htb(8); nft(8).
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "cni/link.h"
#include "cni/names.h"
#include "cni/nft.h"
#include "cni/plugins/shape/config.h"
#include "cni/plugins/shape/htb.h"
#include "cni/plugins/shape/shape.h"
#include "cni/tc.h"

#define TABLE	      "skerry_shape"
#define IFB_PREFIX    "shp"
#define IFB_DIGITS    9 /* 8 and the NUL */
#define WHOLE	      "network" /* in place of a container's id */
#define BITS	      8
#define MS_PER_S      1000
#define HOST_PART     100 /* a hundredth of the link */
#define QUANTUM_MIN   2000 /* more than a frame */
#define QUANTUM_MAX   60000
#define QUEUE_MIN     ((uint64_t)128 << 10) /* two segmented packets */
#define QUEUE_MAX     ((uint64_t)64 << 20)
#define ADDRESSES_MAX 64

static const struct nft_set_def sets[] = {
	{ "nets", "ifname . ifname", "classid" },
	{ "members", "ifname . ifname . addr", "classid" },
};
static const struct nft_chain_def chains[] = {
	{ "forward", "filter", "forward", NFT_PRIORITY_MANGLE },
};
static const struct nft_rule_def rules[] = {
	{ .chain = "forward", .text = "meta priority set oifname . iifname map @nets" },
	{ .chain = "forward", .text = "meta priority set iifname . oifname map @nets" },
	{ .chain = "forward",
	  .text = "meta priority set oifname . iifname . ip saddr map @members" },
	{ .chain = "forward",
	  .text = "meta priority set iifname . oifname . ip daddr map @members" },
};
static const struct nft_part part = NFT_PART(sets, chains, rules);
static const struct nft_part *const parts[] = { &part };

void shape_ifb_name(const char *uplink, char dst[IFNAMSIZ])
{
	char hash[IFB_DIGITS];

	names_hash(hash, sizeof(hash), &uplink, 1);
	(void)!str_format(dst, IFNAMSIZ, IFB_PREFIX "%s", hash);
}

/* --- elements ------------------------------------------------------------------------------ */

struct elements {
	struct nft_element v[2][ADDRESSES_MAX + 1]; /* of ip, of ip6 */
	struct nft_plan plans[2];
};

static struct nft_element *next(struct elements *e, enum nft_family family, size_t *n)
{
	return &e->v[family == NFT_IP6][(*n)++];
}

static void put_class(struct nft_element *e, const struct shape_network *n,
		      const struct shape_member *m, uint32_t minor)
{
	nft_key_ifname(e, n->uplink);
	nft_key_ifname(e, m->device);
	nft_data_classid(e, HTB_CLASSID(minor));
}

/* What leads the member's packets to their classes. */
static void make_elements(struct elements *e, const struct shape_network *n,
			  const struct shape_member *m, bool whole)
{
	static const enum nft_family families[] = { NFT_IP, NFT_IP6 };

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		size_t count = 0;

		if (whole) {
			struct nft_element *net = next(e, families[i], &count);

			net->set = "nets";
			put_class(net, n, m, n->minor + 1);
			nft_owner(net->owner, n->name, WHOLE, m->device);
		}
		for (size_t k = 0; m->minor && k < m->addresses.n && k < ADDRESSES_MAX; k++) {
			struct nft_element *own;
			struct ip ip;

			if (ip_parse(m->addresses.v[k], &ip) < 0 ||
			    nft_family(ip.family) != families[i])
				continue;
			own = next(e, families[i], &count);
			own->set = "members";
			put_class(own, n, m, m->minor);
			own->key_len = 0;
			nft_key_ifname(own, n->uplink);
			nft_key_ifname(own, m->device);
			nft_key_addr(own, &ip);
			nft_owner(own->owner, n->name, m->container, m->ifname);
		}
		e->plans[i] = (struct nft_plan){ .family = families[i],
						 .table = TABLE,
						 .parts = parts,
						 .n_parts = ARRAY_SIZE(parts),
						 .add = e->v[i],
						 .n_add = count };
	}
}

static int release_elements(const struct shape_network *n, const struct shape_member *m, bool whole,
			    struct err *err)
{
	struct elements e = { 0 };
	AUTO_NFT nft = nft_open(err);

	if (!nft)
		return -1;
	make_elements(&e, n, m, whole);
	for (size_t i = 0; i < ARRAY_SIZE(e.plans); i++) {
		const size_t count = e.plans[i].n_add;

		/* the first may be the network's, the others are the member's: two owners */
		for (size_t k = 0; k < count; k++) {
			struct nft_element one = e.v[i][k];

			if (nft_release(nft, e.plans[i].family, TABLE, &one, 1, one.owner, err) < 0)
				return -1;
		}
	}
	return 0;
}

/* --- one tree -------------------------------------------------------------------------------- */

struct tree {
	struct rtnl *host;
	int index;
	bool up;
};

static uint32_t quantum(const struct shape_network *n)
{
	uint64_t one = n->link_rate / BITS / MS_PER_S;

	if (one < QUANTUM_MIN)
		one = QUANTUM_MIN;
	if (one > QUANTUM_MAX)
		one = QUANTUM_MAX;
	return (uint32_t)one * (n->weight ? n->weight : 1);
}

/* Fair per flow where the kernel can, else short. */
static int make_queue(const struct tree *t, uint32_t minor, uint64_t rate, uint32_t burst_ms,
		      struct err *err)
{
	uint64_t bytes = rate / BITS * burst_ms / MS_PER_S;
	struct err why = { 0 };

	htb_queue_fair(t->host, t->index, minor);
	if (rtnl_flush(t->host, &why) == 0 || why.code == EEXIST)
		return 0;
	if (why.code != ENOENT)
		return err_set(err, why.code, "%s", why.msg);
	if (bytes < QUEUE_MIN)
		bytes = QUEUE_MIN;
	if (bytes > QUEUE_MAX)
		bytes = QUEUE_MAX;
	htb_queue(t->host, t->index, minor, (uint32_t)bytes);
	return rtnl_flush(t->host, err);
}

/* The discipline and the classes that no network has. */
static int make_trunk(const struct tree *t, const struct shape_record *r,
		      const struct shape_network *n, struct err *err)
{
	const uint64_t others = shape_guaranteed(r, n->uplink, NULL);
	struct htb_class link = { .minor = SHAPE_MINOR_LINK,
				  .rate = n->link_rate,
				  .ceil = n->link_rate,
				  .quantum = QUANTUM_MAX };
	struct htb_class host = { .minor = SHAPE_MINOR_HOST,
				  .parent = SHAPE_MINOR_LINK,
				  .rate = n->link_rate / HOST_PART,
				  .ceil = n->link_rate,
				  .quantum = quantum(n) };
	struct err why = { 0 };
	const int made = htb_is_made(t->host, t->index, err);

	if (made < 0)
		return -1;
	if (made == 0) {
		htb_make(t->host, t->index, t->up ? SHAPE_MINOR_HOST : 0);
		if (rtnl_flush(t->host, &why) < 0)
			return why.code == EEXIST
				       ? err_set(err, EEXIST,
						 "\"%s\" has a queueing discipline of its own",
						 n->uplink)
				       : err_set(err, why.code, "%s", why.msg);
	}
	htb_class(t->host, t->index, &link);
	if (!t->up)
		return rtnl_flush(t->host, err);
	if (others + host.rate > n->link_rate)
		host.rate = n->link_rate > others ? n->link_rate - others : 0;
	if (host.rate < SHAPE_RATE_MIN)
		host.rate = SHAPE_RATE_MIN;
	htb_class(t->host, t->index, &host);
	if (rtnl_flush(t->host, err) < 0)
		return -1;
	return make_queue(t, SHAPE_MINOR_HOST, n->link_rate, n->burst_ms, err);
}

/* What is left of the guarantee for members without a class. */
static uint64_t rest(const struct shape_network *n, bool up)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n->members.n; i++)
		sum += up ? n->members.v[i].up_rate : n->members.v[i].down_rate;
	return n->rate > sum + SHAPE_RATE_MIN ? n->rate - sum : SHAPE_RATE_MIN;
}

static int make_branch(const struct tree *t, const struct shape_network *n,
		       const struct shape_member *m, struct err *err)
{
	const struct htb_class net = { .minor = n->minor,
				       .parent = SHAPE_MINOR_LINK,
				       .rate = n->rate,
				       .ceil = n->ceil,
				       .priority = n->priority,
				       .quantum = quantum(n) };
	struct htb_class leaf = net;

	htb_class(t->host, t->index, &net);
	leaf.parent = n->minor;
	leaf.minor = n->minor + 1;
	leaf.rate = rest(n, t->up);
	htb_class(t->host, t->index, &leaf);
	if (rtnl_flush(t->host, err) < 0 ||
	    make_queue(t, leaf.minor, n->rate, n->burst_ms, err) < 0)
		return -1;
	if (m->minor == 0)
		return 0;
	leaf.minor = m->minor;
	leaf.rate = t->up ? m->up_rate : m->down_rate;
	leaf.ceil = t->up ? m->up_ceil : m->down_ceil;
	if (leaf.rate == 0) { /* limited in the other direction only */
		leaf.rate = SHAPE_RATE_MIN;
		leaf.ceil = n->ceil;
	}
	htb_class(t->host, t->index, &leaf);
	if (rtnl_flush(t->host, err) < 0)
		return -1;
	return make_queue(t, leaf.minor, leaf.ceil, n->burst_ms, err);
}

static int make_tree(const struct tree *t, const struct shape_record *r,
		     const struct shape_network *n, const struct shape_member *m, struct err *err)
{
	return make_trunk(t, r, n, err) < 0 || make_branch(t, n, m, err) < 0 ? -1 : 0;
}

/* --- the way back ------------------------------------------------------------------------------ */

static int make_ifb(struct rtnl *host, const struct shape_network *n, struct link *ret,
		    struct err *err)
{
	struct link_new new = { .kind = "ifb", .up = true };
	char name[IFNAMSIZ];
	struct err why = { 0 };
	int found;

	shape_ifb_name(n->uplink, name);
	found = link_find(host, name, ret, err);
	if (found != 0)
		return found < 0 ? -1 : 0;
	new.name = name;
	link_new(host, &new);
	link_new_end(host);
	if (rtnl_flush(host, &why) < 0)
		return err_set(err, why.code, "%s (kind \"ifb\")", why.msg);
	if (link_get(host, name, ret, err) < 0)
		return -1;
	link_set_alias(host, ret->index, n->uplink);
	return rtnl_flush(host, err);
}

static int make_way_back(struct rtnl *host, const struct shape_network *n,
			 const struct shape_member *m, struct link *ret, struct err *err)
{
	struct link device;
	int to = 0;

	if (make_ifb(host, n, ret, err) < 0 || link_get(host, m->device, &device, err) < 0)
		return -1;
	if (tc_redirect_sent_find(host, device.index, &to, NULL) > 0) {
		if (to == ret->index)
			return 0;
		return err_set(err, EEXIST, "what \"%s\" sends is led elsewhere already",
			       m->device);
	}
	tc_redirect_sent(host, device.index, ret->index);
	return rtnl_flush(host, err);
}

/* --- all of it ------------------------------------------------------------------------------------ */

int shape_apply(struct rtnl *host, const struct shape_record *r, const struct shape_network *n,
		const struct shape_member *m, struct err *err)
{
	struct link uplink, ifb;
	struct elements e = { 0 };
	AUTO_NFT nft = NULL;

	if (link_get(host, n->uplink, &uplink, err) < 0)
		return -1;
	if (n->up) {
		const struct tree t = { host, uplink.index, true };

		if (make_tree(&t, r, n, m, err) < 0)
			return -1;
	}
	if (n->down) {
		struct tree t = { .host = host };

		if (make_ifb(host, n, &ifb, err) < 0)
			return -1;
		t.index = ifb.index;
		/* nothing is led there before its class is */
		if (make_tree(&t, r, n, m, err) < 0 || make_way_back(host, n, m, &ifb, err) < 0)
			return -1;
	}
	nft = nft_open(err);
	if (!nft)
		return -1;
	make_elements(&e, n, m, true);
	return nft_commit(nft, e.plans, ARRAY_SIZE(e.plans), err);
}

static bool has_device(const struct shape_network *n, const char *device)
{
	for (size_t i = 0; i < n->members.n; i++)
		if (strcmp(n->members.v[i].device, device) == 0)
			return true;
	return false;
}

static bool has_uplink(const struct shape_record *r, const char *uplink)
{
	for (size_t i = 0; i < r->networks.n; i++)
		if (strcmp(r->networks.v[i].uplink, uplink) == 0)
			return true;
	return false;
}

/* Classes of a tree: the member's, and all of the network when it is gone. */
static int prune(struct rtnl *host, const char *name, const struct shape_network *n,
		 uint32_t member, bool last, struct err *err)
{
	struct link link;
	const int found = link_find(host, name, &link, err);

	if (found <= 0)
		return found;
	if (member)
		htb_class_delete(host, link.index, member);
	if (last) {
		htb_class_delete(host, link.index, n->minor + 1);
		htb_class_delete(host, link.index, n->minor);
	}
	return rtnl_flush(host, err);
}

static int drop_device(struct rtnl *host, const char *device, struct err *err)
{
	struct link link;
	const int found = link_find(host, device, &link, err);
	int to;

	if (found <= 0)
		return found;
	if (tc_redirect_sent_find(host, link.index, &to, NULL) <= 0)
		return 0;
	tc_redirect_delete(host, link.index);
	return rtnl_flush(host, err);
}

static int drop_uplink(struct rtnl *host, const char *uplink, struct err *err)
{
	char ifb[IFNAMSIZ];
	struct link link;
	int found = link_find(host, uplink, &link, err);

	shape_ifb_name(uplink, ifb);
	if (found > 0 && htb_is_made(host, link.index, NULL) > 0) {
		htb_unmake(host, link.index);
		found = rtnl_flush(host, err);
	}
	if (link_remove(-1, ifb, err) < 0)
		return -1;
	return found < 0 ? -1 : 0;
}

int shape_take_back(struct rtnl *host, struct shape_record *r, struct shape_network *n,
		    struct shape_member *m, struct err *err)
{
	const struct shape_member gone = *m;
	const struct shape_network network = *n;
	struct err first = { 0 }, *at = &first;
	bool last, whole;
	char ifb[IFNAMSIZ];
	int rc = 0;

	shape_member_remove(n, m);
	last = n->members.n == 0;
	whole = !has_device(n, gone.device);
	if (last)
		shape_record_remove(r, n);
	shape_ifb_name(network.uplink, ifb);
	if (release_elements(&network, &gone, whole, at) < 0)
		rc = -1;
	if (whole && drop_device(host, gone.device, rc < 0 ? NULL : at) < 0)
		rc = -1;
	if (prune(host, network.uplink, &network, gone.minor, last, rc < 0 ? NULL : at) < 0)
		rc = -1;
	if (prune(host, ifb, &network, gone.minor, last, rc < 0 ? NULL : at) < 0)
		rc = -1;
	if (last && !has_uplink(r, network.uplink) &&
	    drop_uplink(host, network.uplink, rc < 0 ? NULL : at) < 0)
		rc = -1;
	return rc < 0 ? err_set(err, first.code, "%s", first.msg) : 0;
}

/* --- CHECK ---------------------------------------------------------------------------------------- */

struct wanted {
	uint32_t minor;
	uint64_t rate;
	bool found;
};

static int look_for(const struct htb_counts *c, void *data, struct err *err)
{
	struct wanted *w = data;

	(void)err;
	if (c && c->minor == w->minor && c->rate / BITS == w->rate / BITS)
		w->found = true;
	return 0;
}

static int verify_tree(struct rtnl *host, const char *device, const struct shape_network *n,
		       const struct shape_member *m, uint64_t rate, struct err *err)
{
	struct wanted wanted[] = { { .minor = n->minor, .rate = n->rate },
				   { .minor = m->minor, .rate = rate ? rate : SHAPE_RATE_MIN } };
	struct link link;

	if (link_get(host, device, &link, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (wanted[i].minor == 0)
			continue;
		if (htb_each(host, link.index, look_for, &wanted[i], err) < 0)
			return -1;
		if (!wanted[i].found)
			return err_set(err, ENOENT, "share %x:%x of \"%s\" is gone or has changed",
				       HTB_MAJOR, wanted[i].minor, device);
	}
	return 0;
}

int shape_verify(struct rtnl *host, const struct shape_network *n, const struct shape_member *m,
		 struct err *err)
{
	AUTO_NFT nft = NULL;
	struct elements e = { 0 };
	struct link device, link;
	char ifb[IFNAMSIZ];
	int to = 0;

	shape_ifb_name(n->uplink, ifb);
	if (n->up && verify_tree(host, n->uplink, n, m, m->up_rate, err) < 0)
		return -1;
	if (n->down) {
		if (verify_tree(host, ifb, n, m, m->down_rate, err) < 0 ||
		    link_get(host, ifb, &link, err) < 0 ||
		    link_get(host, m->device, &device, err) < 0)
			return -1;
		if (tc_redirect_sent_find(host, device.index, &to, err) < 0)
			return -1;
		if (to != link.index)
			return err_set(err, EINVAL, "what \"%s\" sends isn't led through \"%s\"",
				       m->device, ifb);
	}
	nft = nft_open(err);
	if (!nft)
		return -1;
	make_elements(&e, n, m, true);
	for (size_t i = 0; i < ARRAY_SIZE(e.plans); i++)
		if (nft_check(nft, &e.plans[i], err) < 0)
			return -1;
	return 0;
}
