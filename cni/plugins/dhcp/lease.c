/* SPDX-License-Identifier: Apache-2.0 */
/* lease.c - IPAM plugin dhcp: what the server gave
 *
 * The file is what the client told its script, as JSON: texts that the server
 * chose, checked here when they are used and not before.
 * RFC 3442: with classless routes the routers and the old routes don't count.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/units.h"
#include "cni/plugins/dhcp/dhcp.h"

#define LEASE_MAX  65536
#define LENGTH_MAX 32
#define BLANKS	   " \t\n"

static const struct json_field lease_fields[] = {
	JSON_FIELD(struct dhcp_lease, address, JSON_STRING, .required = true),
	JSON_FIELD(struct dhcp_lease, prefix, JSON_STRING),
	JSON_FIELD(struct dhcp_lease, routers, JSON_STRING),
	JSON_FIELD_AS("staticRoutes", struct dhcp_lease, static_routes, JSON_STRING),
	JSON_FIELD_AS("classfulRoutes", struct dhcp_lease, classful_routes, JSON_STRING),
	JSON_FIELD(struct dhcp_lease, dns, JSON_STRING),
	JSON_FIELD(struct dhcp_lease, domain, JSON_STRING),
	JSON_FIELD(struct dhcp_lease, search, JSON_STRING),
};
static const struct json_table lease_table = JSON_TABLE(struct dhcp_lease, lease_fields);

int dhcp_lease_parse(const char *text, size_t len, struct arena *arena, struct dhcp_lease *ret,
		     struct err *err)
{
	return json_decode("lease", text, len, &lease_table, ret, arena, err);
}

int dhcp_lease_load(const char *path, struct arena *arena, struct dhcp_lease *ret, struct err *err)
{
	AUTO_BUF text;

	buf_init(&text);
	if (file_read(AT_FDCWD, path, &text, LEASE_MAX, true) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "read \"%s\"", path);
	return dhcp_lease_parse(text.s, text.len, arena, ret, err) < 0 ? -1 : 1;
}

/* --- the result ------------------------------------------------------------------- */

static int parse_v4(const char *text, struct ip *ret, struct err *err)
{
	if (ip_parse(text, ret) < 0 || ret->family != AF_INET)
		return err_set(err, EPROTO, "the DHCP server gave \"%s\" for an address", text);
	return 0;
}

/* The next word of a list that is cut up; NULL: no more. */
static char *next_word(char **list)
{
	char *word;

	while ((word = strsep(list, BLANKS)) != NULL)
		if (*word)
			return word;
	return NULL;
}

struct maker {
	const struct dhcp_config *config;
	struct arena *arena;
	struct result *result;
};

/* gateway of family 0 or 0.0.0.0: on the link */
static int add_route(const struct maker *m, const struct ip_net *dst, const struct ip *gateway,
		     struct err *err)
{
	struct result_route *route;

	if (m->config->no_gateway && dst->prefix == 0)
		return 0;
	route = result_add_route(m->result, m->arena);
	if (!route)
		return err_set(err, ENOMEM, "no room for the routes of a lease");
	route->dst = ip_net_masked(dst);
	route->priority = m->config->priority;
	if (ip_is_none(gateway) || ip_is_unspecified(gateway))
		route->scope = (struct opt_i64){ .has = true, .v = RT_SCOPE_LINK };
	else
		route->gateway = *gateway;
	return 0;
}

/* "DST/LENGTH GATEWAY ..." */
static int add_classless(const struct maker *m, char *list, struct err *err)
{
	char *dst, *via;

	while ((dst = next_word(&list)) != NULL) {
		struct ip_net net;
		struct ip gateway;

		via = next_word(&list);
		if (ip_net_parse(dst, &net) < 0 || net.ip.family != AF_INET || !via)
			return err_set(err, EPROTO, "the DHCP server gave \"%s\" for a route", dst);
		if (parse_v4(via, &gateway, err) < 0 || add_route(m, &net, &gateway, err) < 0)
			return -1;
	}
	return 0;
}

/* The network's length as it was told from its first bits, long ago. */
static uint8_t classful_prefix(const struct ip *ip)
{
	if (ip_is_unspecified(ip))
		return 0;
	return ip->bytes[0] < 128 ? 8 : ip->bytes[0] < 192 ? 16 : 24;
}

/* "DST/GATEWAY ..." */
static int add_classful(const struct maker *m, char *list, struct err *err)
{
	char *word;

	while ((word = next_word(&list)) != NULL) {
		char *via = strchr(word, '/');
		struct ip_net net = { 0 };
		struct ip gateway;

		if (!via)
			return err_set(err, EPROTO, "the DHCP server gave \"%s\" for a route",
				       word);
		*via++ = '\0';
		if (parse_v4(word, &net.ip, err) < 0 || parse_v4(via, &gateway, err) < 0)
			return -1;
		net.prefix = classful_prefix(&net.ip);
		if (add_route(m, &net, &gateway, err) < 0)
			return -1;
	}
	return 0;
}

static int add_routes(const struct maker *m, const struct dhcp_lease *lease,
		      const struct ip *gateway, struct err *err)
{
	const struct ip_net all = { .ip.family = AF_INET };
	char *classless = arena_strdup(m->arena, lease->static_routes ? lease->static_routes : "");
	char *classful =
		arena_strdup(m->arena, lease->classful_routes ? lease->classful_routes : "");

	if (!classless || !classful)
		return err_set(err, ENOMEM, "no room for the routes of a lease");
	if (classless[strspn(classless, BLANKS)] != '\0')
		return add_classless(m, classless, err);
	if (add_classful(m, classful, err) < 0)
		return -1;
	return ip_is_none(gateway) ? 0 : add_route(m, &all, gateway, err);
}

static int split(const char *text, struct arena *arena, struct strings *ret, struct err *err)
{
	char *list = arena_strdup(arena, text ? text : ""), *word;
	size_t max = list ? strlen(list) / 2 + 2 : 0;

	ret->v = list ? arena_array(arena, max, sizeof(*ret->v)) : NULL;
	if (!ret->v)
		return err_set(err, ENOMEM, "no room for the name servers of a lease");
	while ((word = next_word(&list)) != NULL)
		ret->v[ret->n++] = word;
	return 0;
}

int dhcp_lease_result(const struct dhcp_lease *lease, const struct dhcp_config *config,
		      struct arena *arena, struct result *ret, struct err *err)
{
	const struct maker m = { .config = config, .arena = arena, .result = ret };
	struct ip gateway = { 0 };
	struct result_ip *ip;
	struct strings routers = { 0 };
	uint64_t prefix;

	if (!lease->prefix || units_u64(lease->prefix, LENGTH_MAX, &prefix) < 0)
		return err_set(err, EPROTO, "the DHCP server gave no subnet mask");
	ip = result_add_ip(ret, arena);
	if (!ip)
		return err_set(err, ENOMEM, "no room for a lease");
	ip->interface = RESULT_NO_INTERFACE;
	ip->address.prefix = (uint8_t)prefix;
	if (parse_v4(lease->address, &ip->address.ip, err) < 0 ||
	    split(lease->routers, arena, &routers, err) < 0 ||
	    (routers.n > 0 && !config->no_gateway && parse_v4(routers.v[0], &gateway, err) < 0))
		return -1;
	ip->gateway = gateway;
	ret->dns.domain = lease->domain;
	if (add_routes(&m, lease, &gateway, err) < 0 ||
	    split(lease->dns, arena, &ret->dns.nameservers, err) < 0)
		return -1;
	return split(lease->search, arena, &ret->dns.search, err);
}
