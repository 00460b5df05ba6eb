/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_peer.c - skerry net peer: other hosts join and leave a network that runs
 *
 * Of a network with plugin vxlan.  Nothing is made anew: a peer is one more
 * destination in the tunnel's forwarding entries, and one that left is taken
 * out of them with everything that was learnt to be behind it.  The
 * configuration's own list holds for tunnels that are made later.
 * bridge(8) "fdb"; linux/neighbour.h.
 */
#include <errno.h>
#include <linux/neighbour.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/link.h"
#include "cni/names.h"
#include "cni/net/verb.h"
#include "cni/route.h"

#define TUNNEL_PREFIX "vx" /* as plugin vxlan calls the network's device */
#define TUNNEL_DIGITS 9
#define FLUSH_EVERY   32 /* less than RTNL_BATCH_MAX */
#define FIRST_ADDRESS 2 /* behind the word and the network */

static int find_tunnel(struct net *n, const char *name, struct rtnl *r, struct link *ret,
		       struct err *err)
{
	const struct conflist *list = net_find(n, name, err);
	char hash[TUNNEL_DIGITS], device[IFNAMSIZ];
	bool has = false;
	int found;

	if (!list)
		return -1;
	for (size_t i = 0; i < list->n; i++)
		has = has || strcmp(list->v[i].type, "vxlan") == 0;
	if (!has)
		return err_set(err, EINVAL, "network \"%s\" doesn't span hosts (plugin vxlan)",
			       name);
	names_hash(hash, sizeof(hash), &name, 1);
	(void)!str_format(device, sizeof(device), TUNNEL_PREFIX "%s", hash);
	found = link_find(r, device, ret, err);
	if (found == 0)
		return err_set(err, ENODEV,
			       "network \"%s\" has no tunnel yet: its first container makes it",
			       name);
	return found < 0 ? -1 : 0;
}

static void add_peer(struct rtnl *r, int index, const struct ip *ip)
{
	const struct neigh all = { .family = AF_BRIDGE,
				   .index = index,
				   .ip = *ip,
				   .state = NUD_NOARP | NUD_PERMANENT,
				   .flags = NTF_SELF };

	neigh_add(r, &all, NLM_F_APPEND);
	rtnl_tolerate(r, EEXIST);
}

struct behind {
	struct rtnl *batch;
	const struct ip *ip;
	int index;
	size_t n;
};

/* An entry that leads to the peer, be it for all unknown receivers or for a learnt one. */
static int forget_entry(const struct nlmsghdr *h, void *data, struct err *err)
{
	struct neigh gone = { .family = AF_BRIDGE, .flags = NTF_SELF };
	struct nlattr *tb[NDA_MAX + 1];
	struct behind *b = data;
	struct ndmsg header;
	struct ip dst;

	if (!h)
		return 0;
	memcpy(&header, rtnl_body(h), sizeof(header));
	if (rtnl_attrs(h, sizeof(header), tb, NDA_MAX) < 0)
		return err_set(err, EBADMSG, "malformed forwarding entry");
	dst = rtnl_ip(tb[NDA_DST], b->ip->family);
	if (header.ndm_ifindex != b->index || ip_is_none(&dst) || !tb[NDA_LLADDR] ||
	    rtnl_size(tb[NDA_LLADDR]) != MAC_BYTES || ip_compare(&dst, b->ip) != 0)
		return 0;
	gone.index = b->index;
	gone.ip = dst;
	memcpy(gone.mac.bytes, rtnl_data(tb[NDA_LLADDR]), MAC_BYTES);
	neigh_delete(b->batch, &gone);
	rtnl_tolerate(b->batch, ENOENT);
	return ++b->n % FLUSH_EVERY == 0 ? rtnl_flush(b->batch, err) : 0;
}

static int remove_peer(struct rtnl *ask, struct rtnl *batch, int index, const struct ip *ip,
		       struct err *err)
{
	const struct ndmsg header = { .ndm_family = AF_BRIDGE, .ndm_ifindex = index };
	struct behind behind = { .batch = batch, .ip = ip, .index = index };

	rtnl_begin(ask, RTM_GETNEIGH, NLM_F_DUMP, &header, sizeof(header),
		   "list the forwarding entries of interface %d", index);
	rtnl_end(ask);
	if (rtnl_query(ask, forget_entry, &behind, err) < 0)
		return -1;
	return rtnl_flush(batch, err);
}

static int change_peers(struct net *n, const struct option_args *args, bool add, struct rtnl *ask,
			struct rtnl *batch, struct err *err)
{
	struct link tunnel;

	if (find_tunnel(n, args->v[1], ask, &tunnel, err) < 0)
		return -1;
	for (int i = FIRST_ADDRESS; i < args->n; i++) {
		struct ip ip;

		if (ip_parse(args->v[i], &ip) < 0)
			return err_set(err, EINVAL, "\"%s\" is no address of a host", args->v[i]);
		if (add) {
			add_peer(batch, tunnel.index, &ip);
			if (rtnl_flush(batch, err) < 0)
				return -1;
		} else if (remove_peer(ask, batch, tunnel.index, &ip, err) < 0) {
			return -1;
		}
	}
	return 0;
}

static int run_peer(struct net *n, const void *options, const struct option_args *args,
		    struct err *err)
{
	const bool add = strcmp(args->v[0], "add") == 0;
	struct rtnl ask = RTNL_CLOSED, batch = RTNL_CLOSED;
	AUTO_LOCK lock = -1;
	int rc = -1;

	(void)options;
	if (!add && strcmp(args->v[0], "rm") != 0)
		return err_set(err, EINVAL, "\"%s\" is not \"add\" or \"rm\"", args->v[0]);
	if (!net_find(n, args->v[1], err))
		return -1;
	lock = net_lock(n, args->v[1], NET_ALONE, err);
	if (lock >= 0 && rtnl_open(&ask, -1, err) == 0 && rtnl_open(&batch, -1, err) == 0)
		rc = change_peers(n, args, add, &ask, &batch, err);
	rtnl_close(&ask);
	rtnl_close(&batch);
	return rc;
}

const struct verb verb_peer = {
	.name = "peer",
	.arguments = "add|rm NETWORK ADDRESS...",
	.summary = "let other hosts join or leave a network that spans hosts",
	.options = { NULL, 0, &verb_common },
	.size = sizeof(struct net_options),
	.min_args = 3,
	.max_args = -1,
	.run = run_peer,
};
