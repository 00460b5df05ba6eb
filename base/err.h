/* SPDX-License-Identifier: Apache-2.0 */
/* err.h - an error is a value
 *
 * The place that fails writes the message, once; success leaves *err alone.
 * The macros evaluate to -1, so that `return err_set(...)` reads well and the
 * analysers see the value.  err may be NULL: then only -1 comes back.
 */
#ifndef SKERRY_BASE_ERR_H
#define SKERRY_BASE_ERR_H

#include "base/compiler.h"

#define ERR_MSG_MAX   512
#define ERR_FIELD_MAX 160
#define ERR_PHASE_MAX 32

/* Fixed size, no pointers: it travels over the socket between init and the
 * runtime as it is. */
struct err {
	int code; /* errno value; 0 while nothing failed */
	int exit_code; /* the program's exit status for it; 0: the command's default */
	char phase[ERR_PHASE_MAX]; /* the step of a spine that failed, or "" */
	char field[ERR_FIELD_MAX]; /* JSON pointer into config.json, or "" */
	char msg[ERR_MSG_MAX]; /* lower case, no full stop */
};

#define err_set(err, code, ...)		   (err_set_((err), (code), __VA_ARGS__), -1)
/* Appends ": " and strerror(errno). */
#define err_sys(err, ...)		   (err_sys_((err), __VA_ARGS__), -1)
/* "context: " in front of the message. */
#define err_wrap(err, ...)		   (err_wrap_((err), __VA_ARGS__), -1)
/* Like err_set() and remembers which field of config.json is at fault. */
#define err_field(err, code, pointer, ...) (err_field_((err), (code), (pointer), __VA_ARGS__), -1)

void err_set_(struct err *err, int code, const char *format, ...) PRINTF(3, 4);
void err_sys_(struct err *err, const char *format, ...) PRINTF(2, 3);
void err_wrap_(struct err *err, const char *format, ...) PRINTF(2, 3);
void err_field_(struct err *err, int code, const char *pointer, const char *format, ...)
	PRINTF(4, 5);

/* Names the JSON pointer of an error that has none yet; returns -1. */
int err_at(struct err *err, const char *pointer);

/* After one came from another process: its texts end within their bounds. */
void err_received(struct err *err);

/* Back to "nothing failed". */
void err_clear(struct err *err);

#endif
