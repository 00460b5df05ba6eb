/* SPDX-License-Identifier: Apache-2.0 */
/* dockerfile_fuzz.c - any text as a Dockerfile and as a .dockerignore
 *
 * What must hold: an error has a message; every instruction has its arguments;
 * words and expansions end; no pattern runs away.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/dockerfile.h"

static void require(bool good)
{
	if (!good)
		abort();
}

static const char *get(void *arg, const char *name)
{
	(void)arg;
	return name[0] == 'A' ? "value" : NULL;
}

static void try_words(const struct dockerfile_instruction *i, char escape, struct arena *arena)
{
	const struct dockerfile_scope scope = { .get = get, .escape = escape };
	struct strings words;
	struct err err = { 0 };
	char *text;
	require(i->rest && i->text && dockerfile_word_name(i->word));
	if (dockerfile_split(i->rest, &scope, &words, arena, &err) < 0)
		require(err.msg[0]);
	err_clear(&err);
	if (dockerfile_expand(i->rest, &scope, &text, arena, &err) < 0)
		require(err.msg[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct dockerfile d;
	struct dockerignore ignore;
	struct err err = { 0 };
	char *text = malloc(size + 1);
	require(text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = 0;
	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (dockerfile_parse("f", text, size, &d, &arena, &err) < 0) {
		require(err.msg[0]);
	} else {
		require(d.n > 0);
		for (size_t n = 0; n < d.n; n++)
			try_words(&d.v[n], d.escape, &arena);
	}
	if (dockerignore_parse(text, &ignore, &arena, &err) == 0 && ignore.patterns.n < 64)
		(void)dockerignore_matches(&ignore, "some/path/to/a/file.c");
	arena_release(&arena);
	free(text);
	return 0;
}
