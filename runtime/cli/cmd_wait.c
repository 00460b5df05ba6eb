/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_wait.c - skerry wait: until a container has ended */
#include <errno.h>
#include <limits.h>
#include <stdint.h>

#include "base/units.h"
#include "runtime/cli/cmd.h"
#include "runtime/cli/print.h"

#define NS_PER_MS 1000000

struct wait_options {
	const char *timeout;
	bool print;
};

static const struct option rows[] = {
	{ .name = "timeout",
	  .letter = 't',
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct wait_options, timeout),
	  .value = "DURATION",
	  .help = "give up after this time, such as 10s, and exit with 124" },
	{ .name = "print",
	  .letter = 'p',
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct wait_options, print),
	  .help = "print the status, and exit with 0" },
};

/* Rounded up, so that a time of 1us does not become none. */
static int parse_timeout(const char *text, int *ret_ms, struct err *err)
{
	int64_t ns;
	if (units_duration(text, &ns) < 0 || ns < 0)
		return err_set(err, EINVAL, "invalid value \"%s\" for --timeout: not a duration",
			       text);
	int64_t ms = ns / NS_PER_MS + (ns % NS_PER_MS != 0);
	*ret_ms = ms > INT_MAX ? INT_MAX : (int)ms;
	return 0;
}

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	const struct wait_options *o = options;
	int timeout = -1;
	if (o->timeout && parse_timeout(o->timeout, &timeout, err) < 0)
		return -1;
	struct skerry_error failed = { 0 };
	int status = skerry_wait(cli->skerry, args->v[0], timeout, &failed);
	if (status < 0) {
		if (failed.code == ETIMEDOUT && failed.exit_code == 0)
			failed.exit_code = CLI_TIMED_OUT;
		return cli_fail(&failed, err);
	}
	if (!o->print)
		return status;
	AUTO_BUF out;
	buf_init(&out);
	buf_printf(&out, "%d\n", status);
	return print_buf(&out, err);
}

const struct command cmd_wait = {
	.name = "wait",
	.arguments = "ID",
	.summary = "wait for a container's end and exit with its status",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct wait_options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
