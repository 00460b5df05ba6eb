/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - skerry-migrate: moves a running container to another host
 *
 * `skerry migrate` becomes this program, which links what ciphers; the runtime
 * does the checkpoint and the restore.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/units.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/print.h"
#include "runtime/migrate/config.h"
#include "runtime/migrate/migrate.h"

#define ROW(name_, kind_, member, value_, help_)                                                  \
 .name = (name_), .kind = (kind_), .offset = offsetof(struct options, member), .value = (value_), \
 .help = (help_)

static const struct option rows[] = {
	{ ROW("dry-run", OPTION_FLAG, dry_run, NULL, "say what would happen, and do nothing") },
	{ ROW("json", OPTION_FLAG, json, NULL, "progress and result as JSON, one object a line") },
	{ ROW("quiet", OPTION_FLAG, quiet, NULL, "no progress") },
	{ ROW("ssh", OPTION_STRING, ssh, "COMMAND",
	      "what reaches the host in place of ssh, with its options") },
	{ ROW("remote", OPTION_STRING, remote, "COMMAND",
	      "skerry on the target, with its global options (default: skerry)") },
	{ ROW("tls-cert", OPTION_STRING, tls.cert, "FILE", "certificate of this host (PEM)") },
	{ ROW("tls-key", OPTION_STRING, tls.key, "FILE", "its private key (PEM)") },
	{ ROW("tls-ca", OPTION_STRING, tls.ca, "FILE",
	      "certificate of who has signed those of both hosts (PEM)") },
	{ ROW("mode", OPTION_STRING, mode, "MODE",
	      "precopy: memory in rounds while the container runs; stop: all of it at once (default: "
	      "precopy)") },
	{ ROW("lazy", OPTION_FLAG, lazy, NULL,
	      "memory follows once the container runs there; until it is there both hosts are needed") },
	{ ROW("max-rounds", OPTION_NUMBER, max_rounds, "N",
	      "most rounds of memory before the container is stopped (default: 10)") },
	{ ROW("downtime", OPTION_STRING, downtime, "DURATION",
	      "rounds end once the rest takes no longer than this (default: 300ms)") },
	{ ROW("max-downtime", OPTION_STRING, max_downtime, "DURATION",
	      "give up, with the container untouched, when it would stand still for longer") },
	{ ROW("bwlimit", OPTION_STRING, bandwidth, "BYTES",
	      "bytes a second at most, as 100M, while the container runs") },
	{ ROW("shared", OPTION_STRINGS, shared, "PATH",
	      "volume that both hosts have already: it is not sent (again and again)") },
	{ ROW("flat", OPTION_FLAG, flat, NULL,
	      "the root file system goes as a whole, not as layers of its image") },
	{ ROW("bundle", OPTION_STRING, bundle, "DIR",
	      "where the bundle is to be on the target (default: below its --bundles)") },
	{ ROW("netns", OPTION_STRING, netns, "FILE",
	      "network namespace on the target in place of the one that config.json names; "
	      "container:ID is that of a container there") },
	{ ROW("address", OPTION_STRING, address, "ADDRESS",
	      "address of this host as the target reaches it, for the networks' tunnels") },
	{ ROW("target-address", OPTION_STRING, target_address, "ADDRESS",
	      "address of the target as this host reaches it (default: HOST)") },
	{ ROW("timeout", OPTION_NUMBER, timeout, "SECONDS",
	      "silence after which the other side is given up (default: 30)") },
	{ ROW("resolve", OPTION_FLAG, resolve, NULL,
	      "find out what became of a migration that broke off, and settle it") },
	{ ROW("receive", OPTION_FLAG, receive, NULL,
	      "be the target of one migration, on standard input and output") },
	{ ROW("listen", OPTION_STRING, listen, "ADDRESS:PORT",
	      "be the target of migrations over TLS") },
	{ ROW("once", OPTION_FLAG, once, NULL, "with --listen: end after the first one") },
	{ ROW("bundles", OPTION_STRING, bundles, "DIR",
	      "where bundles that arrive are kept (default: /var/lib/skerry/migrated)") },
	{ .name = "runtime",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, runtime),
	  .value = "FILE" },
	{ .name = "root",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, root),
	  .value = "DIR" },
	{ .name = "criu",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, criu),
	  .value = "PATH" },
	{ .name = "cgroup-manager",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, cgroup_manager),
	  .value = "MANAGER" },
	{ .name = &CONFIG_HOOK[2],
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, remove_bundle),
	  .value = "DIR" },
};

static const struct command command = {
	.name = "migrate",
	.arguments = "ID HOST",
	.summary = "move a running container to another host",
	.description = "HOST is [USER@]NAME, reached by ssh, or tls://NAME:PORT, where\n"
		       "\"skerry migrate --listen\" runs.  Until the target runs the container it\n"
		       "stays here; afterwards it is there.  Exit status 75: it runs on here; 76:\n"
		       "stopped until \"skerry migrate --resolve ID\" finds out where it runs.\n",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct options),
};
const struct command *const commands[] = { &command, NULL };
const struct option_table cli_global_options = { NULL, 0, NULL };

const struct command *command_find(const char *name)
{
	return strcmp(name, command.name) == 0 ? &command : NULL;
}

void fault_point(const char *name)
{
	const char *fault = getenv("SKERRY_MIGRATE_FAULT"); /* NOLINT(concurrency-mt-unsafe) */
	const size_t n = strlen(name);
	int64_t ns;

	if (!fault || strncmp(fault, name, n) != 0 || fault[n] != ':')
		return;
	if (strcmp(fault + n + 1, "kill") == 0)
		(void)raise(SIGKILL);
	if (strcmp(fault + n + 1, "stop") == 0)
		(void)raise(SIGSTOP);
	if (units_duration(fault + n + 1, &ns) == 0)
		(void)usleep((useconds_t)(ns / 1000));
}

static int receive(const struct options *o, struct err *err)
{
	/* Whatever prints by mistake must not print into the channel. */
	const struct stream s = { .in = fcntl(0, F_DUPFD_CLOEXEC, 3),
				  .out = fcntl(1, F_DUPFD_CLOEXEC, 3) };
	struct channel channel;
	int rc;

	if (s.in < 0 || s.out < 0 || dup2(2, 1) < 0)
		return err_sys(err, "standard descriptors");
	if (channel_open(&channel, &s, err) < 0)
		return -1;
	rc = target_run(o, &channel, err);
	channel_close(&channel);
	return rc;
}

static int wrong_count(struct err *err)
{
	return err_set(err, EINVAL,
		       "\"migrate\" requires exactly 2 arguments; usage: skerry migrate ID HOST");
}

static int run(const struct options *o, const struct option_args *args, struct err *err)
{
	if (o->remove_bundle)
		return target_remove_bundle(o->remove_bundle, err);
	if (!o->runtime)
		return err_set(err, EINVAL, "--runtime is missing: start \"skerry migrate\"");
	if (o->receive)
		return args->n ? wrong_count(err) : receive(o, err);
	if (o->listen)
		return args->n ? wrong_count(err) : target_listen(o, err);
	if (o->resolve && args->n == 1)
		return source_resolve(o, args->v[0], err);
	if (args->n != 2)
		return wrong_count(err);
	return source_run(o, args->v[0], args->v[1], err);
}

static int run_program(struct arena *arena, int argc, char **argv, struct err *err)
{
	struct options o = { .max_rounds = 10, .timeout = CHANNEL_SILENCE_MS / 1000 };
	struct option_args args;
	const struct option_parse parse = { .table = &command.options,
					    .argc = argc > 0 ? argc - 1 : 0,
					    .argv = argc > 0 ? argv + 1 : argv,
					    .dst = &o };
	AUTO_BUF help;

	buf_init(&help);
	if (options_parse(&parse, arena, &args, err) < 0)
		return -1;
	if (!args.help)
		return run(&o, &args, err);
	print_command_help(&help, "skerry", &command);
	return print_buf(&help, err);
}

int main(int argc, char **argv)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct arena arena;
	struct err err = { 0 };
	int status;

	if (fd_ensure_stdio() < 0)
		return CLI_FAILED;
	(void)sigaction(SIGPIPE, &ignore, NULL);
	arena_init(&arena, ARENA_MAX_DEFAULT);
	status = log_open(NULL, LOG_TEXT, LOG_WARNING, &err);
	if (status == 0)
		status = run_program(&arena, argc, argv, &err);
	if (status < 0) {
		log_error(&err);
		status = err.exit_code ? err.exit_code : CLI_FAILED;
	}
	arena_release(&arena);
	return status;
}
