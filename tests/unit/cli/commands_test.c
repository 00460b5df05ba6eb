/* SPDX-License-Identifier: Apache-2.0 */
/* commands_test.c - the table of commands is sound */
#include "runtime/cli/cli.h"
#include "tests/unit/test.h"

static size_t size_of(enum option_kind kind)
{
	switch (kind) {
	case OPTION_FLAG:
		return sizeof(bool);
	case OPTION_SWITCH:
		return sizeof(int);
	case OPTION_STRING:
		return sizeof(char *);
	case OPTION_STRINGS:
		return sizeof(struct option_list);
	case OPTION_NUMBER:
		return sizeof(unsigned int);
	case OPTION_IGNORED:
	case OPTION_IGNORED_FLAG:
		break;
	}
	return 0;
}

/* Names and letters are unique, values fit into the struct. */
static void check_table(const char *command, const struct option_table *table, size_t size)
{
	const struct option *a, *b;
	for (size_t i = 0; (a = option_at(table, i)); i++) {
		bool good = a->offset + size_of(a->kind) <= size || size_of(a->kind) == 0;
		good = good && (option_takes_value(a->kind) == (a->value != NULL));
		good = good && strcmp(a->name, "help") != 0 && strcmp(a->name, "usage") != 0 &&
		       a->letter != 'h' && a->letter != '?';
		for (size_t j = 0; j < i && (b = option_at(table, j)); j++) {
			bool same_value = a->offset == b->offset && size_of(a->kind) > 0 &&
					  size_of(b->kind) > 0 && a->help && b->help;
			good = good && strcmp(a->name, b->name) != 0 && !same_value;
			good = good && (!a->letter || a->letter != b->letter);
		}
		if (!good)
			printf("# %s --%s\n", command, a->name);
		CHECK(good);
	}
}

TEST(options_are_unique_and_fit_into_their_struct)
{
	check_table("(global)", &cli_global_options, sizeof(struct global_options));
	for (size_t i = 0; commands[i]; i++)
		check_table(commands[i]->name, &commands[i]->options, commands[i]->size);
}

TEST(every_command_can_be_run_and_found)
{
	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];
		CHECK(c->run && c->summary);
		CHECK(c->size <= COMMAND_OPTIONS_MAX);
		CHECK(c->max_args < 0 || c->min_args <= c->max_args);
		CHECK((c->max_args != 0) == (c->arguments != NULL));
		CHECK(command_find(c->name) == c);
		if (c->description)
			CHECK(c->description[strlen(c->description) - 1] == '\n');
	}
	CHECK(!command_find("nosuch"));
	CHECK(!command_find(""));
}

TEST(the_commands_of_the_peers_are_there)
{
	static const char *const names[] = {
		"create", "start",  "run",    "exec",	"state", "kill",     "delete", "list", "ps",
		"pause",  "resume", "update", "events", "spec",	 "features", "mounts", "help",
	};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		CHECK(command_find(names[i]));
}

TEST(commands_that_pass_on_words_take_no_options_behind_the_first)
{
	static const char *const names[] = { "run", "exec", "kill", "ps" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct command *c = command_find(names[i]);
		REQUIRE(c);
		CHECK(c->options_first);
	}
}
