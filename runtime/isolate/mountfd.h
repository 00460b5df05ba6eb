/* SPDX-License-Identifier: Apache-2.0 */
/* mountfd.h - mounts by descriptor
 *
 * open_tree(2), move_mount(2), mount_setattr(2).  Wrappers of system calls
 * behave like them (-1 and errno); descriptors are O_CLOEXEC.
 */
#ifndef SKERRY_RUNTIME_ISOLATE_MOUNTFD_H
#define SKERRY_RUNTIME_ISOLATE_MOUNTFD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct mount_entry;

/* A detached clone of the mount at path (dir may be AT_FDCWD; "" is dir itself). */
int mountfd_clone(int dir, const char *path, bool recursive, bool nofollow);

/* Attaches a detached mount to what an O_PATH descriptor refers to. */
int mountfd_attach(int mount_fd, int target_fd);

struct mountfd_attr {
	uint64_t set, clr; /* MOUNT_ATTR_* */
	unsigned long propagation; /* MS_SHARED, ... or 0 */
	bool recursive;
	bool keep; /* clr is a wish: flags that the kernel has locked stay (mount_namespaces(7)) */
};
/* Changes the mount whose root path is (dir may be AT_FDCWD, "" is dir itself).  ENOSYS before Linux 5.12. */
int mountfd_setattr(int dir, const char *path, const struct mountfd_attr *a);

/* The same where mount_setattr(2) is missing: mount(2) on the working directory, which becomes
 * fd.  Only for an attached mount; recursive flags are ENOSYS. */
int mountfd_setattr_old(int fd, const struct mountfd_attr *a);

/* Either of them, for an attached mount. */
int mountfd_change(int fd, const struct mountfd_attr *a);

#endif
