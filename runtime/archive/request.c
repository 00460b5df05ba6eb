/* SPDX-License-Identifier: Apache-2.0 */
/* request.c - what the runtime asks of skerry-archive */
#include "runtime/archive/archive.h"

static const struct json_field fields[] = {
	JSON_FIELD(struct request, id, JSON_STRING, .required = true),
	JSON_FIELD(struct request, dir, JSON_STRING),
	JSON_FIELD(struct request, file, JSON_STRING),
	JSON_FIELD(struct request, compress, JSON_STRING),
	JSON_FIELD(struct request, rootfs, JSON_STRING),
	JSON_FIELD(struct request, config, JSON_STRING),
	JSON_FIELD(struct request, networks, JSON_STRING),
	JSON_FIELD(struct request, image, JSON_STRING),
	JSON_FIELD(struct request, created, JSON_STRING),
	JSON_FIELD(struct request, criu, JSON_STRING),
	JSON_FIELD(struct request, store, JSON_STRING),
	JSON_FIELD(struct request, name, JSON_STRING),
	JSON_FIELD(struct request, bundle, JSON_STRING),
	JSON_FIELD(struct request, pid, JSON_U32),
	JSON_FIELD_AS("ignoreRootfs", struct request, ignore_rootfs, JSON_BOOL),
	JSON_FIELD_AS("leaveRunning", struct request, leave_running, JSON_BOOL),
};
static const struct json_table table = {
	.fields = fields, .n = ARRAY_SIZE(fields), .size = sizeof(struct request), .strict = true
};

int request_parse(const char *text, size_t len, struct request *ret, struct arena *arena,
		  struct err *err)
{
	return json_decode("request", text, len, &table, ret, arena, err);
}
