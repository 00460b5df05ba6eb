/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_clone.c - skerry clone: a running twin of a container */
#include "runtime/cli/cmd.h"
#include "runtime/cli/criu_options.h"

#define ROW(name_, letter_, kind_, member, value_, help_) \
 .name = (name_), .letter = (letter_), .kind = (kind_),   \
 .offset = offsetof(struct criu_words, member), .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ ROW("bundle", 'b', OPTION_STRING, create.bundle, "DIR",
	      "another bundle, with a copy of the root file system (default: the same)") },
	{ ROW("console-socket", 0, OPTION_STRING, create.console_socket, "SOCKET",
	      "unix socket that is sent the master end of the twin's terminal") },
	{ ROW("pid-file", 0, OPTION_STRING, create.pid_file, "FILE",
	      "write the process id of the twin to FILE") },
	{ ROW("ext-unix-sk", 0, OPTION_FLAG, criu.ext_unix_sk, NULL,
	      "allow unix sockets that are connected to outside") },
	{ ROW("network-lock", 0, OPTION_STRING, criu.network_lock, "METHOD",
	      "how packets are held back meanwhile: iptables, nftables or skip") },
};

static const struct criu_words defaults = CRIU_WORDS_INIT;

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	const struct criu_words *words = options;
	struct skerry_create_options create = words->create;
	struct skerry_error failed = { 0 };
	create.detach = true;
	if (skerry_clone(cli->skerry, args->v[0], args->v[1], &create, &words->criu, &failed) < 0)
		return cli_fail(&failed, err);
	return 0;
}

const struct command cmd_clone = {
	.name = "clone",
	.arguments = "ID NEW",
	.summary = "make a running twin of a container",
	.description = "NEW goes on from the moment that ID was in, which runs on as well.  It\n"
		       "has its own control group and the networks of ID with other addresses;\n"
		       "TCP connections stay with ID.\n",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct criu_words),
	.defaults = &defaults,
	.min_args = 2,
	.max_args = 2,
	.sealed = true,
	.run = run,
};
