/* SPDX-License-Identifier: Apache-2.0 */
/* rootfs.h - the root file system is put together and entered
 *
 * All of it runs in the init, in its own mount namespace, in this order:
 * rootfs_begin, mounts_apply, devices_apply, (hooks, console), masks_apply,
 * rootfs_enter.  Needs CAP_SYS_ADMIN over that namespace.  Nothing here
 * allocates.  The working directory changes; umask(2) is 0 afterwards.
 */
#ifndef SKERRY_RUNTIME_ISOLATE_ROOTFS_H
#define SKERRY_RUNTIME_ISOLATE_ROOTFS_H

#include "base/err.h"
#include "runtime/isolate/mounts.h"

/* Cuts the namespace off from the host's propagation and mounts the root file system on itself;
 * *ret_root_fd is an O_PATH descriptor of it, the caller's. */
int rootfs_begin(const struct mounts *m, int *ret_root_fd, struct err *err);

/* Every entry, in order. */
int mounts_apply(const struct mounts *m, int root_fd, struct err *err);

/* One entry, which need not be one of ctx->v. */
int mount_entry_apply(const struct mount_entry *e, const struct mounts *ctx, int root_fd,
		      struct err *err);

/* Takes the topmost mount at dest away (a running container's). */
int mount_entry_remove(const char *dest, int root_fd, struct err *err);

/* The root file system becomes "/", the host's tree is gone; read-only and propagation of "/". */
int rootfs_enter(const struct mounts *m, int root_fd, struct err *err);

#endif
