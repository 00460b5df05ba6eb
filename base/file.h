/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - whole files, by directory descriptor
 *
 * dir may be AT_FDCWD.  All opens are O_CLOEXEC.  -1 and errno on failure.
 */
#ifndef SKERRY_BASE_FILE_H
#define SKERRY_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"

/* Appends the file to out; EFBIG above max bytes; 0 or -1.  Never blocks on a
 * FIFO (O_NONBLOCK) and refuses anything but a regular file when `regular`. */
int file_read(int dir, const char *path, struct buf *out, size_t max, bool regular);

/* Reads at most size - 1 bytes of a small (/proc, /sys, cgroup) file, NUL-terminates and drops one
 * trailing newline; the length or -1. */
ssize_t file_read_line(int dir, const char *path, char *dst, size_t size);

/* One open, one write(2) of the whole text (O_WRONLY, no create, no truncate): for /proc and
 * cgroup files; 0 or -1. */
int file_write_text(int dir, const char *path, const char *text);

/* Puts data in place under path by writing ".path.XXXX" with O_EXCL and
 * renaming it; the target may exist; 0 or -1, nothing left on failure. */
int file_replace(int dir, const char *path, const void *data, size_t size, mode_t mode);

/* The pid file rule of the engines: digits only, no newline, by rename. */
int file_write_pid(const char *path, pid_t pid);

/* Removes a tree below dir/name without following links or crossing mounts
 * (openat2 NO_XDEV); absent is success; 0 or -1. */
int file_remove_tree(int dir, const char *name);

/* mkdir -p for a host path of our own; 0 or -1. */
int file_make_dirs(const char *path, mode_t mode);

#endif
