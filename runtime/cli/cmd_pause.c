/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_pause.c - skerry pause: freeze all processes of a container */
#include "runtime/cli/cmd.h"

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	(void)options; /* has none */
	struct skerry_error failed = { 0 };
	if (skerry_pause(cli->skerry, args->v[0], &failed) < 0)
		return cli_fail(&failed, err);
	return 0;
}

const struct command cmd_pause = {
	.name = "pause",
	.arguments = "ID",
	.summary = "freeze all processes of a container",
	.description = "Returns when the last of them stands still.\n",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
