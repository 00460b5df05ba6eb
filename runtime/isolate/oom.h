/* SPDX-License-Identifier: Apache-2.0 */
/* oom.h - how soon the process is killed when memory runs out
 *
 * runtime-spec config.md "oomScoreAdj"; proc(5) oom_score_adj.
 */
#ifndef SKERRY_RUNTIME_ISOLATE_OOM_H
#define SKERRY_RUNTIME_ISOLATE_OOM_H

#include <sys/types.h>

#include "base/err.h"

/* Writes the score of pid (0: the caller) through the host's /proc.  Lowering it needs
 * CAP_SYS_RESOURCE in the first user namespace.  Runs in the parent, or in init before the root
 * changes. */
int oom_apply(pid_t pid, int value, struct err *err);

#endif
