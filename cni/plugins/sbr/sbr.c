/* SPDX-License-Identifier: Apache-2.0 */
/* sbr.c - source based routing: an interface's addresses leave through that interface
 *
 * Each address of the interface gets a routing table of its own (from 100 up,
 * the first that nothing uses), a rule that leads packets from it there, a
 * default route by its gateway, and the interface's routes that concern it.
 * Those are then taken out of the main table, so that the other interfaces'
 * routes decide about everything else.
 * Two interfaces of one container are done one after the other: the lock is on
 * the namespace's file.
 * CNI plugin "sbr"; ip-rule(8), rtnetlink(7).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/fd.h"
#include "cni/link.h"
#include "cni/plugins/registry.h"
#include "cni/prev.h"
#include "cni/route.h"

#define TABLE_FIRST 100
#define TABLES_MAX  256 /* those looked at for being used: 100 to 355 */
#define ROUTES_MAX  256

struct config {
	uint32_t table;
	bool add_source_hints;
};
static const struct json_field config_fields[] = {
	JSON_FIELD(struct config, table, JSON_U32),
	JSON_FIELD_AS("addSourceHints", struct config, add_source_hints, JSON_BOOL),
};
static const struct json_table config_table = JSON_TABLE(struct config, config_fields);

static const int families[] = { AF_INET, AF_INET6 };

/* What there is before anything is changed. */
struct found {
	int index;
	bool used[TABLES_MAX]; /* table TABLE_FIRST + n */
	struct route routes[ROUTES_MAX]; /* of the interface, in the main table */
	size_t n_routes;
	bool failed; /* too many */
};

/* Addresses of the interface, from the result. */
struct sources {
	struct result_ip *v;
	size_t n;
};

static void mark_used(struct found *f, uint32_t table)
{
	if (table >= TABLE_FIRST && table < TABLE_FIRST + TABLES_MAX)
		f->used[table - TABLE_FIRST] = true;
}

static int look_at_rule(const struct rule *rule, void *data, struct err *err)
{
	(void)err;
	if (rule)
		mark_used(data, rule->table);
	return 0;
}

static int look_at_route(const struct route *route, void *data, struct err *err)
{
	struct found *f = data;

	(void)err;
	if (!route)
		return 0; /* seen twice is no harm: replaced, and deleted if there */
	mark_used(f, route->table);
	if (route->oif != f->index || (route->table != RT_TABLE_MAIN && route->table != 0))
		return 0;
	if (f->n_routes == ROUTES_MAX)
		f->failed = true;
	else
		f->routes[f->n_routes++] = *route;
	return 0;
}

static int look(struct rtnl *r, const char *ifname, struct found *f, struct err *err)
{
	struct link link;

	memset(f, 0, sizeof(*f));
	if (link_get(r, ifname, &link, err) < 0)
		return -1;
	f->index = link.index;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (rule_each(r, families[i], look_at_rule, f, err) < 0 ||
		    route_each(r, families[i], 0, 0, look_at_route, f, err) < 0)
			return -1;
	if (f->failed)
		return err_set(err, E2BIG, "\"%s\" has more than %d routes", ifname, ROUTES_MAX);
	return 0;
}

static uint32_t next_table(struct found *f)
{
	for (uint32_t i = 0; i < TABLES_MAX; i++) {
		if (f->used[i])
			continue;
		f->used[i] = true;
		return TABLE_FIRST + i;
	}
	return 0;
}

/* Is the address the container's, on this interface? */
static int take_sources(struct cni_call *call, struct sources *ret, struct err *err)
{
	const struct result *prev = &call->conf->prev;

	ret->v = arena_array(call->arena, prev->n_ips + 1, sizeof(*ret->v));
	ret->n = 0;
	if (!ret->v)
		return err_sys(err, "addresses of \"%s\"", call->args->ifname);
	for (size_t i = 0; i < prev->n_ips; i++) {
		const int index = prev->ips[i].interface;

		if (index < 0 || (size_t)index >= prev->n_interfaces ||
		    (prev->interfaces[index].sandbox &&
		     str_eq(prev->interfaces[index].name, call->args->ifname)))
			ret->v[ret->n++] = prev->ips[i];
	}
	return 0;
}

static struct rule rule_of(const struct ip *ip, uint32_t table)
{
	return (struct rule){ .family = ip->family,
			      .from = { *ip, (uint8_t)ip_bits(ip) },
			      .table = table };
}

/* Does the route belong to what leaves with this address? */
static bool concerns(const struct route *route, const struct ip_net *address)
{
	if (route->dst.ip.family != address->ip.family)
		return false;
	if (ip_is_none(&route->source) && ip_is_none(&route->gateway))
		return true;
	return (!ip_is_none(&route->source) && ip_net_contains(address, &route->source)) ||
	       (!ip_is_none(&route->gateway) && ip_net_contains(address, &route->gateway));
}

static int add_source(struct rtnl *r, struct found *f, const struct result_ip *source,
		      const struct config *config, uint32_t table, struct err *err)
{
	const struct rule rule = rule_of(&source->address.ip, table);

	rule_add(r, &rule);
	/* the directly connected ones first: a gateway must be reachable in its table */
	for (int with_gateway = 0; with_gateway < 2; with_gateway++) {
		for (size_t i = 0; i < f->n_routes; i++) {
			struct route route = f->routes[i];

			if (!concerns(&route, &source->address) ||
			    ip_is_none(&route.gateway) != (with_gateway == 0))
				continue;
			route.table = table;
			if (config->add_source_hints && ip_is_none(&route.source))
				route.source = source->address.ip;
			route_add(r, &route, NLM_F_REPLACE);
		}
		if (rtnl_flush(r, err) < 0)
			return -1;
	}
	if (!ip_is_none(&source->gateway)) {
		const struct route gateway = { .dst = { { .family = source->gateway.family }, 0 },
					       .gateway = source->gateway,
					       .oif = f->index,
					       .table = table,
					       .onlink = true };

		route_add(r, &gateway, NLM_F_REPLACE);
	}
	return rtnl_flush(r, err);
}

/* Routes of the main table that were copied; those the kernel makes for itself stay gone as well. */
static int drop_main(struct rtnl *r, const struct found *f, struct err *err)
{
	for (size_t i = 0; i < f->n_routes; i++) {
		struct err why = { 0 };

		route_delete(r, &f->routes[i]);
		if (rtnl_flush(r, &why) < 0 && why.code != ESRCH && why.code != ENOENT)
			return err_set(err, why.code, "%s", why.msg);
	}
	return 0;
}

struct tidy {
	const struct ip *ips;
	size_t n;
	struct rule rules[ROUTES_MAX];
	size_t n_rules;
};

static int collect_rule(const struct rule *rule, void *data, struct err *err)
{
	struct tidy *t = data;

	(void)err;
	if (!rule) {
		t->n_rules = 0;
		return 0;
	}
	for (size_t i = 0; i < t->n && t->n_rules < ROUTES_MAX; i++) {
		if (rule->from.prefix != ip_bits(&t->ips[i]) || !ip_eq(&rule->from.ip, &t->ips[i]))
			continue;
		t->rules[t->n_rules] = *rule;
		t->rules[t->n_rules++].iif = NULL;
		break;
	}
	return 0;
}

/* Removes every rule of these sources; the tables' routes go with the interface. */
static int remove_rules(struct rtnl *r, const struct ip *ips, size_t n, struct err *err)
{
	struct tidy t = { .ips = ips, .n = n };

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		if (rule_each(r, families[i], collect_rule, &t, err) < 0)
			return -1;
		for (size_t k = 0; k < t.n_rules; k++) {
			rule_delete(r, &t.rules[k]);
			if (rtnl_flush(r, err) < 0)
				return -1;
		}
		t.n_rules = 0;
	}
	return 0;
}

static int source_ips(struct cni_call *call, const struct sources *s, struct ip **ret,
		      struct err *err)
{
	*ret = arena_array(call->arena, s->n + 1, sizeof(**ret));
	if (!*ret)
		return err_sys(err, "addresses of \"%s\"", call->args->ifname);
	for (size_t i = 0; i < s->n; i++)
		(*ret)[i] = s->v[i].address.ip;
	return 0;
}

static int route_sources(struct cni_call *call, const struct config *config, struct rtnl *r,
			 const struct sources *s, struct err *err)
{
	struct found *f = arena_alloc(call->arena, sizeof(*f));

	if (!f)
		return err_sys(err, "routes of \"%s\"", call->args->ifname);
	if (look(r, call->args->ifname, f, err) < 0)
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		const uint32_t table = config->table ? config->table : next_table(f);

		if (table == 0)
			return err_set(err, ENOSPC, "no routing table is free");
		if (add_source(r, f, &s->v[i], config, table, err) < 0)
			return -1;
	}
	return drop_main(r, f, err);
}

static int sbr_add(struct cni_call *call, struct err *err)
{
	AUTO_FD lock = -1;
	struct config config;
	struct sources s;
	struct rtnl *r;
	struct ip *ips;

	if (netconf_decode(call->conf, &config_table, &config, call->arena, err) < 0 ||
	    take_sources(call, &s, err) < 0 || source_ips(call, &s, &ips, err) < 0)
		return -1;
	lock = open(call->args->netns, O_RDONLY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return err_sys(err, "lock \"%s\"", call->args->netns);
	r = cni_inside(call, err);
	if (!r)
		return -1;
	if (route_sources(call, &config, r, &s, err) == 0)
		return 0;
	rtnl_discard(r);
	(void)remove_rules(r, ips, s.n, NULL);
	return -1;
}

struct addresses {
	struct ip v[ROUTES_MAX];
	size_t n;
};

static int collect_address(const struct addr *addr, void *data, struct err *err)
{
	struct addresses *a = data;

	(void)err;
	if (!addr)
		a->n = 0;
	else if (a->n < ROUTES_MAX)
		a->v[a->n++] = addr->net.ip;
	return 0;
}

static int sbr_del(struct cni_call *call, struct err *err)
{
	struct addresses *a = arena_alloc(call->arena, sizeof(*a));
	struct link link;
	struct rtnl *r;
	int found;

	if (!a)
		return err_sys(err, "addresses of \"%s\"", call->args->ifname);
	if (call->netns < 0)
		return 0;
	r = cni_inside(call, err);
	found = r ? link_find(r, call->args->ifname, &link, err) : -1;
	if (found <= 0)
		return found;
	if (addr_each(r, link.index, AF_UNSPEC, collect_address, a, err) < 0)
		return -1;
	return remove_rules(r, a->v, a->n, err);
}

static int match_gateway(const struct route *route, void *data, struct err *err)
{
	struct ip *wanted = data;

	(void)err;
	if (route && route->dst.prefix == 0 && ip_eq(&route->gateway, wanted))
		*wanted = (struct ip){ 0 }; /* found */
	return 0;
}

/* Does the table that packets from the address are led to have its gateway? */
static int check_table(struct rtnl *r, const struct result_ip *source, uint32_t table,
		       struct err *err)
{
	struct ip gateway = source->gateway;
	char text[IP_TEXT_MAX];

	if (ip_is_none(&gateway))
		return 0;
	if (route_each(r, gateway.family, table, 0, match_gateway, &gateway, err) < 0)
		return -1;
	return ip_is_none(&gateway) ? 0
				    : err_set(err, ENOENT, "table %u has no default route via %s",
					      table, ip_format(&gateway, text));
}

static int sbr_check(struct cni_call *call, struct err *err)
{
	struct tidy t = { 0 };
	struct sources s;
	struct rtnl *r;
	struct ip *ips;

	if (take_sources(call, &s, err) < 0 || source_ips(call, &s, &ips, err) < 0)
		return -1;
	r = cni_inside(call, err);
	if (!r)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		char text[IP_TEXT_MAX];

		t = (struct tidy){ .ips = &ips[i], .n = 1 };
		if (rule_each(r, ips[i].family, collect_rule, &t, err) < 0)
			return -1;
		if (t.n_rules == 0)
			return err_set(err, ENOENT, "there is no rule for packets from %s",
				       ip_format(&ips[i], text));
		if (check_table(r, &s.v[i], t.rules[0].table, err) < 0)
			return -1;
	}
	return 0;
}

const struct cni_plugin cni_plugin_sbr = {
	.type = "sbr",
	.about = "an interface's addresses leave through that interface",
	.chained = true,
	.add = sbr_add,
	.del = sbr_del,
	.check = sbr_check,
};
