/* SPDX-License-Identifier: Apache-2.0 */
/* find.c - which interface of the host a configuration means
 *
 * sysfs(5): /sys/bus/pci/devices/ID/net/NAME, for virtio one level deeper.
 */
#include "cni/plugins/host_device/find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "cni/netconf.h"

#define PCI_DEVICES "/sys/bus/pci/devices"
#define SYS_DEVICES "/sys/devices/"

static const struct json_field fields[] = {
	JSON_FIELD(struct host_device, device, JSON_STRING),
	JSON_FIELD(struct host_device, hwaddr, JSON_STRING),
	JSON_FIELD(struct host_device, kernelpath, JSON_STRING),
	JSON_FIELD_AS("pciBusID", struct host_device, pci_bus_id, JSON_STRING),
};
static const struct json_table table = JSON_TABLE(struct host_device, fields);

static bool given(const char *s)
{
	return s && s[0] != '\0';
}

int host_device_parse(struct cni_call *call, struct host_device *ret, struct err *err)
{
	if (netconf_decode(call->conf, &table, ret, call->arena, err) < 0)
		return -1;
	if (given(call->conf->runtime.device_id))
		ret->pci_bus_id = call->conf->runtime.device_id;
	if (!given(ret->device) && !given(ret->hwaddr) && !given(ret->kernelpath) &&
	    !given(ret->pci_bus_id))
		return cni_err(
			err, CNI_ERR_CONFIG,
			"specify either \"device\", \"hwaddr\", \"kernelpath\" or \"pciBusID\"");
	if (given(ret->pci_bus_id) && strchr(ret->pci_bus_id, '/'))
		return cni_err(err, CNI_ERR_CONFIG, "\"%s\" is no PCI address", ret->pci_bus_id);
	return 0;
}

bool host_device_is_userspace(const struct host_device *d)
{
	static const char *const drivers[] = { "vfio-pci", "uio_pci_generic", "igb_uio" };
	char path[PATH_MAX], target[PATH_MAX];
	const char *name;
	ssize_t n;

	if (!given(d->pci_bus_id) ||
	    str_format(path, sizeof(path), PCI_DEVICES "/%s/driver", d->pci_bus_id) < 0)
		return false;
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	name = strrchr(target, '/');
	for (size_t i = 0; name && i < ARRAY_SIZE(drivers); i++)
		if (strcmp(name + 1, drivers[i]) == 0)
			return true;
	return false;
}

/* The first entry of DIR/net that is an interface here: 1, 0, -1 with err. */
static int find_in(struct rtnl *r, const char *dir, struct link *ret, struct err *err)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int found = 0;
	DIR *d;

	if (str_format(path, sizeof(path), "%s/net", dir) < 0)
		return err_sys(err, "\"%s\"", dir);
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? 0 : err_sys(err, "open \"%s\"", path);
	while (found == 0 && (entry = readdir(d))) /* NOLINT(concurrency-mt-unsafe) */
		if (entry->d_name[0] != '.')
			found = link_find(r, entry->d_name, ret, err);
	(void)closedir(d);
	return found;
}

/* A virtio device has its interface below virtioN. */
static int find_virtio(struct rtnl *r, const char *dir, struct link *ret, struct err *err)
{
	struct dirent *entry;
	int found = 0;
	DIR *d = opendir(dir);

	if (!d)
		return errno == ENOENT ? 0 : err_sys(err, "open \"%s\"", dir);
	while (found == 0 && (entry = readdir(d))) { /* NOLINT(concurrency-mt-unsafe) */
		char path[PATH_MAX];

		if (!str_starts(entry->d_name, "virtio"))
			continue;
		if (str_format(path, sizeof(path), "%s/%s", dir, entry->d_name) == 0)
			found = find_in(r, path, ret, err);
	}
	(void)closedir(d);
	return found;
}

struct search {
	struct mac mac;
	struct link *ret;
	bool found;
};

static int compare_mac(const struct link *link, void *data, struct err *err)
{
	struct search *s = data;

	(void)err;
	if (!link || !link->has_mac || !mac_eq(&link->mac, &s->mac))
		return 0;
	*s->ret = *link;
	s->found = true;
	return 1;
}

static int find_by_mac(struct rtnl *r, const char *text, struct link *ret, struct err *err)
{
	struct search s = { .ret = ret };

	if (mac_parse(text, &s.mac) < 0)
		return cni_err(err, CNI_ERR_CONFIG, "\"%s\" is no hardware address", text);
	if (link_each(r, compare_mac, &s, err) < 0)
		return -1;
	return s.found;
}

static int find_by_path(struct rtnl *r, const char *path, struct link *ret, struct err *err)
{
	char resolved[PATH_MAX];

	if (!realpath(path, resolved))
		return errno == ENOENT ? 0 : err_sys(err, "\"%s\"", path);
	if (!str_starts(resolved, SYS_DEVICES))
		return cni_err(err, CNI_ERR_CONFIG, "kernel device path \"%s\" must be below %s",
			       path, SYS_DEVICES);
	return find_in(r, resolved, ret, err);
}

static int find_by_pci(struct rtnl *r, const char *id, struct link *ret, struct err *err)
{
	char dir[PATH_MAX];
	int found;

	if (str_format(dir, sizeof(dir), PCI_DEVICES "/%s", id) < 0)
		return err_sys(err, "\"%s\"", id);
	found = find_in(r, dir, ret, err);
	return found != 0 ? found : find_virtio(r, dir, ret, err);
}

int host_device_find(struct cni_call *call, const struct host_device *d, struct link *ret,
		     struct err *err)
{
	struct rtnl *r = cni_host(call, err);
	const char *what = d->device;
	int found;

	if (!r)
		return -1;
	if (given(d->device)) {
		found = link_find(r, d->device, ret, err);
	} else if (given(d->hwaddr)) {
		what = d->hwaddr;
		found = find_by_mac(r, d->hwaddr, ret, err);
	} else if (given(d->kernelpath)) {
		what = d->kernelpath;
		found = find_by_path(r, d->kernelpath, ret, err);
	} else {
		what = d->pci_bus_id;
		found = find_by_pci(r, d->pci_bus_id, ret, err);
	}
	if (found == 0)
		return err_set(err, ENODEV, "failed to find physical interface \"%s\"", what);
	return found < 0 ? -1 : 0;
}
