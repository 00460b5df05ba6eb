/* SPDX-License-Identifier: Apache-2.0 */
/* commit_pause.h - a container stands still while its files are read */
#ifndef SKERRY_IMAGE_CLI_COMMIT_PAUSE_H
#define SKERRY_IMAGE_CLI_COMMIT_PAUSE_H

#include "base/err.h"

struct pause_hold {
	int talk, result; /* the keeper's socket and the pipe of its result; -1: there is none */
};

/* A container that runs is paused; one that doesn't, or is paused already, stays as it is.  Whatever
 * comes back, pause_end() has to follow. */
int pause_begin(struct pause_hold *hold, const char *id, struct err *err);
/* It goes on again, if it was paused here. */
int pause_end(struct pause_hold *hold, struct err *err);

#endif
