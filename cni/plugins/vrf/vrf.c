/* SPDX-License-Identifier: Apache-2.0 */
/* vrf.c - the container's interface belongs to a virtual routing table
 *
 * The VRF device is shared by the interfaces of a container that name it: made
 * by the first, removed with the last.  To enslave an interface the kernel
 * takes it down and up, by which it loses its IPv6 addresses and its routes
 * through gateways: both are read before and put back behind.
 * CNI plugin "vrf"; ip-vrf(8), Documentation/networking/vrf.rst.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/link.h"
#include "cni/names.h"
#include "cni/plugins/registry.h"
#include "cni/route.h"

#define KEPT_MAX    256
#define TABLE_FIRST 1
#define TABLES_MAX  252 /* up to RT_TABLE_DEFAULT - 1 */

struct config {
	char *name;
	uint32_t table;
};
static const struct json_field config_fields[] = {
	JSON_FIELD_AS("vrfname", struct config, name, JSON_STRING),
	JSON_FIELD(struct config, table, JSON_U32),
};
static const struct json_table config_table = JSON_TABLE(struct config, config_fields);

/* What is put back behind the enslaving. */
struct kept {
	struct addr addrs[KEPT_MAX];
	size_t n_addrs;
	struct route routes[KEPT_MAX];
	size_t n_routes;
};

static int parse_config(struct cni_call *call, struct config *ret, struct err *err)
{
	if (netconf_decode(call->conf, &config_table, ret, call->arena, err) < 0)
		return -1;
	if (!ret->name || !netconf_ifname_ok(ret->name))
		return cni_err(err, CNI_ERR_CONFIG, "invalid vrfname: \"%s\"",
			       ret->name ? ret->name : "");
	return 0;
}

/* --- the device ---------------------------------------------------------------------- */

struct tables {
	bool used[TABLES_MAX];
};

static int mark_vrf(const struct link *link, void *data, struct err *err)
{
	struct tables *t = data;

	(void)err;
	if (link && strcmp(link->kind, "vrf") == 0 && link->number - TABLE_FIRST < TABLES_MAX)
		t->used[link->number - TABLE_FIRST] = true;
	return 0;
}

static int free_table(struct rtnl *r, uint32_t *ret, struct err *err)
{
	struct tables t = { 0 };

	if (link_each(r, mark_vrf, &t, err) < 0)
		return -1;
	for (uint32_t i = 0; i < TABLES_MAX; i++) {
		if (t.used[i])
			continue;
		*ret = TABLE_FIRST + i;
		return 0;
	}
	return err_set(err, ENOSPC, "no routing table is free for a VRF");
}

static int make_vrf(struct rtnl *r, const struct config *config, struct link *ret, struct err *err)
{
	const struct link_new vrf = { .name = config->name, .kind = "vrf", .up = true };
	uint32_t table = config->table;

	if (table == 0 && free_table(r, &table, err) < 0)
		return -1;
	link_new(r, &vrf);
	rtnl_put_u32(r, IFLA_VRF_TABLE, table);
	link_new_end(r);
	if (rtnl_flush(r, err) < 0)
		return -1;
	return link_get(r, config->name, ret, err);
}

/* The VRF, made when it is missing: 1 made, 0 it was there, -1 with err. */
static int ensure_vrf(struct rtnl *r, const struct config *config, struct link *ret,
		      struct err *err)
{
	const int found = link_find(r, config->name, ret, err);

	if (found < 0)
		return -1;
	if (found == 0)
		return make_vrf(r, config, ret, err) < 0 ? -1 : 1;
	if (strcmp(ret->kind, "vrf") != 0)
		return cni_err(err, CNI_ERR_CONFIG, "\"%s\" is there already and is no VRF",
			       config->name);
	if (config->table != 0 && ret->number != config->table)
		return cni_err(err, CNI_ERR_CONFIG,
			       "VRF \"%s\" already exist with different routing table %u",
			       config->name, ret->number);
	return 0;
}

static int remove_unused(struct rtnl *r, const struct link *vrf, struct err *err)
{
	const int ports = link_has_port(r, vrf->index, err);

	if (ports != 0)
		return ports < 0 ? -1 : 0;
	link_delete(r, vrf->index);
	return rtnl_flush(r, err);
}

/* --- the interface --------------------------------------------------------------------- */

static int keep_addr(const struct addr *addr, void *data, struct err *err)
{
	struct kept *k = data;

	if (!addr) {
		k->n_addrs = 0;
		return 0;
	}
	if (addr->scope != RT_SCOPE_UNIVERSE)
		return 0;
	if (k->n_addrs == KEPT_MAX)
		return err_set(err, E2BIG, "more than %d addresses", KEPT_MAX);
	k->addrs[k->n_addrs++] = *addr;
	return 0;
}

static int keep_route(const struct route *route, void *data, struct err *err)
{
	struct kept *k = data;

	if (!route || route->protocol == RTPROT_KERNEL)
		return 0; /* the kernel's own come back by themselves */
	if (k->n_routes == KEPT_MAX)
		return err_set(err, E2BIG, "more than %d routes", KEPT_MAX);
	k->routes[k->n_routes++] = *route;
	return 0;
}

static int keep(struct rtnl *r, int index, struct kept *k, struct err *err)
{
	static const int families[] = { AF_INET, AF_INET6 };

	memset(k, 0, sizeof(*k));
	if (addr_each(r, index, AF_INET6, keep_addr, k, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (route_each(r, families[i], RT_TABLE_MAIN, index, keep_route, k, err) < 0)
			return -1;
	return 0;
}

static int put_back(struct rtnl *r, const struct kept *k, uint32_t table, struct err *err)
{
	for (size_t i = 0; i < k->n_addrs; i++) {
		addr_add(r, &k->addrs[i]);
		rtnl_tolerate(r, EEXIST);
		if (rtnl_flush(r, err) < 0)
			return -1;
	}
	/* what others go through first */
	for (int with_gateway = 0; with_gateway < 2; with_gateway++)
		for (size_t i = 0; i < k->n_routes; i++) {
			struct route route = k->routes[i];

			if (ip_is_none(&route.gateway) != (with_gateway == 0))
				continue;
			route.table = table;
			route_add(r, &route, NLM_F_REPLACE);
			if (rtnl_flush(r, err) < 0)
				return -1;
		}
	return 0;
}

static int enslave(struct cni_call *call, struct rtnl *r, const struct link *vrf, struct err *err)
{
	struct kept *k = arena_alloc(call->arena, sizeof(*k));
	struct link link;

	if (!k)
		return err_sys(err, "vrf");
	if (link_get(r, call->args->ifname, &link, err) < 0)
		return -1;
	if (link.master == vrf->index)
		return 0;
	if (link.master != 0)
		return cni_err(err, CNI_ERR_CONFIG, "\"%s\" has another master already", link.name);
	if (keep(r, link.index, k, err) < 0)
		return -1;
	link_set_master(r, link.index, vrf->index);
	if (rtnl_flush(r, err) < 0)
		return -1;
	if (put_back(r, k, vrf->number, err) == 0)
		return 0;
	rtnl_discard(r);
	link_set_master(r, link.index, 0);
	(void)rtnl_flush(r, NULL);
	return -1;
}

/* --- verbs ------------------------------------------------------------------------------- */

static int vrf_add(struct cni_call *call, struct err *err)
{
	struct config config;
	struct rtnl *r;
	struct link vrf;
	int made;

	if (parse_config(call, &config, err) < 0)
		return -1;
	r = cni_inside(call, err);
	if (!r)
		return -1;
	made = ensure_vrf(r, &config, &vrf, err);
	if (made < 0)
		return -1;
	if (enslave(call, r, &vrf, err) == 0)
		return 0;
	if (made > 0)
		(void)remove_unused(r, &vrf, NULL);
	return -1;
}

static int vrf_del(struct cni_call *call, struct err *err)
{
	struct config config;
	struct link vrf, link;
	struct rtnl *r;
	int found;

	if (parse_config(call, &config, err) < 0)
		return -1;
	if (call->netns < 0)
		return 0;
	r = cni_inside(call, err);
	found = r ? link_find(r, config.name, &vrf, err) : -1;
	if (found <= 0)
		return found;
	found = link_find(r, call->args->ifname, &link, err);
	if (found < 0)
		return -1;
	if (found > 0 && link.master == vrf.index) {
		link_set_master(r, link.index, 0);
		if (rtnl_flush(r, err) < 0)
			return -1;
	}
	return remove_unused(r, &vrf, err);
}

static int vrf_check(struct cni_call *call, struct err *err)
{
	struct config config;
	struct link vrf, link;
	struct rtnl *r;

	if (parse_config(call, &config, err) < 0)
		return -1;
	r = cni_inside(call, err);
	if (!r || link_get(r, config.name, &vrf, err) < 0 ||
	    link_get(r, call->args->ifname, &link, err) < 0)
		return -1;
	if (config.table != 0 && vrf.number != config.table)
		return err_set(err, EINVAL, "VRF \"%s\" has table %u, not %u", vrf.name, vrf.number,
			       config.table);
	if (link.master != vrf.index)
		return err_set(err, EINVAL, "\"%s\" doesn't belong to VRF \"%s\"", link.name,
			       vrf.name);
	return 0;
}

const struct cni_plugin cni_plugin_vrf = {
	.type = "vrf",
	.about = "the interface belongs to a virtual routing table",
	.chained = true,
	.since = "0.3.1",
	.add = vrf_add,
	.del = vrf_del,
	.check = vrf_check,
};
