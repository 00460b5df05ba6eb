/* SPDX-License-Identifier: Apache-2.0 */
/* host_device.c - an interface of the host is lent to the container
 *
 * One request moves it and gives it its name; its old one is kept as its alias
 * in the container, so that DEL can give it back as it was.  The kernel takes
 * the interface down on the way.  When the namespace dies first, the kernel
 * itself brings a physical interface home.
 * CNI plugin "host-device"; ip-link(8).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/fd.h"
#include "cni/apply.h"
#include "cni/ipam.h"
#include "cni/plugins/host_device/find.h"
#include "cni/plugins/registry.h"

#define OWN_NETNS "/proc/self/ns/net"

/* Moves and renames in one request: r is where it is, netns where it goes. */
static int move(struct rtnl *r, const struct link *link, int netns, const char *name,
		struct err *err)
{
	link_down(r, link->index);
	link_change(r, link->index, "move");
	rtnl_put_u32(r, IFLA_NET_NS_FD, (uint32_t)netns);
	rtnl_put_string(r, IFLA_IFNAME, name);
	rtnl_end(r);
	return rtnl_flush(r, err);
}

/* What of the device's name is there in the container: 1 and *ret, 0, -1. */
static int find_inside(struct cni_call *call, struct link *ret, struct err *err)
{
	struct rtnl *r = cni_inside(call, err);

	return r ? link_find(r, call->args->ifname, ret, err) : -1;
}

static int give_back(struct cni_call *call, const struct link *link, struct err *err)
{
	AUTO_FD own = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
	char name[IFNAMSIZ];

	if (own < 0)
		return err_sys(err, "open \"%s\"", OWN_NETNS);
	if (str_copy(name, sizeof(name), link->alias) < 0 || !netconf_ifname_ok(name))
		return err_set(err, EINVAL, "\"%s\" doesn't say what it was called on the host",
			       link->name);
	link_set_alias(&call->inside, link->index, "");
	return move(&call->inside, link, own, name, err);
}

struct lent {
	struct cni_call *call;
	const struct host_device *wanted;
	struct link device, inside;
	struct result addresses;
	bool moved, leased;
};

static int lend(void *add, struct err *err)
{
	struct lent *l = add;
	struct cni_call *call = l->call;
	const int there = find_inside(call, &l->inside, err);

	if (there != 0)
		return there < 0 ? -1
				 : err_set(err, EEXIST, "\"%s\" exists already in the container",
					   call->args->ifname);
	if (host_device_find(call, l->wanted, &l->device, err) < 0)
		return -1;
	link_set_alias(&call->host, l->device.index, l->device.name);
	if (rtnl_flush(&call->host, err) < 0 ||
	    move(&call->host, &l->device, call->netns, call->args->ifname, err) < 0)
		return -1;
	l->moved = true;
	return link_get(&call->inside, call->args->ifname, &l->inside, err);
}

static int set_inside(struct cni_call *call, struct lent *l, struct err *err)
{
	const struct apply apply = { .netns = call->netns,
				     .index = l->inside.index,
				     .name = l->inside.name };

	if (apply_result(&call->inside, &apply, &l->addresses, err) < 0 ||
	    rtnl_flush(&call->inside, err) < 0)
		return -1;
	if (!apply_add_interface(call, l->inside.name, &l->inside.mac, l->inside.mtu, true))
		return err_set(err, ENOMEM, "no room for the result");
	return apply_take_ipam(call, &l->addresses, err);
}

static int lease(void *add, struct err *err)
{
	struct lent *l = add;

	if (!ipam_has(l->call))
		return 0;
	if (ipam_add(l->call, &l->addresses, err) < 0)
		return -1;
	l->leased = true;
	return 0;
}

static int add(struct lent *l, struct err *err)
{
	static const struct ipam_order order = { lease, lend };

	/* driven from user space: only the addresses are of interest to whoever does */
	if (host_device_is_userspace(l->wanted))
		return lease(l, err) < 0 ? -1 : apply_take_ipam(l->call, &l->addresses, err);
	if (ipam_around(l->call, &order, l, err) < 0)
		return -1;
	return set_inside(l->call, l, err);
}

static int host_device_add(struct cni_call *call, struct err *err)
{
	struct host_device d;
	struct lent l = { .call = call, .wanted = &d };

	if (host_device_parse(call, &d, err) < 0)
		return -1;
	if (add(&l, err) == 0)
		return 0;
	rtnl_discard(&call->inside);
	if (l.leased)
		(void)ipam_del(call, NULL);
	if (l.moved && link_get(&call->inside, call->args->ifname, &l.inside, NULL) == 0)
		(void)give_back(call, &l.inside, NULL);
	return -1;
}

static int host_device_del(struct cni_call *call, struct err *err)
{
	int rc = ipam_del(call, err), found;
	struct link link;

	if (call->netns < 0)
		return rc;
	found = find_inside(call, &link, rc == 0 ? err : NULL);
	if (found < 0)
		return -1;
	/* without an alias it is none that was lent */
	if (found > 0 && link.alias[0] != '\0' && give_back(call, &link, rc == 0 ? err : NULL) < 0)
		rc = -1;
	return rc;
}

static int host_device_check(struct cni_call *call, struct err *err)
{
	struct host_device d;
	struct link link;

	if (host_device_parse(call, &d, err) < 0 || ipam_check(call, err) < 0)
		return -1;
	if (host_device_is_userspace(&d))
		return 0;
	if (apply_check_interface(call, NULL, &link, err) < 0)
		return -1;
	if (!(link.flags & IFF_UP))
		return err_set(err, ENETDOWN, "container interface \"%s\" is down", link.name);
	return apply_check(&call->inside, link.index, link.name, &call->conf->prev, err);
}

const struct cni_plugin cni_plugin_host_device = {
	.type = "host-device",
	.about = "an interface of the host is lent to the container",
	.add = host_device_add,
	.del = host_device_del,
	.check = host_device_check,
	.gc = ipam_gc,
	.status = ipam_status,
};
