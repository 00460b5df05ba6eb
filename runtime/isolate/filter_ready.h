/* SPDX-License-Identifier: Apache-2.0 */
/* filter_ready.h - a seccomp program that comes ready in an annotation
 *
 * Only for filter.c.
 */
#ifndef SKERRY_RUNTIME_ISOLATE_FILTER_READY_H
#define SKERRY_RUNTIME_ISOLATE_FILTER_READY_H

#include "base/arena.h"
#include "base/err.h"
#include "runtime/isolate/filter.h"

#define FILTER_READY_ANNOTATION "run.oci.seccomp_bpf_data"

/* insn, n and notify of *ret from the annotation's value; the instructions belong to the arena.
 * Pure. */
int filter_ready_make(const char *text, struct arena *arena, struct filter *ret, struct err *err);

#endif
