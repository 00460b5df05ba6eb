/* SPDX-License-Identifier: Apache-2.0 */
/* linux.c - decode table of the "linux" section
 *
 * runtime-spec config-linux.md; resources and seccomp have files of their own.
 */
#include "runtime/spec/spec.h"
#include "runtime/spec/tables.h"

#define FIELD(member, kind, ...) JSON_FIELD(struct STRUCT, member, kind, ##__VA_ARGS__)

#define MAJOR_LAST    4095 /* 12 bits */
#define MINOR_LAST    1048575 /* 20 bits */
#define FILE_MODE_MAX 0177777 /* engines leave the type bits in */
#define NANOSECS_LAST 999999999

#define STRUCT spec_namespace
static const struct json_field namespace_fields[] = {
	FIELD(type, JSON_STRING, .required = true),
	FIELD(path, JSON_STRING),
};
static const struct json_table namespace = JSON_TABLE(struct spec_namespace, namespace_fields);
#undef STRUCT

#define STRUCT spec_device
static const struct json_field device_fields[] = {
	FIELD(type, JSON_STRING, .required = true),
	FIELD(path, JSON_STRING, .required = true),
	FIELD(major, JSON_OPT_I64, .max = MAJOR_LAST),
	FIELD(minor, JSON_OPT_I64, .max = MINOR_LAST),
	FIELD(fileMode, JSON_OPT_U64, .max = FILE_MODE_MAX),
	FIELD(uid, JSON_OPT_U64, .max = SPEC_ID_LAST),
	FIELD(gid, JSON_OPT_U64, .max = SPEC_ID_LAST),
};
static const struct json_table device = JSON_TABLE(struct spec_device, device_fields);
#undef STRUCT

#define STRUCT spec_net_device
static const struct json_field net_device_fields[] = {
	FIELD(name, JSON_STRING),
};
static const struct json_table net_device = JSON_TABLE(struct spec_net_device, net_device_fields);
#undef STRUCT

#define STRUCT spec_time_offset
static const struct json_field time_offset_fields[] = {
	FIELD(secs, JSON_I64),
	FIELD(nanosecs, JSON_U32, .max = NANOSECS_LAST),
};
static const struct json_table time_offset =
	JSON_TABLE(struct spec_time_offset, time_offset_fields);
#undef STRUCT

#define STRUCT spec_intel_rdt
static const struct json_field intel_rdt_fields[] = {
	FIELD(closID, JSON_STRING),	    FIELD(schemata, JSON_STRINGS),
	FIELD(l3CacheSchema, JSON_STRING),  FIELD(memBwSchema, JSON_STRING),
	FIELD(enableMonitoring, JSON_BOOL), FIELD(enableCMT, JSON_BOOL),
	FIELD(enableMBM, JSON_BOOL),
};
static const struct json_table intel_rdt = JSON_TABLE(struct spec_intel_rdt, intel_rdt_fields);
#undef STRUCT

#define STRUCT spec_personality
static const struct json_field personality_fields[] = {
	FIELD(domain, JSON_STRING, .required = true),
	FIELD(flags, JSON_STRINGS),
};
static const struct json_table personality =
	JSON_TABLE(struct spec_personality, personality_fields);
#undef STRUCT

#define STRUCT spec_memory_policy
static const struct json_field memory_policy_fields[] = {
	FIELD(mode, JSON_STRING, .required = true),
	FIELD(nodes, JSON_STRING),
	FIELD(flags, JSON_STRINGS),
};
static const struct json_table memory_policy =
	JSON_TABLE(struct spec_memory_policy, memory_policy_fields);
#undef STRUCT

#define STRUCT spec_linux
static const struct json_field linux_fields[] = {
	FIELD(namespaces, JSON_OBJECTS, .sub = &namespace),
	FIELD(uidMappings, JSON_OBJECTS, .sub = &spec_id_map_table),
	FIELD(gidMappings, JSON_OBJECTS, .sub = &spec_id_map_table),
	FIELD(timeOffsets, JSON_MAP, .sub = &time_offset),
	FIELD(devices, JSON_OBJECTS, .sub = &device),
	FIELD(netDevices, JSON_MAP, .sub = &net_device),
	FIELD(cgroupsPath, JSON_STRING),
	FIELD(resources, JSON_OBJECT, .sub = &spec_resources_table),
	FIELD(sysctl, JSON_PAIRS),
	FIELD(seccomp, JSON_OBJECT, .sub = &spec_seccomp_table),
	FIELD(rootfsPropagation, JSON_STRING),
	FIELD(maskedPaths, JSON_STRINGS),
	FIELD(readonlyPaths, JSON_STRINGS),
	FIELD(mountLabel, JSON_STRING),
	FIELD(intelRdt, JSON_OBJECT, .sub = &intel_rdt),
	FIELD(personality, JSON_OBJECT, .sub = &personality),
	FIELD(memoryPolicy, JSON_OBJECT, .sub = &memory_policy),
};
const struct json_table spec_linux_table = JSON_TABLE(struct spec_linux, linux_fields);
