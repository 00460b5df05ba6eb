/* SPDX-License-Identifier: Apache-2.0 */
/* nft_encode.h - the objects of nf_tables to and from netlink messages
 *
 * Each encoder adds the attributes behind the headers of h, a message with
 * room for NFT_MESSAGE_MAX bytes.  Pure: nothing here talks to the kernel.
 * libnftnl; linux/netfilter/nf_tables.h.
 */
#ifndef SKERRY_CNI_NFT_ENCODE_H
#define SKERRY_CNI_NFT_ENCODE_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cni/nft.h"

#define NFT_MESSAGE_MAX	     ((size_t)1 << 16) /* an attribute's length has 16 bits */
#define NFT_MESSAGE_ELEMENTS 100 /* of one message, each of at most 400 bytes */

/* NFPROTO_*; "ip", "ip6", ... */
uint16_t nft_protocol(enum nft_family family);
const char *nft_family_name(enum nft_family family);

int nft_encode_table(struct nlmsghdr *h, const char *table, struct err *err);
int nft_encode_chain(struct nlmsghdr *h, const char *table, const struct nft_chain_def *def,
		     struct err *err);
/* id: its number in the transaction, not 0. */
int nft_encode_set(struct nlmsghdr *h, enum nft_family family, const char *table,
		   const struct nft_set_def *def, uint32_t id, struct err *err);
int nft_encode_rule(struct nlmsghdr *h, enum nft_family family, const char *table,
		    const struct nft_rule_def *def, struct err *err);
/* n (at most NFT_MESSAGE_ELEMENTS) elements of one set; with their data or the keys alone. */
int nft_encode_elements(struct nlmsghdr *h, const char *table, const struct nft_element *v,
			size_t n, bool keys_only, struct err *err);
/* What a dump of the whole set asks for. */
int nft_encode_set_name(struct nlmsghdr *h, const char *table, const char *set, struct err *err);

/* What a dump of the rules or sets of a table asks for. */
int nft_encode_rules_of(struct nlmsghdr *h, const char *table, struct err *err);
int nft_encode_sets_of(struct nlmsghdr *h, const char *table, struct err *err);
/* Did nft_encode_rule() make it, in a table of ours ("skerry..."), where rules have a comment? */
struct nftnl_rule;
bool nft_rule_is_ours(const struct nftnl_rule *rule);

/* Gives every element of an NFT_MSG_NEWSETELEM to each(), whose set is the name given here; each()
 * returns 0 to go on.  What each() returned last, or -1 with err. */
typedef int nft_each_fn(const struct nft_element *element, void *data);
int nft_decode_elements(const struct nlmsghdr *h, const char *set, nft_each_fn *each, void *data,
			struct err *err);

/* Of an NFT_MSG_NEWCHAIN: 1 its policy is to drop, 0, -1 with err. */
int nft_decode_policy(const struct nlmsghdr *h, struct err *err);

#endif
