/* SPDX-License-Identifier: Apache-2.0 */
/* move_list.c - what the plugins of a target's network are told of the attachment that comes
 *
 * The list of the target changed in its first plugin only: the hardware
 * address and the addresses are those of the ticket; a bridge whose segment
 * both hosts share lets nothing pass its port until the cut-over.  An address in one
 * of the ranges of this host is leased here too; another is simply given.  One
 * of a routed network that is in no subnet here gets a link of its own (ptp):
 * the bridge's segment couldn't answer for it.
 * The changed list is what the cache remembers, so CHECK and DEL know it.
 */
#include <errno.h>
#include <string.h>

#include "cni/net/move_record.h"
#include "cni/netconf.h"

/* What the first plugin's ipam section says. */
struct ipam {
	char *type, *subnet, *start, *end;
	char *ranges; /* JSON */
};
static const struct json_field ipam_fields[] = {
	JSON_FIELD(struct ipam, type, JSON_STRING),
	JSON_FIELD(struct ipam, subnet, JSON_STRING),
	JSON_FIELD_AS("rangeStart", struct ipam, start, JSON_STRING),
	JSON_FIELD_AS("rangeEnd", struct ipam, end, JSON_STRING),
	JSON_FIELD(struct ipam, ranges, JSON_RAW),
};
static const struct json_table ipam_table = JSON_TABLE(struct ipam, ipam_fields);

static void load_ipam(const struct conflist_plugin *plugin, struct arena *arena, struct ipam *ret)
{
	*ret = (struct ipam){ 0 };
	for (size_t i = 0; i < plugin->members.n; i++) {
		const struct pair *p = &plugin->members.v[i];

		/* what it can't read is for the plugin to refuse */
		if (strcmp(p->key, "ipam") == 0 && json_decode("ipam", p->value, strlen(p->value),
							       &ipam_table, ret, arena, NULL) < 0)
			*ret = (struct ipam){ 0 };
	}
}

/* Where an address is as the network on this host sees it. */
enum place { OUTSIDE, IN_SUBNET, IN_RANGE };

static enum place place_in(const struct netconf_range *range, const struct ip *ip)
{
	struct ip_net subnet;
	struct ip end;

	if (!range->subnet || ip_net_parse(range->subnet, &subnet) < 0 ||
	    !ip_net_contains(&subnet, ip))
		return OUTSIDE;
	if (range->range_start && ip_parse(range->range_start, &end) == 0 &&
	    end.family == ip->family && ip_compare(ip, &end) < 0)
		return IN_SUBNET;
	if (range->range_end && ip_parse(range->range_end, &end) == 0 && end.family == ip->family &&
	    ip_compare(ip, &end) > 0)
		return IN_SUBNET;
	return IN_RANGE;
}

static enum place place_of(const struct ipam *ipam, const char *address, struct arena *arena)
{
	const struct netconf_range flat = { .subnet = ipam->subnet,
					    .range_start = ipam->start,
					    .range_end = ipam->end };
	struct netconf_range_sets sets = { 0 };
	enum place best;
	struct ip_net net;

	if (ip_net_parse(address, &net) < 0)
		return OUTSIDE;
	best = place_in(&flat, &net.ip);
	if (!ipam->ranges || netconf_range_sets_parse(ipam->ranges, arena, &sets, NULL) < 0)
		return best;
	for (size_t s = 0; s < sets.n; s++)
		for (size_t r = 0; r < sets.v[s].n; r++) {
			const enum place one = place_in(&sets.v[s].v[r], &net.ip);

			best = one > best ? one : best;
		}
	return best;
}

/* The worst place of all addresses. */
static enum place find_place(const struct ipam *ipam, const struct move *m, struct arena *arena)
{
	enum place worst = IN_RANGE;

	for (size_t i = 0; i < m->addresses.n; i++) {
		const enum place one = place_of(ipam, m->addresses.v[i].address, arena);

		worst = one < worst ? one : worst;
	}
	return worst;
}

static void write_addresses(const struct move *m, struct json_out *o)
{
	json_key(o, "addresses");
	json_begin_array(o);
	for (size_t i = 0; i < m->addresses.n; i++) {
		json_begin_object(o);
		json_kv_string(o, "address", m->addresses.v[i].address);
		if (m->addresses.v[i].gateway[0])
			json_kv_string(o, "gateway", m->addresses.v[i].gateway);
		json_end_object(o);
	}
	json_end_array(o);
}

/* The way out through each family's first gateway. */
static void write_routes(const struct move *m, struct json_out *o)
{
	bool has[2] = { false, false };

	json_key(o, "routes");
	json_begin_array(o);
	for (size_t i = 0; i < m->addresses.n; i++) {
		const char *gateway = m->addresses.v[i].gateway;
		const bool six = strchr(gateway, ':') != NULL;

		if (!gateway[0] || has[six])
			continue;
		has[six] = true;
		json_begin_object(o);
		json_kv_string(o, "dst", six ? "::/0" : "0.0.0.0/0");
		json_kv_string(o, "gw", gateway);
		json_end_object(o);
	}
	json_end_array(o);
}

static void write_args(const struct move *m, bool with_ips, struct json_out *o)
{
	json_key(o, "args");
	json_begin_object(o);
	json_key(o, "cni");
	json_begin_object(o);
	json_kv_string(o, "mac", m->mac);
	if (m->index)
		json_kv_uint(o, "skerry.index", m->index);
	if (with_ips) {
		json_key(o, "ips");
		json_begin_array(o);
		for (size_t i = 0; i < m->addresses.n; i++)
			json_string(o, m->addresses.v[i].address);
		json_end_array(o);
	}
	json_end_object(o);
	json_end_object(o);
}

/* What is different in the first plugin. */
static void write_patch(const struct conflist *list, const struct move *m, struct arena *arena,
			struct buf *out)
{
	struct ipam ipam;
	struct json_out o;
	enum place place;
	bool own_link, fixed;

	load_ipam(&list->v[0], arena, &ipam);
	place = find_place(&ipam, m, arena);
	fixed = place != IN_RANGE || str_eq(ipam.type, "static");
	own_link = m->kind == MOVE_ROUTED && place == OUTSIDE && !str_eq(ipam.type, "static");

	json_out_init(&o, out, 0);
	json_begin_object(&o);
	write_args(m, !fixed, &o);
	if (m->kind == MOVE_BRIDGED)
		json_kv_bool(&o, "skerry.hold", true);
	if (own_link)
		json_kv_string(&o, "type", "ptp");
	if (fixed) {
		json_key(&o, "ipam");
		json_begin_object(&o);
		json_kv_string(&o, "type", "static");
		write_addresses(m, &o);
		if (own_link)
			write_routes(m, &o);
		json_end_object(&o);
	}
	json_end_object(&o);
}

static void write_plugin(const struct conflist_plugin *plugin, struct json_out *o)
{
	json_begin_object(o);
	for (size_t i = 0; i < plugin->members.n; i++) {
		json_key(o, plugin->members.v[i].key);
		json_raw(o, plugin->members.v[i].value);
	}
	json_end_object(o);
}

static int write_first(const struct conflist *list, const struct move *m, struct arena *arena,
		       struct buf *out, struct err *err)
{
	struct json_out o;
	AUTO_BUF own, patch;

	buf_init(&own);
	buf_init(&patch);
	json_out_init(&o, &own, 0);
	write_plugin(&list->v[0], &o);
	write_patch(list, m, arena, &patch);
	if (buf_failed(&own) || buf_failed(&patch))
		return err_set(err, ENOMEM, "network \"%s\": out of memory", list->name);
	return json_merge(own.s, patch.s, arena, out, err);
}

static int write_list(const struct conflist *list, const char *first, struct buf *out,
		      struct err *err)
{
	struct json_out o;

	json_out_init(&o, out, 0);
	json_begin_object(&o);
	json_kv_string(&o, "cniVersion", list->version);
	json_kv_string(&o, "name", list->name);
	json_kv_bool(&o, "disableCheck", list->disable_check);
	json_kv_bool(&o, "disableGC", list->disable_gc);
	json_kv_bool(&o, "skerry.resolver", list->resolver);
	json_key(&o, "plugins");
	json_begin_array(&o);
	json_raw(&o, first);
	for (size_t i = 1; i < list->n; i++)
		write_plugin(&list->v[i], &o);
	json_end_array(&o);
	json_end_object(&o);
	return buf_failed(out) ? err_set(err, ENOMEM, "network \"%s\": out of memory", list->name)
			       : 0;
}

int move_list(struct net *n, const struct conflist *list, const struct net_attachment *a,
	      struct conflist *ret, struct err *err)
{
	AUTO_BUF first, text;
	struct move m;
	int found = move_load(n, list->name, a->container, a->ifname, &m, err);

	buf_init(&first);
	buf_init(&text);
	if (found <= 0)
		return found;
	if (m.role != MOVE_TARGET)
		return 0;
	if (m.state != MOVE_PREPARED)
		return err_set(err, EBUSY, "the move of \"%s\" to this host is cut over already",
			       a->container);
	if (list->n == 0 || write_first(list, &m, &n->arena, &first, err) < 0 ||
	    write_list(list, first.s, &text, err) < 0 ||
	    conflist_parse(list->name, text.s, text.len, false, &n->arena, ret, err) < 0)
		return -1;
	ret->built_in = list->built_in;
	return 1;
}
