/* SPDX-License-Identifier: Apache-2.0 */
/* nft_table.c - a whole table: are its rules as they were made, may it go
 *
 * A table goes when no set of it has an element and no rule of it is anybody
 * else's; ours say so in their comment.  Between looking and deleting another
 * process may add to it, so the deletion names the generation that was looked
 * at, and the kernel refuses it when there is a newer one (linux
 * net/netfilter/nfnetlink.c, NFNL_BATCH_GENID).  Who adds later finds the table
 * gone and makes it again, in the same transaction (nft.c).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cni/nft.h"
#include "cni/nft_encode.h"
#include "cni/nft_socket.h"

#define ATTEMPTS    8
#define CHAINS_MAX  32
#define ERESTARTSYS 85 /* what the kernel says of an old generation: ERESTART */
#define BATCH_MAX   1024

/* A request about the table in the batch buffer, which it has to itself; NULL with err. */
static struct nlmsghdr *request(struct nft *nft, enum nf_tables_msg_types type,
				enum nft_family family, uint16_t flags, struct err *err)
{
	buf_clear(&nft->batch);
	nft->n_operations = 0;
	if (buf_reserve(&nft->batch, NFT_MESSAGE_MAX) < 0) {
		(void)err_set(err, ENOMEM, "nftables: no memory");
		return NULL;
	}
	return nftnl_nlmsg_build_hdr(nft->batch.s, (uint16_t)type, nft_protocol(family), flags,
				     nft->seq);
}

/* --- rules ------------------------------------------------------------------------------ */

struct rules {
	struct {
		char name[NFT_NAME];
		size_t wanted, found;
	} chains[CHAINS_MAX];
	size_t n_chains;
	bool strange; /* one that isn't ours */
};

static void count_rule(struct rules *rules, const char *chain)
{
	for (size_t i = 0; chain && i < rules->n_chains; i++)
		if (strcmp(rules->chains[i].name, chain) == 0)
			rules->chains[i].found++;
}

static int look_at_rule(const struct nlmsghdr *h, void *data)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();
	struct rules *rules = data;
	int rc = -1;

	if (rule && nftnl_rule_nlmsg_parse(h, rule) == 0) {
		rc = 0;
		count_rule(rules, nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN));
		if (!nft_rule_is_ours(rule))
			rules->strange = true;
	}
	nftnl_rule_free(rule);
	return rc;
}

static int list_rules(struct nft *nft, enum nft_family family, const char *table,
		      struct rules *rules, struct err *err)
{
	struct nlmsghdr *h = request(nft, NFT_MSG_GETRULE, family, NLM_F_DUMP, err);

	if (!h || nft_encode_rules_of(h, table, err) < 0)
		return -1;
	return nft_request(nft, h, look_at_rule, rules, err);
}

static int want_rule(struct rules *rules, const char *chain)
{
	for (size_t i = 0; i < rules->n_chains; i++) {
		if (strcmp(rules->chains[i].name, chain) != 0)
			continue;
		rules->chains[i].wanted++;
		return 0;
	}
	if (rules->n_chains == CHAINS_MAX)
		return -1;
	rules->chains[rules->n_chains].wanted = 1;
	return str_copy(rules->chains[rules->n_chains++].name, NFT_NAME, chain);
}

int nft_check_rules(struct nft *nft, const struct nft_plan *plan, struct err *err)
{
	struct rules rules = { 0 };

	for (size_t i = 0; i < plan->n_parts; i++)
		for (size_t k = 0; k < plan->parts[i]->n_rules; k++) {
			const struct nft_rule_def *def = &plan->parts[i]->rules[k];

			if ((def->only == 0 || nft_family(def->only) == plan->family) &&
			    want_rule(&rules, def->chain) < 0)
				return err_set(err, E2BIG, "nftables: too many chains");
		}
	if (list_rules(nft, plan->family, plan->table, &rules, err) < 0)
		return -1;
	for (size_t i = 0; i < rules.n_chains; i++)
		if (rules.chains[i].found < rules.chains[i].wanted)
			return err_set(err, ENOENT,
				       "a rule of chain \"%s\" in table \"%s\" is gone",
				       rules.chains[i].name, plan->table);
	return 0;
}

/* --- sets ------------------------------------------------------------------------------- */

static int look_at_set(const struct nlmsghdr *h, void *data)
{
	struct nftnl_set *set = nftnl_set_alloc();
	struct nft_names *names = data;
	int rc = -1;

	if (set && nftnl_set_nlmsg_parse(h, set) == 0) {
		rc = 0;
		if (names->n == names->cap) {
			const size_t cap = names->cap ? names->cap * 2 : 16;
			void *v = reallocarray(names->v, cap, sizeof(*names->v));

			if (v) {
				names->v = v;
				names->cap = cap;
			}
		}
		if (names->n == names->cap || str_copy(names->v[names->n], NFT_NAME,
						       nftnl_set_get_str(set, NFTNL_SET_NAME)) < 0)
			names->strange = true;
		else
			names->n++;
	}
	nftnl_set_free(set);
	return rc;
}

int nft_list_sets(struct nft *nft, enum nft_family family, const char *table, struct nft_names *ret,
		  struct err *err)
{
	struct nlmsghdr *h = request(nft, NFT_MSG_GETSET, family, NLM_F_DUMP, err);

	*ret = (struct nft_names){ 0 };
	if (h && nft_encode_sets_of(h, table, err) == 0 &&
	    nft_request(nft, h, look_at_set, ret, err) == 0)
		return 0;
	free(ret->v);
	*ret = (struct nft_names){ 0 };
	return -1;
}

struct count {
	const char *set;
	bool any;
};

static int found_one(const struct nft_element *element, void *data)
{
	struct count *count = data;

	(void)element;
	count->any = true;
	return 0;
}

static int look_at_elements(const struct nlmsghdr *h, void *data)
{
	struct count *count = data;

	return nft_decode_elements(h, count->set, found_one, count, NULL);
}

/* Has one of the sets an element?  1, 0, -1 with err. */
static int any_element(struct nft *nft, enum nft_family family, const char *table,
		       const struct nft_names *sets, struct err *err)
{
	for (size_t i = 0; i < sets->n; i++) {
		struct count count = { .set = sets->v[i] };
		struct nlmsghdr *h = request(nft, NFT_MSG_GETSETELEM, family, NLM_F_DUMP, err);

		if (!h || nft_encode_set_name(h, table, sets->v[i], err) < 0 ||
		    nft_request(nft, h, look_at_elements, &count, err) < 0)
			return -1;
		if (count.any)
			return 1;
	}
	return 0;
}

/* Has no set of the table an element, and no rule another author?  1, 0, -1 with err. */
static int is_empty(struct nft *nft, enum nft_family family, const char *table, struct err *err)
{
	struct rules rules = { 0 };
	struct nft_names sets;
	int any;

	if (list_rules(nft, family, table, &rules, err) < 0)
		return -1;
	if (rules.strange)
		return 0;
	if (nft_list_sets(nft, family, table, &sets, err) < 0)
		return -1;
	any = any_element(nft, family, table, &sets, err);
	free(sets.v);
	return any < 0 ? -1 : !any && !sets.strange;
}

/* --- the table ----------------------------------------------------------------------------- */

/* Deletes it if nothing has changed since: 0, or the kernel's errno (ERESTART), -1 with err. */
static int delete_table(struct nft *nft, enum nft_family family, const char *table,
			uint32_t generation, struct err *err)
{
	char batch[BATCH_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *h = nftnl_batch_begin(batch, nft->seq++);
	size_t size;
	ssize_t got;
	int code = 0;

	mnl_attr_put_u32(h, NFNL_BATCH_GENID, htonl(generation));
	size = MNL_ALIGN(h->nlmsg_len);
	h = nftnl_nlmsg_build_hdr(batch + size, NFT_MSG_DELTABLE, nft_protocol(family), NLM_F_ACK,
				  nft->seq++);
	if (nft_encode_table(h, table, err) < 0)
		return -1;
	size += MNL_ALIGN(h->nlmsg_len);
	h = nftnl_batch_end(batch + size, nft->seq++);
	size += MNL_ALIGN(h->nlmsg_len);
	if (nft_send(nft, batch, size, err) < 0)
		return -1;
	while ((got = nft_receive(nft, err)) > 0) {
		const struct nlmsghdr *answer = (const struct nlmsghdr *)nft->receive;

		for (int left = (int)got; mnl_nlmsg_ok(answer, left);
		     answer = mnl_nlmsg_next(answer, &left))
			if (answer->nlmsg_type == NLMSG_ERROR && code == 0)
				code = nft_answer_code(answer);
	}
	return got < 0 ? -1 : code;
}

int nft_drop_empty(struct nft *nft, enum nft_family family, const char *table, struct err *err)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		const uint32_t generation = nft_generation(nft);
		struct err why = { 0 };
		int code = is_empty(nft, family, table, &why);

		if (code < 0 && why.code == ENOENT)
			return 0;
		if (code < 0)
			return err_set(err, why.code, "%s", why.msg);
		if (code == 0)
			return 0;
		code = delete_table(nft, family, table, generation, err);
		if (code == 0)
			return 1;
		if (code < 0 || code == ENOENT)
			return code < 0 ? -1 : 0;
		if (code != ERESTARTSYS && code != EAGAIN && code != EINTR)
			return err_set(err, code, "nftables: delete table \"%s\"", table);
	}
	return 0; /* others change it all the time: it isn't empty for long */
}
