/* SPDX-License-Identifier: Apache-2.0 */
/* tree_test.c - image/tree.c, image/erofs.c */
#include "image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/fd.h"
#include "image/erofs.h"
#include "tests/unit/test.h"

static int add(struct tree *t, enum tar_type type, const char *path, const char *link)
{
	const struct tar_entry e = { .type = type, .path = path, .link = link, .mode = 0700 };
	struct err err = { 0 };
	int ret = tree_add(t, &e, &err);

	return ret == 0 ? 0 : -err.code;
}

static void begin(struct tree *t)
{
	CHECK_INT(tree_init(t, NULL), 0);
}

TEST(parents_are_made_and_marked)
{
	struct tree t;
	const struct tree_inode *i;

	begin(&t);
	CHECK_INT(add(&t, TAR_FILE, "a/b/f", NULL), 0);
	i = tree_find(&t, "a/b");
	REQUIRE(i != NULL);
	CHECK(i->type == TAR_DIRECTORY && i->is_implied && i->mode == 0755);
	CHECK_INT(add(&t, TAR_DIRECTORY, "a/b", NULL), 0);
	CHECK(!i->is_implied && i->mode == 0700);
	CHECK(tree_find(&t, "a/b/f") != NULL && tree_find(&t, "a")->is_implied);
	CHECK(t.root->is_implied);
	CHECK_INT(add(&t, TAR_DIRECTORY, "", NULL), 0);
	CHECK(!t.root->is_implied);
	CHECK_INT(add(&t, TAR_FILE, "", NULL), -EBADMSG);
	tree_release(&t);
}

TEST(a_hard_link_keeps_what_it_was_linked_to)
{
	struct tree t;
	const struct tree_inode *i;

	begin(&t);
	CHECK_INT(add(&t, TAR_FILE, "a", NULL), 0);
	CHECK_INT(add(&t, TAR_HARD_LINK, "b", "a"), 0);
	i = tree_find(&t, "a");
	CHECK(tree_find(&t, "b") == i);
	CHECK_INT(add(&t, TAR_FIFO, "a", NULL), 0);
	CHECK(tree_find(&t, "b") == i && tree_find(&t, "a")->type == TAR_FIFO);
	CHECK_INT(add(&t, TAR_HARD_LINK, "c", "nothing"), -ENOENT);
	CHECK_INT(add(&t, TAR_DIRECTORY, "d", NULL), 0);
	CHECK_INT(add(&t, TAR_HARD_LINK, "c", "d"), -EBADMSG);
	tree_release(&t);
}

TEST(whiteouts_and_names_in_either_order)
{
	struct tree t;

	begin(&t);
	CHECK_INT(add(&t, TAR_FILE, ".wh.a", NULL), 0);
	CHECK(tree_find(&t, "a")->is_whiteout && !tree_find(&t, ".wh.a"));
	CHECK_INT(add(&t, TAR_DIRECTORY, "a", NULL), 0);
	CHECK(tree_find(&t, "a")->is_opaque);
	CHECK_INT(add(&t, TAR_FILE, "b/x", NULL), 0);
	CHECK(!tree_find(&t, "b")->is_opaque);
	CHECK_INT(add(&t, TAR_HARD_LINK, ".wh.b", "b/x"), 0);
	CHECK(tree_find(&t, "b")->is_opaque && tree_find(&t, "b")->is_implied);
	CHECK_INT(add(&t, TAR_FILE, "c", NULL), 0);
	CHECK_INT(add(&t, TAR_FILE, ".wh.c", NULL), 0);
	CHECK(!tree_find(&t, "c")->is_whiteout);
	CHECK_INT(add(&t, TAR_FILE, ".wh.d", NULL), 0);
	CHECK_INT(add(&t, TAR_FILE, "d/x", NULL), 0); /* an implied directory over a whiteout */
	CHECK(tree_find(&t, "d")->is_opaque);
	CHECK_INT(add(&t, TAR_FILE, "e/.wh..wh..opq", NULL), 0);
	CHECK(tree_find(&t, "e")->is_opaque);
	tree_release(&t);
}

TEST(a_whiteout_below_what_is_no_directory_changes_nothing)
{
	struct tree t;

	begin(&t);
	CHECK_INT(add(&t, TAR_SYMBOLIC_LINK, "l", "elsewhere"), 0);
	CHECK_INT(add(&t, TAR_FILE, "l/.wh.x", NULL), 0);
	CHECK_INT(add(&t, TAR_FILE, "l/.wh..wh..opq", NULL), 0);
	CHECK_INT(tree_find(&t, "l")->type, TAR_SYMBOLIC_LINK);
	CHECK_INT(add(&t, TAR_FILE, "l/x", NULL), 0);
	CHECK_INT(tree_find(&t, "l")->type, TAR_DIRECTORY);
	tree_release(&t);
}

TEST(the_directory_of_the_last_entry_is_not_used_after_it_is_gone)
{
	struct tree t;

	begin(&t);
	CHECK_INT(add(&t, TAR_FILE, "a/b/1", NULL), 0);
	CHECK_INT(add(&t, TAR_FILE, "a", NULL), 0);
	CHECK_INT(add(&t, TAR_FILE, "a/b/2", NULL), 0);
	CHECK(tree_find(&t, "a/b/1") == NULL && tree_find(&t, "a/b/2") != NULL);
	CHECK_INT(add(&t, TAR_FILE, "z", NULL), 0);
	CHECK_INT(add(&t, TAR_FILE, "a/b/3", NULL), 0);
	CHECK_INT(add(&t, TAR_HARD_LINK, "a", "z"), 0);
	CHECK_INT(add(&t, TAR_FILE, "a/b/4", NULL), 0);
	CHECK(tree_find(&t, "a/b/3") == NULL && tree_find(&t, "a/b/4") != NULL);
	tree_release(&t);
}

TEST(sorted_by_bytes_with_links_counted)
{
	struct tree t;

	begin(&t);
	CHECK_INT(add(&t, TAR_FILE, "b", NULL), 0);
	CHECK_INT(add(&t, TAR_DIRECTORY, "ab", NULL), 0);
	CHECK_INT(add(&t, TAR_HARD_LINK, "a", "b"), 0);
	CHECK_INT(add(&t, TAR_DIRECTORY, "\xff", NULL), 0);
	CHECK_INT(tree_sort(&t, NULL), 0);
	REQUIRE(t.root->n == 4);
	CHECK_STR(t.root->table[0]->name, "a");
	CHECK_STR(t.root->table[1]->name, "ab");
	CHECK_STR(t.root->table[2]->name, "b");
	CHECK_STR(t.root->table[3]->name, "\xff");
	CHECK_INT(t.root->links, 4);
	CHECK_INT(t.root->table[0]->inode->links, 2);
	tree_release(&t);
}

static uint64_t at64(const unsigned char *p)
{
	uint64_t v = 0;

	for (size_t i = 8; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

/* Every directory of the index is sorted, every entry points at an inode of its kind. */
TEST(the_index_holds_what_the_tree_held)
{
	static const unsigned char uuid[16] = "0123456789abcdef";
	AUTO_FD fd = memfd_create("index", MFD_CLOEXEC);
	struct erofs_head head = { .tar_size = 1000 }, again;
	struct tree t;
	unsigned char sb[128];
	uint64_t meta;

	begin(&t);
	for (unsigned int i = 0; i < 500; i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "d%u/file-%u", i % 3, i);
		CHECK_INT(add(&t, TAR_FILE, path, NULL), 0);
	}
	CHECK_INT(add(&t, TAR_DIRECTORY, "d1", NULL), 0);
	REQUIRE(erofs_write_index(fd, &t, &head, uuid, NULL) == 0);
	tree_release(&t);
	REQUIRE(pread(fd, sb, sizeof(sb), 1024) == sizeof(sb));
	CHECK_INT(at64(sb) & 0xffffffff, 0xE0F5E1E2);
	CHECK_INT(sb[12], 9);
	CHECK_INT(at64(sb + 16), 504);
	meta = (at64(sb + 40) & 0xffffffff) * 512;
	CHECK_INT(meta, 4096 + 1024);
	REQUIRE(erofs_read_head(fd, &again, NULL) == 0);
	CHECK_INT(again.tar_size, 1000);
	CHECK_INT(again.implied_size, sizeof("d0") + sizeof("d2"));
	CHECK(!again.has_root);
	{
		char implied[6];

		REQUIRE(pread(fd, implied, 6, (off_t)again.implied_offset) == 6);
		CHECK(memcmp(implied, "d0\0d2", 6) == 0);
	}
}

TEST(a_file_without_our_head_is_no_layer)
{
	AUTO_FD fd = memfd_create("index", MFD_CLOEXEC);
	struct erofs_head head;

	CHECK_INT(erofs_read_head(fd, &head, NULL), -1);
	REQUIRE(erofs_write_empty(fd, NULL) == 0);
	CHECK_INT(erofs_read_head(fd, &head, NULL), 0);
	CHECK_INT(erofs_verify_index(fd, NULL), 0);
	REQUIRE(pwrite(fd, "\x01", 1, 4096 + 5) == 1); /* the root's mode */
	CHECK_INT(erofs_verify_index(fd, NULL), -1);
	REQUIRE(pwrite(fd, "\x41", 1, 4096 + 5) == 1);
	CHECK_INT(erofs_verify_index(fd, NULL), 0);
	REQUIRE(pwrite(fd, "\x01", 1, 1024 + 60) == 1); /* the superblock */
	CHECK_INT(erofs_verify_index(fd, NULL), -1);
	REQUIRE(pwrite(fd, "\xff\xff\xff\xff\xff\xff\xff\x7f", 8, 8) == 8);
	CHECK_INT(erofs_read_head(fd, &head, NULL), -1);
}
