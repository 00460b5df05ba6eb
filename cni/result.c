/* SPDX-License-Identifier: Apache-2.0 */
/* result.c - what a plugin made, in the shape of every version of the specification
 *
 *   0.1.0, 0.2.0   ip4 and ip6: one address each, with its routes inside
 *   0.3.0 - 0.4.0  interfaces, ips (with "version"), routes, dns always
 *   1.0.0          no ips[].version; dns only where there is some
 *   1.1.0          mtu, socketPath, pciID of interfaces; more about routes
 *
 * The order of the keys is libcni's, so that results can be compared as text.
 * CNI specification "Section 5: Result Types", SPEC.md of 0.2.0 and 0.4.0.
 */
#include "cni/result.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/netconf.h"

/* --- reading -------------------------------------------------------------------- */

struct interface_doc {
	char *name, *mac, *sandbox, *socket_path, *pci_id;
	uint32_t mtu;
};
static const struct json_field interface_fields[] = {
	JSON_FIELD(struct interface_doc, name, JSON_STRING),
	JSON_FIELD(struct interface_doc, mac, JSON_STRING),
	JSON_FIELD(struct interface_doc, sandbox, JSON_STRING),
	JSON_FIELD_AS("socketPath", struct interface_doc, socket_path, JSON_STRING),
	JSON_FIELD_AS("pciID", struct interface_doc, pci_id, JSON_STRING),
	JSON_FIELD(struct interface_doc, mtu, JSON_U32),
};
static const struct json_table interface_table = JSON_TABLE(struct interface_doc, interface_fields);

struct ip_doc {
	char *address, *gateway;
	struct opt_i64 interface;
};
static const struct json_field ip_fields[] = {
	JSON_FIELD(struct ip_doc, address, JSON_STRING, .required = true),
	JSON_FIELD(struct ip_doc, gateway, JSON_STRING),
	JSON_FIELD(struct ip_doc, interface, JSON_OPT_I64, .min = -1, .max = JSON_ITEMS_MAX),
};
static const struct json_table ip_table = JSON_TABLE(struct ip_doc, ip_fields);

struct route_doc {
	char *dst, *gw;
	uint32_t mtu, advmss;
	struct opt_i64 priority, table, scope;
};
static const struct json_field route_fields[] = {
	JSON_FIELD(struct route_doc, dst, JSON_STRING, .required = true),
	JSON_FIELD(struct route_doc, gw, JSON_STRING),
	JSON_FIELD(struct route_doc, mtu, JSON_U32),
	JSON_FIELD(struct route_doc, advmss, JSON_U32),
	JSON_FIELD(struct route_doc, priority, JSON_OPT_I64, .min = 0, .max = UINT32_MAX),
	JSON_FIELD(struct route_doc, table, JSON_OPT_I64, .min = 0, .max = UINT32_MAX),
	JSON_FIELD(struct route_doc, scope, JSON_OPT_I64, .min = 0, .max = UINT8_MAX),
};
static const struct json_table route_table = JSON_TABLE(struct route_doc, route_fields);

static const struct json_field dns_fields[] = {
	JSON_FIELD(struct result_dns, nameservers, JSON_STRINGS),
	JSON_FIELD(struct result_dns, domain, JSON_STRING),
	JSON_FIELD(struct result_dns, search, JSON_STRINGS),
	JSON_FIELD(struct result_dns, options, JSON_STRINGS),
};
const struct json_table result_dns_table = JSON_TABLE(struct result_dns, dns_fields);

struct route_docs {
	struct route_doc *v;
	size_t n;
};

struct old_ip_doc { /* ip4, ip6 */
	char *ip, *gateway;
	struct route_docs routes;
};
static const struct json_field old_ip_fields[] = {
	JSON_FIELD(struct old_ip_doc, ip, JSON_STRING, .required = true),
	JSON_FIELD(struct old_ip_doc, gateway, JSON_STRING),
	JSON_FIELD(struct old_ip_doc, routes, JSON_OBJECTS, .sub = &route_table),
};
static const struct json_table old_ip_table = JSON_TABLE(struct old_ip_doc, old_ip_fields);

struct result_doc {
	char *version;
	struct {
		struct interface_doc *v;
		size_t n;
	} interfaces;
	struct {
		struct ip_doc *v;
		size_t n;
	} ips;
	struct route_docs routes;
	struct old_ip_doc *ip4, *ip6;
	struct result_dns dns;
};
static const struct json_field result_fields[] = {
	JSON_FIELD_AS("cniVersion", struct result_doc, version, JSON_STRING),
	JSON_FIELD(struct result_doc, interfaces, JSON_OBJECTS, .sub = &interface_table),
	JSON_FIELD(struct result_doc, ips, JSON_OBJECTS, .sub = &ip_table),
	JSON_FIELD(struct result_doc, routes, JSON_OBJECTS, .sub = &route_table),
	JSON_FIELD(struct result_doc, ip4, JSON_OBJECT, .sub = &old_ip_table),
	JSON_FIELD(struct result_doc, ip6, JSON_OBJECT, .sub = &old_ip_table),
	JSON_FIELD(struct result_doc, dns, JSON_INLINE, .sub = &result_dns_table),
};
static const struct json_table result_table = JSON_TABLE(struct result_doc, result_fields);

struct result_interface *result_add_interface(struct result *r, struct arena *arena)
{
	struct result_interface *v =
		arena_grow(arena, r->interfaces, r->n_interfaces, &r->cap_interfaces, sizeof(*v));

	if (!v)
		return NULL;
	r->interfaces = v;
	v += r->n_interfaces++;
	memset(v, 0, sizeof(*v));
	return v;
}

struct result_ip *result_add_ip(struct result *r, struct arena *arena)
{
	struct result_ip *v = arena_grow(arena, r->ips, r->n_ips, &r->cap_ips, sizeof(*v));

	if (!v)
		return NULL;
	r->ips = v;
	v += r->n_ips++;
	memset(v, 0, sizeof(*v));
	v->interface = RESULT_NO_INTERFACE;
	return v;
}

struct result_route *result_add_route(struct result *r, struct arena *arena)
{
	struct result_route *v =
		arena_grow(arena, r->routes, r->n_routes, &r->cap_routes, sizeof(*v));

	if (!v)
		return NULL;
	r->routes = v;
	v += r->n_routes++;
	memset(v, 0, sizeof(*v));
	return v;
}

/* What a conversion needs all the way down. */
struct reader {
	const char *name;
	struct arena *arena;
	struct result *r;
	struct err *err;
};

static int no_memory(const struct reader *in)
{
	return err_set(in->err, ENOMEM, "%s: out of memory", in->name);
}

static int read_net(const struct reader *in, const char *what, const char *text, struct ip_net *ret)
{
	if (ip_net_parse(text, ret) < 0)
		return cni_err(in->err, CNI_ERR_DECODE, "%s: %s \"%s\" is no address with prefix",
			       in->name, what, text);
	return 0;
}

static int read_gateway(const struct reader *in, const char *text, struct ip *ret)
{
	if (text && text[0] && ip_parse(text, ret) < 0)
		return cni_err(in->err, CNI_ERR_DECODE, "%s: gateway \"%s\" is no address",
			       in->name, text);
	return 0;
}

static int read_ip(const struct reader *in, const char *address, const char *gateway, int interface)
{
	struct result_ip *ip = result_add_ip(in->r, in->arena);

	if (!ip)
		return no_memory(in);
	ip->interface = interface;
	if (read_net(in, "address", address, &ip->address) < 0)
		return -1;
	return read_gateway(in, gateway, &ip->gateway);
}

static int read_routes(const struct reader *in, const struct route_docs *docs)
{
	for (size_t i = 0; i < docs->n; i++) {
		const struct route_doc *doc = &docs->v[i];
		struct result_route *route = result_add_route(in->r, in->arena);

		if (!route)
			return no_memory(in);
		route->mtu = doc->mtu;
		route->advmss = doc->advmss;
		route->priority = doc->priority;
		route->table = doc->table;
		route->scope = doc->scope;
		if (read_net(in, "route", doc->dst, &route->dst) < 0 ||
		    read_gateway(in, doc->gw, &route->gateway) < 0)
			return -1;
	}
	return 0;
}

static int read_interfaces(const struct reader *in, const struct result_doc *doc)
{
	for (size_t i = 0; i < doc->interfaces.n; i++) {
		const struct interface_doc *d = &doc->interfaces.v[i];
		struct result_interface *interface = result_add_interface(in->r, in->arena);

		if (!interface)
			return no_memory(in);
		*interface = (struct result_interface){
			.name = d->name ? d->name : "",
			.mac = d->mac,
			.sandbox = d->sandbox && d->sandbox[0] ? d->sandbox : NULL,
			.mtu = d->mtu,
			.socket_path = d->socket_path,
			.pci_id = d->pci_id,
		};
	}
	return 0;
}

static int read_doc(const struct reader *in, const struct result_doc *doc)
{
	const struct old_ip_doc *const old[] = { doc->ip4, doc->ip6 };

	if (read_interfaces(in, doc) < 0)
		return -1;
	for (size_t i = 0; i < doc->ips.n; i++) {
		const struct ip_doc *ip = &doc->ips.v[i];
		int interface = ip->interface.has ? (int)ip->interface.v : RESULT_NO_INTERFACE;

		/* one beyond the end makes go-cni fall over: it goes no further than here */
		if (interface >= (int)doc->interfaces.n)
			return cni_err(in->err, CNI_ERR_DECODE,
				       "%s: ips[%zu] names interface %d of %zu", in->name, i,
				       interface, doc->interfaces.n);
		if (read_ip(in, ip->address, ip->gateway, interface) < 0)
			return -1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(old); i++) {
		if (!old[i])
			continue;
		if (read_ip(in, old[i]->ip, old[i]->gateway, RESULT_NO_INTERFACE) < 0 ||
		    read_routes(in, &old[i]->routes) < 0)
			return -1;
	}
	in->r->dns = doc->dns;
	return read_routes(in, &doc->routes);
}

/* The JSON null, which some plugins print for "nothing". */
static bool is_null(const char *text, size_t len)
{
	static const char null[] = "null", blanks[] = " \t\r\n";

	for (; len > 0 && memchr(blanks, *text, sizeof(blanks) - 1); len--)
		text++;
	return len >= sizeof(null) - 1 && memcmp(text, null, sizeof(null) - 1) == 0;
}

int result_parse(const char *name, const char *text, size_t len, const char *fallback,
		 struct arena *arena, struct result *ret, struct err *err)
{
	struct result result = { 0 };
	const struct reader in = { .name = name, .arena = arena, .r = &result, .err = err };
	struct result_doc doc;

	if (is_null(text, len)) {
		*ret = result;
		return 0;
	}
	if (json_decode(name, text, len, &result_table, &doc, arena, err) < 0)
		return cni_code_(err, CNI_ERR_DECODE);
	if (!cni_version_known(doc.version && doc.version[0] ? doc.version : fallback))
		return cni_err(err, CNI_ERR_VERSION, "%s: unknown version \"%s\"", name,
			       doc.version && doc.version[0] ? doc.version : fallback);
	if (read_doc(&in, &doc) < 0)
		return -1;
	*ret = result;
	return 0;
}

int result_routes_parse(const char *name, const char *text, struct arena *arena, struct result *ret,
			struct err *err)
{
	const struct reader in = { .name = name, .arena = arena, .r = ret, .err = err };
	struct json_array array;
	struct route_docs docs;

	if (json_decode_array(name, text, strlen(text), &route_table, &array, arena, err) < 0)
		return cni_code_(err, CNI_ERR_DECODE);
	docs.v = array.v;
	docs.n = array.n;
	return read_routes(&in, &docs);
}

/* --- writing -------------------------------------------------------------------- */

static void write_text(struct json_out *out, const char *key, const char *s)
{
	if (s && s[0])
		json_kv_string(out, key, s);
}

static void write_ip(struct json_out *out, const char *key, const struct ip *ip)
{
	char text[IP_TEXT_MAX];

	if (!ip_is_none(ip))
		json_kv_string(out, key, ip_format(ip, text));
}

static void write_net(struct json_out *out, const char *key, const struct ip_net *net)
{
	char text[IP_TEXT_MAX];

	json_kv_string(out, key, ip_net_format(net, text));
}

static void write_strings(struct json_out *out, const char *key, const struct strings *list)
{
	if (list->n == 0)
		return;
	json_key(out, key);
	json_begin_array(out);
	for (size_t i = 0; i < list->n; i++)
		json_string(out, list->v[i]);
	json_end_array(out);
}

static bool dns_is_empty(const struct result_dns *dns)
{
	return dns->nameservers.n == 0 && dns->search.n == 0 && dns->options.n == 0 &&
	       (!dns->domain || !dns->domain[0]);
}

static void write_dns(struct json_out *out, const struct result_dns *dns)
{
	json_key(out, "dns");
	json_begin_object(out);
	write_strings(out, "nameservers", &dns->nameservers);
	write_text(out, "domain", dns->domain);
	write_strings(out, "search", &dns->search);
	write_strings(out, "options", &dns->options);
	json_end_object(out);
}

static void write_opt(struct json_out *out, const char *key, const struct opt_i64 *v)
{
	if (v->has)
		json_kv_int(out, key, v->v);
}

static void write_route(struct json_out *out, const struct result_route *route, bool all)
{
	json_begin_object(out);
	write_net(out, "dst", &route->dst);
	write_ip(out, "gw", &route->gateway);
	if (all) {
		if (route->mtu)
			json_kv_uint(out, "mtu", route->mtu);
		if (route->advmss)
			json_kv_uint(out, "advmss", route->advmss);
		write_opt(out, "priority", &route->priority);
		write_opt(out, "table", &route->table);
		write_opt(out, "scope", &route->scope);
	}
	json_end_object(out);
}

/* Routes of a family (0: both), as "routes" when there is one. */
static void write_routes(struct json_out *out, const struct result *r, int family, bool all)
{
	bool open = false;

	for (size_t i = 0; i < r->n_routes; i++) {
		if (family && r->routes[i].dst.ip.family != family)
			continue;
		if (!open) {
			json_key(out, "routes");
			json_begin_array(out);
			open = true;
		}
		write_route(out, &r->routes[i], all);
	}
	if (open)
		json_end_array(out);
}

static void write_interfaces(struct json_out *out, const struct result *r, bool all)
{
	if (r->n_interfaces == 0)
		return;
	json_key(out, "interfaces");
	json_begin_array(out);
	for (size_t i = 0; i < r->n_interfaces; i++) {
		const struct result_interface *interface = &r->interfaces[i];

		json_begin_object(out);
		json_kv_string(out, "name", interface->name);
		write_text(out, "mac", interface->mac);
		if (all && interface->mtu)
			json_kv_uint(out, "mtu", interface->mtu);
		write_text(out, "sandbox", interface->sandbox);
		if (all) {
			write_text(out, "socketPath", interface->socket_path);
			write_text(out, "pciID", interface->pci_id);
		}
		json_end_object(out);
	}
	json_end_array(out);
}

static void write_ips(struct json_out *out, const struct result *r, bool version)
{
	if (r->n_ips == 0)
		return;
	json_key(out, "ips");
	json_begin_array(out);
	for (size_t i = 0; i < r->n_ips; i++) {
		const struct result_ip *ip = &r->ips[i];

		json_begin_object(out);
		if (version)
			json_kv_string(out, "version",
				       ip->address.ip.family == AF_INET ? "4" : "6");
		if (ip->interface >= 0)
			json_kv_int(out, "interface", ip->interface);
		write_net(out, "address", &ip->address);
		write_ip(out, "gateway", &ip->gateway);
		json_end_object(out);
	}
	json_end_array(out);
}

static void write_old_ip(struct json_out *out, const struct result *r, const char *key, int family)
{
	for (size_t i = 0; i < r->n_ips; i++) {
		const struct result_ip *ip = &r->ips[i];

		if (ip->address.ip.family != family)
			continue;
		json_key(out, key);
		json_begin_object(out);
		write_net(out, "ip", &ip->address);
		write_ip(out, "gateway", &ip->gateway);
		write_routes(out, r, family, false);
		json_end_object(out);
		return;
	}
}

int result_format(const struct result *r, const char *version, struct json_out *out,
		  struct err *err)
{
	bool v11 = cni_version_at_least(version, "1.1.0");
	bool v10 = cni_version_at_least(version, "1.0.0");
	bool v03 = cni_version_at_least(version, "0.3.0");

	if (!v03 && r->n_ips == 0)
		return cni_err(err, CNI_ERR_INTERNAL, "a result of version %s must have an address",
			       version);
	json_begin_object(out);
	json_kv_string(out, "cniVersion", version);
	if (v03) {
		write_interfaces(out, r, v11);
		write_ips(out, r, !v10);
		write_routes(out, r, 0, v11);
	} else {
		write_old_ip(out, r, "ip4", AF_INET);
		write_old_ip(out, r, "ip6", AF_INET6);
	}
	if (!v10 || !dns_is_empty(&r->dns))
		write_dns(out, &r->dns);
	json_end_object(out);
	return 0;
}

/* --- handling ------------------------------------------------------------------- */

int result_copy(const struct result *src, struct arena *arena, struct result *ret)
{
	struct result copy = { .dns = src->dns };

	for (size_t i = 0; i < src->n_interfaces; i++) {
		struct result_interface *v = result_add_interface(&copy, arena);

		if (!v)
			return -1;
		*v = src->interfaces[i];
	}
	for (size_t i = 0; i < src->n_ips; i++) {
		struct result_ip *v = result_add_ip(&copy, arena);

		if (!v)
			return -1;
		*v = src->ips[i];
	}
	for (size_t i = 0; i < src->n_routes; i++) {
		struct result_route *v = result_add_route(&copy, arena);

		if (!v)
			return -1;
		*v = src->routes[i];
	}
	*ret = copy;
	return 0;
}

struct result_interface *result_find_interface(const struct result *r, const char *name,
					       const char *sandbox)
{
	for (size_t i = 0; i < r->n_interfaces; i++)
		if (str_eq(r->interfaces[i].name, name) &&
		    str_eq(r->interfaces[i].sandbox, sandbox))
			return &r->interfaces[i];
	return NULL;
}
