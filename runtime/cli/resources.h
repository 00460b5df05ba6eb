/* SPDX-License-Identifier: Apache-2.0 */
/* resources.h - the limits of a command line as LinuxResources JSON */
#ifndef SKERRY_CLI_RESOURCES_H
#define SKERRY_CLI_RESOURCES_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "runtime/cli/options.h"

/* As they were given; NULL where not. */
struct resource_options {
	const char *blkio_weight;
	const char *cpu_shares, *cpu_quota, *cpu_period, *cpu_burst, *cpu_idle;
	const char *cpu_rt_runtime, *cpu_rt_period, *cpuset_cpus, *cpuset_mems;
	const char *memory, *memory_reservation, *memory_swap;
	const char *pids_limit;
	const char *cpu_weight, *io_weight;
	const char *memory_high, *memory_low, *memory_min, *memory_swap_high, *memory_zswap;
	struct option_list unified; /* KEY=VALUE */
};

/* Their rows, with offsets from the start of the struct. */
extern const struct option_table resource_options;

/* Was any of them given? */
bool resources_given(const struct resource_options *o);

/* Appends the JSON: "{}" when nothing was given; 0 or -1.  runtime-spec config-linux.md
 * "Control groups". */
int resources_format(const struct resource_options *o, struct buf *out, struct err *err);

#endif
