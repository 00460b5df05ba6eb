/* SPDX-License-Identifier: Apache-2.0 */
/* link.c - interfaces
 *
 * Questions leave out the statistics (IFLA_EXT_MASK), which are the longest
 * part of an answer and the slowest to make.
 * rtnetlink(7); linux/if_link.h, linux/if_bridge.h, linux/veth.h.
 */
#include "cni/link.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_bridge.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/proc.h"
#include "cni/netns.h"

#define EXT_SKIP_STATS (1U << 3) /* RTEXT_FILTER_SKIP_STATS */
#define REMOVE_WAIT_MS 2000

/* --- questions ---------------------------------------------------------------- */

static void copy_string(char *dst, size_t size, const struct nlattr *attr)
{
	(void)str_copy(dst, size, rtnl_string(attr)); /* the kernel's own limits are ours */
}

static void parse_kind_data(const struct nlattr *data, struct link *l)
{
	static const struct {
		const char *kind;
		int attr;
		size_t size;
	} numbers[] = {
		{ "vlan", IFLA_VLAN_ID, sizeof(uint16_t) },
		{ "macvlan", IFLA_MACVLAN_MODE, sizeof(uint32_t) },
		{ "ipvlan", IFLA_IPVLAN_MODE, sizeof(uint16_t) },
		{ "vrf", IFLA_VRF_TABLE, sizeof(uint32_t) },
		{ "vxlan", IFLA_VXLAN_ID, sizeof(uint32_t) },
	};
	struct nlattr *tb[IFLA_BR_MAX + 1];

	if (rtnl_nested(data, tb, IFLA_BR_MAX) < 0)
		return;
	if (str_eq(l->kind, "bridge")) {
		l->vlan_filtering = rtnl_u8(tb[IFLA_BR_VLAN_FILTERING]) != 0;
		l->vlan_default = rtnl_u16(tb[IFLA_BR_VLAN_DEFAULT_PVID]);
	}
	if (str_eq(l->kind, "vxlan"))
		l->tunnel_learning = rtnl_u8(tb[IFLA_VXLAN_LEARNING]) != 0;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (!str_eq(l->kind, numbers[i].kind))
			continue;
		l->number = numbers[i].size == sizeof(uint16_t) ? rtnl_u16(tb[numbers[i].attr])
								: rtnl_u32(tb[numbers[i].attr]);
	}
}

static void parse_info(const struct nlattr *info, struct link *l)
{
	struct nlattr *tb[IFLA_INFO_MAX + 1], *port[IFLA_BRPORT_MAX + 1];

	if (rtnl_nested(info, tb, IFLA_INFO_MAX) < 0)
		return;
	copy_string(l->kind, sizeof(l->kind), tb[IFLA_INFO_KIND]);
	copy_string(l->port_kind, sizeof(l->port_kind), tb[IFLA_INFO_SLAVE_KIND]);
	parse_kind_data(tb[IFLA_INFO_DATA], l);
	if (str_eq(l->port_kind, "bridge") &&
	    rtnl_nested(tb[IFLA_INFO_SLAVE_DATA], port, IFLA_BRPORT_MAX) == 0) {
		l->hairpin = rtnl_u8(port[IFLA_BRPORT_MODE]) != 0;
		l->isolated = rtnl_u8(port[IFLA_BRPORT_ISOLATED]) != 0;
		l->learning = rtnl_u8(port[IFLA_BRPORT_LEARNING]) != 0;
	}
}

/* From an RTM_NEWLINK. */
static int link_parse(const struct nlmsghdr *h, struct link *ret)
{
	struct nlattr *tb[IFLA_MAX + 1];
	struct ifinfomsg info;

	if (h->nlmsg_type != RTM_NEWLINK || rtnl_attrs(h, sizeof(info), tb, IFLA_MAX) < 0)
		return -1;
	memcpy(&info, rtnl_body(h), sizeof(info));
	*ret = (struct link){ .index = info.ifi_index, .flags = info.ifi_flags };
	copy_string(ret->name, sizeof(ret->name), tb[IFLA_IFNAME]);
	copy_string(ret->alias, sizeof(ret->alias), tb[IFLA_IFALIAS]);
	if (rtnl_size(tb[IFLA_ADDRESS]) == MAC_BYTES) {
		memcpy(ret->mac.bytes, rtnl_data(tb[IFLA_ADDRESS]), MAC_BYTES);
		ret->has_mac = true;
	}
	ret->mtu = rtnl_u32(tb[IFLA_MTU]);
	ret->group = rtnl_u32(tb[IFLA_GROUP]);
	ret->tx_queue_length = rtnl_u32(tb[IFLA_TXQLEN]);
	ret->promiscuity = rtnl_u32(tb[IFLA_PROMISCUITY]);
	ret->master = (int)rtnl_u32(tb[IFLA_MASTER]);
	ret->parent = (int)rtnl_u32(tb[IFLA_LINK]);
	ret->parent_netns = tb[IFLA_LINK_NETNSID] ? (int)rtnl_u32(tb[IFLA_LINK_NETNSID]) : -1;
	ret->operstate = rtnl_u8(tb[IFLA_OPERSTATE]);
	parse_info(tb[IFLA_LINKINFO], ret);
	return 0;
}

static int one_link(const struct nlmsghdr *h, void *data, struct err *err)
{
	if (h && link_parse(h, data) < 0)
		return err_set(err, EBADMSG, "rtnetlink: an interface that can't be read");
	return 0;
}

static int find(struct rtnl *r, const char *name, int index, struct link *ret, struct err *err)
{
	const struct ifinfomsg info = { .ifi_index = index };
	struct err failure = { 0 };
	struct link found = { 0 };

	if (name)
		rtnl_begin(r, RTM_GETLINK, 0, &info, sizeof(info), "find interface \"%s\"", name);
	else
		rtnl_begin(r, RTM_GETLINK, 0, &info, sizeof(info), "find interface %d", index);
	if (name)
		rtnl_put_string(r, IFLA_IFNAME, name);
	rtnl_put_u32(r, IFLA_EXT_MASK, EXT_SKIP_STATS);
	rtnl_end(r);
	if (rtnl_query(r, one_link, &found, &failure) < 0) {
		if (failure.code == ENODEV)
			return 0;
		if (err)
			*err = failure;
		return -1;
	}
	*ret = found;
	return 1;
}

int link_find(struct rtnl *r, const char *name, struct link *ret, struct err *err)
{
	return find(r, name, 0, ret, err);
}

int link_find_index(struct rtnl *r, int index, struct link *ret, struct err *err)
{
	return find(r, NULL, index, ret, err);
}

int link_get(struct rtnl *r, const char *name, struct link *ret, struct err *err)
{
	int found = link_find(r, name, ret, err);

	if (found == 0)
		return err_set(err, ENODEV, "there is no interface \"%s\"", name);
	return found < 0 ? -1 : 0;
}

/* Asked for an interface that isn't there these ioctls have the kernel load a module of that name,
 * and wait for it; binding a socket doesn't.  What a netlink socket is bound to means nothing. */
static bool is_there(int sock, const char *name)
{
	if (setsockopt(sock, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)) < 0)
		return false;
	return setsockopt(sock, SOL_SOCKET, SO_BINDTODEVICE, "", 0) == 0;
}

bool link_glance(struct rtnl *r, const char *name, struct link *ret)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq q = { 0 };

	*ret = (struct link){ .has_mac = true };
	if (str_copy(q.ifr_name, sizeof(q.ifr_name), name) < 0 || !is_there(r->fd, name) ||
	    str_copy(ret->name, sizeof(ret->name), name) < 0 || ioctl(r->fd, SIOCGIFINDEX, &q) < 0)
		return false;
	ret->index = q.ifr_ifindex;
	if (ioctl(r->fd, SIOCGIFFLAGS, &q) < 0)
		return false;
	ret->flags = (unsigned short)q.ifr_flags;
	if (ioctl(r->fd, SIOCGIFMTU, &q) < 0)
		return false;
	ret->mtu = (uint32_t)q.ifr_mtu;
	if (ioctl(r->fd, SIOCGIFHWADDR, &q) < 0)
		return false;
	memcpy(ret->mac.bytes, q.ifr_hwaddr.sa_data, MAC_BYTES);
	q.ifr_data = (void *)&driver;
	return ioctl(r->fd, SIOCETHTOOL, &q) == 0 &&
	       str_copy(ret->kind, sizeof(ret->kind), driver.driver) == 0;
}

struct walk {
	int (*each)(const struct link *link, void *data, struct err *err);
	void *data;
};

static int walk_link(const struct nlmsghdr *h, void *data, struct err *err)
{
	const struct walk *walk = data;
	struct link l;

	if (!h)
		return walk->each(NULL, walk->data, err);
	if (link_parse(h, &l) < 0)
		return 0;
	return walk->each(&l, walk->data, err);
}

int link_each(struct rtnl *r, int (*each)(const struct link *link, void *data, struct err *err),
	      void *data, struct err *err)
{
	const struct ifinfomsg info = { 0 };
	struct walk walk = { .each = each, .data = data };

	rtnl_begin(r, RTM_GETLINK, NLM_F_DUMP, &info, sizeof(info), "list the interfaces");
	rtnl_put_u32(r, IFLA_EXT_MASK, EXT_SKIP_STATS);
	rtnl_end(r);
	return rtnl_query(r, walk_link, &walk, err);
}

struct ports {
	int master;
	bool any;
};

static int look_for_port(const struct link *l, void *data, struct err *err)
{
	struct ports *ports = data;

	(void)err;
	if (!l)
		ports->any = false;
	else if (l->master == ports->master)
		ports->any = true;
	return 0;
}

int link_has_port(struct rtnl *r, int master, struct err *err)
{
	struct ports ports = { .master = master };

	return link_each(r, look_for_port, &ports, err) < 0 ? -1 : ports.any;
}

/* --- new interfaces ----------------------------------------------------------- */

static void put_new(struct rtnl *r, const struct link_new *new)
{
	rtnl_put_string(r, IFLA_IFNAME, new->name);
	if (new->mac)
		rtnl_put(r, IFLA_ADDRESS, new->mac->bytes, MAC_BYTES);
	if (new->mtu)
		rtnl_put_u32(r, IFLA_MTU, new->mtu);
	if (new->master)
		rtnl_put_u32(r, IFLA_MASTER, (uint32_t) new->master);
	if (new->parent)
		rtnl_put_u32(r, IFLA_LINK, (uint32_t) new->parent);
	if (new->group)
		rtnl_put_u32(r, IFLA_GROUP, new->group);
	if (new->queues) {
		rtnl_put_u32(r, IFLA_NUM_TX_QUEUES, new->queues);
		rtnl_put_u32(r, IFLA_NUM_RX_QUEUES, new->queues);
	}
	if (new->in_netns)
		rtnl_put_u32(r, IFLA_NET_NS_FD, (uint32_t) new->netns);
}

void link_new(struct rtnl *r, const struct link_new *new)
{
	struct ifinfomsg info = { .ifi_index = new->index };

	if (new->up)
		info.ifi_flags = info.ifi_change = IFF_UP;
	rtnl_begin(r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info),
		   "make %s interface \"%s\"", new->kind, new->name);
	put_new(r, new);
	rtnl_nest(r, IFLA_LINKINFO);
	rtnl_put_string(r, IFLA_INFO_KIND, new->kind);
	rtnl_nest(r, IFLA_INFO_DATA);
}

void link_new_end(struct rtnl *r)
{
	rtnl_nest_end(r);
	rtnl_nest_end(r);
	rtnl_end(r);
}

void link_new_veth(struct rtnl *r, const struct link_new *first, const struct link_new *peer)
{
	const struct ifinfomsg info = { .ifi_index = peer->index };

	link_new(r, first);
	rtnl_nest(r, VETH_INFO_PEER);
	rtnl_append(r, &info, sizeof(info));
	put_new(r, peer);
	rtnl_nest_end(r);
	link_new_end(r);
}

/* --- changes ------------------------------------------------------------------ */

void link_change(struct rtnl *r, int index, const char *what)
{
	const struct ifinfomsg info = { .ifi_index = index };

	rtnl_begin(r, RTM_NEWLINK, 0, &info, sizeof(info), "%s", what);
}

void link_set_flags(struct rtnl *r, int index, uint32_t flags, uint32_t mask)
{
	const struct ifinfomsg info = { .ifi_index = index,
					.ifi_flags = flags,
					.ifi_change = mask };

	rtnl_begin(r, RTM_NEWLINK, 0, &info, sizeof(info), "%s interface %d",
		   mask != IFF_UP ? "set the flags of"
		   : flags	  ? "set up"
				  : "set down",
		   index);
	rtnl_end(r);
}

void link_up(struct rtnl *r, int index)
{
	link_set_flags(r, index, IFF_UP, IFF_UP);
}

void link_down(struct rtnl *r, int index)
{
	link_set_flags(r, index, 0, IFF_UP);
}

void link_set_mtu(struct rtnl *r, int index, uint32_t mtu)
{
	link_change(r, index, "set the MTU of an interface");
	rtnl_put_u32(r, IFLA_MTU, mtu);
	rtnl_end(r);
}

void link_set_mac(struct rtnl *r, int index, const struct mac *mac)
{
	link_change(r, index, "set the hardware address of an interface");
	rtnl_put(r, IFLA_ADDRESS, mac->bytes, MAC_BYTES);
	rtnl_end(r);
}

void link_set_master(struct rtnl *r, int index, int master)
{
	link_change(r, index, "make an interface a port of another");
	rtnl_put_u32(r, IFLA_MASTER, (uint32_t)master);
	rtnl_end(r);
}

void link_set_alias(struct rtnl *r, int index, const char *alias)
{
	link_change(r, index, "set the alias of an interface");
	rtnl_put(r, IFLA_IFALIAS, alias, strlen(alias));
	rtnl_end(r);
}

/* linux net/ipv4/devinet.c, inet_set_link_af() */
void link_set_arp_notify(struct rtnl *r, int index)
{
	link_change(r, index, "have the addresses of an interface announced");
	rtnl_nest(r, IFLA_AF_SPEC);
	rtnl_nest(r, AF_INET);
	rtnl_nest(r, IFLA_INET_CONF);
	rtnl_put_u32(r, IPV4_DEVCONF_ARP_NOTIFY, 1);
	rtnl_nest_end(r);
	rtnl_nest_end(r);
	rtnl_nest_end(r);
	rtnl_end(r);
}

void link_set_port(struct rtnl *r, int index, const struct link_port *port)
{
	const struct {
		int attr;
		struct opt_bool v;
	} settings[] = {
		{ IFLA_BRPORT_MODE, port->hairpin },
		{ IFLA_BRPORT_ISOLATED, port->isolated },
		{ IFLA_BRPORT_LEARNING, port->learning },
		{ IFLA_BRPORT_UNICAST_FLOOD, port->flood },
	};

	link_change(r, index, "set a bridge port");
	rtnl_nest(r, IFLA_LINKINFO);
	rtnl_put_string(r, IFLA_INFO_SLAVE_KIND, "bridge");
	rtnl_nest(r, IFLA_INFO_SLAVE_DATA);
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (settings[i].v.has)
			rtnl_put_u8(r, settings[i].attr, settings[i].v.v);
	rtnl_nest_end(r);
	rtnl_nest_end(r);
	rtnl_end(r);
}

/* --- the end of interfaces ---------------------------------------------------- */

void link_delete(struct rtnl *r, int index)
{
	const struct ifinfomsg info = { .ifi_index = index };

	rtnl_begin(r, RTM_DELLINK, 0, &info, sizeof(info), "delete interface %d", index);
	rtnl_end(r);
}

struct removal {
	struct rtnl *rtnl;
	int index;
};

static int remove_in_child(void *data)
{
	const struct removal *removal = data;
	struct err err = { 0 };

	link_delete(removal->rtnl, removal->index);
	if (rtnl_flush(removal->rtnl, &err) < 0 && err.code != ENODEV)
		return err.code;
	return 0;
}

/* Has the interface been announced as gone on the socket? */
static bool is_gone(int events, int index)
{
	char message[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t n = recv(events, message, sizeof(message), MSG_DONTWAIT);

	if (n < 0)
		return false;
	for (struct nlmsghdr *h = (void *)message; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
		const struct ifinfomsg *info = rtnl_body(h);

		if (h->nlmsg_type == RTM_DELLINK && info->ifi_family == AF_UNSPEC &&
		    info->ifi_index == index)
			return true;
	}
	return false;
}

/* Until the interface is announced as gone or the child is through. */
static int wait_gone(int events, int child, int index, const char *name, struct err *err)
{
	struct pollfd fds[] = { { .fd = events, .events = POLLIN },
				{ .fd = child, .events = POLLIN } };
	int code = 0;

	for (;;) {
		int n = poll(fds, ARRAY_SIZE(fds), REMOVE_WAIT_MS);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "delete interface \"%s\"", name);
		if (n == 0)
			return err_set(err, ETIMEDOUT,
				       "delete interface \"%s\": not gone after %d ms", name,
				       REMOVE_WAIT_MS);
		if (fds[1].revents)
			break;
		if (is_gone(events, index))
			return 0;
	}
	if (fd_read_full(child, &code, sizeof(code)) != (ssize_t)sizeof(code))
		code = ECHILD;
	errno = code;
	return code == 0 ? 0 : err_sys(err, "delete interface \"%s\"", name);
}

static int remove_link(struct rtnl *r, int netns, const struct link *l, struct err *err)
{
	/* bound: an announcement comes from number 0, and nobody hears what comes from himself */
	const struct sockaddr_nl group = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	struct removal removal = { .rtnl = r, .index = l->index };
	AUTO_FD events = netns_socket(netns, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, err);
	AUTO_FD child = -1;

	if (events < 0)
		return -1;
	if (bind(events, (const struct sockaddr *)&group, sizeof(group)) < 0)
		return err_sys(err, "watch the interfaces");
	child = proc_background(remove_in_child, &removal, err);
	if (child < 0)
		return -1;
	return wait_gone(events, child, l->index, l->name, err);
}

int link_remove(int netns, const char *name, struct err *err)
{
	struct rtnl r = RTNL_CLOSED;
	struct link l;
	int found;

	if (rtnl_open(&r, netns, err) < 0)
		return -1;
	found = link_find(&r, name, &l, err);
	if (found > 0)
		found = remove_link(&r, netns, &l, err);
	rtnl_close(&r);
	return found;
}
