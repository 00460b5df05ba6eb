/* SPDX-License-Identifier: Apache-2.0 */
/* netconf.c - the request object on a plugin's standard input
 *
 * runtimeConfig comes from callers whose structs have no JSON names
 * (containerd's HostPort, IngressRate, Servers), so its keys match in any case
 * of letters; elsewhere they are exact.
 * CNI specification "Section 1"; CONVENTIONS.md.
 */
#include "cni/netconf.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

#define DOCUMENT     "network configuration"
#define VERSION_PART 3
#define PORT_MAX     65535

int cni_code_(struct err *err, enum cni_code code)
{
	if (err)
		err->exit_code = code;
	return -1;
}

/* --- versions ------------------------------------------------------------------ */

const char *const cni_versions[] = { "0.1.0", "0.2.0", "0.3.0", "0.3.1",
				     "0.4.0", "1.0.0", "1.1.0", NULL };

bool cni_version_known(const char *version)
{
	for (size_t i = 0; cni_versions[i]; i++)
		if (str_eq(cni_versions[i], version))
			return true;
	return false;
}

static void version_numbers(const char *version, unsigned long v[VERSION_PART])
{
	memset(v, 0, VERSION_PART * sizeof(*v));
	for (size_t i = 0; i < VERSION_PART && isdigit((unsigned char)*version); i++) {
		char *end;

		v[i] = strtoul(version, &end, 10);
		version = *end == '.' ? end + 1 : end;
	}
}

bool cni_version_at_least(const char *a, const char *b)
{
	unsigned long x[VERSION_PART], y[VERSION_PART];

	version_numbers(a, x);
	version_numbers(b, y);
	for (size_t i = 0; i < VERSION_PART; i++)
		if (x[i] != y[i])
			return x[i] > y[i];
	return true;
}

/* --- tables -------------------------------------------------------------------- */

#define TABLE_ANY_CASE(type, list)                                                \
 {                                                                                \
  .fields = (list), .n = ARRAY_SIZE(list), .size = sizeof(type), .any_case = true \
 }

static const struct json_field range_fields[] = {
	JSON_FIELD(struct netconf_range, subnet, JSON_STRING),
	JSON_FIELD_AS("rangeStart", struct netconf_range, range_start, JSON_STRING),
	JSON_FIELD_AS("rangeEnd", struct netconf_range, range_end, JSON_STRING),
	JSON_FIELD(struct netconf_range, gateway, JSON_STRING),
};
const struct json_table netconf_range_table = TABLE_ANY_CASE(struct netconf_range, range_fields);

static const struct json_field port_fields[] = {
	JSON_FIELD_AS("hostPort", struct netconf_port, host_port, JSON_U32, .max = PORT_MAX),
	JSON_FIELD_AS("containerPort", struct netconf_port, container_port, JSON_U32,
		      .max = PORT_MAX),
	JSON_FIELD(struct netconf_port, protocol, JSON_STRING),
	JSON_FIELD_AS("hostIP", struct netconf_port, host_ip, JSON_STRING),
};
static const struct json_table port_table = TABLE_ANY_CASE(struct netconf_port, port_fields);

static const struct json_field bandwidth_fields[] = {
	JSON_FIELD_AS("ingressRate", struct netconf_bandwidth, ingress_rate, JSON_U64),
	JSON_FIELD_AS("ingressBurst", struct netconf_bandwidth, ingress_burst, JSON_U64),
	JSON_FIELD_AS("egressRate", struct netconf_bandwidth, egress_rate, JSON_U64),
	JSON_FIELD_AS("egressBurst", struct netconf_bandwidth, egress_burst, JSON_U64),
	JSON_FIELD_AS("shapedSubnets", struct netconf_bandwidth, shaped, JSON_STRINGS),
	JSON_FIELD_AS("unshapedSubnets", struct netconf_bandwidth, unshaped, JSON_STRINGS),
};
static const struct json_table bandwidth_table =
	TABLE_ANY_CASE(struct netconf_bandwidth, bandwidth_fields);

/* the capability's names; the configuration's own dns has others */
static const struct json_field runtime_dns_fields[] = {
	JSON_FIELD_AS("servers", struct result_dns, nameservers, JSON_STRINGS),
	JSON_FIELD_AS("searches", struct result_dns, search, JSON_STRINGS),
	JSON_FIELD(struct result_dns, options, JSON_STRINGS),
};
static const struct json_table runtime_dns_table =
	TABLE_ANY_CASE(struct result_dns, runtime_dns_fields);

struct runtime_doc {
	struct netconf_runtime runtime;
	char *ip_ranges;
};
static const struct json_field runtime_fields[] = {
	JSON_FIELD_AS("portMappings", struct runtime_doc, runtime.port_mappings, JSON_OBJECTS,
		      .sub = &port_table),
	JSON_FIELD_AS("bandwidth", struct runtime_doc, runtime.bandwidth, JSON_OBJECT,
		      .sub = &bandwidth_table),
	JSON_FIELD_AS("ipRanges", struct runtime_doc, ip_ranges, JSON_RAW),
	JSON_FIELD_AS("ips", struct runtime_doc, runtime.ips, JSON_STRINGS),
	JSON_FIELD_AS("mac", struct runtime_doc, runtime.mac, JSON_STRING),
	JSON_FIELD_AS("infinibandGUID", struct runtime_doc, runtime.infiniband_guid, JSON_STRING),
	JSON_FIELD_AS("deviceID", struct runtime_doc, runtime.device_id, JSON_STRING),
	JSON_FIELD_AS("cgroupPath", struct runtime_doc, runtime.cgroup_path, JSON_STRING),
	JSON_FIELD_AS("aliases", struct runtime_doc, runtime.aliases, JSON_STRINGS),
	JSON_FIELD_AS("dns", struct runtime_doc, runtime.dns, JSON_OBJECT,
		      .sub = &runtime_dns_table),
};
static const struct json_table runtime_table = TABLE_ANY_CASE(struct runtime_doc, runtime_fields);

static const struct json_field attachment_fields[] = {
	JSON_FIELD_AS("containerID", struct netconf_attachment, container_id, JSON_STRING,
		      .required = true),
	JSON_FIELD(struct netconf_attachment, ifname, JSON_STRING, .required = true),
};
static const struct json_table attachment_table =
	JSON_TABLE(struct netconf_attachment, attachment_fields);

static const struct json_field args_cni_fields[] = {
	JSON_FIELD(struct netconf_args, ips, JSON_STRINGS),
	JSON_FIELD(struct netconf_args, mac, JSON_STRING),
	JSON_FIELD_AS("skerry.index", struct netconf_args, index, JSON_U32, .max = INT32_MAX),
};
static const struct json_table args_cni_table = JSON_TABLE(struct netconf_args, args_cni_fields);
struct args_doc {
	struct netconf_args cni;
};
static const struct json_field args_fields[] = {
	JSON_FIELD(struct args_doc, cni, JSON_INLINE, .sub = &args_cni_table),
};
static const struct json_table args_table = JSON_TABLE(struct args_doc, args_fields);

struct ipam_doc {
	char *type;
};
static const struct json_field ipam_fields[] = {
	JSON_FIELD(struct ipam_doc, type, JSON_STRING),
};
static const struct json_table ipam_table = JSON_TABLE(struct ipam_doc, ipam_fields);

struct doc {
	char *version, *name, *type, *ipam, *prev, *runtime;
	bool ip_masq;
	struct result_dns dns;
	struct args_doc args;
	struct netconf_attachments attachments, old_attachments;
};
static const struct json_field doc_fields[] = {
	JSON_FIELD_AS("cniVersion", struct doc, version, JSON_STRING),
	JSON_FIELD(struct doc, name, JSON_STRING),
	JSON_FIELD(struct doc, type, JSON_STRING),
	JSON_FIELD_AS("ipMasq", struct doc, ip_masq, JSON_BOOL),
	JSON_FIELD(struct doc, ipam, JSON_RAW),
	JSON_FIELD(struct doc, dns, JSON_INLINE, .sub = &result_dns_table),
	JSON_FIELD_AS("prevResult", struct doc, prev, JSON_RAW),
	JSON_FIELD_AS("runtimeConfig", struct doc, runtime, JSON_RAW),
	JSON_FIELD(struct doc, args, JSON_INLINE, .sub = &args_table),
	JSON_FIELD_AS("cni.dev/valid-attachments", struct doc, attachments, JSON_OBJECTS,
		      .sub = &attachment_table),
	JSON_FIELD_AS("cni.dev/attachments", struct doc, old_attachments, JSON_OBJECTS,
		      .sub = &attachment_table),
};
static const struct json_table doc_table = JSON_TABLE(struct doc, doc_fields);

/* --- names --------------------------------------------------------------------- */

bool netconf_name_ok(const char *name)
{
	if (!isalnum((unsigned char)name[0]))
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("_.-", *name))
			return false;
	return true;
}

bool netconf_ifname_ok(const char *name)
{
	if (!name[0] || strlen(name) >= IFNAMSIZ || str_eq(name, ".") || str_eq(name, ".."))
		return false;
	for (; *name; name++)
		if (*name == '/' || *name == ':' || isspace((unsigned char)*name))
			return false;
	return true;
}

static int compare_attachments(const void *a, const void *b)
{
	const struct netconf_attachment *x = a, *y = b;
	int order = strcmp(x->container_id, y->container_id);

	return order ? order : strcmp(x->ifname, y->ifname);
}

bool netconf_attached(const struct netconf *conf, const char *container_id, const char *ifname)
{
	const struct netconf_attachments *list = &conf->attachments;

	/* a node has hundreds, and GC asks for each of its leases, elements and interfaces */
	for (size_t from = 0, to = list->n; from < to;) {
		size_t middle = from + (to - from) / 2;
		const struct netconf_attachment *v = &list->v[middle];
		int order = strcmp(container_id, v->container_id);

		if (order == 0)
			order = strcmp(ifname, v->ifname);
		if (order == 0)
			return true;
		if (order < 0)
			to = middle;
		else
			from = middle + 1;
	}
	return false;
}

/* --- decoding ------------------------------------------------------------------ */

/* A list of ranges instead of a list of lists of them? */
static bool is_flat(const char *text)
{
	static const char blank[] = " \t\r\n";

	text += strspn(text, blank);
	if (*text++ != '[')
		return false;
	text += strspn(text, blank);
	return *text == '{';
}

static int parse_flat_ranges(const char *text, struct arena *arena, struct netconf_range_sets *ret,
			     struct err *err)
{
	struct json_array array;

	if (json_decode_array("ranges", text, strlen(text), &netconf_range_table, &array, arena,
			      err) < 0)
		return cni_code_(err, CNI_ERR_DECODE);
	ret->v = arena_array(arena, array.n, sizeof(*ret->v));
	if (!ret->v)
		return err_set(err, ENOMEM, "ranges: out of memory");
	for (size_t i = 0; i < array.n; i++) {
		ret->v[i].v = (struct netconf_range *)array.v + i;
		ret->v[i].n = 1;
	}
	ret->n = array.n;
	return 0;
}

int netconf_range_sets_parse(const char *text, struct arena *arena, struct netconf_range_sets *ret,
			     struct err *err)
{
	struct json_array array;

	if (is_flat(text))
		return parse_flat_ranges(text, arena, ret, err);
	if (json_decode_lists("ranges", text, strlen(text), &netconf_range_table, &array, arena,
			      err) < 0)
		return cni_code_(err, CNI_ERR_DECODE);
	ret->v = array.v;
	ret->n = array.n;
	return 0;
}

static int parse_runtime(const char *text, struct arena *arena, struct netconf_runtime *ret,
			 struct err *err)
{
	struct runtime_doc doc;

	if (json_decode("runtimeConfig", text, strlen(text), &runtime_table, &doc, arena, err) < 0)
		return cni_code_(err, CNI_ERR_DECODE);
	if (doc.ip_ranges &&
	    netconf_range_sets_parse(doc.ip_ranges, arena, &doc.runtime.ip_ranges, err) < 0)
		return err_wrap(err, "runtimeConfig.ipRanges");
	*ret = doc.runtime;
	ret->raw = arena_strdup(arena, text);
	return ret->raw ? 0 : err_set(err, ENOMEM, "runtimeConfig: out of memory");
}

static int parse_ipam(const struct doc *doc, struct arena *arena, struct netconf *ret,
		      struct err *err)
{
	struct ipam_doc ipam;

	if (!doc->ipam)
		return 0;
	if (json_decode("ipam", doc->ipam, strlen(doc->ipam), &ipam_table, &ipam, arena, err) < 0)
		return cni_code_(err, CNI_ERR_DECODE);
	ret->ipam = doc->ipam;
	ret->ipam_type = ipam.type && ipam.type[0] ? ipam.type : NULL;
	/* "../../bin/x" would start anything (CVE-2021-20206) */
	if (ret->ipam_type && strchr(ret->ipam_type, '/'))
		return cni_err(err, CNI_ERR_CONFIG, "ipam.type \"%s\" is no name of a plugin",
			       ret->ipam_type);
	return 0;
}

int netconf_parse(const char *text, size_t len, struct arena *arena, struct netconf *ret,
		  struct err *err)
{
	struct doc doc;

	memset(ret, 0, sizeof(*ret));
	ret->cni_version = CNI_VERSION_FIRST;
	if (json_decode(DOCUMENT, text, len, &doc_table, &doc, arena, err) < 0)
		return cni_code_(err, CNI_ERR_DECODE);
	ret->text = text;
	ret->len = len;
	if (doc.version && doc.version[0])
		ret->cni_version = doc.version;
	ret->name = doc.name;
	ret->type = doc.type;
	ret->ip_masq = doc.ip_masq;
	ret->dns = doc.dns;
	ret->args = doc.args.cni;
	ret->attachments = doc.attachments.n ? doc.attachments : doc.old_attachments;
	if (ret->attachments.n > 1)
		qsort(ret->attachments.v, ret->attachments.n, sizeof(*ret->attachments.v),
		      compare_attachments);
	if (!doc.name || !doc.name[0])
		return cni_err(err, CNI_ERR_CONFIG, "missing network name");
	if (!netconf_name_ok(doc.name))
		return cni_err(err, CNI_ERR_CONFIG,
			       "invalid characters found in network name \"%s\"", doc.name);
	if (!cni_version_known(ret->cni_version))
		return 0; /* the frame refuses it; what is inside may have any shape */
	if (parse_ipam(&doc, arena, ret, err) < 0)
		return -1;
	if (doc.runtime && parse_runtime(doc.runtime, arena, &ret->runtime, err) < 0)
		return -1;
	if (doc.prev) {
		if (result_parse("prevResult", doc.prev, strlen(doc.prev), ret->cni_version, arena,
				 &ret->prev, err) < 0)
			return -1;
		ret->has_prev = true;
	}
	return 0;
}

int netconf_decode(const struct netconf *conf, const struct json_table *table, void *dst,
		   struct arena *arena, struct err *err)
{
	if (json_decode(DOCUMENT, conf->text, conf->len, table, dst, arena, err) < 0)
		return cni_code_(err, CNI_ERR_DECODE);
	return 0;
}
