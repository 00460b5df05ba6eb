/* SPDX-License-Identifier: Apache-2.0 */
/* usermode.h - a network for an ordinary user: pasta(1), else slirp4netns(1)
 *
 * A process of the user's carries the container's connections as its own; no
 * interface of the host, no plugin, no address of another network.
 */
#ifndef SKERRY_CNI_NET_USERMODE_H
#define SKERRY_CNI_NET_USERMODE_H

#include "cni/net/request.h"
#include "cni/result.h"

#define USERMODE_PID "usermode.pid"

struct usermode_port {
	uint32_t host, inside;
	char *protocol, *address;
};
struct usermode_ports {
	struct usermode_port *v;
	size_t n;
};

/* Connects the network namespace (namespaces[0], a path; [1] its user namespace or NULL), publishes
 * the ports; the number of the process goes to STATE/usermode.pid.
 * *ret_resolver: an address in the container's network that answers for the host's name servers. */
int usermode_start(const struct request *r, const char *state, char *const *namespaces,
		   struct arena *arena, const char **ret_resolver, struct err *err);
/* Ends it. */
void usermode_stop(const char *state);

#endif
