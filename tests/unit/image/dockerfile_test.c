/* SPDX-License-Identifier: Apache-2.0 */
/* dockerfile_test.c - instructions, words, variables and patterns of a Dockerfile */
#include "image/dockerfile.h"

#include <errno.h>

#include "tests/unit/test.h"

static struct arena arena;
static struct dockerfile d;

static int parse(const char *text)
{
	struct err err = { 0 };
	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	return dockerfile_parse("test", text, strlen(text), &d, &arena, &err);
}

TEST(lines_are_joined_by_the_escape)
{
	REQUIRE(parse("FROM a\n\n# comment\nRUN x \\\n# inside\n\n  y\n") == 0);
	CHECK_INT((int)d.n, 2);
	CHECK_INT(d.v[1].word, DOCKERFILE_RUN);
	CHECK_STR(d.v[1].rest, "x   y");
	CHECK_INT((int)d.v[1].line, 4);
	REQUIRE(parse("# escape=`\nRUN a `\nb\\\n") == 0);
	CHECK_STR(d.v[0].rest, "a b\\");
}

TEST(flags_and_json_are_taken_apart)
{
	REQUIRE(parse("copy --from=x --link [\"a b\", \"c\"]\nCMD [ not json\n") == 0);
	CHECK_INT(d.v[0].word, DOCKERFILE_COPY);
	CHECK_INT((int)d.v[0].flags.n, 2);
	CHECK_STR(d.v[0].flags.v[0].value, "x");
	CHECK(d.v[0].json);
	CHECK_STR(d.v[0].args.v[0], "a b");
	CHECK(!d.v[1].json);
	CHECK_STR(d.v[1].rest, "[ not json");
}

TEST(a_here_document_belongs_to_its_instruction)
{
	REQUIRE(parse("RUN cat <<A <<-\"B\"\none\nA\n\ttwo\n\tB\nUSER x\n") == 0);
	CHECK_INT((int)d.n, 2);
	CHECK_INT((int)d.v[0].heredocs.n, 2);
	CHECK_STR(d.v[0].heredocs.v[0], "one\n");
	CHECK_STR(d.v[0].heredocs.v[1], "two\n");
	CHECK_INT(parse("RUN <<A\nx\n"), -1);
}

TEST(what_is_no_dockerfile_is_refused)
{
	CHECK_INT(parse(""), -1);
	CHECK_INT(parse("# only\n"), -1);
	CHECK_INT(parse("NOSUCH x\n"), -1);
	CHECK_INT(parse("FROM\n"), -1);
}

static const char *get(void *arg, const char *name)
{
	(void)arg;
	if (strcmp(name, "A") == 0)
		return "a";
	return strcmp(name, "EMPTY") == 0 ? "" : NULL;
}
static const struct dockerfile_scope scope = { get, NULL, '\\' };

static const char *expand(const char *text)
{
	char *out;
	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	return dockerfile_expand(text, &scope, &out, &arena, NULL) < 0 ? "refused" : out;
}

TEST(variables_are_put_in)
{
	CHECK_STR(expand("$A-${A}x$B."), "a-ax.");
	CHECK_STR(expand("${B:-d} ${A:-d} ${A:+s} ${B:+s}"), "d a s ");
	CHECK_STR(expand("${EMPTY:-d} ${EMPTY-d}"), "d ");
	CHECK_STR(expand("${B:-${A}}"), "a");
	CHECK_STR(expand("'$A' \"$A\" \\$A $"), "$A a $A $");
	CHECK_STR(expand("${A"), "refused");
	CHECK_STR(expand("${A:?x}"), "refused");
}

TEST(words_are_split_outside_of_quotes)
{
	struct strings w;
	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(dockerfile_split(" a=\"b c\"  d\\ e 'f g' \"\" ", &scope, &w, &arena, NULL) == 0);
	CHECK_INT((int)w.n, 4);
	CHECK_STR(w.v[0], "a=b c");
	CHECK_STR(w.v[1], "d e");
	CHECK_STR(w.v[3], "");
	CHECK_INT(dockerfile_split("\"x", &scope, &w, &arena, NULL), -1);
}

TEST(patterns_fit_component_by_component)
{
	CHECK(dockerfile_glob("*.c", "a.c") && !dockerfile_glob("*.c", "x/a.c"));
	CHECK(dockerfile_glob("**/*.c", "x/y/a.c") && dockerfile_glob("**/*.c", "a.c"));
	CHECK(dockerfile_glob("a/**", "a/b/c") && !dockerfile_glob("a/**", "a"));
	CHECK(dockerfile_glob("[a-c]?", "bz") && !dockerfile_glob("a", "a/b"));
}

TEST(the_last_pattern_of_dockerignore_decides)
{
	struct dockerignore i;
	arena_release(&arena);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(dockerignore_parse("# c\n*.md\n!README.md\n/dir/\n  x  \n**/tmp\n", &i, &arena,
				   NULL) == 0);
	CHECK(dockerignore_matches(&i, "a.md") && !dockerignore_matches(&i, "README.md"));
	CHECK(dockerignore_matches(&i, "dir") && dockerignore_matches(&i, "dir/below"));
	CHECK(dockerignore_matches(&i, "x") && dockerignore_matches(&i, "a/b/tmp"));
	CHECK(!dockerignore_matches(&i, "y"));
}
