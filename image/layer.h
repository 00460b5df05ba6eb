/* SPDX-License-Identifier: Apache-2.0 */
/* layer.h - a layer's stream in, a layer in the store out; and back
 *
 * A sink takes the stream of one layer, compressed or not (gzip, zstd, plain: by
 * its first bytes), and feeds it to a process of its own that holds nothing but
 * the stream and the layer's unfinished file: it hashes, inflates, hashes
 * again, parses the tar and writes the layer in one pass.  Several sinks work
 * side by side; layer_write() never blocks.
 */
#ifndef SKERRY_IMAGE_LAYER_H
#define SKERRY_IMAGE_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "image/digest.h"
#include "image/store.h"

/* Part of a file that the layer's process reads by itself; borrowed until layer_begin() returns. */
struct layer_source {
	int fd;
	uint64_t offset, size;
};

struct layer_options {
	struct digest blob; /* what the stream must hash to; unset: anything */
	uint64_t blob_size; /* and how long it is; 0: unknown */
	struct digest diff_id; /* what the tar must hash to; unset: anything */
	uint64_t max_size; /* of the tar; 0: LAYER_SIZE_MAX */
	bool keep_blob; /* the stream itself is also stored, under its digest */
	const struct layer_source *source; /* the stream; NULL: what layer_write() is given */
	bool resume; /* goes on where a broken attempt at this blob ended, if one is kept */
};
#define LAYER_SIZE_MAX	  ((uint64_t)1 << 40)
#define LAYER_ENTRIES_MAX 8000000

enum layer_compression { LAYER_PLAIN, LAYER_GZIP, LAYER_ZSTD };

struct layer_result {
	struct digest blob, diff_id;
	uint64_t blob_size; /* bytes of the stream */
	uint64_t size; /* bytes of the tar */
	uint64_t entries;
	enum layer_compression compression;
	bool existed; /* the store had this layer already */
};

struct layer_sink;

int layer_begin(struct txn *t, const struct layer_options *options, struct layer_sink **ret,
		struct err *err);
/* The stream's byte from which on layer_write() wants it: 0 unless a broken attempt goes on. */
uint64_t layer_offset(const struct layer_sink *sink);
/* For poll(2): POLLOUT when layer_write() can take more. */
int layer_fd(const struct layer_sink *sink);
/* As many bytes as fit now: the count, 0 when none, or -1 (the layer is bad, or its process
 * died); err says why. */
ssize_t layer_write(struct layer_sink *sink, const void *data, size_t size, struct err *err);
/* All of it, waiting for room. */
int layer_write_full(struct layer_sink *sink, const void *data, size_t size, struct err *err);
/* The stream has ended, but there is no need to wait yet: from now on layer_fd() is for POLLIN,
 * when layer_finish() won't wait. */
void layer_end(struct layer_sink *sink);
/* Bytes of the tar that have been written so far, for progress. */
uint64_t layer_progress(const struct layer_sink *sink);
/* The stream has ended.  Waits for the layer, verifies it, publishes it durably under its diffID;
 * frees the sink whatever comes back. */
int layer_finish(struct layer_sink *sink, struct layer_result *ret, struct err *err);
/* Gives up; `keep` leaves what came so far for another attempt at the same blob (gc drops it
 * after a day).  Frees the sink; NULL is fine. */
void layer_abort(struct layer_sink *sink, bool keep);

/* Everything from a descriptor (a file, a pipe) until its end: begin, write, finish. */
int layer_import(struct txn *t, const struct layer_options *options, int fd,
		 struct layer_result *ret, struct err *err);

/* The layer's tar, byte for byte what its diffID is the digest of, to a file, pipe or socket. */
int layer_export(const struct store *s, const struct digest *diff_id, int out, struct err *err);
/* What a stored layer says of itself. */
struct layer_info {
	uint64_t size; /* of the tar */
	uint64_t entries;
	uint64_t implied_size; /* of the list of directories that it has no entry for; 0: none */
	bool has_root; /* its tar has an entry for the root: */
	uint32_t root_mode, root_uid, root_gid;
};
int layer_info(const struct store *s, const struct digest *diff_id, struct layer_info *ret,
	       struct err *err);
/* Appends that list: paths, each ended by NUL. */
int layer_implied(const struct store *s, const struct digest *diff_id, struct buf *out,
		  struct err *err);
/* How many bytes that will be. */
int layer_size(const struct store *s, const struct digest *diff_id, uint64_t *ret, struct err *err);
/* Re-hashes the tar: 0, or -1 with err->code EBADMSG when it isn't what its name says. */
int layer_verify(const struct store *s, const struct digest *diff_id, struct err *err);

#endif
