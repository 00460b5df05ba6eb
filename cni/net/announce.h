/* SPDX-License-Identifier: Apache-2.0 */
/* announce.h - tell a segment where an address lives now */
#ifndef SKERRY_CNI_NET_ANNOUNCE_H
#define SKERRY_CNI_NET_ANNOUNCE_H

#include "base/err.h"
#include "cni/ip.h"

#define ANNOUNCE_FRAME_MAX 128
/* The frame: a gratuitous ARP packet (request, or reply where `reply`), an unsolicited neighbour
 * advertisement.  Its length. */
size_t announce_frame(const struct ip *ip, const struct mac *mac, bool reply,
		      uint8_t frame[ANNOUNCE_FRAME_MAX]);

/* Sends them for one address through the interface of the namespace (-1: here), each of them three
 * times: what takes part in the segment learns the hardware address, and switches the place. */
int announce(int netns, int index, const struct ip *ip, const struct mac *mac, struct err *err);

#endif
