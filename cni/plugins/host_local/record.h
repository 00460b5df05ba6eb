/* SPDX-License-Identifier: Apache-2.0 */
/* record.h - host-local: the record of a lease as text */
#ifndef SKERRY_CNI_PLUGINS_HOST_LOCAL_RECORD_H
#define SKERRY_CNI_PLUGINS_HOST_LOCAL_RECORD_H

#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "cni/ip.h"
#include "cni/netns.h"

#define RECORD_NAME_MAX	 (NAME_MAX + 1)
#define RECORD_ADDRS_MAX 64

struct hl_record {
	char container_id[RECORD_NAME_MAX], ifname[IFNAMSIZ];
	struct ip v[RECORD_ADDRS_MAX];
	size_t n;
	bool has_id; /* it lives as long as this network namespace */
	struct netns_id id;
	char netns[1024]; /* its path */
};

/* "CONTAINER:IFNAME": neither part holds a ':'.  0, or -1 (ENAMETOOLONG). */
int record_name(char *dst, size_t size, const char *container_id, const char *ifname);
/* "DEV:INODE ADDRESS,ADDRESS NETNS", or "- ADDRESS,ADDRESS -". */
int record_format(const struct hl_record *record, char *dst, size_t size);
/* 0, or -1 with EINVAL: somebody else's. */
int record_parse(const char *name, const char *text, struct hl_record *ret);

#endif
