/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - skerry-image: the commands about images
 *
 * `skerry pull` and its like execute this program, so that what starts
 * containers needs none of its libraries.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/proc.h"
#include "image/cli/common.h"

const struct command *const commands[] = {
	&verb_pull,    &verb_push,    &verb_images, &verb_rmi,	    &verb_tag,	  &verb_untag,
	&verb_tags,    &verb_inspect, &verb_exists, &verb_history,  &verb_commit, &verb_diff,
	&verb_cp,      &verb_save,    &verb_load,   &verb_import,   &verb_export, &verb_mount,
	&verb_unmount, &verb_prune,   &verb_fsck,   &verb_df,	    &verb_login,  &verb_logout,
	&verb_search,  &verb_build,   &verb_bundle, &verb_unbundle, &verb_within, &verb_offer,
	&verb_layer,   &verb_receive, NULL,
};

#define GLOBAL(name_, letter_, kind_, member, value_, help_) \
 .name = (name_), .letter = (letter_), .kind = (kind_),      \
 .offset = offsetof(struct image_globals, member), .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ GLOBAL("store", 0, OPTION_STRING, store, "DIR",
		 "where images are kept (default: $SKERRY_STORE, else /var/lib/skerry/images, or "
		 "~/.local/share/skerry/images when not root)") },
	{ GLOBAL("layers", 0, OPTION_STRING, layers, "FORM",
		 "how new layers are kept: erofs, directory or auto (default: $SKERRY_LAYERS, else "
		 "auto)") },
	{ GLOBAL("root", 0, OPTION_STRING, root, "DIR", NULL) },
	{ GLOBAL("version", 'v', OPTION_FLAG, version, NULL, "print the version and exit") },
};
const struct option_table cli_global_options = { rows, ARRAY_SIZE(rows), NULL };

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

/* "image ls" and "image rm" are what docker and podman call "images" and "rmi". */
static const char *plain_name(const char *name)
{
	static const struct {
		const char *group, *name;
	} names[] = { { "ls", "images" },
		      { "list", "images" },
		      { "rm", "rmi" },
		      { "remove", "rmi" },
		      { "umount", "unmount" } };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(name, names[i].group) == 0)
			return names[i].name;
	}
	return name;
}

static int check_count(const struct command *c, int n, struct err *err)
{
	if (n >= c->min_args && (c->max_args < 0 || n <= c->max_args))
		return 0;
	return err_set(err, EINVAL, "wrong number of arguments; usage: skerry %s%s%s", c->name,
		       c->arguments ? " " : "", c->arguments ? c->arguments : "");
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

static int run_command(struct cli *cli, const struct option_args *words, struct err *err)
{
	int skip = strcmp(words->v[0], "image") == 0 ? 1 : 0;
	if (skip && (words->n == 1 || str_eq(words->v[1], "--help") || str_eq(words->v[1], "-h")))
		return print_help(cli, NULL, err);
	const struct command *c = skip && str_eq(words->v[1], "inspect")
					  ? &verb_image_inspect
					  : command_find(plain_name(words->v[skip]));
	if (!c) {
		(void)err_set(err, EINVAL, "no such command \"%s\"", words->v[skip]);
		err->exit_code = CLI_UNKNOWN_COMMAND;
		return -1;
	}
	_Alignas(max_align_t) unsigned char options[COMMAND_OPTIONS_MAX] = { 0 };
	if (c->defaults)
		memcpy(options, c->defaults, c->size);
	struct option_args args;
	const struct option_parse parse = {
		.table = &c->options,
		.stop_at_first = c->options_first,
		.argc = words->n - 1 - skip,
		.argv = words->v + 1 + skip,
		.dst = options,
	};
	if (options_parse(&parse, &cli->arena, &args, err) < 0)
		return -1;
	if (args.help)
		return print_help(cli, c, err);
	if (check_count(c, args.n, err) < 0)
		return -1;
	return c->run(cli, options, &args, err);
}

static int run_program(struct cli *cli, int argc, char **argv, struct err *err)
{
	/* a copy: the parser moves words about, and a process shows its role in its own */
	char **copy = arena_array(&cli->arena, (size_t)argc + 1, sizeof(*copy));
	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	for (int i = 0; i < argc; i++) {
		copy[i] = arena_strdup(&cli->arena, argv[i]);
		if (!copy[i])
			return err_set(err, ENOMEM, "out of memory");
	}
	struct option_args words;
	const struct option_parse parse = {
		.table = &cli_global_options,
		.stop_at_first = true,
		.argc = argc > 0 ? argc - 1 : 0,
		.argv = argc > 0 ? copy + 1 : copy,
		.dst = &image_globals,
	};
	if (options_parse(&parse, &cli->arena, &words, err) < 0)
		return -1;
	if (image_globals.version && !words.help)
		return print_line("skerry-image version " SKERRY_VERSION, err);
	if (words.help || words.n == 0)
		return print_help(cli, NULL, err);
	return run_command(cli, &words, err);
}

int main(int argc, char **argv)
{
	struct cli cli = { .program = "skerry" };
	struct err err = { 0 };

	if (fd_ensure_stdio() < 0)
		return CLI_FAILED;
	proc_title_init(argc, argv);
	arena_init(&cli.arena, ARENA_MAX_DEFAULT);
	int status = log_open(NULL, LOG_TEXT, LOG_WARNING, &err);
	if (status == 0)
		status = run_program(&cli, argc, argv, &err);
	if (status < 0) {
		log_error(&err);
		status = err.exit_code ? err.exit_code : CLI_FAILED;
		if (err.code == EINTR)
			status = 130;
	}
	arena_release(&cli.arena);
	return status;
}
