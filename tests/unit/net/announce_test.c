/* SPDX-License-Identifier: Apache-2.0 */
/* announce_test.c - the frames that tell a segment where an address lives */
#include "cni/net/announce.h"

#include "tests/unit/test.h"

static const struct mac mac = { { 0x02, 0, 0, 0, 0, 0x2a } };

TEST(a_gratuitous_arp_frame)
{
	static const uint8_t wanted[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0,
		0,    0x2a, 0x08, 0x06, /* Ethernet */
		0,    1,    0x08, 0,	6,    4,    0,	  1, /* ARP request */
		0x02, 0,    0,	  0,	0,    0x2a, 10,	  7, 0, 5, /* sender */
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 10,	  7, 0, 5, /* the same address */
	};
	uint8_t frame[ANNOUNCE_FRAME_MAX];
	struct ip ip;

	REQUIRE(ip_parse("10.7.0.5", &ip) == 0);
	REQUIRE(announce_frame(&ip, &mac, false, frame) == sizeof(wanted));
	CHECK(memcmp(frame, wanted, sizeof(wanted)) == 0);
	CHECK_INT(announce_frame(&ip, &mac, true, frame), sizeof(wanted));
	CHECK_INT(frame[21], 2);
}

TEST(an_unsolicited_advertisement_has_a_right_checksum)
{
	enum { ETHERNET = 14, HEADER = 40, MESSAGE = 32 };
	uint8_t frame[ANNOUNCE_FRAME_MAX];
	uint32_t sum = MESSAGE + 58;
	struct ip ip;

	REQUIRE(ip_parse("fd00::5", &ip) == 0);
	REQUIRE(announce_frame(&ip, &mac, false, frame) == ETHERNET + HEADER + MESSAGE);
	/* addresses and message with the checksum in it add up to all ones (RFC 1071) */
	for (size_t i = ETHERNET + 8; i < ETHERNET + HEADER + MESSAGE; i += 2)
		sum += (uint32_t)frame[i] << 8 | frame[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	CHECK_INT(sum, 0xffff);
	CHECK_INT(frame[ETHERNET + 7], 255);
	CHECK_INT(frame[ETHERNET + HEADER], 136);
	CHECK_INT(frame[ETHERNET + HEADER + 4], 0x20);
}
