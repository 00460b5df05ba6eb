/* SPDX-License-Identifier: Apache-2.0 */
/* accept.h - a way through the host's own FORWARD chain
 *
 * Docker, ufw and the like set the policy of iptables' FORWARD chain to drop.
 * No other table can overrule that, so there, and only there, the network's
 * interface on the host gets rules in that table, as iptables itself would
 * write them:
 *
 *	-A FORWARD -j SKERRY-FORWARD                        first
 *	-A SKERRY-FORWARD -i br0 -j ACCEPT
 *	-A SKERRY-FORWARD -o br0 -j SKERRY-br0
 *	-A SKERRY-br0 -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT
 *
 * Rules of an interface, not of a container.  iptables-nft's tables only:
 * those of the legacy back end are not to be seen through nf_tables.
 */
#ifndef SKERRY_CNI_PLUGINS_FIREWALL_ACCEPT_H
#define SKERRY_CNI_PLUGINS_FIREWALL_ACCEPT_H

#include "base/err.h"
#include "cni/skel.h"

/* Nothing to do where FORWARD doesn't drop. */
int accept_add(struct cni_call *call, struct err *err);
int accept_check(struct cni_call *call, struct err *err);

#endif
