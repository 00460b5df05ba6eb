/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_create.c - skerry create: everything up to the program itself */
#include "runtime/cli/cmd.h"
#include "runtime/cli/image_run.h"

#define ROW(name_, letter_, kind_, member, value_, help_) \
 .name = (name_), .letter = (letter_), .kind = (kind_),   \
 .offset = offsetof(struct create_words, create.member), .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ ROW("bundle", 'b', OPTION_STRING, bundle, "DIR",
	      "folder of the bundle (default: the current folder)") },
	{ ROW("config", 'f', OPTION_STRING, config, "FILE",
	      "another name for the bundle's config.json") },
	{ ROW("console-socket", 0, OPTION_STRING, console_socket, "SOCKET",
	      "unix socket that is sent the master end of the terminal") },
	{ ROW("pidfd-socket", 0, OPTION_STRING, pidfd_socket, "SOCKET",
	      "unix socket that is sent a pidfd of the container's process") },
	{ ROW("pid-file", 0, OPTION_STRING, pid_file, "FILE",
	      "write the process id of the container to FILE") },
	{ ROW("preserve-fds", 0, OPTION_NUMBER, preserve_fds, "N",
	      "pass N descriptors, from 3 on, to the container") },
	{ ROW("no-pivot", 0, OPTION_FLAG, no_pivot, NULL,
	      "change the root without pivot_root(2), for a root file system on a ramdisk") },
	{ ROW("no-new-keyring", 0, OPTION_FLAG, no_new_keyring, NULL,
	      "keep the caller's session keyring") },
	{ ROW("no-subreaper", 0, OPTION_FLAG, no_subreaper, NULL,
	      "do not adopt the processes that the container leaves behind") },
};
const struct option_table create_options = { rows, ARRAY_SIZE(rows), &net_options };

static const struct create_words defaults = { .create.size = sizeof(defaults.create) };

struct skerry_create_options create_words_options(const struct create_words *words)
{
	struct skerry_create_options o = words->create;

	net_words_give(&words->net, &o);
	return o;
}

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	struct skerry_create_options o = create_words_options(options);
	struct skerry_error failed = { 0 };
	struct image_run image;
	if (image_run_begin(cli, options, args, &o, &image, err) < 0)
		return -1;
	int rc = skerry_create(cli->skerry, args->v[0], &o, &failed);
	image_run_end(&image);
	if (rc == 0)
		return 0;
	image_run_undo(cli, &image);
	return cli_fail(&failed, err);
}

const struct command cmd_create = {
	.name = "create",
	.arguments = "ID [COMMAND...]",
	.summary = "make a container that waits for its start",
	.description =
		"The container has its name spaces, mounts and limits and stands before its\n"
		"program; \"start ID\" lets it go on.\n",
	.options = { NULL, 0, &create_options },
	.size = sizeof(struct create_words),
	.defaults = &defaults,
	.min_args = 1,
	.max_args = -1,
	.sealed = true,
	.run = run,
};
