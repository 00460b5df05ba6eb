/* SPDX-License-Identifier: Apache-2.0 */
/* hooks_test.c - the "hooks" section is decoded in full */
#include "tests/unit/spec/spec_text.h"
#include "tests/unit/test.h"

TEST(all_six_kinds_of_hooks_are_decoded)
{
	const char *json = text_of(
		"{'hooks':{'prestart':[{'path':'/1','args':['a','b'],'env':['A=1'],'timeout':9}],"
		"'createRuntime':[{'path':'/2','env':[]}],'createContainer':[{'path':'/3'}],"
		"'startContainer':[{'path':'/4'}],'poststart':[{'path':'/5'}],"
		"'poststop':[{'path':'/6'},{'path':'/7'}]}}");
	struct arena arena;
	struct spec *s = NULL;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	CHECK_INT(spec_parse("c", json, strlen(json), &arena, &s, NULL), 0);
	if (s && s->hooks) {
		const struct spec_hooks *h = s->hooks;

		CHECK_STR(h->prestart.v[0].path, "/1");
		CHECK_STR(h->prestart.v[0].args.v[1], "b");
		CHECK_STR(h->prestart.v[0].env.v[0], "A=1");
		CHECK(h->prestart.v[0].has_env);
		CHECK(h->prestart.v[0].timeout.has && h->prestart.v[0].timeout.v == 9);
		/* an empty environment isn't the same as none */
		CHECK(h->createRuntime.v[0].has_env && h->createRuntime.v[0].env.n == 0);
		CHECK(!h->createContainer.v[0].has_env);
		CHECK_STR(h->createContainer.v[0].path, "/3");
		CHECK_STR(h->startContainer.v[0].path, "/4");
		CHECK_STR(h->poststart.v[0].path, "/5");
		CHECK_INT(h->poststop.n, 2);
		CHECK_STR(h->poststop.v[1].path, "/7");
	} else {
		CHECK(!"decoded");
	}
	arena_release(&arena);
}

TEST(a_hook_needs_a_path)
{
	CHECK_STR(wrong_config(CONFIG_WITH("'hooks':{'poststop':[{'args':['a']}]}")),
		  "/hooks/poststop/0/path");
}
