/* SPDX-License-Identifier: Apache-2.0 */
/* options_test.c - every form in which callers write options */
#include <errno.h>

#include "runtime/cli/options.h"
#include "tests/unit/test.h"

#define WORDS_MAX 32

struct values {
	bool detach, no_pivot, no_keyring;
	int tty;
	const char *bundle;
	struct option_list env;
	unsigned int fds;
};

#define ROW(name_, letter_, kind_, member) \
 .name = (name_), .letter = (letter_), .kind = (kind_), .offset = offsetof(struct values, member)

static const struct option shared_rows[] = {
	{ ROW("bundle", 'b', OPTION_STRING, bundle) },
	{ ROW("no-pivot", 0, OPTION_FLAG, no_pivot) },
	{ ROW("no-new-keyring", 0, OPTION_FLAG, no_keyring) },
};
static const struct option_table shared = { shared_rows, ARRAY_SIZE(shared_rows), NULL };
static const struct option rows[] = {
	{ ROW("detach", 'd', OPTION_FLAG, detach) },
	{ ROW("tty", 't', OPTION_SWITCH, tty) },
	{ ROW("env", 'e', OPTION_STRINGS, env) },
	{ ROW("preserve-fds", 0, OPTION_NUMBER, fds) },
	{ .name = "criu", .kind = OPTION_IGNORED },
	{ .name = "quick", .letter = 'q', .kind = OPTION_IGNORED_FLAG },
};
static const struct option_table table = { rows, ARRAY_SIZE(rows), &shared };

/* What the last parse() gave. */
static struct {
	struct arena arena;
	struct values v;
	struct option_args args;
	struct err err;
	char *words[WORDS_MAX + 1];
	char text[512];
} t;

/* words is cut at blanks, in place of a shell. */
static int parse(bool stop_at_first, const char *words)
{
	int n = 0;
	size_t len = strlen(words);

	arena_release(&t.arena);
	memset(&t, 0, sizeof(t));
	arena_init(&t.arena, ARENA_MAX_DEFAULT);
	t.v.tty = -1;
	if (len >= sizeof(t.text))
		return -2;
	memcpy(t.text, words, len + 1);
	for (char *rest = t.text, *word; n < WORDS_MAX && (word = strsep(&rest, " "));) {
		if (*word)
			t.words[n++] = word;
	}
	const struct option_parse in = {
		.table = &table,
		.stop_at_first = stop_at_first,
		.argc = n,
		.argv = t.words,
		.dst = &t.v,
	};
	return options_parse(&in, &t.arena, &t.args, &t.err);
}

TEST(a_long_option_takes_its_value_behind_a_blank_or_an_equals_sign)
{
	static const char *const forms[] = { "--bundle /x", "--bundle=/x", "-bundle /x",
					     "-bundle=/x",  "-b /x",	   "-b/x",
					     "-b=/x",	    "--b /x",	   "--bun=/x" };
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		CHECK_INT(parse(true, forms[i]), 0);
		CHECK_STR(t.v.bundle, "/x");
		CHECK_INT(t.args.n, 0);
	}
}

TEST(a_flag_may_say_true_or_false)
{
	CHECK_INT(parse(true, "--detach"), 0);
	CHECK(t.v.detach);
	CHECK_INT(parse(true, "--detach=true -no-pivot=1"), 0);
	CHECK(t.v.detach && t.v.no_pivot);
	CHECK_INT(parse(true, "--detach --detach=false"), 0);
	CHECK(!t.v.detach);
	CHECK_INT(parse(true, "-d=F"), 0);
	CHECK(!t.v.detach);
	CHECK_INT(parse(true, "--detach=perhaps"), -1);
	CHECK_STR(t.err.msg, "invalid boolean value \"perhaps\" for --detach");
	CHECK_INT(parse(true, "--detach="), -1);
}

TEST(a_switch_tells_given_from_not_given)
{
	CHECK_INT(parse(true, "id"), 0);
	CHECK_INT(t.v.tty, -1);
	CHECK_INT(parse(true, "-t id"), 0);
	CHECK_INT(t.v.tty, 1);
	CHECK_INT(parse(true, "--tty=false id"), 0);
	CHECK_INT(t.v.tty, 0);
}

TEST(letters_can_be_bundled_and_the_last_may_take_a_value)
{
	CHECK_INT(parse(true, "-dt"), 0);
	CHECK(t.v.detach);
	CHECK_INT(t.v.tty, 1);
	CHECK_INT(parse(true, "-dqb /x"), 0);
	CHECK(t.v.detach);
	CHECK_STR(t.v.bundle, "/x");
	CHECK_INT(parse(true, "-db/x"), 0);
	CHECK_STR(t.v.bundle, "/x");
	CHECK_INT(parse(true, "-dt=false"), 0);
	CHECK_INT(t.v.tty, 0);
}

TEST(one_dash_and_a_long_name_is_the_long_option)
{
	CHECK_INT(parse(true, "-no-pivot -detach"), 0);
	CHECK(t.v.no_pivot && t.v.detach);
	CHECK(!t.v.bundle);
	/* but no beginning of it: -de is -d -e */
	CHECK_INT(parse(true, "-de A=B"), 0);
	CHECK(t.v.detach);
	CHECK_INT(t.v.env.n, 1);
	CHECK_STR(t.v.env.v[0], "A=B");
}

TEST(a_beginning_of_a_long_name_must_be_unambiguous)
{
	CHECK_INT(parse(true, "--no-p"), 0);
	CHECK(t.v.no_pivot);
	CHECK_INT(parse(true, "--no-"), -1);
	CHECK_STR(t.err.msg, "flag is ambiguous: --no-");
}

TEST(repeated_values_are_kept_in_order_and_end_with_null)
{
	CHECK_INT(parse(true, "-e 1 --env 2 -env=3 -e4 -e=5 -e 6 -e 7 -e 8 -e 9 -e 10"), 0);
	REQUIRE(t.v.env.n == 10);
	CHECK_STR(t.v.env.v[0], "1");
	CHECK_STR(t.v.env.v[4], "5");
	CHECK_STR(t.v.env.v[9], "10");
	CHECK(!t.v.env.v[10]);
}

TEST(a_value_may_begin_with_a_dash_or_be_one)
{
	CHECK_INT(parse(true, "--bundle - -e --detach"), 0);
	CHECK_STR(t.v.bundle, "-");
	CHECK(!t.v.detach);
	CHECK_STR(t.v.env.v[0], "--detach");
}

TEST(the_first_argument_ends_the_options_where_asked)
{
	CHECK_INT(parse(true, "-d id ls --bundle /x -- -t"), 0);
	CHECK_INT(t.args.n, 6);
	CHECK_STR(t.args.v[0], "id");
	CHECK_STR(t.args.v[2], "--bundle");
	CHECK_STR(t.args.v[5], "-t");
	CHECK(!t.args.v[6]);
	CHECK(!t.v.bundle);
	CHECK_INT(t.v.tty, -1);
}

TEST(options_may_stand_behind_arguments_elsewhere)
{
	CHECK_INT(parse(false, "id -d more --bundle /x"), 0);
	CHECK_INT(t.args.n, 2);
	CHECK_STR(t.args.v[0], "id");
	CHECK_STR(t.args.v[1], "more");
	CHECK(!t.args.v[2]);
	CHECK(t.v.detach);
	CHECK_STR(t.v.bundle, "/x");
}

TEST(two_dashes_end_the_options_and_a_dash_is_an_argument)
{
	CHECK_INT(parse(false, "- -d -- -t --"), 0);
	CHECK_INT(t.args.n, 3);
	CHECK_STR(t.args.v[0], "-");
	CHECK_STR(t.args.v[1], "-t");
	CHECK_STR(t.args.v[2], "--");
	CHECK_INT(t.v.tty, -1);
}

TEST(an_unknown_option_is_named_as_callers_expect)
{
	static const char *const forms[] = { "--bogus", "--bogus=1", "-Xogus", "-dX", "-X" };
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		CHECK_INT(parse(true, forms[i]), -1);
		CHECK(strstr(t.err.msg, "flag provided but not defined: -") == t.err.msg);
	}
	CHECK_INT(parse(true, "--bogus=1"), -1);
	CHECK_STR(t.err.msg, "flag provided but not defined: -bogus");
	CHECK_INT(parse(true, "--=x"), -1);
	CHECK_INT(parse(true, "---detach"), -1);
	CHECK_INT(parse(true, "-=x"), -1);
}

TEST(a_missing_value_says_flag_needs_an_argument)
{
	CHECK_INT(parse(true, "--bundle"), -1);
	CHECK_STR(t.err.msg, "flag needs an argument: --bundle");
	CHECK_INT(parse(true, "-bundle"), -1);
	CHECK_STR(t.err.msg, "flag needs an argument: --bundle");
	CHECK_INT(parse(true, "-db"), -1);
	CHECK_STR(t.err.msg, "flag needs an argument: -b");
	CHECK_INT(parse(true, "--criu"), -1);
}

TEST(a_number_must_be_one)
{
	CHECK_INT(parse(true, "--preserve-fds 3"), 0);
	CHECK_INT(t.v.fds, 3);
	CHECK_INT(parse(true, "--preserve-fds=4294967295"), 0);
	CHECK_INT(t.v.fds, 4294967295);
	static const char *const bad[] = { "--preserve-fds=-1", "--preserve-fds=4294967296",
					   "--preserve-fds=3x", "--preserve-fds=" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK_INT(parse(true, bad[i]), -1);
		CHECK_INT(t.err.code, EINVAL);
		CHECK_INT(t.v.fds, 0);
	}
}

TEST(ignored_options_are_accepted)
{
	CHECK_INT(parse(true, "--criu /x --quick --quick=false -q id"), 0);
	CHECK_INT(t.args.n, 1);
	CHECK_STR(t.args.v[0], "id");
}

TEST(help_is_part_of_every_table)
{
	static const char *const forms[] = { "--help", "-h",	   "-?",  "--usage",
					     "-help",  "--help x", "-dh", "--hel" };
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		CHECK_INT(parse(true, forms[i]), 0);
		CHECK(t.args.help);
	}
	CHECK_INT(parse(true, "--help=false id"), 0);
	CHECK(!t.args.help);
	/* what stands behind is not looked at: a probe must not fail */
	CHECK_INT(parse(true, "--help --bogus"), 0);
}

TEST(no_words_are_no_arguments)
{
	CHECK_INT(parse(true, ""), 0);
	CHECK_INT(t.args.n, 0);
	CHECK(t.args.v && !t.args.v[0]);
}
