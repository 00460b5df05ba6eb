/* SPDX-License-Identifier: Apache-2.0 */
/* child.c - an interface in the container that hangs on one of the host, or on none
 *
 * RTM_NEWLINK with IFLA_NET_NS_FD looks for IFLA_LINK where the socket is and
 * puts the new interface into the other namespace (rtnetlink(7); linux
 * net/core/rtnetlink.c).  With linkInContainer both are the container's.
 */
#include "cni/child.h"

#include <errno.h>
#include <sys/socket.h>

#include "cni/apply.h"
#include "cni/ipam.h"
#include "cni/link.h"
#include "cni/names.h"
#include "cni/route.h"

static int find_default(const struct route *route, void *data, struct err *err)
{
	int *oif = data;

	(void)err;
	if (!route)
		*oif = 0;
	else if (route->dst.prefix == 0 && route->oif > 0 && *oif == 0)
		*oif = route->oif;
	return 0;
}

/* The interface of the default route, of IPv4 first. */
int child_default_master(struct rtnl *r, struct link *ret, struct err *err)
{
	static const int families[] = { AF_INET, AF_INET6 };
	int oif = 0, found;

	for (size_t i = 0; i < ARRAY_SIZE(families) && oif == 0; i++)
		if (route_each(r, families[i], RT_TABLE_MAIN, 0, find_default, &oif, err) < 0)
			return -1;
	if (oif == 0)
		return cni_err(err, CNI_ERR_CONFIG,
			       "no master given, and there is no default route to take one from");
	found = link_find_index(r, oif, ret, err);
	if (found == 0)
		return err_set(err, ENODEV, "the interface of the default route is gone");
	return found < 0 ? -1 : 0;
}

static int find_master(struct cni_call *call, const struct child *child, struct link *ret,
		       struct err *err)
{
	struct rtnl *r = child->master_inside ? cni_inside(call, err) : cni_host(call, err);

	if (!r)
		return -1;
	if (!child->master)
		return child_default_master(r, ret, err);
	if (link_get(r, child->master, ret, err) < 0)
		return err_wrap(err, "failed to lookup master \"%s\"", child->master);
	return 0;
}

/* Makes it with this number; EBUSY, EEXIST: the number (or the name) is taken. */
static int make(struct cni_call *call, const struct child *child, const struct link *master,
		int index, struct err *err)
{
	/* without a master it is made where it will be */
	bool inside = !child->has_master || child->master_inside;
	struct rtnl *r = inside ? cni_inside(call, err) : cni_host(call, err);
	const struct link_new new = {
		.name = call->args->ifname,
		.kind = child->kind,
		.index = index,
		.mac = child->has_mac ? &child->mac : NULL,
		.mtu = child->mtu	   ? child->mtu
		       : child->has_master ? master->mtu
					   : 0,
		.parent = child->has_master ? master->index : 0,
		.in_netns = !inside,
		.netns = call->netns,
	};

	if (!r)
		return -1;
	link_new(r, &new);
	if (child->put)
		child->put(r, child);
	link_new_end(r);
	return rtnl_flush(r, err);
}

/* What an ADD has done. */
struct add {
	struct cni_call *call;
	const struct child *child;
	struct result addresses;
	struct link link;
	bool leased, made;
};

static int lease(void *add, struct err *err)
{
	struct add *a = add;

	if (!ipam_has(a->call)) {
		if (a->child->need_ipam)
			return cni_err(err, CNI_ERR_CONFIG,
				       "%s interface requires an IPAM configuration",
				       a->child->kind);
		if (a->child->prev_addresses && a->call->conf->has_prev)
			return result_copy(&a->call->conf->prev, a->call->arena, &a->addresses);
		return 0;
	}
	if (ipam_add(a->call, &a->addresses, err) < 0)
		return -1;
	a->leased = true;
	if (a->addresses.n_ips == 0)
		return cni_err(err, CNI_ERR_CONFIG, "IPAM plugin returned missing IP config");
	return 0;
}

static int make_link(void *add, struct err *err)
{
	struct add *a = add;
	const struct child *child = a->child;
	struct err failure = { 0 };
	struct link master = { 0 };
	struct rtnl *inside;

	if (child->has_master) {
		if (find_master(a->call, child, &master, err) < 0)
			return -1;
		if (child->mtu > master.mtu)
			return cni_err(err, CNI_ERR_CONFIG,
				       "invalid MTU %u, must be [0, master MTU(%u)]", child->mtu,
				       master.mtu);
	}
	if (make(a->call, child, &master, cni_wanted_index(a->call), &failure) < 0) {
		if (failure.code != EBUSY && failure.code != EEXIST) {
			if (err)
				*err = failure;
			return -1;
		}
		if (make(a->call, child, &master, names_index(), err) < 0)
			return -1;
	}
	a->made = true;
	inside = cni_inside(a->call, err);
	return inside ? link_get(inside, a->call->args->ifname, &a->link, err) : -1;
}

static int set_inside(struct add *a, struct err *err)
{
	const struct apply apply = {
		.netns = a->call->netns,
		.index = a->link.index,
		.name = a->call->args->ifname,
	};
	struct rtnl *r = cni_inside(a->call, err);

	/* the addresses of prevResult name interfaces that aren't this one */
	for (size_t i = 0; i < a->addresses.n_ips; i++)
		a->addresses.ips[i].interface = RESULT_NO_INTERFACE;
	if (!r || apply_result(r, &apply, &a->addresses, err) < 0 || rtnl_flush(r, err) < 0)
		return -1;
	if (!apply_add_interface(a->call, a->link.name, &a->link.mac, a->link.mtu, true))
		return err_set(err, ENOMEM, "no room for the result");
	return apply_take_ipam(a->call, &a->addresses, err);
}

int child_add(struct cni_call *call, const struct child *child, struct err *err)
{
	static const struct ipam_order order = { lease, make_link };
	struct add a = { .call = call, .child = child };

	if (ipam_around(call, &order, &a, err) == 0 && set_inside(&a, err) == 0)
		return 0;
	/* while there is an interface to give it back through */
	if (a.leased)
		(void)ipam_del(call, NULL);
	if (a.made)
		(void)link_remove(call->netns, call->args->ifname, NULL);
	return -1;
}

int child_del(struct cni_call *call, struct err *err)
{
	int result = ipam_del(call, err);

	if (call->netns >= 0 &&
	    link_remove(call->netns, call->args->ifname, result == 0 ? err : NULL) < 0)
		result = -1;
	return result;
}

int child_check(struct cni_call *call, const struct child *child, struct err *err)
{
	struct link l, master;

	if (ipam_check(call, err) < 0 || apply_check_interface(call, child->kind, &l, err) < 0)
		return -1;
	if (l.number != child->number)
		return err_set(err, EINVAL, "%s interface \"%s\" has mode or number %u, not %u",
			       child->kind, l.name, l.number, child->number);
	if (!(l.flags & IFF_UP))
		return err_set(err, ENETDOWN, "container interface \"%s\" is down", l.name);
	if (child->has_master) {
		if (find_master(call, child, &master, err) < 0)
			return -1;
		if (l.parent != master.index)
			return err_set(err, EINVAL, "\"%s\" does not hang on \"%s\"", l.name,
				       master.name);
	}
	return apply_check(&call->inside, l.index, l.name, &call->conf->prev, err);
}
