/* SPDX-License-Identifier: Apache-2.0 */
/* ip.h - addresses and prefixes of both families
 *
 * Pure: text to value and back, and the arithmetic of ranges.  An IPv4 address
 * mapped into IPv6 ("::ffff:10.0.0.1") is taken as IPv4, as Go does.
 */
#ifndef SKERRY_CNI_IP_H
#define SKERRY_CNI_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IP_TEXT_MAX  64 /* with "/128" and the NUL */
#define IP_BYTES_MAX 16
#define MAC_BYTES    6
#define MAC_TEXT_MAX 18

struct ip {
	uint8_t family; /* AF_INET, AF_INET6; 0: none */
	uint8_t bytes[IP_BYTES_MAX]; /* network order; 4 or 16 of them */
};

/* An address with the length of its network: host bits are kept. */
struct ip_net {
	struct ip ip;
	uint8_t prefix;
};

struct mac {
	uint8_t bytes[MAC_BYTES];
};

/* 4, 16; 0 for none. */
size_t ip_size(const struct ip *ip);
/* 32, 128; 0 for none. */
unsigned int ip_bits(const struct ip *ip);

/* The whole text must be it: 0, or -1 with errno EINVAL. */
int ip_parse(const char *text, struct ip *ret);
int ip_net_parse(const char *text, struct ip_net *ret);
/* ADDRESS or ADDRESS/PREFIX; without a prefix it is that of a single address. */
int ip_net_parse_any(const char *text, struct ip_net *ret);
/* Into dst (IP_TEXT_MAX bytes), which is returned; "" for none. */
const char *ip_format(const struct ip *ip, char *dst);
const char *ip_net_format(const struct ip_net *net, char *dst);

bool ip_is_none(const struct ip *ip);
/* 0.0.0.0 or :: */
bool ip_is_unspecified(const struct ip *ip);
bool ip_eq(const struct ip *a, const struct ip *b);
bool ip_net_eq(const struct ip_net *a, const struct ip_net *b);
/* memcmp() of the bytes: < 0, 0, > 0; families must be the same. */
int ip_compare(const struct ip *a, const struct ip *b);
/* The address `delta` away; -1 when it runs over the end of the address space. */
int ip_add(const struct ip *ip, int64_t delta, struct ip *ret);

/* The first address of the network (host bits cleared) and the last one. */
struct ip ip_net_first(const struct ip_net *net);
struct ip ip_net_last(const struct ip_net *net);
struct ip_net ip_net_masked(const struct ip_net *net);
bool ip_net_contains(const struct ip_net *net, const struct ip *ip);
/* Have the networks an address in common? */
bool ip_net_overlaps(const struct ip_net *a, const struct ip_net *b);

/* "aa:bb:cc:dd:ee:ff" ("-" and "." as Go takes them): 0, or -1 with EINVAL. */
int mac_parse(const char *text, struct mac *ret);
const char *mac_format(const struct mac *mac, char *dst); /* MAC_TEXT_MAX bytes */
bool mac_eq(const struct mac *a, const struct mac *b);

#endif
