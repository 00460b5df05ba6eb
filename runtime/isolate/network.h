/* SPDX-License-Identifier: Apache-2.0 */
/* network.h - the loopback device, and host devices moved into the container
 *
 * runtime-spec config-linux.md "Network Devices"; rtnetlink(7), netdevice(7).
 */
#ifndef SKERRY_RUNTIME_ISOLATE_NETWORK_H
#define SKERRY_RUNTIME_ISOLATE_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "runtime/spec/spec.h"

#define NETDEVS_MAX 256

struct netdev {
	const char *host; /* its name on the host */
	const char *container; /* its name inside, maybe with one %d */
};
struct netdevs {
	struct netdev *v;
	size_t n;
};

/* "lo" up.  Runs in init, in a new network namespace. */
int network_loopback_up(struct err *err);

/* Checks names, and that two devices don't get the same one.  Pure. */
int netdevs_make(const struct spec *spec, bool own_netns, struct arena *arena, struct netdevs *ret,
		 struct err *err);

/* Moves and renames each, gives it back its permanent global addresses and sets it up.  target: a
 * network namespace descriptor.  Runs in the parent, single-threaded (it visits the target for a
 * moment).  Needs CAP_NET_ADMIN in both, CAP_SYS_ADMIN.  If it fails midway nothing is taken back:
 * the kernel returns hardware devices to the host when the namespace ends. */
int netdevs_move(const struct netdevs *d, int target, struct err *err);

#endif
