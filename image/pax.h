/* SPDX-License-Identifier: Apache-2.0 */
/* pax.h - the extended header records before a tar entry
 */
#ifndef SKERRY_IMAGE_PAX_H
#define SKERRY_IMAGE_PAX_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define PAX_SIZE_MAX	 ((size_t)4 << 20) /* of one header's records */
#define PAX_XATTRS_MAX	 256 /* of one entry */
#define PAX_SEGMENTS_MAX 131072 /* of one sparse file */

struct tar_xattr {
	const char *name;
	const void *value;
	size_t size;
};

/* A run of a sparse file that the tar has bytes for. */
struct tar_segment {
	uint64_t offset, size;
};

/* What the records said; strings and arrays live in the arena. */
struct pax {
	struct arena arena;
	char *path, *link; /* NULL: not said */
	bool has_size, has_uid, has_gid, has_mtime;
	uint64_t size;
	uint32_t uid, gid;
	int64_t mtime;
	uint32_t mtime_ns;
	struct tar_xattr *xattrs;
	size_t n_xattrs;
	/* GNU.sparse.* */
	bool is_sparse, map_in_data; /* formats 0.0, 0.1; 1.0 */
	bool has_real_size;
	uint64_t real_size;
	char *real_path;
	struct tar_segment *segments;
	size_t n_segments, segments_cap;
	bool half_segment; /* an offset whose length is still to come */
	unsigned int sparse_major, sparse_minor;
};

void pax_init(struct pax *p);
void pax_release(struct pax *p);
/* Takes the records of one 'x' header; later ones win. */
int pax_parse(struct pax *p, const char *data, size_t size, struct err *err);
/* One more segment: in order, not overlapping. */
int pax_add_segment(struct pax *p, uint64_t offset, uint64_t size, struct err *err);

#endif
