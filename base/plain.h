/* SPDX-License-Identifier: Apache-2.0 */
/* plain.h - a stranger's words on a terminal
 *
 * Names in archives, what a registry says, a container's labels: a terminal
 * takes some of their bytes for orders (move, erase, answer as if typed).
 */
#ifndef SKERRY_BASE_PLAIN_H
#define SKERRY_BASE_PLAIN_H

#include "base/buf.h"

/* The byte at `at`, which lies in `text`, or '?' when it would steer a terminal. */
char plain_byte(const char *text, const char *at);
/* Appends the text with all its bytes so. */
void plain_put(struct buf *b, const char *text);

#endif
