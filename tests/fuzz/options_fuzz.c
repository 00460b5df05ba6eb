/* SPDX-License-Identifier: Apache-2.0 */
/* options_fuzz.c - any command line, read by a table with every kind of option
 *
 * The input's first byte chooses whether the first argument ends the options;
 * the rest is the words, separated by NUL.  What must hold: the arguments are
 * words of the line in their order, lists end with NULL, an error has a
 * message.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/options.h"

#define WORDS_MAX 64

struct values {
	bool flag;
	int tristate;
	const char *string;
	struct option_list list;
	unsigned int number;
};

#define ROW(name_, letter_, kind_, member) \
 .name = (name_), .letter = (letter_), .kind = (kind_), .offset = offsetof(struct values, member)

static const struct option more_rows[] = {
	{ ROW("string", 's', OPTION_STRING, string) },
	{ ROW("strings", 'e', OPTION_STRINGS, list) },
};
static const struct option_table more = { more_rows, ARRAY_SIZE(more_rows), NULL };
static const struct option rows[] = {
	{ ROW("flag", 'f', OPTION_FLAG, flag) },
	{ ROW("switch", 't', OPTION_SWITCH, tristate) },
	{ ROW("number", 'n', OPTION_NUMBER, number) },
	{ .name = "ignored", .letter = 'i', .kind = OPTION_IGNORED },
	{ .name = "ignored-flag", .kind = OPTION_IGNORED_FLAG },
};
static const struct option_table table = { rows, ARRAY_SIZE(rows), &more };

static void require(bool good)
{
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	char *text = malloc(size);
	require(text);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = 0;

	char *words[WORDS_MAX + 1] = { NULL }, *all[WORDS_MAX];
	int n = 0;
	for (size_t at = 0; at < size && n < WORDS_MAX; at += strlen(text + at) + 1) {
		all[n] = text + at;
		words[n++] = text + at;
	}
	struct values v = { .tristate = -1 };
	struct arena arena;
	struct option_args args;
	struct err err = { 0 };
	const struct option_parse parse = {
		.table = &table,
		.stop_at_first = data[0] & 1,
		.argc = n,
		.argv = words,
		.dst = &v,
	};
	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (options_parse(&parse, &arena, &args, &err) < 0) {
		require(err.code != 0 && err.msg[0]);
	} else {
		require(args.n >= 0 && args.n <= n && !args.v[args.n]);
		int at = 0;
		for (int i = 0; i < args.n; i++) {
			while (at < n && all[at] != args.v[i])
				at++;
			require(at < n);
			at++;
		}
		require(v.list.n <= (size_t)n);
		require(!v.list.v || !v.list.v[v.list.n]);
		require(v.tristate >= -1 && v.tristate <= 1);
	}
	arena_release(&arena);
	free(text);
	return 0;
}
