/* SPDX-License-Identifier: Apache-2.0 */
/* tree_test.c - a folder goes over a socket, and then what changed in it */
#include "runtime/migrate/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "tests/unit/test.h"

struct pair {
	char top[64];
	int from, to;
	struct channel out, in;
	struct tree_memory memory;
	const char *only, *wanted; /* of the sender, of the receiver */
};

static bool pair_open(struct pair *p)
{
	int s[2];

	memcpy(p->top, "/tmp/skerry-tree.XXXXXX", sizeof("/tmp/skerry-tree.XXXXXX"));
	if (!mkdtemp(p->top))
		return false;
	p->from = open(p->top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mkdirat(p->from, "from", 0755) < 0 || mkdirat(p->from, "to", 0700) < 0)
		return false;
	p->to = openat(p->from, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)fd_close(p->from);
	p->from = openat(p->to, "../from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->from < 0 || p->to < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) < 0)
		return false;
	const struct stream out = { .in = s[0], .out = s[0] }, in = { .in = s[1], .out = s[1] };

	tree_memory_init(&p->memory);
	return channel_open(&p->out, &out, NULL) == 0 && channel_open(&p->in, &in, NULL) == 0;
}

static void pair_close(struct pair *p)
{
	tree_memory_release(&p->memory);
	channel_close(&p->out);
	channel_close(&p->in);
	(void)fd_close(p->from);
	(void)fd_close(p->to);
	(void)file_remove_tree(AT_FDCWD, p->top);
}

/* Sends it all; how many entries came, or -1. */
static int pass(struct pair *p)
{
	const struct tree_order order = {
		.head = { TREE_ROOTFS, 0 }, .top = p->from, .memory = &p->memory, .only = p->only
	};
	struct tree_sent sent = { 0 };
	struct tree_receiver r;
	struct frame f;
	struct err err = { 0 };
	int entries = 0, rc = 0;

	if (tree_send(&p->out, &order, &sent, &err) < 0 || channel_flush(&p->out, &err) < 0 ||
	    channel_receive(&p->in, &f, &err) < 0 || f.type != FRAME_TREE)
		return -1;
	tree_receive_begin(&r, p->to);
	r.only = p->wanted;
	while (rc == 0) {
		if (channel_receive(&p->in, &f, &err) < 0)
			return -1;
		entries += f.type == FRAME_ENTRY;
		rc = tree_receive(&r, &f, &err);
	}
	tree_receive_end(&r);
	if (rc < 0)
		printf("# %s\n", err.msg);
	return rc < 0 ? -1 : entries;
}

static bool put(int dir, const char *name, const char *text)
{
	AUTO_FD fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	return fd >= 0 && fd_write_full(fd, text, strlen(text)) == 0;
}

static bool holds(int dir, const char *name, const char *text)
{
	AUTO_BUF b;

	buf_init(&b);
	return file_read(dir, name, &b, BUF_MAX_DEFAULT, true) == 0 && strcmp(b.s, text) == 0;
}

TEST(a_folder_arrives_with_its_links_modes_and_times)
{
	const struct timespec then[2] = { { .tv_sec = 1000 }, { .tv_sec = 2000, .tv_nsec = 7 } };
	struct pair p = { .from = -1 };
	struct stat a, b;

	REQUIRE(pair_open(&p));
	REQUIRE(mkdirat(p.from, "d", 0750) == 0);
	REQUIRE(put(p.from, "d/file", "hello"));
	REQUIRE(linkat(p.from, "d/file", p.from, "z", 0) == 0);
	REQUIRE(symlinkat("/nowhere/else", p.from, "link") == 0);
	REQUIRE(mkfifoat(p.from, "fifo", 0600) == 0);
	REQUIRE(utimensat(p.from, "d/file", then, 0) == 0);
	REQUIRE(utimensat(p.from, "d", then, 0) == 0);
	CHECK_INT(pass(&p), 6);
	CHECK(holds(p.to, "d/file", "hello"));
	REQUIRE(fstatat(p.to, "d/file", &a, 0) == 0 && fstatat(p.to, "z", &b, 0) == 0);
	CHECK(a.st_ino == b.st_ino);
	CHECK_INT(a.st_mtim.tv_sec, 2000);
	CHECK_INT(a.st_mtim.tv_nsec, 7);
	CHECK_INT(a.st_mode & 07777, 0640);
	REQUIRE(fstatat(p.to, "d", &a, 0) == 0);
	CHECK_INT(a.st_mtim.tv_sec, 2000);
	REQUIRE(fstatat(p.to, "link", &a, AT_SYMLINK_NOFOLLOW) == 0);
	CHECK(S_ISLNK(a.st_mode));
	pair_close(&p);
}

TEST(one_file_goes_without_those_beside_it)
{
	struct pair p = { .from = -1, .only = "one", .wanted = "one" };
	struct stat st;

	REQUIRE(pair_open(&p));
	REQUIRE(put(p.from, "one", "1") && put(p.from, "other", "2"));
	(void)usleep(80000); /* so that a later write shows */
	CHECK_INT(pass(&p), 1);
	CHECK(holds(p.to, "one", "1"));
	CHECK(fstatat(p.to, "other", &st, 0) < 0);
	CHECK_INT(pass(&p), 0);
	(void)usleep(20000);
	REQUIRE(put(p.from, "one", "11"));
	CHECK_INT(pass(&p), 1);
	CHECK(holds(p.to, "one", "11"));
	pair_close(&p);
}

TEST(another_file_than_that_is_refused)
{
	struct pair p = { .from = -1, .only = "passwd", .wanted = "one" };
	struct stat st;

	REQUIRE(pair_open(&p));
	REQUIRE(put(p.from, "passwd", "1"));
	CHECK_INT(pass(&p), -1);
	CHECK(fstatat(p.to, "passwd", &st, 0) < 0);
	pair_close(&p);
}

TEST(a_second_pass_sends_what_changed)
{
	struct pair p = { .from = -1 };

	REQUIRE(pair_open(&p));
	REQUIRE(put(p.from, "kept", "1") && put(p.from, "changed", "1") &&
		put(p.from, "gone", "1"));
	REQUIRE(mkdirat(p.from, "was-dir", 0755) == 0 && put(p.from, "was-dir/x", "1"));
	(void)usleep(80000); /* so that a later write shows */
	CHECK_INT(pass(&p), 6);
	CHECK_INT(pass(&p), 0);
	(void)usleep(20000);
	REQUIRE(put(p.from, "changed", "22") && unlinkat(p.from, "gone", 0) == 0);
	REQUIRE(unlinkat(p.from, "was-dir/x", 0) == 0 &&
		unlinkat(p.from, "was-dir", AT_REMOVEDIR) == 0);
	REQUIRE(put(p.from, "was-dir", "a file now"));
	CHECK_INT(pass(&p), 3);
	CHECK(holds(p.to, "kept", "1"));
	CHECK(holds(p.to, "changed", "22"));
	CHECK(holds(p.to, "was-dir", "a file now"));
	CHECK(faccessat(p.to, "gone", F_OK, 0) < 0);
	pair_close(&p);
}

TEST(a_link_in_the_way_is_not_followed)
{
	static char path[] = "out/file";
	const struct entry e = { .path = path, .mode = S_IFREG | 0600 };
	struct pair p = { .from = -1 };
	struct tree_receiver r;
	struct frame f = { .type = FRAME_ENTRY };
	struct err err = { 0 };
	AUTO_BUF body;

	buf_init(&body);
	REQUIRE(pair_open(&p));
	REQUIRE(symlinkat("../from", p.to, "out") == 0);
	wire_encode(frame_table(FRAME_ENTRY), &e, &body);
	f.body = (unsigned char *)body.s;
	f.size = body.len;
	tree_receive_begin(&r, p.to);
	CHECK_INT(tree_receive(&r, &f, &err), -1);
	tree_receive_end(&r);
	CHECK(faccessat(p.from, "file", F_OK, 0) < 0);
	pair_close(&p);
}

TEST(bytes_beyond_the_size_are_refused)
{
	static char path[] = "file";
	static unsigned char data[FRAME_DATA_HEAD + 4];
	const struct entry e = { .path = path, .mode = S_IFREG | 0600, .size = 3, .uid = 0 };
	struct pair p = { .from = -1 };
	struct tree_receiver r;
	struct frame f = { .type = FRAME_ENTRY };
	struct err err = { 0 };
	AUTO_BUF body;

	buf_init(&body);
	REQUIRE(pair_open(&p));
	wire_encode(frame_table(FRAME_ENTRY), &e, &body);
	f.body = (unsigned char *)body.s;
	f.size = body.len;
	tree_receive_begin(&r, p.to);
	REQUIRE(tree_receive(&r, &f, &err) == 0);
	f = (struct frame){ FRAME_DATA, data, sizeof(data) };
	CHECK_INT(tree_receive(&r, &f, &err), -1);
	CHECK_INT(err.code, EBADMSG);
	tree_receive_end(&r);
	pair_close(&p);
}
