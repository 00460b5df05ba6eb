/* SPDX-License-Identifier: Apache-2.0 */
/* tc.c - queueing disciplines: limiting what an interface sends, redirecting what it receives
 *
 * rtnetlink(7), tc(8); linux/pkt_sched.h, linux/pkt_cls.h,
 * linux/tc_act/tc_mirred.h.
 */
#include "cni/tc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_mirred.h>
#include <string.h>

#define INGRESS_HANDLE	0xffff0000U
#define LIMIT_HANDLE	0x00010000U /* "1:" */
#define SENT_PARENT	TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)
#define FILTER_PRIORITY 1U
#define FIRST_ACTION	1 /* attributes of a list of actions are numbered from 1 */
#define RATE32_MAX	0xffffffffU

static void begin(struct rtnl *r, int type, int flags, const struct tcmsg *message,
		  const char *what)
{
	rtnl_begin(r, type, flags, message, sizeof(*message), "%s of interface %d", what,
		   message->tcm_ifindex);
}

void tc_limit(struct rtnl *r, int index, const struct tc_rate *rate)
{
	const struct tcmsg message = { .tcm_family = AF_UNSPEC,
				       .tcm_ifindex = index,
				       .tcm_handle = LIMIT_HANDLE,
				       .tcm_parent = TC_H_ROOT };
	struct tc_tbf_qopt opt = { .limit = rate->limit, .buffer = rate->burst };

	/* the link layer is said, so that the kernel wants no table of times per size */
	opt.rate.linklayer = TC_LINKLAYER_ETHERNET;
	opt.rate.rate = rate->rate > RATE32_MAX ? RATE32_MAX : (uint32_t)rate->rate;
	begin(r, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, &message, "limit what is sent");
	rtnl_put_string(r, TCA_KIND, "tbf");
	rtnl_nest(r, TCA_OPTIONS);
	rtnl_put(r, TCA_TBF_PARMS, &opt, sizeof(opt));
	rtnl_put_u32(r, TCA_TBF_BURST, rate->burst); /* in bytes; the field above is in time */
	if (rate->rate > RATE32_MAX)
		rtnl_put_u64(r, TCA_TBF_RATE64, rate->rate);
	rtnl_nest_end(r);
	rtnl_end(r);
}

static void put_mirred(struct rtnl *r, int to)
{
	const struct tc_mirred mirred = { .action = TC_ACT_STOLEN,
					  .eaction = TCA_EGRESS_REDIR,
					  .ifindex = (uint32_t)to };

	rtnl_nest(r, TCA_U32_ACT);
	rtnl_nest(r, FIRST_ACTION);
	rtnl_put_string(r, TCA_ACT_KIND, "mirred");
	rtnl_nest(r, TCA_ACT_OPTIONS);
	rtnl_put(r, TCA_MIRRED_PARMS, &mirred, sizeof(mirred));
	rtnl_nest_end(r);
	rtnl_nest_end(r);
	rtnl_nest_end(r);
}

/* The discipline that filters hang on, and the filter that matches all. */
static void redirect(struct rtnl *r, const struct tcmsg *qdisc, const char *kind, uint32_t parent,
		     int to)
{
	const struct tcmsg filter = { .tcm_family = AF_UNSPEC,
				      .tcm_ifindex = qdisc->tcm_ifindex,
				      .tcm_parent = parent,
				      .tcm_info =
					      TC_H_MAKE(FILTER_PRIORITY << 16, htons(ETH_P_ALL)) };
	const struct tc_u32_sel sel = { .flags = TC_U32_TERMINAL, .nkeys = 1 };
	uint8_t all[sizeof(sel) + sizeof(struct tc_u32_key)] = {
		0
	}; /* an empty mask matches all */

	begin(r, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, qdisc, "redirect packets");
	rtnl_put_string(r, TCA_KIND, kind);
	rtnl_end(r);
	begin(r, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &filter, "redirect packets");
	rtnl_put_string(r, TCA_KIND, "u32");
	rtnl_nest(r, TCA_OPTIONS);
	memcpy(all, &sel, sizeof(sel));
	rtnl_put(r, TCA_U32_SEL, all, sizeof(all));
	put_mirred(r, to);
	rtnl_nest_end(r);
	rtnl_end(r);
}

void tc_redirect(struct rtnl *r, int from, int to)
{
	const struct tcmsg qdisc = { .tcm_family = AF_UNSPEC,
				     .tcm_ifindex = from,
				     .tcm_handle = INGRESS_HANDLE,
				     .tcm_parent = TC_H_INGRESS };

	redirect(r, &qdisc, "ingress", INGRESS_HANDLE, to);
}

void tc_redirect_sent(struct rtnl *r, int from, int to)
{
	const struct tcmsg qdisc = { .tcm_family = AF_UNSPEC,
				     .tcm_ifindex = from,
				     .tcm_handle = INGRESS_HANDLE,
				     .tcm_parent = TC_H_CLSACT };

	redirect(r, &qdisc, "clsact", SENT_PARENT, to);
}

static void delete_qdisc(struct rtnl *r, int index, uint32_t parent, uint32_t handle)
{
	const struct tcmsg message = { .tcm_family = AF_UNSPEC,
				       .tcm_ifindex = index,
				       .tcm_handle = handle,
				       .tcm_parent = parent };

	begin(r, RTM_DELQDISC, 0, &message, "take back the discipline");
	rtnl_tolerate(r, ENOENT);
	rtnl_end(r);
}

void tc_limit_delete(struct rtnl *r, int index)
{
	delete_qdisc(r, index, TC_H_ROOT, LIMIT_HANDLE);
}

void tc_redirect_delete(struct rtnl *r, int from)
{
	delete_qdisc(r, from, TC_H_INGRESS, INGRESS_HANDLE);
}

/* --- questions ----------------------------------------------------------------------- */

struct found {
	struct tc_rate rate;
	int to;
	bool is;
};

static int read_limit(const struct nlmsghdr *h, void *data, struct err *err)
{
	struct nlattr *tb[TCA_MAX + 1], *opt[TCA_TBF_MAX + 1];
	struct found *found = data;
	struct tc_tbf_qopt parms;

	if (!h)
		return 0;
	if (rtnl_attrs(h, sizeof(struct tcmsg), tb, TCA_MAX) < 0)
		return err_set(err, EBADMSG, "malformed queueing discipline");
	if (strcmp(rtnl_string(tb[TCA_KIND]), "tbf") != 0 || !tb[TCA_OPTIONS])
		return 0;
	if (rtnl_nested(tb[TCA_OPTIONS], opt, TCA_TBF_MAX) < 0 ||
	    rtnl_size(opt[TCA_TBF_PARMS]) < sizeof(parms))
		return err_set(err, EBADMSG, "malformed token bucket");
	memcpy(&parms, rtnl_data(opt[TCA_TBF_PARMS]), sizeof(parms));
	found->rate.rate = opt[TCA_TBF_RATE64] ? rtnl_u64(opt[TCA_TBF_RATE64]) : parms.rate.rate;
	found->rate.limit = parms.limit;
	/* the burst comes back as the time its bytes take, in units of 64 ns */
	found->rate.burst = (uint32_t)((double)parms.buffer * 64e-9 * (double)found->rate.rate);
	found->is = true;
	return 0;
}

int tc_limit_find(struct rtnl *r, int index, struct tc_rate *ret, struct err *err)
{
	const struct tcmsg message = { .tcm_family = AF_UNSPEC,
				       .tcm_ifindex = index,
				       .tcm_parent = TC_H_ROOT };
	struct found found = { 0 };
	struct err why = { 0 };

	/* the kernel answers as it announces changes: to the asker only with the echo */
	begin(r, RTM_GETQDISC, NLM_F_ECHO, &message, "look at the discipline");
	rtnl_end(r);
	if (rtnl_query(r, read_limit, &found, &why) < 0)
		return why.code == ENOENT ? 0 : err_set(err, why.code, "%s", why.msg);
	if (found.is)
		*ret = found.rate;
	return found.is;
}

static int read_redirect(const struct nlmsghdr *h, void *data, struct err *err)
{
	struct nlattr *tb[TCA_MAX + 1], *opt[TCA_U32_MAX + 1], *acts[TCA_ACT_MAX_PRIO + 1],
		*act[TCA_ACT_MAX + 1], *mirred[TCA_MIRRED_MAX + 1];
	struct found *found = data;
	struct tc_mirred parms;

	if (!h)
		return 0;
	if (rtnl_attrs(h, sizeof(struct tcmsg), tb, TCA_MAX) < 0)
		return err_set(err, EBADMSG, "malformed filter");
	if (strcmp(rtnl_string(tb[TCA_KIND]), "u32") != 0 || !tb[TCA_OPTIONS] ||
	    rtnl_nested(tb[TCA_OPTIONS], opt, TCA_U32_MAX) < 0 || !opt[TCA_U32_ACT] ||
	    rtnl_nested(opt[TCA_U32_ACT], acts, TCA_ACT_MAX_PRIO) < 0 || !acts[FIRST_ACTION] ||
	    rtnl_nested(acts[FIRST_ACTION], act, TCA_ACT_MAX) < 0 || !act[TCA_ACT_OPTIONS] ||
	    strcmp(rtnl_string(act[TCA_ACT_KIND]), "mirred") != 0 ||
	    rtnl_nested(act[TCA_ACT_OPTIONS], mirred, TCA_MIRRED_MAX) < 0 ||
	    rtnl_size(mirred[TCA_MIRRED_PARMS]) < sizeof(parms))
		return 0;
	memcpy(&parms, rtnl_data(mirred[TCA_MIRRED_PARMS]), sizeof(parms));
	found->to = (int)parms.ifindex;
	found->is = true;
	return 0;
}

static int find_redirect(struct rtnl *r, int from, uint32_t parent, int *ret_to, struct err *err)
{
	const struct tcmsg message = { .tcm_family = AF_UNSPEC,
				       .tcm_ifindex = from,
				       .tcm_parent = parent };
	struct found found = { 0 };

	begin(r, RTM_GETTFILTER, NLM_F_DUMP, &message, "look at the filters");
	rtnl_end(r);
	if (rtnl_query(r, read_redirect, &found, err) < 0)
		return -1;
	if (found.is)
		*ret_to = found.to;
	return found.is;
}

int tc_redirect_find(struct rtnl *r, int from, int *ret_to, struct err *err)
{
	return find_redirect(r, from, INGRESS_HANDLE, ret_to, err);
}

int tc_redirect_sent_find(struct rtnl *r, int from, int *ret_to, struct err *err)
{
	return find_redirect(r, from, SENT_PARENT, ret_to, err);
}
