/* SPDX-License-Identifier: Apache-2.0 */
/* rtnl_test.c - rtnetlink requests as bytes, and what is made of answers
 *
 * The kernel is the other end of a socket pair here: what was sent is taken
 * apart, and the answers are written by hand.
 */
#include "cni/rtnl.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "cni/link.h"
#include "cni/route.h"
#include "tests/unit/test.h"

static struct err err;
static int kernel = -1;
static char sent[16384] __attribute__((aligned(8)));
static ssize_t n_sent;

/* A struct rtnl whose kernel is the test. */
static void open_pair(struct rtnl *r)
{
	int ends[2] = { -1, -1 };

	err_clear(&err);
	if (kernel >= 0)
		kernel = fd_close(kernel);
	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
	REQUIRE(rtnl_init(r, ends[0], &err) == 0);
	kernel = ends[1];
}

/* The index-th message that was sent; an empty one behind the last. */
static const struct nlmsghdr *message(int index)
{
	static const struct nlmsghdr none;
	const struct nlmsghdr *h = &none;
	size_t at = 0;

	for (int i = 0; i <= index; i++) {
		if (at + sizeof(*h) > (size_t)n_sent)
			return &none;
		h = (const void *)(sent + at);
		at += NLMSG_ALIGN(h->nlmsg_len);
	}
	return h;
}

static int n_messages(void)
{
	int n = 0;

	while (message(n)->nlmsg_len > 0)
		n++;
	return n;
}

/* Answers that wait for the request: an error (0: acknowledged) for one of its messages. */
static void answer(uint32_t seq, int error, const char *words)
{
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		struct nlattr a;
		char words[64];
	} m = { .h = { .nlmsg_type = NLMSG_ERROR, .nlmsg_seq = seq }, .e = { .error = -error } };

	m.h.nlmsg_len = NLMSG_LENGTH(sizeof(m.e));
	if (words) {
		m.h.nlmsg_flags = NLM_F_CAPPED | NLM_F_ACK_TLVS;
		m.a.nla_type = NLMSGERR_ATTR_MSG;
		m.a.nla_len = (uint16_t)(sizeof(m.a) + strlen(words) + 1);
		(void)str_copy(m.words, sizeof(m.words), words);
		m.h.nlmsg_len += NLMSG_ALIGN(m.a.nla_len);
	}
	CHECK(send(kernel, &m, m.h.nlmsg_len, 0) == (ssize_t)m.h.nlmsg_len);
}

/* Sends the batch with the last one acknowledged, and keeps what was sent. */
static int flush(struct rtnl *r)
{
	int result;

	answer(r->seq, 0, NULL);
	result = rtnl_flush(r, &err);
	n_sent = recv(kernel, sent, sizeof(sent), 0);
	return result;
}

TEST(a_pair_is_one_request)
{
	const struct mac here = { { 2, 0, 0, 0, 0, 1 } }, there = { { 2, 0, 0, 0, 0, 2 } };
	const struct link_new first = { .name = "veth1",
					.kind = "veth",
					.index = 1000,
					.mac = &here,
					.mtu = 1400,
					.master = 7,
					.up = true };
	const struct link_new peer = { .name = "eth0",
				       .index = 2,
				       .mac = &there,
				       .mtu = 1400,
				       .in_netns = true,
				       .netns = 33 };
	struct nlattr *tb[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1], *data[VETH_INFO_MAX + 1];
	const struct nlmsghdr *h;
	struct ifinfomsg header;
	struct rtnl r;

	open_pair(&r);
	link_new_veth(&r, &first, &peer);
	CHECK_INT(flush(&r), 0);
	h = message(0);
	REQUIRE(n_messages() == 1);
	CHECK_INT(h->nlmsg_type, RTM_NEWLINK);
	CHECK_INT(h->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	memcpy(&header, rtnl_body(h), sizeof(header));
	CHECK_INT(header.ifi_index, 1000);
	CHECK_INT(header.ifi_flags, IFF_UP);
	REQUIRE(rtnl_attrs(h, sizeof(header), tb, IFLA_MAX) == 0);
	CHECK_STR(rtnl_string(tb[IFLA_IFNAME]), "veth1");
	CHECK_INT(rtnl_u32(tb[IFLA_MASTER]), 7);
	CHECK_INT(rtnl_u32(tb[IFLA_MTU]), 1400);
	CHECK(!tb[IFLA_NET_NS_FD]);
	REQUIRE(rtnl_nested(tb[IFLA_LINKINFO], info, IFLA_INFO_MAX) == 0);
	CHECK_STR(rtnl_string(info[IFLA_INFO_KIND]), "veth");
	REQUIRE(rtnl_nested(info[IFLA_INFO_DATA], data, VETH_INFO_MAX) == 0);
	REQUIRE(rtnl_size(data[VETH_INFO_PEER]) > sizeof(header));
	memcpy(&header, rtnl_data(data[VETH_INFO_PEER]), sizeof(header));
	CHECK_INT(header.ifi_index, 2);
	CHECK_INT(header.ifi_flags, 0); /* it can't be made up */
	rtnl_close(&r);
}

TEST(vlans_of_a_port)
{
	const struct link_vlan one = { .first = 7, .last = 7, .pvid = true, .untagged = true };
	const struct link_vlan range = { .first = 10, .last = 20 };
	struct bridge_vlan_info v[2];
	struct nlattr *tb[IFLA_MAX + 1];
	struct ifinfomsg header;
	const struct nlattr *spec;
	struct rtnl r;

	open_pair(&r);
	link_vlan_add(&r, 1000, &one);
	link_vlan_add(&r, 1000, &range);
	link_vlan_delete(&r, 1000, &one);
	CHECK_INT(flush(&r), 0);
	REQUIRE(n_messages() == 3);
	CHECK_INT(message(0)->nlmsg_type, RTM_SETLINK);
	CHECK_INT(message(2)->nlmsg_type, RTM_DELLINK);
	memcpy(&header, rtnl_body(message(0)), sizeof(header));
	CHECK_INT(header.ifi_family, AF_BRIDGE);
	CHECK_INT(header.ifi_index, 1000);
	REQUIRE(rtnl_attrs(message(0), sizeof(header), tb, IFLA_MAX) == 0);
	spec = tb[IFLA_AF_SPEC];
	REQUIRE(rtnl_size(spec) == 4 + sizeof(v[0]));
	memcpy(&v[0], (const char *)rtnl_data(spec) + 4, sizeof(v[0]));
	CHECK_INT(v[0].vid, 7);
	CHECK_INT(v[0].flags, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
	REQUIRE(rtnl_attrs(message(1), sizeof(header), tb, IFLA_MAX) == 0);
	spec = tb[IFLA_AF_SPEC];
	REQUIRE(rtnl_size(spec) == 2 * (4 + sizeof(v[0])));
	memcpy(&v[0], (const char *)rtnl_data(spec) + 4, sizeof(v[0]));
	memcpy(&v[1], (const char *)rtnl_data(spec) + 12, sizeof(v[1]));
	CHECK_INT(v[0].vid, 10);
	CHECK_INT(v[0].flags, BRIDGE_VLAN_INFO_RANGE_BEGIN);
	CHECK_INT(v[1].vid, 20);
	CHECK_INT(v[1].flags, BRIDGE_VLAN_INFO_RANGE_END);
	rtnl_close(&r);
}

TEST(addresses_and_routes)
{
	struct addr addr = { .index = 2, .flags = IFA_F_NODAD };
	struct route route = { .oif = 2, .table = 1000, .mtu = 1400, .scope = RT_SCOPE_LINK };
	struct nlattr *tb[RTA_MAX + 1], *metrics[RTAX_MAX + 1];
	struct ifaddrmsg a;
	struct rtmsg m;
	struct ip ip;
	struct rtnl r;

	REQUIRE(ip_net_parse("10.1.0.2/24", &addr.net) == 0);
	REQUIRE(ip_net_parse("10.9.3.4/16", &route.dst) == 0);
	REQUIRE(ip_parse("10.1.0.1", &route.gateway) == 0);
	open_pair(&r);
	addr_add(&r, &addr);
	route_add(&r, &route, NLM_F_APPEND);
	CHECK_INT(flush(&r), 0);
	REQUIRE(n_messages() == 2);
	/* only the last one is acknowledged */
	CHECK_INT(message(0)->nlmsg_flags & NLM_F_ACK, 0);
	CHECK(message(1)->nlmsg_flags & NLM_F_ACK);
	memcpy(&a, rtnl_body(message(0)), sizeof(a));
	CHECK_INT(a.ifa_prefixlen, 24);
	REQUIRE(rtnl_attrs(message(0), sizeof(a), tb, IFA_MAX) == 0);
	ip = rtnl_ip(tb[IFA_BROADCAST], AF_INET);
	CHECK_INT(ip.bytes[3], 255);
	CHECK_INT(rtnl_u32(tb[IFA_FLAGS]), IFA_F_NODAD);
	memcpy(&m, rtnl_body(message(1)), sizeof(m));
	CHECK_INT(m.rtm_dst_len, 16);
	CHECK_INT(m.rtm_table, RT_TABLE_UNSPEC);
	REQUIRE(rtnl_attrs(message(1), sizeof(m), tb, RTA_MAX) == 0);
	ip = rtnl_ip(tb[RTA_DST], AF_INET);
	CHECK_INT(ip.bytes[2], 0); /* no host bits */
	CHECK_INT(rtnl_u32(tb[RTA_TABLE]), 1000);
	REQUIRE(rtnl_nested(tb[RTA_METRICS], metrics, RTAX_MAX) == 0);
	CHECK_INT(rtnl_u32(metrics[RTAX_MTU]), 1400);
	rtnl_close(&r);
}

TEST(the_first_failure_is_told_with_the_kernel_s_words)
{
	struct rtnl r;

	open_pair(&r);
	link_up(&r, 5);
	link_set_mtu(&r, 5, 9);
	link_up(&r, 6);
	answer(1, ENODEV, "Link is not there");
	answer(2, EINVAL, NULL);
	CHECK_INT(flush(&r), -1);
	CHECK_INT(err.code, ENODEV);
	CHECK_STR(err.msg, "set up interface 5 (Link is not there): No such device");
	/* and the next batch begins anew */
	err_clear(&err);
	link_up(&r, 7);
	CHECK_INT(flush(&r), 0);
	CHECK_INT(err.code, 0);
	rtnl_close(&r);
}

TEST(a_tolerated_error_is_none)
{
	struct rtnl r;

	open_pair(&r);
	link_up(&r, 5);
	rtnl_tolerate(&r, ENODEV);
	link_up(&r, 6);
	answer(1, ENODEV, NULL);
	CHECK_INT(flush(&r), 0);
	link_up(&r, 5);
	rtnl_tolerate(&r, ENODEV);
	link_up(&r, 6);
	answer(3, EPERM, NULL);
	CHECK_INT(flush(&r), -1);
	CHECK_INT(err.code, EPERM);
	rtnl_close(&r);
}

TEST(an_empty_batch_and_one_that_is_too_long)
{
	struct rtnl r;

	open_pair(&r);
	CHECK_INT(rtnl_flush(&r, &err), 0);
	for (int i = 0; i <= RTNL_BATCH_MAX; i++)
		link_up(&r, i + 1);
	CHECK_INT(rtnl_flush(&r, &err), -1);
	CHECK_INT(err.code, ENOMEM);
	CHECK_INT(rtnl_flush(&r, &err), 0);
	rtnl_close(&r);
}

static int names_seen, restarts;
static char last_name[IFNAMSIZ];

static int see(const struct link *l, void *data, struct err *e)
{
	(void)data;
	(void)e;
	if (!l) {
		restarts++;
		names_seen = 0;
		return 0;
	}
	names_seen++;
	return str_copy(last_name, sizeof(last_name), l->name);
}

/* One RTM_NEWLINK of a dump; last: with the end of it. */
static void link_answer(const char *name, uint32_t seq, int flags, bool last)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
		struct nlattr a;
		char name[IFNAMSIZ];
		struct nlmsghdr end;
		int code;
	} m = { .h = { .nlmsg_type = RTM_NEWLINK, .nlmsg_seq = seq },
		.i = { .ifi_index = 3 },
		.end = { .nlmsg_type = NLMSG_DONE, .nlmsg_seq = seq, .nlmsg_len = 20 } };
	size_t size = offsetof(__typeof__(m), end);

	m.h.nlmsg_flags = (uint16_t)(NLM_F_MULTI | flags);
	m.h.nlmsg_len = (uint32_t)size;
	m.end.nlmsg_flags = NLM_F_MULTI;
	m.a.nla_type = IFLA_IFNAME;
	m.a.nla_len = sizeof(m.a) + IFNAMSIZ;
	(void)str_copy(m.name, sizeof(m.name), name);
	CHECK(send(kernel, &m, last ? size + 20 : size, 0) > 0);
}

TEST(an_interrupted_dump_is_repeated)
{
	struct rtnl r;

	open_pair(&r);
	names_seen = restarts = 0;
	link_answer("a", 1, 0, false);
	link_answer("b", 1, NLM_F_DUMP_INTR, true);
	link_answer("c", 1, 0, true);
	CHECK_INT(link_each(&r, see, NULL, &err), 0);
	CHECK_INT(restarts, 1);
	CHECK_INT(names_seen, 1);
	CHECK_STR(last_name, "c");
	rtnl_close(&r);
}

TEST(an_interface_that_is_not_there_is_no_error)
{
	struct link l;
	struct rtnl r;

	open_pair(&r);
	answer(1, ENODEV, NULL);
	CHECK_INT(link_find(&r, "eth0", &l, &err), 0);
	CHECK_INT(err.code, 0);
	answer(2, EPERM, NULL);
	CHECK_INT(link_find(&r, "eth0", &l, &err), -1);
	CHECK_INT(err.code, EPERM);
	answer(3, ENODEV, NULL);
	CHECK_INT(link_get(&r, "eth0", &l, &err), -1);
	CHECK_STR(err.msg, "there is no interface \"eth0\"");
	rtnl_close(&r);
}

TEST(short_answers_are_refused)
{
	const struct nlmsghdr h = { .nlmsg_type = NLMSG_ERROR, .nlmsg_seq = 1, .nlmsg_len = 16 };
	struct nlattr *tb[IFLA_MAX + 1];
	struct rtnl r;

	open_pair(&r);
	link_up(&r, 1);
	REQUIRE(send(kernel, &h, sizeof(h), 0) == sizeof(h));
	CHECK_INT(rtnl_flush(&r, &err), -1);
	CHECK_INT(err.code, EBADMSG);
	CHECK_INT(rtnl_attrs(&h, sizeof(struct ifinfomsg), tb, IFLA_MAX), -1);
	CHECK_INT(rtnl_u32(NULL), 0);
	CHECK_STR(rtnl_string(NULL), "");
	rtnl_close(&r);
}
