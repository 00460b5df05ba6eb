/* SPDX-License-Identifier: Apache-2.0 */
/* nft_rule.c - a rule or a set's type as text, as the steps the kernel runs
 *
 * One pass over words between blanks.  A statement loads its keys one behind
 * the other into registers from 0 on, then says what happens with them; the
 * next statement begins at register 0 again.
 * nft(8); linux/netfilter/nf_tables.h.
 */
#include "cni/nft_rule.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/units.h"

#define WORD_MAX      64
#define TYPE_BITS     6 /* of one part of a concatenated type's number */
#define PORT_MAX      65535
#define NUMBER_MAX    255
#define ETHER_HEADER  12 /* both addresses */
#define IP6_SADDR     8
#define IP4_SADDR     12
#define PORT_LEN      2
#define BITS_PER_BYTE 8
#define REGISTERS     16 /* of four bytes */

/* What can be compared with a value, by what the value looks like. */
enum value_kind {
	VALUE_ADDRESS,
	VALUE_IFNAME,
	VALUE_PORT,
	VALUE_PROTOCOL,
	VALUE_MAC,
	VALUE_CT_STATE,
	VALUE_CT_STATUS,
	VALUE_FIB_TYPE,
	VALUE_MARK
};

struct key {
	const char *words; /* "meta l4proto" */
	enum nft_step_kind kind;
	uint32_t key, offset, len;
	enum value_kind value;
	uint8_t protocol; /* the layer four protocol it implies; 0: none */
};

/* offset and len of addresses are those of IPv4; IPv6 has its own (address_step()). */
static const struct key keys[] = {
	{ "ip saddr", NFT_STEP_PAYLOAD, NFT_PAYLOAD_NETWORK_HEADER, IP4_SADDR, 4, VALUE_ADDRESS,
	  0 },
	{ "ip daddr", NFT_STEP_PAYLOAD, NFT_PAYLOAD_NETWORK_HEADER, IP4_SADDR + 4, 4, VALUE_ADDRESS,
	  0 },
	{ "th sport", NFT_STEP_PAYLOAD, NFT_PAYLOAD_TRANSPORT_HEADER, 0, PORT_LEN, VALUE_PORT, 0 },
	{ "th dport", NFT_STEP_PAYLOAD, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_LEN, PORT_LEN,
	  VALUE_PORT, 0 },
	{ "tcp sport", NFT_STEP_PAYLOAD, NFT_PAYLOAD_TRANSPORT_HEADER, 0, PORT_LEN, VALUE_PORT,
	  IPPROTO_TCP },
	{ "tcp dport", NFT_STEP_PAYLOAD, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_LEN, PORT_LEN,
	  VALUE_PORT, IPPROTO_TCP },
	{ "udp sport", NFT_STEP_PAYLOAD, NFT_PAYLOAD_TRANSPORT_HEADER, 0, PORT_LEN, VALUE_PORT,
	  IPPROTO_UDP },
	{ "udp dport", NFT_STEP_PAYLOAD, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_LEN, PORT_LEN,
	  VALUE_PORT, IPPROTO_UDP },
	{ "sctp sport", NFT_STEP_PAYLOAD, NFT_PAYLOAD_TRANSPORT_HEADER, 0, PORT_LEN, VALUE_PORT,
	  IPPROTO_SCTP },
	{ "sctp dport", NFT_STEP_PAYLOAD, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_LEN, PORT_LEN,
	  VALUE_PORT, IPPROTO_SCTP },
	{ "ether daddr", NFT_STEP_PAYLOAD, NFT_PAYLOAD_LL_HEADER, 0, MAC_BYTES, VALUE_MAC, 0 },
	{ "ether saddr", NFT_STEP_PAYLOAD, NFT_PAYLOAD_LL_HEADER, ETHER_HEADER - MAC_BYTES,
	  MAC_BYTES, VALUE_MAC, 0 },
	{ "meta l4proto", NFT_STEP_META, NFT_META_L4PROTO, 0, 1, VALUE_PROTOCOL, 0 },
	{ "iifname", NFT_STEP_META, NFT_META_IIFNAME, 0, IFNAMSIZ, VALUE_IFNAME, 0 },
	{ "oifname", NFT_STEP_META, NFT_META_OIFNAME, 0, IFNAMSIZ, VALUE_IFNAME, 0 },
	{ "ct state", NFT_STEP_CT, NFT_CT_STATE, 0, 4, VALUE_CT_STATE, 0 },
	{ "ct status", NFT_STEP_CT, NFT_CT_STATUS, 0, 4, VALUE_CT_STATUS, 0 },
	{ "ct original proto-dst", NFT_STEP_CT, NFT_CT_PROTO_DST, 0, PORT_LEN, VALUE_PORT, 0 },
	{ "fib daddr type", NFT_STEP_FIB, 0, 0, 4, VALUE_FIB_TYPE, 0 },
	{ "meta mark", NFT_STEP_META, NFT_META_MARK, 0, 4, VALUE_MARK, 0 },
	{ "ct mark", NFT_STEP_CT, NFT_CT_MARK, 0, 4, VALUE_MARK, 0 },
};

/* What can be set to a key's value or to what a map has for it. */
static const struct settable {
	const char *words;
	enum nft_step_kind kind;
	uint32_t key, direction;
} settables[] = {
	{ "meta priority set", NFT_STEP_SET_META, NFT_META_PRIORITY, 0 },
	{ "meta mark set", NFT_STEP_SET_META, NFT_META_MARK, 0 },
	{ "ct mark set", NFT_STEP_SET_CT, NFT_CT_MARK, 0 },
	{ "ct original zone set", NFT_STEP_SET_CT, NFT_CT_ZONE, IP_CT_DIR_ORIGINAL },
	{ "ct reply zone set", NFT_STEP_SET_CT, NFT_CT_ZONE, IP_CT_DIR_REPLY },
};

struct named {
	const char *name;
	uint32_t value;
};
static const struct named protocols[] = {
	{ "tcp", IPPROTO_TCP },	  { "udp", IPPROTO_UDP },	   { "sctp", IPPROTO_SCTP },
	{ "icmp", IPPROTO_ICMP }, { "ipv6-icmp", IPPROTO_ICMPV6 },
};
static const struct named ct_states[] = {
	{ "invalid", NF_CT_STATE_INVALID_BIT },
	{ "established", NF_CT_STATE_BIT(IP_CT_ESTABLISHED) },
	{ "related", NF_CT_STATE_BIT(IP_CT_RELATED) },
	{ "new", NF_CT_STATE_BIT(IP_CT_NEW) },
};
static const struct named ct_statuses[] = {
	{ "snat", IPS_SRC_NAT },
	{ "dnat", IPS_DST_NAT },
	{ "confirmed", IPS_CONFIRMED },
};
/* XT_CONNTRACK_STATE_BIT() and XT_CONNTRACK_STATE_DNAT of linux/netfilter/xt_conntrack.h */
static const struct named xt_states[] = {
	{ "established", 1U << (IP_CT_ESTABLISHED + 1) },
	{ "related", 1U << (IP_CT_RELATED + 1) },
	{ "new", 1U << (IP_CT_NEW + 1) },
	{ "dnat", 1U << (IP_CT_NUMBER + 2) },
};
static const struct named fib_types[] = {
	{ "local", RTN_LOCAL },
	{ "broadcast", RTN_BROADCAST },
	{ "multicast", RTN_MULTICAST },
	{ "unicast", RTN_UNICAST },
};
static const struct named verdicts[] = {
	{ "accept", NFT_DO_ACCEPT }, { "drop", NFT_DO_DROP }, { "return", NFT_DO_RETURN },
	{ "jump", NFT_DO_JUMP },     { "goto", NFT_DO_GOTO },
};

struct reader {
	const char *text, *next;
	enum nft_family family;
	char word[WORD_MAX];
	struct nft_steps *steps;
	struct err *err;
};

static int complain(struct reader *r, const char *what)
{
	return err_set(r->err, EINVAL, "nftables rule \"%.200s\": %s at \"%.60s\"", r->text, what,
		       r->word);
}

/* The next word into r->word: 1, 0 at the end, -1 when it is too long. */
static int next_word(struct reader *r)
{
	size_t len;

	r->next += strspn(r->next, " \t");
	len = strcspn(r->next, " \t");
	if (len >= sizeof(r->word)) {
		r->word[0] = '\0';
		return complain(r, "too long a word");
	}
	memcpy(r->word, r->next, len);
	r->word[len] = '\0';
	r->next += len;
	return len > 0;
}

/* Is the next word this one?  Then it is taken. */
static bool accept_word(struct reader *r, const char *word)
{
	const char *p = r->next + strspn(r->next, " \t");
	const size_t len = strlen(word);

	if (strncmp(p, word, len) != 0 || (p[len] != '\0' && p[len] != ' ' && p[len] != '\t'))
		return false;
	r->next = p + len;
	return true;
}

static const struct named *find_named(const struct named *v, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].name, name) == 0)
			return &v[i];
	return NULL;
}

static struct nft_step *add_step(struct reader *r, enum nft_step_kind kind, uint32_t reg)
{
	struct nft_step *step;

	if (r->steps->n == NFT_STEPS_MAX) {
		(void)complain(r, "too long a rule");
		return NULL;
	}
	step = &r->steps->v[r->steps->n++];
	memset(step, 0, sizeof(*step));
	step->kind = kind;
	step->reg = reg;
	return step;
}

static bool is_address(const struct key *key)
{
	return key->value == VALUE_ADDRESS;
}

static uint32_t registers(uint32_t len)
{
	return (len + 3) / 4;
}

/* The key whose words come next, or NULL. */
static const struct key *accept_key(struct reader *r)
{
	const char *begin = r->next + strspn(r->next, " \t");

	/* either name means the family the rule is made for */
	if (str_starts(begin, "ip6 ")) {
		const char *saved = r->next;

		r->next = begin + strlen("ip6 ");
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
			if (is_address(&keys[i]) && accept_word(r, keys[i].words + strlen("ip ")))
				return &keys[i];
		r->next = saved;
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (accept_word(r, keys[i].words))
			return &keys[i];
	return NULL;
}

static uint32_t key_length(const struct reader *r, const struct key *key)
{
	return is_address(key) && r->family == NFT_IP6 ? 16 : key->len;
}

/* "tcp dport" holds for TCP only, so that is compared first. */
static int imply_protocol(struct reader *r, const struct key *key)
{
	struct nft_step *load = add_step(r, NFT_STEP_META, 0);
	struct nft_step *compare = add_step(r, NFT_STEP_COMPARE, 0);

	if (!load || !compare)
		return -1;
	load->key = NFT_META_L4PROTO;
	load->len = 1;
	compare->op = NFT_CMP_EQ;
	compare->len = 1;
	compare->value[0] = key->protocol;
	return 0;
}

static int load_key(struct reader *r, const struct key *key, uint32_t reg)
{
	struct nft_step *step;

	if (is_address(key) && r->family != NFT_IP && r->family != NFT_IP6)
		return complain(r, "addresses in a table of another family");
	step = add_step(r, key->kind, reg);
	if (!step)
		return -1;
	step->key = key->key;
	step->offset = key->offset;
	step->len = key_length(r, key);
	if (is_address(key) && r->family == NFT_IP6)
		step->offset = key->offset == IP4_SADDR ? IP6_SADDR : IP6_SADDR + 16;
	return 0;
}

/* Flags by name, separated by commas. */
static int parse_flags(struct reader *r, const struct named *names, size_t n, uint32_t *ret)
{
	uint32_t flags = 0;
	char *next = r->word;

	while (next) {
		const char *name = strsep(&next, ",");
		const struct named *found = find_named(names, n, name);

		if (!found)
			return complain(r, "unknown flag");
		flags |= found->value;
	}
	*ret = flags;
	return 0;
}

static int mask_step(struct reader *r, const void *mask, uint32_t len)
{
	struct nft_step *step = add_step(r, NFT_STEP_MASK, 0);

	if (!step)
		return -1;
	step->len = len;
	memcpy(step->value, mask, len);
	return 0;
}

static int compare_step(struct reader *r, bool negate, const void *value, uint32_t len)
{
	struct nft_step *step = add_step(r, NFT_STEP_COMPARE, 0);

	if (!step)
		return -1;
	step->op = negate ? NFT_CMP_NEQ : NFT_CMP_EQ;
	step->len = len;
	memcpy(step->value, value, len);
	return 0;
}

static int compare_address(struct reader *r, bool negate)
{
	const int family = r->family == NFT_IP6 ? AF_INET6 : AF_INET;
	uint8_t mask[NFT_VALUE_MAX] = { 0 };
	struct ip_net net;
	struct ip first;

	if (ip_net_parse_any(r->word, &net) < 0 || net.ip.family != family)
		return complain(r, "no address of this family");
	first = ip_net_first(&net);
	if (net.prefix < ip_bits(&net.ip)) {
		for (unsigned int bit = 0; bit < net.prefix; bit++)
			mask[bit / BITS_PER_BYTE] |= (uint8_t)(0x80U >> bit % BITS_PER_BYTE);
		if (mask_step(r, mask, (uint32_t)ip_size(&net.ip)) < 0)
			return -1;
	}
	return compare_step(r, negate, first.bytes, (uint32_t)ip_size(&net.ip));
}

static int compare_ifname(struct reader *r, bool negate)
{
	char name[IFNAMSIZ] = { 0 };
	size_t len = strlen(r->word);

	if (len >= 2 && r->word[0] == '"' && r->word[len - 1] == '"') {
		memmove(r->word, r->word + 1, len - 2);
		len -= 2;
		r->word[len] = '\0';
	}
	if (len == 0 || len >= IFNAMSIZ)
		return complain(r, "no interface name");
	memcpy(name, r->word, len);
	if (name[len - 1] == '*')
		return compare_step(r, negate, name, (uint32_t)len - 1);
	return compare_step(r, negate, name, IFNAMSIZ);
}

static int compare_flags(struct reader *r, bool negate, const struct named *names, size_t n)
{
	const uint32_t none = 0;
	uint32_t flags;

	if (parse_flags(r, names, n, &flags) < 0 || mask_step(r, &flags, sizeof(flags)) < 0)
		return -1;
	return compare_step(r, !negate, &none, sizeof(none)); /* one of them is set */
}

static int compare_number(struct reader *r, const struct key *key, bool negate)
{
	const struct named *protocol = find_named(protocols, ARRAY_SIZE(protocols), r->word);
	const bool is_port = key->value == VALUE_PORT;
	uint64_t number;

	if (!is_port && protocol)
		number = protocol->value;
	else if (units_u64(r->word, is_port ? PORT_MAX : NUMBER_MAX, &number) < 0)
		return complain(r, "no number");
	if (is_port) {
		const uint16_t port = htons((uint16_t)number);

		return compare_step(r, negate, &port, sizeof(port));
	}
	return compare_step(r, negate, &(uint8_t){ (uint8_t)number }, 1);
}

static int compare_value(struct reader *r, const struct key *key, bool negate)
{
	const struct named *type;
	struct mac mac;
	uint64_t number;
	uint32_t mark;

	switch (key->value) {
	case VALUE_ADDRESS:
		return compare_address(r, negate);
	case VALUE_IFNAME:
		return compare_ifname(r, negate);
	case VALUE_PORT:
	case VALUE_PROTOCOL:
		return compare_number(r, key, negate);
	case VALUE_MAC:
		if (mac_parse(r->word, &mac) < 0)
			return complain(r, "no hardware address");
		return compare_step(r, negate, mac.bytes, MAC_BYTES);
	case VALUE_CT_STATE:
		return compare_flags(r, negate, ct_states, ARRAY_SIZE(ct_states));
	case VALUE_CT_STATUS:
		return compare_flags(r, negate, ct_statuses, ARRAY_SIZE(ct_statuses));
	case VALUE_MARK:
		if (units_u64(r->word, UINT32_MAX, &number) < 0)
			return complain(r, "no mark");
		mark = (uint32_t)number;
		return compare_step(r, negate, &mark, sizeof(mark));
	case VALUE_FIB_TYPE:
		type = find_named(fib_types, ARRAY_SIZE(fib_types), r->word);
		if (!type)
			return complain(r, "no type of address");
		return compare_step(r, negate, &type->value, sizeof(type->value));
	}
	return complain(r, "no value");
}

/* KEY [. KEY]...: loads them; *ret_last is the last, *ret_n how many. */
static int load_keys(struct reader *r, const struct key *first, const struct key **ret_last,
		     size_t *ret_n)
{
	const struct key *key = first;
	uint32_t reg = 0;
	size_t n = 0;

	for (;;) {
		if (n == NFT_PARTS_MAX)
			return complain(r, "too many keys");
		if (reg + registers(key_length(r, key)) > REGISTERS)
			return complain(r, "too long a key");
		if (key->protocol != 0 && n > 0)
			return complain(r, "write \"th\" behind \".\"");
		if (key->protocol != 0 && imply_protocol(r, key) < 0)
			return -1;
		if (load_key(r, key, reg) < 0)
			return -1;
		reg += registers(key_length(r, key));
		n++;
		if (!accept_word(r, "."))
			break;
		key = accept_key(r);
		if (!key)
			return complain(r, "no key behind \".\"");
	}
	*ret_last = key;
	*ret_n = n;
	return 0;
}

static struct nft_step *lookup_step(struct reader *r)
{
	struct nft_step *step;

	if (next_word(r) <= 0 || r->word[0] != '@') {
		(void)complain(r, "no @set");
		return NULL;
	}
	step = add_step(r, NFT_STEP_LOOKUP, 0);
	if (step &&
	    (r->word[1] == '\0' || str_copy(step->name, sizeof(step->name), r->word + 1) < 0)) {
		(void)complain(r, "no name of a set");
		return NULL;
	}
	return step;
}

static int match_statement(struct reader *r, const struct key *first)
{
	const struct key *last;
	struct nft_step *lookup;
	bool negate;
	size_t n;

	if (load_keys(r, first, &last, &n) < 0)
		return -1;
	if (accept_word(r, "vmap")) {
		lookup = lookup_step(r);
		if (!lookup)
			return -1;
		lookup->to_verdict = true;
		return 0;
	}
	negate = accept_word(r, "!=");
	if (r->next[strspn(r->next, " \t")] == '@') {
		lookup = lookup_step(r);
		if (!lookup)
			return -1;
		lookup->negate = negate;
		return 0;
	}
	if (next_word(r) <= 0 || n != 1)
		return complain(r, "no value");
	return compare_value(r, last, negate);
}

/* dnat to KEY... map @MAP; "ip" and "ip6" may stand in front of "to". */
static int dnat_statement(struct reader *r)
{
	const struct key *first, *last;
	struct nft_step *lookup, *dnat;
	size_t n;

	(void)(accept_word(r, "ip") || accept_word(r, "ip6"));
	if (!accept_word(r, "to"))
		return complain(r, "no \"to\"");
	first = accept_key(r);
	if (!first)
		return complain(r, "no key");
	if (load_keys(r, first, &last, &n) < 0)
		return -1;
	if (!accept_word(r, "map"))
		return complain(r, "no \"map\"");
	lookup = lookup_step(r);
	dnat = add_step(r, NFT_STEP_DNAT, 0);
	if (!lookup || !dnat)
		return -1;
	lookup->to_data = true;
	dnat->port_reg = registers(r->family == NFT_IP6 ? 16 : 4);
	return 0;
}

/* WHAT set KEY... [map @MAP] */
static int set_statement(struct reader *r, const struct settable *what)
{
	const struct key *first, *last;
	struct nft_step *lookup, *set;
	size_t n;

	first = accept_key(r);
	if (!first)
		return complain(r, "no key");
	if (load_keys(r, first, &last, &n) < 0)
		return -1;
	if (accept_word(r, "map")) {
		lookup = lookup_step(r);
		if (!lookup)
			return -1;
		lookup->to_data = true;
	} else if (n > 1) {
		return complain(r, "no \"map\"");
	}
	set = add_step(r, what->kind, 0);
	if (!set)
		return -1;
	set->key = what->key;
	set->op = what->direction;
	return 0;
}

static const struct settable *accept_settable(struct reader *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(settables); i++)
		if (accept_word(r, settables[i].words))
			return &settables[i];
	return NULL;
}

/* ct count over NUMBER */
static int count_statement(struct reader *r)
{
	struct nft_step *step = add_step(r, NFT_STEP_CONNLIMIT, 0);
	uint64_t number;

	if (!step)
		return -1;
	if (next_word(r) <= 0 || units_u64(r->word, UINT32_MAX, &number) < 0)
		return complain(r, "no number");
	step->key = (uint32_t)number;
	return 0;
}

static int verdict_statement(struct reader *r, const struct named *verdict)
{
	struct nft_step *step = add_step(r, NFT_STEP_VERDICT, 0);

	if (!step)
		return -1;
	step->verdict = (enum nft_do)verdict->value;
	if (step->verdict != NFT_DO_JUMP && step->verdict != NFT_DO_GOTO)
		return 0;
	if (next_word(r) <= 0 || str_copy(step->name, sizeof(step->name), r->word) < 0)
		return complain(r, "no name of a chain");
	return 0;
}

static int xt_statement(struct reader *r)
{
	struct nft_step *step = add_step(r, NFT_STEP_XT_CONNTRACK, 0);

	if (!step)
		return -1;
	if (!accept_word(r, "conntrack") || next_word(r) <= 0)
		return complain(r, "no state");
	return parse_flags(r, xt_states, ARRAY_SIZE(xt_states), &step->key);
}

static int statement(struct reader *r)
{
	const struct settable *what = accept_settable(r);
	const struct key *key = what ? NULL : accept_key(r);
	const struct named *verdict;

	if (what)
		return set_statement(r, what);
	if (key)
		return match_statement(r, key);
	if (accept_word(r, "ct count over"))
		return count_statement(r);
	if (next_word(r) < 0)
		return -1;
	verdict = find_named(verdicts, ARRAY_SIZE(verdicts), r->word);
	if (verdict)
		return verdict_statement(r, verdict);
	if (strcmp(r->word, "dnat") == 0)
		return dnat_statement(r);
	if (strcmp(r->word, "xt") == 0)
		return xt_statement(r);
	if (strcmp(r->word, "masquerade") == 0)
		return add_step(r, NFT_STEP_MASQUERADE, 0) ? 0 : -1;
	if (strcmp(r->word, "counter") == 0)
		return add_step(r, NFT_STEP_COUNTER, 0) ? 0 : -1;
	return complain(r, "no statement");
}

int nft_rule_parse(const char *text, enum nft_family family, struct nft_steps *ret, struct err *err)
{
	struct reader r = {
		.text = text, .next = text, .family = family, .steps = ret, .err = err
	};

	ret->n = 0;
	do {
		if (statement(&r) < 0)
			return -1;
	} while (r.next[strspn(r.next, " \t")] != '\0');
	return 0;
}

/* --- types ----------------------------------------------------------------------- */

/* Their numbers are nft's own (its src/datatype): it shows elements by them. */
static const struct {
	const char *name;
	uint32_t id, len;
} types[] = {
	{ "ipv4_addr", 7, 4 },
	{ "ipv6_addr", 8, 16 },
	{ "ether_addr", 9, MAC_BYTES },
	{ "inet_proto", 12, 1 },
	{ "inet_service", 13, PORT_LEN },
	{ "ifname", 41, IFNAMSIZ },
	{ "classid", 23, 4 },
	{ "mark", 19, 4 },
};

static int type_part(const char *name, enum nft_family family, struct nft_type *type)
{
	if (strcmp(name, "addr") == 0)
		name = family == NFT_IP6 ? "ipv6_addr" : "ipv4_addr";
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(types[i].name, name) != 0)
			continue;
		type->id = type->id << TYPE_BITS | types[i].id;
		type->part_len[type->n_parts++] = (uint8_t)types[i].len;
		return 0;
	}
	return -1;
}

int nft_type_parse(const char *text, enum nft_family family, struct nft_type *ret, struct err *err)
{
	struct reader r = { .text = text, .next = text, .family = family, .err = err };

	memset(ret, 0, sizeof(*ret));
	do {
		if (next_word(&r) <= 0 || ret->n_parts == NFT_PARTS_MAX ||
		    type_part(r.word, family, ret) < 0)
			return complain(&r, "no type");
	} while (accept_word(&r, "."));
	if (r.next[strspn(r.next, " \t")] != '\0')
		return complain(&r, "no \".\"");
	/* a lone part has its own length; in a concatenation each is padded */
	if (ret->n_parts == 1) {
		ret->len = ret->part_len[0];
		return 0;
	}
	for (size_t i = 0; i < ret->n_parts; i++)
		ret->len += registers(ret->part_len[i]) * 4;
	return ret->len <= REGISTERS * 4 ? 0 : complain(&r, "too long a type");
}
