/* SPDX-License-Identifier: Apache-2.0 */
/* nft_element.c - what an element holds: keys and data in registers' layout, the owner
 *
 * Each part of a key begins at a register of four bytes, the rest of its last
 * one is zero.  What doesn't fit is left out: sizes are those of our own sets.
 * linux/netfilter/nf_tables.h.
 */
#include "cni/nft.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "cni/names.h"

#define OWNER_HASH 17 /* 16 digits */

enum nft_family nft_family(int af)
{
	return af == AF_INET6 ? NFT_IP6 : NFT_IP;
}

static void put(uint8_t *dst, uint8_t *len, size_t max, const void *data, size_t size)
{
	const size_t padded = (size + 3) / 4 * 4;

	if (*len + padded > max)
		return;
	memset(dst + *len, 0, padded);
	memcpy(dst + *len, data, size);
	*len = (uint8_t)(*len + padded);
}

static void key_put(struct nft_element *e, const void *data, size_t size)
{
	put(e->key, &e->key_len, sizeof(e->key), data, size);
}

void nft_key_addr(struct nft_element *e, const struct ip *ip)
{
	key_put(e, ip->bytes, ip_size(ip));
}

void nft_key_u8(struct nft_element *e, uint8_t v)
{
	key_put(e, &v, sizeof(v));
}

void nft_key_u16(struct nft_element *e, uint16_t v)
{
	v = htons(v);
	key_put(e, &v, sizeof(v));
}

void nft_key_ifname(struct nft_element *e, const char *name)
{
	char padded[IFNAMSIZ] = { 0 };

	(void)str_copy(padded, sizeof(padded), name);
	key_put(e, padded, sizeof(padded));
}

void nft_key_mac(struct nft_element *e, const struct mac *mac)
{
	key_put(e, mac->bytes, sizeof(mac->bytes));
}

void nft_data_addr(struct nft_element *e, const struct ip *ip)
{
	put(e->data, &e->data_len, sizeof(e->data), ip->bytes, ip_size(ip));
}

void nft_data_u16(struct nft_element *e, uint16_t v)
{
	v = htons(v);
	put(e->data, &e->data_len, sizeof(e->data), &v, sizeof(v));
}

void nft_data_classid(struct nft_element *e, uint32_t v)
{
	put(e->data, &e->data_len, sizeof(e->data), &v, sizeof(v));
}

void nft_owner(char dst[NFT_OWNER], const char *network, const char *container_id,
	       const char *ifname)
{
	const char *const parts[] = { container_id, ifname };
	char attachment[OWNER_HASH], hash[OWNER_HASH];

	if (str_format(dst, NFT_OWNER, "%s %s %s", network, container_id, ifname) == 0)
		return;
	names_hash(attachment, sizeof(attachment), parts, ARRAY_SIZE(parts));
	names_hash(hash, sizeof(hash), &network, 1);
	/* "#" begins no name */
	(void)!str_format(dst, NFT_OWNER, "#%s %s", hash, attachment);
}

bool nft_owner_of_network(const char *owner, const char *network)
{
	const size_t len = strlen(network);
	char hash[OWNER_HASH];

	if (owner[0] != '#')
		return strncmp(owner, network, len) == 0 && owner[len] == ' ';
	names_hash(hash, sizeof(hash), &network, 1);
	return strncmp(owner + 1, hash, strlen(hash)) == 0;
}

void nft_chain_part_init(struct nft_chain_part *p, const char *prefix, const struct ip_net *net)
{
	const struct ip_net masked = ip_net_masked(net);
	char text[IP_TEXT_MAX], hash[OWNER_HASH];
	const char *parts[] = { ip_net_format(&masked, text) };

	memset(p, 0, sizeof(*p));
	if (net->ip.family == AF_INET) {
		(void)!str_format(p->name, sizeof(p->name), "%s_%s", prefix, text);
	} else {
		names_hash(hash, sizeof(hash), parts, 1);
		(void)!str_format(p->name, sizeof(p->name), "%s_%s", prefix, hash);
	}
	p->chain.name = p->name;
	p->part.chains = &p->chain;
	p->part.n_chains = 1;
	p->part.rules = p->rules;
}

void nft_chain_part_rule(struct nft_chain_part *p, const char *text)
{
	p->rules[p->part.n_rules++] = (struct nft_rule_def){ .chain = p->name, .text = text };
}

void nft_chain_part_set(struct nft_chain_part *p, const char *key, const char *base,
			const char *match)
{
	p->set = (struct nft_set_def){ .name = p->name, .key = key };
	p->part.sets = &p->set;
	p->part.n_sets = 1;
	(void)!str_format(p->jump, sizeof(p->jump), "%s @%s goto %s", match, p->name, p->name);
	p->rules[p->part.n_rules++] = (struct nft_rule_def){ .chain = base, .text = p->jump };
}

static int compare_keys(const void *a, const void *b)
{
	const struct nft_element *x = a, *y = b;

	return memcmp(x->key, y->key, sizeof(x->key));
}

ssize_t nft_unique(struct nft_element *v, size_t n, const struct nft_element **ret_differing)
{
	size_t kept = 0;

	qsort(v, n, sizeof(*v), compare_keys);
	for (size_t i = 0; i < n; i++) {
		const struct nft_element *last = kept > 0 ? &v[kept - 1] : NULL;

		if (last && compare_keys(last, &v[i]) == 0) {
			if (memcmp(last->data, v[i].data, sizeof(last->data)) != 0) {
				*ret_differing = &v[i];
				return -1;
			}
			continue;
		}
		v[kept++] = v[i];
	}
	return (ssize_t)kept;
}
