/* SPDX-License-Identifier: Apache-2.0 */
/* result.h - what a plugin made, in the shape of every version of the specification
 *
 * In memory it is always the newest shape; result_parse() takes any version
 * (0.1.0 to 1.1.0), result_format() writes any.  All memory belongs to the
 * arena given to the call that made it.
 * CNI specification "Section 5: Result Types" and its earlier versions.
 */
#ifndef SKERRY_CNI_RESULT_H
#define SKERRY_CNI_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "cni/ip.h"

struct result_interface {
	const char *name, *mac; /* mac: NULL or "" for none */
	const char *sandbox; /* CNI_NETNS as it was given; NULL on the host */
	uint32_t mtu; /* 0: not said */
	const char *socket_path, *pci_id; /* NULL: not said */
};

#define RESULT_NO_INTERFACE (-1)
struct result_ip {
	struct ip_net address;
	struct ip gateway; /* family 0: none */
	int interface; /* index into interfaces, or RESULT_NO_INTERFACE */
};

struct result_route {
	struct ip_net dst;
	struct ip gateway; /* family 0: none */
	uint32_t mtu, advmss; /* 0: not said */
	struct opt_i64 priority, table, scope;
};

struct result_dns {
	struct strings nameservers, search, options;
	const char *domain; /* NULL: none */
};

struct result {
	struct result_interface *interfaces;
	size_t n_interfaces, cap_interfaces;
	struct result_ip *ips;
	size_t n_ips, cap_ips;
	struct result_route *routes;
	size_t n_routes, cap_routes;
	struct result_dns dns;
};

/* An all-zero struct is the empty result.  Each returns the place of the new
 * (zeroed) element, valid until the next one is added, or NULL (ENOMEM). */
struct result_interface *result_add_interface(struct result *r, struct arena *arena);
struct result_ip *result_add_ip(struct result *r, struct arena *arena);
struct result_route *result_add_route(struct result *r, struct arena *arena);

/* The version is that of the document's cniVersion, and `fallback` when it has none.  JSON null is
 * the empty result. */
int result_parse(const char *name, const char *text, size_t len, const char *fallback,
		 struct arena *arena, struct result *ret, struct err *err);

/* Appends the routes of a JSON array of { dst, gw, mtu, advmss, priority, table, scope }. */
int result_routes_parse(const char *name, const char *text, struct arena *arena, struct result *ret,
			struct err *err);
/* The table of { nameservers, domain, search, options } into struct result_dns. */
extern const struct json_table result_dns_table;

/* Writes the result in this version as one JSON object.  Versions below 0.3 hold one address per
 * family, and it is an error to have none. */
int result_format(const struct result *r, const char *version, struct json_out *out,
		  struct err *err);

/* A copy that may be changed; names, texts are shared with src, which must outlive it. */
int result_copy(const struct result *src, struct arena *arena, struct result *ret);

/* The interface of that name in this sandbox (NULL: on the host), or NULL. */
struct result_interface *result_find_interface(const struct result *r, const char *name,
					       const char *sandbox);

#endif
