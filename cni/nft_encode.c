/* SPDX-License-Identifier: Apache-2.0 */
/* nft_encode.c - the objects of nf_tables to and from netlink messages
 *
 * libnftnl knows the attributes; what a rule's steps (nft_rule.h) are in terms
 * of its expressions is said here.
 * linux/netfilter/nf_tables.h; nft(8) for how a listing reads.
 */
#include "cni/nft_encode.h"

#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_conntrack.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cni/nft_rule.h"

#define UDATA_MAX  256 /* NFT_USERDATA_MAXLEN */
#define OWN_TABLES "skerry"
#define SIGNATURE  "skerry"

#define no_memory(err) err_set((err), ENOMEM, "nftables: no memory for a message")

static const struct {
	uint16_t protocol;
	const char *name;
} families[] = {
	[NFT_IP] = { NFPROTO_IPV4, "ip" },
	[NFT_IP6] = { NFPROTO_IPV6, "ip6" },
	[NFT_BRIDGE] = { NFPROTO_BRIDGE, "bridge" },
	[NFT_INET] = { NFPROTO_INET, "inet" },
};

uint16_t nft_protocol(enum nft_family family)
{
	return families[family].protocol;
}

const char *nft_family_name(enum nft_family family)
{
	return families[family].name;
}

/* --- tables and chains -------------------------------------------------------------- */

int nft_encode_table(struct nlmsghdr *h, const char *table, struct err *err)
{
	struct nftnl_table *t = nftnl_table_alloc();

	if (!t)
		return no_memory(err);
	nftnl_table_set_str(t, NFTNL_TABLE_NAME, table);
	nftnl_table_nlmsg_build_payload(h, t);
	nftnl_table_free(t);
	return 0;
}

int nft_encode_chain(struct nlmsghdr *h, const char *table, const struct nft_chain_def *def,
		     struct err *err)
{
	static const struct {
		const char *name;
		uint32_t number;
	} hooks[] = {
		{ "prerouting", NF_INET_PRE_ROUTING },	 { "input", NF_INET_LOCAL_IN },
		{ "forward", NF_INET_FORWARD },		 { "output", NF_INET_LOCAL_OUT },
		{ "postrouting", NF_INET_POST_ROUTING },
	};
	struct nftnl_chain *c = nftnl_chain_alloc();

	if (!c)
		return no_memory(err);
	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, table);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, def->name);
	for (size_t i = 0; def->hook && i < ARRAY_SIZE(hooks); i++) {
		if (strcmp(hooks[i].name, def->hook) != 0)
			continue;
		nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, def->type);
		nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, hooks[i].number);
		nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, def->priority);
	}
	nftnl_chain_nlmsg_build_payload(h, c);
	nftnl_chain_free(c);
	return 0;
}

/* --- sets ----------------------------------------------------------------------------- */

/* nft(8) shows keys only when it is told their byte order: 1 is the host's (of
 * a string too), 2 the network's (its enum byteorder). */
static void put_byteorder(struct nftnl_set *s, const char *key)
{
	const uint32_t big_endian = 2, key_order = strcmp(key, "ifname") == 0 ? 1 : big_endian;
	struct nftnl_udata_buf *udata = nftnl_udata_buf_alloc(UDATA_MAX);

	if (!udata)
		return; /* only the listing suffers */
	if (nftnl_udata_put_u32(udata, NFTNL_UDATA_SET_KEYBYTEORDER, key_order) &&
	    nftnl_udata_put_u32(udata, NFTNL_UDATA_SET_DATABYTEORDER, big_endian))
		(void)nftnl_set_set_data(s, NFTNL_SET_USERDATA, nftnl_udata_buf_data(udata),
					 nftnl_udata_buf_len(udata));
	nftnl_udata_buf_free(udata);
}

static int fill_set(struct nftnl_set *s, enum nft_family family, const struct nft_set_def *def,
		    struct err *err)
{
	struct nft_type key, data;
	uint32_t flags = 0;

	if (nft_type_parse(def->key, family, &key, err) < 0)
		return -1;
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, key.id);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, key.len);
	if (def->data) {
		flags |= NFT_SET_MAP;
		if (strcmp(def->data, "verdict") == 0) {
			nftnl_set_set_u32(s, NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
		} else {
			if (nft_type_parse(def->data, family, &data, err) < 0)
				return -1;
			nftnl_set_set_u32(s, NFTNL_SET_DATA_TYPE, data.id);
			nftnl_set_set_u32(s, NFTNL_SET_DATA_LEN, data.len);
		}
	}
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, flags);
	put_byteorder(s, def->key);
	return 0;
}

int nft_encode_set(struct nlmsghdr *h, enum nft_family family, const char *table,
		   const struct nft_set_def *def, uint32_t id, struct err *err)
{
	struct nftnl_set *s = nftnl_set_alloc();
	int rc;

	if (!s)
		return no_memory(err);
	nftnl_set_set_u32(s, NFTNL_SET_FAMILY, nft_protocol(family));
	nftnl_set_set_str(s, NFTNL_SET_TABLE, table);
	nftnl_set_set_str(s, NFTNL_SET_NAME, def->name);
	nftnl_set_set_u32(s, NFTNL_SET_ID, id);
	rc = fill_set(s, family, def, err);
	if (rc == 0)
		nftnl_set_nlmsg_build_payload(h, s);
	nftnl_set_free(s);
	return rc;
}

/* --- rules ---------------------------------------------------------------------------- */

/* Register n of four bytes. */
static uint32_t reg(uint32_t n)
{
	return NFT_REG32_00 + n;
}

static uint32_t verdict_code(enum nft_do verdict)
{
	static const int codes[] = {
		[NFT_DO_NOTHING] = NFT_CONTINUE, [NFT_DO_ACCEPT] = NF_ACCEPT,
		[NFT_DO_DROP] = NF_DROP,	 [NFT_DO_RETURN] = NFT_RETURN,
		[NFT_DO_JUMP] = NFT_JUMP,	 [NFT_DO_GOTO] = NFT_GOTO,
	};

	return (uint32_t)codes[verdict];
}

static void load_expr(struct nftnl_expr *e, const struct nft_step *step)
{
	switch (step->kind) {
	case NFT_STEP_META:
		nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, step->key);
		nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, reg(step->reg));
		break;
	case NFT_STEP_PAYLOAD:
		nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, reg(step->reg));
		nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, step->key);
		nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, step->offset);
		nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, step->len);
		break;
	case NFT_STEP_CT:
		nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, step->key);
		nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, reg(step->reg));
		if (step->key == NFT_CT_PROTO_DST)
			nftnl_expr_set_u8(e, NFTNL_EXPR_CT_DIR, IP_CT_DIR_ORIGINAL);
		break;
	case NFT_STEP_FIB:
		nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
		nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
		nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_DREG, reg(step->reg));
		break;
	case NFT_STEP_MASK:
	case NFT_STEP_COMPARE:
	case NFT_STEP_LOOKUP:
	case NFT_STEP_VERDICT:
	case NFT_STEP_MASQUERADE:
	case NFT_STEP_DNAT:
	case NFT_STEP_COUNTER:
	case NFT_STEP_XT_CONNTRACK:
	case NFT_STEP_SET_META:
	case NFT_STEP_SET_CT:
	case NFT_STEP_CONNLIMIT:
		break;
	}
}

/* libnftnl keeps and frees what it is given, which gcc's analyser can't see. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wunknown-warning-option"
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
/* The match of iptables, revision 3, with nothing but states compared. */
static void xt_conntrack_expr(struct nftnl_expr *e, uint32_t states)
{
	struct xt_conntrack_mtinfo3 *info = calloc(1, XT_ALIGN(sizeof(*info)));

	if (!info)
		return; /* the kernel refuses the match without */
	info->match_flags = XT_CONNTRACK_STATE;
	info->state_mask = (uint16_t)states;
	nftnl_expr_set_str(e, NFTNL_EXPR_MT_NAME, "conntrack");
	nftnl_expr_set_u32(e, NFTNL_EXPR_MT_REV, 3);
	nftnl_expr_set(e, NFTNL_EXPR_MT_INFO, info, XT_ALIGN(sizeof(*info)));
} /* NOLINT(clang-analyzer-unix.Malloc): the same */
#pragma GCC diagnostic pop

static void use_expr(struct nftnl_expr *e, const struct nft_step *step, enum nft_family family)
{
	static const uint8_t zero[NFT_VALUE_MAX];

	switch (step->kind) {
	case NFT_STEP_MASK:
		nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, reg(step->reg));
		nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, reg(step->reg));
		nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, step->len);
		nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, step->value, step->len);
		nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero, step->len);
		break;
	case NFT_STEP_COMPARE:
		nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, reg(step->reg));
		nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, step->op);
		nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, step->value, step->len);
		break;
	case NFT_STEP_LOOKUP:
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, reg(step->reg));
		nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, step->name);
		if (step->to_verdict)
			nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
		else if (step->to_data)
			nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, reg(0));
		else if (step->negate)
			nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
		break;
	case NFT_STEP_VERDICT:
		nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
		nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, verdict_code(step->verdict));
		if (step->name[0] != '\0')
			nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, step->name);
		break;
	case NFT_STEP_DNAT:
		nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
		nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY, nft_protocol(family));
		nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, reg(0));
		nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MIN, reg(step->port_reg));
		break;
	case NFT_STEP_META:
	case NFT_STEP_PAYLOAD:
	case NFT_STEP_CT:
	case NFT_STEP_FIB:
		load_expr(e, step);
		break;
	case NFT_STEP_XT_CONNTRACK:
		xt_conntrack_expr(e, step->key);
		break;
	case NFT_STEP_SET_META:
		nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, step->key);
		nftnl_expr_set_u32(e, NFTNL_EXPR_META_SREG, reg(step->reg));
		break;
	case NFT_STEP_SET_CT:
		nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, step->key);
		nftnl_expr_set_u32(e, NFTNL_EXPR_CT_SREG, reg(step->reg));
		if (step->key == NFT_CT_ZONE)
			nftnl_expr_set_u8(e, NFTNL_EXPR_CT_DIR, (uint8_t)step->op);
		break;
	case NFT_STEP_CONNLIMIT:
		nftnl_expr_set_u32(e, NFTNL_EXPR_CONNLIMIT_COUNT, step->key);
		nftnl_expr_set_u32(e, NFTNL_EXPR_CONNLIMIT_FLAGS, NFT_CONNLIMIT_F_INV);
		break;
	case NFT_STEP_MASQUERADE:
	case NFT_STEP_COUNTER:
		break;
	}
}

/* In tables that are ours alone a rule says who made it, so that one of the administrator's is known. */
static int sign_rule(struct nftnl_rule *rule, const char *table, struct err *err)
{
	struct nftnl_udata_buf *udata;
	int rc;

	if (!str_starts(table, OWN_TABLES))
		return 0;
	udata = nftnl_udata_buf_alloc(UDATA_MAX);
	if (!udata)
		return no_memory(err);
	rc = nftnl_udata_put_strz(udata, NFTNL_UDATA_RULE_COMMENT, SIGNATURE) &&
			     nftnl_rule_set_data(rule, NFTNL_RULE_USERDATA,
						 nftnl_udata_buf_data(udata),
						 nftnl_udata_buf_len(udata)) == 0
		     ? 0
		     : no_memory(err);
	nftnl_udata_buf_free(udata);
	return rc;
}

bool nft_rule_is_ours(const struct nftnl_rule *rule)
{
	/* type and length, then the text with its NUL: linux/netfilter/nf_tables.h, NFTA_RULE_USERDATA */
	static const char signature[] = "\0\x07" SIGNATURE;
	uint32_t size = 0;
	const void *data = nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &size);

	return data && size == sizeof(signature) && memcmp(data, signature, size) == 0;
}

int nft_encode_rules_of(struct nlmsghdr *h, const char *table, struct err *err)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();

	if (!rule)
		return no_memory(err);
	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, table);
	nftnl_rule_nlmsg_build_payload(h, rule);
	nftnl_rule_free(rule);
	return 0;
}

int nft_encode_rule(struct nlmsghdr *h, enum nft_family family, const char *table,
		    const struct nft_rule_def *def, struct err *err)
{
	static const char *const names[] = {
		[NFT_STEP_META] = "meta",
		[NFT_STEP_PAYLOAD] = "payload",
		[NFT_STEP_CT] = "ct",
		[NFT_STEP_FIB] = "fib",
		[NFT_STEP_MASK] = "bitwise",
		[NFT_STEP_COMPARE] = "cmp",
		[NFT_STEP_LOOKUP] = "lookup",
		[NFT_STEP_VERDICT] = "immediate",
		[NFT_STEP_MASQUERADE] = "masq",
		[NFT_STEP_DNAT] = "nat",
		[NFT_STEP_COUNTER] = "counter",
		[NFT_STEP_XT_CONNTRACK] = "match",
		[NFT_STEP_SET_META] = "meta",
		[NFT_STEP_SET_CT] = "ct",
		[NFT_STEP_CONNLIMIT] = "connlimit",
	};
	struct nft_steps steps;
	struct nftnl_rule *rule;
	int rc = 0;

	if (nft_rule_parse(def->text, family, &steps, err) < 0)
		return -1;
	rule = nftnl_rule_alloc();
	if (!rule)
		return no_memory(err);
	nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, nft_protocol(family));
	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, table);
	nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, def->chain);
	rc = sign_rule(rule, table, err);
	for (size_t i = 0; i < steps.n && rc == 0; i++) {
		struct nftnl_expr *e = nftnl_expr_alloc(names[steps.v[i].kind]);

		if (!e) {
			rc = no_memory(err);
			break;
		}
		use_expr(e, &steps.v[i], family);
		nftnl_rule_add_expr(rule, e);
	}
	if (rc == 0)
		nftnl_rule_nlmsg_build_payload(h, rule);
	nftnl_rule_free(rule);
	return rc;
}

/* --- elements --------------------------------------------------------------------------- */

static void put_owner(struct nftnl_set_elem *e, const char *owner)
{
	struct nftnl_udata_buf *udata = nftnl_udata_buf_alloc(UDATA_MAX);

	if (!udata)
		return; /* nftnl_set_elem_set() below is not reached: told by the caller's check */
	if (nftnl_udata_put_strz(udata, NFTNL_UDATA_SET_ELEM_COMMENT, owner))
		(void)nftnl_set_elem_set(e, NFTNL_SET_ELEM_USERDATA, nftnl_udata_buf_data(udata),
					 nftnl_udata_buf_len(udata));
	nftnl_udata_buf_free(udata);
}

static struct nftnl_set_elem *new_element(const struct nft_element *element, bool key_only)
{
	struct nftnl_set_elem *e = nftnl_set_elem_alloc();

	if (!e)
		return NULL;
	(void)nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, element->key, element->key_len);
	if (key_only)
		return e;
	if (element->verdict != NFT_DO_NOTHING) {
		nftnl_set_elem_set_u32(e, NFTNL_SET_ELEM_VERDICT, verdict_code(element->verdict));
		if (element->chain[0] != '\0')
			(void)nftnl_set_elem_set_str(e, NFTNL_SET_ELEM_CHAIN, element->chain);
	} else if (element->data_len > 0) {
		(void)nftnl_set_elem_set(e, NFTNL_SET_ELEM_DATA, element->data, element->data_len);
	}
	if (element->owner[0] != '\0')
		put_owner(e, element->owner);
	return e;
}

static struct nftnl_set *named_set(const char *table, const char *name)
{
	struct nftnl_set *s = nftnl_set_alloc();

	if (!s)
		return NULL;
	nftnl_set_set_str(s, NFTNL_SET_TABLE, table);
	nftnl_set_set_str(s, NFTNL_SET_NAME, name);
	return s;
}

int nft_encode_elements(struct nlmsghdr *h, const char *table, const struct nft_element *v,
			size_t n, bool keys_only, struct err *err)
{
	struct nftnl_set *s = named_set(table, v[0].set);
	bool failed = !s;

	for (size_t i = 0; i < n && !failed; i++) {
		struct nftnl_set_elem *e = new_element(&v[i], keys_only);

		failed = !e || (!keys_only && v[i].owner[0] != '\0' &&
				!nftnl_set_elem_is_set(e, NFTNL_SET_ELEM_USERDATA));
		if (e)
			nftnl_set_elem_add(s, e);
	}
	if (!failed)
		nftnl_set_elems_nlmsg_build_payload(h, s);
	if (s)
		nftnl_set_free(s);
	return failed ? no_memory(err) : 0;
}

int nft_encode_sets_of(struct nlmsghdr *h, const char *table, struct err *err)
{
	struct nftnl_set *s = nftnl_set_alloc();

	if (!s)
		return no_memory(err);
	nftnl_set_set_str(s, NFTNL_SET_TABLE, table);
	nftnl_set_nlmsg_build_payload(h, s);
	nftnl_set_free(s);
	return 0;
}

int nft_encode_set_name(struct nlmsghdr *h, const char *table, const char *set, struct err *err)
{
	struct nftnl_set *s = named_set(table, set);

	if (!s)
		return no_memory(err);
	nftnl_set_elems_nlmsg_build_payload(h, s);
	nftnl_set_free(s);
	return 0;
}

struct decode {
	const char *set;
	nft_each_fn *each;
	void *data;
};

static int find_comment(const struct nftnl_udata *attr, void *data)
{
	char *owner = data;

	if (nftnl_udata_type(attr) == NFTNL_UDATA_SET_ELEM_COMMENT && nftnl_udata_len(attr) > 0 &&
	    nftnl_udata_len(attr) <= NFT_OWNER) {
		memcpy(owner, nftnl_udata_get(attr), nftnl_udata_len(attr));
		owner[nftnl_udata_len(attr) - 1] = '\0';
	}
	return 0;
}

static void decode_verdict(struct nftnl_set_elem *e, struct nft_element *element)
{
	const uint32_t code = nftnl_set_elem_get_u32(e, NFTNL_SET_ELEM_VERDICT);
	const char *chain = nftnl_set_elem_get_str(e, NFTNL_SET_ELEM_CHAIN);

	for (int verdict = NFT_DO_ACCEPT; verdict <= NFT_DO_GOTO; verdict++)
		if (verdict_code((enum nft_do)verdict) == code)
			element->verdict = (enum nft_do)verdict;
	if (chain)
		(void)str_copy(element->chain, sizeof(element->chain), chain);
}

static int decode_element(struct nftnl_set_elem *e, void *data)
{
	struct decode *d = data;
	struct nft_element element = { .set = d->set, .found = true };
	const void *value;
	uint32_t len;

	value = nftnl_set_elem_get(e, NFTNL_SET_ELEM_KEY, &len);
	if (value && len <= sizeof(element.key)) {
		memcpy(element.key, value, len);
		element.key_len = (uint8_t)len;
	}
	if (nftnl_set_elem_is_set(e, NFTNL_SET_ELEM_VERDICT)) {
		decode_verdict(e, &element);
	} else {
		value = nftnl_set_elem_get(e, NFTNL_SET_ELEM_DATA, &len);
		if (value && len <= sizeof(element.data)) {
			memcpy(element.data, value, len);
			element.data_len = (uint8_t)len;
		}
	}
	value = nftnl_set_elem_get(e, NFTNL_SET_ELEM_USERDATA, &len);
	if (value)
		(void)nftnl_udata_parse(value, len, find_comment, element.owner);
	return d->each(&element, d->data);
}

int nft_decode_elements(const struct nlmsghdr *h, const char *set, nft_each_fn *each, void *data,
			struct err *err)
{
	struct decode d = { .set = set, .each = each, .data = data };
	struct nftnl_set *s = nftnl_set_alloc();
	int rc;

	if (!s)
		return no_memory(err);
	if (nftnl_set_elems_nlmsg_parse(h, s) < 0)
		rc = err_set(err, EBADMSG, "nftables: can't read the elements of \"%s\"", set);
	else
		rc = nftnl_set_elem_foreach(s, decode_element, &d);
	nftnl_set_free(s);
	return rc;
}

int nft_decode_policy(const struct nlmsghdr *h, struct err *err)
{
	struct nftnl_chain *c = nftnl_chain_alloc();
	int drops;

	if (!c)
		return no_memory(err);
	if (nftnl_chain_nlmsg_parse(h, c) < 0)
		drops = err_set(err, EBADMSG, "nftables: can't read a chain");
	else
		drops = nftnl_chain_is_set(c, NFTNL_CHAIN_POLICY) &&
			nftnl_chain_get_u32(c, NFTNL_CHAIN_POLICY) == NF_DROP;
	nftnl_chain_free(c);
	return drops;
}
