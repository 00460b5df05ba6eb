/* SPDX-License-Identifier: Apache-2.0 */
/* process.c - decode table of the "process" section
 *
 * runtime-spec config.md "Process", "POSIX process", "Linux Process"
 */
#include "runtime/spec/spec.h"
#include "runtime/spec/tables.h"

#define FIELD(member, kind, ...) JSON_FIELD(struct STRUCT, member, kind, ##__VA_ARGS__)

#define WINDOW_MAX 65535 /* struct winsize holds shorts */
#define UMASK_MAX  07777

#define STRUCT spec_box
static const struct json_field box_fields[] = {
	FIELD(height, JSON_U32, .max = WINDOW_MAX),
	FIELD(width, JSON_U32, .max = WINDOW_MAX),
};
static const struct json_table box = JSON_TABLE(struct spec_box, box_fields);
#undef STRUCT

#define STRUCT spec_user
static const struct json_field user_fields[] = {
	FIELD(uid, JSON_U32, .max = SPEC_ID_LAST),
	FIELD(gid, JSON_U32, .max = SPEC_ID_LAST),
	FIELD(umask, JSON_OPT_U64, .max = UMASK_MAX),
	FIELD(additionalGids, JSON_U32S, .max = SPEC_ID_LAST),
	FIELD(username, JSON_STRING),
};
static const struct json_table user = JSON_TABLE(struct spec_user, user_fields);
#undef STRUCT

#define STRUCT spec_rlimit
static const struct json_field rlimit_fields[] = {
	FIELD(type, JSON_STRING, .required = true),
	FIELD(hard, JSON_U64, .required = true),
	FIELD(soft, JSON_U64, .required = true),
};
static const struct json_table rlimit = JSON_TABLE(struct spec_rlimit, rlimit_fields);
#undef STRUCT

#define STRUCT spec_caps
static const struct json_field caps_fields[] = {
	FIELD(bounding, JSON_STRINGS),	FIELD(effective, JSON_STRINGS),
	FIELD(permitted, JSON_STRINGS), FIELD(inheritable, JSON_STRINGS),
	FIELD(ambient, JSON_STRINGS),
};
static const struct json_table caps = JSON_TABLE(struct spec_caps, caps_fields);
#undef STRUCT

#define STRUCT spec_scheduler
static const struct json_field scheduler_fields[] = {
	FIELD(policy, JSON_STRING, .required = true),
	FIELD(nice, JSON_I32),
	FIELD(priority, JSON_I32),
	FIELD(flags, JSON_STRINGS),
	FIELD(runtime, JSON_U64),
	FIELD(deadline, JSON_U64),
	FIELD(period, JSON_U64),
};
static const struct json_table scheduler = JSON_TABLE(struct spec_scheduler, scheduler_fields);
#undef STRUCT

#define STRUCT spec_io_priority
static const struct json_field io_priority_fields[] = {
	JSON_FIELD_AS("class", struct spec_io_priority, class_, JSON_STRING, .required = true),
	FIELD(priority, JSON_I32),
};
static const struct json_table io_priority =
	JSON_TABLE(struct spec_io_priority, io_priority_fields);
#undef STRUCT

#define STRUCT spec_cpu_affinity
static const struct json_field affinity_fields[] = {
	FIELD(initial, JSON_STRING),
	FIELD(final, JSON_STRING),
};
static const struct json_table affinity = JSON_TABLE(struct spec_cpu_affinity, affinity_fields);
#undef STRUCT

#define STRUCT spec_process
static const struct json_field process_fields[] = {
	FIELD(terminal, JSON_BOOL),
	FIELD(consoleSize, JSON_OBJECT, .sub = &box),
	FIELD(user, JSON_INLINE, .sub = &user),
	FIELD(args, JSON_STRINGS),
	FIELD(commandLine, JSON_STRING),
	FIELD(env, JSON_STRINGS),
	FIELD(cwd, JSON_STRING),
	FIELD(capabilities, JSON_OBJECT, .sub = &caps),
	FIELD(rlimits, JSON_OBJECTS, .sub = &rlimit),
	FIELD(noNewPrivileges, JSON_BOOL),
	FIELD(apparmorProfile, JSON_STRING),
	FIELD(oomScoreAdj, JSON_OPT_I64, .min = -1000, .max = 1000),
	FIELD(scheduler, JSON_OBJECT, .sub = &scheduler),
	FIELD(selinuxLabel, JSON_STRING),
	FIELD(ioPriority, JSON_OBJECT, .sub = &io_priority),
	FIELD(execCPUAffinity, JSON_OBJECT, .sub = &affinity),
};
const struct json_table spec_process_table = JSON_TABLE(struct spec_process, process_fields);
