/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_exec.c - skerry exec: one more process in a running container */
#include <errno.h>
#include <string.h>

#include "runtime/cli/cmd.h"

struct exec_options {
	struct skerry_exec_options exec;
	struct option_list env, caps, gids, cgroups;
};

#define ROW(name_, letter_, kind_, member, value_, help_) \
 .name = (name_), .letter = (letter_), .kind = (kind_),   \
 .offset = offsetof(struct exec_options, member), .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ ROW("process", 'p', OPTION_STRING, exec.process_file, "FILE",
	      "JSON of the whole process, instead of COMMAND") },
	{ ROW("detach", 'd', OPTION_FLAG, exec.detach, NULL,
	      "return when the process has started") },
	{ ROW("tty", 't', OPTION_SWITCH, exec.tty, NULL, "give the process a terminal") },
	{ ROW("cwd", 0, OPTION_STRING, exec.cwd, "DIR", "working directory in the container") },
	{ ROW("env", 'e', OPTION_STRINGS, env, "NAME=VALUE",
	      "set an environment variable (may be repeated)") },
	{ ROW("user", 'u', OPTION_STRING, exec.user, "USER[:GROUP]",
	      "user id, or name, to run as") },
	{ ROW("additional-gids", 'g', OPTION_STRINGS, gids, "GID",
	      "supplementary group (may be repeated)") },
	{ ROW("cap", 'c', OPTION_STRINGS, caps, "CAP",
	      "add a capability to the process (may be repeated)") },
	{ ROW("no-new-privs", 0, OPTION_FLAG, exec.no_new_privs, NULL,
	      "the process and its children can't gain privileges") },
	{ ROW("apparmor", 0, OPTION_STRING, exec.apparmor, "PROFILE",
	      "AppArmor profile to run under") },
	{ ROW("process-label", 0, OPTION_STRING, exec.process_label, "LABEL",
	      "SELinux label to run under") },
	{ ROW("cgroup", 0, OPTION_STRINGS, cgroups, "PATH",
	      "existing group below the container's, as PATH or CONTROLLER:PATH (may be repeated)") },
	{ ROW("console-socket", 0, OPTION_STRING, exec.console_socket, "SOCKET",
	      "unix socket that is sent the master end of the terminal") },
	{ ROW("pidfd-socket", 0, OPTION_STRING, exec.pidfd_socket, "SOCKET",
	      "unix socket that is sent a pidfd of the process") },
	{ ROW("pid-file", 0, OPTION_STRING, exec.pid_file, "FILE",
	      "write the process id to FILE") },
	{ ROW("preserve-fds", 0, OPTION_NUMBER, exec.preserve_fds, "N",
	      "pass N descriptors, from 3 on, to the process") },
	{ ROW("ignore-paused", 0, OPTION_FLAG, exec.ignore_paused, NULL,
	      "start the process in a paused container as well") },
};

static const struct exec_options defaults = {
	.exec = { .size = sizeof(struct skerry_exec_options), .tty = -1 },
};

/* *ret is "10,20", or NULL for an empty list. */
static int join(struct arena *arena, const struct option_list *list, const char **ret,
		struct err *err)
{
	const char *all = NULL;
	for (size_t i = 0; i < list->n; i++) {
		all = all ? arena_printf(arena, "%s,%s", all, list->v[i]) : list->v[i];
		if (!all)
			return err_set(err, ENOMEM, "read the command line: out of memory");
	}
	*ret = all;
	return 0;
}

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	const struct exec_options *given = options;
	struct skerry_exec_options o = given->exec;
	char **command = args->v + 1;
	/* "exec ID -- ls": nobody's program has this name */
	if (command[0] && strcmp(command[0], "--") == 0)
		command++;
	if (!o.process_file && !command[0])
		return err_set(err, EINVAL, "process args cannot be empty");
	if (o.process_file && command[0])
		return err_set(err, EINVAL, "exec takes a command or --process, not both");
	o.argv = command[0] ? command : NULL;
	o.env = given->env.v;
	o.caps = given->caps.v;
	o.cgroups = given->cgroups.v;
	if (join(&cli->arena, &given->gids, &o.additional_gids, err) < 0)
		return -1;

	struct skerry_error failed = { 0 };
	int status = skerry_exec(cli->skerry, args->v[0], &o, &failed);
	return status < 0 ? cli_fail(&failed, err) : status;
}

const struct command cmd_exec = {
	.name = "exec",
	.arguments = "ID [COMMAND [ARGUMENT...]]",
	.summary = "run one more process in a running container",
	.description = "Exits with the status of the process; 255 when it could not be started.\n"
		       "Everything behind ID belongs to COMMAND.\n",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct exec_options),
	.defaults = &defaults,
	.min_args = 1,
	.max_args = -1,
	.options_first = true,
	.failure = CLI_EXEC_FAILED,
	.sealed = true,
	.run = run,
};
