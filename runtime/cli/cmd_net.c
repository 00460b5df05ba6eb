/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_net.c - skerry net: networks of containers
 *
 * Everything is in the program skerry-net, which this one becomes: it links
 * what talks to the kernel about networks, and the runtime doesn't.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/libexec.h"
#include "runtime/cli/cmd.h"

#define HELPER "skerry-net"

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	char path[PATH_MAX];
	char **argv = arena_array(&cli->arena, (size_t)args->n + 2, sizeof(*argv));

	(void)options;
	if (!argv)
		return err_set(err, ENOMEM, "out of memory");
	if (libexec_need("\"skerry net\" needs", HELPER, path, err) < 0)
		return -1;
	argv[0] = path;
	for (int i = 0; i < args->n; i++)
		argv[i + 1] = args->v[i];
	(void)execv(path, argv);
	return err_sys(err, "exec \"%s\"", path);
}

const struct command cmd_net = {
	.name = "net",
	.arguments = "VERB [ARGUMENT...]",
	.summary = "networks of containers",
	.description =
		"Verbs: create, ls, inspect, rm, check, gc, status, add, del; \"net VERB --help\"\n"
		"explains one.\n",
	.min_args = 0,
	.max_args = -1,
	.options_first = true,
	.plain = true,
	.run = run,
};
