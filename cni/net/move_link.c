/* SPDX-License-Identifier: Apache-2.0 */
/* move_link.c - what a move changes in the kernel of one host
 *
 * The tunnel carries whole packets of the container's size: its MTU is the
 * container's, and its outer packets may be fragmented, so that nobody has to
 * learn a smaller one in the middle of a connection.
 * Which way packets go is decided by rules with a table of their own: a rule
 * is one message to make and one to take back, and nothing that was there is
 * replaced.
 *
 *	source   to ADDRESS    table T        T: default via the tunnel
 *	target   from ADDRESS  table main, but no default route
 *	         from ADDRESS  table T
 *
 * ip-rule(8); bridge(8) "fdb"; linux/if_tunnel.h; RFC 7348.
 */
#include "cni/net/move_link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/fd.h"
#include "cni/hold.h"
#include "cni/names.h"
#include "cni/net/announce.h"
#include "cni/netns.h"
#include "cni/route.h"

#define DEVICE_PREFIX "mv"
#define DEVICE_DIGITS 9 /* 8 and the NUL */
#define VXLAN_PORT    4789
#define TUNNEL_TTL    64
#define TABLE_BASE    0x736b0000U /* tables of our own: two bytes of a hash are added */
#define TABLE_DIGITS  5
#define HEX	      16
#define PRIORITY_MAIN 5270
#define PRIORITY_MOVE 5271
#define RP_LOOSE      "2"
#define SETTING_MAX   64
#define OPER_UP	      6 /* IF_OPER_UP; linux/if.h and net/if.h exclude each other */
#define NAP_NS	      200000
#define NAPS	      500 /* 100 ms */

struct names {
	char device[IFNAMSIZ];
	uint32_t table;
	struct mac macs[2]; /* of the tunnel's ends, by enum move_role */
};

static struct names names_of(const struct move *m)
{
	const char *const parts[] = { m->network, m->container, m->ifname };
	char hash[DEVICE_DIGITS], digits[TABLE_DIGITS];
	struct names names = { 0 };
	unsigned long number;

	names_hash(hash, sizeof(hash), parts, ARRAY_SIZE(parts));
	names_hash(digits, sizeof(digits), parts, ARRAY_SIZE(parts));
	(void)!str_format(names.device, sizeof(names.device), DEVICE_PREFIX "%s", hash);
	names.table = TABLE_BASE + (uint32_t)strtoul(digits, NULL, HEX);
	number = strtoul(hash, NULL, HEX);
	for (size_t i = 0; i < ARRAY_SIZE(names.macs); i++) {
		const uint8_t bytes[MAC_BYTES] = { 0x02,
						   (uint8_t)(number >> 24),
						   (uint8_t)(number >> 16),
						   (uint8_t)(number >> 8),
						   (uint8_t)number,
						   (uint8_t)i };

		memcpy(names.macs[i].bytes, bytes, MAC_BYTES);
	}
	return names;
}

static struct ip address_at(const struct move *m, size_t i)
{
	struct ip_net net = { 0 };

	(void)ip_net_parse(m->addresses.v[i].address, &net); /* move_parse() did */
	return net.ip;
}

static bool has_family(const struct move *m, uint8_t family)
{
	for (size_t i = 0; i < m->addresses.n; i++)
		if (address_at(m, i).family == family)
			return true;
	return false;
}

/* --- places ------------------------------------------------------------------- */

struct search {
	const struct move_place *place;
	struct link *ret;
};

/* Containers' ports are ours by their alias or have a container's name. */
static int match_outside(const struct link *l, void *data, struct err *err)
{
	const struct search *s = data;
	const bool is_pair = l && strcmp(l->kind, "veth") == 0;

	(void)err;
	if (!l)
		*s->ret = (struct link){ 0 };
	else if (l->master == s->place->bridge.index && l->index != s->place->port.index &&
		 strcmp(l->kind, "tun") != 0 &&
		 !(is_pair && (l->alias[0] || str_starts(l->name, "veth"))) &&
		 (s->ret->index == 0 || strcmp(l->kind, "vxlan") == 0))
		*s->ret = *l;
	return 0;
}

int move_place_find(const struct move *m, struct move_place *ret, struct err *err)
{
	struct search search = { .place = ret, .ret = &ret->outside };
	struct rtnl r = RTNL_CLOSED;
	int rc = 0;

	*ret = (struct move_place){ 0 };
	if (rtnl_open(&r, -1, err) < 0)
		return -1;
	if (m->port[0])
		rc = link_find(&r, m->port, &ret->port, err);
	if (rc >= 0 && m->bridge[0])
		rc = link_find(&r, m->bridge, &ret->bridge, err);
	if (rc >= 0 && ret->bridge.index)
		rc = link_each(&r, match_outside, &search, err);
	rtnl_close(&r);
	return rc < 0 ? -1 : 0;
}

/* --- the tunnel --------------------------------------------------------------- */

static void put_tunnel(struct rtnl *r, const struct move *m, const struct ip *local,
		       const struct ip *remote)
{
	const bool six = local->family == AF_INET6;

	switch (m->tunnel) {
	case MOVE_VXLAN:
		rtnl_put_u32(r, IFLA_VXLAN_ID, m->id);
		rtnl_put_ip(r, six ? IFLA_VXLAN_LOCAL6 : IFLA_VXLAN_LOCAL, local);
		rtnl_put_ip(r, six ? IFLA_VXLAN_GROUP6 : IFLA_VXLAN_GROUP, remote);
		rtnl_put_u16(r, IFLA_VXLAN_PORT, htons(VXLAN_PORT));
		rtnl_put_u8(r, IFLA_VXLAN_LEARNING, 0);
		break;
	case MOVE_GRE:
		rtnl_put_ip(r, IFLA_GRE_LOCAL, local);
		rtnl_put_ip(r, IFLA_GRE_REMOTE, remote);
		rtnl_put_u16(r, IFLA_GRE_IFLAGS, GRE_KEY);
		rtnl_put_u16(r, IFLA_GRE_OFLAGS, GRE_KEY);
		rtnl_put_u32(r, IFLA_GRE_IKEY, htonl(m->id));
		rtnl_put_u32(r, IFLA_GRE_OKEY, htonl(m->id));
		rtnl_put_u8(r, IFLA_GRE_TTL, TUNNEL_TTL);
		rtnl_put_u8(r, IFLA_GRE_PMTUDISC, 0);
		rtnl_put_u8(r, IFLA_GRE_IGNORE_DF, 1);
		break;
	case MOVE_IPIP:
		rtnl_put_ip(r, IFLA_IPTUN_LOCAL, local);
		rtnl_put_ip(r, IFLA_IPTUN_REMOTE, remote);
		rtnl_put_u8(r, IFLA_IPTUN_TTL, TUNNEL_TTL);
		rtnl_put_u8(r, IFLA_IPTUN_PMTUDISC, 0);
		break;
	}
}

static int make_device(const struct move *m, const struct names *names, struct rtnl *r,
		       struct link *ret, struct err *err)
{
	static const char *const kinds[] = {
		[MOVE_VXLAN] = "vxlan", [MOVE_GRE] = "gre", [MOVE_IPIP] = "ipip"
	};
	const char *own = m->role == MOVE_SOURCE ? m->source : m->target;
	const char *other = m->role == MOVE_SOURCE ? m->target : m->source;
	struct link_new device = { .name = names->device,
				   .kind = kinds[m->tunnel],
				   .index = names_index(),
				   .mtu = m->mtu,
				   .up = true };
	struct ip local, remote;

	if (ip_parse(own, &local) < 0 || ip_parse(other, &remote) < 0)
		return err_set(err, EINVAL, "\"%s\" or \"%s\" is no address", own, other);
	if (m->tunnel != MOVE_VXLAN && local.family == AF_INET6)
		return err_set(err, EOPNOTSUPP, "a %s tunnel is between IPv4 addresses: take vxlan",
			       device.kind);
	if (m->tunnel == MOVE_IPIP && has_family(m, AF_INET6))
		return err_set(err, EOPNOTSUPP, "an ipip tunnel carries no IPv6: take vxlan");
	if (m->tunnel == MOVE_VXLAN)
		device.mac = &names->macs[m->role];
	link_new(r, &device);
	put_tunnel(r, m, &local, &remote);
	link_new_end(r);
	rtnl_tolerate(r, EEXIST);
	if (rtnl_flush(r, err) < 0) {
		if (err && err->code == EOPNOTSUPP)
			return err_wrap(err, "this kernel has no %s", device.kind);
		return -1;
	}
	return link_get(r, names->device, ret, err);
}

/* The next hop inside a VXLAN is known beforehand: no question, no answer to wait for. */
static void put_way(struct rtnl *r, const struct move *m, const struct names *names, int index,
		    uint8_t family)
{
	static const struct ip hops[] = {
		{ .family = AF_INET, .bytes = { 169, 254, 0, 1 } },
		{ .family = AF_INET6, .bytes = { 0xfe, 0x80, [15] = 1 } },
	};
	/* a device without an address fails every check of the way back (rp_filter) */
	static const struct ip_net own = { .ip = { .family = AF_INET, .bytes = { 169, 254, 0, 2 } },
					   .prefix = 32 };
	const struct addr address = { .index = index, .net = own, .scope = RT_SCOPE_LINK };
	const struct ip *hop = &hops[family == AF_INET6];
	struct route way = { .dst = { .ip = { .family = family } },
			     .oif = index,
			     .table = names->table,
			     .onlink = true };

	if (family == AF_INET) {
		addr_add(r, &address);
		rtnl_tolerate(r, EEXIST);
	}
	if (m->tunnel == MOVE_VXLAN) {
		const struct neigh neigh = {
			.family = family,
			.index = index,
			.ip = *hop,
			.mac = names->macs[m->role == MOVE_SOURCE ? MOVE_TARGET : MOVE_SOURCE],
			.state = NUD_PERMANENT
		};

		neigh_add(r, &neigh, NLM_F_REPLACE);
		way.gateway = *hop;
	} else {
		/* not of link scope: the host's own packets would have the address above */
		way.onlink = false;
	}
	route_add(r, &way, NLM_F_REPLACE);
}

static int allow_forwarding(const struct move *m, const char *device, struct err *err)
{
	char loose[SETTING_MAX], advertised[SETTING_MAX];
	const struct netns_setting settings[] = {
		/* what comes out of the tunnel went in elsewhere */
		{ .name = loose, .value = RP_LOOSE },
		{ .name = advertised, .value = "0", .optional = true },
	};

	if (str_format(loose, sizeof(loose), "ipv4/conf/%s/rp_filter", device) < 0 ||
	    str_format(advertised, sizeof(advertised), "ipv6/conf/%s/accept_ra", device) < 0)
		return err_sys(err, "settings of \"%s\"", device);
	if (netns_sysctls(-1, settings, ARRAY_SIZE(settings), err) < 0)
		return -1;
	if (has_family(m, AF_INET) && netns_sysctl(-1, "ipv4/ip_forward", "1", err) < 0)
		return -1;
	if (has_family(m, AF_INET6) && netns_sysctl(-1, "ipv6/conf/all/forwarding", "1", err) < 0)
		return -1;
	return 0;
}

int move_tunnel_make(const struct move *m, struct err *err)
{
	const struct names names = names_of(m);
	struct rtnl r = RTNL_CLOSED;
	struct link device;
	int rc = -1;

	if (rtnl_open(&r, -1, err) < 0)
		return -1;
	if (make_device(m, &names, &r, &device, err) == 0 &&
	    allow_forwarding(m, names.device, err) == 0) {
		link_up(&r, device.index);
		if (has_family(m, AF_INET))
			put_way(&r, m, &names, device.index, AF_INET);
		if (has_family(m, AF_INET6))
			put_way(&r, m, &names, device.index, AF_INET6);
		rc = rtnl_flush(&r, err);
	}
	rtnl_close(&r);
	return rc;
}

int move_tunnel_remove(const struct move *m, struct err *err)
{
	const struct names names = names_of(m);

	return link_remove(-1, names.device, err); /* its routes and neighbours go with it */
}

/* --- which way packets go ------------------------------------------------------- */

/* Those of one address; the first one is wanted on the target only. */
static size_t make_rules(const struct move *m, size_t i, struct rule rules[2])
{
	const struct names names = names_of(m);
	const struct ip ip = address_at(m, i);
	const struct ip_net net = { .ip = ip, .prefix = (uint8_t)ip_bits(&ip) };
	struct rule rule = { .family = ip.family,
			     .table = names.table,
			     .priority = { .has = true, .v = PRIORITY_MOVE } };

	if (m->role == MOVE_SOURCE) {
		rule.to = net;
		rules[0] = rule;
		return 1;
	}
	rule.from = net;
	rules[0] = rule;
	rules[1] = rule;
	rules[0].table = RT_TABLE_MAIN;
	rules[0].priority.v = PRIORITY_MAIN;
	rules[0].suppress = (struct opt_i64){ .has = true, .v = 0 };
	return 2;
}

static int change_rules(const struct move *m, bool add, struct err *err)
{
	struct rtnl r = RTNL_CLOSED;
	int rc = 0;

	if (rtnl_open(&r, -1, err) < 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < m->addresses.n; i++) {
		struct rule rules[2];
		const size_t n = make_rules(m, i, rules);

		for (size_t k = 0; k < n; k++) {
			if (add) {
				rule_add(&r, &rules[k]);
				rtnl_tolerate(&r, EEXIST);
			} else {
				rule_delete(&r, &rules[k]);
				rtnl_tolerate(&r, ENOENT);
			}
		}
		rc = rtnl_flush(&r, err);
	}
	rtnl_close(&r);
	return rc;
}

int move_divert(const struct move *m, struct err *err)
{
	return change_rules(m, true, err);
}

int move_divert_end(const struct move *m, struct err *err)
{
	return change_rules(m, false, err);
}

/* --- in the container's place on the source -------------------------------------- */

static int change_proxies(const struct move *m, int index, bool add, struct err *err)
{
	struct rtnl r = RTNL_CLOSED;
	int rc = 0;

	if (rtnl_open(&r, -1, err) < 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < m->addresses.n; i++) {
		const struct ip ip = address_at(m, i);
		const struct neigh proxy = {
			.family = ip.family, .index = index, .ip = ip, .flags = NTF_PROXY
		};

		if (add) {
			neigh_add(&r, &proxy, NLM_F_REPLACE);
		} else {
			neigh_delete(&r, &proxy);
			rtnl_tolerate(&r, ENOENT);
		}
		rc = rtnl_flush(&r, err);
	}
	rtnl_close(&r);
	return rc;
}

int move_stand_in(const struct move *m, const struct move_place *place, struct err *err)
{
	char delay[SETTING_MAX], proxy[SETTING_MAX];
	const struct netns_setting settings[] = {
		{ .name = delay, .value = "0" },
		{ .name = proxy, .value = "1", .optional = true },
	};

	if (place->bridge.index == 0)
		return 0;
	if (str_format(delay, sizeof(delay), "ipv4/neigh/%s/proxy_delay", m->bridge) < 0 ||
	    str_format(proxy, sizeof(proxy), "ipv6/conf/%s/proxy_ndp", m->bridge) < 0)
		return err_sys(err, "settings of \"%s\"", m->bridge);
	if (netns_sysctls(-1, settings, has_family(m, AF_INET6) ? 2 : 1, err) < 0 ||
	    change_proxies(m, place->bridge.index, true, err) < 0)
		return -1;
	for (size_t i = 0; i < m->addresses.n; i++) {
		const struct ip ip = address_at(m, i);

		if (announce(-1, place->bridge.index, &ip, &place->bridge.mac, err) < 0)
			return -1;
	}
	return 0;
}

int move_stand_in_end(const struct move *m, const struct move_place *place, struct err *err)
{
	return place->bridge.index ? change_proxies(m, place->bridge.index, false, err) : 0;
}

/* --- forwarding entries ----------------------------------------------------------- */

/* What leads to the container's hardware address: the bridge's entry and, behind a VXLAN, its own.  A
 * bridge takes "permanent" for "its own address"; what the container still says on its old port must
 * not pull the entry back there ("sticky"). */
static size_t make_entries(const struct move *m, const struct move_place *place,
			   struct neigh entries[2])
{
	struct neigh entry = { .family = AF_BRIDGE,
			       .index = place->outside.index,
			       .state = NUD_NOARP,
			       .flags = NTF_MASTER | NTF_STICKY };

	(void)mac_parse(m->mac, &entry.mac);
	entries[0] = entry;
	if (strcmp(place->outside.kind, "vxlan") != 0)
		return 1;
	entry.flags = NTF_SELF;
	entry.state |= NUD_PERMANENT; /* which a VXLAN insists on */
	(void)ip_parse(m->target, &entry.ip);
	entries[1] = entry;
	return 2;
}

int move_entries_lead_out(const struct move *m, const struct move_place *place, struct err *err)
{
	struct rtnl r = RTNL_CLOSED;
	struct neigh entries[2];
	int rc;

	if (place->outside.index == 0)
		return 0;
	if (rtnl_open(&r, -1, err) < 0)
		return -1;
	/* the tunnel's first: nothing may enter it that has no way on */
	for (size_t n = make_entries(m, place, entries); n-- > 0;)
		neigh_add(&r, &entries[n], NLM_F_REPLACE);
	rc = rtnl_flush(&r, err);
	rtnl_close(&r);
	return rc;
}

int move_entries_end(const struct move *m, const struct move_place *place, bool keep_unlearnt,
		     struct err *err)
{
	struct rtnl r = RTNL_CLOSED;
	struct neigh entries[2];
	size_t n;
	int rc;

	if (place->outside.index == 0)
		return 0;
	if (rtnl_open(&r, -1, err) < 0)
		return -1;
	n = make_entries(m, place, entries);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && keep_unlearnt && !place->outside.tunnel_learning)
			continue;
		entries[i].ip = (struct ip){ 0 }; /* wherever it leads */
		neigh_delete(&r, &entries[i]);
		rtnl_tolerate(&r, ENOENT);
	}
	rc = rtnl_flush(&r, err);
	rtnl_close(&r);
	return rc;
}

/* --- the port ---------------------------------------------------------------------- */

static void wait_up(struct rtnl *r, int index)
{
	const struct timespec nap = { .tv_nsec = NAP_NS };
	struct link l;

	for (int i = 0; i < NAPS; i++) {
		if (link_find_index(r, index, &l, NULL) <= 0 || l.operstate == OPER_UP)
			return;
		(void)nanosleep(&nap, NULL);
	}
}

static int announce_all(const struct move *m, int netns, int index, struct err *err)
{
	struct mac mac;

	if (mac_parse(m->mac, &mac) < 0)
		return err_sys(err, "\"%s\"", m->mac);
	for (size_t i = 0; i < m->addresses.n; i++) {
		const struct ip ip = address_at(m, i);

		if (announce(netns, index, &ip, &mac, err) < 0)
			return -1;
	}
	return 0;
}

/* An interface without a port on the host (macvlan) is mute instead of down: its kernel answers
 * for it, and setting it down would cost its routes. */
static int set_mute(struct rtnl *inside, const struct link *eth, bool mute, struct err *err)
{
	link_set_flags(inside, eth->index, mute ? IFF_NOARP : 0, IFF_NOARP);
	return rtnl_flush(inside, err);
}

static int set_port(const struct move_place *place, bool open, struct err *err)
{
	struct rtnl host = RTNL_CLOSED;
	int rc;

	if (place->port.index == 0)
		return 0;
	if (rtnl_open(&host, -1, err) < 0)
		return -1;
	link_set_flags(&host, place->port.index, open ? IFF_UP : 0, IFF_UP);
	rc = rtnl_flush(&host, err);
	if (rc == 0 && open)
		wait_up(&host, place->port.index);
	rtnl_close(&host);
	return rc;
}

static int change_inside(const struct move *m, const struct move_place *place, const char *netns,
			 bool open, struct err *err)
{
	struct rtnl inside = RTNL_CLOSED;
	AUTO_FD ns = netns_open(netns, err);
	struct link eth;
	int rc = -1;

	if (ns < 0)
		return -1;
	if (rtnl_open(&inside, ns, err) == 0 && link_get(&inside, m->ifname, &eth, err) == 0)
		rc = place->port.index ? 0 : set_mute(&inside, &eth, !open, err);
	if (rc == 0 && open) {
		wait_up(&inside, eth.index);
		rc = announce_all(m, ns, eth.index, err);
	}
	rtnl_close(&inside);
	return rc;
}

int move_announce(const struct move *m, const struct move_place *place, const char *netns,
		  struct err *err)
{
	return change_inside(m, place, netns, true, err);
}

int move_open_port(const struct move *m, const struct move_place *place, const char *netns,
		   struct err *err)
{
	const struct hold hold = { .network = m->network,
				   .container_id = m->container,
				   .ifname = m->ifname };

	if (m->role == MOVE_TARGET && m->kind == MOVE_BRIDGED && hold_end(&hold, err) < 0)
		return -1;
	if (set_port(place, true, err) < 0)
		return -1;
	return netns[0] ? change_inside(m, place, netns, true, err) : 0;
}

int move_close_port(const struct move *m, const struct move_place *place, const char *netns,
		    struct err *err)
{
	if (place->port.index == 0 && netns[0] && change_inside(m, place, netns, false, err) < 0)
		return -1;
	return set_port(place, false, err);
}
