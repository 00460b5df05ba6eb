/* SPDX-License-Identifier: Apache-2.0 */
/* progress.h - how far a pull or push is: bars, lines or JSON
 *
 * On a terminal one line for each layer is drawn over and over; elsewhere one
 * line is written when a layer begins and one when it is done; as JSON every
 * change is a line of its own.  Everything goes to standard error.
 */
#ifndef SKERRY_IMAGE_PROGRESS_H
#define SKERRY_IMAGE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum progress_mode { PROGRESS_NONE, PROGRESS_PLAIN, PROGRESS_BARS, PROGRESS_JSON };
enum progress_state {
	PROGRESS_WAITING,
	PROGRESS_MOVING, /* bytes come or go */
	PROGRESS_UNPACKING, /* all bytes are here, the layer isn't ready yet */
	PROGRESS_DONE,
	PROGRESS_EXISTS, /* nothing had to be done */
};

struct progress;

/* "auto", "bars", "plain", "json", "none". */
int progress_mode_parse(const char *text, enum progress_mode *ret, struct err *err);

/* NULL when out of memory; every other call takes NULL and does nothing. */
struct progress *progress_new(enum progress_mode mode);
/* Ends the drawing and frees it. */
void progress_free(struct progress *p);

/* One more item (`name`: the beginning of a digest); its number. */
size_t progress_add(struct progress *p, const char *name, uint64_t total);
void progress_set(struct progress *p, size_t item, enum progress_state state, uint64_t done);
/* Draws again when enough time has passed. */
void progress_draw(struct progress *p);
/* A line of its own between the bars. */
void progress_say(struct progress *p, const char *text);

/* "12.3 MB", "1h02m", for others too; size 16 is enough. */
void progress_bytes(uint64_t bytes, char *dst, size_t size);
void progress_time(uint64_t seconds, char *dst, size_t size);

#endif
