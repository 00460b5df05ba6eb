/* SPDX-License-Identifier: Apache-2.0 */
/* veth.c - a pair of interfaces: one end here, the other in the container
 *
 * The peer gets number 2, which the first interface of a namespace besides lo
 * has anyway; when that is taken (EBUSY) a random one.  The kernel looks at the
 * peer's number only when that of the first end is given as well.  It can't be
 * made up: the pair isn't joined yet when it would be opened (ENOTCONN).
 * veth(4); linux drivers/net/veth.c.
 */
#include "cni/veth.h"

#include <errno.h>
#include <string.h>

#include "cni/link.h"
#include "cni/names.h"

#define INSIDE_INDEX 2
#define TRIES	     8

void veth_init(struct veth *v)
{
	v->mac = names_mac();
	if (!v->has_mac)
		v->inside_mac = names_mac();
}

static void choose(struct veth *v, int try)
{
	if (v->name)
		(void)str_copy(v->host_name, sizeof(v->host_name), v->name);
	else
		names_interface("veth", v->host_name);
	v->index = names_index();
	v->inside_index = try == 0 ? INSIDE_INDEX : names_index();
}

static int make_once(struct cni_call *call, struct rtnl *r, const struct veth *v, struct err *err)
{
	uint32_t mtu = v->mtu ? v->mtu : VETH_MTU;
	const struct link_new first = {
		.name = v->host_name,
		.kind = "veth",
		.index = v->index,
		.mac = &v->mac,
		.mtu = mtu,
		.master = v->master,
		.up = true,
	};
	const struct link_new peer = {
		.name = v->inside_name,
		.kind = "veth",
		.index = v->inside_index,
		.mac = &v->inside_mac,
		.mtu = mtu,
		.in_netns = true,
		.netns = call->netns,
	};

	link_new_veth(r, &first, &peer);
	return rtnl_flush(r, err);
}

int veth_make(struct cni_call *call, struct veth *v, struct err *err)
{
	struct rtnl *r = cni_host(call, err), *inside;
	struct err failure = { 0 };
	struct link there;

	if (!r)
		return -1;
	if (v->name && strlen(v->name) >= IFNAMSIZ)
		return cni_err(err, CNI_ERR_CONFIG, "interface name \"%s\" is too long", v->name);
	for (int try = 0; try < TRIES; try++) {
		choose(v, try);
		err_clear(&failure);
		if (make_once(call, r, v, &failure) == 0)
			return 0;
		if (failure.code != EEXIST && failure.code != EBUSY)
			break;
		/* whose name was it? */
		inside = cni_inside(call, err);
		if (!inside)
			return -1;
		if (link_find(inside, v->inside_name, &there, NULL) > 0)
			return err_set(err, EEXIST,
				       "container interface name \"%s\" is already taken",
				       v->inside_name);
		if (v->name && link_find(r, v->name, &there, NULL) > 0)
			break;
	}
	if (err)
		*err = failure;
	return -1;
}
