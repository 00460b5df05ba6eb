/* SPDX-License-Identifier: Apache-2.0 */
/* personality.h - execution domain
 *
 * runtime-spec config-linux.md "Personality"; personality(2).
 */
#ifndef SKERRY_RUNTIME_ISOLATE_PERSONALITY_H
#define SKERRY_RUNTIME_ISOLATE_PERSONALITY_H

#include <stdbool.h>

#include "base/err.h"
#include "runtime/spec/spec.h"

struct personality {
	bool set;
	unsigned long value;
};

/* s may be NULL.  Pure. */
int personality_make(const struct spec_personality *s, struct personality *ret, struct err *err);
/* Runs in init. */
int personality_apply(const struct personality *p, struct err *err);

#endif
