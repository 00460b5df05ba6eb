/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_migrate.c - skerry migrate: a running container goes to another host
 *
 * Everything is in the program skerry-migrate, which this one becomes: it
 * links what ciphers, and the runtime doesn't.
 */
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "base/libexec.h"
#include "runtime/cli/cmd.h"

#define HELPER	    "skerry-migrate"
#define WORDS_FIXED 6

static char *option(struct cli *cli, const char *name, const char *value)
{
	return arena_printf(&cli->arena, "--%s=%s", name, value);
}

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	const struct global_options *g = cli->globals;
	char **argv = arena_array(&cli->arena, (size_t)args->n + WORDS_FIXED, sizeof(*argv));
	char path[PATH_MAX], self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t n = 0;

	(void)options; /* unread */
	if (!argv)
		return err_set(err, ENOMEM, "out of memory");
	if (len < 0)
		return err_sys(err, "this program's own path");
	self[len] = '\0';
	if (libexec_need("\"skerry migrate\" needs", HELPER, path, err) < 0)
		return -1;
	argv[n++] = path;
	argv[n++] = option(cli, "runtime", self);
	if (g->root)
		argv[n++] = option(cli, "root", g->root);
	if (g->criu)
		argv[n++] = option(cli, "criu", g->criu);
	if (g->cgroup_manager || g->systemd_cgroup)
		argv[n++] = option(cli, "cgroup-manager",
				   g->cgroup_manager ? g->cgroup_manager : "systemd");
	for (int i = 1; i < args->n; i++)
		argv[n++] = args->v[i];
	for (size_t i = 0; i < n; i++)
		if (!argv[i])
			return err_set(err, ENOMEM, "out of memory");
	(void)execv(path, argv);
	return err_sys(err, "exec \"%s\"", path);
}

const struct command cmd_migrate = {
	.name = "migrate",
	.arguments = "ID HOST",
	.summary = "move a running container to another host",
	.max_args = -1,
	.plain = true,
	.raw = true,
	.run = run,
};
