/* SPDX-License-Identifier: Apache-2.0 */
/* htb.c - a tree of token buckets on an interface
 *
 * Times are given to the kernel in ticks of 64 ns (PSCHED_SHIFT); with the
 * link layer said it wants no table of times per size of packet.
 * tc-htb(8); linux/pkt_sched.h, linux/gen_stats.h.
 */
#include "cni/plugins/shape/htb.h"

#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <string.h>
#include <sys/socket.h>

#define BITS		8
#define VERSION		3
#define RATE_TO_QUANTUM 10
#define DIRECT_QUEUE	1000 /* packets */
#define RATE32_MAX	0xffffffffULL
#define TICK_NS		64
#define NS_PER_S	1000000000ULL
#define BURST_PART	200 /* of a second: 5 ms */
#define BURST_MIN	((uint64_t)16 << 10)
#define BURST_FAST	((uint64_t)80 << 10) /* more than one segmented packet */
#define FAST		12500000 /* bytes per second: from 100 Mbit/s on */

static struct tcmsg message_to(int index, uint32_t parent, uint32_t handle)
{
	return (struct tcmsg){ .tcm_family = AF_UNSPEC,
			       .tcm_ifindex = index,
			       .tcm_handle = handle,
			       .tcm_parent = parent };
}

void htb_make(struct rtnl *r, int index, uint32_t other)
{
	const struct tcmsg message = message_to(index, TC_H_ROOT, HTB_CLASSID(0));
	const struct tc_htb_glob glob = { .version = VERSION,
					  .rate2quantum = RATE_TO_QUANTUM,
					  .defcls = other };

	rtnl_begin(r, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &message, sizeof(message),
		   "make a tree of shares on interface %d", index);
	rtnl_put_string(r, TCA_KIND, "htb");
	rtnl_nest(r, TCA_OPTIONS);
	rtnl_put(r, TCA_HTB_INIT, &glob, sizeof(glob));
	rtnl_put_u32(r, TCA_HTB_DIRECT_QLEN, DIRECT_QUEUE);
	rtnl_nest_end(r);
	rtnl_end(r);
}

void htb_unmake(struct rtnl *r, int index)
{
	const struct tcmsg message = message_to(index, TC_H_ROOT, HTB_CLASSID(0));

	rtnl_begin(r, RTM_DELQDISC, 0, &message, sizeof(message),
		   "take back the shares of interface %d", index);
	rtnl_tolerate(r, ENOENT);
	rtnl_end(r);
}

static uint32_t burst_ticks(uint64_t rate)
{
	uint64_t burst = rate / BURST_PART, ticks;

	if (burst < (rate >= FAST ? BURST_FAST : BURST_MIN))
		burst = rate >= FAST ? BURST_FAST : BURST_MIN;
	ticks = (uint64_t)((double)burst * (double)NS_PER_S / (double)rate / TICK_NS);
	return ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks;
}

static struct tc_ratespec rate_spec(uint64_t rate)
{
	struct tc_ratespec spec = { .linklayer = TC_LINKLAYER_ETHERNET };

	spec.rate = rate > RATE32_MAX ? (uint32_t)RATE32_MAX : (uint32_t)rate;
	return spec;
}

void htb_class(struct rtnl *r, int index, const struct htb_class *class)
{
	const struct tcmsg message =
		message_to(index, HTB_CLASSID(class->parent), HTB_CLASSID(class->minor));
	const uint64_t rate = class->rate / BITS, ceil = class->ceil / BITS;
	const struct tc_htb_opt opt = { .rate = rate_spec(rate),
					.ceil = rate_spec(ceil),
					.buffer = burst_ticks(rate),
					.cbuffer = burst_ticks(ceil),
					.quantum = class->quantum,
					.prio = class->priority };

	rtnl_begin(r, RTM_NEWTCLASS, NLM_F_CREATE | NLM_F_REPLACE, &message, sizeof(message),
		   "make share %x:%x of interface %d", HTB_MAJOR, class->minor, index);
	rtnl_put_string(r, TCA_KIND, "htb");
	rtnl_nest(r, TCA_OPTIONS);
	rtnl_put(r, TCA_HTB_PARMS, &opt, sizeof(opt));
	if (rate > RATE32_MAX)
		rtnl_put_u64(r, TCA_HTB_RATE64, rate);
	if (ceil > RATE32_MAX)
		rtnl_put_u64(r, TCA_HTB_CEIL64, ceil);
	rtnl_nest_end(r);
	rtnl_end(r);
}

void htb_class_delete(struct rtnl *r, int index, uint32_t minor)
{
	const struct tcmsg message = message_to(index, 0, HTB_CLASSID(minor));

	rtnl_begin(r, RTM_DELTCLASS, 0, &message, sizeof(message), "delete share %x:%x", HTB_MAJOR,
		   minor);
	rtnl_tolerate(r, ENOENT);
	rtnl_end(r);
}

void htb_queue_fair(struct rtnl *r, int index, uint32_t minor)
{
	const struct tcmsg message = message_to(index, HTB_CLASSID(minor), 0);

	rtnl_begin(r, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &message, sizeof(message),
		   "make the queue of share %x:%x", HTB_MAJOR, minor);
	rtnl_put_string(r, TCA_KIND, "fq_codel");
	rtnl_end(r);
}

void htb_queue(struct rtnl *r, int index, uint32_t minor, uint32_t bytes)
{
	const struct tcmsg message = message_to(index, HTB_CLASSID(minor), 0);
	const struct tc_fifo_qopt opt = { .limit = bytes };

	rtnl_begin(r, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &message, sizeof(message),
		   "make the queue of share %x:%x", HTB_MAJOR, minor);
	rtnl_put_string(r, TCA_KIND, "bfifo");
	rtnl_put(r, TCA_OPTIONS, &opt, sizeof(opt));
	rtnl_tolerate(r, EEXIST);
	rtnl_end(r);
}

/* --- questions ----------------------------------------------------------------------------- */

struct asking {
	int (*each)(const struct htb_counts *counts, void *data, struct err *err);
	void *data;
};

static void copy_out(const struct nlattr *attr, void *dst, size_t size)
{
	if (rtnl_size(attr) < size)
		size = rtnl_size(attr);
	if (size > 0)
		memcpy(dst, rtnl_data(attr), size);
}

static int read_class(const struct nlmsghdr *h, void *data, struct err *err)
{
	const struct asking *asking = data;
	struct nlattr *tb[TCA_MAX + 1], *opt[TCA_HTB_MAX + 1], *stats[TCA_STATS_MAX + 1];
	struct gnet_stats_basic basic = { 0 };
	struct gnet_stats_queue queue = { 0 };
	struct tc_htb_xstats own = { 0 };
	struct tc_htb_opt parms = { 0 };
	struct htb_counts counts;
	struct tcmsg message;

	if (!h)
		return asking->each(NULL, asking->data, err);
	memcpy(&message, rtnl_body(h), sizeof(message));
	if (rtnl_attrs(h, sizeof(message), tb, TCA_MAX) < 0)
		return err_set(err, EBADMSG, "malformed class");
	if (message.tcm_handle >> 16 != HTB_MAJOR || strcmp(rtnl_string(tb[TCA_KIND]), "htb") != 0)
		return 0;
	if (rtnl_nested(tb[TCA_OPTIONS], opt, TCA_HTB_MAX) == 0)
		copy_out(opt[TCA_HTB_PARMS], &parms, sizeof(parms));
	if (rtnl_nested(tb[TCA_STATS2], stats, TCA_STATS_MAX) == 0) {
		copy_out(stats[TCA_STATS_BASIC], &basic, sizeof(basic));
		copy_out(stats[TCA_STATS_QUEUE], &queue, sizeof(queue));
		copy_out(stats[TCA_STATS_APP], &own, sizeof(own));
	}
	counts = (struct htb_counts){ .minor = message.tcm_handle & 0xffffU,
				      .rate = (opt[TCA_HTB_RATE64] ? rtnl_u64(opt[TCA_HTB_RATE64])
								   : parms.rate.rate) *
					      BITS,
				      .bytes = basic.bytes,
				      .packets = basic.packets,
				      .drops = queue.drops,
				      .backlog = queue.backlog,
				      .borrows = own.borrows };
	return asking->each(&counts, asking->data, err);
}

int htb_each(struct rtnl *r, int index,
	     int (*each)(const struct htb_counts *counts, void *data, struct err *err), void *data,
	     struct err *err)
{
	const struct tcmsg message = message_to(index, 0, 0);
	struct asking asking = { .each = each, .data = data };

	rtnl_begin(r, RTM_GETTCLASS, NLM_F_DUMP, &message, sizeof(message),
		   "list the shares of interface %d", index);
	rtnl_end(r);
	return rtnl_query(r, read_class, &asking, err);
}

static int read_root(const struct nlmsghdr *h, void *data, struct err *err)
{
	struct nlattr *tb[TCA_MAX + 1];
	struct tcmsg message;

	if (!h)
		return 0;
	memcpy(&message, rtnl_body(h), sizeof(message));
	if (rtnl_attrs(h, sizeof(message), tb, TCA_MAX) < 0)
		return err_set(err, EBADMSG, "malformed queueing discipline");
	*(bool *)data = message.tcm_handle == HTB_CLASSID(0) &&
			strcmp(rtnl_string(tb[TCA_KIND]), "htb") == 0;
	return 0;
}

int htb_is_made(struct rtnl *r, int index, struct err *err)
{
	const struct tcmsg message = message_to(index, TC_H_ROOT, 0);
	struct err why = { 0 };
	bool is = false;

	rtnl_begin(r, RTM_GETQDISC, NLM_F_ECHO, &message, sizeof(message),
		   "look at the discipline of interface %d", index);
	rtnl_end(r);
	if (rtnl_query(r, read_root, &is, &why) < 0 && why.code != ENOENT)
		return err_set(err, why.code, "%s", why.msg);
	return is;
}
