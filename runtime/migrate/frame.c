/* SPDX-License-Identifier: Apache-2.0 */
/* frame.c - frames: their tables, and what is checked of them before anyone acts on them */
#include "runtime/migrate/frame.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define ID_MAX	    1024
#define XATTRS_MAX  256
#define RUN_PAGES   (FRAME_BULK / FRAME_PAGE)
#define COUNT_MASK  (((uint64_t)1 << 48) - 1)
#define FLAGS_SHIFT 48
#define FLAGS_MAX   7

static const struct wire_field hello_fields[] = {
	WIRE_FIELD(1, struct hello, version, WIRE_U32),
	WIRE_FIELD(2, struct hello, program, WIRE_STRING),
	WIRE_FIELD(3, struct hello, machine, WIRE_STRING),
	WIRE_FIELD(4, struct hello, kernel, WIRE_STRING),
	WIRE_FIELD(5, struct hello, cpu_flags, WIRE_STRING),
	WIRE_FIELD(6, struct hello, criu, WIRE_U32),
	WIRE_FIELD(7, struct hello, page_size, WIRE_U32),
	WIRE_FIELD(8, struct hello, disk, WIRE_U64),
	WIRE_FIELD(9, struct hello, memory, WIRE_U64),
};
static const struct wire_table hello_table = WIRE_TABLE(struct hello, hello_fields);

static const struct wire_field ticket_fields[] = {
	WIRE_FIELD(1, struct ticket, network, WIRE_STRING),
	WIRE_FIELD(2, struct ticket, ifname, WIRE_STRING),
	WIRE_FIELD(3, struct ticket, text, WIRE_BYTES),
};
static const struct wire_table ticket_table = WIRE_TABLE(struct ticket, ticket_fields);
static const struct wire_field volume_fields[] = {
	WIRE_FIELD(1, struct volume, path, WIRE_STRING),
	WIRE_FIELD(2, struct volume, shared, WIRE_U32),
	WIRE_FIELD(3, struct volume, is_file, WIRE_U32),
};
static const struct wire_table volume_table = WIRE_TABLE(struct volume, volume_fields);
static const struct wire_field offer_fields[] = {
	WIRE_FIELD(1, struct offer, uuid, WIRE_STRING),
	WIRE_FIELD(2, struct offer, id, WIRE_STRING),
	WIRE_FIELD(3, struct offer, bundle, WIRE_STRING),
	WIRE_FIELD(4, struct offer, config, WIRE_BYTES),
	WIRE_FIELD(5, struct offer, networks, WIRE_BYTES),
	WIRE_FIELD(6, struct offer, volumes, WIRE_MESSAGES, .sub = &volume_table),
	WIRE_FIELD(7, struct offer, tickets, WIRE_MESSAGES, .sub = &ticket_table),
	WIRE_FIELD(8, struct offer, address, WIRE_STRING),
	WIRE_FIELD(9, struct offer, disk, WIRE_U64),
	WIRE_FIELD(10, struct offer, memory, WIRE_U64),
	WIRE_FIELD(11, struct offer, dry_run, WIRE_U32),
	WIRE_FIELD(13, struct offer, netns, WIRE_STRING),
	WIRE_FIELD(14, struct offer, image, WIRE_STRING),
	WIRE_FIELD(15, struct offer, stdio, WIRE_U64S),
	WIRE_FIELD(16, struct offer, lazy, WIRE_U32),
};
static const struct wire_table offer_table = WIRE_TABLE(struct offer, offer_fields);
static const struct wire_field answer_fields[] = {
	WIRE_FIELD(1, struct answer, problems, WIRE_STRINGS),
	WIRE_FIELD(3, struct answer, needs, WIRE_U64S),
};
static const struct wire_table answer_table = WIRE_TABLE(struct answer, answer_fields);
static const struct wire_field layer_fields[] = {
	WIRE_FIELD(1, struct layer_head, index, WIRE_U32),
};
static const struct wire_table layer_table = WIRE_TABLE(struct layer_head, layer_fields);

static const struct wire_field tree_fields[] = {
	WIRE_FIELD(1, struct tree_head, kind, WIRE_U32),
	WIRE_FIELD(2, struct tree_head, index, WIRE_U32),
};
static const struct wire_table tree_table = WIRE_TABLE(struct tree_head, tree_fields);
static const struct wire_field xattr_fields[] = {
	WIRE_FIELD(1, struct xattr, name, WIRE_STRING),
	WIRE_FIELD(2, struct xattr, value, WIRE_BYTES),
};
static const struct wire_table xattr_table = WIRE_TABLE(struct xattr, xattr_fields);
static const struct wire_field entry_fields[] = {
	WIRE_FIELD(1, struct entry, path, WIRE_STRING),
	WIRE_FIELD(2, struct entry, mode, WIRE_U32),
	WIRE_FIELD(3, struct entry, uid, WIRE_U32),
	WIRE_FIELD(4, struct entry, gid, WIRE_U32),
	WIRE_FIELD(5, struct entry, size, WIRE_U64),
	WIRE_FIELD(6, struct entry, rdev, WIRE_U64),
	WIRE_FIELD(7, struct entry, mtime_s, WIRE_I64),
	WIRE_FIELD(8, struct entry, mtime_ns, WIRE_U32),
	WIRE_FIELD(9, struct entry, link, WIRE_STRING),
	WIRE_FIELD(10, struct entry, is_hard, WIRE_U32),
	WIRE_FIELD(11, struct entry, xattrs, WIRE_MESSAGES, .sub = &xattr_table),
};
static const struct wire_table entry_table = WIRE_TABLE(struct entry, entry_fields);
static const struct wire_field removal_fields[] = {
	WIRE_FIELD(1, struct removal, path, WIRE_STRING),
};
static const struct wire_table removal_table = WIRE_TABLE(struct removal, removal_fields);

static const struct wire_field round_fields[] = {
	WIRE_FIELD(1, struct round_end, round, WIRE_U32),
};
static const struct wire_table round_table = WIRE_TABLE(struct round_end, round_fields);
static const struct wire_field ack_fields[] = {
	WIRE_FIELD(1, struct ack, bytes, WIRE_U64),
};
static const struct wire_table ack_table = WIRE_TABLE(struct ack, ack_fields);
static const struct wire_field restore_fields[] = {
	WIRE_FIELD(2, struct restore_order, tcp_established, WIRE_U32),
	WIRE_FIELD(3, struct restore_order, pages, WIRE_U64),
	WIRE_FIELD(4, struct restore_order, lazy, WIRE_U32),
};
static const struct wire_table restore_table = WIRE_TABLE(struct restore_order, restore_fields);
static const struct wire_field fetch_fields[] = {
	WIRE_FIELD(1, struct fetch, task, WIRE_U64),
	WIRE_FIELD(2, struct fetch, address, WIRE_U64),
	WIRE_FIELD(3, struct fetch, count, WIRE_U64),
};
static const struct wire_table fetch_table = WIRE_TABLE(struct fetch, fetch_fields);
static const struct wire_field outcome_fields[] = {
	WIRE_FIELD(1, struct outcome, text, WIRE_STRING),
	WIRE_FIELD(2, struct outcome, code, WIRE_U32),
	WIRE_FIELD(3, struct outcome, pid, WIRE_I32),
};
static const struct wire_table outcome_table = WIRE_TABLE(struct outcome, outcome_fields);

#define MESSAGE(name_, table_)                               \
 {                                                           \
  .name = (name_), .table = &(table_), .max = FRAME_BODY_MAX \
 }
#define BYTES(name_, head_)                                      \
 {                                                               \
  .name = (name_), .least = (head_), .max = (head_) + FRAME_BULK \
 }
static const struct {
	const char *name;
	const struct wire_table *table;
	size_t least, max;
} types[FRAME_TYPES] = {
	[FRAME_HELLO] = MESSAGE("HELLO", hello_table),
	[FRAME_OFFER] = MESSAGE("OFFER", offer_table),
	[FRAME_ANSWER] = MESSAGE("ANSWER", answer_table),
	[FRAME_TREE] = MESSAGE("TREE", tree_table),
	[FRAME_ENTRY] = MESSAGE("ENTRY", entry_table),
	[FRAME_DATA] = BYTES("DATA", FRAME_DATA_HEAD),
	[FRAME_REMOVE] = MESSAGE("REMOVE", removal_table),
	[FRAME_TREE_END] = { .name = "TREE_END" },
	[FRAME_PAGES] = BYTES("PAGES", FRAME_PAGES_HEAD),
	[FRAME_ROUND] = MESSAGE("ROUND", round_table),
	[FRAME_ACK] = MESSAGE("ACK", ack_table),
	[FRAME_RUN] = BYTES("RUN", FRAME_RUN_HEAD),
	[FRAME_RESTORE] = MESSAGE("RESTORE", restore_table),
	[FRAME_READY] = MESSAGE("READY", outcome_table),
	[FRAME_COMMIT] = { .name = "COMMIT" },
	[FRAME_RUNNING] = MESSAGE("RUNNING", outcome_table),
	[FRAME_DONE] = { .name = "DONE" },
	[FRAME_ABORT] = MESSAGE("ABORT", outcome_table),
	[FRAME_PING] = { .name = "PING" },
	[FRAME_STATUS] = MESSAGE("STATUS", outcome_table),
	[FRAME_VERDICT] = MESSAGE("VERDICT", outcome_table),
	[FRAME_FETCH] = MESSAGE("FETCH", fetch_table),
	[FRAME_FETCHED] = { .name = "FETCHED" },
	[FRAME_PREPARE] = MESSAGE("PREPARE", restore_table),
	[FRAME_LAYER] = MESSAGE("LAYER", layer_table),
	[FRAME_LAYER_END] = { .name = "LAYER_END" },
};

const char *frame_name(enum frame_type type)
{
	return type > 0 && type < FRAME_TYPES ? types[type].name : "?";
}

const struct wire_table *frame_table(enum frame_type type)
{
	return type > 0 && type < FRAME_TYPES ? types[type].table : NULL;
}

void frame_put_u64(unsigned char *dst, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		dst[i] = (unsigned char)(v >> (8 * i));
}

uint64_t frame_get_u64(const unsigned char *src)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | src[i];
	return v;
}

void frame_format_head(enum frame_type type, size_t size, unsigned char head[FRAME_HEAD])
{
	frame_put_u64(head, (uint64_t)size | (uint64_t)type << 32);
}

int frame_parse_head(const unsigned char head[FRAME_HEAD], struct frame *ret, struct err *err)
{
	const uint64_t word = frame_get_u64(head);
	const uint64_t size = word & UINT32_MAX, type = word >> 32;

	if (type == 0 || type >= FRAME_TYPES)
		return err_set(err, EBADMSG,
			       "the other side does not speak this protocol (frame type %llu)",
			       (unsigned long long)type);
	if (size < types[type].least || size > types[type].max)
		return err_set(err, EBADMSG, "a frame %s of %llu bytes", types[type].name,
			       (unsigned long long)size);
	*ret = (struct frame){ .type = (enum frame_type)type, .size = (size_t)size };
	return 0;
}

int frame_check_path(const char *path, struct err *err)
{
	const char *at = path;

	if (strlen(path) >= PATH_MAX)
		return err_set(err, EBADMSG, "a path of %zu bytes", strlen(path));
	while (*at) {
		size_t n = strcspn(at, "/");

		if (n == 0 || n > NAME_MAX || (n == 1 && at[0] == '.') ||
		    (n == 2 && at[0] == '.' && at[1] == '.'))
			return err_set(err, EBADMSG, "path \"%.200s\" leads elsewhere", path);
		at += n;
		if (*at == '/' && !*++at)
			return err_set(err, EBADMSG, "path \"%.200s\" has no end", path);
	}
	return 0;
}

/* What ids of containers are, and what can't be anything else as a file name. */
static bool is_name(const char *s, size_t max)
{
	if (!s || !s[0] || s[0] == '.' || strlen(s) > max)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("_+-.", *s))
			return false;
	return true;
}

static bool is_uuid(const char *s)
{
	return s && strlen(s) == FRAME_UUID && strspn(s, "0123456789abcdef") == FRAME_UUID;
}

static bool is_absolute(const char *path)
{
	return path[0] == '/' && path[1] && strlen(path) < PATH_MAX && !strstr(path, "/../") &&
	       !strstr(path, "/./");
}

static int check_offer(const struct offer *o, struct err *err)
{
	if (!is_uuid(o->uuid))
		return err_set(err, EBADMSG, "an offer without a number");
	if (!is_name(o->id, ID_MAX))
		return err_set(err, EBADMSG, "an offer of no container");
	if (o->bundle && !is_absolute(o->bundle))
		return err_set(err, EBADMSG, "the bundle's path \"%.200s\"", o->bundle);
	if (!o->config.n)
		return err_set(err, EBADMSG, "an offer without a configuration");
	for (size_t i = 0; i < o->volumes.n; i++)
		if (!o->volumes.v[i].path || !is_absolute(o->volumes.v[i].path))
			return err_set(err, EBADMSG, "a volume without a path");
	for (size_t i = 0; i < o->tickets.n; i++)
		if (!is_name(o->tickets.v[i].network, NAME_MAX) ||
		    !is_name(o->tickets.v[i].ifname, NAME_MAX))
			return err_set(err, EBADMSG, "a network's ticket without a name");
	return 0;
}

static bool is_kind(uint32_t kind)
{
	static const uint32_t kinds[] = { S_IFREG,  S_IFDIR, S_IFLNK, S_IFIFO,
					  S_IFSOCK, S_IFCHR, S_IFBLK };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i] == kind)
			return true;
	return false;
}

static int check_link(const struct entry *e, struct err *err)
{
	if (!S_ISLNK(e->mode) && !e->is_hard)
		return 0;
	if (!e->link || !e->link[0])
		return err_set(err, EBADMSG, "link \"%.200s\" leads nowhere", e->path);
	return e->is_hard ? frame_check_path(e->link, err) : 0;
}

static int check_entry(struct entry *e, struct err *err)
{
	static char top[] = "";

	if (!e->path)
		e->path = top;
	if (frame_check_path(e->path, err) < 0)
		return -1;
	if (!is_kind(e->mode & S_IFMT))
		return err_set(err, EBADMSG, "\"%.200s\" is of no kind", e->path);
	if (!e->path[0] && (!S_ISDIR(e->mode) || e->is_hard))
		return err_set(err, EBADMSG, "the top is no directory");
	if (e->size > INT64_MAX || e->mtime_ns >= 1000000000 || e->xattrs.n > XATTRS_MAX)
		return err_set(err, EBADMSG, "\"%.200s\" has what no file has", e->path);
	for (size_t i = 0; i < e->xattrs.n; i++)
		if (!e->xattrs.v[i].name)
			return err_set(err, EBADMSG, "\"%.200s\": an attribute without a name",
				       e->path);
	return check_link(e, err);
}

static int check_fetch(const struct fetch *f, struct err *err)
{
	if (f->address % FRAME_PAGE || f->count == 0 || f->count > FRAME_FETCH_MAX ||
	    f->address > UINT64_MAX - f->count * FRAME_PAGE)
		return err_set(err, EBADMSG, "%llu pages at %llx are wanted",
			       (unsigned long long)f->count, (unsigned long long)f->address);
	return 0;
}

int frame_decode(const struct frame *f, void *dst, struct arena *arena, struct err *err)
{
	const struct wire_table *table = frame_table(f->type);

	if (!table)
		return err_set(err, EBADMSG, "frame %s is no message", frame_name(f->type));
	if (wire_decode(table, f->body, f->size, dst, arena, err) < 0)
		return err_wrap(err, "frame %s", frame_name(f->type));
	if (f->type == FRAME_OFFER)
		return check_offer(dst, err);
	if (f->type == FRAME_ENTRY)
		return check_entry(dst, err);
	if (f->type == FRAME_REMOVE) {
		const struct removal *r = dst;

		return !r->path || !r->path[0] ? err_set(err, EBADMSG, "a removal of nothing")
					       : frame_check_path(r->path, err);
	}
	if (f->type == FRAME_TREE && ((const struct tree_head *)dst)->kind >= TREE_KINDS)
		return err_set(err, EBADMSG, "a tree of no kind");
	if (f->type == FRAME_FETCH)
		return check_fetch(dst, err);
	if (f->type == FRAME_STATUS && !is_uuid(((const struct outcome *)dst)->text))
		return err_set(err, EBADMSG, "a question about no migration");
	return 0;
}

int frame_decode_data(const struct frame *f, uint64_t *ret_offset, const unsigned char **ret_data,
		      size_t *ret_size, struct err *err)
{
	uint64_t offset = frame_get_u64(f->body);

	if (f->type != FRAME_DATA || offset > INT64_MAX - FRAME_BULK)
		return err_set(err, EBADMSG, "bytes of a file at %llu", (unsigned long long)offset);
	*ret_offset = offset;
	*ret_data = f->body + FRAME_DATA_HEAD;
	*ret_size = f->size - FRAME_DATA_HEAD;
	return 0;
}

static int check_run(const struct page_run *r, struct err *err)
{
	if (r->address % FRAME_PAGE || r->count == 0 || r->count > COUNT_MASK / FRAME_PAGE ||
	    r->address > UINT64_MAX - r->count * FRAME_PAGE || r->flags > FLAGS_MAX ||
	    (r->data && r->count > RUN_PAGES))
		return err_set(err, EBADMSG, "%llu pages at %llx", (unsigned long long)r->count,
			       (unsigned long long)r->address);
	return 0;
}

int frame_decode_run(const struct frame *f, struct page_run *ret, struct err *err)
{
	const size_t head = f->type == FRAME_RUN ? FRAME_RUN_HEAD : FRAME_PAGES_HEAD;
	const size_t bytes = f->size - head;
	struct page_run r = { .task = frame_get_u64(f->body),
			      .address = frame_get_u64(f->body + 8) };

	r.data = bytes ? f->body + head : NULL;
	r.count = bytes / FRAME_PAGE;
	if (bytes % FRAME_PAGE)
		return err_set(err, EBADMSG, "%zu bytes are no pages", bytes);
	if (f->type == FRAME_RUN) {
		const uint64_t word = frame_get_u64(f->body + 16);

		r.flags = (uint32_t)(word >> FLAGS_SHIFT);
		if (r.data && r.count != (word & COUNT_MASK))
			return err_set(err, EBADMSG, "a run of pages whose length is not its own");
		r.count = word & COUNT_MASK;
	}
	if (check_run(&r, err) < 0)
		return -1;
	*ret = r;
	return 0;
}
