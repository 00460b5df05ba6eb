/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - offsets of the clocks in a time namespace
 *
 * runtime-spec config-linux.md "Offset for Time Namespace"; time_namespaces(7).
 */
#ifndef SKERRY_RUNTIME_ISOLATE_CLOCK_H
#define SKERRY_RUNTIME_ISOLATE_CLOCK_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "runtime/spec/spec.h"

struct clock_offsets {
	const char *text; /* for /proc/PID/timens_offsets; NULL: none asked for */
};

/* has_namespace: the container has a *new* time namespace; offsets without one are an error.  Pure. */
int clock_make(const struct spec *spec, bool has_namespace, struct arena *arena,
	       struct clock_offsets *ret, struct err *err);

/* A new time namespace with these offsets, entered by the caller: unshare(2), the offsets, setns(2).
 * It has to be made this way when there are offsets: a child cloned with CLONE_NEWTIME is in the
 * namespace at once, and then offsets can't be set any more.  Runs in init, before the root
 * changes, as root of the user namespace.  procfd: as for lsm_apply_exec(). */
int clock_apply(const struct clock_offsets *c, int procfd, struct err *err);

#endif
