/* SPDX-License-Identifier: Apache-2.0 */
/* hooks.c - decode table of the "hooks" section
 *
 * runtime-spec config.md "POSIX-platform Hooks"
 */
#include "runtime/spec/spec.h"
#include "runtime/spec/tables.h"

static const struct json_field hook_fields[] = {
	JSON_FIELD(struct spec_hook, path, JSON_STRING, .required = true),
	JSON_FIELD(struct spec_hook, args, JSON_STRINGS),
	JSON_FIELD(struct spec_hook, env, JSON_STRINGS),
	JSON_FIELD(struct spec_hook, timeout, JSON_OPT_I64),
};
static const struct json_table hook = JSON_TABLE(struct spec_hook, hook_fields);

static const struct json_field hooks_fields[] = {
	JSON_FIELD(struct spec_hooks, prestart, JSON_OBJECTS, .sub = &hook),
	JSON_FIELD(struct spec_hooks, createRuntime, JSON_OBJECTS, .sub = &hook),
	JSON_FIELD(struct spec_hooks, createContainer, JSON_OBJECTS, .sub = &hook),
	JSON_FIELD(struct spec_hooks, startContainer, JSON_OBJECTS, .sub = &hook),
	JSON_FIELD(struct spec_hooks, poststart, JSON_OBJECTS, .sub = &hook),
	JSON_FIELD(struct spec_hooks, poststop, JSON_OBJECTS, .sub = &hook),
};
const struct json_table spec_hooks_table = JSON_TABLE(struct spec_hooks, hooks_fields);
