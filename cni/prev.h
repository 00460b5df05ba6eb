/* SPDX-License-Identifier: Apache-2.0 */
/* prev.h - what chained plugins want to know about the plugins before them
 *
 * The container's addresses come from prevResult; the host's side of it is
 * found in the kernel, since a result need not name it.
 */
#ifndef SKERRY_CNI_PREV_H
#define SKERRY_CNI_PREV_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "cni/link.h"
#include "cni/result.h"
#include "cni/skel.h"

/* The addresses that belong to an interface in the container, or to none, in the arena; *ret_n how
 * many. 0 or -1 (no memory). */
int prev_addresses(const struct result *prev, struct arena *arena, struct ip_net **ret,
		   size_t *ret_n, struct err *err);
/* The first of a family, or NULL. */
const struct ip_net *prev_first(const struct ip_net *v, size_t n, int af);

/* The host's end of the container's veth pair: 1, 0 when CNI_IFNAME is none or its other end isn't
 * here, -1 with err. */
int prev_host_end(struct cni_call *call, struct link *ret, struct err *err);
/* The host's interface towards an address, as the routes say: 1, 0 there is no route, -1. */
int prev_towards(struct cni_call *call, const struct ip *ip, struct link *ret, struct err *err);

#endif
