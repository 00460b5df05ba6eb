/* SPDX-License-Identifier: Apache-2.0 */
/* request.h - what a container wants of the network
 *
 * The runtime leaves it as network.json in the container's state directory
 * before anything is made; `attach` and `detach` read it there.  The words are
 * those of the command line and are understood here, not in the runtime.
 */
#ifndef SKERRY_CNI_NET_REQUEST_H
#define SKERRY_CNI_NET_REQUEST_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "cni/conflist.h"

#define REQUEST_NETWORKS_MAX 16
#define REQUEST_PORTS_MAX    16384

/* One --net: NAME[:ip=ADDRESS,mac=MAC,ifname=NAME,alias=NAME]. */
struct request_network {
	const char *name, *ifname, *mac;
	struct strings ips, aliases;
};

struct request {
	const char *id, *hostname; /* hostname: "" when it has none of its own */
	struct request_network networks[REQUEST_NETWORKS_MAX];
	size_t n;
	const char *ports; /* JSON of capability portMappings; NULL: none */
	struct strings port_words; /* as they were given */
	struct strings dns, search, options;
	struct strings hosts; /* NAME:ADDRESS */
};

/* Everything is checked that needs no system.  The arena holds it. */
int request_parse(const char *name, const char *text, size_t len, struct arena *arena,
		  struct request *ret, struct err *err);

/* "[HOST-ADDRESS:]HOST-PORT[-LAST]:PORT[-LAST][/PROTOCOL]" as elements of portMappings. */
int request_parse_port(const char *word, struct json_out *out, size_t *n, struct err *err);

/* Capabilities (name, JSON) and CNI_ARGS for network i: what its plugins don't declare goes the old
 * way, as an argument. */
int request_supply(const struct request *r, size_t i, const struct conflist *list,
		   struct arena *arena, struct pairs *ret_capabilities, struct pairs *ret_args,
		   struct err *err);

#endif
