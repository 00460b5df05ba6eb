/* SPDX-License-Identifier: Apache-2.0 */
/* slirp.h - slirp4netns(1), where pasta(1) is not installed */
#ifndef SKERRY_CNI_NET_SLIRP_H
#define SKERRY_CNI_NET_SLIRP_H

#include "cni/net/usermode.h"

#define SLIRP_NAME     "slirp4netns"
#define SLIRP_RESOLVER "10.0.2.3" /* of its own network 10.0.2.0/24 */

/* path: of the program; the rest as usermode_start(). */
int slirp_start(const char *path, const struct usermode_ports *ports, const char *state,
		char *const *namespaces, struct err *err);

#endif
