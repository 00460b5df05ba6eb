/* SPDX-License-Identifier: Apache-2.0 */
/* tool.h - programs of others that run beside containers: dnsmasq, pasta, slirp4netns */
#ifndef SKERRY_CNI_NET_TOOL_H
#define SKERRY_CNI_NET_TOOL_H

#include <limits.h>
#include <stdbool.h>

#include "base/err.h"

/* Its path in one of the system's folders of programs; false: not installed. */
bool tool_find(const char *name, char path[PATH_MAX]);
/* Runs it to its end (or until it went into the background); its words in the error. */
int tool_run(char *const *argv, struct err *err);
/* Ends the process whose number is in the file if it is of that name; then removes
 * the file. */
void tool_end(const char *pid_file, const char *name);
/* Is there such a process? */
bool tool_runs(const char *pid_file, const char *name);

#endif
