/* SPDX-License-Identifier: Apache-2.0 */
/* process_fuzz.c - any bytes as the document of `exec --process`
 *
 * Oracle: no crash, no sanitizer report, memory within the arena's maximum; a
 * refusal has a message; no id that is accepted is the -1 of setresuid(2).
 */
#include <stdint.h>
#include <stdlib.h>

#include "runtime/spec/spec.h"

#define MEMORY_MAX ((size_t)32 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static void check_user(const struct spec_user *u)
{
	must(u->uid != UINT32_MAX && u->gid != UINT32_MAX);
	for (size_t i = 0; i < u->additionalGids.n; i++)
		must(u->additionalGids.v[i] != UINT32_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	struct arena arena;
	struct spec_process *p;

	arena_init(&arena, MEMORY_MAX);
	if (spec_parse_process("process", (const char *)data, size, &arena, &p, &err) == 0) {
		check_user(&p->user);
		must(spec_validate_process(p, "", &err) == 0 || err.msg[0] != '\0');
	} else {
		must(err.code != 0 && err.msg[0] != '\0');
	}
	must(arena.used <= MEMORY_MAX);
	arena_release(&arena);
	return 0;
}
