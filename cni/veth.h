/* SPDX-License-Identifier: Apache-2.0 */
/* veth.h - a pair of interfaces: one end here, the other in the container
 *
 * Made by one request with everything chosen by us (names, numbers, hardware
 * addresses), so that nothing has to be asked afterwards and nothing is moved
 * or renamed.  The alias of the end here says whose it is: "NETWORK ID IFNAME".
 */
#ifndef SKERRY_CNI_VETH_H
#define SKERRY_CNI_VETH_H

#include <net/if.h>
#include <stdint.h>

#include "base/err.h"
#include "cni/ip.h"
#include "cni/skel.h"

#define VETH_MTU 1500 /* the kernel's own choice */

struct veth {
	/* asked for */
	const char *inside_name;
	const char *name; /* of the end here; NULL: "veth" and a random number */
	uint32_t mtu; /* 0: VETH_MTU */
	int master; /* of the end here; 0: none */
	bool down; /* the end here stays down */
	bool has_mac; /* inside_mac is given */
	/* what came of it; mac and inside_mac may be looked at before */
	char host_name[IFNAMSIZ];
	int index, inside_index;
	struct mac mac, inside_mac;
};

/* Chooses the hardware addresses; veth_make() needs it. */
void veth_init(struct veth *v);
/* The end here is up unless it is to stay down, the other one is in the call's namespace
 * (call->netns) and down.  What waits in cni_host() is sent with it.  An interface of that name in
 * the container is an error (EEXIST). */
int veth_make(struct cni_call *call, struct veth *v, struct err *err);
/* Until packets pass: the kernel notices the carrier by itself a moment after the other end is up,
 * and drops what is sent before. It takes less than a millisecond; nothing is said when it doesn't. */
void veth_wait(struct cni_call *call, const struct veth *v);
/* GC: removes the pairs of this network whose attachment isn't valid. */
int veth_gc(struct cni_call *call, struct err *err);

#endif
