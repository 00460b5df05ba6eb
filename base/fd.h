/* SPDX-License-Identifier: Apache-2.0 */
/* fd.h - descriptors: ownership, whole reads and writes, passing over sockets
 *
 * Unset is -1.  Functions that wrap one system call behave like it (-1 and
 * errno) and retry EINTR.
 */
#ifndef SKERRY_BASE_FD_H
#define SKERRY_BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/compiler.h"

#define AUTO_FD CLEANUP(fd_cleanup) int

/* Closes fd if it is set, keeps errno, returns -1 to assign back. */
int fd_close(int fd);
void fd_cleanup(int *fd);

/* The descriptor; *fd becomes -1: ownership moves to the caller. */
int fd_take(int *fd);

/* Reads until end of file or size bytes; the count, or -1. */
ssize_t fd_read_full(int fd, void *data, size_t size);

/* Writes all of it; 0 or -1. */
int fd_write_full(int fd, const void *data, size_t size);

/* Closes (or marks close-on-exec) every descriptor from `first` up:
 * close_range(2), else by walking /proc/self/fd. 0 or -1. */
int fd_close_from(unsigned int first);
int fd_cloexec_from(unsigned int first);

/* Opens /dev/null on those of 0, 1 and 2 that are closed; 0 or -1. */
int fd_ensure_stdio(void);

/* Set or clear FD_CLOEXEC, O_NONBLOCK; 0 or -1. */
int fd_set_cloexec(int fd, bool on);
int fd_set_nonblock(int fd, bool on);

/* Connects to an AF_UNIX stream socket at path, however long the path is
 * (through /proc/self/fd/N/name when it exceeds sun_path). -1 on failure. */
int fd_connect_unix(const char *path);

/* Sends `size` (>= 1) bytes with n_fds (0..FD_PASS_MAX) descriptors in one message
 * (unix(7), SCM_RIGHTS); 0 or -1. */
#define FD_PASS_MAX 200
int fd_send(int sock, const void *data, size_t size, const int *fds, size_t n_fds);

/* Receives one message; received descriptors are O_CLOEXEC and stored in fds
 * (at most max_fds, surplus closed), their count in *ret_n_fds.  Bytes, 0 at
 * end of file, or -1. */
ssize_t fd_receive(int sock, void *data, size_t size, int *fds, size_t max_fds, size_t *ret_n_fds);

#endif
