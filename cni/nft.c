/* SPDX-License-Identifier: Apache-2.0 */
/* nft.c - nftables: rule sets as text, elements as data, one transaction for a change
 *
 * A change is first tried as if every part were there, which is so for all
 * containers but the first: then it is elements only.  The kernel says what
 * was wrong with it and it is made again accordingly:
 *   ENOENT              a part is missing: ask which, make it in the same transaction
 *   EEXIST of a part    another process made it meanwhile: leave it out
 *   EEXIST of elements  look whose they are: ours are replaced, others' are the error
 * Every message carries the number of its operation, by which an answer is
 * known to be that operation's.
 * linux/netfilter/nf_tables.h, linux/netfilter/nfnetlink.h; netlink(7).
 */
#include "cni/nft.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cni/nft_encode.h"
#include "cni/nft_socket.h"

#define FINDS_AT_ONCE 16 /* their answers must fit into the socket */
#define ATTEMPTS      8
#define PARTS_MAX     8 /* of a plan */
#define PLANS_MAX     4
#define PUZZLED_MAX   3

/* What is known about a plan after an attempt. */
struct progress {
	bool missing[PARTS_MAX]; /* make this part */
	int puzzled; /* how often something was missing that then was there */
	bool looked; /* for elements that are there: the two below */
	struct nft_element
		*old; /* those of the same owner, deleted before the new ones are added */
	size_t n_old;
};

/* --- a transaction -------------------------------------------------------------------- */

/* A message at the end of the batch, or NULL with err. */
static struct nlmsghdr *message_begin(struct nft *nft, enum nf_tables_msg_types type,
				      enum nft_family family, uint16_t flags, struct err *err)
{
	if (nft->n_operations == NFT_OPERATIONS_MAX ||
	    buf_reserve(&nft->batch, NFT_MESSAGE_MAX) < 0) {
		(void)err_set(err, ENOMEM, "nftables: too large a change");
		return NULL;
	}
	nft->message = nftnl_nlmsg_build_hdr(nft->batch.s + nft->batch.len, (uint16_t)type,
					     nft_protocol(family), flags, nft->seq);
	return nft->message;
}

static void message_end(struct nft *nft, const struct nft_operation *op)
{
	nft->operations[nft->n_operations++] = *op;
	nft->batch.len += MNL_ALIGN(nft->message->nlmsg_len);
	nft->seq++;
}

static int batch_begin(struct nft *nft, struct err *err)
{
	buf_clear(&nft->batch);
	nft->n_operations = 0;
	if (buf_reserve(&nft->batch, NFT_MESSAGE_MAX) < 0)
		return err_set(err, ENOMEM, "nftables: no memory");
	nft->first_seq = nft->seq;
	nft->message = nftnl_batch_begin(nft->batch.s, nft->seq);
	message_end(nft, &(struct nft_operation){ .kind = OP_BEGIN });
	return 0;
}

/* The last message asks for an answer, so that success has one as well. */
static int batch_end(struct nft *nft, struct err *err)
{
	const struct nlmsghdr *h;

	nft->message->nlmsg_flags |= NLM_F_ACK;
	if (buf_reserve(&nft->batch, NFT_MESSAGE_MAX) < 0)
		return err_set(err, ENOMEM, "nftables: no memory");
	h = nftnl_batch_end(nft->batch.s + nft->batch.len, nft->seq++);
	nft->batch.len += MNL_ALIGN(h->nlmsg_len);
	return 0;
}

static int put_table(struct nft *nft, const struct nft_plan *plan, const struct nft_operation *op,
		     struct err *err)
{
	struct nlmsghdr *h = message_begin(nft, NFT_MSG_NEWTABLE, plan->family, NLM_F_CREATE, err);

	if (!h || nft_encode_table(h, plan->table, err) < 0)
		return -1;
	message_end(nft, op);
	return 0;
}

static int put_chain(struct nft *nft, const struct nft_plan *plan, const struct nft_chain_def *def,
		     const struct nft_operation *op, struct err *err)
{
	const uint16_t flags = NLM_F_CREATE | (op->kind == OP_PART ? NLM_F_EXCL : 0);
	struct nlmsghdr *h = message_begin(nft, NFT_MSG_NEWCHAIN, plan->family, flags, err);

	if (!h || nft_encode_chain(h, plan->table, def, err) < 0)
		return -1;
	message_end(nft, op);
	return 0;
}

static int put_set(struct nft *nft, const struct nft_plan *plan, const struct nft_set_def *def,
		   const struct nft_operation *op, struct err *err)
{
	struct nlmsghdr *h = message_begin(nft, NFT_MSG_NEWSET, plan->family, NLM_F_CREATE, err);

	if (!h || nft_encode_set(h, plan->family, plan->table, def, nft->seq, err) < 0)
		return -1;
	message_end(nft, op);
	return 0;
}

static int put_rule(struct nft *nft, const struct nft_plan *plan, const struct nft_rule_def *def,
		    const struct nft_operation *op, struct err *err)
{
	const uint16_t flags = NLM_F_CREATE | (def->first ? 0 : NLM_F_APPEND);
	struct nlmsghdr *h;

	if (def->only != 0 && nft_family(def->only) != plan->family)
		return 0;
	h = message_begin(nft, NFT_MSG_NEWRULE, plan->family, flags, err);
	if (!h || nft_encode_rule(h, plan->family, plan->table, def, err) < 0)
		return -1;
	message_end(nft, op);
	return 0;
}

/* The first chain is the one that tells whether the part was there already. */
static int put_part(struct nft *nft, const struct nft_plan *plan, struct nft_operation op,
		    struct err *err)
{
	const struct nft_part *part = plan->parts[op.part];

	op.kind = OP_DETAIL;
	op.what = plan->table;
	if (put_table(nft, plan, &op, err) < 0)
		return -1;
	for (size_t i = 0; i < part->n_chains; i++) {
		op.kind = i == 0 ? OP_PART : OP_DETAIL;
		op.what = part->chains[i].name;
		if (put_chain(nft, plan, &part->chains[i], &op, err) < 0)
			return -1;
	}
	op.kind = OP_DETAIL;
	for (size_t i = 0; i < part->n_sets; i++) {
		op.what = part->sets[i].name;
		if (put_set(nft, plan, &part->sets[i], &op, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < part->n_rules; i++) {
		op.what = part->rules[i].chain;
		if (put_rule(nft, plan, &part->rules[i], &op, err) < 0)
			return -1;
	}
	return 0;
}

/* Elements of one set that follow each other are one message. */
static int put_elements(struct nft *nft, const struct nft_plan *plan, const struct nft_element *v,
			size_t n, struct nft_operation op, struct err *err)
{
	const bool add = op.kind == OP_ADD;

	for (size_t i = 0, count; i < n; i += count) {
		struct nlmsghdr *h;

		for (count = 1; i + count < n && count < NFT_MESSAGE_ELEMENTS; count++)
			if (strcmp(v[i + count].set, v[i].set) != 0)
				break;
		h = message_begin(nft, add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, plan->family,
				  add ? NLM_F_CREATE | NLM_F_EXCL : 0, err);
		if (!h || nft_encode_elements(h, plan->table, &v[i], count, !add, err) < 0)
			return -1;
		op.what = v[i].set;
		message_end(nft, &op);
	}
	return 0;
}

static int put_plan(struct nft *nft, const struct nft_plan *plan, const struct progress *progress,
		    size_t number, struct err *err)
{
	struct nft_operation op = { .plan = number };

	for (op.part = 0; op.part < plan->n_parts; op.part++)
		if (progress->missing[op.part] && put_part(nft, plan, op, err) < 0)
			return -1;
	op.kind = OP_DELETE;
	if (put_elements(nft, plan, progress->old, progress->n_old, op, err) < 0 ||
	    put_elements(nft, plan, plan->del, plan->n_del, op, err) < 0)
		return -1;
	op.kind = OP_ADD;
	return put_elements(nft, plan, plan->add, plan->n_add, op, err);
}

/* Sends the batch: 0, or the first operation's errno and that operation; -1 with err. */
static int run_batch(struct nft *nft, struct nft_operation *ret, struct err *err)
{
	bool answered = false;
	int code = 0;
	ssize_t size;

	if (batch_end(nft, err) < 0 || nft_send(nft, nft->batch.s, nft->batch.len, err) < 0)
		return -1;
	while ((size = nft_receive(nft, err)) > 0) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)nft->receive;

		for (int left = (int)size; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			const uint32_t number = h->nlmsg_seq - nft->first_seq;

			if (h->nlmsg_type != NLMSG_ERROR || number >= nft->n_operations)
				continue;
			answered = true;
			if (code == 0 && nft_answer_code(h) != 0) {
				code = nft_answer_code(h);
				*ret = nft->operations[number];
			}
		}
	}
	if (size < 0)
		return -1;
	if (!answered)
		return err_set(err, EIO, "nftables: no answer to a change");
	return code;
}

/* --- questions ----------------------------------------------------------------------------- */

/* Asks for one chain: its message, valid until the next answer; NULL when there is none (err->code
 * ENOENT) or with another err. */
static const struct nlmsghdr *get_chain(struct nft *nft, enum nft_family family, const char *table,
					const char *chain, struct err *err)
{
	const struct nft_chain_def def = { .name = chain };
	struct nlmsghdr *h;
	ssize_t size;

	buf_clear(&nft->batch);
	nft->n_operations = 0;
	h = message_begin(nft, NFT_MSG_GETCHAIN, family, 0, err);
	if (!h || nft_encode_chain(h, table, &def, err) < 0)
		return NULL;
	nft->seq++;
	if (nft_send(nft, h, h->nlmsg_len, err) < 0)
		return NULL;
	size = nft_receive(nft, err);
	if (size < 0)
		return NULL;
	h = (struct nlmsghdr *)nft->receive;
	if (!mnl_nlmsg_ok(h, (int)size)) {
		(void)err_set(err, EIO, "nftables: no answer about chain \"%s\"", chain);
		return NULL;
	}
	if (h->nlmsg_type != NLMSG_ERROR)
		return h;
	errno = nft_answer_code(h);
	(void)err_sys(err, "nftables: chain \"%s\"", chain);
	return NULL;
}

/* One chain: 1 it is there, 0, -1 with err. */
static int has_chain(struct nft *nft, const struct nft_plan *plan, const char *chain,
		     struct err *err)
{
	struct err why = { 0 };

	if (get_chain(nft, plan->family, plan->table, chain, &why))
		return 1;
	return why.code == ENOENT ? 0 : err_set(err, why.code, "%s", why.msg);
}

int nft_chain_drops(struct nft *nft, enum nft_family family, const char *table, const char *chain,
		    struct err *err)
{
	struct err why = { 0 };
	const struct nlmsghdr *h = get_chain(nft, family, table, chain, &why);

	if (h)
		return nft_decode_policy(h, err);
	return why.code == ENOENT ? 0 : err_set(err, why.code, "%s", why.msg);
}

int nft_has_parts(struct nft *nft, const struct nft_plan *plan, struct err *err)
{
	for (size_t i = 0; i < plan->n_parts; i++) {
		const int has = has_chain(nft, plan, plan->parts[i]->chains[0].name, err);

		if (has <= 0)
			return has;
	}
	return 1;
}

struct finding {
	struct nft_element *v;
	size_t n;
};

static int found_one(const struct nft_element *element, void *data)
{
	const struct finding *f = data;

	for (size_t i = 0; i < f->n; i++) {
		struct nft_element *e = &f->v[i];

		if (e->found || e->key_len != element->key_len ||
		    memcmp(e->key, element->key, e->key_len) != 0)
			continue;
		*e = *element;
		return 0;
	}
	return 0;
}

/* Answers to n questions about elements of one set. */
static int find_answers(struct nft *nft, struct finding *f, struct err *err)
{
	const char *set = f->v[0].set;
	ssize_t size;

	while ((size = nft_receive(nft, err)) > 0) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)nft->receive;

		for (int left = (int)size; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			if (h->nlmsg_type != NLMSG_ERROR) {
				if (nft_decode_elements(h, set, found_one, f, err) < 0)
					return -1;
			} else if (nft_answer_code(h) != ENOENT && nft_answer_code(h) != 0) {
				errno = nft_answer_code(h);
				return err_sys(err, "nftables: look into \"%s\"", set);
			}
		}
	}
	return size < 0 ? -1 : 0;
}

int nft_find(struct nft *nft, enum nft_family family, const char *table, struct nft_element *v,
	     size_t n, struct err *err)
{
	for (size_t i = 0, count; i < n; i += count) {
		struct finding f = { .v = &v[i] };

		buf_clear(&nft->batch);
		nft->n_operations = 0;
		for (count = 0; i + count < n && count < FINDS_AT_ONCE; count++) {
			struct nlmsghdr *h;

			if (strcmp(v[i + count].set, v[i].set) != 0)
				break;
			v[i + count].found = false;
			h = message_begin(nft, NFT_MSG_GETSETELEM, family, 0, err);
			if (!h || nft_encode_elements(h, table, &v[i + count], 1, true, err) < 0)
				return -1;
			message_end(nft, &(struct nft_operation){ .kind = OP_DETAIL });
		}
		f.n = count;
		if (nft_send(nft, nft->batch.s, nft->batch.len, err) < 0 ||
		    find_answers(nft, &f, err) < 0)
			return -1;
	}
	return 0;
}

/* --- a change ---------------------------------------------------------------------------------- */

static void name_parts(struct nft *nft, const struct nft_plan *plan, struct progress *progress)
{
	for (size_t i = 0; i < plan->n_parts; i++)
		progress->missing[i] =
			has_chain(nft, plan, plan->parts[i]->chains[0].name, NULL) == 0;
}

/* Which of the new elements are there?  Those of the same owner are deleted first. */
static int name_old(struct nft *nft, const struct nft_plan *plan, struct progress *progress,
		    struct err *err)
{
	if (progress->looked)
		free(progress->old);
	progress->old = calloc(plan->n_add + 1, sizeof(*progress->old));
	progress->n_old = 0;
	progress->looked = true;
	if (!progress->old)
		return err_set(err, ENOMEM, "nftables: no memory");
	memcpy(progress->old, plan->add, plan->n_add * sizeof(*progress->old));
	if (nft_find(nft, plan->family, plan->table, progress->old, plan->n_add, err) < 0)
		return -1;
	for (size_t i = 0; i < plan->n_add; i++) {
		if (!progress->old[i].found)
			continue;
		if (strcmp(progress->old[i].owner, plan->add[i].owner) != 0)
			return err_set(err, EEXIST, "already taken by \"%s\" (%s %s, \"%s\")",
				       progress->old[i].owner, nft_family_name(plan->family),
				       plan->table, plan->add[i].set);
		progress->old[progress->n_old++] = progress->old[i];
	}
	return 0;
}

static bool has_missing(const struct progress *progress, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (progress->missing[i])
			return true;
	return false;
}

/* What to do about a failed operation: 0 try again, -1 with err. */
static int learn(struct nft *nft, const struct nft_plan *plan, struct progress *progress,
		 const struct nft_operation *op, int code, struct err *err)
{
	if (code == EINTR || code == EAGAIN)
		return 0;
	if (code == EEXIST && op->kind == OP_PART) {
		progress->missing[op->part] = false;
		return 0;
	}
	if (code == EEXIST && op->kind == OP_ADD)
		return name_old(nft, plan, progress, err);
	if (code == ENOENT && op->kind == OP_DELETE && progress->looked && plan->n_del == 0)
		return name_old(nft, plan, progress, err);
	if (code == ENOENT && op->kind == OP_ADD) {
		name_parts(nft, plan, progress);
		/* none is missing: another process made them since, or it is something else */
		if (has_missing(progress, plan->n_parts) || progress->puzzled++ < PUZZLED_MAX)
			return 0;
	}
	errno = code;
	return err_sys(err, "nftables: %s %s, \"%s\"", nft_family_name(plan->family), plan->table,
		       op->what ? op->what : "");
}

static int attempt(struct nft *nft, const struct nft_plan *plans, size_t n,
		   struct progress *progress, struct err *err)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		struct nft_operation op = { .kind = OP_BEGIN };
		int code;

		if (batch_begin(nft, err) < 0)
			return -1;
		for (size_t plan = 0; plan < n; plan++)
			if (put_plan(nft, &plans[plan], &progress[plan], plan, err) < 0)
				return -1;
		if (nft->n_operations == 1)
			return 0;
		code = run_batch(nft, &op, err);
		if (code <= 0)
			return code;
		if (learn(nft, &plans[op.plan], &progress[op.plan], &op, code, err) < 0)
			return -1;
	}
	return err_set(err, EAGAIN, "nftables: others change the same rules all the time");
}

int nft_commit(struct nft *nft, const struct nft_plan *plans, size_t n, struct err *err)
{
	struct progress progress[PLANS_MAX] = { 0 };
	int rc;

	if (n > PLANS_MAX)
		return err_set(err, EINVAL, "nftables: too many tables in one change");
	rc = attempt(nft, plans, n, progress, err);
	for (size_t i = 0; i < n; i++)
		free(progress[i].old);
	return rc;
}

int nft_make_parts(struct nft *nft, const struct nft_plan *plan, struct err *err)
{
	struct progress progress = { 0 };

	name_parts(nft, plan, &progress);
	return attempt(nft, plan, 1, &progress, err);
}

int nft_release(struct nft *nft, enum nft_family family, const char *table, struct nft_element *v,
		size_t n, const char *owner, struct err *err)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		struct nft_plan plan = { .family = family, .table = table, .del = v };
		struct err why = { 0 };

		if (nft_find(nft, family, table, v, n, err) < 0)
			return -1;
		for (size_t k = 0; k < n; k++) {
			const struct nft_element element = v[k];

			if (!element.found || strcmp(element.owner, owner) != 0)
				continue;
			v[k] = v[plan.n_del]; /* ours to the front */
			v[plan.n_del++] = element;
		}
		if (nft_commit(nft, &plan, 1, &why) == 0)
			return (int)plan.n_del;
		if (why.code != ENOENT)
			return err_set(err, why.code, "%s", why.msg);
	}
	return err_set(err, EAGAIN, "nftables: others delete the same elements all the time");
}

/* --- a whole set ---------------------------------------------------------------------------------- */

struct sweep {
	nft_unwanted_fn *unwanted;
	const void *arg;
	struct nft_element *v;
	size_t n, cap;
};

static int sweep_one(const struct nft_element *element, void *data)
{
	struct sweep *s = data;

	if (!s->unwanted(element, s->arg))
		return 0;
	if (s->n == s->cap) {
		const size_t cap = s->cap == 0 ? FINDS_AT_ONCE : s->cap * 2;
		struct nft_element *v =
			cap > NFT_ELEMENTS_MAX ? NULL : realloc(s->v, cap * sizeof(*v));

		if (!v)
			return -1;
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = *element;
	return 0;
}

/* Walks the set once: 1 done, 0 it changed meanwhile, -1 with err. */
static int walk_set(struct nft *nft, const char *set, struct sweep *s, struct err *err)
{
	for (;;) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)nft->receive;
		const ssize_t size = nft_receive(nft, err);

		if (size < 0)
			return -1;
		if (size == 0)
			return err_set(err, EIO, "nftables: the list of \"%s\" has no end", set);
		for (int left = (int)size; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			if (h->nlmsg_type == NLMSG_ERROR)
				return nft_answer_code(h) == ENOENT
					       ? 1
					       : err_set(err, nft_answer_code(h),
							 "nftables: list \"%s\"", set);
			if (h->nlmsg_type == NLMSG_DONE)
				return 1;
			if (h->nlmsg_flags & NLM_F_DUMP_INTR)
				return 0;
			if (nft_decode_elements(h, set, sweep_one, s, err) < 0)
				return err_set(err, ENOMEM, "nftables: too much in \"%s\"", set);
		}
	}
}

/* Answers of a walk that was given up. */
static int drain(struct nft *nft, struct err *err)
{
	ssize_t size;

	do {
		size = nft_receive(nft, err);
	} while (size > 0);
	return (int)size;
}

static int list_set(struct nft *nft, enum nft_family family, const char *table, const char *set,
		    struct sweep *s, struct err *err)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		struct nlmsghdr *h;
		int rc;

		s->n = 0;
		buf_clear(&nft->batch);
		nft->n_operations = 0;
		h = message_begin(nft, NFT_MSG_GETSETELEM, family, NLM_F_DUMP, err);
		if (!h || nft_encode_set_name(h, table, set, err) < 0)
			return -1;
		nft->seq++;
		if (nft_send(nft, h, h->nlmsg_len, err) < 0)
			return -1;
		rc = walk_set(nft, set, s, err);
		if (rc != 0)
			return rc;
		if (drain(nft, err) < 0)
			return -1;
	}
	return err_set(err, EAGAIN, "nftables: \"%s\" changes all the time", set);
}

int nft_sweep(struct nft *nft, enum nft_family family, const char *table, const char *set,
	      nft_unwanted_fn *unwanted, const void *arg, struct err *err)
{
	struct sweep s = { .unwanted = unwanted, .arg = arg };
	int rc = -1;

	for (int i = 0; i < ATTEMPTS; i++) {
		struct nft_plan plan = { .family = family, .table = table };
		struct err why = { 0 };

		if (list_set(nft, family, table, set, &s, err) < 0)
			break;
		plan.del = s.v;
		plan.n_del = s.n;
		rc = nft_commit(nft, &plan, 1, &why);
		if (rc == 0) {
			rc = (int)s.n;
			break;
		}
		if (why.code != ENOENT || i == ATTEMPTS - 1) {
			rc = err_set(err, why.code, "%s", why.msg);
			break;
		}
	}
	free(s.v);
	return rc;
}
