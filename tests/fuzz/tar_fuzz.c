/* SPDX-License-Identifier: Apache-2.0 */
/* tar_fuzz.c - any bytes as a layer's stream: inflate, tar, tree, EROFS index, directory
 *
 * The input goes the way of a layer: decompressed by what it looks like, parsed,
 * made into a tree, the tree into an index in memory.  Oracles: no crash, no
 * sanitizer report; the pieces the stream comes in change nothing; paths handed
 * out stay below the root; content and frame together are the stream, and the
 * records of `split` hold all of the frame; what the tree writes can be read
 * back as a head that fits its file.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "image/erofs.h"
#include "image/inflate.h"
#include "image/split.h"
#include "image/tar.h"
#include "image/tree.h"

#define PLAIN_MAX ((uint64_t)8 << 20) /* of one input; more is a bomb and of no use here */
#define FILE_MAX  ((uint64_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

struct run {
	struct tar_reader *tar;
	struct tree tree;
	struct hash hash; /* of all that is handed out */
	uint64_t plain, content, frame;
	uint64_t large; /* files' sizes, holes counted */
	int file;
	struct split_writer *split;
};

static void check_path(const char *path)
{
	must(path[0] != '/' && strlen(path) < PATH_MAX);
	while (*path) {
		size_t n = strcspn(path, "/");

		must(n > 0 && n <= NAME_MAX && !(n == 1 && path[0] == '.') &&
		     !(n == 2 && path[0] == '.' && path[1] == '.'));
		path += n;
		must(path[0] == '\0' || path[1] != '\0');
		path += path[0] == '/';
	}
}

static int take_entry(void *arg, const struct tar_entry *e, struct err *err)
{
	struct run *r = arg;

	check_path(e->path);
	if (e->type == TAR_HARD_LINK)
		check_path(e->link);
	must(e->uid != UINT32_MAX && e->gid != UINT32_MAX && e->mtime_ns < 1000000000);
	must((e->mode & ~07777U) == 0);
	hash_update(&r->hash, e->path, strlen(e->path) + 1);
	hash_update(&r->hash, &e->size, sizeof(e->size));
	hash_update(&r->hash, &e->mtime, sizeof(e->mtime));
	r->large += e->size < FILE_MAX ? e->size : FILE_MAX;
	if (r->split)
		must(split_file(r->split, e, NULL) == 0);
	return tree_add(&r->tree, e, err);
}

static int take_data(void *arg, uint64_t offset, const void *data, size_t size, struct err *err)
{
	struct run *r = arg;

	(void)err;
	must(offset <= INT64_MAX - size);
	hash_update(&r->hash, data, size);
	r->content += size;
	return 0;
}

static int take_frame(void *arg, const void *data, size_t size, struct err *err)
{
	struct run *r = arg;

	r->frame += size;
	return r->split ? split_frame(r->split, data, size, err) : 0;
}

static const struct tar_handler handler = {
	.entry = take_entry,
	.data = take_data,
	.frame = take_frame,
};

static int take_plain(void *arg, const void *data, size_t size, struct err *err)
{
	struct run *r = arg;

	r->plain += size;
	if (r->plain > PLAIN_MAX)
		return err_set(err, EFBIG, "too much");
	must(pwrite(r->file, data, size, (off_t)(EROFS_TAR_OFFSET + r->plain - size)) ==
	     (ssize_t)size);
	return tar_feed(r->tar, data, size, err);
}

static int feed(struct run *r, const uint8_t *data, size_t size, size_t piece, struct err *err)
{
	struct inflate *inflate = inflate_new(take_plain, r);
	int ret = 0;

	must(inflate != NULL);
	for (size_t at = 0; ret == 0 && at < size; at += piece)
		ret = inflate_feed(inflate, data + at, size - at < piece ? size - at : piece, err);
	if (ret == 0)
		ret = inflate_finish(inflate, err);
	if (ret == 0)
		ret = tar_finish(r->tar, err);
	inflate_free(inflate);
	return ret;
}

static void finish(struct run *r)
{
	static const unsigned char uuid[16];
	struct erofs_head head = { .tar_size = r->plain }, again;
	struct split_head split = { .tar_size = r->plain, .is_exact = true };

	must(r->content + r->frame == r->plain);
	must(split_finish(r->split, &split, "", 0, NULL) == 0);
	if (r->large > FILE_MAX)
		return; /* written out sparse files would fill the memory that holds the file */
	must(erofs_write_index(r->file, &r->tree, &head, uuid, NULL) == 0);
	must(erofs_read_head(r->file, &again, NULL) == 0 && again.tar_size == head.tar_size &&
	     again.implied_size == head.implied_size);
}

/* Through once in pieces of this size: what came of it as a digest. */
static int once(const uint8_t *data, size_t size, size_t piece, bool whole, struct digest *ret)
{
	struct run r = { .file = memfd_create("layer", MFD_CLOEXEC) };
	AUTO_FD split = memfd_create("split", MFD_CLOEXEC);
	struct err err = { 0 };
	int done;

	must(r.file >= 0 && split >= 0 && tree_init(&r.tree, NULL) == 0);
	hash_init(&r.hash, DIGEST_SHA256);
	r.tar = tar_reader_new(&handler, &r);
	r.split = whole ? split_writer_new(split, NULL) : NULL;
	must(r.tar != NULL && (!whole || r.split));
	done = feed(&r, data, size, piece, &err);
	must(done == 0 || err.msg[0] != '\0');
	if (done == 0 && whole)
		finish(&r);
	hash_final(&r.hash, ret);
	split_writer_free(r.split);
	tar_reader_free(r.tar);
	tree_release(&r.tree);
	(void)fd_close(r.file);
	return done;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct digest first, second;
	int a = once(data, size, size ? size : 1, true, &first);
	int b = once(data, size, 97, false, &second);

	must(a == b);
	/* where it fails, more of one stream than of the other may have been given out */
	must(a < 0 || digest_is_equal(&first, &second));
	return 0;
}
