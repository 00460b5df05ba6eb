/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_create.c - skerry net create and rm: a network is a file */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/units.h"
#include "cni/link.h"
#include "cni/names.h"
#include "cni/net/resolver.h"
#include "cni/net/subnets.h"
#include "cni/net/verb.h"
#include "cni/netconf.h"

#define MTU_MAX	      65535
#define BRIDGE_PREFIX "sk-"

struct create_options {
	struct net_options common;
	const char *driver, *bridge, *parent, *gateway, *range;
	struct option_list subnets;
	unsigned int mtu, vlan;
	bool internal, isolate, no_masquerade, no_resolver;
};

#define ROW(name_, kind_, member, value_, help_)                                      \
 .name = (name_), .kind = (kind_), .offset = offsetof(struct create_options, member), \
 .value = (value_), .help = (help_)

static const struct option create_rows[] = {
	{ ROW("driver", OPTION_STRING, driver, "TYPE",
	      "bridge, ptp, macvlan or ipvlan (default: bridge)") },
	{ ROW("subnet", OPTION_STRINGS, subnets, "CIDR",
	      "addresses of the network, one per family (default: a free /24)") },
	{ ROW("gateway", OPTION_STRING, gateway, "ADDRESS",
	      "the host's own in the first subnet (default: its first address)") },
	{ ROW("ip-range", OPTION_STRING, range, "CIDR",
	      "part of the first subnet to take addresses from") },
	{ ROW("bridge", OPTION_STRING, bridge, "NAME",
	      "the bridge's interface (default: made from the name)") },
	{ ROW("parent", OPTION_STRING, parent, "NAME",
	      "interface of the host that macvlan and ipvlan are made on") },
	{ ROW("mtu", OPTION_NUMBER, mtu, "BYTES", "largest packet (default: the interface's)") },
	{ ROW("vlan", OPTION_NUMBER, vlan, "ID", "VLAN of the bridge's ports") },
	{ ROW("internal", OPTION_FLAG, internal, NULL, "no way out of the network") },
	{ ROW("isolate", OPTION_FLAG, isolate, NULL,
	      "no traffic to and from the default network and others that are isolated") },
	{ ROW("no-masquerade", OPTION_FLAG, no_masquerade, NULL,
	      "leave the containers' addresses as they are") },
	{ ROW("no-resolver", OPTION_FLAG, no_resolver, NULL,
	      "no look-up of the containers' names") },
};

/* --- what is to be written ------------------------------------------------ */

static bool is_bridge(const struct create_options *o)
{
	return !o->driver || strcmp(o->driver, "bridge") == 0;
}

static int check_driver(const struct create_options *o, struct err *err)
{
	static const char *const drivers[] = { "bridge", "ptp", "macvlan", "ipvlan" };

	for (size_t i = 0; o->driver && i < ARRAY_SIZE(drivers); i++)
		if (strcmp(o->driver, drivers[i]) == 0)
			return 0;
	if (o->driver)
		return err_set(err, EINVAL, "unknown driver \"%s\"", o->driver);
	return 0;
}

static int check_options(const struct create_options *o, struct err *err)
{
	if (check_driver(o, err) < 0)
		return -1;
	if (o->mtu > MTU_MAX)
		return err_set(err, EINVAL, "--mtu: %u is more than %d", o->mtu, MTU_MAX);
	if (o->vlan > 4094)
		return err_set(err, EINVAL, "--vlan: %u is more than 4094", o->vlan);
	if (!is_bridge(o) && (o->bridge || o->vlan))
		return err_set(err, EINVAL, "--bridge and --vlan are for the driver \"bridge\"");
	if (o->bridge && !netconf_ifname_ok(o->bridge))
		return err_set(err, EINVAL, "\"%.64s\" can't be the name of an interface",
			       o->bridge);
	return 0;
}

/* The subnets asked for, or a free one. */
static int decide_subnets(const struct net *n, const struct create_options *o, struct arena *arena,
			  struct ip_net *ret, size_t *ret_n, struct err *err)
{
	*ret_n = o->subnets.n;
	if (o->subnets.n > SUBNETS_MAX)
		return err_set(err, E2BIG, "more than %d subnets", SUBNETS_MAX);
	for (size_t i = 0; i < o->subnets.n; i++) {
		if (ip_net_parse(o->subnets.v[i], &ret[i]) < 0)
			return err_set(err, EINVAL, "--subnet: \"%s\" is not ADDRESS/BITS",
				       o->subnets.v[i]);
		ret[i] = ip_net_masked(&ret[i]);
		if (ret[i].prefix + 2U > ip_bits(&ret[i].ip))
			return err_set(err, EINVAL, "--subnet: \"%s\" has no room for a container",
				       o->subnets.v[i]);
		if (subnets_check(n, &ret[i], arena, err) < 0)
			return -1;
		for (size_t j = 0; j < i; j++)
			if (ip_net_overlaps(&ret[i], &ret[j]))
				return err_set(err, EINVAL, "--subnet: \"%s\" overlaps \"%s\"",
					       o->subnets.v[i], o->subnets.v[j]);
	}
	if (o->subnets.n)
		return 0;
	*ret_n = 1;
	return subnets_choose(n, arena, &ret[0], err);
}

static int check_gateway(const struct create_options *o, const struct ip_net *subnet,
			 struct err *err)
{
	struct ip_net range;
	struct ip gateway;

	if (o->gateway &&
	    (ip_parse(o->gateway, &gateway) < 0 || !ip_net_contains(subnet, &gateway)))
		return err_set(err, EINVAL, "--gateway: \"%s\" is not in the subnet", o->gateway);
	if (o->range && (ip_net_parse(o->range, &range) < 0 ||
			 !ip_net_contains(subnet, &range.ip) || range.prefix < subnet->prefix))
		return err_set(err, EINVAL, "--ip-range: \"%s\" is not in the subnet", o->range);
	return 0;
}

static void write_range(struct json_out *o, const struct create_options *given,
			const struct ip_net *subnet, bool first)
{
	char text[IP_TEXT_MAX];
	struct ip_net range;
	struct ip end;

	json_begin_array(o);
	json_begin_object(o);
	json_kv_string(o, "subnet", ip_net_format(subnet, text));
	if (first && given->gateway)
		json_kv_string(o, "gateway", given->gateway);
	if (first && given->range && ip_net_parse(given->range, &range) == 0) {
		range = ip_net_masked(&range);
		json_kv_string(o, "rangeStart", ip_format(&range.ip, text));
		end = ip_net_last(&range);
		json_kv_string(o, "rangeEnd", ip_format(&end, text));
	}
	json_end_object(o);
	json_end_array(o);
}

static void write_ipam(struct json_out *o, const struct create_options *given,
		       const struct ip_net *subnets, size_t n)
{
	json_key(o, "ipam");
	json_begin_object(o);
	json_kv_string(o, "type", "host-local");
	json_key(o, "ranges");
	json_begin_array(o);
	for (size_t i = 0; i < n; i++)
		write_range(o, given, &subnets[i], i == 0);
	json_end_array(o);
	if (!given->internal) {
		json_key(o, "routes");
		json_begin_array(o);
		for (size_t i = 0; i < n; i++) {
			json_begin_object(o);
			json_kv_string(o, "dst",
				       ip_bits(&subnets[i].ip) == 32 ? "0.0.0.0/0" : "::/0");
			json_end_object(o);
		}
		json_end_array(o);
	}
	json_end_object(o);
}

static void write_capabilities(struct json_out *o, const char *const *names)
{
	json_key(o, "capabilities");
	json_begin_object(o);
	for (; *names; names++)
		json_kv_bool(o, *names, true);
	json_end_object(o);
}

static void write_interface(struct json_out *o, const char *name,
			    const struct create_options *given, const struct ip_net *subnets,
			    size_t n)
{
	static const char *const capabilities[] = { "ips", "mac", NULL };
	const char *driver = given->driver ? given->driver : "bridge";
	char bridge[IFNAMSIZ] = BRIDGE_PREFIX;

	json_begin_object(o);
	json_kv_string(o, "type", driver);
	if (is_bridge(given)) {
		if (strlen(name) < sizeof(bridge) - 3)
			(void)snprintf(bridge, sizeof(bridge), BRIDGE_PREFIX "%.12s", name);
		else
			names_hash(bridge + 3, sizeof(bridge) - 3, &name, 1);
		json_kv_string(o, "bridge", given->bridge ? given->bridge : bridge);
		json_kv_bool(o, "isGateway", !given->internal);
		json_kv_bool(o, "hairpinMode", true);
		if (given->vlan)
			json_kv_uint(o, "vlan", given->vlan);
	}
	if (given->parent)
		json_kv_string(o, "master", given->parent);
	if (is_bridge(given) || strcmp(driver, "ptp") == 0)
		json_kv_bool(o, "ipMasq", !given->internal && !given->no_masquerade);
	if (given->mtu)
		json_kv_uint(o, "mtu", given->mtu);
	write_capabilities(o, capabilities);
	write_ipam(o, given, subnets, n);
	json_end_object(o);
}

static void write_list(struct buf *out, const char *name, const struct create_options *given,
		       const struct ip_net *subnets, size_t n)
{
	static const char *const capabilities[] = { "portMappings", NULL };
	struct json_out o;

	json_out_init(&o, out, JSON_TABS);
	json_begin_object(&o);
	/* callers that don't know of a choice take the first */
	json_kv_string(&o, "cniVersion", "1.0.0");
	json_key(&o, "cniVersions");
	json_begin_array(&o);
	json_string(&o, "1.0.0");
	json_string(&o, CNI_VERSION_LAST);
	json_end_array(&o);
	json_kv_string(&o, "name", name);
	json_kv_bool(&o, "skerry.resolver",
		     is_bridge(given) && !given->internal && !given->no_resolver);
	json_key(&o, "plugins");
	json_begin_array(&o);
	write_interface(&o, name, given, subnets, n);
	if (is_bridge(given) && !given->internal) {
		json_begin_object(&o);
		json_kv_string(&o, "type", "portmap");
		write_capabilities(&o, capabilities);
		json_end_object(&o);
	}
	if (given->isolate) {
		json_begin_object(&o);
		json_kv_string(&o, "type", "firewall");
		json_kv_string(&o, "ingressPolicy", "same-bridge");
		json_end_object(&o);
	}
	json_end_array(&o);
	json_end_object(&o);
	buf_putc(out, '\n');
}

static int network_path(const struct net *n, const char *name, char path[PATH_MAX], struct err *err)
{
	if (!netconf_name_ok(name) || strlen(name) > 64)
		return cni_err(err, CNI_ERR_CONFIG, "\"%.80s\" can't be the name of a network",
			       name);
	if (str_format(path, PATH_MAX, "%s/%s.conflist", n->folders[0], name) < 0)
		return err_sys(err, "\"%s\"", n->folders[0]);
	return 0;
}

static int run_create(struct net *n, const void *options, const struct option_args *args,
		      struct err *err)
{
	const struct create_options *given = options;
	const char *name = args->v[0];
	struct ip_net subnets[SUBNETS_MAX];
	char path[PATH_MAX];
	AUTO_LOCK lock = -1;
	AUTO_BUF text;
	size_t count;

	buf_init(&text);
	if (check_options(given, err) < 0 || network_path(n, name, path, err) < 0)
		return -1;
	if (conflist_find(&n->lists, name) || access(path, F_OK) == 0)
		return err_set(err, EEXIST, "network \"%s\" is there already", name);
	lock = net_lock(n, name, NET_ALONE, err);
	if (lock < 0 || decide_subnets(n, given, &n->arena, subnets, &count, err) < 0 ||
	    check_gateway(given, &subnets[0], err) < 0)
		return -1;
	write_list(&text, name, given, subnets, count);
	if (buf_failed(&text))
		return err_set(err, ENOMEM, "out of memory");
	if (file_make_dirs(n->folders[0], 0755) < 0 ||
	    file_replace(AT_FDCWD, path, text.s, text.len, 0644) < 0)
		return err_sys(err, "write \"%s\"", path);
	buf_clear(&text);
	buf_printf(&text, "%s\n", path);
	return verb_print(&text, err);
}

const struct verb verb_create = {
	.name = "create",
	.arguments = "NETWORK",
	.summary = "write the configuration of a new network",
	.description = "Prints the file's name.  Interfaces are made with the first container.\n",
	.options = { create_rows, ARRAY_SIZE(create_rows), &verb_common },
	.size = sizeof(struct create_options),
	.min_args = 1,
	.max_args = 1,
	.run = run_create,
};

/* --- rm ------------------------------------------------------------------- */

struct rm_options {
	struct net_options common;
	bool force;
};
static const struct option rm_rows[] = {
	{ .name = "force",
	  .letter = 'f',
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct rm_options, force),
	  .help = "detach the containers that are still in it" },
};

static int detach_all(struct net *n, const char *network, bool force, struct err *err)
{
	struct cache_entries all;
	size_t alive = 0;

	if (cache_list(n->cache_dir, network, NULL, &n->arena, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++)
		alive += !net_is_stale(&all.v[i]);
	if (alive && !force)
		return err_set(err, EBUSY,
			       "network \"%s\" has %zu containers; --force detaches them", network,
			       alive);
	for (size_t i = 0; i < all.n; i++) {
		const struct net_attachment a = { .container = all.v[i].container,
						  .ifname = all.v[i].ifname };

		if (net_del(n, network, &a, err) < 0)
			return -1;
	}
	return 0;
}

struct bridge_document {
	char *bridge;
};
static const struct json_field bridge_fields[] = {
	JSON_FIELD(struct bridge_document, bridge, JSON_STRING),
};
static const struct json_table bridge_table = JSON_TABLE(struct bridge_document, bridge_fields);

/* No plugin takes the bridge away.  Only one that "create" has named is ours to take: the user may
 * have given us the one that the machine's own uplink is in. */
static bool is_own_bridge(const char *bridge)
{
	return netconf_ifname_ok(bridge) &&
	       (str_starts(bridge, BRIDGE_PREFIX) || strcmp(bridge, NET_DEFAULT_BRIDGE) == 0);
}

static int remove_bridge(struct net *n, const struct conflist *list, struct err *err)
{
	for (size_t i = 0; i < list->n; i++) {
		struct bridge_document d = { 0 };
		AUTO_BUF text;

		if (strcmp(list->v[i].type, "bridge") != 0)
			continue;
		buf_init(&text);
		conflist_write_request(list, &list->v[i], &(struct conflist_request){ 0 }, &text);
		if (json_decode(list->name, text.s, text.len, &bridge_table, &d, &n->arena, err) <
		    0)
			return -1;
		if (d.bridge && is_own_bridge(d.bridge) && link_remove(-1, d.bridge, err) < 0)
			return -1;
	}
	return 0;
}

static int remove_network(struct net *n, const char *name, bool force, struct err *err)
{
	const struct conflist *list = net_find(n, name, err);
	AUTO_LOCK lock = -1;
	size_t stale;

	if (!list)
		return -1;
	if (detach_all(n, name, force, err) < 0)
		return -1;
	/* what plugins keep without an attachment goes as well; they may not know GC */
	(void)net_gc(n, list, &stale, NULL);
	resolver_stop(n, name);
	lock = net_lock(n, name, NET_ALONE, err);
	if (lock < 0 || remove_bridge(n, list, err) < 0)
		return -1;
	if (list->path && unlink(list->path) < 0 && errno != ENOENT)
		return err_sys(err, "remove \"%s\"", list->path);
	return 0;
}

static int run_rm(struct net *n, const void *options, const struct option_args *args,
		  struct err *err)
{
	const struct rm_options *o = options;
	int rc = 0;

	for (int i = 0; i < args->n; i++) {
		struct err one = { 0 };

		if (remove_network(n, args->v[i], o->force, &one) == 0)
			continue;
		if (rc == 0)
			*err = one;
		else
			log_warning("%s", one.msg);
		rc = -1;
	}
	return rc;
}

const struct verb verb_rm = {
	.name = "rm",
	.arguments = "NETWORK...",
	.summary = "remove networks: bridge, resolver, configuration",
	.description = "The one that is built in comes back with its next container.\n",
	.options = { rm_rows, ARRAY_SIZE(rm_rows), &verb_common },
	.size = sizeof(struct rm_options),
	.min_args = 1,
	.max_args = -1,
	.run = run_rm,
};
