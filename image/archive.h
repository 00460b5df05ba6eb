/* SPDX-License-Identifier: Apache-2.0 */
/* archive.h - images in files: docker's and OCI's archives, OCI layouts
 *
 * What is written is both at once (as docker writes since version 25): an OCI
 * layout with docker's manifest.json beside it, the layers as plain tars.
 */
#ifndef SKERRY_IMAGE_ARCHIVE_H
#define SKERRY_IMAGE_ARCHIVE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "image/platform.h"
#include "image/store.h"

struct archive_load {
	const char *name; /* for images that have none; or NULL */
	struct platform platform;
	void (*loaded)(void *arg, const char *name, const struct digest *id); /* name may be NULL */
	void *arg;
};
/* From an archive (a file, or a pipe: then spooled into the store) or a layout's directory. */
int archive_load(struct store *s, int fd, const struct archive_load *options, struct err *err);

struct archive_image {
	struct image image;
	const char *const *names;
	size_t n_names;
};
/* Everything into one tar. */
int archive_save(const struct store *s, const struct archive_image *images, size_t n, int out,
		 struct err *err);
/* The same as files below a directory (an OCI layout). */
int archive_save_layout(const struct store *s, const struct archive_image *images, size_t n,
			int dir, struct err *err);

/* --- inside: the members of an archive or a layout, by name --- */

struct archive;
int archive_open(const struct store *s, int fd, struct archive **ret, struct err *err);
void archive_close(struct archive *a);
/* A member's place: a descriptor (borrowed until the next call), offset and size; -1 with
 * ENOENT. */
struct archive_member {
	int fd;
	uint64_t offset, size;
};
int archive_find(struct archive *a, const char *name, struct archive_member *ret, struct err *err);
/* A small member whole. */
int archive_read(struct archive *a, const char *name, size_t max, struct buf *out, struct err *err);

#endif
