/* SPDX-License-Identifier: Apache-2.0 */
/* resources_fuzz.c - any bytes as the document of `update --resources`
 *
 * Oracle: no crash, no sanitizer report, memory within the arena's maximum; a
 * refusal has a message; no unified key that is accepted leaves the group.
 */
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
	else
		for (size_t i = 0; i < r->unified.n; i++)
			must(!strchr(r->unified.v[i].key, '/'));
	must(arena.used <= MEMORY_MAX);
	arena_release(&arena);
	return 0;
}
