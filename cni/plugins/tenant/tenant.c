/* SPDX-License-Identifier: Apache-2.0 */
/* tenant.c - a bridge behind a router of its own: addresses may be the same in other networks
 *
 *	container eth0 -- bridge (router's namespace) -- up == tnHASH (host) -- world
 *
 * Takes the keys of bridge, which does its work inside the router's namespace,
 * so that gateway, masquerade, neighbours and connections are the tenant's own:
 *
 *	{ "type": "tenant", "isDefaultGateway": true, "ipMasq": true, "isolation": "netns",
 *	  "transit": "100.64.0.0/10", "capabilities": { "portMappings": true }, "ipam": ... }
 *
 * A port of the host leads in two steps: portmap on the host leads it to the
 * router, portmap in the router to the container.
 * With "isolation": "policy" there is no router: policy.c.
 * The router is made by the first container of the network and goes with the
 * last.  What the result calls the host's side is in the router's namespace and
 * says so.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "cni/ipam.h"
#include "cni/link.h"
#include "cni/netns.h"
#include "cni/plugins/registry.h"
#include "cni/plugins/tenant/router.h"
#include "cni/plugins/tenant/tenant.h"

#define TRANSIT_DEFAULT "100.64.0.0/10" /* RFC 6598: for use behind a translation */
#define TRANSIT_MIN	8
#define TRANSIT_MAX	28
#define MTU_MAX		65535

struct config {
	char *isolation, *transit;
	uint32_t mtu;
};
static const struct json_field config_fields[] = {
	JSON_FIELD(struct config, isolation, JSON_STRING),
	JSON_FIELD(struct config, transit, JSON_STRING),
	JSON_FIELD(struct config, mtu, JSON_U32, .max = MTU_MAX),
};
static const struct json_table config_table = JSON_TABLE(struct config, config_fields);

struct request {
	struct config config;
	struct ip_net transit;
	struct router router;
	bool policy;
};

static int parse_config(struct cni_call *call, struct request *r, struct err *err)
{
	const char *transit;

	memset(r, 0, sizeof(*r));
	if (netconf_decode(call->conf, &config_table, &r->config, call->arena, err) < 0)
		return -1;
	r->policy = str_eq(r->config.isolation, "policy");
	if (r->config.isolation && !r->policy && strcmp(r->config.isolation, "netns") != 0)
		return cni_err(err, CNI_ERR_CONFIG,
			       "isolation: \"%.32s\" is not \"netns\" or \"policy\"",
			       r->config.isolation);
	transit = r->config.transit ? r->config.transit : TRANSIT_DEFAULT;
	if (ip_net_parse(transit, &r->transit) < 0 || r->transit.ip.family != AF_INET ||
	    r->transit.prefix < TRANSIT_MIN || r->transit.prefix > TRANSIT_MAX)
		return cni_err(err, CNI_ERR_CONFIG,
			       "transit: \"%.64s\" is no IPv4 network from /%d to /%d", transit,
			       TRANSIT_MIN, TRANSIT_MAX);
	r->transit = ip_net_masked(&r->transit);
	return 0;
}

static int open_request(struct cni_call *call, struct request *r, struct err *err)
{
	if (router_open(call->conf->name, &r->transit, &r->router, err) == 0)
		return 0;
	router_close(&r->router);
	return -1;
}

/* --- delegates ---------------------------------------------------------------------------- */

int tenant_delegate(struct cni_call *call, int netns, const struct delegate *d, struct buf *out,
		    struct err *err)
{
	const struct cni_plugin *plugin = call->find ? call->find(d->type) : NULL;
	const char *own = arena_strndup(call->arena, call->conf->text, call->conf->len);
	struct cni_args args = *call->args;
	int back = -1, rc;
	AUTO_BUF text;

	buf_init(&text);
	args.verb = d->verb;
	if (!plugin)
		return cni_err(err, CNI_ERR_CONFIG, "plugin \"%s\" is not at hand", d->type);
	if (!own || json_merge(own, d->patch, call->arena, &text, err) < 0)
		return err_wrap(err, "configuration of \"%s\"", d->type);
	if (buf_failed(&text))
		return err_set(err, ENOMEM, "configuration of \"%s\": out of memory", d->type);
	if (!d->inside)
		return cni_request(plugin, call->find, &args, text.s, text.len, out, err);
	/* every socket that the plugin opens is the router's */
	if (netns_enter(netns, &back, err) < 0)
		return -1;
	rc = cni_request(plugin, call->find, &args, text.s, text.len, out, err);
	netns_leave(back);
	return rc;
}

static int delegate(struct cni_call *call, const struct request *r, const struct delegate *d,
		    struct buf *out, struct err *err)
{
	return tenant_delegate(call, r->router.netns, d, out, err);
}

/* {"prevResult":...} of what bridge gave, as it was before the namespaces were named; "{}". */
static const char *bridge_patch(struct cni_call *call, const struct request *r)
{
	struct result prev;
	struct json_out o;
	const char *patch;
	AUTO_BUF b;

	if (!call->conf->has_prev || result_copy(&call->conf->prev, call->arena, &prev) < 0)
		return "{}";
	for (size_t i = 0; i < prev.n_interfaces; i++)
		if (str_eq(prev.interfaces[i].sandbox, r->router.path))
			prev.interfaces[i].sandbox = NULL;
		else if (str_eq(prev.interfaces[i].name, r->router.host_end))
			prev.n_interfaces = i; /* it was added last */
	buf_init(&b);
	json_out_init(&o, &b, 0);
	json_begin_object(&o);
	json_key(&o, "prevResult");
	if (result_format(&prev, call->conf->cni_version, &o, NULL) < 0)
		return "{}";
	json_end_object(&o);
	patch = buf_failed(&b) ? NULL : arena_strdup(call->arena, b.s);
	return patch ? patch : "{}";
}

/* Port mappings of one step; the host's lead to the same port of the router. */
static const char *port_patch(struct cni_call *call, const struct request *r, bool inside)
{
	const struct netconf_ports *ports = &call->conf->runtime.port_mappings;
	struct result prev = call->result;
	struct json_out o;
	const char *patch;
	AUTO_BUF b;

	buf_init(&b);
	json_out_init(&o, &b, 0);
	json_begin_object(&o);
	json_key(&o, "runtimeConfig");
	json_begin_object(&o);
	json_key(&o, "portMappings");
	json_begin_array(&o);
	for (size_t i = 0; i < ports->n; i++) {
		const struct netconf_port *p = &ports->v[i];

		json_begin_object(&o);
		json_kv_uint(&o, "hostPort", p->host_port);
		json_kv_uint(&o, "containerPort", inside ? p->container_port : p->host_port);
		json_kv_string(&o, "protocol", p->protocol ? p->protocol : "tcp");
		json_kv_string(&o, "hostIP", !inside && p->host_ip ? p->host_ip : "");
		json_end_object(&o);
	}
	json_end_array(&o);
	json_end_object(&o);
	json_key(&o, "prevResult");
	if (!inside) {
		struct result_ip ip = { .address = r->router.inside, .interface = 0 };
		struct result_interface up = { .name = ROUTER_UPLINK, .sandbox = r->router.path };

		prev = (struct result){
			.interfaces = &up, .n_interfaces = 1, .ips = &ip, .n_ips = 1
		};
		if (result_format(&prev, call->conf->cni_version, &o, NULL) < 0)
			return NULL;
	} else if (result_format(&prev, call->conf->cni_version, &o, NULL) < 0) {
		return NULL;
	}
	json_end_object(&o);
	patch = buf_failed(&b) ? NULL : arena_strdup(call->arena, b.s);
	return patch;
}

/* portmap in both places; call->result must be what bridge made. */
static int map_ports(struct cni_call *call, const struct request *r, enum cni_verb verb,
		     struct err *err)
{
	int rc = 0;

	if (call->conf->runtime.port_mappings.n == 0)
		return 0;
	for (int inside = 0; inside <= 1; inside++) {
		const struct delegate d = { "portmap", port_patch(call, r, inside), verb, inside };
		AUTO_BUF out;

		buf_init(&out);
		if (inside && r->router.netns < 0)
			break;
		/* its addresses go last: without them there are no mappings either */
		if (!inside && ip_is_none(&r->router.inside.ip))
			continue;
		if (!d.patch)
			return err_set(err, ENOMEM, "port mappings: out of memory");
		if (delegate(call, r, &d, &out, rc < 0 ? NULL : err) < 0)
			rc = -1;
		if (rc < 0 && verb != CNI_DEL)
			break;
	}
	return rc;
}

/* --- verbs ----------------------------------------------------------------------------------- */

static int name_namespaces(struct cni_call *call, const struct request *r, struct err *err)
{
	const char *path = arena_strdup(call->arena, r->router.path);
	struct result_interface *end;

	for (size_t i = 0; i < call->result.n_interfaces; i++)
		if (!call->result.interfaces[i].sandbox ||
		    call->result.interfaces[i].sandbox[0] == '\0')
			call->result.interfaces[i].sandbox = path;
	end = result_add_interface(&call->result, call->arena);
	if (!path || !end)
		return err_sys(err, "result");
	end->name = arena_strdup(call->arena, r->router.host_end);
	return end->name ? 0 : err_sys(err, "result");
}

static int add_bridge(struct cni_call *call, const struct request *r, struct err *err)
{
	const struct delegate d = { "bridge", "{}", CNI_ADD, true };
	AUTO_BUF out;

	buf_init(&out);
	if (delegate(call, r, &d, &out, err) < 0)
		return -1;
	/* it lives as long as the call */
	return result_parse("result", out.s, out.len, call->conf->cni_version, call->arena,
			    &call->result, err);
}

/* Takes back everything; the router too when nobody else is there. */
static int take_back(struct cni_call *call, struct request *r, const char *patch, struct err *err)
{
	const struct delegate d = { "bridge", patch, CNI_DEL, true };
	int rc = map_ports(call, r, CNI_DEL, err);
	int used;
	AUTO_BUF out;

	buf_init(&out);
	if (r->router.netns < 0) {
		if (ipam_del(call, rc < 0 ? NULL : err) < 0)
			rc = -1;
	} else if (delegate(call, r, &d, &out, rc < 0 ? NULL : err) < 0) {
		rc = -1;
	}
	/* what could not be undone needs it for the next try */
	if (rc < 0)
		return -1;
	used = router_is_used(&r->router, err);
	return used < 0 || (used == 0 && router_remove(&r->router, err) < 0) ? -1 : 0;
}

static int add_opened(struct cni_call *call, struct request *r, struct err *err)
{
	struct rtnl *host = cni_host(call, err);

	if (!host)
		return -1;
	if (router_make(&r->router, &r->transit, host, r->config.mtu, err) == 0 &&
	    add_bridge(call, r, err) == 0 && map_ports(call, r, CNI_ADD, err) == 0 &&
	    name_namespaces(call, r, err) == 0)
		return 0;
	rtnl_discard(host);
	(void)take_back(call, r, "{}", NULL);
	return -1;
}

static int tenant_add(struct cni_call *call, struct err *err)
{
	struct request r;
	int rc;

	if (parse_config(call, &r, err) < 0)
		return -1;
	if (r.policy)
		return policy_add(call, &r.transit, err);
	if (open_request(call, &r, err) < 0)
		return -1;
	rc = add_opened(call, &r, err);
	router_close(&r.router);
	return rc;
}

static int tenant_del(struct cni_call *call, struct err *err)
{
	struct request r;
	int rc;

	if (parse_config(call, &r, err) < 0)
		return -1;
	if (r.policy)
		return policy_del(call, &r.transit, err);
	if (open_request(call, &r, err) < 0)
		return -1;
	(void)result_copy(&call->conf->prev, call->arena, &call->result);
	rc = take_back(call, &r, bridge_patch(call, &r), err);
	router_close(&r.router);
	return rc;
}

static int check_opened(struct cni_call *call, struct request *r, struct err *err)
{
	const struct delegate d = { "bridge", bridge_patch(call, r), CNI_CHECK, true };
	struct rtnl *host = cni_host(call, err);
	struct link link;
	AUTO_BUF out;

	buf_init(&out);
	if (r->router.netns < 0)
		return err_set(err, ENOENT, "the router of \"%s\" is gone", call->conf->name);
	if (!host || link_get(host, r->router.host_end, &link, err) < 0)
		return -1;
	if (delegate(call, r, &d, &out, err) < 0)
		return -1;
	if (result_copy(&call->conf->prev, call->arena, &call->result) < 0)
		return err_sys(err, "prevResult");
	return map_ports(call, r, CNI_CHECK, err);
}

static int tenant_check(struct cni_call *call, struct err *err)
{
	struct request r;
	int rc;

	if (parse_config(call, &r, err) < 0)
		return -1;
	if (r.policy)
		return policy_check(call, &r.transit, err);
	if (open_request(call, &r, err) < 0)
		return -1;
	rc = check_opened(call, &r, err);
	router_close(&r.router);
	return rc;
}

static int gc_opened(struct cni_call *call, struct request *r, struct err *err)
{
	const struct delegate all[] = { { "portmap", "{}", CNI_GC, false },
					{ "portmap", "{}", CNI_GC, true },
					{ "bridge", "{}", CNI_GC, true } };
	int rc = 0, used;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		AUTO_BUF out;

		buf_init(&out);
		if (all[i].inside && r->router.netns < 0)
			continue;
		if (delegate(call, r, &all[i], &out, rc < 0 ? NULL : err) < 0)
			rc = -1;
	}
	if (r->router.netns < 0 && ipam_gc(call, rc < 0 ? NULL : err) < 0)
		rc = -1;
	if (rc < 0)
		return -1;
	used = router_is_used(&r->router, err);
	if (used == 0 && call->conf->attachments.n == 0)
		return router_remove(&r->router, err);
	return used < 0 ? -1 : 0;
}

static int tenant_gc(struct cni_call *call, struct err *err)
{
	struct request r;
	int rc;

	if (parse_config(call, &r, err) < 0)
		return -1;
	if (r.policy)
		return policy_gc(call, &r.transit, err);
	if (open_request(call, &r, err) < 0)
		return -1;
	rc = gc_opened(call, &r, err);
	router_close(&r.router);
	return rc;
}

const struct cni_plugin cni_plugin_tenant = {
	.type = "tenant",
	.about = "a bridge behind a router of its own: other networks may have the same addresses",
	.add = tenant_add,
	.del = tenant_del,
	.check = tenant_check,
	.gc = tenant_gc,
	.status = ipam_status,
};
