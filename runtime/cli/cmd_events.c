/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_events.c - skerry events: what a container uses, and when it ran out of memory */
#include <errno.h>
#include <stdlib.h>

#include "base/units.h"
#include "runtime/cli/cmd.h"
#include "runtime/cli/print.h"

struct events_options {
	const char *interval;
	bool stats;
};

static const struct option rows[] = {
	{ .name = "interval",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct events_options, interval),
	  .value = "DURATION",
	  .help = "time between two statistics, such as 500ms or 1m30s (default: 5s)" },
	{ .name = "stats",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct events_options, stats),
	  .help = "print the statistics once and exit" },
};
static const struct events_options defaults = { .interval = "5s" };

static void on_event(const char *line, void *arg)
{
	struct err *err = arg;
	/* the first failure stays: a reader that went away ends us by SIGPIPE anyway */
	if (err->code == 0)
		(void)print_line(line, err);
}

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	const struct events_options *o = options;
	struct skerry_error failed = { 0 };
	if (o->stats) {
		AUTO_FREE char *line = skerry_stats_json(cli->skerry, args->v[0], &failed);
		return line ? print_line(line, err) : cli_fail(&failed, err);
	}
	int64_t interval;
	if (units_duration(o->interval, &interval) < 0)
		return err_set(err, EINVAL, "invalid value \"%s\" for --interval: not a duration",
			       o->interval);
	if (interval <= 0)
		return err_set(err, EINVAL, "duration interval must be greater than 0");
	struct err write_err = { 0 };
	if (skerry_events(cli->skerry, args->v[0], interval, on_event, &write_err, &failed) < 0)
		return cli_fail(&failed, err);
	if (write_err.code != 0) {
		*err = write_err;
		return -1;
	}
	return 0;
}

const struct command cmd_events = {
	.name = "events",
	.arguments = "ID",
	.summary = "print a container's statistics and out-of-memory events",
	.description = "One JSON object a line, until the container ends.\n",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct events_options),
	.defaults = &defaults,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
