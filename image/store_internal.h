/* SPDX-License-Identifier: Apache-2.0 */
/* store_internal.h - the store's own folders and steps, for the files that make it up
 */
#ifndef SKERRY_IMAGE_STORE_INTERNAL_H
#define SKERRY_IMAGE_STORE_INTERNAL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "image/store.h"

enum store_folder {
	STORE_TOP,
	STORE_BLOBS256,
	STORE_BLOBS512,
	STORE_LAYERS,
	STORE_IMAGES,
	STORE_REFS,
	STORE_CONTAINERS,
	STORE_LEASES,
	STORE_LOCKS,
	STORE_TMP,
	STORE_TRASH,
	STORE_MOUNTS, /* layer_mount.h */
	STORE_EMPTY, /* stays so: the lower that overlay wants besides a single one */
	STORE_FOLDERS, /* how many */
};

struct store {
	char path[PATH_MAX];
	int folder[STORE_FOLDERS]; /* descriptors */
	bool form_known;
	enum store_form form;
};

#define STORE_RECORD_MAX ((size_t)4 << 20)

/* The folder's path below the top, for messages. */
const char *store_folder_name(enum store_folder folder);
/* Where a blob of this algorithm lives. */
enum store_folder store_blob_folder(const struct digest *d);
/* 64 random bits as 16 hex digits and NUL. */
void store_random(char name[17]);
/* A new file tmp/PREFIX-RANDOM, O_RDWR; its name (NAME_MAX + 1 bytes) is stored. */
int store_tmp_file(const struct store *s, const char *prefix, char *name, struct err *err);
/* Data into a file of its own, synced, renamed to folder/name. The folder is not synced. */
int store_put(const struct store *s, enum store_folder folder, const char *name, const void *data,
	      size_t size, struct err *err);
/* Makes what was renamed into a folder last. */
int store_sync(const struct store *s, enum store_folder folder, struct err *err);
/* Takes folder/name out of sight at once, then removes it for good; absent is success. */
int store_discard(const struct store *s, enum store_folder folder, const char *name,
		  struct err *err);
/* Removes what is in trash/. */
void store_empty_trash(const struct store *s);

/* locks/NAME as a flock(2): a descriptor to close, or -1 (err->code EWOULDBLOCK when busy and not
 * `wait`).  store_unlock_gone() removes the file with it. */
int store_lock(const struct store *s, const char *name, bool shared, bool wait, struct err *err);
int store_lock_once(const struct store *s, const char *name, bool wait, struct err *err);
void store_unlock_gone(const struct store *s, const char *name, int fd);
#define STORE_LOCK_GC "gc"

/* The form a layer of this diffID is stored in; 0 there, or -1 with ENOENT. */
int store_layer_form(const struct store *s, const struct digest *diff_id, enum store_form *ret);
/* Its name in layers/ ("HEX.erofs" or "HEX"). */
#define STORE_LAYER_NAME_MAX (DIGEST_TEXT_MAX + 8)
void store_layer_name(const struct digest *diff_id, enum store_form form,
		      char name[STORE_LAYER_NAME_MAX]);

/* The record of one image, by its file name in images/. */
int store_load_image(const struct store *s, const char *hex, struct image *ret, struct arena *arena,
		     struct err *err);

/* The record into images/, the name into refs/; the folders are not synced. */
int store_save_image(const struct store *s, const struct image *image, struct err *err);
int store_put_ref(const struct store *s, const char *name, const struct digest *manifest,
		  struct err *err);

/* Calls fn for each name in a folder (no dot files), in no order; stops at -1. */
typedef int store_walk_fn(void *arg, const char *name, struct err *err);
int store_walk(const struct store *s, enum store_folder folder, store_walk_fn *fn, void *arg,
	       struct err *err);

/* Notes in the transaction's lease that this object is ours to keep ("layer" or "blob"). */
int txn_note(struct txn *t, const char *kind, const struct digest *d, struct err *err);
/* tmp/'s file NAME becomes folder/FINAL under the lease and the gc lock; 1 when it was there
 * already (ours is removed), 0, or -1. */
struct txn_publish {
	const char *tmp, *final, *kind;
	enum store_folder folder;
	const struct digest *digest;
};
int txn_publish(struct txn *t, const struct txn_publish *p, struct err *err);
/* The layer is there: whoever waits for it may go on. */
void txn_drop_claim(struct txn *t, const struct digest *diff_id);
/* The lease's name; what the transaction has in tmp/ is named "LEASE-RANDOM". */
const char *txn_lease(const struct txn *t);

#endif
