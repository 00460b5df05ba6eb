/* SPDX-License-Identifier: Apache-2.0 */
/* archive_index.h - what is where in an archive, found out by a process without privileges */
#ifndef SKERRY_IMAGE_ARCHIVE_INDEX_H
#define SKERRY_IMAGE_ARCHIVE_INDEX_H

#include <stdint.h>

#include "base/err.h"

/* One member; link: the name of another member that it stands for, or NULL. */
typedef int archive_index_fn(void *arg, const char *name, const char *link, uint64_t offset,
			     uint64_t size, struct err *err);

/* Calls fn for every file and link of the tar `from`, in its order, until it returns -1.
 * spool >= 0: what comes from there is first written to that file, inflated where it is compressed;
 * offsets are of that file. */
int archive_index(int from, int spool, archive_index_fn *fn, void *arg, struct err *err);

#endif
