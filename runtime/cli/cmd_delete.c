/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_delete.c - skerry delete: remove what is left of a container */
#include "runtime/cli/cmd.h"
#include "runtime/cli/image_run.h"

struct delete_options {
	bool force, regex;
};

static const struct option rows[] = {
	{ .name = "force",
	  .letter = 'f',
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct delete_options, force),
	  .help = "kill the container first if it runs; one that does not exist is no error" },
	{ .name = "regex",
	  .letter = 'r',
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct delete_options, regex),
	  .help = "ID is an extended regular expression for the ids of several containers" },
};

static int delete_one(struct cli *cli, const char *id, const void *arg, struct err *err)
{
	const struct delete_options *o = arg;
	struct skerry_error failed = { 0 };
	if (skerry_delete(cli->skerry, id, o->force, &failed) < 0)
		return cli_fail(&failed, err);
	if (o->force)
		image_run_clean(cli, id);
	return 0;
}

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	const struct delete_options *o = options;
	if (o->regex)
		return cli_each_match(cli, args->v[0], delete_one, o, err);
	return delete_one(cli, args->v[0], o, err);
}

const struct command cmd_delete = {
	.name = "delete",
	.arguments = "ID",
	.summary = "remove a container that has ended",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct delete_options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
