/* SPDX-License-Identifier: Apache-2.0 */
/* devices.h - device nodes and the standard links of /dev
 *
 * runtime-spec config-linux.md "Devices", "Default Devices", "Dev symbolic
 * links".
 */
#ifndef SKERRY_RUNTIME_ISOLATE_DEVICES_H
#define SKERRY_RUNTIME_ISOLATE_DEVICES_H

#include "base/err.h"
#include "runtime/isolate/mounts.h"

/* The default devices and those of config.json, which replace a default of the same path.  Part of
 * mounts_make(); pure. */
int devices_make(const struct spec *spec, struct arena *arena, struct mounts *m, struct err *err);

/* Nodes (bind mounts of the host's where mknod(2) is not permitted), /dev/fd, /dev/ptmx ....
 * Runs in init.  After: mounts_apply(). */
int devices_apply(const struct mounts *m, int root_fd, struct err *err);

#endif
