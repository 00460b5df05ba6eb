/* SPDX-License-Identifier: Apache-2.0 */
/* txn.c - a transaction: what it brings in is safe until an image names it
 *
 * leases/ID is a file that the transaction keeps locked (flock(2)) and writes a
 * line into for every object it brings or relies on.  gc takes the lines of
 * locked leases as roots and removes the others; so there is nothing to expire
 * and nothing to leak.  The line is written before the object is renamed into
 * place, both under the shared gc lock.
 * Order of a commit: objects, their folders synced; record, synced; names,
 * synced.  Power may go at any point between.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "image/store.h"
#include "image/store_internal.h"

#define CLAIM_NAME_MAX (DIGEST_TEXT_MAX + 8)
#define CLAIMS_MAX     900 /* each is a descriptor, of which there are 1024 */

struct claim {
	char name[CLAIM_NAME_MAX]; /* of the lock; "" when given back */
	int fd;
};

struct txn {
	struct store *s;
	char id[17];
	int lease;
	struct claim *claims;
	size_t n_claims;
};

int txn_begin(struct store *s, struct txn **ret, struct err *err)
{
	struct txn *t = calloc(1, sizeof(*t));
	AUTO_FD lock = -1;

	if (!t)
		return err_sys(err, "transaction");
	t->s = s;
	store_random(t->id);
	t->lease = -1;
	/* gc must not find the lease before it is locked */
	lock = store_lock(s, STORE_LOCK_GC, true, true, err);
	if (lock < 0) {
		txn_end(t);
		return -1;
	}
	t->lease = openat(s->folder[STORE_LEASES], t->id,
			  O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
	if (t->lease < 0 || flock(t->lease, LOCK_EX) < 0) {
		(void)err_sys(err, "lease in \"%s\"", s->path);
		txn_end(t);
		return -1;
	}
	*ret = t;
	return 0;
}

void txn_end(struct txn *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_claims; i++)
		if (t->claims[i].fd >= 0)
			store_unlock_gone(t->s, t->claims[i].name, t->claims[i].fd);
	if (t->lease >= 0)
		(void)unlinkat(t->s->folder[STORE_LEASES], t->id, 0);
	(void)fd_close(t->lease);
	free(t->claims);
	free(t);
}

struct store *txn_store(const struct txn *t)
{
	return t->s;
}

const char *txn_lease(const struct txn *t)
{
	return t->id;
}

int txn_note(struct txn *t, const char *kind, const struct digest *d, struct err *err)
{
	char line[DIGEST_TEXT_MAX + 16];

	if (str_format(line, sizeof(line), "%s %s\n", kind, d->text) < 0 ||
	    fd_write_full(t->lease, line, strlen(line)) < 0)
		return err_sys(err, "lease in \"%s\"", t->s->path);
	return 0;
}

int txn_publish(struct txn *t, const struct txn_publish *p, struct err *err)
{
	const struct store *s = t->s;
	AUTO_FD lock = store_lock(s, STORE_LOCK_GC, true, true, err);

	if (lock < 0 || txn_note(t, p->kind, p->digest, err) < 0)
		return -1;
	/* file systems without RENAME_NOREPLACE don't hold a store; a folder can't be replaced */
	if (renameat2(s->folder[STORE_TMP], p->tmp, s->folder[p->folder], p->final,
		      RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EEXIST)
		return store_discard(s, STORE_TMP, p->tmp, err) < 0 ? -1 : 1;
	return err_sys(err, "rename to \"%s/%s/%s\"", s->path, store_folder_name(p->folder),
		       p->final);
}

/* --- blobs ---------------------------------------------------------------------- */

struct blob_sink {
	struct txn *t;
	int fd;
	char tmp[NAME_MAX + 1];
	struct digest expected;
	uint64_t size, limit;
	struct hash hash;
};

int blob_begin(struct txn *t, const struct digest *expected, uint64_t size, struct blob_sink **ret,
	       struct err *err)
{
	struct blob_sink *b = calloc(1, sizeof(*b));

	if (!b)
		return err_sys(err, "blob");
	b->t = t;
	b->limit = size;
	if (expected)
		b->expected = *expected;
	b->fd = store_tmp_file(t->s, t->id, b->tmp, err);
	if (b->fd < 0) {
		free(b);
		return -1;
	}
	hash_init(&b->hash, digest_algorithm(&b->expected));
	*ret = b;
	return 0;
}

int blob_write(struct blob_sink *b, const void *data, size_t size, struct err *err)
{
	if (size > b->limit - b->size)
		return err_set(err, EBADMSG, "blob \"%s\": more than the %llu bytes announced",
			       b->expected.text, (unsigned long long)b->limit);
	hash_update(&b->hash, data, size);
	if (fd_write_full(b->fd, data, size) < 0)
		return err_sys(err, "write blob \"%s\"", b->expected.text);
	b->size += size;
	return 0;
}

static int finish_blob(struct blob_sink *b, struct digest *got, struct err *err)
{
	struct txn_publish publish = { .tmp = b->tmp, .kind = "blob", .digest = got };

	hash_final(&b->hash, got);
	if (b->limit != UINT64_MAX && b->size != b->limit)
		return err_set(err, EBADMSG, "blob \"%s\": %llu bytes instead of %llu",
			       b->expected.text, (unsigned long long)b->size,
			       (unsigned long long)b->limit);
	if (digest_is_set(&b->expected) && !digest_is_equal(&b->expected, got))
		return err_set(err, EBADMSG, "blob \"%s\": its bytes have the digest \"%s\"",
			       b->expected.text, got->text);
	if (fdatasync(b->fd) < 0)
		return err_sys(err, "sync blob \"%s\"", got->text);
	publish.final = digest_hex(got);
	publish.folder = store_blob_folder(got);
	return txn_publish(b->t, &publish, err) < 0 ? -1 : 0;
}

int blob_finish(struct blob_sink *b, struct digest *ret, uint64_t *ret_size, struct err *err)
{
	struct digest got;
	uint64_t size = b->size;

	if (finish_blob(b, &got, err) < 0) {
		blob_abort(b);
		return -1;
	}
	(void)fd_close(b->fd);
	free(b);
	if (ret)
		*ret = got;
	if (ret_size)
		*ret_size = size;
	return 0;
}

void blob_abort(struct blob_sink *b)
{
	if (!b)
		return;
	(void)unlinkat(b->t->s->folder[STORE_TMP], b->tmp, 0);
	(void)fd_close(b->fd);
	free(b);
}

int txn_put_blob(struct txn *t, const void *data, size_t size, const struct digest *expected,
		 struct digest *ret, struct err *err)
{
	struct blob_sink *b;

	if (blob_begin(t, expected, size, &b, err) < 0)
		return -1;
	if (blob_write(b, data, size, err) < 0) {
		blob_abort(b);
		return -1;
	}
	return blob_finish(b, ret, NULL, err);
}

int txn_keep_blob(struct txn *t, const struct digest *d, struct err *err)
{
	AUTO_FD lock = store_lock(t->s, STORE_LOCK_GC, true, true, err);

	if (lock < 0)
		return -1;
	if (!store_has_blob(t->s, d))
		return 0;
	return txn_note(t, "blob", d, err) < 0 ? -1 : 1;
}

/* --- layers ----------------------------------------------------------------------- */

/* 1 the layer is there and noted, 0 it isn't, or -1. */
static int keep_layer(struct txn *t, const struct digest *diff_id, struct err *err)
{
	AUTO_FD lock = store_lock(t->s, STORE_LOCK_GC, true, true, err);

	if (lock < 0)
		return -1;
	if (!store_has_layer(t->s, diff_id))
		return 0;
	return txn_note(t, "layer", diff_id, err) < 0 ? -1 : 1;
}

static int add_claim(struct txn *t, const char *name, int fd, struct err *err)
{
	struct claim *grown;

	if (t->n_claims >= CLAIMS_MAX)
		return err_set(err, E2BIG, "more than %d layers at once", CLAIMS_MAX);
	grown = reallocarray(t->claims, t->n_claims + 1, sizeof(*grown));
	if (!grown)
		return err_sys(err, "claim of a layer");
	t->claims = grown;
	grown[t->n_claims].fd = fd;
	(void)str_copy(grown[t->n_claims].name, sizeof(grown->name), name); /* as long as ours */
	t->n_claims++;
	return 0;
}

static int claim_lock(struct txn *t, const struct digest *diff_id, bool wait, bool *ret_busy,
		      struct err *err)
{
	struct err why = { 0 };
	char name[CLAIM_NAME_MAX];
	int fd;

	(void)snprintf(name, sizeof(name), "layer-%s", digest_hex(diff_id));
	for (size_t i = 0; i < t->n_claims; i++)
		if (strcmp(t->claims[i].name, name) == 0)
			return 0; /* ours already: one blob twice in one image */
	fd = store_lock_once(t->s, name, wait, &why);
	if (fd < 0 && why.code == EWOULDBLOCK) {
		*ret_busy = true;
		return 0;
	}
	if (fd < 0) {
		if (err)
			*err = why;
		return -1;
	}
	if (add_claim(t, name, fd, err) < 0) {
		store_unlock_gone(t->s, name, fd);
		return -1;
	}
	return 0;
}

int txn_claim_layer(struct txn *t, const struct digest *diff_id, bool wait, enum txn_claim *ret,
		    struct err *err)
{
	bool busy = false;
	int there = keep_layer(t, diff_id, err);

	if (there == 0 && claim_lock(t, diff_id, wait, &busy, err) < 0)
		return -1;
	/* the one we waited for may have brought it */
	if (there == 0 && !busy)
		there = keep_layer(t, diff_id, err);
	if (there < 0)
		return -1;
	*ret = there ? TXN_LAYER_PRESENT : busy ? TXN_LAYER_BUSY : TXN_LAYER_OURS;
	if (there)
		txn_drop_claim(t, diff_id);
	return 0;
}

void txn_drop_claim(struct txn *t, const struct digest *diff_id)
{
	char name[CLAIM_NAME_MAX];

	(void)snprintf(name, sizeof(name), "layer-%s", digest_hex(diff_id));
	for (size_t i = 0; i < t->n_claims; i++) {
		if (strcmp(t->claims[i].name, name) != 0)
			continue;
		store_unlock_gone(t->s, name, t->claims[i].fd);
		t->claims[i] = t->claims[--t->n_claims];
		return;
	}
}

/* --- commit --------------------------------------------------------------------- */

static int check_complete(const struct store *s, const struct image *image, struct err *err)
{
	if (!store_has_blob(s, &image->manifest) || !store_has_blob(s, &image->config))
		return err_set(err, ENOENT, "image \"%s\": its manifest or config isn't stored",
			       image->manifest.text);
	for (size_t i = 0; i < image->blobs.n; i++)
		if (!store_has_blob(s, &image->blobs.v[i]))
			return err_set(err, ENOENT, "image \"%s\": blob \"%s\" isn't stored",
				       image->manifest.text, image->blobs.v[i].text);
	for (size_t i = 0; i < image->layers.n; i++)
		if (!store_has_layer(s, &image->layers.v[i].diff_id))
			return err_set(err, ENOENT, "image \"%s\": layer \"%s\" isn't stored",
				       image->manifest.text, image->layers.v[i].diff_id.text);
	return 0;
}

int txn_commit_image(struct txn *t, const struct image *image, const char *const *names,
		     size_t n_names, struct err *err)
{
	const struct store *s = t->s;
	AUTO_FD lock = store_lock(s, STORE_LOCK_GC, true, true, err);

	if (lock < 0 || check_complete(s, image, err) < 0)
		return -1;
	if (store_sync(s, STORE_LAYERS, err) < 0 || store_sync(s, STORE_BLOBS256, err) < 0 ||
	    store_sync(s, STORE_BLOBS512, err) < 0)
		return -1;
	if (store_save_image(s, image, err) < 0 || store_sync(s, STORE_IMAGES, err) < 0)
		return -1;
	for (size_t i = 0; i < n_names; i++)
		if (store_put_ref(s, names[i], &image->manifest, err) < 0)
			return -1;
	return n_names > 0 ? store_sync(s, STORE_REFS, err) : 0;
}
