/* SPDX-License-Identifier: Apache-2.0 */
/* loopback.c - plugin loopback: the container's own lo is up
 *
 * containerd calls it beside the first network, with CNI_IFNAME "lo"; whatever
 * the name, the interface is lo, which every network namespace has as its
 * number 1.
 */
#include <errno.h>
#include <linux/if_addr.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "cni/apply.h"
#include "cni/link.h"
#include "cni/plugins/registry.h"
#include "cni/route.h"

#define LO_INDEX 1
#define LO_MAC	 "00:00:00:00:00:00"

struct collect {
	struct result *result;
	struct arena *arena;
};

static int collect_addr(const struct addr *addr, void *data, struct err *err)
{
	const struct collect *collect = data;
	struct result_ip *ip;

	if (!addr) {
		collect->result->n_ips = 0;
		return 0;
	}
	ip = result_add_ip(collect->result, collect->arena);
	if (!ip)
		return err_set(err, ENOMEM, "addresses of \"lo\": out of memory");
	ip->address = addr->net;
	ip->interface = 0;
	return 0;
}

static int set_lo(struct cni_call *call, bool up, struct err *err)
{
	struct rtnl *r = cni_inside(call, err);

	if (!r)
		return -1;
	link_set_flags(r, LO_INDEX, up ? IFF_UP : 0, IFF_UP);
	return rtnl_flush(r, err);
}

static int loopback_add(struct cni_call *call, struct err *err)
{
	struct collect collect = { .result = &call->result, .arena = call->arena };
	struct result_interface *lo;

	if (set_lo(call, true, err) < 0)
		return -1;
	if (call->conf->has_prev) {
		call->result = call->conf->prev;
		return 0;
	}
	lo = result_add_interface(&call->result, call->arena);
	if (!lo)
		return err_set(err, ENOMEM, "no room for the result");
	lo->name = "lo";
	lo->mac = LO_MAC;
	lo->sandbox = call->args->netns;
	return addr_each(&call->inside, LO_INDEX, AF_UNSPEC, collect_addr, &collect, err);
}

static int loopback_del(struct cni_call *call, struct err *err)
{
	return call->netns < 0 ? 0 : set_lo(call, false, err);
}

/* Chained behind another plugin the result is that one's. */
static bool is_own_result(const struct result *prev)
{
	return prev->n_interfaces == 1 && str_eq(prev->interfaces[0].name, "lo");
}

static int loopback_check(struct cni_call *call, struct err *err)
{
	const struct result *prev = &call->conf->prev;
	struct rtnl *r = cni_inside(call, err);
	struct link lo;

	if (!r || link_get(r, "lo", &lo, err) < 0)
		return -1;
	if (!(lo.flags & IFF_UP))
		return err_set(err, ENETDOWN, "loopback interface is down");
	return is_own_result(prev) ? apply_check(r, lo.index, lo.name, prev, err) : 0;
}

const struct cni_plugin cni_plugin_loopback = {
	.type = "loopback",
	.about = "sets the loopback interface up",
	.add = loopback_add,
	.del = loopback_del,
	.check = loopback_check,
};
