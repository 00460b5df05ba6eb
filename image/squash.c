/* SPDX-License-Identifier: Apache-2.0 */
/* squash.c - more layers than overlay takes
 *
 * As many as it takes are mounted and what they show is written as one layer,
 * until the rest is few enough.  Nobody builds such images on purpose, so the
 * work is done for each container and not kept.
 */
#include "image/squash.h"

#include <string.h>

#include "base/fd.h"
#include "image/layer.h"
#include "image/overlay.h"
#include "image/rootfs.h"

/* What a root file system puts beside the layers: the tree of implied directories, the empty
 * one. */
#define BESIDE 2

static int squash(struct txn *t, const struct digest *layers, size_t n, struct digest *ret,
		  struct err *err)
{
	struct layer_result result;
	AUTO_FD tree = rootfs_open_layers(txn_store(t), layers, n, err);

	if (tree < 0 || tree_commit(t, tree, &result, err) < 0)
		return err_wrap(err, "make one layer of %zu", n);
	*ret = result.diff_id;
	return 0;
}

int squash_layers(struct txn *t, struct digest *layers, size_t *n, struct err *err)
{
	size_t max = overlay_lowers_max() - BESIDE;

	while (*n > max) {
		if (squash(t, layers, max, &layers[0], err) < 0)
			return -1;
		*n -= max - 1;
		memmove(&layers[1], &layers[max], (*n - 1) * sizeof(*layers));
	}
	return 0;
}
