/* SPDX-License-Identifier: Apache-2.0 */
/* masks.h - paths that a container must not read, or not write
 *
 * runtime-spec config-linux.md "Masked Paths", "Readonly Paths".
 */
#ifndef SKERRY_RUNTIME_ISOLATE_MASKS_H
#define SKERRY_RUNTIME_ISOLATE_MASKS_H

#include "base/err.h"
#include "runtime/isolate/mounts.h"

/* Both lists, clean and without duplicates.  Part of mounts_make(), after the entries; pure. */
int masks_make(const struct spec *spec, struct arena *arena, struct mounts *m, struct err *err);

/* Read-only paths, then masked ones, then file systems that had to be written to first.  Runs in
 * init.  Before: rootfs_enter(): the host's /dev/null is what files are masked with. */
int masks_apply(const struct mounts *m, int root_fd, struct err *err);

#endif
