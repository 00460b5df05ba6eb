/* SPDX-License-Identifier: Apache-2.0 */
/* nft.h - nftables: rule sets as text, elements as data, one transaction for a change
 *
 * What is the same for every container is a part: sets, chains and rules,
 * made once when they are missing.  What belongs to a container is an element
 * of a set or map, with its owner as the comment, so that no request costs
 * more because there are many containers.
 * A part is known by its first chain: a transaction is atomic, so when that
 * chain is there the rest of the part is there as well.
 * The rules are written as nft(8) prints them, in the subset of nft_rule.h;
 * "ip" and "addr" mean the family of the table the part is made in.
 * Invariants: 1. a change is made as a whole or not at all.  2. Only elements
 * that have the owner asked for are deleted.
 * nft(8); linux/netfilter/nf_tables.h; libnftnl and libmnl (this is their only
 * user).
 */
#ifndef SKERRY_CNI_NFT_H
#define SKERRY_CNI_NFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "cni/ip.h"
#include "cni/netconf.h"

#define NFT_NAME	 32
#define NFT_KEY_MAX	 64
#define NFT_DATA_MAX	 32
#define NFT_OWNER	 128 /* NFTNL_UDATA_COMMENT_MAXLEN */
#define NFT_ELEMENTS_MAX 65536 /* of one change */

/* Places in a hook, as nft(8) names them (linux/netfilter_ipv4.h, which doesn't go together with
 * netinet/in.h). */
#define NFT_PRIORITY_RAW	 (-300)
#define NFT_PRIORITY_MANGLE	 (-150)
#define NFT_PRIORITY_DNAT	 (-100)
#define NFT_PRIORITY_FILTER	 0
#define NFT_PRIORITY_SNAT	 100
#define NFT_PRIORITY_BRIDGE_DNAT (-300)

enum nft_family { NFT_IP, NFT_IP6, NFT_BRIDGE, NFT_INET };
/* The family of the tables for addresses of AF_INET or AF_INET6. */
enum nft_family nft_family(int af);

enum nft_do { NFT_DO_NOTHING, NFT_DO_ACCEPT, NFT_DO_DROP, NFT_DO_RETURN, NFT_DO_JUMP, NFT_DO_GOTO };

struct nft_set_def {
	const char *name;
	const char *key; /* "addr . inet_service" */
	const char *data; /* NULL: a set; "verdict"; else as key */
};
struct nft_chain_def {
	const char *name;
	const char *type, *hook; /* "nat", "prerouting"; NULL: a chain that is jumped to */
	int priority;
};
struct nft_rule_def {
	const char *chain, *text;
	int only; /* AF_INET or AF_INET6: for that family; 0: for all */
	bool first; /* before the chain's other rules, not behind them */
};
struct nft_part {
	const struct nft_set_def *sets;
	size_t n_sets;
	const struct nft_chain_def *chains; /* at least one */
	size_t n_chains;
	const struct nft_rule_def *rules;
	size_t n_rules;
};
/* From arrays. */
#define NFT_PART(sets_, chains_, rules_)                                            \
 {                                                                                  \
  .sets = (sets_), .n_sets = ARRAY_SIZE(sets_), .chains = (chains_),                \
  .n_chains = ARRAY_SIZE(chains_), .rules = (rules_), .n_rules = ARRAY_SIZE(rules_) \
 }

/* key and data as the kernel has them: each part of a concatenation padded to
 * four bytes (nft_put_*()). */
struct nft_element {
	const char *set;
	uint8_t key[NFT_KEY_MAX], data[NFT_DATA_MAX];
	uint8_t key_len, data_len;
	bool found; /* nft_find(): it exists; data and owner are those it has */
	enum nft_do verdict; /* of a verdict map */
	char chain[NFT_NAME]; /* to jump or go to */
	char owner[NFT_OWNER];
};
void nft_key_addr(struct nft_element *e, const struct ip *ip);
void nft_key_u8(struct nft_element *e, uint8_t v);
void nft_key_u16(struct nft_element *e, uint16_t v); /* host order in, network order stored */
void nft_key_ifname(struct nft_element *e, const char *name);
void nft_key_mac(struct nft_element *e, const struct mac *mac);
void nft_data_addr(struct nft_element *e, const struct ip *ip);
void nft_data_u16(struct nft_element *e, uint16_t v);
void nft_data_classid(struct nft_element *e, uint32_t v); /* host order, as in linux/pkt_sched.h */

/* What an element has as its comment: the attachment that wants it.  Written
 * out where it fits, else hashed: "NETWORK ID IFNAME". */
void nft_owner(char dst[NFT_OWNER], const char *network, const char *container_id,
	       const char *ifname);
/* Does the owner belong to this network? */
bool nft_owner_of_network(const char *owner, const char *network);

/* A part that is one chain of a subnet: its content follows from its name, so
 * all networks with the subnet share it and nobody removes it. */
#define NFT_CHAIN_RULES 4
#define NFT_JUMP_MAX	128
struct nft_chain_part {
	struct nft_part part;
	struct nft_chain_def chain;
	struct nft_set_def set;
	struct nft_rule_def rules[NFT_CHAIN_RULES];
	char name[NFT_NAME]; /* PREFIX_10.88.0.0/16; IPv6, which has no room: hashed */
	char jump[NFT_JUMP_MAX];
};
void nft_chain_part_init(struct nft_chain_part *p, const char *prefix, const struct ip_net *net);
/* The text must live as long as the part. */
void nft_chain_part_rule(struct nft_chain_part *p, const char *text);
/* What leads there: a set with the chain's name, and a rule of the chain `base` for what is in it.  One
 * map to all the chains would be one look-up for all subnets, but each change of a map of verdicts makes
 * the kernel go through all its elements (linux net/netfilter/nft_lookup.c, nft_lookup_validate()). */
void nft_chain_part_set(struct nft_chain_part *p, const char *key, const char *base,
			const char *match);

/* One table's share of a change. */
struct nft_plan {
	enum nft_family family;
	const char *table;
	const struct nft_part *const *parts; /* each made when it is missing, in this order */
	size_t n_parts;
	const struct nft_element
		*add; /* an element of another owner is EEXIST, of the same replaced */
	size_t n_add;
	const struct nft_element *del; /* must exist */
	size_t n_del;
};

/* A socket to nf_tables of the network namespace this process is in. */
struct nft;
struct nft *nft_open(struct err *err);
/* Frees it.  The kernel lets whoever closes such a socket wait for deletions of
 * others, so the last close is left to a process of its own. */
void nft_close(struct nft *nft);
void nft_cleanup(struct nft **nft);
#define AUTO_NFT CLEANUP(nft_cleanup) struct nft *

/* Makes the change.  EEXIST in err->code: an element is somebody else's (the message names it). */
int nft_commit(struct nft *nft, const struct nft_plan *plans, size_t n, struct err *err);
/* Makes the parts that are missing, though no element needs them. */
int nft_make_parts(struct nft *nft, const struct nft_plan *plan, struct err *err);

/* Looks up elements by set and key; a missing table or set has none. */
int nft_find(struct nft *nft, enum nft_family family, const char *table, struct nft_element *v,
	     size_t n, struct err *err);
/* Deletes those of the elements (by set and key) that exist and have this owner; the number. */
int nft_release(struct nft *nft, enum nft_family family, const char *table, struct nft_element *v,
		size_t n, const char *owner, struct err *err);
/* Deletes the elements of a set that `unwanted` says yes to; walks the whole set.  The number. */
typedef bool nft_unwanted_fn(const struct nft_element *element, const void *arg);
int nft_sweep(struct nft *nft, enum nft_family family, const char *table, const char *set,
	      nft_unwanted_fn *unwanted, const void *arg, struct err *err);
/* The names of a table's sets; the caller frees v.  ENOENT in err->code: there is no such table. */
struct nft_names {
	char (*v)[NFT_NAME];
	size_t n, cap;
	bool strange; /* there is one that can't be ours */
};
int nft_list_sets(struct nft *nft, enum nft_family family, const char *table, struct nft_names *ret,
		  struct err *err);
/* One request to any part of nfnetlink on the same socket (its number is put in): each() gets every
 * answer.  0, or -1 with err and the kernel's errno in err->code. */
struct nlmsghdr;
int nft_request(struct nft *nft, struct nlmsghdr *h,
		int (*each)(const struct nlmsghdr *h, void *data), void *data, struct err *err);
/* STATUS: can nf_tables be used here? */
int nft_status(struct err *err);

/* Is every part there? 1, 0, -1 with err. */
int nft_has_parts(struct nft *nft, const struct nft_plan *plan, struct err *err);
/* Does a chain drop what its rules say nothing about?  1, 0 (also when there is no such chain), -1. */
int nft_chain_drops(struct nft *nft, enum nft_family family, const char *table, const char *chain,
		    struct err *err);
/* CHECK: has every chain of the plan's parts as many rules as it was given? */
int nft_check_rules(struct nft *nft, const struct nft_plan *plan, struct err *err);
/* Deletes the table if its sets are all empty and its rules all ours, while nobody changes it: 1 gone,
 * 0 it stays or there is none, -1 with err. */
int nft_drop_empty(struct nft *nft, enum nft_family family, const char *table, struct err *err);
/* CHECK: are the plan's parts there, and what it adds with this owner and data? -1 with err says
 * what isn't. */
int nft_check(struct nft *nft, const struct nft_plan *plan, struct err *err);

/* GC: deletes from these sets what attachments of the network have that are not among its valid
 * ones. */
struct nft_place {
	enum nft_family family;
	const char *table, *set; /* "net_*": all sets whose names begin so */
};
int nft_gc(const struct netconf *conf, const struct nft_place *places, size_t n, struct err *err);
/* DEL without knowing the keys: deletes what has this owner. */
int nft_disown(const char *owner, const struct nft_place *places, size_t n, struct err *err);

/* Brings elements of one set into an order and drops those that are there twice: how many are left,
 * or -1 when two of the same key differ (*ret_key is one of them). */
ssize_t nft_unique(struct nft_element *v, size_t n, const struct nft_element **ret_differing);

#endif
