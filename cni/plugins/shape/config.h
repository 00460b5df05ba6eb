/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - the words of plugin shape: rates, ceilings, priorities, weights
 *
 * A rate is a number of bits per second or text with a unit: "200mbit",
 * "1.5gbit" has none of a fraction: "1500mbit".  Pure: nothing here touches
 * the system.
 */
#ifndef SKERRY_CNI_PLUGINS_SHAPE_CONFIG_H
#define SKERRY_CNI_PLUGINS_SHAPE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "cni/netconf.h"

#define SHAPE_DIR	   "/run/skerry/shape"
#define SHAPE_RATE_MIN	   8000ULL /* bits per second: a kilobyte */
#define SHAPE_RATE_MAX	   1000000000000ULL
#define SHAPE_PRIORITY_MAX 7
#define SHAPE_WEIGHT_MAX   16
#define SHAPE_BURST_MS	   50
#define SHAPE_BURST_MS_MAX 1000

/* One share: rates in bits per second. */
struct shape_share {
	uint64_t rate, ceil; /* 0: not given */
};

struct shape_config {
	const char *uplink; /* NULL: that of the default route */
	const char *dir; /* of the record */
	uint64_t link_rate; /* 0: what the uplink says */
	struct shape_share network; /* ceil 0: the link's rate */
	uint32_t priority, weight;
	/* of each container, up (from it) and down; rate 0: none of its own */
	struct shape_share up, down;
	bool shape_up, shape_down;
	bool overcommit;
	uint32_t burst_ms;
};

/* CNI code 7; what lives on is in the arena. */
int shape_config_parse(const struct netconf *conf, struct arena *arena, struct shape_config *ret,
		       struct err *err);
/* "200mbit", "1000": bits per second; 0 or -1. */
int shape_rate_parse(const char *text, uint64_t *ret);
#define SHAPE_RATE_TEXT 24
/* "57.3mbit" */
void shape_rate_format(uint64_t rate, char dst[SHAPE_RATE_TEXT]);

#endif
