/* SPDX-License-Identifier: Apache-2.0 */
/* version.h - what --version prints */
#ifndef SKERRY_CLI_VERSION_H
#define SKERRY_CLI_VERSION_H

#include "base/err.h"

/* To standard output; 0 or -1.  Started under the name "runc" the first word is that:
 * some callers read no other. */
int version_print(const char *program, struct err *err);

#endif
