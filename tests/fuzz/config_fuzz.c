/* SPDX-License-Identifier: Apache-2.0 */
/* config_fuzz.c - any bytes as config.json and as a document of mounts
 *
 * Oracle: no crash, no sanitizer report, memory within the arena's maximum;
 * both ways of validating agree; a refusal has a message; a config that is
 * accepted has what readers rely on.
 */
#include <stdint.h>
#include <stdlib.h>

#include "runtime/spec/names.h"
#include "runtime/spec/spec.h"

#define MEMORY_MAX ((size_t)32 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static void count(const struct err *err, void *arg)
{
	must(err->code != 0 && err->msg[0] != '\0');
	(*(int *)arg)++;
}

static void check_accepted(const struct spec *s)
{
	must(s->root && s->ociVersion && s->linux_);
	for (size_t i = 0; i < s->mounts.n; i++)
		must(s->mounts.v[i].destination[0] == '/');
	for (size_t i = 0; i < s->linux_->namespaces.n; i++)
		must(ns_parse(s->linux_->namespaces.v[i].type) >= 0);
	if (s->process) {
		must(s->process->cwd && s->process->cwd[0] == '/');
		must(s->process->args.n == 0 || !s->process->args.v[s->process->args.n]);
	}
}

static void one_config(const char *text, size_t size)
{
	struct err err = { 0 };
	struct arena arena;
	struct spec *s;
	int found = 0;

	arena_init(&arena, MEMORY_MAX);
	if (spec_parse("config.json", text, size, &arena, &s, &err) == 0) {
		int bad = spec_validate_all(s, count, &found);

		must(bad == found);
		must((spec_validate(s, &err) == 0) == (bad == 0));
		if (bad == 0)
			check_accepted(s);
		else
			must(err.msg[0] != '\0');
	} else {
		must(err.code != 0 && err.msg[0] != '\0');
	}
	must(arena.used <= MEMORY_MAX);
	arena_release(&arena);
}

static void one_mounts(const char *text, size_t size)
{
	struct err err = { 0 };
	struct arena arena;
	struct spec_mount *m;
	size_t n;

	arena_init(&arena, MEMORY_MAX);
	if (spec_parse_mounts("mounts", text, size, &arena, &m, &n, &err) == 0)
		for (size_t i = 0; i < n; i++)
			(void)spec_validate_mount(&m[i], "", &err);
	arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	one_config((const char *)data, size);
	one_mounts((const char *)data, size);
	return 0;
}
