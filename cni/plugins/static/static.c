/* SPDX-License-Identifier: Apache-2.0 */
/* static.c - IPAM plugin static: the addresses the configuration says
 *
 * In this order: ipam.addresses and those of CNI_ARGS (IP, GATEWAY) behind
 * them; args.cni.ips replaces all, and the capability "ips" replaces that.
 * Nothing is reserved, so DEL has nothing to do.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/plugins/registry.h"

struct address_doc {
	char *address, *gateway;
};
static const struct json_field address_fields[] = {
	JSON_FIELD(struct address_doc, address, JSON_STRING, .required = true),
	JSON_FIELD(struct address_doc, gateway, JSON_STRING),
};
static const struct json_table address_table = JSON_TABLE(struct address_doc, address_fields);

struct ipam_doc {
	struct {
		struct address_doc *v;
		size_t n;
	} addresses;
	char *routes;
	struct result_dns dns;
};
static const struct json_field ipam_fields[] = {
	JSON_FIELD(struct ipam_doc, addresses, JSON_OBJECTS, .sub = &address_table),
	JSON_FIELD(struct ipam_doc, routes, JSON_RAW),
	JSON_FIELD(struct ipam_doc, dns, JSON_INLINE, .sub = &result_dns_table),
};
static const struct json_table ipam_table = JSON_TABLE(struct ipam_doc, ipam_fields);

static int add_address(struct cni_call *call, struct result *r, const char *address,
		       const char *gateway, struct err *err)
{
	struct result_ip *ip = result_add_ip(r, call->arena);

	if (!ip)
		return err_set(err, ENOMEM, "static: out of memory");
	if (ip_net_parse(address, &ip->address) < 0)
		return cni_err(err, CNI_ERR_CONFIG,
			       "the 'address' field is expected to be in CIDR notation, got: '%s'",
			       address);
	if (gateway && gateway[0] && ip_parse(gateway, &ip->gateway) < 0)
		return cni_err(err, CNI_ERR_CONFIG, "gateway \"%s\" is no address", gateway);
	return 0;
}

static int add_list(struct cni_call *call, struct result *r, const struct strings *list,
		    struct err *err)
{
	r->n_ips = 0;
	for (size_t i = 0; i < list->n; i++)
		if (add_address(call, r, list->v[i], NULL, err) < 0)
			return -1;
	return 0;
}

/* Every address whose network it is in gets this gateway. */
static int set_gateway(struct result *r, const char *text, struct err *err)
{
	struct ip gateway;

	if (ip_parse(text, &gateway) < 0)
		return cni_err(err, CNI_ERR_CONFIG, "CNI_ARGS GATEWAY \"%s\" is no address", text);
	for (size_t i = 0; i < r->n_ips; i++)
		if (ip_net_contains(&r->ips[i].address, &gateway))
			r->ips[i].gateway = gateway;
	return 0;
}

/* IP and GATEWAY of CNI_ARGS: lists with commas. */
static int add_from_args(struct cni_call *call, struct result *r, struct err *err)
{
	char *ips = cni_args_value(call->args->args, "IP", call->arena), *item, *rest;
	char *gateways = cni_args_value(call->args->args, "GATEWAY", call->arena);

	for (item = ips ? strtok_r(ips, ",", &rest) : NULL; item; item = strtok_r(NULL, ",", &rest))
		if (add_address(call, r, item, NULL, err) < 0)
			return -1;
	item = gateways ? strtok_r(gateways, ",", &rest) : NULL;
	for (; item; item = strtok_r(NULL, ",", &rest))
		if (set_gateway(r, item, err) < 0)
			return -1;
	return 0;
}

static int check_families(const struct cni_call *call, const struct result *r, struct err *err)
{
	size_t n[2] = { 0 };

	for (size_t i = 0; i < r->n_ips; i++)
		n[r->ips[i].address.ip.family == AF_INET6]++;
	if (!cni_version_at_least(call->conf->cni_version, "0.3.0") && (n[0] > 1 || n[1] > 1))
		return cni_err(err, CNI_ERR_CONFIG,
			       "version %s does not support more than 1 address per family",
			       call->conf->cni_version);
	return 0;
}

static int load(struct cni_call *call, struct result *r, struct err *err)
{
	const struct netconf *conf = call->conf;
	struct ipam_doc doc;

	if (!conf->ipam)
		return cni_err(err, CNI_ERR_CONFIG, "IPAM config missing 'ipam' key");
	if (json_decode("ipam", conf->ipam, strlen(conf->ipam), &ipam_table, &doc, call->arena,
			err) < 0)
		return cni_code_(err, CNI_ERR_DECODE);
	for (size_t i = 0; i < doc.addresses.n; i++)
		if (add_address(call, r, doc.addresses.v[i].address, doc.addresses.v[i].gateway,
				err) < 0)
			return -1;
	if (add_from_args(call, r, err) < 0 ||
	    (conf->args.ips.n > 0 && add_list(call, r, &conf->args.ips, err) < 0) ||
	    (conf->runtime.ips.n > 0 && add_list(call, r, &conf->runtime.ips, err) < 0) ||
	    (doc.routes && result_routes_parse("ipam.routes", doc.routes, call->arena, r, err) < 0))
		return -1;
	r->dns = doc.dns;
	return check_families(call, r, err);
}

static int static_add(struct cni_call *call, struct err *err)
{
	return load(call, &call->result, err);
}

static int static_check(struct cni_call *call, struct err *err)
{
	const struct result *prev = &call->conf->prev;
	struct result wanted = { 0 };
	char text[IP_TEXT_MAX];

	if (load(call, &wanted, err) < 0)
		return -1;
	for (size_t i = 0; i < wanted.n_ips; i++) {
		bool found = false;

		for (size_t k = 0; k < prev->n_ips; k++)
			found = found || ip_net_eq(&prev->ips[k].address, &wanted.ips[i].address);
		if (!found)
			return err_set(err, ENOENT, "static: failed to find address %s",
				       ip_net_format(&wanted.ips[i].address, text));
	}
	return 0;
}

static int static_status(struct cni_call *call, struct err *err)
{
	struct result ignored = { 0 };

	return load(call, &ignored, err);
}

const struct cni_plugin cni_plugin_static = {
	.type = "static",
	.about = "addresses written in the configuration",
	.is_ipam = true,
	.add = static_add,
	.check = static_check,
	.status = static_status,
};
