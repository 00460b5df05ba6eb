/* SPDX-License-Identifier: Apache-2.0 */
/* criu_image_test.c - an inventory without a lock, and groups that are one or not */
#include <errno.h>
#include <string.h>

#include "runtime/container/criu.h"
#include "runtime/container/criu_image.h"
#include "tests/unit/test.h"

#define COMMON	  0x54564319U
#define CGROUP	  0x59383330U
#define INVENTORY 0x58313116U

static void put_u32(struct buf *b, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		buf_putc(b, (char)(v >> (8 * i)));
}

/* --- the inventory --- */

struct inventory {
	uint32_t version, lock;
};
static const struct wire_field inventory_fields[] = {
	WIRE_FIELD(1, struct inventory, version, WIRE_U32),
	WIRE_FIELD(11, struct inventory, lock, WIRE_U32),
};
static const struct wire_table inventory_table = WIRE_TABLE(struct inventory, inventory_fields);

static void put_inventory(struct buf *b, const struct inventory *i)
{
	put_u32(b, INVENTORY);
	put_u32(b, (uint32_t)wire_size(&inventory_table, i));
	wire_encode(&inventory_table, i, b);
}

/* What criu would read there after a change. */
static struct inventory changed(const struct inventory *from)
{
	CLEANUP(arena_release) struct arena arena;
	struct inventory got = { 0, 0 };
	struct criu_image image;
	struct wire_bytes record = { NULL, 0 };
	AUTO_BUF in;
	AUTO_BUF out;

	arena_init(&arena, 1 << 20);
	buf_init(&in);
	buf_init(&out);
	put_inventory(&in, from);
	CHECK_INT(criu_inventory_without_lock(in.s, in.len, &out, NULL), 0);
	CHECK_INT(criu_image_open(&image, CRIU_INVENTORY, out.s, out.len, NULL), 0);
	CHECK_INT(criu_image_next(&image, &record, NULL), 1);
	CHECK_INT(wire_decode(&inventory_table, record.v, record.n, &got, &arena, NULL), 0);
	CHECK_INT(criu_image_next(&image, &record, NULL), 0);
	return got;
}

TEST(an_inventory_says_that_nothing_is_locked)
{
	static const struct inventory with = { 2, CRIU_LOCK_NFTABLES }, without = { 2, 0 };
	struct inventory got = changed(&with);

	CHECK_INT((int)got.lock, CRIU_LOCK_SKIP);
	CHECK_INT((int)got.version, 2);
	got = changed(&without);
	CHECK_INT((int)got.lock, CRIU_LOCK_SKIP);
	CHECK_INT((int)got.version, 2);
}

TEST(what_is_no_image_is_refused)
{
	static const struct inventory with = { 2, CRIU_LOCK_NFTABLES };
	struct err err = { 0 };
	AUTO_BUF in;
	AUTO_BUF out;

	buf_init(&in);
	buf_init(&out);
	put_inventory(&in, &with);
	CHECK_INT(criu_inventory_without_lock(in.s, in.len - 1, &out, &err), -1);
	CHECK_STR(err.msg, CRIU_INVENTORY ": cut off");
	CHECK_INT(criu_inventory_without_lock(in.s, 3, &out, &err), -1);
	CHECK_STR(err.msg, CRIU_INVENTORY ": not an image of criu's");
	in.s[0] = 'x';
	CHECK_INT(criu_inventory_without_lock(in.s, in.len, &out, &err), -1);
	CHECK_INT(err.code, EBADMSG);
}

/* --- groups --- */

struct directory {
	char *name;
	struct directory *child;
};
static const struct wire_table directory_table;
static const struct wire_field directory_fields[] = {
	WIRE_FIELD(1, struct directory, name, WIRE_STRING),
	WIRE_FIELD(2, struct directory, child, WIRE_MESSAGE, .sub = &directory_table),
};
static const struct wire_table directory_table = WIRE_TABLE(struct directory, directory_fields);

struct controller {
	struct strings names;
	struct directory *directory;
};
static const struct wire_field controller_fields[] = {
	WIRE_FIELD(1, struct controller, names, WIRE_STRINGS),
	WIRE_FIELD(2, struct controller, directory, WIRE_MESSAGE, .sub = &directory_table),
};
static const struct wire_table controller_table = WIRE_TABLE(struct controller, controller_fields);

struct member {
	char *name, *path;
	uint32_t prefix;
};
static const struct wire_field member_fields[] = {
	WIRE_FIELD(1, struct member, name, WIRE_STRING),
	WIRE_FIELD(2, struct member, path, WIRE_STRING),
	WIRE_FIELD(3, struct member, prefix, WIRE_U32),
};
static const struct wire_table member_table = WIRE_TABLE(struct member, member_fields);

struct set {
	uint32_t id;
	struct member *member;
};
static const struct wire_field set_fields[] = {
	WIRE_FIELD(1, struct set, id, WIRE_U32),
	WIRE_FIELD(2, struct set, member, WIRE_MESSAGE, .sub = &member_table),
};
static const struct wire_table set_table = WIRE_TABLE(struct set, set_fields);

struct groups {
	struct {
		struct set *v;
		size_t n;
	} sets;
	struct controller *controller;
};
static const struct wire_field groups_fields[] = {
	WIRE_FIELD(1, struct groups, sets, WIRE_MESSAGES, .sub = &set_table),
	WIRE_FIELD(2, struct groups, controller, WIRE_MESSAGE, .sub = &controller_table),
};
static const struct wire_table groups_table = WIRE_TABLE(struct groups, groups_fields);

/* The processes in these groups of that tree, the second one there only if it is given. */
static int is_one(char *tree, char *first, char *second, struct directory *directory)
{
	struct member members[] = { { tree, first, 0 }, { tree, second, 3 } };
	struct set sets[] = { { 2, &members[0] }, { 3, &members[1] } };
	struct controller controller = { { &tree, 1 }, directory };
	const struct groups g = { { sets, second ? 2 : 1 }, &controller };
	AUTO_BUF in;

	buf_init(&in);
	put_u32(&in, COMMON);
	put_u32(&in, CGROUP);
	put_u32(&in, (uint32_t)wire_size(&groups_table, &g));
	wire_encode(&groups_table, &g, &in);
	return criu_cgroup_is_one(in.s, in.len, NULL);
}

static char unified[] = "", memory[] = "memory", c1[] = "/c1", below[] = "/c1/below",
	    name_c1[] = "c1", name_below[] = "below";

TEST(one_group_is_one)
{
	struct directory top = { name_c1, NULL };

	CHECK_INT(is_one(unified, c1, NULL, &top), 1);
	CHECK_INT(is_one(unified, c1, c1, &top), 1);
}

TEST(a_group_below_is_another)
{
	struct directory child = { name_below, NULL }, top = { name_c1, &child };

	CHECK_INT(is_one(unified, c1, below, &top), 0);
	/* with nobody in it */
	CHECK_INT(is_one(unified, c1, c1, &top), 0);
}

TEST(version_1_has_others)
{
	struct directory top = { name_c1, NULL };

	CHECK_INT(is_one(memory, c1, c1, &top), 0);
}

TEST(no_groups_are_one)
{
	AUTO_BUF in;

	buf_init(&in);
	put_u32(&in, COMMON);
	put_u32(&in, CGROUP);
	CHECK_INT(criu_cgroup_is_one(in.s, in.len, NULL), 1);
	put_u32(&in, 1);
	CHECK_INT(criu_cgroup_is_one(in.s, in.len, NULL), -1);
}
