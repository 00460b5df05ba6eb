/* SPDX-License-Identifier: Apache-2.0 */
/* tap.c - a TAP device in the container, for a virtual machine in it
 *
 * /dev/net/tun makes the device in the namespace of whoever asks, so the asking
 * is done there; it is made persistent, given to its user and closed.
 * CNI plugin "tap"; tun.txt of the kernel's networking documentation.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "cni/apply.h"
#include "cni/ipam.h"
#include "cni/netns.h"
#include "cni/plugins/registry.h"

#define TUN_DEVICE "/dev/net/tun"
#define LABEL_FILE "/proc/self/attr/sockcreate" /* the label of what is created next */
#define MTU_MAX	   65535
#define ID_MAX	   4294967294LL

struct config {
	bool multi_queue;
	uint32_t mtu;
	char *mac, *selinux_context, *bridge;
	struct opt_i64 owner, group;
};
static const struct json_field config_fields[] = {
	JSON_FIELD_AS("multiQueue", struct config, multi_queue, JSON_BOOL),
	JSON_FIELD(struct config, mtu, JSON_U32, .max = MTU_MAX),
	JSON_FIELD(struct config, mac, JSON_STRING),
	JSON_FIELD_AS("selinuxContext", struct config, selinux_context, JSON_STRING),
	JSON_FIELD(struct config, bridge, JSON_STRING),
	JSON_FIELD(struct config, owner, JSON_OPT_I64, .max = ID_MAX),
	JSON_FIELD(struct config, group, JSON_OPT_I64, .max = ID_MAX),
};
static const struct json_table config_table = JSON_TABLE(struct config, config_fields);

struct tap {
	struct cni_call *call;
	struct config config;
	struct mac mac;
	bool has_mac, made, leased;
	struct link link;
	struct result addresses;
};

static int load(struct cni_call *call, struct tap *t, struct err *err)
{
	int wanted;

	memset(t, 0, sizeof(*t));
	t->call = call;
	if (netconf_decode(call->conf, &config_table, &t->config, call->arena, err) < 0)
		return -1;
	wanted = cni_wanted_mac(call, &t->mac, err);
	if (wanted < 0)
		return -1;
	t->has_mac = wanted > 0;
	if (t->has_mac || !t->config.mac || t->config.mac[0] == '\0')
		return 0;
	if (mac_parse(t->config.mac, &t->mac) < 0)
		return cni_err(err, CNI_ERR_CONFIG, "\"%s\" is no hardware address", t->config.mac);
	t->has_mac = true;
	return 0;
}

/* In the container's namespace: a device that stays when its descriptor is closed. */
static int make_device(const struct config *c, const char *ifname, struct err *err)
{
	AUTO_FD fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC);
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

	if (fd < 0)
		return err_sys(err, "open \"%s\"", TUN_DEVICE);
	if (c->multi_queue)
		request.ifr_flags |= IFF_MULTI_QUEUE;
	/* an existing TAP device would be taken, not refused */
	if (str_copy(request.ifr_name, sizeof(request.ifr_name), ifname) < 0 ||
	    if_nametoindex(ifname) != 0)
		return err_set(err, EEXIST, "\"%s\" exists already in the container", ifname);
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		return err_sys(err, "make TAP device \"%s\"", ifname);
	if (c->owner.has && ioctl(fd, TUNSETOWNER, (unsigned long)c->owner.v) < 0)
		return err_sys(err, "give \"%s\" to user %lld", ifname, (long long)c->owner.v);
	if (c->group.has && ioctl(fd, TUNSETGROUP, (unsigned long)c->group.v) < 0)
		return err_sys(err, "give \"%s\" to group %lld", ifname, (long long)c->group.v);
	if (ioctl(fd, TUNSETPERSIST, 1) < 0)
		return err_sys(err, "keep \"%s\"", ifname);
	return 0;
}

static int make_inside(struct cni_call *call, const struct config *c, struct err *err)
{
	const bool labelled = c->selinux_context && c->selinux_context[0] != '\0';
	int back, rc;

	if (labelled && file_write_text(AT_FDCWD, LABEL_FILE, c->selinux_context) < 0)
		return err_sys(err, "label \"%s\"", c->selinux_context);
	rc = netns_enter(call->netns, &back, err);
	if (rc == 0) {
		rc = make_device(c, call->args->ifname, err);
		netns_leave(back);
	}
	/* nothing that comes after is to have the label */
	if (labelled && file_write_text(AT_FDCWD, LABEL_FILE, "\n") < 0 && rc == 0)
		rc = err_sys(err, "take back label \"%s\"", c->selinux_context);
	return rc;
}

static int set_link(struct cni_call *call, struct tap *t, struct err *err)
{
	struct rtnl *r = cni_inside(call, err);
	struct link bridge;

	if (!r || link_get(r, call->args->ifname, &t->link, err) < 0)
		return -1;
	if (t->has_mac)
		link_set_mac(r, t->link.index, &t->mac);
	if (t->config.mtu)
		link_set_mtu(r, t->link.index, t->config.mtu);
	if (t->config.bridge && t->config.bridge[0] != '\0') {
		if (rtnl_flush(r, err) < 0 || link_get(r, t->config.bridge, &bridge, err) < 0)
			return -1;
		link_set_master(r, t->link.index, bridge.index);
	}
	link_up(r, t->link.index);
	if (rtnl_flush(r, err) < 0)
		return -1;
	return link_get(r, call->args->ifname, &t->link, err);
}

static int set_addresses(struct cni_call *call, struct tap *t, struct err *err)
{
	const struct apply apply = { .netns = call->netns,
				     .index = t->link.index,
				     .name = t->link.name };

	if (apply_result(&call->inside, &apply, &t->addresses, err) < 0 ||
	    rtnl_flush(&call->inside, err) < 0)
		return -1;
	if (!apply_add_interface(call, t->link.name, &t->link.mac, t->link.mtu, true))
		return err_set(err, ENOMEM, "no room for the result");
	return apply_take_ipam(call, &t->addresses, err);
}

static int lease(void *add, struct err *err)
{
	struct tap *t = add;

	if (!ipam_has(t->call))
		return 0;
	if (ipam_add(t->call, &t->addresses, err) < 0)
		return -1;
	t->leased = true;
	return 0;
}

static int make_link(void *add, struct err *err)
{
	struct tap *t = add;

	if (make_inside(t->call, &t->config, err) < 0)
		return -1;
	t->made = true;
	return set_link(t->call, t, err);
}

static int tap_add(struct cni_call *call, struct err *err)
{
	static const struct ipam_order order = { lease, make_link };
	struct tap t;

	if (load(call, &t, err) < 0)
		return -1;
	if (ipam_around(call, &order, &t, err) == 0 && set_addresses(call, &t, err) == 0)
		return 0;
	if (t.leased)
		(void)ipam_del(call, NULL);
	if (t.made)
		(void)link_remove(call->netns, call->args->ifname, NULL);
	return -1;
}

static int tap_del(struct cni_call *call, struct err *err)
{
	int rc = ipam_del(call, err);

	if (call->netns >= 0 &&
	    link_remove(call->netns, call->args->ifname, rc == 0 ? err : NULL) < 0)
		rc = -1;
	return rc;
}

static int tap_check(struct cni_call *call, struct err *err)
{
	struct link link;

	if (ipam_check(call, err) < 0 || apply_check_interface(call, "tun", &link, err) < 0)
		return -1;
	if (!(link.flags & IFF_UP))
		return err_set(err, ENETDOWN, "container interface \"%s\" is down", link.name);
	return apply_check(&call->inside, link.index, link.name, &call->conf->prev, err);
}

const struct cni_plugin cni_plugin_tap = {
	.type = "tap",
	.about = "a TAP device in the container",
	.add = tap_add,
	.del = tap_del,
	.check = tap_check,
	.gc = ipam_gc,
	.status = ipam_status,
};
