/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_move.c - skerry-image offer, layer and receive: a container's image goes to another host
 *
 * `skerry migrate` runs them, `offer` and `layer` where the container is,
 * `receive` on the target.  The offer is one line of JSON: the image's record, its
 * names, its manifest and config as they are.  receive
 *
 *	reads   the offer, to the end of the line
 *	writes  {"store": PATH, "needs": [INDEX...], "bytes": N}
 *	reads   of each of those layers its tar: u32 size, bytes, ... u32 0
 *	reads   u32 0xffffffff: all of it is to be
 *	writes  {"rootfs": PATH}
 *
 * (little endian) and keeps layers that it has or brings from gc all the while.  Each
 * layer is in the store under its digest once it came whole, whatever becomes of the
 * rest; without the last word there will be no image and no root file system.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "image/cli/common.h"
#include "image/layer.h"

#define DOCUMENT_MAX ((size_t)512 << 10) /* what a manifest or a config may be */
#define OFFER_MAX    ((size_t)1 << 20)
#define CHUNK	     ((size_t)256 << 10)
#define WORD	     4
#define MAKE_IT	     UINT32_MAX

struct document {
	char *record, *manifest, *config;
	struct strings names;
};
static const struct json_field document_fields[] = {
	JSON_FIELD(struct document, record, JSON_RAW, .required = true),
	JSON_FIELD(struct document, manifest, JSON_STRING, .required = true),
	JSON_FIELD(struct document, config, JSON_STRING, .required = true),
	JSON_FIELD(struct document, names, JSON_STRINGS),
};
static const struct json_table document_table = JSON_TABLE(struct document, document_fields);

/* --- here ----------------------------------------------------------------------------------- */

static int put_text(const struct store *s, const struct digest *d, const char *key,
		    struct json_out *o, struct err *err)
{
	AUTO_BUF text;

	buf_init(&text);
	if (store_read_blob(s, d, DOCUMENT_MAX, &text, err) < 0)
		return -1;
	if (buf_failed(&text))
		return err_set(err, ENOMEM, "out of memory");
	json_kv_string(o, key, text.s);
	return 0;
}

/* What is built from other things than layers has no offer. */
static int offer(struct cli *cli, const void *options, const struct option_args *args,
		 struct err *err)
{
	struct rootfs_info info;
	struct image image;
	struct json_out o;
	AUTO_STORE *s = NULL;
	AUTO_BUF out;

	(void)options; /* has none */
	buf_init(&out);
	json_out_init(&o, &out, 0);
	if (common_store(false, &s, err) < 0 ||
	    rootfs_info(s, args->v[0], &info, &cli->arena, err) < 0)
		return -1;
	if (info.host || info.read_only || !digest_is_set(&info.image))
		return err_set(err, ENOTSUP, "container \"%s\" has no layers of its own",
			       args->v[0]);
	if (store_find_image(s, info.image.text, &image, &cli->arena, err) < 0)
		return -1;
	/* what it is kept with besides, a registry has */
	image.index = (struct digest){ .text = "" };
	image.blobs.n = 0;
	json_begin_object(&o);
	json_key(&o, "record");
	image_write(&image, &o);
	json_key(&o, "names");
	json_begin_array(&o);
	for (size_t i = 0; i < image.names.n; i++)
		json_string(&o, image.names.v[i]);
	json_end_array(&o);
	if (put_text(s, &image.manifest, "manifest", &o, err) < 0 ||
	    put_text(s, &image.config, "config", &o, err) < 0)
		return -1;
	json_end_object(&o);
	buf_putc(&out, '\n');
	return print_buf(&out, err);
}

const struct command verb_offer = {
	.name = "offer",
	.arguments = "ID",
	.summary = "the image of a container, for another host",
	.min_args = 1,
	.max_args = 1,
	.hidden = true,
	.run = offer,
};

static int layer(struct cli *cli, const void *options, const struct option_args *args,
		 struct err *err)
{
	struct digest d;
	AUTO_STORE *s = NULL;

	(void)cli;
	(void)options; /* has none */
	if (digest_parse(args->v[0], &d, err) < 0 || common_store(false, &s, err) < 0)
		return -1;
	return layer_export(s, &d, STDOUT_FILENO, err);
}

const struct command verb_layer = {
	.name = "layer",
	.arguments = "DIFFID",
	.summary = "the tar of a layer",
	.min_args = 1,
	.max_args = 1,
	.hidden = true,
	.run = layer,
};

/* --- there ---------------------------------------------------------------------------------- */

struct receive_flags {
	const char *marker;
};
static const struct option receive_rows[] = {
	{ .name = "marker",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct receive_flags, marker),
	  .value = "FILE",
	  .help = "names the store as long as the container's root file system exists" },
};

struct receive {
	struct store *store;
	struct txn *txn;
	struct arena *arena;
	const char *id, *marker;
	struct document document;
	struct image image;
	bool *needs; /* which layers */
	char *chunk;
};

static int read_line(struct buf *line, struct err *err)
{
	char c;

	for (;;) {
		ssize_t n = read(STDIN_FILENO, &c, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? err_sys(err, "read the offer")
				     : err_set(err, EPIPE, "the offer has no end");
		if (c == '\n')
			return 0;
		buf_putc(line, c);
		if (buf_failed(line))
			return err_set(err, E2BIG, "the offer is too long");
	}
}

static int take_offer(struct receive *r, struct err *err)
{
	struct rootfs_info info;
	struct err none = { 0 };
	AUTO_BUF line;

	buf_init_max(&line, OFFER_MAX);
	if (read_line(&line, err) < 0 ||
	    json_decode("offer", line.s, line.len, &document_table, &r->document, r->arena, err) <
		    0 ||
	    image_parse(r->document.record, strlen(r->document.record), &r->image, r->arena, err) <
		    0)
		return -1;
	if (r->image.blobs.n || digest_is_set(&r->image.index))
		return err_set(err, EBADMSG, "the offer names what doesn't come");
	if (rootfs_info(r->store, r->id, &info, r->arena, &none) == 0 || none.code != ENOENT)
		return err_set(err, EEXIST,
			       "the store \"%s\" has a container \"%s\" already (--flat does "
			       "without the store)",
			       store_path(r->store), r->id);
	return 0;
}

/* What is there is kept from now on. */
static int find_needs(struct receive *r, struct err *err)
{
	const struct image_layers *layers = &r->image.layers;
	uint64_t bytes = 0;
	struct json_out o;
	AUTO_BUF out;

	buf_init(&out);
	json_out_init(&o, &out, 0);
	r->needs = arena_array(r->arena, layers->n + 1, sizeof(*r->needs));
	if (!r->needs)
		return err_set(err, ENOMEM, "out of memory");
	json_begin_object(&o);
	json_kv_string(&o, "store", store_path(r->store));
	json_key(&o, "needs");
	json_begin_array(&o);
	for (size_t i = 0; i < layers->n; i++) {
		enum txn_claim claim;

		/* one that another process is bringing is taken too: the first to end has brought
		 * it */
		if (txn_claim_layer(r->txn, &layers->v[i].diff_id, false, &claim, err) < 0)
			return -1;
		r->needs[i] = claim != TXN_LAYER_PRESENT;
		for (size_t k = 0; k < i && r->needs[i]; k++)
			if (digest_is_equal(&layers->v[k].diff_id, &layers->v[i].diff_id))
				r->needs[i] = false;
		if (!r->needs[i])
			continue;
		json_uint(&o, i);
		bytes += layers->v[i].size;
	}
	json_end_array(&o);
	json_kv_uint(&o, "bytes", bytes);
	json_end_object(&o);
	buf_putc(&out, '\n');
	return print_buf(&out, err);
}

static int read_word(uint32_t *ret, struct err *err)
{
	unsigned char word[WORD];
	ssize_t n = fd_read_full(STDIN_FILENO, word, sizeof(word));

	if (n != WORD)
		return n < 0 ? err_sys(err, "read a layer")
			     : err_set(err, EPIPE, "the layers broke off");
	*ret = (uint32_t)word[0] | (uint32_t)word[1] << 8 | (uint32_t)word[2] << 16 |
	       (uint32_t)word[3] << 24;
	return 0;
}

static int read_layer(struct receive *r, struct layer_sink *sink, struct err *err)
{
	for (;;) {
		uint32_t size;

		if (read_word(&size, err) < 0)
			return -1;
		if (size == 0)
			return 0;
		if (size > CHUNK)
			return err_set(err, EBADMSG, "a piece of a layer of %u bytes", size);
		if (fd_read_full(STDIN_FILENO, r->chunk, size) != (ssize_t)size)
			return err_set(err, EPIPE, "the layers broke off");
		if (layer_write_full(sink, r->chunk, size, err) < 0)
			return -1;
	}
}

static int take_layer(struct receive *r, const struct image_layer *l, struct err *err)
{
	const struct layer_options options = { .diff_id = l->diff_id };
	struct layer_result result;
	struct layer_sink *sink;

	if (layer_begin(r->txn, &options, &sink, err) < 0)
		return -1;
	if (read_layer(r, sink, err) < 0) {
		layer_abort(sink, false);
		return -1;
	}
	return layer_finish(sink, &result, err);
}

static int take_layers(struct receive *r, struct err *err)
{
	uint32_t word;

	for (size_t i = 0; i < r->image.layers.n; i++)
		if (r->needs[i] && take_layer(r, &r->image.layers.v[i], err) < 0)
			return err_wrap(err, "layer %zu", i);
	if (read_word(&word, err) < 0)
		return -1;
	return word == MAKE_IT ? 0 : err_set(err, EBADMSG, "more layers than are wanted");
}

/* A name that means another image here stays that one's. */
static int keep_image(struct receive *r, struct err *err)
{
	const struct document *d = &r->document;
	const char **names = arena_array(r->arena, d->names.n + 1, sizeof(*names));
	size_t n = 0;

	if (!names)
		return err_set(err, ENOMEM, "out of memory");
	if (txn_put_blob(r->txn, d->manifest, strlen(d->manifest), &r->image.manifest, NULL, err) <
		    0 ||
	    txn_put_blob(r->txn, d->config, strlen(d->config), &r->image.config, NULL, err) < 0)
		return -1;
	for (size_t i = 0; i < d->names.n; i++) {
		struct image other;
		struct err why = { 0 };

		if (store_find_image(r->store, d->names.v[i], &other, r->arena, &why) < 0 &&
		    why.code == ENOENT)
			names[n++] = d->names.v[i];
	}
	r->image.stored = 0;
	return txn_commit_image(r->txn, &r->image, names, n, err);
}

static int make_rootfs(struct receive *r, struct err *err)
{
	struct rootfs_options options = { .id = r->id,
					  .image = r->image.manifest,
					  .n_layers = r->image.layers.n };
	struct digest *layers =
		arena_array(r->arena, r->image.layers.n + 1, sizeof(*options.layers));
	char path[PATH_MAX];
	struct json_out o;
	AUTO_BUF out;

	buf_init(&out);
	if (!layers)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < r->image.layers.n; i++)
		layers[i] = r->image.layers.v[i].diff_id;
	options.layers = layers;
	if (common_marker(r->store, r->marker, err) < 0)
		return -1;
	if (common_rootfs(r->store, &options, path, sizeof(path), err) < 0) {
		if (r->marker)
			(void)unlink(r->marker);
		return -1;
	}
	json_out_init(&o, &out, 0);
	json_begin_object(&o);
	json_kv_string(&o, "rootfs", path);
	json_end_object(&o);
	buf_putc(&out, '\n');
	return print_buf(&out, err);
}

static int receive(struct cli *cli, const void *options, const struct option_args *args,
		   struct err *err)
{
	const struct receive_flags *f = options;
	struct receive r = { .arena = &cli->arena, .id = args->v[0], .marker = f->marker };
	AUTO_STORE *s = NULL;
	int rc;

	r.chunk = arena_alloc(r.arena, CHUNK);
	if (!r.chunk)
		return err_set(err, ENOMEM, "out of memory");
	if (common_store(true, &s, err) < 0)
		return -1;
	r.store = s;
	if (txn_begin(s, &r.txn, err) < 0)
		return -1;
	rc = take_offer(&r, err) < 0 || find_needs(&r, err) < 0 || take_layers(&r, err) < 0 ||
			     keep_image(&r, err) < 0 || make_rootfs(&r, err) < 0
		     ? -1
		     : 0;
	txn_end(r.txn);
	return rc;
}

const struct command verb_receive = {
	.name = "receive",
	.arguments = "ID",
	.summary = "take the image of a container that comes from another host",
	.options = { receive_rows, ARRAY_SIZE(receive_rows), NULL },
	.size = sizeof(struct receive_flags),
	.min_args = 1,
	.max_args = 1,
	.hidden = true,
	.run = receive,
};
