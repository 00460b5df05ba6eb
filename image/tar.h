/* SPDX-License-Identifier: Apache-2.0 */
/* tar.h - a tar stream in pieces of any size, as entries
 *
 * Takes what layers are made of: ustar, old tars, GNU long names, sparse files
 * (GNU's three ways and the old header type), PAX records, base-256 numbers.
 * What it hands out is already safe to use below a root: paths are relative,
 * without "." and "..", without NUL, no component longer than NAME_MAX.
 */
#ifndef SKERRY_IMAGE_TAR_H
#define SKERRY_IMAGE_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/pax.h"

#define TAR_BLOCK 512

enum tar_type {
	TAR_FILE,
	TAR_HARD_LINK,
	TAR_SYMBOLIC_LINK,
	TAR_CHARACTER_DEVICE,
	TAR_BLOCK_DEVICE,
	TAR_DIRECTORY,
	TAR_FIFO,
};

struct tar_entry {
	enum tar_type type;
	const char *path; /* "" is the root itself */
	const char *link; /* a symbolic link's target as it is, a hard link's cleaned as path */
	uint32_t mode; /* permission bits only */
	uint32_t uid, gid;
	int64_t mtime;
	uint32_t mtime_ns;
	uint32_t major, minor;
	uint64_t size; /* of the file, holes counted */
	uint64_t offset; /* of its bytes in the tar */
	uint64_t stored; /* how many those are */
	const struct tar_xattr *xattrs;
	size_t n_xattrs;
	bool is_sparse;
	const struct tar_segment *segments; /* of a sparse file, in order; sizes add up to stored */
	size_t n_segments;
};

struct tar_handler {
	/* Each entry once; what it points at is valid until the next call. */
	int (*entry)(void *arg, const struct tar_entry *entry, struct err *err);
	/* Bytes of the last TAR_FILE entry, to be at `offset` of the file. NULL: not wanted. */
	int (*data)(void *arg, uint64_t offset, const void *data, size_t size, struct err *err);
	/* Its last byte was given. NULL: not wanted. */
	int (*end)(void *arg, struct err *err);
	/* All bytes of the stream that are no file's. NULL: not wanted. */
	int (*frame)(void *arg, const void *data, size_t size, struct err *err);
};

struct tar_reader;
/* NULL with errno. */
struct tar_reader *tar_reader_new(const struct tar_handler *handler, void *arg);
void tar_reader_free(struct tar_reader *r);
int tar_feed(struct tar_reader *r, const void *data, size_t size, struct err *err);
/* Takes the next bytes as given, at most max, where they are a file's whose data nobody wants: how
 * many. */
uint64_t tar_skip(struct tar_reader *r, uint64_t max);
/* The stream has ended; an error when that is in the middle of something. */
int tar_finish(struct tar_reader *r, struct err *err);
uint64_t tar_entries(const struct tar_reader *r);

/* A path as it stands in a tar made relative and plain; dst has PATH_MAX bytes.
 * ".." anywhere, a component above NAME_MAX and PATH_MAX altogether are errors. */
int tar_clean_path(const char *path, char *dst, struct err *err);

#endif
