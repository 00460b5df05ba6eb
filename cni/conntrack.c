/* SPDX-License-Identifier: Apache-2.0 */
/* conntrack.c - forgetting flows that a new or a gone port mapping makes wrong
 *
 * One dump of the UDP flows (the kernel filters by protocol), the ports
 * compared here, then a message for each flow to delete: the cost is that of
 * the tracker's table, whatever the number of mappings.
 * Flows to addresses that are not ours are somebody's traffic through this
 * machine to the same port and stay.
 * linux/netfilter/nfnetlink_conntrack.h.
 */
#include "cni/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/proc.h"
#include "cni/route.h"

/* net/netfilter/nf_internals.h of the kernel: what CTA_FILTER_ORIG_FLAGS compares */
#define FILTER_PROTO_NUM (1U << 3)

#define REQUEST_MAX 512
#define ADDRS_MAX   4096
#define STALE_MAX   65536
#define STALE_LEN   192 /* of a tuple's attributes */
#define LOOPBACK    127

struct tuple {
	struct ip src, dst;
	uint16_t src_port, dst_port;
	uint8_t protocol;
};

/* The original tuple as it came, to name the flow by. */
struct stale {
	uint8_t bytes[STALE_LEN];
	uint16_t len, zone;
	uint8_t family;
	bool has_zone;
};

struct search {
	const struct conntrack_port *ports;
	size_t n_ports;
	struct ip *own; /* addresses of this machine */
	size_t n_own;
	struct stale *stale;
	size_t n_stale, cap_stale;
	bool failed; /* no memory */
};

static void read_address(const struct nlattr *attr, int af, struct ip *ret)
{
	const size_t size = af == AF_INET6 ? 16 : 4;

	if (mnl_attr_get_payload_len(attr) != size)
		return;
	ret->family = (uint8_t)af;
	memcpy(ret->bytes, mnl_attr_get_payload(attr), size);
}

static void read_addresses(const struct nlattr *nest, int af, struct tuple *ret)
{
	struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		const uint16_t type = mnl_attr_get_type(attr);

		if (type == CTA_IP_V4_SRC || type == CTA_IP_V6_SRC)
			read_address(attr, af, &ret->src);
		else if (type == CTA_IP_V4_DST || type == CTA_IP_V6_DST)
			read_address(attr, af, &ret->dst);
	}
}

static void read_ports(const struct nlattr *nest, struct tuple *ret)
{
	struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		const uint16_t type = mnl_attr_get_type(attr);
		const size_t len = mnl_attr_get_payload_len(attr);

		if (type == CTA_PROTO_NUM && len == sizeof(uint8_t))
			ret->protocol = mnl_attr_get_u8(attr);
		else if (type == CTA_PROTO_SRC_PORT && len == sizeof(uint16_t))
			ret->src_port = ntohs(mnl_attr_get_u16(attr));
		else if (type == CTA_PROTO_DST_PORT && len == sizeof(uint16_t))
			ret->dst_port = ntohs(mnl_attr_get_u16(attr));
	}
}

static void read_tuple(const struct nlattr *nest, int af, struct tuple *ret)
{
	struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == CTA_TUPLE_IP)
			read_addresses(attr, af, ret);
		else if (mnl_attr_get_type(attr) == CTA_TUPLE_PROTO)
			read_ports(attr, ret);
	}
}

static bool is_own(const struct search *s, const struct ip *ip)
{
	if (ip->family == AF_INET && ip->bytes[0] == LOOPBACK)
		return true;
	for (size_t i = 0; i < s->n_own; i++)
		if (ip_eq(&s->own[i], ip))
			return true;
	return false;
}

/* A flow to `original` is answered by `reply`'s source. */
static bool is_stale(const struct search *s, const struct tuple *original,
		     const struct tuple *reply)
{
	if (original->protocol != IPPROTO_UDP)
		return false;
	for (size_t i = 0; i < s->n_ports; i++) {
		const struct conntrack_port *p = &s->ports[i];

		if (p->family != original->dst.family || p->port != original->dst_port)
			continue;
		if (!ip_is_none(&p->host) && !ip_eq(&p->host, &original->dst))
			continue;
		if (!ip_is_none(&p->target) && ip_eq(&p->target, &reply->src))
			continue;
		return is_own(s, &original->dst);
	}
	return false;
}

static void remember(struct search *s, uint8_t family, const struct nlattr *tuple,
		     const struct nlattr *zone)
{
	const uint16_t len = mnl_attr_get_payload_len(tuple);
	struct stale *stale;

	if (len > STALE_LEN || s->n_stale == STALE_MAX)
		return;
	if (s->n_stale == s->cap_stale) {
		const size_t cap = s->cap_stale == 0 ? 16 : s->cap_stale * 2;
		struct stale *v = realloc(s->stale, cap * sizeof(*v));

		if (!v) {
			s->failed = true;
			return;
		}
		s->stale = v;
		s->cap_stale = cap;
	}
	stale = &s->stale[s->n_stale++];
	memcpy(stale->bytes, mnl_attr_get_payload(tuple), len);
	stale->len = len;
	stale->family = family;
	stale->has_zone = zone && mnl_attr_get_payload_len(zone) == sizeof(uint16_t);
	stale->zone = stale->has_zone ? mnl_attr_get_u16(zone) : 0;
}

static int look_at_flow(const struct nlmsghdr *h, void *data)
{
	struct search *s = data;
	struct nlattr *attr;
	const struct nlattr *nest = NULL, *zone = NULL;
	struct tuple original = { 0 }, reply = { 0 };
	struct nfgenmsg header;

	if (mnl_nlmsg_get_payload_len(h) < sizeof(header))
		return 0;
	memcpy(&header, mnl_nlmsg_get_payload(h), sizeof(header));

	mnl_attr_for_each(attr, h, sizeof(struct nfgenmsg))
	{
		switch (mnl_attr_get_type(attr)) {
		case CTA_TUPLE_ORIG:
			nest = attr;
			read_tuple(attr, header.nfgen_family, &original);
			break;
		case CTA_TUPLE_REPLY:
			read_tuple(attr, header.nfgen_family, &reply);
			break;
		case CTA_ZONE:
			zone = attr;
			break;
		}
	}
	if (nest && is_stale(s, &original, &reply))
		remember(s, header.nfgen_family, nest, zone);
	return 0;
}

static struct nlmsghdr *request(char *memory, int type, int af, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(memory);
	struct nfgenmsg *nf;

	h->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	nf = mnl_nlmsg_put_extra_header(h, sizeof(*nf));
	nf->nfgen_family = (uint8_t)af;
	nf->version = NFNETLINK_V0;
	return h;
}

/* The kernel filters by protocol within a family only. */
static int list_flows(struct nft *nft, int af, struct search *s, struct err *err)
{
	char memory[REQUEST_MAX] = { 0 };
	struct nlmsghdr *h = request(memory, IPCTNL_MSG_CT_GET, af, NLM_F_DUMP);
	struct nlattr *tuple = mnl_attr_nest_start(h, CTA_TUPLE_ORIG), *nest;

	nest = mnl_attr_nest_start(h, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(h, CTA_PROTO_NUM, IPPROTO_UDP);
	mnl_attr_nest_end(h, nest);
	mnl_attr_nest_end(h, tuple);
	nest = mnl_attr_nest_start(h, CTA_FILTER);
	mnl_attr_put_u32(h, CTA_FILTER_ORIG_FLAGS, FILTER_PROTO_NUM);
	mnl_attr_put_u32(h, CTA_FILTER_REPLY_FLAGS, 0);
	mnl_attr_nest_end(h, nest);
	return nft_request(nft, h, look_at_flow, s, err);
}

static int delete_flow(struct nft *nft, const struct stale *stale, struct err *err)
{
	char memory[REQUEST_MAX] = { 0 };
	struct nlmsghdr *h = request(memory, IPCTNL_MSG_CT_DELETE, stale->family, NLM_F_ACK);
	struct err why = { 0 };

	mnl_attr_put(h, CTA_TUPLE_ORIG | NLA_F_NESTED, stale->len, stale->bytes);
	if (stale->has_zone)
		mnl_attr_put_u16(h, CTA_ZONE, stale->zone);
	if (nft_request(nft, h, NULL, NULL, &why) < 0 && why.code != ENOENT)
		return err_set(err, why.code, "%s", why.msg);
	return 0;
}

static int remember_address(const struct addr *addr, void *data, struct err *err)
{
	struct search *s = data;

	(void)err;
	if (!addr)
		s->n_own = 0; /* the list begins anew */
	else if (s->n_own < ADDRS_MAX)
		s->own[s->n_own++] = addr->net.ip;
	return 0;
}

static bool has_ports(const struct search *s, int af)
{
	for (size_t i = 0; i < s->n_ports; i++)
		if (s->ports[i].family == af)
			return true;
	return false;
}

int conntrack_forget(struct nft *nft, struct rtnl *host, const struct conntrack_port *ports,
		     size_t n, struct err *err)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct search s = { .ports = ports, .n_ports = n };
	struct err why = { 0 };
	int rc = 0;

	s.own = calloc(ADDRS_MAX, sizeof(*s.own));
	if (!s.own)
		return err_set(err, ENOMEM, "forget flows: no memory");
	rc = addr_each(host, 0, AF_UNSPEC, remember_address, &s, err);
	for (size_t i = 0; i < ARRAY_SIZE(families) && rc == 0; i++) {
		if (!has_ports(&s, families[i]) || list_flows(nft, families[i], &s, &why) == 0)
			continue;
		/* no connection tracking in this kernel: no flows */
		if (why.code != EOPNOTSUPP && why.code != EINVAL && why.code != ENOENT)
			rc = err_set(err, why.code, "%s", why.msg);
	}
	for (size_t i = 0; i < s.n_stale && rc == 0; i++)
		rc = delete_flow(nft, &s.stale[i], err);
	if (rc == 0 && s.failed)
		rc = err_set(err, ENOMEM, "forget flows: no memory");
	free(s.stale);
	free(s.own);
	return rc < 0 ? err_wrap(err, "forget flows") : 0;
}

struct aside {
	const struct conntrack_port *ports;
	size_t n;
};

/* In the child: sockets of its own, since the parent goes on using his. */
static int forget_in_child(void *data)
{
	const struct aside *aside = data;
	AUTO_NFT nft = nft_open(NULL);
	struct rtnl host = RTNL_CLOSED;
	int rc = -1;

	if (nft && rtnl_open(&host, -1, NULL) == 0)
		rc = conntrack_forget(nft, &host, aside->ports, aside->n, NULL);
	rtnl_close(&host);
	return rc;
}

int conntrack_forget_aside(const struct conntrack_port *ports, size_t n, struct err *err)
{
	struct aside aside = { .ports = ports, .n = n };
	const int result = proc_background(forget_in_child, &aside, err);

	if (result < 0)
		return -1;
	(void)fd_close(result);
	return 0;
}
