/* SPDX-License-Identifier: Apache-2.0 */
/* hold.h - the processes of a control group stand still for a moment
 *
 * Soft-dirty bits are read in one step and reset in another: what is written
 * between the two would be lost.  A child freezes the group and lets it go on
 * again, also when we end in between.
 */
#ifndef SKERRY_MIGRATE_HOLD_H
#define SKERRY_MIGRATE_HOLD_H

#include <stdbool.h>

struct hold {
	int sock; /* to the child; -1: none */
};
/* group: its directory, which isn't needed afterwards. */
void hold_open(struct hold *h, int group);
/* They stand still: true.  It can't be (version 1, or one that can't be frozen just now): false,
 * and nothing has changed. */
bool hold_begin(struct hold *h);
void hold_end(struct hold *h);
void hold_close(struct hold *h);

#endif
