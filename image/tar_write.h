/* SPDX-License-Identifier: Apache-2.0 */
/* tar_write.h - entries to a tar stream, the same bytes for the same entries
 *
 * ustar, with a PAX header only for what does not fit there.  No names of users,
 * no times but the file's own.
 */
#ifndef SKERRY_IMAGE_TAR_WRITE_H
#define SKERRY_IMAGE_TAR_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/tar.h"

typedef int tar_out_fn(void *arg, const void *data, size_t size, struct err *err);

struct tar_writer;
/* NULL with errno. */
struct tar_writer *tar_writer_new(tar_out_fn *out, void *arg);
void tar_writer_free(struct tar_writer *w);

/* A header.  path, link, type, mode, ids, time, device, xattrs and size count; a directory's path
 * needs no "/" at its end.  Exactly `size` bytes have to follow by tar_write_data(). */
int tar_write_entry(struct tar_writer *w, const struct tar_entry *entry, struct err *err);
int tar_write_data(struct tar_writer *w, const void *data, size_t size, struct err *err);
/* The same from a descriptor, which must have them all. */
int tar_write_file(struct tar_writer *w, int fd, uint64_t size, struct err *err);
/* The same by the caller itself, to where the writer's bytes go: all that came before is out there
 * when this returns, and the entry's whole data have to follow before the next call. */
int tar_write_past(struct tar_writer *w, struct err *err);
/* The two blocks of zeros, and what is still buffered. */
int tar_write_end(struct tar_writer *w, struct err *err);

#endif
