/* SPDX-License-Identifier: Apache-2.0 */
/* subnets.c - which addresses the networks of this host have
 *
 * From the ipam section of every configuration and from the host's routes
 * (/proc/net/route, proc(5): numbers in the machine's byte order, hexadecimal).
 */
#include "cni/net/subnets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/file.h"
#include "cni/netconf.h"

#define ROUTES_MAX  ((size_t)4 << 20)
#define POOL_FIRST  0x0a840000U /* 10.132.0.0 */
#define POOL_LAST   0x0abfff00U /* 10.191.255.0 */
#define POOL_PREFIX 24

struct ipam {
	char *subnet, *ranges; /* ranges: JSON */
};
static const struct json_field ipam_fields[] = {
	JSON_FIELD(struct ipam, subnet, JSON_STRING),
	JSON_FIELD(struct ipam, ranges, JSON_RAW),
};
static const struct json_table ipam_table = JSON_TABLE(struct ipam, ipam_fields);

static void add(const char *text, struct ip_net *ret, size_t *n)
{
	if (text && *n < SUBNETS_MAX && ip_net_parse(text, &ret[*n]) == 0)
		(*n)++;
}

static void add_plugin(const struct conflist_plugin *plugin, struct arena *arena,
		       struct ip_net *ret, size_t *n)
{
	struct netconf_range_sets sets = { 0 };
	struct ipam ipam;

	for (size_t i = 0; i < plugin->members.n; i++) {
		const struct pair *m = &plugin->members.v[i];

		if (strcmp(m->key, "ipam") != 0 || json_decode("ipam", m->value, strlen(m->value),
							       &ipam_table, &ipam, arena, NULL) < 0)
			continue;
		add(ipam.subnet, ret, n);
		if (!ipam.ranges || netconf_range_sets_parse(ipam.ranges, arena, &sets, NULL) < 0)
			continue;
		for (size_t s = 0; s < sets.n; s++)
			for (size_t r = 0; r < sets.v[s].n; r++)
				add(sets.v[s].v[r].subnet, ret, n);
	}
}

size_t subnets_of(const struct conflist *list, struct arena *arena, struct ip_net *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		add_plugin(&list->v[i], arena, ret, &n);
	return n;
}

const char *subnets_text(const struct conflist *list, struct arena *arena)
{
	struct ip_net all[SUBNETS_MAX];
	size_t n = subnets_of(list, arena, all);
	const char *text = "";
	char one[IP_TEXT_MAX];

	for (size_t i = 0; text && i < n; i++)
		text = arena_printf(arena, "%s%s%s", text, i ? "," : "",
				    ip_net_format(&all[i], one));
	return n && text ? text : "-";
}

static struct ip_net from_number(uint32_t address, uint8_t prefix)
{
	struct ip_net net = { .ip = { .family = AF_INET }, .prefix = prefix };

	for (size_t i = 0; i < 4; i++)
		net.ip.bytes[i] = (uint8_t)(address >> (24 - 8 * i));
	return net;
}

/* One line of /proc/net/route: "eth0 0000010A 00000000 0001 0 0 0 00FFFFFF ...". */
static bool parse_route(const char *line, struct ip_net *ret)
{
	unsigned int destination, mask;

	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own file, %x can't run over */
	if (sscanf(line, "%*s %8x %*x %*x %*d %*d %*d %8x", &destination, &mask) != 2 || mask == 0)
		return false;
	*ret = from_number(__builtin_bswap32(destination), (uint8_t)__builtin_popcount(mask));
	return true;
}

static int check_routes(const struct ip_net *subnet, struct err *err)
{
	AUTO_BUF text;

	buf_init(&text);
	if (file_read(AT_FDCWD, "/proc/net/route", &text, ROUTES_MAX, false) < 0)
		return 0; /* without procfs there is nothing to compare with */
	for (const char *line = text.s; line && *line; line = strchr(line, '\n')) {
		struct ip_net route;
		char one[IP_TEXT_MAX], two[IP_TEXT_MAX];

		line += *line == '\n';
		if (parse_route(line, &route) && ip_net_overlaps(subnet, &route))
			return err_set(err, EEXIST,
				       "subnet %s overlaps %s, to which the host has a route",
				       ip_net_format(subnet, one), ip_net_format(&route, two));
	}
	return 0;
}

static int check_networks(const struct net *n, const struct ip_net *subnet, struct arena *arena,
			  struct err *err)
{
	struct ip_net all[SUBNETS_MAX];

	for (size_t i = 0; i < n->lists.n; i++) {
		size_t count = subnets_of(&n->lists.v[i], arena, all);
		char one[IP_TEXT_MAX], two[IP_TEXT_MAX];

		for (size_t s = 0; s < count; s++)
			if (ip_net_overlaps(subnet, &all[s]))
				return err_set(err, EEXIST,
					       "subnet %s overlaps %s of network \"%s\"",
					       ip_net_format(subnet, one),
					       ip_net_format(&all[s], two), n->lists.v[i].name);
	}
	return 0;
}

int subnets_check(const struct net *n, const struct ip_net *subnet, struct arena *arena,
		  struct err *err)
{
	if (check_networks(n, subnet, arena, err) < 0)
		return -1;
	return subnet->ip.family == AF_INET ? check_routes(subnet, err) : 0;
}

int subnets_choose(const struct net *n, struct arena *arena, struct ip_net *ret, struct err *err)
{
	for (uint32_t at = POOL_FIRST; at <= POOL_LAST; at += 1U << (32 - POOL_PREFIX)) {
		*ret = from_number(at, POOL_PREFIX);
		if (subnets_check(n, ret, arena, NULL) == 0)
			return 0;
	}
	return err_set(err, ENOSPC,
		       "no free subnet between 10.132.0.0 and 10.191.255.255: say --subnet");
}
