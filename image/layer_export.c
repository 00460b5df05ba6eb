/* SPDX-License-Identifier: Apache-2.0 */
/* layer_export.c - a layer out of the store: its tar, byte for byte
 *
 * The EROFS form has the tar in it.  Into a file of a file system that can it is
 * cloned (ioctl_ficlonerange(2)), else written in large pieces: sendfile(2) and
 * copy_file_range(2) go page by page, at half the speed.  Into anything else goes
 * sendfile(2).  The directory form makes the tar again (split.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "image/erofs.h"
#include "image/layer.h"
#include "image/split.h"
#include "image/store_internal.h"

#define IMPLIED_MAX ((uint64_t)32 << 20)
#define SEND_MAX    ((size_t)1 << 30) /* of one call */
#define PIECE	    ((size_t)1 << 20)
#define BLOCK	    4096 /* what is cloned begins and ends at a multiple of it */

/* A layer opened for reading. */
struct stored {
	enum store_form form;
	int file; /* the layer file, or its split */
	int tree; /* directory form; else -1 */
};

static void close_stored(struct stored *l)
{
	(void)fd_close(l->file);
	(void)fd_close(l->tree);
}

static int open_stored(const struct store *s, const struct digest *diff_id, struct stored *ret,
		       struct err *err)
{
	char name[STORE_LAYER_NAME_MAX];
	AUTO_FD folder = -1;
	struct stored l = { .file = -1, .tree = -1 };

	if (store_layer_form(s, diff_id, &l.form) < 0)
		return err_sys(err, "layer \"%s\"", diff_id->text);
	store_layer_name(diff_id, l.form, name);
	if (l.form == STORE_FORM_EROFS) {
		l.file = openat(s->folder[STORE_LAYERS], name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (l.file < 0)
			return err_sys(err, "layer \"%s\"", diff_id->text);
		*ret = l;
		return 0;
	}
	folder = openat(s->folder[STORE_LAYERS], name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder >= 0) {
		l.file = openat(folder, "split", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		l.tree = openat(folder, "tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (l.file < 0 || l.tree < 0) {
		(void)err_sys(err, "layer \"%s\"", diff_id->text);
		close_stored(&l);
		return -1;
	}
	*ret = l;
	return 0;
}

static int info_of(const struct stored *l, struct layer_info *ret, struct err *err)
{
	struct erofs_head head;
	struct split_head split;
	struct stat st;

	if (l->form == STORE_FORM_EROFS) {
		if (erofs_read_head(l->file, &head, err) < 0)
			return -1;
		*ret = (struct layer_info){ .size = head.tar_size,
					    .entries = head.entries,
					    .implied_size = head.implied_size,
					    .has_root = head.has_root,
					    .root_mode = head.root_mode,
					    .root_uid = head.root_uid,
					    .root_gid = head.root_gid };
		return 0;
	}
	if (split_read_head(l->file, &split, err) < 0)
		return -1;
	if (fstat(l->tree, &st) < 0)
		return err_sys(err, "stat the layer's root");
	*ret = (struct layer_info){ .size = split.tar_size,
				    .entries = split.entries,
				    .implied_size = split.implied_size,
				    .has_root = split.has_root,
				    .root_mode = st.st_mode & 07777,
				    .root_uid = st.st_uid,
				    .root_gid = st.st_gid };
	return 0;
}

int layer_info(const struct store *s, const struct digest *diff_id, struct layer_info *ret,
	       struct err *err)
{
	struct stored l;
	int done;

	if (open_stored(s, diff_id, &l, err) < 0)
		return -1;
	done = info_of(&l, ret, err);
	close_stored(&l);
	return done < 0 ? err_wrap(err, "layer \"%s\"", diff_id->text) : 0;
}

static int read_implied(const struct stored *l, struct buf *out, struct err *err)
{
	struct split_head split;
	struct erofs_head head;
	uint64_t offset, size;

	if (l->form == STORE_FORM_EROFS) {
		if (erofs_read_head(l->file, &head, err) < 0)
			return -1;
		offset = head.implied_offset;
		size = head.implied_size;
	} else {
		if (split_read_head(l->file, &split, err) < 0)
			return -1;
		offset = split.implied_offset;
		size = split.implied_size;
	}
	if (size > IMPLIED_MAX || buf_reserve(out, size) < 0 ||
	    pread(l->file, out->s + out->len, size, (off_t)offset) != (ssize_t)size)
		return err_set(err, EBADMSG, "its list of directories can't be read");
	out->len += size;
	out->s[out->len] = '\0';
	return 0;
}

int layer_implied(const struct store *s, const struct digest *diff_id, struct buf *out,
		  struct err *err)
{
	struct stored l;
	int done;

	if (open_stored(s, diff_id, &l, err) < 0)
		return -1;
	done = read_implied(&l, out, err);
	close_stored(&l);
	return done < 0 ? err_wrap(err, "layer \"%s\"", diff_id->text) : 0;
}

int layer_size(const struct store *s, const struct digest *diff_id, uint64_t *ret, struct err *err)
{
	struct layer_info info;

	if (layer_info(s, diff_id, &info, err) < 0)
		return -1;
	*ret = info.size;
	return 0;
}

/* How much of it needn't be copied: the file's position is behind that then. */
static uint64_t clone_range(int in, int out, uint64_t offset, uint64_t size)
{
	off_t at = lseek(out, 0, SEEK_CUR);
	struct file_clone_range r = { .src_fd = in,
				      .src_offset = offset,
				      .src_length = size / BLOCK * BLOCK };

	if (at < 0 || at % BLOCK != 0 || r.src_length == 0)
		return 0;
	r.dest_offset = (uint64_t)at;
	if (ioctl(out, FICLONERANGE, &r) < 0 || lseek(out, (off_t)r.src_length, SEEK_CUR) < 0)
		return 0;
	return r.src_length;
}

static int copy_range(int in, int out, uint64_t offset, uint64_t size, struct err *err)
{
	AUTO_BUF piece;

	buf_init(&piece);
	if (buf_reserve(&piece, PIECE) < 0)
		return err_sys(err, "write a layer's tar");
	while (size > 0) {
		ssize_t n = pread(in, piece.s, size < PIECE ? (size_t)size : PIECE, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || (n > 0 && fd_write_full(out, piece.s, (size_t)n) < 0))
			return err_sys(err, "write a layer's tar");
		if (n == 0)
			return err_set(err, EBADMSG, "the layer file is cut off");
		offset += (uint64_t)n;
		size -= (uint64_t)n;
	}
	return 0;
}

static int send_range(int in, int out, off_t offset, uint64_t size, struct err *err)
{
	while (size > 0) {
		ssize_t n = sendfile(out, in, &offset, size < SEND_MAX ? (size_t)size : SEND_MAX);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "write a layer's tar");
		if (n == 0)
			return err_set(err, EBADMSG, "the layer file is cut off");
		size -= (uint64_t)n;
	}
	return 0;
}

static int export_range(int in, int out, uint64_t offset, uint64_t size, struct err *err)
{
	uint64_t cloned;
	struct stat st;

	if (fstat(out, &st) < 0 || !S_ISREG(st.st_mode))
		return send_range(in, out, (off_t)offset, size, err);
	cloned = clone_range(in, out, offset, size);
	return copy_range(in, out, offset + cloned, size - cloned, err);
}

static int write_out(void *arg, const void *data, size_t size, struct err *err)
{
	const int *out = arg;

	return fd_write_full(*out, data, size) < 0 ? err_sys(err, "write a layer's tar") : 0;
}

static int export_stored(const struct stored *l, int out, struct err *err)
{
	struct layer_info info;

	if (l->form == STORE_FORM_DIRECTORY)
		return split_join(l->file, l->tree, write_out, &out, err);
	if (info_of(l, &info, err) < 0)
		return -1;
	return export_range(l->file, out, EROFS_TAR_OFFSET, info.size, err);
}

int layer_export(const struct store *s, const struct digest *diff_id, int out, struct err *err)
{
	struct stored l;
	int ret;

	if (open_stored(s, diff_id, &l, err) < 0)
		return -1;
	ret = export_stored(&l, out, err);
	close_stored(&l);
	return ret < 0 ? err_wrap(err, "layer \"%s\"", diff_id->text) : 0;
}

static int hash_out(void *arg, const void *data, size_t size, struct err *err)
{
	(void)err;
	hash_update(arg, data, size);
	return 0;
}

static int digest_stored(const struct stored *l, enum digest_algorithm algorithm,
			 struct digest *ret, struct err *err)
{
	struct layer_info info;
	struct hash h;

	if (l->form == STORE_FORM_EROFS) {
		if (erofs_verify_index(l->file, err) < 0 || info_of(l, &info, err) < 0)
			return -1;
		return digest_of_file(l->file, EROFS_TAR_OFFSET, info.size, algorithm, ret, err);
	}
	hash_init(&h, algorithm);
	if (split_join(l->file, l->tree, hash_out, &h, err) < 0)
		return -1;
	hash_final(&h, ret);
	return 0;
}

int layer_verify(const struct store *s, const struct digest *diff_id, struct err *err)
{
	struct stored l;
	struct digest got;
	int ret;

	if (open_stored(s, diff_id, &l, err) < 0)
		return -1;
	ret = digest_stored(&l, digest_algorithm(diff_id), &got, err);
	close_stored(&l);
	if (ret < 0)
		return err_wrap(err, "layer \"%s\"", diff_id->text);
	if (!digest_is_equal(&got, diff_id))
		return err_set(err, EBADMSG, "layer \"%s\": its tar has the digest \"%s\"",
			       diff_id->text, got.text);
	return 0;
}
