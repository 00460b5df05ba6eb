/* SPDX-License-Identifier: Apache-2.0 */
/* shape.c - networks share an uplink: a guarantee each, the rest is lent
 *
 *	{ "type": "shape", "capabilities": { "bandwidth": true },
 *	  "uplink": "auto", "linkRate": "1gbit",
 *	  "network": { "rate": "200mbit", "ceil": "1gbit", "prio": 1, "weight": 4 },
 *	  "container": { "rate": "10mbit", "ceil": "200mbit" },
 *	  "direction": "both", "maxBurstMs": 50, "overcommit": "refuse" }
 *
 * Chained behind a plugin whose containers are routed by this host (bridge,
 * ptp).  The network's share is made by its first container and goes with its
 * last; what is wanted now replaces what was, so a changed configuration holds
 * from the next ADD on.
 * Invariant: a share is in the record before it is in the kernel and longer.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/fd.h"
#include "cni/child.h"
#include "cni/nft.h"
#include "cni/plugins/registry.h"
#include "cni/plugins/shape/config.h"
#include "cni/plugins/shape/shape.h"
#include "cni/prev.h"

#define MEGABIT	  1000000ULL
#define AUTO_PART 96 /* per cent of what the uplink says: the queue must be here, not behind it */
#define PER_CENT  100

struct request {
	struct shape_config config;
	struct link uplink, device;
	struct ip_net *addresses;
	size_t n_addresses;
};

/* What the interface says of itself; 0: nothing. */
static uint64_t link_speed(const char *name)
{
	AUTO_FD fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ethtool_cmd command = { .cmd = ETHTOOL_GSET };
	struct ifreq request = { .ifr_data = (char *)&command };
	uint32_t speed;

	if (fd < 0 || str_copy(request.ifr_name, sizeof(request.ifr_name), name) < 0 ||
	    ioctl(fd, SIOCETHTOOL, &request) < 0)
		return 0;
	speed = ethtool_cmd_speed(&command);
	return speed == (uint32_t)SPEED_UNKNOWN ? 0 : speed * MEGABIT / PER_CENT * AUTO_PART;
}

static int find_uplink(struct cni_call *call, struct request *r, struct err *err)
{
	struct rtnl *host = cni_host(call, err);

	if (!host)
		return -1;
	if (!r->config.uplink)
		return child_default_master(host, &r->uplink, err);
	return link_get(host, r->config.uplink, &r->uplink, err);
}

/* The first that the result has on the host: 1, 0, -1. */
static int find_host_interface(struct cni_call *call, struct link *ret, struct err *err)
{
	const struct result *prev = &call->conf->prev;

	for (size_t i = 0; i < prev->n_interfaces; i++)
		if (!prev->interfaces[i].sandbox || prev->interfaces[i].sandbox[0] == '\0')
			return link_find(&call->host, prev->interfaces[i].name, ret, err);
	return 0;
}

/* The host's interface towards the container: the bridge, or its own pair's end. */
static int find_device(struct cni_call *call, struct request *r, struct err *err)
{
	int found;

	if (prev_addresses(&call->conf->prev, call->arena, &r->addresses, &r->n_addresses, err) < 0)
		return -1;
	if (r->n_addresses == 0)
		return cni_err(err, CNI_ERR_CONFIG,
			       "the container has no address to tell its packets by");
	found = prev_towards(call, &r->addresses[0].ip, &r->device, err);
	/* of a tenant the host knows the router only, which the result names */
	if (found == 0 || (found > 0 && r->device.index == r->uplink.index))
		found = find_host_interface(call, &r->device, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return cni_err(
			err, CNI_ERR_CONFIG,
			"the container isn't routed by this host: chain shape behind bridge");
	return 0;
}

static int parse_request(struct cni_call *call, struct request *r, struct err *err)
{
	memset(r, 0, sizeof(*r));
	if (shape_config_parse(call->conf, call->arena, &r->config, err) < 0 ||
	    find_uplink(call, r, err) < 0)
		return -1;
	return find_device(call, r, err);
}

/* --- decide ------------------------------------------------------------------------------- */

/* The rate of the link: as configured, as another network has it, as the uplink says. */
static int decide_link_rate(const struct request *r, const struct shape_record *record,
			    const struct shape_network *except, uint64_t *ret, struct err *err)
{
	uint64_t rate = r->config.link_rate;
	char theirs[SHAPE_RATE_TEXT];

	for (size_t i = 0; i < record->networks.n; i++) {
		const struct shape_network *n = &record->networks.v[i];

		if (n == except || strcmp(n->uplink, r->uplink.name) != 0)
			continue;
		shape_rate_format(n->link_rate, theirs);
		if (rate && rate != n->link_rate)
			return cni_err(err, CNI_ERR_CONFIG,
				       "linkRate: \"%s\" has %s in network \"%s\"", n->uplink,
				       theirs, n->name);
		rate = n->link_rate;
	}
	if (rate == 0)
		rate = link_speed(r->uplink.name);
	if (rate < SHAPE_RATE_MIN)
		return cni_err(err, CNI_ERR_CONFIG,
			       "linkRate must be given: \"%s\" doesn't say how fast it is",
			       r->uplink.name);
	*ret = rate;
	return 0;
}

static int refuse(const char *what, uint64_t sum, uint64_t most, const char *of, struct err *err)
{
	char wanted[SHAPE_RATE_TEXT], has[SHAPE_RATE_TEXT];

	shape_rate_format(sum, wanted);
	shape_rate_format(most, has);
	return cni_err(err, CNI_ERR_CONFIG, "%s would be guaranteed %s, but \"%s\" has %s", what,
		       wanted, of, has);
}

static int decide_network(const struct request *r, const struct shape_record *record,
			  struct shape_network *n, struct err *err)
{
	const uint64_t sum = shape_guaranteed(record, r->uplink.name, n) + r->config.network.rate;
	uint64_t link_rate;

	if (decide_link_rate(r, record, n, &link_rate, err) < 0)
		return -1;
	if (sum > link_rate && !r->config.overcommit)
		return refuse("all networks", sum, link_rate, r->uplink.name, err);
	n->link_rate = link_rate;
	n->rate = r->config.network.rate;
	n->ceil = r->config.network.ceil ? r->config.network.ceil : link_rate;
	if (n->ceil > link_rate)
		n->ceil = link_rate;
	if (n->rate > n->ceil)
		n->rate = n->ceil; /* overcommitted alone */
	n->priority = r->config.priority;
	n->weight = r->config.weight;
	n->burst_ms = r->config.burst_ms;
	n->up = r->config.shape_up;
	n->down = r->config.shape_down;
	return 0;
}

static int name_addresses(const struct request *r, struct arena *arena, struct strings *ret)
{
	ret->v = arena_array(arena, r->n_addresses + 1, sizeof(*ret->v));
	ret->n = 0;
	if (!ret->v)
		return -1;
	for (size_t i = 0; i < r->n_addresses; i++) {
		char text[IP_TEXT_MAX];

		ret->v[ret->n] = arena_strdup(arena, ip_format(&r->addresses[i].ip, text));
		if (!ret->v[ret->n++])
			return -1;
	}
	return 0;
}

static uint64_t ceil_of(const struct shape_share *share, const struct shape_network *n)
{
	return share->ceil && share->ceil < n->ceil ? share->ceil : n->ceil;
}

static int decide_member(struct cni_call *call, const struct request *r,
			 struct shape_record *record, struct shape_network *n,
			 struct shape_member *m, struct err *err)
{
	uint64_t up = 0, down = 0;

	m->device = arena_strdup(call->arena, r->device.name);
	if (!m->device || name_addresses(r, call->arena, &m->addresses) < 0)
		return err_sys(err, "shares");
	if (r->config.up.rate == 0 && r->config.down.rate == 0)
		return 0;
	m->minor = shape_minor_free(record, n->uplink, err);
	if (m->minor == 0)
		return -1;
	m->up_rate = r->config.up.rate;
	m->down_rate = r->config.down.rate;
	m->up_ceil = ceil_of(&r->config.up, n);
	m->down_ceil = ceil_of(&r->config.down, n);
	for (size_t i = 0; i < n->members.n; i++) {
		up += n->members.v[i].up_rate;
		down += n->members.v[i].down_rate;
	}
	if ((up > n->rate || down > n->rate) && !r->config.overcommit)
		return refuse("all containers", up > down ? up : down, n->rate, n->name, err);
	return 0;
}

/* --- verbs ---------------------------------------------------------------------------------- */

static int add_locked(struct cni_call *call, const struct request *r, struct shape_record *record,
		      struct err *err)
{
	struct shape_network *n = shape_record_find(record, call->conf->name, r->uplink.name);
	struct shape_member *m;

	if (!n)
		n = shape_record_add(record, call->conf->name, r->uplink.name, err);
	if (!n || decide_network(r, record, n, err) < 0)
		return -1;
	m = shape_member_find(n, call->args->container_id, call->args->ifname);
	if (m)
		return cni_err(err, CNI_ERR_INTERNAL, "\"%s\" of \"%s\" has a share already",
			       m->ifname, m->container);
	m = shape_member_add(record, n, call->args->container_id, call->args->ifname, err);
	if (!m || decide_member(call, r, record, n, m, err) < 0 ||
	    shape_record_save(record, err) < 0)
		return -1;
	if (shape_apply(&call->host, record, n, m, err) == 0)
		return 0;
	rtnl_discard(&call->host);
	(void)shape_take_back(&call->host, record, n, m, NULL);
	(void)shape_record_save(record, NULL);
	return -1;
}

static int shape_add(struct cni_call *call, struct err *err)
{
	struct shape_record record;
	struct request r;
	int rc;

	if (parse_request(call, &r, err) < 0 ||
	    shape_record_open(r.config.dir, true, call->arena, &record, err) < 0)
		return -1;
	rc = add_locked(call, &r, &record, err);
	shape_record_close(&record);
	return rc < 0 ? err_wrap(err, "share \"%s\"", r.uplink.name) : 0;
}

/* Those of the network that `unwanted` (NULL: this attachment) says. */
static int remove_members(struct cni_call *call, struct shape_record *record, bool stale,
			  struct err *err)
{
	const struct netconf *conf = call->conf;
	int rc = 0;

	for (size_t i = record->networks.n; i-- > 0;) {
		struct shape_network *n = &record->networks.v[i];

		if (strcmp(n->name, conf->name) != 0)
			continue;
		for (size_t k = n->members.n; k-- > 0;) {
			struct shape_member *m = &n->members.v[k];
			const bool gone =
				stale ? !netconf_attached(conf, m->container, m->ifname)
				      : strcmp(m->container, call->args->container_id) == 0 &&
						strcmp(m->ifname, call->args->ifname) == 0;
			const bool last = n->members.n == 1;

			if (gone &&
			    shape_take_back(&call->host, record, n, m, rc < 0 ? NULL : err) < 0)
				rc = -1;
			if (gone && last)
				break; /* the network went with it */
		}
	}
	return rc;
}

static int remove_and_save(struct cni_call *call, bool stale, struct err *err)
{
	struct shape_record record;
	struct shape_config config;
	struct err ignored = { 0 };
	int rc;

	/* the record is found though the rest of the configuration makes no sense any more */
	if (shape_config_parse(call->conf, call->arena, &config, &ignored) < 0 && !config.dir)
		config.dir = SHAPE_DIR;
	if (!cni_host(call, err) ||
	    shape_record_open(config.dir, true, call->arena, &record, err) < 0)
		return -1;
	rc = remove_members(call, &record, stale, err);
	if (rc == 0)
		rc = shape_record_save(&record, err);
	shape_record_close(&record);
	return rc;
}

static int shape_del(struct cni_call *call, struct err *err)
{
	return remove_and_save(call, false, err);
}

static int shape_gc(struct cni_call *call, struct err *err)
{
	return remove_and_save(call, true, err);
}

static int shape_check(struct cni_call *call, struct err *err)
{
	struct shape_record record;
	struct shape_network *n;
	struct shape_member *m;
	struct request r;
	int rc;

	if (parse_request(call, &r, err) < 0 ||
	    shape_record_open(r.config.dir, false, call->arena, &record, err) < 0)
		return -1;
	n = shape_record_find(&record, call->conf->name, r.uplink.name);
	m = n ? shape_member_find(n, call->args->container_id, call->args->ifname) : NULL;
	if (m)
		rc = shape_verify(&call->host, n, m, err);
	else
		rc = err_set(err, ENOENT, "\"%s\" of \"%s\" has no share of \"%s\"",
			     call->args->ifname, call->args->container_id, r.uplink.name);
	shape_record_close(&record);
	return rc;
}

static int shape_status(struct cni_call *call, struct err *err)
{
	struct request r = { 0 };

	if (shape_config_parse(call->conf, call->arena, &r.config, err) < 0)
		return -1;
	if (find_uplink(call, &r, err) < 0)
		return cni_code_(err, CNI_ERR_UNAVAILABLE);
	return nft_status(err);
}

const struct cni_plugin cni_plugin_shape = {
	.type = "shape",
	.about = "networks share an uplink: a guarantee each, the rest is lent",
	.chained = true,
	.since = "0.3.0",
	.add = shape_add,
	.del = shape_del,
	.check = shape_check,
	.gc = shape_gc,
	.status = shape_status,
};
