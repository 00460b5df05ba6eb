/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_resume.c - skerry resume: let a paused container go on */
#include "runtime/cli/cmd.h"

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	(void)options; /* has none */
	struct skerry_error failed = { 0 };
	if (skerry_resume(cli->skerry, args->v[0], &failed) < 0)
		return cli_fail(&failed, err);
	return 0;
}

const struct command cmd_resume = {
	.name = "resume",
	.arguments = "ID",
	.summary = "let a paused container go on",
	.description = NULL,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
