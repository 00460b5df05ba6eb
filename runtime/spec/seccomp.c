/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp.c - decode table of the "linux.seccomp" section
 *
 * runtime-spec config-linux.md "Seccomp"
 */
#include "runtime/spec/spec.h"
#include "runtime/spec/tables.h"

#define SYSCALL_ARG_LAST 5
#define ERRNO_RET_MAX	 65535 /* SECCOMP_RET_DATA has 16 bits */

static const struct json_field arg_fields[] = {
	JSON_FIELD(struct spec_seccomp_arg, index, JSON_U32, .max = SYSCALL_ARG_LAST,
		   .required = true),
	JSON_FIELD(struct spec_seccomp_arg, value, JSON_U64, .required = true),
	JSON_FIELD(struct spec_seccomp_arg, valueTwo, JSON_U64),
	JSON_FIELD(struct spec_seccomp_arg, op, JSON_STRING, .required = true),
};
static const struct json_table arg = JSON_TABLE(struct spec_seccomp_arg, arg_fields);

static const struct json_field rule_fields[] = {
	JSON_FIELD(struct spec_seccomp_rule, names, JSON_STRINGS, .required = true),
	JSON_FIELD(struct spec_seccomp_rule, action, JSON_STRING, .required = true),
	JSON_FIELD(struct spec_seccomp_rule, errnoRet, JSON_OPT_U64, .max = ERRNO_RET_MAX),
	JSON_FIELD(struct spec_seccomp_rule, args, JSON_OBJECTS, .sub = &arg),
};
static const struct json_table rule = JSON_TABLE(struct spec_seccomp_rule, rule_fields);

static const struct json_field seccomp_fields[] = {
	JSON_FIELD(struct spec_seccomp, defaultAction, JSON_STRING, .required = true),
	JSON_FIELD(struct spec_seccomp, defaultErrnoRet, JSON_OPT_U64, .max = ERRNO_RET_MAX),
	JSON_FIELD(struct spec_seccomp, architectures, JSON_STRINGS),
	JSON_FIELD(struct spec_seccomp, flags, JSON_STRINGS),
	JSON_FIELD(struct spec_seccomp, listenerPath, JSON_STRING),
	JSON_FIELD(struct spec_seccomp, listenerMetadata, JSON_STRING),
	JSON_FIELD(struct spec_seccomp, syscalls, JSON_OBJECTS, .sub = &rule),
};
const struct json_table spec_seccomp_table = JSON_TABLE(struct spec_seccomp, seccomp_fields);
