/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - host-local: what may be handed out */
#ifndef SKERRY_CNI_PLUGINS_HOST_LOCAL_CONFIG_H
#define SKERRY_CNI_PLUGINS_HOST_LOCAL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "cni/ip.h"
#include "cni/skel.h"

#define HL_DATA_DIR "/var/lib/cni/networks"

struct hl_range {
	struct ip_net subnet;
	struct ip first, last; /* what is handed out, both included */
	struct ip gateway; /* never handed out */
};
/* One address is taken from each set. */
struct hl_set {
	struct hl_range *v;
	size_t n;
};
struct hl_config {
	const char *data_dir;
	struct hl_set *sets;
	size_t n_sets;
	struct ip *wanted; /* addresses that are asked for by name */
	size_t n_wanted;
	const char *routes; /* JSON, or NULL */
	const char *resolv_conf; /* NULL: none */
};

/* Decoded, completed and found sound; codes 6 and 7. */
int hl_config_load(struct cni_call *call, struct hl_config *ret, struct err *err);
/* Where the leases are, for what has to work with ranges that make no sense any more. */
int hl_config_data_dir(struct cni_call *call, const char **ret, struct err *err);

/* The range of the set that hands this address out, or NULL. */
const struct hl_range *hl_set_find(const struct hl_set *set, const struct ip *ip);
/* "10.0.0.1-10.0.0.9,...": for messages; cut to size. */
void hl_set_format(const struct hl_set *set, char *dst, size_t size);

#endif
