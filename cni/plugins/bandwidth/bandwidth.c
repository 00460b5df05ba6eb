/* SPDX-License-Identifier: Apache-2.0 */
/* bandwidth.c - a container sends and receives no faster than it may
 *
 * ingress, into the container: a token bucket on what the host's end of its
 * veth pair sends.  egress: what that end receives is led through an
 * intermediate device of its own (ifb), whose sending is limited:
 *
 *	container  eth0 <--> vethX  host      tbf on vethX            ingress
 *	                     vethX ingress -> bwpHASH (ifb), tbf      egress
 *
 * With shapedSubnets or unshapedSubnets a limit concerns only what the container
 * exchanges with these, or with others: by source on its way in, by destination
 * on its way out (tc_split.h).  The reference looks at the destination both
 * ways, which on the way in is always the container itself.
 * The burst is cut to a tenth of a second of the rate: the annotations of
 * Kubernetes give none, callers then say 4 Gbit, and such a bucket makes any
 * rate meaningless for the first seconds.  What waits longer than 25 ms is
 * dropped.
 * The device's alias is its owner, for GC.
 * CNI plugin "bandwidth"; tc-tbf(8).
 */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "cni/names.h"
#include "cni/nft.h"
#include "cni/plugins/registry.h"
#include "cni/prev.h"
#include "cni/tc.h"
#include "cni/tc_split.h"

#define IFB_PREFIX   "bwp"
#define IFB_DIGITS   9 /* 8 and the NUL */
#define BITS	     8
#define BURST_MIN    ((uint32_t)32 << 10)
#define BURST_PART   10 /* of a second */
#define LATENCY_PART 40 /* 25 ms */
#define FRAME_MARGIN 64
#define BURST_MAX    0xffffffffULL
#define LIMIT_MAX    0x7fffffffULL
#define FLUSH_EVERY  32 /* less than RTNL_BATCH_MAX */
#define TOLERATED    100 /* a hundredth: the kernel keeps bursts as times */

struct config {
	struct opt_u64 ingress_rate, ingress_burst, egress_rate, egress_burst;
	struct strings shaped, unshaped;
};
static const struct json_field config_fields[] = {
	JSON_FIELD_AS("ingressRate", struct config, ingress_rate, JSON_OPT_U64),
	JSON_FIELD_AS("ingressBurst", struct config, ingress_burst, JSON_OPT_U64),
	JSON_FIELD_AS("egressRate", struct config, egress_rate, JSON_OPT_U64),
	JSON_FIELD_AS("egressBurst", struct config, egress_burst, JSON_OPT_U64),
	JSON_FIELD_AS("shapedSubnets", struct config, shaped, JSON_STRINGS),
	JSON_FIELD_AS("unshapedSubnets", struct config, unshaped, JSON_STRINGS),
};
static const struct json_table config_table = JSON_TABLE(struct config, config_fields);

struct request {
	struct netconf_bandwidth wanted; /* all zero: nothing */
	struct ip_net *nets; /* those of shaped or unshaped */
	size_t n_nets;
	char ifb[IFNAMSIZ];
	char owner[NFT_OWNER];
};

/* --- the configuration ------------------------------------------------------------------ */

static int check_pair(const char *what, uint64_t rate, uint64_t burst, struct err *err)
{
	if (rate == 0 && burst == 0)
		return 0;
	if (rate == 0 || burst == 0)
		return cni_err(err, CNI_ERR_CONFIG, "%sRate and %sBurst go together", what, what);
	if (rate < BITS)
		return cni_err(err, CNI_ERR_CONFIG, "%sRate is below a byte per second", what);
	if (burst / BITS > BURST_MAX)
		return cni_err(err, CNI_ERR_CONFIG, "%sBurst cannot be more than 4GB", what);
	return 0;
}

static int parse_subnets(struct cni_call *call, struct request *r, struct err *err)
{
	const struct strings *from =
		r->wanted.shaped.n > 0 ? &r->wanted.shaped : &r->wanted.unshaped;

	if (r->wanted.shaped.n > 0 && r->wanted.unshaped.n > 0)
		return cni_err(err, CNI_ERR_CONFIG,
			       "shapedSubnets and unshapedSubnets exclude each other");
	r->nets = arena_array(call->arena, from->n + 1, sizeof(*r->nets));
	if (!r->nets)
		return err_set(err, ENOMEM, "subnets: no memory");
	for (; r->n_nets < from->n; r->n_nets++)
		if (ip_net_parse(from->v[r->n_nets], &r->nets[r->n_nets]) < 0)
			return cni_err(err, CNI_ERR_CONFIG, "\"%s\" is no subnet",
				       from->v[r->n_nets]);
	return 0;
}

static int parse_request(struct cni_call *call, struct request *r, struct err *err)
{
	const char *const parts[] = { call->conf->name, call->args->container_id,
				      call->args->ifname };
	char hash[IFB_DIGITS];
	struct config c;

	memset(r, 0, sizeof(*r));
	names_hash(hash, sizeof(hash), parts, ARRAY_SIZE(parts));
	(void)!str_format(r->ifb, sizeof(r->ifb), IFB_PREFIX "%s", hash);
	nft_owner(r->owner, parts[0], parts[1], parts[2]);
	if (netconf_decode(call->conf, &config_table, &c, call->arena, err) < 0)
		return -1;
	/* the network's own values win over those of the runtime */
	if (c.ingress_rate.has || c.ingress_burst.has || c.egress_rate.has || c.egress_burst.has ||
	    c.shaped.n > 0 || c.unshaped.n > 0)
		r->wanted = (struct netconf_bandwidth){ c.ingress_rate.v, c.ingress_burst.v,
							c.egress_rate.v,  c.egress_burst.v,
							c.shaped,	  c.unshaped };
	else if (call->conf->runtime.bandwidth)
		r->wanted = *call->conf->runtime.bandwidth;
	if (check_pair("ingress", r->wanted.ingress_rate, r->wanted.ingress_burst, err) < 0)
		return -1;
	if (check_pair("egress", r->wanted.egress_rate, r->wanted.egress_burst, err) < 0)
		return -1;
	return parse_subnets(call, r, err);
}

/* The bucket of a rate and a burst, in bits. */
static struct tc_rate bucket(uint64_t rate, uint64_t burst, uint32_t mtu)
{
	struct tc_rate bucket = { .rate = rate / BITS };
	const uint64_t most =
		bucket.rate / BURST_PART > BURST_MIN ? bucket.rate / BURST_PART : BURST_MIN;
	uint64_t bytes = burst / BITS, queue;

	if (bytes > most)
		bytes = most;
	if (bytes < mtu + FRAME_MARGIN)
		bytes = mtu + FRAME_MARGIN; /* else no frame ever passes */
	if (bytes > BURST_MAX)
		bytes = BURST_MAX;
	queue = bucket.rate / LATENCY_PART + bytes;
	bucket.burst = (uint32_t)bytes;
	bucket.limit = (uint32_t)(queue > LIMIT_MAX ? LIMIT_MAX : queue);
	return bucket;
}

/* --- effects ------------------------------------------------------------------------------- */

static int host_end(struct cni_call *call, struct link *ret, struct err *err)
{
	const int found = prev_host_end(call, ret, err);

	if (found == 0)
		return err_set(err, ENODEV, "\"%s\" has no end on the host to limit",
			       call->args->ifname);
	return found < 0 ? -1 : 0;
}

static struct tc_split make_split(const struct request *r, const struct tc_rate *rate,
				  bool by_source)
{
	return (struct tc_split){ .rate = *rate,
				  .nets = r->nets,
				  .n = r->n_nets,
				  .only = r->wanted.shaped.n > 0,
				  .by_source = by_source };
}

/* On all of what the interface sends, or what concerns the subnets: by_source when it sends towards
 * the container. */
static int limit(struct cni_call *call, const struct request *r, int index,
		 const struct tc_rate *rate, bool by_source, struct err *err)
{
	const struct tc_split split = make_split(r, rate, by_source);

	if (r->n_nets > 0)
		return tc_split(&call->host, index, &split, err);
	tc_limit(&call->host, index, rate);
	return 0;
}

/* The intermediate device with its limit, and the way through it. */
static int add_egress(struct cni_call *call, const struct request *r, const struct link *end,
		      struct err *err)
{
	const struct tc_rate rate = bucket(r->wanted.egress_rate, r->wanted.egress_burst, end->mtu);
	const struct mac mac = names_mac();
	const struct link_new ifb = { .name = r->ifb,
				      .kind = "ifb",
				      .index = names_index(),
				      .mac = &mac,
				      .mtu = end->mtu,
				      .up = true };
	struct result_interface *interface = result_add_interface(&call->result, call->arena);
	char text[MAC_TEXT_MAX];

	if (!interface)
		return err_sys(err, "result");
	interface->name = arena_strdup(call->arena, r->ifb);
	interface->mac = arena_strdup(call->arena, mac_format(&mac, text));
	link_new(&call->host, &ifb);
	link_new_end(&call->host);
	link_set_alias(&call->host, ifb.index, r->owner);
	if (limit(call, r, ifb.index, &rate, false, err) < 0)
		return -1;
	tc_redirect(&call->host, end->index, ifb.index);
	return 0;
}

static void undo(struct cni_call *call, const struct request *r, const struct link *end)
{
	rtnl_discard(&call->host);
	tc_limit_delete(&call->host, end->index);
	tc_redirect_delete(&call->host, end->index);
	(void)rtnl_flush(&call->host, NULL);
	(void)link_remove(-1, r->ifb, NULL);
}

static int apply_limits(struct cni_call *call, const struct request *r, const struct link *end,
			struct err *err)
{
	const struct tc_rate rate =
		bucket(r->wanted.ingress_rate, r->wanted.ingress_burst, end->mtu);

	if (r->wanted.ingress_rate > 0 && limit(call, r, end->index, &rate, true, err) < 0)
		return -1;
	if (r->wanted.egress_rate > 0 && add_egress(call, r, end, err) < 0)
		return -1;
	return rtnl_flush(&call->host, err);
}

static int bandwidth_add(struct cni_call *call, struct err *err)
{
	struct request r;
	struct link end;

	if (parse_request(call, &r, err) < 0)
		return -1;
	if (r.wanted.ingress_rate == 0 && r.wanted.egress_rate == 0)
		return 0;
	if (host_end(call, &end, err) < 0)
		return -1;
	if (apply_limits(call, &r, &end, err) == 0)
		return 0;
	undo(call, &r, &end);
	return err_wrap(err, "limit the bandwidth");
}

/* The reference names its device otherwise, but lists it in the result. */
static int bandwidth_del(struct cni_call *call, struct err *err)
{
	const struct result *prev = &call->conf->prev;
	struct request r;
	int rc;

	(void)parse_request(call, &r, NULL); /* the device's name doesn't depend on the rates */
	rc = link_remove(-1, r.ifb, err);
	for (size_t i = 0; i < prev->n_interfaces; i++) {
		const struct result_interface *interface = &prev->interfaces[i];
		const bool ours = interface->name && str_starts(interface->name, IFB_PREFIX) &&
				  (!interface->sandbox || interface->sandbox[0] == '\0');

		if (ours && strcmp(interface->name, r.ifb) != 0 &&
		    link_remove(-1, interface->name, err) < 0)
			rc = -1;
	}
	return rc;
}

static bool about(uint64_t a, uint64_t b)
{
	return a - a / TOLERATED <= b + 1 && b - b / TOLERATED <= a + 1;
}

static int check_limit(struct rtnl *host, const struct request *r, const struct link *link,
		       const struct tc_rate *want, bool by_source, struct err *err)
{
	const struct tc_split split = make_split(r, want, by_source);
	struct tc_rate rate;
	int found;

	if (r->n_nets > 0)
		return tc_split_check(host, link->index, link->name, &split, err);
	found = tc_limit_find(host, link->index, &rate, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(err, ENOENT, "the limit of \"%s\" is gone", link->name);
	if (rate.rate != want->rate || !about(rate.burst, want->burst))
		return err_set(err, EINVAL, "the limit of \"%s\" has changed", link->name);
	return 0;
}

static int check_egress(struct cni_call *call, const struct request *r, const struct link *end,
			struct err *err)
{
	const struct tc_rate rate = bucket(r->wanted.egress_rate, r->wanted.egress_burst, end->mtu);
	struct link ifb;
	int to = 0;

	if (link_get(&call->host, r->ifb, &ifb, err) < 0)
		return -1;
	if (!(ifb.flags & IFF_UP))
		return err_set(err, ENETDOWN, "\"%s\" is down", ifb.name);
	if (check_limit(&call->host, r, &ifb, &rate, false, err) < 0 ||
	    tc_redirect_find(&call->host, end->index, &to, err) < 0)
		return -1;
	if (to != ifb.index)
		return err_set(err, EINVAL, "what \"%s\" receives isn't led to \"%s\"", end->name,
			       ifb.name);
	return 0;
}

static int bandwidth_check(struct cni_call *call, struct err *err)
{
	struct request r;
	struct link end;

	if (parse_request(call, &r, err) < 0)
		return -1;
	if (r.wanted.ingress_rate == 0 && r.wanted.egress_rate == 0)
		return 0;
	if (host_end(call, &end, err) < 0)
		return -1;
	if (r.wanted.ingress_rate > 0) {
		const struct tc_rate rate =
			bucket(r.wanted.ingress_rate, r.wanted.ingress_burst, end.mtu);

		if (check_limit(&call->host, &r, &end, &rate, true, err) < 0)
			return -1;
	}
	return r.wanted.egress_rate > 0 ? check_egress(call, &r, &end, err) : 0;
}

struct collect {
	struct cni_call *call;
	size_t n;
};

/* A device of this network that no valid attachment owns. */
static int collect_stale(const struct link *link, void *data, struct err *err)
{
	struct collect *c = data;
	const struct netconf *conf = c->call->conf;
	char owner[NFT_OWNER];

	if (!link || !str_eq(link->kind, "ifb") || !str_starts(link->name, IFB_PREFIX) ||
	    !nft_owner_of_network(link->alias, conf->name))
		return 0;
	for (size_t i = 0; i < conf->attachments.n; i++) {
		nft_owner(owner, conf->name, conf->attachments.v[i].container_id,
			  conf->attachments.v[i].ifname);
		if (strcmp(owner, link->alias) == 0)
			return 0;
	}
	link_delete(&c->call->inside, link->index);
	return ++c->n % FLUSH_EVERY == 0 ? rtnl_flush(&c->call->inside, err) : 0;
}

static int bandwidth_gc(struct cni_call *call, struct err *err)
{
	struct collect c = { .call = call };

	/* two sockets: one is asked while the other's batch grows */
	if (!cni_host(call, err) || rtnl_open(&call->inside, -1, err) < 0 ||
	    link_each(&call->host, collect_stale, &c, err) < 0)
		return -1;
	return c.n > 0 ? rtnl_flush(&call->inside, err) : 0;
}

const struct cni_plugin cni_plugin_bandwidth = {
	.type = "bandwidth",
	.about = "a container sends and receives no faster than it may",
	.chained = true,
	.since = "0.3.0",
	.add = bandwidth_add,
	.del = bandwidth_del,
	.check = bandwidth_check,
	.gc = bandwidth_gc,
};
