/* SPDX-License-Identifier: Apache-2.0 */
/* resources.h - the limits of a container as they are now */
#ifndef SKERRY_CONTAINER_RESOURCES_H
#define SKERRY_CONTAINER_RESOURCES_H

#include "base/json.h"
#include "runtime/container/store.h"
#include "runtime/spec/spec.h"

#define RESOURCES_FILE "resources.json"
#define DEVICES_FILE   "devices.json"

/* A device that was added to a running container. */
struct live_device {
	struct spec_device device;
	char *access;
};
struct live_devices {
	struct {
		struct live_device *v;
		size_t n;
	} devices;
};
extern const struct json_table live_device_table;

/* LinuxResources with all updates merged in, as text (arena). */
int resources_text(const struct store_entry *e, struct arena *arena, const char **ret,
		   struct err *err);
/* The same as a struct (arena). */
int resources_load(const struct store_entry *e, struct arena *arena, struct spec_resources **ret,
		   struct err *err);

/* The devices that were added; none is no error. */
int live_devices_load(const struct store_entry *e, struct arena *arena, struct live_devices *ret,
		      struct err *err);
/* The n rules (replaced by a longer list of the arena) and one that allows each device. */
int live_devices_append(const struct live_devices *d, struct arena *arena,
			struct spec_device_rule **rules, size_t *n, struct err *err);

#endif
