/* SPDX-License-Identifier: Apache-2.0 */
/* find.h - which interface of the host a configuration means
 *
 * By name, by hardware address, by its place in /sys/devices, by its PCI
 * address.
 */
#ifndef SKERRY_CNI_PLUGINS_HOST_DEVICE_FIND_H
#define SKERRY_CNI_PLUGINS_HOST_DEVICE_FIND_H

#include <stdbool.h>

#include "base/err.h"
#include "cni/link.h"
#include "cni/skel.h"

struct host_device {
	char *device, *hwaddr, *kernelpath, *pci_bus_id; /* NULL or "": not given */
};

/* The keys, with the capability deviceID; exactly what is needed to find one is given. */
int host_device_parse(struct cni_call *call, struct host_device *ret, struct err *err);
/* Is the device driven from user space (DPDK)?  Then it has no interface to move. */
bool host_device_is_userspace(const struct host_device *d);
/* The interface, in the host's namespace. */
int host_device_find(struct cni_call *call, const struct host_device *d, struct link *ret,
		     struct err *err);

#endif
