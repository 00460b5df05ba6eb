/* SPDX-License-Identifier: Apache-2.0 */
/* veth.c - a pair of interfaces: one end here, the other in the container
 *
 * The peer gets the number that is wanted, and when that is taken (EBUSY) a
 * random one.  The kernel looks at the peer's number only when that of the first
 * end is given as well.  It can't be made up: the pair isn't joined yet when it
 * would be opened (ENOTCONN).
 * Of its own the kernel makes a queue per processor and direction, each with its
 * folder in sysfs, takes all but one away again and waits for RCU twice; only
 * one is in use either way, until somebody asks for more (ethtool(8) -L).
 * The end here is set up last: every change of an interface that is up, be it
 * only the alias, is told all over the kernel (netdev_state_change(), 100 us).
 * veth(4); linux drivers/net/veth.c.
 */
#include "cni/veth.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "cni/link.h"
#include "cni/names.h"

#define TRIES	    8
#define QUEUES	    1
#define OPER_UP	    6 /* IF_OPER_UP; linux/if.h and net/if.h exclude each other */
#define WAIT_NAP_NS 100000
#define WAIT_NAPS   500 /* 50 ms, and as many questions */

void veth_init(struct veth *v)
{
	v->mac = names_mac();
	if (!v->has_mac)
		v->inside_mac = names_mac();
}

static void choose(struct veth *v, int wanted, int try)
{
	if (v->name)
		(void)str_copy(v->host_name, sizeof(v->host_name), v->name);
	else
		names_interface("veth", v->host_name);
	v->index = names_index();
	v->inside_index = try > 0 ? names_index() : wanted;
}

static int make_once(struct cni_call *call, struct rtnl *r, const struct veth *v, const char *alias,
		     struct err *err)
{
	uint32_t mtu = v->mtu ? v->mtu : VETH_MTU;
	const struct link_new first = {
		.name = v->host_name,
		.kind = "veth",
		.index = v->index,
		.mac = &v->mac,
		.mtu = mtu,
		.master = v->master,
		.queues = QUEUES,
	};
	const struct link_new peer = {
		.name = v->inside_name,
		.kind = "veth",
		.index = v->inside_index,
		.mac = &v->inside_mac,
		.mtu = mtu,
		.queues = QUEUES,
		.in_netns = true,
		.netns = call->netns,
	};

	link_new_veth(r, &first, &peer);
	if (alias)
		link_set_alias(r, v->index, alias);
	if (!v->down)
		link_up(r, v->index);
	return rtnl_flush(r, err);
}

int veth_make(struct cni_call *call, struct veth *v, struct err *err)
{
	struct rtnl *r = cni_host(call, err), *inside;
	struct err failure = { 0 };
	struct link there;
	char text[LINK_ALIAS_MAX];
	/* too long for the kernel: then only DEL finds it */
	const char *alias = str_format(text, sizeof(text), "%s %s %s", call->conf->name,
				       call->args->container_id, call->args->ifname) == 0
				    ? text
				    : NULL;

	if (!r)
		return -1;
	if (v->name && strlen(v->name) >= IFNAMSIZ)
		return cni_err(err, CNI_ERR_CONFIG, "interface name \"%s\" is too long", v->name);
	for (int try = 0; try < TRIES; try++) {
		choose(v, cni_wanted_index(call), try);
		err_clear(&failure);
		if (make_once(call, r, v, alias, &failure) == 0)
			return 0;
		if (failure.code != EEXIST && failure.code != EBUSY)
			break;
		/* whose name was it? */
		inside = cni_inside(call, err);
		if (!inside)
			return -1;
		if (link_find(inside, v->inside_name, &there, NULL) > 0)
			return err_set(err, EEXIST,
				       "container interface name \"%s\" is already taken",
				       v->inside_name);
		if (v->name && link_find(r, v->name, &there, NULL) > 0)
			break;
	}
	if (err)
		*err = failure;
	return -1;
}

void veth_wait(struct cni_call *call, const struct veth *v)
{
	const struct timespec nap = { .tv_nsec = WAIT_NAP_NS };
	struct rtnl *r = cni_host(call, NULL);
	struct link l;

	for (int i = 0; r && i < WAIT_NAPS; i++) {
		if (link_find_index(r, v->index, &l, NULL) <= 0 || l.operstate == OPER_UP)
			return;
		(void)nanosleep(&nap, NULL);
	}
}

/* --- GC --------------------------------------------------------------------------- */

struct stale {
	const struct netconf *conf;
	struct arena *arena;
	const char **names;
	size_t n, cap;
};

/* Of this network, and of an attachment that is none. */
static bool is_stale(const struct link *l, const struct netconf *conf)
{
	char alias[LINK_ALIAS_MAX], *id, *ifname, *rest;

	if (!str_eq(l->kind, "veth") || str_copy(alias, sizeof(alias), l->alias) < 0)
		return false;
	if (!str_eq(strtok_r(alias, " ", &rest), conf->name))
		return false;
	id = strtok_r(NULL, " ", &rest);
	ifname = id ? strtok_r(NULL, " ", &rest) : NULL;
	return ifname && !netconf_attached(conf, id, ifname);
}

static int collect_stale(const struct link *l, void *data, struct err *err)
{
	struct stale *stale = data;
	const char **names;

	if (!l) {
		stale->n = 0;
		return 0;
	}
	if (!is_stale(l, stale->conf))
		return 0;
	names = arena_grow(stale->arena, (void *)stale->names, stale->n, &stale->cap,
			   sizeof(*names));
	if (!names)
		return err_set(err, ENOMEM, "list the interfaces: out of memory");
	stale->names = names;
	names[stale->n] = arena_strdup(stale->arena, l->name);
	return names[stale->n++] ? 0 : err_set(err, ENOMEM, "list the interfaces: out of memory");
}

int veth_gc(struct cni_call *call, struct err *err)
{
	struct stale stale = { .conf = call->conf, .arena = call->arena };
	struct rtnl *r = cni_host(call, err);
	int result = 0;

	if (!r || link_each(r, collect_stale, &stale, err) < 0)
		return -1;
	for (size_t i = 0; i < stale.n; i++)
		if (link_remove(-1, stale.names[i], result == 0 ? err : NULL) < 0)
			result = -1;
	return result;
}
