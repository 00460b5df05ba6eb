/* SPDX-License-Identifier: Apache-2.0 */
/* watch.h - the process beside a detached container of an image
 *
 * There is one where somebody has to be there until the container's end: its
 * terminal is to be read (-t), it is to be started again (--restart), its health
 * is to be checked, or it is to be removed (--rm).  It creates the container, is its
 * parent, and ends with it.
 */
#ifndef SKERRY_CLI_WATCH_H
#define SKERRY_CLI_WATCH_H

#include <stdbool.h>

#include "runtime/cli/image_run.h"

/* Is such a process needed for this bundle? */
bool watch_is_wanted(const struct image_run *run, const struct image_options *o);
/* Starts it: 0 once the container runs, or has run; else why it could not be made. */
int watch_start(struct cli *cli, const struct image_run *run, const struct image_options *image,
		const struct skerry_create_options *o, struct err *err);

/* `kill`: somebody wants it ended, so that it is not to be started again. */
void watch_note_stop(struct cli *cli, const char *id, int sig);

#endif
