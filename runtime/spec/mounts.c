/* SPDX-License-Identifier: Apache-2.0 */
/* mounts.c - decode tables of the "root" and "mounts" sections
 *
 * runtime-spec config.md "Root", "Mounts"; config-linux.md "User namespace
 * mappings"
 */
#include "runtime/spec/spec.h"
#include "runtime/spec/tables.h"

static const struct json_field root_fields[] = {
	JSON_FIELD(struct spec_root, path, JSON_STRING, .required = true),
	JSON_FIELD(struct spec_root, readonly, JSON_BOOL),
};
const struct json_table spec_root_table = JSON_TABLE(struct spec_root, root_fields);

static const struct json_field id_map_fields[] = {
	JSON_FIELD(struct spec_id_map, containerID, JSON_U32, .required = true),
	JSON_FIELD(struct spec_id_map, hostID, JSON_U32, .required = true),
	JSON_FIELD(struct spec_id_map, size, JSON_U32, .required = true),
};
const struct json_table spec_id_map_table = JSON_TABLE(struct spec_id_map, id_map_fields);

static const struct json_field mount_fields[] = {
	JSON_FIELD(struct spec_mount, destination, JSON_STRING, .required = true),
	JSON_FIELD(struct spec_mount, type, JSON_STRING),
	JSON_FIELD(struct spec_mount, source, JSON_STRING),
	JSON_FIELD(struct spec_mount, options, JSON_STRINGS),
	JSON_FIELD(struct spec_mount, uidMappings, JSON_OBJECTS, .sub = &spec_id_map_table),
	JSON_FIELD(struct spec_mount, gidMappings, JSON_OBJECTS, .sub = &spec_id_map_table),
};
const struct json_table spec_mount_table = JSON_TABLE(struct spec_mount, mount_fields);
