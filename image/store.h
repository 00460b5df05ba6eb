/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - the image store: blobs, layers, image records and their names
 *
 * One directory (/var/lib/skerry/images for the host's root, else
 * $XDG_DATA_HOME/skerry/images):
 *   VERSION              "1"
 *   blobs/sha256/HEX     manifests, indexes, configs; layer blobs when kept
 *   layers/HEX.erofs     a layer by its diffID: EROFS head, the tar, EROFS index
 *   layers/HEX/          the directory form: tree/ and split (what the tar had besides)
 *   images/HEX           one image by its manifest's digest: a JSON record that names
 *                        everything the image keeps alive
 *   refs/ESCAPED         a name: the manifest's digest
 *   containers/ID/       rootfs.h
 *   mounts/at/HEX        where a layer in use is mounted once (layer_mount.c)
 *   leases/ locks/ tmp/ trash/ empty/
 * Invariants: 1. what has a name by digest is complete and durable: it was
 * written in tmp/, synced, verified and renamed; nothing is changed in place.
 * 2. The image record is renamed into place after everything it names, and the
 * ref after the record: a ref is the commit point.  3. What a transaction
 * brought in is protected by its lease (a locked file) until the commit; a dead
 * process's lease is not locked, so its leavings are garbage at once.
 * 4. Readers take no lock.  gc takes locks/gc exclusively, a transaction
 * shared for its publishing steps.
 */
#ifndef SKERRY_IMAGE_STORE_H
#define SKERRY_IMAGE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "image/digest.h"

struct store;

/* The default place of the calling user's store. */
int store_default_path(char *dst, size_t size, struct err *err);
/* Opens the store, made where missing when `create`; finishes what a crash left in trash/. */
int store_open(const char *path, bool create, struct store **ret, struct err *err);
void store_close(struct store *s);
/* Its top directory; borrowed. */
int store_fd(const struct store *s);
const char *store_path(const struct store *s);

/* How new layers are written: chosen once by what the kernel and the user may do. */
enum store_form { STORE_FORM_EROFS, STORE_FORM_DIRECTORY };
enum store_form store_form(struct store *s);
/* Takes that form from now on (option of the user, tests). */
void store_set_form(struct store *s, enum store_form form);

/* --- blobs --- */

bool store_has_blob(const struct store *s, const struct digest *d);
/* A descriptor to read it from, or -1 (err->code ENOENT when the store has none). */
int store_open_blob(const struct store *s, const struct digest *d, struct err *err);
/* Appends the whole blob, at most max bytes of it, to out and verifies its digest. */
int store_read_blob(const struct store *s, const struct digest *d, size_t max, struct buf *out,
		    struct err *err);

/* --- layers: image/layer.h writes them --- */

bool store_has_layer(const struct store *s, const struct digest *diff_id);

/* --- images --- */

struct image_layer {
	struct digest diff_id;
	struct digest blob; /* as the registry names it; unset when never seen compressed */
	uint64_t blob_size;
	uint64_t size; /* of the tar */
	char *media_type; /* of the blob */
};
struct image_layers {
	struct image_layer *v;
	size_t n;
};
struct digests {
	struct digest *v;
	size_t n;
};

/* A record.  Strings may be NULL.  Found ones live in the caller's arena. */
struct image {
	struct digest manifest; /* the record's key */
	char *manifest_type;
	uint64_t manifest_size;
	struct digest index; /* that it was chosen from; unset: none */
	struct digest config; /* the image's ID */
	uint64_t config_size;
	struct image_layers layers; /* base first */
	struct digests blobs; /* what else is to be kept: indexes, layer blobs, attestations */
	char *os, *architecture, *variant;
	char *source; /* "registry/repository" the layers can be fetched from again */
	int64_t created; /* seconds; the image's own word */
	int64_t stored; /* seconds; when this record was made */
	struct strings names; /* those that point at it now; not part of the record */
};
struct images {
	struct image *v;
	size_t n;
};

/* All images, newest record first. */
int store_list_images(const struct store *s, struct images *ret, struct arena *arena,
		      struct err *err);
/* By full name ("docker.io/library/busybox:latest", whatever the caller normalised), by the digest
 * of its manifest or config, or by at least 4 hex digits of the ID's beginning.
 * err->code ENOENT: none; EEXIST: the beginning fits several. */
int store_find_image(const struct store *s, const char *what, struct image *ret,
		     struct arena *arena, struct err *err);

/* A record as JSON, as it is kept and as another store's is told, and out of it (arena). */
void image_write(const struct image *image, struct json_out *o);
int image_parse(const char *text, size_t size, struct image *ret, struct arena *arena,
		struct err *err);

/* Points name at the image of this manifest, durably; an old holder of the name stays, untagged. */
int store_tag(struct store *s, const char *name, const struct digest *manifest, struct err *err);
/* Takes the name away; err->code ENOENT when there is none. */
int store_untag(struct store *s, const char *name, struct err *err);
/* Takes the records of the image of this ID and their names away; layers and blobs that nothing
 * else holds go with the next gc_run().  err->code ENOENT: there is none; EBUSY: a container uses
 * it. */
int store_remove_image(struct store *s, const struct digest *config, struct err *err);

/* --- transactions --- */

struct txn;

/* Begins one: a lease on whatever it will bring in or use. */
int txn_begin(struct store *s, struct txn **ret, struct err *err);
/* Ends it and frees it; what no committed image names is garbage from now on. NULL is fine. */
void txn_end(struct txn *t);
struct store *txn_store(const struct txn *t);

/* Stores a small blob (manifest, config); ret may be NULL.  An expected digest that doesn't
 * fit is an error; NULL or unset takes what comes (SHA-256). */
int txn_put_blob(struct txn *t, const void *data, size_t size, const struct digest *expected,
		 struct digest *ret, struct err *err);

/* A blob that comes in pieces.  expected may be unset, size UINT64_MAX when unknown. */
struct blob_sink;
int blob_begin(struct txn *t, const struct digest *expected, uint64_t size, struct blob_sink **ret,
	       struct err *err);
int blob_write(struct blob_sink *b, const void *data, size_t size, struct err *err);
/* Verifies, syncs, publishes; frees b whatever comes back. */
int blob_finish(struct blob_sink *b, struct digest *ret, uint64_t *ret_size, struct err *err);
void blob_abort(struct blob_sink *b);

/* A layer that the image needs: already in the store (and kept for us from now on), ours to
 * bring (nobody else will bring it meanwhile), or being brought by another process.  wait:
 * wait for the other instead of saying so (only when no claim of ours is unfinished: two that
 * wait for each other would wait for ever).  The claim ends with the layer or the transaction. */
enum txn_claim { TXN_LAYER_PRESENT, TXN_LAYER_OURS, TXN_LAYER_BUSY };
int txn_claim_layer(struct txn *t, const struct digest *diff_id, bool wait, enum txn_claim *ret,
		    struct err *err);
/* The same for an existing blob: 1 it is there and kept for us, 0 it isn't, or -1. */
int txn_keep_blob(struct txn *t, const struct digest *d, struct err *err);

/* Publishes the image: everything it names must be in the store.  Then every name of `names`
 * points at it.  Durable when it returns; on -1 no name changed. */
int txn_commit_image(struct txn *t, const struct image *image, const char *const *names,
		     size_t n_names, struct err *err);

#endif
