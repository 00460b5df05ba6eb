/* SPDX-License-Identifier: Apache-2.0 */
/* netconf.h - the request object on a plugin's standard input
 *
 * What every plugin has in common; a plugin decodes its own keys from the same
 * text with a table of its own (netconf_decode()).
 * CNI specification "Section 1: Network configuration format", "Deriving
 * runtimeConfig"; CONVENTIONS.md for the capabilities.
 */
#ifndef SKERRY_CNI_NETCONF_H
#define SKERRY_CNI_NETCONF_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "cni/result.h"

#define NETCONF_MAX	  ((size_t)16 << 20) /* a result cache or a GC list may be long */
#define CNI_VERSION_FIRST "0.1.0"
#define CNI_VERSION_LAST  "1.1.0"

/* The well-known codes of an error object, in err->exit_code (0 is CNI_ERR_INTERNAL). */
enum cni_code {
	CNI_ERR_VERSION = 1,
	CNI_ERR_FIELD = 2, /* unsupported field */
	CNI_ERR_CONTAINER = 3, /* unknown container */
	CNI_ERR_ENV = 4,
	CNI_ERR_IO = 5,
	CNI_ERR_DECODE = 6,
	CNI_ERR_CONFIG = 7,
	CNI_ERR_NETNS = 8,
	CNI_ERR_AGAIN = 11,
	CNI_ERR_UNAVAILABLE = 50, /* STATUS: can't serve ADD */
	CNI_ERR_LIMITED = 51, /* STATUS: also existing containers are limited */
	CNI_ERR_INTERNAL = 999,
};
/* err_set() and err_sys() with a CNI code; evaluate to -1. */
#define cni_err(err, code, ...) \
 (err_set_((err), EINVAL, __VA_ARGS__), (void)cni_code_((err), (code)), -1)
#define cni_err_sys(err, code, ...) \
 (err_sys_((err), __VA_ARGS__), (void)cni_code_((err), (code)), -1)
/* Gives the error that is in err already this code; -1. */
int cni_code_(struct err *err, enum cni_code code);

/* Every version this implementation speaks, oldest first, NULL at the end. */
extern const char *const cni_versions[];
bool cni_version_known(const char *version);
/* Is a >= b?  Both must be dotted numbers; what is not compares as 0.0.0. */
bool cni_version_at_least(const char *a, const char *b);

struct netconf_range { /* runtimeConfig.ipRanges and host-local's own */
	char *subnet, *range_start, *range_end, *gateway;
};
struct netconf_ranges {
	struct netconf_range *v;
	size_t n;
};
struct netconf_range_sets {
	struct netconf_ranges *v;
	size_t n;
};

struct netconf_port { /* runtimeConfig.portMappings */
	uint32_t host_port, container_port;
	char *protocol, *host_ip; /* NULL or "": tcp; any */
};
struct netconf_ports {
	struct netconf_port *v;
	size_t n;
};

struct netconf_bandwidth { /* bits per second, bits; ingress is into the container */
	uint64_t ingress_rate, ingress_burst, egress_rate, egress_burst;
	struct strings shaped, unshaped; /* subnets: only these are limited; these are not */
};

struct netconf_attachment { /* cni.dev/valid-attachments */
	char *container_id, *ifname;
};
struct netconf_attachments {
	struct netconf_attachment *v;
	size_t n;
};

struct netconf_runtime { /* runtimeConfig; its keys in any case of letters */
	struct netconf_ports port_mappings;
	struct netconf_bandwidth *bandwidth;
	struct netconf_range_sets ip_ranges; /* a flat list is one set per element */
	struct strings ips;
	char *mac, *infiniband_guid, *device_id, *cgroup_path;
	struct strings aliases;
	struct result_dns *dns;
	char *raw; /* the object's own text, NULL when absent */
};

struct netconf_args { /* args.cni */
	struct strings ips;
	char *mac;
	uint32_t
		index; /* the interface's number in the container, if it is free; 0: ours to choose */
};

struct netconf {
	const char *text; /* the document */
	size_t len;
	const char *cni_version; /* "0.1.0" when the document names none */
	char *name, *type;
	bool ip_masq;
	char *ipam_type; /* NULL: no IPAM */
	char *ipam; /* the object's text, or NULL */
	struct result_dns dns;
	bool has_prev;
	struct result prev; /* prevResult; empty without */
	struct netconf_runtime runtime;
	struct netconf_args args;
	struct netconf_attachments attachments; /* GC, sorted; null is none, as libcni writes it */
};

/* Codes 6 and 7; text must outlive ret. */
int netconf_parse(const char *text, size_t len, struct arena *arena, struct netconf *ret,
		  struct err *err);
/* The plugin's own keys: json_decode() of the same document with the error as CNI code 6. */
int netconf_decode(const struct netconf *conf, const struct json_table *table, void *dst,
		   struct arena *arena, struct err *err);
/* The table of { subnet, rangeStart, rangeEnd, gateway } into struct netconf_range. */
extern const struct json_table netconf_range_table;
/* A list of ranges, or a list of such lists, from its JSON text. */
int netconf_range_sets_parse(const char *text, struct arena *arena, struct netconf_range_sets *ret,
			     struct err *err);

/* The syntax of names: networks and container ids ([a-zA-Z0-9][a-zA-Z0-9_.-]*), interfaces. */
bool netconf_name_ok(const char *name);
bool netconf_ifname_ok(const char *name);
/* Is this attachment among the valid ones of a GC request? */
bool netconf_attached(const struct netconf *conf, const char *container_id, const char *ifname);

#endif
