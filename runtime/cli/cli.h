/* SPDX-License-Identifier: Apache-2.0 */
/* cli.h - what a command is, and what all of them share
 *
 * A command is one constant `struct command` in its own cmd_<verb>.c.  The
 * table of them is in commands.c; the parser, the help, the completion script
 * and the tests read it.
 */
#ifndef SKERRY_CLI_CLI_H
#define SKERRY_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "runtime/cli/options.h"
#include "runtime/include/skerry/skerry.h"

/* Exit statuses that are no container's. */
enum {
	CLI_FAILED = 1,
	CLI_UNKNOWN_COMMAND = 3,
	CLI_TIMED_OUT = 124, /* as timeout(1) */
	CLI_EXEC_FAILED = 255,
};

/* One run of the program. */
struct cli {
	const char *program; /* the name it was started under, without folders */
	struct skerry *skerry; /* NULL in a command that is `plain` */
	const char *root; /* --root, or NULL */
	const struct global_options *globals;
	struct arena arena;
};

struct command {
	const char *name;
	const char *arguments; /* as the usage line shows them */
	const char *summary; /* one line */
	const char *description; /* lines, each ending in a newline */
	struct option_table options;
	size_t size; /* of the struct that the options are stored in */
	const void *defaults; /* such a struct, or NULL: all zero */
	int min_args, max_args; /* max -1: any number */
	bool options_first; /* options end at the first argument */
	bool plain; /* needs no struct skerry */
	bool sealed; /* enters a container: runs from a sealed copy of the program */
	bool hidden; /* not in the list of commands */
	bool raw; /* another program's: args are all words unread, the command's name first */
	int failure; /* exit status when run() fails; 0: CLI_FAILED */
	/* The exit status, or -1 with the error. */
	int (*run)(struct cli *cli, const void *options, const struct option_args *args,
		   struct err *err);
};

/* Room for the largest options struct; commands_test checks that it is enough. */
#define COMMAND_OPTIONS_MAX 1024

/* What comes before the command. */
struct global_options {
	const char *root, *log, *log_format, *log_level, *cgroup_manager, *rootless, *criu;
	bool debug, systemd_cgroup, version;
};
extern const struct option_table cli_global_options;

/* entry.c: this process was seen to run from a read-only mount before main() began. */
extern bool entry_is_sealed;

/* All commands in the order of the help, NULL-terminated. */
extern const struct command *const commands[];
const struct command *command_find(const char *name);

/* The library's error as ours; -1. */
int cli_fail(const struct skerry_error *from, struct err *err);

/* Appends the file, or standard input for "-", to out; 0 or -1. */
int cli_read(const char *path, struct buf *out, struct err *err);

/* Calls each() for the containers whose id matches the extended regular
 * expression.  One that fails doesn't keep the others from being tried: the first
 * error is returned, the others are warnings. */
int cli_each_match(struct cli *cli, const char *pattern,
		   int (*each)(struct cli *cli, const char *id, const void *arg, struct err *err),
		   const void *arg, struct err *err);

#endif
