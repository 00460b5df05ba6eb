/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_kill.c - skerry kill: send a signal */
#include <errno.h>

#include "runtime/cli/cmd.h"
#include "runtime/cli/watch.h"

struct kill_options {
	bool all, regex;
};

static const struct option rows[] = {
	{ .name = "all",
	  .letter = 'a',
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct kill_options, all),
	  .help = "signal every process of the container; one that has ended is no error" },
	{ .name = "regex",
	  .letter = 'r',
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct kill_options, regex),
	  .help = "ID is an extended regular expression for the ids of several containers" },
};

struct request {
	int sig;
	bool all;
};

static int kill_one(struct cli *cli, const char *id, const void *arg, struct err *err)
{
	const struct request *r = arg;
	struct skerry_error failed = { 0 };
	watch_note_stop(cli, id, r->sig);
	if (skerry_kill(cli->skerry, id, r->sig, r->all, &failed) < 0)
		return cli_fail(&failed, err);
	return 0;
}

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	const struct kill_options *o = options;
	const char *name = args->n > 1 ? args->v[1] : "TERM";
	const struct request r = { .sig = skerry_signal_parse(name), .all = o->all };
	if (r.sig < 0)
		return err_set(err, EINVAL, "unknown signal \"%s\"", name);
	if (o->regex)
		return cli_each_match(cli, args->v[0], kill_one, &r, err);
	return kill_one(cli, args->v[0], &r, err);
}

const struct command cmd_kill = {
	.name = "kill",
	.arguments = "ID [SIGNAL]",
	.summary = "send a signal to a container's first process",
	.description = "SIGNAL is a name, with or without SIG, or a number; TERM by default.\n"
		       "0 asks whether the process is there.\n",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct kill_options),
	.min_args = 1,
	.max_args = 2,
	.options_first = true,
	.run = run,
};
