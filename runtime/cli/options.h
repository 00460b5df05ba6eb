/* SPDX-License-Identifier: Apache-2.0 */
/* options.h - the one parser of command lines, driven by tables
 *
 * A command describes its options as rows; the parser stores what was given
 * in the command's own struct, and the help, the shell completion and the
 * tests read the same rows.  What is accepted is the union of what callers of
 * Go's flag package and of getopt(3) write:
 *   --name VALUE  --name=VALUE  -name VALUE  -name=VALUE
 *   --flag  --flag=false  -flag=true
 *   -n VALUE  -nVALUE  -n=VALUE  -abc (flags, the last may take a value)
 *   --na (an unambiguous beginning of a long name, two dashes only)
 *   --   (everything after it is an argument), "-" is an argument
 * A value may begin with a dash.  --help, -h, -? and --usage belong to every
 * table.
 */
#ifndef SKERRY_CLI_OPTIONS_H
#define SKERRY_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

enum option_kind {
	OPTION_FLAG, /* bool */
	OPTION_SWITCH, /* int: 1 or 0 when given, else the default stays */
	OPTION_STRING, /* const char *: the last one wins */
	OPTION_STRINGS, /* struct option_list: all, in order */
	OPTION_NUMBER, /* unsigned int */
	OPTION_IGNORED, /* takes a value, stores nothing */
	OPTION_IGNORED_FLAG, /* takes none, stores nothing */
};

struct option {
	const char *name; /* without dashes */
	char letter; /* short form, or 0 */
	enum option_kind kind;
	size_t offset; /* in the command's struct */
	const char *value; /* what the help calls the value; NULL: takes none */
	const char *help; /* NULL: accepted, but not shown */
};

/* Rows, and the rows of another table that belong to it as well. */
struct option_table {
	const struct option *rows;
	size_t n;
	const struct option_table *more;
};

struct option_list {
	char **v; /* NULL-terminated; NULL while n is 0 */
	size_t n, cap;
};

/* The arguments that are no options: v[0] .. v[n - 1], v[n] is NULL. */
struct option_args {
	char **v;
	int n;
	bool help; /* help was asked for; nothing after it was looked at */
};

/* Does an option of this kind take a value? */
bool option_takes_value(enum option_kind kind);

/* Row i of the table and of those behind it: NULL after the last. */
const struct option *option_at(const struct option_table *table, size_t i);

/* One command line to read. */
struct option_parse {
	const struct option_table *table;
	bool stop_at_first; /* the first argument ends the options */
	int argc; /* without a program name */
	char **argv; /* is reordered; the slot argv[argc] must exist */
	void *dst; /* the struct that the offsets are meant for */
};

/* Stores what was given in *parse->dst; its strings are borrowed from argv, its
 * lists live in the arena.  0, or -1 with the message. */
int options_parse(const struct option_parse *parse, struct arena *arena, struct option_args *ret,
		  struct err *err) MUST_CHECK;

#endif
