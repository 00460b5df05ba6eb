/* SPDX-License-Identifier: Apache-2.0 */
/* beneath.h - paths below a root that nobody but us decides about
 *
 * The only place that resolves a path inside a root file system that a
 * container may have prepared.  `root` is a descriptor of its top; `path` is
 * taken as chroot(2) would take it: absolute or not, ".." stops at the top,
 * absolute links start at the top; magic links are refused.
 * openat2(2) RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS; EAGAIN is retried.
 * All descriptors are O_CLOEXEC.  -1 and errno on failure.
 */
#ifndef SKERRY_BASE_BENEATH_H
#define SKERRY_BASE_BENEATH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* openat2() with the rules above; extra_resolve adds RESOLVE_* bits
 * (RESOLVE_NO_XDEV, RESOLVE_NO_SYMLINKS). */
int beneath_open(int root, const char *path, int flags, mode_t mode, uint64_t extra_resolve);

/* An O_PATH descriptor of a directory, made with its parents (mode, owner as
 * created) where missing.  A dangling link on the way is followed inside the root and its
 * target is made. */
int beneath_make_dir(int root, const char *path, mode_t mode);

/* An O_PATH descriptor of a non-directory, an empty regular file made where missing,
 * its parents too; an existing file is never truncated. */
int beneath_make_file(int root, const char *path, mode_t mode);

/* The parent directory of path, opened O_PATH, made where missing when `make`; the last
 * component (never "", ".", "..") is stored in name (NAME_MAX + 1 bytes). */
int beneath_parent(int root, const char *path, bool make, char *name);

/* Is the descriptor on a file system with this magic (statfs(2))? */
bool beneath_is_fs(int fd, long magic);

#endif
