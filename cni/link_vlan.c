/* SPDX-License-Identifier: Apache-2.0 */
/* link_vlan.c - the VLANs of a bridge's port
 *
 * They are attributes of the family AF_BRIDGE.  The kernel tells them in a dump
 * of all ports only (linux net/core/rtnetlink.c, rtnl_bridge_getlink()), a
 * range as two entries, its first and its last number.
 * bridge(8) "vlan"; linux/if_bridge.h.
 */
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/link.h"

#define EXT_VLANS (1U << 2) /* RTEXT_FILTER_BRVLAN_COMPRESSED: ranges */

static void change_vlan(struct rtnl *r, int type, int index, const struct link_vlan *vlan)
{
	const struct ifinfomsg info = { .ifi_family = AF_BRIDGE, .ifi_index = index };
	struct bridge_vlan_info v = { .vid = vlan->first };

	v.flags = (uint16_t)((vlan->pvid ? BRIDGE_VLAN_INFO_PVID : 0) |
			     (vlan->untagged ? BRIDGE_VLAN_INFO_UNTAGGED : 0));
	rtnl_begin(r, type, 0, &info, sizeof(info), "%s VLAN %u of a bridge port",
		   type == RTM_SETLINK ? "add" : "delete", vlan->first);
	rtnl_nest(r, IFLA_AF_SPEC);
	/* without a word about whom it concerns the kernel takes the port */
	if (vlan->self)
		rtnl_put_u16(r, IFLA_BRIDGE_FLAGS, BRIDGE_FLAGS_SELF);
	if (vlan->last > vlan->first) {
		v.flags |= BRIDGE_VLAN_INFO_RANGE_BEGIN;
		rtnl_put(r, IFLA_BRIDGE_VLAN_INFO, &v, sizeof(v));
		v.flags = (uint16_t)((v.flags & ~BRIDGE_VLAN_INFO_RANGE_BEGIN) |
				     BRIDGE_VLAN_INFO_RANGE_END);
		v.vid = vlan->last;
	}
	rtnl_put(r, IFLA_BRIDGE_VLAN_INFO, &v, sizeof(v));
	rtnl_nest_end(r);
	rtnl_end(r);
}

void link_vlan_add(struct rtnl *r, int index, const struct link_vlan *vlan)
{
	change_vlan(r, RTM_SETLINK, index, vlan);
}

void link_vlan_delete(struct rtnl *r, int index, const struct link_vlan *vlan)
{
	change_vlan(r, RTM_DELLINK, index, vlan);
}

/* --- questions ---------------------------------------------------------------- */

struct look {
	int index;
	struct link_vlans *vlans;
};

static void set_range(struct link_vlans *v, uint16_t first, const struct bridge_vlan_info *last)
{
	for (unsigned vid = first; vid <= last->vid && vid <= LINK_VLAN_MAX; vid++) {
		v->state[vid] = LINK_VLAN_MEMBER;
		if (last->flags & BRIDGE_VLAN_INFO_UNTAGGED)
			v->state[vid] |= LINK_VLAN_UNTAGGED;
		if (last->flags & BRIDGE_VLAN_INFO_PVID)
			v->state[vid] |= LINK_VLAN_PVID;
	}
}

/* IFLA_AF_SPEC: the same attribute many times, which a table of attributes has no room for. */
static void parse_vlans(const struct nlattr *spec, struct link_vlans *v)
{
	const char *at = rtnl_data(spec);
	size_t left = rtnl_size(spec);
	uint16_t first = 0;

	while (at && left >= NLA_HDRLEN) {
		struct bridge_vlan_info info;
		struct nlattr attr;
		size_t step;

		memcpy(&attr, at, sizeof(attr));
		if (attr.nla_len < NLA_HDRLEN || attr.nla_len > left)
			return;
		if (attr.nla_type == IFLA_BRIDGE_VLAN_INFO &&
		    attr.nla_len >= NLA_HDRLEN + sizeof(info)) {
			memcpy(&info, at + NLA_HDRLEN, sizeof(info));
			if (info.flags & BRIDGE_VLAN_INFO_RANGE_BEGIN)
				first = info.vid;
			else
				set_range(v,
					  (info.flags & BRIDGE_VLAN_INFO_RANGE_END) ? first
										    : info.vid,
					  &info);
		}
		step = NLA_ALIGN(attr.nla_len);
		if (step > left)
			return;
		at += step;
		left -= step;
	}
}

static int look_at_port(const struct nlmsghdr *h, void *data, struct err *err)
{
	const struct look *look = data;
	struct nlattr *tb[IFLA_MAX + 1];
	struct ifinfomsg info;

	(void)err;
	if (!h) {
		memset(look->vlans, 0, sizeof(*look->vlans));
		return 0;
	}
	if (h->nlmsg_type != RTM_NEWLINK || rtnl_attrs(h, sizeof(info), tb, IFLA_MAX) < 0)
		return 0;
	memcpy(&info, rtnl_body(h), sizeof(info));
	if (info.ifi_index == look->index && tb[IFLA_AF_SPEC])
		parse_vlans(tb[IFLA_AF_SPEC], look->vlans);
	return 0;
}

int link_vlans(struct rtnl *r, int index, struct link_vlans *ret, struct err *err)
{
	const struct ifinfomsg info = { .ifi_family = AF_BRIDGE };
	struct look look = { .index = index, .vlans = ret };

	memset(ret, 0, sizeof(*ret));
	rtnl_begin(r, RTM_GETLINK, NLM_F_DUMP, &info, sizeof(info), "list the VLANs of ports");
	rtnl_put_u32(r, IFLA_EXT_MASK, EXT_VLANS);
	rtnl_end(r);
	return rtnl_query(r, look_at_port, &look, err);
}
