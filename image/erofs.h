/* SPDX-License-Identifier: Apache-2.0 */
/* erofs.h - an EROFS index over a tar that stays as it is
 *
 * A layer file is [0, EROFS_TAR_OFFSET) head, the tar byte for byte, padding to a
 * block, and the index: inodes, directories, symbolic links, and copies of what
 * can't be used in place.  With blocks of 512 bytes a file's data in the tar is
 * a run of whole blocks.
 */
#ifndef SKERRY_IMAGE_EROFS_H
#define SKERRY_IMAGE_EROFS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "image/tree.h"

#define EROFS_TAR_OFFSET 4096

/* The head's first bytes are free for our own use. */
struct erofs_head {
	uint64_t tar_size;
	uint64_t entries;
	uint64_t implied_offset,
		implied_size; /* paths of directories the tar has no entry for, each
						* ended by NUL */
	bool has_root; /* the tar has an entry for the root: */
	uint32_t root_mode, root_uid, root_gid;
};

/* Writes index and head of a tree whose tar, of head->tar_size bytes, is in the file at
 * EROFS_TAR_OFFSET.  The head comes last: until it is written nothing can mount the file.
 * uuid: 16 bytes.  The tree is renumbered. */
int erofs_write_index(int fd, struct tree *tree, struct erofs_head *head,
		      const unsigned char uuid[16], struct err *err);
/* A file system of one empty directory. */
int erofs_write_empty(int fd, struct err *err);
/* Reads our part of the head and checks that it fits the file. */
int erofs_read_head(int fd, struct erofs_head *ret, struct err *err);
/* Are head and index as they were written?  (The diffID covers the tar alone.)  0, or -1 with
 * err->code EBADMSG. */
int erofs_verify_index(int fd, struct err *err);

#endif
