/* SPDX-License-Identifier: Apache-2.0 */
/* filter_key.h - what a compiled seccomp program is kept by
 *
 * Only for filter.c.
 */
#ifndef SKERRY_RUNTIME_ISOLATE_FILTER_KEY_H
#define SKERRY_RUNTIME_ISOLATE_FILTER_KEY_H

#include <stdbool.h>

#include "base/buf.h"
#include "runtime/spec/spec.h"

/* Adds the key of a profile to `key`; a failure is the buffer's.  fail_unknown: names that
 * libseccomp does not know are refused. */
void filter_key_make(const struct spec_seccomp *s, bool fail_unknown, struct buf *key);

#endif
