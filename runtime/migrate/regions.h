/* SPDX-License-Identifier: Apache-2.0 */
/* regions.h - parts of a process's address space, in order */
#ifndef SKERRY_MIGRATE_REGIONS_H
#define SKERRY_MIGRATE_REGIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define MAPS_MAX ((size_t)256 << 20) /* of /proc/PID/maps */

struct memory_region {
	uint64_t start, end;
	bool shared, writable;
	uint64_t inode;
};
struct memory_regions {
	struct memory_region *v;
	size_t n, cap;
};
/* One more at the end. */
int memory_regions_add(struct memory_regions *list, const struct memory_region *r, struct err *err);
/* These bytes at the end, as part of the last one where they follow it. */
int memory_regions_extend(struct memory_regions *list, uint64_t start, uint64_t end,
			  struct err *err);
/* One line of /proc/PID/maps: 1, 0 it is none (or nothing to send), pure. */
int memory_parse_line(const char *line, struct memory_region *ret);

#endif
