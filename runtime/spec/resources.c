/* SPDX-License-Identifier: Apache-2.0 */
/* resources.c - decode table of the "linux.resources" section
 *
 * runtime-spec config-linux.md "Control groups"
 */
#include "runtime/spec/spec.h"
#include "runtime/spec/tables.h"

#define FIELD(member, kind, ...) JSON_FIELD(struct STRUCT, member, kind, ##__VA_ARGS__)

#define WEIGHT_MAX    65535
#define DEVICE_LAST   INT32_MAX
#define CLASS_ID_LAST UINT32_MAX

#define STRUCT spec_device_rule
static const struct json_field device_rule_fields[] = {
	FIELD(allow, JSON_BOOL, .required = true),
	FIELD(type, JSON_STRING),
	FIELD(major, JSON_OPT_I64, .min = -1, .max = DEVICE_LAST),
	FIELD(minor, JSON_OPT_I64, .min = -1, .max = DEVICE_LAST),
	FIELD(access, JSON_STRING),
};
static const struct json_table device_rule =
	JSON_TABLE(struct spec_device_rule, device_rule_fields);
#undef STRUCT

#define STRUCT spec_memory
static const struct json_field memory_fields[] = {
	FIELD(limit, JSON_OPT_I64, .min = -1, .max = INT64_MAX),
	FIELD(reservation, JSON_OPT_I64, .min = -1, .max = INT64_MAX),
	FIELD(swap, JSON_OPT_I64, .min = -1, .max = INT64_MAX),
	FIELD(kernel, JSON_OPT_I64, .min = -1, .max = INT64_MAX),
	FIELD(kernelTCP, JSON_OPT_I64, .min = -1, .max = INT64_MAX),
	FIELD(swappiness, JSON_OPT_U64),
	FIELD(disableOOMKiller, JSON_OPT_BOOL),
	FIELD(useHierarchy, JSON_OPT_BOOL),
	FIELD(checkBeforeUpdate, JSON_OPT_BOOL),
};
static const struct json_table memory = JSON_TABLE(struct spec_memory, memory_fields);
#undef STRUCT

#define STRUCT spec_cpu
static const struct json_field cpu_fields[] = {
	FIELD(shares, JSON_OPT_U64),
	FIELD(quota, JSON_OPT_I64),
	FIELD(burst, JSON_OPT_U64),
	FIELD(period, JSON_OPT_U64),
	FIELD(realtimeRuntime, JSON_OPT_I64),
	FIELD(realtimePeriod, JSON_OPT_U64),
	FIELD(idle, JSON_OPT_I64),
	FIELD(cpus, JSON_STRING),
	FIELD(mems, JSON_STRING),
};
static const struct json_table cpu = JSON_TABLE(struct spec_cpu, cpu_fields);
#undef STRUCT

#define STRUCT spec_pids
static const struct json_field pids_fields[] = {
	FIELD(limit, JSON_OPT_I64),
};
static const struct json_table pids = JSON_TABLE(struct spec_pids, pids_fields);
#undef STRUCT

#define STRUCT spec_weight_device
static const struct json_field weight_device_fields[] = {
	FIELD(major, JSON_I64, .max = DEVICE_LAST, .required = true),
	FIELD(minor, JSON_I64, .max = DEVICE_LAST, .required = true),
	FIELD(weight, JSON_OPT_U64, .max = WEIGHT_MAX),
	FIELD(leafWeight, JSON_OPT_U64, .max = WEIGHT_MAX),
};
static const struct json_table weight_device =
	JSON_TABLE(struct spec_weight_device, weight_device_fields);
#undef STRUCT

#define STRUCT spec_throttle_device
static const struct json_field throttle_fields[] = {
	FIELD(major, JSON_I64, .max = DEVICE_LAST, .required = true),
	FIELD(minor, JSON_I64, .max = DEVICE_LAST, .required = true),
	FIELD(rate, JSON_U64, .required = true),
};
static const struct json_table throttle = JSON_TABLE(struct spec_throttle_device, throttle_fields);
#undef STRUCT

#define STRUCT spec_block_io
static const struct json_field block_io_fields[] = {
	FIELD(weight, JSON_OPT_U64, .max = WEIGHT_MAX),
	FIELD(leafWeight, JSON_OPT_U64, .max = WEIGHT_MAX),
	FIELD(weightDevice, JSON_OBJECTS, .sub = &weight_device),
	FIELD(throttleReadBpsDevice, JSON_OBJECTS, .sub = &throttle),
	FIELD(throttleWriteBpsDevice, JSON_OBJECTS, .sub = &throttle),
	FIELD(throttleReadIOPSDevice, JSON_OBJECTS, .sub = &throttle),
	FIELD(throttleWriteIOPSDevice, JSON_OBJECTS, .sub = &throttle),
};
static const struct json_table block_io = JSON_TABLE(struct spec_block_io, block_io_fields);
#undef STRUCT

#define STRUCT spec_hugepage_limit
static const struct json_field hugepage_fields[] = {
	FIELD(pageSize, JSON_STRING, .required = true),
	FIELD(limit, JSON_U64, .required = true),
};
static const struct json_table hugepage = JSON_TABLE(struct spec_hugepage_limit, hugepage_fields);
#undef STRUCT

#define STRUCT spec_net_priority
static const struct json_field net_priority_fields[] = {
	FIELD(name, JSON_STRING, .required = true),
	FIELD(priority, JSON_U32, .required = true),
};
static const struct json_table net_priority =
	JSON_TABLE(struct spec_net_priority, net_priority_fields);
#undef STRUCT

#define STRUCT spec_network
static const struct json_field network_fields[] = {
	FIELD(classID, JSON_OPT_U64, .max = CLASS_ID_LAST),
	FIELD(priorities, JSON_OBJECTS, .sub = &net_priority),
};
static const struct json_table network = JSON_TABLE(struct spec_network, network_fields);
#undef STRUCT

#define STRUCT spec_rdma
static const struct json_field rdma_fields[] = {
	FIELD(hcaHandles, JSON_OPT_U64, .max = UINT32_MAX),
	FIELD(hcaObjects, JSON_OPT_U64, .max = UINT32_MAX),
};
static const struct json_table rdma = JSON_TABLE(struct spec_rdma, rdma_fields);
#undef STRUCT

#define STRUCT spec_resources
static const struct json_field resources_fields[] = {
	FIELD(devices, JSON_OBJECTS, .sub = &device_rule),
	FIELD(memory, JSON_OBJECT, .sub = &memory),
	FIELD(cpu, JSON_OBJECT, .sub = &cpu),
	FIELD(pids, JSON_OBJECT, .sub = &pids),
	FIELD(blockIO, JSON_OBJECT, .sub = &block_io),
	FIELD(hugepageLimits, JSON_OBJECTS, .sub = &hugepage),
	FIELD(network, JSON_OBJECT, .sub = &network),
	FIELD(rdma, JSON_MAP, .sub = &rdma),
	FIELD(unified, JSON_PAIRS),
};
const struct json_table spec_resources_table = JSON_TABLE(struct spec_resources, resources_fields);
