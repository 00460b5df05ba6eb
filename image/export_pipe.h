/* SPDX-License-Identifier: Apache-2.0 */
/* export_pipe.h - a layer's tar to read from, written by a child meanwhile */
#ifndef SKERRY_IMAGE_EXPORT_PIPE_H
#define SKERRY_IMAGE_EXPORT_PIPE_H

#include "base/err.h"
#include "image/digest.h"
#include "image/store.h"

struct export_pipe {
	int fd; /* the tar, to be read to its end */
	int result;
	const struct digest *diff_id;
};

/* diff_id is borrowed until the close. */
int export_pipe_open(const struct store *s, const struct digest *diff_id, struct export_pipe *ret,
		     struct err *err);
/* -1 when the child could not write all of it. */
int export_pipe_close(struct export_pipe *p, struct err *err);

#endif
