/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - what programs tell their callers; the library only debugs
 *
 * The engines' rules: the file is opened at start, appended; a failed command
 * writes exactly one line into a JSON log (podman parses the file as one
 * object): {"level":"error","msg":..,"time":..,"code":..,"errno":..,"phase":..,"field":..};
 * warnings go into a JSON log only when the level asks for them.
 */
#ifndef SKERRY_BASE_LOG_H
#define SKERRY_BASE_LOG_H

#include <stdbool.h>

#include "base/err.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

/* target: NULL (standard error only), "PATH", "file:PATH", "syslog:ID", "journald:ID";
 * O_APPEND, 0644. */
int log_open(const char *target, enum log_format format, enum log_level level, struct err *err);
bool log_wants(enum log_level level);
void log_debug(const char *format, ...) PRINTF(1, 2);
void log_warning(const char *format, ...) PRINTF(1, 2);
/* The command's one error: into the log, and as plain text on standard error. */
void log_error(const struct err *err);
/* The descriptor of the log file, or -1. */
int log_fd(void);

#endif
