/* SPDX-License-Identifier: Apache-2.0 */
/* tmpcopy.h - a directory's contents copied into a tmpfs that covers it
 *
 * The mount option "tmpcopyup".
 */
#ifndef SKERRY_RUNTIME_ISOLATE_TMPCOPY_H
#define SKERRY_RUNTIME_ISOLATE_TMPCOPY_H

#include "base/err.h"

/* Copies everything below `from` (O_PATH will do) into the empty directory `to`, whose owner and
 * mode become those of `from`.  Follows no link, enters no other mount.  Runs in init: no
 * allocation. */
int tmpcopy_apply(int from, int to, struct err *err);

#endif
