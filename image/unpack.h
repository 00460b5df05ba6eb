/* SPDX-License-Identifier: Apache-2.0 */
/* unpack.h - one layer's stream becomes a layer: the work of the locked-in process
 */
#ifndef SKERRY_IMAGE_UNPACK_H
#define SKERRY_IMAGE_UNPACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "image/layer.h"
#include "image/store.h"

struct unpack_job {
	enum store_form form;
	struct layer_options options;
	int in; /* the stream */
	int out; /* the layer's file, or the directory its tree is made in */
	int split; /* directory form: what the tar has besides its files; else -1 */
	int blob; /* where the stream is kept; -1: nowhere */
	bool is_partial; /* `out` is kept when the stream breaks off, with what it takes to go on */
	bool userxattr; /* overlay's marks are user.overlay.*: in a user namespace */
};

/* Memory that both sides see.  The parent believes nothing in it that it can check. */
struct unpack_shared {
	_Atomic uint64_t size; /* of the tar, so far */
	atomic_bool done; /* result is complete; otherwise err */
	struct layer_result result;
	struct err err;
};

/* How far a broken attempt at this blob came that left `file`: the stream's next byte, 0 when it
 * can't be taken up. */
uint64_t unpack_offset(int file, const struct layer_options *options);

void unpack_run(const struct unpack_job *job, struct unpack_shared *shared);

#endif
