/* SPDX-License-Identifier: Apache-2.0 */
/* resources_fuzz.c - any bytes as the document of `update --resources`
 *
 * Oracle: no crash, no sanitizer report, memory within the arena's maximum; a
 * refusal has a message; no unified key that is accepted leaves the group; what
 * is accepted can be merged into what was asked for before, and read again.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/spec/spec.h"

#define MEMORY_MAX ((size_t)32 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static void check_merge(const char *text, size_t size, struct arena *arena)
{
	static const char before[] =
		"{\"memory\":{\"limit\":1},\"unified\":{\"a\":\"b\"},\"devices\":[]}";
	const char *copy = arena_strndup(arena, text, size);
	struct spec_resources *r;
	struct err err = { 0 };
	AUTO_BUF merged;

	if (!copy || strlen(copy) != size)
		return;
	buf_init(&merged);
	if (json_merge(before, copy, arena, &merged, &err) == 0 &&
	    spec_parse_resources("merged", merged.s, merged.len, arena, &r, &err) < 0)
		/* the same key written in two ways, or too much of it all */
		must(strstr(err.msg, "twice") || strstr(err.msg, "large") || strchr(copy, '\\') ||
		     err.code == ENOMEM);
	must(err.code == 0 || err.msg[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	struct arena arena;
	struct spec_resources *r;

	arena_init(&arena, MEMORY_MAX);
	if (spec_parse_resources("resources", (const char *)data, size, &arena, &r, &err) < 0)
		must(err.code != 0 && err.msg[0] != '\0');
	else if (spec_validate_resources(r, "", &err) < 0)
		must(err.msg[0] != '\0');
	else {
		for (size_t i = 0; i < r->unified.n; i++)
			must(!strchr(r->unified.v[i].key, '/'));
		check_merge((const char *)data, size, &arena);
	}
	must(arena.used <= MEMORY_MAX);
	arena_release(&arena);
	return 0;
}
