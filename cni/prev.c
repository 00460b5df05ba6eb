/* SPDX-License-Identifier: Apache-2.0 */
/* prev.c - what chained plugins want to know about the plugins before them
 *
 * rtnetlink(7); CNI specification "Section 5: Result Types".
 */
#include "cni/prev.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/buf.h"

int prev_addresses(const struct result *prev, struct arena *arena, struct ip_net **ret,
		   size_t *ret_n, struct err *err)
{
	struct ip_net *v = arena_array(arena, prev->n_ips + 1, sizeof(*v));
	size_t n = 0;

	if (!v)
		return err_sys(err, "addresses of the container");
	for (size_t i = 0; i < prev->n_ips; i++) {
		const struct result_ip *ip = &prev->ips[i];
		const bool known = ip->interface >= 0 && (size_t)ip->interface < prev->n_interfaces;
		const char *sandbox = known ? prev->interfaces[ip->interface].sandbox : NULL;

		if (!known || (sandbox && sandbox[0] != '\0'))
			v[n++] = ip->address;
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

const struct ip_net *prev_first(const struct ip_net *v, size_t n, int af)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].ip.family == af)
			return &v[i];
	return NULL;
}

int prev_host_end(struct cni_call *call, struct link *ret, struct err *err)
{
	struct rtnl *inside, *host;
	struct link end;
	int found;

	if (call->netns < 0)
		return 0;
	inside = cni_inside(call, err);
	host = inside ? cni_host(call, err) : NULL;
	if (!host)
		return -1;
	found = link_find(inside, call->args->ifname, &end, err);
	if (found <= 0)
		return found;
	if (!str_eq(end.kind, "veth") || end.parent == 0)
		return 0;
	found = link_find_index(host, end.parent, ret, err);
	/* an index is a number of one namespace: the other end must point back */
	if (found > 0 && (!str_eq(ret->kind, "veth") || ret->parent != end.index))
		return 0;
	return found;
}

static int take_output(const struct nlmsghdr *h, void *data, struct err *err)
{
	struct nlattr *tb[RTA_MAX + 1];
	int *index = data;

	if (rtnl_attrs(h, sizeof(struct rtmsg), tb, RTA_MAX) < 0)
		return err_set(err, EBADMSG, "malformed answer about a route");
	*index = (int)rtnl_u32(tb[RTA_OIF]);
	return 0;
}

int prev_towards(struct cni_call *call, const struct ip *ip, struct link *ret, struct err *err)
{
	const struct rtmsg message = { .rtm_family = ip->family,
				       .rtm_dst_len = (unsigned char)ip_bits(ip) };
	struct rtnl *host = cni_host(call, err);
	struct err why = { 0 };
	char text[IP_TEXT_MAX];
	int index = 0;

	if (!host)
		return -1;
	rtnl_begin(host, RTM_GETROUTE, 0, &message, sizeof(message), "find the route to %s",
		   ip_format(ip, text));
	rtnl_put_ip(host, RTA_DST, ip);
	rtnl_end(host);
	if (rtnl_query(host, take_output, &index, &why) < 0) {
		if (why.code == ENETUNREACH || why.code == EHOSTUNREACH || why.code == ESRCH)
			return 0;
		return err_set(err, why.code, "%s", why.msg);
	}
	return index > 0 ? link_find_index(host, index, ret, err) : 0;
}
