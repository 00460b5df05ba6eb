/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_run.c - skerry run: create, start, wait and delete in one */
#include <stdlib.h>

#include "runtime/cli/cmd.h"
#include "runtime/cli/image_run.h"
#include "runtime/cli/print.h"
#include "runtime/cli/watch.h"

struct run_options {
	struct create_words words; /* first: the shared rows store here */
	bool plan;
};

#define ROW(name_, letter_, member, help_)                  \
 .name = (name_), .letter = (letter_), .kind = OPTION_FLAG, \
 .offset = offsetof(struct run_options, member), .help = (help_)

static const struct option rows[] = {
	{ ROW("detach", 'd', words.create.detach, "return when the container has started") },
	{ ROW("keep", 0, words.create.keep, "do not delete the container when it has ended") },
	{ ROW("plan", 0, plan, "print what would be done, as JSON, and do nothing") },
};

static const struct run_options defaults = {
	.words.create.size = sizeof(struct skerry_create_options),
};

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	struct run_options mine = *(const struct run_options *)options;
	const struct run_options *given = &mine;
	struct skerry_create_options o = create_words_options(&given->words);
	struct skerry_error failed = { 0 };
	if (given->plan) {
		AUTO_FREE char *plan = skerry_plan_json(cli->skerry, &o, args->v[0], &failed);
		return plan ? print_line(plan, err) : cli_fail(&failed, err);
	}
	/* what goes at its end needn't be written down for a crash of the machine */
	if (given->words.image.image && !o.detach && !o.keep)
		mine.words.image.rm = true;
	struct image_run image;
	if (image_run_begin(cli, &given->words, args, &o, &image, err) < 0)
		return -1;
	bool watched = o.detach && image.made && watch_is_wanted(&image, &given->words.image);
	int status = watched ? watch_start(cli, &image, &given->words.image, &o, err)
			     : skerry_run(cli->skerry, args->v[0], &o, &failed);
	image_run_end(&image);
	if (status >= 0)
		return status;
	image_run_undo(cli, &image);
	return watched ? -1 : cli_fail(&failed, err);
}

const struct command cmd_run = {
	.name = "run",
	.arguments = "ID [COMMAND...]",
	.summary = "create and start a container",
	.description = "With --image COMMAND replaces the image's own.\n"
		       "Waits for the container's end, deletes it and exits with its status;\n"
		       "128 + N when signal N ended it.\n",
	.options = { rows, ARRAY_SIZE(rows), &create_options },
	.size = sizeof(struct run_options),
	.defaults = &defaults,
	.min_args = 1,
	.max_args = -1,
	.options_first = true,
	.sealed = true,
	.run = run,
};
