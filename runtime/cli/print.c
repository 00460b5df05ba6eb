/* SPDX-License-Identifier: Apache-2.0 */
/* print.c - what goes to standard output: documents, tables, help */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/plain.h"
#include "runtime/cli/print.h"

#define CELL_MIN  12
#define CELL_GAP  3
#define TITLE_MAX 44

int print_buf(const struct buf *b, struct err *err)
{
	if (buf_failed(b))
		return err_set(err, ENOMEM, "write to standard output: out of memory");
	if (b->len > 0 && fd_write_full(STDOUT_FILENO, b->s, b->len) < 0)
		return err_sys(err, "write to standard output");
	return 0;
}

int print_line(const char *text, struct err *err)
{
	AUTO_BUF b;
	buf_init(&b);
	buf_puts(&b, text);
	if (b.len == 0 || b.s[b.len - 1] != '\n')
		buf_putc(&b, '\n');
	return print_buf(&b, err);
}

static void pad(struct buf *out, size_t n)
{
	for (; n > 0; n--)
		buf_putc(out, ' ');
}

/* Cells may be a stranger's words: what would steer the terminal is not among them. */
static void put_cell(struct buf *out, const char *cell)
{
	for (const char *at = cell; *at; at++) {
		if (*at == '\n' || *at == '\t')
			buf_putc(out, ' ');
		else
			buf_putc(out, plain_byte(cell, at));
	}
}

void print_table(struct buf *out, const char *const *cells, size_t rows, size_t columns)
{
	for (size_t r = 0; r < rows; r++) {
		for (size_t c = 0; c + 1 < columns; c++) {
			size_t width = CELL_MIN;
			for (size_t i = 0; i < rows; i++) {
				size_t len = strlen(cells[i * columns + c]) + CELL_GAP;
				width = len > width ? len : width;
			}
			const char *cell = cells[r * columns + c];
			put_cell(out, cell);
			pad(out, width - strlen(cell));
		}
		put_cell(out, cells[r * columns + columns - 1]);
		buf_putc(out, '\n');
	}
}

/* Appends "--bundle DIR, -b DIR"; its length. */
static size_t option_title(struct buf *out, const struct option *o)
{
	size_t before = out->len;
	const char *space = o->value ? " " : "", *value = o->value ? o->value : "";
	buf_printf(out, "--%s%s%s", o->name, space, value);
	if (o->letter)
		buf_printf(out, ", -%c%s%s", o->letter, space, value);
	return out->len - before;
}

static void print_option(struct buf *out, const struct option *o, size_t width)
{
	buf_puts(out, "   ");
	size_t len = option_title(out, o);
	pad(out, len < width ? width - len : 1);
	buf_printf(out, "%s\n", o->help);
}

static void print_options(struct buf *out, const struct option_table *table)
{
	static const struct option help = {
		.name = "help",
		.letter = 'h',
		.help = "show this help and exit",
	};
	AUTO_BUF scratch;
	buf_init(&scratch);
	size_t width = option_title(&scratch, &help);
	const struct option *o;
	for (size_t i = 0; (o = option_at(table, i)); i++) {
		size_t len = o->help ? option_title(&scratch, o) : 0;
		width = len > width ? len : width;
	}
	width = (width < TITLE_MAX ? width : TITLE_MAX) + CELL_GAP;
	for (size_t i = 0; (o = option_at(table, i)); i++) {
		if (o->help)
			print_option(out, o, width);
	}
	print_option(out, &help, width);
}

void print_command_help(struct buf *out, const char *program, const struct command *command)
{
	buf_printf(out, "NAME:\n   %s %s - %s\n\n", program, command->name, command->summary);
	buf_printf(out, "USAGE:\n   %s %s [options]%s%s\n", program, command->name,
		   command->arguments ? " " : "", command->arguments ? command->arguments : "");
	if (command->description)
		buf_printf(out, "\n%s", command->description);
	buf_puts(out, "\nOPTIONS:\n");
	print_options(out, &command->options);
}

void print_program_help(struct buf *out, const char *program)
{
	buf_printf(out,
		   "NAME:\n   %s - run OCI containers\n\n"
		   "USAGE:\n   %s [global options] COMMAND [options] [arguments]\n\n"
		   "A container is made from a bundle: a folder with a config.json and a root\n"
		   "file system.  \"%s spec\" writes a config.json to start from,\n"
		   "\"%s run ID\" runs it, \"%s COMMAND --help\" explains a command.\n\n"
		   "COMMANDS:\n",
		   program, program, program, program, program);
	for (size_t i = 0; commands[i]; i++) {
		if (commands[i]->hidden)
			continue;
		buf_printf(out, "   %s", commands[i]->name);
		pad(out, CELL_MIN - strlen(commands[i]->name));
		buf_printf(out, "%s\n", commands[i]->summary);
	}
	buf_puts(out, "\nGLOBAL OPTIONS:\n");
	print_options(out, &cli_global_options);
}
