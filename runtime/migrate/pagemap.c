/* SPDX-License-Identifier: Apache-2.0 */
/* pagemap.c - criu's pagemap-ID.img: which pages a process, or a shared memory, has */
#include "runtime/migrate/pagemap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "runtime/migrate/pages.h"

#define MAGIC_COMMON  0x54564319U
#define MAGIC_PAGEMAP 0x56084025U
#define PREFIX	      "pagemap-"
#define SHARED	      "shmem-"
#define SUFFIX	      ".img"
#define PAGES_MAX     ((uint64_t)1 << 40)

struct pagemap_head {
	uint32_t pages_id;
};
static const struct wire_field head_fields[] = {
	WIRE_FIELD(1, struct pagemap_head, pages_id, WIRE_U32),
};
static const struct wire_table head_table = WIRE_TABLE(struct pagemap_head, head_fields);

struct pagemap_entry {
	uint64_t address;
	uint32_t count, flags;
	uint64_t wide; /* the count, since 4.2 */
};
static const struct wire_field entry_fields[] = {
	WIRE_FIELD(1, struct pagemap_entry, address, WIRE_U64),
	WIRE_FIELD(2, struct pagemap_entry, count, WIRE_U32),
	WIRE_FIELD(4, struct pagemap_entry, flags, WIRE_U32),
	WIRE_FIELD(5, struct pagemap_entry, wide, WIRE_U64),
};
static const struct wire_table entry_table = WIRE_TABLE(struct pagemap_entry, entry_fields);

static void put_u32(struct buf *b, uint32_t v)
{
	const unsigned char raw[4] = { (unsigned char)v, (unsigned char)(v >> 8),
				       (unsigned char)(v >> 16), (unsigned char)(v >> 24) };

	buf_add(b, raw, sizeof(raw));
}

static void put_message(struct buf *b, const struct wire_table *table, const void *src)
{
	put_u32(b, (uint32_t)wire_size(table, src));
	wire_encode(table, src, b);
}

void pagemap_begin(struct buf *b, uint32_t number)
{
	const struct pagemap_head head = { number };

	put_u32(b, MAGIC_COMMON);
	put_u32(b, MAGIC_PAGEMAP);
	put_message(b, &head_table, &head);
}

void pagemap_put(struct buf *b, const struct page_run *run)
{
	const struct pagemap_entry e = { run->address, (uint32_t)run->count, run->flags, 0 };

	put_message(b, &entry_table, &e);
}

static int broken(struct err *err)
{
	return err_set(err, EBADMSG, "this is none of criu's page maps");
}

static int get_u32(struct pagemap *m, uint32_t *ret)
{
	if (m->left < 4)
		return -1;
	*ret = (uint32_t)m->at[0] | (uint32_t)m->at[1] << 8 | (uint32_t)m->at[2] << 16 |
	       (uint32_t)m->at[3] << 24;
	m->at += 4;
	m->left -= 4;
	return 0;
}

static int get_message(struct pagemap *m, const struct wire_table *table, void *dst,
		       struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	uint32_t size;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (get_u32(m, &size) < 0 || size > m->left)
		return broken(err);
	if (wire_decode(table, m->at, size, dst, &arena, err) < 0)
		return -1;
	m->at += size;
	m->left -= size;
	return 0;
}

int pagemap_open(struct pagemap *m, const void *text, size_t size, struct err *err)
{
	struct pagemap_head head;
	uint32_t common, magic;

	*m = (struct pagemap){ .at = text, .left = size };
	if (get_u32(m, &common) < 0 || get_u32(m, &magic) < 0 || common != MAGIC_COMMON ||
	    magic != MAGIC_PAGEMAP)
		return broken(err);
	if (get_message(m, &head_table, &head, err) < 0)
		return -1;
	m->number = head.pages_id;
	return 0;
}

int pagemap_next(struct pagemap *m, struct page_run *ret, struct err *err)
{
	struct pagemap_entry e;

	if (!m->left)
		return 0;
	if (get_message(m, &entry_table, &e, err) < 0)
		return -1;
	*ret = (struct page_run){ .address = e.address,
				  .count = e.wide ? e.wide : e.count,
				  .flags = e.flags };
	if (!ret->count || ret->count > PAGES_MAX || ret->address % FRAME_PAGE ||
	    ret->address > UINT64_MAX - ret->count * FRAME_PAGE)
		return broken(err);
	return 1;
}

int pagemap_task(const char *name, uint64_t *ret)
{
	unsigned int kind = PAGE_TASK_PROCESS;
	unsigned long long id;
	char *end;

	if (!str_starts(name, PREFIX))
		return 0;
	name += strlen(PREFIX);
	if (str_starts(name, SHARED)) {
		kind = PAGE_TASK_SHARED;
		name += strlen(SHARED);
	}
	if (*name < '0' || *name > '9')
		return 0;
	id = strtoull(name, &end, 10);
	if (!str_eq(end, SUFFIX))
		return 0;
	*ret = PAGE_TASK(kind, id);
	return 1;
}

int pagemap_name(uint64_t task, char *dst, size_t size)
{
	return str_format(dst, size, PREFIX "%s%llu" SUFFIX,
			  PAGE_TASK_KIND(task) == PAGE_TASK_SHARED ? SHARED : "",
			  (unsigned long long)PAGE_TASK_ID(task));
}
