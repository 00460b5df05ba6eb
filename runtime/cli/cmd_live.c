/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_live.c - skerry mounts and device: add to a running container, or remove */
#include <errno.h>

#include "runtime/cli/cmd.h"

typedef int change_fn(struct skerry *s, const char *id, const char *json, size_t len,
		      struct skerry_error *err);

static int run(struct cli *cli, const struct option_args *args, change_fn *add, change_fn *remove,
	       struct err *err)
{
	change_fn *change = str_eq(args->v[0], "add")	   ? add
			    : str_eq(args->v[0], "remove") ? remove
							   : NULL;
	struct skerry_error failed = { 0 };
	AUTO_BUF json;

	buf_init(&json);
	if (!change)
		return err_set(err, EINVAL, "unknown action \"%s\": add or remove", args->v[0]);
	if (cli_read(args->v[2], &json, err) < 0)
		return -1;
	if (change(cli->skerry, args->v[1], json.s, json.len, &failed) < 0)
		return cli_fail(&failed, err);
	return 0;
}

static int run_mounts(struct cli *cli, const void *options, const struct option_args *args,
		      struct err *err)
{
	(void)options; /* has none */
	return run(cli, args, skerry_mounts_add, skerry_mounts_remove, err);
}

static int run_device(struct cli *cli, const void *options, const struct option_args *args,
		      struct err *err)
{
	(void)options; /* has none */
	return run(cli, args, skerry_device_add, skerry_device_remove, err);
}

const struct command cmd_mounts = {
	.name = "mounts",
	.arguments = "add|remove ID FILE",
	.summary = "add mounts to a running container, or remove them",
	.description =
		"FILE, or - for standard input, holds a mount of config.json or an array of them.\n"
		"When it can't be done as a whole, nothing is changed.\n",
	.min_args = 3,
	.max_args = 3,
	.sealed = true,
	.run = run_mounts,
};

const struct command cmd_device = {
	.name = "device",
	.arguments = "add|remove ID FILE",
	.summary = "add a device to a running container, or remove it",
	.description =
		"FILE, or - for standard input, holds an entry of linux.devices, and its access.\n"
		"When it can't be done as a whole, nothing is changed.\n",
	.min_args = 3,
	.max_args = 3,
	.sealed = true,
	.run = run_device,
};
