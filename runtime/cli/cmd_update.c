/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_update.c - skerry update: change the limits of a container */
#include "base/log.h"
#include "runtime/cli/cmd.h"
#include "runtime/cli/resources.h"

struct update_options {
	struct resource_options limits; /* first: the shared rows store here */
	const char *resources, *l3, *mem_bw;
};

#define ROW(name_, letter_, member, value_, help_)            \
 .name = (name_), .letter = (letter_), .kind = OPTION_STRING, \
 .offset = offsetof(struct update_options, member), .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ ROW("resources", 'r', resources, "FILE",
	      "read the limits from FILE, - for standard input: JSON of LinuxResources") },
	{ ROW("l3-cache-schema", 0, l3, "SCHEMA", "Intel RDT: schema of the L3 cache") },
	{ ROW("mem-bw-schema", 0, mem_bw, "SCHEMA", "Intel RDT: schema of the memory bandwidth") },
};

static int read_limits(const struct update_options *o, struct buf *json, struct err *err)
{
	if (!o->resources)
		return resources_format(&o->limits, json, err);
	/* runc's rule, but not in silence */
	if (resources_given(&o->limits))
		log_warning("--resources is given: the limits beside it are ignored");
	return cli_read(o->resources, json, err);
}

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	const struct update_options *o = options;
	AUTO_BUF json;
	buf_init(&json);
	if (read_limits(o, &json, err) < 0)
		return -1;
	struct skerry_error failed = { 0 };
	if (skerry_update(cli->skerry, args->v[0], json.s, json.len, o->l3, o->mem_bw, &failed) < 0)
		return cli_fail(&failed, err);
	return 0;
}

const struct command cmd_update = {
	.name = "update",
	.arguments = "ID",
	.summary = "change the limits of a container",
	.description = "What is not named stays.  When one limit can't be set, none is changed.\n",
	.options = { rows, ARRAY_SIZE(rows), &resource_options },
	.size = sizeof(struct update_options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
