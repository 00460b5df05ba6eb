/* SPDX-License-Identifier: Apache-2.0 */
/* router.c - the network namespace that stands between a tenant's network and the host
 *
 * It has its own bridge, rules, connections, neighbours and sysctls, so nothing
 * of a tenant can be seen or filled up by another, whatever addresses they
 * have.  What leaves it has the transit's address, which the host masquerades
 * once more.
 * ip-netns(8); network_namespaces(7); RFC 6598.
 */
#include "cni/plugins/tenant/router.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/units.h"
#include "cni/link.h"
#include "cni/masq.h"
#include "cni/names.h"
#include "cni/netns.h"
#include "cni/route.h"

#define NSFS_MAGIC_ 0x6e736673
#define FOLDER_MODE 0755
#define NAME_LENGTH 300
#define HOST_PREFIX "tn"
#define HOST_DIGITS 9 /* 8 and the NUL */
#define IPV4_BITS   32
#define NUMBER_TEXT 12
#define OWNER	    "router" /* in place of a container's id */
#define SLOT_SIZE   4 /* addresses of a /30 */

static uint32_t slots_of(const struct ip_net *transit)
{
	return 1U << (ROUTER_PREFIX - transit->prefix);
}

static void set_addresses(struct router *r, const struct ip_net *transit)
{
	uint32_t base;

	memcpy(&base, transit->ip.bytes, sizeof(base));
	base = ntohl(base) + r->slot * SLOT_SIZE;
	for (uint32_t i = 1; i <= 2; i++) {
		struct ip_net *net = i == 1 ? &r->outside : &r->inside;
		const uint32_t address = htonl(base + i);

		*net = (struct ip_net){ .ip = transit->ip, .prefix = ROUTER_PREFIX };
		memcpy(net->ip.bytes, &address, sizeof(address));
	}
}

/* The number after the network's name: 1, 0 it has none, -1. */
static int load_slot(struct router *r, const struct ip_net *transit, struct err *err)
{
	char name[NAME_LENGTH], text[NUMBER_TEXT];
	uint64_t slot;
	ssize_t n;

	if (str_format(name, sizeof(name), "net.%s", r->network) < 0)
		return err_sys(err, "\"%s\"", r->network);
	n = readlinkat(r->lock, name, text, sizeof(text) - 1);
	if (n < 0)
		return errno == ENOENT ? 0 : err_sys(err, "read \"%s\"", name);
	text[n] = '\0';
	if (units_u64(text, slots_of(transit) - 1, &slot) < 0)
		return err_set(err, EINVAL, "\"%s\": \"%s\" is none of the transit's numbers", name,
			       text);
	r->slot = (uint32_t)slot;
	return 1;
}

/* The first free one; the lock makes the two links one change. */
static int take_slot(struct router *r, const struct ip_net *transit, struct err *err)
{
	char name[NAME_LENGTH], number[NUMBER_TEXT], slot[NUMBER_TEXT + sizeof("slot.")];

	if (str_format(name, sizeof(name), "net.%s", r->network) < 0)
		return err_sys(err, "\"%s\"", r->network);
	for (uint32_t i = 0; i < slots_of(transit); i++) {
		(void)!str_format(number, sizeof(number), "%u", i);
		(void)!str_format(slot, sizeof(slot), "slot.%u", i);
		if (symlinkat(r->network, r->lock, slot) < 0) {
			char owner[NAME_LENGTH];
			const ssize_t n = readlinkat(r->lock, slot, owner, sizeof(owner) - 1);

			/* left by a request that died in between: ours */
			if (n < 0 || (size_t)n != strlen(r->network) ||
			    memcmp(owner, r->network, (size_t)n) != 0)
				continue;
		}
		if (symlinkat(number, r->lock, name) < 0)
			return err_sys(err, "write \"%s\"", name);
		r->slot = i;
		return 0;
	}
	return err_set(err, ENOSPC, "no transit addresses are left");
}

int router_take_slot(struct router *r, const struct ip_net *transit, struct err *err)
{
	const int found = load_slot(r, transit, err);

	return found < 0 || (found == 0 && take_slot(r, transit, err) < 0) ? -1 : 0;
}

int router_free_slot(struct router *r, struct err *err)
{
	char name[NAME_LENGTH], slot[NUMBER_TEXT + sizeof("slot.")];

	(void)!str_format(name, sizeof(name), "net.%s", r->network);
	(void)!str_format(slot, sizeof(slot), "slot.%u", r->slot);
	if (unlinkat(r->lock, name, 0) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "remove \"%s\"", name);
	if (unlinkat(r->lock, slot, 0) < 0 && errno != ENOENT)
		return err_sys(err, "remove \"%s\"", slot);
	return 0;
}

int router_open(const char *network, const struct ip_net *transit, struct router *ret,
		struct err *err)
{
	char hash[HOST_DIGITS];
	AUTO_FD lock = -1;
	int found;

	*ret = (struct router){ .network = network, .lock = -1, .netns = -1 };
	names_hash(hash, sizeof(hash), &network, 1);
	(void)!str_format(ret->host_end, sizeof(ret->host_end), HOST_PREFIX "%s", hash);
	if (str_format(ret->path, sizeof(ret->path), ROUTER_NETNS "/net-%s", network) < 0)
		return err_sys(err, "\"%s\"", network);
	if (file_make_dirs(ROUTER_DIR, FOLDER_MODE) < 0)
		return err_sys(err, "make \"" ROUTER_DIR "\"");
	lock = open(ROUTER_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return err_sys(err, "lock \"" ROUTER_DIR "\"");
	ret->lock = lock;
	found = load_slot(ret, transit, err);
	if (found < 0)
		return -1;
	if (found > 0)
		set_addresses(ret, transit);
	ret->netns = open(ret->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (ret->netns >= 0 && !beneath_is_fs(ret->netns, NSFS_MAGIC_))
		ret->netns = fd_close(ret->netns); /* a file whose mount is gone */
	(void)fd_take(&lock);
	return 0;
}

void router_close(struct router *r)
{
	r->netns = fd_close(r->netns);
	r->lock = fd_close(r->lock);
}

/* A new namespace, held by a mount. */
static int hold_namespace(struct router *r, struct err *err)
{
	AUTO_FD here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	AUTO_FD file = -1;
	int rc = 0;

	if (file_make_dirs(ROUTER_NETNS, FOLDER_MODE) < 0)
		return err_sys(err, "make \"" ROUTER_NETNS "\"");
	file = open(r->path, O_RDONLY | O_CREAT | O_CLOEXEC, 0);
	if (here < 0 || file < 0)
		return err_sys(err, "make \"%s\"", r->path);
	if (unshare(CLONE_NEWNET) < 0)
		return err_sys(err, "make a network namespace");
	if (mount("/proc/self/ns/net", r->path, NULL, MS_BIND, NULL) < 0)
		rc = err_sys(err, "hold the network namespace at \"%s\"", r->path);
	else
		r->netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (setns(here, CLONE_NEWNET) < 0)
		abort(); /* there is no way on in another namespace */
	return rc;
}

static int join_host(const struct router *r, struct rtnl *host, uint32_t mtu, struct err *err)
{
	const struct mac macs[] = { names_mac(), names_mac() };
	const struct link_new outside = { .name = r->host_end,
					  .kind = "veth",
					  .index = names_index(),
					  .mac = &macs[0],
					  .mtu = mtu,
					  .up = true };
	const struct link_new inside = { .name = ROUTER_UPLINK,
					 .kind = "veth",
					 .index = names_index(),
					 .mac = &macs[1],
					 .mtu = mtu,
					 .in_netns = true,
					 .netns = r->netns };
	const struct addr address = { .index = outside.index, .net = r->outside };

	link_new_veth(host, &outside, &inside);
	link_set_alias(host, outside.index, r->network);
	addr_add(host, &address);
	return rtnl_flush(host, err);
}

/* Both ends' addresses and the way out. */
static int set_up_inside(const struct router *r, struct err *err)
{
	struct rtnl inside = RTNL_CLOSED;
	struct link link, lo;
	int rc = -1;

	if (rtnl_open(&inside, r->netns, err) < 0)
		return -1;
	if (link_get(&inside, ROUTER_UPLINK, &link, err) == 0 &&
	    link_get(&inside, "lo", &lo, err) == 0) {
		const struct addr address = { .index = link.index, .net = r->inside };
		const struct route out = { .dst = { .ip = { .family = AF_INET } },
					   .gateway = r->outside.ip,
					   .oif = link.index };

		link_up(&inside, lo.index);
		addr_add(&inside, &address);
		rtnl_tolerate(&inside, EEXIST);
		link_up(&inside, link.index);
		route_add(&inside, &out, NLM_F_REPLACE);
		rc = rtnl_flush(&inside, err);
	}
	rtnl_close(&inside);
	if (rc == 0)
		rc = netns_sysctl(r->netns, "ipv4/ip_forward", "1", err);
	return rc;
}

int router_make(struct router *r, const struct ip_net *transit, struct rtnl *host, uint32_t mtu,
		struct err *err)
{
	struct link link;
	int found;

	if (router_take_slot(r, transit, err) < 0)
		return -1;
	set_addresses(r, transit);
	if (r->netns < 0 && hold_namespace(r, err) < 0)
		return -1;
	found = link_find(host, r->host_end, &link, err);
	if (found < 0 || (found == 0 && join_host(r, host, mtu, err) < 0))
		return -1;
	if (set_up_inside(r, err) < 0 || netns_sysctl(-1, "ipv4/ip_forward", "1", err) < 0)
		return -1;
	return masq_add(r->network, OWNER, ROUTER_UPLINK, &r->inside, 1, err);
}

static int count_ports(const struct link *link, void *data, struct err *err)
{
	(void)err;
	if (!link)
		*(int *)data = 0;
	else if (strcmp(link->kind, "veth") == 0 && strcmp(link->name, ROUTER_UPLINK) != 0)
		*(int *)data = 1;
	return 0;
}

int router_is_used(const struct router *r, struct err *err)
{
	struct rtnl inside = RTNL_CLOSED;
	int used = 0, rc;

	if (r->netns < 0)
		return 0;
	if (rtnl_open(&inside, r->netns, err) < 0)
		return -1;
	rc = link_each(&inside, count_ports, &used, err);
	rtnl_close(&inside);
	return rc < 0 ? -1 : used;
}

int router_remove(struct router *r, struct err *err)
{
	int rc = masq_del(r->network, OWNER, ROUTER_UPLINK, NULL, 0, err);

	if (link_remove(-1, r->host_end, rc < 0 ? NULL : err) < 0)
		rc = -1;
	r->netns = fd_close(r->netns);
	(void)umount2(r->path, MNT_DETACH);
	if (unlink(r->path) < 0 && errno != ENOENT)
		rc = err_sys(err, "remove \"%s\"", r->path);
	if (rc < 0)
		return -1;
	return router_free_slot(r, err);
}
