/* SPDX-License-Identifier: Apache-2.0 */
/* masq.h - ipMasq: what leaves a network has the host's address
 *
 * One element per address of a container, whatever their number: a verdict map
 * leads from the address to a chain of its subnet, in which only what leaves
 * the subnet (and is no multicast) is masqueraded.
 *   table ip skerry_masq: map masq { addr : verdict }, chain net_SUBNET
 */
#ifndef SKERRY_CNI_MASQ_H
#define SKERRY_CNI_MASQ_H

#include <stddef.h>

#include "base/err.h"
#include "cni/ip.h"
#include "cni/netconf.h"

/* Masquerades the addresses (each with the prefix of its subnet) of an
 * attachment.  All or none. */
int masq_add(const char *network, const char *container_id, const char *ifname,
	     const struct ip_net *ips, size_t n, struct err *err);
/* Takes it back; what is not there or somebody else's is left alone.  ips may
 * be unknown (n 0): then all elements are looked through. */
int masq_del(const char *network, const char *container_id, const char *ifname,
	     const struct ip_net *ips, size_t n, struct err *err);
/* Is it as masq_add() left it? */
int masq_check(const char *network, const char *container_id, const char *ifname,
	       const struct ip_net *ips, size_t n, struct err *err);
/* Removes what the network's attachments that are not valid any more left. */
int masq_gc(const struct netconf *conf, struct err *err);

#endif
