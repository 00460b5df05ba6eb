/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - IPAM plugin dhcp: what is sent and what is asked for
 *
 * ipam.provide says what is sent, by option and value or by the name of a key
 * of CNI_ARGS; ipam.request what is asked for beside the usual.  An option is a
 * number or one of the names of dhcp-options(5).  The client's identifier is
 * CONTAINER/NETWORK/IFNAME behind a type of 0, as with the reference plugin, so
 * a container that comes back is known again.
 * RFC 2132; RFC 3442 (classless routes); RFC 3397 (search list).
 */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/units.h"
#include "cni/plugins/dhcp/dhcp.h"

enum {
	OPTION_MASK = 1,
	OPTION_ROUTERS = 3,
	OPTION_DNS = 6,
	OPTION_HOST_NAME = 12,
	OPTION_DOMAIN = 15,
	OPTION_CLASSFUL_ROUTES = 33,
	OPTION_VENDOR_CLASS = 60,
	OPTION_USER_CLASS = 77,
	OPTION_CLIENT_ID = 61,
	OPTION_SEARCH = 119,
	OPTION_ROUTES = 121,
};

static const struct {
	const char *name;
	uint8_t code;
} option_names[] = {
	{ "subnet-mask", OPTION_MASK },
	{ "routers", OPTION_ROUTERS },
	{ "domain-name-servers", OPTION_DNS },
	{ "host-name", OPTION_HOST_NAME },
	{ "domain-name", OPTION_DOMAIN },
	{ "static-routes", OPTION_CLASSFUL_ROUTES },
	{ "vendor-class-identifier", OPTION_VENDOR_CLASS },
	{ "dhcp-client-identifier", OPTION_CLIENT_ID },
	{ "user-class", OPTION_USER_CLASS },
	{ "domain-search", OPTION_SEARCH },
};
static const uint8_t asked_always[] = {
	OPTION_MASK,   OPTION_ROUTERS, OPTION_DNS, OPTION_DOMAIN, OPTION_CLASSFUL_ROUTES,
	OPTION_SEARCH, OPTION_ROUTES,
};

struct provide_doc {
	char *option, *value, *from_arg;
};
static const struct json_field provide_fields[] = {
	JSON_FIELD(struct provide_doc, option, JSON_STRING, .required = true),
	JSON_FIELD(struct provide_doc, value, JSON_STRING),
	JSON_FIELD_AS("fromArg", struct provide_doc, from_arg, JSON_STRING),
};
static const struct json_table provide_table = JSON_TABLE(struct provide_doc, provide_fields);

struct request_doc {
	char *option;
	bool skip_default;
};
static const struct json_field request_fields[] = {
	JSON_FIELD(struct request_doc, option, JSON_STRING),
	JSON_FIELD_AS("skipDefault", struct request_doc, skip_default, JSON_BOOL),
};
static const struct json_table request_table = JSON_TABLE(struct request_doc, request_fields);

struct ipam_doc {
	char *socket; /* of the reference plugin's daemon: nobody needs it here */
	struct {
		struct provide_doc *v;
		size_t n;
	} provide;
	struct {
		struct request_doc *v;
		size_t n;
	} request;
	struct strings suppress;
	struct opt_i64 priority;
};
static const struct json_field ipam_fields[] = {
	JSON_FIELD_AS("daemonSocketPath", struct ipam_doc, socket, JSON_STRING),
	JSON_FIELD(struct ipam_doc, provide, JSON_OBJECTS, .sub = &provide_table),
	JSON_FIELD(struct ipam_doc, request, JSON_OBJECTS, .sub = &request_table),
	JSON_FIELD(struct ipam_doc, suppress, JSON_STRINGS),
	JSON_FIELD(struct ipam_doc, priority, JSON_OPT_I64, .max = UINT32_MAX),
};
static const struct json_table ipam_table = JSON_TABLE(struct ipam_doc, ipam_fields);

static int parse_option(const char *text, uint8_t *ret, struct err *err)
{
	uint64_t number;

	for (size_t i = 0; i < ARRAY_SIZE(option_names); i++) {
		if (!str_eq(option_names[i].name, text))
			continue;
		*ret = option_names[i].code;
		return 0;
	}
	/* 0 and 255 are no options but padding and the end */
	if (units_u64(text, DHCP_OPTION_MAX - 1, &number) < 0 || number == 0)
		return cni_err(err, CNI_ERR_CONFIG, "can not parse DHCP option \"%s\"", text);
	*ret = (uint8_t)number;
	return 0;
}

/* The last one of a number counts. */
static void put(struct dhcp_config *config, uint8_t code, const char *value)
{
	size_t i = 0;

	while (i < config->n_send && config->send[i].code != code)
		i++;
	config->send[i] = (struct dhcp_option){ .code = code, .value = value };
	if (i == config->n_send)
		config->n_send++;
}

static int provide(struct cni_call *call, const struct provide_doc *doc, struct dhcp_config *config,
		   struct err *err)
{
	const char *value = doc->value && doc->value[0] ? doc->value : NULL;
	const char *argument =
		doc->from_arg ? cni_args_value(call->args->args, doc->from_arg, call->arena) : NULL;
	uint8_t code;

	if (parse_option(doc->option, &code, err) < 0)
		return -1;
	if (argument)
		value = argument;
	if (!value || !value[0])
		return 0;
	if (strlen(value) > DHCP_OPTION_MAX)
		return cni_err(err, CNI_ERR_CONFIG, "value too long for DHCP option \"%s\"",
			       doc->option);
	put(config, code, value);
	return 0;
}

static int request(const struct ipam_doc *doc, struct dhcp_config *config, struct err *err)
{
	bool usual = true;
	uint8_t code;

	for (size_t i = 0; i < doc->request.n; i++) {
		const char *option = doc->request.v[i].option;

		usual = usual && !doc->request.v[i].skip_default;
		if (!option || !option[0])
			continue;
		if (parse_option(option, &code, err) < 0)
			return -1;
		config->ask[code] = true;
	}
	for (size_t i = 0; usual && i < ARRAY_SIZE(asked_always); i++)
		config->ask[asked_always[i]] = true;
	return 0;
}

int dhcp_config_load(struct cni_call *call, struct dhcp_config *ret, struct err *err)
{
	const char *text = call->conf->ipam;
	struct ipam_doc doc = { 0 };

	memset(ret, 0, sizeof(*ret));
	if (text &&
	    json_decode("ipam", text, strlen(text), &ipam_table, &doc, call->arena, err) < 0)
		return cni_code_(err, CNI_ERR_DECODE);
	for (size_t i = 0; i < doc.provide.n; i++)
		if (provide(call, &doc.provide.v[i], ret, err) < 0)
			return -1;
	if (request(&doc, ret, err) < 0)
		return -1;
	for (size_t i = 0; i < doc.suppress.n; i++) {
		if (!str_eq(doc.suppress.v[i], "gateway"))
			return cni_err(err, CNI_ERR_CONFIG, "unknown suppress value \"%s\"",
				       doc.suppress.v[i]);
		ret->no_gateway = true;
	}
	ret->priority = doc.priority;
	return 0;
}
