/* SPDX-License-Identifier: Apache-2.0 */
/* criu_files.h - files of outside in criu's images, made what takes their place
 *
 * criu restores a file only where one of the very size and mode is, even one
 * that was handed to it under a name ("file[MOUNT:INODE]").  A log has grown
 * meanwhile, was rotated, or is another host's: what is given in its place
 * counts, and a write goes on at its end.  The images themselves stay as they are.
 *
 * criu's images/fdinfo.proto, images/regfile.proto; protobuf encoding, "Last One Wins".
 */
#ifndef SKERRY_CONTAINER_CRIU_FILES_H
#define SKERRY_CONTAINER_CRIU_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define CRIU_FILES     "files.img"
#define CRIU_FILES_MAX ((size_t)256 << 20)

/* What takes the place of a file of outside. */
struct criu_outside {
	const char *name; /* in the images */
	uint32_t mode;
	uint64_t size;
	bool has_places; /* it can be sought in */
	bool is_written; /* and is for writing */
};
/* Of an open file; -1 with errno. */
int criu_outside_of(const char *name, int fd, struct criu_outside *ret);

/* Pure: 1 and the new text, 0 when it would be the same, or -1. */
int criu_files_adapt(const void *text, size_t len, const struct criu_outside *list, size_t n,
		     struct buf *ret, struct err *err);

#endif
