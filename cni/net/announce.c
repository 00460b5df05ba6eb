/* SPDX-License-Identifier: Apache-2.0 */
/* announce.c - tell a segment where an address lives now
 *
 * Frames are made here and sent raw, so that nothing depends on what state the
 * kernel's own detection is in.
 * RFC 826; RFC 5227 section 3 (request and reply, since some hosts hear one of
 * them only); RFC 4861 sections 4.4 and 7.2.6; RFC 2464; packet(7).
 */
#include "cni/net/announce.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>

#include "base/compiler.h"
#include "base/fd.h"
#include "cni/netns.h"

#define TIMES		3
#define ARP_ETHERNET	1
#define ARP_REQUEST	1
#define ARP_REPLY	2
#define IPV4_SIZE	4
#define IPV6_SIZE	16
#define IPV6_HEADER	40
#define NA_SIZE		32 /* header, target, option with the hardware address */
#define NA_TYPE		136
#define NA_OVERRIDE	0x20
#define NA_OPTION	2 /* target link-layer address */
#define ICMPV6		58
#define HOPS		255 /* what came through a router doesn't count */
#define NODES_MULTICAST 0x33, 0x33, 0, 0, 0, 1

static size_t put(uint8_t *frame, size_t at, const void *data, size_t size)
{
	memcpy(frame + at, data, size);
	return at + size;
}

static size_t put_u16(uint8_t *frame, size_t at, uint16_t v)
{
	v = htons(v);
	return put(frame, at, &v, sizeof(v));
}

static size_t arp_frame(const struct ip *ip, const struct mac *mac, bool reply, uint8_t *frame)
{
	static const struct mac all = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	static const uint8_t sizes[] = { MAC_BYTES, IPV4_SIZE };
	size_t at = put(frame, 0, all.bytes, MAC_BYTES);

	at = put(frame, at, mac->bytes, MAC_BYTES);
	at = put_u16(frame, at, ETH_P_ARP);
	at = put_u16(frame, at, ARP_ETHERNET);
	at = put_u16(frame, at, ETH_P_IP);
	at = put(frame, at, sizes, sizeof(sizes));
	at = put_u16(frame, at, reply ? ARP_REPLY : ARP_REQUEST);
	at = put(frame, at, mac->bytes, MAC_BYTES);
	at = put(frame, at, ip->bytes, IPV4_SIZE);
	at = put(frame, at, all.bytes, MAC_BYTES);
	return put(frame, at, ip->bytes, IPV4_SIZE);
}

/* Of 16-bit words in network order; the last bytes come even (RFC 1071). */
static uint32_t sum_words(const uint8_t *data, size_t size)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	return sum;
}

static uint16_t checksum(const uint8_t *addresses, const uint8_t *message)
{
	uint32_t sum = sum_words(addresses, 2 * (size_t)IPV6_SIZE) + sum_words(message, NA_SIZE) +
		       NA_SIZE + ICMPV6;

	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static size_t na_frame(const struct ip *ip, const struct mac *mac, uint8_t *frame)
{
	static const uint8_t nodes_mac[MAC_BYTES] = { NODES_MULTICAST };
	static const uint8_t nodes[IPV6_SIZE] = { 0xff, 0x02, [15] = 1 };
	static const uint8_t head[] = { 0x60, 0, 0, 0, 0, NA_SIZE, ICMPV6, HOPS };
	static const uint8_t message[] = { NA_TYPE, 0, 0, 0, NA_OVERRIDE, 0, 0, 0 };
	static const uint8_t option[] = { NA_OPTION, 1 };
	size_t at = put(frame, 0, nodes_mac, MAC_BYTES), ip_at, body;
	uint16_t sum;

	at = put(frame, at, mac->bytes, MAC_BYTES);
	ip_at = put_u16(frame, at, ETH_P_IPV6);
	at = put(frame, ip_at, head, sizeof(head));
	at = put(frame, at, ip->bytes, IPV6_SIZE);
	body = put(frame, at, nodes, IPV6_SIZE);
	at = put(frame, body, message, sizeof(message));
	at = put(frame, at, ip->bytes, IPV6_SIZE);
	at = put(frame, at, option, sizeof(option));
	at = put(frame, at, mac->bytes, MAC_BYTES);
	sum = checksum(frame + ip_at + sizeof(head), frame + body);
	(void)put_u16(frame, body + 2, sum);
	return at;
}

size_t announce_frame(const struct ip *ip, const struct mac *mac, bool reply,
		      uint8_t frame[ANNOUNCE_FRAME_MAX])
{
	return ip->family == AF_INET6 ? na_frame(ip, mac, frame) : arp_frame(ip, mac, reply, frame);
}

int announce(int netns, int index, const struct ip *ip, const struct mac *mac, struct err *err)
{
	const struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = index };
	AUTO_FD sock = netns_socket(netns, AF_PACKET, SOCK_RAW, 0, err);
	const int kinds = ip->family == AF_INET6 ? 1 : 2;
	uint8_t frame[ANNOUNCE_FRAME_MAX];

	if (sock < 0)
		return -1;
	for (int i = 0; i < TIMES * kinds; i++) {
		const size_t size = announce_frame(ip, mac, i % kinds != 0, frame);

		if (sendto(sock, frame, size, 0, (const struct sockaddr *)&to, sizeof(to)) < 0 &&
		    errno != ENOBUFS)
			return err_sys(err, "announce an address");
	}
	return 0;
}
