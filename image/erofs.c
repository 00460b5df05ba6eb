/* SPDX-License-Identifier: Apache-2.0 */
/* erofs.c - an EROFS index over a tar that stays as it is
 *
 *   [0, 128)      our own head (erofs.h) with the digest of head and index
 *   [1024, 1152)  EROFS superblock; it and the head are written last
 *   [4096, ..)    the tar, byte for byte
 *   extra         sparse files written out (with real holes)
 *   meta          inodes, each followed by its xattrs and, where it fits in the
 *                 same block, by its directory entries or link target
 *   data          directories and link targets that did not fit
 * The tree is walked twice in the same order, once to give every inode its place
 * and once to write; so both areas are written front to back through a buffer and
 * memory does not grow with the index.
 * Since the index is made here, from a tar that was parsed, the kernel never
 * mounts metadata that somebody else wrote.
 *
 * Documentation/filesystems/erofs.rst; fs/erofs/erofs_fs.h for the format.
 */
#include "image/erofs.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/buf.h"
#include "image/digest.h"

#define BLOCK_BITS   9
#define BLOCK	     512
#define SLOT	     32 /* inode numbers count these */
#define INODE_SIZE   64
#define DIRENT_SIZE  12
#define SUPERBLOCK   1024 /* its place in the head */
#define MAGIC	     0xE0F5E1E2U
#define NO_BLOCK     0xffffffffU
#define LAYOUT_PLAIN 0
#define LAYOUT_TAIL  2
#define XATTR_HEAD   12
#define WRITE_CHUNK  ((size_t)256 << 10)
#define BLOCKS_MAX   ((uint64_t)UINT32_MAX)
#define OPAQUE_NAME  "overlay.opaque"

/* Our part of the head: little endian, at byte 0. */
#define HEAD_MAGIC "SKERRYL1"
enum {
	HEAD_TAR_SIZE = 8,
	HEAD_ENTRIES = 16,
	HEAD_IMPLIED = 24,
	HEAD_IMPLIED_SIZE = 32,
	HEAD_ROOT = 40,
	HEAD_ROOT_MODE = 44,
	HEAD_ROOT_UID = 48,
	HEAD_ROOT_GID = 52,
	HEAD_LENGTH = 56,
	HEAD_DIGEST = 64, /* of head and index, this field being zero: 64 hex digits */
};

static void put16(unsigned char *p, uint16_t v)
{
	p[0] = (unsigned char)v;
	p[1] = (unsigned char)(v >> 8);
}

static void put32(unsigned char *p, uint32_t v)
{
	put16(p, (uint16_t)v);
	put16(p + 2, (uint16_t)(v >> 16));
}

static void put64(unsigned char *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

static uint32_t get32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t get64(const unsigned char *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/* --- a buffered writer at an offset --------------------------------------------------- */

struct writer {
	int fd;
	uint64_t at; /* where the buffer's first byte goes */
	size_t len;
	unsigned char *buffer; /* WRITE_CHUNK */
	bool failed; /* errno says why */
};

static int write_at(int fd, const void *data, size_t size, uint64_t offset)
{
	const unsigned char *p = data;

	while (size > 0) {
		ssize_t n = pwrite(fd, p, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static void flush(struct writer *w)
{
	if (!w->failed && write_at(w->fd, w->buffer, w->len, w->at) < 0)
		w->failed = true;
	w->at += w->len;
	w->len = 0;
}

static void put(struct writer *w, const void *data, size_t size)
{
	const unsigned char *p = data;

	while (size > 0) {
		size_t n = WRITE_CHUNK - w->len;

		if (n > size)
			n = size;
		memcpy(w->buffer + w->len, p, n);
		w->len += n;
		p += n;
		size -= n;
		if (w->len == WRITE_CHUNK)
			flush(w);
	}
}

/* Zeros up to a place of the area. */
static void pad_to(struct writer *w, uint64_t offset)
{
	static const unsigned char zeros[BLOCK];

	while (w->at + w->len < offset) {
		uint64_t n = offset - (w->at + w->len);

		put(w, zeros, n < sizeof(zeros) ? (size_t)n : sizeof(zeros));
	}
}

static void pad_block(struct writer *w)
{
	pad_to(w, round_up(w->at + w->len, BLOCK));
}

/* --- extended attributes -------------------------------------------------------------- */

/* The kernel's numbers for the beginnings of names (erofs_fs.h), and what is cut off. */
static const struct {
	const char *prefix;
	uint8_t index;
} xattr_prefixes[] = {
	{ "user.", 1 },
	{ "system.posix_acl_access", 2 },
	{ "system.posix_acl_default", 3 },
	{ "trusted.", 4 },
	{ "security.", 6 },
};

static size_t xattr_prefix(const char *name, uint8_t *ret_index)
{
	for (size_t i = 0; i < ARRAY_SIZE(xattr_prefixes); i++)
		if (str_starts(name, xattr_prefixes[i].prefix)) {
			*ret_index = xattr_prefixes[i].index;
			return strlen(xattr_prefixes[i].prefix);
		}
	return 0; /* tree.c kept none of other kinds */
}

static size_t xattr_entry_size(size_t name, size_t value)
{
	return (4 + name + value + 3) & ~(size_t)3;
}

/* Of everything behind the inode; 0 without xattrs. */
static size_t xattrs_size(const struct tree_inode *i)
{
	size_t size = 0;

	for (size_t k = 0; k < i->n_xattrs; k++) {
		uint8_t index;
		size_t cut = xattr_prefix(i->xattrs[k].name, &index);

		size += xattr_entry_size(strlen(i->xattrs[k].name) - cut, i->xattrs[k].size);
	}
	if (i->is_opaque)
		size += xattr_entry_size(strlen(OPAQUE_NAME), 1);
	return size > 0 ? XATTR_HEAD + size : 0;
}

static void put_xattr(struct writer *w, uint8_t index, const char *name, const void *value,
		      size_t size)
{
	static const unsigned char zeros[4];
	unsigned char head[4] = { (unsigned char)strlen(name), index };

	put16(head + 2, (uint16_t)size);
	put(w, head, sizeof(head));
	put(w, name, strlen(name));
	put(w, value, size);
	put(w, zeros, xattr_entry_size(strlen(name), size) - 4 - strlen(name) - size);
}

static void put_xattrs(struct writer *w, const struct tree_inode *i)
{
	/* no filter of names: any may be there */
	static const unsigned char head[XATTR_HEAD];

	if (xattrs_size(i) == 0)
		return;
	put(w, head, sizeof(head));
	for (size_t k = 0; k < i->n_xattrs; k++) {
		uint8_t index = 0;
		size_t cut = xattr_prefix(i->xattrs[k].name, &index);

		put_xattr(w, index, i->xattrs[k].name + cut, i->xattrs[k].value, i->xattrs[k].size);
	}
	if (i->is_opaque)
		put_xattr(w, 4, OPAQUE_NAME, "y", 1);
}

/* --- directories ---------------------------------------------------------------------- */

struct dirent_ref {
	const char *name;
	size_t len;
	const struct tree_inode *inode;
};

/* A directory's entries in byte order, "." and ".." among them. */
struct dirent_walk {
	const struct tree_inode *dir;
	uint32_t next; /* of the table */
	unsigned int dots; /* given already: "." then ".." */
};

static bool next_dirent(struct dirent_walk *w, struct dirent_ref *ret)
{
	static const char *const dots[] = { ".", ".." };
	const struct tree_name *n = w->next < w->dir->n ? w->dir->table[w->next] : NULL;

	if (w->dots < 2 && (!n || strcmp(dots[w->dots], n->name) < 0)) {
		ret->name = dots[w->dots];
		ret->len = strlen(ret->name);
		ret->inode = w->dots == 0 ? w->dir : w->dir->parent;
		w->dots++;
		return true;
	}
	if (!n)
		return false;
	*ret = (struct dirent_ref){ n->name, n->len, n->inode };
	w->next++;
	return true;
}

/* The entries that fill the next block: their count, the bytes used; 0 at the end.  max_n entries
 * of at least 13 bytes each fit. */
#define BLOCK_DIRENTS (BLOCK / (DIRENT_SIZE + 1))
static size_t next_block(struct dirent_walk *w, struct dirent_ref refs[BLOCK_DIRENTS],
			 size_t *ret_used)
{
	size_t n = 0, used = 0;

	while (n < BLOCK_DIRENTS) {
		struct dirent_walk before = *w;

		if (!next_dirent(w, &refs[n]))
			break;
		if (used + DIRENT_SIZE + refs[n].len > BLOCK) {
			*w = before;
			break;
		}
		used += DIRENT_SIZE + refs[n].len;
		n++;
	}
	*ret_used = used;
	return n;
}

static uint64_t directory_size(const struct tree_inode *dir)
{
	struct dirent_walk walk = { .dir = dir };
	struct dirent_ref refs[BLOCK_DIRENTS];
	uint64_t size = 0;
	size_t used, last = 0, blocks = 0;

	while (next_block(&walk, refs, &used) > 0) {
		last = used;
		blocks++;
	}
	if (blocks > 0)
		size = (blocks - 1) * (uint64_t)BLOCK + last;
	return size;
}

static unsigned char file_type(const struct tree_inode *i)
{
	static const unsigned char types[] = {
		[TAR_FILE] = 1,		 [TAR_HARD_LINK] = 1,
		[TAR_SYMBOLIC_LINK] = 7, [TAR_CHARACTER_DEVICE] = 3,
		[TAR_BLOCK_DEVICE] = 4,	 [TAR_DIRECTORY] = 2,
		[TAR_FIFO] = 5,
	};

	return types[i->type];
}

static void put_directory(struct writer *w, const struct tree_inode *dir)
{
	struct dirent_walk walk = { .dir = dir };
	struct dirent_ref refs[BLOCK_DIRENTS];
	size_t n, used;
	uint64_t left = dir->place.size;

	while ((n = next_block(&walk, refs, &used)) > 0) {
		unsigned char block[BLOCK] = { 0 };
		size_t name = n * DIRENT_SIZE;

		for (size_t i = 0; i < n; i++) {
			unsigned char *d = block + i * DIRENT_SIZE;

			put64(d, refs[i].inode->place.slot / SLOT);
			put16(d + 8, (uint16_t)name);
			d[10] = file_type(refs[i].inode);
			memcpy(block + name, refs[i].name, refs[i].len);
			name += refs[i].len;
		}
		put(w, block, left < BLOCK ? (size_t)left : BLOCK);
		left -= left < BLOCK ? left : BLOCK;
	}
}

/* --- places --------------------------------------------------------------------------- */

struct index {
	int fd;
	uint64_t extra; /* where written-out sparse files begin */
	uint64_t extra_size;
	uint64_t meta; /* where inodes begin */
	uint64_t meta_size, data_size;
	uint64_t inodes;
};

static bool has_own_data(const struct tree_inode *i)
{
	return i->type == TAR_DIRECTORY || i->type == TAR_SYMBOLIC_LINK;
}

static uint64_t own_data_size(const struct tree_inode *i)
{
	return i->type == TAR_DIRECTORY ? i->place.size : i->size;
}

/* Inodes don't straddle blocks; what is inline doesn't either. */
static void place_inode(struct index *x, struct tree_inode *i)
{
	uint64_t inode = INODE_SIZE + xattrs_size(i), tail = has_own_data(i) ? own_data_size(i) : 0;
	uint64_t at = round_up(x->meta_size, SLOT);

	if (at % BLOCK + INODE_SIZE > BLOCK)
		at = round_up(at, BLOCK);
	if (tail > 0 && inode % BLOCK + tail <= BLOCK) {
		i->place.is_inline = true;
		if ((at + inode) % BLOCK + tail > BLOCK || (at + inode) % BLOCK == 0)
			at = round_up(at, BLOCK);
		/* with long xattrs a whole block on may still not do */
		i->place.is_inline =
			(at + inode) % BLOCK != 0 && (at + inode) % BLOCK + tail <= BLOCK;
	}
	i->place.slot = at;
	x->meta_size = at + inode + (i->place.is_inline ? tail : 0);
	if (tail > 0 && !i->place.is_inline) {
		i->place.data = x->data_size;
		x->data_size += round_up(tail, BLOCK);
	}
	if (i->type == TAR_FILE && i->is_sparse) {
		i->place.data = x->extra_size;
		x->extra_size += round_up(i->size, BLOCK);
	}
	i->place.is_placed = true;
	x->inodes++;
}

static void place_tree(struct index *x, struct tree_inode *dir)
{
	dir->place = (struct tree_place){ .size = directory_size(dir) };
	place_inode(x, dir);
	for (uint32_t k = 0; k < dir->n; k++) {
		struct tree_inode *i = dir->table[k]->inode;

		if (i->type == TAR_DIRECTORY)
			place_tree(x, i);
		else if (!i->place.is_placed)
			place_inode(x, i);
	}
}

/* --- writing -------------------------------------------------------------------------- */

static uint32_t device_number(const struct tree_inode *i)
{
	/* the kernel's new_encode_dev() */
	return (i->minor & 0xff) | i->major << 8 | (i->minor & ~0xffU) << 12;
}

static uint32_t start_block(const struct index *x, const struct tree_inode *i)
{
	uint64_t data = x->meta + round_up(x->meta_size, BLOCK);

	if (has_own_data(i))
		return i->place.is_inline ? NO_BLOCK : (uint32_t)((data + i->place.data) / BLOCK);
	if (i->type == TAR_CHARACTER_DEVICE || i->type == TAR_BLOCK_DEVICE)
		return device_number(i);
	if (i->type != TAR_FILE || i->size == 0)
		return NO_BLOCK;
	return (uint32_t)((i->is_sparse ? x->extra + i->place.data : EROFS_TAR_OFFSET + i->offset) /
			  BLOCK);
}

static uint16_t full_mode(const struct tree_inode *i)
{
	static const uint16_t types[] = {
		[TAR_FILE] = S_IFREG,	       [TAR_HARD_LINK] = S_IFREG,
		[TAR_SYMBOLIC_LINK] = S_IFLNK, [TAR_CHARACTER_DEVICE] = S_IFCHR,
		[TAR_BLOCK_DEVICE] = S_IFBLK,  [TAR_DIRECTORY] = S_IFDIR,
		[TAR_FIFO] = S_IFIFO,
	};

	return (uint16_t)(types[i->type] | (i->type == TAR_SYMBOLIC_LINK ? 0777 : i->mode));
}

static void put_own_data(struct writer *w, const struct tree_inode *i)
{
	if (i->type == TAR_DIRECTORY)
		put_directory(w, i);
	else
		put(w, i->link, i->size);
}

static void put_inode(const struct index *x, struct writer *w, const struct tree_inode *i)
{
	unsigned char d[INODE_SIZE] = { 0 };
	size_t xattrs = xattrs_size(i);
	uint16_t layout = i->place.is_inline ? LAYOUT_TAIL : LAYOUT_PLAIN;

	put16(d, (uint16_t)(1 | layout << 1)); /* 1: the long form of the inode */
	put16(d + 2, xattrs ? (uint16_t)((xattrs - XATTR_HEAD) / 4 + 1) : 0);
	put16(d + 4, full_mode(i));
	put64(d + 8, has_own_data(i) ? own_data_size(i) : i->type == TAR_FILE ? i->size : 0);
	put32(d + 16, start_block(x, i));
	put32(d + 20, (uint32_t)(i->place.slot / SLOT) + 1); /* stat's inode number in 32 bits */
	put32(d + 24, i->uid);
	put32(d + 28, i->gid);
	put64(d + 32, (uint64_t)i->mtime);
	put32(d + 40, i->mtime_ns);
	put32(d + 44, i->links);
	pad_to(w, x->meta + i->place.slot);
	put(w, d, sizeof(d));
	put_xattrs(w, i);
	if (i->place.is_inline)
		put_own_data(w, i);
}

typedef void visit_fn(void *arg, struct tree_inode *i);

/* Every inode once, in the order of its place: those with several names by the lowest. */
static void visit(struct tree_inode *dir, visit_fn *fn, void *arg)
{
	dir->place.is_placed = false;
	fn(arg, dir);
	for (uint32_t k = 0; k < dir->n; k++) {
		struct tree_inode *i = dir->table[k]->inode;

		if (i->type == TAR_DIRECTORY) {
			visit(i, fn, arg);
		} else if (i->place.is_placed) {
			i->place.is_placed = false;
			fn(arg, i);
		}
	}
}

/* visit() turned every mark over: back. */
static void mark_placed(struct tree_inode *dir)
{
	for (uint32_t k = 0; k < dir->n; k++) {
		dir->table[k]->inode->place.is_placed = true;
		if (dir->table[k]->inode->type == TAR_DIRECTORY)
			mark_placed(dir->table[k]->inode);
	}
}

struct write_walk {
	const struct index *x;
	struct writer *w;
};

static void write_inode(void *arg, struct tree_inode *i)
{
	const struct write_walk *walk = arg;

	put_inode(walk->x, walk->w, i);
}

static void write_data(void *arg, struct tree_inode *i)
{
	const struct write_walk *walk = arg;

	if (has_own_data(i) && !i->place.is_inline && own_data_size(i) > 0) {
		put_own_data(walk->w, i);
		pad_block(walk->w);
	}
}

/* A sparse file's pieces, from where the tar has them to where the file is whole. */
static int write_out(const struct index *x, const struct tree_inode *i, unsigned char *chunk)
{
	uint64_t from = EROFS_TAR_OFFSET + i->offset, to = x->extra + i->place.data;

	for (size_t k = 0; k < i->n_segments; k++) {
		uint64_t done = 0;

		while (done < i->segments[k].size) {
			uint64_t left = i->segments[k].size - done;
			size_t n = left < WRITE_CHUNK ? (size_t)left : WRITE_CHUNK;
			ssize_t got = pread(x->fd, chunk, n, (off_t)(from + done));

			if (got <= 0 || write_at(x->fd, chunk, (size_t)got,
						 to + i->segments[k].offset + done) < 0)
				return -1;
			done += (uint64_t)got;
		}
		from += i->segments[k].size;
	}
	return 0;
}

struct extra_walk {
	const struct index *x;
	unsigned char *chunk;
	bool failed;
};

static void write_extra(void *arg, struct tree_inode *i)
{
	struct extra_walk *walk = arg;

	if (i->type == TAR_FILE && i->is_sparse && !walk->failed &&
	    write_out(walk->x, i, walk->chunk) < 0)
		walk->failed = true;
}

/* Paths of implied directories below dir, each ended by NUL. */
static void list_implied(const struct tree_inode *dir, struct buf *path, struct buf *out)
{
	size_t len = path->len;

	for (uint32_t k = 0; k < dir->n; k++) {
		const struct tree_inode *i = dir->table[k]->inode;

		if (i->type != TAR_DIRECTORY)
			continue;
		if (len > 0)
			buf_putc(path, '/');
		buf_add(path, dir->table[k]->name, dir->table[k]->len);
		if (i->is_implied)
			buf_add(out, path->s, path->len + 1);
		list_implied(i, path, out);
		path->len = len;
		path->s[len] = '\0';
	}
}

/* Of a head whose own field is zero and the index from `meta` to `end`. */
static int index_digest(int fd, const unsigned char head[EROFS_TAR_OFFSET], uint64_t meta,
			uint64_t end, struct digest *ret, struct err *err)
{
	struct digest index;
	struct hash h;

	if (digest_of_file(fd, meta, end - meta, DIGEST_SHA256, &index, err) < 0)
		return -1;
	hash_init(&h, DIGEST_SHA256);
	hash_update(&h, head, EROFS_TAR_OFFSET);
	hash_update(&h, index.text, strlen(index.text));
	hash_final(&h, ret);
	return 0;
}

static int write_head(const struct index *x, const struct erofs_head *head,
		      const unsigned char uuid[16], struct err *err)
{
	unsigned char block[EROFS_TAR_OFFSET] = { 0 };
	unsigned char *sb = block + SUPERBLOCK;
	struct digest digest;
	uint64_t end = x->meta + round_up(x->meta_size, BLOCK) + x->data_size;

	memcpy(block, HEAD_MAGIC, strlen(HEAD_MAGIC));
	put64(block + HEAD_TAR_SIZE, head->tar_size);
	put64(block + HEAD_ENTRIES, head->entries);
	put64(block + HEAD_IMPLIED, head->implied_offset);
	put64(block + HEAD_IMPLIED_SIZE, head->implied_size);
	put32(block + HEAD_ROOT, head->has_root);
	put32(block + HEAD_ROOT_MODE, head->root_mode);
	put32(block + HEAD_ROOT_UID, head->root_uid);
	put32(block + HEAD_ROOT_GID, head->root_gid);
	put32(sb, MAGIC);
	sb[12] = BLOCK_BITS;
	put16(sb + 14, 0); /* the root's number */
	put64(sb + 16, x->inodes);
	put32(sb + 36, (uint32_t)(end / BLOCK));
	put32(sb + 40, (uint32_t)(x->meta / BLOCK));
	put32(sb + 44, (uint32_t)(x->meta / BLOCK)); /* no shared xattrs */
	memcpy(sb + 48, uuid, 16);
	if (index_digest(x->fd, block, x->meta, head->implied_offset + head->implied_size, &digest,
			 err) < 0)
		return -1;
	memcpy(block + HEAD_DIGEST, digest_hex(&digest), DIGEST_SHA256_HEX);
	return write_at(x->fd, block, sizeof(block), 0) < 0 ? err_sys(err, "write layer") : 0;
}

static int write_areas(struct index *x, struct tree *tree, struct err *err)
{
	AUTO_FREE unsigned char *buffer = malloc(WRITE_CHUNK);
	struct writer w = { .fd = x->fd, .at = x->meta, .buffer = buffer };
	struct write_walk walk = { x, &w };
	struct extra_walk extra = { .x = x, .chunk = buffer };

	if (!buffer)
		return err_sys(err, "write layer");
	if (x->extra_size > 0) {
		mark_placed(tree->root);
		visit(tree->root, write_extra, &extra);
		if (extra.failed)
			return err_sys(err, "write a sparse file of a layer");
	}
	mark_placed(tree->root);
	visit(tree->root, write_inode, &walk);
	pad_block(&w);
	mark_placed(tree->root);
	visit(tree->root, write_data, &walk);
	flush(&w);
	return w.failed ? err_sys(err, "write a layer's index") : 0;
}

int erofs_write_index(int fd, struct tree *tree, struct erofs_head *head,
		      const unsigned char uuid[16], struct err *err)
{
	struct index x = { .fd = fd };
	AUTO_BUF path;
	AUTO_BUF implied;
	uint64_t end;

	buf_init(&path);
	buf_init(&implied);
	if (tree_sort(tree, err) < 0)
		return -1;
	place_tree(&x, tree->root);
	x.extra = EROFS_TAR_OFFSET + round_up(head->tar_size, BLOCK);
	x.meta = x.extra + x.extra_size;
	end = x.meta + round_up(x.meta_size, BLOCK) + x.data_size;
	if (end / BLOCK >= BLOCKS_MAX)
		return err_set(err, EFBIG, "the layer's files take more than 2 TiB");
	if (write_areas(&x, tree, err) < 0)
		return -1;
	head->has_root = !tree->root->is_implied;
	head->root_mode = tree->root->mode;
	head->root_uid = tree->root->uid;
	head->root_gid = tree->root->gid;
	list_implied(tree->root, &path, &implied);
	if (buf_failed(&implied) || buf_failed(&path))
		return err_set(err, ENOMEM, "write a layer's index");
	head->implied_offset = end;
	head->implied_size = implied.len;
	if (write_at(fd, implied.s, implied.len, end) < 0 ||
	    ftruncate(fd, (off_t)round_up(end + implied.len, EROFS_TAR_OFFSET)) < 0)
		return err_sys(err, "write a layer's index");
	return write_head(&x, head, uuid, err);
}

int erofs_write_empty(int fd, struct err *err)
{
	static const unsigned char uuid[16];
	struct erofs_head head = { 0 };
	struct tree tree;
	int ret = -1;

	if (tree_init(&tree, err) == 0)
		ret = erofs_write_index(fd, &tree, &head, uuid, err);
	tree_release(&tree);
	return ret;
}

int erofs_read_head(int fd, struct erofs_head *ret, struct err *err)
{
	unsigned char head[HEAD_LENGTH];
	struct erofs_head h;
	struct stat st;

	if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) || fstat(fd, &st) < 0 ||
	    memcmp(head, HEAD_MAGIC, strlen(HEAD_MAGIC)) != 0)
		return err_set(err, EBADMSG, "not a layer file");
	h.tar_size = get64(head + HEAD_TAR_SIZE);
	h.entries = get64(head + HEAD_ENTRIES);
	h.implied_offset = get64(head + HEAD_IMPLIED);
	h.implied_size = get64(head + HEAD_IMPLIED_SIZE);
	h.has_root = get32(head + HEAD_ROOT) != 0;
	h.root_mode = get32(head + HEAD_ROOT_MODE) & 07777;
	h.root_uid = get32(head + HEAD_ROOT_UID);
	h.root_gid = get32(head + HEAD_ROOT_GID);
	if (st.st_size < EROFS_TAR_OFFSET || h.tar_size > (uint64_t)st.st_size - EROFS_TAR_OFFSET ||
	    h.implied_offset > (uint64_t)st.st_size ||
	    h.implied_size > (uint64_t)st.st_size - h.implied_offset)
		return err_set(err, EBADMSG, "a layer file that is cut off");
	*ret = h;
	return 0;
}

int erofs_verify_index(int fd, struct err *err)
{
	unsigned char block[EROFS_TAR_OFFSET];
	char said[DIGEST_SHA256_HEX];
	struct erofs_head head;
	struct digest digest;
	uint64_t meta;

	if (erofs_read_head(fd, &head, err) < 0)
		return -1;
	if (pread(fd, block, sizeof(block), 0) != (ssize_t)sizeof(block))
		return err_set(err, EBADMSG, "a layer file that is cut off");
	memcpy(said, block + HEAD_DIGEST, sizeof(said));
	memset(block + HEAD_DIGEST, 0, sizeof(said));
	meta = (uint64_t)get32(block + SUPERBLOCK + 40) * BLOCK;
	if (meta > head.implied_offset)
		return err_set(err, EBADMSG, "the layer's head is damaged");
	if (index_digest(fd, block, meta, head.implied_offset + head.implied_size, &digest, err) <
	    0)
		return -1;
	if (memcmp(said, digest_hex(&digest), sizeof(said)) != 0)
		return err_set(err, EBADMSG, "the layer's index is damaged");
	return 0;
}
