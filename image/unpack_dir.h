/* SPDX-License-Identifier: Apache-2.0 */
/* unpack_dir.h - a layer's entries as files below a directory
 */
#ifndef SKERRY_IMAGE_UNPACK_DIR_H
#define SKERRY_IMAGE_UNPACK_DIR_H

#include <stdint.h>

#include "base/err.h"
#include "image/tar.h"
#include "image/unpack.h"

struct unpack_dir;

/* Writes below job->out and into job->split; NULL with err. */
struct unpack_dir *unpack_dir_new(const struct unpack_job *job, struct err *err);
void unpack_dir_free(struct unpack_dir *d);
/* For tar_reader_new(); its argument is the unpack_dir. */
extern const struct tar_handler unpack_dir_handler;
/* Directories' times, the end of `split`, everything synced. */
int unpack_dir_finish(struct unpack_dir *d, uint64_t tar_size, uint64_t entries, struct err *err);

#endif
