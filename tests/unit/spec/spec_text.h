/* SPDX-License-Identifier: Apache-2.0 */
/* spec_text.h - configs in tests, written with ' for "
 *
 * what_is_wrong() decodes and validates a whole config.json that is right but
 * for the members given; text_of() helps with the other documents.
 */
#ifndef SKERRY_TESTS_UNIT_SPEC_SPEC_TEXT_H
#define SKERRY_TESTS_UNIT_SPEC_SPEC_TEXT_H

#include <stdio.h>
#include <string.h>

#include "runtime/spec/spec.h"

#define TEXT_MAX 16384

/* The text with " for '; in a static buffer. */
static inline const char *text_of(const char *text)
{
	static char buffer[TEXT_MAX];

	(void)snprintf(buffer, sizeof(buffer), "%s", text);
	for (char *s = buffer; *s; s++)
		if (*s == '\'')
			*s = '"';
	return buffer;
}

/* NULL when the config is right, else the field (JSON pointer) that isn't; more members of the
 * object come as text behind the usual ones. */
static inline const char *wrong_config(const char *text)
{
	static char field[ERR_FIELD_MAX];
	const char *json = text_of(text);
	struct err err = { 0 };
	struct arena arena;
	struct spec *s;
	int good;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	good = spec_parse("config.json", json, strlen(json), &arena, &s, &err) == 0 &&
	       spec_validate(s, &err) == 0;
	arena_release(&arena);
	(void)snprintf(field, sizeof(field), "%s", err.field);
	return good ? NULL : field;
}

#define CONFIG_START                               \
 "{'ociVersion':'1.0.2','root':{'path':'rootfs'}," \
 "'process':{'args':['sh'],'cwd':'/'"
#define CONFIG_PROCESS(members) CONFIG_START "," members "}}"
#define CONFIG_WITH(members)	CONFIG_START "}," members "}"
#define CONFIG_LINUX(members)	CONFIG_START "},'linux':{" members "}}"

#endif
