/* SPDX-License-Identifier: Apache-2.0 */
/* args_test.c - command lines as containerd writes them */
#include "runtime/shim/args.h"

#include "tests/unit/test.h"

static struct args a;
static struct err err;

static int parse(char *w1, char *w2, char *w3, char *w4, char *w5)
{
	char name[] = "shim";
	char *argv[] = { name, w1, w2, w3, w4, w5, NULL };
	int n = 1;

	while (argv[n])
		n++;
	err_clear(&err);
	return args_parse(n, argv, &a, &err);
}
#define W(text) ((char[]){ text })

TEST(go_takes_one_dash_or_two_a_space_or_an_equals)
{
	CHECK_INT(parse(W("-namespace"), W("k8s.io"), W("--id=x"), W("-address=/a"), W("start")),
		  0);
	CHECK_STR(a.namespace, "k8s.io");
	CHECK_STR(a.id, "x");
	CHECK_STR(a.address, "/a");
	CHECK_STR(a.action, "start");
	CHECK(!a.debug && !a.info);
	CHECK_STR(a.bundle, "");
}

TEST(what_has_no_value_takes_none)
{
	CHECK_INT(parse(W("-debug"), W("delete"), W("-v"), W("-info=false"), NULL), 0);
	CHECK(a.debug && a.version && !a.info);
	CHECK_STR(a.action, "delete");
}

TEST(without_an_action_it_serves)
{
	CHECK_INT(parse(W("-id"), W("start"), NULL, NULL, NULL), 0);
	CHECK_STR(a.id, "start");
	CHECK_STR(a.action, "");
}

TEST(unknown_options_and_words_are_passed_over)
{
	CHECK_INT(parse(W("-future"), W("value"), W("--more=1"), W("-id"), W("x")), 0);
	CHECK_STR(a.id, "x");
	CHECK_INT(parse(W("-i"), W("-"), W("--"), W("x"), NULL), 0);
	CHECK_STR(a.id, "");
}

TEST(an_option_whose_value_is_missing_is_an_error)
{
	CHECK_INT(parse(W("start"), W("-id"), NULL, NULL, NULL), -1);
	CHECK_STR(err.msg, "option -id needs a value");
}
