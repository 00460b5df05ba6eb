/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_device.c - skerry device: add a device to a running container, or remove it */
#include <errno.h>

#include "runtime/cli/cmd.h"

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	(void)options; /* has none */
	int (*change)(struct skerry * s, const char *id, const char *json, size_t len,
		      struct skerry_error *err) = NULL;
	if (str_eq(args->v[0], "add"))
		change = skerry_device_add;
	else if (str_eq(args->v[0], "remove"))
		change = skerry_device_remove;
	else
		return err_set(err, EINVAL, "unknown action \"%s\": add or remove", args->v[0]);

	AUTO_BUF json;
	buf_init(&json);
	if (cli_read(args->v[2], &json, err) < 0)
		return -1;
	struct skerry_error failed = { 0 };
	if (change(cli->skerry, args->v[1], json.s, json.len, &failed) < 0)
		return cli_fail(&failed, err);
	return 0;
}

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
	.run = run,
};
