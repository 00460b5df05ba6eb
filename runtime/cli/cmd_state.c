/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_state.c - skerry state: the OCI state document of a container */
#include <stdlib.h>

#include "runtime/cli/cmd.h"
#include "runtime/cli/print.h"

#define INDENT 2 /* as runc's */

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	(void)options; /* has none */
	struct skerry_error failed = { 0 };
	AUTO_FREE char *json = skerry_state_json(cli->skerry, args->v[0], INDENT, &failed);
	return json ? print_line(json, err) : cli_fail(&failed, err);
}

const struct command cmd_state = {
	.name = "state",
	.arguments = "ID",
	.summary = "print the state of a container as JSON",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
