/* SPDX-License-Identifier: Apache-2.0 */
/* unit_doc.c - the document between the runtime and skerry-systemd, read
 *
 * Both are of one build, but the helper may run with more rights than who
 * started it can vouch for: unknown keys, wrong types and too much are errors.
 */
#include "cgroups/internal.h"

#include <errno.h>

static const struct json_field property_fields[] = {
	JSON_FIELD(struct property, name, JSON_STRING, .required = true),
	JSON_FIELD(struct property, type, JSON_STRING, .required = true),
	JSON_FIELD(struct property, values, JSON_STRINGS, .required = true),
};
static const struct json_table property_table = {
	.fields = property_fields,
	.n = ARRAY_SIZE(property_fields),
	.size = sizeof(struct property),
	.strict = true,
};
static const struct json_field doc_fields[] = {
	JSON_FIELD(struct systemd_doc, unit, JSON_STRING, .required = true),
	JSON_FIELD(struct systemd_doc, slice, JSON_STRING),
	JSON_FIELD(struct systemd_doc, description, JSON_STRING),
	JSON_FIELD(struct systemd_doc, user, JSON_BOOL),
	JSON_FIELD(struct systemd_doc, properties, JSON_OBJECTS, .sub = &property_table),
};
static const struct json_table doc_table = {
	.fields = doc_fields,
	.n = ARRAY_SIZE(doc_fields),
	.size = sizeof(struct systemd_doc),
	.strict = true,
};

int systemd_doc_parse(const char *text, size_t len, struct arena *arena, struct systemd_doc **ret,
		      struct err *err)
{
	struct systemd_doc *doc;

	if (len > SYSTEMD_DOC_MAX)
		return err_set(err, EFBIG, "unit document is too large");
	doc = arena_alloc(arena, sizeof(*doc));
	if (!doc)
		return err_set(err, ENOMEM, "unit document: out of memory");
	if (json_decode("unit document", text, len, &doc_table, doc, arena, err) < 0)
		return -1;
	*ret = doc;
	return 0;
}
