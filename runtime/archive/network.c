/* SPDX-License-Identifier: Apache-2.0 */
/* network.c - network.status: the addresses that a container had
 *
 * podman's form: {NETWORK: {"interfaces": {NAME: {"subnets": [{"ipnet", "gateway"}],
 * "mac_address"}}}}.  Read within the container's network namespace, which
 * this process enters for good: it opens no more sockets.
 *
 * getifaddrs(3), setns(2), proc(5) "/proc/net/route".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "runtime/archive/archive.h"

#define NETWORKS_MAX 32
#define ROUTES_MAX   ((size_t)4 << 20)

struct words {
	struct strings networks;
};
static const struct json_field words_fields[] = { JSON_FIELD(struct words, networks,
							     JSON_STRINGS) };
static const struct json_table words_table = JSON_TABLE(struct words, words_fields);

/* The default gateway through an interface, or "". */
static void find_gateway(const char *routes, const char *name, char dst[INET_ADDRSTRLEN])
{
	const char *line = routes;

	dst[0] = '\0';
	while ((line = strchr(line, '\n')) != NULL) {
		char iface[IFNAMSIZ + 1];
		uint32_t target, gateway;

		line++;
		if (sscanf(line, "%16s %8" SCNx32 " %8" SCNx32, iface, &target, &gateway) != 3 ||
		    target || !gateway || strcmp(iface, name) != 0)
			continue;
		(void)inet_ntop(AF_INET, &gateway, dst, INET_ADDRSTRLEN);
		return;
	}
}

static int prefix_length(const struct sockaddr *mask)
{
	const unsigned char *p;
	size_t n;
	int bits = 0;

	if (!mask)
		return 0;
	if (mask->sa_family == AF_INET) {
		p = (const unsigned char *)&((const struct sockaddr_in *)mask)->sin_addr;
		n = 4;
	} else {
		p = (const unsigned char *)&((const struct sockaddr_in6 *)mask)->sin6_addr;
		n = 16;
	}
	for (size_t i = 0; i < n; i++)
		bits += __builtin_popcount(p[i]);
	return bits;
}

static bool is_wanted(const struct ifaddrs *a, const char *name)
{
	if (!a->ifa_addr || strcmp(a->ifa_name, name) != 0)
		return false;
	if (a->ifa_addr->sa_family == AF_INET)
		return true;
	return a->ifa_addr->sa_family == AF_INET6 &&
	       !IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)a->ifa_addr)->sin6_addr);
}

static void write_subnet(struct json_out *o, const struct ifaddrs *a, const char *gateway)
{
	char text[INET6_ADDRSTRLEN], ipnet[INET6_ADDRSTRLEN + 8];
	const void *address =
		a->ifa_addr->sa_family == AF_INET
			? (const void *)&((const struct sockaddr_in *)a->ifa_addr)->sin_addr
			: (const void *)&((const struct sockaddr_in6 *)a->ifa_addr)->sin6_addr;

	if (!inet_ntop(a->ifa_addr->sa_family, address, text, sizeof(text)) ||
	    str_format(ipnet, sizeof(ipnet), "%s/%d", text, prefix_length(a->ifa_netmask)) < 0)
		return;
	json_begin_object(o);
	json_kv_string(o, "ipnet", ipnet);
	if (a->ifa_addr->sa_family == AF_INET && gateway[0])
		json_kv_string(o, "gateway", gateway);
	json_end_object(o);
}

static void write_mac(struct json_out *o, const struct ifaddrs *list, const char *name)
{
	for (const struct ifaddrs *a = list; a; a = a->ifa_next) {
		const struct sockaddr_ll *l = (const void *)a->ifa_addr;
		char text[32];

		if (!l || l->sll_family != AF_PACKET || l->sll_halen != 6 ||
		    strcmp(a->ifa_name, name) != 0)
			continue;
		if (str_format(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", l->sll_addr[0],
			       l->sll_addr[1], l->sll_addr[2], l->sll_addr[3], l->sll_addr[4],
			       l->sll_addr[5]) == 0)
			json_kv_string(o, "mac_address", text);
		return;
	}
}

static void write_interface(struct json_out *o, const struct ifaddrs *list, const char *name,
			    const char *routes)
{
	char gateway[INET_ADDRSTRLEN];

	find_gateway(routes, name, gateway);
	json_key(o, name);
	json_begin_object(o);
	json_key(o, "subnets");
	json_begin_array(o);
	for (const struct ifaddrs *a = list; a; a = a->ifa_next)
		if (is_wanted(a, name))
			write_subnet(o, a, gateway);
	json_end_array(o);
	write_mac(o, list, name);
	json_end_object(o);
}

/* "NAME:ip=..." of the n-th interface; podman's own word for a network without one. */
static const char *network_name(const struct words *w, size_t n, char dst[256])
{
	if (n >= w->networks.n ||
	    str_format(dst, 256, "%.*s", (int)strcspn(w->networks.v[n], ":"), w->networks.v[n]) < 0)
		return n ? NULL : "podman";
	return dst;
}

static void write_all(struct json_out *o, const struct ifaddrs *list, const struct words *w,
		      const char *routes)
{
	size_t n = 0;

	json_begin_object(o);
	/* Each interface has one AF_PACKET address. */
	for (const struct ifaddrs *a = list; a && n < NETWORKS_MAX; a = a->ifa_next) {
		const char *network;
		char name[256];

		if (!a->ifa_addr || a->ifa_addr->sa_family != AF_PACKET ||
		    (a->ifa_flags & IFF_LOOPBACK))
			continue;
		network = network_name(w, n, name);
		if (!network)
			break;
		json_key(o, network);
		json_begin_object(o);
		json_key(o, "interfaces");
		json_begin_object(o);
		write_interface(o, list, a->ifa_name, routes);
		json_end_object(o);
		json_end_object(o);
		n++;
	}
	json_end_object(o);
}

static int enter(uint32_t pid, struct err *err)
{
	char path[64];
	AUTO_FD fd = -1;

	if (str_format(path, sizeof(path), "/proc/%u/ns/net", pid) < 0)
		return err_sys(err, "network namespace");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		return err_sys(err, "enter the network namespace of process %u", pid);
	return 0;
}

int network_status(const struct request *r, struct buf *out, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct words w = { 0 };
	struct ifaddrs *list;
	struct json_out o;
	AUTO_BUF words;
	AUTO_BUF routes;

	arena_init(&arena, ARCHIVE_ARENA_MAX);
	buf_init_max(&words, DOCUMENT_MAX);
	buf_init_max(&routes, ROUTES_MAX);
	if (r->networks &&
	    (file_read(AT_FDCWD, r->networks, &words, DOCUMENT_MAX, true) < 0 ||
	     json_decode("network.json", words.s, words.len, &words_table, &w, &arena, err) < 0))
		return err_sys(err, "read \"%s\"", r->networks);
	if (enter(r->pid, err) < 0)
		return -1;
	if (file_read(AT_FDCWD, "/proc/self/net/route", &routes, ROUTES_MAX, false) < 0)
		buf_clear(&routes);
	if (getifaddrs(&list) < 0)
		return err_sys(err, "addresses of the container");
	json_out_init(&o, out, 0);
	write_all(&o, list, &w, routes.s);
	freeifaddrs(list);
	return buf_failed(out) ? err_set(err, ENOMEM, "out of memory") : 0;
}
