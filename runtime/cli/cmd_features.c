/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_features.c - skerry features: what this runtime can do
 *
 * runtime-spec features.md.  CRI-O reads standard output and standard error
 * together, so nothing but the document may be printed.
 */
#include <stdlib.h>

#include "runtime/cli/cmd.h"
#include "runtime/cli/print.h"

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	(void)options; /* has none */
	(void)args;
	struct skerry_error failed = { 0 };
	AUTO_FREE char *json = skerry_features_json(cli->skerry, &failed);
	return json ? print_line(json, err) : cli_fail(&failed, err);
}

const struct command cmd_features = {
	.name = "features",
	.summary = "print what this runtime supports as JSON",
	.run = run,
};
