/* SPDX-License-Identifier: Apache-2.0 */
/* outside.c - a bridge gets ports that lead to the same network on other hosts: VLAN, GRE
 *
 * Chained behind bridge; what plugin vxlan does with a tunnel of its own kind.
 *
 *	{ "type": "outside", "kind": "vlan", "dev": "eth0", "id": 10 }
 *	{ "type": "outside", "kind": "gre", "id": 100, "local": "192.0.2.1",
 *	  "peers": ["192.0.2.2", "192.0.2.3"], "mtu": 0 }
 *
 * vlan: one port, the VLAN on the interface `dev`, whose MTU it has.
 * gre: Ethernet in GRE (gretap), the id as the key, one port per peer: a full
 * mesh.  What came from one peer is not sent to another (isolated ports), so
 * there is no loop.  The MTU leaves room for the headers on the way to the first
 * peer.  Peers come and go with `skerry net peer`.
 * Ports are made by the first container of the network and shared; each says
 * in its alias whose it is, for GC.  The container's interface is made to fit.
 * ip-link(8) "VLAN", "GRE"; RFC 2784, RFC 2890; IEEE 802.1Q.
 */
#include "cni/plugins/outside/outside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/fit.h"
#include "cni/names.h"
#include "cni/nft.h"
#include "cni/plugins/registry.h"
#include "cni/prev.h"

#define VLAN_MAX      4094
#define MTU_MAX	      65535
#define PEERS_MAX     256
#define VLAN_PREFIX   "vo"
#define GRE_PREFIX    "go"
#define DIGITS	      9 /* 8 and the NUL */
#define GRE_OVERHEAD  42 /* IP, GRE with a key, the inner Ethernet header */
#define WHOLE_NETWORK "outside" /* in place of a container's id: the device is the network's */
#define TTL	      64

enum kind { OUTSIDE_VLAN, OUTSIDE_GRE };

struct config {
	char *kind, *dev, *local;
	uint32_t id, mtu;
	struct strings peers;
};
static const struct json_field config_fields[] = {
	JSON_FIELD(struct config, kind, JSON_STRING, .required = true),
	JSON_FIELD(struct config, id, JSON_U32, .required = true),
	JSON_FIELD(struct config, dev, JSON_STRING),
	JSON_FIELD(struct config, local, JSON_STRING),
	JSON_FIELD(struct config, mtu, JSON_U32, .max = MTU_MAX),
	JSON_FIELD(struct config, peers, JSON_STRINGS),
};
static const struct json_table config_table = JSON_TABLE(struct config, config_fields);

struct request {
	struct config config;
	enum kind kind;
	struct ip local; /* family 0: any */
	struct ip *peers;
	uint32_t mtu;
};

/* --- names ---------------------------------------------------------------------- */

void outside_vlan_name(const char *network, char name[IFNAMSIZ])
{
	char hash[DIGITS];

	names_hash(hash, sizeof(hash), &network, 1);
	(void)!str_format(name, IFNAMSIZ, VLAN_PREFIX "%s", hash);
}

void outside_gre_name(const char *network, const struct ip *peer, char name[IFNAMSIZ])
{
	char hash[DIGITS], text[IP_TEXT_MAX];
	const char *const parts[] = { network, ip_format(peer, text) };

	names_hash(hash, sizeof(hash), parts, ARRAY_SIZE(parts));
	(void)!str_format(name, IFNAMSIZ, GRE_PREFIX "%s", hash);
}

bool outside_is_gre(const struct link *link, const char *network)
{
	char owner[NFT_OWNER];

	nft_owner(owner, network, WHOLE_NETWORK, link->name);
	return strcmp(link->kind, "gretap") == 0 && strcmp(link->alias, owner) == 0;
}

static void put_alias(struct rtnl *r, const char *network, const char *name, int index)
{
	char owner[NFT_OWNER];

	nft_owner(owner, network, WHOLE_NETWORK, name);
	link_set_alias(r, index, owner);
}

/* --- the configuration ------------------------------------------------------------ */

static int parse_gre(struct cni_call *call, struct request *r, struct err *err)
{
	const struct config *c = &r->config;

	if (c->local && c->local[0] && strcmp(c->local, "auto") != 0 &&
	    (ip_parse(c->local, &r->local) < 0 || r->local.family != AF_INET))
		return cni_err(err, CNI_ERR_CONFIG, "local: \"%.64s\" is no IPv4 address",
			       c->local);
	if (c->peers.n > PEERS_MAX)
		return cni_err(err, CNI_ERR_CONFIG, "more than %d peers", PEERS_MAX);
	r->peers = arena_array(call->arena, c->peers.n + 1, sizeof(*r->peers));
	if (!r->peers)
		return err_sys(err, "outside");
	for (size_t i = 0; i < c->peers.n; i++)
		if (ip_parse(c->peers.v[i], &r->peers[i]) < 0 || r->peers[i].family != AF_INET)
			return cni_err(err, CNI_ERR_CONFIG, "peers: \"%.64s\" is no IPv4 address",
				       c->peers.v[i]);
	return 0;
}

static int parse_request(struct cni_call *call, struct request *r, struct err *err)
{
	memset(r, 0, sizeof(*r));
	if (netconf_decode(call->conf, &config_table, &r->config, call->arena, err) < 0)
		return -1;
	if (strcmp(r->config.kind, "gre") == 0) {
		r->kind = OUTSIDE_GRE;
		return parse_gre(call, r, err);
	}
	if (strcmp(r->config.kind, "vlan") != 0)
		return cni_err(err, CNI_ERR_CONFIG, "kind: \"%.32s\" is not \"vlan\" or \"gre\"",
			       r->config.kind);
	if (r->config.id < 1 || r->config.id > VLAN_MAX)
		return cni_err(err, CNI_ERR_CONFIG, "id: %u is no VLAN (1 to %d)", r->config.id,
			       VLAN_MAX);
	if (!r->config.dev || !netconf_ifname_ok(r->config.dev))
		return cni_err(err, CNI_ERR_CONFIG, "a VLAN wants \"dev\"");
	return 0;
}

/* The interface towards the other hosts, and what fits through it. */
static int find_dev(struct cni_call *call, struct request *r, struct link *ret, struct err *err)
{
	const uint32_t overhead = r->kind == OUTSIDE_GRE ? GRE_OVERHEAD : 0;
	struct rtnl *host = cni_host(call, err);
	int found = 1;

	if (!host)
		return -1;
	if (r->config.dev && r->config.dev[0])
		found = link_get(host, r->config.dev, ret, err) < 0 ? -1 : 1;
	else if (r->config.peers.n > 0)
		found = prev_towards(call, &r->peers[0], ret, err);
	else
		return cni_err(err, CNI_ERR_CONFIG, "\"dev\" or \"peers\" must be given");
	if (found < 0)
		return -1;
	if (found == 0)
		return cni_err(err, CNI_ERR_CONFIG, "there is no route to peer \"%s\"",
			       r->config.peers.v[0]);
	if (ret->mtu <= overhead || r->config.mtu > ret->mtu - overhead)
		return cni_err(err, CNI_ERR_CONFIG, "MTU %u doesn't fit into \"%s\" (%u)",
			       r->config.mtu, ret->name, ret->mtu);
	r->mtu = r->config.mtu ? r->config.mtu : ret->mtu - overhead;
	return 0;
}

/* --- ports -------------------------------------------------------------------------- */

/* Sends the request for a new device: another container's ADD may have been faster. */
static int send_new(struct rtnl *r, const char *kind, struct err *err)
{
	struct err why = { 0 };

	if (rtnl_flush(r, &why) == 0 || why.code == EEXIST)
		return 0;
	if (why.code == EOPNOTSUPP)
		return cni_err(err, CNI_ERR_CONFIG, "this kernel has no %s", kind);
	return err_set(err, why.code, "%s", why.msg);
}

static int join(struct rtnl *r, const char *name, const char *network, int bridge, bool isolated,
		struct err *err)
{
	const struct link_port port = { .isolated = { .has = isolated, .v = true } };
	struct link link;

	if (link_get(r, name, &link, err) < 0)
		return -1;
	put_alias(r, network, name, link.index);
	if (link.master != bridge)
		link_set_master(r, link.index, bridge);
	if (isolated)
		link_set_port(r, link.index, &port);
	link_up(r, link.index);
	return rtnl_flush(r, err);
}

int outside_gre_add(struct rtnl *r, const struct outside_gre *gre, struct err *err)
{
	struct link_new device = { .kind = "gretap", .index = names_index(), .mtu = gre->mtu };
	char name[IFNAMSIZ];
	struct link link;
	int found;

	outside_gre_name(gre->network, &gre->peer, name);
	device.name = name;
	found = link_find(r, name, &link, err);
	if (found < 0)
		return -1;
	if (found == 0) {
		link_new(r, &device);
		if (!ip_is_none(&gre->local))
			rtnl_put_ip(r, IFLA_GRE_LOCAL, &gre->local);
		rtnl_put_ip(r, IFLA_GRE_REMOTE, &gre->peer);
		rtnl_put_u16(r, IFLA_GRE_IFLAGS, GRE_KEY);
		rtnl_put_u16(r, IFLA_GRE_OFLAGS, GRE_KEY);
		rtnl_put_u32(r, IFLA_GRE_IKEY, htonl(gre->id));
		rtnl_put_u32(r, IFLA_GRE_OKEY, htonl(gre->id));
		rtnl_put_u8(r, IFLA_GRE_TTL, TTL);
		link_new_end(r);
		if (send_new(r, device.kind, err) < 0)
			return -1;
	}
	return join(r, name, gre->network, gre->bridge, true, err);
}

static int add_vlan(struct cni_call *call, const struct request *r, const struct link *dev,
		    const struct link *bridge, struct err *err)
{
	const char *network = call->conf->name;
	struct link_new device = {
		.kind = "vlan", .index = names_index(), .parent = dev->index, .mtu = r->mtu
	};
	char name[IFNAMSIZ];
	struct link link;
	int found;

	outside_vlan_name(network, name);
	device.name = name;
	found = link_find(&call->host, name, &link, err);
	if (found < 0)
		return -1;
	if (found == 0) {
		link_new(&call->host, &device);
		rtnl_put_u16(&call->host, IFLA_VLAN_ID, (uint16_t)r->config.id);
		link_new_end(&call->host);
		if (send_new(&call->host, device.kind, err) < 0)
			return -1;
	}
	return join(&call->host, name, network, bridge->index, false, err);
}

static int add_gres(struct cni_call *call, const struct request *r, const struct link *bridge,
		    struct err *err)
{
	for (size_t i = 0; i < r->config.peers.n; i++) {
		const struct outside_gre gre = { .network = call->conf->name,
						 .local = r->local,
						 .peer = r->peers[i],
						 .id = r->config.id,
						 .mtu = r->mtu,
						 .bridge = bridge->index };

		if (outside_gre_add(&call->host, &gre, err) < 0)
			return -1;
	}
	return 0;
}

/* --- verbs ---------------------------------------------------------------------------- */

static int find_bridge(struct cni_call *call, struct link *ret, struct err *err)
{
	const struct result *prev = &call->conf->prev;
	struct rtnl *host = cni_host(call, err);

	if (!host)
		return -1;
	if (prev->n_interfaces == 0)
		return cni_err(err, CNI_ERR_CONFIG, "no bridge to extend: chain it behind bridge");
	if (link_get(host, prev->interfaces[0].name, ret, err) < 0)
		return -1;
	if (strcmp(ret->kind, "bridge") != 0)
		return cni_err(err, CNI_ERR_CONFIG, "\"%s\" is no bridge to extend", ret->name);
	return 0;
}

static int outside_add(struct cni_call *call, struct err *err)
{
	struct link bridge, dev;
	struct request r;

	if (parse_request(call, &r, err) < 0 || find_bridge(call, &bridge, err) < 0 ||
	    find_dev(call, &r, &dev, err) < 0)
		return -1;
	if (result_copy(&call->conf->prev, call->arena, &call->result) < 0)
		return err_sys(err, "prevResult");
	if (r.kind == OUTSIDE_VLAN ? add_vlan(call, &r, &dev, &bridge, err) < 0
				   : add_gres(call, &r, &bridge, err) < 0)
		return -1;
	return fit_mtu(call, r.mtu, err);
}

static int check_port(struct cni_call *call, const char *name, const char *kind,
		      const struct link *bridge, struct err *err)
{
	struct link link;

	if (link_get(&call->host, name, &link, err) < 0)
		return -1;
	if (strcmp(link.kind, kind) != 0)
		return err_set(err, EINVAL, "\"%s\" is no %s", name, kind);
	if (link.master != bridge->index || !(link.flags & IFF_UP))
		return err_set(err, EINVAL, "\"%s\" is no port of \"%s\" that is up", name,
			       bridge->name);
	return 0;
}

/* Peers come and go while the network runs, so only a VLAN has a port that must be there. */
static int outside_check(struct cni_call *call, struct err *err)
{
	char name[IFNAMSIZ];
	struct link bridge;
	struct request r;

	if (parse_request(call, &r, err) < 0 || find_bridge(call, &bridge, err) < 0)
		return -1;
	if (r.kind == OUTSIDE_GRE)
		return 0;
	outside_vlan_name(call->conf->name, name);
	return check_port(call, name, "vlan", &bridge, err);
}

struct stale {
	const char *network;
	char name[IFNAMSIZ]; /* of one that was found */
};

static int find_port(const struct link *l, void *data, struct err *err)
{
	struct stale *s = data;
	char vlan[IFNAMSIZ];

	(void)err;
	if (!l) {
		s->name[0] = '\0';
		return 0;
	}
	outside_vlan_name(s->network, vlan);
	if (!outside_is_gre(l, s->network) &&
	    !(strcmp(l->name, vlan) == 0 && strcmp(l->kind, "vlan") == 0))
		return 0;
	(void)str_copy(s->name, sizeof(s->name), l->name);
	return 1;
}

/* The ports are the network's. */
static int outside_gc(struct cni_call *call, struct err *err)
{
	struct stale stale = { .network = call->conf->name };
	struct rtnl *host = cni_host(call, err);

	if (!host)
		return -1;
	for (int i = 0; call->conf->attachments.n == 0 && i <= PEERS_MAX; i++) {
		stale.name[0] = '\0';
		if (link_each(host, find_port, &stale, err) < 0)
			return -1;
		if (!stale.name[0])
			return 0;
		if (link_remove(-1, stale.name, err) < 0)
			return -1;
	}
	return 0;
}

static int outside_status(struct cni_call *call, struct err *err)
{
	struct request r;

	return parse_request(call, &r, err);
}

const struct cni_plugin cni_plugin_outside = {
	.type = "outside",
	.about = "ports of a bridge that lead to other hosts",
	.chained = true,
	.add = outside_add,
	.check = outside_check,
	.gc = outside_gc,
	.status = outside_status,
};
