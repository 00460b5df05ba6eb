/* SPDX-License-Identifier: Apache-2.0 */
/* criu_image.c - records of criu's images, its inventory, its control groups */
#include "runtime/container/criu_image.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "runtime/container/criu.h"

#define MAGIC	  0x54564319U /* of all of criu's images but the oldest */
#define INVENTORY 0x58313116U /* which is read before it is known how old they are */

/* --- records --------------------------------------------------------------------------------- */

static uint32_t get_u32(const unsigned char *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

int criu_image_open(struct criu_image *i, const char *name, const void *text, size_t len,
		    struct err *err)
{
	*i = (struct criu_image){ .name = name };
	if (len >= 4 && get_u32(text) == INVENTORY)
		i->head = (struct wire_bytes){ text, 4 };
	else if (len >= 8 && get_u32(text) == MAGIC)
		i->head = (struct wire_bytes){ text, 8 };
	else
		return err_set(err, EBADMSG, "%s: not an image of criu's", name);
	i->at = (const unsigned char *)text + i->head.n;
	i->end = (const unsigned char *)text + len;
	return 0;
}

int criu_image_next(struct criu_image *i, struct wire_bytes *ret, struct err *err)
{
	if (i->at == i->end)
		return 0;
	if (i->end - i->at < 4 || get_u32(i->at) > (size_t)(i->end - i->at - 4))
		return err_set(err, EBADMSG, "%s: cut off", i->name);
	*ret = (struct wire_bytes){ i->at + 4, get_u32(i->at) };
	i->at += 4 + ret->n;
	return 1;
}

void criu_image_put(struct buf *b, const void *data, size_t n)
{
	for (int i = 0; i < 4; i++)
		buf_putc(b, (char)(n >> (8 * i)));
	buf_add(b, data, n);
}

/* --- the inventory --------------------------------------------------------------------------- */

struct inventory {
	uint32_t network_lock_method;
};
static const struct wire_field inventory_fields[] = {
	WIRE_FIELD(11, struct inventory, network_lock_method, WIRE_U32),
};
static const struct wire_table inventory_table = WIRE_TABLE(struct inventory, inventory_fields);

/* Said once more at the end of the message, where it counts (protobuf's "Last One Wins"). */
int criu_inventory_without_lock(const void *text, size_t len, struct buf *ret, struct err *err)
{
	static const struct inventory none = { CRIU_LOCK_SKIP };
	struct criu_image image;
	struct wire_bytes record;
	int more;

	if (criu_image_open(&image, CRIU_INVENTORY, text, len, err) < 0)
		return -1;
	buf_add(ret, image.head.v, image.head.n);
	while ((more = criu_image_next(&image, &record, err)) > 0) {
		AUTO_BUF message;

		buf_init(&message);
		buf_add(&message, record.v, record.n);
		wire_encode(&inventory_table, &none, &message);
		criu_image_put(ret, message.s, message.len);
		if (buf_failed(&message) || buf_failed(ret))
			return err_set(err, ENOMEM, "out of memory");
	}
	return more;
}

/* --- control groups -------------------------------------------------------------------------- */

struct member {
	char *name, *path;
};
static const struct wire_field member_fields[] = {
	WIRE_FIELD(1, struct member, name, WIRE_STRING),
	WIRE_FIELD(2, struct member, path, WIRE_STRING),
};
static const struct wire_table member_table = WIRE_TABLE(struct member, member_fields);

struct set {
	struct {
		struct member *v;
		size_t n;
	} members;
};
static const struct wire_field set_fields[] = {
	WIRE_FIELD(2, struct set, members, WIRE_MESSAGES, &member_table),
};
static const struct wire_table set_table = WIRE_TABLE(struct set, set_fields);

struct directory {
	struct wire_bytes child; /* one of them */
};
static const struct wire_field directory_fields[] = {
	WIRE_FIELD(2, struct directory, child, WIRE_BYTES),
};
static const struct wire_table directory_table = WIRE_TABLE(struct directory, directory_fields);

struct controller {
	struct {
		struct directory *v;
		size_t n;
	} directories;
};
static const struct wire_field controller_fields[] = {
	WIRE_FIELD(2, struct controller, directories, WIRE_MESSAGES, &directory_table),
};
static const struct wire_table controller_table = WIRE_TABLE(struct controller, controller_fields);

struct groups {
	struct {
		struct set *v;
		size_t n;
	} sets;
	struct {
		struct controller *v;
		size_t n;
	} controllers;
};
static const struct wire_field groups_fields[] = {
	WIRE_FIELD(1, struct groups, sets, WIRE_MESSAGES, &set_table),
	WIRE_FIELD(2, struct groups, controllers, WIRE_MESSAGES, &controller_table),
};
static const struct wire_table groups_table = WIRE_TABLE(struct groups, groups_fields);

/* The tree of version 2 has no name. */
static bool is_in(const struct member *m, const char **path)
{
	if ((m->name && m->name[0]) || !m->path)
		return false;
	if (!*path)
		*path = m->path;
	return strcmp(m->path, *path) == 0;
}

static bool are_one(const struct groups *g)
{
	const char *path = NULL;

	for (size_t i = 0; i < g->sets.n; i++)
		for (size_t k = 0; k < g->sets.v[i].members.n; k++)
			if (!is_in(&g->sets.v[i].members.v[k], &path))
				return false;
	for (size_t i = 0; i < g->controllers.n; i++) {
		const struct controller *c = &g->controllers.v[i];

		if (c->directories.n > 1 || (c->directories.n && c->directories.v[0].child.n))
			return false;
	}
	return true;
}

int criu_cgroup_is_one(const void *text, size_t len, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct criu_image image;
	struct wire_bytes record;
	struct groups groups;
	int more;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (criu_image_open(&image, CRIU_CGROUP, text, len, err) < 0)
		return -1;
	while ((more = criu_image_next(&image, &record, err)) > 0) {
		if (wire_decode(&groups_table, record.v, record.n, &groups, &arena, err) < 0)
			return err_wrap(err, CRIU_CGROUP);
		if (!are_one(&groups))
			return 0;
	}
	return more < 0 ? -1 : 1;
}
