/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint_fresh_test.c - a small file system in memory is written down and read again */
#include "runtime/container/checkpoint_fresh.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "tests/unit/test.h"

/* Two folders stand for mounts. */
static const char table[] = "2 1 0:2 / /plain rw - tmpfs a rw,mode=700\n"
			    "3 1 0:3 / /full rw - tmpfs b rw\n";
/* What masks directories is one file system at several places. */
static const char masks[] = "2 1 0:2 / /plain/pts ro - tmpfs a ro\n"
			    "3 1 0:2 / /mask ro - tmpfs a ro\n"
			    "4 1 0:3 / /mask2 ro - tmpfs b ro\n"
			    "5 1 0:3 / /full ro - tmpfs b ro\n";

struct place {
	char dir[32];
	int root;
	struct arena arena;
};

static void begin(struct place *p)
{
	memcpy(p->dir, "/tmp/fresh-test.XXXXXX", sizeof("/tmp/fresh-test.XXXXXX"));
	REQUIRE(mkdtemp(p->dir) != NULL);
	p->root = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(p->root >= 0);
	REQUIRE(mkdirat(p->root, "plain", 0700) == 0 && mkdirat(p->root, "full", 0755) == 0);
	REQUIRE(mkdirat(p->root, "plain/pts", 0755) == 0);
	REQUIRE(symlinkat("/proc/self/fd", p->root, "plain/fd") == 0);
	REQUIRE(mknodat(p->root, "plain/empty", S_IFREG | 0600, 0) == 0);
	REQUIRE(mknodat(p->root, "full/file", S_IFREG | 0600, 0) == 0);
	REQUIRE(file_write_text(p->root, "full/file", "text") == 0);
	arena_init(&p->arena, (size_t)8 << 20);
}

static void end(struct place *p)
{
	arena_release(&p->arena);
	(void)fd_close(p->root);
	(void)file_remove_tree(AT_FDCWD, p->dir);
}

static const struct fresh_node *node(const struct fresh_mount *m, const char *path)
{
	for (size_t i = 0; i < m->nodes.n; i++)
		if (strcmp(m->nodes.v[i].path, path) == 0)
			return &m->nodes.v[i];
	return NULL;
}

TEST(what_is_plain_comes_back_and_what_has_files_is_left_to_criu)
{
	struct place p;
	const struct fresh_node *link, *top;
	struct fresh f, again;
	struct err err = { 0 };

	begin(&p);
	REQUIRE(fresh_find(table, strlen(table), p.root, &p.arena, &f, &err) == 0);
	REQUIRE(f.mounts.n == 1);
	REQUIRE(fresh_save(&f, p.root, p.root, &p.arena, &err) == 0);
	REQUIRE(fresh_load(p.root, &p.arena, &again, &err) == 0);
	REQUIRE(again.mounts.n == 1);
	CHECK_STR(again.mounts.v[0].target, "/plain");
	CHECK_STR(again.mounts.v[0].source, "a");
	CHECK_STR(again.mounts.v[0].options, "rw,mode=700");
	CHECK_INT(again.mounts.v[0].nodes.n, 4);
	link = node(&again.mounts.v[0], "fd");
	top = node(&again.mounts.v[0], "");
	REQUIRE(link && top);
	CHECK_STR(link ? link->link : "", "/proc/self/fd");
	CHECK(top && S_ISDIR(top->mode));
	end(&p);
}

TEST(what_came_into_it_meanwhile_is_an_error)
{
	struct place p;
	struct fresh f;
	struct err err = { 0 };

	begin(&p);
	REQUIRE(fresh_find(table, strlen(table), p.root, &p.arena, &f, &err) == 0);
	REQUIRE(mknodat(p.root, "plain/late", S_IFREG | 0600, 0) == 0);
	REQUIRE(file_write_text(p.root, "plain/late", "text") == 0);
	CHECK_INT(fresh_save(&f, p.root, p.root, &p.arena, &err), -1);
	CHECK(strstr(err.msg, "/plain/late") != NULL);
	end(&p);
}

TEST(images_without_them_have_none)
{
	struct place p;
	struct fresh f;
	struct err err = { 0 };

	begin(&p);
	CHECK_INT(fresh_load(p.root, &p.arena, &f, &err), 0);
	CHECK_INT(f.mounts.n, 0);
	end(&p);
}

TEST(a_file_system_at_several_places_is_taken_at_all_of_them_if_it_is_empty)
{
	struct place p;
	struct fresh f;

	begin(&p);
	REQUIRE(mkdirat(p.root, "mask", 0755) == 0 && mkdirat(p.root, "mask2", 0755) == 0);
	REQUIRE(fresh_find(masks, sizeof(masks) - 1, p.root, &p.arena, &f, NULL) == 0);
	REQUIRE(f.mounts.n == 2);
	CHECK_STR(f.mounts.v[0].target, "/plain/pts");
	CHECK_STR(f.mounts.v[1].target, "/mask");
	CHECK_INT(f.mounts.v[1].nodes.n, 1);
	end(&p);
}
