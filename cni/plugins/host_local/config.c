/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - host-local: what may be handed out
 *
 * The ranges of the capability ipRanges come first, then the single range of
 * the old form (subnet, rangeStart, ... beside "type"), then "ranges".  What a
 * range leaves out is made from its subnet: the first address is the gateway,
 * the last one of IPv4 (broadcast) is left out.
 */
#include "cni/plugins/host_local/config.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define HL_SETS_MAX 256

struct doc {
	char *subnet, *range_start, *range_end, *gateway;
	char *ranges, *routes, *data_dir, *resolv_conf;
};
static const struct json_field doc_fields[] = {
	JSON_FIELD(struct doc, subnet, JSON_STRING),
	JSON_FIELD_AS("rangeStart", struct doc, range_start, JSON_STRING),
	JSON_FIELD_AS("rangeEnd", struct doc, range_end, JSON_STRING),
	JSON_FIELD(struct doc, gateway, JSON_STRING),
	JSON_FIELD(struct doc, ranges, JSON_RAW),
	JSON_FIELD(struct doc, routes, JSON_RAW),
	JSON_FIELD_AS("dataDir", struct doc, data_dir, JSON_STRING),
	JSON_FIELD_AS("resolvConf", struct doc, resolv_conf, JSON_STRING),
};
static const struct json_table doc_table = JSON_TABLE(struct doc, doc_fields);

const struct hl_range *hl_set_find(const struct hl_set *set, const struct ip *ip)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct hl_range *range = &set->v[i];

		if (range->first.family == ip->family && ip_compare(&range->first, ip) <= 0 &&
		    ip_compare(ip, &range->last) <= 0)
			return range;
	}
	return NULL;
}

void hl_set_format(const struct hl_set *set, char *dst, size_t size)
{
	char first[IP_TEXT_MAX], last[IP_TEXT_MAX];
	size_t n = 0;

	dst[0] = '\0';
	for (size_t i = 0; i < set->n; i++) {
		if (str_format(dst + n, size - n, "%s%s-%s", i ? "," : "",
			       ip_format(&set->v[i].first, first),
			       ip_format(&set->v[i].last, last)) < 0) {
			dst[n] = '\0';
			return;
		}
		n += strlen(dst + n);
	}
}

/* --- one range ------------------------------------------------------------------ */

static int read_subnet(const struct netconf_range *doc, struct hl_range *ret, struct err *err)
{
	struct ip first;

	if (!doc->subnet || !doc->subnet[0])
		return cni_err(err, CNI_ERR_CONFIG, "invalid range: missing subnet");
	if (ip_net_parse(doc->subnet, &ret->subnet) < 0)
		return cni_err(err, CNI_ERR_DECODE, "invalid CIDR address: %s", doc->subnet);
	first = ip_net_first(&ret->subnet);
	if (!ip_eq(&first, &ret->subnet.ip))
		return cni_err(err, CNI_ERR_CONFIG, "network has host bits set: subnet %s",
			       doc->subnet);
	if (ret->subnet.prefix + 2U > ip_bits(&first))
		return cni_err(err, CNI_ERR_CONFIG, "network %s too small to allocate from",
			       doc->subnet);
	return 0;
}

/* An address of the subnet, or what stands for it when the text is absent. */
static int read_bound(const char *what, const char *text, const struct hl_range *range,
		      const struct ip *standard, struct ip *ret, struct err *err)
{
	char subnet[IP_TEXT_MAX];

	if (!text || !text[0]) {
		*ret = *standard;
		return 0;
	}
	if (ip_parse(text, ret) < 0)
		return cni_err(err, CNI_ERR_DECODE, "invalid IP address: %s \"%s\"", what, text);
	if (!ip_net_contains(&range->subnet, ret))
		return cni_err(err, CNI_ERR_CONFIG, "%s %s not in network %s", what, text,
			       ip_net_format(&range->subnet, subnet));
	return 0;
}

static int read_range(const struct netconf_range *doc, struct hl_range *ret, struct err *err)
{
	struct ip second, last;

	if (read_subnet(doc, ret, err) < 0)
		return -1;
	last = ip_net_last(&ret->subnet);
	if (ip_add(&ret->subnet.ip, 1, &second) < 0 ||
	    (last.family == AF_INET && ip_add(&last, -1, &last) < 0))
		return cni_err(err, CNI_ERR_CONFIG, "network %s too small to allocate from",
			       doc->subnet);
	ret->gateway = second;
	/* a gateway may lie outside of the subnet, the bounds may not */
	if (doc->gateway && doc->gateway[0] && ip_parse(doc->gateway, &ret->gateway) < 0)
		return cni_err(err, CNI_ERR_DECODE, "invalid IP address: gateway \"%s\"",
			       doc->gateway);
	if (read_bound("RangeStart", doc->range_start, ret, &second, &ret->first, err) < 0 ||
	    read_bound("RangeEnd", doc->range_end, ret, &last, &ret->last, err) < 0)
		return -1;
	if (ip_compare(&ret->first, &ret->last) > 0)
		return cni_err(err, CNI_ERR_CONFIG, "RangeStart %s is behind RangeEnd %s",
			       doc->range_start ? doc->range_start : doc->subnet,
			       doc->range_end ? doc->range_end : "of the subnet");
	return 0;
}

/* --- sets ----------------------------------------------------------------------- */

static int add_set(struct hl_config *config, const struct netconf_range *docs, size_t n,
		   struct arena *arena, struct err *err)
{
	struct hl_set set = { .v = arena_array(arena, n ? n : 1, sizeof(*set.v)), .n = n };

	if (!set.v)
		return err_set(err, ENOMEM, "host-local: out of memory");
	if (n == 0)
		return cni_err(err, CNI_ERR_CONFIG, "empty range set");
	if (config->n_sets == HL_SETS_MAX)
		return cni_err(err, CNI_ERR_CONFIG, "more than %d range sets", HL_SETS_MAX);
	for (size_t i = 0; i < n; i++)
		if (read_range(&docs[i], &set.v[i], err) < 0)
			return err_wrap(err, "invalid range set %zu", config->n_sets);
	config->sets[config->n_sets++] = set;
	return 0;
}

static bool ranges_overlap(const struct hl_range *a, const struct hl_range *b)
{
	return a->first.family == b->first.family && ip_compare(&a->first, &b->last) <= 0 &&
	       ip_compare(&b->first, &a->last) <= 0;
}

static int check_pair(const struct hl_range *a, const struct hl_range *b, struct err *err)
{
	char x[IP_TEXT_MAX], y[IP_TEXT_MAX];

	if (!ranges_overlap(a, b))
		return 0;
	return cni_err(err, CNI_ERR_CONFIG, "subnets %s and %s overlap",
		       ip_net_format(&a->subnet, x), ip_net_format(&b->subnet, y));
}

static int check_set(const struct hl_set *set, struct err *err)
{
	for (size_t i = 0; i < set->n; i++)
		for (size_t k = 0; k < i; k++) {
			if (set->v[i].first.family != set->v[k].first.family)
				return cni_err(err, CNI_ERR_CONFIG, "mixed address families");
			if (check_pair(&set->v[k], &set->v[i], err) < 0)
				return -1;
		}
	return 0;
}

static int check_sets(const struct hl_config *config, struct err *err)
{
	for (size_t i = 0; i < config->n_sets; i++) {
		if (check_set(&config->sets[i], err) < 0)
			return -1;
		for (size_t k = 0; k < i; k++)
			for (size_t x = 0; x < config->sets[i].n; x++)
				for (size_t y = 0; y < config->sets[k].n; y++)
					if (check_pair(&config->sets[k].v[y], &config->sets[i].v[x],
						       err) < 0)
						return err_wrap(err, "range set %zu and %zu", k, i);
	}
	return 0;
}

/* Before 0.3.0 a result has one address per family. */
static int check_count(const struct cni_call *call, const struct hl_config *config, struct err *err)
{
	size_t n[2] = { 0 };

	for (size_t i = 0; i < config->n_sets; i++)
		n[config->sets[i].v[0].first.family == AF_INET6]++;
	if (!cni_version_at_least(call->conf->cni_version, "0.3.0") && (n[0] > 1 || n[1] > 1))
		return cni_err(err, CNI_ERR_CONFIG,
			       "CNI version %s does not support more than 1 address per family",
			       call->conf->cni_version);
	return 0;
}

static int load_sets(struct cni_call *call, const struct doc *doc, struct hl_config *config,
		     struct err *err)
{
	const struct netconf_range single = { doc->subnet, doc->range_start, doc->range_end,
					      doc->gateway };
	const struct netconf_range_sets *runtime = &call->conf->runtime.ip_ranges;
	struct netconf_range_sets ranges = { 0 };

	config->sets = arena_array(call->arena, HL_SETS_MAX, sizeof(*config->sets));
	if (!config->sets)
		return err_set(err, ENOMEM, "host-local: out of memory");
	if (doc->ranges && netconf_range_sets_parse(doc->ranges, call->arena, &ranges, err) < 0)
		return -1;
	for (size_t i = 0; i < runtime->n; i++)
		if (add_set(config, runtime->v[i].v, runtime->v[i].n, call->arena, err) < 0)
			return -1;
	if (doc->subnet && doc->subnet[0] && add_set(config, &single, 1, call->arena, err) < 0)
		return -1;
	for (size_t i = 0; i < ranges.n; i++)
		if (add_set(config, ranges.v[i].v, ranges.v[i].n, call->arena, err) < 0)
			return -1;
	if (config->n_sets == 0)
		return cni_err(err, CNI_ERR_CONFIG, "no IP ranges specified");
	return check_sets(config, err) < 0 ? -1 : check_count(call, config, err);
}

/* --- addresses asked for -------------------------------------------------------- */

static int add_wanted(struct cni_call *call, struct hl_config *config, const char *text,
		      struct err *err)
{
	struct ip_net net;
	struct ip *v;

	if (ip_net_parse_any(text, &net) < 0)
		return cni_err(err, CNI_ERR_CONFIG, "requested address \"%s\" is no address", text);
	for (size_t i = 0; i < config->n_wanted; i++)
		if (ip_eq(&config->wanted[i], &net.ip))
			return 0; /* the same one by two ways */
	v = arena_array(call->arena, config->n_wanted + 1, sizeof(*v));
	if (!v)
		return err_set(err, ENOMEM, "host-local: out of memory");
	if (config->n_wanted)
		memcpy(v, config->wanted, config->n_wanted * sizeof(*v));
	v[config->n_wanted++] = net.ip;
	config->wanted = v;
	return 0;
}

static int load_wanted(struct cni_call *call, struct hl_config *config, struct err *err)
{
	const struct strings *const lists[] = { &call->conf->args.ips, &call->conf->runtime.ips };
	char *item = cni_args_value(call->args->args, "IP", call->arena), *rest;

	for (item = item ? strtok_r(item, ",", &rest) : NULL; item;
	     item = strtok_r(NULL, ",", &rest))
		if (add_wanted(call, config, item, err) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		for (size_t k = 0; k < lists[i]->n; k++)
			if (add_wanted(call, config, lists[i]->v[k], err) < 0)
				return -1;
	return 0;
}

static int load_doc(struct cni_call *call, struct doc *ret, struct err *err)
{
	const char *text = call->conf->ipam;

	if (!text)
		return cni_err(err, CNI_ERR_CONFIG, "IPAM config missing 'ipam' key");
	if (json_decode("ipam", text, strlen(text), &doc_table, ret, call->arena, err) < 0)
		return cni_code_(err, CNI_ERR_DECODE);
	return 0;
}

static const char *data_dir(const struct doc *doc)
{
	return doc->data_dir && doc->data_dir[0] ? doc->data_dir : HL_DATA_DIR;
}

int hl_config_data_dir(struct cni_call *call, const char **ret, struct err *err)
{
	struct doc doc;

	if (load_doc(call, &doc, err) < 0)
		return -1;
	*ret = data_dir(&doc);
	return 0;
}

int hl_config_load(struct cni_call *call, struct hl_config *ret, struct err *err)
{
	struct hl_config config = { 0 };
	struct doc doc;

	if (load_doc(call, &doc, err) < 0)
		return -1;
	config.data_dir = data_dir(&doc);
	config.routes = doc.routes;
	config.resolv_conf = doc.resolv_conf && doc.resolv_conf[0] ? doc.resolv_conf : NULL;
	if (load_sets(call, &doc, &config, err) < 0 || load_wanted(call, &config, err) < 0)
		return -1;
	*ret = config;
	return 0;
}
