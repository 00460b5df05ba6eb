/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_help.c - skerry help: of the program, or of a command */
#include <errno.h>

#include "runtime/cli/cmd.h"
#include "runtime/cli/print.h"

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	(void)options; /* has none */
	AUTO_BUF out;
	buf_init(&out);
	if (args->n == 0) {
		print_program_help(&out, cli->program);
		return print_buf(&out, err);
	}
	const struct command *c = command_find(args->v[0]);
	if (!c) {
		(void)err_set(err, EINVAL, "No help topic for '%s'", args->v[0]);
		err->exit_code = CLI_UNKNOWN_COMMAND;
		return -1;
	}
	if (c->raw) {
		static char help[] = "--help";
		char *words[] = { args->v[0], help, NULL };
		const struct option_args ask = { .v = words, .n = 2 };
		return c->run(cli, NULL, &ask, err);
	}
	print_command_help(&out, cli->program, c);
	return print_buf(&out, err);
}

const struct command cmd_help = {
	.name = "help",
	.arguments = "[COMMAND]",
	.summary = "explain the program, or one of its commands",
	.max_args = 1,
	.plain = true,
	.run = run,
};
