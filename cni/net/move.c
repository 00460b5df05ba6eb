/* SPDX-License-Identifier: Apache-2.0 */
/* move.c - the four steps of a move, on either host
 *
 * Invariants:
 *  1. The record says the step before its first effect; every effect can be
 *     repeated, so a step that died is done again or aborted as a whole.
 *  2. Abort undoes whatever might have been done, in the order that leaves the
 *     container reachable: first its way is open again, then what led away goes.
 *  3. Only one request at a time works on an attachment (its lock).
 */
#include "cni/net/move.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "cni/masq.h"
#include "cni/names.h"
#include "cni/net/move_link.h"
#include "cni/net/move_record.h"
#include "cni/netns.h"
#include "cni/result.h"

#define ID_DIGITS 7 /* 6, a VXLAN's number, and the NUL */
#define HEX	  16
#define ANY_PORT  9 /* nothing is sent: the kernel only looks for the way */

/* --- the attachment ------------------------------------------------------------ */

static int load_entry(struct net *n, const char *network, const char *container, const char *ifname,
		      struct cache_entry *ret, struct err *err)
{
	const struct cache_entry key = { .network = network,
					 .container = container,
					 .ifname = ifname };
	const int found = cache_load(n->cache_dir, &key, &n->arena, ret, err);

	if (found < 0)
		return -1;
	if (found == 0 || net_is_intent(ret))
		return err_set(err, ENOENT, "container \"%s\" has no \"%s\" in network \"%s\"",
			       container, ifname, network);
	return 0;
}

static const char *living_netns(const struct cache_entry *e)
{
	return net_is_alive(e->netns) ? e->netns : "";
}

static int parse_entry(struct net *n, const struct cache_entry *e, struct result *ret,
		       struct err *err)
{
	return result_parse(e->network, e->result, strlen(e->result), CNI_VERSION_LAST, &n->arena,
			    ret, err);
}

/* The port is what the result has on this host besides the bridge. */
static int find_port(struct net *n, const struct result *result, struct move *m, struct err *err)
{
	struct rtnl r = RTNL_CLOSED;
	struct link port = { 0 }, bridge = { 0 };
	int found = 0;

	if (rtnl_open(&r, -1, err) < 0)
		return -1;
	for (size_t i = 0; i < result->n_interfaces && found == 0; i++) {
		const struct result_interface *one = &result->interfaces[i];

		if (one->sandbox && one->sandbox[0])
			continue;
		found = link_find(&r, one->name, &port, err);
		if (found > 0 && strcmp(port.kind, "veth") != 0)
			found = 0;
	}
	if (found > 0 && port.master)
		found = link_find_index(&r, port.master, &bridge, err);
	rtnl_close(&r);
	if (found < 0)
		return -1;
	m->port = arena_strdup(&n->arena, found > 0 ? port.name : "");
	m->bridge = arena_strdup(&n->arena, bridge.name);
	return m->port && m->bridge ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int take_addresses(struct net *n, const struct result *result, const char *netns,
			  struct move *m, struct err *err)
{
	char text[IP_TEXT_MAX];

	m->addresses.v = arena_array(&n->arena, result->n_ips + 1, sizeof(*m->addresses.v));
	if (!m->addresses.v)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < result->n_ips; i++) {
		const struct result_ip *ip = &result->ips[i];
		const struct result_interface *of =
			ip->interface >= 0 && (size_t)ip->interface < result->n_interfaces
				? &result->interfaces[ip->interface]
				: NULL;
		struct move_address *a = &m->addresses.v[m->addresses.n];

		if (of && (!str_eq(of->name, m->ifname) || !str_eq(of->sandbox, netns)))
			continue;
		a->address = arena_strdup(&n->arena, ip_net_format(&ip->address, text));
		a->gateway = arena_strdup(&n->arena, ip_format(&ip->gateway, text));
		if (!a->address || !a->gateway)
			return err_set(err, ENOMEM, "out of memory");
		m->addresses.n++;
	}
	if (m->addresses.n == 0 || m->addresses.n > MOVE_ADDRESSES_MAX)
		return err_set(err, EOPNOTSUPP, "\"%s\" of \"%s\" has %zu addresses: not 1 to %d",
			       m->ifname, m->container, m->addresses.n, MOVE_ADDRESSES_MAX);
	return 0;
}

/* Hardware address, MTU, and whether it is a port's other end. */
static int look_inside(struct net *n, const char *netns, struct move *m, struct link *ret,
		       struct err *err)
{
	AUTO_FD fd = netns_open(netns, err);
	struct rtnl r = RTNL_CLOSED;
	char text[MAC_TEXT_MAX];
	int rc;

	if (fd < 0 || rtnl_open(&r, fd, err) < 0)
		return -1;
	rc = link_get(&r, m->ifname, ret, err);
	rtnl_close(&r);
	if (rc < 0)
		return -1;
	m->mtu = ret->mtu;
	m->index = (uint32_t)ret->index;
	m->mac = arena_strdup(&n->arena, mac_format(&ret->mac, text));
	return m->mac ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* --- the source's facts ---------------------------------------------------------- */

static int choose_kind(const struct move_request *r, const struct link *inside, struct move *m,
		       struct err *err)
{
	struct move_place place;
	int kind;

	if (move_place_find(m, &place, err) < 0)
		return -1;
	if (place.port.index == 0 && strcmp(inside->kind, "macvlan") != 0)
		return err_set(err, EOPNOTSUPP,
			       "\"%s\" of \"%s\" (%s) is no port of this host that can be moved",
			       m->ifname, m->container, inside->kind);
	m->kind = place.outside.index || place.port.index == 0 ? MOVE_BRIDGED : MOVE_ROUTED;
	if (!r->kind)
		return 0;
	kind = move_word("kind", r->kind, err);
	if (kind < 0)
		return -1;
	m->kind = (enum move_kind)kind;
	return 0;
}

static int choose_tunnel(const struct move_request *r, struct move *m, struct err *err)
{
	const char *const parts[] = { m->network, m->container, m->ifname, m->source, m->target };
	char digits[ID_DIGITS];
	const int tunnel = r->tunnel ? move_word("tunnel", r->tunnel, err) : MOVE_VXLAN;

	if (tunnel < 0)
		return -1;
	names_hash(digits, sizeof(digits), parts, ARRAY_SIZE(parts));
	m->tunnel = (enum move_tunnel)tunnel;
	m->id = (uint32_t)strtoul(digits, NULL, HEX);
	if (m->id == 0)
		m->id = 1;
	return 0;
}

/* This host's address as the other one sees it. */
static int local_towards(const char *peer, char text[IP_TEXT_MAX], struct err *err)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to = { .any = { 0 } };
	socklen_t size = sizeof(to);
	struct ip ip, own = { 0 };
	AUTO_FD fd = -1;

	if (ip_parse(peer, &ip) < 0)
		return err_set(err, EINVAL, "\"%s\" is no address of a host", peer);
	to.any.sa_family = own.family = ip.family;
	if (ip.family == AF_INET6) {
		to.v6.sin6_port = htons(ANY_PORT);
		memcpy(&to.v6.sin6_addr, ip.bytes, sizeof(to.v6.sin6_addr));
	} else {
		to.v4.sin_port = htons(ANY_PORT);
		memcpy(&to.v4.sin_addr, ip.bytes, sizeof(to.v4.sin_addr));
	}
	fd = socket(ip.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, &to.any, size) < 0 || getsockname(fd, &to.any, &size) < 0)
		return err_sys(err, "find the way to host \"%s\"", peer);
	if (ip.family == AF_INET6)
		memcpy(own.bytes, &to.v6.sin6_addr, sizeof(to.v6.sin6_addr));
	else
		memcpy(own.bytes, &to.v4.sin_addr, sizeof(to.v4.sin_addr));
	(void)ip_format(&own, text);
	return 0;
}

static int set_hosts(struct net *n, const struct move_request *r, struct move *m, struct err *err)
{
	char text[IP_TEXT_MAX];
	const char *local = r->local;
	struct ip ip;

	if (!local) {
		if (local_towards(r->peer, text, err) < 0)
			return -1;
		local = text;
	}
	if (ip_parse(local, &ip) < 0 || ip_parse(r->peer, &ip) < 0)
		return err_set(err, EINVAL, "\"%s\" or \"%s\" is no address of a host", local,
			       r->peer);
	m->source = arena_strdup(&n->arena, r->role == MOVE_SOURCE ? local : r->peer);
	m->target = arena_strdup(&n->arena, r->role == MOVE_SOURCE ? r->peer : local);
	return m->source && m->target ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* Its addresses may be another network's as well, on either host: a route to one of them, or a port in
 * the host's namespace, would be everybody's. */
static int refuse_tenant(const struct conflist *list, struct err *err)
{
	if (list->n == 0 || !str_eq(list->v[0].type, "tenant"))
		return 0;
	return err_set(
		err, EOPNOTSUPP,
		"network \"%s\" can't be moved: the addresses of a tenant lead nowhere outside of "
		"its router or its table; take \"bridge\" with \"vxlan\" or \"outside\"",
		list->name);
}

static int check_movable(struct net *n, const struct cache_entry *e, struct err *err)
{
	struct conflist list;

	/* of what was attached by somebody else nothing is known */
	if (!e->config ||
	    conflist_parse(e->network, e->config, e->config_len, false, &n->arena, &list, NULL) < 0)
		return 0;
	return refuse_tenant(&list, err);
}

static int describe_source(struct net *n, const struct move_request *r, struct move *m,
			   struct err *err)
{
	struct cache_entry e;
	struct result result;
	struct link inside;

	*m = (struct move){ .role = MOVE_SOURCE, .state = MOVE_PREPARED };
	m->network = arena_strdup(&n->arena, r->network);
	m->container = arena_strdup(&n->arena, r->container);
	m->ifname = arena_strdup(&n->arena, r->ifname);
	if (!m->network || !m->container || !m->ifname)
		return err_set(err, ENOMEM, "out of memory");
	if (load_entry(n, r->network, r->container, r->ifname, &e, err) < 0 ||
	    check_movable(n, &e, err) < 0 || parse_entry(n, &e, &result, err) < 0 ||
	    set_hosts(n, r, m, err) < 0 || take_addresses(n, &result, e.netns, m, err) < 0 ||
	    look_inside(n, e.netns, m, &inside, err) < 0 || find_port(n, &result, m, err) < 0 ||
	    choose_kind(r, &inside, m, err) < 0)
		return -1;
	return choose_tunnel(r, m, err);
}

/* --- the target's facts ------------------------------------------------------------ */

static int describe_target(struct net *n, const struct move_request *r, struct move *m,
			   struct err *err)
{
	static char none[] = "";
	const struct conflist *list;
	struct move own = { 0 };

	if (move_parse("ticket", r->ticket, r->ticket_len, &n->arena, m, err) < 0)
		return -1;
	if (m->role != MOVE_SOURCE || strcmp(m->network, r->network) != 0 ||
	    strcmp(m->container, r->container) != 0 || strcmp(m->ifname, r->ifname) != 0)
		return err_set(err, EINVAL, "the ticket is for \"%s\" of \"%s\" in network \"%s\"",
			       m->ifname, m->container, m->network);
	/* the source's idea of our address holds where nobody says another */
	if (r->peer && set_hosts(n, r, &own, err) < 0)
		return -1;
	if (own.source && strcmp(own.source, m->source) != 0)
		return err_set(err, EINVAL, "the ticket is of host \"%s\", not \"%s\"", m->source,
			       own.source);
	if (own.target && r->local)
		m->target = own.target;
	m->role = MOVE_TARGET;
	m->state = MOVE_PREPARED;
	m->port = m->bridge = none;
	list = net_find(n, r->network, err);
	return list ? refuse_tenant(list, err) : -1;
}

/* --- prepare ------------------------------------------------------------------------ */

/* Repeated by the same caller, or in the way of another. */
static int check_open(const struct move *there, const struct move_request *r, struct err *err)
{
	const char *peer = there->role == MOVE_SOURCE ? there->target : there->source;

	if (there->role == r->role && there->state == MOVE_PREPARED &&
	    (!r->peer || strcmp(peer, r->peer) == 0))
		return 0;
	return err_set(err, EBUSY, "a move of \"%s\" in network \"%s\" (\"%s\", \"%s\") is open",
		       there->container, there->network, there->source, there->target);
}

static struct net_attachment attachment_of(const struct move_request *r)
{
	return (struct net_attachment){ .container = r->container, .ifname = r->ifname };
}

static int prepare_locked(struct net *n, const struct move_request *r, struct move *ret,
			  struct err *err)
{
	const int found = move_load(n, r->network, r->container, r->ifname, ret, err);

	if (found < 0 || (found > 0 && check_open(ret, r, err) < 0))
		return -1;
	if (found == 0 && (r->role == MOVE_SOURCE ? describe_source(n, r, ret, err)
						  : describe_target(n, r, ret, err)) < 0)
		return -1;
	if (move_save(n, ret, err) < 0)
		return -1;
	if (ret->kind == MOVE_BRIDGED || move_tunnel_make(ret, err) == 0)
		return 0;
	(void)move_tunnel_remove(ret, NULL);
	(void)move_remove(n, ret, NULL);
	return -1;
}

int move_prepare(struct net *n, const struct move_request *r, struct move *ret, struct err *err)
{
	const struct net_attachment a = attachment_of(r);
	AUTO_LOCK lock = net_lock_both(n, r->network, &a, err);

	return lock < 0 ? -1 : prepare_locked(n, r, ret, err);
}

/* --- cut-over ----------------------------------------------------------------------- */

static int cut_source(const struct move *m, const struct move_place *place, const char *netns,
		      struct err *err)
{
	if (m->kind == MOVE_BRIDGED) {
		if (move_entries_lead_out(m, place, err) < 0)
			return -1;
	} else if (move_divert(m, err) < 0 || move_stand_in(m, place, err) < 0) {
		return -1;
	}
	return move_close_port(m, place, netns, err);
}

static bool has_masquerade(struct net *n, const struct cache_entry *e)
{
	struct conflist list;

	if (!e->config ||
	    conflist_parse(e->network, e->config, e->config_len, false, &n->arena, &list, NULL) < 0)
		return false;
	for (size_t i = 0; list.n > 0 && i < list.v[0].members.n; i++)
		if (strcmp(list.v[0].members.v[i].key, "ipMasq") == 0)
			return strcmp(list.v[0].members.v[i].value, "true") == 0;
	return false;
}

/* What goes back through the tunnel is translated at its other end, if at all. */
static int set_masquerade(struct net *n, const struct move *m, const struct cache_entry *e, bool on,
			  struct err *err)
{
	struct ip_net nets[MOVE_ADDRESSES_MAX];

	if (m->kind == MOVE_BRIDGED || !has_masquerade(n, e))
		return 0;
	for (size_t i = 0; i < m->addresses.n; i++)
		if (ip_net_parse(m->addresses.v[i].address, &nets[i]) < 0)
			return err_sys(err, "\"%s\"", m->addresses.v[i].address);
	if (on)
		return masq_add(m->network, m->container, m->ifname, nets, m->addresses.n, err);
	return masq_del(m->network, m->container, m->ifname, nets, m->addresses.n, err) < 0 ? -1
											    : 0;
}

static int cut_target(struct net *n, const struct move *m, const struct cache_entry *e,
		      const struct move_place *place, struct err *err)
{
	if (m->kind == MOVE_BRIDGED) {
		/* from an earlier move the other way */
		if (move_entries_end(m, place, false, err) < 0)
			return -1;
	} else if (set_masquerade(n, m, e, false, err) < 0 || move_divert(m, err) < 0) {
		return -1;
	}
	return move_open_port(m, place, e->netns, err);
}

static int check_state(const struct move *m, int found, const struct move_request *r,
		       struct err *err)
{
	if (found == 0)
		return err_set(err, ENOENT, "no move of \"%s\" in network \"%s\" is prepared",
			       r->container, r->network);
	if (m->state == MOVE_FINISHING)
		return err_set(err, EBUSY, "the move of \"%s\" is being finished", r->container);
	return 0;
}

static int cutover_locked(struct net *n, const struct move_request *r, struct err *err)
{
	struct move_place place;
	struct err why = { 0 };
	struct cache_entry e;
	struct result result;
	struct move m;
	bool has;
	const int found = move_load(n, r->network, r->container, r->ifname, &m, err);

	if (found < 0 || check_state(&m, found, r, err) < 0)
		return -1;
	has = load_entry(n, r->network, r->container, r->ifname, &e, &why) == 0;
	if (m.role == MOVE_TARGET && !has) {
		if (err)
			*err = why;
		return -1;
	}
	if (m.role == MOVE_TARGET &&
	    (parse_entry(n, &e, &result, err) < 0 || find_port(n, &result, &m, err) < 0))
		return -1;
	m.state = MOVE_CUT;
	if (move_place_find(&m, &place, err) < 0 || move_save(n, &m, err) < 0)
		return -1;
	if (m.role == MOVE_SOURCE) /* a container that was saved to images may be gone already */
		return cut_source(&m, &place, has ? living_netns(&e) : "", err);
	return cut_target(n, &m, &e, &place, err);
}

int move_cutover(struct net *n, const struct move_request *r, struct err *err)
{
	const struct net_attachment a = attachment_of(r);
	AUTO_LOCK lock = net_lock_both(n, r->network, &a, err);

	return lock < 0 ? -1 : cutover_locked(n, r, err);
}

/* --- finish -------------------------------------------------------------------------- */

static int end_links(const struct move *m, const struct move_place *place, struct err *err)
{
	if (m->kind == MOVE_BRIDGED)
		return m->role == MOVE_SOURCE ? move_entries_end(m, place, true, err) : 0;
	if (move_divert_end(m, err) < 0 ||
	    (m->role == MOVE_SOURCE && move_stand_in_end(m, place, err) < 0))
		return -1;
	return move_tunnel_remove(m, err);
}

static int finish_locked(struct net *n, const struct move_request *r, struct err *err)
{
	struct move_place place;
	struct cache_entry e = { 0 };
	struct move m;
	const int found = move_load(n, r->network, r->container, r->ifname, &m, err);

	if (found <= 0)
		return found;
	if (m.state == MOVE_PREPARED)
		return err_set(err, EBUSY, "the move of \"%s\" isn't cut over yet", r->container);
	m.state = MOVE_FINISHING;
	if (move_save(n, &m, err) < 0 || move_place_find(&m, &place, err) < 0)
		return -1;
	if (m.role == MOVE_TARGET &&
	    load_entry(n, r->network, r->container, r->ifname, &e, NULL) == 0 &&
	    set_masquerade(n, &m, &e, true, err) < 0)
		return -1;
	/* once more: what the source said before it was shut may have been learnt last */
	if (m.role == MOVE_TARGET && m.kind == MOVE_BRIDGED && e.netns && e.netns[0])
		(void)move_open_port(&m, &place, e.netns, NULL);
	if (end_links(&m, &place, err) < 0)
		return -1;
	return move_remove(n, &m, err);
}

int move_finish(struct net *n, const struct move_request *r, struct err *err)
{
	const struct net_attachment a = attachment_of(r);
	AUTO_LOCK lock = net_lock_both(n, r->network, &a, err);

	return lock < 0 ? -1 : finish_locked(n, r, err);
}

/* --- abort --------------------------------------------------------------------------- */

/* The port only where something of the cut-over may have been done.  Of a source that is open still the address is
 * announced once more: the target may have done its own cut-over, and all others look for it there. */
static int abort_port(const struct move *m, const struct move_place *place, const char *netns,
		      struct err *err)
{
	if (m->state == MOVE_PREPARED) {
		if (m->role == MOVE_SOURCE && m->kind == MOVE_BRIDGED && netns[0])
			(void)move_announce(m, place, netns, NULL);
		return 0;
	}
	return m->role == MOVE_SOURCE ? move_open_port(m, place, netns, err)
				      : move_close_port(m, place, netns, err);
}

static int abort_entries(const struct move *m, const struct move_place *place, struct err *err)
{
	return m->kind == MOVE_BRIDGED && m->role == MOVE_SOURCE && m->state == MOVE_CUT
		       ? move_entries_end(m, place, false, err)
		       : 0;
}

static int abort_locked(struct net *n, const struct move_request *r, struct err *err)
{
	struct move_place place;
	struct cache_entry e;
	const char *netns = "";
	struct move m;
	const int found = move_load(n, r->network, r->container, r->ifname, &m, err);

	if (found < 0)
		return -1;
	/* a request that was killed at its first record left part of it */
	if (found == 0)
		return move_forget(n, r->network, r->container, r->ifname, err);
	if (check_state(&m, found, r, err) < 0)
		return -1;
	if (load_entry(n, r->network, r->container, r->ifname, &e, NULL) == 0)
		netns = living_netns(&e);
	if (move_place_find(&m, &place, err) < 0 || abort_entries(&m, &place, err) < 0 ||
	    abort_port(&m, &place, netns, err) < 0)
		return -1;
	if (m.kind == MOVE_ROUTED && end_links(&m, &place, err) < 0)
		return -1;
	return move_remove(n, &m, err);
}

int move_abort(struct net *n, const struct move_request *r, struct err *err)
{
	const struct net_attachment a = attachment_of(r);
	AUTO_LOCK lock = net_lock_both(n, r->network, &a, err);

	return lock < 0 ? -1 : abort_locked(n, r, err);
}
