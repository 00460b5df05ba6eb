/* SPDX-License-Identifier: Apache-2.0 */
/* ps_filter.h - the lines of ps(1) that belong to some processes */
#ifndef SKERRY_CLI_PS_FILTER_H
#define SKERRY_CLI_PS_FILTER_H

#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends the header of ps's output and the lines whose PID column holds one of the pids;
 * 0, or -1 when there is no such column.  table is cut into lines in place. */
int ps_filter(char *table, const pid_t *pids, size_t n, struct buf *out, struct err *err);

#endif
