/* SPDX-License-Identifier: Apache-2.0 */
/* sysctl.h - kernel parameters of the container's network namespace
 *
 * Names as sysctl(8) takes them, "net.ipv4.conf.IFNAME.arp_filter" or with "/"
 * where a name has dots in it; nothing outside net.  An administrator's list of
 * regular expressions, if there is one, says which are allowed.
 */
#ifndef SKERRY_CNI_PLUGINS_TUNING_SYSCTL_H
#define SKERRY_CNI_PLUGINS_TUNING_SYSCTL_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#define SYSCTL_ALLOWLIST "/etc/cni/tuning/allowlist.conf"

/* The path below /proc/sys/net that a name means, IFNAME put in: 0, or -1 with err (code 7). */
int sysctl_path(const char *name, const char *ifname, char *dst, size_t size, struct err *err);
/* Is each of them allowed, and none named twice?  list: the file's text, or NULL without one. */
int sysctl_allowed(const struct pairs *sysctls, const char *list, struct err *err);

#endif
