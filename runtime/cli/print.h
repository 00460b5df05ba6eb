/* SPDX-License-Identifier: Apache-2.0 */
/* print.h - what goes to standard output: documents, tables, help
 *
 * Everything is put together in a buf and leaves with one write(2): callers
 * read pipes, and stdio would cost system calls of its own.
 */
#ifndef SKERRY_CLI_PRINT_H
#define SKERRY_CLI_PRINT_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "runtime/cli/cli.h"

/* Writes all of it; 0 or -1. */
int print_buf(const struct buf *b, struct err *err);
/* Writes the text and, where it has none, a newline; 0 or -1. */
int print_line(const char *text, struct err *err);

/* Appends rows of columns aligned as Go's tabwriter aligns them for runc: cells are
 * at least 12 wide, 3 spaces between them, the last one as it is. */
void print_table(struct buf *out, const char *const *cells, size_t rows, size_t columns);

/* Appends the help of a command, or of the whole program. */
void print_command_help(struct buf *out, const char *program, const struct command *command);
void print_program_help(struct buf *out, const char *program);

#endif
