/* SPDX-License-Identifier: Apache-2.0 */
/* nft_rule.h - a rule or a set's type as text, as the steps the kernel runs
 *
 * The subset of nft(8) that skerry's own rules and a user's conditions need:
 *
 *	rule:      statement...
 *	statement: KEY [. KEY]... [!=] VALUE           a value per key is not needed
 *	           KEY [. KEY]... [!=] @SET
 *	           KEY [. KEY]... vmap @MAP
 *	           dnat to KEY [. KEY]... map @MAP      addr . inet_service
 *	           WHAT set KEY [. KEY]... map @MAP     or WHAT set KEY
 *	           ct count over NUMBER                more connections than that came by here
 *	           xt conntrack STATE[,STATE]...       as iptables writes --ctstate
 *	           masquerade | accept | drop | return | jump CHAIN | goto CHAIN | counter
 *	KEY:       ip|ip6 saddr|daddr, th|tcp|udp|sctp sport|dport, meta l4proto, iifname, oifname,
 *	           ether saddr|daddr, ct state|status, ct original proto-dst, fib daddr type,
 *	           meta mark, ct mark
 *	WHAT:      meta priority (a classid: for the queueing discipline), meta mark, ct mark,
 *	           ct original zone, ct reply zone
 *	VALUE:     ADDRESS[/PREFIX] NAME["*"] NUMBER PROTOCOL FLAG[,FLAG]... TYPE
 *
 * "ip" and "ip6" both mean the addresses of the family the rule is made for, so
 * that one text serves both.  Pure: nothing here touches the system.
 */
#ifndef SKERRY_CNI_NFT_RULE_H
#define SKERRY_CNI_NFT_RULE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cni/nft.h"

#define NFT_STEPS_MAX 32
#define NFT_VALUE_MAX 16
#define NFT_PARTS_MAX 5 /* of a concatenation: nf_tables takes 16 registers of 4 bytes */

enum nft_step_kind {
	NFT_STEP_META,
	NFT_STEP_PAYLOAD,
	NFT_STEP_CT,
	NFT_STEP_FIB,
	NFT_STEP_MASK,
	NFT_STEP_COMPARE,
	NFT_STEP_LOOKUP,
	NFT_STEP_VERDICT,
	NFT_STEP_MASQUERADE,
	NFT_STEP_DNAT,
	NFT_STEP_COUNTER,
	NFT_STEP_XT_CONNTRACK,
	NFT_STEP_SET_META,
	NFT_STEP_SET_CT,
	NFT_STEP_CONNLIMIT,
};

/* One expression of a rule.  Registers are numbered in units of four bytes from 0. */
struct nft_step {
	enum nft_step_kind kind;
	uint32_t reg; /* read from, or loaded */
	uint32_t key; /* NFT_META_*, NFT_CT_*, NFT_PAYLOAD_* base, XT_CONNTRACK_STATE_* */
	uint32_t offset, len; /* of the payload; of the value */
	uint32_t op; /* NFT_CMP_*; SET_CT of a zone: IP_CT_DIR_* */
	uint8_t value[NFT_VALUE_MAX]; /* compared with, masked by */
	enum nft_do verdict; /* NFT_STEP_VERDICT */
	bool negate; /* LOOKUP: not in the set */
	bool to_data, to_verdict; /* LOOKUP: in a map */
	uint32_t port_reg; /* DNAT */
	char name[NFT_NAME]; /* set, map or chain */
};
struct nft_steps {
	struct nft_step v[NFT_STEPS_MAX];
	size_t n;
};

/* The rule for this family: 0, or -1 with err. */
int nft_rule_parse(const char *text, enum nft_family family, struct nft_steps *ret,
		   struct err *err);

/* What nft(8) calls the type, as its number, and its length in registers' bytes. */
struct nft_type {
	uint32_t id, len;
	uint8_t part_len[NFT_PARTS_MAX];
	size_t n_parts;
};
int nft_type_parse(const char *text, enum nft_family family, struct nft_type *ret, struct err *err);

#endif
