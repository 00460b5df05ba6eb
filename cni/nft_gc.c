/* SPDX-License-Identifier: Apache-2.0 */
/* nft_gc.c - CHECK, and what nobody owns any more
 *
 * The owner of an element is its comment, so what to keep is decided by
 * comparing texts with those of the valid attachments.
 * CNI specification "GC: Clean up any stale resources", "CHECK".
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cni/nft.h"

int nft_check(struct nft *nft, const struct nft_plan *plan, struct err *err)
{
	AUTO_FREE struct nft_element *v = NULL;
	int has;

	has = nft_has_parts(nft, plan, err);
	if (has < 0)
		return -1;
	if (has == 0)
		return err_set(err, ENOENT, "the rules of table \"%s\" are gone", plan->table);
	if (nft_check_rules(nft, plan, err) < 0)
		return -1;
	v = calloc(plan->n_add + 1, sizeof(*v));
	if (!v)
		return err_set(err, ENOMEM, "nftables: no memory");
	memcpy(v, plan->add, plan->n_add * sizeof(*v));
	if (nft_find(nft, plan->family, plan->table, v, plan->n_add, err) < 0)
		return -1;
	for (size_t i = 0; i < plan->n_add; i++) {
		const struct nft_element *want = &plan->add[i];

		if (!v[i].found)
			return err_set(err, ENOENT, "an element of \"%s\" in table \"%s\" is gone",
				       want->set, plan->table);
		if (strcmp(v[i].owner, want->owner) != 0)
			return err_set(err, EEXIST,
				       "an element of \"%s\" in table \"%s\" is now of \"%s\"",
				       want->set, plan->table, v[i].owner);
		if (v[i].verdict != want->verdict || strcmp(v[i].chain, want->chain) != 0 ||
		    v[i].data_len != want->data_len ||
		    memcmp(v[i].data, want->data, want->data_len) != 0)
			return err_set(err, EINVAL,
				       "an element of \"%s\" in table \"%s\" has changed",
				       want->set, plan->table);
	}
	return 0;
}

struct valid {
	const char *network;
	char (*owners)[NFT_OWNER];
	size_t n;
};

static int compare_owners(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool is_stale(const struct nft_element *element, const void *arg)
{
	const struct valid *valid = arg;

	return nft_owner_of_network(element->owner, valid->network) &&
	       !bsearch(element->owner, valid->owners, valid->n, sizeof(*valid->owners),
			compare_owners);
}

/* A place's elements; the names are looked up when it means several sets. */
static int sweep_place(struct nft *nft, const struct nft_place *place, nft_unwanted_fn *unwanted,
		       const void *arg, struct err *err)
{
	const size_t len = strlen(place->set);
	struct nft_names sets;
	struct err why = { 0 };
	int rc = 0;

	if (len == 0 || place->set[len - 1] != '*')
		return nft_sweep(nft, place->family, place->table, place->set, unwanted, arg, err) <
				       0
			       ? -1
			       : 0;
	if (nft_list_sets(nft, place->family, place->table, &sets, &why) < 0)
		return why.code == ENOENT ? 0 : err_set(err, why.code, "%s", why.msg);
	for (size_t i = 0; i < sets.n; i++)
		if (strncmp(sets.v[i], place->set, len - 1) == 0 &&
		    nft_sweep(nft, place->family, place->table, sets.v[i], unwanted, arg, err) < 0)
			rc = -1;
	free(sets.v);
	return rc;
}

int nft_gc(const struct netconf *conf, const struct nft_place *places, size_t n, struct err *err)
{
	AUTO_NFT nft = nft_open(err);
	struct valid valid = { .network = conf->name, .n = conf->attachments.n };
	int rc = 0;

	if (!nft)
		return -1;
	valid.owners = calloc(valid.n + 1, sizeof(*valid.owners));
	if (!valid.owners)
		return err_set(err, ENOMEM, "nftables: no memory");
	for (size_t i = 0; i < valid.n; i++)
		nft_owner(valid.owners[i], conf->name, conf->attachments.v[i].container_id,
			  conf->attachments.v[i].ifname);
	qsort(valid.owners, valid.n, sizeof(*valid.owners), compare_owners);
	for (size_t i = 0; i < n; i++)
		if (sweep_place(nft, &places[i], is_stale, &valid, err) < 0)
			rc = -1;
	free(valid.owners);
	/* what is left without an element goes; if it can't be, it is no harm */
	for (size_t i = 0; i < n; i++)
		if (i == 0 || places[i].family != places[i - 1].family ||
		    strcmp(places[i].table, places[i - 1].table) != 0)
			(void)nft_drop_empty(nft, places[i].family, places[i].table, NULL);
	return rc;
}

static bool is_owned(const struct nft_element *element, const void *arg)
{
	return strcmp(element->owner, arg) == 0;
}

int nft_disown(const char *owner, const struct nft_place *places, size_t n, struct err *err)
{
	AUTO_NFT nft = nft_open(err);
	int rc = 0;

	if (!nft)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (sweep_place(nft, &places[i], is_owned, owner, err) < 0)
			rc = -1;
	return rc;
}
