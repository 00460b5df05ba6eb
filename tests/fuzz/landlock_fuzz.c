/* SPDX-License-Identifier: Apache-2.0 */
/* landlock_fuzz.c - any bytes as the annotation org.skerry.landlock
 *
 * Oracle: no crash, no sanitizer report; a refusal has a message and a field;
 * what is accepted restricts something, has absolute paths only, and on no
 * kernel asks for what that kernel does not know.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "runtime/isolate/landlock.h"

#define MEMORY_MAX ((size_t)32 << 20)
#define ABI_MAX	   10

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static void check(const struct landlock *l)
{
	must(l->set && (l->handled_fs | l->handled_net | l->scoped) != 0);
	for (size_t i = 0; i < l->n_paths; i++)
		must(l->paths[i].path[0] == '/' && (l->paths[i].access & ~l->handled_fs) == 0);
	for (size_t i = 0; i < l->n_ports; i++)
		must((l->ports[i].access & ~l->handled_net) == 0);
	for (int abi = 0; abi <= ABI_MAX; abi++) {
		struct landlock copy = *l;

		must((landlock_limit(&copy, abi, NULL) == 0) || (!l->best_effort && abi < 6));
		must(abi != 0 || !l->best_effort ||
		     (copy.handled_fs | copy.handled_net | copy.scoped) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	struct arena arena;
	struct landlock l;
	AUTO_BUF text;

	buf_init(&text);
	buf_add(&text, data, size);
	arena_init(&arena, MEMORY_MAX);
	if (landlock_make(text.s, &arena, &l, &err) == 0)
		check(&l);
	else
		must(err.code != 0 && err.msg[0] != '\0' && err.field[0] != '\0');
	arena_release(&arena);
	return 0;
}
