/* SPDX-License-Identifier: Apache-2.0 */
/* unpack_test.c - archives written and read again, and what must not be read */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "runtime/archive/archive.h"
#include "tests/unit/test.h"

#define ROOM ((uint64_t)1 << 30)

struct place {
	char path[64];
	int dir;
};

static void open_place(struct place *p)
{
	memcpy(p->path, "/tmp/archive-test.XXXXXX", sizeof("/tmp/archive-test.XXXXXX"));
	REQUIRE(mkdtemp(p->path) != NULL);
	p->dir = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(p->dir >= 0);
}

static void close_place(struct place *p)
{
	p->dir = fd_close(p->dir);
	(void)file_remove_tree(AT_FDCWD, p->path);
}

static int to_fd(void *arg, const void *data, size_t size, struct err *err)
{
	(void)err;
	return fd_write_full(*(int *)arg, data, size);
}

struct member {
	enum tar_type type;
	const char *path, *link, *text;
};

static int make_tar(const struct member *m, size_t n)
{
	int fd = memfd_create("tar", MFD_CLOEXEC);
	struct tar_writer *w = tar_writer_new(to_fd, &fd);

	for (size_t i = 0; i < n; i++) {
		const char *text = m[i].text ? m[i].text : "";
		const struct tar_entry e = { .type = m[i].type,
					     .path = m[i].path,
					     .link = m[i].link ? m[i].link : "",
					     .mode = 0640,
					     .uid = getuid(),
					     .gid = getgid(),
					     .size = strlen(text),
					     .stored = strlen(text) };

		CHECK_INT(tar_write_entry(w, &e, NULL), 0);
		if (e.size)
			CHECK_INT(tar_write_data(w, text, e.size, NULL), 0);
	}
	CHECK_INT(tar_write_end(w, NULL), 0);
	tar_writer_free(w);
	CHECK_INT(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static const char *text_of(const struct place *p, const char *name)
{
	static char text[256];

	return file_read_line(p->dir, name, text, sizeof(text)) < 0 ? NULL : text;
}

/* A directory as the runtime leaves it, packed in one way and read again. */
static void round_trip(const char *compress)
{
	struct place from, to;
	char file[96];
	struct request r = { .file = file };
	AUTO_FD fd = -1;
	char way[16];

	(void)str_copy(way, sizeof(way), compress);
	r.compress = way;
	open_place(&from);
	open_place(&to);
	REQUIRE(str_format(file, sizeof(file), "%s/x.tar", from.path) == 0);
	CHECK_INT(mkdirat(from.dir, "checkpoint", 0700), 0);
	CHECK_INT(file_replace(from.dir, "checkpoint/inventory.img", "img", 3, 0600), 0);
	CHECK_INT(file_replace(from.dir, "checkpoint/pages-1.img", "pages", 5, 0600), 0);
	CHECK_INT(file_replace(from.dir, MEMBER_SPEC, "{}", 2, 0600), 0);
	CHECK_INT(pack_write(&r, from.dir, NULL), 0);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	CHECK_INT(unpack_here(fd, to.dir, ROOM, NULL), 0);
	CHECK_STR(text_of(&to, "checkpoint/inventory.img"), "img");
	CHECK_STR(text_of(&to, "checkpoint/pages-1.img"), "pages");
	CHECK_STR(text_of(&to, MEMBER_SPEC), "{}");
	close_place(&from);
	close_place(&to);
}

TEST(an_archive_is_read_as_it_was_written)
{
	round_trip("none");
	round_trip("gzip");
	round_trip("zstd");
}

TEST(an_unknown_compression_leaves_no_file)
{
	static char way[] = "xz";
	struct place p;
	char file[96];
	struct request r = { .file = file, .compress = way };

	open_place(&p);
	REQUIRE(str_format(file, sizeof(file), "%s/x", p.path) == 0);
	CHECK_INT(mkdirat(p.dir, "checkpoint", 0700), 0);
	CHECK_INT(pack_write(&r, p.dir, NULL), -1);
	CHECK(access(file, F_OK) < 0);
	close_place(&p);
}

static int unpack(struct place *p, const struct member *m, size_t n, uint64_t room, struct err *err)
{
	AUTO_FD fd = make_tar(m, n);

	open_place(p);
	return unpack_here(fd, p->dir, room, err);
}

TEST(a_member_twice_is_refused)
{
	static const struct member m[] = { { TAR_FILE, "config.dump", NULL, "1" },
					   { TAR_FILE, "config.dump", NULL, "2" } };
	struct place p;

	CHECK_INT(unpack(&p, m, 2, ROOM, NULL), -1);
	CHECK_STR(text_of(&p, "config.dump"), "1");
	close_place(&p);
}

TEST(nothing_is_written_through_a_link)
{
	static const struct member m[] = { { TAR_SYMBOLIC_LINK, "checkpoint", "/tmp", NULL },
					   { TAR_FILE, "checkpoint/x", NULL, "1" } };
	struct place p;

	CHECK_INT(unpack(&p, m, 2, ROOM, NULL), -1);
	close_place(&p);
}

TEST(more_than_there_is_room_for_is_refused)
{
	static const struct member m[] = { { TAR_FILE, "checkpoint/a", NULL, "12345" },
					   { TAR_FILE, "checkpoint/b", NULL, "12345" } };
	struct err err = { 0 };
	struct place p;

	CHECK_INT(unpack(&p, m, 2, 8, &err), -1);
	CHECK_INT(err.code, ENOSPC);
	close_place(&p);
}

TEST(changed_files_are_laid_over)
{
	static const struct member m[] = {
		{ TAR_DIRECTORY, "etc", NULL, NULL },
		{ TAR_FILE, "etc/a", NULL, "new" },
		{ TAR_FILE, "deep/er/b", NULL, "b" },
		{ TAR_SYMBOLIC_LINK, "was-file", "etc/a", NULL },
		{ TAR_HARD_LINK, "hard", "etc/a", NULL },
		{ TAR_FILE, "dir/.wh.gone", NULL, NULL },
		{ TAR_FILE, "opaque/.wh..wh..opq", NULL, NULL },
		{ TAR_FILE, "opaque/own", NULL, "own" },
	};
	static const char deleted[] = "[\"/listed\",\"/not/there\"]";
	struct place p;
	AUTO_FD fd = make_tar(m, ARRAY_SIZE(m));
	struct stat st;

	open_place(&p);
	CHECK_INT(mkdirat(p.dir, "etc", 0700), 0);
	CHECK_INT(mkdirat(p.dir, "dir", 0700), 0);
	CHECK_INT(mkdirat(p.dir, "opaque", 0700), 0);
	CHECK_INT(file_replace(p.dir, "etc/a", "old", 3, 0600), 0);
	CHECK_INT(file_replace(p.dir, "etc/kept", "kept", 4, 0600), 0);
	CHECK_INT(file_replace(p.dir, "was-file", "x", 1, 0600), 0);
	CHECK_INT(file_replace(p.dir, "dir/gone", "x", 1, 0600), 0);
	CHECK_INT(file_replace(p.dir, "opaque/old", "x", 1, 0600), 0);
	CHECK_INT(file_replace(p.dir, "listed", "x", 1, 0600), 0);
	CHECK_INT(apply_here(fd, deleted, strlen(deleted), p.dir, NULL), 0);
	CHECK_STR(text_of(&p, "etc/a"), "new");
	CHECK_STR(text_of(&p, "etc/kept"), "kept");
	CHECK_STR(text_of(&p, "deep/er/b"), "b");
	CHECK_STR(text_of(&p, "hard"), "new");
	CHECK_STR(text_of(&p, "opaque/own"), "own");
	CHECK_INT(fstatat(p.dir, "was-file", &st, AT_SYMLINK_NOFOLLOW), 0);
	CHECK(S_ISLNK(st.st_mode));
	CHECK_INT(fstatat(p.dir, "etc", &st, 0), 0);
	CHECK_INT(st.st_mode & 07777, 0640);
	CHECK(faccessat(p.dir, "dir/gone", F_OK, 0) < 0);
	CHECK(faccessat(p.dir, "opaque/old", F_OK, 0) < 0);
	CHECK(faccessat(p.dir, "listed", F_OK, 0) < 0);
	close_place(&p);
}

TEST(changed_files_do_not_follow_links_of_the_root_file_system)
{
	static const struct member m[] = { { TAR_FILE, "link/x", NULL, "1" } };
	struct place p, outside;
	AUTO_FD fd = make_tar(m, 1);

	open_place(&p);
	open_place(&outside);
	CHECK_INT(symlinkat(outside.path, p.dir, "link"), 0);
	CHECK_INT(apply_here(fd, NULL, 0, p.dir, NULL), -1);
	CHECK(faccessat(outside.dir, "x", F_OK, 0) < 0);
	close_place(&p);
	close_place(&outside);
}

TEST(a_list_of_deleted_files_stays_below)
{
	static const char deleted[] = "[\"/../../etc\"]";
	struct place p;

	open_place(&p);
	CHECK_INT(apply_here(-1, deleted, strlen(deleted), p.dir, NULL), -1);
	close_place(&p);
}
