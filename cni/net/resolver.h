/* SPDX-License-Identifier: Apache-2.0 */
/* resolver.h - the containers of a network find each other by name
 *
 * One dnsmasq(8) per network, on the address of its bridge, as long as a
 * container that has names is in it.  RUN/resolver/NETWORK/hosts/CONTAINER holds a
 * container's names; dnsmasq watches the folder.  What it does not know it
 * asks the host's own servers.
 */
#ifndef SKERRY_CNI_NET_RESOLVER_H
#define SKERRY_CNI_NET_RESOLVER_H

#include "base/err.h"
#include "cni/ip.h"
#include "cni/net/net.h"

/* Is dnsmasq installed? */
bool resolver_exists(void);
/* Adds the lines ("ADDRESS NAME...") of a container and starts the resolver on `at` where there is
 * none.  0, or -1: no resolver. */
int resolver_add(const struct net *n, const char *network, const char *container,
		 const struct ip *at, const char *lines, struct err *err);
/* The last container takes the resolver with it. */
void resolver_remove(const struct net *n, const char *network, const char *container);
/* Ends it whoever is left. */
void resolver_stop(const struct net *n, const char *network);

#endif
