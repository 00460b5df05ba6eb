/* SPDX-License-Identifier: Apache-2.0 */
/* resources.c - the limits of a container as they are now
 *
 * config.json has those it was created with.  Every update is merged into
 * resources.json beside the record, devices that were added live are in
 * devices.json: so a later change of one thing knows the others.
 */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "runtime/container/resources.h"

struct raw_linux {
	char *resources;
};
struct raw_spec {
	struct raw_linux linux_;
};

static const struct json_field linux_fields[] = {
	JSON_FIELD(struct raw_linux, resources, JSON_RAW),
};
static const struct json_table linux_table = JSON_TABLE(struct raw_linux, linux_fields);
static const struct json_field spec_fields[] = {
	JSON_FIELD_AS("linux", struct raw_spec, linux_, JSON_INLINE, .sub = &linux_table),
};
static const struct json_table raw_table = JSON_TABLE(struct raw_spec, spec_fields);

static const struct json_field device_fields[] = {
	JSON_FIELD_AS("type", struct live_device, device.type, JSON_STRING, .required = true),
	JSON_FIELD_AS("path", struct live_device, device.path, JSON_STRING, .required = true),
	JSON_FIELD_AS("major", struct live_device, device.major, JSON_OPT_I64),
	JSON_FIELD_AS("minor", struct live_device, device.minor, JSON_OPT_I64),
	JSON_FIELD_AS("fileMode", struct live_device, device.fileMode, JSON_OPT_U64),
	JSON_FIELD_AS("uid", struct live_device, device.uid, JSON_OPT_U64),
	JSON_FIELD_AS("gid", struct live_device, device.gid, JSON_OPT_U64),
	JSON_FIELD_AS("access", struct live_device, access, JSON_STRING),
};
const struct json_table live_device_table = JSON_TABLE(struct live_device, device_fields);
static const struct json_field devices_fields[] = {
	JSON_FIELD(struct live_devices, devices, JSON_OBJECTS, .sub = &live_device_table),
};
static const struct json_table devices_table = JSON_TABLE(struct live_devices, devices_fields);

int resources_text(const struct store_entry *e, struct arena *arena, const char **ret,
		   struct err *err)
{
	struct raw_spec raw;
	AUTO_BUF text;

	buf_init(&text);
	if (file_read(e->dir, RESOURCES_FILE, &text, STORE_STATE_MAX, true) == 0) {
		*ret = arena_strndup(arena, text.s, text.len);
		return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
	}
	if (errno != ENOENT)
		return err_sys(err, "read " RESOURCES_FILE);
	buf_clear(&text);
	if (file_read(e->dir, STORE_CONFIG, &text, SPEC_FILE_MAX, true) < 0)
		return err_sys(err, "read " STORE_CONFIG);
	if (json_decode(STORE_CONFIG, text.s, text.len, &raw_table, &raw, arena, err) < 0)
		return -1;
	*ret = raw.linux_.resources ? raw.linux_.resources : "{}";
	return 0;
}

int resources_load(const struct store_entry *e, struct arena *arena, struct spec_resources **ret,
		   struct err *err)
{
	const char *text;

	if (resources_text(e, arena, &text, err) < 0)
		return -1;
	return spec_parse_resources(RESOURCES_FILE, text, strlen(text), arena, ret, err);
}

int live_devices_load(const struct store_entry *e, struct arena *arena, struct live_devices *ret,
		      struct err *err)
{
	AUTO_BUF text;

	buf_init(&text);
	*ret = (struct live_devices){ 0 };
	if (file_read(e->dir, DEVICES_FILE, &text, STORE_STATE_MAX, true) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "read " DEVICES_FILE);
	return json_decode(DEVICES_FILE, text.s, text.len, &devices_table, ret, arena, err);
}

int live_devices_append(const struct live_devices *d, struct arena *arena,
			struct spec_device_rule **rules, size_t *n, struct err *err)
{
	struct spec_device_rule *v = arena_array(arena, *n + d->devices.n + 1, sizeof(*v));

	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	if (*n)
		memcpy(v, *rules, *n * sizeof(*v));
	for (size_t i = 0; i < d->devices.n; i++) {
		const struct live_device *one = &d->devices.v[i];

		v[(*n)++] = (struct spec_device_rule){ .allow = true,
						       .type = one->device.type,
						       .major = one->device.major,
						       .minor = one->device.minor,
						       .access = one->access };
	}
	*rules = v;
	return 0;
}
