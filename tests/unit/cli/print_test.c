/* SPDX-License-Identifier: Apache-2.0 */
/* print_test.c - tables and help */
#include "runtime/cli/print.h"
#include "tests/unit/test.h"

TEST(columns_are_twelve_wide_at_least_and_three_apart)
{
	static const char *const cells[] = {
		"ID", "PID", "OWNER", "a", "1", "root", "a-very-long-name", "22", "x",
	};
	AUTO_BUF out;
	buf_init(&out);
	print_table(&out, cells, 3, 3);
	CHECK_STR(out.s, "ID                 PID         OWNER\n"
			 "a                  1           root\n"
			 "a-very-long-name   22          x\n");
}

TEST(the_help_of_a_command_shows_its_options_and_those_it_shares)
{
	AUTO_BUF out;
	buf_init(&out);
	print_command_help(&out, "prog", command_find("run"));
	CHECK(strstr(out.s, "   prog run [options] ID [COMMAND...]\n"));
	CHECK(strstr(out.s, "   --plan "));
	CHECK(strstr(out.s, "   --bundle DIR, -b DIR "));
	CHECK(strstr(out.s, "   --help, -h "));
}

TEST(the_help_of_the_program_shows_all_commands_but_hidden_ones)
{
	AUTO_BUF out;
	buf_init(&out);
	print_program_help(&out, "prog");
	for (size_t i = 0; commands[i]; i++) {
		char line[64];
		REQUIRE(str_format(line, sizeof(line), "\n   %s ", commands[i]->name) == 0);
		CHECK((strstr(out.s, line) != NULL) == !commands[i]->hidden);
	}
	CHECK(strstr(out.s, "--root DIR, -r DIR"));
	CHECK(!strstr(out.s, "--V"));
}
