/* SPDX-License-Identifier: Apache-2.0 */
/* network.c - the loopback device, and host devices moved into the container
 *
 * A device is moved and renamed by one RTM_SETLINK; the kernel takes it down
 * for that and forgets its addresses, so the permanent global ones are read
 * before and added again in the target, over a netlink socket that was opened
 * there.  Addresses that a protocol made (dynamic, link-local) come back by
 * themselves.
 * runtime-spec config-linux.md "Network Devices"; rtnetlink(7), netdevice(7).
 */
#include "runtime/isolate/network.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

#define NET_ADDRS_MAX  128 /* addresses of one device */
#define NET_ATTRS_MAX  128 /* bytes of attributes of one address */
#define NET_REPLY_SIZE 32768
#define NET_NAMES_MAX  1024 /* devices eth0 .. eth1023 for a "%d" */

int network_loopback_up(struct err *err)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	AUTO_FD fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	/* a kernel without IPv4: any socket of the namespace will do */
	if (fd < 0)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, "open a socket for device \"lo\"");
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return err_sys(err, "set up device \"lo\"");
	return 0;
}

/* --- the plan ----------------------------------------------------------------- */

static int netdev_bad(const char *key, const char *why, struct err *err)
{
	char field[ERR_FIELD_MAX];

	if (str_format(field, sizeof(field), "/linux/netDevices/%s", key) < 0)
		field[0] = '\0';
	return err_field(err, EINVAL, field, "network device \"%.64s\" %s", key, why);
}

/* dev_valid_name() of the kernel. */
static bool netdev_is_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	return strpbrk(name, "/: \t\n\v\f\r") == NULL;
}

static bool netdev_is_template(const char *name)
{
	const char *percent = strchr(name, '%');

	return percent != NULL && percent[1] == 'd' && strchr(percent + 1, '%') == NULL;
}

int netdevs_make(const struct spec *spec, bool own_netns, struct arena *arena, struct netdevs *ret,
		 struct err *err)
{
	const struct spec_linux *l = spec->linux_;
	struct netdevs d = { .n = l->netDevices.n };

	*ret = (struct netdevs){ 0 };
	if (d.n == 0)
		return 0;
	if (!own_netns)
		return err_field(err, EINVAL, "/linux/netDevices",
				 "network devices without a network namespace of the container");
	if (d.n > NETDEVS_MAX)
		return err_field(err, E2BIG, "/linux/netDevices", "more than %d network devices",
				 NETDEVS_MAX);
	d.v = arena_array(arena, d.n, sizeof(*d.v));
	if (d.v == NULL)
		return err_sys(err, "list network devices");
	for (size_t i = 0; i < d.n; i++) {
		const struct spec_net_device *s = &l->netDevices.v[i];
		const char *name = s->name != NULL && s->name[0] != '\0' ? s->name : s->key;

		if (!netdev_is_name(s->key) || strchr(s->key, '%') != NULL)
			return netdev_bad(s->key, "has a bad name", err);
		if (!netdev_is_name(name) ||
		    (strchr(name, '%') != NULL && !netdev_is_template(name)))
			return netdev_bad(s->key, "gets a bad name", err);
		for (size_t k = 0; k < i; k++) {
			if (strcmp(d.v[k].container, name) == 0 && !netdev_is_template(name))
				return netdev_bad(s->key, "gets a name given twice", err);
		}
		d.v[i] = (struct netdev){ s->key, name };
	}
	*ret = d;
	return 0;
}

/* --- rtnetlink ------------------------------------------------------------------ */

struct netlink {
	int fd;
	uint32_t seq;
};

struct request {
	struct nlmsghdr head;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg addr;
	} body;
	char attrs[512];
};

struct address {
	struct ifaddrmsg head;
	size_t len;
	char attrs[NET_ATTRS_MAX];
};

struct device {
	int index;
	size_t n;
	struct address v[NET_ADDRS_MAX];
	bool too_many;
};

typedef void netlink_reply(const struct nlmsghdr *h, void *arg);

static void request_init(struct request *r, uint16_t type, uint16_t flags, size_t body)
{
	memset(r, 0, sizeof(*r));
	r->head.nlmsg_type = type;
	r->head.nlmsg_flags = NLM_F_REQUEST | flags;
	r->head.nlmsg_len = NLMSG_LENGTH(body);
}

static int request_add(struct request *r, uint16_t type, const void *data, size_t size)
{
	size_t at = NLMSG_ALIGN(r->head.nlmsg_len);
	struct rtattr attr = { .rta_type = type, .rta_len = (unsigned short)RTA_LENGTH(size) };

	if (at + RTA_SPACE(size) > sizeof(*r)) {
		errno = EMSGSIZE;
		return -1;
	}
	memcpy((char *)r + at, &attr, sizeof(attr));
	memcpy((char *)r + at + RTA_LENGTH(0), data, size);
	r->head.nlmsg_len = (uint32_t)(at + RTA_LENGTH(size));
	return 0;
}

static int netlink_open(struct netlink *nl)
{
	nl->seq = 0;
	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	return nl->fd < 0 ? -1 : 0;
}

/* Handles one datagram: 1 the end was reached, 0 more comes, -1 with errno. */
static int netlink_parse(const struct netlink *nl, const char *data, size_t size,
			 netlink_reply *reply, void *arg)
{
	size_t at = 0;

	while (size - at >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr h;
		int error = 0;

		memcpy(&h, data + at, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > size - at)
			break;
		if (h.nlmsg_seq == nl->seq && h.nlmsg_type == NLMSG_DONE)
			return 1;
		if (h.nlmsg_seq == nl->seq && h.nlmsg_type == NLMSG_ERROR) {
			if (h.nlmsg_len < NLMSG_LENGTH(sizeof(error)))
				break;
			memcpy(&error, data + at + NLMSG_HDRLEN, sizeof(error));
			errno = -error;
			return error == 0 ? 1 : -1;
		}
		if (h.nlmsg_seq == nl->seq && reply != NULL)
			reply((const struct nlmsghdr *)(const void *)(data + at), arg);
		at += NLMSG_ALIGN(h.nlmsg_len);
		if (at >= size)
			return 0;
	}
	errno = EBADMSG;
	return -1;
}

/* Sends a request and takes replies until its end: 0, or -1 with errno. */
static int netlink_talk(struct netlink *nl, struct request *r, netlink_reply *reply, void *arg)
{
	char data[NET_REPLY_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));

	r->head.nlmsg_seq = ++nl->seq;
	if (send(nl->fd, r, r->head.nlmsg_len, 0) < 0)
		return -1;
	for (;;) {
		struct sockaddr_nl from = { 0 };
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(nl->fd, data, sizeof(data), MSG_TRUNC,
				     (struct sockaddr *)&from, &len);
		int end;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if ((size_t)n > sizeof(data)) {
			errno = EMSGSIZE;
			return -1;
		}
		if (from.nl_pid != 0) /* not from the kernel */
			continue;
		end = netlink_parse(nl, data, (size_t)n, reply, arg);
		if (end != 0)
			return end < 0 ? -1 : 0;
	}
}

static void take_index(const struct nlmsghdr *h, void *arg)
{
	struct ifinfomsg link;

	if (h->nlmsg_type != RTM_NEWLINK || h->nlmsg_len < NLMSG_LENGTH(sizeof(link)))
		return;
	memcpy(&link, (const char *)h + NLMSG_HDRLEN, sizeof(link));
	*(int *)arg = link.ifi_index;
}

/* The index of a device, or -1 with errno. */
static int netlink_index(struct netlink *nl, const char *name)
{
	struct request r;
	int index = -1;

	request_init(&r, RTM_GETLINK, NLM_F_ACK, sizeof(r.body.link));
	if (request_add(&r, IFLA_IFNAME, name, strlen(name) + 1) < 0 ||
	    netlink_talk(nl, &r, take_index, &index) < 0)
		return -1;
	if (index < 0)
		errno = ENODEV;
	return index;
}

/* --- addresses --------------------------------------------------------------------- */

/* Keeps an attribute that describes the address itself. */
static void address_keep(struct address *a, const struct rtattr *attr, uint32_t *flags)
{
	size_t space = RTA_ALIGN(attr->rta_len);

	switch (attr->rta_type) {
	case IFA_FLAGS:
		if (RTA_PAYLOAD(attr) >= sizeof(*flags))
			memcpy(flags, (const char *)attr + RTA_LENGTH(0), sizeof(*flags));
		return;
	case IFA_LOCAL:
	case IFA_ADDRESS:
	case IFA_BROADCAST:
	case IFA_RT_PRIORITY:
		if (a->len + space <= sizeof(a->attrs)) {
			memcpy(a->attrs + a->len, attr, attr->rta_len);
			a->len += space;
		}
		return;
	}
}

static void take_address(const struct nlmsghdr *h, void *arg)
{
	struct device *d = arg;
	struct address a = { .len = 0 };
	const struct rtattr *attr;
	uint32_t flags;
	int left;

	if (h->nlmsg_type != RTM_NEWADDR || h->nlmsg_len < NLMSG_LENGTH(sizeof(a.head)))
		return;
	memcpy(&a.head, (const char *)h + NLMSG_HDRLEN, sizeof(a.head));
	if ((int)a.head.ifa_index != d->index || a.head.ifa_scope != RT_SCOPE_UNIVERSE)
		return;
	flags = a.head.ifa_flags;
	left = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof(a.head)));
	attr = (const struct rtattr *)(const void *)((const char *)h + NLMSG_SPACE(sizeof(a.head)));
	while (RTA_OK(attr, left)) {
		address_keep(&a, attr, &flags);
		left -= (int)RTA_ALIGN(attr->rta_len);
		attr = (const struct rtattr *)(const void *)((const char *)attr +
							     RTA_ALIGN(attr->rta_len));
	}
	if ((flags & IFA_F_PERMANENT) == 0)
		return;
	if (d->n == NET_ADDRS_MAX) {
		d->too_many = true;
		return;
	}
	/* the rest of the flags is the kernel's business */
	a.head.ifa_flags = (uint8_t)(flags & (IFA_F_NODAD | IFA_F_HOMEADDRESS));
	d->v[d->n++] = a;
}

static int addresses_read(struct netlink *nl, struct device *d, const char *name, struct err *err)
{
	struct request r;

	d->n = 0;
	d->too_many = false;
	request_init(&r, RTM_GETADDR, NLM_F_DUMP, sizeof(r.body.addr));
	if (netlink_talk(nl, &r, take_address, d) < 0)
		return err_sys(err, "read addresses of network device \"%s\"", name);
	if (d->too_many)
		return err_set(err, E2BIG, "network device \"%s\" has more than %d addresses", name,
			       NET_ADDRS_MAX);
	return 0;
}

static int addresses_add(struct netlink *nl, const struct device *d, int index, const char *name,
			 struct err *err)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct address *a = &d->v[i];
		struct request r;

		request_init(&r, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
			     sizeof(r.body.addr));
		r.body.addr = a->head;
		r.body.addr.ifa_index = (uint32_t)index;
		memcpy((char *)&r + NLMSG_SPACE(sizeof(r.body.addr)), a->attrs, a->len);
		r.head.nlmsg_len = (uint32_t)(NLMSG_SPACE(sizeof(r.body.addr)) + a->len);
		if (netlink_talk(nl, &r, NULL, NULL) < 0)
			return err_sys(err, "give network device \"%s\" its address back", name);
	}
	return 0;
}

/* --- moving ---------------------------------------------------------------------------- */

/* A netlink socket in another network namespace: there and back.  Fatal if it can't come back. */
static int netlink_open_in(struct netlink *nl, int target, struct err *err)
{
	int saved;
	AUTO_FD own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (own < 0)
		return err_sys(err, "open \"/proc/self/ns/net\"");
	if (setns(target, CLONE_NEWNET) < 0)
		return err_sys(err, "enter the container's network namespace");
	(void)netlink_open(nl);
	saved = errno;
	if (setns(own, CLONE_NEWNET) < 0) {
		nl->fd = fd_close(nl->fd);
		return err_sys(err, "come back from the container's network namespace");
	}
	errno = saved;
	if (nl->fd < 0)
		return err_sys(err, "open a netlink socket in the container");
	return 0;
}

/* The lowest free name of a "%d" template in the target, or the name itself. */
static int pick_name(struct netlink *there, const struct netdev *dev, char *name, struct err *err)
{
	const char *percent = strchr(dev->container, '%');

	if (percent == NULL)
		return str_copy(name, IFNAMSIZ, dev->container) < 0
			       ? err_sys(err, "name \"%s\"", dev->container)
			       : 0;
	for (int i = 0; i < NET_NAMES_MAX; i++) {
		if (str_format(name, IFNAMSIZ, "%.*s%d%s", (int)(percent - dev->container),
			       dev->container, i, percent + 2) < 0)
			return err_sys(err, "name \"%s\"", dev->container);
		if (netlink_index(there, name) < 0) {
			if (errno == ENODEV)
				return 0;
			return err_sys(err, "look for network device \"%s\"", name);
		}
	}
	return err_set(err, EEXIST, "no free name for \"%s\"", dev->container);
}

static int netdev_move(struct netlink *here, struct netlink *there, const struct netdev *dev,
		       int target, struct err *err)
{
	char name[IFNAMSIZ];
	uint32_t fd = (uint32_t)target;
	struct device device = { .index = netlink_index(here, dev->host) };
	struct request r;
	int index;

	if (device.index < 0)
		return err_sys(err, "find network device \"%s\"", dev->host);
	if (addresses_read(here, &device, dev->host, err) < 0 ||
	    pick_name(there, dev, name, err) < 0)
		return -1;
	/* a device that is up can't be renamed; moving takes it down anyway */
	request_init(&r, RTM_SETLINK, NLM_F_ACK, sizeof(r.body.link));
	r.body.link.ifi_index = device.index;
	r.body.link.ifi_change = IFF_UP;
	if (netlink_talk(here, &r, NULL, NULL) < 0)
		return err_sys(err, "set down network device \"%s\"", dev->host);
	if (request_add(&r, IFLA_NET_NS_FD, &fd, sizeof(fd)) < 0 ||
	    request_add(&r, IFLA_IFNAME, name, strlen(name) + 1) < 0 ||
	    netlink_talk(here, &r, NULL, NULL) < 0)
		return err_sys(err, "move network device \"%s\" into the container as \"%s\"",
			       dev->host, name);
	index = netlink_index(there, name);
	if (index < 0)
		return err_sys(err, "find network device \"%s\" in the container", name);
	if (addresses_add(there, &device, index, name, err) < 0)
		return -1;
	request_init(&r, RTM_SETLINK, NLM_F_ACK, sizeof(r.body.link));
	r.body.link.ifi_index = index;
	r.body.link.ifi_flags = IFF_UP;
	r.body.link.ifi_change = IFF_UP;
	if (netlink_talk(there, &r, NULL, NULL) < 0)
		return err_sys(err, "set up network device \"%s\" in the container", name);
	return 0;
}

int netdevs_move(const struct netdevs *d, int target, struct err *err)
{
	struct netlink here = { .fd = -1 }, there = { .fd = -1 };
	int result = 0;

	if (d->n == 0)
		return 0;
	if (netlink_open(&here) < 0)
		return err_sys(err, "open a netlink socket");
	result = netlink_open_in(&there, target, err);
	for (size_t i = 0; result == 0 && i < d->n; i++)
		result = netdev_move(&here, &there, &d->v[i], target, err);
	(void)fd_close(here.fd);
	(void)fd_close(there.fd);
	return result;
}
