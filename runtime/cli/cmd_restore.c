/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_restore.c - skerry restore: a container out of images */
#include "runtime/cli/cmd.h"
#include "runtime/cli/criu_options.h"

static const struct criu_words defaults = CRIU_WORDS_INIT;

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	const struct criu_words *words = options;
	struct skerry_checkpoint_options o = words->criu;
	struct skerry_error failed = { 0 };
	o.notify_fd = (int)words->notify_fd;
	int status = skerry_restore(cli->skerry, args->v[0], &words->create, &o, &failed);
	return status < 0 ? cli_fail(&failed, err) : status;
}

const struct command cmd_restore = {
	.name = "restore",
	.arguments = "ID",
	.summary = "continue a container from images",
	.description = "As run, with the processes as \"checkpoint\" has saved them.\n",
	.options = { NULL, 0, &restore_options },
	.size = sizeof(struct criu_words),
	.defaults = &defaults,
	.min_args = 1,
	.max_args = 1,
	.sealed = true,
	.run = run,
};
