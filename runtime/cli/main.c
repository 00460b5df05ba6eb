/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - skerry: the command line program
 *
 * Global options, then the row of the command's table, then its options, then
 * its function; an error is told once, here.  Nothing happens before the
 * command that it does not need: "state" and "kill" are a handful of system
 * calls, and engines call them often.
 */
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/proc.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/print.h"
#include "runtime/cli/version.h"

static void on_debug(const char *text, void *arg)
{
	(void)arg;
	log_debug("%s", text);
}

static void on_warning(const char *text, void *arg)
{
	(void)arg;
	log_warning("%s", text);
}

/* A copy of the words: the child shows its role in ps(1) by writing over the
 * memory where the kernel put them, and exec's program needs them until the end. */
static char **copy_words(struct arena *arena, int argc, char **argv)
{
	char **copy = arena_array(arena, (size_t)argc + 1, sizeof(*copy));
	for (int i = 0; copy && i < argc; i++) {
		copy[i] = arena_strdup(arena, argv[i]);
		if (!copy[i])
			return NULL;
	}
	return copy;
}

static int parse_word(const char *what, const char *text, const char *const *words, struct err *err)
{
	for (int i = 0; words[i]; i++) {
		if (strcmp(words[i], text) == 0)
			return i;
	}
	return err_set(err, EINVAL, "invalid value \"%s\" for --%s", text, what);
}

static int open_log(const struct global_options *g, struct err *err)
{
	static const char *const formats[] = { "text", "json", NULL };
	static const enum log_format format_values[] = { LOG_TEXT, LOG_JSON };
	static const char *const levels[] = { "error", "warning", "warn", "info",
					      "debug", "trace",	  NULL };
	static const enum log_level level_values[] = { LOG_ERROR, LOG_WARNING, LOG_WARNING,
						       LOG_INFO,  LOG_DEBUG,   LOG_DEBUG };

	int format = g->log_format ? parse_word("log-format", g->log_format, formats, err) : 0;
	int level = g->log_level ? parse_word("log-level", g->log_level, levels, err) : 0;
	if (format < 0 || level < 0)
		return -1;
	/* podman reads a JSON log as one object: no warning beside the error */
	enum log_level wanted = format_values[format] == LOG_JSON ? LOG_ERROR : LOG_WARNING;
	if (g->log_level)
		wanted = level_values[level];
	if (g->debug)
		wanted = LOG_DEBUG;
	return log_open(g->log, format_values[format], wanted, err);
}

static int open_library(struct cli *cli, const struct global_options *g, struct err *err)
{
	static const char *const managers[] = { "cgroupfs", "systemd", "disabled", NULL };
	static const enum skerry_cgroup_manager manager_values[] = { SKERRY_CGROUPFS,
								     SKERRY_SYSTEMD,
								     SKERRY_NO_CGROUPS };
	static const char *const answers[] = { "false", "true", "auto", "0", "1", "", NULL };
	static const int answer_values[] = { 0, 1, -1, 0, 1, -1 };

	int manager = g->systemd_cgroup ? 1 : 0;
	if (g->cgroup_manager)
		manager = parse_word("cgroup-manager", g->cgroup_manager, managers, err);
	int rootless = parse_word("rootless", g->rootless ? g->rootless : "auto", answers, err);
	if (manager < 0 || rootless < 0)
		return -1;
	struct skerry_options options = {
		.size = sizeof(options),
		.root = g->root,
		.cgroup_manager = manager_values[manager],
		.rootless = answer_values[rootless],
		.criu = g->criu,
		.debug = log_wants(LOG_DEBUG) ? on_debug : NULL,
		.warn = on_warning,
	};
	struct skerry_error failed = { 0 };
	cli->root = g->root;
	cli->skerry = skerry_open(&options, &failed);
	return cli->skerry ? 0 : cli_fail(&failed, err);
}

static int check_count(const char *program, const struct command *c, int n, struct err *err)
{
	if (n >= c->min_args && (c->max_args < 0 || n <= c->max_args))
		return 0;
	const char *how = c->max_args == c->min_args ? "exactly" : "at least";
	int count = c->min_args;
	if (n > c->min_args && c->max_args != c->min_args) {
		how = "at most";
		count = c->max_args;
	}
	return err_set(err, EINVAL, "\"%s\" requires %s %d argument%s; usage: %s %s%s%s", c->name,
		       how, count, count == 1 ? "" : "s", program, c->name, c->arguments ? " " : "",
		       c->arguments ? c->arguments : "");
}

static int print_help(const struct cli *cli, const struct command *c, struct err *err)
{
	AUTO_BUF b;
	buf_init(&b);
	if (c)
		print_command_help(&b, cli->program, c);
	else
		print_program_help(&b, cli->program);
	return print_buf(&b, err);
}

/* words[0] is the command's name.  The exit status; with a negative one err is set and
 * *ret_failure says what to exit with. */
static int run_command(struct cli *cli, const struct global_options *g,
		       const struct option_args *words, int *ret_failure, struct err *err)
{
	const struct command *c = command_find(words->v[0]);
	if (!c) {
		*ret_failure = CLI_UNKNOWN_COMMAND;
		return err_set(err, EINVAL, "No help topic for '%s'", words->v[0]);
	}
	cli->globals = g;
	if (c->raw)
		return c->run(cli, NULL, words, err);
	_Alignas(max_align_t) unsigned char options[COMMAND_OPTIONS_MAX] = { 0 };
	if (c->defaults)
		memcpy(options, c->defaults, c->size);
	struct option_args args;
	const struct option_parse parse = {
		.table = &c->options,
		.stop_at_first = c->options_first,
		.argc = words->n - 1,
		.argv = words->v + 1,
		.dst = options,
	};
	if (options_parse(&parse, &cli->arena, &args, err) < 0)
		return -1;
	if (args.help)
		return print_help(cli, c, err);
	if (check_count(cli->program, c, args.n, err) < 0)
		return -1;
	if (!c->plain && open_library(cli, g, err) < 0)
		return -1;
	if (c->failure)
		*ret_failure = c->failure;
	return c->run(cli, options, &args, err);
}

static int run_program(struct cli *cli, int argc, char **argv, int *ret_failure, struct err *err)
{
	char **copy = copy_words(&cli->arena, argc, argv);
	if (!copy)
		return err_set(err, ENOMEM, "read the command line: out of memory");
	struct global_options g = { 0 };
	struct option_args words;
	const struct option_parse parse = {
		.table = &cli_global_options,
		.stop_at_first = true,
		.argc = argc > 0 ? argc - 1 : 0,
		.argv = argc > 0 ? copy + 1 : copy,
		.dst = &g,
	};
	if (options_parse(&parse, &cli->arena, &words, err) < 0)
		return -1;
	if (g.version && !words.help)
		return version_print(cli->program, err);
	if (words.help || words.n == 0)
		return print_help(cli, NULL, err);
	/* First of all that has an effect: it starts this program once more. */
	const struct command *c = command_find(words.v[0]);
	struct skerry_error failed = { 0 };
	bool sealed = !c || !c->sealed || entry_is_sealed || skerry_seal(argv, &failed) == 0;
	if (open_log(&g, err) < 0)
		return -1;
	if (!sealed)
		return cli_fail(&failed, err);
	return run_command(cli, &g, &words, ret_failure, err);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

int main(int argc, char **argv)
{
	struct cli cli = { .program = argc > 0 && argv[0] ? base_name(argv[0]) : "skerry" };
	struct err err = { 0 };
	int failure = CLI_FAILED;

	/* a file of ours must not become standard output */
	if (fd_ensure_stdio() < 0)
		return CLI_FAILED;
	proc_title_init(argc, argv);
	arena_init(&cli.arena, ARENA_MAX_DEFAULT);
	int status = run_program(&cli, argc, argv, &failure, &err);
	if (status < 0) {
		log_error(&err);
		status = err.exit_code ? err.exit_code : failure;
	}
	skerry_close(cli.skerry);
	arena_release(&cli.arena);
	return status;
}
