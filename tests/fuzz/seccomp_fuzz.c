/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp_fuzz.c - any bytes as linux.seccomp of a config.json
 *
 * Oracle: no crash, no sanitizer report; a refusal has a message; a program has
 * a size the kernel takes and ends in every run; where the profile names only
 * calls that the model knows, it answers as the model does.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "runtime/isolate/filter.h"
#include "tests/unit/isolate/seccomp_model.h"

#define MEMORY_MAX ((size_t)32 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

/* Is all of it within what the model speaks of? */
static bool is_modelled(const struct spec_seccomp *s)
{
	for (size_t i = 0; i < s->architectures.n; i++) {
		if (strcmp(s->architectures.v[i], "SCMP_ARCH_X32") == 0)
			return false;
	}
	for (size_t i = 0; i < s->syscalls.n; i++) {
		for (size_t k = 0; k < s->syscalls.v[i].names.n; k++) {
			if (model_number(s->syscalls.v[i].names.v[k]) < 0)
				return false;
		}
	}
	return true;
}

/* Arguments on and around the values of the rules. */
static void ask(const struct filter *f, const struct spec_seccomp *s, int nr)
{
	struct seccomp_data d = { .nr = nr, .arch = NATIVE };
	bool modelled = is_modelled(s);
	uint32_t answer = filter_eval(f, &d);

	must(!modelled || answer == model_answer(s, &d));
	for (size_t i = 0; i < s->syscalls.n && i < 64; i++) {
		const struct spec_seccomp_rule *r = &s->syscalls.v[i];

		for (size_t k = 0; k < r->args.n; k++) {
			const struct spec_seccomp_arg *a = &r->args.v[k];

			d.args[a->index] = a->value + (uint64_t)(i % 3) - 1;
			answer = filter_eval(f, &d);
			must(!modelled || answer == model_answer(s, &d));
			d.args[a->index] = a->value;
			answer = filter_eval(f, &d);
			must(!modelled || answer == model_answer(s, &d));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char before[] = "{\"ociVersion\":\"1.0.0\",\"linux\":{\"seccomp\":",
			  after[] = "}}";
	struct err err = { 0 };
	struct arena arena;
	struct spec *spec;
	struct filter f;
	AUTO_BUF text;

	buf_init(&text);
	buf_puts(&text, before);
	buf_add(&text, data, size);
	buf_puts(&text, after);
	arena_init(&arena, MEMORY_MAX);
	if (spec_parse("config", text.s, text.len, &arena, &spec, &err) == 0 &&
	    spec->linux_->seccomp != NULL) {
		const struct spec_seccomp *s = spec->linux_->seccomp;

		if (filter_make(s, spec, -1, &arena, &f, &err) == 0) {
			must(f.n > 0 && f.n <= BPF_MAXINSNS);
			for (size_t i = 0; i < MODEL_CALLS; i++)
				ask(&f, s, model_calls[i].number);
			ask(&f, s, 999);
		} else {
			must(err.code != 0 && err.msg[0] != '\0');
		}
	}
	arena_release(&arena);
	return 0;
}
