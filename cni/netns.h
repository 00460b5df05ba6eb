/* SPDX-License-Identifier: Apache-2.0 */
/* netns.h - network namespaces by descriptor
 *
 * The plugins are single-threaded, so a visit changes the whole process and
 * must end before anything else is done: between netns_enter() and
 * netns_leave() only sockets are opened and /proc/sys/net is read or written.
 * setns(2), network_namespaces(7), ioctl_ns(2).
 */
#ifndef SKERRY_CNI_NETNS_H
#define SKERRY_CNI_NETNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* What tells one network namespace from another as long as it lives. */
struct netns_id {
	uint64_t dev, ino;
};

/* A descriptor of the namespace at path; CNI code 8 when it is not one. */
int netns_open(const char *path, struct err *err);
int netns_identify(int fd, struct netns_id *ret, struct err *err);
/* A descriptor of the namespace where the process is, by a socket that was made there (-1: one is
 * made): the first look of a process at itself in /proc takes 20 us. */
int netns_home(int sock, struct err *err);
/* Are both the same? */
bool netns_same(int fd, int other);

/* Moves the process there; *ret_back is a descriptor of where it was. */
int netns_enter(int fd, int *ret_back, struct err *err);
/* Moves it back and closes back; there is no way on without: it aborts when the kernel refuses. */
void netns_leave(int back);

/* A socket made in the namespace (-1: here); it stays bound to it (network_namespaces(7)). */
int netns_socket(int fd, int domain, int type, int protocol, struct err *err);
/* The same with a descriptor of where the process is. */
int netns_socket_from(int home, int fd, int domain, int type, int protocol, struct err *err);

/* Writes a value below /proc/sys/net of the namespace (-1: here): netns_sysctl(fd,
 * "ipv6/conf/eth0/accept_ra", "0", err).  A value that is there already isn't written.
 * Names of interfaces may hold dots, so parts are separated by "/". */
int netns_sysctl(int fd, const char *name, const char *value, struct err *err);
/* Several of them in one visit; optional ones may be missing in the kernel (ENOENT). */
struct netns_setting {
	const char *name, *value;
	bool optional;
	bool unlike; /* likely to have another value: written without a look */
};
int netns_sysctls(int fd, const struct netns_setting *v, size_t n, struct err *err);
/* Reads one, trailing newline dropped: the length, or -1 with err. */
ssize_t netns_sysctl_read(int fd, const char *name, char *dst, size_t size, struct err *err);

#endif
