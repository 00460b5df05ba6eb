/* SPDX-License-Identifier: Apache-2.0 */
/* ip.c - addresses and prefixes of both families
 *
 * Arithmetic is done on the bytes in network order, from the last to the
 * first, so that both families are one case.
 * inet_pton(3), RFC 4291 section 2.5.5.2 (mapped addresses), RFC 5952.
 */
#include "cni/ip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/units.h"

#define V4_BYTES	4
#define V6_BYTES	16
#define BITS_PER_BYTE	8U
#define V4_MAPPED_BYTES 12

size_t ip_size(const struct ip *ip)
{
	if (ip->family == AF_INET)
		return V4_BYTES;
	return ip->family == AF_INET6 ? V6_BYTES : 0;
}

unsigned int ip_bits(const struct ip *ip)
{
	return (unsigned int)ip_size(ip) * BITS_PER_BYTE;
}

int ip_parse(const char *text, struct ip *ret)
{
	struct ip ip = { .family = AF_INET };
	struct in6_addr v6;

	if (inet_pton(AF_INET, text, ip.bytes) == 1) {
		*ret = ip;
		return 0;
	}
	if (inet_pton(AF_INET6, text, &v6) != 1) {
		errno = EINVAL;
		return -1;
	}
	if (IN6_IS_ADDR_V4MAPPED(&v6)) {
		memcpy(ip.bytes, v6.s6_addr + V4_MAPPED_BYTES, V4_BYTES);
	} else {
		ip.family = AF_INET6;
		memcpy(ip.bytes, v6.s6_addr, V6_BYTES);
	}
	*ret = ip;
	return 0;
}

static int net_parse(const char *text, bool prefix_required, struct ip_net *ret)
{
	const char *slash = strchr(text, '/');
	char address[IP_TEXT_MAX];
	struct ip_net net;
	uint64_t prefix;

	if (!slash) {
		if (prefix_required) {
			errno = EINVAL;
			return -1;
		}
		slash = text + strlen(text);
	}
	if ((size_t)(slash - text) >= sizeof(address)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (ip_parse(address, &net.ip) < 0)
		return -1;
	prefix = ip_bits(&net.ip);
	if (*slash && units_u64(slash + 1, prefix, &prefix) < 0) {
		errno = EINVAL;
		return -1;
	}
	net.prefix = (uint8_t)prefix;
	*ret = net;
	return 0;
}

int ip_net_parse(const char *text, struct ip_net *ret)
{
	return net_parse(text, true, ret);
}

int ip_net_parse_any(const char *text, struct ip_net *ret)
{
	return net_parse(text, false, ret);
}

const char *ip_format(const struct ip *ip, char *dst)
{
	dst[0] = '\0';
	if (ip->family != 0 && !inet_ntop(ip->family, ip->bytes, dst, IP_TEXT_MAX))
		dst[0] = '\0';
	return dst;
}

const char *ip_net_format(const struct ip_net *net, char *dst)
{
	size_t n;

	(void)ip_format(&net->ip, dst);
	n = strlen(dst);
	if (n > 0)
		(void)snprintf(dst + n, IP_TEXT_MAX - n, "/%u", net->prefix);
	return dst;
}

bool ip_is_none(const struct ip *ip)
{
	return ip->family == 0;
}

bool ip_is_unspecified(const struct ip *ip)
{
	static const uint8_t zeros[IP_BYTES_MAX];

	return ip->family != 0 && memcmp(ip->bytes, zeros, ip_size(ip)) == 0;
}

bool ip_eq(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, ip_size(a)) == 0;
}

bool ip_net_eq(const struct ip_net *a, const struct ip_net *b)
{
	return a->prefix == b->prefix && ip_eq(&a->ip, &b->ip);
}

int ip_compare(const struct ip *a, const struct ip *b)
{
	return memcmp(a->bytes, b->bytes, ip_size(a));
}

int ip_add(const struct ip *ip, int64_t delta, struct ip *ret)
{
	struct ip sum = *ip;
	/* two's complement, byte by byte: what is above the 64 bits of delta is its sign */
	uint64_t rest = (uint64_t)delta;
	unsigned int fill = delta < 0 ? 0xff : 0, carry = 0;

	for (size_t i = ip_size(ip), n = 0; i > 0; i--, n++) {
		unsigned int byte = n < sizeof(rest) ? (unsigned int)(rest & 0xff) : fill;
		unsigned int v = sum.bytes[i - 1] + byte + carry;

		sum.bytes[i - 1] = (uint8_t)v;
		carry = v >> BITS_PER_BYTE;
		rest >>= BITS_PER_BYTE;
	}
	/* going up may not carry out, going down must (a borrow is the lack of a carry); for IPv4
	 * what is left of delta must be its sign alone */
	if (ip_size(ip) == V4_BYTES && (delta > UINT32_MAX || delta < -(int64_t)UINT32_MAX)) {
		errno = ERANGE;
		return -1;
	}
	if ((delta < 0) != (carry != 0)) {
		errno = ERANGE;
		return -1;
	}
	*ret = sum;
	return 0;
}

/* Every bit behind the prefix becomes `ones`. */
static struct ip fill_host(const struct ip_net *net, bool ones)
{
	struct ip ip = net->ip;

	for (unsigned int bit = net->prefix; bit < ip_bits(&ip); bit++) {
		uint8_t mask = (uint8_t)(0x80U >> (bit % BITS_PER_BYTE));

		if (ones)
			ip.bytes[bit / BITS_PER_BYTE] |= mask;
		else
			ip.bytes[bit / BITS_PER_BYTE] &= (uint8_t)~mask;
	}
	return ip;
}

struct ip ip_net_first(const struct ip_net *net)
{
	return fill_host(net, false);
}

struct ip ip_net_last(const struct ip_net *net)
{
	return fill_host(net, true);
}

struct ip_net ip_net_masked(const struct ip_net *net)
{
	struct ip_net masked = { .ip = ip_net_first(net), .prefix = net->prefix };

	return masked;
}

bool ip_net_contains(const struct ip_net *net, const struct ip *ip)
{
	struct ip_net other = { .ip = *ip, .prefix = net->prefix };
	struct ip a, b;

	if (net->ip.family != ip->family)
		return false;
	a = ip_net_first(net);
	b = ip_net_first(&other);
	return ip_eq(&a, &b);
}

bool ip_net_overlaps(const struct ip_net *a, const struct ip_net *b)
{
	return a->prefix <= b->prefix ? ip_net_contains(a, &b->ip) : ip_net_contains(b, &a->ip);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The digits in order, whatever separates them: after every byte ':' or '-',
 * after every second one '.'. */
static bool mac_digits(const char *text, size_t group, char separator, struct mac *ret)
{
	for (size_t i = 0; i < MAC_BYTES; i++) {
		int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0)
			return false;
		ret->bytes[i] = (uint8_t)(high << 4 | low);
		text += 2;
		if (i + 1 < MAC_BYTES && (i + 1) % group == 0 && *text++ != separator)
			return false;
	}
	return *text == '\0';
}

int mac_parse(const char *text, struct mac *ret)
{
	struct mac mac;

	if (!mac_digits(text, 1, ':', &mac) && !mac_digits(text, 1, '-', &mac) &&
	    !mac_digits(text, 2, '.', &mac)) {
		errno = EINVAL;
		return -1;
	}
	*ret = mac;
	return 0;
}

const char *mac_format(const struct mac *mac, char *dst)
{
	const uint8_t *b = mac->bytes;

	(void)snprintf(dst, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3],
		       b[4], b[5]);
	return dst;
}

bool mac_eq(const struct mac *a, const struct mac *b)
{
	return memcmp(a->bytes, b->bytes, MAC_BYTES) == 0;
}
