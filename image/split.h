/* SPDX-License-Identifier: Apache-2.0 */
/* split.h - what a tar has besides its files' contents, kept so that it can be made again
 *
 * A file beside the tree of a directory layer: a head, then a zstd stream of
 * records, each either bytes of the tar or the name of the file whose content
 * comes here.
 */
#ifndef SKERRY_IMAGE_SPLIT_H
#define SKERRY_IMAGE_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/tar.h"

struct split_head {
	uint64_t tar_size, entries;
	uint64_t records_size; /* of the zstd stream */
	uint64_t implied_offset, implied_size; /* as in erofs.h */
	bool has_root; /* as there; the tree's root has its attributes */
	bool is_exact; /* the tree still has the content of every entry */
};

struct split_writer;
/* Writes to fd from behind the head; NULL with err. */
struct split_writer *split_writer_new(int fd, struct err *err);
void split_writer_free(struct split_writer *w);
int split_frame(struct split_writer *w, const void *data, size_t size, struct err *err);
/* The content of this entry's file comes here. */
int split_file(struct split_writer *w, const struct tar_entry *entry, struct err *err);
/* Ends the stream, adds the list of implied directories and writes the head. */
int split_finish(struct split_writer *w, struct split_head *head, const void *implied,
		 size_t implied_size, struct err *err);

int split_read_head(int fd, struct split_head *ret, struct err *err);

/* Makes the tar again: fn gets every byte in order. tree: the directory the files are below. */
typedef int split_fn(void *arg, const void *data, size_t size, struct err *err);
int split_join(int fd, int tree, split_fn *fn, void *arg, struct err *err);

#endif
