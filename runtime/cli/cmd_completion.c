/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_completion.c - skerry completion: a script for the shell, from the tables
 *
 * bash only.  The script knows the commands and their options; ids it asks
 * for with "list --quiet", under the --root of the line being typed.
 */
#include <errno.h>

#include "runtime/cli/cmd.h"
#include "runtime/cli/print.h"

static void write_options(struct buf *out, const struct option_table *table)
{
	const struct option *o;
	for (size_t i = 0; (o = option_at(table, i)); i++) {
		if (o->help)
			buf_printf(out, "--%s ", o->name);
	}
	buf_puts(out, "--help");
}

/* A pattern of the options that take a value, for a case of the script. */
static void write_valued(struct buf *out, const struct option_table *table)
{
	const struct option *o;
	const char *bar = "";
	for (size_t i = 0; (o = option_at(table, i)); i++) {
		if (!option_takes_value(o->kind))
			continue;
		buf_printf(out, "%s--%s", bar, o->name);
		if (o->letter)
			buf_printf(out, "|-%c", o->letter);
		bar = "|";
	}
	if (*bar == 0)
		buf_puts(out, "''");
}

static void write_bash(struct buf *out)
{
	buf_puts(out, "# SPDX-License-Identifier: Apache-2.0\n"
		      "# shellcheck shell=bash\n"
		      "# completion.bash - what \"skerry completion bash\" prints\n"
		      "_skerry()\n"
		      "{\n"
		      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
		      "\tlocal i word command='' options='' valued='' ids='' root=()\n"
		      "\tCOMPREPLY=()\n"
		      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		      "\t\tword=${COMP_WORDS[i]}\n"
		      "\t\tcase $word in\n"
		      "\t\t");
	write_valued(out, &cli_global_options);
	buf_puts(out, ")\n"
		      "\t\t\t((i++))\n"
		      "\t\t\t[[ ${COMP_WORDS[i]} != = ]] || ((i++))\n"
		      "\t\t\t[[ $word != --root && $word != -r ]] ||\n"
		      "\t\t\t\troot=(--root \"${COMP_WORDS[i]}\") ;;\n"
		      "\t\t-*) ;;\n"
		      "\t\t*)\n"
		      "\t\t\tcommand=$word\n"
		      "\t\t\tbreak ;;\n"
		      "\t\tesac\n"
		      "\tdone\n"
		      "\tcase $command in\n"
		      "\t'')\n"
		      "\t\toptions='");
	write_options(out, &cli_global_options);
	buf_puts(out, "'\n"
		      "\t\tids='");
	for (size_t i = 0; commands[i]; i++) {
		if (!commands[i]->hidden)
			buf_printf(out, "%s%s", i ? " " : "", commands[i]->name);
	}
	buf_puts(out, "'\n"
		      "\t\tvalued='");
	write_valued(out, &cli_global_options);
	buf_puts(out, "' ;;\n");
	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];
		buf_printf(out, "\t%s)\n\t\toptions='", c->name);
		write_options(out, &c->options);
		buf_puts(out, "'\n\t\tvalued='");
		write_valued(out, &c->options);
		buf_puts(out, "'");
		if (c->arguments && str_starts(c->arguments, "ID"))
			buf_puts(out,
				 "\n\t\tids=$(\"${COMP_WORDS[0]}\" \"${root[@]}\" list --quiet "
				 "2>/dev/null)");
		else if (c->arguments && str_starts(c->arguments, "add"))
			buf_puts(out,
				 "\n\t\tids=\"add remove $(\"${COMP_WORDS[0]}\" \"${root[@]}\" "
				 "list --quiet 2>/dev/null)\"");
		buf_puts(out, " ;;\n");
	}
	buf_puts(out, "\tesac\n"
		      "\tif [[ \"|$valued|\" == *\"|$prev|\"* || $prev == = ]]; then\n"
		      "\t\treturn\n"
		      "\tfi\n"
		      "\tcase $cur in\n"
		      "\t-*) mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\") ;;\n"
		      "\t*) mapfile -t COMPREPLY < <(compgen -W \"$ids\" -- \"$cur\") ;;\n"
		      "\tesac\n"
		      "}\n"
		      "complete -o default -F _skerry skerry\n");
}

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	(void)cli;
	(void)options; /* has none */
	if (!str_eq(args->v[0], "bash"))
		return err_set(err, EINVAL, "no completion for the shell \"%s\": only bash",
			       args->v[0]);
	AUTO_BUF out;
	buf_init(&out);
	write_bash(&out);
	return print_buf(&out, err);
}

const struct command cmd_completion = {
	.name = "completion",
	.arguments = "bash",
	.summary = "print a completion script for the shell",
	.min_args = 1,
	.max_args = 1,
	.plain = true,
	.hidden = true,
	.run = run,
};
