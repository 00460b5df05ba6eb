/* SPDX-License-Identifier: Apache-2.0 */
/* whiteout.h - what a layer's tar says about the layers below it
 */
#ifndef SKERRY_IMAGE_WHITEOUT_H
#define SKERRY_IMAGE_WHITEOUT_H

#include <stdbool.h>

#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

enum whiteout_kind {
	WHITEOUT_NONE, /* a file as any other */
	WHITEOUT_NAME, /* removes what follows the prefix from the layers below */
	WHITEOUT_DIRECTORY, /* hides everything that the layers below have in its directory */
	WHITEOUT_IGNORED, /* aufs' own bookkeeping */
	WHITEOUT_BAD, /* the prefix and nothing */
};

/* By the last component of an entry's path; nothing else of the entry counts. */
enum whiteout_kind whiteout_classify(const char *name);

/* May a layer bring this extended attribute?  What overlay and the host's security modules keep in
 * xattrs is theirs. */
bool whiteout_keeps_xattr(const char *name);

#endif
