/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_start.c - skerry start: start the program of a created container */
#include "runtime/cli/cmd.h"

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	(void)options; /* has none */
	struct skerry_error failed = { 0 };
	if (skerry_start(cli->skerry, args->v[0], &failed) < 0)
		return cli_fail(&failed, err);
	return 0;
}

const struct command cmd_start = {
	.name = "start",
	.arguments = "ID",
	.summary = "start the program of a created container",
	.description = "Returns when the program runs; it does not wait for its end.\n",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
