/* SPDX-License-Identifier: Apache-2.0 */
/* copy.h - a file or tree from one directory into another, with all that belongs to it */
#ifndef SKERRY_IMAGE_COPY_H
#define SKERRY_IMAGE_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct copy_options {
	bool chown; /* everything gets this owner instead of its own */
	uint32_t uid, gid;
	uint32_t mode; /* permission bits of everything but links; 0: its own */
	bool keep_root; /* the target directory's own mode, owner and times stay */
	/* May an entry (path relative to the top, is it a directory?) be copied?  NULL: all may. */
	bool (*wants)(void *arg, const char *path, bool is_dir);
	void *arg;
};

/* The contents of directory `from` into the directory `to`, merged with what is there: directories
 * are merged, anything else is replaced. */
int copy_tree(int from, int to, const struct copy_options *options, struct err *err);

/* One entry under another name; a directory with all below it. */
int copy_entry(int from, const char *name, int to, const char *new_name,
	       const struct copy_options *options, struct err *err);

#endif
