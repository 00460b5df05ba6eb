/* SPDX-License-Identifier: Apache-2.0 */
/* image_run.h - run and create with --image: a bundle of it is made first */
#ifndef SKERRY_CLI_IMAGE_RUN_H
#define SKERRY_CLI_IMAGE_RUN_H

#include <limits.h>
#include <stdbool.h>

#include "runtime/cli/cmd.h"

struct image_run {
	bool made; /* there is a bundle that this run brought about */
	const char *id;
	int saved[3]; /* our own 0, 1 and 2 meanwhile; -1: not replaced */
	char bundle[PATH_MAX];
};

/* Without --image: checks that nothing else of its options was given and that there is one argument.
 * With it: o->bundle becomes the new bundle; standard input is emptied unless it is wanted, and of
 * a detached container all output goes into the bundle's `log`. */
int image_run_begin(struct cli *cli, const struct create_words *words,
		    const struct option_args *args, struct skerry_create_options *o,
		    struct image_run *ret, struct err *err);

/* Our own standard descriptors again. */
void image_run_end(struct image_run *run);

/* Takes the bundle away again when the container could not be made. */
void image_run_undo(struct cli *cli, const struct image_run *run);

/* Is this container one of an image? */
bool image_run_has(const struct cli *cli, const char *id);
/* `delete --force`: takes away what a crash left of a bundle before there was a container. */
void image_run_clean(struct cli *cli, const char *id);

/* Replaces this program by skerry-image with these words behind its name; -1. */
int image_exec(struct cli *cli, char *const *words, int n, struct err *err);

#endif
