/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_peer.c - skerry net peer: other hosts join and leave a network that runs
 *
 * Of a network with plugin vxlan nothing is made anew: a peer is one more
 * destination in the tunnel's forwarding entries, and one that left is taken
 * out of them with everything that was learnt to be behind it.  Which hardware
 * address is where can be said beforehand (place, forget), so that nothing is
 * sent to who isn't meant.  Of a network with GRE ports (plugin outside) a peer
 * is a port.  The configuration's own list holds for tunnels that are made
 * later.
 * bridge(8) "fdb"; linux/neighbour.h.
 */
#include <errno.h>
#include <linux/neighbour.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/link.h"
#include "cni/names.h"
#include "cni/net/verb.h"
#include "cni/plugins/outside/outside.h"
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

/* --- where a hardware address is ------------------------------------------------ */

/* The tunnel's entry and the bridge's: the one says the host, the other the port, which matters where
 * it isn't sent what has no known port. */
static void place_mac(struct rtnl *r, int index, const struct mac *mac, const struct ip *host)
{
	struct neigh entry = { .family = AF_BRIDGE,
			       .index = index,
			       .mac = *mac,
			       .ip = host ? *host : (struct ip){ 0 },
			       .state = NUD_NOARP | NUD_PERMANENT,
			       .flags = NTF_SELF };

	if (host)
		neigh_add(r, &entry, NLM_F_REPLACE);
	else
		neigh_delete(r, &entry);
	rtnl_tolerate(r, ENOENT);
	entry.ip = (struct ip){ 0 };
	entry.state = NUD_NOARP; /* a bridge takes "permanent" for "its own" */
	entry.flags = NTF_MASTER;
	if (host)
		neigh_add(r, &entry, NLM_F_REPLACE);
	else
		neigh_delete(r, &entry);
	rtnl_tolerate(r, ENOENT);
}

static int change_places(struct net *n, const struct option_args *args, bool add, struct rtnl *ask,
			 struct rtnl *batch, struct err *err)
{
	const int first = add ? FIRST_ADDRESS + 1 : FIRST_ADDRESS;
	struct link tunnel;
	struct ip host;

	if (args->n <= first)
		return err_set(err, EINVAL, "\"%s\" wants hardware addresses", args->v[0]);
	if (add && ip_parse(args->v[FIRST_ADDRESS], &host) < 0)
		return err_set(err, EINVAL, "\"%s\" is no address of a host",
			       args->v[FIRST_ADDRESS]);
	if (find_tunnel(n, args->v[1], ask, &tunnel, err) < 0)
		return -1;
	for (int i = first; i < args->n; i++) {
		struct mac mac;

		if (mac_parse(args->v[i], &mac) < 0)
			return err_set(err, EINVAL, "\"%s\" is no hardware address", args->v[i]);
		place_mac(batch, tunnel.index, &mac, add ? &host : NULL);
		if (rtnl_flush(batch, err) < 0)
			return -1;
	}
	return 0;
}

/* --- GRE ports -------------------------------------------------------------------- */

struct gre_config {
	char *kind, *local;
	uint32_t id, mtu;
};
static const struct json_field gre_fields[] = {
	JSON_FIELD(struct gre_config, kind, JSON_STRING),
	JSON_FIELD(struct gre_config, local, JSON_STRING),
	JSON_FIELD(struct gre_config, id, JSON_U32),
	JSON_FIELD(struct gre_config, mtu, JSON_U32),
};
static const struct json_table gre_table = JSON_TABLE(struct gre_config, gre_fields);

static int decode_plugin(struct net *n, const struct conflist_plugin *plugin,
			 struct gre_config *ret, struct err *err)
{
	struct json_out o;
	AUTO_BUF text;

	buf_init(&text);
	json_out_init(&o, &text, 0);
	json_begin_object(&o);
	for (size_t i = 0; i < plugin->members.n; i++) {
		json_key(&o, plugin->members.v[i].key);
		json_raw(&o, plugin->members.v[i].value);
	}
	json_end_object(&o);
	if (buf_failed(&text))
		return err_set(err, ENOMEM, "out of memory");
	return json_decode(plugin->type, text.s, text.len, &gre_table, ret, &n->arena, err);
}

/* 1 and *ret: the network has GRE ports; 0 it hasn't. */
static int find_gre(struct net *n, const char *network, struct gre_config *ret, struct err *err)
{
	const struct conflist *list = net_find(n, network, err);

	if (!list)
		return -1;
	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(list->v[i].type, "outside") != 0)
			continue;
		if (decode_plugin(n, &list->v[i], ret, err) < 0)
			return -1;
		if (str_eq(ret->kind, "gre"))
			return 1;
	}
	return 0;
}

struct bridge_search {
	const char *network;
	int bridge;
	uint32_t mtu;
};

/* The network's bridge is that of its containers' ports and of the other peers. */
static int find_bridge(const struct link *l, void *data, struct err *err)
{
	struct bridge_search *s = data;
	const size_t len = strlen(s->network);

	(void)err;
	if (!l || !l->master)
		return 0;
	if (outside_is_gre(l, s->network)) {
		s->bridge = l->master;
		s->mtu = l->mtu;
		return 1;
	}
	if (strcmp(l->kind, "veth") == 0 && strncmp(l->alias, s->network, len) == 0 &&
	    l->alias[len] == ' ')
		s->bridge = l->master;
	return 0;
}

static int change_gre(const struct option_args *args, bool add, const struct gre_config *config,
		      struct rtnl *ask, struct err *err)
{
	struct bridge_search search = { .network = args->v[1] };
	struct outside_gre gre = { .network = args->v[1], .id = config->id };

	if (add && link_each(ask, find_bridge, &search, err) < 0)
		return -1;
	if (add && !search.bridge)
		return err_set(err, ENODEV,
			       "network \"%s\" has no bridge yet: its first container makes it",
			       args->v[1]);
	gre.bridge = search.bridge;
	gre.mtu = search.mtu ? search.mtu : config->mtu;
	if (config->local && strcmp(config->local, "auto") != 0)
		(void)ip_parse(config->local, &gre.local);
	for (int i = FIRST_ADDRESS; i < args->n; i++) {
		char name[IFNAMSIZ];

		if (ip_parse(args->v[i], &gre.peer) < 0 || gre.peer.family != AF_INET)
			return err_set(err, EINVAL, "\"%s\" is no IPv4 address of a host",
				       args->v[i]);
		outside_gre_name(args->v[1], &gre.peer, name);
		if (add ? outside_gre_add(ask, &gre, err) < 0 : link_remove(-1, name, err) < 0)
			return -1;
	}
	return 0;
}

/* --- the verb ----------------------------------------------------------------------- */

static int change(struct net *n, const struct option_args *args, struct rtnl *ask,
		  struct rtnl *batch, struct err *err)
{
	const bool add = strcmp(args->v[0], "add") == 0;
	const bool place = strcmp(args->v[0], "place") == 0;
	struct gre_config gre;
	int has;

	if (place || strcmp(args->v[0], "forget") == 0)
		return change_places(n, args, place, ask, batch, err);
	has = find_gre(n, args->v[1], &gre, err);
	if (has < 0)
		return -1;
	return has ? change_gre(args, add, &gre, ask, err)
		   : change_peers(n, args, add, ask, batch, err);
}

static int run_peer(struct net *n, const void *options, const struct option_args *args,
		    struct err *err)
{
	static const char *const words[] = { "add", "rm", "place", "forget" };
	struct rtnl ask = RTNL_CLOSED, batch = RTNL_CLOSED;
	AUTO_LOCK lock = -1;
	bool known = false;
	int rc = -1;

	(void)options;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		known = known || strcmp(args->v[0], words[i]) == 0;
	if (!known)
		return err_set(err, EINVAL,
			       "\"%s\" is not \"add\", \"rm\", \"place\" or \"forget\"",
			       args->v[0]);
	if (!net_find(n, args->v[1], err))
		return -1;
	lock = net_lock(n, args->v[1], NET_ALONE, err);
	if (lock >= 0 && rtnl_open(&ask, -1, err) == 0 && rtnl_open(&batch, -1, err) == 0)
		rc = change(n, args, &ask, &batch, err);
	rtnl_close(&ask);
	rtnl_close(&batch);
	return rc;
}

const struct verb verb_peer = {
	.name = "peer",
	.arguments =
		"add|rm NETWORK ADDRESS... | place NETWORK ADDRESS MAC... | forget NETWORK MAC...",
	.summary = "let other hosts join or leave a network that spans hosts",
	.description =
		"add and rm are about hosts; place says which hardware addresses are behind\n"
		"which host, forget takes that back.\n",
	.options = { NULL, 0, &verb_common },
	.size = sizeof(struct net_options),
	.min_args = 3,
	.max_args = -1,
	.run = run_peer,
};
