/* SPDX-License-Identifier: Apache-2.0 */
/* macspoof.h - macspoofchk: a bridge port sends with its own hardware address only
 *
 * table bridge skerry_macspoof: set checked { ifname }, set allowed
 * { ifname . ether_addr }; two elements per port, two rules in all.
 */
#ifndef SKERRY_CNI_MACSPOOF_H
#define SKERRY_CNI_MACSPOOF_H

#include "base/err.h"
#include "cni/ip.h"
#include "cni/netconf.h"

/* port: the host's end of the veth pair.  network, container_id and ifname say whose it is. */
struct macspoof {
	const char *network, *container_id, *ifname, *port;
	struct mac mac; /* of the container's interface */
};

int macspoof_add(const struct macspoof *m, struct err *err);
/* port NULL: not known any more, all elements are looked through. */
int macspoof_del(const struct macspoof *m, struct err *err);
int macspoof_check(const struct macspoof *m, struct err *err);
int macspoof_gc(const struct netconf *conf, struct err *err);

#endif
