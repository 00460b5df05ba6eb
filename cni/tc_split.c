/* SPDX-License-Identifier: Apache-2.0 */
/* tc_split.c - a limit on a part of what an interface sends
 *
 * A filter says of one family only what it matches, and filters of different
 * families can't have one priority (linux net/sched/cls_api.c), so each family
 * has its own.  An offset counts from the network header.
 */
#include "cni/tc_split.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <string.h>

#include "base/buf.h"

#define MAJOR	     0x00010000U /* "1:" */
#define LIMITED	     0x30U
#define FREE	     0x01U
#define FREE_RATE    12500000000ULL /* bytes per second: 100 Gbit */
#define FREE_BURST   (256U << 10)
#define FREE_PACKETS 1000 /* that may wait: an ifb has room for 32 only */
#define VERSION	     3
#define QUANTUM_OF   10 /* rate / this, of the kernel's own choice */
#define RATE32_MAX   0xffffffffULL
#define TICK_NS	     64
#define NS_PER_S     1000000000ULL
#define PRIORITY_V6  15U
#define PRIORITY_V4  16U
#define WORD	     4
#define WORD_BITS    32U
#define KEYS_MAX     (IP_BYTES_MAX / WORD)
#define FLUSH_EVERY  32 /* less than RTNL_BATCH_MAX */
#define NEAR	     100 /* a hundredth */

static struct tcmsg message_to(int index, uint32_t parent, uint32_t handle)
{
	return (struct tcmsg){ .tcm_family = AF_UNSPEC,
			       .tcm_ifindex = index,
			       .tcm_handle = handle,
			       .tcm_parent = parent };
}

/* --- the tree ------------------------------------------------------------------------- */

static void put_root(struct rtnl *r, int index, bool only)
{
	const struct tcmsg message = message_to(index, TC_H_ROOT, MAJOR);
	const struct tc_htb_glob glob = { .version = VERSION,
					  .rate2quantum = QUANTUM_OF,
					  .defcls = only ? FREE : LIMITED };

	rtnl_begin(r, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, &message, sizeof(message),
		   "split what interface %d sends", index);
	rtnl_put_string(r, TCA_KIND, "htb");
	rtnl_nest(r, TCA_OPTIONS);
	rtnl_put(r, TCA_HTB_INIT, &glob, sizeof(glob));
	rtnl_nest_end(r);
	rtnl_end(r);
}

/* The time that so many bytes take, as the kernel counts it. */
static uint32_t ticks(uint64_t rate, uint32_t bytes)
{
	const double t = (double)bytes * (double)NS_PER_S / (double)rate / TICK_NS;

	return t >= (double)UINT32_MAX ? UINT32_MAX : (uint32_t)t;
}

static void put_class(struct rtnl *r, int index, uint32_t minor, uint64_t rate, uint32_t burst)
{
	const struct tcmsg message = message_to(index, MAJOR, MAJOR | minor);
	const struct tc_ratespec spec = {
		.linklayer = TC_LINKLAYER_ETHERNET,
		.rate = (uint32_t)(rate > RATE32_MAX ? RATE32_MAX : rate),
	};
	const struct tc_htb_opt opt = { .rate = spec,
					.ceil = spec,
					.buffer = ticks(rate, burst),
					.cbuffer = ticks(rate, burst),
					.quantum = FREE_BURST };

	rtnl_begin(r, RTM_NEWTCLASS, NLM_F_CREATE | NLM_F_REPLACE, &message, sizeof(message),
		   "make class 1:%x of interface %d", minor, index);
	rtnl_put_string(r, TCA_KIND, "htb");
	rtnl_nest(r, TCA_OPTIONS);
	rtnl_put(r, TCA_HTB_PARMS, &opt, sizeof(opt));
	if (rate > RATE32_MAX) {
		rtnl_put_u64(r, TCA_HTB_RATE64, rate);
		rtnl_put_u64(r, TCA_HTB_CEIL64, rate);
	}
	rtnl_nest_end(r);
	rtnl_end(r);
}

static void put_queue(struct rtnl *r, int index, uint32_t minor, const char *kind, uint32_t limit)
{
	const struct tcmsg message = message_to(index, MAJOR | minor, 0);
	const struct tc_fifo_qopt opt = { .limit = limit };

	rtnl_begin(r, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, &message, sizeof(message),
		   "make the queue of class 1:%x", minor);
	rtnl_put_string(r, TCA_KIND, kind);
	rtnl_put(r, TCA_OPTIONS, &opt, sizeof(opt));
	rtnl_end(r);
}

/* --- filters --------------------------------------------------------------------------- */

/* What a filter of a network compares; a network that is all addresses compares nothing. */
struct selector {
	struct tc_u32_key keys[KEYS_MAX];
	uint8_t n;
};

static uint32_t leading_ones(unsigned int bits)
{
	return bits == 0 ? 0 : UINT32_MAX << (WORD_BITS - bits);
}

static void selector_make(struct selector *s, const struct ip_net *net, bool by_source)
{
	/* the addresses in the headers of RFC 791 and RFC 8200 */
	const int v4 = by_source ? 12 : 16, v6 = by_source ? 8 : 24;
	const int offset = net->ip.family == AF_INET ? v4 : v6;
	const struct ip_net masked = ip_net_masked(net);
	unsigned int left = net->prefix;

	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i * WORD < ip_size(&net->ip) && (left > 0 || i == 0); i++) {
		const unsigned int bits = left < WORD_BITS ? left : WORD_BITS;
		struct tc_u32_key *key = &s->keys[i];

		key->mask = htonl(leading_ones(bits));
		memcpy(&key->val, &masked.ip.bytes[i * WORD], WORD);
		key->off = offset + (int)(i * WORD);
		s->n++;
		left -= bits;
	}
}

static uint32_t filter_info(const struct ip_net *net)
{
	return net->ip.family == AF_INET ? TC_H_MAKE(PRIORITY_V4 << 16, htons(ETH_P_IP))
					 : TC_H_MAKE(PRIORITY_V6 << 16, htons(ETH_P_IPV6));
}

static void put_filter(struct rtnl *r, int index, const struct ip_net *net,
		       const struct tc_split *split)
{
	struct tcmsg message = message_to(index, MAJOR, 0);
	struct tc_u32_sel sel = { .flags = TC_U32_TERMINAL };
	uint8_t packed[sizeof(sel) + sizeof(((struct selector *)0)->keys)];
	struct selector s;

	message.tcm_info = filter_info(net);
	selector_make(&s, net, split->by_source);
	sel.nkeys = s.n;
	memcpy(packed, &sel, sizeof(sel));
	memcpy(packed + sizeof(sel), s.keys, sizeof(s.keys));
	rtnl_begin(r, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &message, sizeof(message),
		   "split what interface %d sends", index);
	rtnl_put_string(r, TCA_KIND, "u32");
	rtnl_nest(r, TCA_OPTIONS);
	rtnl_put_u32(r, TCA_U32_CLASSID, MAJOR | (split->only ? LIMITED : FREE));
	rtnl_put(r, TCA_U32_SEL, packed, sizeof(sel) + s.n * sizeof(s.keys[0]));
	rtnl_nest_end(r);
	rtnl_end(r);
}

int tc_split(struct rtnl *r, int index, const struct tc_split *split, struct err *err)
{
	put_root(r, index, split->only);
	put_class(r, index, LIMITED, split->rate.rate, split->rate.burst);
	put_queue(r, index, LIMITED, "bfifo", split->rate.limit);
	put_class(r, index, FREE, FREE_RATE, FREE_BURST);
	put_queue(r, index, FREE, "pfifo", FREE_PACKETS);
	if (rtnl_flush(r, err) < 0)
		return -1;
	for (size_t i = 0; i < split->n; i++) {
		put_filter(r, index, &split->nets[i], split);
		if (i % FLUSH_EVERY == FLUSH_EVERY - 1 && rtnl_flush(r, err) < 0)
			return -1;
	}
	return 0;
}

/* --- CHECK ------------------------------------------------------------------------------ */

struct found {
	const struct tc_split *split;
	uint32_t other; /* the default class */
	bool tree, limited, free;
	uint64_t rate;
	uint32_t burst;
	size_t filters, strange; /* ours that are there; others' */
};

static int read_root(const struct nlmsghdr *h, void *data, struct err *err)
{
	struct nlattr *tb[TCA_MAX + 1], *opt[TCA_HTB_MAX + 1];
	struct found *found = data;
	struct tc_htb_glob glob;

	(void)err;
	if (!h || rtnl_attrs(h, sizeof(struct tcmsg), tb, TCA_MAX) < 0 ||
	    strcmp(rtnl_string(tb[TCA_KIND]), "htb") != 0 ||
	    rtnl_nested(tb[TCA_OPTIONS], opt, TCA_HTB_MAX) < 0 ||
	    rtnl_size(opt[TCA_HTB_INIT]) < sizeof(glob))
		return 0;
	memcpy(&glob, rtnl_data(opt[TCA_HTB_INIT]), sizeof(glob));
	found->tree = true;
	found->other = glob.defcls;
	return 0;
}

static int read_class(const struct nlmsghdr *h, void *data, struct err *err)
{
	struct nlattr *tb[TCA_MAX + 1], *opt[TCA_HTB_MAX + 1];
	struct found *found = data;
	struct tc_htb_opt parms;
	struct tcmsg message;

	(void)err;
	if (!h) {
		found->limited = found->free = false;
		return 0;
	}
	if (rtnl_attrs(h, sizeof(message), tb, TCA_MAX) < 0 ||
	    rtnl_nested(tb[TCA_OPTIONS], opt, TCA_HTB_MAX) < 0 ||
	    rtnl_size(opt[TCA_HTB_PARMS]) < sizeof(parms))
		return 0;
	memcpy(&message, rtnl_body(h), sizeof(message));
	memcpy(&parms, rtnl_data(opt[TCA_HTB_PARMS]), sizeof(parms));
	if (message.tcm_handle == (MAJOR | FREE))
		found->free = true;
	if (message.tcm_handle != (MAJOR | LIMITED))
		return 0;
	found->limited = true;
	found->rate = opt[TCA_HTB_RATE64] ? rtnl_u64(opt[TCA_HTB_RATE64]) : parms.rate.rate;
	found->burst =
		(uint32_t)((double)parms.buffer * TICK_NS / (double)NS_PER_S * (double)found->rate);
	return 0;
}

/* Is the filter that of one of the networks? */
static bool is_ours(const struct found *found, uint32_t info, uint32_t class,
		    const struct nlattr *sel)
{
	const struct tc_split *split = found->split;

	if (class != (MAJOR | (split->only ? LIMITED : FREE)))
		return false;
	for (size_t i = 0; i < split->n; i++) {
		struct tc_u32_sel has;
		struct selector s;

		selector_make(&s, &split->nets[i], split->by_source);
		if (info != filter_info(&split->nets[i]) ||
		    rtnl_size(sel) < sizeof(has) + s.n * sizeof(s.keys[0]))
			continue;
		memcpy(&has, rtnl_data(sel), sizeof(has));
		if (has.nkeys == s.n && memcmp((const char *)rtnl_data(sel) + sizeof(has), s.keys,
					       s.n * sizeof(s.keys[0])) == 0)
			return true;
	}
	return false;
}

static int read_filter(const struct nlmsghdr *h, void *data, struct err *err)
{
	struct nlattr *tb[TCA_MAX + 1], *opt[TCA_U32_MAX + 1];
	struct found *found = data;
	struct tcmsg message;

	(void)err;
	if (!h) {
		found->filters = found->strange = 0;
		return 0;
	}
	/* without a selector it is the table that filters are kept in */
	if (rtnl_attrs(h, sizeof(message), tb, TCA_MAX) < 0 ||
	    rtnl_nested(tb[TCA_OPTIONS], opt, TCA_U32_MAX) < 0 || !opt[TCA_U32_SEL])
		return 0;
	memcpy(&message, rtnl_body(h), sizeof(message));
	if (is_ours(found, message.tcm_info, rtnl_u32(opt[TCA_U32_CLASSID]), opt[TCA_U32_SEL]))
		found->filters++;
	else
		found->strange++;
	return 0;
}

static int look(struct rtnl *r, int index, struct found *found, struct err *err)
{
	const struct tcmsg root = message_to(index, TC_H_ROOT, 0), tree = message_to(index, 0, 0),
			   filters = message_to(index, MAJOR, 0);

	rtnl_begin(r, RTM_GETQDISC, NLM_F_ECHO, &root, sizeof(root), "look at the discipline");
	rtnl_end(r);
	if (rtnl_query(r, read_root, found, err) < 0)
		return -1;
	if (!found->tree)
		return 0;
	rtnl_begin(r, RTM_GETTCLASS, NLM_F_DUMP, &tree, sizeof(tree), "look at the classes");
	rtnl_end(r);
	if (rtnl_query(r, read_class, found, err) < 0)
		return -1;
	rtnl_begin(r, RTM_GETTFILTER, NLM_F_DUMP, &filters, sizeof(filters), "look at the filters");
	rtnl_end(r);
	return rtnl_query(r, read_filter, found, err);
}

static bool about(uint64_t a, uint64_t b)
{
	return a - a / NEAR <= b + 1 && b - b / NEAR <= a + 1;
}

int tc_split_check(struct rtnl *r, int index, const char *name, const struct tc_split *split,
		   struct err *err)
{
	struct found found = { .split = split };

	if (look(r, index, &found, err) < 0)
		return -1;
	if (!found.tree || !found.limited || !found.free)
		return err_set(err, ENOENT, "the limit of \"%s\" is gone", name);
	if (found.rate != split->rate.rate || !about(found.burst, split->rate.burst) ||
	    found.other != (split->only ? FREE : LIMITED))
		return err_set(err, EINVAL, "the limit of \"%s\" has changed", name);
	if (found.filters != split->n || found.strange > 0)
		return err_set(err, EINVAL, "the limit of \"%s\" is on other networks", name);
	return 0;
}
