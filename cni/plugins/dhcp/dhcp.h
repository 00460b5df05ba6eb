/* SPDX-License-Identifier: Apache-2.0 */
/* dhcp.h - what the parts of IPAM plugin dhcp share
 *
 * An attachment has files of its own in DHCP_DIR/NETWORK:
 *   CONTAINER:IFNAME:pid     the client's process id, written by the client
 *   CONTAINER:IFNAME:lease   what the server gave, written by the client's script
 */
#ifndef SKERRY_CNI_PLUGINS_DHCP_DHCP_H
#define SKERRY_CNI_PLUGINS_DHCP_DHCP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "cni/result.h"
#include "cni/skel.h"

#define DHCP_DIR	"/run/cni/dhcp"
#define DHCP_OPTION_MAX 255 /* bytes of one option, and the number of the last one */

struct dhcp_files {
	char pid[PATH_MAX], lease[PATH_MAX];
};
int dhcp_files_name(struct dhcp_files *ret, const char *network, const char *container_id,
		    const char *ifname, struct err *err);
void dhcp_files_remove(const struct dhcp_files *files);

/* --- config.c: the keys of "ipam" ----------------------------------------------- */

struct dhcp_option {
	uint8_t code;
	const char *value;
};
struct dhcp_config {
	struct dhcp_option send[DHCP_OPTION_MAX + 1];
	size_t n_send;
	bool ask[DHCP_OPTION_MAX + 1];
	struct opt_i64 priority; /* of the routes */
	bool no_gateway; /* suppress */
};
int dhcp_config_load(struct cni_call *call, struct dhcp_config *ret, struct err *err);

/* --- lease.c: what the server gave ---------------------------------------------- */

struct dhcp_lease {
	char *address, *prefix, *routers, *static_routes, *classful_routes, *dns, *domain, *search;
};
/* 1, 0 there is none (any more), -1. */
int dhcp_lease_load(const char *path, struct arena *arena, struct dhcp_lease *ret, struct err *err);
int dhcp_lease_parse(const char *text, size_t len, struct arena *arena, struct dhcp_lease *ret,
		     struct err *err);
/* Its addresses, routes and dns. */
int dhcp_lease_result(const struct dhcp_lease *lease, const struct dhcp_config *config,
		      struct arena *arena, struct result *ret, struct err *err);

/* --- client.c: the process that holds the lease ----------------------------------- */

/* The program: 0, or -1 when the host has none. */
int dhcp_client_find(char *dst, size_t size, struct err *err);
/* Has it a lease, and will it stay until that ends?  Then 0. */
int dhcp_client_start(struct cni_call *call, const struct dhcp_config *config,
		      const struct dhcp_files *files, struct err *err);
bool dhcp_client_lives(const struct dhcp_files *files);
/* It gives the lease back and ends; none is success. */
int dhcp_client_end(const struct dhcp_files *files, struct err *err);

#endif
