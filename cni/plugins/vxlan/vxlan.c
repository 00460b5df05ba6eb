/* SPDX-License-Identifier: Apache-2.0 */
/* vxlan.c - a network that spans hosts
 *
 * Behind bridge (chained): the bridge gets one more port, a VXLAN device that
 * leads to the same network on the other hosts; it is made by the first
 * container of the network here and shared by all.  As a plugin of its own: the
 * container's interface is a VXLAN device itself.
 *
 *	{ "type": "vxlan", "id": 100, "dev": "eth0", "local": "auto", "port": 4789,
 *	  "peers": ["192.0.2.2", "192.0.2.3"], "learning": true, "mtu": 0 }
 *
 * With "flood": false nothing goes to peers for a receiver of whom nobody has
 * said where it is (`skerry net peer place`); what is for all still does.
 * peers get what has no known address yet (head-end replication); instead of
 * them `group` is a multicast address.  The MTU is that of `dev` less the
 * headers.  The port is isolated from nothing and learns, so that frames find
 * the host their sender is on.
 * The device's alias names its network, for GC.
 * ip-link(8) "VXLAN Type Support"; bridge(8) "fdb"; RFC 7348.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/apply.h"
#include "cni/child.h"
#include "cni/fit.h"
#include "cni/ipam.h"
#include "cni/names.h"
#include "cni/nft.h"
#include "cni/plugins/registry.h"
#include "cni/prev.h"
#include "cni/route.h"

#define PORT_DEFAULT  4789 /* IANA; Linux' own default is an older one */
#define PORT_MAX      65535
#define ID_MAX	      0xffffff
#define MTU_MAX	      65535
#define NAME_PREFIX   "vx"
#define NAME_DIGITS   9 /* 8 and the NUL */
#define OVERHEAD_IPV4 50 /* outer Ethernet, IP, UDP, VXLAN */
#define OVERHEAD_IPV6 70
#define WHOLE_NETWORK "vxlan" /* in place of a container's id: the device is the network's */

struct config {
	char *dev, *local, *group;
	uint32_t id, port, mtu;
	struct opt_bool learning, flood;
	struct strings peers;
};
static const struct json_field config_fields[] = {
	JSON_FIELD(struct config, id, JSON_U32, .required = true, .max = ID_MAX),
	JSON_FIELD(struct config, dev, JSON_STRING),
	JSON_FIELD(struct config, local, JSON_STRING),
	JSON_FIELD(struct config, group, JSON_STRING),
	JSON_FIELD(struct config, port, JSON_U32, .max = PORT_MAX),
	JSON_FIELD(struct config, mtu, JSON_U32, .max = MTU_MAX),
	JSON_FIELD(struct config, learning, JSON_OPT_BOOL),
	JSON_FIELD(struct config, flood, JSON_OPT_BOOL),
	JSON_FIELD(struct config, peers, JSON_STRINGS),
};
static const struct json_table config_table = JSON_TABLE(struct config, config_fields);

struct request {
	struct config config;
	struct ip local, group; /* family 0: not given */
	struct ip *peers;
	size_t n_peers;
	bool is_v6; /* between the hosts */
	struct link dev;
	uint32_t mtu;
	char name[IFNAMSIZ]; /* of the shared device */
	char owner[NFT_OWNER];
};

/* --- the configuration -------------------------------------------------------------------- */

static int parse_address(const char *what, const char *text, struct ip *ret, struct err *err)
{
	if (!text || text[0] == '\0' || strcmp(text, "auto") == 0)
		return 0;
	if (ip_parse(text, ret) < 0)
		return cni_err(err, CNI_ERR_CONFIG, "%s: \"%s\" is no address", what, text);
	return 0;
}

static int parse_addresses(struct cni_call *call, struct request *r, struct err *err)
{
	const struct strings *peers = &r->config.peers;
	uint8_t family = 0;

	r->peers = arena_array(call->arena, peers->n + 1, sizeof(*r->peers));
	if (!r->peers)
		return err_sys(err, "vxlan");
	if (parse_address("local", r->config.local, &r->local, err) < 0 ||
	    parse_address("group", r->config.group, &r->group, err) < 0)
		return -1;
	for (size_t i = 0; i < peers->n; i++)
		if (parse_address("peers", peers->v[i], &r->peers[r->n_peers++], err) < 0)
			return -1;
	if (!ip_is_none(&r->group) && r->n_peers > 0)
		return cni_err(err, CNI_ERR_CONFIG, "\"group\" and \"peers\" exclude each other");
	family = r->n_peers > 0 ? r->peers[0].family : r->group.family;
	for (size_t i = 0; i < r->n_peers; i++)
		if (r->peers[i].family != family)
			return cni_err(err, CNI_ERR_CONFIG, "peers of two families");
	if (family != 0 && !ip_is_none(&r->local) && r->local.family != family)
		return cni_err(err, CNI_ERR_CONFIG,
			       "\"local\" is of another family than the peers");
	r->is_v6 = family == AF_INET6 || (family == 0 && r->local.family == AF_INET6);
	return 0;
}

static int parse_request(struct cni_call *call, struct request *r, struct err *err)
{
	const char *const parts[] = { call->conf->name };
	char hash[NAME_DIGITS];

	memset(r, 0, sizeof(*r));
	if (netconf_decode(call->conf, &config_table, &r->config, call->arena, err) < 0)
		return -1;
	names_hash(hash, sizeof(hash), parts, ARRAY_SIZE(parts));
	(void)!str_format(r->name, sizeof(r->name), NAME_PREFIX "%s", hash);
	nft_owner(r->owner, call->conf->name, WHOLE_NETWORK, r->name);
	if (r->config.port == 0)
		r->config.port = PORT_DEFAULT;
	return parse_addresses(call, r, err);
}

/* The interface towards the other hosts: the one named, else that of the route to the first of
 * them. */
static int find_dev(struct cni_call *call, struct request *r, struct err *err)
{
	const uint32_t overhead = r->is_v6 ? OVERHEAD_IPV6 : OVERHEAD_IPV4;
	struct rtnl *host = cni_host(call, err);
	int found;

	if (!host)
		return -1;
	if (r->config.dev && r->config.dev[0] != '\0') {
		if (link_get(host, r->config.dev, &r->dev, err) < 0)
			return -1;
	} else if (r->n_peers > 0) {
		found = prev_towards(call, &r->peers[0], &r->dev, err);
		if (found < 0)
			return -1;
		if (found == 0)
			return cni_err(err, CNI_ERR_CONFIG, "there is no route to peer \"%s\"",
				       r->config.peers.v[0]);
	} else {
		return cni_err(err, CNI_ERR_CONFIG, "\"dev\" or \"peers\" must be given");
	}
	if (r->dev.mtu <= overhead || r->config.mtu > r->dev.mtu - overhead)
		return cni_err(err, CNI_ERR_CONFIG, "MTU %u doesn't fit into \"%s\" (%u)",
			       r->config.mtu, r->dev.name, r->dev.mtu);
	r->mtu = r->config.mtu ? r->config.mtu : r->dev.mtu - overhead;
	return 0;
}

/* --- the device ------------------------------------------------------------------------------ */

/* The kind's own attributes; IFLA_INFO_DATA is open. */
static void put_data(struct rtnl *rtnl, const struct request *r)
{
	rtnl_put_u32(rtnl, IFLA_VXLAN_ID, r->config.id);
	rtnl_put_u32(rtnl, IFLA_VXLAN_LINK, (uint32_t)r->dev.index);
	if (!ip_is_none(&r->local))
		rtnl_put_ip(rtnl,
			    r->local.family == AF_INET6 ? IFLA_VXLAN_LOCAL6 : IFLA_VXLAN_LOCAL,
			    &r->local);
	if (!ip_is_none(&r->group))
		rtnl_put_ip(rtnl,
			    r->group.family == AF_INET6 ? IFLA_VXLAN_GROUP6 : IFLA_VXLAN_GROUP,
			    &r->group);
	rtnl_put_u16(rtnl, IFLA_VXLAN_PORT, htons((uint16_t)r->config.port));
	rtnl_put_u8(rtnl, IFLA_VXLAN_LEARNING, !r->config.learning.has || r->config.learning.v);
}

/* Where frames go whose receiver isn't known: every peer is one more destination of the address
 * that is all zero. */
static void put_peers(struct rtnl *rtnl, const struct request *r, int index)
{
	for (size_t i = 0; i < r->n_peers; i++) {
		const struct neigh neigh = { .family = AF_BRIDGE,
					     .index = index,
					     .ip = r->peers[i],
					     .state = NUD_NOARP | NUD_PERMANENT,
					     .flags = NTF_SELF };

		neigh_add(rtnl, &neigh, NLM_F_APPEND);
		rtnl_tolerate(rtnl, EEXIST);
	}
}

/* The bridge of the plugin before: 1 and *ret, 0 there was no plugin before, -1 with err. */
static int find_bridge(struct cni_call *call, struct link *ret, struct err *err)
{
	const struct result *prev = &call->conf->prev;
	struct rtnl *host = cni_host(call, err);

	if (!host)
		return -1;
	if (!call->conf->has_prev || ipam_has(call))
		return 0;
	if (prev->n_interfaces == 0)
		return cni_err(err, CNI_ERR_CONFIG, "no bridge to extend: chain it behind bridge");
	if (link_get(host, prev->interfaces[0].name, ret, err) < 0)
		return -1;
	if (strcmp(ret->kind, "bridge") != 0)
		return cni_err(err, CNI_ERR_CONFIG, "\"%s\" is no bridge to extend", ret->name);
	return 1;
}

/* The shared device, made when it is missing. */
static int ensure_port(struct cni_call *call, struct request *r, const struct link *bridge,
		       struct err *err)
{
	/* what the bridge learnt to be behind the port, the tunnel would still send to all */
	const struct link_port port = { .flood = r->config.flood, .learning = r->config.flood };
	struct link_new vxlan = { .name = r->name, .kind = "vxlan", .index = names_index() };
	struct err why = { 0 };
	struct link link;
	int found = link_find(&call->host, r->name, &link, err);

	if (found < 0 || find_dev(call, r, err) < 0)
		return -1;
	if (found > 0 && strcmp(link.kind, "vxlan") != 0)
		return err_set(err, EEXIST, "\"%s\" is there and no VXLAN device", r->name);
	if (found == 0) {
		vxlan.mtu = r->mtu;
		vxlan.master = bridge->index;
		link_new(&call->host, &vxlan);
		put_data(&call->host, r);
		link_new_end(&call->host);
		/* another container's ADD may have been faster */
		if (rtnl_flush(&call->host, &why) < 0 && why.code != EEXIST)
			return err_set(err, why.code, "%s", why.msg);
		if (link_get(&call->host, r->name, &link, err) < 0)
			return -1;
		link_set_alias(&call->host, link.index, r->owner);
	}
	put_peers(&call->host, r, link.index);
	if (link.master != bridge->index)
		link_set_master(&call->host, link.index, bridge->index);
	if (port.flood.has)
		link_set_port(&call->host, link.index, &port);
	link_up(&call->host, link.index);
	if (rtnl_flush(&call->host, err) == 0)
		return 0;
	if (found == 0)
		(void)link_remove(-1, r->name, NULL);
	return -1;
}

/* --- the container's own interface -------------------------------------------------------------- */

/* child.h asks for a function of the child alone; the request stands behind it. */
struct own {
	struct child child;
	const struct request *request;
};

static void put_own(struct rtnl *rtnl, const struct child *child)
{
	put_data(rtnl, ((const struct own *)(const void *)child)->request);
}

static struct own own_interface(const struct request *r)
{
	return (struct own){ .child = { .kind = "vxlan",
					.has_master = true,
					.master = r->dev.name,
					.mtu = r->mtu,
					.number = r->config.id,
					.put = put_own },
			     .request = r };
}

static int add_own(struct cni_call *call, struct request *r, struct err *err)
{
	struct own own;
	struct link link;

	if (find_dev(call, r, err) < 0)
		return -1;
	own = own_interface(r);
	if (child_add(call, &own.child, err) < 0)
		return -1;
	if (link_get(&call->inside, call->args->ifname, &link, err) == 0) {
		put_peers(&call->inside, r, link.index);
		if (rtnl_flush(&call->inside, err) == 0)
			return 0;
	}
	(void)child_del(call, NULL);
	return -1;
}

/* --- verbs ----------------------------------------------------------------------------------------- */

static int vxlan_add(struct cni_call *call, struct err *err)
{
	struct request r;
	struct link bridge;
	int chained;

	if (parse_request(call, &r, err) < 0)
		return -1;
	chained = find_bridge(call, &bridge, err);
	if (chained < 0)
		return -1;
	if (chained == 0)
		return add_own(call, &r, err);
	if (result_copy(&call->conf->prev, call->arena, &call->result) < 0)
		return err_sys(err, "prevResult");
	if (ensure_port(call, &r, &bridge, err) < 0)
		return -1;
	return fit_mtu(call, r.mtu, err);
}

/* The shared device is the network's: GC. */
static int vxlan_del(struct cni_call *call, struct err *err)
{
	const struct result *prev = &call->conf->prev;
	const bool chained =
		call->conf->has_prev && !ipam_has(call) && prev->n_interfaces > 0 &&
		(!prev->interfaces[0].sandbox || prev->interfaces[0].sandbox[0] == '\0');
	struct link link;
	int found;

	if (chained)
		return 0;
	/* without prevResult a chained one must not take away what isn't its own */
	if (call->netns >= 0) {
		if (!cni_inside(call, err))
			return -1;
		found = link_find(&call->inside, call->args->ifname, &link, err);
		if (found < 0)
			return -1;
		if (found > 0 && strcmp(link.kind, "vxlan") != 0)
			return ipam_del(call, err);
	}
	return child_del(call, err);
}

static int check_port(struct cni_call *call, const struct request *r, const struct link *bridge,
		      struct err *err)
{
	struct link link;

	if (link_get(&call->host, r->name, &link, err) < 0)
		return -1;
	if (link.number != r->config.id)
		return err_set(err, EINVAL, "\"%s\" has number %u, not %u", link.name, link.number,
			       r->config.id);
	if (link.master != bridge->index || !(link.flags & IFF_UP))
		return err_set(err, EINVAL, "\"%s\" is no port of \"%s\" that is up", link.name,
			       bridge->name);
	return 0;
}

/* child_check() doesn't do: the kernel doesn't report what a VXLAN device hangs on as its link. */
static int check_own(struct cni_call *call, const struct request *r, struct err *err)
{
	struct link link;

	if (ipam_check(call, err) < 0 || apply_check_interface(call, "vxlan", &link, err) < 0)
		return -1;
	if (link.number != r->config.id)
		return err_set(err, EINVAL, "\"%s\" has number %u, not %u", link.name, link.number,
			       r->config.id);
	if (!(link.flags & IFF_UP))
		return err_set(err, ENETDOWN, "container interface \"%s\" is down", link.name);
	return apply_check(&call->inside, link.index, link.name, &call->conf->prev, err);
}

static int vxlan_check(struct cni_call *call, struct err *err)
{
	struct request r;
	struct link bridge;
	const struct result *prev = &call->conf->prev;
	int chained = 0;

	if (parse_request(call, &r, err) < 0)
		return -1;
	/* prevResult is the final result here: it is ours alone when it begins with our interface */
	if (prev->n_interfaces == 0 || !prev->interfaces[0].sandbox ||
	    prev->interfaces[0].sandbox[0] == '\0')
		chained = find_bridge(call, &bridge, err);
	if (chained < 0)
		return -1;
	if (chained > 0)
		return check_port(call, &r, &bridge, err);
	return check_own(call, &r, err);
}

static int vxlan_gc(struct cni_call *call, struct err *err)
{
	struct request r;
	struct link link;
	struct rtnl *host;
	int found;

	if (ipam_gc(call, err) < 0 || parse_request(call, &r, err) < 0)
		return -1;
	if (call->conf->attachments.n > 0)
		return 0;
	host = cni_host(call, err);
	found = host ? link_find(host, r.name, &link, err) : -1;
	if (found <= 0)
		return found;
	return strcmp(link.alias, r.owner) == 0 ? link_remove(-1, r.name, err) : 0;
}

const struct cni_plugin cni_plugin_vxlan = {
	.type = "vxlan",
	.about = "a network that spans hosts",
	.add = vxlan_add,
	.del = vxlan_del,
	.check = vxlan_check,
	.gc = vxlan_gc,
	.status = ipam_status,
};
